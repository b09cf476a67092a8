//! The page is read back by a parser that forgives nothing, and by the server's own tool.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;

use proptest::prelude::*;
use retop_model::Key;
use retop_model::family::{alert, disk, memory};

use super::*;
use crate::export::groups::{GroupRules, Groups};
use crate::export::made;

const EVERYTHING: Options = Options {
    cores: true,
    idle_states: true,
    interrupts: true,
    cgroups: true,
    sources: true,
    names: Names::Dcgm,
};

fn page(format: Format, snapshot: &Snapshot, options: Options) -> String {
    let mut out = String::new();
    write(&mut out, format, snapshot, None, options);
    out
}

type Pairs = Vec<(String, String)>;

/// A series as it was read back.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: Pairs,
    value: f64,
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads `name="value",…}` and gives what follows the brace.
fn read_labels(mut rest: &str) -> Result<(Pairs, &str), String> {
    let mut labels = Pairs::new();
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("no value")?;
        if !is_name(name) || labels.iter().any(|(known, _)| known == name) {
            return Err(format!("label name {name:?}"));
        }
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or("open quote")? {
                (place, '"') => break place,
                (_, '\\') => value.push(match chars.next().ok_or("open escape")?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => return Err(format!("escape {c:?}")),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        match rest.split_at_checked(1) {
            Some((",", more)) => rest = more,
            Some(("}", more)) => return Ok((labels, more)),
            _ => return Err(format!("after a label: {rest:?}")),
        }
    }
}

/// Reads a page and checks what the formats demand.
fn parse(format: Format, text: &str) -> Result<Vec<Sample>, String> {
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut helped = HashSet::new();
    let mut ended: HashSet<&str> = HashSet::new();
    let mut present = "";
    let mut seen = HashSet::new();
    let mut samples = Vec::new();
    let body = match format {
        Format::Text => text,
        Format::OpenMetrics => text.strip_suffix("# EOF\n").ok_or("no end mark")?,
    };
    for line in body.split_terminator('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next())
            else {
                return Err(format!("comment {line:?}"));
            };
            if name != present {
                if !ended.insert(name) {
                    return Err(format!("{name} is in two places"));
                }
                present = name;
            }
            let once = match what {
                "HELP" => helped.insert(name) && !rest.trim().is_empty(),
                "TYPE" => types.insert(name, rest).is_none(),
                "UNIT" => format == Format::OpenMetrics && name.ends_with(&format!("_{rest}")),
                _ => false,
            };
            if !once {
                return Err(format!("{line:?}"));
            }
            continue;
        }
        let end = line.find(['{', ' ']).ok_or_else(|| format!("sample {line:?}"))?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (Vec::new(), rest),
        };
        let value: f64 = rest.trim_start().parse().map_err(|_| format!("value in {line:?}"))?;
        let kind = *types.get(present).ok_or_else(|| format!("no type for {line:?}"))?;
        let ending = match (format, kind) {
            (Format::OpenMetrics, "counter") => "_total",
            (Format::OpenMetrics, "info") => "_info",
            _ => "",
        };
        if format!("{present}{ending}") != name || !is_name(name) {
            return Err(format!("{name} stands under {present}"));
        }
        if (kind == "counter") != name.ends_with("_total") || !value.is_finite() {
            return Err(format!("{line:?} of type {kind}"));
        }
        let mut identity = labels.clone();
        identity.sort();
        if !seen.insert((name.to_owned(), identity)) {
            return Err(format!("{line:?} twice"));
        }
        samples.push(Sample { name: name.to_owned(), labels, value });
    }
    Ok(samples)
}

fn value(samples: &[Sample], name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let matches = |sample: &&Sample| {
        sample.name == name
            && label.is_none_or(|(key, value)| {
                sample.labels.iter().any(|(k, v)| (k.as_str(), v.as_str()) == (key, value))
            })
    };
    samples.iter().find(matches).map(|sample| sample.value)
}

#[test]
fn values_names_and_labels() {
    let snapshot = made::small_machine();
    let samples = parse(Format::Text, &page(Format::Text, &snapshot, EVERYTHING)).unwrap();
    for (name, label, expected) in [
        ("retop_disk_read_bytes_total", Some(("device", "vda")), Some(10_004_096.0)),
        ("retop_disk_read_time_seconds_total", Some(("device", "vda")), Some(1.5)),
        ("retop_cpu_seconds_total", Some(("mode", "user")), Some(2.0)),
        ("retop_core_seconds_total", Some(("core", "0")), Some(2.0)),
        ("retop_load_average", Some(("period", "15m")), Some(5.0)),
        ("retop_pressure_waiting_seconds_total", Some(("resource", "io")), Some(2.0)),
        ("retop_filesystem_size_bytes", Some(("fstype", "ext4")), Some(42_949_672_960.0)),
        ("retop_source_up", Some(("source", "cpu")), Some(1.0)),
        ("retop_source_up", Some(("source", "rapl")), Some(0.0)),
        ("retop_source_up", Some(("source", "batteries")), None),
        ("retop_source_read_seconds", Some(("source", "cpu")), Some(0.00025)),
        ("retop_sample_timestamp_seconds", None, Some(1_793_714_710.25)),
        ("retop_interval_seconds", None, Some(1.0)),
        ("retop_host_info", Some(("kernel", "6.12.0")), Some(1.0)),
        ("retop_build_info", Some(("version", "0.1.0")), Some(1.0)),
        ("process_open_fds", None, Some(5.0)),
        ("process_cpu_seconds_total", None, Some(2.0)),
        ("retop_self_cpu_seconds_total", None, None),
        ("retop_battery_charge_ratio", None, None),
    ] {
        assert_eq!(value(&samples, name, label), expected, "{name} {label:?}");
    }
    assert!(!samples.iter().any(|sample| sample.name.starts_with("retop_process_")));
}

#[test]
fn groups_stand_beside_the_machine() {
    let snapshot = made::small_machine();
    let grouped = Groups::new(GroupRules::auto()).advance(&snapshot);
    for format in [Format::Text, Format::OpenMetrics] {
        let mut text = String::new();
        write(&mut text, format, &snapshot, Some(&grouped), Options::default());
        let samples = parse(format, &text).unwrap();
        for (name, label, expected) in [
            ("retop_groups_dropped_total", None, 0.0),
            ("retop_group_processes", Some(("group", "idle")), 2.0),
            ("retop_group_processes", Some(("group", "other")), 0.0),
            ("retop_group_cpu_seconds_total", Some(("group", "worker")), 0.0),
        ] {
            assert_eq!(value(&samples, name, label), Some(expected), "{name} {label:?}");
        }
    }
}

#[test]
fn of_a_device_that_fills_up_the_device_is_told_and_processes_by_group() {
    let snapshot = made::filling_device();
    let grouped = Groups::new(GroupRules::auto()).advance(&snapshot);
    for format in [Format::Text, Format::OpenMetrics] {
        let mut text = String::new();
        write(&mut text, format, &snapshot, Some(&grouped), EVERYTHING);
        let samples = parse(format, &text).unwrap();
        let full = "retop_gpu_forecast_full_seconds";
        for (name, label, expected) in [
            (full, ("bound", "middle"), Some(60.0)),
            (full, ("bound", "earliest"), Some(55.0)),
            (full, ("bound", "latest"), None),
            ("retop_gpu_forecast_level", ("level", "watch"), Some(1.0)),
            ("retop_gpu_forecast_level", ("level", "none"), Some(0.0)),
            ("retop_group_gpu_memory_bytes", ("group", "idle"), Some(59.0 * 1_073_741_824.0)),
            ("retop_group_gpu_memory_bytes", ("group", "worker"), Some(10.0 * 1_073_741_824.0)),
            ("retop_group_gpu_memory_bytes", ("group", "other"), None),
            ("retop_group_gpu_utilization_ratio", ("group", "worker"), Some(0.25)),
            ("retop_group_gpu_full_seconds", ("group", "idle"), Some(70.0)),
            ("retop_group_gpu_full_seconds", ("group", "worker"), None),
        ] {
            assert_eq!(value(&samples, name, Some(label)), expected, "{name} {label:?}\n{text}");
        }
        let of_processes = samples.iter().filter(|s| s.name.starts_with("retop_gpu_process"));
        assert_eq!(of_processes.count(), 0, "single processes are never series");
        assert_eq!(samples.iter().filter(|s| s.name == full).count(), 2, "{text}");
    }
}

#[test]
fn an_alert_is_a_series_while_it_fires() {
    let with = |severities: &[&str]| {
        let mut sample = made::sample(1);
        sample.put(made::table(FamilyId::Alert, 1, |t| {
            for (key, severity) in (0..).zip(severities) {
                t.push(Key(key, 0))
                    .text(alert::alert, "DISK")
                    .text(alert::severity, *severity)
                    .text(alert::subject, "/srv")
                    .text(alert::message, "/srv 96% used, limit 95%")
                    .set(alert::value, 960_000)
                    .set(alert::firing, 1);
            }
        }));
        let snapshot = made::play([made::sample(0), sample]);
        page(Format::Text, &snapshot, Options::default())
    };
    let lines = |text: &str| -> Vec<String> {
        let ours = |line: &&str| line.starts_with("retop_alert");
        text.lines().filter(ours).map(str::to_owned).collect()
    };
    let firing = r#"retop_alert_firing{alert="DISK",severity="warning",subject="/srv"} 1"#;
    let counts = |warning, critical| {
        [("warning", warning), ("critical", critical)].map(|(severity, count)| {
            format!("retop_alerts_firing{{severity=\"{severity}\"}} {count}")
        })
    };
    assert_eq!(lines(&with(&[])), counts(0, 0));
    assert_eq!(lines(&with(&["warning"])), [&counts(1, 0)[..], &[firing.to_owned()]].concat());
    let off = page(Format::Text, &made::small_machine(), Options::default());
    assert!(lines(&off).is_empty(), "nobody watches");
}

#[test]
fn states_are_one_series_each() {
    let snapshot = made::laptop_in_a_container();
    let samples = parse(Format::Text, &page(Format::Text, &snapshot, Options::default())).unwrap();
    let status = |status| value(&samples, "retop_battery_status", Some(("status", status)));
    assert_eq!(status("discharging"), Some(1.0));
    assert_eq!(status("charging"), Some(0.0));
    assert_eq!(value(&samples, "retop_limit_cpus", None), Some(1.5));
    assert_eq!(
        value(&samples, "retop_temperature_celsius", Some(("sensor", "Package id 0"))),
        Some(61.5)
    );
}

#[test]
fn what_is_missing_is_absent() {
    let first = made::first_sample();
    let samples = parse(Format::Text, &page(Format::Text, &first, EVERYTHING)).unwrap();
    assert_eq!(value(&samples, "retop_cpu_utilization_ratio", None), None);
    assert_eq!(value(&samples, "retop_interval_seconds", None), None);
    assert!(value(&samples, "retop_cpu_seconds_total", None).is_some());
    let empty = made::play([retop_model::RawSample::new(made::stamp(0))]);
    let text = page(Format::OpenMetrics, &empty, EVERYTHING);
    assert_eq!(parse(Format::OpenMetrics, &text).unwrap().len(), 1, "{text}");
}

#[test]
fn open_metrics_has_units_and_an_end() {
    let snapshot = made::small_machine();
    let text = page(Format::OpenMetrics, &snapshot, EVERYTHING);
    parse(Format::OpenMetrics, &text).unwrap();
    assert!(text.contains("# TYPE retop_cpu_seconds counter\n# UNIT retop_cpu_seconds seconds\n"));
    assert!(text.contains("# TYPE retop_host info\n"));
    assert!(text.ends_with("\n# EOF\n"));
}

/// The budget of a machine with one disk, one file system and one interface. A further disk costs
/// 8 series, a file system 5, an interface 9, a source 1; how long each source's last read took
/// comes on top, so that nobody has to ask for what retop costs, and so do cycles and instructions,
/// which small machines seldom may count.
#[test]
fn a_small_machine_costs_at_most_80_series() {
    let snapshot = made::small_machine();
    let samples = parse(Format::Text, &page(Format::Text, &snapshot, Options::default())).unwrap();
    let mut families: HashMap<&str, usize> = HashMap::new();
    for sample in &samples {
        *families.entry(sample.name.split('_').nth(1).unwrap_or("")).or_default() += 1;
    }
    let durations = samples.iter().filter(|s| s.name == "retop_source_read_seconds").count();
    let counters = ["retop_cpu_cycles_total", "retop_cpu_instructions_total"];
    let counted = samples.iter().filter(|s| counters.contains(&s.name.as_str())).count();
    assert_eq!(counted, 2);
    let machine = samples.len() - durations - counted;
    println!("{machine} series: {families:?}");
    assert!(machine <= 80, "{machine} series: {families:?}");
    let of = |family: &str| samples.iter().filter(|s| s.name.starts_with(family)).count();
    assert_eq!(of("retop_disk_"), 8);
    assert_eq!(of("retop_filesystem_"), 5);
    assert_eq!(of("retop_network_"), 9);
    assert_eq!(of("retop_source_"), 3 + durations);
}

#[test]
fn a_name_belongs_to_one_family_kind_and_unit() {
    for metric in METRICS.iter() {
        let mut labels = HashSet::new();
        for part in &metric.parts {
            assert_eq!(part.field.family, metric.parts[0].field.family, "{}", metric.name);
            assert_eq!(part.field.unit(), metric.unit, "{}", metric.name);
            assert_eq!(declaration(part.field).1, metric.kind, "{}", metric.name);
            assert!(labels.insert(part.label), "{} twice with {:?}", metric.name, part.label);
        }
        assert!(is_name(&metric.name) && !metric.name.ends_with("_total"), "{}", metric.name);
    }
    let everything = scraped_as(disk::read_bytes).unwrap();
    assert_eq!(everything, ("retop_disk_read_bytes_total".to_owned(), None));
    assert_eq!(scraped_as(memory::used_ratio), None);
}

#[test]
fn the_dialect_is_negotiated() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                      version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, format) in [
        ("", Format::Text),
        ("*/*", Format::Text),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
        (prometheus, Format::OpenMetrics),
        ("application/openmetrics-text", Format::OpenMetrics),
        ("application/openmetrics-text; version=1.0.0; q=0", Format::Text),
        ("application/openmetrics-text;version=2.0.0, text/plain", Format::Text),
        ("text/plain;q=0.9, application/openmetrics-text;q=0.5", Format::Text),
        ("application/openmetrics-text;q=x", Format::Text),
        (";;;==,,", Format::Text),
    ] {
        assert_eq!(Format::negotiate(accept), format, "{accept}");
    }
}

proptest! {
    #[test]
    fn hostile_names_and_numbers_change_nothing(
        name in prop_oneof![
            any::<Vec<u8>>(),
            "[\\\\\"{}\n# =,a1]{0,600}".prop_map(String::into_bytes),
            Just(b"a\"} 1\n#".to_vec()),
        ],
        number: i64,
    ) {
        let snapshot = made::hostile(&name, number);
        let shown = snapshot.rows(FamilyId::Disk).next().unwrap().shown(disk::device).to_owned();
        for format in [Format::Text, Format::OpenMetrics] {
            let samples = parse(format, &page(format, &snapshot, EVERYTHING));
            let samples = samples.map_err(TestCaseError::fail)?;
            for sample in samples.iter().filter(|s| s.name.starts_with("retop_disk_")) {
                prop_assert_eq!(&sample.labels[0].0, "device");
                prop_assert!(shown.starts_with(&sample.labels[0].1));
                prop_assert!(shown == sample.labels[0].1 || sample.labels[0].1.len() > 508);
            }
        }
    }
}

/// Runs the server's own lint over a page. Missing here, it is skipped; missing in continuous
/// integration, it is a failure.
#[test]
fn promtool_finds_nothing() {
    #[allow(clippy::disallowed_methods, reason = "a test looks whether it runs in CI")]
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let machines = [
        made::small_machine(),
        made::laptop_in_a_container(),
        made::filling_device(),
        made::hostile(b"\"}", 7),
    ];
    for snapshot in machines {
        let text = page(Format::Text, &snapshot, EVERYTHING);
        #[allow(clippy::disallowed_methods, reason = "a test runs the checker, not a metric")]
        let child = std::process::Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if !in_ci => return println!("skipped: promtool: {error}"),
            Err(error) => panic!("promtool: {error}"),
        };
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
    }
}
