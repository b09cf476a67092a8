//! From the three places where an option can be set to the settings. A flag wins over a variable,
//! a variable over `config.toml`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Value};

use crate::alerts;
use crate::columns;
use crate::environment::Environment;
use crate::options::{self, OPTIONS, Opt, Place};
use crate::settings::Settings;
use crate::value;

/// Where the value of an option comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// The config file.
    File,
    /// A `RETOP_` variable.
    Variable,
    /// The command line.
    Flag,
}

/// Settings, and for each option of the table its text and where that comes from.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The settings.
    pub settings: Settings,
    /// The config file, there or not; what is kept for the next time goes there.
    pub file: Option<PathBuf>,
    given: Vec<(String, Origin)>,
}

impl Resolved {
    /// Every option at its default.
    #[must_use]
    pub fn defaults() -> Resolved {
        let mut resolved = Resolved::default();
        resolved.settings.screen.mouse = true;
        for option in OPTIONS {
            resolved.given.push((option.default.to_owned(), Origin::Default));
            if !option.default.is_empty() {
                // Each default is valid: a test over the table sees to it.
                let _ = (option.set)(&mut resolved.settings, option.default);
            }
        }
        resolved
    }

    /// Sets an option.
    ///
    /// # Errors
    ///
    /// What is wrong with the value, in a sentence without a subject.
    pub fn set(&mut self, option: &'static Opt, text: &str, origin: Origin) -> value::Parsed<()> {
        (option.set)(&mut self.settings, text)?;
        let place = OPTIONS.iter().position(|candidate| std::ptr::eq(candidate, option));
        if let Some(given) = place.and_then(|place| self.given.get_mut(place)) {
            *given = (text.to_owned(), origin);
        }
        Ok(())
    }

    /// Where the value of that option comes from.
    #[must_use]
    pub fn origin(&self, long: &str) -> Origin {
        self.pairs()
            .find(|(option, _, _)| option.long == long)
            .map_or(Origin::Default, |(_, _, origin)| origin)
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static Opt, &str, Origin)> {
        OPTIONS.iter().zip(&self.given).map(|(option, (text, origin))| (option, &**text, *origin))
    }

    /// Reads a config file's text. `name` stands in front of messages.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line.
    pub fn read_file(&mut self, name: &str, text: &str) -> Result<(), String> {
        let at = |span: Option<std::ops::Range<usize>>| match span {
            Some(span) => format!("{name}:{}", line(text, span.start)),
            None => name.to_owned(),
        };
        let document = Document::parse(text).map_err(|error| {
            let message = error.message().lines().next().unwrap_or("no valid TOML");
            format!("{}: {}", at(error.span()), lower(message))
        })?;
        for (key, item) in document.iter() {
            let here = at(document.key(key).and_then(toml_edit::Key::span).or(item.span()));
            if key == "alert" {
                self.settings.alerts.rules = alerts::read(item, &at)?;
                continue;
            }
            if key == "columns" {
                self.settings.screen.columns = columns::read(item, &at)?;
                continue;
            }
            let wrong = |why: String| format!("{here}: {key}: {why}");
            let option = options::find(key).or_else(|| opposite(key));
            let option = option.filter(|option| option.place == Place::Config);
            let option = option.ok_or_else(|| format!("{here}: {}", unknown_key(key)))?;
            if item.is_array_of_tables() {
                return Err(wrong("rules stand under [[alert]]".to_owned()));
            }
            let mut text = plain(item)
                .ok_or_else(|| wrong("takes a text, a number or true or false".to_owned()))?;
            if !option.is_called(key) {
                text = (!value::switch(&text).map_err(wrong)?).to_string();
            }
            self.set(option, &text, Origin::File).map_err(wrong)?;
        }
        Ok(())
    }

    /// Reads the `RETOP_` variables.
    ///
    /// # Errors
    ///
    /// The first value that is wrong, with its variable.
    pub fn read_variables(&mut self, environment: &Environment) -> Result<(), String> {
        for option in OPTIONS.iter().filter(|option| option.place != Place::Flag) {
            let name = option.variable();
            if let Some(text) = environment.variables.get(&name) {
                self.set(option, text, Origin::Variable).map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(())
    }

    /// One line for each option that was set and has no effect yet.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.pairs()
            .filter(|(option, _, origin)| !option.used && *origin != Origin::Default)
            .map(|(option, ..)| format!("--{} is accepted and has no effect yet", option.long))
    }

    /// A config file that amounts to these settings. What is at its default is commented out, so
    /// that later defaults apply.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::from(
            "# Settings of retop. A flag wins over a RETOP_ variable, a variable over this file.\n",
        );
        for (option, value, origin) in self.pairs() {
            if option.place != Place::Config {
                continue;
            }
            let _ = write!(text, "\n# {}.\n", option.full_help());
            let comment = if origin == Origin::Default { "# " } else { "" };
            let value = match value {
                "" if option.is_switch() => "false".to_owned(),
                value if option.is_switch() => value::switch(value).unwrap_or(false).to_string(),
                value => Value::from(value).to_string(),
            };
            let _ = writeln!(text, "{comment}{} = {}", option.long, value.trim());
        }
        columns::print(&self.settings.screen.columns, &mut text);
        match self.settings.alerts.rules.as_slice() {
            [] => text.push_str(alerts::EXAMPLE),
            rules => alerts::print(rules, &mut text),
        }
        text
    }
}

/// Reads the file, the variables and nothing of the command line yet. A file named on purpose must
/// be there; the usual one may be missing.
///
/// # Errors
///
/// The first thing that is wrong, in one line.
pub fn load(environment: &Environment, file: Option<&Path>) -> Result<Resolved, String> {
    let mut resolved = Resolved::defaults();
    let usual = environment.config_folder.as_ref().map(|folder| folder.join("config.toml"));
    resolved.file = file.map(Path::to_owned).or(usual);
    if let Some(path) = resolved.file.clone() {
        let path = path.as_path();
        match std::fs::read_to_string(path) {
            Ok(text) => resolved.read_file(&path.display().to_string(), &text)?,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {}", path.display(), lower(&error.to_string()))),
        }
    }
    resolved.read_variables(environment)?;
    Ok(resolved)
}

/// The switch that turns `key` off: `alerts = false` is `no-alerts = true`.
fn opposite(key: &str) -> Option<&'static Opt> {
    options::find(&format!("no-{key}"))
}

fn unknown_key(key: &str) -> String {
    if let Some(option) = options::find(key) {
        return format!("'{key}' is no key for the file; it is a flag: --{}", option.long);
    }
    let keys = OPTIONS.iter().filter(|option| option.place == Place::Config).map(|o| o.long);
    match value::nearest(key, keys) {
        Some(near) => format!("unknown key '{key}'; there is '{near}'"),
        None => format!("unknown key '{key}'; retop --print-config lists them all"),
    }
}

/// A TOML value as the text that the same option would have on the command line.
fn plain(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(on) => Some(on.value().to_string()),
        _ => None,
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// Messages of libraries begin with a capital; ours do not.
pub(crate) fn lower(message: &str) -> String {
    let mut letters = message.chars();
    match letters.next() {
        Some(first) if !letters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Resolved, String> {
        let mut resolved = Resolved::defaults();
        resolved.read_file("config.toml", text).map(|()| resolved)
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
        let variables = [("RETOP_INTERVAL", "3s"), ("RETOP_THEME", "ink")];
        let environment = Environment {
            variables: variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Environment::default()
        };
        let mut resolved = read("interval = 2\ntheme = \"paper\"\nhistory = \"1M\"\n").expect("ok");
        assert_eq!(resolved.settings.interval, Duration::from_secs(2));
        resolved.read_variables(&environment).expect("valid");
        assert_eq!(resolved.settings.interval, Duration::from_secs(3));
        let interval = options::find("interval").expect("declared");
        resolved.set(interval, "500ms", Origin::Flag).expect("valid");
        assert_eq!(resolved.settings.interval, Duration::from_millis(500));
        assert_eq!(resolved.settings.screen.theme.as_deref(), Some("ink"));
        assert_eq!(resolved.settings.history_bytes, 1 << 20);
        let origins = ["interval", "theme", "history", "args"].map(|name| resolved.origin(name));
        assert_eq!(origins, [Origin::Flag, Origin::Variable, Origin::File, Origin::Default]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("intervall = 1", "config.toml:1: unknown key 'intervall'; there is 'interval'"),
            (
                "\n\nxyzzy = 1",
                "config.toml:3: unknown key 'xyzzy'; retop --print-config lists them all",
            ),
            ("json = true", "config.toml:1: 'json' is no key for the file; it is a flag: --json"),
            (
                "interval = 0",
                "config.toml:1: interval: '0' is out of range; write a time from 0.1s to 24h",
            ),
            ("# x\nargs = [1]", "config.toml:2: args: takes a text, a number or true or false"),
            ("[interval]", "config.toml:1: interval: takes a text, a number or true or false"),
            ("no-mouse = \"x\"", "config.toml:1: no-mouse: 'x' is neither true nor false"),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text).err().as_deref(), Some(wanted), "{text}");
        }
        for broken in ["interval", "a = \"", "interval = 1\ninterval = 2", "= 1", "a = 1 b"] {
            let message = read(broken).expect_err(broken);
            assert!(message.starts_with("config.toml:"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn old_names_are_keys_too() {
        let resolved = read("proc-filter = \"python|ollama\"").expect("valid");
        assert_eq!(resolved.settings.filter.as_deref(), Some("python|ollama"));
    }

    #[test]
    fn the_printed_file_reads_back_as_the_same_settings() {
        let text = "interval = 0.5\nhistory = \"8M\"\nno-mouse = true\nprocesses = \"all\"\n\
                    filter = 'cmd ~ \"a\\b\"'\nalert-swap-rise-gb = 0.25\ncolor = 8\n";
        let first = read(text).expect("valid");
        let again = read(&first.print()).expect("what we print is valid");
        assert_eq!(again.settings, first.settings);
        assert_eq!(again.print(), first.print());
        assert!(first.print().contains("\ninterval = \"0.5\"\n"));
        assert!(first.print().contains("\n# theme = \"\"\n"));
    }

    #[test]
    fn every_line_of_the_default_file_is_a_valid_setting() {
        let printed = Resolved::defaults().print();
        let all: String = printed
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| !line.starts_with(' '))
            .filter(|line| line.contains(" = ") && !line.contains("= \"\""))
            .fold(String::new(), |all, line| all + line + "\n");
        let resolved = read(&all).expect("valid");
        assert_eq!(resolved.settings.interval, Resolved::defaults().settings.interval);
        assert_eq!(
            all.lines().count() + printed.matches("= \"\"").count(),
            OPTIONS.iter().filter(|option| option.place == Place::Config).count()
        );
    }

    #[test]
    fn what_has_no_effect_is_noted() {
        let resolved = read("avg = 10\ninterval = 2").expect("valid");
        let notes: Vec<_> = resolved.notes().collect();
        assert_eq!(notes, ["--avg is accepted and has no effect yet"]);
    }
}
