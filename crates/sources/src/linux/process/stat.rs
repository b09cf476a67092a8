//! The stat line of a process or thread.

use crate::linux::parse::Fields;

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
    pub virtual_bytes: Option<u64>,
    /// Within the kernel's per-CPU batching since 6.2: good for sorting, not for showing.
    pub resident_pages: Option<u64>,
    pub last_cpu: Option<i64>,
    pub io_delay_ticks: Option<u64>,
}

impl<'a> Stat<'a> {
    /// Takes a line apart; `None` if it is cut short before the end of the start time. The name ends at
    /// the *last* parenthesis: it may hold any of its own. A number at the end of a line that was cut
    /// may lack digits, so only what something follows is taken.
    pub fn parse(line: &'a [u8]) -> Option<Stat<'a>> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')').filter(|&close| close > open)?;
        let rest = line.get(close + 2..)?;
        let (&state, rest) = rest.split_first()?;
        let whole = rest.iter().rposition(|&byte| matches!(byte, b' ' | b'\n'))?;
        let mut fields = Fields::new(rest.get(..whole)?);
        Some(Stat {
            comm: &line[open + 1..close],
            state,
            parent_pid: fields.signed()?,
            group_id: fields.signed()?,
            session_id: fields.signed()?,
            terminal: fields.signed()?,
            flags: fields.past(1).number()?,
            minor_faults: fields.number()?,
            major_faults: fields.past(1).number()?,
            user_ticks: fields.past(1).number()?,
            system_ticks: fields.number()?,
            priority: fields.past(2).signed()?,
            nice: fields.signed()?,
            threads: fields.signed()?,
            start_ticks: fields.past(1).number()?,
            virtual_bytes: fields.number(),
            resident_pages: fields.number(),
            // Fields 25 to 38 are limits and addresses; 39 is the CPU, 42 the delay.
            last_cpu: fields.past(14).signed(),
            io_delay_ticks: fields.past(2).number(),
        })
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
            (4242, Some(10_485_760), Some(2560))
        );
        assert_eq!((stat.minor_faults, stat.major_faults), (100, 7));
        assert_eq!((stat.last_cpu, stat.io_delay_ticks), (Some(5), Some(9)));
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
        for end in 0..=start {
            assert_eq!(Stat::parse(&whole[..end]), None, "{end}");
        }
        let stat = Stat::parse(&whole[..=start]).expect("the start time is whole");
        assert_eq!((stat.start_ticks, stat.virtual_bytes, stat.last_cpu), (4242, None, None));
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
