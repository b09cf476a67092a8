//! The recorder: which segment a moment goes to, what is removed, what happens when a disk fails.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::time::Duration;

use retop_model::family::{host, source};
use retop_model::human::Size;
use retop_model::{Key, RawTable, Snapshot, Stamp};

use crate::export::Arguments;
use crate::history::{Channel, Encoder, FrameKind, Log, Spikes};

use super::error::plain;
use super::event::{Event, EventKind};
use super::folder::{Entry, Folder};
use super::name::SegmentName;
use super::record::{self, Stamps};
use super::whole::header;
use super::writer::Writer;

/// A segment ends after this time, or when it has this many bytes.
const SEGMENT_NS: u64 = 3_600_000_000_000;
const SEGMENT_BYTES: u64 = 64 << 20;
/// The wall clock may be set back by this much within a segment.
const BACK_MS: i64 = 1_000;
/// How often room is looked after, and how soon a disk that failed is tried again.
const TIDY_NS: u64 = 60_000_000_000;
/// The disk is waited for after this time at the latest: key frames come by the number of samples,
/// and with long intervals hours apart.
const SYNC_NS: u64 = 120_000_000_000;
const RETRY_NS: u64 = 5_000_000_000;
/// Segments that are removed at once: a disk may take milliseconds for each, and the sample waits. The
/// next one goes on.
const REMOVED: usize = 32;
/// Room that is made at once when the disk is full.
const ROOM: u64 = 4 << 20;
/// Events that wait for a disk; the oldest beyond this many are forgotten.
const PENDING: usize = 1_000;
/// Samples back that an event may point to: a spike's highest value is older than the spike.
const PLACES: usize = 512;
/// A spike is written once its highest value is this old: until then it may grow.
const SETTLED_NS: u64 = 10_000_000_000;

/// When the disk is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// At key frames, alerts, the end of a segment, and once in two minutes: a power cut costs no
    /// more than that, or one sample where they are further apart.
    #[default]
    Key,
    /// At each frame.
    Frame,
    /// Never; what retop wrote survives a crash of retop in any case.
    Never,
}

/// How to record.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Time between samples, for the header.
    pub interval: Duration,
    /// What is written of process arguments.
    pub arguments: Arguments,
    /// When the disk is waited for.
    pub sync: Sync,
    /// Bytes that all segments may take.
    pub max_bytes: u64,
    /// How old segments may become.
    pub max_age: Duration,
    /// Share of the file system that is left free.
    pub min_free: f64,
    /// Bytes of a segment; smaller ones are for tests.
    pub segment_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            interval: Duration::from_secs(1),
            arguments: Arguments::Redacted,
            sync: Sync::Key,
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(7 * 24 * 3600),
            min_free: 0.05,
            segment_bytes: SEGMENT_BYTES,
        }
    }
}

/// What somebody who runs a recorder wants to know, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A segment was begun.
    Opened(String),
    /// A segment was closed, with so many frames in so many bytes.
    Closed(String, u64, u64),
    /// Nothing can be written, and why.
    Paused(String),
    /// Writing goes on.
    Resumed,
    /// A segment was removed to make room.
    Removed(String),
    /// A segment should go and stays, and why.
    Stuck(String, String),
    /// Somebody removed the segment that was being written.
    Gone(String),
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Opened(name) => write!(f, "recording into {name}"),
            Note::Closed(name, frames, bytes) => {
                write!(f, "closed {name}: {frames} samples, {}", Size(*bytes as f64))
            }
            Note::Paused(why) => write!(f, "recording paused: {why}"),
            Note::Resumed => f.write_str("recording goes on"),
            Note::Removed(name) => write!(f, "removed {name}"),
            Note::Stuck(name, why) => write!(f, "{name} cannot be removed: {why}; it counts"),
            Note::Gone(name) => {
                write!(f, "{name} was removed by somebody: its samples are lost, recording goes on")
            }
        }
    }
}

/// How it stands with a recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The folder is open.
    pub begun: bool,
    /// Why nothing will ever be written.
    pub failed: Option<String>,
    /// Why nothing is written; `None` while all is well.
    pub paused: Option<String>,
    /// Samples written.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Samples that could not be written.
    pub lost: u64,
}

/// The name under which a recorder stands among the sources.
const SOURCE: &str = "recording";

impl State {
    /// Adds a row to a table of sources: it works, or it is paused and why.
    pub(crate) fn write(&self, table: &mut RawTable) {
        let why = self.paused.as_ref().or(self.failed.as_ref());
        let state = if why.is_some() { source::FAILING } else { source::WORKS };
        let mut row = table.push(Key::named(SOURCE.as_bytes()));
        row.text(source::source, SOURCE)
            .set(source::state, state)
            .set(source::reads, self.frames + self.lost)
            .set(source::errors, self.lost);
        if let Some(why) = why {
            row.text(source::reason, format!("recording paused: {why}"));
            row.text(source::hint, "it goes on by itself once the disk takes it");
        }
    }
}

/// A segment that is not written to any more.
struct Kept {
    entry: Entry,
    stuck: Stuck,
}

/// Whether a segment could be removed.
#[derive(Clone, Copy, PartialEq)]
enum Stuck {
    /// It was not tried.
    No,
    /// Not the last time: it is tried again when room is looked after.
    Before,
    /// Not this time.
    Now,
}

fn kept(mut entries: Vec<Entry>) -> VecDeque<Kept> {
    entries.sort_by_key(|entry| (entry.name.sequence, entry.name.wall_ms));
    entries.into_iter().map(|entry| Kept { entry, stuck: Stuck::No }).collect()
}

/// Writes moments into the segments of a folder.
///
/// Nothing that the disk does ends it: what cannot be written is lost and said to be, and it is
/// tried again.
pub struct Recorder {
    folder: Box<dyn Folder>,
    settings: Settings,
    encoder: Encoder,
    buffer: Vec<u8>,
    frame: Vec<u8>,
    segment: Option<Writer>,
    /// Segments that were there or were written, oldest first.
    kept: VecDeque<Kept>,
    /// There was more to remove than may be at once.
    untidy: bool,
    /// When the disk was waited for, by the clock that goes on in suspend.
    synced_ns: Option<u64>,
    sequence: u64,
    last: Option<Snapshot>,
    spikes: Spikes,
    /// The newest spike of each channel that was written, by its number.
    spikes_written: [Option<u64>; Channel::ALL.len()],
    log: Log,
    /// Samples so far, those that were lost too.
    pushed: u64,
    /// Number and place among those written of the newest samples.
    places: VecDeque<(u64, u64)>,
    begun: bool,
    /// What happened and is not written yet, with the number of the sample that shows it.
    pending: Vec<(u64, Event)>,
    paused_ns: Option<u64>,
    tidied_ns: Option<u64>,
    failed_ns: Option<u64>,
    state: State,
    notes: Vec<Note>,
}

impl Recorder {
    /// A recorder that begins a segment with the first moment.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn new(mut folder: Box<dyn Folder>, settings: Settings) -> io::Result<Recorder> {
        let kept = kept(folder.list()?);
        let sequence = kept.iter().map(|kept| kept.entry.name.sequence).max().unwrap_or(0);
        let encoder = Encoder::with_arguments(settings.arguments).map_err(io::Error::other)?;
        Ok(Recorder {
            folder,
            settings,
            encoder,
            buffer: Vec::new(),
            frame: Vec::new(),
            segment: None,
            kept,
            untidy: false,
            synced_ns: None,
            sequence,
            last: None,
            spikes: Spikes::default(),
            spikes_written: [None; Channel::ALL.len()],
            log: Log::default(),
            pushed: 0,
            places: VecDeque::new(),
            begun: false,
            pending: Vec::new(),
            paused_ns: None,
            tidied_ns: None,
            failed_ns: None,
            state: State { begun: true, ..State::default() },
            notes: Vec::new(),
        })
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What happened since this was last asked.
    pub fn notes(&mut self) -> impl Iterator<Item = Note> {
        self.notes.drain(..)
    }

    /// Writes a moment. Moments come in the order in which they were derived.
    pub fn push(&mut self, moment: &Snapshot) {
        let stamp = moment.stamp();
        self.watch(moment);
        let due = |since: Option<u64>, after: u64| {
            since.is_none_or(|since| stamp.monotonic_ns.saturating_sub(since) >= after)
        };
        if self.state.paused.is_some() && !due(self.failed_ns, RETRY_NS) {
            self.state.lost += 1;
            self.last = Some(moment.clone());
            return;
        }
        if due(self.tidied_ns, TIDY_NS) {
            self.tidied_ns = Some(stamp.monotonic_ns);
            let stuck = self.kept.iter_mut().filter(|kept| kept.stuck == Stuck::Now);
            stuck.for_each(|kept| kept.stuck = Stuck::Before);
            self.tidy(stamp, 0);
        } else if self.untidy {
            self.tidy(stamp, 0);
        }
        let mut written = self.write(moment);
        if written.is_err() {
            // Room may come from the oldest segments; a key frame needs nothing that was lost.
            self.tidy(stamp, ROOM);
            written = self.write(moment);
        }
        match written {
            Ok(kind) => {
                self.state.frames += 1;
                self.resume(stamp);
                if let Err(error) = self.write_events(kind, stamp) {
                    self.pause(stamp, &error);
                }
            }
            Err(error) => {
                self.state.lost += 1;
                self.pause(stamp, &error);
            }
        }
        self.last = Some(moment.clone());
    }

    fn pause(&mut self, now: Stamp, error: &io::Error) {
        let why = reason(error);
        if self.state.paused.as_ref() != Some(&why) {
            self.notes.push(Note::Paused(why.clone()));
        }
        self.paused_ns.get_or_insert(now.boottime_ns);
        self.state.paused = Some(why);
        self.failed_ns = Some(now.monotonic_ns);
        self.encoder.request_key();
        if self.segment.as_ref().is_some_and(|segment| segment.broken) {
            self.segment = None;
        }
    }

    fn resume(&mut self, now: Stamp) {
        self.failed_ns = None;
        let since = self.paused_ns.take();
        let Some((why, since)) = self.state.paused.take().zip(since) else { return };
        let seconds = now.boottime_ns.saturating_sub(since) as f64 / 1e9;
        let message = format!("nothing could be written for {seconds:.0} s: {why}");
        let event = Event::new(now, EventKind::Paused, message);
        self.pending.push((self.pushed - 1, Event { value: Some(seconds), ..event }));
        self.notes.push(Note::Resumed);
    }

    /// Ends in order: a footer, and everything on the disk.
    pub fn close(&mut self) {
        if let Some(last) = self.last.clone() {
            let ended = Event::new(last.stamp(), EventKind::Ended, "the recorder ended");
            self.pending.push((self.pushed.saturating_sub(1), ended));
            let _ = self.write_events(FrameKind::Delta, last.stamp());
        }
        self.seal();
    }

    /// Adds what the newest moment shows to what is to be written.
    fn watch(&mut self, moment: &Snapshot) {
        let (stamp, number) = (moment.stamp(), self.pushed);
        self.pushed += 1;
        if self.last.as_ref().is_some_and(|last| boot_id(last) != boot_id(moment)) {
            let event = Event::new(stamp, EventKind::Boot, "the machine was started anew");
            self.pending.push((number, event));
        }
        // Entries of earlier samples have been taken.
        self.log.forget(number);
        self.log.push(number, moment);
        let entries = self.log.iter().map(|entry| (entry.number, Event::of_entry(entry)));
        self.pending.extend(entries);
        let named = self.log.named().iter();
        self.pending
            .extend(named.map(|(alert, fired)| (number, Event::of_named(stamp, alert, *fired))));
        self.log.forget(number + 1);
        self.spikes.push(number, moment);
        for spike in self.spikes.iter() {
            let place = Channel::ALL.iter().position(|&channel| channel == spike.channel);
            let Some(written) = place.and_then(|place| self.spikes_written.get_mut(place)) else {
                continue;
            };
            let age_ns = stamp.boottime_ns.saturating_sub(spike.stamp.boottime_ns);
            if age_ns >= SETTLED_NS && written.is_none_or(|written| written < spike.number) {
                *written = Some(spike.number);
                self.pending.push((spike.number, Event::of_spike(spike)));
            }
        }
        let excess = self.pending.len().saturating_sub(PENDING);
        self.pending.drain(..excess);
    }

    fn write(&mut self, moment: &Snapshot) -> io::Result<FrameKind> {
        self.rotate(moment)?;
        let result = self.append(moment);
        if result.is_err() {
            self.encoder.request_key();
            if self.segment.as_ref().is_some_and(|segment| segment.broken) {
                self.segment = None;
            }
        }
        result
    }

    fn append(&mut self, moment: &Snapshot) -> io::Result<FrameKind> {
        let Some(segment) = &mut self.segment else {
            return Err(io::Error::other("no segment could be begun"));
        };
        self.frame.clear();
        let kind = self.encoder.frame(moment, &mut self.frame).map_err(io::Error::other)?;
        self.buffer.clear();
        let (start, stamps): (usize, Stamps) =
            segment.stamp(moment.stamp(), kind, &mut self.buffer);
        self.buffer.extend_from_slice(&self.frame);
        if !record::finish(&mut self.buffer, start) {
            return Err(io::Error::other("a sample larger than 64 MiB"));
        }
        segment.frame(kind, moment, stamps, &self.buffer)?;
        self.places.push_back((self.pushed - 1, self.state.frames));
        if self.places.len() > PLACES {
            self.places.pop_front();
        }
        self.state.bytes += self.buffer.len() as u64;
        Ok(kind)
    }

    /// Writes what happened, behind the frame in which it did, and waits for the disk if asked to.
    fn write_events(&mut self, kind: FrameKind, now: Stamp) -> io::Result<()> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let before = segment.bytes;
        // The present sample is the segment's newest, and has been counted.
        let first = self.state.frames.saturating_sub(segment.frames());
        let alarm = self.pending.iter().any(|(_, event)| event.kind == EventKind::AlertFired);
        let mut written = 0;
        let mut result = Ok(());
        for (number, event) in &mut self.pending {
            let place = self.places.iter().rev().find(|(known, _)| known == number);
            let from = |written: u64| i64::try_from(written).unwrap_or(i64::MAX);
            event.frame = place.map(|(_, place)| from(*place) - from(first));
            result = segment.event(event);
            if result.is_err() {
                break;
            }
            written += 1;
        }
        self.pending.drain(..written);
        self.state.bytes += segment.bytes - before;
        result?;
        let wait = match self.settings.sync {
            Sync::Key => {
                let since = self.synced_ns.map(|since| now.boottime_ns.saturating_sub(since));
                kind == FrameKind::Key || alarm || since.is_none_or(|since| since >= SYNC_NS)
            }
            Sync::Frame => true,
            Sync::Never => false,
        };
        if wait {
            segment.sync()?;
            self.synced_ns = Some(now.boottime_ns);
        }
        Ok(())
    }

    /// Sees to it that there is a segment that the moment may go to.
    fn rotate(&mut self, moment: &Snapshot) -> io::Result<()> {
        let stamp = moment.stamp();
        let boot = boot_id(moment);
        if let Some(gone) = self.segment.take_if(|segment| segment.is_gone()) {
            self.notes.push(Note::Gone(gone.name.to_string()));
            self.kept = kept(self.folder.list().unwrap_or_default());
        }
        if let Some(segment) = &self.segment {
            let age_ns = stamp.boottime_ns.saturating_sub(segment.begun.boottime_ns);
            let last_ms = segment.index.last().map_or(stamp.wall_ms, |last| last.wall_ms);
            let ends = age_ns >= SEGMENT_NS
                || segment.bytes >= self.settings.segment_bytes
                || segment.boot_id != boot
                || stamp.wall_ms < last_ms - BACK_MS;
            if !ends {
                if stamp.wall_ms < last_ms {
                    self.encoder.request_key();
                }
                return Ok(());
            }
            self.seal();
            self.tidy(stamp, 0);
        }
        self.open(moment, boot)
    }

    fn open(&mut self, moment: &Snapshot, boot: String) -> io::Result<()> {
        let stamp = moment.stamp();
        let host_name = moment.one_text(host::name).map_or("", |name| name.shown());
        let interval_ms = u64::try_from(self.settings.interval.as_millis()).unwrap_or(u64::MAX);
        let header = header(moment, interval_ms, self.settings.arguments);
        self.sequence += 1;
        let name = SegmentName::new(host_name, &boot, stamp.wall_ms, self.sequence);
        let file = self.folder.create(&name)?;
        let begun = Writer::begin(file, name.clone(), &header.to_bytes(), stamp, boot);
        let segment = match begun {
            Ok(segment) => segment,
            Err(error) => {
                // A file without a header would be one more that nobody can read.
                let _ = self.folder.remove(&name);
                return Err(error);
            }
        };
        self.encoder.request_key();
        if !std::mem::replace(&mut self.begun, true) {
            let started = Event::new(stamp, EventKind::Started, "the recorder began");
            self.pending.insert(0, (self.pushed - 1, started));
        }
        self.notes.push(Note::Opened(name.to_string()));
        self.segment = Some(segment);
        Ok(())
    }

    /// Closes the segment. One that cannot be closed is read without its footer.
    fn seal(&mut self) {
        let Some(mut segment) = self.segment.take() else { return };
        let _ = segment.finish();
        if self.settings.sync != Sync::Never {
            let _ = segment.sync();
        }
        let name = segment.name.to_string();
        self.notes.push(Note::Closed(name, segment.frames(), segment.bytes));
        let entry = Entry { name: segment.name, bytes: segment.bytes };
        self.kept.push_back(Kept { entry, stuck: Stuck::No });
    }

    /// Removes the oldest segments that are too many, too old, or in the way of `wanted` bytes. The
    /// one being written stays, and so does what was not recorded here: that does not count either.
    fn tidy(&mut self, now: Stamp, wanted: u64) {
        self.untidy = false;
        let open = self.segment.as_ref().map_or(0, |segment| segment.bytes);
        let folder = &self.folder;
        let own = self.kept.iter().filter(|kept| folder.is_own(&kept.entry.name));
        let mut total = open + own.map(|kept| kept.entry.bytes).sum::<u64>();
        let max_age_ms = i64::try_from(self.settings.max_age.as_millis()).unwrap_or(i64::MAX);
        let (mut place, mut tried) = (0, 0);
        while let Some(oldest) = self.own_from(place) {
            // A segment is as old as its last sample, which is not later than the next one's first.
            let next = self.own_from(oldest + 1).and_then(|next| self.kept.get(next));
            let next = next.map(|next| next.entry.name.wall_ms);
            let last_ms =
                next.or(self.segment.as_ref().map(|s| s.name.wall_ms)).unwrap_or(i64::MAX);
            let old = now.wall_ms.saturating_sub(last_ms) > max_age_ms;
            let full = total > self.settings.max_bytes;
            if !old && !full && !self.is_tight(wanted) {
                return;
            }
            if tried == REMOVED && wanted == 0 {
                self.untidy = true;
                return;
            }
            tried += 1;
            let Some(kept) = self.kept.get_mut(oldest) else { return };
            let name = kept.entry.name.to_string();
            match self.folder.remove(&kept.entry.name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    if std::mem::replace(&mut kept.stuck, Stuck::Now) == Stuck::No {
                        self.notes.push(Note::Stuck(name, plain(&error)));
                    }
                    place = oldest + 1;
                }
                removed => {
                    total = total.saturating_sub(kept.entry.bytes);
                    self.kept.remove(oldest);
                    place = oldest;
                    if removed.is_ok() {
                        self.notes.push(Note::Removed(name));
                    }
                }
            }
        }
    }

    /// The place of the oldest segment from there on that was recorded here and may be removed.
    fn own_from(&self, place: usize) -> Option<usize> {
        let own = |kept: &Kept| kept.stuck != Stuck::Now && self.folder.is_own(&kept.entry.name);
        let found = self.kept.range(place.min(self.kept.len())..).position(own)?;
        Some(place + found)
    }

    /// True if the file system has less room than is to be left, or than is needed.
    fn is_tight(&mut self, wanted: u64) -> bool {
        // A file system that does not tell is not called full.
        let Ok(space) = self.folder.space() else { return false };
        let least = (space.total as f64 * self.settings.min_free.clamp(0.0, 1.0)) as u64;
        space.free < least || space.free < wanted
    }
}

fn boot_id(moment: &Snapshot) -> String {
    moment.one_text(host::boot_id).map_or_else(String::new, |id| id.shown().to_owned())
}

/// Why nothing can be written, as people call it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "disk full".to_owned(),
        io::ErrorKind::QuotaExceeded => "disk quota used up".to_owned(),
        _ => plain(error),
    }
}
