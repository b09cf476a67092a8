//! Structures of the kernel, read out of bytes at their places: macOS 12 to 26, 64 bits.
//!
//! Read so and not through C structures because they grow: a buffer may be longer than what is known
//! of it here, and is never taken for longer than it is.

/// A number at a place of a buffer.
fn at<const N: usize>(bytes: &[u8], place: usize) -> Option<[u8; N]> {
    bytes.get(place..)?.first_chunk().copied()
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    at(bytes, place).map(u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    at(bytes, place).map(u32::from_le_bytes)
}

fn i32_at(bytes: &[u8], place: usize) -> Option<i32> {
    at(bytes, place).map(i32::from_le_bytes)
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    at(bytes, place).map(u16::from_le_bytes)
}

fn text_at(bytes: &[u8], place: usize, length: usize) -> Vec<u8> {
    let field = bytes.get(place..place + length).unwrap_or(&[]);
    field.split(|&byte| byte == 0).next().unwrap_or(&[]).to_vec()
}

/// Clock of the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timebase {
    pub numer: u32,
    pub denom: u32,
}

impl Timebase {
    /// Of so many ticks in a second: what holds for Intel programs too, which are told 1/1.
    pub fn of_frequency(hertz: u64) -> Option<Timebase> {
        let hertz = u32::try_from(hertz).ok().filter(|&hertz| hertz > 0)?;
        Some(Timebase { numer: 1_000_000_000, denom: hertz })
    }

    /// Nanoseconds of so many ticks.
    pub fn nanoseconds(self, ticks: u64) -> u64 {
        let scaled = u128::from(ticks) * u128::from(self.numer) / u128::from(self.denom.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

/// `proc_bsdinfo` and, behind it, `proc_taskinfo`: flavor 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskAll {
    pub pid: u32,
    pub parent: u32,
    pub user: u32,
    pub status: u32,
    pub name: Vec<u8>,
    pub group: u32,
    pub terminal: u32,
    pub nice: i32,
    pub start_us: u64,
    pub is_translated: bool,
    pub virtual_bytes: u64,
    pub resident_bytes: u64,
    pub user_ticks: u64,
    pub system_ticks: u64,
    pub faults: u32,
    pub page_ins: u32,
    pub switches: u32,
    pub threads: u32,
    pub running: u32,
    pub priority: i32,
}

/// Length of what flavor 2 gives, and of the short form.
pub const TASK_ALL: usize = 232;
pub const SHORT: usize = 64;

impl TaskAll {
    pub fn parse(bytes: &[u8]) -> Option<TaskAll> {
        if bytes.len() < TASK_ALL {
            return None;
        }
        let long = text_at(bytes, 64, 32);
        let name = if long.is_empty() { text_at(bytes, 48, 16) } else { long };
        Some(TaskAll {
            pid: u32_at(bytes, 12)?,
            parent: u32_at(bytes, 16)?,
            user: u32_at(bytes, 20)?,
            status: u32_at(bytes, 4)?,
            name,
            group: u32_at(bytes, 100)?,
            terminal: u32_at(bytes, 108)?,
            nice: i32_at(bytes, 116)?,
            start_us: u64_at(bytes, 120)?
                .saturating_mul(1_000_000)
                .saturating_add(u64_at(bytes, 128)?),
            is_translated: u32_at(bytes, 0)? & 0x20000 != 0,
            virtual_bytes: u64_at(bytes, 136)?,
            resident_bytes: u64_at(bytes, 144)?,
            user_ticks: u64_at(bytes, 152)?,
            system_ticks: u64_at(bytes, 160)?,
            faults: u32_at(bytes, 136 + 52)?,
            page_ins: u32_at(bytes, 136 + 56)?,
            switches: u32_at(bytes, 136 + 80)?,
            threads: u32_at(bytes, 136 + 84)?,
            running: u32_at(bytes, 136 + 88)?,
            priority: i32_at(bytes, 136 + 92)?,
        })
    }
}

/// `proc_bsdshortinfo`: flavor 13, which is given of everybody's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Short {
    pub pid: u32,
    pub parent: u32,
    pub group: u32,
    pub status: u32,
    pub name: Vec<u8>,
    pub user: u32,
}

impl Short {
    pub fn parse(bytes: &[u8]) -> Option<Short> {
        (bytes.len() >= SHORT).then_some(())?;
        Some(Short {
            pid: u32_at(bytes, 0)?,
            parent: u32_at(bytes, 4)?,
            group: u32_at(bytes, 8)?,
            status: u32_at(bytes, 12)?,
            name: text_at(bytes, 16, 16),
            user: u32_at(bytes, 36)?,
        })
    }
}

/// `rusage_info_v0` to `v6`: later versions have what earlier ones had, and more behind it. What a
/// version lacks is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rusage {
    pub idle_wakeups: Option<u64>,
    pub interrupt_wakeups: Option<u64>,
    pub footprint_bytes: Option<u64>,
    pub read_bytes: Option<u64>,
    pub written_bytes: Option<u64>,
    /// Ticks by class of service: default, maintenance, background, utility, legacy, initiated by
    /// the user, interactive.
    pub classes: Option<[u64; 7]>,
    pub instructions: Option<u64>,
    pub cycles: Option<u64>,
    /// Ticks on performance cores.
    pub fast_ticks: Option<u64>,
    pub energy_nj: Option<u64>,
    pub fast_energy_nj: Option<u64>,
    pub neural_bytes: Option<u64>,
}

/// Versions to ask for, newest first, with their lengths.
pub const RUSAGE_VERSIONS: [(i32, usize); 5] = [(6, 464), (4, 296), (3, 232), (2, 160), (0, 96)];

impl Rusage {
    /// Reads a version's bytes: those behind `length` are not its.
    pub fn parse(bytes: &[u8], length: usize) -> Rusage {
        let bytes = &bytes[..length.min(bytes.len())];
        let of = |place| u64_at(bytes, place);
        let mut classes = [0; 7];
        let complete = classes
            .iter_mut()
            .enumerate()
            .all(|(place, class)| of(160 + place * 8).map(|ticks| *class = ticks).is_some());
        Rusage {
            idle_wakeups: of(32),
            interrupt_wakeups: of(40),
            footprint_bytes: of(72),
            read_bytes: of(144),
            written_bytes: of(152),
            classes: complete.then_some(classes),
            instructions: of(248),
            cycles: of(256),
            fast_ticks: of(304).zip(of(312)).map(|(user, system)| user.saturating_add(system)),
            energy_nj: of(336),
            fast_energy_nj: of(344),
            neural_bytes: of(368),
        }
    }
}

/// `vm_statistics64`: at least 38 words, more with each system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VmStatistics {
    pub free: u64,
    pub active: u64,
    pub inactive: u64,
    pub wired: u64,
    pub purgeable: u64,
    pub speculative: u64,
    pub compressor: u64,
    pub external: u64,
    pub internal: u64,
    pub uncompressed: u64,
    pub page_ins: u64,
    pub page_outs: u64,
    pub faults: u64,
    pub swap_ins: u64,
    pub swap_outs: u64,
}

/// Words of the structure: what every system knows, and the room that is given.
pub const VM_WORDS: u32 = 38;
pub const VM_ROOM: u32 = 256;

impl VmStatistics {
    pub fn parse(bytes: &[u8]) -> Option<VmStatistics> {
        let pages = |place| u32_at(bytes, place).map(u64::from);
        let count = |place| u64_at(bytes, place);
        Some(VmStatistics {
            free: pages(0)?,
            active: pages(4)?,
            inactive: pages(8)?,
            wired: pages(12)?,
            page_ins: count(32)?,
            page_outs: count(40)?,
            faults: count(48)?,
            purgeable: pages(88)?,
            speculative: pages(92)?,
            swap_ins: count(112)?,
            swap_outs: count(120)?,
            compressor: pages(128)?,
            external: pages(136)?,
            internal: pages(140)?,
            uncompressed: count(144)?,
        })
    }

    /// Pages of programs, as Activity Monitor counts "App Memory".
    pub fn app(&self) -> u64 {
        self.internal.saturating_sub(self.purgeable)
    }

    /// Pages that hold files and what may be thrown away.
    pub fn cached(&self) -> u64 {
        self.external.saturating_add(self.purgeable)
    }
}

/// `xsw_usage`: size, free and used swap in bytes.
pub fn swap(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    Some((u64_at(bytes, 0)?, u64_at(bytes, 8)?, u64_at(bytes, 16)?))
}

/// `loadavg`: three averages, in hundredths.
pub fn load(bytes: &[u8]) -> Option<[u64; 3]> {
    let scale = u64_at(bytes, 16).filter(|&scale| scale > 0)?;
    let of = |place| Some(u64::from(u32_at(bytes, place)?).saturating_mul(100) / scale);
    Some([of(0)?, of(4)?, of(8)?])
}

/// `timeval`: microseconds.
pub fn time_us(bytes: &[u8]) -> Option<u64> {
    let seconds = u64_at(bytes, 0)?;
    Some(seconds.checked_mul(1_000_000)?.saturating_add(u64::from(u32_at(bytes, 8)?)))
}

/// An interface, out of the list of messages that `NET_RT_IFLIST2` gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: Vec<u8>,
    pub address: Vec<u8>,
    pub flags: u32,
    pub mtu: u32,
    pub bits_per_second: u64,
    pub receive_packets: u64,
    pub receive_errors: u64,
    pub transmit_packets: u64,
    pub transmit_errors: u64,
    pub receive_bytes: u64,
    pub transmit_bytes: u64,
    pub receive_dropped: u64,
}

pub const IFF_UP: u32 = 0x1;
pub const IFF_LOOPBACK: u32 = 0x8;
pub const IFF_RUNNING: u32 = 0x40;

/// Reads the list. Counters are 64 bits wide here; those of `getifaddrs` wrap at 4 GiB.
pub fn interfaces(mut bytes: &[u8]) -> Vec<Interface> {
    const RTM_IFINFO2: u8 = 0x12;
    const HEADER: usize = 160;
    let mut found = Vec::new();
    while let Some(length) = u16_at(bytes, 0).map(usize::from) {
        if length < 4 || length > bytes.len() {
            break;
        }
        let (message, rest) = bytes.split_at(length);
        bytes = rest;
        if message.get(3) == Some(&RTM_IFINFO2) && message.len() > HEADER {
            found.extend(interface(message, &message[HEADER..]));
        }
    }
    found
}

fn interface(message: &[u8], link: &[u8]) -> Option<Interface> {
    const DATA: usize = 32;
    let count = |place| u64_at(message, DATA + place);
    let (name, address) = (usize::from(*link.get(5)?), usize::from(*link.get(6)?));
    Some(Interface {
        name: link.get(8..8 + name)?.to_vec(),
        address: link.get(8 + name..8 + name + address).unwrap_or(&[]).to_vec(),
        flags: u32_at(message, 8)?,
        mtu: u32_at(message, DATA + 8)?,
        bits_per_second: count(16)?,
        receive_packets: count(24)?,
        receive_errors: count(32)?,
        transmit_packets: count(40)?,
        transmit_errors: count(48)?,
        receive_bytes: count(64)?,
        transmit_bytes: count(72)?,
        receive_dropped: count(96)?,
    })
}

/// The arguments out of `KERN_PROCARGS2`, joined by blanks. What stands behind them is the
/// environment, and is not looked at.
pub fn arguments(bytes: &[u8]) -> Option<Vec<u8>> {
    let count = usize::try_from(i32_at(bytes, 0)?).ok()?;
    let rest = bytes.get(4..)?;
    // The path of the program, and zeros up to the first argument.
    let path = rest.iter().position(|&byte| byte == 0)?;
    let start = path + rest[path..].iter().position(|&byte| byte != 0)?;
    let words = rest[start..].split(|&byte| byte == 0).take(count);
    let line = words.collect::<Vec<_>>().join(&b' ');
    (count > 0 && !line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(bytes: &mut [u8], place: usize, value: &[u8]) {
        bytes[place..place + value.len()].copy_from_slice(value);
    }

    #[test]
    fn a_process_is_read_at_its_places() {
        let mut bytes = vec![0; TASK_ALL];
        for (place, value) in
            [(0, 0x20004), (4, 2), (12, 77), (16, 1), (20, 501), (100, 77), (220, 9)]
        {
            put(&mut bytes, place, &u32::to_le_bytes(value));
        }
        put(&mut bytes, 48, b"short");
        put(&mut bytes, 116, &(-5_i32).to_le_bytes());
        for (place, value) in
            [(120, 1_700_000_000), (128, 250), (144, 4096), (152, 24_000_000), (160, 12)]
        {
            put(&mut bytes, place, &u64::to_le_bytes(value));
        }
        let task = TaskAll::parse(&bytes).expect("whole");
        assert_eq!(
            (task.pid, task.parent, task.user, task.nice, task.threads),
            (77, 1, 501, -5, 9)
        );
        assert_eq!((task.name.as_slice(), task.is_translated), (&b"short"[..], true));
        assert_eq!((task.start_us, task.resident_bytes), (1_700_000_000_000_250, 4096));
        put(&mut bytes, 64, b"the longer name");
        assert_eq!(TaskAll::parse(&bytes).expect("whole").name, b"the longer name");
        assert_eq!(TaskAll::parse(&bytes[..231]), None, "half a structure is none");
        let base = Timebase { numer: 125, denom: 3 };
        assert_eq!(base.nanoseconds(task.user_ticks), 1_000_000_000);
        assert_eq!(Timebase::of_frequency(24_000_000).map(|of| of.nanoseconds(24)), Some(1_000));
        assert_eq!(Timebase::of_frequency(0), None);
        assert_eq!(base.nanoseconds(u64::MAX), u64::MAX);
    }

    #[test]
    fn older_versions_of_usage_lack_what_came_later() {
        let bytes: Vec<u8> = (0..58_u64).flat_map(u64::to_le_bytes).collect();
        let v6 = Rusage::parse(&bytes, 464);
        assert_eq!((v6.idle_wakeups, v6.footprint_bytes), (Some(4), Some(9)));
        assert_eq!(
            (v6.energy_nj, v6.fast_energy_nj, v6.neural_bytes),
            (Some(42), Some(43), Some(46))
        );
        assert_eq!(v6.classes, Some([20, 21, 22, 23, 24, 25, 26]));
        assert_eq!(
            (v6.instructions, v6.cycles, v6.fast_ticks),
            (Some(31), Some(32), Some(38 + 39))
        );
        let v4 = Rusage::parse(&bytes, 296);
        assert_eq!((v4.instructions, v4.fast_ticks, v4.energy_nj), (Some(31), None, None));
        let v0 = Rusage::parse(&bytes, 96);
        assert_eq!((v0.footprint_bytes, v0.read_bytes, v0.classes), (Some(9), None, None));
        assert_eq!(Rusage::parse(&[], 464), Rusage::default());
    }

    #[test]
    fn memory_is_read_from_what_every_system_knows() {
        let mut bytes = vec![0; 38 * 4];
        for (place, value) in [(0, 100_u32), (12, 30), (88, 5), (128, 20), (136, 40), (140, 75)] {
            put(&mut bytes, place, &value.to_le_bytes());
        }
        let of = VmStatistics::parse(&bytes).expect("whole");
        assert_eq!((of.app(), of.wired, of.compressor, of.cached()), (70, 30, 20, 45));
        assert_eq!(VmStatistics::parse(&bytes[..151]), None);
        put(&mut bytes, 88, &90_u32.to_le_bytes());
        assert_eq!(
            VmStatistics::parse(&bytes).expect("whole").app(),
            0,
            "counts are not of one moment"
        );
        let mut loads = vec![0; 24];
        put(&mut loads, 0, &4096_u32.to_le_bytes());
        put(&mut loads, 4, &1024_u32.to_le_bytes());
        assert_eq!(load(&loads), None, "no scale");
        put(&mut loads, 16, &2048_u64.to_le_bytes());
        assert_eq!(load(&loads), Some([200, 50, 0]));
    }

    fn message(name: &str, receive_bytes: u64) -> Vec<u8> {
        let mut message = vec![0; 160 + 20];
        put(&mut message, 0, &180_u16.to_le_bytes());
        message[3] = 0x12;
        put(&mut message, 8, &(IFF_UP | IFF_RUNNING).to_le_bytes());
        put(&mut message, 32 + 64, &receive_bytes.to_le_bytes());
        message[165] = u8::try_from(name.len()).expect("short");
        message[166] = 6;
        put(&mut message, 168, name.as_bytes());
        message
    }

    #[test]
    fn interfaces_count_beyond_4_gib() {
        let other = [vec![8, 0, 5, 0x0c], vec![0; 4]].concat();
        let list = [message("en0", 1 << 40), other, message("lo0", 7)].concat();
        let found = interfaces(&list);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_slice(), found[0].receive_bytes), (&b"en0"[..], 1 << 40));
        // A list that was cut, and lengths that lead nowhere.
        assert_eq!(interfaces(&list[..200]).len(), 1);
        assert_eq!(interfaces(&[0, 0, 0, 0x12]), []);
        let mut long = message("en0", 1);
        long[165] = 200;
        assert_eq!(interfaces(&long), []);
    }

    #[test]
    fn arguments_end_where_the_environment_begins() {
        let block = [&2_i32.to_le_bytes()[..], b"/bin/a\0\0\0\0a\0--b c\0SECRET=1\0"].concat();
        assert_eq!(arguments(&block), Some(b"a --b c".to_vec()));
        let block = [&3_i32.to_le_bytes()[..], b"/bin/a\0\0a\0\0z\0X=1\0"].concat();
        assert_eq!(arguments(&block), Some(b"a  z".to_vec()), "an argument may be empty");
        for wrong in [&b""[..], &[1, 0, 0, 0], &[0xff; 8], &[0, 0, 0, 0, b'/', 0, b'a', 0]] {
            assert_eq!(arguments(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = (TaskAll::parse(&bytes), Short::parse(&bytes), Rusage::parse(&bytes, 464));
            let _ = (VmStatistics::parse(&bytes), swap(&bytes), load(&bytes), time_us(&bytes));
            let _ = (interfaces(&bytes), arguments(&bytes));
        }
    }
}
