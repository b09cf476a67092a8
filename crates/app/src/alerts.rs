//! What retop watches for: the rules that come with it, those of the `[[alert]]` tables in
//! `config.toml`, and what the options change of them.

use std::fmt::Write as _;
use std::ops::Range;

use retop_engine::export::names::Names;
use retop_model::alert::{
    Rule, UserRule, bandwidth, builtin, chip_power, gpu_throttling, package_power, swap_rise,
    throttling,
};
use toml_edit::{Item, Key, Table, Value};

use crate::settings::Settings;
use crate::tui::preset::Preset;
use crate::value;

/// The keys of an `[[alert]]` table.
const KEYS: [&str; 7] = ["name", "expr", "filter", "for", "clear", "severity", "message"];
const SEVERITIES: [&str; 2] = ["warning", "critical"];
/// A name stands in front of each alert and in a label of its series.
const NAME_LENGTH: usize = 24;
const MESSAGE_LENGTH: usize = 200;

/// Where actop takes a package to be at its limit unless told otherwise.
const ACTOP_PERCENT: u64 = 85;

/// What a config file without rules shows of them.
pub const EXAMPLE: &str = "
# Rules of your own, one table each. One with the name of a rule that comes with retop replaces it.
#   [[alert]]
#   name = \"SLOW-DISK\"
#   expr = \"disks.latency_seconds > 50ms\"
#   for = \"30s\"
#   clear = \"20ms\"
#   severity = \"warning\"
#   message = \"the array rebuilds at night\"
";

/// The rules in force; `None` if nothing is watched for. A user's rule replaces one of the same
/// name.
#[must_use]
pub fn rules(all: &Settings) -> Option<Vec<Rule>> {
    let settings = &all.alerts;
    if settings.off {
        return None;
    }
    let mut rules = builtin();
    if settings.swap_rise_bytes > 0.0 {
        rules.push(swap_rise(settings.swap_rise_bytes));
    }
    rules.push(bandwidth(settings.bandwidth_percent as f64 / 100.0));
    rules.push(throttling(settings.throttle_frequency_percent as f64 / 100.0));
    rules.push(gpu_throttling(settings.throttle_frequency_percent as f64 / 100.0));
    // Who reads actop's names, or has its keys, knows its alerts.
    let theirs = all.names == Names::Actop || all.screen.preset == Preset::Actop;
    if let Some(percent) = settings.package_power_percent.or(theirs.then_some(ACTOP_PERCENT)) {
        rules.push(package_power(percent as f64 / 100.0));
        rules.push(chip_power(percent as f64 / 100.0));
    }
    if let Some(samples) = settings.sustain_samples {
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        // What needs one sample only is a fact, such as a full disk, and no passing load.
        rules.iter_mut().filter(|rule| rule.sustain > 1).for_each(|rule| rule.sustain = samples);
    }
    rules.retain(|rule| settings.rules.iter().all(|own| own.name != rule.name));
    // Each was understood when it was read.
    rules.extend(settings.rules.iter().filter_map(|own| own.rule().ok()));
    Some(rules)
}

/// Reads the `[[alert]]` tables. `at` gives the place of a span for messages.
///
/// # Errors
///
/// The first thing that is wrong, with its place and its key.
pub fn read(
    item: &Item,
    at: &dyn Fn(Option<Range<usize>>) -> String,
) -> Result<Vec<UserRule>, String> {
    let tables = item
        .as_array_of_tables()
        .ok_or_else(|| format!("{}: alert: begin each rule with [[alert]]", at(item.span())))?;
    let mut rules: Vec<UserRule> = Vec::new();
    for table in tables {
        let rule = read_rule(table, at)?;
        if rules.iter().any(|known| known.name == rule.name) {
            let here = at(table.key("name").and_then(Key::span));
            return Err(format!("{here}: alert: name: '{}' is used twice", rule.name));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn read_rule(
    table: &Table,
    at: &dyn Fn(Option<Range<usize>>) -> String,
) -> Result<UserRule, String> {
    let place = |key: &str| at(table.key(key).and_then(Key::span).or(table.span()));
    let wrong = |key: &str, why: String| format!("{}: alert: {key}: {why}", place(key));
    let mut rule = UserRule::default();
    for (key, item) in table {
        if !KEYS.contains(&key) {
            let near = value::nearest(key, KEYS).map(|near| format!("there is '{near}'"));
            let known = near.unwrap_or_else(|| format!("there are {}", KEYS.join(", ")));
            return Err(format!("{}: alert: unknown key '{key}'; {known}", place(key)));
        }
        let text = plain(item).ok_or_else(|| wrong(key, "takes a text or a number".to_owned()))?;
        match key {
            "name" => rule.name = name(&text).map_err(|why| wrong(key, why))?,
            "expr" => rule.expr = text,
            "clear" => rule.clear = Some(text),
            "filter" => rule.filter = Some(text),
            "message" => rule.message = message(&text).map_err(|why| wrong(key, why))?,
            "for" => {
                let time = value::duration(&text).map_err(|why| wrong(key, why))?;
                rule.for_seconds = time.as_secs_f64();
            }
            _ => {
                let place = value::choice(&text, &SEVERITIES).map_err(|why| wrong(key, why))?;
                rule.critical = place == 1;
            }
        }
    }
    for (key, text) in [("name", &rule.name), ("expr", &rule.expr)] {
        if text.is_empty() {
            return Err(format!("{}: alert: {key} is missing", at(table.span())));
        }
    }
    let bare = UserRule { clear: None, filter: None, ..rule.clone() };
    let field = bare.rule().map_err(|why| wrong("expr", why))?.field;
    rule.chosen(field).map_err(|why| wrong("filter", why))?;
    rule.rule().map_err(|why| wrong("clear", why))?;
    Ok(rule)
}

fn name(text: &str) -> value::Parsed<String> {
    let fits = (1..=NAME_LENGTH).contains(&text.chars().count());
    if fits && !text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Ok(text.to_owned())
    } else {
        Err(format!("write one word of at most {NAME_LENGTH} letters"))
    }
}

/// A message stands on one line of the screen, and in a field of the exports.
fn message(text: &str) -> value::Parsed<Option<String>> {
    let text = text.trim();
    if text.chars().any(char::is_control) || text.chars().count() > MESSAGE_LENGTH {
        return Err(format!("write one line of at most {MESSAGE_LENGTH} letters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The text of a value; numbers as they would stand in a text.
fn plain(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        _ => None,
    }
}

/// Appends the rules as they would stand in the config file.
pub fn print(rules: &[UserRule], out: &mut String) {
    for rule in rules {
        let severity = SEVERITIES[usize::from(rule.critical)].to_owned();
        let mut pairs = vec![("name", rule.name.clone()), ("expr", rule.expr.clone())];
        pairs.extend(rule.filter.clone().map(|filter| ("filter", filter)));
        pairs.push(("for", format!("{}s", rule.for_seconds)));
        pairs.extend(rule.clear.clone().map(|clear| ("clear", clear)));
        pairs.push(("severity", severity));
        pairs.extend(rule.message.clone().map(|message| ("message", message)));
        out.push_str("\n[[alert]]\n");
        for (key, text) in pairs {
            let _ = writeln!(out, "{key} = {}", Value::from(text).to_string().trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::alert::Severity;

    use super::*;
    use crate::config::Resolved;

    fn resolved(text: &str) -> Result<Resolved, String> {
        let mut resolved = Resolved::defaults();
        resolved.read_file("config.toml", text).map(|()| resolved)
    }

    fn names(settings: &Settings) -> Vec<String> {
        rules(settings).unwrap_or_default().into_iter().map(|rule| rule.name).collect()
    }

    const SLOW: &str = "[[alert]]\nname = \"SLOW\"\nexpr = \"disks.latency_seconds > 50ms\"\n";

    #[test]
    fn tables_become_rules() {
        let text = format!(
            "interval = 2\n{SLOW}for = \"1m\"\nclear = \"20ms\"\n\
             [[alert]]\nname = 'DISK'\nexpr = 'filesystem.used_ratio >= 99%'\nseverity = 'critical'\nfor = 2.5\n"
        );
        let settings = resolved(&text).expect("valid").settings;
        let rules = rules(&settings).expect("on");
        let own: Vec<_> = rules
            .iter()
            .rev()
            .take(2)
            .map(|rule| (rule.name.as_str(), rule.limit, rule.hold_seconds, rule.severity))
            .collect();
        let wanted =
            [("DISK", 0.99, 2.5, Severity::Critical), ("SLOW", 0.05, 60.0, Severity::Warning)];
        assert_eq!(own, wanted);
        assert_eq!(rules.iter().filter(|rule| rule.name == "DISK").count(), 1, "replaced");
    }

    #[test]
    fn options_change_the_rules_that_come_with_retop() {
        let rules_of = |text: &str| {
            let settings = resolved(text).expect("valid").settings;
            rules(&settings).expect("on")
        };
        let find =
            |rules: &[Rule], name: &str| rules.iter().find(|rule| rule.name == name).cloned();
        let usual = rules_of("");
        assert!(find(&usual, "PKG").is_none(), "a busy machine runs at its limit");
        for (text, limit) in [
            ("names = 'actop'", 0.85),
            ("keys = 'actop'", 0.85),
            ("keys = 'actop'\nalert-package-power-percent = 70", 0.7),
        ] {
            assert_eq!(find(&rules_of(text), "PKG").map(|rule| rule.limit), Some(limit), "{text}");
        }
        let rise = find(&usual, "SWAP-RISE").expect("there by default");
        assert_eq!(rise.limit, 0.3 * 1024.0 * 1024.0 * 1024.0);
        assert!(find(&rules_of("alert-swap-rise-gb = 0"), "SWAP-RISE").is_none());
        let changed = rules_of("alert-sustain-samples = 7\nalert-package-power-percent = 90\n");
        assert_eq!(find(&changed, "PKG").map(|rule| (rule.limit, rule.sustain)), Some((0.9, 7)));
        let sustain = |name| find(&changed, name).map(|rule| rule.sustain);
        assert_eq!(
            (sustain("MEM"), sustain("LATENCY"), sustain("DISK")),
            (Some(7), Some(7), Some(1))
        );
    }

    #[test]
    fn alerts_can_be_switched_off() {
        for text in ["no-alerts = true", "alerts = false", "alerts = 'off'"] {
            let settings = resolved(&format!("{text}\n{SLOW}")).expect(text).settings;
            assert!(rules(&settings).is_none(), "{text}");
        }
        for text in ["", "alerts = true", "no-alerts = false"] {
            let settings = resolved(text).expect(text).settings;
            assert!(names(&settings).contains(&"DISK".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_its_key() {
        let cases = [
            ("[[alert]]\n", "1: alert: name is missing"),
            ("\n[[alert]]\nname = 'X'\n", "2: alert: expr is missing"),
            ("[[alert]]\nname = 'X'\nexp = 'x'\n", "3: alert: unknown key 'exp'; there is 'expr'"),
            (
                "[[alert]]\nxyzzy = 1\n",
                "2: alert: unknown key 'xyzzy'; there are name, expr, filter, for, clear, severity, message",
            ),
            ("[[alert]]\nname = 'A B'\n", "2: alert: name: write one word of at most 24 letters"),
            (
                "[[alert]]\nname = 'X'\nexpr = 'memory.used > 3'\n",
                "3: alert: expr: 'memory' has no metric 'used'; 'retop metrics' lists what there is",
            ),
            (
                &format!("{SLOW}clear = '60ms'\n"),
                "4: alert: clear: must lie on the good side of the limit",
            ),
            (
                &format!("{SLOW}clear = '2W'\n"),
                "4: alert: clear: 'W' is no unit of this metric (seconds)",
            ),
            (
                &format!("{SLOW}filter = 'user=bob'\n"),
                "4: alert: filter: chooses among processes, and this rule is about disks",
            ),
            (
                "[[alert]]\nname = 'X'\nexpr = 'processes.cpu_ratio > 90%'\nfilter = 'cpu>'\n",
                "4: alert: filter: column 5: expected a value here",
            ),
            (
                &format!("{SLOW}for = 'ever'\n"),
                "4: alert: for: 'ever' is no time; write 0.5, 500ms, 2s, 1m or 1h",
            ),
            (
                &format!("{SLOW}severity = 'fatal'\n"),
                "4: alert: severity: 'fatal' is none of warning, critical",
            ),
            (
                &format!("{SLOW}message = \"a\\u0001b\"\n"),
                "4: alert: message: write one line of at most 200 letters",
            ),
            (&format!("{SLOW}for = true\n"), "4: alert: for: takes a text or a number"),
            (&format!("{SLOW}{SLOW}"), "5: alert: name: 'SLOW' is used twice"),
            ("[alert]\nname = 'X'\n", "1: alert: begin each rule with [[alert]]"),
            ("alert = 3", "1: alert: begin each rule with [[alert]]"),
            ("[[alerts]]\nname = 'X'\n", "1: alerts: rules stand under [[alert]]"),
            ("alerts = 'x'", "1: alerts: 'x' is neither true nor false"),
        ];
        for (text, wanted) in cases {
            let message = resolved(text).err();
            assert_eq!(message, Some(format!("config.toml:{wanted}")), "{text}");
        }
    }

    #[test]
    fn the_printed_rules_and_the_example_read_back() {
        let text = format!(
            "{SLOW}for = '1500ms'\nseverity = 'critical'\nclear = '1ms'\nmessage = 'wake \"Bo\"'\n"
        );
        let first = resolved(&text).expect("valid");
        let printed = first.print();
        assert_eq!(resolved(&printed).expect("what we print is valid").settings, first.settings);
        assert!(!printed.contains(EXAMPLE) && Resolved::defaults().print().ends_with(EXAMPLE));
        let example: String = EXAMPLE
            .lines()
            .filter_map(|line| line.strip_prefix("#   "))
            .flat_map(|line| [line, "\n"])
            .collect();
        let rules = resolved(&example).expect("valid").settings.alerts.rules;
        assert_eq!((rules.len(), rules[0].name.as_str()), (1, "SLOW-DISK"));
    }

    proptest! {
        #[test]
        fn no_rule_is_taken_on_trust(name: String, expr: String, time: String, clear: String) {
            let pairs = [("name", name), ("expr", expr), ("for", time), ("clear", clear)];
            let mut text = "[[alert]]\n".to_owned();
            for (key, value) in pairs {
                text += &format!("{key} = {}\n", Value::from(value));
            }
            if let Err(message) = resolved(&text) {
                prop_assert!(message.starts_with("config.toml:"), "{message}");
            }
        }
    }
}
