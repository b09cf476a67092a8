//! An alert as a sentence, and all that fire as a table.

use std::fmt::{self, Write};

use super::{Active, Alerts, Bound, Phrase, Rule, Suspect};
use crate::family::{FamilyId, alert};
use crate::human::Value;
use crate::metric::Field;
use crate::snapshot::{Row, Snapshot};
use crate::stamp::Window;
use crate::table::{Key, RawTable};
use crate::text::Text;
use crate::unit::Unit;

/// Why nobody is named where somebody must have done it.
pub const UNSEEN: &str = "by none of the processes that were seen";

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

impl Active {
    /// Appends the alert as one sentence without a full stop:
    /// `/srv 96% used, limit 95%, by rsync (3101)`.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn describe(&self, out: &mut impl Write) -> fmt::Result {
        let unit = self.field.unit();
        let says_itself = matches!(self.phrase, Phrase::Whole(_) | Phrase::Sentence(_));
        // A count of things names them itself: `61 zombies`.
        if says_itself {
        } else if !self.about.is_empty() {
            write!(out, "{} ", self.about)?;
        } else if unit != Unit::Count {
            write!(out, "{} ", self.field.family.get().key)?;
        }
        match self.phrase {
            Phrase::Plain(words) | Phrase::Sentence(words) => out.write_str(words)?,
            Phrase::Measured(words) | Phrase::Whole(words) => self.measured(out, words)?,
            // Its name without the unit, which the value shows: `latency_seconds` is `latency`.
            Phrase::Named => {
                let name = self.field.name();
                self.measured(out, name.strip_suffix(unit.suffix()).unwrap_or(name))?;
            }
        }
        match &self.culprit {
            Some(suspect) if suspect.guessed => write!(out, ", probably {suspect}")?,
            Some(suspect) => write!(out, ", by {suspect}")?,
            None if self.unseen => write!(out, ", {UNSEEN}")?,
            None => {}
        }
        if self.culprit.as_ref().is_some_and(|suspect| suspect.ended) {
            out.write_str(", which has ended")?;
        }
        match &self.note {
            Some(note) => write!(out, ": {note}"),
            None => Ok(()),
        }
    }

    fn measured(&self, out: &mut impl Write, words: &str) -> fmt::Result {
        let unit = self.field.unit();
        write!(out, "{}", Value(unit, self.value))?;
        // A name that is nothing but its unit adds nothing: `watts`.
        if !unit.suffix().ends_with(words) {
            words.split('_').try_for_each(|word| write!(out, " {word}"))?;
        }
        write!(out, ", limit {}", Value(unit, self.limit))
    }
}

impl Rule {
    /// When it fires, in words: `memory: available at most 5.0%, for 3 samples`.
    #[must_use]
    pub fn condition(&self) -> String {
        let unit = self.field.unit();
        let limit = Value(unit, self.limit);
        let (more, family) = (self.bound == Bound::Above, self.field.family.get().name);
        let bound = if more { "at least" } else { "at most" };
        let mut text = match self.phrase {
            Phrase::Plain(words) | Phrase::Sentence(words) => format!("{family}: {words}"),
            Phrase::Measured(words) | Phrase::Whole(words) => {
                format!("{family}: {bound} {limit} {words}")
            }
            Phrase::Named => {
                let name = self.field.name();
                let name = name.strip_suffix(unit.suffix()).unwrap_or(name).replace('_', " ");
                format!("{family}: {name} {bound} {limit}")
            }
        };
        if self.sustain > 1 {
            text += &format!(", for {} samples", self.sustain);
        }
        text
    }
}

impl Alerts {
    /// What fires as a table of that moment, to be recorded with the sample that was judged.
    #[must_use]
    pub fn table(&self, snapshot: &Snapshot) -> RawTable {
        let mut table = RawTable::new(FamilyId::Alert);
        for (entity, active) in self.firing() {
            let mut message = String::new();
            // A string takes everything.
            let _ = active.describe(&mut message);
            let subject = (!active.subject.is_empty()).then_some(active.subject.as_str());
            let about = (active.about != active.subject).then_some(active.about.as_str());
            let culprit = active.culprit.as_ref();
            table
                .push(identity(&active.rule, entity))
                .text(alert::alert, active.rule.as_str())
                .text(alert::severity, active.severity.name())
                .text_if(alert::subject, subject)
                .text_if(alert::about, about)
                .text_if(alert::culprit, culprit.map(Suspect::to_string))
                .text(alert::message, message)
                .text(alert::metric, path(active.field))
                .set(alert::value, millionths(active.value))
                .set(alert::worst, millionths(active.worst))
                .set(alert::limit, millionths(active.limit))
                .set(alert::since_time_seconds, active.since.wall_ms)
                .set(alert::culprit_pid, culprit.map(|suspect| suspect.pid))
                .set(alert::firing, 1);
        }
        let ns = snapshot.stamp().monotonic_ns;
        table.finish(Window { begin_ns: ns, end_ns: ns });
        table
    }
}

/// What an alert in a table is about, as its sentence begins; nothing where the rule's name says it.
#[must_use]
pub fn about<'a>(row: Row<'a>) -> &'a str {
    let subject = row.text(alert::about).or_else(|| row.text(alert::subject));
    let subject = subject.map_or("", Text::shown);
    if row.shown(alert::message).starts_with(subject) { subject } else { "" }
}

/// As [`super::metric`] understands it.
fn path(field: Field) -> String {
    format!("{}.{}", field.family.get().name, field.name())
}

/// The same rule and the same entity are the same alert, in every run and in every recording.
fn identity(rule: &str, entity: Key) -> Key {
    let mut bytes = rule.as_bytes().to_vec();
    bytes.extend(entity.0.to_le_bytes());
    bytes.extend(entity.1.to_le_bytes());
    Key::named(&bytes)
}

/// The integer of a column with that divisor. Beyond 9.2 × 10^12, such as ten terabytes, it does
/// not fit: missing is better than wrong, and the message has it still.
fn millionths(value: f64) -> Option<i64> {
    let scaled = (value * 1e6).round();
    (scaled.abs() < i64::MAX as f64).then_some(scaled as i64)
}
