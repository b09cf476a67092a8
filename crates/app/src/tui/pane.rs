//! The pane that shows one process: its tabs, what has been read for them, and where each stands.

use std::sync::Arc;

use retop_engine::{Inspection, Part};
use retop_model::family::{source, thread};
use retop_model::{FamilyId, Key, Row, Snapshot};

use super::app::App;
use super::control::Control;
use super::keys::{Action, Mode};
use super::panel::details;
use super::render::Rect;
use super::trace::Trace;

/// What the pane shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Who it is, and what it uses.
    #[default]
    Stats,
    /// Its threads, the busiest first.
    Threads,
    /// The environment that it was started with.
    Environment,
    /// What it has open.
    Files,
    /// What it may use at most.
    Limits,
    /// What its memory holds.
    Maps,
    /// Its control group, and those above.
    Groups,
}

impl Tab {
    /// Every tab, in their order on the screen.
    pub const ALL: [Tab; 7] = [
        Tab::Stats,
        Tab::Threads,
        Tab::Environment,
        Tab::Files,
        Tab::Limits,
        Tab::Maps,
        Tab::Groups,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tab::Stats => "Stats",
            Tab::Threads => "Threads",
            Tab::Environment => "Env",
            Tab::Files => "Files",
            Tab::Limits => "Limits",
            Tab::Maps => "Maps",
            Tab::Groups => "Cgroup",
        }
    }

    /// What has to be asked for it. The others are in every sample.
    #[must_use]
    pub fn part(self) -> Option<Part> {
        match self {
            Tab::Environment => Some(Part::Environment),
            Tab::Files => Some(Part::Files),
            Tab::Limits => Some(Part::Limits),
            Tab::Maps => Some(Part::Maps),
            Tab::Stats | Tab::Threads | Tab::Groups => None,
        }
    }

    fn step(self, by: isize) -> Tab {
        let at = Tab::ALL.iter().position(|&tab| tab == self).unwrap_or(0);
        let count = Tab::ALL.len() as isize;
        Tab::ALL[(at as isize + by).rem_euclid(count) as usize]
    }
}

/// How soon a part is read again, in nanoseconds. An environment never changes; what is cheap and
/// moves is read as often as people look.
fn period(part: Part) -> Option<u64> {
    match part {
        Part::Environment => None,
        Part::Files => Some(2_000_000_000),
        Part::Maps => Some(5_000_000_000),
        Part::Limits => Some(10_000_000_000),
    }
}

/// What took long is read less often: no more than one part in this of a reader's time, and of the
/// time that the process itself is held up.
const SHARE: u64 = 20;

/// An answer that is not there after this long has a reason that a person should know.
const LATE_NS: u64 = 1_000_000_000;

/// What is known of the process in the pane.
#[derive(Default)]
pub struct Pane {
    /// The tab on the screen.
    pub tab: Tab,
    /// Values of the environment are shown.
    pub is_revealed: bool,
    /// The first line on the screen.
    pub top: usize,
    /// What was read last for this process and this tab.
    pub answer: Option<Arc<Inspection>>,
    /// The last moment in which the process was there.
    pub last: Option<Arc<Snapshot>>,
    /// Its recent past.
    pub trace: Trace,
    /// Its threads by their place in the sample, the busiest first.
    pub threads: Vec<u32>,
    /// Why nothing can be asked here.
    pub refused: Option<String>,
    key: Option<Key>,
    asked: Option<(Key, Part, u64)>,
    lines: usize,
    room: usize,
}

impl Pane {
    /// First line, room and number of lines, as of the last layout.
    #[must_use]
    pub fn place(&self) -> (usize, usize, usize) {
        (self.top, self.room, self.lines)
    }

    /// True if the answer is long in coming.
    #[must_use]
    pub fn is_late(&self, newest: Option<&Snapshot>) -> bool {
        let (Some((_, _, asked_ns)), Some(newest)) = (self.asked, newest) else { return false };
        self.answer.is_none() && newest.stamp().monotonic_ns >= asked_ns.saturating_add(LATE_NS)
    }

    fn show(&mut self, tab: Tab) {
        if self.tab != tab {
            (self.tab, self.top) = (tab, 0);
            self.forget();
        }
    }

    /// What was read goes with the look at it: a password stays nowhere longer than it must.
    fn forget(&mut self) {
        (self.answer, self.asked, self.refused) = (None, None, None);
        self.is_revealed = false;
    }

    fn scroll(&mut self, by: isize) {
        let last = self.lines.saturating_sub(self.room);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    fn sort_threads(&mut self, now: &Snapshot, key: Key) {
        let mine =
            |row: &Row<'_>| row.raw(thread::pid).is_some_and(|pid| u64::try_from(pid) == Ok(key.0));
        self.threads.clear();
        let rows = now.rows(FamilyId::Thread).filter(mine);
        self.threads.extend(rows.map(|row| row.index() as u32));
        let share = |&place: &u32| {
            let row = now.row(FamilyId::Thread, place as usize);
            row.and_then(|row| row.get(thread::cpu_ratio)).unwrap_or(-1.0)
        };
        self.threads.sort_unstable_by(|a, b| share(b).total_cmp(&share(a)).then(a.cmp(b)));
    }
}

impl App {
    /// Opens the pane on the process under the cursor, at that tab; closes it if that is there.
    pub(super) fn open_details(&mut self, tab: Option<Tab>) {
        let selected = self.table.selected();
        let is_there = self.details.is_some() && self.details == selected;
        let is_shown = tab.is_none_or(|tab| tab == self.pane.tab);
        self.details = selected.filter(|_| !(is_there && is_shown));
        if let Some(tab) = tab {
            self.pane.show(tab);
        }
    }

    /// What a key does that belongs to the pane alone, if the pane is there for it. What looking
    /// back needs for itself comes first.
    pub(super) fn pane_action(&self, mode: Mode, press: super::input::Key) -> Option<Action> {
        let is_free = match mode {
            Mode::Pane => true,
            Mode::Rewind => self.details.is_some() && !self.keys.has(Mode::Rewind, press),
            _ => false,
        };
        let action = is_free.then(|| self.keys.action(Mode::Pane, press)).flatten()?;
        let is_meant = action != Action::Reveal || self.pane.tab == Tab::Environment;
        (is_meant && action.binding().mode == Mode::Pane).then_some(action)
    }

    /// Moves within the pane.
    pub(super) fn turn_pane(&mut self, action: Action) {
        let pane = &mut self.pane;
        let page = isize::try_from(pane.room.saturating_sub(1)).unwrap_or(1).max(1);
        match action {
            Action::DetailsNext => pane.show(pane.tab.step(1)),
            Action::DetailsBack => pane.show(pane.tab.step(-1)),
            Action::DetailsUp => pane.scroll(-1),
            Action::DetailsDown => pane.scroll(1),
            Action::DetailsPageUp => pane.scroll(-page),
            Action::DetailsPageDown => pane.scroll(page),
            Action::DetailsHome => pane.scroll(isize::MIN / 2),
            Action::DetailsEnd => pane.scroll(isize::MAX / 2),
            Action::Reveal => pane.is_revealed = !pane.is_revealed,
            _ => {}
        }
    }

    /// Brings the pane up to the moment on the screen, and measures it.
    pub(super) fn attend(&mut self) {
        let key = self.details;
        if self.pane.key != key {
            let tab = self.pane.tab;
            self.pane = Pane {
                key,
                tab,
                threads: std::mem::take(&mut self.pane.threads),
                ..Pane::default()
            };
        }
        let (Some(key), Some(now)) = (key, self.now.clone()) else { return };
        if self.rewind.is_none() && now.find(FamilyId::Process, key).is_some() {
            self.pane.last = Some(Arc::clone(&now));
        }
        self.pane.trace.follow(key, &now, self.record.as_deref());
        self.pane.trace.poll();
        if self.pane.tab == Tab::Threads {
            let moment = self.moment_of(key, &now);
            self.pane.sort_threads(&moment, key);
        }
        if let Some(area) = self.areas.details {
            let inner = Rect {
                width: area.width.saturating_sub(2),
                height: area.height.saturating_sub(2),
                ..area
            };
            let lines = details::measure(self, &now, key, inner);
            (self.pane.lines, self.pane.room) = (lines, usize::from(inner.height));
            self.pane.scroll(0);
        }
    }

    /// The moment whose facts the pane shows: the one on the screen, or, of a process that has
    /// ended since, the last in which it was there. The past is what it was.
    #[must_use]
    pub(super) fn moment_of(&self, key: Key, now: &Arc<Snapshot>) -> Arc<Snapshot> {
        let is_there = self.rewind.is_some() || now.find(FamilyId::Process, key).is_some();
        let last = self.pane.last.as_ref().filter(|_| !is_there);
        Arc::clone(last.unwrap_or(now))
    }

    /// True if the process runs no more, as of the newest sample.
    #[must_use]
    pub(super) fn has_ended(&self, key: Key) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.find(FamilyId::Process, key).is_none())
    }

    /// Asks what the tab on the screen wants to know, if it is time. Nothing of the past can be
    /// asked.
    pub fn inquire(&mut self, control: &dyn Control) {
        let (Some(key), Some(part), Some(newest)) =
            (self.details, self.pane.tab.part(), &self.newest)
        else {
            return;
        };
        let now_ns = newest.stamp().monotonic_ns;
        let is_live = self.rewind.is_none();
        let is_asked = self.pane.asked.is_some_and(|(of, what, _)| (of, what) == (key, part));
        let is_due = match (&self.pane.answer, is_asked) {
            (_, false) => true,
            (None, true) => false,
            (Some(answer), true) => {
                let took = answer.end_ns.saturating_sub(answer.begin_ns);
                let alive = newest.find(FamilyId::Process, key).is_some();
                period(part).filter(|_| alive && !self.paused).is_some_and(|period| {
                    let rest = period.max(took.saturating_mul(SHARE));
                    let asked_ns = self.pane.asked.map_or(0, |asked| asked.2);
                    // A question that is still out is not asked again.
                    asked_ns <= answer.end_ns && now_ns >= answer.end_ns.saturating_add(rest)
                })
            }
        };
        if is_live && is_due {
            self.pane.refused = control.ask(key, part).err();
            self.pane.asked = Some((key, part, now_ns));
        }
    }

    /// Takes an answer; true if the screen shows it.
    pub fn take_answer(&mut self, answer: &Arc<Inspection>) -> bool {
        let wanted = self.details == Some(answer.key) && self.pane.tab.part() == Some(answer.part);
        let pane = &mut self.pane;
        let known = pane.answer.as_ref();
        if !wanted || pane.asked.is_none() || known.is_some_and(|known| Arc::ptr_eq(known, answer))
        {
            return false;
        }
        // What was known of a process that has ended is all that will ever be known.
        let has_ended = matches!(&answer.found, Err(problem) if problem.state == source::ABSENT);
        if has_ended && known.is_some_and(|known| known.key == answer.key && known.found.is_ok()) {
            return false;
        }
        pane.answer = Some(Arc::clone(answer));
        true
    }
}
