//! Which of some three hundred temperatures are the cores', and which of those are real.
//!
//! Half of the keys of an M4 Pro that look like cores are limits and identifiers (−4, 0, 1.5, 4); all
//! of an M2 Max are. Clusters that are parked say exactly 40.0. Lists of keys would have to be written
//! for each chip; rules hold for those to come.

use super::smc::Code;

/// What a die can be at while the machine runs, in degrees Celsius.
const REAL: std::ops::Range<f64> = 10.0..120.0;
/// What a parked cluster says.
const PARKED: f64 = 40.0;
/// How far a sensor may lie above the hottest spot that the controller itself names: both are read
/// some milliseconds apart.
const APART: f64 = 8.0;

/// What is known of the die.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heat {
    pub cpu_highest: Option<f64>,
    pub cpu_mean: Option<f64>,
    pub gpu_highest: Option<f64>,
    pub gpu_mean: Option<f64>,
}

/// True for a temperature that a die can be at.
pub fn is_real(celsius: f64) -> bool {
    REAL.contains(&celsius) && celsius != PARKED
}

/// True for a temperature that anything in a machine can be at: batteries are colder than dies.
pub fn is_possible(celsius: f64) -> bool {
    (-40.0..150.0).contains(&celsius) && celsius != 0.0
}

/// Picks the temperatures of the die out of all keys.
pub fn heat(keys: impl Iterator<Item = (Code, f64)> + Clone) -> Heat {
    let named = |name: &str| {
        let name = Code::new(name);
        keys.clone()
            .find(|(key, celsius)| *key == name && is_real(*celsius))
            .map(|(_, celsius)| celsius)
    };
    // The controller's own word for the hottest spot of the cores, up to the M4.
    let hottest = named("TCMz");
    let ceiling = hottest.map_or(f64::INFINITY, |hottest| hottest + APART);
    let of = |prefixes: &[&str], ceiling: f64| {
        let chosen = keys.clone().filter(|(key, celsius)| {
            prefixes.iter().any(|prefix| key.starts_with(prefix))
                && is_real(*celsius)
                && *celsius <= ceiling
        });
        chosen.map(|(_, celsius)| celsius).collect::<Vec<f64>>()
    };
    let cpu = of(&["Tp", "Te"], ceiling);
    let gpu = of(&["Tg"], f64::INFINITY);
    Heat {
        cpu_highest: hottest.or_else(|| highest(&cpu)),
        cpu_mean: mean(&cpu),
        gpu_highest: highest(&gpu),
        gpu_mean: mean(&gpu),
    }
}

/// What the sensors of the event system say, by their names: M1 and M2, and older systems.
pub fn heat_by_name<'a>(sensors: impl Iterator<Item = (&'a str, f64)> + Clone) -> Heat {
    let of = |prefixes: &[&str]| {
        let chosen = sensors.clone().filter(|(name, celsius)| {
            prefixes.iter().any(|prefix| name.starts_with(prefix)) && is_real(*celsius)
        });
        chosen.map(|(_, celsius)| celsius).collect::<Vec<f64>>()
    };
    let cpu = of(&["pACC MTR Temp", "eACC MTR Temp"]);
    let gpu = of(&["GPU MTR Temp"]);
    Heat {
        cpu_highest: highest(&cpu),
        cpu_mean: mean(&cpu),
        gpu_highest: highest(&gpu),
        gpu_mean: mean(&gpu),
    }
}

fn highest(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::max)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What a key's sensor lies at, for people; the key itself where nobody knows.
pub fn place(key: Code) -> Option<&'static str> {
    const PLACES: &[(&str, &str)] = &[
        ("TCMz", "CPU hottest"),
        ("TCMb", "CPU smoothed"),
        ("TB", "battery"),
        ("Tp", "CPU"),
        ("Te", "CPU efficiency"),
        ("Tg", "GPU"),
        ("Tm", "memory"),
        ("TH", "flash"),
        ("TW", "Wi-Fi"),
        ("TaL", "air left"),
        ("TaR", "air right"),
        ("Ts", "case"),
        ("TCHP", "charger"),
    ];
    PLACES.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture};
    use crate::apple::smc;

    fn dump(name: &str) -> Option<Vec<(Code, f64)>> {
        let text = fixture(&format!("smc/temps-{name}.tsv"))?;
        let row = |row: &Vec<&str>| {
            let bytes: Vec<u8> = (0..row[2].len() / 2)
                .map(|place| {
                    u8::from_str_radix(&row[2][place * 2..place * 2 + 2], 16).expect("hex")
                })
                .collect();
            Some((Code::new(row[0]), smc::number(Code::new(row[1]), &bytes)?))
        };
        Some(columns(&text).iter().filter_map(row).collect())
    }

    #[test]
    fn every_recorded_chip_gives_its_own_hottest_core_and_no_junk() {
        // (dump, hottest core, mean of cores from and to, hottest of the GPU)
        let chips: &[(&str, f64, f64, f64, Option<f64>)] = &[
            ("a18", 111.9, 70.0, 95.0, Some(68.1)),
            ("m1-pro", 75.4, 50.0, 70.0, Some(63.6)),
            ("m1-max", 61.7, 38.0, 60.0, Some(45.7)),
            ("m1-ultra", 52.7, 32.0, 50.0, Some(42.2)),
            ("m2", 40.4, 30.0, 40.0, Some(36.5)),
            // Every one of its 54 keys of performance cores is junk.
            ("m2-max", 38.3, 30.0, 38.3, Some(36.8)),
            ("m3-pro", 69.7, 35.0, 60.0, Some(38.2)),
            ("m3-pro-2", 47.8, 27.0, 45.0, Some(33.7)),
            ("m3-pro-3", 55.2, 30.0, 50.0, Some(36.9)),
            ("m3-max", 72.8, 36.0, 69.1, Some(43.4)),
            ("m4", 55.8, 25.0, 50.0, Some(32.0)),
            ("m4-2", 65.7, 34.0, 60.0, Some(41.8)),
            ("m4-3", 75.4, 36.0, 70.0, Some(41.8)),
            ("m4-4", 77.4, 48.0, 70.0, Some(53.1)),
            ("m4-5", 112.1, 70.0, 100.0, Some(83.4)),
            ("m4-6", 48.1, 34.0, 50.0, Some(40.2)),
            ("m4-pro", 80.4, 51.0, 75.0, Some(57.2)),
            // All performance cores are parked and say 40.0.
            ("m4-pro-2", 45.5, 35.0, 45.5, Some(41.9)),
            // No word of the controller's own.
            ("m5-max", 27.7, 26.0, 27.7, Some(27.7)),
        ];
        for &(name, hottest, low, high, gpu) in chips {
            let Some(keys) = dump(name) else { return };
            let heat = heat(keys.iter().copied());
            let found = heat.cpu_highest.expect(name);
            assert!((found - hottest).abs() < 0.06, "{name}: {found}");
            let mean = heat.cpu_mean.expect(name);
            assert!((low..=high).contains(&mean), "{name}: mean {mean}");
            assert!(mean <= found + APART, "{name}: {mean} {found}");
            let found = heat.gpu_highest.expect(name);
            assert!((found - gpu.expect("known")).abs() < 0.06, "{name}: GPU {found}");
        }
    }

    #[test]
    fn rules_hold_for_chips_that_nobody_has_seen() {
        let of = |keys: &[(&str, f64)]| {
            let keys: Vec<(Code, f64)> = keys.iter().map(|(key, t)| (Code::new(key), *t)).collect();
            heat(keys.iter().copied())
        };
        let junk = [("Tp0a", -4.0), ("Tp0b", 0.0), ("Tp0c", 1.5), ("Tp0d", 40.0), ("Te00", 127.0)];
        assert_eq!(of(&junk), Heat::default(), "nothing real is nothing, not 0");
        let real = [("TCMz", 80.0), ("Tp00", 79.0), ("Tp01", 61.0), ("Tp02", 95.0), ("Tg00", -2.8)];
        let heat = of(&real);
        assert_eq!((heat.cpu_highest, heat.cpu_mean), (Some(80.0), Some(70.0)));
        assert_eq!(heat.gpu_highest, None, "a GPU that sleeps");
        assert_eq!(of(&[("TCMz", 4.0), ("Te00", 50.0)]).cpu_highest, Some(50.0));
        assert_eq!(of(&[]), Heat::default());
        assert_eq!(place(Code::new("TB1T")), Some("battery"));
        assert_eq!(place(Code::new("TXXX")), None);
    }

    #[test]
    fn sensors_of_the_event_system_are_told_by_name() {
        let Some(text) = fixture("smc/hid-m1-air.tsv") else { return };
        let rows = columns(&text);
        let sensors: Vec<(&str, f64)> =
            rows.iter().map(|row| (row[0], row[1].parse().expect("a number"))).collect();
        let heat = heat_by_name(sensors.iter().copied());
        assert_eq!(heat.cpu_highest, Some(38.5));
        assert!((heat.cpu_mean.expect("known") - 35.14).abs() < 1e-9);
        assert_eq!((heat.gpu_highest, heat.gpu_mean), (Some(30.0), Some(30.0)));
        // -21.7 is what an unconnected sensor says; it is shown by nobody's name.
        assert!(is_possible(-21.7) && !is_real(-21.7));
        let names = fixture("smc/hid-names-m1.txt").expect("recorded");
        let known = names.lines().filter(|line| !line.starts_with('#'));
        let cores = known.filter(|name| name.contains("ACC MTR Temp Sensor")).count();
        assert_eq!(cores, 9);
    }
}
