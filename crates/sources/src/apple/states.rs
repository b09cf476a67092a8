//! Time in performance states: how busy, how fast, and how the time was spread.

use super::dvfs::Table;

/// What a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Off, powered down, or waiting for work.
    Idle,
    /// Working at that place of the table.
    Level(usize),
    /// Working, at a clock that is not known.
    Unknown,
}

/// What the states of a core's or cluster's channel mean: `DOWN`, `IDLE`, `V0P4` to `V4P0`.
pub fn of_cpu(name: &str) -> State {
    let name = name.trim();
    if matches!(name, "IDLE" | "DOWN" | "OFF") {
        return State::Idle;
    }
    let level = name.strip_prefix('V').and_then(|rest| rest.split('P').next());
    level.and_then(|level| level.parse().ok()).map_or(State::Unknown, State::Level)
}

/// What the states of the graphics processor mean: `OFF`, `P1` to `P15`. The first entry of its
/// table stands for being off.
pub fn of_gpu(name: &str, table: Option<&Table>) -> State {
    let name = name.trim();
    if matches!(name, "OFF" | "IDLE" | "DOWN") {
        return State::Idle;
    }
    let starts_off = table.is_none_or(|table| table.mhz.first() == Some(&0));
    let level = name.strip_prefix('P').and_then(|level| level.parse::<usize>().ok());
    match level {
        Some(level) if starts_off => State::Level(level),
        Some(level) => level.checked_sub(1).map_or(State::Unknown, State::Level),
        None => State::Unknown,
    }
}

/// The number of levels among the states.
pub fn levels(states: &[State]) -> usize {
    states.iter().filter(|state| matches!(state, State::Level(_))).count()
}

/// Counters of time in states, in the ticks that their unit names, as an amount that only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Ticks of all states.
    pub whole: f64,
    /// Ticks at work.
    pub active: f64,
    /// Ticks at work at a clock that is known.
    pub clocked: f64,
    /// Those, each times its MHz.
    pub cycles: f64,
    /// Ticks below 40 % of the highest clock, below 75 %, and above.
    pub bands: [f64; 3],
}

/// Where the bands of clocks end, as shares of the highest: as actop has them.
const BANDS: [f64; 2] = [0.40, 0.75];

impl Spent {
    /// Adds up what was spent in each state; values below 0 are not filled in.
    pub fn of(states: &[State], spent: &[i64], table: Option<&Table>) -> Spent {
        let mut sum = Spent::default();
        let highest = table.map_or(0, Table::highest);
        for (&state, &ticks) in states.iter().zip(spent) {
            if ticks <= 0 {
                continue;
            }
            let ticks = ticks as f64;
            sum.whole += ticks;
            if state == State::Idle {
                continue;
            }
            sum.active += ticks;
            let State::Level(level) = state else { continue };
            let mhz = table.and_then(|table| table.mhz.get(level)).copied().filter(|&mhz| mhz > 0);
            let Some(mhz) = mhz else { continue };
            sum.clocked += ticks;
            sum.cycles += ticks * f64::from(mhz);
            let share = f64::from(mhz) / f64::from(highest.max(1));
            sum.bands[BANDS.iter().filter(|&&end| share >= end).count()] += ticks;
        }
        sum
    }

    /// Both together.
    pub fn plus(self, other: Spent) -> Spent {
        let [a, b, c] = self.bands;
        let [x, y, z] = other.bands;
        Spent {
            whole: self.whole + other.whole,
            active: self.active + other.active,
            clocked: self.clocked + other.clocked,
            cycles: self.cycles + other.cycles,
            bands: [a + x, b + y, c + z],
        }
    }

    /// What came to `earlier`; `None` if a counter fell, as after a sleep.
    pub fn since(self, earlier: Spent) -> Option<Spent> {
        let [a, b, c] = self.bands;
        let [x, y, z] = earlier.bands;
        let grown = Spent {
            whole: self.whole - earlier.whole,
            active: self.active - earlier.active,
            clocked: self.clocked - earlier.clocked,
            cycles: self.cycles - earlier.cycles,
            bands: [a - x, b - y, c - z],
        };
        let parts = [grown.whole, grown.active, grown.clocked, grown.cycles];
        parts.iter().chain(&grown.bands).all(|&part| part >= 0.0).then_some(grown)
    }

    /// Mean clock while at work, in hertz; `None` if nothing ran.
    pub fn hertz(self) -> Option<f64> {
        (self.clocked > 0.0).then(|| self.cycles / self.clocked * 1e6)
    }

    /// Share of the time at work.
    #[cfg(test)]
    pub fn active_ratio(self) -> Option<f64> {
        (self.whole > 0.0).then(|| self.active / self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture, plist};
    use crate::apple::value::Value;

    fn table(mhz: &[u32]) -> Table {
        Table { number: 5, is_sram: true, mhz: mhz.to_vec() }
    }

    fn parse(text: &str, of: impl Fn(&str) -> State) -> (Vec<&str>, Vec<State>, Vec<i64>) {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').expect("a pair"));
        let (names, ticks): (Vec<&str>, Vec<&str>) = pairs.unzip();
        let states = names.iter().map(|name| of(name)).collect();
        (names, states, ticks.iter().map(|ticks| ticks.parse().expect("ticks")).collect())
    }

    #[test]
    fn states_that_do_not_work_are_idle_and_unknown_ones_have_no_clock() {
        let names = ["DOWN", "IDLE", "V0P4", "V13P6", "NON_IDLE", "V", "", "OFF"];
        let wanted = [
            State::Idle,
            State::Idle,
            State::Level(0),
            State::Level(13),
            State::Unknown,
            State::Unknown,
            State::Unknown,
            State::Idle,
        ];
        assert_eq!(names.map(of_cpu), wanted);
        let off = table(&[0, 396, 1278]);
        assert_eq!(of_gpu("P1", Some(&off)), State::Level(1));
        assert_eq!(of_gpu("P1", Some(&table(&[396, 1278]))), State::Level(0));
        assert_eq!(of_gpu("P0", Some(&table(&[396, 1278]))), State::Unknown);
        assert_eq!(of_gpu("OFF", None), State::Idle);
        // A state beyond the table, an unfilled one and a clock of 0 count as work without a clock.
        let states = [State::Level(7), State::Level(1), State::Idle];
        let spent = Spent::of(&states, &[10, 30, i64::MIN], Some(&table(&[100, 200])));
        assert_eq!((spent.whole, spent.active, spent.clocked), (40.0, 40.0, 30.0));
        assert_eq!(spent.hertz(), Some(200e6));
        assert_eq!(Spent::default().hertz(), None);
        assert_eq!(Spent::default().active_ratio(), None);
    }

    #[test]
    fn recorded_residencies_give_clock_and_share() {
        let Some(text) = fixture("residency/residency-deltas.tsv") else { return };
        let p = table(&[
            696, 1092, 1356, 1596, 1884, 2172, 2424, 2616, 2808, 2988, 3144, 3288, 3420, 3576,
            3624, 3708, 3780, 3864, 3960, 4056,
        ]);
        let gpu = table(&[0, 444, 612, 808, 968, 1110, 1236, 1338, 1398]);
        for row in columns(&text) {
            let [machine, group, channel, states] = row[..] else { panic!("{row:?}") };
            let is_gpu = group == "GPU Performance States";
            let of = |name: &str| if is_gpu { of_gpu(name, Some(&gpu)) } else { of_cpu(name) };
            let (_, states, ticks) = parse(states, of);
            let spent = Spent::of(&states, &ticks, Some(if is_gpu { &gpu } else { &p }));
            // Each window is some 0.11 s of 24 MHz.
            assert!((2.5e6..2.8e6).contains(&spent.whole), "{machine} {channel} {}", spent.whole);
            match (machine.split(' ').next().expect("a machine"), channel) {
                ("m3-pro", "PCPU0") => {
                    let mhz = spent.hertz().expect("it ran") / 1e6;
                    let wanted = (656.0 * 696.0
                        + 40607.0 * 2988.0
                        + 10414.0 * 3144.0
                        + 6130.0 * 3288.0
                        + 229.0 * 4056.0)
                        / 58036.0;
                    assert!((mhz - wanted).abs() < 1e-6, "{mhz}");
                }
                ("m3-pro", "PCPU3") => {
                    assert_eq!((spent.hertz(), spent.active_ratio()), (None, Some(0.0)));
                }
                ("m2-ultra", "GPUPH") if spent.active_ratio() == Some(1.0) => {
                    assert_eq!(spent.hertz(), Some(1398e6));
                }
                // The power controller idles less than the requests: it counts the whole cluster.
                ("m4-pro", "PCPM_IDLE") => {
                    assert_eq!(states.iter().filter(|&&s| s == State::Unknown).count(), 1)
                }
                _ => {}
            }
        }
    }

    fn number(value: &Value, key: &str) -> f64 {
        match value.get(key) {
            Some(Value::Integer(number)) => *number as f64,
            Some(Value::Real(number)) => *number,
            other => panic!("{key}: {other:?}"),
        }
    }

    /// Frequency and idle share by our formula from the states that powermetrics prints.
    fn by_formula(of: &Value) -> (f64, f64) {
        let states = of.get("dvfm_states").map_or(&[][..], Value::elements);
        let mhz: Vec<u32> = states.iter().map(|state| number(state, "freq") as u32).collect();
        let used: Vec<f64> = states.iter().map(|state| number(state, "used_ratio")).collect();
        let busy: f64 = used.iter().sum();
        let ticks = |share: f64| (share * 1e12).round() as i64;
        let spent = Spent::of(
            &(0..mhz.len()).map(State::Level).chain([State::Idle]).collect::<Vec<_>>(),
            &used.iter().map(|&share| ticks(share)).chain([ticks(1.0 - busy)]).collect::<Vec<_>>(),
            Some(&table(&mhz)),
        );
        (spent.hertz().unwrap_or(0.0) / 1e6, 1.0 - spent.active_ratio().unwrap_or(0.0))
    }

    #[test]
    fn powermetrics_says_the_same_to_a_megahertz_and_a_thousandth() {
        let mut compared = 0;
        for file in ["powermetrics-output-m1.xml", "powermetrics-output-m2ultra.xml"] {
            let Some(text) = fixture(&format!("powermetrics/{file}")) else { return };
            let all = plist(&text);
            let processor = all.get("processor").expect("a processor");
            let mut check = |name: String, of: &Value, scale: f64, idle: bool| {
                let (mhz, idle_ratio) = by_formula(of);
                let said = number(of, "freq_hz") / scale;
                assert!((mhz - said).abs() <= 1.0, "{file} {name}: {mhz} MHz, {said} said");
                let said = number(of, "idle_ratio");
                assert!(
                    !idle || (idle_ratio - said).abs() <= 0.001,
                    "{file} {name}: {idle_ratio} {said}"
                );
                compared += 1;
            };
            for cluster in processor.get("clusters").map_or(&[][..], Value::elements) {
                let name = cluster.text_at("name").expect("a name");
                // Clusters of an M1 count idle time into their lowest state.
                check(name, cluster, 1e6, file.contains("m2ultra"));
                for cpu in cluster.get("cpus").map_or(&[][..], Value::elements) {
                    check(format!("cpu {}", number(cpu, "cpu")), cpu, 1e6, true);
                }
            }
            let gpu = all.get("gpu").expect("a gpu");
            check("gpu".to_owned(), gpu, 1.0, true);
        }
        assert_eq!(compared, 2 + 8 + 1 + 6 + 24 + 1);
    }

    #[test]
    fn bands_are_shares_of_the_highest_clock() {
        let table = table(&[100, 399, 400, 749, 750, 1000]);
        let states: Vec<State> = (0..6).map(State::Level).chain([State::Idle]).collect();
        let spent = Spent::of(&states, &[1, 2, 4, 8, 16, 32, 64], Some(&table));
        assert_eq!(spent.bands, [3.0, 12.0, 48.0]);
        assert_eq!((spent.active, spent.whole), (63.0, 127.0));
        let grown = spent.plus(spent).since(spent);
        assert_eq!(grown, Some(spent));
        assert_eq!(Spent::default().since(spent), None, "a counter that fell is no time");
        assert_eq!(levels(&states), 6);
    }
}
