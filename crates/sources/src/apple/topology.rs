//! Which logical CPU belongs to which cluster, from the nodes of the device tree.

use super::names::{Complex, Tier};
use super::value::Value;

/// One CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpu {
    pub number: u32,
    /// E, P, M or S.
    pub letter: u8,
    /// Number of the cluster among all of them.
    pub cluster: u32,
}

/// Reads a `cpu<N>` node.
pub fn cpu(node: &Value) -> Option<Cpu> {
    let letter = *node.text_at("cluster-type")?.as_bytes().first()?;
    let number = |key: &str| u32::try_from(node.integer_at(key)?).ok();
    Some(Cpu {
        number: number("logical-cpu-id").or_else(|| number("cpu-id"))?,
        letter: letter.is_ascii_uppercase().then_some(letter)?,
        cluster: number("logical-cluster-id").or_else(|| number("cluster-id"))?,
    })
}

/// The kind of a letter among letters. Nodes of a chip with super cores may say S, or P beside M.
pub fn tier(letter: u8, all: impl Iterator<Item = u8>, is_super_named: bool) -> Option<Tier> {
    let (mut has_m, mut has_s) = (false, false);
    for letter in all {
        has_m |= letter == b'M';
        has_s |= letter == b'S';
    }
    Tier::of(letter, !has_s && (has_m || is_super_named))
}

/// Lays channels of cores to logical CPUs: the cores of each cluster in their order, clusters of a
/// kind in theirs. Both lists may be incomplete; what has no partner is left out.
pub fn pair(cpus: &[Cpu], channels: &[(Complex, u32)], is_super_named: bool) -> Vec<(usize, u32)> {
    let of_cpu = |cpu: &Cpu| tier(cpu.letter, cpus.iter().map(|cpu| cpu.letter), is_super_named);
    let of_channel = |complex: Complex| {
        tier(complex.letter, channels.iter().map(|(of, _)| of.letter), is_super_named)
    };
    let mut left = cpus.to_vec();
    left.sort_unstable_by_key(|cpu| (cpu.cluster, cpu.number));
    let mut order: Vec<usize> = (0..channels.len()).collect();
    order.sort_unstable_by_key(|&place| {
        let (complex, core) = channels[place];
        (complex.die, complex.number, complex.letter, core)
    });
    let mut pairs = Vec::with_capacity(order.len());
    for place in order {
        let wanted = of_channel(channels[place].0);
        let found = left.iter().position(|cpu| of_cpu(cpu) == wanted && wanted.is_some());
        pairs.extend(found.map(|found| (place, left.remove(found).number)));
    }
    pairs
}

/// Numbers for channels of cores where the device tree names no CPUs: the slower kinds first, within
/// each die.
pub fn numbered(channels: &[(Complex, u32)]) -> Vec<(usize, u32)> {
    let mut order: Vec<usize> = (0..channels.len()).collect();
    let rank = |letter: u8| b"EMPS".iter().position(|&known| known == letter);
    order.sort_unstable_by_key(|&place| {
        let (complex, core) = channels[place];
        (complex.die, rank(complex.letter), complex.number, core)
    });
    order.into_iter().zip(0..).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{fixture, registry};

    #[test]
    fn the_recorded_cpus_are_four_of_each() {
        let Some(text) = fixture("m1-macbookair10-1/ioreg-cpus.txt") else { return };
        let mut cpus: Vec<Cpu> =
            registry(&text).iter().filter_map(|entry| cpu(&entry.properties)).collect();
        cpus.sort_unstable();
        let told: Vec<(u32, char, u32)> =
            cpus.iter().map(|cpu| (cpu.number, char::from(cpu.letter), cpu.cluster)).collect();
        let e = (0..4).map(|number| (number, 'E', 0));
        let p = (4..8).map(|number| (number, 'P', 1));
        assert_eq!(told, e.chain(p).collect::<Vec<_>>());
    }

    #[test]
    fn super_cores_are_told_by_either_letter() {
        let channels = [
            (Complex { die: 0, letter: b'M', number: 0 }, 0),
            (Complex { die: 0, letter: b'P', number: 0 }, 0),
        ];
        for letters in [b"MS", b"MP", b"PS"] {
            let cpus =
                [0, 1].map(|at| Cpu { number: at as u32, letter: letters[at], cluster: at as u32 });
            assert_eq!(pair(&cpus, &channels, true), [(0, 0), (1, 1)], "{letters:?}");
        }
        assert_eq!(tier(b'P', b"EP".iter().copied(), true), Some(Tier::Super), "a base M5");
        assert_eq!(tier(b'P', b"EP".iter().copied(), false), Some(Tier::Performance));
    }

    #[test]
    fn channels_of_an_ultra_find_cpus_that_are_not_adjacent() {
        let cpu = |number, letter, cluster| Cpu { number, letter, cluster };
        // E cores of the second die stand after the P cores of the first.
        let cpus = [cpu(0, b'E', 0), cpu(1, b'P', 1), cpu(2, b'E', 2), cpu(3, b'P', 3)];
        let complex = |die, letter| Complex { die, letter, number: 0 };
        let channels = [
            (complex(0, b'P'), 0),
            (complex(1, b'E'), 0),
            (complex(0, b'E'), 0),
            (complex(1, b'P'), 0),
        ];
        assert_eq!(pair(&cpus, &channels, false), [(2, 0), (0, 1), (1, 2), (3, 3)]);
        assert_eq!(pair(&cpus[..1], &channels, false), [(2, 0)], "what has no partner is left out");
        assert_eq!(pair(&[], &channels, false), []);
        assert_eq!(numbered(&channels), [(2, 0), (0, 1), (1, 2), (3, 3)]);
    }
}
