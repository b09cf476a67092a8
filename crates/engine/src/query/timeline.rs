//! One process, or all that bore its number, over the window.

use retop_model::family::process;
use retop_model::{RawTable, Stamp, TextField};
use serde::{Serialize, Serializer};

use super::{COUNTED, CPU, ENERGY, READ, WRITTEN, microseconds, rfc3339};

/// A process from its first to its last sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Life {
    /// Its name at last.
    pub name: String,
    /// Who ran it.
    pub user: Option<String>,
    /// Its control group.
    pub cgroup: Option<String>,
    /// Its container or unit.
    pub container: Option<String>,
    /// When it began, in milliseconds since 1970 UTC.
    #[serde(rename = "began", serialize_with = "rfc3339_or_null")]
    pub began_ms: Option<i64>,
    /// It began in the window, so that all that it used is in the answer.
    pub began_in_window: bool,
    /// Its last sample.
    #[serde(rename = "last_seen", serialize_with = "rfc3339")]
    pub last_ms: i64,
    /// It is not in the last sample of the window.
    pub gone: bool,
    /// Its exit code, where the kernel reported its end.
    pub exit_code: Option<i64>,
    /// The signal that ended it.
    pub signal: Option<i64>,
    /// What it used, part by part of the window.
    pub slices: Vec<Slice>,
}

/// What a process used in a part of the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Slice {
    /// Where the part begins, in milliseconds since 1970 UTC.
    #[serde(rename = "from", serialize_with = "rfc3339")]
    pub from_ms: i64,
    /// CPU time in seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes read from disks.
    pub read_bytes: Option<i64>,
    /// Bytes written to disks.
    pub written_bytes: Option<i64>,
    /// Energy of the processors; estimated.
    pub energy_joules: Option<f64>,
    /// Resident memory at its highest.
    pub memory_max_bytes: Option<i64>,
}

/// What is added up of one part.
#[derive(Clone, Copy, Default)]
struct Sums {
    used: [Option<i64>; COUNTED.len()],
    resident_max: Option<i64>,
}

#[derive(Default)]
pub(super) struct Lives {
    from_ms: i64,
    until_ms: i64,
    slices: usize,
    lives: Vec<(Life, Vec<Sums>)>,
}

impl Lives {
    pub fn new(from_ms: i64, until_ms: i64, slices: usize) -> Lives {
        Lives { from_ms, until_ms, slices: slices.max(1), lives: Vec::new() }
    }

    /// A process appeared.
    pub fn open(
        &mut self,
        table: &RawTable,
        row: usize,
        born: bool,
        start_us: Option<i64>,
        now: Stamp,
    ) -> u32 {
        let text = |field: TextField| {
            let text = table.texts(row).get(usize::from(field.index))?.as_ref()?;
            Some(text.shown().to_owned())
        };
        self.push(Life {
            name: text(process::name).unwrap_or_default(),
            user: text(process::user),
            cgroup: text(process::cgroup),
            container: text(process::container),
            began_ms: start_us.map(|start| began(start, now)),
            began_in_window: born,
            ..Life::default()
        })
    }

    /// A process of which no more than its end was seen.
    pub fn open_unseen(&mut self, name: &str, start_us: i64, now: Stamp) -> u32 {
        self.push(Life {
            name: name.to_owned(),
            began_ms: Some(began(start_us, now)),
            began_in_window: true,
            ..Life::default()
        })
    }

    fn push(&mut self, life: Life) -> u32 {
        self.lives.push((life, vec![Sums::default(); self.slices]));
        u32::try_from(self.lives.len() - 1).unwrap_or(u32::MAX)
    }

    fn sums(&mut self, life: Option<u32>, wall_ms: i64) -> Option<(&mut Life, &mut Sums)> {
        let (life, sums) = self.lives.get_mut(usize::try_from(life?).ok()?)?;
        let whole = i128::from(self.until_ms) - i128::from(self.from_ms);
        let passed = i128::from(wall_ms) - i128::from(self.from_ms);
        // What a sample tells of happened before it: a part ends with its last sample.
        let place = (passed * sums.len() as i128 - 1).max(0) / whole.max(1);
        let last = sums.len().checked_sub(1)?;
        let place = usize::try_from(place).unwrap_or(last).min(last);
        Some((life, &mut sums[place]))
    }

    /// It used that since its last sample.
    pub fn add(&mut self, life: Option<u32>, wall_ms: i64, used: &[Option<i64>; COUNTED.len()]) {
        let Some((_, sums)) = self.sums(life, wall_ms) else { return };
        for (sum, used) in sums.used.iter_mut().zip(used) {
            if let Some(used) = used {
                *sum = Some(sum.unwrap_or(0).saturating_add(*used));
            }
        }
    }

    /// It is there.
    pub fn hold(
        &mut self,
        life: Option<u32>,
        wall_ms: i64,
        resident: Option<i64>,
        table: &RawTable,
        row: usize,
    ) {
        let Some((life, sums)) = self.sums(life, wall_ms) else { return };
        sums.resident_max = sums.resident_max.max(resident);
        life.last_ms = wall_ms;
        let name = table.texts(row).get(usize::from(process::name.index)).and_then(Option::as_ref);
        if let Some(name) = name.filter(|name| life.name != name.shown()) {
            life.name = name.shown().to_owned();
        }
    }

    /// It ended.
    pub fn end(&mut self, life: Option<u32>, wall_ms: i64, code: Option<i64>, signal: Option<i64>) {
        if let Some((life, _)) = self.sums(life, wall_ms) {
            (life.last_ms, life.exit_code, life.signal) = (wall_ms, code, signal);
            life.gone = true;
        }
    }

    pub fn finish(self, last_ms: Option<i64>) -> Vec<Life> {
        let (from_ms, until_ms) = (self.from_ms, self.until_ms);
        let finish = |(mut life, sums): (Life, Vec<Sums>)| {
            life.gone |= last_ms.is_some_and(|last| life.last_ms < last);
            let count = sums.len() as i128;
            let whole = i128::from(until_ms) - i128::from(from_ms);
            for (place, Sums { used, resident_max }) in (0i128..).zip(sums) {
                let micro = |measure: usize| used[measure].map(|value| value as f64 / 1e6);
                let from = i128::from(from_ms) + whole * place / count.max(1);
                life.slices.push(Slice {
                    from_ms: i64::try_from(from).unwrap_or(i64::MAX),
                    cpu_seconds: micro(CPU),
                    read_bytes: used[READ],
                    written_bytes: used[WRITTEN],
                    energy_joules: micro(ENERGY),
                    memory_max_bytes: resident_max,
                });
            }
            life
        };
        self.lives.into_iter().map(finish).collect()
    }
}

pub(super) fn rfc3339_or_null<S: Serializer>(
    ms: &Option<i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match ms {
        Some(ms) => rfc3339(ms, serializer),
        None => serializer.serialize_none(),
    }
}

/// The moment of the wall clock at which a process began that started so long after boot.
fn began(start_us: i64, now: Stamp) -> i64 {
    let age_us = microseconds(now.boottime_ns).saturating_sub(start_us);
    now.wall_ms.saturating_sub(age_us / 1_000)
}
