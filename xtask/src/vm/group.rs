//! A memory hog in a control group with a limit, as it really happens, in a virtual machine: its
//! control groups have the controllers of version 2, which a container is not given.
//!
//! In `/web/worker` a process takes memory until `/web` is near its limit, stays there, and goes on
//! until the kernel kills it. Then one in `/batch` is slowed down for passing its high mark, so that
//! memory is waited for. retop tells of it as JSON and records it meanwhile; the recording stays in
//! `target/vm/group` to be looked at.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use retop_engine::history::{Past as _, What};
use retop_engine::recording::{Recording, Replay};
use serde_json::Value;

use super::{Parts, said};
use crate::must;

/// It takes two minutes here, of which the machine is busy for one.
const PATIENCE: Duration = Duration::from_secs(480);

const GROUP: &str = "/web";
const WORKER: &str = "/web/worker";

const SCRIPT: &str = "
$bb mount -t cgroup2 cgroup /sys/fs/cgroup
for name in awk sh; do $bb ln -s busybox /bin/$name; done
top=/sys/fs/cgroup
echo '+memory +pids' >$top/cgroup.subtree_control
$bb mkdir -p $top/web/worker $top/batch
echo '+memory +pids' >$top/web/cgroup.subtree_control
echo 64M >$top/web/memory.max
echo 8M >$top/batch/memory.high
export HOME=/tmp
/bin/retop record /tmp/recording --interval 2s --config /etc/retop.toml >/tmp/record.log 2>&1 &
record=$!
/bin/retop --json --interval 2s --config /etc/retop.toml >/tmp/json 2>/tmp/json.log &
json=$!
$bb sleep 6
(echo 0 >$top/web/worker/cgroup.procs; exec awk -f /etc/hog) &
hog=$!
echo hog $hog
wait $hog
echo ended $?
$bb cat $top/web/memory.events $top/web/memory.events.local $top/web/worker/memory.events.local
$bb grep oom_kill /proc/vmstat
$bb sleep 8
(echo 0 >$top/batch/cgroup.procs; exec awk -f /etc/hog) &
thrasher=$!
echo thrasher $thrasher
$bb sleep 30
$bb cat /proc/pressure/memory
$bb kill -9 $thrasher
$bb sleep 45
$bb kill -INT $record $json
wait $record; echo recorded $?
wait $json; echo told $?
$bb cat /tmp/record.log /tmp/json.log
cd /tmp
echo begin-files
$bb tar c recording json | $bb gzip | $bb base64
echo end-files
$bb poweroff -f
";

/// Takes memory until its group is near the limit, stays there, and goes on.
const HOG: &str = r#"function used(  bytes) {
    getline bytes < "/sys/fs/cgroup/web/memory.current"
    close("/sys/fs/cgroup/web/memory.current")
    return bytes
}
BEGIN {
    while (used() < 60 * 1048576 && i < 100) {
        held[i++] = sprintf("%1048576s", "")
        if (i % 4 == 3) system("/bin/busybox sleep 1")
    }
    system("/bin/busybox sleep 20")
    while (i < 400) held[i++] = sprintf("%1048576s", "")
}
"#;

const RULES: &str = "
[[alert]]
name = \"MINE\"
expr = \"cgroups.memory_bytes > 24M\"
for = \"2s\"
clear = \"20M\"
message = \"the worker of web leaks\"
";

/// Boots the machine and checks what retop said there.
pub fn run() -> Result<()> {
    let parts = Parts::gather()?;
    let image = parts.image("group", SCRIPT, &[("etc/hog", HOG), ("etc/retop.toml", RULES)])?;
    let log = parts.folder.join("group.log");
    let all = parts.boot(&image, &["-smp", "2"], &log, PATIENCE)?;
    check(&all, &parts.folder.join("group"))
        .with_context(|| format!("all that it said is in {}", log.display()))
}

fn check(all: &str, folder: &Path) -> Result<()> {
    for word in ["recorded ", "told "] {
        let status = said(all, word).context("no end of retop")?;
        ensure!(status == "0", "retop ended with {status}");
    }
    let pid = |word: &str| -> Result<u64> { Ok(said(all, word).context("no process")?.parse()?) };
    let (hog, thrasher) = (pid("hog ")?, pid("thrasher ")?);
    unpack(all, folder)?;
    let told = Told::read(&folder.join("json"))?;
    let by = |pid: u64| format!("by awk ({pid})");
    let victim = format!("probably awk ({hog})");
    for (rule, subject, part) in [
        ("MINE", WORKER, format!("{}: the worker of web leaks", by(hog))),
        ("CGROUP-MEM", GROUP, format!("of its memory limit, limit 90%, {}", by(hog))),
        ("CGROUP-OOM", GROUP, victim.clone()),
        ("OOM", "", victim),
        ("PSI-MEM", "memory", by(thrasher)),
    ] {
        told.check(rule, subject, &part)?;
    }
    for rule in ["CGROUP-MEM", "CGROUP-OOM"] {
        ensure!(told.of(rule, WORKER).next().is_none(), "{rule} of a group without a limit");
    }
    let last = told.0.last().context("no sample")?;
    ensure!(last.is_empty(), "still firing at the end: {last:?}");
    replayed(&folder.join("recording"), hog)?;
    println!("the hog, its group and its end are named, in JSON and in the recording");
    Ok(())
}

/// The files that the machine sent over its console.
fn unpack(all: &str, folder: &Path) -> Result<()> {
    let (_, files) = all.split_once("begin-files").context("no files")?;
    let (files, _) = files.split_once("end-files").context("half of the files")?;
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("files"), files.replace(['\r', '\n'], ""))?;
    let script = "base64 -d files | tar xz && rm files";
    must(Command::new("sh").args(["-ec", script]).current_dir(folder))
}

/// What fired in each sample: rule, subject, message.
struct Told(Vec<Vec<[String; 3]>>);

impl Told {
    fn read(path: &Path) -> Result<Told> {
        let lines = fs::read_to_string(path)?;
        let alerts = |line: &str| -> Result<Vec<[String; 3]>> {
            let sample: Value = serde_json::from_str(line)?;
            let rows = sample["alerts"].as_array().context("a sample without alerts")?;
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("").to_owned();
            let of = |row| ["alert", "subject", "message"].map(|name| text(row, name));
            Ok(rows.iter().map(of).collect())
        };
        Ok(Told(lines.lines().map(alerts).collect::<Result<_>>()?))
    }

    /// The samples in which it fires, with its message.
    fn of(&self, rule: &str, subject: &str) -> impl Iterator<Item = (usize, &str)> {
        let is_it = move |alert: &&[String; 3]| alert[0] == rule && alert[1] == subject;
        let samples = self.0.iter().enumerate();
        samples.filter_map(move |(at, alerts)| Some((at, alerts.iter().find(is_it)?[2].as_str())))
    }

    /// It fires, says so, and ends.
    fn check(&self, rule: &str, subject: &str, part: &str) -> Result<()> {
        let Some((first, _)) = self.of(rule, subject).next() else {
            bail!("{rule} {subject} never fired")
        };
        let Some((last, message)) = self.of(rule, subject).last() else { return Ok(()) };
        ensure!(message.contains(part), "{rule} {subject}: '{message}' and not '{part}'");
        ensure!(last + 1 < self.0.len(), "{rule} {subject} never ended");
        println!("samples {first:3} to {last:3}  {rule:10}  {message}");
        Ok(())
    }
}

/// The same of the recording: when it fired and that it ended, and one kill.
fn replayed(folder: &Path, hog: u64) -> Result<()> {
    let replay = Replay::open(Recording::open(folder)?)?;
    let log = replay.log();
    let fired = log.iter().find_map(|entry| match &entry.what {
        What::Fired { alert, ended } if alert.name == "CGROUP-MEM" => Some((alert, ended)),
        _ => None,
    });
    let (alert, ended) = fired.context("the recording does not know that it fired")?;
    ensure!(alert.subject == GROUP && alert.culprit_pid == Some(hog), "recorded: {alert:?}");
    ensure!(ended.is_some(), "the recording does not know that it ended");
    let kills: Vec<_> = log
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Killed { count, group, victim } => {
                Some((*count, group.as_str(), victim.as_deref()))
            }
            _ => None,
        })
        .collect();
    let name = format!("awk ({hog})");
    ensure!(kills == [(1, GROUP, Some(name.as_str()))], "recorded kills: {kills:?}");
    Ok(())
}
