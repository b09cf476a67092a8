//! Pages: the whole screen for one part of the machine, each behind a digit.

use retop_model::family::{cgroup, process};
use retop_model::{FamilyId, Field, Key, Row, Snapshot};

use super::app::App;
use super::filter::Filter;
use super::group_tree::GroupTree;
use super::keys::Action;
use super::pane::Pane;
use super::panel;
use super::table::Table;
use super::table::column::Col;

/// What the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Everything in brief, above the table.
    #[default]
    Overview,
    /// The processor.
    Cpu,
    /// The table alone.
    Processes,
    /// Control groups and containers.
    Groups,
    /// Graphics processors.
    Gpu,
    /// Power, temperatures, fans, batteries.
    Power,
    /// Memory and swap.
    Memory,
    /// Disks, file systems, network interfaces.
    Traffic,
    /// What happened: alerts, spikes, bookmarks, gaps.
    Events,
    /// The sources, and what retop itself costs.
    Own,
}

impl Page {
    /// Every page, in the order of the keys.
    pub const ALL: [Page; 10] = [
        Page::Overview,
        Page::Cpu,
        Page::Processes,
        Page::Groups,
        Page::Gpu,
        Page::Power,
        Page::Memory,
        Page::Traffic,
        Page::Events,
        Page::Own,
    ];

    /// The key that opens it, as frames and tabs show it.
    #[must_use]
    pub fn key(self) -> char {
        match self {
            Page::Overview => '0',
            Page::Cpu => '1',
            Page::Processes => '2',
            Page::Groups => '3',
            Page::Gpu => '4',
            Page::Power => '5',
            Page::Memory => '6',
            Page::Traffic => '7',
            Page::Events => '8',
            Page::Own => '9',
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Page::Overview => "Overview",
            Page::Cpu => "CPU",
            Page::Processes => "Processes",
            Page::Groups => "Groups",
            Page::Gpu => "GPU",
            Page::Power => "Power",
            Page::Memory => "Memory",
            Page::Traffic => "Traffic",
            Page::Events => "Events",
            Page::Own => "retop",
        }
    }

    /// The same where there is little room.
    #[must_use]
    pub fn brief(self) -> &'static str {
        match self {
            Page::Overview => "Home",
            Page::Processes => "Procs",
            Page::Memory => "Mem",
            Page::Traffic => "I/O",
            page => page.name(),
        }
    }

    /// The page that an action opens.
    #[must_use]
    pub fn of(action: Action) -> Option<Page> {
        Page::ALL.into_iter().find(|page| page.action() == action)
    }

    /// The action that opens it.
    #[must_use]
    pub fn action(self) -> Action {
        match self {
            Page::Overview => Action::PageOverview,
            Page::Cpu => Action::PageCpu,
            Page::Processes => Action::PageProcesses,
            Page::Groups => Action::PageGroups,
            Page::Gpu => Action::PageGpu,
            Page::Power => Action::PagePower,
            Page::Memory => Action::PageMemory,
            Page::Traffic => Action::PageTraffic,
            Page::Events => Action::PageEvents,
            Page::Own => Action::PageOwn,
        }
    }

    /// The page that a digit on the edge of a box names.
    #[must_use]
    pub fn with_key(key: char) -> Option<Page> {
        Page::ALL.into_iter().find(|page| page.key() == key)
    }

    /// True if it stands in the place of the table of processes.
    #[must_use]
    pub fn is_sheet(self) -> bool {
        !matches!(self, Page::Overview | Page::Processes)
    }

    /// True if its lines are things to choose from.
    #[must_use]
    pub fn has_cursor(self) -> bool {
        matches!(self, Page::Groups | Page::Events)
    }

    /// True if it alone shows that family: dear ones are read only while it is open.
    #[must_use]
    pub fn shows(self, family: FamilyId) -> bool {
        match self {
            Page::Cpu => matches!(family, FamilyId::IdleState | FamilyId::Interrupt),
            Page::Groups => family == FamilyId::Cgroup,
            Page::Gpu => family == FamilyId::GpuCall,
            _ => false,
        }
    }

    /// True if the action makes sense here. What would change the table of processes does not where
    /// nobody sees it: a signal to a row out of sight would be a trap.
    #[must_use]
    pub fn takes(self, action: Action) -> bool {
        use Action::*;
        if !self.is_sheet() || Page::of(action).is_some() {
            return true;
        }
        match action {
            Details => self.has_cursor() || self == Page::Gpu,
            CoreView => self == Page::Cpu,
            SortMenu | SortLeft | SortRight | SortCpu | SortMemory | SortPid | SortNext
            | SortInvert | FoldAll => self == Page::Groups,
            Find | FindNext | FindBack | FindPid | Filter | Tree | SortTime | Signal
            | Environment | Files | NiceLower | NiceHigher | IoPriority | Affinity | Tag
            | Untag | Follow | Hold | Kernel | Command | Base | SetNext | SetBack | Columns
            | Group | Threads | Users | TagBranch | Layout | Left | Right => false,
            _ => true,
        }
    }
}

/// Where somebody stands in the pages.
#[derive(Debug, Default)]
pub struct Pages {
    /// The page on the screen.
    pub page: Page,
    /// Its first line on the screen.
    pub top: usize,
    /// The line under the cursor, on the page that has one.
    pub cursor: usize,
    /// Rows that its lines leave to its picture, as of the last layout.
    pub spare: u16,
    /// Lines of the page, as of the last layout.
    lines: usize,
    /// Lines of the screen for them.
    room: usize,
    /// The control groups in order.
    pub groups: GroupTree,
    /// The group under the cursor.
    selected: Option<Key>,
    /// The processes that a page is about are shown: what there was before.
    zoomed: Option<Before>,
    /// The group that they are of.
    zoomed_to: String,
}

/// How the table stood before a page narrowed it.
#[derive(Debug)]
pub struct Before {
    page: Page,
    filter: Option<Filter>,
    set: usize,
    sort: (Col, Col, bool, bool),
}

impl Before {
    fn of(page: Page, table: &mut Table) -> Before {
        let sort = (table.sort, table.then, table.descending, table.pinned);
        (table.cursor, table.top) = (0, 0);
        Before { page, filter: table.filter.take(), set: table.set, sort }
    }
}

impl Pages {
    /// Opens a page; the same one again leads home.
    pub fn open(&mut self, page: Page) {
        self.page = if page == self.page { Page::Overview } else { page };
        (self.top, self.cursor, self.selected) = (0, 0, None);
        self.zoomed = None;
    }

    /// Takes over what the layout found: the lines of the page, and the room for them.
    pub fn fit(&mut self, lines: usize, room: usize) {
        (self.lines, self.room) = (lines, room.max(1));
        if self.page.has_cursor() {
            self.cursor = self.cursor.min(lines.saturating_sub(1));
            self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(self.room));
        }
        self.top = self.top.min(lines.saturating_sub(self.room));
    }

    /// First line, lines on the screen, lines of the page.
    #[must_use]
    pub fn place(&self) -> (usize, usize, usize) {
        (self.top, self.room.min(self.lines), self.lines)
    }

    /// Moves the cursor, or the page where it has none.
    pub fn travel(&mut self, now: &Snapshot, action: Action) {
        let page = isize::try_from(self.room).unwrap_or(1);
        let by = match action {
            Action::Up | Action::ScrollUp => -1,
            Action::Down | Action::ScrollDown => 1,
            Action::PageUp => -page,
            Action::PageDown => page,
            Action::Home => isize::MIN / 2,
            Action::End => isize::MAX / 2,
            _ => return,
        };
        let scrolls = matches!(action, Action::ScrollUp | Action::ScrollDown);
        if self.page.has_cursor() && !scrolls {
            let last = self.lines.saturating_sub(1);
            self.cursor = self.cursor.saturating_add_signed(by).min(last);
            self.selected = self.group_at(now, self.cursor).map(Row::key);
            return;
        }
        let last = self.lines.saturating_sub(self.room);
        self.top = self.top.saturating_add_signed(by).min(last);
        if self.page.has_cursor() {
            self.cursor = self.cursor.clamp(self.top, self.top + self.room - 1);
            self.selected = self.group_at(now, self.cursor).map(Row::key);
        }
    }

    /// Puts the cursor on a line.
    pub fn point(&mut self, now: &Snapshot, line: usize) {
        self.cursor = line.min(self.lines.saturating_sub(1));
        self.selected = self.group_at(now, self.cursor).map(Row::key);
    }

    /// Puts the control groups in order; the cursor stays with its group.
    pub fn sort_groups(&mut self, now: &Snapshot) {
        self.groups.update(now);
        if let Some(key) = self.selected
            && let Some(row) = now.find(FamilyId::Cgroup, key)
            && let Some(line) =
                self.groups.lines.iter().position(|line| line.row as usize == row.index())
        {
            self.cursor = line;
        }
        self.selected = self.group_at(now, self.cursor).map(Row::key);
    }

    /// Folds or unfolds the group under the cursor, or all of them; the cursor goes to the group
    /// that was folded.
    fn fold_group(&mut self, now: &Snapshot, action: Action) {
        match action {
            Action::FoldAll => self.groups.fold_all(now),
            _ => {
                let folded = self.groups.fold(now, self.cursor, action == Action::Less);
                self.selected = folded.or(self.selected);
            }
        }
        self.sort_groups(now);
    }

    /// The control group on that line.
    #[must_use]
    pub fn group_at<'a>(&self, now: &'a Snapshot, line: usize) -> Option<Row<'a>> {
        now.row(FamilyId::Cgroup, self.groups.lines.get(line)?.row as usize)
    }

    /// Goes to the processes of the group under the cursor.
    fn zoom_group(&mut self, now: &Snapshot, table: &mut Table) -> bool {
        let Some(row) = self.group_at(now, self.cursor) else { return false };
        self.zoomed = Some(Before::of(Page::Groups, table));
        table.filter = match row.shown(cgroup::cgroup).trim_end_matches('/') {
            "" => None,
            path => Filter::parse(&members(path)).ok().flatten(),
        };
        self.page = Page::Processes;
        let name = row.shown(cgroup::container);
        let name = if name.is_empty() { row.shown(cgroup::cgroup) } else { name };
        name.clone_into(&mut self.zoomed_to);
        true
    }

    /// The group whose processes a filter shows, if it is still that one.
    #[must_use]
    pub fn zoomed_to(&self, filter: &Filter) -> Option<&str> {
        let zoomed = self.zoomed.is_some() && filter.text().starts_with("cgroup=");
        zoomed.then_some(self.zoomed_to.as_str())
    }

    /// Goes to the processes on graphics processors, those with the most of their memory first.
    fn zoom_gpu(&mut self, table: &mut Table) {
        self.zoomed = Some(Before::of(Page::Gpu, table));
        table.filter = Filter::parse("has:vram || has:gpu").ok().flatten();
        table.set = table.gpu_set().unwrap_or(table.set);
        let memory = Col::Number(process::gpu_memory_bytes);
        let chip = Col::Number(process::gpu_ratio);
        let seats = &table.shown_set().seats;
        let sort = if seats.iter().any(|seat| seat.col == memory) { memory } else { chip };
        if table.sort != sort {
            table.sort_by(sort);
        }
        table.descending = true;
        self.page = Page::Processes;
    }

    /// Goes back to the page that the processes on the screen came from, if there is one, with the
    /// table as it was.
    pub fn unzoom(&mut self, table: &mut Table) -> bool {
        let Some(before) = self.zoomed.take() else { return false };
        self.page = before.page;
        (table.filter, table.set) = (before.filter, before.set);
        (table.sort, table.then, table.descending, table.pinned) = before.sort;
        true
    }
}

impl App {
    /// Opens a page. What was narrowed to one control group is so no longer.
    pub(super) fn open_page(&mut self, page: Page) {
        self.pages.unzoom(&mut self.table);
        self.pages.open(page);
        (self.details, self.pane) = (None, Pane::default());
        if self.pages.page == Page::Events {
            self.find_event();
        }
    }

    /// Back to the overview.
    pub(super) fn leave_page(&mut self) {
        self.open_page(Page::Overview);
    }

    /// Folds or sorts the control groups, if that is what the action means on their page.
    pub(super) fn change_groups(&mut self, action: Action) {
        use Action::*;
        let Some(now) = self.now.clone() else { return };
        let by = match action {
            More | Less | FoldAll => return self.pages.fold_group(&now, action),
            SortCpu => Some(cgroup::cpu_ratio),
            SortMemory => Some(cgroup::working_set_bytes),
            SortPid => None,
            SortInvert => self.pages.groups.sort,
            _ => self.group_column(&now, action == SortLeft),
        };
        self.sort_groups_by(by);
    }

    /// Sorts control groups by that; by the same again turns the order round.
    pub(super) fn sort_groups_by(&mut self, by: Option<Field>) {
        let Some(now) = self.now.clone() else { return };
        self.pages.groups.sort_by(by);
        // Who asks for another order looks at its beginning.
        (self.pages.cursor, self.pages.top, self.pages.selected) = (0, 0, None);
        self.pages.sort_groups(&now);
    }

    /// The column beside the one that groups are sorted by, around: names are the first.
    fn group_column(&self, now: &Snapshot, left: bool) -> Option<Field> {
        let width = self.areas.page.map_or(0, |area| area.width);
        let columns = panel::page_groups::shown(now, width);
        let shown = || std::iter::once(None).chain(columns.fields().map(Some));
        let count = shown().count();
        let at = shown().position(|by| by == self.pages.groups.sort).unwrap_or(0);
        shown().nth((at + if left { count - 1 } else { 1 }) % count).flatten()
    }

    /// Shows the processes that the page is about: of the control group under the cursor, or those
    /// on graphics processors.
    pub(super) fn zoom(&mut self) {
        let Some(now) = self.now.clone() else { return };
        let page = self.pages.page;
        if page == Page::Groups && self.pages.zoom_group(&now, &mut self.table) {
            self.say("the processes of one group; Esc leads back".to_owned());
        } else if page == Page::Gpu && now.rows(FamilyId::GpuProcess).len() > 0 {
            self.pages.zoom_gpu(&mut self.table);
            self.say("the processes on GPUs; Esc leads back".to_owned());
        } else if page == Page::Gpu {
            self.say("no process is on a GPU".to_owned());
        }
    }
}

/// A filter for the processes of a group and of the groups below it.
fn members(path: &str) -> String {
    let mut word = String::new();
    for c in path.chars() {
        if c.is_whitespace() || "\\*,()&|\"".contains(c) {
            word.push('\\');
        }
        word.push(c);
    }
    // `/name/i` would be an expression between slashes.
    if word.ends_with("/i") {
        word.insert(0, '\\');
    }
    format!("cgroup={word},{word}/*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use retop_model::family::process;
    use retop_model::{RawSample, RawTable, Stamp, derive};
    use std::sync::Arc;

    fn groups(paths: &[&str]) -> Snapshot {
        let mut table = RawTable::new(FamilyId::Cgroup);
        for path in paths {
            table.push(Key::named(path.as_bytes())).text(cgroup::cgroup, *path);
        }
        table.finish(retop_model::Window { begin_ns: 0, end_ns: 1 });
        let mut sample = RawSample::new(Stamp::default());
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    }

    fn process_in(path: &str) -> Snapshot {
        let mut table = RawTable::new(FamilyId::Process);
        table.push(Key(1, 1)).text(process::cgroup, path);
        table.finish(retop_model::Window { begin_ns: 0, end_ns: 1 });
        let mut sample = RawSample::new(Stamp::default());
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    }

    #[test]
    fn children_follow_their_parent() {
        let now =
            groups(&["/b", "/a-b", "/a/c", "/", "/a", "/a.slice", "/a/c/d", "/a.slice/x", ""]);
        let mut pages = Pages::default();
        pages.sort_groups(&now);
        let paths: Vec<&str> = (0..pages.groups.lines.len())
            .filter_map(|line| pages.group_at(&now, line))
            .map(|row| row.shown(cgroup::cgroup))
            .collect();
        assert_eq!(&paths[2..], ["/a", "/a/c", "/a/c/d", "/a-b", "/a.slice", "/a.slice/x", "/b"]);
    }

    #[test]
    fn the_cursor_stays_with_its_group() {
        let mut pages = Pages { page: Page::Groups, ..Pages::default() };
        let now = groups(&["/a", "/b"]);
        pages.sort_groups(&now);
        pages.fit(2, 10);
        pages.travel(&now, Action::End);
        assert_eq!(pages.cursor, 1);
        let now = groups(&["/0", "/a", "/b", "/c"]);
        pages.sort_groups(&now);
        assert_eq!(pages.cursor, 2);
        let now = groups(&["/0"]);
        pages.sort_groups(&now);
        pages.fit(1, 10);
        assert_eq!((pages.cursor, pages.top), (0, 0));
    }

    #[test]
    fn every_page_has_a_key_of_its_own_and_leads_home() {
        for (place, page) in Page::ALL.into_iter().enumerate() {
            assert!(Page::ALL[place + 1..].iter().all(|other| other.key() != page.key()));
            let action = super::super::keymap::Keymap::default()
                .action(super::super::keys::Mode::Live, super::super::input::Key::char(page.key()));
            assert_eq!(action.and_then(Page::of), Some(page));
            let mut pages = Pages::default();
            pages.open(page);
            assert_eq!(pages.page, page);
            pages.open(page);
            assert_eq!(pages.page, Page::Overview);
            assert!(page.takes(Action::Quit) && page.takes(Action::Close), "{page:?}");
            assert!(!page.is_sheet() || !page.takes(Action::Signal), "{page:?}");
        }
    }

    proptest! {
        #[test]
        fn a_group_has_its_own_processes(
            path in "(/[a-zA-Z0-9 .,:*()&|\"\\\\@_-]{1,12}){1,4}", child in "[a-z*,]{1,9}"
        ) {
            let filter = Filter::parse(&members(&path)).expect("a filter").expect("not empty");
            let is_in = |path: &str| {
                let now = process_in(path);
                now.row(FamilyId::Process, 0).is_some_and(|row| filter.matches(row))
            };
            prop_assert!(is_in(&path));
            let (below, beside) = (format!("{path}/{child}"), format!("{path}-x"));
            prop_assert!(is_in(&below) && !is_in(&beside));
            prop_assert!(!is_in("/somewhere else"));
        }
    }
}
