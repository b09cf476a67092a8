//! The menu of users: who runs how many processes and what they use, to choose one from.

use retop_model::family::process;
use retop_model::{FamilyId, Snapshot};

use super::complete::quoted;
use super::filter::Filter;

/// A user, or everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The name; nothing for everybody.
    pub name: Option<String>,
    /// Processes.
    pub processes: usize,
    /// What they use of CPUs together.
    pub cpu_ratio: Option<f64>,
    /// Their memory together.
    pub resident_bytes: Option<f64>,
}

/// The menu, as of the moment at which it was opened.
#[derive(Clone, Debug)]
pub struct People {
    /// The line under the cursor.
    pub at: usize,
    /// Everybody, then each user, the busiest first.
    pub lines: Vec<Person>,
}

/// The filter that the menu put in force, and the one that was there before.
#[derive(Clone, Debug)]
pub struct Chosen {
    text: String,
    before: Option<Filter>,
}

impl People {
    /// Who runs processes at that moment.
    #[must_use]
    pub fn new(now: &Snapshot) -> People {
        let mut rows: Vec<(&str, u32)> = now
            .rows(FamilyId::Process)
            .zip(0..)
            .map(|(row, place)| (row.shown(process::user), place))
            .collect();
        rows.sort_unstable();
        let mut lines: Vec<Person> = rows
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|part| part.first().is_some_and(|(name, _)| !name.is_empty()))
            .map(|part| person(now, Some(part[0].0), part.iter().map(|&(_, row)| row).collect()))
            .collect();
        let share = |person: &Person| person.cpu_ratio.unwrap_or(0.0);
        lines.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.name.cmp(&b.name)));
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        lines.insert(0, person(now, None, (0..count).collect()));
        People { at: 0, lines }
    }

    /// The filter for whoever is under the cursor, in place of what the menu chose last and beside
    /// what else is in force.
    ///
    /// # Errors
    ///
    /// The filter in force goes with no other.
    pub fn choose(
        &self,
        now: Option<Filter>,
        last: Option<Chosen>,
    ) -> Result<(Option<Filter>, Option<Chosen>), String> {
        let last = last.filter(|last| now.as_ref().is_some_and(|now| now.text() == last.text));
        let before = last.map_or(now, |last| last.before);
        let Some(name) = self.lines.get(self.at).and_then(|person| person.name.as_deref()) else {
            return Ok((before, None));
        };
        let user = format!("user={}", quoted(name));
        let text = match &before {
            Some(filter) => format!("({} ) {user}", filter.text()),
            None => user,
        };
        let filter = Filter::parse(&text)
            .map_err(|_| "the filter in force goes with no other: Esc drops it".to_owned())?;
        Ok((filter, Some(Chosen { text, before })))
    }
}

fn person(now: &Snapshot, name: Option<&str>, rows: Vec<u32>) -> Person {
    let whole = now.whole(FamilyId::Process, &rows);
    Person {
        name: name.map(str::to_owned),
        processes: rows.len(),
        cpu_ratio: whole.get(process::cpu_ratio).value,
        resident_bytes: whole.get(process::resident_bytes).value,
    }
}
