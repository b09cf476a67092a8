//! The scrape: text format 0.0.4 and OpenMetrics 1.0.
//!
//! - A series is `retop_<family>_<metric>`, or the name in its declaration; counters end in
//!   `_total`. Labels are the entity's label texts and the constant label of the declaration.
//! - A missing value is an absent series, never NaN and never 0. Samples carry no time, which would
//!   defeat the server's staleness; `retop_sample_timestamp_seconds` tells the age.
//! - Descriptions are labels of `retop_host_info` and `retop_build_info` alone.
//! - Single processes and threads are never series: see [`super::groups`].
//! - Names are hostile: two rows whose labels come out equal are one series, the first.

pub mod backfill;
mod dcgm;

use std::collections::HashSet;
use std::fmt::{Display, Formatter, Write};
use std::ops::Range;
use std::sync::LazyLock;

use retop_model::family::{FAMILIES, gpu_forecast, source};
use retop_model::metric::{Kind, Role, Series, Slot};
use retop_model::{FamilyId, Field, Row, Snapshot, Unit};

use super::groups::Grouped;
use super::names::{Beside, Names};

/// What comes before every name that is not shared with other programs.
const PREFIX: &str = "retop_";
/// Bytes of a label value that are kept: a path may have 4096, a server's index should not.
const LABEL_BYTES: usize = 512;

/// The dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4, which everything reads.
    Text,
    /// OpenMetrics 1.0, with units and an end mark.
    OpenMetrics,
}

impl Format {
    /// The value of the `Content-Type` header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The dialect that an `Accept` header asks for: OpenMetrics if it is named with a quality that
    /// no other accepted type surpasses, else text.
    #[must_use]
    pub fn negotiate(accept: &str) -> Format {
        let (mut open, mut plain) = (0.0, 0.0_f64);
        for part in accept.split(',') {
            let mut fields = part.split(';').map(str::trim);
            let kind = fields.next().unwrap_or("");
            let (mut quality, mut known) = (1.0_f64, true);
            for field in fields {
                match field.split_once('=') {
                    Some(("q", q)) => quality = q.trim().parse().unwrap_or(0.0),
                    Some(("version", version)) => known = matches!(version, "1.0.0" | "0.0.1"),
                    _ => {}
                }
            }
            match kind {
                "application/openmetrics-text" if known => open = quality.max(open),
                "text/plain" | "text/*" | "*/*" => plain = quality.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain { Format::OpenMetrics } else { Format::Text }
    }
}

/// What is exported beyond the default. Each of these multiplies the number of series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A dozen series for each logical CPU.
    pub cores: bool,
    /// Two series for each idle state.
    pub idle_states: bool,
    /// One series for each interrupt line.
    pub interrupts: bool,
    /// A dozen series for each control group.
    pub cgroups: bool,
    /// All that is known of each source's reads; whether it works and how long its last read took
    /// are always told.
    pub sources: bool,
    /// Whose names the series have.
    pub names: Names,
}

impl Options {
    /// Whether a field is exported.
    fn allow(self, field: Field) -> bool {
        match field.family {
            FamilyId::Process | FamilyId::Thread | FamilyId::GpuProcess => false,
            FamilyId::Core => self.cores,
            FamilyId::IdleState => self.idle_states,
            FamilyId::Interrupt => self.interrupts,
            FamilyId::Cgroup => self.cgroups,
            FamilyId::Source => self.sources || [source::up, source::read_seconds].contains(&field),
            _ => true,
        }
    }
}

/// All series of one name.
struct Metric {
    /// Without `_total`.
    name: String,
    kind: Kind,
    unit: Unit,
    help: String,
    parts: Vec<Part>,
}

/// The series of one field under a name.
struct Part {
    field: Field,
    label: Option<(&'static str, &'static str)>,
}

/// Every name, in the order of declaration, with what is exported under it. Series that share a
/// name stand together, as both formats demand.
static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| {
    let mut metrics: Vec<Metric> = Vec::new();
    for family in FAMILIES {
        for field in family.fields() {
            let (scraped, kind, series) = declaration(field);
            if !scraped {
                continue;
            }
            let name = series_name(field, series);
            let label = series.and_then(|series| series.label);
            let part = Part { field, label };
            match metrics.iter_mut().find(|metric| metric.name == name) {
                Some(metric) => metric.parts.push(part),
                None => {
                    let (help, unit) = (String::new(), field.unit());
                    metrics.push(Metric { name, kind, unit, help, parts: vec![part] });
                }
            }
        }
    }
    for metric in &mut metrics {
        metric.help = help(&metric.parts);
    }
    metrics
});

/// Whether and how a field is exported.
fn declaration(field: Field) -> (bool, Kind, Option<Series>) {
    let family = field.family.get();
    match field.slot {
        Slot::Raw(index) => {
            let column = &family.raw[usize::from(index)];
            (column.scraped, column.kind, column.series)
        }
        Slot::Derived(index) => {
            let formula = &family.derived[usize::from(index)];
            (formula.scraped, Kind::Gauge, formula.series)
        }
    }
}

/// The name of a field's series, without `_total`.
fn series_name(field: Field, series: Option<Series>) -> String {
    match series {
        Some(Series { name, shared: true, .. }) => name.to_owned(),
        Some(series) => format!("{PREFIX}{}", series.name),
        None => format!("{PREFIX}{}_{}", field.family.get().name, field.name()),
    }
}

/// One text for all series of a name; where they differ in a label, each value with its own.
fn help(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let help = part.field.help();
        let gap = if text.is_empty() { "" } else { " " };
        let _ = match part.label {
            Some((_, value)) => write!(text, "{gap}{value}: {help}"),
            None => write!(text, "{gap}{help}"),
        };
    }
    text
}

/// The name under which a field is scraped, with `_total` for counters and its constant label;
/// `None` for one that never is. The documentation shows it.
#[must_use]
pub fn scraped_as(field: Field) -> Option<(String, Option<(&'static str, &'static str)>)> {
    let (scraped, kind, series) = declaration(field);
    let everything = Options {
        cores: true,
        idle_states: true,
        interrupts: true,
        cgroups: true,
        sources: true,
        names: Names::Retop,
    };
    if !scraped || !everything.allow(field) {
        return None;
    }
    let total = if kind == Kind::Counter { "_total" } else { "" };
    let label = series.and_then(|series| series.label);
    Some((series_name(field, series) + total, label))
}

/// Appends the scrape of a snapshot to `out`. `groups` is what
/// [`Groups::advance`](super::groups::Groups::advance) gave, where groups were asked for.
pub fn write(
    out: &mut String,
    format: Format,
    snapshot: &Snapshot,
    groups: Option<&Grouped>,
    options: Options,
) {
    if write_theirs(out, format, snapshot, &Beside::default(), options.names) {
        return;
    }
    let mut page = Page { out, format };
    page.info("host", snapshot, FamilyId::Host);
    page.info("build", snapshot, FamilyId::Own);
    let seconds = snapshot.stamp().wall_ms as f64 / 1e3;
    page.single("sample_timestamp_seconds", "Moment of the sample in Unix time.", Some(seconds));
    let interval = snapshot.interval_seconds();
    page.single("interval_seconds", "Time from the sample before to this one.", interval);
    if let Some(groups) = groups {
        let help = "Groups of processes that lost their series to others that used more.";
        page.head("retop_groups_dropped", "counter", "", help);
        let _ = writeln!(page.out, "{PREFIX}groups_dropped_total {}", groups.dropped);
    }

    let mut labels: Vec<Option<Labels>> = Vec::new();
    labels.resize_with(FamilyId::COUNT, || None);
    for metric in METRICS.iter() {
        let mut headed = false;
        for part in metric.parts.iter().filter(|part| options.allow(part.field)) {
            let family = part.field.family;
            let snapshot = match groups {
                Some(groups) if family == FamilyId::Group => &groups.snapshot,
                _ => snapshot,
            };
            let labels = labels[family.index()].get_or_insert_with(|| Labels::of(snapshot, family));
            for (row, labels) in snapshot.rows(family).zip(labels.rows()) {
                let Some(labels) = labels else { continue };
                page.samples(metric, part, row, labels, &mut headed);
            }
        }
    }
    if options.names == Names::Dcgm {
        dcgm::write(&mut page, snapshot);
    }
    if format == Format::OpenMetrics {
        page.out.push_str("# EOF\n");
    }
}

/// The scrape under the names of another tool alone; false if retop's own are wanted.
pub fn write_theirs(
    out: &mut String,
    format: Format,
    snapshot: &Snapshot,
    beside: &Beside,
    names: Names,
) -> bool {
    let Some(series) = names.series(snapshot, beside) else { return false };
    out.push_str(&series);
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    true
}

/// True of a row about a single process in a family that has rows of devices too.
fn is_of_process(row: Row<'_>) -> bool {
    row.family() == FamilyId::GpuForecast && row.raw(gpu_forecast::pid).is_some()
}

/// The labels of a family's rows, rendered once for all its series.
struct Labels {
    text: String,
    /// `None` for a row that has no series: one of a single process, and one whose labels an
    /// earlier row has.
    ranges: Vec<Option<Range<usize>>>,
}

impl Labels {
    fn of(snapshot: &Snapshot, family: FamilyId) -> Labels {
        let mut text = String::new();
        let mut ranges = Vec::new();
        for row in snapshot.rows(family) {
            let start = text.len();
            write_labels(&mut text, row, Role::Label);
            ranges.push((!is_of_process(row)).then_some(start..text.len()));
        }
        let mut seen = HashSet::new();
        let mut unique = |range: &Range<usize>| seen.insert(&text[range.clone()]);
        let ranges = ranges.into_iter().map(|range| range.filter(&mut unique)).collect();
        Labels { text, ranges }
    }

    fn rows(&self) -> impl Iterator<Item = Option<&str>> {
        self.ranges.iter().map(|range| range.clone().and_then(|range| self.text.get(range)))
    }
}

/// Appends the texts of one role as `name="value",…`; missing ones are left out.
fn write_labels(out: &mut String, row: Row<'_>, role: Role) {
    let start = out.len();
    for field in row.family().get().text_fields() {
        let column = field.column();
        if let Some(text) = row.text(field).filter(|_| column.role == role) {
            let comma = if out.len() > start { "," } else { "" };
            let value = text.shown();
            let mut end = value.len().min(LABEL_BYTES);
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            let kept = &value[..end];
            let _ = write!(out, "{comma}{}=\"{}\"", column.name, Escaped(kept, true));
        }
    }
}

/// A text with backslashes and line ends escaped, and quotes where the place asks for it.
pub(super) struct Escaped<'a>(pub(super) &'a str, pub(super) bool);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(['\\', '\n', '"']) {
            f.write_str(&rest[..place])?;
            f.write_str(match rest.as_bytes()[place] {
                b'\n' => "\\n",
                b'"' if self.1 => "\\\"",
                b'"' => "\"",
                _ => "\\\\",
            })?;
            rest = &rest[place + 1..];
        }
        f.write_str(rest)
    }
}

/// A page being written.
struct Page<'a> {
    out: &'a mut String,
    format: Format,
}

impl Page<'_> {
    /// The lines that introduce a name.
    fn head(&mut self, name: &str, kind: &'static str, unit: &str, help: &str) {
        let help = help.trim();
        let _ = match self.format {
            Format::Text => {
                let name = Full(name, kind);
                let kind = if kind == "info" { "gauge" } else { kind };
                let help = Escaped(help, false);
                write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n")
            }
            Format::OpenMetrics => {
                let help = Escaped(help, true);
                let _ = writeln!(self.out, "# TYPE {name} {kind}");
                let ends = name.strip_suffix(unit).is_some_and(|front| front.ends_with('_'));
                if !unit.is_empty() && ends {
                    let _ = writeln!(self.out, "# UNIT {name} {unit}");
                }
                writeln!(self.out, "# HELP {name} {help}")
            }
        };
    }

    /// The series of one field of one row; nothing if the value is missing.
    fn samples(
        &mut self,
        metric: &Metric,
        part: &Part,
        row: Row<'_>,
        labels: &str,
        headed: &mut bool,
    ) {
        let Some(number) = Number::of(row, part.field) else { return };
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        if !std::mem::replace(headed, true) {
            self.head(&metric.name, kind, metric.unit.name(), &metric.help);
        }
        let name = Full(&metric.name, kind);
        let Kind::State(states) = metric.kind else {
            let labels = Joined(labels, part.label);
            let _ = writeln!(self.out, "{name}{labels} {number}");
            return;
        };
        let present = row.state(part.field);
        for &state in states {
            let labels = Joined(labels, Some((part.field.name(), state)));
            let _ = writeln!(self.out, "{name}{labels} {}", u8::from(present == Some(state)));
        }
    }

    /// A series of the scrape itself.
    fn single(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.head(&format!("{PREFIX}{name}"), "gauge", "seconds", help);
            let _ = writeln!(self.out, "{PREFIX}{name} {value}");
        }
    }

    /// The descriptions of a family with one entity as labels of a series that is always 1.
    fn info(&mut self, name: &str, snapshot: &Snapshot, family: FamilyId) {
        if let Some(row) = snapshot.row(family, 0) {
            let mut labels = String::new();
            write_labels(&mut labels, row, Role::Info);
            self.head(&format!("{PREFIX}{name}"), "info", "", family.get().help);
            let labels = Joined(&labels, None);
            let _ = writeln!(self.out, "{PREFIX}{name}_info{labels} 1");
        }
    }
}

/// The name of the samples of a metric: with the ending that its kind asks for.
struct Full<'a>(&'a str, &'static str);

impl Display for Full<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)?;
        match self.1 {
            "counter" => f.write_str("_total"),
            "info" => f.write_str("_info"),
            _ => Ok(()),
        }
    }
}

/// Labels of the entity and the constant one, in braces if there are any.
struct Joined<'a>(&'a str, Option<(&'a str, &'a str)>);

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match *self {
            Joined("", None) => Ok(()),
            Joined(labels, None) => write!(f, "{{{labels}}}"),
            Joined("", Some((name, value))) => write!(f, "{{{name}=\"{value}\"}}"),
            Joined(labels, Some((name, value))) => write!(f, "{{{labels},{name}=\"{value}\"}}"),
        }
    }
}

/// A value: as an integer where it was read as one.
enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn of(row: Row<'_>, field: Field) -> Option<Number> {
        if let Slot::Raw(index) = field.slot
            && field.family.get().raw.get(usize::from(index))?.divisor == 1
        {
            return row.raw(field).map(Number::Integer);
        }
        row.get(field).map(Number::Float)
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Integer(value) => value.fmt(f),
            Number::Float(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
