use std::sync::Arc;

use retop_model::family::gpu_forecast::{CRITICAL, NO_LEVEL, RAMP, WARNING, WATCH};
use retop_model::{RawSample, derive};

use super::*;
use crate::export::made;

const GIB: i64 = 1 << 30;

/// What stands in a forecast: the level, and earliest, middle and latest in seconds.
type Told = (i64, Option<[i64; 3]>);

/// One second: GiB free of 100 of the device, its shape, victims; what is told of it and of a process.
struct Second {
    free: i64,
    shape: i64,
    victims: i64,
    device: Told,
    process: Option<Told>,
}

const NOTHING: Told = (NO_LEVEL, None);

impl Second {
    fn calm() -> Second {
        Second { free: 50, shape: RAMP, victims: 0, device: NOTHING, process: Some(NOTHING) }
    }

    fn sample(&self, second: u64) -> RawSample {
        let device = gpu_process::device_key(b"GPU-a");
        let process = gpu_process::key(7, Some(1), device);
        let mut sample = RawSample::new(made::stamp(second));
        sample.put(made::table(FamilyId::Gpu, second, |t| {
            t.push(device)
                .text(gpu::uuid, "GPU-a")
                .set(gpu::index, 3)
                .set(gpu::memory_total_bytes, 100 * GIB)
                .set(gpu::memory_free_bytes, self.free * GIB);
        }));
        sample.put(made::table(FamilyId::GpuProcess, second, |t| {
            t.push(process).text(gpu_process::uuid, "GPU-a").text(gpu_process::name, "leak");
        }));
        sample.put(made::table(FamilyId::GpuForecast, second, |t| {
            let rows = [(device, Some(self.device), None), (process, self.process, Some(7))];
            for (key, told, pid) in rows {
                let Some((level, band)) = told else { continue };
                let part = |place: usize| band.map(|band| band[place] * 1_000);
                let mut row = t.push(key);
                row.text(gpu_forecast::uuid, "GPU-a")
                    .set(gpu_forecast::pid, pid)
                    .set(gpu_forecast::level, level)
                    .set(gpu_forecast::shape, self.shape)
                    .set(gpu_forecast::earliest_seconds, part(0))
                    .set(gpu_forecast::full_seconds, part(1))
                    .set(gpu_forecast::latest_seconds, part(2));
                if pid.is_none() {
                    row.set(gpu_forecast::victims, self.victims)
                        .text(gpu_forecast::victim, "leak")
                        .set(gpu_forecast::victim_pid, 7);
                }
            }
        }));
        sample
    }
}

/// Plays so many seconds, each as `change` makes it of a calm one.
fn play(seconds: u64, change: impl Fn(u64, &mut Second)) -> Score {
    let mut scores = Scores::default();
    let mut last = None;
    for second in 0..seconds {
        let mut now = Second::calm();
        change(second, &mut now);
        let moment = derive(last.as_ref(), Arc::new(now.sample(second)));
        scores.push(&moment);
        last = Some(moment);
    }
    scores.finish()
}

/// A critical warning at second 100 that tells 60 s, between 50 and 70.
fn warned(second: u64, now: &mut Second) {
    if (100..200).contains(&second) {
        now.process = Some((CRITICAL, Some([50, 60, 70])));
    }
}

#[test]
fn what_became_of_a_warning() {
    // Seconds that are played, when memory is full and when the process goes.
    let cases = [
        ("full in time", 300, Some(158), None, Outcome::Full, Some(true)),
        ("full sooner than was told", 300, Some(130), None, Outcome::Full, Some(false)),
        ("full at the end of patience", 300, Some(280), None, Outcome::Full, Some(false)),
        ("full too late", 400, Some(281), None, Outcome::FalseAlarm, None),
        ("never full", 400, None, None, Outcome::FalseAlarm, None),
        ("the recording ends", 279, None, None, Outcome::NotSeen, None),
        ("somebody ends the process", 400, None, Some(150), Outcome::NotSeen, None),
    ];
    for (name, seconds, full, gone, outcome, within) in cases {
        let score = play(seconds, |second, now| {
            warned(second, now);
            if full.is_some_and(|full| second == full) {
                now.free = 1;
            }
            if gone.is_some_and(|gone| second >= gone) {
                now.process = None;
            }
        });
        let of = |level: &str| score.warnings.iter().filter(|w| w.level == level).count();
        assert_eq!((of("watch"), of("warning"), of("critical")), (1, 1, 1), "{name}");
        let critical = score.warnings.iter().find(|w| w.level == "critical").expect("one");
        assert_eq!((critical.outcome, critical.within), (outcome, within), "{name}");
        assert_eq!((critical.pid, critical.name.as_deref()), (Some(7), Some("leak")), "{name}");
        let lead = full.filter(|_| outcome == Outcome::Full).map(|full| full as f64 - 100.0);
        assert_eq!(critical.lead_seconds, lead, "{name}");
        assert_eq!(score.ends.len(), usize::from(full.is_some()), "{name}");
        let sum = &score.levels[2];
        assert_eq!(sum.warnings, sum.full + sum.false_alarms + sum.not_seen, "{name}");
    }
}

#[test]
fn an_end_is_where_least_was_free_and_knows_who_went() {
    // Peaks of what goes up and down, the last of which does not fit.
    let peaks = [(120, 2), (120, 1), (140, 1), (160, 0)];
    let score = play(400, |second, now| {
        warned(second, now);
        for (at, free) in peaks {
            if second == at {
                now.free = free;
            }
        }
        now.victims = i64::from(second >= 161);
    });
    let [end] = &score.ends[..] else { panic!("one end: {:?}", score.ends) };
    assert_eq!(
        (end.victim.as_deref(), end.victim_pid, end.index),
        (Some("leak"), Some(7), Some(3))
    );
    assert_eq!(end.warned_seconds, [Some(60.0); 3]);

    // Who took nearly all at the start and keeps it is no end, and an end may come unannounced.
    let flat = play(100, |_, now| (now.free, now.shape) = (1, PREALLOCATED));
    assert_eq!((flat.ends.len(), flat.warnings.len()), (0, 0));
    let sudden = play(100, |second, now| now.free = if second == 50 { 1 } else { 50 });
    assert_eq!(sudden.ends[0].warned_seconds, [None; 3]);
    assert_eq!(sudden.ends[0].victim, None);
}

#[test]
fn a_warning_of_the_device_is_not_false_if_who_grew_was_ended() {
    let device = |ended: bool| {
        let score = play(400, |second, now| {
            warned(second, now);
            now.device = now.process.unwrap_or(NOTHING);
            if ended && second >= 150 {
                (now.process, now.device) = (None, NOTHING);
            }
        });
        let mut own = score.warnings.into_iter().filter(|w| w.pid.is_none());
        own.rfind(|w| w.level == "critical").map(|w| w.outcome)
    };
    assert_eq!(device(false), Some(Outcome::FalseAlarm));
    assert_eq!(device(true), Some(Outcome::NotSeen));
}

#[test]
fn levels_stand_for_themselves_and_may_come_again() {
    let score = play(400, |second, now| {
        let level = match second {
            10..20 => WATCH,
            20..30 => WARNING,
            40..50 => WATCH,
            _ => NO_LEVEL,
        };
        now.process = Some((level, (level != NO_LEVEL).then_some([1, 2, 3])));
    });
    let seen: Vec<(&str, f64)> =
        score.warnings.iter().map(|w| (w.level, w.stood_seconds)).collect();
    assert_eq!(seen, [("watch", 19.0), ("warning", 9.0), ("watch", 9.0)]);
}

#[test]
fn a_page_of_it() {
    let score = play(400, |second, now| {
        warned(second, now);
        now.free = if second == 158 || second == 390 { 1 } else { 50 };
        now.victims = i64::from(second >= 159);
        if second >= 159 {
            now.process = None;
        }
    });
    let mut page = String::new();
    report::write(&mut page, &score, &|_| 0).expect("a text");
    for line in [
        "2026-11-03 14:06:49  critical  1m00s (50s to 1m10s)        58s  within the band    leak (7) on GPU 3",
        "2026-11-03 14:07:47  GPU 3 was full; leak (7) ended; watch 58s, warning 58s, critical 58s before",
        "2026-11-03 14:11:39  GPU 3 was full; not warned of",
        "LEVEL     WARNINGS  CAME TRUE  IN THE BAND  FALSE ALARMS  NOT SEEN TO END  LEAST LEAD  MEDIAN LEAD",
        "critical         1          1             1             0                0         58s          58s",
    ] {
        assert!(line.chars().count() <= 110, "{line}");
        assert!(page.lines().any(|known| known == line), "{line}\n{page}");
    }
    let json = serde_json::to_value(&score).expect("JSON");
    assert_eq!(json["warnings"][2]["outcome"], "full");
    assert_eq!(json["ends"][0]["at"], "2026-11-03T14:07:47.250Z");
    let mut empty = String::new();
    report::write(&mut empty, &Scores::default().finish(), &|_| 0).expect("a text");
    assert!(empty.contains("no device was full"), "{empty}");
}
