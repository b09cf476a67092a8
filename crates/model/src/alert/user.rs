//! Rules that people write in their configuration.

use std::sync::Arc;

use super::rule::{Bound, Culprit, Phrase, Rule, Severity};
use crate::family::{FAMILIES, FamilyId, process};
use crate::filter::Filter;
use crate::metric::Field;
use crate::unit::Unit;

/// A rule as written: `expr = "disks.latency_seconds > 50ms"`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRule {
    /// Short name, shown on the alert line.
    pub name: String,
    /// `family.metric`, one of `>` `>=` `<` `<=`, and a value with a unit.
    pub expr: String,
    /// Seconds for which it must hold.
    pub for_seconds: f64,
    /// The value at which it clears; the limit itself if missing.
    pub clear: Option<String>,
    /// `critical` or `warning`.
    pub critical: bool,
    /// What is told with the alert: whom to call, what to do.
    pub message: Option<String>,
    /// Of processes those that it concerns, in the filter language.
    pub filter: Option<String>,
}

impl UserRule {
    /// The rule that is meant.
    ///
    /// # Errors
    ///
    /// A sentence that says what is not understood and what would be.
    pub fn rule(&self) -> Result<Rule, String> {
        let (field, bound, limit) = expression(&self.expr)?;
        let clear = match &self.clear {
            Some(text) => value(text, field.unit())?,
            None => limit,
        };
        let sane = match bound {
            Bound::Above => clear <= limit,
            Bound::Below => clear >= limit,
        };
        if !sane {
            return Err("must lie on the good side of the limit".to_owned());
        }
        let chosen = self.chosen(field)?;
        Ok(Rule {
            name: self.name.clone(),
            severity: if self.critical { Severity::Critical } else { Severity::Warning },
            field,
            bound,
            limit,
            clear,
            rise_seconds: None,
            sustain: 1,
            hold_seconds: self.for_seconds.max(0.0),
            linger_seconds: 0.0,
            culprit: culprit(field),
            only: |_| true,
            chosen,
            written: true,
            nears: |_| false,
            phrase: Phrase::Named,
            note: self.message.clone(),
        })
    }
}

impl UserRule {
    /// The processes that it concerns; `None` for all.
    ///
    /// # Errors
    ///
    /// Where the text stops being a filter, or that there are no processes to choose among.
    pub fn chosen(&self, field: Field) -> Result<Option<Arc<Filter>>, String> {
        let Some(text) = &self.filter else { return Ok(None) };
        if field.family != FamilyId::Process {
            let family = field.family.get().key;
            return Err(format!("chooses among processes, and this rule is about {family}"));
        }
        let filter = Filter::parse(text).map_err(|error| error.to_string())?;
        Ok(Some(Arc::new(filter)))
    }
}

/// Whoever uses most of what the metric counts, as far as its name tells.
fn culprit(field: Field) -> Culprit {
    let name = field.name();
    if field.family == FamilyId::Filesystem {
        return Culprit::Writer;
    }
    let most = if name.contains("memory") || name.contains("swap") || name.contains("resident") {
        process::resident_bytes
    } else if name.contains("read") || name.contains("written") || name.contains("latency") {
        process::io_bytes_per_second
    } else {
        process::cpu_ratio
    };
    match field.family {
        FamilyId::Process => Culprit::Nobody,
        FamilyId::Cgroup => Culprit::MostWithin(most),
        _ => Culprit::Most(most),
    }
}

/// Takes `family.metric > value` apart.
fn expression(text: &str) -> Result<(Field, Bound, f64), String> {
    let at = text
        .find(['<', '>'])
        .ok_or_else(|| format!("'{text}': no comparison; write memory.available_ratio < 5%"))?;
    let (left, right) = text.split_at(at);
    let bound = if right.starts_with('>') { Bound::Above } else { Bound::Below };
    let right = right[1..].strip_prefix('=').unwrap_or(&right[1..]);
    let field = field(left.trim())?;
    Ok((field, bound, value(right, field.unit())?))
}

/// The metric that a row of the alert family names: `filesystem.used_ratio`.
#[must_use]
pub fn metric(path: &str) -> Option<Field> {
    field(path).ok()
}

/// Finds `family.metric`; the family by its name or its key in JSON.
fn field(path: &str) -> Result<Field, String> {
    let (family, metric) = path
        .split_once('.')
        .ok_or_else(|| format!("'{path}': write family.metric, such as cpu.utilization_ratio"))?;
    let known = FAMILIES.iter().find(|known| known.name == family || known.key == family);
    let Some(known) = known else {
        let names: Vec<_> = FAMILIES.iter().map(|known| known.name).collect();
        return Err(format!("no family is called '{family}'; there are {}", names.join(", ")));
    };
    known.field(metric).ok_or_else(|| {
        format!("'{family}' has no metric '{metric}'; 'retop metrics' lists what there is")
    })
}

/// A number with the units that people write for such a metric.
pub(crate) fn value(text: &str, unit: Unit) -> Result<f64, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number: f64 =
        digits.parse().map_err(|_| format!("'{text}' is no number with a unit behind it"))?;
    let suffix = suffix.trim();
    let scale = match (unit, suffix) {
        (_, "") => 1.0,
        (Unit::Ratio, "%") => 0.01,
        (Unit::Bytes | Unit::BytesPerSecond, _) => {
            let suffix = suffix.strip_suffix("/s").unwrap_or(suffix);
            match suffix.trim_end_matches('B').trim_end_matches('i') {
                "" => 1.0,
                "K" | "k" => 1024.0,
                "M" => 1024.0 * 1024.0,
                "G" => 1024.0 * 1024.0 * 1024.0,
                "T" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
                _ => return Err(format!("'{suffix}' is no unit of bytes; use K, M, G or T")),
            }
        }
        (Unit::Seconds, "us") => 1e-6,
        (Unit::Seconds, "ms") => 1e-3,
        (Unit::Seconds, "s") => 1.0,
        (Unit::Seconds, "m") => 60.0,
        (Unit::Seconds, "h") => 3600.0,
        (Unit::Seconds, "d") => 86400.0,
        (Unit::Watts, "mW") => 1e-3,
        (Unit::Watts, "W") | (Unit::PerSecond, "/s") | (Unit::Celsius, "C" | "°C") => 1.0,
        (Unit::Hertz, "MHz") => 1e6,
        (Unit::Hertz, "GHz") => 1e9,
        _ => return Err(format!("'{suffix}' is no unit of this metric ({})", unit.name())),
    };
    let base = number * scale;
    if base.is_finite() { Ok(base) } else { Err(format!("'{text}' is beyond all numbers")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{disk, memory};

    fn rule(expr: &str, clear: Option<&str>) -> Result<Rule, String> {
        UserRule {
            name: "MINE".to_owned(),
            expr: expr.to_owned(),
            for_seconds: 30.0,
            clear: clear.map(str::to_owned),
            ..UserRule::default()
        }
        .rule()
    }

    #[test]
    fn expressions() {
        let slow = rule("disks.latency_seconds >= 50ms", Some("20ms")).expect("understood");
        assert_eq!((slow.field, slow.bound), (disk::latency_seconds, Bound::Above));
        assert!((slow.limit - 0.05).abs() < 1e-12 && (slow.clear - 0.02).abs() < 1e-12);
        let low = rule("memory.available_bytes<2G", None).expect("understood");
        assert_eq!((low.field, low.limit), (memory::available_bytes, 2.0 * 1_073_741_824.0));
        assert_eq!(rule("cpu.utilization_ratio > 90%", None).map(|rule| rule.limit), Ok(0.9));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (expr, part) in [
            ("memory", "no comparison"),
            ("memory > 3", "family.metric"),
            ("memori.used > 3", "no family is called 'memori'"),
            ("memory.used > 3", "has no metric 'used'"),
            ("memory.used_bytes > much", "no number"),
            ("memory.used_bytes > 3 W", "no unit of bytes"),
            ("cpu.utilization_ratio > 3 G", "no unit of this metric (ratio)"),
        ] {
            let error = rule(expr, None).expect_err(expr);
            assert!(error.contains(part), "{expr}: {error}");
        }
        assert!(rule("cpu.utilization_ratio > 50%", Some("60%")).is_err());
    }
}
