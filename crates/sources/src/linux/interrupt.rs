//! Interrupt lines: `/proc/interrupts`.
//!
//! The kernel writes a number for each CPU on each line: hundreds of kilobytes on 256 CPUs. So it
//! is read seldom, on a thread of its own, and only if somebody looks at it.

use std::collections::HashMap;
use std::time::Duration;

use retop_model::family::interrupt;
use retop_model::{FamilyId, Key, Text};

use super::file::KeptFile;
use super::parse::{self, Fields};
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

const PACE: Duration = Duration::from_secs(10);

/// The interrupt lines.
pub(crate) struct Interrupt {
    interrupts: KeptFile,
    text: Vec<u8>,
    /// Texts by label, to share their memory from read to read.
    known: HashMap<Vec<u8>, (Text, Text)>,
}

impl Interrupt {
    pub(crate) fn new(roots: &Roots) -> Interrupt {
        Interrupt {
            interrupts: KeptFile::records(roots.proc.join("interrupts")),
            text: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl Source for Interrupt {
    fn name(&self) -> &'static str {
        "interrupt"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Interrupt]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(PACE)
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Interrupt) {
            (self.text, self.known) = (Vec::new(), HashMap::new());
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let mut table = read.table(FamilyId::Interrupt);
        let mut lines = parse::lines(self.interrupts.text(&mut self.text)?);
        let cpus = lines.next().map_or(0, |heading| Fields::new(heading).count());
        for line in lines.filter_map(|line| Line::parse(line, cpus)) {
            let (label, devices) = match self.known.get(line.label) {
                Some((label, devices)) if devices.raw() == line.devices => {
                    (label.clone(), devices.clone())
                }
                _ => {
                    let texts = (Text::new(line.label), Text::new(line.devices));
                    self.known.insert(line.label.to_vec(), texts.clone());
                    texts
                }
            };
            let devices = (!line.devices.is_empty()).then_some(devices);
            table
                .push(Key::named(line.label))
                .text(interrupt::interrupt, label)
                .text_if(interrupt::devices, devices)
                .set(interrupt::interrupts, line.count);
        }
        if table.is_empty() {
            return Err(self.interrupts.without("interrupt line"));
        }
        read.give(table, begin);
        Ok(())
    }
}

/// A line: label, a number for each CPU, and for a device its controller, its number there, its
/// trigger and its name. `ERR` and `MIS` have a single number.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    label: &'a [u8],
    count: u64,
    devices: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8], cpus: usize) -> Option<Line<'a>> {
        let (label, numbers) = parse::keyed(line)?;
        let mut fields = Fields::new(numbers);
        let (mut count, mut rest) = (fields.number()?, fields.clone());
        for _ in 1..cpus {
            match fields.number() {
                Some(number) => (count, rest) = (count.saturating_add(number), fields.clone()),
                None => break,
            }
        }
        let devices = if label.iter().all(u8::is_ascii_digit) {
            devices(rest)
        } else {
            rest.rest() // A sentence, such as "Local timer interrupts".
        };
        (!label.is_empty()).then_some(Line { label, count, devices })
    }
}

/// What follows controller, number and trigger: `IO-APIC 4-edge ttyS0`, `GICv3 27 Level timer`.
fn devices(mut fields: Fields<'_>) -> &[u8] {
    let (_controller, number) = (fields.next(), fields.next());
    if number.is_some_and(|number| number.iter().all(u8::is_ascii_digit)) {
        let trigger = fields.clone().next();
        if trigger.is_some_and(|word| matches!(word, b"Level" | b"Edge" | b"None")) {
            fields.next();
        }
    }
    fields.rest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{FAILING, UNASKED};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const X86: &str = "           CPU0       CPU1       \n\
        \x20 4:          1         14  IO-APIC   4-edge      ttyS0\n\
        \x2028:          0          2 PCI-MSIX-0000:00:01.0   0-edge      virtio0-config, other\n\
        LOC:       1000       2000   Local timer interrupts\n\
        ERR:          3\n";

    #[test]
    fn lines_are_summed_and_named() {
        let tree = Tree::new(&[("proc/interrupts", X86)]);
        let taken = read_once(&mut Interrupt::new(&tree.roots()));
        assert_eq!(taken.result, Ok(()));
        let mut rows: Vec<_> = taken
            .snapshot
            .rows(FamilyId::Interrupt)
            .map(|row| {
                let texts = (row.shown(interrupt::interrupt), row.shown(interrupt::devices));
                (texts, row.get(interrupt::interrupts))
            })
            .collect();
        rows.sort_by_key(|&(texts, _)| texts);
        assert_eq!(
            rows,
            [
                (("28", "virtio0-config, other"), Some(2.0)),
                (("4", "ttyS0"), Some(15.0)),
                (("ERR", ""), Some(3.0)),
                (("LOC", "Local timer interrupts"), Some(3000.0)),
            ]
        );
    }

    #[test]
    fn other_controllers() {
        for (line, count, devices) in [
            (" 11:  5  6  GICv3  27 Level     arch_timer", 11, "arch_timer"),
            ("IPI0:  5  6  Rescheduling interrupts", 11, "Rescheduling interrupts"),
            ("  9:  5", 5, ""),
            ("  9:  5  6  XT-PIC", 11, ""),
            ("  9:  18446744073709551615  6  A 1 Level", u64::MAX, ""),
        ] {
            let parsed = Line::parse(line.as_bytes(), 2).unwrap();
            assert_eq!((parsed.count, parsed.devices), (count, devices.as_bytes()), "{line}");
        }
        for line in ["", ":", " 1:", "1: x", ": 5", "no colon 5"] {
            assert_eq!(Line::parse(line.as_bytes(), 2), None, "{line}");
        }
    }

    #[test]
    fn nobody_asking_and_nothing_there() {
        let tree = Tree::new(&[("proc/interrupts", "CPU0\ngarbage\n")]);
        let (mut source, mut bench) = (Interrupt::new(&tree.roots()), Bench::new());
        assert_eq!(bench.read(&mut source).result.unwrap_err().state, FAILING);
        bench.demand.want(FamilyId::Interrupt, false);
        assert_eq!(bench.read(&mut source).result.unwrap_err().state, UNASKED);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(bytes: Vec<u8>, cpus in 0usize..600) {
            if let Some(line) = Line::parse(&bytes, cpus) {
                prop_assert!(!line.label.is_empty());
            }
        }
    }
}
