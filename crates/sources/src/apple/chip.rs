//! What is known of each chip beforehand: the scales of bars, and the bandwidth that Apple states.
//!
//! Watts are actop's, so that its bars stand where its users know them; they are scales and no
//! limits. What is measured above them raises the scale. Bandwidths are Apple's.

/// What is known of a chip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    pub cpu_watts: f64,
    pub gpu_watts: f64,
    /// Apple's figure for the memory of the largest variant, in GB/s; `None` where there is none.
    pub memory_gbps: Option<f64>,
    /// actop's scale of the same.
    pub actop_gbps: f64,
    /// The chip is in the table by name.
    pub is_known: bool,
}

/// actop takes 8 W for the neural engine of every chip.
pub const ANE_WATTS: f64 = 8.0;

const CHIPS: &[(&str, f64, f64, f64, Option<f64>)] = &[
    ("Apple M1", 20.0, 20.0, 68.0, Some(68.25)),
    ("Apple M1 Pro", 30.0, 30.0, 200.0, Some(200.0)),
    ("Apple M1 Max", 30.0, 60.0, 400.0, Some(400.0)),
    ("Apple M1 Ultra", 60.0, 120.0, 800.0, Some(800.0)),
    ("Apple M2", 25.0, 15.0, 100.0, Some(100.0)),
    ("Apple M2 Pro", 35.0, 30.0, 200.0, Some(200.0)),
    ("Apple M2 Max", 40.0, 65.0, 400.0, Some(400.0)),
    ("Apple M2 Ultra", 80.0, 130.0, 800.0, Some(800.0)),
    ("Apple M3", 25.0, 20.0, 100.0, Some(100.0)),
    ("Apple M3 Pro", 35.0, 30.0, 150.0, Some(150.0)),
    ("Apple M3 Max", 45.0, 75.0, 400.0, Some(400.0)),
    ("Apple M3 Ultra", 90.0, 150.0, 800.0, Some(819.0)),
    ("Apple M4", 30.0, 20.0, 120.0, Some(120.0)),
    ("Apple M4 Pro", 40.0, 35.0, 273.0, Some(273.0)),
    ("Apple M4 Max", 55.0, 90.0, 546.0, Some(546.0)),
    ("Apple M4 Ultra", 110.0, 180.0, 1092.0, None),
];

/// Apple's figures for chips that actop does not know; it takes the tier's.
const BANDWIDTHS: &[(&str, f64)] = &[
    ("Apple M5", 153.0),
    ("Apple M5 Pro", 307.0),
    ("Apple M5 Max", 614.0),
    ("Apple A18 Pro", 60.0),
];

/// What is known of a chip by its name. Chips to come are taken by their tier, with the numbers of
/// the M4: as actop does.
pub fn profile(name: &str) -> Profile {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let stated = BANDWIDTHS.iter().find(|(chip, _)| *chip == name).map(|&(_, gbps)| gbps);
    if let Some(&(_, cpu_watts, gpu_watts, actop_gbps, memory_gbps)) =
        CHIPS.iter().find(|(chip, ..)| *chip == name)
    {
        return Profile { cpu_watts, gpu_watts, memory_gbps, actop_gbps, is_known: true };
    }
    let is_m = name
        .strip_prefix("Apple M")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let tier = ["Ultra", "Max", "Pro"].into_iter().find(|tier| name.contains(tier));
    let (cpu_watts, gpu_watts, actop_gbps) = match tier.filter(|_| is_m) {
        Some("Ultra") => (110.0, 180.0, 1092.0),
        Some("Max") => (55.0, 90.0, 546.0),
        Some(_) => (40.0, 35.0, 273.0),
        None if is_m => (30.0, 20.0, 120.0),
        None => (30.0, 30.0, 100.0),
    };
    Profile { cpu_watts, gpu_watts, memory_gbps: stated, actop_gbps, is_known: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_known_by_name_and_others_by_tier() {
        let of = |name: &str| {
            let profile = profile(name);
            (profile.cpu_watts, profile.gpu_watts, profile.actop_gbps, profile.memory_gbps)
        };
        for (name, wanted) in [
            ("Apple M1", (20.0, 20.0, 68.0, Some(68.25))),
            ("Apple  M3 Ultra ", (90.0, 150.0, 800.0, Some(819.0))),
            ("Apple M5 Max", (55.0, 90.0, 546.0, Some(614.0))),
            ("Apple M5", (30.0, 20.0, 120.0, Some(153.0))),
            ("Apple M9 Ultra", (110.0, 180.0, 1092.0, None)),
            ("Apple M6 Pro", (40.0, 35.0, 273.0, None)),
            ("Apple A18 Pro", (30.0, 30.0, 100.0, Some(60.0))),
            ("VirtualApple", (30.0, 30.0, 100.0, None)),
            ("", (30.0, 30.0, 100.0, None)),
        ] {
            assert_eq!(of(name), wanted, "{name}");
        }
        assert!(profile("Apple M4 Max").is_known && !profile("Apple M5 Max").is_known);
    }
}
