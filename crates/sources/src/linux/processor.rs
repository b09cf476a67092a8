//! The processor's name, from `/proc/cpuinfo`.

use std::collections::BTreeSet;
use std::path::Path;

use super::file;
use super::parse;

/// The name as the processor gives it. ARM processors give numbers, which are looked up; where a
/// number is not known, the board's name in the device tree has to do.
pub(crate) fn model(cpuinfo: &[u8], proc: &Path) -> Option<Vec<u8>> {
    let value = |wanted: &[u8]| {
        parse::lines(cpuinfo)
            .filter_map(parse::keyed)
            .find(|&(key, value)| key.eq_ignore_ascii_case(wanted) && !value.is_empty())
            .map(|(_, value)| value.to_vec())
    };
    // arm64 puts "model name" into cpuinfo for 32-bit programs alone.
    let named = || value(b"model name").filter(|name| !name.starts_with(b"ARMv"));
    named()
        .or_else(|| arm(cpuinfo))
        .or_else(|| value(b"cpu model")) // MIPS
        .or_else(|| value(b"uarch")) // RISC-V
        .or_else(|| board(proc))
        .or_else(|| value(b"cpu")) // POWER
}

/// The board, from the device tree; its strings end in a zero byte.
fn board(proc: &Path) -> Option<Vec<u8>> {
    let mut name = file::short(&proc.join("device-tree/model")).ok()?;
    name.retain(|&byte| byte != 0);
    (!name.is_empty()).then_some(name)
}

/// The kinds of ARM cores in the machine, such as `Cortex-A76 + Cortex-A55`. `None` if any of them
/// is not in the table.
fn arm(cpuinfo: &[u8]) -> Option<Vec<u8>> {
    let mut implementer = None;
    let mut kinds = BTreeSet::new();
    for (key, value) in parse::lines(cpuinfo).filter_map(parse::keyed) {
        match key {
            b"CPU implementer" => implementer = parse::hexadecimal(value),
            b"CPU part" => {
                kinds.extend(implementer.zip(parse::hexadecimal(value)));
            }
            _ => {}
        }
    }
    // Larger cores have had higher numbers within each generation: they come first.
    let names: Option<Vec<&str>> = kinds.iter().rev().map(|&(by, part)| name(by, part)).collect();
    let names = names?;
    (!names.is_empty()).then(|| names.join(" + ").into_bytes())
}

/// Main ID Register: implementer and part number, as in the reference manuals of the cores.
fn name(implementer: u64, part: u64) -> Option<&'static str> {
    const ARM: u64 = 0x41;
    const BROADCOM: u64 = 0x42;
    const CAVIUM: u64 = 0x43;
    const FUJITSU: u64 = 0x46;
    const HISILICON: u64 = 0x48;
    const NVIDIA: u64 = 0x4e;
    const APM: u64 = 0x50;
    const QUALCOMM: u64 = 0x51;
    const APPLE: u64 = 0x61;
    const AMPERE: u64 = 0xc0;
    Some(match (implementer, part) {
        (ARM, 0xb76) => "ARM1176",
        (ARM, 0xc05) => "Cortex-A5",
        (ARM, 0xc07) => "Cortex-A7",
        (ARM, 0xc08) => "Cortex-A8",
        (ARM, 0xc09) => "Cortex-A9",
        (ARM, 0xc0e) => "Cortex-A17",
        (ARM, 0xc0f) => "Cortex-A15",
        (ARM, 0xd03) => "Cortex-A53",
        (ARM, 0xd04) => "Cortex-A35",
        (ARM, 0xd05) => "Cortex-A55",
        (ARM, 0xd07) => "Cortex-A57",
        (ARM, 0xd08) => "Cortex-A72",
        (ARM, 0xd09) => "Cortex-A73",
        (ARM, 0xd0a) => "Cortex-A75",
        (ARM, 0xd0b) => "Cortex-A76",
        (ARM, 0xd0c) => "Neoverse-N1",
        (ARM, 0xd0d) => "Cortex-A77",
        (ARM, 0xd40) => "Neoverse-V1",
        (ARM, 0xd41) => "Cortex-A78",
        (ARM, 0xd42) => "Cortex-A78AE",
        (ARM, 0xd44) => "Cortex-X1",
        (ARM, 0xd46) => "Cortex-A510",
        (ARM, 0xd47) => "Cortex-A710",
        (ARM, 0xd48) => "Cortex-X2",
        (ARM, 0xd49) => "Neoverse-N2",
        (ARM, 0xd4a) => "Neoverse-E1",
        (ARM, 0xd4b) => "Cortex-A78C",
        (ARM, 0xd4d) => "Cortex-A715",
        (ARM, 0xd4e) => "Cortex-X3",
        (ARM, 0xd4f) => "Neoverse-V2",
        (ARM, 0xd80) => "Cortex-A520",
        (ARM, 0xd81) => "Cortex-A720",
        (ARM, 0xd82) => "Cortex-X4",
        (ARM, 0xd84) => "Neoverse-V3",
        (ARM, 0xd85) => "Cortex-X925",
        (ARM, 0xd87) => "Cortex-A725",
        (ARM, 0xd8e) => "Neoverse-N3",
        (BROADCOM, 0x516) | (CAVIUM, 0x0af) => "ThunderX2",
        (CAVIUM, 0x0a1) => "ThunderX",
        (FUJITSU, 0x001) => "A64FX",
        (HISILICON, 0xd01) => "Kunpeng 920",
        (NVIDIA, 0x003) => "Denver 2",
        (NVIDIA, 0x004) => "Carmel",
        (APM, 0x000) => "X-Gene",
        (QUALCOMM, 0x001) => "Oryon",
        (QUALCOMM, 0x800) => "Kryo 2xx Gold",
        (QUALCOMM, 0x801) => "Kryo 2xx Silver",
        (QUALCOMM, 0x802) => "Kryo 3xx Gold",
        (QUALCOMM, 0x803) => "Kryo 3xx Silver",
        (QUALCOMM, 0x804) => "Kryo 4xx Gold",
        (QUALCOMM, 0x805) => "Kryo 4xx Silver",
        (APPLE, 0x022) => "Apple Icestorm (M1)",
        (APPLE, 0x023) => "Apple Firestorm (M1)",
        (APPLE, 0x024) => "Apple Icestorm (M1 Pro)",
        (APPLE, 0x025) => "Apple Firestorm (M1 Pro)",
        (APPLE, 0x028) => "Apple Icestorm (M1 Max)",
        (APPLE, 0x029) => "Apple Firestorm (M1 Max)",
        (APPLE, 0x032) => "Apple Blizzard (M2)",
        (APPLE, 0x033) => "Apple Avalanche (M2)",
        (APPLE, 0x034) => "Apple Blizzard (M2 Pro)",
        (APPLE, 0x035) => "Apple Avalanche (M2 Pro)",
        (APPLE, 0x038) => "Apple Blizzard (M2 Max)",
        (APPLE, 0x039) => "Apple Avalanche (M2 Max)",
        (AMPERE, 0xac3) => "Ampere-1",
        (AMPERE, 0xac4) => "Ampere-1a",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn every_architecture_names_itself_its_own_way() {
        let big = "CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
        let small = "CPU implementer\t: 0x41\nCPU part\t: 0xd05\n";
        for (text, wanted) in [
            ("processor\t: 0\nmodel name\t: AMD EPYC 9654\n".to_owned(), "AMD EPYC 9654"),
            (format!("{small}{small}{big}"), "Cortex-A76 + Cortex-A55"),
            (format!("model name\t: ARMv8 Processor rev 4 (v8l)\n{small}"), "Cortex-A55"),
            ("cpu\t\t: POWER9, altivec supported\n".to_owned(), "POWER9, altivec supported"),
            ("Model Name\t\t: Loongson-3A6000\n".to_owned(), "Loongson-3A6000"),
            ("hart: 0\nuarch\t: sifive,u74-mc\n".to_owned(), "sifive,u74-mc"),
        ] {
            let found = model(text.as_bytes(), Path::new("/nowhere"));
            assert_eq!(found.as_deref(), Some(wanted.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_unknown_core_has_the_name_of_its_board() {
        let tree = Tree::new(&[("proc/device-tree/model", "Board 5 Model B\u{0}")]);
        let text = b"CPU implementer\t: 0x41\nCPU part\t: 0xfff\n";
        let proc = tree.roots().proc;
        assert_eq!(model(text, &proc).as_deref(), Some(&b"Board 5 Model B"[..]));
        tree.remove("proc/device-tree/model");
        assert_eq!(model(text, &proc), None);
        assert_eq!(model(b"model name :\n\xff\nCPU part: 0x\n", &proc), None);
    }
}
