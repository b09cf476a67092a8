//! A recording as OpenMetrics with times, which `promtool tsdb create-blocks-from openmetrics` makes
//! into blocks of a server.
//!
//! A recording is in order of time, this format in order of series: all samples of a name stand
//! together, and all of a series. What does not fit into memory meanwhile waits in a file without a
//! name. A time that a series has had already, because the wall clock was set back, is left out:
//! servers refuse it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use retop_model::family::host;
use retop_model::metric::{Kind, Role};
use retop_model::{FamilyId, Snapshot};

use super::{
    Escaped, Format, Full, Joined, Labels, METRICS, Number, Options, PREFIX, Page, write_labels,
};
use crate::export::groups::{GroupRules, Groups};
use crate::export::target::Target;

/// Bytes of samples that wait in memory.
const WAITING_BYTES: usize = 32 << 20;
/// The value of the label `job`.
const JOB: &str = "retop";

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Series.
    pub series: usize,
    /// Samples.
    pub samples: u64,
    /// Samples at times that their series had already passed.
    pub left_out: u64,
}

/// Collects series until all of them are whole.
pub struct Backfill {
    target: Target,
    options: Options,
    groups: Option<Groups>,
    series: Vec<Series>,
    /// By number of the metric and labels.
    known: HashMap<Box<str>, usize>,
    waiting: usize,
    limit: usize,
    spill: Option<File>,
    spilled: u64,
    written: Written,
    /// What a series is looked up by.
    key: String,
    line: String,
}

/// The values and times of a series.
struct Series {
    /// Which of [`METRICS`]; beyond them, the descriptions.
    metric: usize,
    /// With its braces.
    labels: String,
    last_ms: i64,
    waiting: String,
    /// Where in the file the earlier ones are.
    spilled: Vec<(u64, usize)>,
}

/// The series that describe a family with one entity, behind the metrics.
const INFOS: [(&str, FamilyId); 2] = [("host", FamilyId::Host), ("build", FamilyId::Own)];

impl Backfill {
    /// Begins one file.
    #[must_use]
    pub fn new(target: Target, options: Options, groups: Option<GroupRules>) -> Backfill {
        Backfill {
            target,
            options,
            groups: groups.map(Groups::new),
            series: Vec::new(),
            known: HashMap::new(),
            waiting: 0,
            limit: WAITING_BYTES,
            spill: None,
            spilled: 0,
            written: Written::default(),
            key: String::new(),
            line: String::new(),
        }
    }

    /// Takes the next moment.
    ///
    /// # Errors
    ///
    /// Those of the file that samples wait in.
    pub fn push(&mut self, moment: &Snapshot) -> io::Result<()> {
        let grouped = self.groups.as_mut().map(|groups| groups.advance(moment));
        let instance = moment.one_text(host::name).map_or("", |name| name.shown());
        let common = format!("instance=\"{}\",job=\"{JOB}\"", Escaped(instance, true));
        let mut labels: Vec<Option<Labels>> = Vec::new();
        labels.resize_with(FamilyId::COUNT, || None);
        let options = self.options;
        for (place, metric) in METRICS.iter().enumerate() {
            for part in metric.parts.iter().filter(|part| options.allow(part.field)) {
                let family = part.field.family;
                let moment = match &grouped {
                    Some(grouped) if family == FamilyId::Group => &grouped.snapshot,
                    _ => moment,
                };
                let labels =
                    labels[family.index()].get_or_insert_with(|| Labels::of(moment, family));
                for (row, labels) in moment.rows(family).zip(labels.rows()) {
                    let Some(labels) = labels else { continue };
                    let Some(number) = Number::of(row, part.field) else { continue };
                    let comma = if labels.is_empty() { "" } else { "," };
                    let Kind::State(states) = metric.kind else {
                        let labels = Constant(&common, comma, labels, part.label);
                        self.sample(
                            place,
                            moment,
                            format_args!("{labels}"),
                            format_args!("{number}"),
                        );
                        continue;
                    };
                    let present = row.state(part.field);
                    for &state in states {
                        let own = Some((part.field.name(), state));
                        let labels = Constant(&common, comma, labels, own);
                        let value = u8::from(present == Some(state));
                        self.sample(
                            place,
                            moment,
                            format_args!("{labels}"),
                            format_args!("{value}"),
                        );
                    }
                }
            }
        }
        for (place, (_, family)) in INFOS.into_iter().enumerate() {
            let Some(row) = moment.row(family, 0) else { continue };
            let mut labels = String::new();
            write_labels(&mut labels, row, Role::Info);
            let comma = if labels.is_empty() { "" } else { "," };
            let labels = Constant(&common, comma, &labels, None);
            self.sample(METRICS.len() + place, moment, format_args!("{labels}"), format_args!("1"));
        }
        if self.waiting > self.limit {
            self.spill()?;
        }
        Ok(())
    }

    /// Bytes that wait, in memory and in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spilled + self.waiting as u64
    }

    fn sample(
        &mut self,
        metric: usize,
        moment: &Snapshot,
        labels: std::fmt::Arguments<'_>,
        value: std::fmt::Arguments<'_>,
    ) {
        self.key.clear();
        let _ = write!(self.key, "{metric} {labels}");
        let place = match self.known.get(self.key.as_str()) {
            Some(&place) => place,
            None => {
                let place = self.series.len();
                let (labels, waiting) = (labels.to_string(), String::new());
                let spilled = Vec::new();
                self.series.push(Series { metric, labels, last_ms: i64::MIN, waiting, spilled });
                self.known.insert(self.key.as_str().into(), place);
                place
            }
        };
        let series = &mut self.series[place];
        let ms = moment.stamp().wall_ms;
        if ms <= series.last_ms {
            self.written.left_out += 1;
            return;
        }
        series.last_ms = ms;
        self.line.clear();
        // Thousandths that a float of seconds would round are written as they are.
        let (seconds, rest) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
        let _ = writeln!(self.line, " {value} {seconds}.{rest:03}");
        series.waiting.push_str(&self.line);
        self.waiting += self.line.len();
        self.written.samples += 1;
    }

    /// Puts what waits into the file.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.spill {
            Some(file) => file,
            none => none.insert(self.target.scratch()?),
        };
        let mut out = BufWriter::with_capacity(256 << 10, file);
        for series in self.series.iter_mut().filter(|series| !series.waiting.is_empty()) {
            out.write_all(series.waiting.as_bytes())?;
            series.spilled.push((self.spilled, series.waiting.len()));
            self.spilled += series.waiting.len() as u64;
            series.waiting = String::new();
        }
        self.waiting = 0;
        out.flush()
    }

    /// Writes all series and puts the file in place.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn finish(mut self) -> io::Result<Written> {
        let mut out = BufWriter::with_capacity(256 << 10, self.target.create("")?);
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by_key(|&place| self.series[place].metric);
        let mut headed = None;
        let mut chunk = Vec::new();
        for place in order {
            let series = &self.series[place];
            let mut head = String::new();
            let mut page = Page { out: &mut head, format: Format::OpenMetrics };
            let (name, kind) = match METRICS.get(series.metric) {
                Some(metric) => {
                    let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
                    page.head(&metric.name, kind, metric.unit.name(), &metric.help);
                    (metric.name.clone(), kind)
                }
                None => {
                    let (name, family) = INFOS[series.metric - METRICS.len()];
                    let name = format!("{PREFIX}{name}");
                    page.head(&name, "info", "", family.get().help);
                    (name, "info")
                }
            };
            if headed.replace(series.metric) != Some(series.metric) {
                out.write_all(head.as_bytes())?;
            }
            let full = format!("{}{}", Full(&name, kind), series.labels);
            for &(offset, length) in &series.spilled {
                let Some(file) = &mut self.spill else { continue };
                file.seek(SeekFrom::Start(offset))?;
                chunk.resize(length, 0);
                file.read_exact(&mut chunk)?;
                lines(&mut out, &full, &chunk)?;
            }
            lines(&mut out, &full, series.waiting.as_bytes())?;
        }
        out.write_all(b"# EOF\n")?;
        out.flush()?;
        drop(out);
        self.written.series = self.series.len();
        self.target.commit()?;
        Ok(self.written)
    }
}

fn lines(out: &mut impl Write, series: &str, rest: &[u8]) -> io::Result<()> {
    for line in rest.split_inclusive(|&byte| byte == b'\n') {
        out.write_all(series.as_bytes())?;
        out.write_all(line)?;
    }
    Ok(())
}

/// The labels that all series have, those of the entity and the constant one.
struct Constant<'a>(&'a str, &'a str, &'a str, Option<(&'a str, &'a str)>);

impl std::fmt::Display for Constant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Constant(common, comma, labels, own) = *self;
        let joined = format!("{common}{comma}{labels}");
        Joined(&joined, own).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::made;
    use retop_model::{RawSample, derive};
    use std::sync::Arc;

    fn moments(samples: impl IntoIterator<Item = RawSample>) -> Vec<Snapshot> {
        let mut moments: Vec<Snapshot> = Vec::new();
        for sample in samples {
            moments.push(derive(moments.last(), Arc::new(sample)));
        }
        moments
    }

    fn export(name: &str, limit: usize, moments: &[Snapshot]) -> (String, Written) {
        let path = std::env::temp_dir().join(format!("retop-{name}-{}.om", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let rules = Some(GroupRules::auto());
        let target = Target::file(&path, false).unwrap();
        let mut backfill = Backfill::new(target, Options::default(), rules);
        backfill.limit = limit;
        moments.iter().for_each(|moment| backfill.push(moment).unwrap());
        let written = backfill.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        (text, written)
    }

    #[test]
    fn names_and_series_stand_together_whatever_fits_into_memory() {
        let moments = moments((0..5).map(made::sample));
        let (text, written) = export("backfill", usize::MAX, &moments);
        assert_eq!(export("backfill-spilled", 0, &moments), (text.clone(), written));
        assert!(text.ends_with("\n# EOF\n"));
        let (mut families, mut series): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut last = f64::MIN;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let end = line.find(['{', ' ']).unwrap();
            let (name, (rest, time)) = (&line[..end], line.rsplit_once(' ').unwrap());
            let (labels, value) = rest.rsplit_once(' ').unwrap();
            let time: f64 = time.parse().unwrap();
            value.parse::<f64>().unwrap();
            if families.last() != Some(&name) {
                assert!(!families.contains(&name), "{name} is torn apart");
                families.push(name);
            }
            if series.last() != Some(&labels) {
                assert!(!series.contains(&labels), "{labels} is torn apart");
                series.push(labels);
                last = f64::MIN;
            }
            assert!(time > last, "{line}");
            last = time;
        }
        assert_eq!(written.series, series.len());
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((written.samples, written.left_out), (samples as u64, 0));
        let line = "retop_disk_read_bytes_total{instance=\"small\",job=\"retop\",device=\"vda\"} \
                    10004096 1793714710.250";
        assert!(text.lines().any(|found| found == line), "{text}");
        assert!(text.contains("\nretop_group_cpu_seconds_total{"), "groups, where asked for");
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_no_time_twice() {
        let mut back = made::sample(2);
        back.stamp.wall_ms -= 1_500;
        let (_, written) =
            export("back", usize::MAX, &moments([made::sample(0), made::sample(1), back]));
        let (_, without) =
            export("back-not", usize::MAX, &moments([made::sample(0), made::sample(1)]));
        assert_eq!(written.samples, without.samples);
        assert!(written.left_out > 0);
    }

    #[test]
    fn hostile_names_stay_in_their_labels() {
        for name in [&b"a\"} 1\n# EOF\\"[..], b"\xff\n", b"{x=\"y\"}"] {
            let (text, _) = export("hostile", usize::MAX, &[made::hostile(name, 7)]);
            assert_eq!(
                text.matches("# EOF").count() - text.matches("# EOF\\").count(),
                1,
                "{text}"
            );
            assert!(text.ends_with("# EOF\n"));
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                assert!(line.starts_with("retop_") || line.starts_with("process_"), "{line}");
            }
        }
    }
}
