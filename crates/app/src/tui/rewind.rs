//! Rewind: the whole screen as it was at a moment of the past.
//!
//! [`App::now`] is the moment that is looked at, whichever that is, so that no panel knows of the
//! past. What is here moves that moment, and measures the scrubber below the screen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retop_engine::history::{Blame, Channel, Cursor, History as Record, Spike, View, blame};
use retop_model::family::{cpu, process};
use retop_model::human::Size;
use retop_model::{FamilyId, Key, Stamp};

use super::app::App;
use super::history::{History, Ring};
use super::keys::Action;
use super::render::Glyphs;
use super::units::{time_of_day, whole_percent};
use crate::short;

/// Samples per cell of the scrubber, from the closest look to the widest.
const ZOOMS: [i64; 8] = [2, 4, 10, 20, 60, 120, 600, 3600];
/// Samples before the moment shown that are decoded for charts where the screen's own rings do not
/// reach: the engine keeps a decoded state per 20, so that these cost no more than a step back.
const FAR: u64 = 20;
/// Cells that the scrubber has at most.
const WIDEST: u16 = 400;
/// Cells beside the scrubber for what its lines are, and for what they come to.
pub const LEFT: u16 = 6;
/// See [`LEFT`].
pub const RIGHT: u16 = 15;

/// Something that happened, on the event line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Something went up.
    Spike,
    /// Somebody marked the moment.
    Bookmark,
}

/// The moment that is looked at, and what the scrubber shows.
pub struct Rewind {
    cursor: Cursor,
    /// Samples from the moment shown to the newest.
    pub behind: u64,
    /// The moment moves on with each new sample.
    pub playing: bool,
    zoom: usize,
    /// The sample shown for a spike, and the spike's own, which may be a later one.
    landed: Option<(u64, u64)>,
    far: Option<Box<History>>,
    /// CPU time over the scrubber's window, a value per half cell in braille, else per cell.
    pub cpu: Ring,
    /// What happened in it, by cell.
    pub marks: Vec<(u16, Mark)>,
    /// What the scrubber shows.
    pub window: Window,
    /// The window's end stays there while the moment shown lies far back.
    pinned_ms: Option<i64>,
    measured: Option<Measure>,
}

/// A stretch of time on the scrubber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Wall clock of its left edge.
    pub from_ms: i64,
    /// Wall clock of its right edge.
    pub to_ms: i64,
    /// Time in a cell.
    pub cell_ms: i64,
    /// The right edge is the newest sample's.
    pub is_newest: bool,
}

impl Window {
    /// A moment in the middle of that cell.
    #[must_use]
    pub fn moment(&self, cell: u16) -> i64 {
        self.from_ms.saturating_add(self.cell_ms.saturating_mul(i64::from(cell)) + self.cell_ms / 2)
    }

    /// The cell of that moment, if it is on the scrubber.
    #[must_use]
    pub fn cell(&self, wall_ms: i64) -> Option<u16> {
        let inside = (self.from_ms..self.to_ms).contains(&wall_ms);
        let cell = (wall_ms - self.from_ms).checked_div(self.cell_ms).filter(|_| inside)?;
        u16::try_from(cell).ok()
    }
}

/// What the scrubber was measured for: while it is the same, nothing is done again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Measure {
    width: u16,
    glyphs: Glyphs,
    shown: Stamp,
    newest: Stamp,
    zoom: usize,
    bookmarks: usize,
}

impl Rewind {
    fn new(cursor: Cursor) -> Rewind {
        Rewind {
            cursor,
            behind: 0,
            playing: false,
            zoom: 1,
            landed: None,
            far: None,
            cpu: Ring::new(usize::from(WIDEST) * 2),
            marks: Vec::with_capacity(64),
            window: Window::default(),
            pinned_ms: None,
            measured: None,
        }
    }

    /// The past of the numbers, where the screen's own rings do not reach.
    #[must_use]
    pub fn far(&self) -> Option<&History> {
        self.far.as_deref()
    }

    /// The samples before the one shown, decoded: what the screen itself kept reaches less far.
    fn feed(&mut self) {
        let to = self.cursor.number();
        let first = to.saturating_sub(FAR - 1).max(self.cursor.view().numbers().start);
        let mut far = History::with_length(FAR as usize);
        for number in first..=to {
            if self.cursor.seek(number)
                && let Some(moment) = self.cursor.snapshot()
            {
                far.push(&moment);
            }
        }
        self.far = Some(Box::new(far));
    }

    /// The samples that the scrubber's window spans.
    fn screen(&self) -> i64 {
        (self.window.to_ms - self.window.from_ms).max(1)
    }

    fn place_window(&mut self, width: u16, shown_ms: i64, newest_ms: i64, interval_ms: i64) {
        let cell_ms = ZOOMS[self.zoom].saturating_mul(interval_ms.max(1));
        // Edges stand on whole cells, so that what is drawn does not shimmer from sample to sample.
        let up = |time_ms: i64| (time_ms.div_euclid(cell_ms) + 1).saturating_mul(cell_ms);
        let span_ms = cell_ms.saturating_mul(i64::from(width));
        let newest_ms = up(newest_ms.max(shown_ms));
        let mut to_ms = self.pinned_ms.map_or(newest_ms, |to_ms| up(to_ms - 1).min(newest_ms));
        if !(to_ms.saturating_sub(span_ms)..to_ms).contains(&shown_ms) {
            to_ms = up(shown_ms.saturating_add(span_ms / 2)).min(newest_ms);
        }
        let is_newest = to_ms == newest_ms;
        self.pinned_ms = (!is_newest).then_some(to_ms);
        let from_ms = to_ms.saturating_sub(span_ms);
        self.window = Window { from_ms, to_ms, cell_ms, is_newest };
    }

    /// Fills the scrubber from what the engine keeps.
    fn fill(&mut self, record: &Record, width: u16, glyphs: Glyphs, bookmarks: &[Stamp]) {
        let Window { from_ms, to_ms, .. } = self.window;
        let parts = if glyphs == Glyphs::Braille { 2 } else { 1 };
        let buckets = usize::from(width) * parts;
        let field = cpu::utilization_ratio;
        let bands = record.series().range(field, Key::ONE, from_ms, to_ms, buckets);
        self.cpu.clear();
        for (place, band) in bands.iter().enumerate() {
            // A sample that came a little late left its place empty; two empty ones are a gap.
            let around = |step: isize| bands.get(place.checked_add_signed(step)?).copied()?;
            let band = band.or_else(|| around(1).and(around(-1)));
            self.cpu.push(band.map(|band| f64::from(band.max)));
        }
        self.marks.clear();
        let spikes = record.spikes().iter().map(|spike| (spike.stamp, Mark::Spike));
        let bookmarks = bookmarks.iter().map(|&stamp| (stamp, Mark::Bookmark));
        let window = self.window;
        let cells = spikes.chain(bookmarks);
        self.marks.extend(cells.filter_map(|(at, mark)| Some((window.cell(at.wall_ms)?, mark))));
    }
}

impl App {
    /// What a key does that has to do with time.
    pub(super) fn turn(&mut self, action: Action) {
        match action {
            Action::Rewind => self.enter(),
            Action::Mark | Action::MarkHere => self.mark(),
            Action::Leave => self.leave(),
            _ => {}
        }
        let Some(rewind) = &mut self.rewind else { return };
        let screen = rewind.screen();
        match action {
            Action::Back => self.step(-1),
            Action::Forward => self.step(1),
            Action::BackTen => self.step(-10),
            Action::ForwardTen => self.step(10),
            Action::BackScreen => self.step_ms(-screen),
            Action::ForwardScreen => self.step_ms(screen),
            Action::Oldest => self.go(0),
            Action::SpikeBack => self.seek_event(true, false),
            Action::SpikeNext => self.seek_event(false, false),
            Action::EventBack => self.seek_event(true, true),
            Action::EventNext => self.seek_event(false, true),
            Action::Play => rewind.playing = !rewind.playing,
            Action::ZoomIn => rewind.zoom = rewind.zoom.saturating_sub(1),
            Action::ZoomOut => rewind.zoom = (rewind.zoom + 1).min(ZOOMS.len() - 1),
            _ => {}
        }
    }

    /// Begins at the moment on the screen.
    fn enter(&mut self) {
        let Some(now) = &self.now else { return };
        let shown_ns = now.stamp().monotonic_ns;
        let Some(record) = &self.record else {
            self.say("no samples of the past are kept: --history gives them room".to_owned());
            return;
        };
        let view = locked(record).view();
        let at = view.number_at_monotonic(shown_ns).or_else(|| oldest(&view));
        let Some(cursor) = at.and_then(|number| view.cursor(number)) else {
            self.say("no sample is in the past yet".to_owned());
            return;
        };
        let number = cursor.number();
        self.rewind = Some(Box::new(Rewind::new(cursor)));
        self.paused = false;
        self.theme.rewound = true;
        self.go(number);
    }

    /// Back to what is now.
    fn leave(&mut self) {
        self.rewind = None;
        self.theme.rewound = false;
        self.history.end_at(None);
        self.now.clone_from(&self.newest);
        self.sort();
    }

    /// A sample was taken while the past is shown.
    pub(super) fn pass(&mut self) {
        let Some(rewind) = &mut self.rewind else { return };
        rewind.behind += 1;
        if rewind.playing {
            self.step(1);
        }
    }

    /// Goes to that sample, or the nearest that is kept.
    fn go(&mut self, number: u64) {
        let (Some(rewind), Some(record)) = (&mut self.rewind, &self.record) else { return };
        let view = locked(record).view();
        let numbers = view.numbers();
        let Some(last) = numbers.end.checked_sub(1) else { return };
        let number = number.clamp(numbers.start, last);
        rewind.cursor.refresh(view);
        let found = rewind.cursor.seek(number).then(|| rewind.cursor.snapshot()).flatten();
        let Some(moment) = found else {
            self.say("that sample cannot be read".to_owned());
            return;
        };
        rewind.behind = last - number;
        let shown_ns = moment.stamp().monotonic_ns;
        self.history.end_at(Some(shown_ns));
        if self.history.holds(shown_ns) {
            rewind.far = None;
        } else {
            rewind.feed();
        }
        self.now = Some(Arc::new(moment));
        self.sort();
    }

    /// Shows that moment of the monotonic clock, or the nearest before it that is kept.
    pub fn look_at(&mut self, moment_ns: u64) {
        if self.rewind.is_none() {
            self.enter();
        }
        let Some(record) = &self.record else { return };
        let view = locked(record).view();
        if let Some(number) = view.number_at_monotonic(moment_ns).or_else(|| oldest(&view)) {
            self.go(number);
        }
    }

    /// The same by the wall clock.
    pub fn look_at_wall(&mut self, wall_ms: i64) {
        if self.rewind.is_none() {
            self.enter();
        }
        let Some(record) = &self.record else { return };
        let view = locked(record).view();
        if let Some(number) = view.number_at(wall_ms).or_else(|| oldest(&view)) {
            self.go(number);
        }
    }

    fn step(&mut self, samples: i64) {
        let Some(rewind) = &self.rewind else { return };
        let at = rewind.cursor.number();
        self.go(at.saturating_add_signed(samples));
        let Some(rewind) = &self.rewind else { return };
        if rewind.cursor.number() == at && !rewind.playing {
            let end = if samples < 0 { "the oldest sample" } else { "the newest sample" };
            self.say(format!("this is {end}"));
        }
    }

    fn step_ms(&mut self, by_ms: i64) {
        let (Some(record), Some(now)) = (&self.record, &self.now) else { return };
        let number = locked(record).view().number_at(now.stamp().wall_ms.saturating_add(by_ms));
        self.go(number.unwrap_or(0));
    }

    /// To the nearest spike, or whatever else happened, before or after the moment shown.
    fn seek_event(&mut self, back: bool, any: bool) {
        let (Some(rewind), Some(record)) = (&mut self.rewind, &self.record) else { return };
        let shown = rewind.cursor.number();
        let at = rewind.landed.filter(|landed| landed.0 == shown).map_or(shown, |landed| landed.1);
        let history = locked(record);
        let view = history.view();
        let spikes = history.spikes().iter().map(|&spike| (spike.number, Some(spike)));
        let marked = |stamp: &Stamp| Some((view.number_at_monotonic(stamp.monotonic_ns)?, None));
        let bookmarks = self.bookmarks.iter().filter(|_| any).filter_map(marked);
        let away = |&(number, _): &(u64, Option<Spike>)| match back {
            true => at.checked_sub(number).filter(|&away| away > 0),
            false => number.checked_sub(at).filter(|&away| away > 0),
        };
        // Of several in one sample the first channel explains most.
        let rank = |spike: &Option<Spike>| {
            let place = |spike: &Spike| Channel::ALL.iter().position(|&c| c == spike.channel);
            spike.as_ref().and_then(place)
        };
        let events = spikes.chain(bookmarks).filter_map(|event| Some((away(&event)?, event)));
        let nearest = events.min_by_key(|(away, (_, spike))| (*away, rank(spike)));
        drop(history);
        match nearest {
            Some((_, (number, Some(spike)))) => {
                // By the same cursor: these samples lie where it has inflated them once.
                rewind.cursor.refresh(view);
                let behind = blame(&mut rewind.cursor, &spike);
                let best = behind.map_or(number, |behind| behind.number);
                rewind.landed = Some((best, number));
                self.go(best);
                self.tell(&spike, behind);
            }
            Some((_, (number, None))) => {
                self.go(number);
                let time = self.now.as_ref().map(|now| self.time(now.stamp()));
                self.say(format!("bookmark {}", time.as_deref().unwrap_or("")));
            }
            None => {
                let what = if any { "spike or bookmark" } else { "spike" };
                self.say(format!("no {} {what}", if back { "earlier" } else { "later" }));
            }
        }
    }

    /// Says what went up and who rose most, and puts the cursor there.
    fn tell(&mut self, spike: &Spike, behind: Option<Blame>) {
        let Some(now) = self.now.clone() else { return };
        let value = f64::from(spike.value);
        let value = match spike.channel.is_share() {
            true => whole_percent(value),
            false => short!("{}/s", Size(value)),
        };
        let mut text = format!("spike: {} {}", spike.channel.name(), &*value);
        if let Some(Blame { key, rise, .. }) = behind
            && let Some(row) = now.find(FamilyId::Process, key)
        {
            let rise = match spike.channel {
                Channel::Cpu => short!("{:.0}", rise * 100.0),
                Channel::Memory => short!("{}", Size(rise)),
                _ => short!("{}/s", Size(rise)),
            };
            text.push_str(&format!(" {} +{}", row.shown(process::name), &*rise));
            self.table.select(&now, key);
            if self.details.is_some() {
                self.details = Some(key);
            }
        }
        self.say(text);
    }

    /// Sets a bookmark at the moment on the screen, or drops the one that is there.
    fn mark(&mut self) {
        let Some(stamp) = self.now.as_ref().map(|now| now.stamp()) else { return };
        let time = self.time(stamp);
        let place =
            self.bookmarks.binary_search_by_key(&stamp.monotonic_ns, |mark| mark.monotonic_ns);
        let what = match place {
            Ok(place) => {
                self.bookmarks.remove(place);
                "bookmark dropped at"
            }
            Err(place) => {
                self.bookmarks.insert(place, stamp);
                "bookmark set at"
            }
        };
        self.say(format!("{what} {}", &*time));
    }

    fn time(&self, stamp: Stamp) -> super::units::Text {
        time_of_day(stamp.wall_ms, (self.offset_seconds)(stamp.wall_ms.div_euclid(1000)))
    }

    /// Measures the scrubber, if anything about it has changed.
    pub(super) fn scrub(&mut self) {
        let (Some(rewind), Some(area)) = (&mut self.rewind, self.areas.scrubber) else { return };
        let (Some(now), Some(newest), Some(record)) = (&self.now, &self.newest, &self.record)
        else {
            return;
        };
        let measure = Measure {
            width: area.width.saturating_sub(LEFT + RIGHT).min(WIDEST),
            glyphs: self.glyphs,
            shown: now.stamp(),
            newest: newest.stamp(),
            zoom: rewind.zoom,
            bookmarks: self.bookmarks.len(),
        };
        if rewind.measured == Some(measure) {
            return;
        }
        rewind.measured = Some(measure);
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(1000);
        let (shown_ms, newest_ms) = (measure.shown.wall_ms, measure.newest.wall_ms);
        rewind.place_window(measure.width, shown_ms, newest_ms, interval_ms);
        rewind.fill(&locked(record), measure.width, measure.glyphs, &self.bookmarks);
    }
}

fn oldest(view: &View) -> Option<u64> {
    (!view.is_empty()).then(|| view.numbers().start)
}

/// A reader that failed left nothing half done, for readers change nothing.
fn locked(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
