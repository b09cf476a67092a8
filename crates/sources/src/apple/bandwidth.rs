//! Traffic of the memory, from histograms of how long it ran how fast.
//!
//! Chips from the M4 Pro on, and all from macOS 27 on, count no bytes that could be read without
//! rights. They count time in steps of GB/s: a step stands for its middle, so that an idle Max reads
//! half a step, 16 GB/s. The resolution is shown beside the number.

/// The upper end of a step in bytes per second: the number of `"  32GB/s"`.
pub fn upper_edge(state: &str) -> Option<f64> {
    let number = state.trim().strip_suffix("GB/s")?.trim();
    number.parse::<f64>().ok().filter(|edge| *edge > 0.0 && *edge < 1e5).map(|edge| edge * 1e9)
}

/// The middle of each step; `None` where a name is no step.
pub fn middles(states: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut below = 0.0;
    let middle = |edge: &Option<f64>| {
        let edge = (*edge)?;
        let middle = f64::midpoint(below, edge);
        below = edge;
        Some(middle)
    };
    states.iter().map(middle).collect()
}

/// The width of the steps: how far the truth may be from what is shown, both ways together.
pub fn resolution(states: &[Option<f64>]) -> Option<f64> {
    states.iter().flatten().copied().next()
}

/// Mean bytes per second of what was spent in each step; `None` if no time was counted.
pub fn mean(middles: &[Option<f64>], spent: &[i64]) -> Option<f64> {
    let (mut time, mut bytes) = (0.0, 0.0);
    for (middle, &ticks) in middles.iter().zip(spent) {
        if let Some(middle) = middle.filter(|_| ticks > 0) {
            time += ticks as f64;
            bytes += middle * ticks as f64;
        }
    }
    (time > 0.0).then(|| bytes / time)
}

/// True for the channel of all of a die's traffic. Reads and writes by themselves each have a floor
/// of their own, and those of single units are in it already.
pub fn is_total(channel: &str) -> bool {
    let channel = channel.trim();
    channel.starts_with("AMCC") && channel.ends_with("RD+WR")
}

/// True for all bytes that the controllers count: those of single units have names before them.
pub fn is_whole(channel: &str) -> bool {
    matches!(channel.trim(), "DCS RD" | "DCS WR")
}

/// True for bytes at one of the memory's clocks: `F0 RD`, `F2 WR`.
pub fn is_clocked(channel: &str) -> bool {
    let mut words = channel.split_whitespace();
    let (clock, direction) = match (words.next(), words.next()) {
        (Some(clock), Some(direction)) => (Some(clock), direction),
        (Some(direction), None) => (None, direction),
        _ => return false,
    };
    let is_clock = |clock: &str| {
        let number = clock.strip_prefix('F').unwrap_or("");
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.next().is_none() && clock.is_none_or(is_clock) && ["RD", "WR"].contains(&direction)
}

/// Bytes in each step of a unit, by its label; `None` for one that counts something else.
pub fn bytes(unit: &str) -> Option<i64> {
    match unit.trim() {
        // Some catalogues leave the unit of bytes away.
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    }
}

/// True for a group of such histograms: `PMP`, and `PMP0` and `PMP1` from macOS 26 on.
pub fn is_group(group: &str) -> bool {
    group.strip_prefix("PMP").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture};

    #[test]
    fn a_step_stands_for_its_middle() {
        let edges: Vec<Option<f64>> =
            ["  32GB/s", "  64GB/s", " 96GB/s"].iter().map(|state| upper_edge(state)).collect();
        let middles = middles(&edges);
        assert_eq!(middles, [Some(16e9), Some(48e9), Some(80e9)]);
        assert_eq!(resolution(&edges), Some(32e9));
        assert_eq!(mean(&middles, &[100, 0, 0]), Some(16e9));
        assert_eq!(mean(&middles, &[50, 0, 50]), Some(48e9));
        assert_eq!(mean(&middles, &[0, i64::MIN, 0]), None, "no time is no traffic of 0");
        for wrong in ["", "GB/s", "xGB/s", "0GB/s", "-4GB/s", "VMIN", "1e9GB/s"] {
            assert_eq!(upper_edge(wrong), None, "{wrong}");
        }
        assert!(is_total("AMCC RD+WR") && is_total("AMCC1 RD+WR "));
        assert!(!is_total("AMCC RD") && !is_total("AGX RD+WR"));
        assert!(is_group("PMP") && is_group("PMP0") && !is_group("PMPx") && !is_group("AMC Stats"));
    }

    #[test]
    fn bytes_are_counted_by_the_clock_of_the_memory() {
        for name in ["F0 RD", "F12 WR", "RD", " F1 WR "] {
            assert!(is_clocked(name), "{name}");
        }
        for name in ["", "F0", "Fx RD", "F RD", "F0 RD WR", "GFX RD", "F0 RD+WR", "0 RD"] {
            assert!(!is_clocked(name), "{name}");
        }
        assert_eq!(["", "B ", "KiB", "MiB"].map(bytes), [1, 1, 1 << 10, 1 << 20].map(Some));
        assert_eq!(["24Mticks", "events", "b"].map(bytes), [None; 3]);
    }

    #[test]
    fn recorded_histograms_have_the_means_that_they_should() {
        let Some(text) = fixture("bandwidth/pmp-histograms.tsv") else { return };
        let means: Vec<f64> = columns(&text)
            .iter()
            .map(|row| {
                let pairs =
                    row[4].split_whitespace().map(|pair| pair.split_once('=').expect("a pair"));
                let (states, ticks): (Vec<&str>, Vec<i64>) = pairs
                    .map(|(state, ticks)| (state, ticks.parse::<i64>().expect("ticks")))
                    .unzip();
                // What is left out had no time: the steps are of equal width.
                let step = upper_edge(states[0]).expect("a step");
                let last = upper_edge(states[states.len() - 1]).expect("a step");
                let edges: Vec<Option<f64>> =
                    (1..=(last / step) as u32).map(|place| Some(f64::from(place) * step)).collect();
                let mut spent = vec![0; edges.len()];
                for (state, ticks) in states.iter().zip(ticks) {
                    let place = (upper_edge(state).expect("a step") / step).round() as usize;
                    spent[place - 1] = ticks;
                }
                mean(&middles(&edges), &spent).expect("time was counted") / 1e9
            })
            .collect();
        // Added up by hand from the recording.
        let wanted = [7.800, 1.450, 3.244];
        assert_eq!(means.len(), wanted.len());
        for (mean, wanted) in means.iter().zip(wanted) {
            assert!((mean - wanted).abs() < 0.001, "{means:?}");
        }
    }
}
