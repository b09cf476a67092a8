//! `retop export` and `retop query` from outside, on recordings made without waiting.
#![allow(clippy::disallowed_methods, reason = "these tests run programs")]

mod outside;
mod recorded;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use outside::{Guest, outcome, retop, skip, until};
use recorded::BEGIN_MS;
use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::{Arguments, Limit};
use retop_engine::recording::Recording;
use retop_model::civil::Rfc3339;
use retop_model::family::{FAMILIES, cpu};
use retop_model::{FamilyId, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What a command printed; it must have done what it was asked.
fn done(args: &[&str]) -> String {
    let (status, out, err) = outcome(retop(args).env("TZ", "UTC"));
    assert_eq!(status, Some(0), "{args:?}: {err}");
    out
}

/// What a command said that did not.
fn refused(args: &[&str]) -> (i32, String) {
    let (status, out, err) = outcome(retop(args).env("TZ", "UTC"));
    assert_eq!((out.as_str(), err.lines().count()), ("", 1), "{args:?}: {out} {err}");
    (status.expect("a status"), err)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn ask(args: &[&str]) -> Value {
    serde_json::from_str(&done(args)).expect("JSON")
}

#[test]
fn lines_are_those_of_the_stream() {
    let (rec, moments) = recorded::of_sim("sim:small", "lines", 30);
    let written = done(&["export", text(&rec), "-", "--to", "ndjson"]);
    let lines = |options: Options<'_>| {
        let mut lines = Vec::new();
        for snapshot in &moments {
            JsonView { snapshot, options }.write_ndjson(&mut Vec::new(), &mut lines).expect("text");
        }
        String::from_utf8(lines).expect("UTF-8")
    };
    assert!(written == lines(Options::default()));
    let written = done(&[
        "export",
        text(&rec),
        "-",
        "--to",
        "ndjson",
        "--processes",
        "all",
        "--args",
        "full",
        "--tables",
        "processes,disk",
    ]);
    let families = Some(&[FamilyId::Process, FamilyId::Disk][..]);
    let (processes, arguments) = (Limit::All, Arguments::Full);
    assert!(written == lines(Options { families, processes, arguments, ..Options::default() }));
}

#[test]
fn a_window_is_cut_where_it_says() {
    let (rec, _) = recorded::of_sim("sim:small", "window", 120);
    let times = |args: &[&str]| -> Vec<String> {
        let args = [&["export", text(&rec), "-", "--to", "ndjson"], args].concat();
        let lines = done(&args);
        let time = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["time"].as_str().expect("a time").to_owned()
        };
        lines.lines().map(time).collect()
    };
    let at = |second: i64| Rfc3339(BEGIN_MS + 1_000 * second).to_string();
    let seconds = |range: std::ops::RangeInclusive<i64>| range.map(at).collect::<Vec<_>>();
    assert_eq!(times(&["--from", "14:06", "--until", "14:06:10"]), seconds(51..=61));
    assert_eq!(times(&["--from", "-5s"]), seconds(114..=119));
    assert_eq!(times(&["--until", "+5"]), seconds(0..=5));
    assert_eq!(times(&["--from", "2026-11-03T14:05:19+00:00", "--until", "+1s"]), seconds(10..=11));
    // One sample in each ten seconds of the clock, the first that there is.
    let every = [0, 1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101, 111].map(at);
    assert_eq!(times(&["--every", "10s"]), every);

    let (status, message) = refused(&["query", text(&rec), "--from", "2026-11-04"]);
    assert_eq!(status, 1);
    assert_eq!(
        message,
        "retop: nothing was recorded from 2026-11-04T00:00:00.000Z on; \
         there are samples from 2026-11-03T14:05:09.000Z to 2026-11-03T14:07:08.000Z\n",
    );
    let (status, message) = refused(&["query", text(&rec), "--from", "13:00", "--until", "13:01"]);
    assert_eq!(status, 1);
    assert!(message.starts_with("retop: nothing was recorded from 2026-11-03T13:00:00.000Z to"));
}

#[test]
fn tables_are_there_whole_and_for_every_family_that_was_read() {
    let (rec, moments) = recorded::of_sim("sim:web-incident", "tables", 40);
    let out = rec.with_file_name("out");
    let read: Vec<&str> = FAMILIES
        .iter()
        .filter(|family| moments.iter().any(|moment| moment.rows(family.id).len() > 0))
        .map(|family| family.key)
        .collect();
    assert!(read.len() > 15, "{read:?}");
    for (format, more) in [("parquet", &[][..]), ("csv", &["columns.csv"][..])] {
        let folder = out.join(format);
        fs::create_dir_all(&out).expect("writable");
        done(&["export", text(&rec), text(&folder), "--to", format]);
        let mut wanted: Vec<String> = read.iter().map(|key| format!("{key}.{format}")).collect();
        wanted.push(format!("events.{format}"));
        wanted.extend(more.iter().map(|&name| name.to_owned()));
        wanted.sort();
        assert_eq!(names(&folder), wanted);
        let (status, message) = refused(&["export", text(&rec), text(&folder), "--to", format]);
        assert_eq!(status, 1);
        assert!(message.ends_with("is there already; --force replaces it\n"), "{message}");
        done(&["export", text(&rec), text(&folder), "--to", format, "--force", "--tables", "cpu"]);
        assert!(!names(&folder).contains(&format!("processes.{format}")), "of an earlier export");
        let one = out.join(format!("one.{format}"));
        done(&["export", text(&rec), text(&one), "--tables", "process"]);
        assert!(fs::metadata(one).expect("a file").len() > 1_000);
    }
    let csv = fs::read_to_string(out.join("one.csv")).expect("text");
    assert!(csv.starts_with("time,host,boot,name,user,"), "{}", &csv[..80]);
    assert_eq!(
        csv.lines().count(),
        1 + moments.iter().map(|m| m.rows(FamilyId::Process).len()).sum::<usize>()
    );
    assert!(!csv.contains("command"), "arguments only where they are asked for");
    let events = out.join("events.csv");
    done(&["export", text(&rec), text(&events), "--tables", "events"]);
    let events = fs::read_to_string(events).expect("text");
    assert!(events.starts_with("time,host,event,name,subject,severity,message,value,limit,unit,"));
    assert!(events.contains(",web-01,started,"), "{events}");
    assert_eq!(names(&out), ["csv", "events.csv", "one.csv", "one.parquet", "parquet"]);
}

#[test]
fn a_part_that_is_sent_to_somebody_holds_the_same_moments() {
    let (rec, moments) = recorded::of_sim("sim:web-incident", "cut", 420);
    let out = rec.with_file_name("part.retop");
    done(&[
        "export",
        text(&rec),
        text(&out),
        "--from",
        "+350s",
        "--until",
        "+39s",
        "--args",
        "full",
    ]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&out).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let part = Recording::open(&out).expect("a recording");
    let read: Vec<Snapshot> =
        part.moments(i64::MIN, i64::MAX).map(|moment| moment.expect("sound")).collect();
    let wanted = &moments[350..=389];
    assert_eq!(read.len(), wanted.len());
    let line = |snapshot: &Snapshot| {
        let options =
            Options { processes: Limit::All, arguments: Arguments::Full, ..Options::default() };
        serde_json::to_string(&JsonView { snapshot, options }).expect("text")
    };
    for (read, wanted) in read.iter().zip(wanted) {
        // Rates too: what the first moment is compared with comes along.
        assert!(line(read) == line(wanted), "{}", Rfc3339(wanted.stamp().wall_ms));
    }
    assert!(fs::metadata(&out).expect("a file").len() < 400_000);
    // What happened points to the samples that show it, which have other numbers here.
    let events = part.events(i64::MIN, i64::MAX).expect("sound");
    assert!(!events.is_empty());
    for event in events {
        let Some(frame) = event.frame else { continue };
        let shown = &read[usize::try_from(frame).expect("one of these")];
        assert_eq!(shown.stamp().monotonic_ns, event.monotonic_ns, "{event:?}");
    }
    // Whoever gets it can ask it.
    let query = ask(&["query", text(&out), "--json"]);
    assert_eq!(query["samples"], 40);
    let without = rec.with_file_name("bare.retop");
    done(&["export", text(&rec), text(&without)]);
    let bare = Recording::open(&without).expect("a recording");
    let first = bare.moments(i64::MIN, i64::MAX).next().expect("one").expect("sound");
    let command = retop_model::family::process::command;
    assert!(first.rows(FamilyId::Process).all(|row| row.text(command).is_none()));
}

#[test]
fn several_recordings_are_one() {
    let (rec, moments) = recorded::of_sim("sim:small", "several", 60);
    let first = rec.with_file_name("first.retop");
    let second = rec.with_file_name("second.retop");
    done(&["export", text(&rec), text(&first), "--until", "+29s"]);
    done(&["export", text(&rec), text(&second), "--from", "+30s"]);
    let whole = ask(&["query", text(&rec), "--json"]);
    // In whatever order they are named.
    assert_eq!(ask(&["query", text(&second), text(&first), "--json"]), whole);
    assert_eq!(whole["samples"], moments.len());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line_and_leaves_nothing() {
    let (rec, _) = recorded::of_sim("sim:small", "refused", 3);
    let here = rec.parent().expect("a folder").to_owned();
    let (rec, out) = (text(&rec).to_owned(), text(&here.join("out")).to_owned());
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["export", &rec, &out],
            2,
            "in what format? add --to parquet, csv, ndjson, openmetrics or retop",
        ),
        (&["export", &rec], 2, "<REC>... is missing; retop --help lists the rest"),
        (&["query"], 2, "<REC>... is missing; retop --help lists the rest"),
        (&["export", &rec, &out, "--to", "xml"], 2, "--to: 'xml' is none of parquet, csv"),
        (
            &["export", &rec, &out, "--to", "csv", "--tables", "disc"],
            2,
            "no table is called 'disc'; there is 'disk'",
        ),
        (
            &["export", &rec, &out, "--to", "csv", "--from", "25:00"],
            2,
            "--from: '25:00' is no moment; write 14:01",
        ),
        (&["export", &rec, &out, "--to", "csv", "--every", "0"], 2, "--every: '0' is out of range"),
        (&["export", &rec, &out, "--to", "csv", "--filter", "cpu>"], 2, "--filter: 'cpu>': column"),
        (
            &["export", &rec, &out, "--to", "csv", "--series", "cores"],
            2,
            "--series means nothing for csv",
        ),
        (
            &["export", &rec, "-", "--to", "parquet"],
            2,
            "parquet needs a file or folder, not stdout",
        ),
        (&["export", &rec, "x.csv"], 2, "one file holds one table; add --tables processes"),
        (&["export", "/nonexistent", &out, "--to", "csv"], 1, "/nonexistent: no such file"),
        (&["export", &out, &out, "--to", "csv"], 1, "no such file"),
        (&["export", &rec, "/nonexistent/out", "--to", "csv"], 1, "/nonexistent/out: no such file"),
        (
            &["query", &rec, "--pid", "1", "--top", "io"],
            2,
            "--pid asks for one process; leave --top out",
        ),
        (&["query", &rec, "--pid", "4194303"], 1, "process 4194303 was not there in the window"),
        (&["query", &rec, "--top", "gpu"], 1, "what processes use of GPUs is not recorded"),
        (&["query", &rec, "--from", "-0s"], 1, "one sample in the window: a difference needs two"),
        (
            &["query", &rec, "--from", "14:06", "--until", "2026-11-03 14:05"],
            1,
            "--from comes before --until",
        ),
    ];
    for (args, status, wanted) in cases {
        let (found, message) = refused(args);
        assert!(message.to_lowercase().contains(&wanted.to_lowercase()), "{args:?}: {message}");
        assert_eq!(found, *status, "{args:?}: {message}");
    }
    assert_eq!(names(&here), ["rec"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_called_one() {
    let (rec, _) = recorded::of_sim("sim:small", "full", 3);
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut command = retop(&["export", text(&rec), "-", "--to", "ndjson"]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().expect("starts");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(
        (output.status.code(), &*err),
        (Some(1), "retop: -: the disk is full: nothing was written\n")
    );
}

#[test]
fn an_interrupted_export_leaves_nothing() {
    let (rec, _) = recorded::of_sim("sim:server-512", "interrupted", 120);
    let here = rec.parent().expect("a folder").to_owned();
    let out = here.join("out");
    // Of some trials one has to be caught at work: how long it takes is the machine's affair.
    let caught = (0..20).any(|_| {
        let mut command = retop(&["export", text(&rec), text(&out), "--to", "csv"]);
        let mut guest = Guest(command.stderr(Stdio::piped()).spawn().expect("starts"));
        let pid = Pid::from_child(&guest.0);
        let begun = until("something is written or done", || {
            let partial = out.join(format!(".{}.partial/processes.csv", guest.0.id()));
            let size = fs::metadata(partial).map_or(0, |found| found.len());
            (size > 0 || guest.0.try_wait().expect("a child").is_some()).then_some(size > 0)
        });
        if begun {
            let _ = kill_process(pid, Signal::INT);
        }
        let status = guest.0.wait().expect("its end");
        let mut err = String::new();
        let mut stderr = guest.0.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut stderr, &mut err).expect("UTF-8");
        if status.success() {
            fs::remove_dir_all(&out).expect("whole");
            return false;
        }
        assert_eq!((status.code(), &*err), (Some(1), "retop: broken off: nothing was written\n"));
        true
    });
    assert!(caught, "no export was slow enough to be interrupted");
    assert_eq!(names(&here), ["rec"]);
}

#[test]
fn series_are_taken_by_the_server_they_are_for() {
    let (rec, moments) = recorded::of_sim("sim:web-incident", "series", 300);
    let file = rec.with_file_name("day.om");
    done(&[
        "export",
        text(&rec),
        text(&file),
        "--series",
        "cores",
        "--process-groups",
        "auto",
        "--every",
        "5s",
    ]);
    if Command::new("promtool").arg("--version").output().is_err() {
        return skip("promtool is not here");
    }
    let blocks = rec.with_file_name("blocks");
    let promtool = |args: &[&str]| {
        let output = Command::new("promtool").args(args).output().expect("starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{args:?}: {out}{err}");
        out
    };
    promtool(&["tsdb", "create-blocks-from", "openmetrics", text(&file), text(&blocks)]);
    // A server makes its log in the folder; reading alone wants it to be there.
    fs::create_dir(blocks.join("wal")).expect("writable");
    let out = promtool(&[
        "tsdb",
        "dump",
        "--match",
        "{__name__=\"retop_cpu_utilization_ratio\"}",
        text(&blocks),
    ]);
    // `{labels} value milliseconds`
    let found: Vec<(f64, i64)> = out
        .lines()
        .map(|line| {
            let mut words = line.rsplit(' ');
            let ms = words.next().expect("a time").parse().expect("milliseconds");
            (words.next().expect("a value").parse().expect("a number"), ms)
        })
        .collect();
    let mut last = None;
    let wanted: Vec<(f64, i64)> = moments
        .iter()
        .map(|moment| (moment.one(cpu::utilization_ratio), moment.stamp().wall_ms))
        .filter(|(_, ms)| last.replace(ms / 5_000) != Some(ms / 5_000))
        .filter_map(|(value, ms)| Some((value?, ms)))
        .collect();
    assert!(wanted.len() > 50);
    assert_eq!(found, wanted);
    assert!(out.contains("instance=\"web-01\"") && out.contains("job=\"retop\""), "{out}");

    let (rec, _) = recorded::of_sim("sim:hostile", "series-hostile", 30);
    let (file, blocks) = (rec.with_file_name("day.om"), rec.with_file_name("blocks"));
    done(&["export", text(&rec), text(&file), "--series", "cgroups", "--process-groups", "auto"]);
    promtool(&["tsdb", "create-blocks-from", "openmetrics", text(&file), text(&blocks)]);
}

#[test]
fn the_answer_is_a_page_for_people() {
    let (rec, _) = recorded::of_sim("sim:web-incident", "answer", 300);
    let page = done(&["query", text(&rec), "-n", "3"]);
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "2026-11-03 14:05:09 to 2026-11-03 14:10:08: 4m59s, 300 samples");
    let head = lines.iter().position(|line| line.trim_start().starts_with("CPU s")).expect("heads");
    let body = &lines[head + 1..];
    assert_eq!(body.len(), 4, "three and the sum: {page}");
    assert!(body[3].contains("all together, ") && body[3].ends_with(" more among them"), "{page}");
    let cpu: Vec<f64> = body[..3]
        .iter()
        .map(|line| line.split_whitespace().next().expect("a number").parse().expect("a number"))
        .collect();
    assert!(cpu.is_sorted_by(|a, b| a >= b), "{page}");
    assert!(lines.iter().all(|line| line.chars().count() <= 110), "{page}");

    let json = ask(&["query", text(&rec), "--json", "--by", "user"]);
    let sum = |key: &str| -> f64 {
        json["lines"].as_array().expect("lines").iter().filter_map(|line| line[key].as_f64()).sum()
    };
    let total = json["total"]["cpu_seconds"].as_f64().expect("a number");
    assert!((sum("cpu_seconds") - total).abs() < 1e-6);

    let pid = ask(&["query", text(&rec), "--json", "--by", "pid", "-n", "1"])["lines"][0].clone();
    let number = pid["pid"].to_string();
    let page = done(&["query", text(&rec), "--pid", &number]);
    assert!(
        page.contains(&format!("\nprocess {number} {}", pid["name"].as_str().expect("a name")))
    );
    assert!(page.contains("still there at the end\n"), "{page}");
    assert_eq!(page.lines().filter(|line| line.starts_with("2026-11-03 14:")).count(), 1 + 20);
    let one = ask(&["query", text(&rec), "--pid", &number, "--json"]);
    assert_eq!(one["from"], "2026-11-03T14:05:09.000Z");
    assert_eq!(one["lives"][0]["slices"][0]["from"], one["from"]);
    assert_eq!(one["lines"][0]["cpu_seconds"], pid["cpu_seconds"]);
}

#[test]
fn zones_move_what_is_written_without_one() {
    let (rec, _) = recorded::of_sim("sim:small", "zones", 120);
    let (status, out, err) = outcome(
        retop(&["query", text(&rec), "--from", "23:06", "--until", "23:06:10"]).env("TZ", "XYZ-9"),
    );
    assert_eq!((status, &*err), (Some(0), ""));
    assert!(out.starts_with("2026-11-03 23:06:00 to 2026-11-03 23:06:10: "), "{out}");
}

#[test]
fn forecasts_are_held_against_what_happened() {
    let (rec, _) = recorded::of_sim("sim:linux-h100", "score", 700);
    let json = ask(&["replay", text(&rec), "--score", "--json"]);
    // A leak beside a training fills a device: each level is told once, of both, and comes true.
    for (place, (level, lead)) in
        [("watch", 300.0), ("warning", 240.0), ("critical", 55.0)].into_iter().enumerate()
    {
        let sum = &json["levels"][place];
        let counts = ["warnings", "full", "false_alarms", "not_seen"];
        assert_eq!(
            counts.map(|count| sum[count].as_u64().expect("a count")),
            [2, 2, 0, 0],
            "{sum}"
        );
        assert_eq!((&sum["level"], &sum["within"]), (&level.into(), &2.into()), "{json}");
        assert!(sum["least_lead_seconds"].as_f64().expect("a lead") >= lead, "{sum}");
    }
    assert_eq!(json["ends"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(json["samples"], 700);
    let page = done(&["replay", text(&rec), "--score"]);
    for part in ["embedder (321) on GPU 1", "GPU 1 was full; watch ", "FALSE ALARMS"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(page.lines().all(|line| line.chars().count() <= 110), "{page}");
    // A part of it in which nothing ended, and what has no forecasts.
    let part = done(&["replay", text(&rec), "--score", "--at", "-30s"]);
    assert!(part.contains("31 samples") && !part.contains("embedder (321)  "), "{part}");
    let (none, _) = recorded::of_sim("sim:small", "no-score", 3);
    let (status, err) = refused(&["replay", text(&none), "--score"]);
    assert!(status == 1 && err.contains("forecasts of GPU memory are not recorded"), "{err}");
    for (args, said) in [
        (&["--json"][..], "retop --json --source replay:"),
        (&["--score", "--speed", "4"], "leave it out"),
    ] {
        let (status, err) = refused(&[&["replay", text(&rec)], args].concat());
        assert!(status == 2 && err.contains(said), "{err}");
    }
}
