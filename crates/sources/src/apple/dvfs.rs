//! Tables of frequencies: the properties `voltage-states<N>` of the power manager's node.
//!
//! Each is an array of pairs of 32-bit words, a frequency of some kind and millivolts, slowest first.
//! The unit of a table is told by the size of its numbers: hertz up to the M3, kilohertz from the M4
//! on, and hertz again on the A18. Names of chips tell nothing that lasts.

use super::names::Tier;
use super::value::Value;

const MEGA: u32 = 1_000_000;
/// Word of a table without `-sram`: 65536 s divided by the kilohertz.
const PERIOD: u64 = 65_536_000_000;
/// Clocks that a core can have, in MHz.
const CORE_MHZ: std::ops::RangeInclusive<u64> = 300..=8_000;
/// No GPU of a Mac runs faster.
const GPU_HIGHEST_MHZ: u32 = 2_200;

/// A table, in MHz; 0 stands for a state in which the unit is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub number: u32,
    pub is_sram: bool,
    pub mhz: Vec<u32>,
}

impl Table {
    /// Reads a table; `None` if it holds no frequencies.
    pub fn decode(name: &str, bytes: &[u8]) -> Option<Table> {
        let rest = name.strip_prefix("voltage-states")?;
        let (number, is_sram) = match rest.strip_suffix("-sram") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let number = number.parse().ok()?;
        let words: Vec<u32> = bytes.chunks_exact(8).map(first_word).collect();
        let highest = *words.iter().max()?;
        if highest < 1_000 {
            return None;
        }
        let round = |value: u64, unit: u64| u32::try_from((value + unit / 2) / unit).ok();
        let is_off_first = words.first() == Some(&0);
        let mhz: Option<Vec<u32>> = if highest >= 100 * MEGA {
            words.iter().map(|&hertz| round(u64::from(hertz), 1_000_000)).collect()
        } else if is_sram || is_off_first {
            if highest < 100_000 {
                return None;
            }
            words.iter().map(|&kilohertz| round(u64::from(kilohertz), 1_000)).collect()
        } else {
            // A period: the slowest state has the largest word.
            words
                .iter()
                .map(|&word| {
                    let kilohertz = PERIOD.checked_div(u64::from(word))?;
                    CORE_MHZ.contains(&(kilohertz / 1_000)).then_some(())?;
                    round(kilohertz, 1_000)
                })
                .collect()
        };
        Some(Table { number, is_sram, mhz: mhz? })
    }

    /// The highest clock: the last state is not always it.
    pub fn highest(&self) -> u32 {
        self.mhz.iter().copied().max().unwrap_or(0)
    }

    /// The lowest clock at which the unit works.
    pub fn lowest(&self) -> u32 {
        self.mhz.iter().copied().filter(|&mhz| mhz > 0).min().unwrap_or(0)
    }

    fn is_of_gpu(&self) -> bool {
        self.mhz.first() == Some(&0) && self.highest() < GPU_HIGHEST_MHZ
    }

    fn is_of_cores(&self) -> bool {
        !self.mhz.contains(&0) && self.highest() >= 1_000
    }
}

fn first_word(pair: &[u8]) -> u32 {
    pair.first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// What the power manager's node says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    tables: Vec<Table>,
    /// Numbers of the tables of clusters, slowest first, where the chip tells.
    clusters: Vec<u32>,
}

impl Tables {
    /// Reads every table among the properties of a node.
    pub fn of(node: &Value) -> Tables {
        let tables = node.members().iter();
        let tables = tables.filter_map(|(name, value)| Table::decode(name, value.data()?));
        let mut clusters: Vec<(u8, u32)> = node
            .get("acc-clusters")
            .and_then(Value::data)
            .unwrap_or(&[])
            .chunks_exact(8)
            .map(|entry| (entry[1], u32::from(entry[0])))
            .collect();
        clusters.sort_unstable();
        Tables {
            tables: tables.collect(),
            clusters: clusters.into_iter().map(|(_, number)| number).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// A table of cores by its number: the one that has hertz, else the one that has periods.
    fn cores(&self, number: u32) -> Option<&Table> {
        let tables =
            || self.tables.iter().filter(|table| table.number == number && table.is_of_cores());
        tables().find(|table| table.is_sram).or_else(|| tables().next())
    }

    /// The table of a kind of cores. `states` is the number of levels that a core of that kind
    /// reports: a table of another length is not its.
    pub fn of_tier(&self, tier: Tier, states: usize) -> Option<&Table> {
        let fits = |table: &&Table| table.mhz.len() == states;
        let numbers: Vec<u32> = if self.clusters.is_empty() {
            match tier {
                Tier::Efficiency => vec![1],
                Tier::Performance | Tier::Super => vec![5, 13],
            }
        } else {
            // Tables of equal clocks are clusters of one kind: the fastest kind is the super cores,
            // or the performance cores where there are no two kinds above efficiency.
            let mut kinds: Vec<u32> = Vec::new();
            for &number in &self.clusters {
                let same = |&&kind: &&u32| {
                    self.cores(kind).map(|table| &table.mhz)
                        == self.cores(number).map(|table| &table.mhz)
                };
                if kinds.iter().find(same).is_none() {
                    kinds.push(number);
                }
            }
            let place = match tier {
                Tier::Super => kinds.len().checked_sub(1),
                Tier::Performance if kinds.len() >= 2 => kinds.len().checked_sub(2),
                Tier::Performance => kinds.len().checked_sub(1),
                Tier::Efficiency => Some(0),
            };
            place.and_then(|place| kinds.get(place).copied()).into_iter().collect()
        };
        let named = numbers.iter().filter_map(|&number| self.cores(number)).find(fits);
        // Whatever the number: as many levels as the core has.
        named.or_else(|| {
            let all = self.tables.iter().filter(|table| table.is_of_cores());
            all.filter(fits).max_by_key(|table| (table.is_sram, table.highest()))
        })
    }

    /// The table of the graphics processor.
    pub fn of_gpu(&self) -> Option<&Table> {
        let wanted = [(9, false), (14, false), (9, true)];
        wanted.iter().find_map(|&(number, is_sram)| {
            let found = |table: &&Table| {
                table.number == number && table.is_sram == is_sram && table.is_of_gpu()
            };
            self.tables.iter().find(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{fixture, registry};

    fn pairs(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| [word.to_le_bytes(), 700_u32.to_le_bytes()].concat()).collect()
    }

    fn node(tables: &[(&str, &[u32])]) -> Value {
        let member =
            |(name, words): &(&str, &[u32])| ((*name).to_owned(), Value::Data(pairs(words)));
        Value::Dictionary(tables.iter().map(member).collect())
    }

    #[test]
    fn the_size_of_numbers_tells_their_unit() {
        let decode = |name: &str, words: &[u32]| Table::decode(name, &pairs(words)).map(|t| t.mhz);
        assert_eq!(
            decode("voltage-states5-sram", &[600_000_000, 3_204_000_000]),
            Some(vec![600, 3204])
        );
        assert_eq!(decode("voltage-states5-sram", &[1_308_000, 4_608_000]), Some(vec![1308, 4608]));
        assert_eq!(decode("voltage-states5", &[50_103, 14_222]), Some(vec![1308, 4608]));
        assert_eq!(decode("voltage-states9", &[0, 396_000_000]), Some(vec![0, 396]));
        // Clocks are rounded: 4043 was shown where 4044 MHz ran.
        assert_eq!(
            decode("voltage-states5-sram", &[1_499_800_000, 4_043_900_000]),
            Some(vec![1500, 4044])
        );
        for (name, words) in [
            ("voltage-states0", &[1, 1, 2][..]),
            ("voltage-states5", &[0, 5_000][..]),
            ("voltage-states5", &[]),
            ("voltage-states", &[600_000_000]),
            ("voltage-statesx-sram", &[600_000_000]),
            ("voltage-states5-sram", &[5_000]),
        ] {
            assert_eq!(decode(name, words), None, "{name} {words:?}");
        }
        assert_eq!(Table::decode("voltage-states5-sram", &[1, 2, 3]), None);
    }

    #[test]
    fn tables_go_to_their_tiers_and_must_have_as_many_states() {
        let p = [696, 1092, 4056].map(|mhz| mhz * MEGA);
        let tables = Tables::of(&node(&[
            ("voltage-states1-sram", &[744 * MEGA, 2748 * MEGA]),
            ("voltage-states5-sram", &p),
            ("voltage-states8", &[432 * MEGA, 1464 * MEGA]),
            ("voltage-states9", &[0, 338 * MEGA, 1380 * MEGA]),
        ]));
        assert_eq!(tables.of_tier(Tier::Efficiency, 2).map(Table::highest), Some(2748));
        assert_eq!(tables.of_tier(Tier::Performance, 3).map(Table::highest), Some(4056));
        assert_eq!(tables.of_tier(Tier::Performance, 4), None, "no table has four states");
        // Names the wrong way round: the number of states is trusted.
        assert_eq!(tables.of_tier(Tier::Efficiency, 3).map(Table::highest), Some(4056));
        assert_eq!(tables.of_gpu().map(Table::lowest), Some(338));
        assert_eq!(Tables::default().of_gpu(), None);
    }

    /// Bytes of a table in the recorded JSON, which is read by eye: there is no JSON reader here.
    fn recorded(chip: &str) -> Option<Tables> {
        let text = fixture("dvfs/voltage-states.json")?;
        let after = text.split(&format!("\"{chip}")).nth(1).expect("the chip");
        let raw = after.split("\"raw_hex\": {").nth(1).expect("bytes");
        let raw = raw.split('}').next().expect("the end");
        let mut members = Vec::new();
        for line in raw.lines() {
            let words: Vec<&str> = line.split('"').collect();
            let [_, name, _, hex, _] = words[..] else { continue };
            let byte = |place: usize| u8::from_str_radix(&hex[place..place + 2], 16).expect("hex");
            let bytes = (0..hex.len() / 2).map(|place| byte(place * 2)).collect();
            members.push((name.to_owned(), Value::Data(bytes)));
        }
        Some(Tables::of(&Value::Dictionary(members)))
    }

    #[test]
    fn the_recorded_tables_give_the_clocks_that_chips_have() {
        let Some(m1) = recorded("m1 (") else { return };
        let ends = |table: Option<&Table>| table.map(|t| (t.mhz.len(), t.lowest(), t.highest()));
        assert_eq!(ends(m1.of_tier(Tier::Efficiency, 5)), Some((5, 600, 2064)));
        assert_eq!(ends(m1.of_tier(Tier::Performance, 15)), Some((15, 600, 3204)));
        // Not table 8, which has as many states and is another unit's.
        assert_eq!(ends(m1.of_gpu()), Some((7, 396, 1278)));
        let m5 = recorded("m5-max").expect("recorded");
        assert_eq!(ends(m5.of_tier(Tier::Super, 20)), Some((20, 1308, 4608)));
        assert_eq!(ends(m5.of_tier(Tier::Performance, 15)), Some((15, 1344, 4380)));
        assert_eq!(ends(m5.of_gpu()), Some((14, 338, 1620)));
        let a18 = recorded("a18-pro").expect("recorded");
        // No -sram table was recorded as bytes: the periods say the same.
        assert_eq!(ends(a18.of_tier(Tier::Performance, 17)), Some((17, 744, 4044)));
        assert_eq!(ends(a18.of_gpu()), Some((16, 338, 1470)));
    }

    #[test]
    fn the_recorded_registry_gives_the_same() {
        let Some(text) = fixture("m1-macbookair10-1/ioreg-pmgr.txt") else { return };
        let node = registry(&text).remove(0);
        let tables = Tables::of(&node.properties);
        assert_eq!(tables.of_tier(Tier::Performance, 15).map(Table::highest), Some(3204));
        assert_eq!(
            tables.of_tier(Tier::Efficiency, 5).map(|table| table.mhz.clone()),
            Some(vec![600, 972, 1332, 1704, 2064])
        );
    }
}
