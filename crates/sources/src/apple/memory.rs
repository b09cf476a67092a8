//! Memory, swap, and what the memory chips move.

use std::sync::Arc;

use retop_model::family::{memory, memory_use, traffic};
use retop_model::{FamilyId, Key};

use super::library::Library;
use super::report::Subscription;
use super::{bandwidth, chip, layout, system};
use crate::source::{Problem, Read, Source};

pub struct Memory {
    library: Arc<Library>,
    total: Option<u64>,
    page: Option<u64>,
    limit: Option<u64>,
    pages: system::Memory,
    traffic: Traffic,
}

/// Where traffic is known from.
enum Traffic {
    Unknown,
    None,
    /// Bytes of each kind: read and written.
    Counted(Subscription),
    /// A histogram for each die, as it was at the last read.
    Histograms(Vec<(Subscription, Vec<Vec<i64>>)>),
}

impl Memory {
    pub fn new(library: &Arc<Library>) -> Memory {
        Memory {
            library: Arc::clone(library),
            total: None,
            page: None,
            limit: None,
            pages: system::Memory::new(),
            traffic: Traffic::Unknown,
        }
    }
}

impl Traffic {
    fn open(library: &Arc<Library>) -> Traffic {
        // Listed is not given: some systems subscribe and leave everything unfilled.
        let is_given =
            |of: &mut Subscription| of.sample() && of.held.iter().any(|held| held.value.is_some());
        let is_whole = bandwidth::is_whole;
        let counted = Subscription::new(library, "AMC Stats", Some("Perf Counters"), is_whole);
        if let Some(mut counted) = counted
            && is_given(&mut counted)
        {
            return Traffic::Counted(counted);
        }
        let groups = || {
            let numbers = std::iter::once(None).chain((0..4).map(Some));
            numbers.map(|number: Option<u32>| match number {
                None => "PMP".to_owned(),
                Some(number) => format!("PMP{number}"),
            })
        };
        debug_assert!(groups().all(|group| bandwidth::is_group(&group)));
        // Bytes by the clock of the memory, as on an A18 Pro.
        let clocked = groups().find_map(|group| {
            let mut of =
                Subscription::new(library, &group, Some("DRAM BW"), bandwidth::is_clocked)?;
            is_given(&mut of).then_some(of)
        });
        if let Some(clocked) = clocked {
            return Traffic::Counted(clocked);
        }
        let histogram =
            |group: String| Subscription::new(library, &group, Some("DCS BW"), bandwidth::is_total);
        let found: Vec<_> = groups().filter_map(histogram).map(|of| (of, Vec::new())).collect();
        if found.is_empty() { Traffic::None } else { Traffic::Histograms(found) }
    }

    /// Bytes read and written, since boot.
    fn counted(&mut self) -> (Option<i64>, Option<i64>) {
        let Traffic::Counted(of) = self else { return (None, None) };
        if !of.sample() {
            return (None, None);
        }
        let value = |direction: &str| {
            let channels = of.channels.iter().zip(&of.held);
            let mut values = channels.filter(|(channel, _)| channel.name.ends_with(direction));
            values.try_fold(None, |sum: Option<i64>, (channel, held)| {
                let bytes = held.value?.checked_mul(bandwidth::bytes(&channel.unit)?)?;
                Some(Some(sum.unwrap_or(0).saturating_add(bytes)))
            })?
        };
        (value("RD"), value("WR"))
    }

    /// Mean bytes per second since the last read and the width of the steps, of each die.
    fn histograms(&mut self) -> Vec<(String, Option<f64>, Option<f64>)> {
        let Traffic::Histograms(dies) = self else { return Vec::new() };
        let mut found = Vec::new();
        for (die, (of, before)) in dies.iter_mut().enumerate() {
            if !of.sample() {
                before.clear();
                continue;
            }
            let now: Vec<Vec<i64>> = of.held.iter().map(|held| held.states.clone()).collect();
            for (place, (channel, now)) in of.channels.iter().zip(&now).enumerate() {
                let edges: Vec<Option<f64>> =
                    channel.states.iter().map(|state| bandwidth::upper_edge(state)).collect();
                let spent = before.get(place).map(|before| {
                    now.iter()
                        .zip(before)
                        .map(|(now, before)| now.saturating_sub(*before))
                        .collect()
                });
                let mean = spent.and_then(|spent: Vec<i64>| {
                    bandwidth::mean(&bandwidth::middles(&edges), &spent)
                });
                let name =
                    if place == 0 { format!("die {die}") } else { format!("die {die}.{place}") };
                found.push((name, mean, bandwidth::resolution(&edges)));
            }
            *before = now;
        }
        found
    }
}

impl Source for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Memory, FamilyId::MemoryUse, FamilyId::Traffic]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !self.feeds().iter().any(|&family| read.demand().wants(family)) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let library = Arc::clone(&self.library);
        if self.page.is_none() {
            self.page = system::number(&library, "hw.pagesize");
            self.total = system::number(&library, "hw.memsize");
            let name = system::text(&library, "machdep.cpu.brand_string").unwrap_or_default();
            self.limit = chip::profile(&name).memory_gbps.map(|gbps| (gbps * 1e9) as u64);
        }
        if matches!(self.traffic, Traffic::Unknown) {
            self.traffic = Traffic::open(&library);
        }
        let (read_bytes, written_bytes) = self.traffic.counted();
        let dies = self.traffic.histograms();
        let mut traffic = read.table(FamilyId::Traffic);
        if read_bytes.is_some() || written_bytes.is_some() {
            traffic
                .push(Key::named(b"all"))
                .text(traffic::controller, "all")
                .set(traffic::read_bytes, read_bytes)
                .set(traffic::written_bytes, written_bytes);
        }
        let is_known = !dies.is_empty() || read_bytes.is_some();
        for (name, mean, width) in dies {
            traffic
                .push(Key::named(name.as_bytes()))
                .text(traffic::controller, name)
                .set(traffic::stepped_bytes_per_second, mean.map(|mean| mean as u64))
                .set(traffic::resolution_bytes_per_second, width.map(|width| width as u64));
        }
        read.give(traffic, begin);
        let mut uses = read.table(FamilyId::MemoryUse);
        let mut table = read.table(FamilyId::Memory);
        let mut row = table.push(Key::ONE);
        let both =
            read_bytes.zip(written_bytes).map(|(read, written)| read.saturating_add(written));
        row.set(memory::total_bytes, self.total)
            .set(memory::traffic_bytes, both)
            .set(memory::traffic_limit_bytes_per_second, self.limit.filter(|_| is_known));
        let pages = self.pages.read(&library);
        if let (Some(of), Some(page)) = (&pages, self.page) {
            let bytes = |pages: u64| pages.saturating_mul(page);
            let used = of.app().saturating_add(of.wired).saturating_add(of.compressor);
            row.set(memory::free_bytes, bytes(of.free))
                .set(memory::cached_bytes, bytes(of.cached()))
                .set(memory::anonymous_bytes, bytes(of.internal))
                .set(memory::available_bytes, self.total.map(|all| all.saturating_sub(bytes(used))))
                .set(memory::page_in_bytes, bytes(of.page_ins))
                .set(memory::page_out_bytes, bytes(of.page_outs))
                .set(memory::swap_in_bytes, bytes(of.swap_ins))
                .set(memory::swap_out_bytes, bytes(of.swap_outs))
                .set(memory::faults, of.faults);
            for (name, pages, stored) in [
                ("app", of.app(), None),
                ("wired", of.wired, None),
                ("compressed", of.compressor, Some(of.uncompressed)),
                ("cached", of.cached(), None),
                ("free", of.free, None),
            ] {
                uses.push(Key::named(name.as_bytes()))
                    .text(memory_use::usage, name)
                    .set(memory_use::memory_bytes, bytes(pages))
                    .set(memory_use::stored_bytes, stored.map(bytes));
            }
        }
        let swap = system::bytes(&library, "vm.swapusage").and_then(|of| layout::swap(&of));
        if let Some((total, free, _)) = swap {
            row.set(memory::swap_total_bytes, total).set(memory::swap_free_bytes, free);
        }
        read.give(table, begin);
        read.give(uses, begin);
        let without = match &self.traffic {
            Traffic::None => Some(Problem::absent(
                "neither bytes (AMC Stats) nor a histogram (PMP) of the memory's traffic is given here",
            )),
            _ => None,
        };
        read.report("memory/traffic", "traffic_bytes_per_second", without);
        if pages.is_none() {
            return Err(Problem::failing("host_statistics64 gives no counts of pages"));
        }
        Ok(())
    }
}
