//! What happened, the newest first: what the engine logged, spikes, bookmarks. Each is a moment that
//! one can go to.

use std::fmt;
use std::sync::{Arc, Mutex};

use retop_engine::history::{Channel, Entry, Log, Past, Spike, Told, View, What};
use retop_model::alert::Severity;
use retop_model::human::{Duration, Value};
use retop_model::{Key, Snapshot, Stamp, Unit};

use super::app::App;
use super::page::Page;
use super::render::{Glyphs, Pen};
use super::rewind::locked;
use super::theme::Theme;
use super::units::whole_percent;

/// Somebody wants to find that moment again.
#[derive(Clone, Debug, PartialEq)]
pub struct Bookmark {
    /// The moment.
    pub stamp: Stamp,
    /// What somebody wrote about it; mostly nothing.
    pub text: Arc<str>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// What the engine found in the samples.
    Logged(Arc<Entry>),
    /// A number went far above what was usual.
    Spike(Spike),
    /// Somebody marked the moment.
    Bookmark(Bookmark),
}

/// What an event is at a glance: the mark on the scrubber's line and before its line on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Time that nobody saw, or a clock that was set.
    Gap,
    /// An alert or the loss of a source has ended.
    Ended,
    /// A source is lost.
    Lost,
    /// Something went up.
    Spike,
    /// An alert warns.
    Warning,
    /// An alert is critical.
    Critical,
    /// The kernel killed a process.
    Killed,
    /// Somebody marked the moment.
    Bookmark,
}

impl Mark {
    /// Of an alert.
    #[must_use]
    pub fn of(severity: Severity) -> Mark {
        match severity {
            Severity::Warning => Mark::Warning,
            Severity::Critical => Mark::Critical,
        }
    }

    /// Its sign.
    #[must_use]
    pub fn sign(self, glyphs: Glyphs) -> char {
        let ascii = glyphs == Glyphs::Ascii;
        match self {
            Mark::Gap => '~',
            Mark::Ended if ascii => '=',
            Mark::Ended => '■',
            Mark::Lost => '?',
            Mark::Spike => 's',
            Mark::Warning if ascii => '^',
            Mark::Warning => '▲',
            Mark::Critical => '!',
            Mark::Killed => 'x',
            Mark::Bookmark => 'b',
        }
    }

    /// How it is drawn.
    #[must_use]
    pub fn draw(self, theme: &Theme, glyphs: Glyphs) -> (char, Pen) {
        let pen = match self {
            Mark::Gap => theme.dim,
            Mark::Ended => theme.ok,
            Mark::Lost | Mark::Spike | Mark::Warning => theme.warn,
            Mark::Critical | Mark::Killed => theme.crit,
            Mark::Bookmark => theme.accent,
        };
        (self.sign(glyphs), pen)
    }
}

impl Event {
    /// The moment.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        match self {
            Event::Logged(entry) => entry.stamp,
            Event::Spike(spike) => spike.stamp,
            Event::Bookmark(bookmark) => bookmark.stamp,
        }
    }

    /// The sample that shows it, if that is known without a search.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self {
            Event::Logged(entry) => Some(entry.number),
            Event::Spike(spike) => Some(spike.number),
            Event::Bookmark(_) => None,
        }
    }

    /// What it is at a glance.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            Event::Spike(_) => Mark::Spike,
            Event::Bookmark(_) => Mark::Bookmark,
            Event::Logged(entry) => match &entry.what {
                What::Fired { alert, .. } => Mark::of(alert.severity),
                What::Cleared { .. } | What::Back { .. } | What::Woken { .. } => Mark::Ended,
                What::Killed { .. } => Mark::Killed,
                What::Lost { .. } => Mark::Lost,
                What::Slept(_) | What::Missed(_) | What::ClockSet(_) => Mark::Gap,
            },
        }
    }

    /// What it is in a word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Event::Spike(_) => "spike",
            Event::Bookmark(_) => "bookmark",
            Event::Logged(entry) => match &entry.what {
                What::Fired { alert, .. } | What::Cleared { alert, .. } => &alert.name,
                What::Killed { .. } => "OOM kill",
                What::Lost { .. } | What::Back { .. } => "source",
                What::Woken { .. } => "woken",
                What::Slept(_) | What::Missed(_) => "gap",
                What::ClockSet(_) => "clock",
            },
        }
    }

    /// The process that it names.
    #[must_use]
    pub fn culprit_pid(&self) -> Option<u64> {
        match self {
            Event::Logged(entry) => match &entry.what {
                What::Fired { alert, .. } | What::Cleared { alert, .. } => alert.culprit_pid,
                What::Killed { victim, .. } => victim.as_deref().and_then(number_of),
                _ => None,
            },
            Event::Spike(spike) => spike.pid,
            Event::Bookmark(_) => None,
        }
    }

    /// The alert, and when it ended if it has; only where it began.
    #[must_use]
    pub fn fired(&self) -> Option<(&Told, Option<Stamp>)> {
        match self {
            Event::Logged(entry) => match &entry.what {
                What::Fired { alert, ended } => Some((alert, *ended)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The alert that ended.
    #[must_use]
    pub fn cleared(&self) -> Option<&Told> {
        match self {
            Event::Logged(entry) => match &entry.what {
                What::Cleared { alert, .. } => Some(alert),
                _ => None,
            },
            _ => None,
        }
    }

    /// True for the same event, though more may be known of it by now.
    fn is(&self, other: &Event) -> bool {
        self.stamp() == other.stamp()
            && self.mark() == other.mark()
            && self.name() == other.name()
            && match (self, other) {
                (Event::Spike(one), Event::Spike(other)) => one.channel == other.channel,
                (Event::Logged(one), Event::Logged(other)) => subject(one) == subject(other),
                _ => true,
            }
    }
}

/// The number in `name (pid)`.
fn number_of(process: &str) -> Option<u64> {
    process.strip_suffix(')')?.rsplit_once('(')?.1.parse().ok()
}

fn subject(entry: &Entry) -> &str {
    match &entry.what {
        What::Fired { alert, .. } | What::Cleared { alert, .. } => &alert.subject,
        What::Killed { group, .. } => group,
        What::Lost { source, .. } | What::Back { source } => source,
        What::Woken { device, .. } => device,
        What::Slept(_) | What::Missed(_) | What::ClockSet(_) => "",
    }
}

/// All of it in one sentence without a full stop, without its name.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = match self {
            Event::Bookmark(bookmark) => return f.write_str(&bookmark.text),
            Event::Spike(spike) => {
                let (value, usual) = (f64::from(spike.value), f64::from(spike.usual));
                if let (Channel::Taken, Some(pid)) = (spike.channel, spike.pid) {
                    let (value, usual) = (whole_percent(value), whole_percent(usual));
                    let (value, usual) = (&*value, &*usual);
                    return write!(f, "cpu full, {pid} took {value} of a core, usual {usual}");
                }
                f.write_str(spike.channel.name())?;
                return match spike.channel.unit() {
                    Unit::Ratio => {
                        let (value, usual) = (whole_percent(value), whole_percent(usual));
                        write!(f, " {}, usual {}", &*value, &*usual)
                    }
                    unit => write!(f, " {}, usual {}", Value(unit, value), Value(unit, usual)),
                };
            }
            Event::Logged(entry) => entry,
        };
        match &entry.what {
            What::Fired { alert, .. } => f.write_str(&alert.message),
            What::Cleared { alert, fired } => {
                let gap = if alert.subject.is_empty() { "" } else { " " };
                let ms = entry.stamp.since_ms(*fired).max(0);
                write!(f, "{}{gap}cleared after {}", alert.subject, Duration(ms as f64 / 1e3))?;
                // A limit of next to nothing is a fact, such as a kill, and no measure.
                if let (Some(worst), Some(limit @ 1e-3..)) = (alert.worst, alert.limit) {
                    let (worst, limit) = (Value(alert.unit, worst), Value(alert.unit, limit));
                    write!(f, ", worst {worst}, limit {limit}")?;
                }
                Ok(())
            }
            What::Killed { count, group, victim } => {
                match count {
                    1 => f.write_str("the kernel killed a process")?,
                    _ => write!(f, "the kernel killed {count} processes")?,
                }
                if !group.is_empty() {
                    write!(f, " of {group}")?;
                }
                match victim {
                    Some(victim) => write!(f, ", probably {victim}"),
                    None => Ok(()),
                }
            }
            What::Lost { source, reason } => write!(f, "{source} gives nothing: {reason}"),
            What::Back { source } => write!(f, "{source} works again"),
            What::Woken { device, by } => write!(f, "open in {by}: {device} woke"),
            What::Slept(seconds) => write!(f, "the machine slept for {}", Duration(*seconds)),
            What::Missed(seconds) => {
                write!(f, "no sample was taken for {}", Duration(*seconds))
            }
            What::ClockSet(seconds) => {
                let way = if *seconds < 0.0 { "back" } else { "forward" };
                write!(f, "the clock was set {way} by {}", Duration(seconds.abs()))
            }
        }
    }
}

/// What the list was made from: while it is the same, nothing is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Made {
    log: u64,
    spikes: u64,
    bookmarks: u64,
}

/// Everything that happened, as far as samples are kept.
#[derive(Debug, Default)]
pub struct Events {
    /// The newest first.
    list: Vec<Event>,
    made: Option<Made>,
    /// The event under the cursor.
    selected: Option<Event>,
    /// Where nobody keeps samples: a log of what came while somebody looked.
    own: Log,
    samples: u64,
}

impl Events {
    /// The newest first.
    #[must_use]
    pub fn list(&self) -> &[Event] {
        &self.list
    }

    /// Another number whenever anything in the list has changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.made.map_or(0, |made| {
            made.log.wrapping_add(made.spikes << 20).wrapping_add(made.bookmarks << 40)
        })
    }

    /// Takes a moment that nobody else keeps.
    pub(super) fn note(&mut self, moment: &Snapshot) {
        self.own.push(self.samples, moment);
        self.samples += 1;
    }

    /// Makes the list anew if anything has happened. True if so.
    fn make(&mut self, record: Option<&Mutex<dyn Past>>, marks: &Bookmarks, order: Order) -> bool {
        let record = record.map(locked);
        let log = record.as_ref().map_or(&self.own, |record| record.log());
        let spikes = record.as_ref().map(|record| record.spikes());
        let made = Made {
            log: log.version(),
            spikes: spikes.map_or(0, |spikes| spikes.version()),
            bookmarks: marks.version,
        };
        if self.made == Some(made) {
            return false;
        }
        self.made = Some(made);
        self.list.clear();
        self.list.extend(log.iter().map(|entry| Event::Logged(Arc::clone(entry))));
        let spikes = spikes.into_iter().flat_map(|spikes| spikes.iter());
        self.list.extend(spikes.map(|&spike| Event::Spike(spike)));
        self.list.extend(marks.list.iter().map(|mark| Event::Bookmark(mark.clone())));
        let view = record.as_ref().map(|record| record.view());
        // Of one moment, what matters most comes first.
        self.list.sort_by_cached_key(|event| {
            (std::cmp::Reverse(order.of(event, view.as_ref())), std::cmp::Reverse(event.mark()))
        });
        true
    }
}

/// Moments that somebody wants to find again, oldest first.
#[derive(Debug, Default)]
pub struct Bookmarks {
    list: Vec<Bookmark>,
    version: u64,
}

impl Bookmarks {
    /// The oldest first.
    #[must_use]
    pub fn list(&self) -> &[Bookmark] {
        &self.list
    }

    fn place(&self, stamp: Stamp) -> Result<usize, usize> {
        self.list.binary_search_by_key(&stamp.monotonic_ns, |mark| mark.stamp.monotonic_ns)
    }

    /// Sets one, or gives it another text.
    pub fn set(&mut self, stamp: Stamp, text: &str) {
        let mark = Bookmark { stamp, text: text.trim().into() };
        match self.place(stamp) {
            Ok(place) => self.list[place] = mark,
            Err(place) => self.list.insert(place, mark),
        }
        self.version += 1;
    }

    /// What was written about that very moment.
    #[must_use]
    pub fn text(&self, stamp: Stamp) -> &str {
        self.place(stamp).ok().and_then(|place| self.list.get(place)).map_or("", |mark| &mark.text)
    }

    /// Drops the one of that very moment; false if there is none.
    pub fn drop_at(&mut self, stamp: Stamp) -> bool {
        let place = self.place(stamp);
        if let Ok(place) = place {
            self.list.remove(place);
            self.version += 1;
        }
        place.is_ok()
    }
}

/// The order in which things came. In memory the monotonic clock tells; a recording may be of several
/// boots, and its samples came in the order of their numbers, however its wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Clock,
    Samples,
}

impl Order {
    fn at(self, stamp: Stamp, view: Option<&View>) -> u64 {
        match self {
            Order::Clock => stamp.monotonic_ns,
            Order::Samples => view.and_then(|view| view.number_of(stamp)).unwrap_or(0),
        }
    }

    fn of(self, event: &Event, view: Option<&View>) -> u64 {
        let number = event.number().filter(|_| self == Order::Samples);
        number.unwrap_or_else(|| self.at(event.stamp(), view))
    }
}

impl App {
    fn order(&self) -> Order {
        if self.replay.is_some() { Order::Samples } else { Order::Clock }
    }

    /// Brings the list of events up to date; the cursor stays with its event.
    pub(super) fn gather(&mut self) {
        let order = self.order();
        if !self.events.make(self.record.as_deref(), &self.bookmarks, order)
            || self.pages.page != Page::Events
        {
            return;
        }
        // At the top, the cursor waits for whatever comes there.
        if self.pages.cursor > 0
            && let Some(selected) = &self.events.selected
            && let Some(line) = self.events.list.iter().position(|event| event.is(selected))
        {
            self.pages.cursor = line;
        }
    }

    /// Puts the cursor of the page on what happened last before the moment on the screen.
    pub(super) fn find_event(&mut self) {
        self.gather();
        let order = self.order();
        let view = self.record.as_deref().map(|record| locked(record).view());
        let shown = self.now.as_ref().map_or(u64::MAX, |now| order.at(now.stamp(), view.as_ref()));
        let before = |event: &Event| order.of(event, view.as_ref()) <= shown;
        self.pages.cursor = self.events.list.iter().position(before).unwrap_or(0);
        self.choose_event();
    }

    /// The event under the cursor is the one that it stays with.
    pub(super) fn choose_event(&mut self) {
        let chosen = self.events.list.get(self.pages.cursor);
        self.events.selected = chosen.cloned();
    }

    /// Goes to the moment of the event under the cursor.
    pub(super) fn open_event(&mut self) {
        self.gather();
        let Some(event) = self.events.list.get(self.pages.cursor).cloned() else { return };
        if self.visit(&event) {
            self.leave_page();
        }
    }

    /// Alerts that ended within the last minute before the moment on the screen, the newest first.
    pub fn cleared<'a>(&'a self, now: &'a Snapshot) -> impl Iterator<Item = &'a Told> + Clone {
        const REMEMBERED_NS: u64 = 60_000_000_000;
        let shown_ns = now.stamp().monotonic_ns;
        let events = self.events.list.iter();
        events
            .skip_while(move |event| event.stamp().monotonic_ns > shown_ns)
            .take_while(move |event| {
                shown_ns.saturating_sub(event.stamp().monotonic_ns) < REMEMBERED_NS
            })
            .filter_map(Event::cleared)
    }

    /// Puts the table's cursor on the process of that number, if it is in the moment shown.
    pub(super) fn select_pid(&mut self, pid: u64) {
        let Some(now) = self.now.clone() else { return };
        let table = now.raw().table(retop_model::FamilyId::Process);
        let keys = table.map_or(&[][..], |table| table.keys());
        let place = keys.partition_point(|key| key.0 < pid);
        let found: Option<Key> = keys.get(place).copied().filter(|key| key.0 == pid);
        if let Some(key) = found {
            self.table.select(&now, key);
            if self.details.is_some() {
                self.details = Some(key);
            }
        }
    }
}
