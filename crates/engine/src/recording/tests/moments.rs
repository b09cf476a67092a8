//! What was recorded comes back as it was: each moment, each time, each event.

use std::sync::Arc;

use retop_model::family::{alert, process};
use retop_model::{FamilyId, Key, RawTable, Snapshot, Window};

use super::{Disk, Made, Temporary, recorder, whole};
use crate::export::Arguments;
use crate::history::{Entry, KEY_INTERVAL, Past, Spike, What};
use crate::recording::{EventKind, Recorder, Recording, Replay, Settings};

fn full() -> Settings {
    // A disk that others have nearly filled, as on a build machine, would cost the oldest segments.
    Settings { arguments: Arguments::Full, min_free: 0.0, ..Settings::default() }
}

#[test]
fn every_moment_comes_back_and_each_time_finds_its_own() {
    let mut made = Made::new("sim:web-incident");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, full());
    let mut live: Vec<Arc<Snapshot>> = Vec::new();
    for second in 0..400 {
        match second {
            150 => made.clock.sleep(60_000),
            200 => made.clock.set_wall(-300),
            260 => made.clock.set_wall(-90_000),
            _ => {}
        }
        let moment = made.tick();
        recorder.push(&moment);
        live.push(moment);
    }
    recorder.close();
    let folder = Temporary::new("moments");
    let recording = disk.recording(&folder.0);
    assert_eq!(recording.segments(), 2, "the wall clock was set back once by more than a second");
    let read: Vec<Snapshot> =
        recording.moments(i64::MIN, i64::MAX).map(|moment| moment.expect("whole")).collect();
    assert_eq!(read.len(), live.len());
    for (read, live) in read.iter().zip(&live) {
        assert_eq!(whole(read), whole(live));
    }
    let samples = recording.samples(i64::MIN, i64::MAX);
    for (sample, live) in samples.zip(&live) {
        assert_eq!(&sample.expect("whole"), live.raw());
    }
    let view = recording.view();
    assert_eq!(view.numbers(), 0..400);
    for at in (0..400).step_by(37).chain([149, 150, 199, 200, 259, 260, 399]) {
        let number = at as u64;
        assert_eq!(view.stamp(number), Some(live[at].stamp()));
        let moment = view.moment(number).expect("there");
        assert_eq!(whole(&moment), whole(&live[at]));
    }
    // As a linear search would find it: the newest that is not later.
    let first = live[0].stamp().wall_ms;
    for passed in (-1_500..400_000).step_by(3_777) {
        let wanted = first + passed;
        let linear = live.iter().rposition(|moment| moment.stamp().wall_ms <= wanted);
        let found = recording.asof(wanted).expect("readable");
        let found = found.map(|moment| moment.stamp());
        // Within a segment a time that was passed twice is that of the newer interval's.
        let linear = linear.map(|place| live[place].stamp());
        assert_eq!(found.map(|s| s.wall_ms), linear.map(|s| s.wall_ms), "{passed}");
        let number = view.number_at(wanted);
        assert_eq!(number.and_then(|n| view.stamp(n)), found, "{passed}");
    }
    let from = live[100].stamp().wall_ms;
    let some: Vec<_> = recording.moments(from, from + 10_000).flatten().collect();
    let inside = |moment: &&Arc<Snapshot>| (from..from + 10_000).contains(&moment.stamp().wall_ms);
    assert_eq!(some.len(), live.iter().filter(inside).count());
}

#[test]
fn what_happened_is_in_the_file() {
    let mut made = Made::new("sim:web-incident");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let mut log = crate::history::Log::default();
    let mut spikes = crate::history::Spikes::default();
    for second in 0..600 {
        match second {
            300 => made.clock.sleep(3_600_000),
            400 => made.clock.set_wall(-100_000),
            _ => {}
        }
        let moment = made.tick();
        log.push(second, &moment);
        spikes.push(second, &moment);
        recorder.push(&moment);
    }
    recorder.close();
    let folder = Temporary::new("events");
    let recording = disk.recording(&folder.0);
    let events = recording.events(i64::MIN, i64::MAX).expect("readable");
    let count = |kind: EventKind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!((count(EventKind::Started), count(EventKind::Ended)), (1, 1));
    let slept = events.iter().find(|event| event.kind == EventKind::Slept).expect("a gap");
    assert_eq!(slept.message, "the machine slept for 3600 s");
    assert_eq!(count(EventKind::ClockSet), 1);
    assert!(count(EventKind::AlertFired) > 0);
    let spike = events.iter().find(|event| event.kind == EventKind::Spike).expect("a spike");
    assert!(spike.channel().is_some() && spike.value > spike.limit, "{spike:?}");
    let at = recording.asof(spike.wall_ms).expect("readable").expect("there");
    assert_eq!(at.stamp().wall_ms, spike.wall_ms);
    // A replay tells the same as the screen did live.
    let replay = crate::recording::Replay::open(recording).expect("readable");
    let untold = |entry: &Arc<Entry>| {
        let mut entry = (**entry).clone();
        if let What::Fired { ended, .. } = &mut entry.what {
            *ended = None;
        }
        if let What::Cleared { fired, .. } = &mut entry.what {
            (fired.monotonic_ns, fired.boottime_ns) = (0, 0);
        }
        entry
    };
    let live: Vec<Entry> = log.iter().map(untold).collect();
    let replayed: Vec<Entry> = replay.log().iter().map(untold).collect();
    for (replayed, live) in replayed.iter().zip(&live) {
        assert_eq!(replayed, live);
    }
    assert_eq!(replayed.len(), live.len());
    let open = |log: &crate::history::Log| {
        let ended = |entry: &&Arc<Entry>| matches!(entry.what, What::Fired { ended: Some(_), .. });
        log.iter().filter(ended).count()
    };
    assert_eq!(open(replay.log()), open(&log));
    // Those of the end may still have grown when the recorder ended.
    let sorted = |spikes: &crate::history::Spikes| {
        let mut spikes: Vec<Spike> = spikes.iter().copied().filter(|s| s.number < 580).collect();
        spikes.sort_by_key(|spike| (spike.number, spike.channel.name()));
        spikes
    };
    let (live, replayed) = (sorted(&spikes), sorted(replay.spikes()));
    assert_eq!(replayed, live);
}

#[test]
fn previews_hold_what_the_samples_held() {
    let mut made = Made::new("sim:web-incident");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let field = retop_model::family::cpu::utilization_ratio;
    let mut values = Vec::new();
    for _ in 0..95 {
        let moment = made.tick();
        values.push((moment.stamp().wall_ms, moment.one(field)));
        recorder.push(&moment);
    }
    let name = disk.names().remove(0);
    let open = Recording::of_bytes("open", disk.bytes(&name)).expect("a recording");
    recorder.close();
    let closed = Recording::of_bytes("closed", disk.bytes(&name)).expect("a recording");
    for recording in [open, closed] {
        let previews: Vec<_> = recording.previews(i64::MIN, i64::MAX).collect();
        let [preview] = &previews[..] else { panic!("{} previews", previews.len()) };
        assert_eq!(preview.names.len(), 16);
        let line = preview.line(field).expect("kept");
        for (start, band) in preview.starts_ms.iter().zip(line) {
            let slot = values.iter().filter(|(at, _)| (*start..start + 10_000).contains(at));
            let slot: Vec<f64> = slot.filter_map(|(_, value)| *value).collect();
            let Some(band) = band else {
                assert!(slot.is_empty());
                continue;
            };
            let mean = slot.iter().sum::<f64>() / slot.len() as f64;
            let highest = slot.iter().copied().fold(f64::MIN, f64::max);
            assert!((f64::from(band.mean) - mean).abs() <= mean * 0.01, "{band:?} {mean}");
            assert!((f64::from(band.max) - highest).abs() <= highest * 0.01, "{band:?} {highest}");
        }
    }
}

#[test]
fn arguments_are_masked_before_they_are_written() {
    let policies = [Arguments::None, Arguments::Redacted, Arguments::Full];
    let commands = policies.map(|arguments| {
        let mut made = Made::new("sim:hostile");
        let disk = Disk::default();
        let mut recorder = recorder(&disk, Settings { arguments, ..Settings::default() });
        for _ in 0..KEY_INTERVAL + 5 {
            recorder.push(&made.tick());
        }
        recorder.close();
        let recording =
            Recording::of_bytes("x", disk.bytes(&disk.names()[0])).expect("a recording");
        assert_eq!(recording.header().expect("whole").arguments, arguments);
        let last = recording.moments(i64::MIN, i64::MAX).last().expect("some").expect("whole");
        last.rows(FamilyId::Process)
            .map(|row| row.text(process::command).map(|text| text.shown().to_owned()))
            .collect::<Vec<_>>()
    });
    let [none, redacted, full] = &commands;
    assert!(none.iter().all(Option::is_none));
    let masked = |(redacted, full): (&Option<String>, &Option<String>)| {
        let full = full.as_ref().map(|full| crate::export::redact::Redacted(full).to_string());
        assert_eq!(redacted, &full);
    };
    assert!(full.iter().flatten().count() > 0);
    redacted.iter().zip(full).for_each(masked);
}

#[test]
fn a_live_recording_is_followed() {
    let mut made = Made::new("sim:small");
    let folder = Temporary::new("follow");
    let directory = crate::recording::Directory::open(&folder.0).expect("a folder");
    let settings = Settings { segment_bytes: 60_000, ..full() };
    let mut recorder =
        crate::recording::Recorder::new(Box::new(directory), settings).expect("a recorder");
    recorder.push(&made.tick());
    let mut recording = Recording::open(&folder.0).expect("a recording");
    let mut seen = recording.view().numbers().end;
    assert_eq!(seen, 1);
    for pushed in 2..300u64 {
        let moment = made.tick();
        recorder.push(&moment);
        if pushed % 7 == 0 {
            assert!(recording.refresh());
            let view = recording.view();
            assert_eq!(view.numbers(), 0..pushed);
            assert_eq!(view.last(), Some(moment.stamp()));
            let newest = view.moment(pushed - 1).expect("there");
            assert_eq!(whole(&newest), whole(&moment));
            assert!(!recording.refresh(), "nothing came since");
            seen = pushed;
        }
    }
    assert!(recording.segments() > 2 && seen > 250, "{} {seen}", recording.segments());
}

#[test]
fn a_removed_segment_takes_no_number_with_it() {
    let mut made = Made::new("sim:small");
    let folder = Temporary::new("removed");
    let directory = crate::recording::Directory::open(&folder.0).expect("a folder");
    let settings = Settings { segment_bytes: 60_000, ..full() };
    let mut recorder =
        crate::recording::Recorder::new(Box::new(directory), settings).expect("a recorder");
    let mut live = Vec::new();
    for _ in 0..500 {
        live.push(made.tick());
        recorder.push(&live[live.len() - 1]);
    }
    let mut recording = Recording::open(&folder.0).expect("a recording");
    assert_eq!(recording.view().numbers(), 0..500);
    let mut names: Vec<_> = std::fs::read_dir(&folder.0)
        .expect("there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "retop"))
        .collect();
    names.sort();
    std::fs::remove_file(&names[0]).expect("removed");
    assert!(recording.refresh());
    let view = recording.view();
    let numbers = view.numbers();
    assert!(numbers.start > 0 && numbers.end == 500, "{numbers:?}");
    let at = numbers.start + 3;
    let moment = view.moment(at).expect("there");
    assert_eq!(moment.stamp(), live[at as usize].stamp());
}

#[test]
fn two_writers_and_two_machines_are_refused() {
    let folder = Temporary::new("two");
    let first = crate::recording::Directory::open(&folder.0).expect("free");
    let second = crate::recording::Directory::open(&folder.0).expect_err("taken");
    assert!(second.to_string().contains("another retop records here"), "{second}");
    drop(first);
    crate::recording::Directory::open(&folder.0).expect("free again");
    let empty = Recording::open(&folder.0).expect_err("nothing in it");
    assert!(empty.to_string().contains("retop record DIR"), "{empty}");
    for host in ["a", "b"] {
        let name = crate::recording::SegmentName::new(host, "1", 0, 1).to_string();
        std::fs::write(folder.0.join(name), b"").expect("written");
    }
    let both = Recording::open(&folder.0).expect_err("two machines");
    assert!(both.to_string().contains("several machines at once (a, b)"), "{both}");
}

/// What a program that asks for JSON or a scrape is given.
fn pages(moment: &Snapshot) -> (String, String) {
    let options = crate::export::json::Options {
        processes: crate::export::Limit::All,
        arguments: Arguments::Redacted,
        ..Default::default()
    };
    let view = crate::export::json::JsonView { snapshot: moment, options };
    let json = serde_json::to_string(&view).expect("JSON");
    let mut scrape = String::new();
    let series = crate::export::prometheus::Options {
        cores: true,
        cgroups: true,
        idle_states: true,
        interrupts: true,
        sources: true,
        names: crate::export::names::Names::Retop,
    };
    let format = crate::export::prometheus::Format::OpenMetrics;
    crate::export::prometheus::write(&mut scrape, format, moment, None, series);
    (json, scrape)
}

fn assert_same_pages(disk: &Disk, live: &[(String, String)]) {
    let recording = Recording::of_bytes("x", disk.bytes(&disk.names()[0])).expect("a recording");
    let moments = recording.moments(i64::MIN, i64::MAX).map(|moment| moment.expect("whole"));
    let mut count = 0;
    for (moment, live) in moments.zip(live) {
        assert!(&pages(&moment) == live, "{:?}", moment.stamp());
        count += 1;
    }
    assert_eq!(count, live.len());
}

#[test]
fn replayed_json_and_scrapes_are_those_of_then() {
    let mut made = Made::new("sim:web-incident");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let mut live = Vec::new();
    for second in 0..(KEY_INTERVAL + 40) {
        if second == 60 {
            made.clock.sleep(90_000);
        }
        let moment = made.tick();
        recorder.push(&moment);
        live.push(pages(&moment));
    }
    recorder.close();
    assert!(live.iter().any(|(json, _)| json.contains("\"alert\"")), "something fires");
    assert_same_pages(&disk, &live);
}

#[test]
fn replayed_json_and_scrapes_of_this_machine_are_those_of_then() {
    let machine = crate::open(None, crate::Roots::below(std::path::Path::new("/"))).expect("here");
    let mut ticker = crate::Ticker::live(machine, Arc::new(crate::RealClock));
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let mut live = Vec::new();
    for _ in 0..6 {
        let moment = ticker.tick();
        recorder.push(&moment);
        live.push(pages(&moment));
    }
    recorder.close();
    assert_same_pages(&disk, &live);
}

#[test]
fn a_history_in_memory_is_a_recording() {
    let mut made = Made::new("sim:web-incident");
    let mut history =
        crate::history::History::with_arguments(16 << 20, Arguments::Redacted).expect("a history");
    let mut live = Vec::new();
    for _ in 0..2 * KEY_INTERVAL + 50 {
        let moment = made.tick();
        history.push(&moment).expect("encoded");
        live.push(moment);
    }
    let view = history.view();
    for (walked, live) in view.moments().zip(&live) {
        assert!(pages(&walked) == pages(live), "{:?}", live.stamp());
    }
    assert_eq!(view.moments().count(), live.len());
    let segment = crate::recording::segment_of(&view, i64::MIN, 1_000, Arguments::Redacted);
    let recording = Recording::of_bytes("x", segment.expect("samples")).expect("a recording");
    let header = recording.header().expect("whole");
    assert_eq!((header.interval_ms, header.arguments), (1_000, Arguments::Redacted));
    for (moment, live) in recording.moments(i64::MIN, i64::MAX).zip(&live) {
        assert!(pages(&moment.expect("whole")) == pages(live), "{:?}", live.stamp());
    }
    assert_eq!(recording.view().len(), live.len());
    // The newest part, by whole key intervals.
    let from = live[KEY_INTERVAL + 3].stamp().wall_ms;
    let segment = crate::recording::segment_of(&view, from, 1_000, Arguments::Redacted);
    let part = Recording::of_bytes("x", segment.expect("samples")).expect("a recording");
    assert_eq!(part.view().len(), live.len() - KEY_INTERVAL);
    let empty = crate::history::History::new(16 << 20).expect("a history").view();
    assert_eq!(crate::recording::segment_of(&empty, i64::MIN, 1_000, Arguments::None), None);
}

/// As somebody sees it who fetches again and again what a running retop has.
#[test]
fn a_history_in_memory_is_followed() {
    let mut made = Made::new("sim:web-incident");
    let mut history =
        crate::history::History::with_arguments(16 << 20, Arguments::Full).expect("a history");
    let mut live = Vec::new();
    let mut on = |history: &mut crate::history::History, live: &mut Vec<_>, samples| {
        for _ in 0..samples {
            let moment = made.tick();
            history.push(&moment).expect("encoded");
            live.push(moment);
        }
    };
    let fetched = |history: &crate::history::History, from_ms| {
        let bytes = crate::recording::segment_of(&history.view(), from_ms, 1_000, Arguments::Full);
        Recording::of_bytes("x", bytes.expect("samples")).expect("a recording")
    };
    on(&mut history, &mut live, 70);
    let mut replay = Replay::open(fetched(&history, i64::MIN)).expect("samples");
    for samples in [1, 30, 60, 0, 300, 5, 200] {
        on(&mut history, &mut live, samples);
        let from_ms = replay.recording().newest_key_ms().expect("a key frame");
        assert_eq!(replay.append(&fetched(&history, from_ms)), samples > 0);
        let view = replay.view();
        assert_eq!(view.numbers(), 0..live.len() as u64);
        for (number, live) in live.iter().enumerate().rev().step_by(23) {
            let moment = view.moment(number as u64).expect("there");
            assert!(pages(&moment) == pages(live), "{number}");
        }
        assert!(pages(&replay.newest().expect("there")) == pages(live.last().expect("some")));
    }
    // Nobody wrote down what happened: the samples tell.
    let told = |log: &crate::history::Log| {
        log.iter().map(|e| (e.number, format!("{:?}", e.what))).collect::<Vec<_>>()
    };
    assert!(history.log().iter().count() > 0 && history.spikes().iter().count() > 0);
    assert_eq!(told(replay.log()), told(history.log()));
    let spikes =
        |spikes: &crate::history::Spikes| spikes.iter().map(|s| s.number).collect::<Vec<_>>();
    assert_eq!(spikes(replay.spikes()), spikes(history.spikes()));
    let samples: Result<Vec<_>, _> = replay.recording().samples(i64::MIN, i64::MAX).collect();
    assert_eq!(samples.map(|samples| samples.len()), Ok(live.len()));
    // A retop that was started anew has nothing of what is known: it comes behind.
    let mut other = crate::history::History::new(16 << 20).expect("a history");
    let (mut anew, before) = (Vec::new(), live.len());
    on(&mut other, &mut anew, 10);
    assert!(replay.append(&fetched(&other, replay.recording().newest_key_ms().expect("one"))));
    assert_eq!(replay.view().len(), before + 10);
}

#[test]
fn a_recording_that_is_begun_late_holds_what_was_before() {
    let mut made = Made::new("sim:small");
    let mut history = crate::history::History::new(16 << 20).expect("a history");
    for _ in 0..200 {
        history.push(&made.tick()).expect("encoded");
    }
    let disk = Disk::default();
    let past = Some(history.view());
    let folder = disk.clone();
    let open = Box::new(move || Ok(Box::new(folder) as Box<dyn crate::recording::Folder>));
    let live = crate::recording::Live::start(open, full(), past, None).expect("begun");
    for _ in 0..50 {
        live.push(&made.tick());
    }
    live.end().wait(std::time::Duration::from_secs(60));
    let recording = Recording::of_bytes("x", disk.bytes(&disk.names()[0])).expect("a recording");
    let times: Vec<i64> = recording
        .samples(i64::MIN, i64::MAX)
        .map(|sample| sample.expect("whole").stamp.wall_ms)
        .collect();
    let seconds: Vec<i64> = (1..=250).map(|second| 1_800_000_000_000 + second * 1_000).collect();
    assert_eq!(times, seconds);
}

#[test]
fn who_is_behind_an_alert_is_in_the_file_though_it_came_out_later() {
    let mut made = Made::new("sim:web-incident");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let mut log = crate::history::Log::default();
    let mut last: Option<Snapshot> = None;
    for second in 0..6 {
        let moment = made.tick();
        let mut table = RawTable::new(FamilyId::Alert);
        // Two of one rule: nobody is ever named of the first.
        for (key, subject) in [(1, "/srv"), (2, "/var")] {
            let named = key == 2 && second >= 4;
            table
                .push(Key(key, 0))
                .text(alert::alert, "DISK")
                .text(alert::severity, "warning")
                .text(alert::subject, subject)
                .text(alert::message, if named { "96% used, by dd (7)" } else { "96% used" })
                .text(alert::metric, "filesystem.used_ratio")
                .set(alert::culprit_pid, named.then_some(7));
        }
        let ns = moment.stamp().monotonic_ns;
        table.finish(Window { begin_ns: ns, end_ns: ns });
        let moment = (*moment).clone().with_table(last.as_ref(), table);
        log.push(second, &moment);
        recorder.push(&moment);
        last = Some(moment);
    }
    recorder.close();
    let folder = Temporary::new("named");
    let replay = Replay::open(disk.recording(&folder.0)).expect("readable");
    let fired = |log: &crate::history::Log| -> Vec<(u64, String, Option<u64>)> {
        let of = |entry: &Arc<Entry>| match &entry.what {
            What::Fired { alert, .. } if alert.name == "DISK" => {
                Some((entry.number, alert.message.clone(), alert.culprit_pid))
            }
            _ => None,
        };
        log.iter().filter_map(of).collect()
    };
    let wanted = [(0, "96% used".to_owned(), None), (0, "96% used, by dd (7)".to_owned(), Some(7))];
    assert_eq!(fired(&log), wanted);
    assert_eq!(fired(replay.log()), wanted);
    let named = replay.recording().events(i64::MIN, i64::MAX).expect("readable");
    let named: Vec<_> = named.iter().filter(|e| e.kind == EventKind::AlertNamed).collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].since_ms, Some(named[0].wall_ms - 4_000));
}

#[test]
fn what_happened_is_read_once_while_a_recording_is_followed() {
    let folder = Temporary::new("followed-events");
    let settings = Settings { segment_bytes: 40_000, ..full() };
    let directory = crate::recording::Directory::open(&folder.0).expect("free");
    let mut recorder = Recorder::new(Box::new(directory), settings).expect("a recorder");
    let mut made = Made::new("sim:web-incident");
    let mut on = |samples| (0..samples).for_each(|_| recorder.push(&made.tick()));
    on(300);
    let recording = Recording::open(&folder.0).expect("a recording");
    let mut replay = Replay::open(recording).expect("samples");
    let entries = |replay: &Replay| replay.log().iter().cloned().collect::<Vec<_>>();
    let spikes = |replay: &Replay| replay.spikes().iter().copied().collect::<Vec<_>>();
    let (before, spiked) = (entries(&replay), spikes(&replay));
    assert!(!before.is_empty() && !spiked.is_empty());
    let mut follower = replay.follower().expect("it can grow");
    assert!(follower.look().is_none(), "nothing came");
    // What was read is not read again: it is not there any more.
    let mut names: Vec<_> =
        std::fs::read_dir(&folder.0).expect("there").flatten().map(|entry| entry.path()).collect();
    names.retain(|path| path.extension().is_some());
    names.sort();
    names.pop();
    assert!(names.len() > 1);
    for path in &names {
        std::fs::File::options().write(true).open(path).expect("there").set_len(10).expect("cut");
    }
    let (mut grown, mut told) = (0, 0);
    for _ in 0..30 {
        on(10);
        let found = follower.look().expect("more");
        assert!(found.newest.is_some());
        grown += 1;
        told += usize::from(found.told());
        replay.take(found);
    }
    assert_eq!(entries(&replay)[..before.len()], before);
    assert_eq!(spikes(&replay)[..spiked.len()], spiked);
    assert_eq!(replay.view().numbers(), 0..600);
    assert!(entries(&replay).len() + spikes(&replay).len() > before.len() + spiked.len());
    assert!(told > 0 && told < grown, "{told} of {grown}: a log stays where nothing happened");
}
