//! Memory, swap, and what the memory chips move.

use std::sync::Arc;

use retop_model::family::memory;
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
        let is_bytes = |name: &str| name == "DCS RD" || name == "DCS WR";
        let counted = Subscription::new(library, "AMC Stats", Some("Perf Counters"), &is_bytes);
        if let Some(mut counted) = counted
            // Listed is not given: some systems subscribe and leave everything unfilled.
            && counted.sample()
            && counted.held.iter().any(|held| held.value.is_some())
        {
            return Traffic::Counted(counted);
        }
        let group = |number: Option<u32>| {
            let name = number.map_or_else(|| "PMP".to_owned(), |number| format!("PMP{number}"));
            debug_assert!(bandwidth::is_group(&name));
            Subscription::new(library, &name, Some("DCS BW"), &bandwidth::is_total)
        };
        let numbers = std::iter::once(None).chain((0..4).map(Some));
        let found: Vec<_> = numbers.filter_map(group).map(|of| (of, Vec::new())).collect();
        if found.is_empty() { Traffic::None } else { Traffic::Histograms(found) }
    }

    /// Bytes read and written, since boot.
    fn counted(&mut self) -> (Option<i64>, Option<i64>) {
        let Traffic::Counted(of) = self else { return (None, None) };
        if !of.sample() {
            return (None, None);
        }
        let value = |name: &str| {
            let channels = of.channels.iter().zip(&of.held);
            let values = channels.filter(|(channel, _)| channel.name == name);
            values.map(|(_, held)| held.value).try_fold(None, |sum: Option<i64>, value| {
                Some(Some(sum.unwrap_or(0).saturating_add(value?)))
            })?
        };
        (value("DCS RD"), value("DCS WR"))
    }

    /// Mean bytes per second since the last read, and the width of the steps; dies are added up.
    fn histogram(&mut self) -> (Option<f64>, Option<f64>) {
        let Traffic::Histograms(dies) = self else { return (None, None) };
        let (mut sum, mut width) = (None, None);
        for (of, before) in dies.iter_mut() {
            if !of.sample() {
                before.clear();
                continue;
            }
            let now: Vec<Vec<i64>> = of.held.iter().map(|held| held.states.clone()).collect();
            for ((channel, now), before) in of.channels.iter().zip(&now).zip(before.iter()) {
                let edges: Vec<Option<f64>> =
                    channel.states.iter().map(|state| bandwidth::upper_edge(state)).collect();
                let spent: Vec<i64> = now
                    .iter()
                    .zip(before)
                    .map(|(now, before)| now.saturating_sub(*before))
                    .collect();
                let Some(mean) = bandwidth::mean(&bandwidth::middles(&edges), &spent) else {
                    continue;
                };
                sum = Some(sum.unwrap_or(0.0) + mean);
                width = bandwidth::resolution(&edges);
            }
            *before = now;
        }
        (sum, width)
    }
}

impl Source for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Memory]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Memory) {
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
        let (mean, width) = self.traffic.histogram();
        let mut table = read.table(FamilyId::Memory);
        let mut row = table.push(Key::ONE);
        let both =
            read_bytes.zip(written_bytes).map(|(read, written)| read.saturating_add(written));
        row.set(memory::total_bytes, self.total)
            .set(memory::traffic_bytes, both)
            .set(memory::traffic_read_bytes, read_bytes)
            .set(memory::traffic_written_bytes, written_bytes)
            .set(memory::traffic_histogram_bytes_per_second, mean.map(|mean| mean as u64))
            .set(memory::traffic_resolution_bytes_per_second, width.map(|width| width as u64))
            .set(
                memory::traffic_limit_bytes_per_second,
                self.limit.filter(|_| mean.is_some() || both.is_some()),
            );
        let pages = self.pages.read(&library);
        if let (Some(of), Some(page)) = (&pages, self.page) {
            let bytes = |pages: u64| pages.saturating_mul(page);
            let used = of.app().saturating_add(of.wired).saturating_add(of.compressor);
            row.set(memory::free_bytes, bytes(of.free))
                .set(memory::cached_bytes, bytes(of.cached()))
                .set(memory::anonymous_bytes, bytes(of.internal))
                .set(memory::app_bytes, bytes(of.app()))
                .set(memory::wired_bytes, bytes(of.wired))
                .set(memory::compressed_bytes, bytes(of.compressor))
                .set(memory::compressed_stored_bytes, bytes(of.uncompressed))
                .set(memory::available_bytes, self.total.map(|all| all.saturating_sub(bytes(used))))
                .set(memory::page_in_bytes, bytes(of.page_ins))
                .set(memory::page_out_bytes, bytes(of.page_outs))
                .set(memory::swap_in_bytes, bytes(of.swap_ins))
                .set(memory::swap_out_bytes, bytes(of.swap_outs))
                .set(memory::faults, of.faults);
        }
        let swap = system::bytes(&library, "vm.swapusage").and_then(|of| layout::swap(&of));
        if let Some((total, free, _)) = swap {
            row.set(memory::swap_total_bytes, total).set(memory::swap_free_bytes, free);
        }
        let level = match system::number(&library, "kern.memorystatus_vm_pressure_level") {
            Some(1) => Some(0_i64),
            Some(2) => Some(1),
            Some(4) => Some(2),
            _ => None,
        };
        row.set(memory::pressure_level, level);
        read.give(table, begin);
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
