//! The stat line of a process or thread.

/// Flag of kernel threads in the ninth field.
const PF_KTHREAD: u64 = 0x0020_0000;

/// What is used of the 52 fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// The name as the kernel holds it: any bytes, `)` and newlines among them.
    pub comm: &'a [u8],
    /// State letter.
    pub state: u8,
    pub parent_pid: i64,
    pub group_id: i64,
    pub session_id: i64,
    pub terminal: i64,
    pub flags: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// Ticks of 10 ms.
    pub user_ticks: u64,
    pub system_ticks: u64,
    pub priority: i64,
    pub nice: i64,
    pub threads: i64,
    /// Ticks since boot, on the clock that runs on during suspend.
    pub start_ticks: u64,
    pub virtual_bytes: u64,
    /// Within the kernel's per-CPU batching since 6.2: good for sorting, not for showing.
    pub resident_pages: u64,
    pub last_cpu: i64,
    pub io_delay_ticks: u64,
}

impl<'a> Stat<'a> {
    /// Takes a line apart; `None` if it is cut short before the start time. The name ends at the
    /// *last* parenthesis: it may hold any of its own.
    pub fn parse(line: &'a [u8]) -> Option<Stat<'a>> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')').filter(|&close| close > open)?;
        let rest = line.get(close + 2..)?;
        let (&state, rest) = rest.split_first()?;
        let mut fields = Fields(rest);
        let mut stat = Stat {
            comm: &line[open + 1..close],
            state,
            parent_pid: fields.signed()?,
            group_id: fields.signed()?,
            session_id: fields.signed()?,
            terminal: fields.signed()?,
            flags: fields.skip(1)?.unsigned()?,
            minor_faults: fields.unsigned()?,
            major_faults: fields.skip(1)?.unsigned()?,
            user_ticks: fields.skip(1)?.unsigned()?,
            system_ticks: fields.unsigned()?,
            priority: fields.skip(2)?.signed()?,
            nice: fields.signed()?,
            threads: fields.signed()?,
            start_ticks: fields.skip(1)?.unsigned()?,
            virtual_bytes: 0,
            resident_pages: 0,
            last_cpu: -1,
            io_delay_ticks: 0,
        };
        stat.virtual_bytes = fields.unsigned().unwrap_or(0);
        stat.resident_pages = fields.unsigned().unwrap_or(0);
        // Fields 25 to 38 are limits and addresses; 39 is the CPU, 42 the delay.
        stat.last_cpu = fields.skip(14).and_then(Fields::signed).unwrap_or(-1);
        stat.io_delay_ticks = fields.skip(2).and_then(Fields::unsigned).unwrap_or(0);
        Some(stat)
    }

    /// CPU time of both kinds. A tree of files can hold numbers whose sum passes 64 bits.
    pub fn used_ticks(&self) -> u64 {
        self.user_ticks.saturating_add(self.system_ticks)
    }

    /// True for a thread of the kernel.
    pub fn is_kernel(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }
}

/// The rest of a line, field by field.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn blanks(&mut self) {
        while let Some((b' ', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    fn skip(&mut self, count: usize) -> Option<&mut Self> {
        for _ in 0..count {
            self.blanks();
            let end = self.0.iter().position(|&byte| byte == b' ')?;
            self.0 = &self.0[end..];
        }
        Some(self)
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.blanks();
        let (mut value, mut digits) = (0_u64, 0);
        while let Some((&byte @ b'0'..=b'9', rest)) = self.0.split_first() {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            (digits, self.0) = (digits + 1, rest);
        }
        // Twenty digits may pass 2^64, which no kernel counter does: garbage.
        (1..20).contains(&digits).then_some(value)
    }

    fn signed(&mut self) -> Option<i64> {
        self.blanks();
        let negative = self.0.first() == Some(&b'-');
        if negative {
            self.0 = &self.0[1..];
        }
        let value = i64::try_from(self.unsigned()?).ok()?;
        Some(if negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAIL: &str = "S 1 2 3 0 -1 4194560 100 0 7 0 150 50 0 0 20 -5 3 0 4242 10485760 2560 \
        18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 5 0 0 9 0 0 0 0 0 0 0 0 0 0\n";

    fn line(comm: &str) -> Vec<u8> {
        format!("77 ({comm}) {TAIL}").into_bytes()
    }

    #[test]
    fn fields_stand_where_the_kernel_puts_them() {
        let line = line("web");
        let stat = Stat::parse(&line).expect("whole");
        assert_eq!(stat.comm, b"web");
        assert_eq!((stat.state, stat.parent_pid, stat.nice, stat.priority), (b'S', 1, -5, 20));
        assert_eq!((stat.user_ticks, stat.system_ticks, stat.threads), (150, 50, 3));
        assert_eq!(
            (stat.start_ticks, stat.virtual_bytes, stat.resident_pages),
            (4242, 10_485_760, 2560)
        );
        assert_eq!((stat.minor_faults, stat.major_faults), (100, 7));
        assert_eq!((stat.last_cpu, stat.io_delay_ticks), (5, 9));
        assert!(!stat.is_kernel());
    }

    #[test]
    fn a_name_may_hold_anything() {
        for name in ["", ")", "a) S 1 (b", "x\ny", "((", ") R 9 9 9 9 9"] {
            let line = line(name);
            let stat = Stat::parse(&line).expect("whole");
            assert_eq!((stat.comm, stat.parent_pid), (name.as_bytes(), 1), "{name:?}");
        }
    }

    #[test]
    fn the_largest_times_add_up() {
        let most = "9999999999999999999";
        let line = String::from_utf8(line("x")).expect("text");
        let line = line.replace(" 150 50 ", &format!(" {most} {most} "));
        let stat = Stat::parse(line.as_bytes()).expect("whole");
        assert_eq!(stat.used_ticks(), u64::MAX);
    }

    #[test]
    fn a_line_cut_short_is_no_process() {
        let whole = line("web");
        let start = whole.windows(5).position(|w| w == b" 4242").expect("there") + 5;
        for end in 0..start - 4 {
            assert_eq!(Stat::parse(&whole[..end]), None, "{end}");
        }
        assert!(Stat::parse(&whole[..start]).is_some());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = Stat::parse(&bytes);
            let mut near = line("x");
            near.splice(8.., bytes);
            let _ = Stat::parse(&near);
        }
    }
}
