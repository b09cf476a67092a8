//! The help: what every key, sign, column and alert means, made of the tables of these, and a search
//! in it.

use retop_model::alert::Rule;

use super::app::App;
use super::dialog::Overlay;
use super::edit::Editor;
use super::events::Mark;
use super::input::Key;
use super::keymap::{Keymap, names};
use super::keys::{Action, Binding, Mode};
use super::render::Glyphs;
use super::table::set;

const SIGNS: [(&str, &str); 7] = [
    ("–", "not available here, or not applicable"),
    ("…", "comes with the second sample"),
    ("~", "an estimate"),
    ("!", "over a limit"),
    ("+", "a process that was not there before"),
    ("†", "a process that has just ended (x with ASCII)"),
    ("*", "a tagged process"),
];

/// What stands on the scrubber, and before the lines of the page of events.
const MARKS: [(Mark, &str); 8] = [
    (Mark::Bookmark, "a bookmark"),
    (Mark::Spike, "a spike: far above what was usual"),
    (Mark::Warning, "an alert that warns"),
    (Mark::Critical, "a critical alert"),
    (Mark::Ended, "an alert, or the loss of a source, has ended"),
    (Mark::Killed, "the kernel killed a process for want of memory"),
    (Mark::Lost, "a source no longer gives anything"),
    (Mark::Gap, "time that nobody saw, or a clock that was set"),
];

/// Parts of the help that show keys.
const KEYS: [(&str, Mode); 3] = [
    ("Keys", Mode::Live),
    ("Keys with the details of a process open; the table has the others", Mode::Pane),
    ("Keys while looking back; those of the table work as ever", Mode::Rewind),
];

/// Cells for the names of keys.
pub const NAMES: u16 = 14;

/// One line: a key and its meaning, or a heading, which has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// What is explained, or the heading.
    pub key: String,
    /// What it means.
    pub text: String,
    /// It is a heading.
    pub heading: bool,
}

impl Line {
    fn new(key: &str, text: &str) -> Line {
        Line { key: key.to_owned(), text: text.to_owned(), heading: false }
    }

    fn heading(text: &str) -> Line {
        Line { key: text.to_owned(), text: String::new(), heading: true }
    }

    /// True if it has those words, whatever their case.
    #[must_use]
    pub fn has(&self, wanted: &str) -> bool {
        let within = |text: &str| text.to_lowercase().contains(&wanted.to_lowercase());
        !wanted.is_empty() && (within(&self.text) || within(&self.key))
    }
}

/// What somebody who has never seen the screen wants to know.
const FIRST: [Action; 9] = [
    Action::Quit,
    Action::Details,
    Action::Filter,
    Action::SortMenu,
    Action::Tree,
    Action::Signal,
    Action::Rewind,
    Action::Palette,
    Action::Setup,
];

/// The help while it is open.
#[derive(Debug, Default)]
pub struct Help {
    /// Its lines.
    pub lines: Vec<Line>,
    /// The first line on the screen, if the rest fills it.
    pub at: usize,
    /// What is being looked for.
    pub typing: Option<Editor>,
    /// What was looked for last.
    pub wanted: String,
    /// The line that was found.
    pub found: Option<usize>,
    /// Where the search began.
    from: usize,
}

impl Help {
    /// The help for these keys and these rules.
    #[must_use]
    pub fn new(map: &Keymap, rules: &[Rule], glyphs: Glyphs) -> Help {
        let mut lines = Vec::new();
        let mut part = |name: &str, part: &mut dyn Iterator<Item = Line>| {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::heading(name));
            lines.extend(part);
        };
        let first = FIRST.iter().map(|action| (action.binding(), map.keys(*action)));
        let key = |(binding, keys): (&Binding, &[Key])| {
            // What has no key can be bound to one, and is in the man page.
            (!keys.is_empty()).then(|| Line::new(&names(keys, NAMES), binding.help))
        };
        part("To begin with", &mut first.filter_map(key));
        for (name, mode) in KEYS {
            part(name, &mut map.mode(mode).filter_map(key));
        }
        part("Signs", &mut SIGNS.iter().map(|(sign, help)| Line::new(sign, help)));
        let mark = |(mark, help): &(Mark, &str)| Line::new(&mark.sign(glyphs).to_string(), help);
        part("Events", &mut MARKS.iter().map(mark));
        let alert = |rule: &Rule| Line::new(&rule.name, &rule.condition());
        part("Alerts; --help and config.toml change their limits", &mut rules.iter().map(alert));
        let own = Line::new("[columns]", "in config.toml makes any metric of a process one");
        let columns = set::usual();
        let columns = columns.iter().map(|col| Line::new(col.head(), col.help()));
        part("Columns", &mut std::iter::once(own).chain(columns));
        Help { lines, ..Help::default() }
    }

    /// The next line with those words, around; `from` is asked first.
    fn next(&self, from: usize, back: bool) -> Option<usize> {
        let count = self.lines.len();
        let place = |step: usize| match back {
            false => (from + step) % count,
            true => (from + count - step) % count,
        };
        (0..count).map(place).find(|&line| self.lines[line].has(&self.wanted))
    }

    /// Goes to the match from that line on.
    fn go(&mut self, from: usize, back: bool) {
        self.found = self.next(from, back);
        if let Some(found) = self.found {
            // With its heading or what stands before it in sight.
            self.at = found.saturating_sub(2);
        }
    }
}

impl App {
    /// Opens the help.
    pub(super) fn open_help(&mut self) {
        let help = Help::new(&self.keys, &self.rules, self.glyphs);
        self.overlay = Overlay::Help(Box::new(help));
    }

    /// Looks for something in the help.
    pub(super) fn search_help(&mut self, action: Action) {
        let Overlay::Help(help) = &mut self.overlay else { return };
        let count = help.lines.len().max(1);
        let here = help.found.unwrap_or(help.at);
        match (action, &help.typing) {
            (Action::HelpFind, None) => {
                (help.from, help.typing) = (help.at, Some(Editor::default()));
            }
            // Something was typed.
            (Action::HelpFind, Some(editor)) => {
                help.wanted = editor.text().trim().to_owned();
                help.go(help.from, false);
                if help.found.is_none() {
                    help.at = help.from;
                }
            }
            (Action::LineDrop, _) => {
                help.at = help.from;
                (help.typing, help.found) = (None, None);
                help.wanted.clear();
            }
            (Action::LineAccept, _) => help.typing = None,
            (Action::HelpBack | Action::LineBack, _) => help.go((here + count - 1) % count, true),
            _ => help.go((here + 1) % count, false),
        }
        if !help.wanted.is_empty() && help.found.is_none() && help.typing.is_none() {
            self.say("no match".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keys::BINDINGS;
    use retop_model::alert::builtin;

    fn help() -> Help {
        Help::new(&Keymap::default(), &builtin(), Glyphs::Braille)
    }

    #[test]
    fn every_line_has_something_to_say() {
        let help = help();
        let empty = help.lines.iter().filter(|line| **line == Line::default());
        let headings = help.lines.iter().filter(|line| line.heading).count();
        assert_eq!(empty.count(), headings - 1, "one between each two parts");
        for line in help.lines.iter().filter(|line| !line.heading && **line != Line::default()) {
            assert!(!line.text.is_empty(), "{line:?}");
        }
        let told = |b: &&Binding| {
            matches!(b.mode, Mode::Live | Mode::Pane | Mode::Rewind) && !b.keys.is_empty()
        };
        for binding in BINDINGS.iter().filter(told) {
            assert!(help.lines.iter().any(|line| line.text == binding.help), "{}", binding.id);
        }
        for rule in builtin() {
            assert!(help.lines.iter().any(|line| line.key == rule.name), "{}", rule.name);
        }
        assert_eq!(help.lines[help.lines.len() - 1].key, "COMMAND");
    }

    #[test]
    fn a_search_goes_round_and_says_where_nothing_is() {
        let mut help = help();
        help.wanted = "psi-".to_owned();
        let mut found = Vec::new();
        for _ in 0..4 {
            help.go(help.found.map_or(0, |found| found + 1), false);
            found.push(help.lines[help.found.expect("one of three")].key.clone());
        }
        assert_eq!(found, ["PSI-CPU", "PSI-MEM", "PSI-IO", "PSI-CPU"]);
        help.go(help.found.expect("found") - 1, true);
        assert_eq!(help.lines[help.found.expect("found")].key, "PSI-IO");
        help.wanted = "no such thing".to_owned();
        help.go(0, false);
        assert_eq!(help.found, None);
    }
}
