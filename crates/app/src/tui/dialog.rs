//! What lies on top of the screen.

use retop_engine::{Affinity, CpuSet, IO_LEVELS, IoPriority, SignalName, signals};
use retop_model::family::core;
use retop_model::{FamilyId, Row, Snapshot};

use super::chooser::Chooser;
use super::control::Targets;
use super::edit::Editor;
use super::filter::Filter;
use super::help::Help;
use super::palette::Palette;
use super::people::People;
use super::setup::Setup;

/// What keys go to instead of the table.
#[derive(Debug, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The filter being typed, and the one before.
    Filter(Editor, Option<Filter>),
    /// What is looked for, and the line where it began.
    Find(Editor, usize),
    /// An answer being typed.
    Ask(Editor, Question),
    /// The column to sort by: the line under the cursor.
    Sort(usize),
    /// The user whose processes are shown.
    Users(People),
    /// The columns of the set on the screen.
    Columns(Chooser),
    /// The signal to send.
    Signal(SignalDialog),
    /// The I/O priority to set.
    Io(IoDialog),
    /// The CPUs to run on.
    Cpus(CpuDialog),
    /// The options of the screen.
    Setup(Box<Setup>),
    /// Every action and command.
    Palette(Palette),
    /// The help.
    Help(Box<Help>),
}

/// The signal that shall be sent, and to whom.
#[derive(Debug)]
pub struct SignalDialog {
    /// Who gets it.
    pub targets: Targets,
    /// Every signal, by number.
    pub signals: Vec<SignalName>,
    /// The signal under the cursor.
    pub at: usize,
    /// The number that is being typed.
    typed: i32,
}

impl SignalDialog {
    /// SIGTERM preselected.
    #[must_use]
    pub fn new(targets: Targets) -> SignalDialog {
        let signals = signals();
        let at = signals.iter().position(|signal| signal.name == "TERM").unwrap_or(0);
        SignalDialog { targets, signals, at, typed: 0 }
    }

    /// Goes to the signal of the number typed so far. A digit that leads to none begins anew.
    fn type_in(&mut self, digit: i32) {
        for number in [self.typed * 10 + digit, digit] {
            if let Some(at) = self.signals.iter().position(|signal| signal.number == number) {
                (self.at, self.typed) = (at, number);
                return;
            }
        }
        self.typed = digit;
    }
}

/// The I/O priority that shall be set, and to whom.
#[derive(Debug)]
pub struct IoDialog {
    /// Who gets it.
    pub targets: Targets,
    /// What they have, if all have the same.
    pub present: Option<IoPriority>,
    /// The line under the cursor.
    pub at: usize,
}

/// Lines of the list of I/O priorities.
pub const IO_LINES: usize = 2 * IO_LEVELS as usize + 2;

impl IoDialog {
    /// With the cursor on what they have.
    #[must_use]
    pub fn new(targets: Targets, present: Option<IoPriority>) -> IoDialog {
        let at = (0..IO_LINES).find(|&line| IoDialog::priority(line) == present);
        IoDialog { targets, present, at: at.unwrap_or(0) }
    }

    /// The priority on that line.
    #[must_use]
    pub fn priority(line: usize) -> Option<IoPriority> {
        let levels = usize::from(IO_LEVELS);
        Some(match line {
            0 => IoPriority::None,
            line if line <= levels => IoPriority::RealTime((line - 1) as u8),
            line if line <= 2 * levels => IoPriority::BestEffort((line - 1 - levels) as u8),
            line if line < IO_LINES => IoPriority::Idle,
            _ => return None,
        })
    }

    /// The priority under the cursor.
    #[must_use]
    pub fn chosen(&self) -> Option<IoPriority> {
        IoDialog::priority(self.at)
    }
}

/// Where a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// All threads of all of them.
    On,
    /// None.
    Off,
    /// Some threads and not others.
    Mixed,
}

/// A CPU in the list.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Its number.
    pub number: u32,
    /// It is switched on.
    pub online: bool,
    /// What was found.
    pub found: Check,
    /// What is wanted.
    pub check: Check,
    group: (Option<i64>, Option<i64>, Option<i64>),
}

/// A line of the list: the name of a group, or some CPUs.
#[derive(Clone, Debug)]
pub enum CpuLine {
    /// What the CPUs below have in common.
    Group(String),
    /// These, by their place in the list.
    Cpus(std::ops::Range<usize>),
}

/// The CPUs that shall be run on, and by whom.
#[derive(Debug)]
pub struct CpuDialog {
    /// Who.
    pub targets: Targets,
    /// Every CPU, those of a group together.
    pub cpus: Vec<Cpu>,
    /// How they stand.
    pub lines: Vec<CpuLine>,
    /// The CPU under the cursor.
    pub at: usize,
}

/// CPUs side by side; few stand one below the other.
const ABREAST: usize = 4;
/// So many are few.
const FEW: usize = 8;

impl CpuDialog {
    /// With what was found checked.
    #[must_use]
    pub fn new(targets: Targets, now: &Snapshot, found: Affinity) -> CpuDialog {
        let check = |number| match (found.all.contains(number), found.any.contains(number)) {
            (true, _) => Check::On,
            (false, true) => Check::Mixed,
            (false, false) => Check::Off,
        };
        let cpu = |number, row: Option<Row<'_>>| {
            let raw = |field| row.and_then(|row| row.raw(field));
            let online = raw(core::online) != Some(0);
            // The kernel tells of CPUs that are switched off as if they were forbidden.
            let found = if online { check(number) } else { Check::Off };
            let group = (raw(core::node), raw(core::package), raw(core::kind));
            Cpu { number, online, found, check: found, group }
        };
        let number = |row: &Row<'_>| u32::try_from(row.raw(core::index)?).ok();
        let rows = now.rows(FamilyId::Core);
        let mut cpus: Vec<Cpu> =
            rows.filter_map(|row| Some(cpu(number(&row)?, Some(row)))).collect();
        let known: CpuSet = cpus.iter().map(|cpu| cpu.number).collect();
        cpus.extend(found.any.without(&known).iter().map(|number| cpu(number, None)));
        cpus.sort_by_key(|cpu| (cpu.group, cpu.number));
        let abreast = if cpus.len() <= FEW { 1 } else { ABREAST };
        let mut lines = Vec::new();
        let mut first = 0;
        for group in cpus.chunk_by(|a, b| a.group == b.group) {
            if group.len() < cpus.len() {
                lines.push(CpuLine::Group(group_name(&cpus, group[0].group, now)));
            }
            let end = first + group.len();
            for start in (first..end).step_by(abreast) {
                lines.push(CpuLine::Cpus(start..(start + abreast).min(end)));
            }
            first = end;
        }
        CpuDialog { targets, cpus, lines, at: 0 }
    }

    /// The line that the cursor is on.
    #[must_use]
    pub fn line(&self) -> usize {
        let here = |line: &CpuLine| matches!(line, CpuLine::Cpus(cpus) if cpus.contains(&self.at));
        self.lines.iter().position(here).unwrap_or(0)
    }

    /// Moves the cursor by lines, in its column as far as the line has one.
    fn step(&mut self, by: isize) {
        let here = self.line();
        let Some(CpuLine::Cpus(cpus)) = self.lines.get(here) else { return };
        let column = self.at - cpus.start;
        let step = if by < 0 { -1 } else { 1 };
        let (mut at, mut left) = (here, by.unsigned_abs());
        let mut next = here;
        while left > 0
            && let Some(line) = next.checked_add_signed(step).filter(|&n| n < self.lines.len())
        {
            next = line;
            if matches!(self.lines[line], CpuLine::Cpus(_)) {
                (at, left) = (line, left - 1);
            }
        }
        if let CpuLine::Cpus(cpus) = &self.lines[at] {
            self.at = (cpus.start + column).min(cpus.end - 1);
        }
    }

    /// Moves the cursor by CPUs.
    fn step_beside(&mut self, by: isize) {
        let last = self.cpus.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    /// Checks the CPU under the cursor, or takes the check away.
    pub fn toggle(&mut self) {
        if let Some(cpu) = self.cpus.get_mut(self.at).filter(|cpu| cpu.online) {
            cpu.check = if cpu.check == Check::On { Check::Off } else { Check::On };
        }
    }

    /// Checks all; where all are, leaves the one under the cursor alone.
    pub fn toggle_all(&mut self) {
        let all = self.cpus.iter().all(|cpu| cpu.check == Check::On || !cpu.online);
        for (place, cpu) in self.cpus.iter_mut().enumerate().filter(|(_, cpu)| cpu.online) {
            cpu.check = if all && place != self.at { Check::Off } else { Check::On };
        }
    }

    /// CPUs that are newly checked.
    #[must_use]
    pub fn allowed(&self) -> CpuSet {
        self.changed(Check::On)
    }

    /// CPUs that lost their check.
    #[must_use]
    pub fn forbidden(&self) -> CpuSet {
        self.changed(Check::Off)
    }

    fn changed(&self, to: Check) -> CpuSet {
        let changed = self.cpus.iter().filter(|cpu| cpu.check == to && cpu.found != to);
        changed.map(|cpu| cpu.number).collect()
    }
}

/// What tells a group from the others.
fn group_name(
    cpus: &[Cpu],
    (node, package, kind): (Option<i64>, Option<i64>, Option<i64>),
    now: &Snapshot,
) -> String {
    let differ = |of: fn(&Cpu) -> Option<i64>| cpus.iter().any(|cpu| of(cpu) != of(&cpus[0]));
    let mut parts = Vec::new();
    if let Some(node) = node.filter(|_| differ(|cpu| cpu.group.0)) {
        parts.push(format!("node {node}"));
    }
    if let Some(package) = package.filter(|_| differ(|cpu| cpu.group.1)) {
        parts.push(format!("socket {package}"));
    }
    if differ(|cpu| cpu.group.2) {
        let mut rows = now.rows(FamilyId::Core);
        let kind =
            rows.find(|row| row.raw(core::kind) == kind).and_then(|row| row.state(core::kind));
        parts.push(format!("{} cores", kind.unwrap_or("other")));
    }
    if parts.is_empty() { "others".to_owned() } else { parts.join(", ") }
}

/// What is asked for in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The moment to go to.
    Moment,
    /// The text of a bookmark.
    Bookmark,
}

impl Question {
    /// What stands before the line, and what the answer may be.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Question::Moment => ("Go to", "14:01  -5m  yesterday 22:00  Enter goes  Esc back"),
            Question::Bookmark => ("Bookmark", "a text, or none  Enter sets it  Esc back"),
        }
    }
}

impl Overlay {
    /// Rows must not move below a dialog; they may below help and a filter being typed.
    #[must_use]
    pub fn holds_rows(&self) -> bool {
        matches!(
            self,
            Overlay::Signal(_)
                | Overlay::Io(_)
                | Overlay::Cpus(_)
                | Overlay::Sort(_)
                | Overlay::Columns(_)
                | Overlay::Users(_)
        )
    }

    /// The line being typed.
    pub fn editor(&mut self) -> Option<&mut Editor> {
        match self {
            Overlay::Filter(editor, _) | Overlay::Find(editor, _) | Overlay::Ask(editor, _) => {
                Some(editor)
            }
            Overlay::Palette(palette) => Some(&mut palette.editor),
            Overlay::Setup(setup) => setup.typing.as_mut(),
            Overlay::Help(help) => help.typing.as_mut(),
            _ => None,
        }
    }

    /// Takes a digit; false where none means anything.
    pub fn digit(&mut self, c: char) -> bool {
        match (self, c.to_digit(10)) {
            (Overlay::Signal(dialog), Some(digit)) => {
                dialog.type_in(digit as i32);
                true
            }
            _ => false,
        }
    }

    /// Puts the cursor of a list on a line; true if it was there already.
    pub fn point(&mut self, line: usize) -> Option<bool> {
        let at = match self {
            Overlay::Sort(at) => at,
            Overlay::Columns(chooser) => &mut chooser.at,
            Overlay::Signal(dialog) => {
                dialog.typed = 0;
                &mut dialog.at
            }
            Overlay::Io(dialog) => &mut dialog.at,
            Overlay::Cpus(dialog) => &mut dialog.at,
            Overlay::Users(people) => &mut people.at,
            Overlay::Palette(palette) => &mut palette.at,
            Overlay::Setup(setup) if setup.typing.is_none() => &mut setup.at,
            _ => return None,
        };
        Some(std::mem::replace(at, line) == line)
    }

    /// Moves the cursor of a list; which has so many lines if it is one of the table's.
    pub fn step(&mut self, by: isize, lines: usize) {
        let (at, lines) = match self {
            Overlay::Sort(at) => (at, lines),
            Overlay::Users(people) => {
                let lines = people.lines.len();
                (&mut people.at, lines)
            }
            Overlay::Columns(chooser) => {
                let lines = chooser.lines.len();
                (&mut chooser.at, lines)
            }
            Overlay::Signal(dialog) => {
                dialog.typed = 0;
                (&mut dialog.at, dialog.signals.len())
            }
            Overlay::Io(dialog) => (&mut dialog.at, IO_LINES),
            Overlay::Cpus(dialog) => return dialog.step(by),
            Overlay::Setup(setup) => {
                let lines = setup.options().count();
                (&mut setup.at, lines)
            }
            Overlay::Palette(palette) => {
                let lines = palette.found.len();
                (&mut palette.at, lines)
            }
            Overlay::Help(help) => {
                let lines = help.lines.len();
                (&mut help.at, lines)
            }
            _ => return,
        };
        *at = at.saturating_add_signed(by).min(lines.saturating_sub(1));
    }

    /// Moves the cursor to the side, where a list has columns.
    pub fn step_beside(&mut self, by: isize) {
        if let Overlay::Cpus(dialog) = self {
            dialog.step_beside(by);
        }
    }
}
