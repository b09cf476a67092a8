//! Columns of the table: what each shows, how wide it is, and when it makes room.

use retop_model::family::process;
use retop_model::{Field, TextField};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Col {
    Pid,
    Parent,
    User,
    State,
    Nice,
    Priority,
    Cpu,
    Memory,
    Resident,
    Shared,
    Virtual,
    Proportional,
    Unique,
    Swap,
    Read,
    Written,
    Io,
    IoWait,
    MajorFaults,
    MinorFaults,
    ReadAll,
    WrittenAll,
    Threads,
    Switches,
    Time,
    Age,
    LastCpu,
    Container,
    Cgroup,
    Command,
}

/// How a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number.
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
    /// The letter of the state.
    State,
    /// A text, on the left.
    Text(TextField),
    /// The command with the branches of the tree: takes what room is left.
    Command,
}

/// What is known of a column.
#[derive(Debug)]
pub struct Column {
    /// Which it is.
    pub col: Col,
    /// Its heading.
    pub head: &'static str,
    /// How its cells are written.
    pub form: Form,
    /// Cells of room.
    pub width: u16,
    /// Shown only on screens at least this wide.
    pub from: u16,
    /// When room runs out, the smallest number leaves first; 0 never leaves.
    pub leaves: u8,
    /// What it says, for the help.
    pub help: &'static str,
}

const fn column(
    col: Col,
    head: &'static str,
    form: Form,
    (width, from, leaves): (u16, u16, u8),
    help: &'static str,
) -> Column {
    Column { col, head, form, width, from, leaves, help }
}

/// Every column, in the order of [`Col`].
#[rustfmt::skip]
pub static COLUMNS: &[Column] = &[
    column(Col::Pid, "PID", Form::Number(process::pid), (5, 0, 0), "process number"),
    column(Col::Parent, "PPID", Form::Number(process::parent_pid), (7, 0, 4), "number of the parent"),
    column(Col::User, "USER", Form::Text(process::user), (8, 0, 12), "user that it runs as"),
    column(Col::State, "S", Form::State, (1, 0, 11), "R runs, S sleeps, D waits for a disk, T stopped, Z ended, I idle"),
    column(Col::Nice, "NI", Form::Number(process::nice), (3, 150, 2), "nice value: 19 gives way, -20 takes"),
    column(Col::Priority, "PRI", Form::Number(process::priority), (4, 0, 3), "priority of the scheduler"),
    column(Col::Cpu, "CPU%", Form::Percent(process::cpu_ratio), (5, 0, 0), "CPU time, 100 is one core"),
    column(Col::Memory, "MEM%", Form::Percent(process::memory_ratio), (4, 0, 10), "share of the machine's memory"),
    column(Col::Resident, "RES", Form::Size(process::resident_bytes), (5, 0, 9), "memory in use"),
    column(Col::Shared, "SHR", Form::Size(process::shared_bytes), (5, 170, 2), "the part of it that files and shared memory stand behind"),
    column(Col::Virtual, "VIRT", Form::Size(process::virtual_bytes), (5, 190, 1), "address space"),
    column(Col::Proportional, "PSS", Form::Size(process::proportional_bytes), (5, 0, 5), "memory with shared pages divided among their users"),
    column(Col::Unique, "USS", Form::Size(process::unique_bytes), (5, 0, 6), "memory that would come free"),
    column(Col::Swap, "SWAP", Form::Size(process::swap_bytes), (5, 0, 7), "memory in swap"),
    column(Col::Read, "RD/s", Form::Size(process::read_bytes_per_second), (5, 0, 6), "bytes read from disks per second"),
    column(Col::Written, "WR/s", Form::Size(process::written_bytes_per_second), (5, 0, 7), "bytes written to disks per second"),
    column(Col::Io, "IO/s", Form::Size(process::io_bytes_per_second), (5, 0, 5), "both together"),
    column(Col::IoWait, "IOW%", Form::Percent(process::io_delay_ratio), (5, 0, 4), "share of time spent waiting for disks"),
    column(Col::MajorFaults, "MAJF/s", Form::Count(process::major_faults_per_second), (6, 0, 3), "page faults that read from a disk"),
    column(Col::MinorFaults, "MINF/s", Form::Count(process::minor_faults_per_second), (6, 0, 2), "page faults without a disk"),
    column(Col::ReadAll, "READ", Form::Size(process::read_bytes), (5, 0, 2), "bytes read since the start"),
    column(Col::WrittenAll, "WRITE", Form::Size(process::written_bytes), (5, 0, 2), "bytes written since the start"),
    column(Col::Threads, "THR", Form::Count(process::threads), (4, 0, 5), "threads"),
    column(Col::Switches, "CTX/s", Form::Count(process::switches_per_second), (5, 0, 3), "context switches"),
    column(Col::Time, "TIME+", Form::Time(process::cpu_seconds), (8, 100, 4), "CPU time since the start"),
    column(Col::Age, "AGE", Form::Span(process::age_seconds), (6, 180, 3), "time since the start"),
    column(Col::LastCpu, "CPU", Form::Number(process::last_cpu), (3, 0, 2), "core that it last ran on"),
    column(Col::Container, "CTR", Form::Text(process::container), (14, 160, 1), "container or unit"),
    column(Col::Cgroup, "CGROUP", Form::Text(process::cgroup), (28, 0, 2), "path of the control group"),
    column(Col::Command, "COMMAND", Form::Command, (16, 0, 0), "command line"),
];

impl Col {
    /// What is known of it.
    #[must_use]
    pub fn get(self) -> &'static Column {
        &COLUMNS[self as usize]
    }

    /// True if the first press sorts the largest to the top.
    #[must_use]
    pub fn largest_first(self) -> bool {
        let named = matches!(self.get().form, Form::Text(_) | Form::Command | Form::State);
        !named && !matches!(self, Col::Pid | Col::Parent | Col::Nice | Col::Priority)
    }
}

/// Columns that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Set {
    Main,
    Io,
    Memory,
    Time,
    Container,
}

impl Set {
    /// Every set, in the order of Tab.
    pub const ALL: [Set; 5] = [Set::Main, Set::Io, Set::Memory, Set::Time, Set::Container];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Set::Main => "Main",
            Set::Io => "IO",
            Set::Memory => "Mem",
            Set::Time => "Time",
            Set::Container => "Ctr",
        }
    }

    /// The set that many places on, around.
    #[must_use]
    pub fn step(self, by: usize) -> Set {
        Set::ALL[(self as usize + by) % Set::ALL.len()]
    }

    /// Its columns from left to right.
    #[must_use]
    pub fn columns(self) -> &'static [Col] {
        use Col::*;
        match self {
            Set::Main => &[
                Pid, User, State, Nice, Cpu, Memory, Resident, Shared, Virtual, Read, Written,
                Threads, Time, Age, Container, Command,
            ],
            Set::Io => &[
                Pid,
                User,
                State,
                Cpu,
                Read,
                Written,
                Io,
                IoWait,
                MajorFaults,
                ReadAll,
                WrittenAll,
                Command,
            ],
            Set::Memory => &[
                Pid,
                User,
                State,
                Cpu,
                Memory,
                Resident,
                Shared,
                Virtual,
                Proportional,
                Unique,
                Swap,
                MajorFaults,
                MinorFaults,
                Command,
            ],
            Set::Time => &[
                Pid, Parent, User, State, Priority, Nice, Cpu, Time, Age, Threads, Switches,
                LastCpu, Command,
            ],
            Set::Container => {
                &[Pid, User, State, Cpu, Memory, Resident, Container, Cgroup, Command]
            }
        }
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
pub const MOST: usize = 20;

/// The columns that fit, placed: each has one blank before it, and the first cell of a row is for
/// marks. Nothing in a cell changes this, so a value never moves its neighbours.
#[must_use]
pub fn place(set: Set, room: u16, pid_digits: u16) -> ([Option<Placed>; MOST], usize) {
    let width = |col: Col| match col {
        Col::Pid => pid_digits,
        col => col.get().width,
    };
    let mut kept: [Option<Col>; MOST] = [None; MOST];
    let asked_for = set != Set::Main;
    for (place, &col) in kept.iter_mut().zip(set.columns()) {
        *place = (asked_for || room >= col.get().from).then_some(col);
    }
    loop {
        let taken: u16 = kept.iter().flatten().map(|&col| width(col) + 1).sum();
        if taken <= room {
            break;
        }
        let leaves = |place: &usize| kept[*place].map_or(0, |col| col.get().leaves);
        let next = (0..MOST).filter(|place| leaves(place) > 0).min_by_key(leaves);
        match next {
            Some(place) => kept[place] = None,
            None => break,
        }
    }
    let mut placed = [None; MOST];
    let mut count = 0;
    let mut x = 1;
    for col in kept.into_iter().flatten() {
        let cells = if col == Col::Command { room.saturating_sub(x) } else { width(col) };
        placed[count] = Some(Placed { col, x, width: cells });
        count += 1;
        x += cells + 1;
    }
    (placed, count)
}

/// What the table says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// The line under the cursor, from 1.
    pub line: usize,
    /// Lines there are.
    pub shown: usize,
    /// Processes there are.
    pub all: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_the_order_of_their_names() {
        for (place, column) in COLUMNS.iter().enumerate() {
            assert_eq!(column.col as usize, place, "{}", column.head);
            assert!(column.head.chars().count() <= usize::from(column.width), "{}", column.head);
        }
        for set in Set::ALL {
            assert!(set.columns().len() <= MOST);
            assert_eq!(set.columns().last(), Some(&Col::Command));
        }
    }

    #[test]
    fn columns_never_overlap_and_the_command_keeps_its_room() {
        for set in Set::ALL {
            for room in 0..=300 {
                let (placed, count) = place(set, room, 7);
                let placed: Vec<Placed> = placed[..count].iter().flatten().copied().collect();
                for pair in placed.windows(2) {
                    assert!(pair[0].x + pair[0].width < pair[1].x, "{set:?} at {room}");
                }
                let last = placed.last().expect("the command never leaves");
                assert_eq!(last.col, Col::Command);
                if room >= 40 {
                    assert!(last.width >= 16, "{set:?} at {room}: {}", last.width);
                    assert_eq!(last.x + last.width, room);
                }
            }
        }
    }
}
