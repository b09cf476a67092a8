//! Memory of a made-up machine: what programs hold, what the cache keeps, what is left.

use super::flow::Flow;
use super::spec::{MIB, Spec};

/// The machine's memory in a second.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Memory of programs that no file stands behind.
    pub anonymous: u64,
    /// Page cache, files that programs map among it.
    pub cached: u64,
    /// Memory that holds nothing.
    pub free: u64,
    /// Kernel memory that stays, and that can be given back.
    pub kernel: u64,
    /// Kernel objects that can be given back.
    pub reclaimable: u64,
    /// Shared memory.
    pub shared: u64,
    /// Pages waiting to be written.
    pub dirty: u64,
    /// Swap in use.
    pub swapped: u64,
    /// Bytes swapped out and in.
    pub swap_out: Flow,
    /// Bytes brought back.
    pub swap_in: Flow,
    /// Bytes read from and written to disks.
    pub page_in: Flow,
    /// Bytes written.
    pub page_out: Flow,
    /// Page faults.
    pub faults: Flow,
    /// Page faults that read from a disk.
    pub major_faults: Flow,
    /// Evicted pages read again.
    pub refaults: Flow,
    /// Allocations that had to free memory themselves.
    pub stalls: Flow,
    /// Processes killed for want of memory.
    pub oom_kills: u64,
}

impl Memory {
    /// What programs could still get.
    pub fn available(&self) -> u64 {
        (self.free + self.cached + self.reclaimable).saturating_sub(self.shared + 64 * MIB)
    }

    /// True when an allocation finds nothing: the cache is gone and the reserve is reached.
    pub fn is_exhausted(&self, spec: &Spec) -> bool {
        self.free + self.cached <= spec.memory / 80
    }

    /// How much is missing, in thousandths: 0 while a twelfth of the memory is available.
    pub fn want(&self, spec: &Spec) -> u64 {
        let enough = (spec.memory / 12).max(1);
        1000 - (self.available().min(enough) * 1000 / enough)
    }

    /// Lets a second begin in which programs hold `own` bytes and move that much I/O.
    pub fn settle(&mut self, spec: &Spec, own: u64, io: (u64, u64), storm: bool) {
        self.kernel = spec.memory / 50;
        self.reclaimable = spec.memory / 60;
        self.shared = spec.memory / 100;
        // The kernel swaps when programs hold four fifths, half of what is above that.
        let resting = (spec.swap / 40).min(own / 50);
        let pushed_out = own.saturating_sub(spec.memory / 5 * 4) / 2;
        let swapped = (pushed_out + resting).min(spec.swap);
        self.swap_out.next(swapped.saturating_sub(self.swapped));
        self.swap_in.next(self.swapped.saturating_sub(swapped) / 16);
        self.swapped = swapped;
        self.anonymous = own - swapped.min(own);
        let reserve = spec.memory / 200;
        let room =
            spec.memory.saturating_sub(self.anonymous + self.kernel + self.reclaimable + reserve);
        let target = if storm { spec.memory } else { spec.cache };
        // The cache grows with what is read and gives way at once.
        self.cached = target.min(self.cached + io.0 + io.1).min(room).max(self.shared.min(room));
        self.free = room - self.cached + reserve;
        self.dirty = (io.1 * 5).min(self.cached / 4);
        let want = self.want(spec);
        self.page_in.next(io.0);
        self.page_out.next(io.1);
        self.faults.next(9_000 + own / (40 * MIB) + want * 20);
        self.major_faults.next(want * 3 / 2 + io.0 / (16 * MIB));
        self.refaults.next(want * 8);
        self.stalls.next(want / 10);
    }
}
