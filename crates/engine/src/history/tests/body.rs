//! Damage behind zstd, where a checksum would not stop it, and other declarations.

use std::sync::Arc;

use proptest::prelude::*;
use retop_model::family::process;
use retop_model::{FamilyId, Key, RawSample, RawTable, Stamp, Window};

use super::machine::{assert_same, moments, step};
use crate::history::decode::{Skimmed, State, skim};
use crate::history::encode::BodyEncoder;
use crate::history::schema::{ColumnSchema, FamilySchema, Kind, Mapping, Schema};
use crate::history::varint::{CodecError, put, put_bytes};
use crate::history::{FORMAT, ROW_LIMIT};

fn apply(state: &mut State, body: &[u8], schema: &Schema) -> Result<(), CodecError> {
    state.apply(body, &Mapping::new(schema), &mut Vec::new(), |_| true)
}

proptest! {
    #[test]
    fn a_damaged_body_gives_an_error_or_a_sample(
        steps in prop::collection::vec(step(), 2..8),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let moments = moments(&steps);
        let (before, now) = (&moments[moments.len() - 2], &moments[moments.len() - 1]);
        let mut encoder = BodyEncoder::default();
        let (mut key, mut delta) = (Vec::new(), Vec::new());
        encoder.key(before.before().map(|sample| &**sample), before.raw(), &mut key);
        encoder.delta(before.raw(), now.raw(), &mut delta);
        for (place, value) in flips {
            let place = place.index(key.len() + delta.len());
            match key.get_mut(place) {
                Some(byte) => *byte = value,
                None => delta[place - key.len()] = value,
            }
        }
        if let Some(cut) = cut {
            delta.truncate(cut.index(delta.len()));
        }
        let mapping = Mapping::new(&Schema::own());
        let (mut state, mut strings) = (State::new(), Vec::new());
        if state.apply(&key, &mapping, &mut strings, |_| true).is_ok() {
            let _ = skim(&delta, &mapping, &mut Skimmed::after(&state), |_| {});
            if state.apply(&delta, &mapping, &mut strings, |_| true).is_ok() {
                assert_same(&state.snapshot(), &state.snapshot());
            }
        }
    }

    #[test]
    fn any_body_gives_an_error_or_a_sample(mut body: Vec<u8>, flags in 0u8..4) {
        body.insert(0, flags);
        for format in 1..=FORMAT {
            let mapping = Mapping::of_format(format, &Schema::own());
            let _ = State::new().apply(&body, &mapping, &mut Vec::new(), |_| true);
        }
    }
}

#[test]
fn a_count_without_bytes_asks_for_no_memory() {
    // Key frame, stamps, no strings, host absent, then a table that says it has 2^60 rows.
    let mut section = vec![0, 0, 0];
    section.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    let mut body = vec![1, 0, 0, 0, 0, 0, 2, section.len() as u8];
    body.extend(&section);
    let error = apply(&mut State::new(), &body, &Schema::own()).unwrap_err();
    assert_eq!(error, CodecError { offset: body.len(), reason: "more things than bytes" });
}

#[test]
fn more_rows_than_a_sample_may_have_are_refused_before_they_are_made() {
    let mut section = vec![0, 0, 0];
    put(&mut section, ROW_LIMIT as u64 + 1);
    section.resize(section.len() + 2 * (ROW_LIMIT + 1), 1);
    let mut body = vec![1, 0, 0, 0, 0];
    body.resize(body.len() + FamilyId::Process.index(), 0);
    body.push(2);
    put_bytes(&mut body, &section);
    let error = apply(&mut State::new(), &body, &Schema::own()).unwrap_err();
    assert_eq!(error.reason, "too many rows");
}

#[test]
fn a_reader_with_other_declarations_finds_its_columns_by_name() {
    let mut sample = RawSample::new(Stamp { wall_ms: 7, monotonic_ns: 70, boottime_ns: 71 });
    let mut table = RawTable::new(FamilyId::Process);
    table
        .push(Key(1, 2))
        .set(process::pid, 1i64)
        .set(process::threads, 4i64)
        .set(process::resident_bytes, 4_096i64)
        .text(process::name, "init")
        .text(process::user, "root");
    table.finish(Window { begin_ns: 60, end_ns: 65 });
    sample.put(Arc::new(table));
    let mut body = Vec::new();
    BodyEncoder::default().key(None, &sample, &mut body);

    // The writer's program had a family, a column and a text that this one lacks, and another unit.
    let mut schema = Schema::own();
    schema.families[FamilyId::Disk.index()].name = "drum".into();
    let written = &mut schema.families[FamilyId::Process.index()];
    let column = |written: &mut FamilySchema, name: &str| {
        written.columns.iter().position(|column| column.name == name).unwrap()
    };
    let threads = column(written, "threads");
    written.columns[threads] =
        ColumnSchema { name: "fibres".into(), unit: String::new(), divisor: 1, kind: Kind::Gauge };
    let resident = column(written, "resident_bytes");
    written.columns[resident].divisor = 1_024;
    written.texts[0] = "title".into();

    let mut state = State::new();
    apply(&mut state, &body, &schema).unwrap();
    let moment = state.snapshot();
    let row = moment.row(FamilyId::Process, 0).unwrap();
    assert_eq!(row.key(), Key(1, 2));
    assert_eq!(row.raw(process::pid), Some(1));
    assert_eq!(row.raw(process::threads), None);
    assert_eq!(row.raw(process::resident_bytes), None);
    assert_eq!((row.shown(process::name), row.shown(process::user)), ("", "root"));
}
