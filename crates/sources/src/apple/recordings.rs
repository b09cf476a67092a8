//! Recordings that more than one module reads something of, and that none is left unread.

use std::collections::BTreeMap;
use std::path::Path;

use super::energy::{Meter, Published};
use super::fixture::{columns, fixture, folder};
use super::names::{EnergyOf, Rail, energy_exponent, energy_of, rails};
use super::smc::Code;
use super::states::{self, Spent, State};
use super::{bandwidth, names, temperature};

fn near(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!((found - wanted).abs() <= tolerance, "{what}: {found} is not {wanted}");
}

/// Watts of each rail, of all single cores, and of all clusters, in what was printed of a machine.
fn watts_of(rows: &[Vec<&str>]) -> (BTreeMap<Rail, f64>, f64, usize) {
    let watts = |row: &Vec<&str>| row[2].parse::<f64>().expect("a number");
    let mut by_rail = BTreeMap::new();
    for (place, rail) in rails(rows.iter().map(|row| row[0])) {
        *by_rail.entry(rail).or_insert(0.0) += watts(&rows[place]);
    }
    let of_core = |row: &&Vec<&str>| matches!(energy_of(row[0]), Some(EnergyOf::Core(..)));
    let cores = rows.iter().filter(of_core);
    (by_rail, cores.clone().map(watts).sum(), cores.count())
}

#[test]
fn watts_that_were_printed_go_to_their_rails() {
    // File; cores and their sum; what each rail is.
    type Wanted = (&'static str, usize, f64, &'static [(Rail, f64)]);
    let files: [Wanted; 3] = [
        (
            "energy-watts-m2-ultra.tsv",
            9,
            6.54,
            &[
                // Both dies of each.
                (Rail::Dram, 1.71),
                (Rail::MemoryControllers, 8.51),
                (Rail::Media, 0.02),
                (Rail::Ane, 0.0),
                (Rail::Gpu, 0.27),
            ],
        ),
        // No total of its graphics: the processor's own channel is taken.
        (
            "energy-watts-m2-max.tsv",
            0,
            0.0,
            &[(Rail::Gpu, 0.06), (Rail::Dram, 0.51), (Rail::MemoryControllers, 1.82)],
        ),
        // A total, and `GPU` beside it: counted once.
        (
            "energy-watts-a18-pro.tsv",
            0,
            0.0,
            &[(Rail::Gpu, 0.09), (Rail::Display, 0.05), (Rail::Dram, 0.06), (Rail::Media, 0.01)],
        ),
    ];
    for (file, count, sum, wanted) in files {
        let Some(text) = fixture(&format!("ioreport/{file}")) else { return };
        let rows = columns(&text);
        assert!(rows.iter().all(|row| energy_exponent(row[1]).is_some()), "{file}: a unit");
        let (by_rail, cores, counted) = watts_of(&rows);
        assert_eq!(counted, count, "{file}");
        near(cores, sum, 1e-9, file);
        for (rail, watts) in wanted {
            near(by_rail[rail], *watts, 1e-9, &format!("{file} {rail:?}"));
        }
        assert!(!by_rail.contains_key(&Rail::Cpu), "{file}: no part stands for the whole");
    }
}

#[test]
fn counters_of_an_m1_pro_since_boot() {
    let Some(text) = fixture("ioreport/absolute-m1-pro-excerpt.tsv") else { return };
    let rows = columns(&text);
    let value = |row: &Vec<&str>| row[4].parse::<f64>().expect("a number");
    let of = |wanted: &str| {
        let found = rows.iter().find(|row| row[0] == "AMC Stats" && row[2] == wanted);
        value(found.expect("a channel"))
    };
    // Reads and writes are the whole, to what came between two reads of the counters.
    let counted = rows.iter().filter(|row| row[0] == "AMC Stats" && bandwidth::is_whole(row[2]));
    let sum: f64 = counted.map(value).sum();
    near(sum / of("DCS"), 1.0, 1e-9, "bytes");
    // Energy by level is nobody's energy.
    let levels = rows.iter().filter(|row| row[2].contains("DTL"));
    assert!(levels.clone().count() > 10);
    let names: Vec<&str> = levels.map(|row| row[2]).collect();
    assert_eq!(rails(names.iter().copied()), []);
    assert!(names.iter().all(|name| energy_of(name).is_none()));
    // The second core of the efficiency cluster, which has five clocks.
    let state = rows.iter().rfind(|row| row[2] == "ECPU010").expect("a core");
    assert_eq!(states::of_cpu(state[3].trim_start_matches("state ")), State::Level(4));
}

#[test]
fn channels_of_an_m5_max_are_chosen_out_of_its_catalogue() {
    let Some(text) = fixture("ioreport/catalog-m5-max-excerpt.tsv") else { return };
    let rows = columns(&text);
    let of = |group: &'static str, subgroup: &'static str| {
        let rows = rows.iter().filter(move |row| row[0] == group && row[1] == subgroup);
        rows.map(|row| row.get(2).copied().unwrap_or(""))
    };
    // Bytes by clock and by unit are there and the whole is not: nothing is added up instead.
    assert_eq!(of("AMC Stats", "Perf Counters").count(), 36);
    assert_eq!(
        of("AMC Stats", "Perf Counters").filter(|name| bandwidth::is_whole(name)).count(),
        0
    );
    // Traffic of single units is not all of it.
    assert!(of("PMP0", "AF BW").all(|name| !bandwidth::is_total(name)));
    assert!(bandwidth::is_group("PMP0") && of("PMP0", "AF BW").count() == 70);
    let told: Vec<&str> = of("CPU Stats", "CPU Complex Performance States")
        .filter(|name| names::complex(name).is_some())
        .collect();
    assert_eq!(told, ["PCPU"], "and not PCPM_IDLE");
    let energies: Vec<EnergyOf> = of("Energy Model", "").filter_map(energy_of).collect();
    let clusters = energies.iter().filter(|of| matches!(of, EnergyOf::Cluster(_))).count();
    assert_eq!((energies.len() - clusters, clusters), (6, 1));
    let ports = rails(of("Energy Model", "").collect::<Vec<_>>().into_iter());
    assert_eq!(ports.iter().filter(|(_, rail)| *rail == Rail::Pcie).count(), 5);
}

#[test]
fn printed_temperatures_of_an_m1_max_and_an_m2_ultra() {
    for (file, hottest, mean) in
        [("celsius-m1-max.tsv", 57.745, None), ("celsius-m2-ultra.tsv", 65.46, Some(43.93))]
    {
        let Some(text) = fixture(&format!("smc/{file}")) else { return };
        let rows = columns(&text);
        let keys: Vec<(Code, f64)> =
            rows.iter().map(|row| (Code::new(row[0]), row[1].parse().expect("°C"))).collect();
        let heat = temperature::heat(keys.iter().copied());
        near(heat.cpu_highest.expect(file), hottest, 1e-9, file);
        match mean {
            Some(mean) => near(heat.cpu_mean.expect(file), mean, 0.01, file),
            None => {
                assert_eq!(heat.cpu_mean, None, "{file}: no key of a core is in this part of it")
            }
        }
        // A sensor that is stuck at 5 or 9 °C is no die's.
        assert!(heat.gpu_highest.is_none_or(|celsius| celsius > 10.0), "{file}");
    }
}

#[test]
fn power_keys_of_an_m3_max_mislead() {
    let Some(text) = fixture("smc/power-m3-max.tsv") else { return };
    let rows = columns(&text);
    let of = |key: &str| rows.iter().find(|row| row[0] == key).map(|row| row[1]);
    let watts = |key| of(key).and_then(|watts| watts.parse::<f64>().ok()).expect("recorded");
    // While graphics work and the cores do not: what is called CPU on an A18 is not it here.
    assert!(watts("PZC0") > 50.0 && watts("PHPC") > 58.0);
    assert!(watts("PSTR") > watts("PHPC"), "the whole machine draws the most");
    let (_, cores) =
        super::power::CORES.iter().find(|(chip, _)| *chip == "Apple M3 Max").expect("known");
    assert!(cores.iter().all(|key| of(key).is_none()), "the cores' keys are others");
}

#[test]
fn graphics_that_are_published_unevenly_draw_evenly() {
    let Some(text) = fixture("timing/m1-ultra-gpu-energy-spans-ms.txt") else { return };
    let spans = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let spans: Vec<f64> = spans.map(|span| span.parse().expect("milliseconds")).collect();
    assert!(spans.len() > 150);
    // 20 W, asked for every 250 ms and every second.
    for every_ms in [250.0, 1_000.0] {
        let (mut meter, mut at, mut asked, mut known) = (Meter::default(), 1_000.0, 1_500.0, 0);
        for span in &spans {
            if at + span > asked {
                let published =
                    Published { value: (at * 20e6) as i64, stamp_ns: (at * 1e6) as u64 };
                let watts = meter.advance(Some(published), (asked * 1e6) as u64).watts();
                if let Some(watts) = watts {
                    near(watts, 20.0, 0.001, "watts");
                    known += 1;
                }
                asked += every_ms;
            }
            at += span;
        }
        assert!(known > 15, "{known}");
    }
}

#[test]
fn powermetrics_in_words_on_macos_12() {
    let Some(text) = fixture("powermetrics/powermetrics-text-m1-macos12.txt") else { return };
    // Shares are rounded to two figures there: clocks agree to what that leaves.
    let mut compared = 0;
    let mut said = None;
    for line in text.lines() {
        if let Some((_, hertz)) = line.split_once("frequency: ") {
            said = hertz.strip_suffix(" MHz").and_then(|mhz| mhz.parse::<f64>().ok());
        }
        let Some((_, shares)) = line.split_once("active residency:") else { continue };
        let Some((_, shares)) = shares.split_once('(') else { continue };
        let words: Vec<f64> = shares
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|word| word.parse().ok())
            .collect();
        let mhz: Vec<u32> = words.chunks_exact(2).map(|pair| pair[0] as u32).collect();
        let ticks: Vec<i64> = words.chunks_exact(2).map(|pair| (pair[1] * 1e6) as i64).collect();
        let table = super::dvfs::Table { number: 5, is_sram: true, mhz };
        let levels: Vec<State> = (0..ticks.len()).map(State::Level).collect();
        let spent = Spent::of(&levels, &ticks, Some(&table));
        let Some((hertz, said)) = spent.hertz().zip(said.take()) else { continue };
        near(hertz / 1e6, said, said * 0.05, line);
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
    // The old total is no sum of its parts: ours is another number, and says of what it is the sum.
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" mW").parse::<f64>().expect("milliwatts")
    };
    let sum = of("CPU Power:") + of("GPU Power:") + of("ANE Power:");
    assert_eq!((sum, of("Package Power:")), (1100.0, 1473.0));
    assert_eq!(sum + of("GPU Power:") + of("DRAM Power:"), 1473.0);
}

#[test]
#[cfg(target_os = "linux")]
fn the_made_up_m1_is_the_recorded_one() {
    let Some(text) = fixture("m1-macbookair10-1/ioreg-platform.txt") else { return };
    let platform = super::fixture::registry(&text).remove(0);
    let texts = |key: &str| {
        let data = platform.properties.get(key).and_then(super::value::Value::data);
        String::from_utf8_lossy(data.expect(key)).into_owned()
    };
    assert_eq!(texts("model").trim_end_matches('\0'), "MacBookAir10,1");
    assert!(texts("compatible").starts_with("J313AP\0MacBookAir10,1\0"));
    let made_up =
        retop_fake_apple::chips().iter().find(|(name, _)| *name == "m1").expect("made up");
    for line in ["model = \"MacBookAir10,1\"", "board = \"J313AP\""] {
        assert!(made_up.1.contains(line), "{line}");
    }
    // The clock of the stamps is said once more there: 24 MHz.
    let data = platform.properties.get("clock-frequency").and_then(super::value::Value::data);
    let hertz = data.and_then(|data| data.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    assert_eq!(hertz, Some(24_000_000));
}

#[test]
fn every_recording_is_read_by_a_test() {
    let Some(folder) = folder() else { return };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/apple");
    let mut tests = String::new();
    for file in std::fs::read_dir(sources).expect("a folder").flatten() {
        tests += &std::fs::read_to_string(file.path()).unwrap_or_default();
    }
    let mut unread = Vec::new();
    for part in std::fs::read_dir(folder).expect("a folder").flatten() {
        for file in std::fs::read_dir(part.path()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            // Dumps of temperatures are named by their chips.
            let chip = name.strip_prefix("temps-").and_then(|name| name.strip_suffix(".tsv"));
            let wanted = chip.map_or_else(|| name.clone(), |chip| format!("(\"{chip}\""));
            if !tests.contains(&wanted) {
                unread.push(name);
            }
        }
    }
    assert_eq!(unread, Vec::<String>::new());
}
