//! Random machines, and what must be equal when two moments are.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use retop_model::{FamilyId, Key, RawSample, RawTable, Reading, Snapshot, Stamp, Text, Window};

/// One of many and with texts, one without, one of one.
const FAMILIES: [FamilyId; 3] = [FamilyId::Process, FamilyId::Core, FamilyId::Memory];

/// What happens to a machine between two samples.
#[derive(Clone, Debug)]
pub struct Step {
    passed_ns: u64,
    slept_ns: u64,
    wall_step_ms: i64,
    edits: Vec<(usize, Key, Edit)>,
    reads: [Read; FAMILIES.len()],
    pub key_asked: bool,
}

#[derive(Clone, Debug)]
enum Edit {
    Death,
    Number(usize, i64),
    Add(usize, i64),
    Gone(usize),
    Text(usize, Option<Vec<u8>>),
}

#[derive(Clone, Copy, Debug)]
enum Read {
    Anew,
    /// Rows differ, the window does not: no source does this, and nothing may depend on it.
    SameWindow,
    SameTable,
    Absent,
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = prop_oneof![
        4 => -200i64..200,
        1 => prop::sample::select(vec![0, i64::MAX, i64::MIN, i64::MIN + 1, -1, 1 << 40]),
        1 => any::<i64>(),
    ];
    let text = prop_oneof![
        4 => prop::sample::select(vec![b"sh".to_vec(), b"rustc".to_vec(), b"a\x1b[m\xff".to_vec()]),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        1 => Just(Edit::Death),
        4 => (0usize..40, number).prop_map(|(column, value)| Edit::Number(column, value)),
        3 => (0usize..40, -50i64..500).prop_map(|(column, by)| Edit::Add(column, by)),
        1 => (0usize..40).prop_map(Edit::Gone),
        2 => (0usize..5, prop::option::of(text)).prop_map(|(column, text)| Edit::Text(column, text)),
    ]
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        6 => Just(Read::Anew),
        1 => Just(Read::SameWindow),
        3 => Just(Read::SameTable),
        1 => Just(Read::Absent),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let passed = prop_oneof![9 => 1u64..2_000_000_000, 1 => Just(0)];
    let slept = prop_oneof![12 => 0u64..1_000, 1 => Just(5_000_000_000)];
    let wall = prop_oneof![12 => Just(0i64), 1 => -5_000i64..5_000];
    // Pids are used again with another start.
    let key = (0u64..6, 0u64..3).prop_map(|(pid, start)| Key(pid, start));
    let edits = prop::collection::vec((0..FAMILIES.len(), key, edit()), 0..12);
    let reads = [read(), read(), read()];
    (passed, slept, wall, edits, reads, prop::bool::weighted(0.05)).prop_map(
        |(passed_ns, slept_ns, wall_step_ms, edits, reads, key_asked)| Step {
            passed_ns,
            slept_ns,
            wall_step_ms,
            edits,
            reads,
            key_asked,
        },
    )
}

type Row = (Vec<Reading>, Vec<Option<Text>>);

/// The moments that a machine goes through.
pub fn moments(steps: &[Step]) -> Vec<Snapshot> {
    let mut rows: [BTreeMap<Key, Row>; FAMILIES.len()] = Default::default();
    let mut stamp =
        Stamp { wall_ms: 1_700_000_000_000, monotonic_ns: 9 << 40, boottime_ns: 9 << 40 };
    let mut moments: Vec<Snapshot> = Vec::new();
    for step in steps {
        stamp.monotonic_ns += step.passed_ns;
        stamp.boottime_ns += step.passed_ns + step.slept_ns;
        stamp.wall_ms += (step.passed_ns / 1_000_000) as i64 + step.wall_step_ms;
        for (place, key, edit) in &step.edits {
            change(FAMILIES[*place], &mut rows[*place], *key, edit);
        }
        let mut sample = RawSample::new(stamp);
        for (place, &family) in FAMILIES.iter().enumerate() {
            let last = moments.last().and_then(|moment| moment.raw().table(family));
            let now = Window { begin_ns: stamp.monotonic_ns, end_ns: stamp.monotonic_ns + 7 };
            match (step.reads[place], last) {
                (Read::Absent, _) => {}
                (Read::SameTable, Some(last)) => sample.put(Arc::clone(last)),
                (Read::SameWindow, Some(last)) => {
                    sample.put(Arc::new(table(family, &rows[place], last.window())));
                }
                _ => sample.put(Arc::new(table(family, &rows[place], now))),
            }
        }
        let moment = retop_model::derive(moments.last(), Arc::new(sample));
        moments.push(moment);
    }
    moments
}

fn change(family: FamilyId, rows: &mut BTreeMap<Key, Row>, key: Key, edit: &Edit) {
    let declared = family.get();
    if let Edit::Death = edit {
        rows.remove(&key);
        return;
    }
    let (readings, texts) = rows.entry(key).or_insert_with(|| {
        (vec![Reading::NONE; declared.raw.len()], vec![None; declared.texts.len()])
    });
    let cells = readings.len();
    match edit {
        Edit::Number(column, value) => readings[column % cells] = Reading::new(*value),
        Edit::Add(column, by) => {
            let cell = &mut readings[column % cells];
            *cell = Reading::new(cell.get().unwrap_or(0).saturating_add(*by));
        }
        Edit::Gone(column) => readings[column % cells] = Reading::NONE,
        Edit::Text(column, text) if !texts.is_empty() => {
            let cells = texts.len();
            texts[column % cells] = text.as_deref().map(Text::new);
        }
        _ => {}
    }
}

fn table(family: FamilyId, rows: &BTreeMap<Key, Row>, window: Window) -> RawTable {
    let mut table = RawTable::new(family);
    for (&key, (readings, texts)) in rows {
        let mut row = table.push(key);
        row.fill(readings.iter().copied());
        row.texts().clone_from_slice(texts);
    }
    table.finish(window);
    table
}

/// Everything that anybody can ask of a moment.
pub fn assert_same(left: &Snapshot, right: &Snapshot) {
    assert_eq!(left.raw(), right.raw());
    assert_eq!(left.is_gap(), right.is_gap());
    assert_eq!(left.interval_seconds(), right.interval_seconds());
    assert_eq!(left.before(), right.before());
    for family in FamilyId::all() {
        for (left, right) in left.rows(family).zip(right.rows(family)) {
            assert_eq!(left.is_new(), right.is_new());
            for field in family.get().fields() {
                assert_eq!(left.get(field), right.get(field), "{}", field.name());
            }
        }
    }
}
