//! The names that a filter knows: the short ones of this table, and every declared one.

use crate::family::{FamilyId, process};
use crate::metric::{Field, TextField};
use crate::unit::Unit;

/// Why a field of which no source knows has no value.
pub const NOT_MEASURED: &str = "not measured on this machine";

/// A field as it was named in a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldName {
    /// Its name: a short one or the declared one.
    pub name: &'static str,
    /// What it stands for.
    pub target: Target,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A number of the process family; a plain `1` in the filter is that much of its base unit.
    Number(Field, f64),
    /// A text of the process family.
    Text(TextField),
    /// The state, by its letter or its name.
    State,
    /// The controlling terminal, by its name.
    Terminal,
    /// 1 for a process that somebody has tagged on the screen, else 0.
    Tagged,
    /// 1 for a process that was not there in the sample before, else 0.
    New,
    /// 1 for a process that has ended and is still shown, else 0.
    Gone,
}

const PERCENT: f64 = 0.01;

/// The short names. The only place that knows them.
const SHORT: &[(&str, Target)] = &[
    ("pid", Target::Number(process::pid, 1.0)),
    ("ppid", Target::Number(process::parent_pid, 1.0)),
    ("name", Target::Text(process::name)),
    ("cmd", Target::Text(process::command)),
    ("user", Target::Text(process::user)),
    ("uid", Target::Number(process::user_id, 1.0)),
    ("state", Target::State),
    ("nice", Target::Number(process::nice, 1.0)),
    ("prio", Target::Number(process::priority, 1.0)),
    ("thr", Target::Number(process::threads, 1.0)),
    ("cpu", Target::Number(process::cpu_ratio, PERCENT)),
    ("time", Target::Number(process::cpu_seconds, 1.0)),
    ("mem", Target::Number(process::memory_ratio, PERCENT)),
    ("rss", Target::Number(process::resident_bytes, 1.0)),
    ("vsz", Target::Number(process::virtual_bytes, 1.0)),
    ("swap", Target::Number(process::swap_bytes, 1.0)),
    ("gpu", Target::Number(process::gpu_ratio, PERCENT)),
    ("dev", Target::Number(process::gpu_index, 1.0)),
    ("vram", Target::Number(process::gpu_memory_bytes, 1.0)),
    ("dvram", Target::Number(process::gpu_memory_growth_bytes_per_second, 1.0)),
    ("oom", Target::Number(process::gpu_full_seconds, 1.0)),
    ("ipc", Target::Number(process::ipc, 1.0)),
    ("llc", Target::Number(process::cache_miss_ratio, PERCENT)),
    ("br", Target::Number(process::branch_miss_ratio, PERCENT)),
    ("pwr", Target::Number(process::watts, 1.0)),
    ("energy", Target::Number(process::energy_joules, 1.0)),
    ("rd", Target::Number(process::read_bytes_per_second, 1.0)),
    ("wr", Target::Number(process::written_bytes_per_second, 1.0)),
    ("io", Target::Number(process::io_bytes_per_second, 1.0)),
    ("age", Target::Number(process::age_seconds, 1.0)),
    ("cgroup", Target::Text(process::cgroup)),
    ("ctr", Target::Text(process::container)),
    ("unit", Target::Text(process::container)),
    ("tty", Target::Terminal),
    ("tag", Target::Tagged),
    ("new", Target::New),
    ("gone", Target::Gone),
];

/// The field of that name, in whatever case.
#[must_use]
pub fn find(name: &str) -> Option<FieldName> {
    let name = name.to_ascii_lowercase();
    if let Some(&(name, target)) = SHORT.iter().find(|(short, _)| *short == name) {
        return Some(FieldName { name, target });
    }
    let family = FamilyId::Process.get();
    if let Some(field) = family.field(&name) {
        return Some(FieldName { name: field.name(), target: Target::Number(field, 1.0) });
    }
    let field = family.text_field(&name)?;
    Some(FieldName { name: field.column().name, target: Target::Text(field) })
}

/// What a field is called: by its short name, else as it was declared.
#[must_use]
pub fn name_of(target: Target) -> Option<&'static str> {
    let short = SHORT.iter().find(|(_, known)| match (known, &target) {
        (Target::Number(known, _), Target::Number(field, _)) => known == field,
        (known, target) => *known == *target,
    });
    short.map(|(name, _)| *name).or(match target {
        Target::Number(field, _) => Some(field.name()),
        Target::Text(field) => Some(field.column().name),
        _ => None,
    })
}

/// Every name, the short ones first: for completion.
pub fn names() -> impl Iterator<Item = &'static str> {
    let family = FamilyId::Process.get();
    let declared = family.fields().map(Field::name);
    let texts = family.text_fields().map(|field| field.column().name);
    let is_long = |name: &&str| SHORT.iter().all(|(short, _)| short != name);
    SHORT.iter().map(|(short, _)| *short).chain(declared.chain(texts).filter(is_long))
}

impl FieldName {
    /// Unit and worth of a plain 1, if the field is a number.
    pub(super) fn unit(self) -> Option<(Unit, f64)> {
        match self.target {
            Target::Number(field, worth) => Some((field.unit(), worth)),
            Target::Tagged | Target::New | Target::Gone => Some((Unit::Count, 1.0)),
            Target::Text(_) | Target::State | Target::Terminal => None,
        }
    }
}
