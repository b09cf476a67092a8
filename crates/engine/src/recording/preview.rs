//! Lowest, mean and highest of a few numbers per 10 s, so that a week is drawn without decoding.
//!
//! ```text
//! preview  period in ms, names: count, (length, bytes) each
//!          slots: count, starts in ms as differences
//!          zstd of: per name the lowest of all slots, the means, the highest, as f32; NaN is none
//! ```

use retop_model::family::{cpu, host, memory, task, tcp};
use retop_model::{Field, Snapshot};

use crate::history::varint::{Reader, put, put_bytes, put_signed};
use crate::history::{Band, Channel, CodecError};

/// Time in a slot.
const PERIOD_MS: i64 = 10_000;
/// Most bytes of one preview, inflated.
const LIMIT: usize = 16 << 20;
const LEVEL: i32 = 3;
/// The bits of a mantissa that are kept: a third of a percent, finer than any chart. The rest is
/// noise that takes half the bytes.
const KEPT_BITS: u32 = 0xffff_8000;

/// What is kept of one moment.
enum Line {
    Number(Field),
    Sum(Channel),
}

/// What somebody who looks at a week wants to see first.
const LINES: [Line; 16] = [
    Line::Number(cpu::utilization_ratio),
    Line::Number(cpu::system_ratio),
    Line::Number(cpu::iowait_ratio),
    Line::Number(cpu::steal_ratio),
    Line::Number(cpu::runnable),
    Line::Number(cpu::context_switches_per_second),
    Line::Number(host::load_1m),
    Line::Number(memory::used_ratio),
    Line::Number(memory::cache_bytes),
    Line::Number(memory::swap_used_bytes),
    Line::Number(memory::major_faults_per_second),
    Line::Number(task::processes),
    Line::Number(tcp::established),
    Line::Sum(Channel::Io),
    Line::Sum(Channel::Disk),
    Line::Sum(Channel::Network),
];

/// The name by which a line is found again.
pub(super) fn name_of(field: Field) -> String {
    format!("{}.{}", field.family.get().name, field.name())
}

impl Line {
    fn name(&self) -> String {
        match self {
            Line::Number(field) => name_of(*field),
            Line::Sum(channel) => channel.name().to_owned(),
        }
    }

    fn value(&self, moment: &Snapshot) -> Option<f64> {
        match self {
            Line::Number(field) => moment.one(*field),
            Line::Sum(channel) => channel.value(moment),
        }
    }
}

/// Bands of a few numbers over some time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// Time in a slot.
    pub period_ms: i64,
    /// Start of each slot; ascending, with holes where nothing was recorded.
    pub starts_ms: Vec<i64>,
    /// Names of the lines: `cpu.utilization_ratio`, or what a sum over devices is called: `disk`.
    pub names: Vec<String>,
    /// The bands of each line, one per slot.
    pub bands: Vec<Vec<Option<Band>>>,
}

impl Preview {
    /// The bands of a field, if it is among the lines.
    #[must_use]
    pub fn line(&self, field: Field) -> Option<&[Option<Band>]> {
        self.named(&name_of(field))
    }

    /// The bands of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&[Option<Band>]> {
        let place = self.names.iter().position(|known| known == name)?;
        self.bands.get(place).map(Vec::as_slice)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.period_ms.unsigned_abs());
        put(&mut out, self.names.len() as u64);
        for name in &self.names {
            put_bytes(&mut out, name.as_bytes());
        }
        put(&mut out, self.starts_ms.len() as u64);
        let mut last = 0i64;
        for &start in &self.starts_ms {
            put_signed(&mut out, start.wrapping_sub(last));
            last = start;
        }
        let parts: [fn(&Band) -> f32; 3] = [|band| band.min, |band| band.mean, |band| band.max];
        let mut planes = Vec::with_capacity(self.names.len() * self.starts_ms.len() * 12);
        for line in &self.bands {
            for part in parts {
                for band in line {
                    let value = band.as_ref().map_or(f32::NAN, part);
                    let kept = f32::from_bits(value.to_bits() & KEPT_BITS);
                    planes.extend_from_slice(&kept.to_le_bytes());
                }
            }
        }
        out.extend(zstd::bulk::compress(&planes, LEVEL).unwrap_or_default());
        out
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Preview, CodecError> {
        let mut reader = Reader::new(bytes);
        let Some(period_ms @ 1..) = i64::try_from(reader.number()?).ok() else {
            return reader.error("a preview without a period");
        };
        let mut preview = Preview { period_ms, ..Preview::default() };
        for _ in 0..reader.count(1)? {
            let name = String::from_utf8_lossy(reader.bytes()?).into_owned();
            preview.names.push(name);
        }
        let mut last = 0i64;
        for _ in 0..reader.count(1)? {
            last = last.wrapping_add(reader.signed()?);
            preview.starts_ms.push(last);
        }
        let slots = preview.starts_ms.len();
        let wanted = preview.names.len().saturating_mul(slots).saturating_mul(12);
        if wanted > LIMIT {
            return reader.error("a preview too large");
        }
        let rest = bytes.get(bytes.len() - reader.left()..).unwrap_or_default();
        let planes = match zstd::bulk::decompress(rest, wanted) {
            Ok(planes) if planes.len() == wanted => planes,
            _ => return reader.error("a preview that is not whole"),
        };
        let value = |place: usize| {
            let bytes = planes.get(place * 4..).and_then(<[u8]>::first_chunk);
            f32::from_le_bytes(bytes.copied().unwrap_or([0xff; 4]))
        };
        for line in 0..preview.names.len() {
            let band = |slot: usize| {
                let [min, mean, max] =
                    [0, 1, 2].map(|part| value((line * 3 + part) * slots + slot));
                (!mean.is_nan()).then_some(Band { min, mean, max })
            };
            preview.bands.push((0..slots).map(band).collect());
        }
        Ok(preview)
    }
}

/// Gathers the preview of a segment as its moments come.
pub(super) struct Gather {
    preview: Preview,
    open: [Sum; LINES.len()],
}

#[derive(Clone, Copy)]
struct Sum {
    min: f32,
    max: f32,
    sum: f64,
    count: u32,
}

const NOTHING: Sum = Sum { min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0, count: 0 };

impl Gather {
    pub fn new() -> Gather {
        let names: Vec<String> = LINES.iter().map(Line::name).collect();
        let bands = vec![Vec::new(); names.len()];
        let preview = Preview { period_ms: PERIOD_MS, starts_ms: Vec::new(), names, bands };
        Gather { preview, open: [NOTHING; LINES.len()] }
    }

    pub fn push(&mut self, moment: &Snapshot) {
        let start = moment.stamp().wall_ms.div_euclid(PERIOD_MS) * PERIOD_MS;
        if self.preview.starts_ms.last() != Some(&start) {
            self.close();
            self.preview.starts_ms.push(start);
        }
        for (sum, line) in self.open.iter_mut().zip(&LINES) {
            let Some(value) = line.value(moment) else { continue };
            let single = value as f32;
            sum.min = sum.min.min(single);
            sum.max = sum.max.max(single);
            sum.sum += value;
            sum.count += 1;
        }
    }

    fn close(&mut self) {
        if self.preview.starts_ms.len() == self.preview.bands.first().map_or(0, Vec::len) {
            return;
        }
        for (line, sum) in self.preview.bands.iter_mut().zip(&mut self.open) {
            let mean = (sum.sum / f64::from(sum.count)) as f32;
            line.push((sum.count > 0).then_some(Band { min: sum.min, mean, max: sum.max }));
            *sum = NOTHING;
        }
    }

    /// The preview so far.
    pub fn finish(&mut self) -> &Preview {
        self.close();
        &self.preview
    }
}
