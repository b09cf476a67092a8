//! Slots that the rings have no room for, compressed: an hour of each of the machine's series.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use zstd::zstd_safe::{CCtx, DCtx};

use super::Band;

/// Slots of a block.
pub(super) const SLOTS: usize = 360;
/// Blocks that are kept: a week.
const BLOCKS: usize = 7 * 24;
/// Below this room there are none: compressing takes memory of its own.
const LEAST: usize = 1 << 20;
const LEVEL: i32 = 1;
/// Bytes of a series in a block, inflated: lowest, mean and highest in 16 bits each.
const LINE: usize = SLOTS * 3 * 2;

/// Slots one after the other in time.
struct Run {
    start_ms: i64,
    slots: usize,
}

struct Block {
    /// The number of its first slot since the start.
    first: u64,
    runs: Vec<Run>,
    /// Where the bytes of each series end.
    ends: Box<[u32]>,
    bytes: Box<[u8]>,
}

impl Block {
    fn memory(&self) -> usize {
        size_of::<Block>()
            + self.runs.capacity() * size_of::<Run>()
            + self.ends.len() * size_of::<u32>()
            + self.bytes.len()
    }

    /// Places and starts of the slots, the newest first.
    fn starts(&self, period_ms: i64) -> impl Iterator<Item = (usize, i64)> {
        let mut place = SLOTS;
        self.runs.iter().rev().flat_map(move |run| {
            let end = place;
            place -= run.slots;
            let begin = place;
            (begin..end)
                .rev()
                .map(move |slot| (slot, run.start_ms + (slot - begin) as i64 * period_ms))
        })
    }

    fn line(&self, line: usize) -> Option<&[u8]> {
        let begin = match line.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(begin as usize..*self.ends.get(line)? as usize)
    }
}

/// The blocks of a tier, the newest last.
pub(super) struct Blocks {
    period_ms: i64,
    /// Bytes that they may take.
    room: usize,
    kept: VecDeque<Block>,
    bytes: usize,
    deflate: Option<CCtx<'static>>,
    inflate: Mutex<Option<DCtx<'static>>>,
}

impl Blocks {
    /// `None` if there is no room for any.
    pub fn new(period_ms: i64, room: usize) -> Option<Blocks> {
        let (kept, inflate) = (VecDeque::new(), Mutex::new(None));
        (room >= LEAST).then_some(Blocks {
            period_ms,
            room,
            kept,
            bytes: 0,
            deflate: None,
            inflate,
        })
    }

    /// Takes the slots from that number on: the start of each, and of each series its bands.
    pub fn push(
        &mut self,
        first: u64,
        starts_ms: impl Iterator<Item = i64>,
        lines: impl Iterator<Item = impl Iterator<Item = Option<Band>>>,
    ) {
        let mut runs: Vec<Run> = Vec::new();
        for start_ms in starts_ms {
            match runs.last_mut() {
                Some(run) if run.start_ms + run.slots as i64 * self.period_ms == start_ms => {
                    run.slots += 1;
                }
                _ => runs.push(Run { start_ms, slots: 1 }),
            }
        }
        if self.deflate.is_none() {
            self.deflate = CCtx::try_create();
        }
        let Some(deflate) = &mut self.deflate else { return };
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let mut plain = [0; LINE];
        let mut packed = Vec::with_capacity(LINE + 64);
        for line in lines {
            for (slot, band) in line.take(SLOTS).enumerate() {
                let parts = band.map_or([f32::NAN; 3], |band| [band.min, band.mean, band.max]);
                for (part, value) in parts.into_iter().enumerate() {
                    // High bytes stand together, and low ones: either has its own pattern.
                    let [low, high] = half(value).to_le_bytes();
                    plain[(2 * part) * SLOTS + slot] = high;
                    plain[(2 * part + 1) * SLOTS + slot] = low;
                }
            }
            packed.clear();
            if deflate.compress(&mut packed, &plain, LEVEL).is_err() {
                return;
            }
            bytes.extend_from_slice(&packed);
            ends.push(bytes.len() as u32);
        }
        runs.shrink_to_fit();
        let block = Block { first, runs, ends: ends.into(), bytes: bytes.into() };
        self.bytes += block.memory();
        self.kept.push_back(block);
        while self.kept.len() > BLOCKS || self.memory() > self.room {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.memory();
        }
    }

    /// The start of the oldest slot.
    pub fn oldest_ms(&self) -> Option<i64> {
        Some(self.kept.front()?.runs.first()?.start_ms)
    }

    /// Calls `found` with start and band of each slot of a series before that number, the newest
    /// first, until it says that it has had enough. Only what may lie in the time is inflated.
    pub fn each(
        &self,
        line: usize,
        before: u64,
        (from_ms, to_ms): (i64, i64),
        mut found: impl FnMut(i64, Option<Band>) -> bool,
    ) {
        let mut inflate = self.inflate.lock().unwrap_or_else(PoisonError::into_inner);
        if inflate.is_none() {
            *inflate = DCtx::try_create();
        }
        let Some(inflate) = &mut *inflate else { return };
        let mut plain = [0; LINE];
        for block in self.kept.iter().rev().filter(|block| block.first < before) {
            let inside = |(_, start): (usize, i64)| (from_ms..to_ms).contains(&start);
            let wanted = block.starts(self.period_ms).any(inside);
            let whole = wanted
                && block
                    .line(line)
                    .is_some_and(|packed| inflate.decompress(&mut plain[..], packed) == Ok(LINE));
            for (slot, start_ms) in block.starts(self.period_ms) {
                if block.first + slot as u64 >= before {
                    continue;
                }
                let part = |part: usize| {
                    let at = |plane: usize| plain.get(plane * SLOTS + slot).copied().unwrap_or(0);
                    let bits = u16::from_le_bytes([at(2 * part + 1), at(2 * part)]);
                    f32::from_bits(u32::from(bits) << 16)
                };
                let band = Band { min: part(0), mean: part(1), max: part(2) };
                if !found(start_ms, Some(band).filter(|band| whole && !band.mean.is_nan())) {
                    return;
                }
            }
        }
    }

    /// Bytes that they take.
    pub fn memory(&self) -> usize {
        let inflate = self.inflate.lock().unwrap_or_else(PoisonError::into_inner);
        self.bytes
            + self.kept.capacity() * size_of::<Block>()
            + self.deflate.as_ref().map_or(0, CCtx::sizeof)
            + inflate.as_ref().map_or(0, DCtx::sizeof)
    }
}

/// The upper half of a number's bits, rounded: a half of a percent, finer than any chart.
fn half(value: f32) -> u16 {
    if value.is_nan() {
        return 0x7fc0;
    }
    let bits = value.to_bits();
    let odd = bits >> 16 & 1;
    (bits.saturating_add(0x7fff + odd) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded() {
        let back = |value: f32| f32::from_bits(u32::from(half(value)) << 16);
        for value in [0.0, -0.0, 1.0, 255.0, -3.5, 0.5, f32::INFINITY] {
            assert_eq!(back(value), value);
        }
        for value in [0.123_456, 1e30, -7e-9, 999.9, 1e9 + 1.0] {
            assert!((back(value) / value - 1.0).abs() <= 1.0 / 256.0, "{value}");
        }
        assert!(back(f32::NAN).is_nan());
    }
}
