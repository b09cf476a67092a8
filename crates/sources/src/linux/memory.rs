//! Memory: `/proc/meminfo` and `/proc/vmstat`, zram and the cache of ZFS.

use std::path::PathBuf;

use retop_model::family::memory;
use retop_model::{FamilyId, Field, Key};

use super::file::{self, KeptFile};
use super::page::page_bytes;
use super::parse::{self, Fields};
use super::sysfs;
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// Reads between two looks for zram devices and a ZFS cache, which hardly ever come or go.
const LOOK_EVERY: u32 = 16;

/// The machine's memory.
pub(crate) struct Memory {
    roots: Roots,
    meminfo: KeptFile,
    vmstat: KeptFile,
    text: Vec<u8>,
    page_bytes: Option<u64>,
    reads: u32,
    zram: Vec<PathBuf>,
    zfs: Option<KeptFile>,
}

impl Memory {
    pub(crate) fn new(roots: &Roots) -> Memory {
        Memory {
            meminfo: KeptFile::whole(roots.proc.join("meminfo")),
            vmstat: KeptFile::records(roots.proc.join("vmstat")),
            text: Vec::new(),
            page_bytes: page_bytes(roots),
            reads: 0,
            zram: Vec::new(),
            zfs: None,
            roots: roots.clone(),
        }
    }

    fn look_around(&mut self) {
        let block = self.roots.sys.join("block");
        let names = sysfs::names(&block).unwrap_or_default().into_iter();
        self.zram = names
            .filter(|name| name.starts_with("zram"))
            .map(|name| block.join(name).join("mm_stat"))
            .collect();
        let arc = self.roots.proc.join("spl/kstat/zfs/arcstats");
        self.zfs = arc.exists().then(|| KeptFile::records(arc));
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
        if self.reads.is_multiple_of(LOOK_EVERY) {
            self.look_around();
        }
        self.reads = self.reads.wrapping_add(1);
        let begin = read.now_ns();
        let mut table = read.table(FamilyId::Memory);
        let mut row = table.push(Key::ONE);
        let mut huge = HugePages::default();
        let mut any = false;
        for (key, value) in
            parse::lines(self.meminfo.text(&mut self.text)?).filter_map(parse::keyed)
        {
            any |= key == b"MemTotal";
            match field_of_meminfo(key) {
                Some(field) => {
                    row.set(field, parse::kilobytes(value));
                }
                None => huge.note(key, value),
            }
        }
        if !any {
            return Err(self.meminfo.without("MemTotal"));
        }
        let (total, free) = huge.bytes(&self.roots);
        row.set(memory::huge_total_bytes, total).set(memory::huge_free_bytes, free);
        // Containers without vmstat still have a memory.
        let problem = match self.vmstat.text(&mut self.text) {
            Ok(text) => {
                let vmstat = Vmstat::parse(text);
                let pages = |pages: Option<u64>| pages?.checked_mul(self.page_bytes?);
                // Unlike its neighbours pgpgin counts kB.
                let kilobytes = |number: Option<u64>| number?.checked_mul(1024);
                row.set(memory::page_in_bytes, kilobytes(vmstat.page_in))
                    .set(memory::page_out_bytes, kilobytes(vmstat.page_out))
                    .set(memory::swap_in_bytes, pages(vmstat.swap_in))
                    .set(memory::swap_out_bytes, pages(vmstat.swap_out))
                    .set(memory::faults, vmstat.faults)
                    .set(memory::major_faults, vmstat.major_faults)
                    .set(memory::refaults, vmstat.refaults)
                    .set(memory::allocation_stalls, vmstat.allocation_stalls)
                    .set(memory::compaction_stalls, vmstat.compaction_stalls)
                    .set(memory::oom_kills, vmstat.oom_kills);
                None
            }
            Err(problem) => Some(problem),
        };
        if let Some((stored, taken)) = zram(&self.zram) {
            row.set(memory::zram_stored_bytes, stored).set(memory::zram_bytes, taken);
        }
        let zfs = self.zfs.as_mut().and_then(|file| file.read(&mut self.text).ok());
        row.set(memory::zfs_arc_reclaimable_bytes, zfs.and_then(arc_reclaimable));
        read.give(table, begin);
        read.report("memory/vmstat", "memory", problem);
        Ok(())
    }
}

fn field_of_meminfo(key: &[u8]) -> Option<Field> {
    Some(match key {
        b"MemTotal" => memory::total_bytes,
        b"MemFree" => memory::free_bytes,
        b"MemAvailable" => memory::available_bytes,
        b"Buffers" => memory::buffers_bytes,
        b"Cached" => memory::cached_bytes,
        b"Shmem" => memory::shared_bytes,
        b"SReclaimable" => memory::slab_reclaimable_bytes,
        b"SUnreclaim" => memory::slab_unreclaimable_bytes,
        b"AnonPages" => memory::anonymous_bytes,
        b"Mapped" => memory::mapped_bytes,
        b"Dirty" => memory::dirty_bytes,
        b"Writeback" => memory::writeback_bytes,
        b"PageTables" => memory::page_tables_bytes,
        b"KernelStack" => memory::kernel_stack_bytes,
        b"Percpu" => memory::per_cpu_bytes,
        b"Mlocked" => memory::locked_bytes,
        b"Unevictable" => memory::unevictable_bytes,
        b"Committed_AS" => memory::committed_bytes,
        b"CommitLimit" => memory::commit_limit_bytes,
        b"AnonHugePages" => memory::anonymous_huge_bytes,
        b"HardwareCorrupted" => memory::hardware_corrupted_bytes,
        b"SwapTotal" => memory::swap_total_bytes,
        b"SwapFree" => memory::swap_free_bytes,
        b"SwapCached" => memory::swap_cached_bytes,
        b"Zswap" => memory::zswap_bytes,
        b"Zswapped" => memory::zswap_stored_bytes,
        _ => return None,
    })
}

/// Huge pages: meminfo counts those of the default size alone, in pages.
#[derive(Debug, Default, PartialEq, Eq)]
struct HugePages {
    total: Option<u64>,
    free: Option<u64>,
    page_bytes: Option<u64>,
    /// Bytes of all sizes; since Linux 4.20.
    all_bytes: Option<u64>,
}

impl HugePages {
    fn note(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"HugePages_Total" => self.total = parse::decimal(value),
            b"HugePages_Free" => self.free = parse::decimal(value),
            b"Hugepagesize" => self.page_bytes = parse::kilobytes(value),
            b"Hugetlb" => self.all_bytes = parse::kilobytes(value),
            _ => {}
        }
    }

    /// Bytes in all and bytes free. Sysfs is asked only if there are pages of another size.
    fn bytes(&self, roots: &Roots) -> (Option<u64>, Option<u64>) {
        let bytes = |pages: Option<u64>| pages?.checked_mul(self.page_bytes?);
        let (total, free) = (bytes(self.total), bytes(self.free));
        match self.all_bytes {
            Some(all) if total.is_some_and(|total| all > total) => {
                (Some(all), free_of_every_size(roots))
            }
            _ => (total, free),
        }
    }
}

fn free_of_every_size(roots: &Roots) -> Option<u64> {
    let folder = roots.sys.join("kernel/mm/hugepages");
    let free = |name: String| {
        let kilobytes = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
        let page_bytes = parse::decimal(kilobytes.as_bytes())?.checked_mul(1024)?;
        let pages = file::number(&folder.join(&name).join("free_hugepages"))?;
        u64::try_from(pages).ok()?.checked_mul(page_bytes)
    };
    let free: Vec<u64> = sysfs::names(&folder).ok()?.into_iter().filter_map(free).collect();
    (!free.is_empty()).then(|| free.iter().fold(0, |sum: u64, &bytes| sum.saturating_add(bytes)))
}

/// The counters of `/proc/vmstat` that retop keeps, as they stand there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Vmstat {
    page_in: Option<u64>,
    page_out: Option<u64>,
    swap_in: Option<u64>,
    swap_out: Option<u64>,
    faults: Option<u64>,
    major_faults: Option<u64>,
    refaults: Option<u64>,
    allocation_stalls: Option<u64>,
    compaction_stalls: Option<u64>,
    oom_kills: Option<u64>,
}

impl Vmstat {
    fn parse(text: &[u8]) -> Vmstat {
        let mut vmstat = Vmstat::default();
        for line in parse::lines(text) {
            let mut fields = Fields::new(line);
            let place = match fields.next() {
                Some(b"pgpgin") => &mut vmstat.page_in,
                Some(b"pgpgout") => &mut vmstat.page_out,
                Some(b"pswpin") => &mut vmstat.swap_in,
                Some(b"pswpout") => &mut vmstat.swap_out,
                Some(b"pgfault") => &mut vmstat.faults,
                Some(b"pgmajfault") => &mut vmstat.major_faults,
                // One for files and programs together before Linux 5.9.
                Some(b"workingset_refault_file" | b"workingset_refault") => &mut vmstat.refaults,
                Some(b"compact_stall") => &mut vmstat.compaction_stalls,
                Some(b"oom_kill") => &mut vmstat.oom_kills,
                // One for each zone since Linux 4.10.
                Some(name) if name.starts_with(b"allocstall") => {
                    let sum = vmstat.allocation_stalls.unwrap_or(0);
                    vmstat.allocation_stalls = fields.number().map(|by| sum.saturating_add(by));
                    continue;
                }
                _ => continue,
            };
            *place = fields.number();
        }
        vmstat
    }
}

/// What the zram devices hold and what they take for it; `None` without a device.
fn zram(devices: &[PathBuf]) -> Option<(u64, u64)> {
    let sizes = devices.iter().filter_map(|path| {
        let text = file::short(path).ok()?;
        let mut fields = Fields::new(&text);
        let stored = fields.number()?;
        let _compressed = fields.number()?;
        Some((stored, fields.number()?))
    });
    sizes.reduce(|sum, one| (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1)))
}

/// What the ZFS cache gives back under pressure: its size above its floor.
fn arc_reclaimable(text: &[u8]) -> Option<u64> {
    let value = |name: &[u8]| {
        parse::lines(text).find_map(|line| {
            let mut fields = Fields::new(line);
            let found = fields.next()? == name;
            fields.next()?;
            found.then(|| fields.number())?
        })
    };
    Some(value(b"size")?.saturating_sub(value(b"c_min")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const MEMINFO: &str = "MemTotal:       16000000 kB\nMemFree:         4000000 kB\n\
        MemAvailable:    9000000 kB\nBuffers:          100000 kB\nCached:          5000000 kB\n\
        SwapCached:         1000 kB\nShmem:            300000 kB\nSReclaimable:     200000 kB\n\
        SwapTotal:       2000000 kB\nSwapFree:        1500000 kB\nHugePages_Total:       4\n\
        HugePages_Free:        3\nHugepagesize:       2048 kB\nHugetlb:            8192 kB\n";
    const VMSTAT: &str = "nr_free_pages 1000000\npgpgin 10\npgpgout 20\npswpin 3\npswpout 4\n\
        allocstall_dma 1\nallocstall_normal 2\nallocstall_movable 3\npgfault 100\npgmajfault 7\n\
        workingset_refault_anon 50\nworkingset_refault_file 60\ncompact_stall 8\noom_kill 9\n";

    #[test]
    fn sizes_and_counters() {
        let tree = Tree::new(&[
            ("proc/meminfo", MEMINFO),
            ("proc/vmstat", VMSTAT),
            ("proc/spl/kstat/zfs/arcstats", "9 1 0x01\nname type data\nc_min 4 30\nsize 4 100\n"),
            ("sys/block/zram0/mm_stat", " 4096 100 200 0 0 0 0 0 0\n"),
            ("sys/block/zram1/mm_stat", " 4096 100 300 0 0 0 0 0 0\n"),
            ("sys/block/sda/size", "1\n"),
        ]);
        let taken = read_once(&mut Memory::new(&tree.roots()));
        assert_eq!((taken.result, taken.reports[0].problem.clone()), (Ok(()), None));
        let kib = |n: f64| Some(n * 1024.0);
        for (field, value) in [
            (memory::total_bytes, kib(16e6)),
            (memory::used_bytes, kib(7e6).map(|used| used - 70.0)),
            (memory::swap_used_bytes, kib(499_000.0)),
            (memory::huge_total_bytes, kib(8192.0)),
            (memory::huge_free_bytes, kib(6144.0)),
            (memory::zfs_arc_reclaimable_bytes, Some(70.0)),
            (memory::zram_stored_bytes, Some(8192.0)),
            (memory::zram_bytes, Some(500.0)),
            (memory::page_in_bytes, Some(10240.0)),
            (memory::swap_out_bytes, Some(4.0 * 4096.0)),
            (memory::refaults, Some(60.0)),
            (memory::allocation_stalls, Some(6.0)),
            (memory::oom_kills, Some(9.0)),
            (memory::dirty_bytes, None),
        ] {
            assert_eq!(taken.snapshot.one(field), value, "{}", field.name());
        }
    }

    #[test]
    fn huge_pages_of_two_sizes() {
        let tree = Tree::new(&[
            ("proc/meminfo", &MEMINFO.replace("   8192 kB", "1056768 kB")),
            ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n"),
            ("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n"),
            ("sys/kernel/mm/hugepages/hugepages-xkB/free_hugepages", "1\n"),
        ]);
        let taken = read_once(&mut Memory::new(&tree.roots()));
        let mib = |n: f64| Some(n * 1048576.0);
        assert_eq!(taken.snapshot.one(memory::huge_total_bytes), mib(1032.0));
        assert_eq!(taken.snapshot.one(memory::huge_free_bytes), mib(1030.0));
    }

    #[test]
    fn one_missing_file_hides_nothing_of_the_other() {
        let tree = Tree::new(&[("proc/meminfo", MEMINFO)]);
        let (mut source, mut bench) = (Memory::new(&tree.roots()), Bench::new());
        let taken = bench.read(&mut source);
        assert_eq!(taken.snapshot.one(memory::total_bytes), Some(16_384_000_000.0));
        assert_eq!(taken.reports[0].problem.as_ref().map(|problem| problem.state), Some(ABSENT));
        tree.remove("proc/meminfo");
        tree.write("proc/meminfo", "");
        let mut fresh = Memory::new(&tree.roots());
        assert_eq!(bench.read(&mut fresh).result.unwrap_err().state, FAILING);
        tree.remove("proc/meminfo");
        let mut fresh = Memory::new(&tree.roots());
        assert_eq!(bench.read(&mut fresh).result.unwrap_err().state, ABSENT);
    }

    #[test]
    fn garbage_is_missing() {
        let text = "MemTotal: x kB\nMemFree: 12 MB\nCached 5\n:\n\u{fffd}\nBuffers: 7 kB";
        let tree = Tree::new(&[("proc/meminfo", text), ("proc/vmstat", "pgpgin\npgfault -1\n")]);
        let snapshot = read_once(&mut Memory::new(&tree.roots())).snapshot;
        for field in [memory::total_bytes, memory::free_bytes, memory::cached_bytes] {
            assert_eq!(snapshot.one(field), None);
        }
        assert_eq!(snapshot.one(memory::buffers_bytes), Some(7168.0));
        assert_eq!(snapshot.one(memory::faults), None);
    }

    #[test]
    fn this_machine_agrees_with_the_system_call() {
        let snapshot = read_once(&mut Memory::new(&Roots::real())).snapshot;
        // SAFETY: all zeros is a value of this plain struct, and the call fills it.
        let info = unsafe {
            let mut info: libc::sysinfo = std::mem::zeroed();
            assert_eq!(libc::sysinfo(&mut info), 0);
            info
        };
        let unit = u64::from(info.mem_unit);
        // meminfo rounds down to kB, and both are fixed while the machine runs.
        let total = snapshot.one(memory::total_bytes).unwrap() as u64;
        assert_eq!(total / 1024, info.totalram * unit / 1024);
        let swap = snapshot.one(memory::swap_total_bytes).unwrap() as u64;
        assert_eq!(swap / 1024, info.totalswap * unit / 1024);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(bytes: Vec<u8>, cut in 0..VMSTAT.len()) {
            let mut text = VMSTAT.as_bytes()[..cut].to_vec();
            text.extend(&bytes);
            Vmstat::parse(&text);
            arc_reclaimable(&text);
        }
    }
}
