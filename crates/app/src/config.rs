//! From the three places where an option can be set to the settings. A flag wins over a variable,
//! a variable over `config.toml`.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Key, TableLike, Value};

use crate::alerts;
use crate::columns;
use crate::environment::Environment;
use crate::options::{self, OPTIONS, Opt, Place};
use crate::settings::Settings;
use crate::tui::keymap::Bound;
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
    /// Keys of the file that mean nothing here, a line each with its place: another version of retop
    /// may know them, and at 3 a.m. nobody wants to mend a file first.
    pub unknown: Vec<String>,
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

    /// Lets an option be as if nobody had set it.
    pub fn unset(&mut self, option: &'static Opt) {
        // A text without a default stands for nothing when it is empty.
        if self.set(option, option.default, Origin::Default).is_err() {
            let place = OPTIONS.iter().position(|candidate| std::ptr::eq(candidate, option));
            if let Some(given) = place.and_then(|place| self.given.get_mut(place)) {
                *given = (String::new(), Origin::Default);
            }
        }
    }

    /// The value of that option as it was written, or its default.
    #[must_use]
    pub fn text(&self, long: &str) -> &str {
        let found = self.pairs().find(|(option, _, _)| option.long == long);
        found.map_or("", |(_, text, _)| text)
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
        let at = |span| place(name, text, span);
        let document = document(name, text)?;
        for (key, item) in document.iter() {
            let here = at(document.key(key).and_then(Key::span).or(item.span()));
            if key == "alert" {
                self.settings.alerts.rules = alerts::read(item, &at)?;
                continue;
            }
            if key == "columns" {
                self.settings.screen.columns = columns::read(item, &at)?;
                continue;
            }
            if key == "keys"
                && let Some(table) = item.as_table_like()
            {
                self.read_keys(table, "", &at)?;
                continue;
            }
            let wrong = |why: String| format!("{here}: {key}: {why}");
            let option = options::find(key).or_else(|| opposite(key));
            let option = option.filter(|option| option.place == Place::Config);
            let Some(option) = option else {
                self.unknown.push(format!("{here}: {}", unknown_key(key)));
                continue;
            };
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

    /// Reads the `[keys]` table: a preset, and keys by the names of actions. `view.rewind = "x"`
    /// without quotes is a table within the table.
    fn read_keys(
        &mut self,
        table: &dyn TableLike,
        before: &str,
        at: &dyn Fn(Option<Range<usize>>) -> String,
    ) -> Result<(), String> {
        for (key, item) in table.iter() {
            let id = format!("{before}{key}");
            let here = at(table.key(key).and_then(Key::span).or(item.span()));
            if let Some(inner) = item.as_table_like() {
                self.read_keys(inner, &format!("{id}."), at)?;
                continue;
            }
            let texts: Option<Vec<String>> = match item.as_array() {
                Some(array) => array.iter().map(text).collect(),
                None => plain(item).map(|text| vec![text]),
            };
            let texts = texts
                .ok_or_else(|| format!("{here}: keys: {id}: takes a key, or a list of keys"))?;
            if id == "preset"
                && let Some(option) = options::find("keys")
            {
                let wrong = |why| format!("{here}: keys: preset: {why}");
                self.set(option, &texts.concat(), Origin::File).map_err(wrong)?;
                continue;
            }
            let bound = Bound::parse(here.clone(), &id, &texts)
                .map_err(|why| format!("{here}: keys: {why}"))?;
            if self.settings.screen.bound.iter().any(|other| other.id == bound.id) {
                return Err(format!("{here}: keys: {id}: is there twice"));
            }
            self.settings.screen.bound.push(bound);
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

    /// A config file that amounts to these settings. What is at its default is commented out, so
    /// that later defaults apply.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::from(
            "# Settings of retop. A flag wins over a RETOP_ variable, a variable over this file.\n",
        );
        for (option, value, origin) in self.pairs() {
            // A file has one of `keys = "htop"` and `[keys]`.
            let in_table = option.long == "keys" && !self.settings.screen.bound.is_empty();
            if option.place != Place::Config || in_table {
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
        text.push_str(
            "\n# Keys of the screen: a preset, and what is bound instead, by the names of actions.\n",
        );
        match (self.settings.screen.bound.as_slice(), self.settings.screen.keys()) {
            ([], Ok(keys)) => keys.print("#   ", true, &mut text),
            (_, Ok(keys)) => keys.print("", false, &mut text),
            (_, Err(_)) => {}
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
    item.as_value().and_then(text)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(on) => Some(on.value().to_string()),
        _ => None,
    }
}

/// The TOML of a file; else what is wrong, and where.
pub(crate) fn document<'t>(name: &str, text: &'t str) -> Result<Document<&'t str>, String> {
    Document::parse(text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or("no valid TOML");
        format!("{}: {}", place(name, text, error.span()), lower(message))
    })
}

/// A place in a file, for a message: its name and, where it is known, the line.
pub(crate) fn place(name: &str, text: &str, span: Option<Range<usize>>) -> String {
    match span {
        Some(span) => format!("{name}:{}", line(text, span.start)),
        None => name.to_owned(),
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
    fn what_is_unknown_is_told_and_the_rest_holds() {
        let text = "intervall = 1\n\nxyzzy = 1\njson = true\ntheme = 'ink'\n[new-in-2]\na = 1\n";
        let resolved = read(text).expect("the rest is fine");
        assert_eq!(resolved.settings.screen.theme.as_deref(), Some("ink"));
        assert_eq!(
            resolved.unknown,
            [
                "config.toml:1: unknown key 'intervall'; there is 'interval'",
                "config.toml:3: unknown key 'xyzzy'; retop --print-config lists them all",
                "config.toml:4: 'json' is no key for the file; it is a flag: --json",
                "config.toml:6: unknown key 'new-in-2'; retop --print-config lists them all",
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            (
                "interval = 0",
                "config.toml:1: interval: '0' is out of range; write a time from 0.1s to 24h",
            ),
            ("# x\nargs = [1]", "config.toml:2: args: takes a text, a number or true or false"),
            ("[interval]", "config.toml:1: interval: takes a text, a number or true or false"),
            ("no-mouse = \"x\"", "config.toml:1: no-mouse: 'x' is neither true nor false"),
            (
                "[keys]\npreset = \"emacs\"",
                "config.toml:2: keys: preset: 'emacs' is none of default, htop, actop, vim, btop",
            ),
            (
                "[keys]\n\n\"view.rewnd\" = \"r\"",
                "config.toml:3: keys: no action is called 'view.rewnd'; there is 'view.rewind'",
            ),
            (
                "[keys]\nview.rewind = [\"r\", 1.5, true]",
                "config.toml:2: keys: view.rewind: '1.5' is no key; write r, Ctrl-r, Alt-1, F5, \
                 Space or PgUp",
            ),
            ("[keys]\nquit = [[]]", "config.toml:2: keys: quit: takes a key, or a list of keys"),
            ("[keys]\nquit = \"x\"\n\"quit\" = \"y\"", "config.toml:3: duplicate key"),
            (
                "[keys]\nview.rewind = \"x\"\n\"view.rewind\" = \"y\"",
                "config.toml:3: keys: view.rewind: is there twice",
            ),
            ("keys = 1", "config.toml:1: keys: '1' is none of default, htop, actop, vim, btop"),
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
    fn keys_are_bound_by_the_names_of_actions() {
        use crate::tui::input::Key;
        use crate::tui::keys::{Action, Mode};
        let text = "[keys]\npreset = \"htop\"\n\"view.rewind\" = [\"x\", \"Ctrl-r\"]\n\
                    sort.cpu = \"X\"\nhelp = []\n";
        let resolved = read(text).expect("valid");
        let keys = resolved.settings.screen.keys().expect("no conflict");
        for (key, wanted) in [
            (Key::char('x'), Some(Action::Rewind)),
            (Key::ctrl('r'), Some(Action::Rewind)),
            (Key::char('X'), Some(Action::SortCpu)),
            (Key::char('/'), Some(Action::Find)),
            (Key::f(1), None),
        ] {
            assert_eq!(keys.action(Mode::Live, key), wanted, "{key}");
        }
        let again = read(&resolved.print()).expect("what we print is valid");
        assert_eq!(again.settings.screen.keys(), Ok(keys));
        assert_eq!(again.print(), resolved.print());
        let short = read("keys = \"vim\"\ninterval = 2").expect("valid");
        assert_eq!(read(&short.print()).expect("valid").settings, short.settings);
        // Everything that is bound by default is printed as it would be bound.
        let printed = short.print();
        let lines = printed.lines().filter_map(|line| line.strip_prefix("#   "));
        let table: String =
            lines.take_while(|line| *line != "[[alert]]").collect::<Vec<_>>().join("\n");
        let again = read(&table).expect("valid");
        assert_eq!(again.settings.screen.keys(), short.settings.screen.keys());
        assert_eq!(again.settings.screen.bound.len(), crate::tui::keys::BINDINGS.len());
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
}
