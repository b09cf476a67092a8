//! Columns of the table: any metric of a process. Names, headings, units and help are those of the
//! declarations; what is here is how wide a column is and when it makes room for others.

use retop_model::family::process;
use retop_model::filter::{self, Target};
use retop_model::metric::{Kind, Slot};
use retop_model::{FamilyId, Field, TextField, Unit};

use super::set::Set;
use crate::tui::render::width;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Col {
    /// A number of the process.
    Number(Field),
    /// A text of the process.
    Text(TextField),
}

/// How a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number that names something.
    Number(Field),
    /// A share in percent with one decimal.
    Percent(Field),
    /// Bytes, or bytes per second.
    Size(Field),
    /// A number in four characters.
    Count(Field),
    /// CPU time.
    Time(Field),
    /// A span of time.
    Span(Field),
    /// Anything else, with its unit.
    Value(Field),
    /// The letter of the state.
    State,
    /// The name of the terminal.
    Terminal,
    /// A text, on the left.
    Text(TextField),
    /// The command with the branches of the tree: takes what room is left.
    Command,
}

/// What the metric of a column does not tell: the cells of its values, and when it makes room. The
/// smallest number leaves first; 0 never leaves. What is not named here is as wide as its form
/// asks for, and leaves with [`USUAL`].
#[rustfmt::skip]
const SEATS: &[(Col, Option<u16>, u8)] = &[
    (Col::PID, Some(5), 0),
    (Col::CPU, None, 0),
    (Col::COMMAND, Some(LEAST), 0),
    (Col::Number(process::parent_pid), Some(7), 4),
    (Col::Text(process::user), Some(8), 12),
    (Col::STATE, None, 11),
    (Col::Number(process::memory_ratio), Some(4), 10),
    (Col::RESIDENT, None, 9),
    (Col::Number(process::nice), Some(3), 2),
    (Col::Number(process::priority), Some(4), USUAL),
    (Col::Number(process::last_cpu), Some(3), 2),
    (Col::Number(process::shared_bytes), None, 2),
    (Col::Number(process::virtual_bytes), None, 1),
    (Col::Number(process::proportional_bytes), None, 5),
    (Col::Number(process::unique_bytes), None, 6),
    (Col::Number(process::swap_bytes), None, 7),
    (Col::READ, None, 6),
    (Col::WRITTEN, None, 7),
    (Col::Number(process::io_bytes_per_second), None, 5),
    (Col::Number(process::io_delay_ratio), None, 4),
    (Col::Number(process::minor_faults_per_second), None, 2),
    (Col::Number(process::read_bytes), None, 2),
    (Col::Number(process::written_bytes), None, 2),
    (Col::Number(process::threads), None, 5),
    (Col::TIME, None, 4),
    (Col::Number(process::watts), None, 9),
    (Col::Number(process::gpu_ratio), None, 8),
    (Col::Number(process::gpu_memory_bytes), None, 7),
    (Col::Number(process::gpu_index), Some(3), 4),
    (Col::Text(process::container), Some(14), 1),
    (Col::Text(process::cgroup), Some(28), 2),
];

/// When a column makes room of which nothing is said.
const USUAL: u8 = 3;

/// The command has at least so many cells.
const LEAST: u16 = 16;

impl Col {
    /// The process number.
    pub const PID: Col = Col::Number(process::pid);
    /// The letter of the state.
    pub const STATE: Col = Col::Number(process::state);
    /// The controlling terminal.
    pub const TERMINAL: Col = Col::Number(process::terminal);
    /// CPU%.
    pub const CPU: Col = Col::Number(process::cpu_ratio);
    /// Memory in use.
    pub const RESIDENT: Col = Col::Number(process::resident_bytes);
    /// Bytes read per second.
    pub const READ: Col = Col::Number(process::read_bytes_per_second);
    /// Bytes written per second.
    pub const WRITTEN: Col = Col::Number(process::written_bytes_per_second);
    /// CPU time since the start.
    pub const TIME: Col = Col::Number(process::cpu_seconds);
    /// What a table is sorted by in turn, of those that it shows.
    pub const IN_TURN: [Col; 9] = [
        Col::CPU,
        Col::Number(process::gpu_ratio),
        Col::Number(process::gpu_memory_bytes),
        Col::Number(process::watts),
        Col::RESIDENT,
        Col::READ,
        Col::WRITTEN,
        Col::Number(process::ipc),
        Col::PID,
    ];
    /// The command, which is the last column of every set.
    pub const COMMAND: Col = Col::Text(process::command);

    /// Every column that there can be, in the order of declaration.
    pub fn all() -> impl Iterator<Item = Col> {
        let family = FamilyId::Process.get();
        let texts = family.text_fields().map(Col::Text);
        family.fields().map(Col::Number).chain(texts)
    }

    /// The column of that name: one that the filter knows, or its heading.
    #[must_use]
    pub fn named(name: &str) -> Option<Col> {
        match filter::find(name).map(|field| field.target) {
            Some(Target::Number(field, _)) => Some(Col::Number(field)),
            Some(Target::Text(field)) => Some(Col::Text(field)),
            Some(Target::State) => Some(Col::STATE),
            Some(Target::Terminal) => Some(Col::TERMINAL),
            _ => Col::all().find(|col| col.head().eq_ignore_ascii_case(name)),
        }
    }

    /// What it is called in the configuration and in filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        let target = match self {
            Col::STATE => Target::State,
            Col::TERMINAL => Target::Terminal,
            Col::Number(field) => Target::Number(field, 1.0),
            Col::Text(field) => Target::Text(field),
        };
        filter::name_of(target).unwrap_or("")
    }

    /// Its heading.
    #[must_use]
    pub fn head(self) -> &'static str {
        match self {
            Col::Number(field) => field.label(),
            Col::Text(field) => match field.column() {
                column if column.label.is_empty() => column.name,
                column => column.label,
            },
        }
    }

    /// True if its values are a model's answer: its heading says so with `~`.
    #[must_use]
    pub fn is_estimated(self) -> bool {
        matches!(self, Col::Number(field) if field.is_estimated())
    }

    /// What it says, in a sentence without a full stop.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Col::Number(field) => field.help(),
            Col::Text(field) => field.column().help.trim(),
        }
        .trim_end_matches('.')
    }

    /// How its cells are written: its unit tells.
    #[must_use]
    pub fn form(self) -> Form {
        let field = match self {
            Col::COMMAND => return Form::Command,
            Col::STATE => return Form::State,
            Col::TERMINAL => return Form::Terminal,
            Col::Text(field) => return Form::Text(field),
            Col::Number(field) => field,
        };
        match field.unit() {
            Unit::Ratio => Form::Percent(field),
            Unit::Bytes | Unit::BytesPerSecond => Form::Size(field),
            Unit::PerSecond => Form::Count(field),
            // Time that adds up is used up; other time has gone by.
            Unit::Seconds if field.adds() => Form::Time(field),
            Unit::Seconds => Form::Span(field),
            Unit::Count if field.adds() || is_computed(field) => Form::Count(field),
            Unit::Count => Form::Number(field),
            _ => Form::Value(field),
        }
    }

    /// Cells of room. The process number is as wide as the largest there is.
    #[must_use]
    pub fn width(self, pid_digits: u16) -> u16 {
        if self == Col::PID {
            return pid_digits;
        }
        let cells = match self.form() {
            Form::State => 1,
            Form::Count(_) => 4,
            Form::Number(_) | Form::Percent(_) | Form::Size(_) => 5,
            Form::Span(_) | Form::Terminal => 6,
            Form::Value(_) => 6,
            Form::Time(_) => 8,
            Form::Text(_) | Form::Command => 12,
        };
        let seat = SEATS.iter().find(|(col, ..)| *col == self);
        seat.and_then(|(_, cells, _)| *cells)
            .unwrap_or(cells)
            .max(width(self.head()) + u16::from(self.is_estimated()))
    }

    fn leaves(self) -> u8 {
        SEATS.iter().find(|(col, ..)| *col == self).map_or(USUAL, |&(.., leaves)| leaves)
    }

    /// True if the first press sorts the largest to the top.
    #[must_use]
    pub fn largest_first(self) -> bool {
        !matches!(
            self.form(),
            Form::Text(_) | Form::Command | Form::State | Form::Terminal | Form::Number(_)
        )
    }

    /// True if cells begin at the left.
    #[must_use]
    pub fn is_left(self) -> bool {
        matches!(self.form(), Form::Text(_) | Form::Command | Form::State)
    }
}

fn is_computed(field: Field) -> bool {
    match field.slot {
        // It names something.
        Slot::Derived(_) if field == process::gpu_index => false,
        Slot::Derived(_) => true,
        Slot::Raw(i) => field
            .family
            .get()
            .raw
            .get(usize::from(i))
            .is_some_and(|column| column.kind == Kind::Counter),
    }
}

/// Where a column stands on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Which it is.
    pub col: Col,
    /// Its first cell.
    pub x: u16,
    /// Its cells.
    pub width: u16,
}

/// No set has more columns than this.
pub const MOST: usize = 32;

/// The columns that fit, placed: each has one blank before it, and the first cell of a row is for
/// marks. Nothing in a cell changes this, so a value never moves its neighbours. `known` are those
/// of which some process has had one; behind each column `beside` asks for further cells. What
/// rows are sorted by is seen, however little room there is.
#[must_use]
pub fn place(
    set: &Set,
    known: &[Col],
    sort: Col,
    room: u16,
    pid_digits: u16,
    beside: impl Fn(Col) -> u16,
) -> ([Option<Placed>; MOST], usize) {
    let mut kept: [Option<Col>; MOST] = [None; MOST];
    for (place, seat) in kept.iter_mut().zip(&set.seats) {
        let shown = room >= seat.from && (!seat.known || known.contains(&seat.col));
        *place = (shown || seat.col == sort).then_some(seat.col);
    }
    loop {
        let taken: u16 =
            kept.iter().flatten().map(|&col| col.width(pid_digits) + beside(col) + 1).sum();
        if taken <= room {
            break;
        }
        let leaves = |place: usize| match kept[place] {
            Some(col) if col != sort => col.leaves(),
            _ => 0,
        };
        // Of several the last one: what stands further left is wanted more.
        let next = (0..MOST).rev().filter(|&place| leaves(place) > 0).min_by_key(|&p| leaves(p));
        match next {
            Some(place) => kept[place] = None,
            None => break,
        }
    }
    let mut placed = [None; MOST];
    let mut count = 0;
    let mut x = 1;
    for col in kept.into_iter().flatten() {
        let cells =
            if col == Col::COMMAND { room.saturating_sub(x) } else { col.width(pid_digits) };
        placed[count] = Some(Placed { col, x, width: cells });
        count += 1;
        x += cells + beside(col) + 1;
    }
    (placed, count)
}

/// What the table says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// The line under the cursor, from 1.
    pub line: usize,
    /// Lines there are.
    pub lines: usize,
    /// Processes that are shown, by themselves or in a line for several.
    pub shown: usize,
    /// Processes there are.
    pub all: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::table::set::{Seat, builtin};

    #[test]
    fn every_metric_of_a_process_can_be_a_column_and_has_a_name_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for col in Col::all() {
            assert!(names.insert(col.name()), "{} twice", col.name());
            assert_eq!(Col::named(col.name()), Some(col), "{}", col.name());
            assert_eq!(Col::named(&col.name().to_uppercase()), Some(col), "{}", col.name());
            assert!(!col.head().is_empty() && !col.help().is_empty(), "{}", col.name());
            let head = width(col.head()) + u16::from(col.is_estimated());
            assert!(head <= col.width(5), "{}", col.head());
        }
        for (name, wanted) in [
            ("RES", Some(Col::RESIDENT)),
            ("cpu%", Some(Col::CPU)),
            ("resident_bytes", Some(Col::RESIDENT)),
            ("command", Some(Col::COMMAND)),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(Col::named(name), wanted, "{name}");
        }
    }

    #[test]
    fn units_tell_how_cells_are_written() {
        for (field, wanted) in [
            (process::pid, Form::Number(process::pid)),
            (process::nice, Form::Number(process::nice)),
            (process::threads, Form::Count(process::threads)),
            (process::read_calls, Form::Count(process::read_calls)),
            (process::user_seconds, Form::Time(process::user_seconds)),
            (process::cpu_seconds, Form::Time(process::cpu_seconds)),
            (process::age_seconds, Form::Span(process::age_seconds)),
            (process::state, Form::State),
        ] {
            assert_eq!(Col::Number(field).form(), wanted, "{}", field.name());
        }
    }

    /// The sets that come with retop, and one of every metric there is.
    fn sets() -> Vec<Set> {
        let every = Col::all().map(Seat::of);
        let mut sets = builtin();
        let columns: Vec<Seat> = every.filter(|seat| seat.col != Col::COMMAND).collect();
        for part in columns.chunks(MOST - 1) {
            let mut seats = part.to_vec();
            seats.push(Seat::of(Col::COMMAND));
            sets.push(Set { name: "part".to_owned(), seats });
        }
        sets
    }

    #[test]
    fn columns_never_overlap_and_the_command_keeps_its_room() {
        for set in sets() {
            for room in 0..=400 {
                let known: Vec<Col> = Col::all().collect();
                let (placed, count) = place(&set, &known, Col::TIME, room, 7, |_| 0);
                let placed: Vec<Placed> = placed[..count].iter().flatten().copied().collect();
                for pair in placed.windows(2) {
                    assert!(pair[0].x + pair[0].width < pair[1].x, "{} at {room}", set.name);
                }
                let last = placed.last().expect("the command never leaves");
                assert_eq!(last.col, Col::COMMAND);
                if room >= 40 {
                    assert!(last.width >= LEAST, "{} at {room}: {}", set.name, last.width);
                    assert_eq!(last.x + last.width, room);
                }
                let has = |col| set.seats.iter().any(|seat| seat.col == col);
                for col in [Col::PID, Col::CPU, Col::TIME].into_iter().filter(|&col| has(col)) {
                    assert!(placed.iter().any(|placed| placed.col == col), "{col:?} at {room}");
                }
            }
        }
    }
}
