//! Macs under the names of other tools, so that scripts and dashboards made for those go on working.
//!
//! Which of our numbers is which of theirs is written here, once for JSON and once for series. What
//! is not known is `null` in JSON and has no series: those tools write 0.

pub mod actop;
mod beside;
pub mod macmon;

use std::fmt::Write as _;

use retop_model::family::{cluster, core, network, sensor};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Field, Row, Snapshot};

pub use self::beside::{Beside, Follower};

/// Whose names an export has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Our own.
    #[default]
    Retop,
    /// Our own, and those of `dcgm-exporter` for devices of NVIDIA.
    Dcgm,
    /// Those of actop alone.
    Actop,
    /// Those of macmon alone.
    Macmon,
}

impl Names {
    /// True if they tell of each core, so that cores have to be read.
    #[must_use]
    pub fn are_of_cores(self) -> bool {
        matches!(self, Names::Actop | Names::Macmon)
    }

    /// The line of JSON of a snapshot, if the names are another tool's.
    #[must_use]
    pub fn json(self, snapshot: &Snapshot, beside: &Beside) -> Option<String> {
        match self {
            Names::Actop => Some(actop::json(snapshot, beside)),
            Names::Macmon => Some(macmon::json(snapshot)),
            Names::Retop | Names::Dcgm => None,
        }
    }

    /// The series of a snapshot, if the names are another tool's alone.
    #[must_use]
    pub fn series(self, snapshot: &Snapshot, beside: &Beside) -> Option<String> {
        match self {
            Names::Actop => Some(actop::series(snapshot, beside)),
            Names::Macmon => Some(macmon::series(snapshot)),
            Names::Retop | Names::Dcgm => None,
        }
    }
}

/// The two kinds of cores that those tools know: the slower of a chip's kinds stands for efficiency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Slow,
    Fast,
}

/// Kinds of cores from the slowest on, as positions of the core family's states.
const KINDS: [i64; 4] = [2, 1, 0, 3];

/// The rows of a family that are of a side by their kind of cores. Where cores have no kind there are
/// no sides.
fn of_side(snapshot: &Snapshot, family: FamilyId, kind: Field, side: Side) -> Vec<Row<'_>> {
    let has =
        |kind: &i64| snapshot.rows(FamilyId::Core).any(|row| row.raw(core::kind) == Some(*kind));
    let Some(fastest) = KINDS.into_iter().rev().find(has) else { return Vec::new() };
    let is_of =
        |row: &Row<'_>| row.raw(kind).is_some_and(|kind| (kind == fastest) == (side == Side::Fast));
    snapshot.rows(family).filter(is_of).collect()
}

/// The cores of a side, by number.
fn cores(snapshot: &Snapshot, side: Side) -> Vec<Row<'_>> {
    of_side(snapshot, FamilyId::Core, core::kind, side)
}

/// The clusters of a side.
fn clusters(snapshot: &Snapshot, side: Side) -> Vec<Row<'_>> {
    of_side(snapshot, FamilyId::Cluster, cluster::kind, side)
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value?;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

fn highest(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().reduce(f64::max)
}

/// Bytes per second of all interfaces but the loopback.
fn of_networks(snapshot: &Snapshot, field: Field) -> Option<f64> {
    let rows = snapshot.rows(FamilyId::Network);
    let rows = rows.filter(|row| row.get(network::loopback) != Some(1.0));
    sum(rows.map(|row| row.get(field)))
}

/// Fans: speed, and highest speed.
fn fans(snapshot: &Snapshot) -> Vec<(f64, Option<f64>)> {
    let mut rows: Vec<Row<'_>> =
        snapshot.rows(FamilyId::Sensor).filter(|row| row.get(sensor::fan_rpm).is_some()).collect();
    rows.sort_by(|a, b| a.shown(sensor::sensor).cmp(b.shown(sensor::sensor)));
    let both = |row: Row<'_>| Some((row.get(sensor::fan_rpm)?, row.get(sensor::fan_maximum_rpm)));
    rows.into_iter().filter_map(both).collect()
}

/// One object of JSON, members in the order in which they are added.
struct Object(String);

impl Object {
    fn new() -> Object {
        Object("{".to_owned())
    }

    /// A member whose value is JSON already.
    fn raw(&mut self, key: &str, value: &str) -> &mut Object {
        let gap = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{gap}\"{key}\":{value}");
        self
    }

    fn number(&mut self, key: &str, value: Option<f64>) -> &mut Object {
        let text = number(value);
        self.raw(key, &text)
    }

    fn whole(&mut self, key: &str, value: Option<f64>) -> &mut Object {
        self.number(key, value.map(f64::round_ties_even))
    }

    fn flag(&mut self, key: &str, value: bool) -> &mut Object {
        self.raw(key, if value { "true" } else { "false" })
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Object {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        self.raw(key, &text)
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of JSON out of values that are JSON already.
fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

fn number(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    value.map_or_else(|| "null".to_owned(), |value| format!("{value}"))
}

/// Percent as actop writes it: whole, and within 0 and 100.
fn percent(ratio: Option<f64>) -> Option<f64> {
    ratio.map(|ratio| (ratio * 100.0).round_ties_even().clamp(0.0, 100.0))
}

/// Shares that add up to 100, by the largest remainders.
fn percents(shares: &[f64]) -> Vec<i64> {
    let whole: f64 = shares.iter().sum();
    if whole <= 0.0 {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|share| share / whole * 100.0).collect();
    let mut found: Vec<i64> = exact.iter().map(|share| share.floor() as i64).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let rest = |place: &usize| exact[*place] - exact[*place].floor();
    order.sort_by(|a, b| rest(b).total_cmp(&rest(a)));
    let left = 100 - found.iter().sum::<i64>();
    for place in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        found[place] += 1;
    }
    found
}

/// A page of gauges.
struct Series {
    prefix: &'static str,
    /// Labels of every series, without a comma behind.
    labels: String,
    page: String,
    last: String,
}

impl Series {
    fn new(prefix: &'static str, labels: String) -> Series {
        Series { prefix, labels, page: String::new(), last: String::new() }
    }

    /// A gauge; none if its value is not known.
    fn put(&mut self, name: &str, labels: &str, value: Option<f64>) -> &mut Series {
        let Some(value) = value.filter(|value| value.is_finite()) else { return self };
        if self.last != name {
            let _ = writeln!(self.page, "# TYPE {}{name} gauge", self.prefix);
            name.clone_into(&mut self.last);
        }
        let gap = if self.labels.is_empty() || labels.is_empty() { "" } else { "," };
        let all = format!("{}{gap}{labels}", self.labels);
        let braces = if all.is_empty() { String::new() } else { format!("{{{all}}}") };
        let rounded = (value * 1e4).round() / 1e4;
        let _ = writeln!(self.page, "{}{name}{braces} {rounded}", self.prefix);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::prometheus::Escaped;

    #[test]
    fn shares_add_up_to_a_hundred() {
        assert_eq!(percents(&[1.0, 1.0, 1.0]), [34, 33, 33]);
        assert_eq!(percents(&[0.0, 0.0]), [0, 0]);
        assert_eq!(percents(&[0.125, 0.875, 0.0, 0.0]), [13, 87, 0, 0]);
        for shares in [[0.1, 0.2, 0.3, 0.4], [7.0, 0.5, 0.5, 0.0]] {
            assert_eq!(percents(&shares).iter().sum::<i64>(), 100);
        }
        assert_eq!(percent(Some(1.7)), Some(100.0));
        assert_eq!(percent(Some(0.125)), Some(12.0), "half to even, as Python rounds");
        assert_eq!(percent(None), None);
    }

    #[test]
    fn what_is_not_known_is_null_and_has_no_series() {
        let mut object = Object::new();
        object.number("a", None).number("b", Some(1.5)).text("c", "x\"\n").flag("d", true);
        assert_eq!(object.end(), r#"{"a":null,"b":1.5,"c":"x\"\n","d":true}"#);
        let mut series = Series::new("x_", String::new());
        series.put("a", "", None).put("b", "l=\"1\"", Some(2.0)).put(
            "b",
            "l=\"2\"",
            Some(0.123_456),
        );
        assert_eq!(series.page, "# TYPE x_b gauge\nx_b{l=\"1\"} 2\nx_b{l=\"2\"} 0.1235\n");
        assert_eq!(Escaped("a\"b\\\n", true).to_string(), "a\\\"b\\\\\\n");
    }
}
