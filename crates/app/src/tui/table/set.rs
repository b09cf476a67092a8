//! Sets of columns: those that come with retop, and those of `config.toml`.

use std::sync::LazyLock;

use super::column::{Col, MOST};
use crate::tui::units::Text;
use crate::{short, value};

/// A column in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Which it is.
    pub col: Col,
    /// Shown only where the table is at least this wide.
    pub from: u16,
    /// Shown only once a process has one.
    pub known: bool,
}

/// Columns that are shown together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its name, as the tabs have it.
    pub name: String,
    /// Its columns from left to right, the command last.
    pub seats: Vec<Seat>,
}

/// The sets that come with retop, written as `config.toml` has them.
const BUILTIN: [(&str, &str); 8] = [
    (
        "Main",
        "pid user state nice@150 cpu mem rss gpu? vram? shared_bytes?@170 vsz@190 rd wr watts? \
         thr@90 time@100 age@180 ctr?@160 cmd",
    ),
    (
        "IO",
        "pid user state cpu rd wr io io_delay_ratio major_faults_per_second calls_per_second \
         read_bytes written_bytes cmd",
    ),
    (
        "Mem",
        "pid user state cpu mem rss shared_bytes vsz proportional_bytes unique_bytes swap \
         oom_score major_faults_per_second minor_faults_per_second cmd",
    ),
    (
        "Time",
        "pid ppid user state prio nice cpu user_ratio system_ratio time age thr \
         switches_per_second last_cpu cmd",
    ),
    (
        "Sched",
        "pid user state prio nice cpu run_wait_ratio dispatches_per_second migrations_per_second \
         voluntary_switches_per_second involuntary_switches_per_second io_delay_ratio thr last_cpu \
         cmd",
    ),
    (
        "Perf",
        "pid user state cpu ipc instructions_per_second llc br counted_ratio user_ratio \
         system_ratio thr time cmd",
    ),
    ("Power", "pid user state cpu watts energy_joules user_ratio system_ratio time age cmd"),
    ("Ctr", "pid user state cpu mem rss rd wr ctr cgroup cmd"),
];

/// The sets that come with retop.
#[must_use]
pub fn builtin() -> Vec<Set> {
    let seats = |names: &str| names.split_whitespace().filter_map(|name| seat(name).ok()).collect();
    BUILTIN
        .iter()
        .map(|(name, names)| Set { name: (*name).to_owned(), seats: seats(names) })
        .collect()
}

/// The set for machines with graphics processors, offered where there are some.
const GPU: (&str, &str) =
    ("GPU", "pid user state cpu rss@80 dev gpu vram dvram oom watts@110 thr@130 time@120 cmd");

/// The same for systems on a chip, whose graphics have no memory of their own.
const CHIP: (&str, &str) = (
    "Chip",
    "pid user@90 state@100 cpu performance_ratio@110 gpu watts counted_watts@150 rss \
     footprint_bytes@130 wakeups_per_second@120 rd@170 wr@170 thr time@140 cmd",
);

/// Adds the set for graphics processors, unless there is one; `chip` if they are a part of one.
pub fn offer_gpu(sets: &mut Vec<Set>, chip: bool) {
    let (name, columns) = if chip { CHIP } else { GPU };
    if sets.iter().all(|set| set.name != name) {
        let seats = columns.split_whitespace().filter_map(|name| seat(name).ok()).collect();
        sets.insert(1, Set { name: name.to_owned(), seats });
    }
}

/// True of the set for graphics processors, or of that for systems on a chip.
#[must_use]
pub fn is_gpu(set: &Set) -> bool {
    [GPU.0, CHIP.0].contains(&set.name.as_str())
}

/// Every column of the sets that come with retop, once.
pub fn usual() -> &'static [Col] {
    static COLUMNS: LazyLock<Vec<Col>> = LazyLock::new(|| {
        let mut columns: Vec<Col> = Vec::new();
        for seat in builtin().iter().flat_map(|set| &set.seats) {
            if !columns.contains(&seat.col) && seat.col != Col::COMMAND {
                columns.push(seat.col);
            }
        }
        columns.push(Col::COMMAND);
        columns
    });
    &COLUMNS
}

/// The sets that come with retop, with those of a user in their places or behind them.
#[must_use]
pub fn all(own: &[Set]) -> Vec<Set> {
    let mut sets = builtin();
    for set in own {
        match sets.iter_mut().find(|known| known.name == set.name) {
            Some(known) => known.clone_from(set),
            None => sets.push(set.clone()),
        }
    }
    sets
}

/// A column as `config.toml` names it: `cpu`, `RES`, or with the width that the table must have:
/// `nice@150`. `gpu?` takes no room on a machine on which no process has one.
///
/// # Errors
///
/// What is wrong with it, for people.
pub fn seat(text: &str) -> Result<Seat, String> {
    let (name, from) = match text.split_once('@') {
        Some((name, from)) => {
            let cells = value::whole(from, 0, 10_000).map_err(|why| format!("'{text}': {why}"))?;
            (name, u16::try_from(cells).unwrap_or(u16::MAX))
        }
        None => (text, 0),
    };
    let (name, known) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    if let Some(col) = Col::named(name) {
        return Ok(Seat { col, from, known });
    }
    Err(match value::nearest(name, Col::all().flat_map(|col| [col.name(), col.head()])) {
        Some(near) => format!("no column is called '{name}'; there is '{near}'"),
        None => format!("no column is called '{name}'; retop metrics lists those of processes"),
    })
}

impl Seat {
    /// A column that is shown everywhere.
    #[must_use]
    pub fn of(col: Col) -> Seat {
        Seat { col, from: 0, known: false }
    }

    /// As `config.toml` has it.
    #[must_use]
    pub fn text(self) -> String {
        self.name().as_str().to_owned()
    }

    /// The same without taking memory.
    #[must_use]
    pub fn name(self) -> Text {
        let (name, mark) = (self.col.name(), if self.known { "?" } else { "" });
        match self.from {
            0 => short!("{name}{mark}"),
            from => short!("{name}{mark}@{from}"),
        }
    }
}

impl Set {
    /// A set of those columns. One with the name of a set that comes with retop, in whatever case,
    /// takes its place. The command is the last one, asked for or not.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, for people.
    pub fn read<'a>(name: &str, columns: impl IntoIterator<Item = &'a str>) -> Result<Set, String> {
        let known = BUILTIN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let name = known.map_or(name, |(known, _)| *known);
        if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > 12 {
            return Err("name a set in at most 12 characters".to_owned());
        }
        let mut seats: Vec<Seat> = Vec::new();
        for text in columns {
            let seat = seat(text)?;
            if seats.iter().any(|known| known.col == seat.col) {
                return Err(format!("'{text}' stands there twice"));
            }
            seats.push(seat);
        }
        let set = Set { name: name.to_owned(), seats }.ended();
        if set.seats.len() > MOST {
            return Err(format!("takes at most {MOST} columns"));
        }
        Ok(set)
    }

    /// With the command at the end.
    #[must_use]
    pub fn ended(mut self) -> Set {
        self.seats.retain(|seat| seat.col != Col::COMMAND);
        self.seats.push(Seat::of(Col::COMMAND));
        self
    }

    /// The place of a column.
    #[must_use]
    pub fn position(&self, col: Col) -> Option<usize> {
        self.seats.iter().position(|seat| seat.col == col)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_that_come_with_retop_are_whole() {
        for ((name, names), set) in BUILTIN.iter().zip(builtin()) {
            let read = Set::read(name, names.split_whitespace());
            assert_eq!(read.as_ref(), Ok(&set), "{name}");
            assert_eq!(set.seats.len(), names.split_whitespace().count(), "{name}");
            assert!(set.position(Col::PID) == Some(0) && set.position(Col::CPU).is_some());
        }
    }

    #[test]
    fn sets_are_read_and_written() {
        let names = ["PID", "nice@150", "cpu", "cmd", "oom_score"];
        let set = Set::read("mine", names).expect("valid");
        let texts: Vec<String> = set.seats.iter().map(|seat| seat.text()).collect();
        assert_eq!(texts, ["pid", "nice@150", "cpu", "oom_score", "cmd"]);
        let again = Set::read("mine", texts.iter().map(String::as_str));
        assert_eq!(again, Ok(set));
        assert_eq!(Set::read("MAIN", ["cpu"]).expect("valid").name, "Main");
        let sets =
            all(&[Set::read("io", ["cpu"]).expect("valid"), Set::read("x", []).expect("valid")]);
        let names: Vec<(&str, usize)> =
            sets.iter().map(|set| (set.name.as_str(), set.seats.len())).collect();
        assert_eq!(
            names[1..],
            [
                ("IO", 2),
                ("Mem", 15),
                ("Time", 15),
                ("Sched", 15),
                ("Perf", 14),
                ("Power", 11),
                ("Ctr", 11),
                ("x", 1)
            ]
        );
    }

    #[test]
    fn what_is_no_set_is_told() {
        let long = Col::all().map(Col::name).collect::<Vec<_>>();
        for (name, columns, wanted) in [
            ("a", &["cpuu"][..], "no column is called 'cpuu'; there is 'cpu'"),
            (
                "a",
                &["xyzzy"],
                "no column is called 'xyzzy'; retop metrics lists those of processes",
            ),
            ("a", &["cpu", "CPU%"], "'CPU%' stands there twice"),
            ("a", &["cpu@x"], "'cpu@x': 'x' is no whole number from 0 to 10000"),
            ("", &["cpu"], "name a set in at most 12 characters"),
            ("a\x1b[2J", &["cpu"], "name a set in at most 12 characters"),
            ("much too long", &["cpu"], "name a set in at most 12 characters"),
            ("a", &long, "takes at most 32 columns"),
        ] {
            assert_eq!(Set::read(name, columns.iter().copied()), Err(wanted.to_owned()));
        }
    }
}
