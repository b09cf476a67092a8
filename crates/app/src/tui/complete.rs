//! What Tab puts into a filter: names of fields, and for fields that are texts the values that
//! processes have now.

use retop_model::family::process;
use retop_model::filter::{self, Target};
use retop_model::{FamilyId, Snapshot, Terminal};

/// What could stand before the cursor, one after the other with each Tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text before what is completed.
    before: String,
    words: Vec<String>,
    at: usize,
}

/// So many values are offered at most.
const MOST: usize = 200;

impl Completion {
    /// What could complete the text before the cursor; nothing if nothing could.
    #[must_use]
    pub fn new(text: &str, now: Option<&Snapshot>) -> Option<Completion> {
        let ends = |c: char| c.is_whitespace() || "(&|".contains(c);
        let start = text
            .rfind(ends)
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let start = text.len() - text[start..].trim_start_matches('!').len();
        let word = &text[start..];
        let (from, words) = match word.find(['=', '~', '<', '>']) {
            None => (start, names(word)),
            Some(at) => {
                let operator = word[at..].find(|c| !"=~<>".contains(c)).unwrap_or(word.len() - at);
                let list = &word[at + operator..];
                let typed = list.rfind(',').map_or(list, |comma| &list[comma + 1..]);
                let field = word[..at].trim_end_matches('!');
                (text.len() - typed.len(), values(field, typed, now?))
            }
        };
        (!words.is_empty()).then(|| Completion { before: text[..from].to_owned(), words, at: 0 })
    }

    /// The text before the cursor with the word put in.
    #[must_use]
    pub fn text(&self) -> String {
        let word = self.words.get(self.at).map_or("", String::as_str);
        format!("{}{word}", self.before)
    }

    /// Goes to the next word, around.
    pub fn step(&mut self) {
        self.at = (self.at + 1) % self.words.len().max(1);
    }
}

fn names(typed: &str) -> Vec<String> {
    if let Some(field) = typed.strip_prefix("has:") {
        return names(field).into_iter().map(|name| format!("has:{name}")).collect();
    }
    let begins = |name: &&str| !typed.is_empty() && starts(name, typed);
    filter::names().filter(begins).map(str::to_owned).collect()
}

fn values(field: &str, typed: &str, now: &Snapshot) -> Vec<String> {
    let mut values: Vec<String> = match filter::find(field).map(|field| field.target) {
        Some(Target::Text(field)) => {
            let texts = now.rows(FamilyId::Process).filter_map(|row| row.text(field));
            texts.map(|text| text.shown().to_owned()).collect()
        }
        Some(Target::State) => {
            process::state.states().unwrap_or(&[]).iter().map(|&name| name.to_owned()).collect()
        }
        Some(Target::Terminal) => now
            .rows(FamilyId::Process)
            .filter_map(|row| row.raw(process::terminal))
            .map(|number| Terminal(number).to_string())
            .collect(),
        Some(Target::Tagged | Target::New | Target::Gone) => vec!["yes".into(), "no".into()],
        _ => Vec::new(),
    };
    let typed = typed.trim_start_matches('"');
    values.retain(|value| !value.is_empty() && starts(value, typed));
    values.sort_unstable();
    values.dedup();
    values.truncate(MOST);
    values.iter().map(|value| quoted(value)).collect()
}

fn starts(text: &str, typed: &str) -> bool {
    let mut letters = text.chars().flat_map(char::to_lowercase);
    typed.chars().flat_map(char::to_lowercase).all(|c| letters.next() == Some(c))
}

/// A value as the filter takes it back: in quotes where a word would end or mean something else.
#[must_use]
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/:@+".contains(c);
    if value.chars().all(plain) && !value.starts_with('/') {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use retop_model::{Filter, Key, RawSample, RawTable, Stamp, Verdict, Window, derive};

    use super::*;

    fn users(names: &[&str]) -> Snapshot {
        let mut table = RawTable::new(FamilyId::Process);
        for (pid, name) in (1..).zip(names) {
            table.push(Key(pid, 0)).text(process::user, *name).set(process::terminal, 34819_i64);
        }
        table.finish(Window { begin_ns: 0, end_ns: 1 });
        let mut sample = RawSample::new(Stamp::default());
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    }

    fn all(text: &str, now: &Snapshot) -> Vec<String> {
        let Some(mut completion) = Completion::new(text, Some(now)) else { return Vec::new() };
        let count = completion.words.len();
        let texts = (0..count).map(|_| {
            let text = completion.text();
            completion.step();
            text
        });
        texts.collect()
    }

    #[test]
    fn fields_and_values_are_completed() {
        let now = users(&["bob", "alice", "albert", "bob", "odd name", "Al"]);
        for (text, wanted) in [
            ("use", &["user", "user_id", "user_seconds", "user_ratio"][..]),
            ("cpu>1 && !ag", &["cpu>1 && !age", "cpu>1 && !age_seconds"]),
            ("has:tt", &["has:tty"]),
            ("user=al", &["user=Al", "user=albert", "user=alice"]),
            ("x user!=bob,o", &["x user!=bob,\"odd name\""]),
            ("(user=b", &["(user=bob"]),
            ("user=\"odd", &["user=\"odd name\""]),
            ("tty=", &["tty=pts/3"]),
            ("state=zo", &["state=zombie"]),
            ("new=", &["new=no", "new=yes"]),
            ("cpu>", &[]),
            ("xyzzy", &[]),
            ("xyzzy=", &[]),
            ("", &[]),
            ("a ", &[]),
        ] {
            assert_eq!(all(text, &now), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_it_gives_is_a_filter(text in "\\PC{0,20}", user in "\\PC{1,12}") {
            let now = users(&[&user]);
            let _ = all(&text, &now);
            let row = now.row(FamilyId::Process, 0).expect("a row");
            // Values are completed as they are shown, with what would break a line replaced.
            let user = quoted(row.shown(process::user));
            let filter = Filter::parse(&format!("user={user}")).expect("a filter");
            prop_assert_eq!(filter.test(row), Verdict::Yes);
        }
    }
}
