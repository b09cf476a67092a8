//! Pressure stall information: `/proc/pressure`.

use std::io::ErrorKind;
use std::path::Path;

use retop_model::family::pressure;
use retop_model::{FamilyId, Field, Key, RowMut, Text};

use super::file::KeptFile;
use super::parse::{self, Fields};
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// The resources, in the order of their keys; `irq` only where interrupt time is accounted.
const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];

/// The machine's pressure.
pub(crate) struct Pressure {
    files: Vec<(Text, KeptFile)>,
    text: Vec<u8>,
}

impl Pressure {
    pub(crate) fn new(roots: &Roots) -> Pressure {
        let folder = roots.proc.join("pressure");
        let file = |name: &str| (Text::from(name), KeptFile::whole(folder.join(name)));
        Pressure { files: RESOURCES.into_iter().map(file).collect(), text: Vec::new() }
    }
}

impl Source for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Pressure]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Pressure) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let mut table = read.table(FamilyId::Pressure);
        let mut first_problem = None;
        for (key, (name, file)) in (0u64..).zip(&mut self.files) {
            let problem = match file.read(&mut self.text) {
                Ok(text) => {
                    let stalls = Stalls::parse(text);
                    if stalls == Stalls::default() {
                        file.without("line of stalls")
                    } else {
                        stalls.fill(table.push(Key(key, 0)).text(pressure::resource, name.clone()));
                        continue;
                    }
                }
                Err(error) => refused(file.path(), &error),
            };
            first_problem.get_or_insert(problem);
        }
        match first_problem {
            Some(problem) if table.is_empty() => Err(problem),
            _ => {
                read.give(table, begin);
                Ok(())
            }
        }
    }
}

/// Why there is no pressure, and what would help.
fn refused(path: &Path, error: &std::io::Error) -> Problem {
    let problem = Problem::io(path, error);
    if error.raw_os_error() == Some(libc::EOPNOTSUPP) {
        // Built in, and off unless asked for: CONFIG_PSI_DEFAULT_DISABLED.
        let reason = format!("{}: switched off in this kernel", path.display());
        return Problem::absent(reason).hint("boot with psi=1");
    }
    if error.kind() == ErrorKind::NotFound {
        return problem.hint("needs Linux 4.20 or later, built with CONFIG_PSI");
    }
    problem
}

/// A resource's two lines; averages in hundredths of a percent, totals in microseconds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalls {
    pub(crate) some: Stall,
    pub(crate) full: Stall,
}

/// One line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stall {
    pub(crate) average_10s: Option<i64>,
    pub(crate) average_60s: Option<i64>,
    pub(crate) total: Option<u64>,
}

impl Stalls {
    /// Parses a pressure file: the machine's, or a control group's.
    pub(crate) fn parse(text: &[u8]) -> Stalls {
        let mut stalls = Stalls::default();
        for line in parse::lines(text) {
            let mut fields = Fields::new(line);
            match fields.next() {
                Some(b"some") => stalls.some = Stall::parse(fields),
                Some(b"full") => stalls.full = Stall::parse(fields),
                _ => {}
            }
        }
        stalls
    }

    fn fill(&self, row: &mut RowMut<'_>) {
        let mut set = |stall: Stall, total: Field, ten: Field, sixty: Field| {
            row.set(total, stall.total).set(ten, stall.average_10s).set(sixty, stall.average_60s);
        };
        set(self.some, pressure::some_seconds, pressure::some_10s_ratio, pressure::some_60s_ratio);
        set(self.full, pressure::full_seconds, pressure::full_10s_ratio, pressure::full_60s_ratio);
    }
}

impl Stall {
    fn parse(fields: Fields<'_>) -> Stall {
        let mut stall = Stall::default();
        for field in fields {
            if let Some(average) = field.strip_prefix(b"avg10=") {
                stall.average_10s = parse::fixed(average, 2);
            } else if let Some(average) = field.strip_prefix(b"avg60=") {
                stall.average_60s = parse::fixed(average, 2);
            } else if let Some(total) = field.strip_prefix(b"total=") {
                stall.total = parse::decimal(total);
            }
        }
        stall
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const IO: &str = "some avg10=1.53 avg60=0.87 avg300=0.50 total=2000000\n\
        full avg10=0.75 avg60=100.00 avg300=0.44 total=1000000\n";

    #[test]
    fn stalls_become_shares_of_the_interval() {
        let tree = Tree::new(&[("proc/pressure/io", IO)]);
        let (mut source, mut bench) = (Pressure::new(&tree.roots()), Bench::new());
        let first = bench.read(&mut source).snapshot;
        let row = first.row(FamilyId::Pressure, 0).unwrap();
        assert_eq!(row.shown(pressure::resource), "io");
        assert_eq!(row.get(pressure::some_seconds), Some(2.0));
        assert_eq!(row.get(pressure::some_10s_ratio), Some(0.0153));
        assert_eq!(row.get(pressure::full_60s_ratio), Some(1.0));
        tree.write("proc/pressure/io", IO.replace("=2000000", "=2250000"));
        let second = bench.read(&mut source).snapshot;
        let row = second.row(FamilyId::Pressure, 0).unwrap();
        assert_eq!(row.get(pressure::some_ratio), Some(0.25));
        assert_eq!(row.get(pressure::full_ratio), Some(0.0));
    }

    #[test]
    fn a_machine_without_pressure_says_what_would_help() {
        let tree = Tree::new(&[]);
        let problem = read_once(&mut Pressure::new(&tree.roots())).result.unwrap_err();
        assert_eq!(problem.state, ABSENT);
        assert!(problem.hint.is_some_and(|hint| hint.contains("CONFIG_PSI")));
        let off = std::io::Error::from_raw_os_error(libc::EOPNOTSUPP);
        let problem = refused(Path::new("/proc/pressure/cpu"), &off);
        assert_eq!((problem.state, problem.hint.as_deref()), (ABSENT, Some("boot with psi=1")));
    }

    #[test]
    fn garbage_gives_a_problem_or_missing_values() {
        let tree = Tree::new(&[("proc/pressure/cpu", "\u{0}some\nfull\n")]);
        let problem = read_once(&mut Pressure::new(&tree.roots())).result.unwrap_err();
        assert_eq!(problem.state, FAILING);
        let stalls = Stalls::parse(b"some avg10=x avg60=-1 total=7\nfull avg10=");
        assert_eq!(stalls.some, Stall { total: Some(7), ..Stall::default() });
        assert_eq!(stalls.full, Stall::default());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(bytes: Vec<u8>, cut in 0..IO.len()) {
            let mut text = IO.as_bytes()[..cut].to_vec();
            text.extend(bytes);
            Stalls::parse(&text);
        }
    }
}
