//! What each action does, whether a key, a button or a line of the palette asked for it.

use std::time::Duration;

use super::Control;
use super::app::{App, Effect, Message};
use super::chooser::Chooser;
use super::dialog::Overlay;
use super::edit::Editor;
use super::keys::{Action, Mode};
use super::page::Page;
use super::pane::Tab;
use super::people::People;
use super::table::column::Col;

impl App {
    /// What would change the table does not where nobody sees it.
    pub(super) fn takes(&self, action: Action) -> bool {
        self.mode() != Mode::Live || self.takes_live(action)
    }

    /// The same, whatever lies on top.
    pub(super) fn takes_live(&self, action: Action) -> bool {
        if self.hides_table() {
            // Cores and layout are those of the boxes.
            return matches!(action, Action::Layout | Action::Tree) || Page::Cpu.takes(action);
        }
        self.pages.page.takes(action)
    }

    /// Does what a key, a button or a line of the palette asks for.
    pub(super) fn perform(&mut self, action: Action, control: &dyn Control) -> Option<Effect> {
        if !self.takes(action) {
            return None;
        }
        self.message = None;
        Some(self.act(action, control))
    }

    fn act(&mut self, action: Action, control: &dyn Control) -> Effect {
        use Action::*;
        match action {
            Quit => return Effect::Quit,
            Suspend => return Effect::Suspend,
            Redraw => return Effect::Redraw,
            Record if self.replay.is_some() => self.say("this is a recording".to_owned()),
            Record => return Effect::Record,
            Still => return Effect::Still,
            More | Less | FoldAll | SortMenu | SortLeft | SortRight | SortCpu | SortMemory
            | SortPid | SortNext | SortInvert
                if self.pages.page == Page::Groups =>
            {
                self.change_groups(action);
            }
            More | Less | FoldAll if self.table.tree || self.table.group.is_some() => {
                self.fold(action);
            }
            More | Less if self.replay.is_some() => {
                self.say("a recording keeps the interval that it was taken with".to_owned());
            }
            More | Less => {
                self.interval = step_interval(self.interval, action == More);
                self.say(format!("a sample each {}", &*super::units::interval(self.interval)));
                return Effect::Interval(self.interval);
            }
            Signal | NiceLower | NiceHigher | IoPriority | Affinity => {
                self.control(action, control);
            }
            SetupTab | SetupTabBack | SetupOn | SetupBack | SetupUsual | SetupSave => {
                return self.set_up(action);
            }
            MenuAccept if matches!(self.overlay, Overlay::Setup(_)) => return self.set_up(action),
            MenuClose if matches!(self.overlay, Overlay::Setup(_)) => return self.leave_setup(),
            LineAccept | LineDrop if matches!(self.overlay, Overlay::Setup(_)) => {
                return self.end_typing(action == LineAccept);
            }
            MenuAccept | CheckAccept => self.accept(control),
            LineAccept if matches!(self.overlay, Overlay::Palette(_)) => {
                return self.speak(control);
            }
            PaletteUp => self.palette_step(-1),
            PaletteDown => self.palette_step(1),
            PaletteComplete => self.complete_command(),
            Up | Down | PageUp | PageDown | Home | End | ScrollUp | ScrollDown | Left | Right
            | ScrollStart | ScrollEnd => {
                self.travel(action);
            }
            MenuUp | MenuDown | MenuPageUp | MenuPageDown | CheckUp | CheckDown | CheckPageUp
            | CheckPageDown => {
                let by = match action {
                    MenuUp | CheckUp => -1,
                    MenuDown | CheckDown => 1,
                    MenuPageUp | CheckPageUp => isize::MIN / 2,
                    _ => isize::MAX / 2,
                };
                self.overlay.step(by, self.table.shown_set().seats.len());
            }
            CheckLeft => self.overlay.step_beside(-1),
            CheckRight => self.overlay.step_beside(1),
            CheckToggle | CheckAll => {
                if let Overlay::Cpus(dialog) = &mut self.overlay {
                    if action == CheckAll { dialog.toggle_all() } else { dialog.toggle() }
                }
            }
            LineAccept | LineDrop | LineNext | LineBack
                if matches!(self.overlay, Overlay::Help(_)) =>
            {
                self.search_help(action);
            }
            HelpFind | HelpNext | HelpBack => self.search_help(action),
            HelpUp | HelpDown | HelpPageUp | HelpPageDown | HelpHome | HelpEnd => {
                let page = isize::from(self.areas.message.bottom() as i16 / 2).max(1);
                let by = match action {
                    HelpUp => -1,
                    HelpDown => 1,
                    HelpPageUp => -page,
                    HelpPageDown => page,
                    HelpHome => isize::MIN / 2,
                    _ => isize::MAX / 2,
                };
                self.overlay.step(by, 0);
            }
            MenuClose | CheckClose | HelpClose => self.shut(),
            ColumnShow | ColumnLeft | ColumnRight | ColumnSave => self.choose(action),
            LineAccept | LineDrop | LineBackspace | LineDelete | LineWord | LineClear
            | LineLeft | LineRight | LineHome | LineEnd | LineNext | LineBack | LineComplete => {
                self.edit(action);
            }
            Rewind | Mark | Back | Forward | BackTen | ForwardTen | BackScreen | ForwardScreen
            | SpikeBack | SpikeNext | EventBack | EventNext | MarkHere | MarkNamed | Diff
            | GoTo | Slower | Faster | Play | ZoomIn | ZoomOut | Oldest | Leave => {
                self.turn(action)
            }
            DetailsNext | DetailsBack | DetailsUp | DetailsDown | DetailsPageUp
            | DetailsPageDown | DetailsHome | DetailsEnd | Reveal => self.turn_pane(action),
            action => self.change(action),
        }
        Effect::Draw
    }

    /// Switches and openings.
    fn change(&mut self, action: Action) {
        use Action::*;
        match action {
            Help => self.open_help(),
            Palette => self.open_palette(),
            Setup => self.open_setup(),
            Filter => {
                let text = self.table.filter.as_ref().map_or("", |filter| filter.text());
                let before = self.table.filter.clone();
                self.overlay = Overlay::Filter(Editor::new(text), before);
            }
            Find | FindPid => {
                self.overlay = Overlay::Find(Editor::new(""), self.table.cursor);
            }
            FindNext => self.find_next(false),
            FindBack => self.find_next(true),
            SortMenu => {
                let at = self.table.shown_set().position(self.table.sort).unwrap_or(0);
                self.overlay = Overlay::Sort(at);
            }
            Columns => self.overlay = Overlay::Columns(Chooser::new(self.table.shown_set())),
            SortLeft => self.sort_beside(-1),
            SortRight => self.sort_beside(1),
            SortCpu => self.sort_by(Col::CPU),
            SortMemory => self.sort_by(Col::RESIDENT),
            SortTime => self.sort_by(Col::TIME),
            SortPid => self.sort_by(Col::PID),
            SortNext => self.sort_in_turn(),
            SortInvert => self.table.sort_by(self.table.sort),
            // Who asks for a tree where no table is asks for the table first.
            Tree if self.hides_table() => self.hidden = false,
            Tree => {
                self.table.turn_tree();
                if self.table.tree {
                    self.say(
                        "children below their parents, the eldest first; a sort key sorts them"
                            .to_owned(),
                    );
                }
            }
            Users => {
                if let Some(now) = &self.now {
                    self.overlay = Overlay::Users(People::new(now));
                }
            }
            Group => {
                self.table.step_group();
                let by = self.table.group.map_or("none", |by| by.column().name);
                self.say(format!("groups: {by}"));
            }
            Threads => {
                let selected = self.table.selected();
                self.table.threads = !self.table.threads;
                self.sort();
                if let (Some(now), Some(key)) = (self.now.clone(), selected) {
                    self.table.select(&now, key);
                }
                let what = if self.table.threads { "shown" } else { "hidden" };
                self.say(format!("threads are {what}"));
            }
            Follow => {
                self.table.follow = !self.table.follow;
                let on = self.table.follow;
                self.say(
                    if on {
                        "the cursor stays with its process"
                    } else {
                        "the cursor stays on its line"
                    }
                    .to_owned(),
                );
            }
            Hold => {
                self.table.hold = !self.table.hold;
                let text = match (self.table.hold, self.keys.keys(Hold).first()) {
                    (true, Some(key)) => format!("rows are held; {key} lets them go"),
                    (true, None) => "rows are held".to_owned(),
                    (false, _) => "rows move".to_owned(),
                };
                self.say(text);
            }
            Kernel => self.table.kernel = !self.table.kernel,
            Command => self.table.full_commands = !self.table.full_commands,
            Base => self.table.whole_machine = !self.table.whole_machine,
            SetNext => self.table.step_set(false),
            SetBack => self.table.step_set(true),
            Details if matches!(self.pages.page, Page::Groups | Page::Gpu) => self.zoom(),
            Details if self.pages.page == Page::Events => self.open_event(),
            Details if self.table.selected_group().is_some() => self.fold(Action::Details),
            Details => self.open_details(None),
            Environment => self.open_details(Some(Tab::Environment)),
            Files => self.open_details(Some(Tab::Files)),
            Close => self.close(),
            PageOverview if self.is_home() => {
                self.hidden = !self.hidden;
                if self.hidden {
                    self.say(
                        "the boxes have the room of the table; the same key brings it back"
                            .to_owned(),
                    );
                }
            }
            PageOverview | PageCpu | PageProcesses | PageGroups | PagePower | PageMemory
            | PageTraffic | PageEvents | PageOwn | PageGpu => {
                if let Some(page) = Page::of(action) {
                    self.open_page(page);
                }
            }
            Tag => self.tag(),
            TagBranch => {
                if let Some(now) = self.now.clone() {
                    self.table.tag_branch(&now);
                    self.travel(Action::Down);
                }
            }
            Untag => self.table.tagged.clear(),
            Pause => {
                self.paused = !self.paused;
                if !self.paused {
                    self.now.clone_from(&self.newest);
                }
                // The past, however near, is never to be taken for now.
                self.theme.rewound = self.paused;
                let shown = self.now.as_ref().filter(|_| self.paused);
                self.history.end_at(shown.map(|now| now.stamp().monotonic_ns));
            }
            CoreView => {
                let all = super::CoreView::ALL;
                let at = all.iter().position(|&view| view == self.core_view).unwrap_or(0);
                self.core_view = all[(at + 1) % all.len()];
                self.say(format!("cores: {}", self.core_view.name()));
            }
            Zoom => self.zoom_charts(),
            Layout => {
                self.choice = self.choice.next();
                self.say(format!("layout: {}", self.choice.name()));
            }
            Glyphs => {
                self.glyphs = self.glyphs.next();
                self.say(format!("drawing characters: {}", self.glyphs.name()));
            }
            Theme => {
                let names: Vec<&str> = self.themes.names().collect();
                let at = names.iter().position(|&name| name == self.theme.name);
                let next = names[at.map_or(0, |at| (at + 1) % names.len())].to_owned();
                match self.set_theme(&next) {
                    Ok(()) => self.say(format!("theme: {next}")),
                    // A file of the user's may be wrong; the next press goes on behind it.
                    Err(text) => {
                        self.theme.name = next;
                        self.message = Some(Message { text, wrong: true });
                    }
                }
            }
            Processes => self.hidden = !self.hidden,
            Header => self.header = !self.header,
            _ => {}
        }
        self.sort();
    }

    fn close(&mut self) {
        if self.pages.page.is_sheet() {
            self.open_page(Page::Overview);
        } else if self.details.take().is_some() || self.pages.unzoom(&mut self.table) {
        } else if self.table.filter.take().is_some() {
            self.say("the filter is dropped".to_owned());
        } else if self.pages.page != Page::Overview {
            self.open_page(Page::Overview);
        } else {
            // Who presses it here looks for the way out.
            self.say(self.way_out("nothing is open"));
        }
    }

    /// Closes what lies on top without a choice.
    pub(super) fn shut(&mut self) {
        if let Overlay::Columns(chooser) = std::mem::take(&mut self.overlay) {
            self.put_set(chooser.before);
        }
        self.sort();
    }

    fn accept(&mut self, control: &dyn Control) {
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::Sort(at) => {
                let chosen = self.table.shown_set().seats.get(at).map(|seat| seat.col);
                if let Some(col) = chosen {
                    self.sort_by(col);
                }
            }
            Overlay::Users(people) => {
                match people.choose(self.table.filter.clone(), self.person.take()) {
                    Ok((filter, person)) => (self.table.filter, self.person) = (filter, person),
                    Err(text) => self.message = Some(Message { text, wrong: true }),
                }
            }
            overlay => self.accept_control(&overlay, control),
        }
        self.sort();
    }
}

/// The next longer or shorter time between samples.
fn step_interval(now: Duration, longer: bool) -> Duration {
    const STEPS: [u64; 9] = [100, 250, 500, 1000, 2000, 3000, 5000, 10_000, 30_000];
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let next = if longer {
        STEPS.iter().find(|&&step| step > now)
    } else {
        STEPS.iter().rev().find(|&&step| step < now)
    };
    Duration::from_millis(next.copied().unwrap_or(now))
}
