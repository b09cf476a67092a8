//! What the screen shows and what keys change. Knows no terminal: events go in, effects come out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use retop_model::family::process;
use retop_model::filter::FilterError;
use retop_model::human::Size;
use retop_model::metric::Slot;
use retop_model::{FamilyId, Field, Key, Row, Snapshot};

use super::chooser::Chooser;
use super::dialog::Overlay;
use super::edit::Editor;
use super::events::{Bookmarks, Events};
use super::filter::Filter;
use super::history::{History, Ring, limit_watts};
use super::input::{Code, Event, Key as Press};
use super::keymap::Keymap;
use super::keys::{Action, Mode};
use super::layout::{self, Areas, Choice, Shape};
use super::page::{Page, Pages};
use super::pane::{Pane, Tab};
use super::panel;
use super::people::{Chosen, People};
use super::render::{Depth, Glyphs, Rect};
use super::rewind::Rewind;
use super::setup::Given;
use super::table::Table;
use super::table::column::{Col, Form};
use super::table::set::{self, Set};
use super::theme::{Catalogue, Theme};
use super::typing::Typing;
use super::widget::chart::scale;
use super::{Control, Options, RecordTo, Replayed};
use crate::{columns, short};

/// The smallest full height of a chart of power.
const LEAST_WATTS: f64 = 10.0;

/// How cores are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CoreView {
    /// By their number.
    #[default]
    Auto,
    /// A bar each.
    Gauge,
    /// All together, over time.
    History,
    /// Both.
    Both,
    /// A cell each.
    Heat,
}

impl CoreView {
    /// Every view, in the order of `v`.
    pub const ALL: [CoreView; 5] =
        [CoreView::Auto, CoreView::Gauge, CoreView::History, CoreView::Both, CoreView::Heat];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CoreView::Auto => "auto",
            CoreView::Gauge => "gauge",
            CoreView::History => "history",
            CoreView::Both => "both",
            CoreView::Heat => "heat",
        }
    }
}

/// What the loop must do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw.
    Draw,
    /// End.
    Quit,
    /// Stop until somebody continues the program.
    Suspend,
    /// Draw every cell.
    Redraw,
    /// Begin to record, or end it.
    Record,
    /// Tell the engine how often to sample.
    Interval(Duration),
    /// Take other settings.
    Adopt {
        /// How often to sample.
        interval: Duration,
        /// The mouse is asked for.
        mouse: bool,
    },
    /// The mouse is to be followed while its button is held, or no longer.
    Drag(bool),
}

/// A line for the person, until the next key.
#[derive(Clone, Debug)]
pub struct Message {
    /// In a sentence without a full stop.
    pub text: String,
    /// Something went wrong.
    pub wrong: bool,
}

/// Everything on the screen.
pub struct App {
    /// How it looks.
    pub theme: Theme,
    /// How else it could look.
    pub themes: Catalogue,
    /// Colours that the terminal has.
    pub depth: Depth,
    /// The line to the terminal is slow: no more than 256 colours, each second sample.
    pub low_bandwidth: bool,
    /// What it is drawn with.
    pub glyphs: Glyphs,
    /// Seconds east of Greenwich at a moment in seconds since 1970.
    pub offset_seconds: fn(i64) -> i32,
    /// Time between samples.
    pub interval: Duration,
    /// The moment on the screen.
    pub now: Option<Arc<Snapshot>>,
    /// The newest moment, while the screen stands still on another.
    pub newest: Option<Arc<Snapshot>>,
    /// The screen stands still.
    pub paused: bool,
    /// The past of a few numbers.
    pub history: History,
    /// The samples of the past, whole, if any are kept.
    pub record: Option<Arc<Mutex<dyn retop_engine::history::Past>>>,
    /// How it stands with the recording that is being written.
    pub recording: Option<retop_engine::recording::State>,
    /// All of it is a recording: there is no now to go back to.
    pub replay: Option<Replayed>,
    /// The past is shown, and which.
    pub rewind: Option<Box<Rewind>>,
    /// Moments that somebody wants to find again, oldest first.
    pub bookmarks: Bookmarks,
    /// What happened.
    pub events: Events,
    /// The processes.
    pub table: Table,
    /// What lies on top.
    pub overlay: Overlay,
    /// The process whose details are shown.
    pub details: Option<Key>,
    /// What is known of that process.
    pub pane: Pane,
    /// Rows that are or were on the screen, and when last.
    pub(super) seen: Vec<(Key, u64)>,
    /// Why what is being typed is no filter yet.
    pub filter_error: Option<FilterError>,
    /// What was typed before, and what Tab offers.
    pub(super) typing: Typing,
    /// What the menu of users put in force.
    pub(super) person: Option<Chosen>,
    /// What was found last.
    pub search: Option<Filter>,
    /// The page on the screen.
    pub pages: Pages,
    /// How cores are drawn.
    pub core_view: CoreView,
    /// Time that averages are taken over.
    pub average: Duration,
    /// The full height of a chart of power is what the machine is held to, if it says so.
    pub power_limit: bool,
    /// Samples in an interval.
    pub subsamples: u32,
    /// Samples since the last one that was shown.
    passed: u32,
    /// The layout that was chosen.
    pub choice: Choice,
    /// The header is shown.
    pub header: bool,
    /// Which keys do what.
    pub keys: Keymap,
    /// The first letter of a key of two, until the second comes.
    pub prefix: Option<char>,
    /// What the program was started with, as it was kept last.
    pub(super) given: Option<Box<Given>>,
    /// Lines of the palette that were run, the newest last.
    pub(super) spoken: Vec<String>,
    /// The scrubber, while the mouse holds it.
    pub(super) dragged: Option<Rect>,
    /// Something to tell.
    pub message: Option<Message>,
    /// Where everything stands, as of the last layout.
    pub areas: Areas,
    /// Where settings are kept for the next time, if anywhere.
    pub config_file: Option<PathBuf>,
}

impl App {
    /// A screen without a sample.
    #[must_use]
    pub fn new(options: &Options) -> App {
        let mut table = Table::default();
        table.sets = set::all(&options.columns);
        table.threads = options.threads;
        // The command line has refused what is no filter.
        table.filter = options.filter.as_deref().and_then(|text| Filter::parse(text).ok()?);
        App {
            theme: options
                .themes
                .theme(&options.theme, options.depth)
                .unwrap_or_else(|_| options.themes.first(options.depth)),
            themes: options.themes.clone(),
            depth: options.depth,
            low_bandwidth: false,
            glyphs: options.glyphs,
            offset_seconds: options.offset_seconds,
            interval: options.interval,
            now: None,
            newest: None,
            paused: false,
            history: History::default(),
            record: None,
            replay: options.replay.clone(),
            recording: None,
            rewind: None,
            bookmarks: Bookmarks::default(),
            events: Events::default(),
            table,
            overlay: Overlay::None,
            details: None,
            pane: Pane::default(),
            seen: Vec::with_capacity(512),
            filter_error: None,
            typing: Typing::default(),
            person: None,
            search: None,
            pages: Pages::default(),
            core_view: options.core_view,
            average: options.average,
            power_limit: options.power_limit,
            subsamples: options.subsamples.max(1),
            passed: 0,
            choice: options.layout,
            header: true,
            keys: options.keys.clone(),
            prefix: None,
            dragged: None,
            given: options.given.clone(),
            spoken: Vec::new(),
            message: None,
            areas: Areas::default(),
            config_file: options.config_file.clone(),
        }
    }

    /// Takes note of a slow or a quick line.
    pub fn set_low_bandwidth(&mut self, on: bool) {
        if std::mem::replace(&mut self.low_bandwidth, on) != on {
            let name = self.theme.name.clone();
            // The theme that is there is one of those there are, or the default.
            let _ = self.set_theme(&name);
        }
    }

    /// Takes another theme, of [`Catalogue::names`].
    ///
    /// # Errors
    ///
    /// As [`Catalogue::theme`]; the theme stays as it was.
    pub fn set_theme(&mut self, name: &str) -> Result<(), String> {
        let most = if self.low_bandwidth { Depth::Indexed } else { Depth::True };
        let theme = self.themes.theme(name, self.depth.min(most))?;
        self.theme = Theme { rewound: self.theme.rewound, ..theme };
        Ok(())
    }

    /// The cell that somebody who reads by the cursor wants to read: what is typed, the selected row,
    /// the beginning of a page.
    #[must_use]
    pub fn cursor_cell(&self) -> Option<(u16, u16)> {
        if self.mode() == Mode::Line {
            return Some((self.areas.message.x, self.areas.message.y));
        }
        if let Some(page) = self.areas.page {
            return Some((page.x, page.y));
        }
        let table = self.areas.table;
        let row = u16::try_from(self.table.cursor.checked_sub(self.table.top)?).ok()?;
        let chrome = 1 + u16::from(self.areas.framed);
        let y = table.y.saturating_add(chrome).saturating_add(row);
        (y < table.bottom()).then_some((table.x + u16::from(self.areas.framed), y))
    }

    /// Begins the energy of the session anew.
    pub fn reset_energy(&mut self) {
        self.history.session.reset();
    }

    /// The mean over the window of `--avg`.
    #[must_use]
    pub fn mean(&self, ring: &Ring) -> Option<f64> {
        ring.mean(self.past().samples_in(self.average))
    }

    /// What the whole height of a chart of the machine's power stands for, and whether that is the
    /// limit of the machine.
    #[must_use]
    pub fn power_scale(&self, now: &Snapshot, samples: usize) -> (f64, bool) {
        let peak = self.past().watts.peak(samples);
        match limit_watts(now).filter(|_| self.power_limit) {
            // More than that is possible for a while, and is not cut off.
            Some(limit) => (limit.max(peak.unwrap_or(0.0)), true),
            None => (scale(peak, LEAST_WATTS), false),
        }
    }

    /// Takes a new moment; false if it is one of several in an interval and changes nothing yet.
    /// While paused it goes into the past without being shown.
    pub fn update(&mut self, snapshot: &Arc<Snapshot>) -> bool {
        if self.replay.is_some() {
            self.newest = Some(Arc::clone(snapshot));
            self.grow(snapshot);
            return true;
        }
        self.history.push(snapshot);
        if self.table.sets.len() > 1 && panel::gpu::is_there(snapshot) {
            self.table.offer_gpu();
        }
        let whole = match self.subsamples {
            1 => None,
            _ => match self.whole_interval(snapshot) {
                Some(whole) => Some(whole),
                None => return false,
            },
        };
        let snapshot = whole.as_ref().unwrap_or(snapshot);
        self.newest = Some(Arc::clone(snapshot));
        if self.record.is_none() {
            self.events.note(snapshot);
        }
        if self.rewind.is_some() {
            self.pass();
        } else if !self.paused {
            self.now = Some(Arc::clone(snapshot));
            self.sort();
        }
        true
    }

    /// Of several samples in an interval the last, compared with the last of the interval before;
    /// `None` for those between. The first two are shown as they are: nobody wants to wait.
    fn whole_interval(&mut self, snapshot: &Arc<Snapshot>) -> Option<Arc<Snapshot>> {
        self.passed += 1;
        let first = self.newest.as_ref().is_none_or(|newest| !newest.has_rates());
        if first {
            self.passed = 0;
            return Some(Arc::clone(snapshot));
        }
        if self.passed < self.subsamples {
            return None;
        }
        self.passed = 0;
        let raw = Arc::clone(snapshot.raw());
        Some(Arc::new(retop_model::derive(self.newest.as_deref(), raw)))
    }

    /// Says what became of the wish to record.
    pub fn told_of_recording(&mut self, to: Option<&RecordTo>, done: Result<(), String>) {
        self.message = Some(match (to, done) {
            (_, Err(text)) => Message { text, wrong: true },
            (None, Ok(())) => Message { text: "the recording has ended".to_owned(), wrong: false },
            (Some(to), Ok(())) => {
                let past = if self.record.is_some() { ", the samples in memory first" } else { "" };
                let text = format!("recording into {}{past}", to.folder.display());
                Message { text, wrong: false }
            }
        });
    }

    /// Puts the table in order again.
    pub(super) fn sort(&mut self) {
        self.compare();
        if let Some(now) = &self.now {
            // The pane and the cursor are of one process.
            let follow = self.table.follow;
            self.table.follow |= self.details.is_some();
            self.table.update(now, self.overlay.holds_rows());
            self.table.follow = follow;
        }
        self.find_others();
    }

    /// Measures the screen. Must be called before each frame.
    pub fn arrange(&mut self, width: u16, height: u16) {
        self.gather();
        let page = self.pages.page;
        let choice = if page == Page::Overview { self.choice } else { Choice::Table };
        let shape = self.now.as_deref().map_or(Shape::default(), |now| Shape {
            meters: panel::meters::count(now),
            cpu: now.raw().table(FamilyId::Cpu).is_some(),
            memory: now.raw().table(FamilyId::Memory).is_some(),
            disk: super::history::disks(now).next().is_some(),
            network: super::history::links(now).next().is_some(),
            heat: panel::heat::is_there(now),
            gpu: panel::gpu::is_there(now),
            choice,
            page: page.is_sheet(),
            details: self.details.is_some(),
            // Without its header the past could be taken for now.
            header: self.header || self.paused,
            rewind: self.rewind.is_some(),
        });
        self.areas = layout::arrange(width, height, &shape);
        if let Some(area) = self.areas.page {
            let Some(now) = &self.now else { return };
            if page == Page::Groups {
                self.pages.sort_groups(now);
            }
            let (lines, room) = panel::page::measure(self, now, area);
            self.pages.fit(lines, room);
            return;
        }
        let chrome = if self.areas.framed { 3 } else { 2 };
        let room = self.areas.table.height.saturating_sub(chrome);
        let diff = self.rewind.as_ref().and_then(|rewind| rewind.diff.as_ref());
        let below = diff.map_or(0, |diff| diff.lines(room));
        self.table.page = usize::from(room.saturating_sub(below)).max(1);
        if let Some(now) = &self.now {
            self.table.clamp(now);
        }
        self.attend();
        if self.rewind.is_some() {
            self.scrub();
        } else {
            self.note_seen();
        }
    }

    /// Where keys go.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match &self.overlay {
            Overlay::None if self.rewind.is_some() => Mode::Rewind,
            Overlay::None if self.details.is_some() => Mode::Pane,
            Overlay::None => Mode::Live,
            Overlay::Sort(_) | Overlay::Signal(_) | Overlay::Io(_) => Mode::Menu,
            Overlay::Users(_) => Mode::Menu,
            Overlay::Columns(_) => Mode::Columns,
            Overlay::Cpus(_) => Mode::Checks,
            Overlay::Filter(..) | Overlay::Find(..) | Overlay::Ask(..) => Mode::Line,
            Overlay::Setup(setup) if setup.typing.is_some() => Mode::Line,
            Overlay::Setup(_) => Mode::Setup,
            Overlay::Palette(_) => Mode::Palette,
            Overlay::Help(_) => Mode::Help,
        }
    }

    /// Takes an event; `None` if it changed nothing.
    pub fn event(&mut self, event: Event, control: &dyn Control) -> Option<Effect> {
        let press = match event {
            Event::Key(press) => press,
            Event::Pasted(c) => return self.type_in(c),
            // Only who drew the screen knows what lies where.
            Event::Mouse(_) => return None,
        };
        let mode = self.mode();
        let press = match (self.prefix.take(), press) {
            (Some(first), Press { code: Code::Char(c), ctrl: false, alt: false, .. }) => {
                Press::of(Code::Pair(first, c))
            }
            _ => press,
        };
        let others = if mode == Mode::Pane { Mode::Live } else { mode };
        let action = self.pane_action(mode, press).or_else(|| self.keys.action(others, press));
        match action.filter(|action| self.takes(*action)) {
            Some(action) => {
                let effect = self.perform(action, control);
                match press.code {
                    Code::Char(digit) if action == Action::FindPid => self.type_in(digit),
                    _ => effect,
                }
            }
            None if self.keys.is_prefix(mode, press) => {
                self.message = None;
                if let Code::Char(first) = press.code {
                    self.prefix = Some(first);
                }
                Some(Effect::Draw)
            }
            // The second letter meant nothing: what waits for it no longer does.
            None if matches!(press.code, Code::Pair(..)) => Some(Effect::Draw),
            None => match press {
                Press { code: Code::Char(c), ctrl: false, alt: false, .. } if mode.is_text() => {
                    self.type_in(c)
                }
                Press { code: Code::Char(c), ctrl: false, alt: false, .. }
                    if self.overlay.digit(c) =>
                {
                    Some(Effect::Draw)
                }
                _ => None,
            },
        }
    }

    /// What would change the table does not where nobody sees it.
    fn takes(&self, action: Action) -> bool {
        self.mode() != Mode::Live || self.pages.page.takes(action)
    }

    /// Does what a key, a button or a line of the palette asks for.
    pub(super) fn perform(&mut self, action: Action, control: &dyn Control) -> Option<Effect> {
        if !self.takes(action) {
            return None;
        }
        self.message = None;
        Some(self.act(action, control))
    }

    pub(super) fn go_to_match(&mut self, from: usize, back: bool) -> bool {
        let (Some(now), Some(search)) = (&self.now, &self.search) else { return false };
        let Some(line) = self.table.find(now, search, from, back) else { return false };
        self.table.cursor = line;
        self.table.clamp(now);
        true
    }

    pub(super) fn find_next(&mut self, back: bool) {
        let count = self.table.order.lines.len().max(1);
        let cursor = self.table.cursor;
        let from = if back { cursor + count - 1 } else { cursor + 1 } % count;
        if !self.go_to_match(from, back) {
            let text = match (&self.search, self.keys.keys(Action::Find).first()) {
                (None, Some(key)) => format!("nothing to find yet: press {key}"),
                (None, None) => "nothing to find yet".to_owned(),
                (Some(_), _) => "no match".to_owned(),
            };
            self.say(text);
        }
    }

    pub(super) fn say(&mut self, text: String) {
        self.message = Some(Message { text, wrong: false });
    }

    fn act(&mut self, action: Action, control: &dyn Control) -> Effect {
        use Action::*;
        match action {
            Quit => return Effect::Quit,
            Suspend => return Effect::Suspend,
            Redraw => return Effect::Redraw,
            Record if self.replay.is_some() => self.say("this is a recording".to_owned()),
            Record => return Effect::Record,
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
            Up | Down | PageUp | PageDown | Home | End | ScrollUp | ScrollDown | Left | Right => {
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
            Help => self.overlay = Overlay::Help(0),
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
            SortNext => {
                let turn = [Col::CPU, Col::RESIDENT, Col::READ, Col::WRITTEN, Col::PID];
                let at = turn.iter().position(|&col| col == self.table.sort);
                self.sort_by(turn[at.map_or(0, |at| (at + 1) % turn.len())]);
            }
            SortInvert => self.table.descending = !self.table.descending,
            Tree => {
                self.table.tree = !self.table.tree;
                self.table.group = None;
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
            Details if self.pages.page == Page::Groups => self.zoom(),
            Details if self.pages.page == Page::Events => self.open_event(),
            Details if self.table.selected_group().is_some() => self.fold(Action::Details),
            Details => self.open_details(None),
            Environment => self.open_details(Some(Tab::Environment)),
            Files => self.open_details(Some(Tab::Files)),
            Close => self.close(),
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
                let all = self::CoreView::ALL;
                let at = all.iter().position(|&view| view == self.core_view).unwrap_or(0);
                self.core_view = all[(at + 1) % all.len()];
                self.say(format!("cores: {}", self.core_view.name()));
            }
            Layout => {
                self.choice = self.choice.next();
                self.say(format!("layout: {}", self.choice.name()));
            }
            Glyphs => {
                self.glyphs = self.glyphs.next();
                self.say(format!("drawing characters: {}", self.glyphs.name()));
            }
            Header => self.header = !self.header,
            _ => {}
        }
        self.sort();
    }

    fn close(&mut self) {
        if self.pages.page.is_sheet() {
            self.open_page(Page::Overview);
        } else if self.details.take().is_some() {
        } else if let Some(before) = self.pages.unzoom() {
            self.table.filter = before;
        } else if self.table.filter.take().is_some() {
            self.say("the filter is dropped".to_owned());
        } else if self.pages.page != Page::Overview {
            self.open_page(Page::Overview);
        }
    }

    /// Opens a page. What was narrowed to one control group is so no longer.
    fn open_page(&mut self, page: Page) {
        if let Some(before) = self.pages.unzoom() {
            self.table.filter = before;
        }
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

    /// Shows the processes of the control group under the cursor.
    fn zoom(&mut self) {
        let Some(now) = self.now.clone() else { return };
        if self.pages.group_at(&now, self.pages.cursor).is_some() {
            self.table.filter = self.pages.zoom(&now, self.table.filter.take());
            (self.table.cursor, self.table.top) = (0, 0);
            self.say("the processes of one group; Esc leads back".to_owned());
        }
    }

    fn tag(&mut self) {
        let Some(now) = self.now.clone() else { return };
        let members: Vec<Key> = self.table.group_members(&now).collect();
        let keys: Vec<Key> = self.table.selected().into_iter().chain(members).collect();
        self.table.tag(&keys);
        self.travel(Action::Down);
    }

    /// Closes what lies on top without a choice.
    fn shut(&mut self) {
        if let Overlay::Columns(chooser) = std::mem::take(&mut self.overlay) {
            self.put_set(chooser.before);
        }
        self.sort();
    }

    /// Takes another set of columns in place of the one on the screen.
    pub(super) fn put_set(&mut self, set: Set) {
        if let Some(shown) = self.table.sets.get_mut(self.table.set) {
            *shown = set;
        }
    }

    /// Changes the columns of the set on the screen.
    fn choose(&mut self, action: Action) {
        let Overlay::Columns(chooser) = &mut self.overlay else { return };
        match action {
            Action::ColumnShow => chooser.toggle(),
            Action::ColumnLeft | Action::ColumnRight => {
                chooser.carry(action == Action::ColumnRight);
            }
            _ => {
                let set = chooser.set();
                self.overlay = Overlay::None;
                return self.save_set(&set);
            }
        }
        let set = chooser.set();
        self.put_set(set);
    }

    fn save_set(&mut self, set: &Set) {
        let kept = match &self.config_file {
            Some(path) => columns::save(path, set).map(|()| path.display().to_string()),
            None => Err("there is no folder for a config.toml: set XDG_CONFIG_HOME".to_owned()),
        };
        self.message = Some(match kept {
            Ok(path) => {
                Message { text: format!("columns of {} kept in {path}", set.name), wrong: false }
            }
            Err(text) => Message { text, wrong: true },
        });
    }

    pub(super) fn sort_by(&mut self, col: Col) {
        self.table.sort_by(col);
        self.table.hold = false;
        self.sort();
    }

    fn sort_beside(&mut self, by: isize) {
        let set = self.table.shown_set();
        let at = set.position(self.table.sort);
        let last = set.seats.len().saturating_sub(1);
        let next = at.map_or(0, |at| at.saturating_add_signed(by).min(last));
        let next = set.seats.get(next).map(|seat| seat.col);
        if let Some(next) = next.filter(|&next| next != self.table.sort) {
            self.sort_by(next);
        }
    }

    fn travel(&mut self, action: Action) {
        let Some(now) = self.now.clone() else { return };
        if self.pages.page.is_sheet() {
            self.pages.travel(&now, action);
            return self.choose_event();
        }
        if self.details.is_some() && self.areas.table.height == 0 {
            // Nobody sees the table: the pane has the screen.
            match action {
                Action::Up => return self.turn_pane(Action::DetailsUp),
                Action::Down => return self.turn_pane(Action::DetailsDown),
                _ => {}
            }
        }
        let page = isize::try_from(self.table.page).unwrap_or(1);
        let table = &mut self.table;
        match action {
            Action::Up => table.step(&now, -1),
            Action::Down => table.step(&now, 1),
            Action::PageUp => table.step(&now, -page),
            Action::PageDown => table.step(&now, page),
            Action::Home => table.step(&now, isize::MIN / 2),
            Action::End => table.step(&now, isize::MAX / 2),
            Action::ScrollUp => table.scroll(&now, -1),
            Action::ScrollDown => table.scroll(&now, 1),
            Action::Left => table.shift = table.shift.saturating_sub(8),
            _ => table.shift = (table.shift + 8).min(4096),
        }
        if self.details.is_some() && action != Action::Left && action != Action::Right {
            self.details = self.table.selected();
        }
    }

    fn fold(&mut self, action: Action) {
        let Some(now) = self.now.clone() else { return };
        match action {
            Action::FoldAll => self.table.fold_all(&now),
            // Enter opens a group and closes it.
            Action::Details => {
                let open = !self.table.is_folded_here();
                self.table.fold(open);
            }
            action => self.table.fold(action == Action::Less),
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

    /// The past as the screen shows it: it stands still with the rest.
    #[must_use]
    pub fn past(&self) -> &History {
        self.rewind.as_ref().and_then(|rewind| rewind.far()).unwrap_or(&self.history)
    }

    /// Bytes per second, without the unit.
    #[must_use]
    pub fn rate(&self, rate: Option<f64>) -> super::units::Text {
        match rate {
            Some(rate) => short!("{}", Size(rate)),
            None => short!("{}", self.missing()),
        }
    }

    /// The newest value of a chart that is on the screen.
    #[must_use]
    pub fn newest_of(&self, ring: &super::history::Ring) -> Option<f64> {
        ring.mean(self.subsamples as usize)
    }

    /// What stands where a rate is missing.
    #[must_use]
    pub fn missing(&self) -> &'static str {
        super::units::missing(self.now.as_deref().is_some_and(|now| !now.has_rates()))
    }

    /// True if a rate of that row has its first sample and waits for the second: the row is new,
    /// or was not read so closely before.
    #[must_use]
    pub fn is_pending(&self, row: Row<'_>, form: Form) -> bool {
        let (Form::Percent(field) | Form::Size(field) | Form::Count(field)) = form else {
            return false;
        };
        if !matches!(field.slot, Slot::Derived(_)) || field == process::memory_ratio {
            return false;
        }
        let of_counter = |rate: Field, counter: Field| field == rate && row.raw(counter).is_some();
        row.is_new()
            || self.now.as_deref().is_some_and(|now| !now.has_rates())
            || of_counter(process::read_bytes_per_second, process::read_bytes)
            || of_counter(process::written_bytes_per_second, process::written_bytes)
            || of_counter(process::io_bytes_per_second, process::read_bytes)
            || of_counter(process::switches_per_second, process::voluntary_switches)
            || of_counter(process::calls_per_second, process::read_calls)
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
