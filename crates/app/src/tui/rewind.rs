//! Rewind: the whole screen as it was at a moment of the past.
//!
//! [`App::now`] is the moment that is looked at, whichever that is, so that no panel knows of the
//! past. What is here moves that moment, and measures the scrubber below the screen.

mod scrubber;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retop_engine::history::{Blame, Buckets, Channel, Cursor, Past, Spike, View, blame};
use retop_model::family::process;
use retop_model::human::{Size, Value};
use retop_model::{FamilyId, Snapshot, Unit};

use self::scrubber::Measure;
pub use self::scrubber::Window;
use super::app::{App, Message};
use super::dialog::{Overlay, Question};
use super::diff::Diff;
use super::edit::Editor;
use super::events::{Event, Mark};
use super::history::{History, Ring};
use super::keys::Action;
use super::units::{time_of_day, whole_percent};
use crate::{short, when};

/// Samples per cell of the scrubber, from the closest look to the widest.
const ZOOMS: [i64; 8] = [2, 4, 10, 20, 60, 120, 600, 3600];
/// Samples before the moment shown that are decoded for charts where the screen's own rings do not
/// reach: the engine keeps a decoded state per 20, so that these cost no more than a step back.
const FAR: u64 = 20;
/// The same for a recording, of which the screen kept nothing: once, while somebody steps through.
const FARTHER: u64 = 240;
/// Doublings of the pace of playing, at least and at most.
const SLOWEST: i32 = -2;
/// See [`SLOWEST`].
const FASTEST: i32 = 6;
/// A sample in quarters, as a power of two.
const QUARTER: i32 = 2;
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
    /// By so many doublings faster, or halvings if below 0.
    speed: i32,
    /// Part of a sample that a slow pace has left over, in quarters.
    owed: u64,
    /// A comparison with another moment.
    pub diff: Option<Box<Diff>>,
    zoom: usize,
    /// The sample shown for a spike, and the spike's own, which may be a later one.
    landed: Option<(u64, u64)>,
    far: Option<Box<History>>,
    /// The samples that are in `far`.
    fed: std::ops::Range<u64>,
    /// CPU time over the scrubber's window, a value per half cell in braille, else per cell.
    pub cpu: Ring,
    /// What happened in it, by cell.
    pub marks: Vec<(u16, Mark)>,
    /// Cells of which no sample is kept.
    pub unseen: Vec<bool>,
    /// What the scrubber shows.
    pub window: Window,
    /// The window's end stays there while the moment shown lies far back.
    pinned_ms: Option<i64>,
    bands: Buckets,
    measured: Option<Measure>,
}

impl Rewind {
    fn new(cursor: Cursor) -> Rewind {
        Rewind {
            cursor,
            behind: 0,
            playing: false,
            speed: 0,
            owed: 0,
            diff: None,
            zoom: 1,
            landed: None,
            far: None,
            fed: 0..0,
            cpu: Ring::new(usize::from(WIDEST) * 2),
            marks: Vec::with_capacity(64),
            unseen: Vec::with_capacity(usize::from(WIDEST)),
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

    /// The same, to be changed.
    pub(super) fn far_mut(&mut self) -> Option<&mut History> {
        self.far.as_deref_mut()
    }

    /// Samples for each that is taken, while playing: `1/4` to `64`.
    #[must_use]
    pub fn pace(&self) -> f64 {
        f64::from(self.speed).exp2()
    }

    /// Whole samples to go on by for one that was taken.
    fn due(&mut self) -> u64 {
        let quarters = 1_u64 << (self.speed + QUARTER).clamp(0, 62);
        self.owed += quarters;
        let whole = self.owed >> QUARTER;
        self.owed -= whole << QUARTER;
        whole
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

    /// The same for a recording. A step on adds one, a step back hides one.
    fn feed_farther(&mut self, shown_ns: u64) {
        let to = self.cursor.number();
        let oldest = self.cursor.view().numbers().start;
        let reaches = self.fed.start == oldest || to.saturating_sub(FAR) >= self.fed.start;
        let mut far = match self.far.take() {
            Some(far) if reaches && (self.fed.start..=self.fed.end).contains(&to) => far,
            _ => {
                let first = to.saturating_sub(FARTHER - 1).max(oldest);
                self.fed = first..first;
                Box::new(History::with_length(2 * FARTHER as usize))
            }
        };
        for number in self.fed.end..=to {
            if self.cursor.seek(number)
                && let Some(moment) = self.cursor.snapshot()
            {
                far.push(&moment);
            }
            self.fed.end = number + 1;
        }
        self.fed.start = self.fed.start.max(self.fed.end.saturating_sub(2 * FARTHER));
        far.end_at(Some(shown_ns));
        self.far = Some(far);
    }
}

impl App {
    /// What a key does that has to do with time.
    pub(super) fn turn(&mut self, action: Action) {
        match action {
            Action::Rewind => self.enter(),
            Action::Mark | Action::MarkHere => self.mark(),
            Action::MarkNamed => self.ask(Question::Bookmark),
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
            Action::Slower => self.change_pace(-1),
            Action::Faster => self.change_pace(1),
            Action::Diff => self.turn_diff(),
            Action::GoTo => self.ask(Question::Moment),
            Action::ZoomIn => rewind.zoom = rewind.zoom.saturating_sub(1),
            Action::ZoomOut => rewind.zoom = (rewind.zoom + 1).min(ZOOMS.len() - 1),
            _ => {}
        }
    }

    /// Begins at the moment on the screen.
    fn enter(&mut self) {
        let Some(now) = &self.now else { return };
        let shown = now.stamp();
        let Some(record) = &self.record else {
            self.say("no samples of the past are kept: --history gives them room".to_owned());
            return;
        };
        let view = locked(record).view();
        let at = view.number_of(shown).or_else(|| oldest(&view));
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

    /// A recording has another newest sample, or its first.
    pub(super) fn grow(&mut self, newest: &Arc<Snapshot>) {
        if let Some(rewind) = &mut self.rewind {
            rewind.behind += 1;
            return;
        }
        self.now = Some(Arc::clone(newest));
        self.enter();
        let at_ms = self.replay.as_ref().and_then(|replay| replay.at_ms);
        let number = match (at_ms, &self.record) {
            (Some(at_ms), Some(record)) => locked(record).view().number_at(at_ms).unwrap_or(0),
            _ => 0,
        };
        self.go(number);
    }

    /// The moment of a recording moves on by itself.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.replay.is_some() && self.rewind.as_ref().is_some_and(|rewind| rewind.playing)
    }

    /// Moves on by so many samples.
    pub fn play(&mut self, samples: u64) {
        self.step(i64::try_from(samples).unwrap_or(i64::MAX));
    }

    /// Back to what is now; in a recording, to its end.
    fn leave(&mut self) {
        if self.replay.is_some() {
            return self.go(u64::MAX);
        }
        self.rewind = None;
        self.compare();
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
            match i64::try_from(rewind.due()).unwrap_or(i64::MAX) {
                0 => {}
                samples => self.step(samples),
            }
        } else if rewind.diff.is_some() {
            // Now is another moment than before.
            self.sort();
        }
    }

    fn change_pace(&mut self, by: i32) {
        let Some(rewind) = &mut self.rewind else { return };
        rewind.speed = (rewind.speed + by).clamp(SLOWEST, FASTEST);
        rewind.owed = 0;
        let pace = rewind.pace();
        self.say(format!("{pace} samples for each that is taken"));
    }

    fn ask(&mut self, question: Question) {
        let text = match (question, self.now.as_ref()) {
            (Question::Bookmark, Some(now)) => self.bookmarks.text(now.stamp()),
            _ => "",
        };
        self.overlay = Overlay::Ask(Editor::new(text), question);
    }

    /// Takes what was typed.
    pub(super) fn answer(&mut self, question: Question, text: &str) {
        match question {
            Question::Moment => {
                if let Err(why) = self.go_to(text) {
                    self.message = Some(Message { text: why, wrong: true });
                }
            }
            Question::Bookmark => self.mark_as(text),
        }
    }

    /// Sets a bookmark with that text at the moment on the screen.
    pub fn mark_as(&mut self, text: &str) {
        let Some(stamp) = self.now.as_ref().map(|now| now.stamp()) else { return };
        self.bookmarks.set(stamp, text);
        let time = self.time(stamp.wall_ms);
        self.say(format!("bookmark set at {}", &*time));
    }

    /// Goes to a moment as people write it: `14:01`, `-5m`, `now`.
    ///
    /// # Errors
    ///
    /// What is not understood, or why there is no such moment.
    pub fn go_to(&mut self, text: &str) -> Result<(), String> {
        let (wall_ms, span) = self.resolved(text)?;
        if !(span.first_ms - 1000..=span.last_ms + 1000).contains(&wall_ms) {
            let (first, last) = (self.time(span.first_ms), self.time(span.last_ms));
            return Err(format!("samples reach from {} to {}", &*first, &*last));
        }
        self.look_at_wall(wall_ms);
        Ok(())
    }

    /// A moment as people write it, and what is kept of the past.
    pub(super) fn resolved(&self, text: &str) -> Result<(i64, when::Span), String> {
        let when = when::parse(text)?;
        let Some(record) = &self.record else {
            return Err("no samples of the past are kept: --history gives them room".to_owned());
        };
        let view = locked(record).view();
        let (Some(first), Some(last)) = (view.first(), view.last()) else {
            return Err("no sample is in the past yet".to_owned());
        };
        let span = when::Span { first_ms: first.wall_ms, last_ms: last.wall_ms };
        Ok((when.resolve(span, &self.offset_seconds), span))
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
        if self.replay.is_some() {
            rewind.feed_farther(shown_ns);
        } else if self.history.holds(shown_ns) {
            rewind.far = None;
        } else {
            rewind.feed();
        }
        if let Some(far) = &mut rewind.far {
            far.set_per(self.history.per());
        }
        self.now = Some(Arc::new(moment));
        self.sort();
    }

    /// Shows that moment of the monotonic clock, or the nearest before it that is kept.
    pub fn look_at(&mut self, moment_ns: u64) {
        self.look(|view| view.number_at_monotonic(moment_ns));
    }

    /// The same by the wall clock.
    pub fn look_at_wall(&mut self, wall_ms: i64) {
        self.look(|view| view.number_at(wall_ms));
    }

    fn look(&mut self, number: impl Fn(&View) -> Option<u64>) {
        if self.rewind.is_none() {
            self.enter();
        }
        let Some(record) = &self.record else { return };
        let view = locked(record).view();
        if let Some(number) = number(&view).or_else(|| oldest(&view)) {
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
        // Where the wall clock was set back a time stands for two samples: the way is never turned.
        let at = self.rewind.as_ref().map_or(0, |rewind| rewind.cursor.number());
        self.go(match (number, by_ms < 0) {
            (None, _) => 0,
            (Some(number), true) => number.min(at.saturating_sub(1)),
            (Some(number), false) => number.max(at.saturating_add(1)),
        });
    }

    /// To the nearest spike, or whatever else happened, before or after the moment shown.
    fn seek_event(&mut self, back: bool, any: bool) {
        self.gather();
        let (Some(rewind), Some(record)) = (&self.rewind, &self.record) else { return };
        let shown = rewind.cursor.number();
        let at = rewind.landed.filter(|landed| landed.0 == shown).map_or(shown, |landed| landed.1);
        let view = locked(record).view();
        let number = |event: &Event| {
            let at_its_time = || view.number_of(event.stamp());
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
        // Under load disks and the network spike every few seconds, and each of them has the events'
        // keys too: who asks for a spike means the processor's, which the scrubber draws. The others
        // come where it has none that way.
        let beside = |event: &Event| match event {
            Event::Spike(spike) => !any && !spike.channel.is_of_cpu(),
            _ => false,
        };
        let nearest = wanted
            .filter_map(|event| Some((away(number(event)?)?, event)))
            .min_by_key(|(away, event)| {
                (beside(event), *away, std::cmp::Reverse(event.mark()), rank(event))
            })
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
        let at_its_time = || view.number_of(event.stamp());
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
        let time = self.time(event.stamp().wall_ms);
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
        let value = match spike.channel.unit() {
            Unit::Ratio => whole_percent(value),
            unit => short!("{}", Value(unit, value)),
        };
        let mut text = match spike.channel {
            // Their sum did not rise.
            Channel::Taken => "spike: cpu full before and after, taken by".to_owned(),
            channel => format!("spike: {} {}", channel.name(), &*value),
        };
        if let Some(Blame { key, rise, .. }) = behind
            && let Some(row) = now.find(FamilyId::Process, key)
        {
            let rise = match spike.channel {
                Channel::Cpu | Channel::Taken | Channel::Pressure => {
                    short!("{:.0}", rise * 100.0)
                }
                Channel::Gpu => short!("{:.0}", rise * 100.0),
                Channel::Memory | Channel::GpuMemory => short!("{}", Size(rise)),
                Channel::Power => short!("{}", Value(Unit::Watts, rise)),
                Channel::Io | Channel::Disk | Channel::Network => short!("{}/s", Size(rise)),
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
        let time = self.time(stamp.wall_ms);
        let what = if self.bookmarks.drop_at(stamp) {
            "bookmark dropped at"
        } else {
            self.bookmarks.set(stamp, "");
            "bookmark set at"
        };
        self.say(format!("{what} {}", &*time));
    }

    pub(super) fn time(&self, wall_ms: i64) -> super::units::Text {
        time_of_day(wall_ms, (self.offset_seconds)(wall_ms.div_euclid(1000)))
    }
}

fn oldest(view: &View) -> Option<u64> {
    (!view.is_empty()).then(|| view.numbers().start)
}

/// A reader that failed left nothing half done, for readers change nothing.
pub(super) fn locked<'a>(
    record: &'a Mutex<dyn Past + 'static>,
) -> MutexGuard<'a, dyn Past + 'static> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
