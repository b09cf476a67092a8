//! `retop metrics`: the declarations of all metrics, as `docs/metrics.md` or as JSON.

use std::fmt::Write as _;

use retop_model::Family;
use retop_model::family::FAMILIES;
use retop_model::metric::{Kind, Role};
use serde_json::{Value, json};

use crate::run::print;
use crate::settings::{Format, Settings};

/// Prints the table of metrics.
///
/// # Errors
///
/// If stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    print(&match settings.format {
        Format::Markdown => markdown(),
        Format::Json => format!("{:#}\n", table()),
    })
}

/// The text of `docs/metrics.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Made from the declarations in `crates/model/src/family` by `cargo xtask bless`; edits \
         here are lost.\n\n\
         Names end in their base unit. A *counter* only grows and is exported as it is; *derived* \
         values are computed from two samples. `~` marks what a model answers and no device \
         measured. *Private* texts leave the machine only if `--args` says so.\n",
    );
    for family in FAMILIES {
        let shape = if family.many { "array" } else { "object" };
        let _ = write!(
            text,
            "\n## {key}\n\n{help} In JSON an {shape}.\n\n\
             | name | kind | unit | meaning |\n|---|---|---|---|\n",
            key = family.key,
            help = family.help.trim(),
        );
        for row in rows(family) {
            let help = row.help.replace('|', "\\|");
            let _ = writeln!(text, "| `{}` | {} | {} | {help} |", row.name, row.kind, row.unit);
        }
    }
    text
}

fn table() -> Value {
    let families = FAMILIES.iter().map(|family| {
        let metrics: Vec<_> = rows(family)
            .map(|row| {
                let mut metric = json!({"name": row.name, "kind": row.kind, "help": row.help});
                if !row.unit.is_empty() {
                    metric["unit"] = json!(row.unit);
                }
                if let Some(states) = row.states {
                    metric["states"] = json!(states);
                }
                metric
            })
            .collect();
        json!({
            "family": family.name,
            "key": family.key,
            "many": family.many,
            "help": family.help.trim(),
            "metrics": metrics,
        })
    });
    Value::Array(families.collect())
}

struct Row {
    name: &'static str,
    kind: &'static str,
    unit: &'static str,
    help: &'static str,
    states: Option<&'static [&'static str]>,
}

/// Every text and number of a family, in the order of declaration.
fn rows(family: &'static Family) -> impl Iterator<Item = Row> {
    let texts = family.texts.iter().map(|text| {
        let kind = match text.role {
            Role::Label => "label",
            Role::Info => "text",
            Role::Private => "private text",
        };
        Row { name: text.name, kind, unit: "", help: text.help.trim(), states: None }
    });
    let raw = family.raw.iter().map(|column| {
        let (kind, unit, states) = match column.kind {
            Kind::Counter => ("counter", column.unit.name(), None),
            Kind::Gauge => ("gauge", column.unit.name(), None),
            Kind::State(states) => ("state", "", Some(states)),
        };
        Row { name: column.name, kind, unit, help: column.help.trim(), states }
    });
    let derived = family.derived.iter().map(|formula| {
        let kind = if formula.estimated { "derived ~" } else { "derived" };
        let (unit, help) = (formula.unit.name(), formula.help.trim());
        Row { name: formula.name, kind, unit, help, states: None }
    });
    texts.chain(raw).chain(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_hold_every_metric() {
        let (markdown, table) = (markdown(), table().to_string());
        for family in FAMILIES {
            assert!(markdown.contains(&format!("\n## {}\n", family.key)));
            for field in family.fields() {
                assert!(markdown.contains(&format!("| `{}` |", field.name())), "{}", field.name());
                assert!(table.contains(&format!("\"{}\"", field.name())), "{}", field.name());
            }
        }
        let rows = markdown.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, table.matches("\"kind\":").count());
    }
}
