//! A history in memory as a segment: what is sent to whoever replays a running retop.

use retop_model::Snapshot;
use retop_model::family::host;

use crate::export::Arguments;
use crate::history::{FrameKind, Schema, View};

use super::header::Header;
use super::index::{Index, KeyEntry};
use super::record::{self, Stamps};

/// The header for samples like that one.
pub(super) fn header(moment: &Snapshot, interval_ms: u64, arguments: Arguments) -> Header {
    let text =
        |field| moment.one_text(field).map_or_else(String::new, |text| text.shown().to_owned());
    let stamp = moment.stamp();
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: text(host::name),
        boot_id: text(host::boot_id),
        page_bytes: rustix::param::page_size() as u64,
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        interval_ms,
        wall_ms: stamp.wall_ms,
        monotonic_ns: stamp.monotonic_ns,
        arguments,
        schema: Schema::own(),
    }
}

/// All samples of a view from a time of the wall clock on as one segment, whole key intervals and
/// nothing decoded. `arguments` says what the history was written with. `None` if there is no
/// sample.
#[must_use]
pub fn segment_of(
    view: &View,
    from_ms: i64,
    interval_ms: u64,
    arguments: Arguments,
) -> Option<Vec<u8>> {
    let numbers = view.numbers();
    let mut number = view.number_at(from_ms).unwrap_or(numbers.start);
    let first = view.moment(number)?;
    let mut out = header(&first, interval_ms, arguments).to_bytes();
    let mut index = Index::default();
    // The whole interval that the first sample is in.
    if let Some((_, frame)) = view.place(number) {
        number -= frame as u64;
    }
    while let Some((chunk, 0)) = view.place(number) {
        let offset = out.len() as u64;
        let mut stamps = Stamps::default();
        for frame in 0..chunk.len() {
            let (Some(stamp), Some(payload)) = (chunk.stamp(frame), chunk.payload(frame)) else {
                break;
            };
            let (kind, record) = if frame == 0 {
                (FrameKind::Key, record::KEY)
            } else {
                (FrameKind::Delta, record::DELTA)
            };
            let start = record::begin(&mut out, record, stamp.wall_ms);
            stamps.write(stamp, kind == FrameKind::Key, &mut out);
            out.extend_from_slice(payload);
            record::finish(&mut out, start);
        }
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { break };
        let (frames, end) = (chunk.len() as u64, out.len() as u64);
        index.keys.push(KeyEntry { offset, end, frames, first, last });
        number += frames;
    }
    let footer = index.footer(out.len() as u64);
    out.extend_from_slice(&footer);
    Some(out)
}
