//! The `[columns]` table of `config.toml`: a user's own sets of columns.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use toml_edit::{Item, Key, Value};

use crate::config_write;
use crate::tui::table::set::{self, Set};

/// What a config file without sets of its own shows of them.
const EXAMPLE: &str = "
# Sets of columns, as many as you like. One with the name of a set that comes with retop (main, io,
# mem, time, power, ctr) takes its place. Any metric of a process is a column: the names of the filter,
# those of `retop metrics`, headings. With @150 it is shown where the table has 150 cells. The
# command is always the last one.
#   [columns]
";

/// Reads the table. `at` gives the place of a span for messages.
///
/// # Errors
///
/// The first thing that is wrong, with its place and its key.
pub fn read(item: &Item, at: &dyn Fn(Option<Range<usize>>) -> String) -> Result<Vec<Set>, String> {
    let table = item
        .as_table_like()
        .ok_or_else(|| format!("{}: columns: write sets below [columns]", at(item.span())))?;
    let mut sets: Vec<Set> = Vec::new();
    for (name, item) in table.iter() {
        let place = table.key(name).and_then(Key::span).or(item.span());
        let wrong = |why: String| format!("{}: columns: {name}: {why}", at(place.clone()));
        let names = item
            .as_array()
            .and_then(|names| names.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
        let names = names.ok_or_else(|| {
            wrong("takes a list of names: [\"pid\", \"user\", \"cpu\"]".to_owned())
        })?;
        let set = Set::read(name, names).map_err(wrong)?;
        if sets.iter().any(|known| known.name == set.name) {
            return Err(wrong("stands there twice".to_owned()));
        }
        sets.push(set);
    }
    Ok(sets)
}

/// Writes the table, or an example where there are no sets of a user.
pub fn print(sets: &[Set], out: &mut String) {
    if sets.is_empty() {
        out.push_str(EXAMPLE);
        for set in set::builtin() {
            let _ = writeln!(out, "#   {} = {}", key(&set.name), list(&set));
        }
        return;
    }
    out.push_str("\n[columns]\n");
    for set in sets {
        let _ = writeln!(out, "{} = {}", key(&set.name), list(set));
    }
}

/// Keeps a set in the config file: that line changes and no other.
///
/// # Errors
///
/// Why it could not be written, in one line with the path.
pub fn save(path: &Path, set: &Set) -> Result<(), String> {
    let is_usual = set::builtin().iter().any(|known| known.name == set.name);
    let usual = if is_usual { set.name.to_lowercase() } else { set.name.clone() };
    // Somebody may have written Main for main.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let document = toml_edit::Document::parse(text.as_str()).ok();
    let table = document.as_ref().and_then(|document| document.get("columns")?.as_table_like());
    let written = table.and_then(|table| {
        let mut keys = table.iter().map(|(key, _)| key);
        keys.find(|key| *key == usual || is_usual && key.eq_ignore_ascii_case(&usual))
    });
    config_write::set(path, "columns", written.unwrap_or(&usual), list(set))
}

/// What a set is called in the file: those that come with retop in small letters.
#[must_use]
pub fn key(name: &str) -> String {
    if set::builtin().iter().any(|set| set.name == name) {
        return name.to_lowercase();
    }
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(bare) { name.to_owned() } else { Value::from(name).to_string() }
}

/// The columns of a set as a list of names.
#[must_use]
pub fn list(set: &Set) -> Value {
    set.seats.iter().map(|seat| seat.text()).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::Resolved;
    use crate::tui::table::set::Set;

    fn read(text: &str) -> Result<Resolved, String> {
        let mut resolved = Resolved::defaults();
        resolved.read_file("config.toml", text).map(|()| resolved)
    }

    #[test]
    fn sets_of_the_file_are_read_and_printed() {
        let text = "interval = 2\n[columns]\nmain = [\"pid\", \"cpu\", \"nice@150\"]\n\
                    \"my own\" = ['RES', 'oom_score', 'cmd']\n";
        let first = read(text).expect("valid");
        let sets: Vec<(&str, usize)> = first
            .settings
            .screen
            .columns
            .iter()
            .map(|set| (set.name.as_str(), set.seats.len()))
            .collect();
        assert_eq!(sets, [("Main", 4), ("my own", 3)]);
        let printed = first.print();
        assert!(
            printed.contains("\nmain = [\"pid\", \"cpu\", \"nice@150\", \"cmd\"]\n"),
            "{printed}"
        );
        let again = read(&printed).expect("what we print is valid");
        assert_eq!(again.settings, first.settings);
    }

    #[test]
    fn the_example_is_what_comes_with_retop() {
        let printed = Resolved::defaults().print();
        let from = printed.find("#   [columns]").expect("there");
        let example: String = printed[from..]
            .lines()
            .take_while(|line| line.starts_with("#   "))
            .map(|line| line.trim_start_matches("#   ").to_owned() + "\n")
            .collect();
        let sets = read(&example).expect("valid").settings.screen.columns;
        assert_eq!(sets, crate::tui::table::set::builtin());
    }

    #[test]
    fn a_set_is_kept_under_the_name_that_it_has_there() {
        let folder = std::env::temp_dir().join(format!("retop-columns-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        let path = folder.join("config.toml");
        std::fs::write(&path, "# mine\n[columns]\nMAIN = [\"pid\"] # few\n").expect("written");
        for (name, columns) in [("main", ["pid", "cpu"]), ("my own", ["rss", "cpu"])] {
            super::save(&path, &Set::read(name, columns).expect("valid")).expect("kept");
        }
        let text = std::fs::read_to_string(&path).expect("there");
        let wanted = "# mine\n[columns]\nMAIN = [\"pid\", \"cpu\", \"cmd\"] # few\n\
                      \"my own\" = [\"rss\", \"cpu\", \"cmd\"]\n";
        assert_eq!(text, wanted);
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, wanted) in [
            (
                "[columns]\n\nmain = [\"cpux\"]",
                "config.toml:3: columns: main: no column is called 'cpux'; there is 'cpu'",
            ),
            (
                "[columns]\nx = \"cpu\"",
                "config.toml:2: columns: x: takes a list of names: [\"pid\", \"user\", \"cpu\"]",
            ),
            (
                "[columns]\nx = [1]",
                "config.toml:2: columns: x: takes a list of names: [\"pid\", \"user\", \"cpu\"]",
            ),
            ("[columns]\nmain = []\nMain = []", "config.toml:3: columns: Main: stands there twice"),
            ("columns = 1", "config.toml:1: columns: write sets below [columns]"),
            ("[[columns]]\nx = 1", "config.toml:1: columns: write sets below [columns]"),
        ] {
            assert_eq!(read(text).err().as_deref(), Some(wanted), "{text}");
        }
    }
}
