//! Which logical CPU belongs to which cluster, from the nodes of the device tree.

use super::names::Complex;
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

/// Lays channels of cores to logical CPUs: the cores of each cluster in their order, clusters of a
/// letter in theirs. Both lists may be incomplete; what has no partner is left out.
pub fn pair(cpus: &[Cpu], channels: &[(Complex, u32)]) -> Vec<(usize, u32)> {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable_by_key(|cpu| (cpu.letter, cpu.cluster, cpu.number));
    let mut order: Vec<usize> = (0..channels.len()).collect();
    order.sort_unstable_by_key(|&place| {
        let (complex, core) = channels[place];
        (complex.letter, complex.die, complex.number, core)
    });
    let mut pairs = Vec::with_capacity(order.len());
    for place in order {
        let letter = channels[place].0.letter;
        let Some(found) = cpus.iter().position(|cpu| cpu.letter == letter) else { continue };
        pairs.push((place, cpus.remove(found).number));
    }
    pairs
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
        assert_eq!(pair(&cpus, &channels), [(2, 0), (1, 2), (0, 1), (3, 3)]);
        assert_eq!(pair(&cpus[..1], &channels), [(2, 0)], "what has no partner is left out");
        assert_eq!(pair(&[], &channels), []);
    }
}
