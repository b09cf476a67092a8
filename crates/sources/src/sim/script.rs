//! What befalls a made-up machine, as data: phases that come round again.

/// Something that goes on for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Second of the period in which it begins.
    pub start: u64,
    /// First second in which it is over.
    pub end: u64,
    /// What happens.
    pub what: What,
}

/// What can happen. Programs are named as in the population; those with a count of 0 exist for
/// this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The first program runs throughout; of the others so many run at a time, a few seconds each.
    Build { driver: &'static str, workers: &'static [&'static str], at_once: usize },
    /// The newest process of the program grows by so much a second, until something stops it.
    Leak { program: &'static str, bytes_per_second: u64 },
    /// The program runs and reads so fast that everybody else's requests wait.
    Storm { program: &'static str },
    /// The program runs and wants its CPUs at once.
    Run { program: &'static str },
    /// A process of the program fills a file system, in a straight line, by that share of its size;
    /// then it is tidied up.
    Fill { program: &'static str, mountpoint: &'static str, share_permille: u64 },
}

/// Phases, and the time after which they begin again.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Seconds from one beginning to the next.
    pub period: u64,
    /// What happens in a period.
    pub phases: &'static [Phase],
}

/// A phase at a second of script time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What happens.
    pub what: What,
    /// Seconds since the phase began.
    pub passed: u64,
    /// Seconds that the phase lasts.
    pub length: u64,
}

impl Script {
    /// A machine to which nothing happens.
    #[allow(dead_code)]
    pub const QUIET: Script = Script { period: 600, phases: &[] };

    /// What goes on in that second of script time.
    pub fn at(self, second: u64) -> impl Iterator<Item = Moment> {
        let now = second % self.period.max(1);
        self.phases.iter().filter(move |phase| (phase.start..phase.end).contains(&now)).map(
            move |phase| Moment {
                what: phase.what,
                passed: now - phase.start,
                length: phase.end - phase.start,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_begin_end_and_come_round() {
        let what = What::Run { program: "x" };
        static PHASES: [Phase; 1] = [Phase { start: 5, end: 8, what: What::Run { program: "x" } }];
        let script = Script { period: 10, phases: &PHASES };
        let passed = |second| script.at(second).map(|moment| moment.passed).collect::<Vec<_>>();
        assert_eq!(
            (passed(4), passed(5), passed(7), passed(8)),
            (vec![], vec![0], vec![2], vec![])
        );
        assert_eq!(script.at(15).next(), Some(Moment { what, passed: 0, length: 3 }));
        assert_eq!(Script { period: 0, ..script }.at(7).count(), 0);
    }
}
