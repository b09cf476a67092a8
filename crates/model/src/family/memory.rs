//! Memory and swap.

use super::{FamilyId, memory_use, traffic};
use crate::metric::{named, series};

family! {
    /// Memory and swap of the machine.
    Memory "memory" "memory" one
    text {}
    raw {
        /// Memory that the kernel manages.
        total_bytes: Gauge Bytes,
        /// Memory that holds nothing.
        free_bytes: Gauge Bytes { scraped: false },
        /// What programs could still get without swapping, by the kernel's own estimate.
        available_bytes: Gauge Bytes,
        /// Buffers of block devices.
        buffers_bytes: Gauge Bytes,
        /// Page cache, shared memory included.
        cached_bytes: Gauge Bytes,
        /// Shared memory and tmpfs: counted as cache by the kernel, but not reclaimable.
        shared_bytes: Gauge Bytes { scraped: false },
        /// Kernel objects that can be given back.
        slab_reclaimable_bytes: Gauge Bytes { scraped: false },
        /// Kernel objects that stay.
        slab_unreclaimable_bytes: Gauge Bytes { scraped: false },
        /// Memory of programs that no file stands behind.
        anonymous_bytes: Gauge Bytes { scraped: false },
        /// Files mapped into programs.
        mapped_bytes: Gauge Bytes { scraped: false },
        /// Pages waiting to be written to disk.
        dirty_bytes: Gauge Bytes,
        /// Pages being written to disk now.
        writeback_bytes: Gauge Bytes { scraped: false },
        /// Page tables.
        page_tables_bytes: Gauge Bytes { scraped: false },
        /// Kernel stacks.
        kernel_stack_bytes: Gauge Bytes { scraped: false },
        /// Memory of allocations that each CPU has a copy of (Linux 4.20): gigabytes on large machines.
        per_cpu_bytes: Gauge Bytes { scraped: false },
        /// Memory that may not be swapped.
        locked_bytes: Gauge Bytes { scraped: false },
        /// Memory that cannot be reclaimed: locked, or of a file system that holds it.
        unevictable_bytes: Gauge Bytes { scraped: false },
        /// Memory promised to programs.
        committed_bytes: Gauge Bytes { scraped: false },
        /// What may be promised at most under strict overcommit.
        commit_limit_bytes: Gauge Bytes { scraped: false },
        /// Transparent huge pages of programs.
        anonymous_huge_bytes: Gauge Bytes { scraped: false },
        /// Memory set aside as huge pages.
        huge_total_bytes: Gauge Bytes { scraped: false },
        /// Huge pages not in use.
        huge_free_bytes: Gauge Bytes { scraped: false },
        /// Memory found faulty and taken out of use.
        hardware_corrupted_bytes: Gauge Bytes { scraped: false },
        /// ZFS cache above its floor: used memory that gives way.
        zfs_arc_reclaimable_bytes: Gauge Bytes { scraped: false },
        /// Swap of all devices.
        swap_total_bytes: Gauge Bytes { series: named("swap_total_bytes") },
        /// Swap not in use.
        swap_free_bytes: Gauge Bytes { series: named("swap_free_bytes"), scraped: false },
        /// Swapped pages that are still in memory too.
        swap_cached_bytes: Gauge Bytes { series: named("swap_cached_bytes"), scraped: false },
        /// Memory that zswap takes.
        zswap_bytes: Gauge Bytes { series: named("zswap_bytes"), scraped: false },
        /// What zswap holds, before compression.
        zswap_stored_bytes: Gauge Bytes { series: named("zswap_stored_bytes"), scraped: false },
        /// Memory that zram devices take.
        zram_bytes: Gauge Bytes { series: named("zram_bytes"), scraped: false },
        /// What zram devices hold, before compression.
        zram_stored_bytes: Gauge Bytes { series: named("zram_stored_bytes"), scraped: false },
        /// Bytes read from disks through the page cache and into memory.
        page_in_bytes: Counter Bytes { scraped: false },
        /// Bytes written from memory to disks.
        page_out_bytes: Counter Bytes { scraped: false },
        /// Bytes brought back from swap.
        swap_in_bytes: Counter Bytes { series: named("swap_in_bytes") },
        /// Bytes put into swap.
        swap_out_bytes: Counter Bytes { series: named("swap_out_bytes") },
        /// Page faults of any kind.
        faults: Counter Count { series: series("page_faults", "type", "any"), scraped: false },
        /// Page faults that had to read from a disk.
        major_faults: Counter Count { series: series("page_faults", "type", "major") },
        /// Pages of files that were evicted and soon read again: the cache is too small.
        refaults: Counter Count { series: named("workingset_refaults"), scraped: false },
        /// Times that an allocation had to free memory itself.
        allocation_stalls: Counter Count { series: named("allocation_stalls"), scraped: false },
        /// Times that an allocation had to compact memory first.
        compaction_stalls: Counter Count { series: named("compaction_stalls"), scraped: false },
        /// Processes killed for want of memory.
        oom_kills: Counter Count { series: named("oom_kills") },
        /// Bytes moved between memory chips and the processor, where a counter of the chip tells.
        traffic_bytes: Counter Bytes { scraped: false },
        /// Most bytes that the memory can move per second.
        traffic_limit_bytes_per_second: Gauge BytesPerSecond { scraped: false },
    }
    derived {
        /// Memory in use that nothing can reclaim: total − free − buffers − cached − reclaimable slab, plus shared memory. On macOS that of programs, wired and compressed memory.
        used_bytes: Bytes { scraped: true, label: "MEM" } = |d| {
            let uses = d.snapshot().rows(FamilyId::MemoryUse);
            let claimed = uses.filter(|row| memory_use::CLAIMED.contains(&row.shown(memory_use::usage)));
            let claimed = crate::snapshot::sum(claimed.map(|row| row.get(memory_use::memory_bytes)));
            if claimed.is_some() {
                return claimed;
            }
            let reclaimable = d.now(free_bytes)? + d.now(buffers_bytes)? + d.now(cached_bytes)?
                + d.now(slab_reclaimable_bytes).unwrap_or(0.0)
                - d.now(shared_bytes).unwrap_or(0.0)
                + d.now(zfs_arc_reclaimable_bytes).unwrap_or(0.0);
            Some((d.now(total_bytes)? - reclaimable).max(0.0))
        };
        /// Memory in use as a share of all.
        used_ratio: Ratio = |d| d.share(used_bytes, total_bytes);
        /// Page cache and reclaimable kernel objects, shared memory excluded.
        cache_bytes: Bytes = |d| {
            let cache = d.now(cached_bytes)? + d.now(slab_reclaimable_bytes).unwrap_or(0.0)
                - d.now(shared_bytes).unwrap_or(0.0);
            Some(cache.max(0.0))
        };
        /// What programs could still get, as a share of all.
        available_ratio: Ratio = |d| d.share(available_bytes, total_bytes);
        /// Memory promised to programs as a share of memory and swap: `%commit` of sar.
        committed_ratio: Ratio = |d| {
            let room = d.now(total_bytes)? + d.now(swap_total_bytes).unwrap_or(0.0);
            Some(d.now(committed_bytes)? / room).filter(|_| room > 0.0)
        };
        /// Swap in use; pages that are also in memory do not count.
        swap_used_bytes: Bytes { scraped: true, series: named("swap_used_bytes"), label: "SWP" } = |d| {
            let used = d.now(swap_total_bytes)? - d.now(swap_free_bytes)?
                - d.now(swap_cached_bytes).unwrap_or(0.0);
            Some(used.max(0.0))
        };
        /// Swap in use as a share of all swap.
        swap_used_ratio: Ratio = |d| d.share(swap_used_bytes, swap_total_bytes);
        /// Bytes read into memory from disks per second.
        page_in_bytes_per_second: BytesPerSecond = |d| d.rate(page_in_bytes);
        /// Bytes written from memory to disks per second.
        page_out_bytes_per_second: BytesPerSecond = |d| d.rate(page_out_bytes);
        /// Bytes brought back from swap per second.
        swap_in_bytes_per_second: BytesPerSecond = |d| d.rate(swap_in_bytes);
        /// Bytes put into swap per second.
        swap_out_bytes_per_second: BytesPerSecond = |d| d.rate(swap_out_bytes);
        /// Page faults per second.
        faults_per_second: PerSecond = |d| d.rate(faults);
        /// Page faults that read from a disk, per second.
        major_faults_per_second: PerSecond = |d| d.rate(major_faults);
        /// Evicted pages read again, per second.
        refaults_per_second: PerSecond = |d| d.rate(refaults);
        /// Processes killed for want of memory, per second.
        oom_kills_per_second: PerSecond = |d| d.rate(oom_kills);
        /// Bytes moved between memory chips and the processor per second: counted, else by the controllers' histograms.
        traffic_bytes_per_second: BytesPerSecond { scraped: true } =
            |d| {
                let controllers = d.snapshot().rows(FamilyId::Traffic);
                let moved = controllers.map(|row| row.get(traffic::moved_bytes_per_second));
                d.rate(traffic_bytes).or_else(|| crate::snapshot::sum(moved))
            };
        /// The same as a share of what the memory can do.
        traffic_ratio: Ratio = |d| d.share(traffic_bytes_per_second, traffic_limit_bytes_per_second);
        /// Original size of what zram holds for each byte that it takes.
        zram_compression_ratio: Ratio = |d| d.share(zram_stored_bytes, zram_bytes);
    }
}
