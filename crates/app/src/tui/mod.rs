//! The terminal user interface.
//!
//! [`run`] is the loop: it waits for a sample, a key, another size or a signal, and draws what
//! changed. Everything it needs of the world is an argument.

pub mod app;
pub mod chooser;
pub mod complete;
mod control;
pub mod core_view;
mod demand;
pub mod dialog;
pub mod diff;
mod drain;
pub mod edit;
pub mod events;
pub mod filter;
pub mod group_tree;
pub mod help;
pub mod history;
pub mod input;
pub mod keymap;
pub mod keys;
pub mod layout;
mod missing;
pub mod mouse;
pub mod page;
pub mod palette;
pub mod pane;
pub mod panel;
pub mod people;
mod perform;
pub mod preset;
pub mod render;
pub mod rewind;
pub mod session;
pub mod setup;
pub mod steady;
mod still;
pub mod table;
pub mod terminal;
pub mod theme;
pub mod trace;
mod travel;
mod typing;
pub mod units;
pub mod widget;
mod zoom;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use retop_engine::history::Past;
use retop_engine::recording;
use retop_engine::{Demand, Monitor};
use retop_model::alert::Rule;
use retop_model::{Clock, Snapshot};

use self::app::{App, Effect};
pub use self::control::{Control, Targets};
use self::core_view::CoreView;
use self::drain::Drain;
use self::input::{Decoder, Event};
use self::keymap::Keymap;
use self::layout::Choice;
use self::render::{Depth, Glyphs, Letters, Screen};
use self::table::set::Set;
use self::terminal::Terminal;

/// Where snapshots come from: the engine, or a test.
pub trait Feed {
    /// The newest snapshot; `None` until the first one is there.
    fn latest(&self) -> Option<Arc<Snapshot>>;
    /// The samples of the past, if any are kept.
    fn history(&self) -> Option<Arc<Mutex<dyn Past>>>;
    /// How many samples a replay that plays moves on by now, where time is not that of the machine.
    fn beats(&self, _playing: bool) -> u64 {
        0
    }
    /// Begins to record, or ends it. The disk is not waited for.
    ///
    /// # Errors
    ///
    /// Why not, for people.
    fn record(&self, _to: Option<&RecordTo>) -> Result<(), String> {
        Err("there is nothing to record here".to_owned())
    }
    /// How it stands with the recording; `None` if there is none.
    fn recording(&self) -> Option<recording::State> {
        None
    }
    /// Seconds since whoever is asked over a network last answered, if they do not any more.
    fn silent_seconds(&self) -> Option<u64> {
        None
    }
    /// What is shown has been removed from the disk.
    fn is_removed(&self) -> bool {
        false
    }
    /// Changes the time between samples.
    fn set_interval(&self, interval: Duration);
    /// Changes what is read.
    fn set_demand(&self, demand: Demand);
}

impl Feed for Monitor {
    fn latest(&self) -> Option<Arc<Snapshot>> {
        Monitor::latest(self)
    }

    fn history(&self) -> Option<Arc<Mutex<dyn Past>>> {
        let kept = Arc::clone(Monitor::history(self)?);
        Some(kept)
    }

    fn record(&self, to: Option<&RecordTo>) -> Result<(), String> {
        let Some(to) = to else {
            self.end_recording();
            return Ok(());
        };
        let path = to.folder.clone();
        let open = move || -> Result<Box<dyn recording::Folder>, String> {
            let folder = recording::Directory::open(&path).map_err(|error| error.to_string())?;
            Ok(Box::new(folder))
        };
        Monitor::record(self, Box::new(open), to.settings.clone())
            .map_err(|error| format!("{}: {error}", to.folder.display()))
    }

    fn recording(&self) -> Option<recording::State> {
        Monitor::recording(self)
    }

    fn set_interval(&self, interval: Duration) {
        Monitor::set_interval(self, interval);
    }

    fn set_demand(&self, demand: Demand) {
        Monitor::set_demand(self, demand);
    }
}

/// How the screen begins.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the theme.
    pub theme: String,
    /// The themes there are.
    pub themes: theme::Catalogue,
    /// The terminal is asked what is behind everything, because the theme follows it and nothing else
    /// tells.
    pub asks_background: bool,
    /// Colours that the terminal has.
    pub depth: Depth,
    /// Drawing characters that it has.
    pub glyphs: Glyphs,
    /// Frames are bracketed as synchronised; terminals that do not know that ignore it.
    pub synchronised: bool,
    /// Time between samples, to be shown and changed.
    pub interval: Duration,
    /// A filter that is in force from the start.
    pub filter: Option<String>,
    /// Threads are shown from the start.
    pub threads: bool,
    /// A user's own sets of columns.
    pub columns: Vec<Set>,
    /// What the program was started with, if that can be changed.
    pub given: Option<Box<setup::Given>>,
    /// The mouse is asked for.
    pub mouse: bool,
    /// Where settings are kept for the next time, if anywhere.
    pub config_file: Option<PathBuf>,
    /// How cores are drawn.
    pub core_view: CoreView,
    /// The terminal's cursor stands on the selected row, for screen readers.
    pub accessible: bool,
    /// Fewer colours and frames: `None` if frames are slow to leave.
    pub low_bandwidth: Option<bool>,
    /// Letters that the terminal shows.
    pub letters: Letters,
    /// Time that averages are taken over.
    pub average: Duration,
    /// The full height of a chart of power is what the machine is held to, if it says so.
    pub power_limit: bool,
    /// Samples in an interval: charts show each of them, numbers the whole interval.
    pub subsamples: u32,
    /// The layout.
    pub layout: Choice,
    /// How long clocks were held is shown.
    pub residency: bool,
    /// The overview has a table of processes.
    pub processes: bool,
    /// What is watched for, to be explained in the help.
    pub rules: Vec<Rule>,
    /// The keys.
    pub keys: Keymap,
    /// Seconds east of Greenwich at a moment in seconds since 1970.
    pub offset_seconds: fn(i64) -> i32,
    /// Where stills are written.
    pub stills: Option<PathBuf>,
    /// A recording is shown, and no machine.
    pub replay: Option<Replayed>,
    /// Where and how the machine is recorded when somebody asks for it.
    pub record: Option<RecordTo>,
    /// What the user ought to know first.
    pub notice: Option<String>,
}

/// Where and how to record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordTo {
    /// The folder.
    pub folder: PathBuf,
    /// How.
    pub settings: recording::Settings,
}

/// A recording that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// What it is called.
    pub name: String,
    /// The moment to begin at, in milliseconds since 1970; the oldest if not said.
    pub at_ms: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            theme: theme::ON_DARK.to_owned(),
            asks_background: false,
            themes: theme::Catalogue::default(),
            depth: Depth::Indexed,
            glyphs: Glyphs::Braille,
            synchronised: true,
            interval: Duration::from_secs(1),
            filter: None,
            threads: false,
            columns: Vec::new(),
            given: None,
            mouse: true,
            config_file: None,
            core_view: CoreView::Auto,
            accessible: false,
            low_bandwidth: None,
            letters: Letters::All,
            average: Duration::from_secs(30),
            power_limit: true,
            subsamples: 1,
            layout: Choice::Auto,
            residency: true,
            processes: true,
            rules: retop_model::alert::builtin(),
            keys: Keymap::default(),
            offset_seconds: |_| 0,
            stills: None,
            replay: None,
            record: None,
            notice: None,
        }
    }
}

/// The shortest time between two frames: 30 a second are enough for the eye.
const FRAME: Duration = Duration::from_millis(33);
/// A lone escape byte is the key if nothing follows in this time.
const ESCAPE: Duration = Duration::from_millis(25);
/// How soon a terminal that takes no bytes is asked again, and a folder that is being opened.
const RETRY: Duration = Duration::from_millis(100);

/// Draws until somebody quits, the terminal goes or a signal ends the program.
///
/// # Errors
///
/// Those of the terminal, other than that it is gone.
pub fn run(
    terminal: &mut Terminal,
    feed: &impl Feed,
    options: &Options,
    control: &dyn Control,
    clock: &dyn Clock,
) -> std::io::Result<()> {
    let mut app = App::new(options);
    app.record = feed.history();
    let (width, height) = terminal.size();
    let mut screen = Screen::new(width, height, options.synchronised);
    screen.set_letters(options.letters);
    if options.asks_background {
        // Nobody waits for the answer: it comes as keys do, or never.
        terminal.ask_background()?;
    }
    let mut session = Running {
        feed,
        options,
        control,
        clock,
        app,
        screen,
        decoder: Decoder::default(),
        asked: None,
        taken: None,
        drawn_ns: None,
        leaving_ns: None,
        drain: Drain::default(),
        stuck: false,
        dirty: true,
    };
    match session.go(terminal) {
        // The terminal is gone: the end, and no failure.
        Err(error) if is_end(&error) => Ok(()),
        ended => ended,
    }
}

/// A screen that is being drawn.
struct Running<'a, F> {
    feed: &'a F,
    options: &'a Options,
    control: &'a dyn Control,
    clock: &'a dyn Clock,
    app: App,
    screen: Screen,
    decoder: Decoder,
    /// What was last asked of the engine.
    asked: Option<Demand>,
    /// The newest moment that the screen knows of.
    taken: Option<Arc<Snapshot>>,
    drawn_ns: Option<u64>,
    /// When a frame was sent that the terminal has not taken whole yet.
    leaving_ns: Option<u64>,
    drain: Drain,
    /// The terminal takes no bytes.
    stuck: bool,
    /// The screen is not what it ought to be.
    dirty: bool,
}

impl<F: Feed> Running<'_, F> {
    /// Draws, waits and takes what comes, until it is time to go.
    fn go(&mut self, terminal: &mut Terminal) -> std::io::Result<()> {
        loop {
            self.note_drained(terminal);
            let rest = self.rest();
            if self.dirty && rest.is_zero() {
                self.draw(terminal)?;
            }
            let woken = terminal.wait(self.timeout(rest))?;
            if woken.quit {
                return Ok(());
            }
            if woken.stop {
                terminal.suspend()?;
            }
            if woken.resume {
                terminal.resume()?;
            }
            if woken.resize || woken.resume || woken.stop {
                self.fit(terminal);
                self.dirty = true;
            }
            self.take_news();
            let Some(effects) = self.take_keys(terminal, woken.input) else { return Ok(()) };
            self.obey(&effects);
            if effects.quit {
                return Ok(());
            }
            effects.reach(terminal)?;
            if effects.redraw || effects.suspend {
                self.fit(terminal);
            }
        }
    }

    /// Notes how long the terminal took for a frame.
    fn note_drained(&mut self, terminal: &Terminal) {
        if let Some(sent_ns) = self.leaving_ns
            && terminal.is_clear()
        {
            self.leaving_ns = None;
            self.drain.note(self.since(sent_ns));
            let low = self.options.low_bandwidth.unwrap_or(self.drain.is_slow());
            self.app.set_low_bandwidth(low);
        }
    }

    fn since(&self, ns: u64) -> Duration {
        Duration::from_nanos(self.clock.monotonic_ns().saturating_sub(ns))
    }

    /// How long the next frame has to wait for the eye.
    fn rest(&self) -> Duration {
        self.drawn_ns.map_or(Duration::ZERO, |drawn| FRAME.saturating_sub(self.since(drawn)))
    }

    fn draw(&mut self, terminal: &mut Terminal) -> std::io::Result<()> {
        self.stuck = !terminal.is_writable();
        if self.stuck {
            return Ok(());
        }
        let app = &mut self.app;
        let (width, height) = self.screen.size();
        app.arrange(width, height);
        if self.options.accessible {
            self.screen.park(app.cursor_cell());
        }
        let sent_ns = self.clock.monotonic_ns();
        self.screen.draw(terminal, app.glyphs, |canvas| panel::draw(app, canvas))?;
        self.leaving_ns = Some(sent_ns);
        self.drawn_ns = Some(self.clock.monotonic_ns());
        self.dirty = false;
        // After the frame: the engine reads what this one shows for the next.
        let demand = app.demand();
        if self.asked.as_ref() != Some(&demand) {
            self.feed.set_demand(demand.clone());
            self.asked = Some(demand);
        }
        app.inquire(self.control);
        Ok(())
    }

    /// When to wake at the latest.
    fn timeout(&self, rest: Duration) -> Option<Duration> {
        match (self.decoder.is_waiting(), self.dirty) {
            (true, _) => Some(ESCAPE),
            (_, true) if self.stuck => Some(RETRY),
            (_, true) => Some(rest),
            // The thread that decodes has no way to wake anybody, and is done in no time.
            (false, false) if self.app.pane.trace.is_loading() => Some(FRAME),
            (false, false) => self.app.is_opening().then_some(RETRY),
        }
    }

    fn fit(&mut self, terminal: &Terminal) {
        let (width, height) = terminal.size();
        self.screen.resize(width, height);
    }

    /// Takes what other threads have for the screen.
    fn take_news(&mut self) {
        let (app, feed) = (&mut self.app, self.feed);
        let mut dirty = self.dirty;
        if let Some(snapshot) = feed.latest()
            && self.taken.as_ref().is_none_or(|taken| !Arc::ptr_eq(taken, &snapshot))
        {
            app.recording = feed.recording();
            // All of them are taken, also those that are not drawn.
            let draws = self.drain.draws(app.low_bandwidth);
            dirty |= app.update(&snapshot) && draws;
            self.taken = Some(snapshot);
        }
        if app.is_opening() {
            app.recording = feed.recording();
            dirty |= !app.is_opening();
        }
        if let Some(why) = app.recording.as_ref().and_then(|recording| recording.failed.clone()) {
            let _ = feed.record(None);
            app.recording = None;
            app.told_of_recording(None, Err(why));
            dirty = true;
        }
        let silent_seconds = feed.silent_seconds();
        dirty |= silent_seconds != std::mem::replace(&mut app.silent_seconds, silent_seconds);
        let removed = feed.is_removed();
        dirty |= removed != std::mem::replace(&mut app.removed, removed);
        let beats = feed.beats(app.is_playing());
        if beats > 0 {
            app.play(beats);
            dirty = true;
        }
        dirty |= app.pane.trace.poll();
        if let Some(answer) = self.control.answer() {
            dirty |= app.take_answer(&answer);
        }
        self.dirty = dirty;
    }

    /// Takes what was typed; `None` if nobody can type any more.
    fn take_keys(&mut self, terminal: &mut Terminal, is_there: bool) -> Option<Effects> {
        let mut effects = Effects::default();
        let (app, screen, control) = (&mut self.app, &self.screen, self.control);
        let mut take = |event: Event| {
            let effect = match event {
                Event::Mouse(mouse) => app.mouse(mouse, screen.spots(), control),
                event => app.event(event, control),
            };
            if let Some(effect) = effect {
                effects.note(effect);
            }
        };
        if is_there {
            let mut bytes = [0; 1024];
            let count = terminal.read(&mut bytes)?;
            self.decoder.feed(&bytes[..count], &mut take);
        } else if self.decoder.is_waiting() {
            self.decoder.flush(&mut take);
        }
        self.dirty |= effects.draw;
        Some(effects)
    }

    /// Does what was asked of the engine and of the disk.
    fn obey(&mut self, effects: &Effects) {
        let (app, feed) = (&mut self.app, self.feed);
        if let Some(interval) = effects.interval {
            feed.set_interval(interval / app.subsamples);
        }
        if effects.record {
            let to = self.options.record.as_ref().filter(|_| app.recording.is_none());
            let done = feed.record(to);
            app.recording = feed.recording();
            app.told_of_recording(to, done);
        }
        if effects.still {
            app.keep_still(self.screen.shown(), self.options.stills.as_deref());
        }
    }
}

/// What several keys read at once come to.
#[derive(Default)]
struct Effects {
    draw: bool,
    redraw: bool,
    suspend: bool,
    quit: bool,
    record: bool,
    still: bool,
    interval: Option<Duration>,
    drag: Option<bool>,
    mouse: Option<bool>,
}

impl Effects {
    /// Does what was asked of the terminal.
    fn reach(&self, terminal: &mut Terminal) -> std::io::Result<()> {
        if let Some(on) = self.mouse {
            terminal.set_mouse(on)?;
        }
        if let Some(on) = self.drag {
            terminal.follow_mouse(on)?;
        }
        if self.suspend {
            terminal.suspend()?;
        }
        Ok(())
    }

    fn note(&mut self, effect: Effect) {
        self.draw = true;
        match effect {
            Effect::Draw => {}
            Effect::Redraw => self.redraw = true,
            Effect::Suspend => self.suspend = true,
            Effect::Record => self.record = true,
            Effect::Still => self.still = true,
            Effect::Quit => self.quit = true,
            Effect::Drag(on) => self.drag = Some(on),
            Effect::Adopt { interval, mouse } => {
                (self.interval, self.mouse) = (Some(interval), Some(mouse));
            }
            Effect::Interval(interval) => self.interval = Some(interval),
        }
    }
}

/// True if the terminal is gone.
fn is_end(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, NotConnected};
    const EIO: i32 = 5;
    matches!(error.kind(), BrokenPipe | NotConnected) || error.raw_os_error() == Some(EIO)
}
