//! `gpu_metrics` of amdgpu: a table of the firmware's in binary.
//!
//! Its head has the size, the format (1 for boards, 2 and 3 for processors with graphics) and the
//! version of the content. The places are those of the kernel's `kgd_pp_interface.h`. A field of which
//! all bits are set is one that the device does not have. Versions that are not known here are told
//! and left alone: their fields are elsewhere.

/// What is used of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub format: u8,
    pub content: u8,
    /// Degrees.
    pub edge: Option<u16>,
    pub hotspot: Option<u16>,
    pub memory: Option<u16>,
    /// Percent of time.
    pub graphics: Option<u16>,
    pub memory_busy: Option<u16>,
    /// Of the video engines.
    pub video: Option<u16>,
    /// Megahertz.
    pub shader_megahertz: Option<u16>,
    pub memory_megahertz: Option<u16>,
    pub energy_millijoules: Option<u64>,
    /// The highest that it reaches before it begins again from 0, if it does.
    pub energy_range: Option<i64>,
    /// Of the graphics alone, of a processor.
    pub graphics_milliwatts: Option<u32>,
    /// Why clocks are held down now, in bits that mean the same on each device.
    pub throttled: Option<u64>,
    pub held: Option<Held>,
}

/// How often the firmware has looked, and how often it found clocks held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub looks: u32,
    pub by_power: u32,
    pub by_heat: u32,
    pub by_board: u32,
}

/// Bits of limits of power and current, and of heat, as the kernel's `amdgpu_smu.h` numbers them.
pub const POWER_BITS: u64 = 0x00ff_00ff;
pub const HEAT_BITS: u64 = 0xffff << 32;

/// Why a table tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Shorter than its head says, or than its version is.
    Short,
    /// Format and content.
    Unknown(u8, u8),
}

/// Where the fields of a version are.
#[derive(Clone, Copy, Default)]
struct Layout {
    edge: Option<usize>,
    hotspot: Option<usize>,
    memory: Option<usize>,
    graphics: Option<usize>,
    memory_busy: Option<usize>,
    video: Option<usize>,
    shader_clock: Option<usize>,
    memory_clock: Option<usize>,
    energy: Option<Energy>,
    graphics_power: Option<Power>,
    throttled: Option<usize>,
    held: Option<usize>,
    /// Temperatures and shares are in hundredths.
    centi: bool,
    /// The least that such a table has.
    size: usize,
}

#[derive(Clone, Copy)]
enum Energy {
    Narrow(usize),
    Wide(usize),
}

/// Older versions of the table for processors have it in watts or in milliwatts, by the model.
#[derive(Clone, Copy)]
enum Power {
    Narrow(usize),
    Wide(usize),
}

fn layout(format: u8, content: u8) -> Option<Layout> {
    let board = Layout {
        edge: Some(4),
        hotspot: Some(6),
        memory: Some(8),
        graphics: Some(16),
        memory_busy: Some(18),
        video: Some(20),
        energy: Some(Energy::Wide(24)),
        shader_clock: Some(54),
        memory_clock: Some(58),
        size: 96,
        ..Layout::default()
    };
    let accelerator = Layout {
        hotspot: Some(4),
        memory: Some(6),
        graphics: Some(12),
        memory_busy: Some(14),
        ..Layout::default()
    };
    let processor = Layout {
        edge: Some(4),
        graphics: Some(28),
        video: Some(30),
        shader_clock: Some(76),
        memory_clock: Some(80),
        centi: true,
        size: 120,
        ..Layout::default()
    };
    Some(match (format, content) {
        (1, 0) => Layout {
            edge: Some(16),
            hotspot: Some(18),
            memory: Some(20),
            graphics: Some(28),
            memory_busy: Some(30),
            video: Some(32),
            energy: Some(Energy::Narrow(36)),
            size: 76,
            ..board
        },
        (1, 1 | 2) => board,
        (1, 3) => Layout { throttled: Some(112), size: 120, ..board },
        (1, 4) => {
            Layout { energy: Some(Energy::Wide(24)), video: Some(16), size: 48, ..accelerator }
        }
        (1, 5) => {
            Layout { energy: Some(Energy::Wide(88)), video: Some(16), size: 112, ..accelerator }
        }
        (1, 6) => {
            Layout { energy: Some(Energy::Wide(16)), held: Some(32), size: 56, ..accelerator }
        }
        (1, 7 | 8) => {
            Layout { energy: Some(Energy::Wide(24)), held: Some(40), size: 64, ..accelerator }
        }
        (2, 0) => Layout {
            edge: Some(16),
            graphics: Some(40),
            video: Some(42),
            shader_clock: Some(80),
            memory_clock: Some(84),
            ..processor
        },
        (2, 1) => processor,
        (2, 2 | 3) => Layout { throttled: Some(120), size: 128, ..processor },
        (2, 4) => Layout {
            throttled: Some(120),
            graphics_power: Some(Power::Narrow(46)),
            size: 128,
            ..processor
        },
        // Its shares have been written in percent and in hundredths of it.
        (3, 0) => Layout {
            edge: Some(4),
            graphics_power: Some(Power::Wide(124)),
            shader_clock: Some(174),
            memory_clock: Some(186),
            centi: true,
            size: 190,
            ..Layout::default()
        },
        _ => return None,
    })
}

impl Metrics {
    /// Takes the table apart.
    pub fn parse(table: &[u8]) -> Result<Metrics, Fault> {
        let head: [u8; 4] = table.first_chunk().copied().ok_or(Fault::Short)?;
        let [low, high, format, content] = head;
        let layout = layout(format, content).ok_or(Fault::Unknown(format, content))?;
        let size = usize::from(u16::from_le_bytes([low, high]));
        if size < layout.size || table.len() < size {
            return Err(Fault::Short);
        }
        let at = |place: Option<usize>| place.and_then(|place| short(table, place));
        let scaled = |place: Option<usize>| {
            let value = at(place)?;
            Some(if layout.centi { value.saturating_add(50) / 100 } else { value })
        };
        let share = |place| scaled(place).filter(|&percent| percent <= 100);
        let heat = |place| scaled(place).filter(|&degrees| (1..1000).contains(&degrees));
        let clock = |place| at(place).filter(|&megahertz| megahertz > 0);
        Ok(Metrics {
            format,
            content,
            edge: heat(layout.edge),
            hotspot: heat(layout.hotspot),
            memory: heat(layout.memory),
            graphics: share(layout.graphics),
            memory_busy: share(layout.memory_busy),
            video: share(layout.video),
            shader_megahertz: clock(layout.shader_clock),
            memory_megahertz: clock(layout.memory_clock),
            energy_millijoules: layout.energy.and_then(|energy| energy.read(table)),
            energy_range: match layout.energy {
                Some(Energy::Narrow(_)) => Some((1 << 32) / 65_536 * 1_000),
                _ => None,
            },
            graphics_milliwatts: layout.graphics_power.and_then(|power| match power {
                Power::Narrow(place) => short(table, place).map(u32::from),
                Power::Wide(place) => word(table, place),
            }),
            throttled: layout.throttled.and_then(|place| long(table, place)),
            held: layout.held.and_then(|place| held(table, place)),
        })
    }

    /// True if there is nothing in it that the device supports.
    pub fn is_empty(&self) -> bool {
        let Metrics { format, content, .. } = *self;
        *self == Metrics { format, content, ..Metrics::default() }
    }

    /// True for a processor with graphics, which has no memory of its own.
    pub fn is_processor(&self) -> bool {
        matches!(self.format, 2 | 3)
    }
}

impl Energy {
    /// In steps of 2^-16 J. A device that has no such counter writes 0, or all ones.
    fn read(self, table: &[u8]) -> Option<u64> {
        let steps = match self {
            Energy::Narrow(place) => word(table, place).map(u64::from),
            Energy::Wide(place) => long(table, place),
        }?;
        let millijoules = u128::from(steps) * 1_000 / 65_536;
        u64::try_from(millijoules).ok().filter(|&energy| energy > 0)
    }
}

fn held(table: &[u8], place: usize) -> Option<Held> {
    let word = |number: usize| word(table, place + 4 * number);
    let heat = [word(3)?, word(4)?, word(5)?];
    Some(Held {
        looks: word(0)?,
        by_board: word(1)?,
        by_power: word(2)?,
        // They may hold at once: the longest is the least that they come to.
        by_heat: heat.into_iter().max()?,
    })
}

fn short(table: &[u8], place: usize) -> Option<u16> {
    let bytes = table.get(place..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes)).filter(|&value| value != u16::MAX)
}

fn word(table: &[u8], place: usize) -> Option<u32> {
    let bytes = table.get(place..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes)).filter(|&value| value != u32::MAX)
}

fn long(table: &[u8], place: usize) -> Option<u64> {
    let bytes = table.get(place..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes)).filter(|&value| value != u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table of which everything but these bytes is not supported.
    fn table(size: u16, version: [u8; 2], fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut table = vec![0xff; usize::from(size)];
        table[..2].copy_from_slice(&size.to_le_bytes());
        table[2..4].copy_from_slice(&version);
        for (place, bytes) in fields {
            table[*place..place + bytes.len()].copy_from_slice(bytes);
        }
        table
    }

    #[test]
    fn each_version_has_its_own_places() {
        let board = table(
            120,
            [1, 3],
            &[
                (4, &61_u16.to_le_bytes()),
                (6, &78_u16.to_le_bytes()),
                (16, &93_u16.to_le_bytes()),
                (24, &(65_536_u64 * 5).to_le_bytes()),
                (54, &2124_u16.to_le_bytes()),
                (112, &(1_u64 | 1 << 36).to_le_bytes()),
            ],
        );
        let metrics = Metrics::parse(&board).expect("known");
        assert_eq!((metrics.edge, metrics.hotspot, metrics.memory), (Some(61), Some(78), None));
        assert_eq!((metrics.graphics, metrics.video), (Some(93), None));
        assert_eq!(metrics.energy_millijoules, Some(5_000));
        assert_eq!(metrics.shader_megahertz, Some(2124));
        let bits = metrics.throttled.expect("told");
        assert!(bits & POWER_BITS != 0 && bits & HEAT_BITS != 0 && !metrics.is_processor());

        let first =
            table(80, [1, 0], &[(16, &50_u16.to_le_bytes()), (36, &65_536_u32.to_le_bytes())]);
        let metrics = Metrics::parse(&first).expect("known");
        assert_eq!((metrics.edge, metrics.energy_millijoules), (Some(50), Some(1_000)));

        let processor = table(
            152,
            [2, 3],
            &[(4, &5_321_u16.to_le_bytes()), (28, &4_250_u16.to_le_bytes()), (120, &[0; 8])],
        );
        let metrics = Metrics::parse(&processor).expect("known");
        assert_eq!((metrics.edge, metrics.graphics), (Some(53), Some(43)));
        assert_eq!((metrics.throttled, metrics.is_processor()), (Some(0), true));

        let counts: Vec<u8> =
            [1_000_u32, 7, 250, 3, 9, 4].iter().flat_map(|count| count.to_le_bytes()).collect();
        for (version, energy, place) in [(6, 16, 32), (7, 24, 40)] {
            let energy: (usize, &[u8]) = (energy, &65_536_000_u64.to_le_bytes());
            let table = table(1_664, [1, version], &[energy, (place, &counts)]);
            let metrics = Metrics::parse(&table).expect("known");
            let held = Held { looks: 1_000, by_board: 7, by_power: 250, by_heat: 9 };
            assert_eq!(metrics.held, Some(held), "{version}");
            assert_eq!(metrics.energy_millijoules, Some(1_000_000), "{version}");
        }
    }

    #[test]
    fn short_long_and_unknown_tables() {
        let whole = table(120, [1, 3], &[(4, &61_u16.to_le_bytes())]);
        for length in [0, 1, 3, 4, 60, 119] {
            assert_eq!(Metrics::parse(&whole[..length]), Err(Fault::Short), "{length}");
        }
        // A newer driver may append.
        let longer = [whole.as_slice(), &[7; 4000]].concat();
        assert_eq!(Metrics::parse(&longer).map(|metrics| metrics.edge), Ok(Some(61)));
        assert_eq!(Metrics::parse(&table(20, [1, 3], &[])), Err(Fault::Short));
        for version in [[1, 9], [0, 0], [4, 0], [255, 255], [2, 5], [3, 1]] {
            let fault = Fault::Unknown(version[0], version[1]);
            assert_eq!(Metrics::parse(&table(2_000, version, &[])), Err(fault));
        }
        // Heat, shares and clocks that cannot be are missing.
        let absurd = table(120, [1, 3], &[(4, &[0, 0]), (16, &[200, 0]), (54, &[0, 0])]);
        let metrics = Metrics::parse(&absurd).expect("known");
        assert_eq!((metrics.edge, metrics.graphics, metrics.shader_megahertz), (None, None, None));
    }

    proptest! {
        #[test]
        fn nothing_panics(mut table: Vec<u8>, format in 0..5_u8, content in 0..11_u8) {
            let _ = Metrics::parse(&table);
            if let [low, high, revision, of, ..] = table.as_mut_slice() {
                (*low, *high, *revision, *of) = (64, 0, format, content);
            }
            let _ = Metrics::parse(&table);
        }
    }
}
