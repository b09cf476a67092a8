//! Names of IOReport channels: whose energy a channel counts, which core a channel is of.
//!
//! Names are matched whole. Adding up all that contain "CPU" counts cores, clusters and the total
//! together: 107 W were shown where 36 W were drawn.

use std::fmt;

/// A part of the chip whose energy is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rail {
    Cpu,
    Gpu,
    Ane,
    Dram,
    GpuSram,
    MemoryControllers,
    Media,
    Display,
    Pcie,
}

impl Rail {
    pub const ALL: [Rail; 9] = [
        Rail::Cpu,
        Rail::Gpu,
        Rail::Ane,
        Rail::Dram,
        Rail::GpuSram,
        Rail::MemoryControllers,
        Rail::Media,
        Rail::Display,
        Rail::Pcie,
    ];

    /// The name that the power family knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Rail::Cpu => "cpu",
            Rail::Gpu => "gpu",
            Rail::Ane => "ane",
            Rail::Dram => "dram",
            Rail::GpuSram => "gpu-sram",
            Rail::MemoryControllers => "memory-controllers",
            Rail::Media => "media",
            Rail::Display => "display",
            Rail::Pcie => "pcie",
        }
    }
}

/// A name without the number of its die, and that number.
pub fn split_die(name: &str) -> (Option<u32>, &str) {
    let name = name.trim();
    // Betas of macOS 27 wrote "DIE0 " and "PRIM " before some names.
    let name = name.strip_prefix("PRIM ").unwrap_or(name);
    let Some(rest) = name.strip_prefix("DIE") else { return (None, name) };
    let rest = rest.strip_prefix('_').unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    match (number.parse(), rest.strip_prefix(['_', ' '])) {
        (Ok(die), Some(rest)) => (Some(die), rest),
        _ => (None, name),
    }
}

/// True for `stem`, and for it with the numbers of a unit and of a die: `ANE`, `ANE0`, `ANE0_1`.
fn is_numbered(name: &str, stem: &str) -> bool {
    let Some(rest) = name.strip_prefix(stem) else { return false };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.is_empty()
        || rest
            .strip_prefix('_')
            .is_some_and(|die| !die.is_empty() && die.bytes().all(|b| b.is_ascii_digit()))
}

/// Which channels of the energy model add up to which rail: an entry for each channel that counts.
pub fn rails<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<(usize, Rail)> {
    let plain = |name: &'a str| {
        let name = name.trim();
        name.strip_prefix("PRIM ").unwrap_or(name)
    };
    let has = |wanted: &str| names.clone().any(|name| plain(name) == wanted);
    let (whole_cpu, whole_gpu) = (has("CPU Energy"), has("GPU Energy"));
    let rail = |name: &'a str| {
        let name = plain(name);
        if name == "CPU Energy" {
            return Some(Rail::Cpu);
        }
        if name == "GPU Energy" {
            return Some(Rail::Gpu);
        }
        // An Ultra has no total: each die counts its own.
        if matches!(split_die(name), (Some(_), "CPU Energy")) {
            return (!whole_cpu).then_some(Rail::Cpu);
        }
        if is_numbered(name, "GPU") {
            return (!whole_gpu).then_some(Rail::Gpu);
        }
        let stems: [(&[&str], Rail); 6] = [
            (&["ANE"], Rail::Ane),
            (&["DRAM"], Rail::Dram),
            (&["GPU SRAM", "GPU CS", "GPU CS SRAM"], Rail::GpuSram),
            (&["AMCC", "DCS", "FAB", "AFR"], Rail::MemoryControllers),
            (&["ISP", "AVE", "MSR", "VDEC"], Rail::Media),
            (&["DISP", "DISPEXT"], Rail::Display),
        ];
        let stem = stems.iter().find(|(stems, _)| stems.iter().any(|stem| is_numbered(name, stem)));
        if let Some((_, rail)) = stem {
            return Some(*rail);
        }
        let port = name.strip_suffix(" Energy")?;
        let port = port.strip_prefix("PCIe Port ").or_else(|| port.strip_prefix("apciec"))?;
        let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        is_number.then_some(Rail::Pcie)
    };
    names.clone().enumerate().filter_map(|(place, name)| Some((place, rail(name)?))).collect()
}

/// Joules in each step of a unit, as its exponent of ten: −3 for `mJ`.
pub fn energy_exponent(unit: &str) -> Option<i32> {
    match unit.trim() {
        "J" => Some(0),
        "mJ" => Some(-3),
        "uJ" | "µJ" => Some(-6),
        "nJ" => Some(-9),
        "pJ" => Some(-12),
        _ => None,
    }
}

/// The kinds of cores that names tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Efficiency,
    Performance,
    Super,
}

impl Tier {
    /// The place among the kinds of the core family.
    pub fn kind(self) -> i64 {
        match self {
            Tier::Performance => 0,
            Tier::Efficiency => 1,
            Tier::Super => 3,
        }
    }

    /// The kind that a letter of a name stands for. Where there are M cores they are the
    /// performance cores and P are the super cores above them; so they are on a base M5, which has
    /// no M cores: `p_is_super` says so.
    pub fn of(letter: u8, p_is_super: bool) -> Option<Tier> {
        match letter {
            b'E' => Some(Tier::Efficiency),
            b'M' => Some(Tier::Performance),
            b'P' if p_is_super => Some(Tier::Super),
            b'P' => Some(Tier::Performance),
            b'S' => Some(Tier::Super),
            _ => None,
        }
    }
}

/// A cluster of cores, as names tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Complex {
    pub die: u32,
    /// The letter of the name: E, M, P or S.
    pub letter: u8,
    pub number: u32,
}

impl fmt::Display for Complex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = char::from(self.letter);
        match self.die {
            0 => write!(f, "{letter}{}", self.number),
            die => write!(f, "{letter}{}.{die}", self.number),
        }
    }
}

/// What a channel of the CPU's states is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpuChannel {
    /// The levels that were requested for a core.
    Core(Complex, u32),
    /// The levels that were requested for a cluster.
    Requested(Complex),
    /// The levels that a cluster ran at.
    Realised(Complex),
}

/// Reads a channel of a core: `ECPU010` (cluster 0, core 1), `PCPU3`, `DIE_1_PCPU1_CPU2`.
pub fn core(name: &str) -> Option<CpuChannel> {
    let (die, rest) = split_die(name);
    let (letter, rest) = lettered(rest, "CPU")?;
    let complex = |number| Complex { die: die.unwrap_or(0), letter, number };
    let number = |text: &str| text.parse::<u32>().ok();
    if let Some((cluster, core)) = rest.split_once('_') {
        let core = core.strip_prefix("CPU").unwrap_or(core);
        let cluster = if cluster.is_empty() { 0 } else { number(cluster)? };
        return Some(CpuChannel::Core(complex(cluster), number(core)?));
    }
    if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match rest.len() {
        1 => Some(CpuChannel::Core(complex(0), number(rest)?)),
        // The name is the eight bytes of an identifier, whose last one is always 0.
        3 if rest.ends_with('0') => {
            Some(CpuChannel::Core(complex(number(&rest[..1])?), number(&rest[1..2])?))
        }
        2 => Some(CpuChannel::Core(complex(number(&rest[..1])?), number(&rest[1..])?)),
        _ => None,
    }
}

/// Reads a channel of a cluster: `ECPU`, `PCPU1`, `PCPM`, `DIE_0_PCPM1`. `PCPM_IDLE` is none.
pub fn complex(name: &str) -> Option<CpuChannel> {
    let (die, rest) = split_die(name);
    let (kind, (letter, rest)) = match lettered(rest, "CPM") {
        Some(found) => (CpuChannel::Realised as fn(Complex) -> CpuChannel, found),
        None => (CpuChannel::Requested as fn(Complex) -> CpuChannel, lettered(rest, "CPU")?),
    };
    let number = if rest.is_empty() { 0 } else { rest.parse().ok()? };
    Some(kind(Complex { die: die.unwrap_or(0), letter, number }))
}

/// What of the cores a channel of the energy model counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnergyOf {
    Core(Complex, u32),
    Cluster(Complex),
}

/// Reads a channel of the energy of a core (`EACC_CPU0`, `PACC1_CPU3`; `PACC_5`, `MCPU1_5` on an M5) or
/// of a cluster (`PACC0_CPU`; `PCPU`, `MCPU1`). What is in a core's already (`_SRAM`), the power
/// controller (`CPM`) and energy by level (`DTL`) are none.
pub fn energy_of(name: &str) -> Option<EnergyOf> {
    let (die, rest) = split_die(name);
    let complex = |letter, number| Complex { die: die.unwrap_or(0), letter, number };
    let number = |text: &str| match text {
        "" => Some(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u32>().ok(),
        _ => None,
    };
    if let Some((letter, rest)) = lettered(rest, "ACC") {
        let (cluster, core) = rest.split_once('_')?;
        let of = complex(letter, number(cluster)?);
        return match core.strip_prefix("CPU").unwrap_or(core) {
            "" => (core == "CPU").then_some(EnergyOf::Cluster(of)),
            core => Some(EnergyOf::Core(of, number(core)?)),
        };
    }
    let (letter, rest) = lettered(rest, "CPU")?;
    match rest.split_once('_') {
        Some((_, "")) => None,
        Some((cluster, core)) => {
            Some(EnergyOf::Core(complex(letter, number(cluster)?), number(core)?))
        }
        // Before macOS 12 single cores were named so; clusters of M cores are.
        None if letter != b'M' && !rest.is_empty() => {
            Some(EnergyOf::Core(complex(letter, 0), number(rest)?))
        }
        None => Some(EnergyOf::Cluster(complex(letter, number(rest)?))),
    }
}

/// `PCPU1` taken apart into `P` and `1`.
fn lettered<'a>(name: &'a str, word: &str) -> Option<(u8, &'a str)> {
    let letter = *name.as_bytes().first().filter(|letter| b"EMPS".contains(letter))?;
    Some((letter, name.get(1..)?.strip_prefix(word)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::apple::fixture::{columns, fixture};

    fn of(names: &[&str], wanted: Rail) -> Vec<String> {
        let rails = rails(names.iter().copied());
        let chosen = rails.iter().filter(|(_, rail)| *rail == wanted);
        chosen.map(|&(place, _)| names[place].to_owned()).collect()
    }

    #[test]
    fn one_or_two_channels_of_hundreds_are_the_cpu() {
        for (file, count, cpu, gpu, ane, dram) in [
            ("energy-model-m5-max.tsv", 364, &["CPU Energy"][..], "GPU Energy", 1, 1),
            (
                "energy-model-m1-ultra.tsv",
                321,
                &["DIE_0_CPU Energy", "DIE_1_CPU Energy"][..],
                "GPU Energy",
                2,
                2,
            ),
        ] {
            let Some(text) = fixture(&format!("ioreport/{file}")) else { return };
            let rows = columns(&text);
            let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
            assert_eq!(names.len(), count, "{file}");
            assert_eq!(of(&names, Rail::Cpu), cpu);
            assert_eq!(of(&names, Rail::Gpu), [gpu]);
            assert_eq!(of(&names, Rail::Ane).len(), ane, "{file}");
            assert_eq!(of(&names, Rail::Dram).len(), dram, "{file}");
            for row in rows {
                assert!(energy_exponent(row[1]).is_some(), "{row:?}");
            }
        }
    }

    #[test]
    fn rails_are_exact_and_totals_replace_their_parts() {
        let ultra = ["GPU0_0", "GPU CS0_0", "GPU SRAM0_1", "GPU Energy", "ANE0_0", "ANE0_1"];
        assert_eq!(of(&ultra, Rail::Gpu), ["GPU Energy"]);
        assert_eq!(of(&ultra, Rail::GpuSram), ["GPU CS0_0", "GPU SRAM0_1"]);
        assert_eq!(of(&ultra, Rail::Ane), ["ANE0_0", "ANE0_1"]);
        assert_eq!(of(&["GPU0", "GPU1_1", "GPUPH", "GPU_CLTM"], Rail::Gpu), ["GPU0", "GPU1_1"]);
        // Betas of macOS 27 wrote something before some names.
        assert_eq!(of(&["PRIM CPU Energy", "DIE0 CPU Energy"], Rail::Cpu), ["PRIM CPU Energy"]);
        assert_eq!(of(&["DIE0 CPU Energy", "DIE1 CPU Energy"], Rail::Cpu).len(), 2);
        assert_eq!(of(&["PRIM DRAM0", "PRIM DRAM0 X"], Rail::Dram), ["PRIM DRAM0"]);
        let both = ["CPU Energy", "DIE_0_CPU Energy", "DIE_1_CPU Energy"];
        assert_eq!(of(&both, Rail::Cpu), ["CPU Energy"]);
        let none =
            ["PCPU", "PCPU0_SRAM", "EACC_CPU", "PACC0_CPU1", "PCPUDTL0e", "ECPM", "ANE_", ""];
        assert_eq!(rails(none.iter().copied()), []);
        assert_eq!(
            of(&["PCIe Port 0 Energy", "apciec3 Energy", "PCIe Port x Energy"], Rail::Pcie).len(),
            2
        );
        let units = ["mJ", "mJ  ", "uJ", "nJ", "", "W", "24Mticks"].map(energy_exponent);
        assert_eq!(units, [Some(-3), Some(-3), Some(-6), Some(-9), None, None, None]);
    }

    #[test]
    fn energy_of_cores_and_clusters_is_told_by_names() {
        let of = |die, letter, number| Complex { die, letter, number };
        for (name, wanted) in [
            ("EACC_CPU0", Some(EnergyOf::Core(of(0, b'E', 0), 0))),
            ("PACC1_CPU3", Some(EnergyOf::Core(of(0, b'P', 1), 3))),
            ("DIE_1_PACC0_CPU2", Some(EnergyOf::Core(of(1, b'P', 0), 2))),
            ("PACC_5", Some(EnergyOf::Core(of(0, b'P', 0), 5))),
            ("MCPU1_4", Some(EnergyOf::Core(of(0, b'M', 1), 4))),
            ("PCPU3", Some(EnergyOf::Core(of(0, b'P', 0), 3))),
            ("EACC_CPU", Some(EnergyOf::Cluster(of(0, b'E', 0)))),
            ("DIE_0_PACC1_CPU", Some(EnergyOf::Cluster(of(0, b'P', 1)))),
            ("MCPU1", Some(EnergyOf::Cluster(of(0, b'M', 1)))),
            ("PCPU", Some(EnergyOf::Cluster(of(0, b'P', 0)))),
            ("PCPU0_SRAM", None),
            ("MCPU0_0_SRAM", None),
            ("DIE_0_EACC_CPM", None),
            ("PCPUDTL12", None),
            ("MCPU1_", None),
            ("PACC_", None),
            ("EACC", None),
            ("PACC+1_CPU2", None),
            ("CPU Energy", None),
            ("", None),
        ] {
            assert_eq!(energy_of(name), wanted, "{name}");
        }
        for (file, cores, clusters) in
            [("energy-model-m5-max.tsv", 18, 3), ("energy-model-m1-ultra.tsv", 20, 6)]
        {
            let Some(text) = fixture(&format!("ioreport/{file}")) else { return };
            let rows = columns(&text);
            let told: BTreeSet<EnergyOf> =
                rows.iter().filter_map(|row| energy_of(row[0])).collect();
            let of_clusters = told.iter().filter(|of| matches!(of, EnergyOf::Cluster(_))).count();
            assert_eq!((told.len() - of_clusters, of_clusters), (cores, clusters), "{file}");
        }
    }

    #[test]
    fn names_of_cores_tell_die_cluster_and_number() {
        let told = |name: &str| match core(name) {
            Some(CpuChannel::Core(complex, core)) => {
                format!("{} {}{} {core}", complex.die, char::from(complex.letter), complex.number)
            }
            _ => String::new(),
        };
        for (name, wanted) in [
            ("ECPU010", "0 E0 1"),
            ("PCPU130", "0 P1 3"),
            ("MCPU150", "0 M1 5"),
            ("ECPU0", "0 E0 0"),
            ("PCPU3", "0 P0 3"),
            ("DIE_0_ECPU_CPU0", "0 E0 0"),
            ("DIE_1_PCPU1_CPU2", "1 P1 2"),
            ("DIE0 PCPU_CPU3", "0 P0 3"),
            ("PRIM PCPU13", "0 P1 3"),
            ("GPUPH", ""),
            ("PCPU", ""),
            ("PCPU1234", ""),
            ("PCPUx", ""),
            ("", ""),
            ("DIE_", ""),
        ] {
            assert_eq!(told(name), wanted, "{name}");
        }
    }

    #[test]
    fn clusters_are_told_as_requested_and_as_they_ran() {
        let of = |die, letter, number| Complex { die, letter, number };
        for (name, wanted) in [
            ("ECPU", Some(CpuChannel::Requested(of(0, b'E', 0)))),
            ("PCPU1", Some(CpuChannel::Requested(of(0, b'P', 1)))),
            ("PCPM", Some(CpuChannel::Realised(of(0, b'P', 0)))),
            ("MCPM1", Some(CpuChannel::Realised(of(0, b'M', 1)))),
            ("DIE_1_PCPM1", Some(CpuChannel::Realised(of(1, b'P', 1)))),
            ("PCPM_IDLE", None),
            ("ANE", None),
        ] {
            assert_eq!(complex(name), wanted, "{name}");
        }
        assert_eq!(Tier::of(b'P', true), Some(Tier::Super));
        assert_eq!(Tier::of(b'M', true), Some(Tier::Performance));
        assert_eq!(Tier::of(b'P', false), Some(Tier::Performance));
    }

    #[test]
    fn every_recorded_core_is_told() {
        let Some(text) = fixture("residency/residency-deltas.tsv") else { return };
        let mut cores = 0;
        for row in columns(&text) {
            match row[1] {
                "CPU Core Performance States" => {
                    assert!(core(row[2]).is_some(), "{}", row[2]);
                    cores += 1;
                }
                "CPU Complex Performance States" => {
                    assert_eq!(complex(row[2]).is_some(), row[2] != "PCPM_IDLE", "{}", row[2]);
                }
                other => assert_eq!((other, row[2]), ("GPU Performance States", "GPUPH")),
            }
        }
        assert_eq!(cores, 15);
    }
}
