//! Faults of graphics processors: what each of them must leave true, and the page that lists them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use retop_model::family::source::{ABSENT, ASLEEP, DENIED, FAILING};
use retop_model::family::{gpu, gpu_process};
use retop_model::{FamilyId, Field, Snapshot};

use crate::source::{Problem, Report};

/// The numbers of each row, by what the row is of.
pub type Numbers = BTreeMap<Of, BTreeMap<&'static str, f64>>;

/// A device, or a process on it; 0 is what nobody is known to hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Of {
    pub device: String,
    pub pid: Option<u64>,
}

/// The numbers of all devices and of all processes on them.
pub fn numbers(snapshot: &Snapshot) -> Numbers {
    let mut all = Numbers::new();
    let mut add = |family: FamilyId, row: retop_model::Row<'_>, of: Of| {
        let number = |field: Field| Some((field.name(), row.get(field)?));
        all.insert(of, family.get().fields().filter_map(number).collect());
    };
    for row in snapshot.rows(FamilyId::Gpu) {
        add(FamilyId::Gpu, row, Of { device: row.shown(gpu::uuid).to_owned(), pid: None });
    }
    for row in snapshot.rows(FamilyId::GpuProcess) {
        let device = row.shown(gpu_process::uuid).to_owned();
        add(FamilyId::GpuProcess, row, Of { device, pid: Some(row.key().0) });
    }
    all
}

/// What a fault may do.
pub struct Rule<'a> {
    /// Devices that it strikes: of them numbers may be missing.
    pub struck: &'a [&'a str],
    /// Numbers that are true with it and others without it, such as the state of the device.
    pub told: &'a [&'a str],
    /// Numbers that may be missing of its neighbours too.
    pub shared: &'a [&'a str],
}

/// Where a device stands among those that are there is no number of its own.
const PLACE: &str = "index";

/// Compares with the same moment without the fault: how many numbers are missing.
///
/// # Panics
///
/// If a number is another one, or one of a neighbour is missing.
pub fn judge(whole: &Numbers, now: &Numbers, rule: &Rule<'_>, when: &str) -> usize {
    let mut missing = 0;
    for (of, before) in whole {
        let is_struck = rule.struck.contains(&of.device.as_str());
        // What is left over grows as processes are not known of.
        if is_struck && of.pid == Some(0) {
            continue;
        }
        for (&name, &before) in before {
            let now = now.get(of).and_then(|row| row.get(name)).copied();
            let may_miss = is_struck || rule.shared.contains(&name);
            match now {
                None if may_miss || name == PLACE => missing += usize::from(name != PLACE),
                None => panic!("{when}: {of:?} {name} is missing, which was {before}"),
                Some(now) => {
                    let is_same = (now - before).abs() <= 1e-6 * before.abs().max(1e-6);
                    let is_told = is_struck && rule.told.contains(&name) || name == PLACE;
                    assert!(is_same || is_told, "{when}: {of:?} {name} is {now}, not {before}");
                }
            }
        }
    }
    for of in now.keys() {
        let is_struck = rule.struck.contains(&of.device.as_str());
        assert!(whole.contains_key(of) || is_struck, "{when}: {of:?} came from nowhere");
    }
    missing
}

/// More numbers than that: how many there are at all changes with each metric.
pub const MANY: usize = usize::MAX;

/// How much that is, of that many devices.
pub fn share(missing: usize, devices: &str) -> String {
    match missing {
        0 => "nothing".to_owned(),
        1 => format!("one number of {devices}"),
        2..12 => format!("some numbers of {devices}"),
        _ => format!("many numbers of {devices}"),
    }
}

/// A line of the page.
pub struct Line {
    pub fault: String,
    pub said: String,
    pub missing: String,
}

/// What is said of a read, without the paths of the test.
pub fn said(result: &Result<(), Problem>, reports: &[Report], base: &str) -> String {
    let problems = reports.iter().filter_map(|report| report.problem.as_ref());
    let all: Vec<String> = result.as_ref().err().into_iter().chain(problems).map(words).collect();
    all.join("<br>").replace(base, "")
}

fn words(problem: &Problem) -> String {
    let state = match problem.state {
        DENIED => "denied",
        FAILING => "failing",
        ABSENT => "absent",
        ASLEEP => "asleep",
        _ => "?",
    };
    match &problem.hint {
        Some(hint) => format!("{state}: {}; try: {hint}", problem.reason),
        None => format!("{state}: {}", problem.reason),
    }
}

/// Tests that the page names are there.
#[test]
fn the_page_names_tests_that_are_there() {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("docs/gpu-faults.md")).expect("a page");
    let mut named = 0;
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, _, file, test, _] = cells[..] else { continue };
        if !file.starts_with("crates/") {
            continue;
        }
        let text = std::fs::read_to_string(top.join(file)).unwrap_or_else(|_| panic!("{file}"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no {test}");
        named += 1;
    }
    assert!(named > 10, "{named}");
}

/// The part of the page between the marks of that name has these lines, or gets them under `BLESS`.
///
/// # Panics
///
/// If it has others.
#[allow(clippy::disallowed_methods, reason = "a test")]
pub fn check_page(part: &str, lines: &[Line]) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/gpu-faults.md");
    let page = std::fs::read_to_string(&path).expect("a page");
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->"));
    let from = page.find(&begin).expect("a mark") + begin.len();
    let until = page.find(&end).expect("a mark");
    let mut text = String::from("\n| fault | said | missing |\n|---|---|---|\n");
    for Line { fault, said, missing } in lines {
        let said = if said.is_empty() { "–" } else { said };
        let _ = writeln!(text, "| {fault} | {} | {missing} |", said.replace('|', "\\|"));
    }
    text.push('\n');
    let wanted = format!("{}{text}{}", &page[..from], &page[until..]);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, wanted).expect("written");
    } else {
        assert!(
            page == wanted,
            "docs/gpu-faults.md is not what happens: cargo xtask bless\n{text}"
        );
    }
}
