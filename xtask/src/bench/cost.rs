//! What a process has used, from its files in `/proc`.

use anyhow::{Context, Result};

/// CPU time of a process so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Exact time of the threads that live.
    threads_ns: u64,
    /// Their numbers.
    threads: Vec<String>,
    /// Time of all threads, the ended ones too, in steps of 10 ms.
    ticks_ns: u64,
}

impl Cpu {
    /// Reads it.
    pub fn of(pid: u32) -> Result<Cpu> {
        let mut cpu = Cpu::default();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?;
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let run = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            cpu.threads_ns += run.unwrap_or(0);
            cpu.threads.push(task.file_name().to_string_lossy().into_owned());
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let ticks = ticks(&stat).context("no CPU time in stat")?;
        cpu.ticks_ns = ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second();
        Ok(cpu)
    }

    /// Nanoseconds used since `earlier`: exact if the same threads lived all the time and nothing
    /// ended between, else in steps of 10 ms.
    pub fn since_ns(&self, earlier: &Cpu) -> u64 {
        let exact = self.threads_ns.saturating_sub(earlier.threads_ns);
        let coarse = self.ticks_ns.saturating_sub(earlier.ticks_ns);
        // Two steps of 10 ms: one may be missing at either end of user and of system time.
        let agree = exact.abs_diff(coarse) <= 20_000_000 + coarse / 20;
        if self.threads == earlier.threads && exact > 0 && agree { exact } else { coarse }
    }
}

/// User and system time in ticks. The name in brackets may hold anything, so that fields are
/// counted from the last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The most memory that a process ever held, in bytes.
pub fn peak_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("no VmHWM in status")? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_the_last_bracket() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0";
        assert_eq!(ticks(stat), Some(42));
        for broken in ["", "12 (x", "12 (x) S 1 2", "12 (x) S 1 2 3 4 5 6 7 8 9 10 a b"] {
            assert_eq!(ticks(broken), None, "{broken}");
        }
    }

    #[test]
    fn ended_threads_make_the_answer_coarse() {
        let cpu = |threads_ns, threads: &[&str], ticks_ns| Cpu {
            threads_ns,
            threads: threads.iter().map(|&thread| thread.to_owned()).collect(),
            ticks_ns,
        };
        let start = cpu(5_000_000, &["1", "2"], 0);
        assert_eq!(cpu(8_000_000, &["1", "2"], 10_000_000).since_ns(&start), 3_000_000);
        assert_eq!(cpu(8_000_000, &["1", "3"], 10_000_000).since_ns(&start), 10_000_000);
        assert_eq!(cpu(8_000_000, &["1", "2"], 400_000_000).since_ns(&start), 400_000_000);
    }
}
