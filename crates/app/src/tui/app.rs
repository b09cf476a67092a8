//! What the screen shows and what keys change. Knows no terminal: events go in, effects come out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use retop_model::alert::Rule;
use retop_model::filter::FilterError;
use retop_model::{FamilyId, Key, Snapshot};

use super::core_view::CoreView;
use super::dialog::Overlay;
use super::events::{Bookmarks, Events};
use super::filter::Filter;
use super::history::{History, Ring, limit_watts};
use super::input::{Code, Event, Key as Press};
use super::keymap::Keymap;
use super::keys::{Action, Mode};
use super::layout::{self, Areas, Choice, Shape};
use super::page::{Page, Pages};
use super::pane::Pane;
use super::panel;
use super::people::Chosen;
use super::render::colour::contrast;
use super::render::{Depth, Glyphs, Rect};
use super::rewind::Rewind;
use super::setup::Given;
use super::steady::Steady;
use super::table::Table;
use super::table::set;
use super::theme::{Catalogue, LIGHT, ON_LIGHT, Theme};
use super::typing::Typing;
use super::widget::chart::scale;
use super::{Control, Options, RecordTo, Replayed};

/// The smallest full height of a chart of power.
const LEAST_WATTS: f64 = 10.0;

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
    /// Write the screen and its moment to files.
    Still,
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
    /// The theme follows the colour of the terminal.
    asks_background: bool,
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
    /// Shares of CPU time as they are shown.
    pub(super) steady: Steady,
    /// The samples of the past, whole, if any are kept.
    pub record: Option<Arc<Mutex<dyn retop_engine::history::Past>>>,
    /// How it stands with the recording that is being written.
    pub recording: Option<retop_engine::recording::State>,
    /// All of it is a recording: there is no now to go back to.
    pub replay: Option<Replayed>,
    /// Seconds since the retop that is replayed last answered, if it does not any more.
    pub silent_seconds: Option<u64>,
    /// The recording that is shown has been removed from the disk.
    pub removed: bool,
    /// The terminal has the focus; one that does not say so always has it.
    pub focused: bool,
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
    /// How long clocks were held is shown.
    pub residency: bool,
    /// The overview has no table.
    pub hidden: bool,
    /// What is watched for.
    pub rules: Vec<Rule>,
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
            asks_background: options.asks_background,
            low_bandwidth: false,
            glyphs: options.glyphs,
            offset_seconds: options.offset_seconds,
            interval: options.interval,
            now: None,
            newest: None,
            paused: false,
            history: History::default(),
            steady: Steady::default(),
            record: None,
            replay: options.replay.clone(),
            silent_seconds: None,
            removed: false,
            focused: true,
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
            residency: options.residency,
            hidden: !options.processes,
            rules: options.rules.clone(),
            header: true,
            keys: options.keys.clone(),
            prefix: None,
            dragged: None,
            given: options.given.clone(),
            spoken: Vec::new(),
            message: options.notice.clone().map(|text| Message { text, wrong: true }),
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

    /// Takes the colour that the terminal has behind everything. Where nobody chose a theme, that for
    /// light terminals is taken on one that black reads better on than white.
    fn stand_on(&mut self, background: [u8; 3]) -> Option<Effect> {
        let [black, white] = [[0; 3], [255; 3]].map(|text| contrast(text, background));
        if !self.asks_background || black < white {
            return None;
        }
        if let Some(given) = &mut self.given {
            LIGHT.clone_into(&mut given.environment.terminal.colors);
        }
        self.set_theme(ON_LIGHT).ok()?;
        Some(Effect::Draw)
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
    pub fn power_scale(&self, now: &Snapshot, cells: u16) -> (f64, bool) {
        let peak = self.past().watts.highest(cells);
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
        self.steady.push(snapshot);
        if self.table.sets.len() > 1 && panel::gpu::is_there(snapshot) {
            self.table.offer_gpu(snapshot.rows(FamilyId::Chip).len() > 0);
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
        self.table.untag_ended(snapshot);
        if self.record.is_none() {
            self.events.note(snapshot);
        }
        if self.rewind.is_some() {
            self.pass();
        } else if !self.paused {
            if let Some(before) = &self.now {
                self.table.part(before, snapshot);
            }
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

    /// True while the folder of a recording is being opened.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.recording.as_ref().is_some_and(|state| !state.begun && state.failed.is_none())
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
        if self.rewind.is_some() || self.paused {
            self.table.order.forget_gone();
        }
        if let Some(now) = &self.now {
            // The pane and the cursor are of one process.
            let follow = self.table.follow;
            self.table.follow |= self.details.is_some();
            self.table.update(now, self.overlay.holds_rows());
            self.table.follow = follow;
        }
        self.find_others();
    }

    /// True if the overview is shown without the table. Looking back is looking at it.
    #[must_use]
    pub(super) fn hides_table(&self) -> bool {
        let whole = self.rewind.is_none() && self.details.is_none();
        self.hidden && whole && self.pages.page == Page::Overview
    }

    /// True if nothing but the overview of now is on the screen.
    #[must_use]
    pub(super) fn is_home(&self) -> bool {
        self.pages.page == Page::Overview && self.rewind.is_none() && self.details.is_none()
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
            hidden: self.hides_table(),
            page: page.is_sheet(),
            details: self.details.is_some(),
            // Without its header the past could be taken for now.
            header: self.header || self.paused,
            rewind: self.rewind.is_some(),
        });
        self.areas = layout::arrange(width, height, &shape);
        if self.rewind.is_some() {
            self.scrub();
        }
        if let Some(area) = self.areas.page {
            let Some(now) = &self.now else { return };
            if page == Page::Groups {
                self.pages.sort_groups(now);
            }
            self.pages.spare = 0;
            let (lines, room) = panel::page::measure(self, now, area);
            self.pages.spare = panel::page::spare(self, now, area, (lines, room));
            self.pages.fit(lines, room - usize::from(self.pages.spare));
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
        if self.rewind.is_none() {
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
            Overlay::Help(help) if help.typing.is_some() => Mode::Line,
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
            Event::Background(colour) => return self.stand_on(colour),
            // What is read follows with the next frame.
            Event::Focus(focused) => {
                self.focused = focused;
                return None;
            }
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
                // Fingers of another program, on the table: told, instead of nothing at all.
                Press { code: Code::Char(_) | Code::F(_), .. }
                    if matches!(self.overlay, Overlay::None) && action.is_none() =>
                {
                    self.say(self.way_out(&format!("{press} does nothing here")));
                    Some(Effect::Draw)
                }
                _ => None,
            },
        }
    }

    /// What is so, and how to leave and to learn more.
    pub(super) fn way_out(&self, what: &str) -> String {
        let key = |action| self.keys.letter(action).map_or(String::new(), |key| key.to_string());
        format!("{what}; {} quits, {} shows every key", key(Action::Quit), key(Action::Help))
    }

    pub(super) fn say(&mut self, text: String) {
        self.message = Some(Message { text, wrong: false });
    }

    /// The past as the screen shows it: it stands still with the rest.
    #[must_use]
    pub fn past(&self) -> &History {
        self.rewind.as_ref().and_then(|rewind| rewind.far()).unwrap_or(&self.history)
    }
}
