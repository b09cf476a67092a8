//! Rewind: the whole screen as it was at a moment of the past.
//!
//! [`App::now`] is the moment that is looked at, whichever that is, so that no panel knows of the
//! past. What is here moves that moment, and measures the scrubber below the screen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retop_engine::history::{
    Blame, Buckets, Channel, Cursor, History as Record, Spike, View, blame,
};
use retop_model::family::{cpu, process};
use retop_model::human::Size;
use retop_model::{FamilyId, Key, Stamp};

use super::app::App;
use super::events::{Event, Mark};
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
    bands: Buckets,
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
    events: u64,
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
            bands: Buckets::default(),
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
    fn fill(&mut self, record: &Record, width: u16, glyphs: Glyphs, events: &[Event]) {
        let Window { from_ms, to_ms, .. } = self.window;
        let parts = if glyphs == Glyphs::Braille { 2 } else { 1 };
        let buckets = usize::from(width) * parts;
        let field = cpu::utilization_ratio;
        record.series().fill(field, Key::ONE, (from_ms, to_ms), buckets, &mut self.bands);
        let bands = &self.bands;
        self.cpu.clear();
        for (place, band) in bands.iter().enumerate() {
            // A sample that came a little late left its place empty; two empty ones are a gap.
            let around = |step: isize| bands.get(place.checked_add_signed(step)?);
            let band = band.or_else(|| around(1).and(around(-1)));
            self.cpu.push(band.map(|band| f64::from(band.max)));
        }
        self.marks.clear();
        let window = self.window;
        let cells = events.iter().filter(|event| event.mark() != Mark::Ended);
        let cells = cells.map(|event| (window.cell(event.stamp().wall_ms), event.mark()));
        self.marks.extend(cells.filter_map(|(cell, mark)| Some((cell?, mark))));
        self.marks.sort_unstable();
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
        self.gather();
        let (Some(rewind), Some(record)) = (&self.rewind, &self.record) else { return };
        let shown = rewind.cursor.number();
        let at = rewind.landed.filter(|landed| landed.0 == shown).map_or(shown, |landed| landed.1);
        let view = locked(record).view();
        let number = |event: &Event| {
            let at_its_time = || view.number_at_monotonic(event.stamp().monotonic_ns);
            event.number().or_else(at_its_time)
        };
        let away = |number: u64| match back {
            true => at.checked_sub(number).filter(|&away| away > 0),
            false => number.checked_sub(at).filter(|&away| away > 0),
        };
        // Of several in one sample the most important comes first; of spikes the channel that
        // explains most.
        let rank = |event: &Event| match event {
            Event::Spike(spike) => Channel::ALL.iter().position(|&c| c == spike.channel),
            _ => None,
        };
        let wanted = self.events.list().iter().filter(|event| any || event.mark() == Mark::Spike);
        let nearest = wanted
            .filter_map(|event| Some((away(number(event)?)?, event)))
            .min_by_key(|(away, event)| (*away, std::cmp::Reverse(event.mark()), rank(event)))
            .map(|(_, event)| event.clone());
        match nearest {
            Some(event) => _ = self.visit(&event),
            None => {
                let what = if any { "event" } else { "spike" };
                self.say(format!("no {} {what}", if back { "earlier" } else { "later" }));
            }
        }
    }

    /// Goes to the moment of an event and says what it was; false if that is not to be had.
    pub(super) fn visit(&mut self, event: &Event) -> bool {
        if self.rewind.is_none() {
            self.enter();
        }
        let (Some(rewind), Some(record)) = (&mut self.rewind, &self.record) else { return false };
        let view = locked(record).view();
        let at_its_time = || view.number_at_monotonic(event.stamp().monotonic_ns);
        let Some(number) = event.number().or_else(at_its_time) else {
            self.say("its samples are gone".to_owned());
            return false;
        };
        if let Event::Spike(spike) = event {
            // By the same cursor: these samples lie where it has inflated them once.
            rewind.cursor.refresh(view);
            let behind = blame(&mut rewind.cursor, spike);
            let best = behind.map_or(number, |behind| behind.number);
            rewind.landed = Some((best, number));
            self.go(best);
            self.tell(spike, behind);
            return true;
        }
        self.go(number);
        let time = self.time(event.stamp());
        self.say(match event {
            Event::Bookmark(mark) if mark.text.is_empty() => format!("bookmark {}", &*time),
            Event::Bookmark(mark) => format!("bookmark {}: {}", &*time, mark.text),
            event => format!("{}: {event}", event.name()),
        });
        if let Some(pid) = event.culprit_pid() {
            self.select_pid(pid);
        }
        true
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
        let what = if self.bookmarks.drop_at(stamp) {
            "bookmark dropped at"
        } else {
            self.bookmarks.set(stamp, "");
            "bookmark set at"
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
            events: self.events.version(),
        };
        if rewind.measured == Some(measure) {
            return;
        }
        rewind.measured = Some(measure);
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(1000);
        let (shown_ms, newest_ms) = (measure.shown.wall_ms, measure.newest.wall_ms);
        rewind.place_window(measure.width, shown_ms, newest_ms, interval_ms);
        rewind.fill(&locked(record), measure.width, measure.glyphs, self.events.list());
    }
}

fn oldest(view: &View) -> Option<u64> {
    (!view.is_empty()).then(|| view.numbers().start)
}

/// A reader that failed left nothing half done, for readers change nothing.
pub(super) fn locked(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
