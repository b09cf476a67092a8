//! What somebody waits for a graphics processor to be: `free>20G util<5% for=60s`.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

use crate::alert::value;
use crate::family::{FamilyId, gpu};
use crate::human::{Duration, Value};
use crate::metric::Field;
use crate::snapshot::{Row, Snapshot};
use crate::table::Key;

/// Short names of what people wait for; every metric of devices has its own as well.
const SHORT: [(&str, Field); 6] = [
    ("free", gpu::memory_free_bytes),
    ("used", gpu::memory_used_bytes),
    ("vram", gpu::memory_ratio),
    ("util", gpu::utilization_ratio),
    ("power", gpu::watts),
    ("temp", gpu::temperature_celsius),
];

/// Conditions that must all hold of one device for a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    text: String,
    terms: Vec<Term>,
    /// The device by its number or the beginning of its identity; any if missing.
    device: Option<String>,
    /// Numbers and beginnings of identities of those that may be used at all; all if there are none.
    visible: Vec<String>,
    hold_seconds: f64,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    name: String,
    field: Field,
    order: Order,
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Condition {
    /// Understands a condition.
    ///
    /// # Errors
    ///
    /// A sentence that says what is not understood and what would be.
    pub fn parse(text: &str) -> Result<Condition, String> {
        let mut condition = Condition { text: text.trim().to_owned(), ..Condition::default() };
        for word in text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("for", time)) => condition.hold_seconds = seconds(time)?,
                Some(("gpu", device)) if !device.is_empty() => {
                    condition.device = Some(device.to_owned());
                }
                _ => condition.terms.push(term(word)?),
            }
        }
        if condition.terms.is_empty() {
            return Err("nothing to wait for; write 'free>20G util<5% for=60s'".to_owned());
        }
        Ok(condition)
    }

    /// The same of those devices alone that somebody lets programs see, as `CUDA_VISIBLE_DEVICES`
    /// has it: numbers, or beginnings of identities, with commas between.
    #[must_use]
    pub fn among(mut self, visible: &str) -> Condition {
        let names = visible.split(',').map(str::trim).filter(|name| !name.is_empty());
        self.visible = names.map(str::to_owned).collect();
        self
    }

    /// Seconds for which it must hold.
    #[must_use]
    pub fn hold_seconds(&self) -> f64 {
        self.hold_seconds
    }

    fn is_about(&self, row: Row<'_>) -> bool {
        let is_it = |device: &String| {
            let number = row.raw(gpu::index).is_some_and(|index| index.to_string() == *device);
            number || device.len() >= 4 && row.shown(gpu::uuid).starts_with(device.as_str())
        };
        let seen = self.visible.is_empty() || self.visible.iter().any(is_it);
        seen && self.device.as_ref().is_none_or(is_it)
    }

    /// The first comparison that does not hold. What is not known does not hold.
    fn lacks(&self, row: Row<'_>) -> Option<&Term> {
        self.terms.iter().find(|term| !row.get(term.field).is_some_and(|value| term.holds(value)))
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Term {
    fn holds(&self, value: f64) -> bool {
        match self.order {
            Order::Above => value > self.limit,
            Order::AtLeast => value >= self.limit,
            Order::Below => value < self.limit,
            Order::AtMost => value <= self.limit,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = value(text, crate::unit::Unit::Seconds)?;
    if seconds >= 0.0 { Ok(seconds) } else { Err(format!("'{text}' is no time; write 60s or 5m")) }
}

fn term(word: &str) -> Result<Term, String> {
    let at = word.find(['<', '>']).ok_or_else(|| {
        format!("'{word}' is no comparison; write free>20G, util<5%, for=60s or gpu=0")
    })?;
    let (name, rest) = word.split_at(at);
    let (above, rest) = (rest.starts_with('>'), &rest[1..]);
    let (order, limit) = match (above, rest.strip_prefix('=')) {
        (true, Some(rest)) => (Order::AtLeast, rest),
        (true, None) => (Order::Above, rest),
        (false, Some(rest)) => (Order::AtMost, rest),
        (false, None) => (Order::Below, rest),
    };
    let short = SHORT.iter().find(|(short, _)| *short == name).map(|&(_, field)| field);
    let field = short.or_else(|| FamilyId::Gpu.get().field(name)).ok_or_else(|| {
        let names: Vec<_> = SHORT.iter().map(|(name, _)| *name).collect();
        format!("a GPU has no '{name}'; there are {}, and all of 'retop metrics'", names.join(", "))
    })?;
    if limit.is_empty() {
        return Err(format!("'{word}' has no value; write free>20G or util<5%"));
    }
    Ok(Term { name: name.to_owned(), field, order, limit: value(limit, field.unit())? })
}

/// How long it has held of which device.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    since_ns: HashMap<Key, u64>,
}

impl Waiting {
    /// Takes a new moment; gives the device of which the condition has held for long enough, the
    /// one with the lowest number if there are several.
    pub fn advance<'a>(&mut self, condition: &Condition, now: &'a Snapshot) -> Option<Row<'a>> {
        let read_ns = now.window(FamilyId::Gpu)?.end_ns;
        // A gap in which nobody looked: nothing is known of it.
        if now.is_gap() {
            self.since_ns.clear();
        }
        let mut met: Option<Row<'a>> = None;
        for row in now.rows(FamilyId::Gpu).filter(|&row| condition.is_about(row)) {
            if condition.lacks(row).is_some() {
                self.since_ns.remove(&row.key());
                continue;
            }
            let since_ns = *self.since_ns.entry(row.key()).or_insert(read_ns);
            let held = read_ns.saturating_sub(since_ns) as f64 / 1e9;
            let number = |row: Row<'_>| row.raw(gpu::index).unwrap_or(i64::MAX);
            let better = met.is_none_or(|other| number(row) < number(other));
            if held >= condition.hold_seconds && better {
                met = Some(row);
            }
        }
        self.since_ns.retain(|key, _| now.find(FamilyId::Gpu, *key).is_some());
        met
    }

    /// How it stands with each device that is waited for, in a few words.
    #[must_use]
    pub fn stands(&self, condition: &Condition, now: &Snapshot) -> Vec<String> {
        let mut rows: Vec<_> =
            now.rows(FamilyId::Gpu).filter(|&row| condition.is_about(row)).collect();
        rows.sort_by_key(|row| row.raw(gpu::index).unwrap_or(i64::MAX));
        let read_ns = now.window(FamilyId::Gpu).map_or(0, |window| window.end_ns);
        let tell = |row: Row<'_>| {
            let name = match row.raw(gpu::index) {
                Some(index) => format!("GPU {index}"),
                None => row.shown(gpu::uuid).to_owned(),
            };
            let state = row.state(gpu::state).filter(|_| row.raw(gpu::state) != Some(gpu::ACTIVE));
            match (state, condition.lacks(row)) {
                (Some(state), _) => format!("{name}: {state}"),
                (None, Some(term)) => match row.get(term.field) {
                    Some(value) => {
                        let value = Value(term.field.unit(), value);
                        format!("{name}: {} is {value}", term.name)
                    }
                    None => format!("{name}: {} is not known", term.name),
                },
                (None, None) => {
                    let since_ns = self.since_ns.get(&row.key()).copied().unwrap_or(read_ns);
                    let held = read_ns.saturating_sub(since_ns) as f64 / 1e9;
                    format!("{name}: so for {}", Duration(held.round()))
                }
            }
        };
        rows.into_iter().map(tell).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::family::gpu_process::device_key;
    use crate::{RawSample, RawTable, Stamp, Window, derive};

    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

    /// Devices at a second: GiB free and percent busy; below 0 is not known.
    fn moment(second: u64, devices: &[(i64, i64)]) -> Snapshot {
        let ns = second * 1_000_000_000;
        let stamp = Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns };
        let mut sample = RawSample::new(stamp);
        let mut table = RawTable::new(FamilyId::Gpu);
        for (index, &(free, busy)) in devices.iter().enumerate() {
            let uuid = format!("GPU-{index}");
            table
                .push(device_key(uuid.as_bytes()))
                .text(gpu::uuid, uuid.as_str())
                .set(gpu::index, index)
                .set(gpu::state, gpu::ACTIVE)
                .set(gpu::memory_free_bytes, (free >= 0).then_some(free << 30))
                .set(gpu::utilization_ratio, (busy >= 0).then_some(busy));
        }
        table.finish(Window { begin_ns: ns, end_ns: ns });
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    }

    fn parsed(text: &str) -> Condition {
        Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn conditions_are_understood_or_named() {
        let condition = parsed("free>20G, util<=5% for=1m gpu=3");
        assert_eq!(condition.terms.len(), 2);
        assert_eq!(
            (condition.terms[0].order, condition.terms[0].limit),
            (Order::Above, 20.0 * GIB)
        );
        assert_eq!((condition.terms[1].order, condition.terms[1].limit), (Order::AtMost, 0.05));
        assert_eq!((condition.hold_seconds, condition.device.as_deref()), (60.0, Some("3")));
        assert_eq!(parsed("tensor_ratio<1%").terms[0].field, gpu::tensor_ratio);
        for (text, part) in [
            ("", "nothing to wait for"),
            ("for=60s", "nothing to wait for"),
            ("free", "no comparison"),
            ("fre>20G", "a GPU has no 'fre'; there are free"),
            ("free>", "'free>' has no value"),
            ("free>much", "no number"),
            ("free>20W", "no unit of bytes"),
            ("util<5G", "no unit of this metric"),
            ("free>20G for=soon", "no number"),
            ("free>20G for=-3s", "is no time"),
        ] {
            let error = Condition::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn it_must_hold_of_one_device_without_a_break() {
        let condition = parsed("free>20G util<5% for=3s");
        let mut waiting = Waiting::default();
        let mut met = |second, devices: &[(i64, i64)]| {
            let now = moment(second, devices);
            let row = waiting.advance(&condition, &now).map(|row| row.shown(gpu::uuid).to_owned());
            (row, waiting.stands(&condition, &now))
        };
        let busy = (40, 90);
        assert_eq!(met(1, &[busy, (40, 0)]).1, ["GPU 0: util is 90%", "GPU 1: so for 0s"]);
        assert_eq!(met(3, &[busy, (40, 0)]).0, None);
        // It takes turns with the other: neither has been free for long.
        assert_eq!(met(4, &[(40, 0), busy]).0, None);
        assert_eq!(met(6, &[(40, 0), (12, 0)]).1, ["GPU 0: so for 2.0s", "GPU 1: free is 12G"]);
        // Not known is not yes.
        assert_eq!(
            met(7, &[(-1, 0), (40, -1)]),
            (
                None,
                vec!["GPU 0: free is not known".to_owned(), "GPU 1: util is not known".to_owned(),]
            )
        );
        assert_eq!(met(8, &[(40, 0), (40, 0)]).0, None);
        assert_eq!(met(11, &[(40, 0), (40, 0)]).0.as_deref(), Some("GPU-0"));
    }

    #[test]
    fn one_device_is_meant_by_number_or_identity() {
        for (text, wanted) in [
            ("free>1G gpu=1", Some("GPU-1")),
            ("free>1G gpu=GPU-1", Some("GPU-1")),
            ("free>1G", Some("GPU-0")),
            ("free>1G gpu=7", None),
            ("free>1G gpu=G", None),
        ] {
            let now = moment(1, &[(40, 0), (40, 0)]);
            let condition = parsed(text);
            let met = Waiting::default().advance(&condition, &now).map(|row| row.shown(gpu::uuid));
            assert_eq!(met, wanted, "{text}");
        }
        // Those that programs may not see are not waited for.
        for (visible, text, wanted) in [
            ("1", "free>1G", Some("GPU-1")),
            ("GPU-1,GPU-0", "free>1G", Some("GPU-0")),
            (" 7 , 1 ", "free>1G", Some("GPU-1")),
            ("1", "free>1G gpu=0", None),
            ("-1", "free>1G", None),
            ("", "free>1G", Some("GPU-0")),
        ] {
            let now = moment(1, &[(40, 0), (40, 0)]);
            let condition = parsed(text).among(visible);
            let met = Waiting::default().advance(&condition, &now).map(|row| row.shown(gpu::uuid));
            assert_eq!(met, wanted, "{text} among {visible:?}");
        }
    }
}
