//! The palette: every action by its name, and commands that take words.

use retop_model::FamilyId;
use retop_model::family::process;

use super::app::{App, Effect, Message};
use super::control::Control;
use super::dialog::{Overlay, SignalDialog};
use super::edit::Editor;
use super::filter::Filter;
use super::keys::{Action, BINDINGS, Mode};
use super::table::column::Col;
use super::table::set::Set;
use super::{CoreView, units};
use crate::value;

/// Lines kept of what was run.
const REMEMBERED: usize = 50;

/// A command of the palette.
pub struct Command {
    /// Its first word.
    pub name: &'static str,
    /// What may follow.
    pub words: &'static str,
    /// What it does, without a full stop.
    pub help: &'static str,
    run: fn(&mut App, &str, &dyn Control) -> Result<Effect, String>,
    /// Words that may follow, where they are few enough to be listed.
    choices: fn(&App) -> Vec<String>,
}

fn none(_: &App) -> Vec<String> {
    Vec::new()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Every command.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "goto",
        words: "14:01 | -5m | now",
        help: "Look at that moment of the past",
        run: App::run_goto,
        choices: none,
    },
    Command {
        name: "sort",
        words: "COLUMN",
        help: "Sort by any metric of a process",
        run: App::run_sort,
        choices: |_| Col::all().map(|col| col.name().to_owned()).collect(),
    },
    Command {
        name: "filter",
        words: "FILTER",
        help: "Show only the processes that match; alone: all of them",
        run: App::run_filter,
        choices: none,
    },
    Command {
        name: "theme",
        words: "NAME",
        help: "Take other colours",
        run: App::run_theme,
        choices: |app| app.themes.names().map(str::to_owned).collect(),
    },
    Command {
        name: "cols",
        words: "SET | COLUMN…",
        help: "Show a set of columns, or those columns in the set",
        run: App::run_columns,
        choices: |app| app.table.sets.iter().map(|set| set.name.to_lowercase()).collect(),
    },
    Command {
        name: "mark",
        words: "TEXT",
        help: "Set a bookmark with a text at this moment",
        run: App::run_mark,
        choices: none,
    },
    Command {
        name: "interval",
        words: "500ms | 2s",
        help: "Time between samples",
        run: App::run_interval,
        choices: none,
    },
    Command {
        name: "signal",
        words: "NAME [PID]",
        help: "Send a signal: to that process, else to those tagged or under the cursor",
        run: App::run_signal,
        choices: |_| retop_engine::signals().into_iter().map(|s| s.name.to_string()).collect(),
    },
    Command {
        name: "cores",
        words: "VIEW",
        help: "How cores are drawn",
        run: App::run_cores,
        choices: |_| words(&CoreView::ALL.map(CoreView::name)),
    },
    Command {
        name: "avg",
        words: "30s",
        help: "Time that averages are taken over",
        run: App::run_average,
        choices: none,
    },
    Command {
        name: "scale",
        words: "profile | auto",
        help: "Power against what the machine is held to, or the highest value seen",
        run: App::run_scale,
        choices: |_| words(&["profile", "auto"]),
    },
    Command {
        name: "energy",
        words: "reset",
        help: "Begin the energy of the session anew",
        run: App::run_energy,
        choices: |_| words(&["reset"]),
    },
];

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Does it.
    Action(Action),
    /// Begins it, for its words must follow; by its place in [`COMMANDS`].
    Command(usize),
    /// Takes that word.
    Word(String),
}

/// The palette while it is open.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub editor: Editor,
    /// What it may mean, the likeliest first.
    pub found: Vec<Entry>,
    /// The line under the cursor.
    pub at: usize,
    /// What is wrong with what was run.
    pub wrong: Option<String>,
    /// The line of the past that is shown, from the newest.
    recalled: Option<usize>,
}

impl Palette {
    /// The command whose words are being typed, and those words.
    #[must_use]
    pub fn command(&self) -> Option<(&'static Command, &str)> {
        let (name, rest) = self.editor.text().split_once(' ')?;
        let command = COMMANDS.iter().find(|command| command.name == name)?;
        Some((command, rest.trim()))
    }
}

/// How well the words match a text; `None` if they do not. Each letter has to be there, in its
/// order; what begins a word or follows on counts more.
#[must_use]
pub fn score(wanted: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let from = |start: usize, word: &[char]| {
        let (mut at, mut last, mut sum) = (start, None, 0);
        for &letter in word {
            let found = at + text[at..].iter().position(|&c| c == letter)?;
            let begins = found == 0 || !text[found - 1].is_alphanumeric();
            let follows = last == Some(found.wrapping_sub(1));
            sum += 1 + 4 * i32::from(begins) + 3 * i32::from(follows);
            (last, at) = (Some(found), found + 1);
        }
        // Of equals the one that is spread less, then the shorter text.
        Some(sum * 128 - (at - start).min(60) as i32 - text.len().min(60) as i32)
    };
    wanted.split_whitespace().try_fold(0, |sum, word| {
        let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        let starts = (0..text.len()).filter(|&at| text[at] == word[0]);
        Some(sum + starts.filter_map(|start| from(start, &word)).max()?)
    })
}

/// How well the words match what is called so and does that. A name counts more than a sentence.
fn likeness(wanted: &str) -> impl Fn(&str, &str) -> Option<i32> {
    const NAME: i32 = 8 * 128;
    move |name, help| score(wanted, name).map(|score| score + NAME).max(score(wanted, help))
}

impl App {
    /// Opens the palette.
    pub(super) fn open_palette(&mut self) {
        self.overlay = Overlay::Palette(Palette::default());
        self.look_up();
    }

    /// Lists what the line may mean.
    pub(super) fn look_up(&mut self) {
        let Overlay::Palette(palette) = &self.overlay else { return };
        let text = palette.editor.text();
        let mut found: Vec<(i32, Entry)> = match palette.command() {
            Some((command, rest)) => {
                // A list takes the last of its words.
                let last =
                    if text.ends_with(' ') { "" } else { rest.rsplit(' ').next().unwrap_or("") };
                let choices = (command.choices)(self).into_iter();
                choices.filter_map(|word| Some((score(last, &word)?, Entry::Word(word)))).collect()
            }
            None => {
                let best = likeness(text);
                let commands = COMMANDS.iter().enumerate().filter_map(|(place, command)| {
                    // A command that is named in full stands before everything else.
                    let whole = if command.name == text.trim() { 1 << 20 } else { 0 };
                    Some((best(command.name, command.help)? + whole, Entry::Command(place)))
                });
                let here = |action: Action| match action.binding().mode {
                    Mode::Live => self.rewind.is_some() || self.takes_live(action),
                    Mode::Rewind => self.rewind.is_some(),
                    _ => false,
                };
                let actions = BINDINGS.iter().filter(|binding| here(binding.action));
                let actions = actions.filter(|binding| binding.action != Action::Palette);
                let actions = actions.filter_map(|binding| {
                    Some((best(binding.id, binding.help)?, Entry::Action(binding.action)))
                });
                commands.chain(actions).collect()
            }
        };
        // Equals keep the order of their tables.
        found.sort_by_key(|(score, _)| -score);
        if let Overlay::Palette(palette) = &mut self.overlay {
            palette.found = found.into_iter().map(|(_, entry)| entry).collect();
            (palette.at, palette.wrong) = (0, None);
        }
    }

    /// Moves in the list, or in what was run before.
    pub(super) fn palette_step(&mut self, by: isize) {
        let Overlay::Palette(palette) = &mut self.overlay else { return };
        let back = match (palette.recalled, by) {
            (None, ..0) if palette.at == 0 => Some(0),
            (Some(place), ..0) => Some((place + 1).min(self.spoken.len().saturating_sub(1))),
            (Some(place), _) => place.checked_sub(1),
            (None, _) => {
                let last = palette.found.len().saturating_sub(1);
                palette.at = palette.at.saturating_add_signed(by).min(last);
                return;
            }
        };
        let line = back.map(|back| self.spoken.iter().rev().nth(back));
        match line {
            Some(Some(line)) => palette.editor = Editor::new(line),
            // Before the oldest there is nothing.
            Some(None) => return,
            None => palette.editor = Editor::default(),
        }
        palette.recalled = back;
        self.look_up();
    }

    /// Completes the word that is being typed from the line under the cursor.
    pub(super) fn complete_command(&mut self) {
        let Overlay::Palette(palette) = &mut self.overlay else { return };
        let line = match palette.found.get(palette.at) {
            Some(Entry::Word(word)) => {
                let text = palette.editor.text();
                let begin = text.rfind(' ').map_or(0, |space| space + 1);
                format!("{}{word} ", &text[..begin])
            }
            Some(Entry::Command(place)) => format!("{} ", COMMANDS[*place].name),
            Some(Entry::Action(action)) => action.binding().id.to_owned(),
            None => return,
        };
        palette.editor = Editor::new(&line);
        self.look_up();
    }

    /// Runs what is typed, or the line under the cursor.
    pub(super) fn speak(&mut self, control: &dyn Control) -> Effect {
        let Overlay::Palette(palette) = &self.overlay else { return Effect::Draw };
        let line = palette.editor.text().trim().to_owned();
        if let Some((command, rest)) = palette.command() {
            let known = (command.choices)(self);
            let chosen = match palette.found.get(palette.at) {
                // What is typed in full is meant as it is typed; else the cursor's word is.
                Some(Entry::Word(word)) if !known.iter().any(|known| known == rest) => {
                    match rest.rsplit_once(' ') {
                        None if palette.at > 0 || !rest.is_empty() => Some(word.clone()),
                        _ => None,
                    }
                }
                _ => None,
            };
            let rest = chosen.unwrap_or_else(|| rest.to_owned());
            return match (command.run)(self, &rest, control) {
                Ok(effect) => {
                    self.remember(line);
                    self.overlay = Overlay::None;
                    self.sort();
                    effect
                }
                Err(why) => {
                    if let Overlay::Palette(palette) = &mut self.overlay {
                        palette.wrong = Some(why);
                    }
                    Effect::Draw
                }
            };
        }
        match palette.found.get(palette.at).cloned() {
            Some(Entry::Action(action)) => {
                self.remember(action.binding().id.to_owned());
                self.overlay = Overlay::None;
                self.perform(action, control).unwrap_or(Effect::Draw)
            }
            Some(Entry::Command(_)) => {
                self.complete_command();
                Effect::Draw
            }
            Some(Entry::Word(_)) | None => {
                if let Overlay::Palette(palette) = &mut self.overlay {
                    palette.wrong = Some(format!("nothing is called '{line}'"));
                }
                Effect::Draw
            }
        }
    }

    fn remember(&mut self, line: String) {
        self.spoken.retain(|known| *known != line);
        if self.spoken.len() == REMEMBERED {
            self.spoken.remove(0);
        }
        self.spoken.push(line);
    }

    fn run_goto(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        let (wall_ms, span) = self.resolved(rest)?;
        self.look_at_wall(wall_ms.clamp(span.first_ms, span.last_ms));
        Ok(Effect::Draw)
    }

    fn run_sort(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        let col = Col::named(rest).ok_or_else(|| {
            let names: Vec<_> = Col::all().map(|col| col.name()).collect();
            match value::nearest(rest, names.iter().copied()) {
                Some(near) => format!("no column is called '{rest}'; there is '{near}'"),
                None => format!("no column is called '{rest}'; Tab lists them"),
            }
        })?;
        self.sort_by(col);
        Ok(Effect::Draw)
    }

    fn run_filter(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        self.table.filter = Filter::parse(rest).map_err(|error| error.to_string())?;
        Ok(Effect::Draw)
    }

    fn run_theme(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        self.set_theme(rest)?;
        Ok(Effect::Draw)
    }

    fn run_columns(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        let named = |set: &Set| set.name.eq_ignore_ascii_case(rest);
        if let Some(place) = self.table.sets.iter().position(named) {
            self.table.set = place;
            return Ok(Effect::Draw);
        }
        let names = rest.split([' ', ',']).filter(|name| !name.is_empty());
        let set = Set::read(&self.table.shown_set().name.clone(), names)?;
        self.put_set(set);
        Ok(Effect::Draw)
    }

    fn run_mark(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        let stamp = self.now.as_ref().ok_or("no sample is here yet")?.stamp();
        self.bookmarks.set(stamp, rest);
        self.say(format!("bookmark set: {rest}"));
        Ok(Effect::Draw)
    }

    fn run_interval(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        self.interval = value::interval(rest)?;
        self.say(format!("a sample each {}", &*units::interval(self.interval)));
        Ok(Effect::Interval(self.interval))
    }

    fn run_signal(&mut self, rest: &str, control: &dyn Control) -> Result<Effect, String> {
        let (word, pid) = rest.split_once(' ').unwrap_or((rest, ""));
        let wanted = word.to_ascii_uppercase();
        let wanted = wanted.strip_prefix("SIG").unwrap_or(&wanted);
        let number = word.parse::<i32>().ok();
        let mut signals = retop_engine::signals().into_iter();
        let at = signals.position(|known| known.name == wanted || Some(known.number) == number);
        let at = at.ok_or_else(|| format!("no signal is called '{word}'; Tab lists them"))?;
        let targets = match pid.trim() {
            "" => self.targets().ok_or("no process is under the cursor")?,
            pid => {
                let pid: u64 = pid.parse().map_err(|_| format!("'{pid}' is no process number"))?;
                let newest = self.newest.as_ref().ok_or("no sample is here yet")?;
                let row = newest.rows(FamilyId::Process).find(|row| row.key().0 == pid);
                let row = row.ok_or_else(|| format!("no process has the number {pid}"))?;
                let title = format!("{pid} {}", row.shown(process::name));
                super::control::Targets { keys: vec![row.key()], title }
            }
        };
        let mut dialog = SignalDialog::new(targets);
        dialog.at = at;
        self.accept_control(&Overlay::Signal(dialog), control);
        Ok(Effect::Draw)
    }

    fn run_cores(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        let place = value::choice(rest, &CoreView::ALL.map(CoreView::name))?;
        self.core_view = CoreView::ALL[place];
        Ok(Effect::Draw)
    }

    fn run_average(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        self.average = value::duration(rest)?;
        Ok(Effect::Draw)
    }

    fn run_scale(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        self.power_limit = value::choice(rest, &["profile", "auto"])? == 0;
        Ok(Effect::Draw)
    }

    fn run_energy(&mut self, rest: &str, _: &dyn Control) -> Result<Effect, String> {
        value::choice(rest, &["reset"])?;
        self.reset_energy();
        self.message = Some(Message { text: "energy is counted anew".to_owned(), wrong: false });
        Ok(Effect::Draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_likeliest_comes_first() {
        let best = |wanted: &str| {
            let likeness = likeness(wanted);
            let score = |binding: &&super::super::keys::Binding| likeness(binding.id, binding.help);
            BINDINGS
                .iter()
                .filter(|binding| binding.mode == Mode::Live && score(binding).is_some())
                .max_by_key(|binding| (score(binding), std::cmp::Reverse(binding.action as usize)))
                .map(|binding| binding.id)
        };
        for (wanted, id) in [
            ("rewind", Some("view.rewind")),
            ("look back", Some("view.rewind")),
            ("quit", Some("quit")),
            ("smem", Some("sort.memory")),
            ("sort mem", Some("sort.memory")),
            ("unt", Some("process.untag")),
            ("SIGNAL", Some("process.signal")),
            ("xqz", None),
        ] {
            assert_eq!(best(wanted), id, "{wanted}");
        }
    }

    #[test]
    fn every_letter_has_to_be_there_in_order() {
        assert_eq!(score("", "anything"), Some(0));
        assert!(score("abc", "a b c").is_some());
        assert!(score("acb", "a b c").is_none());
        assert!(score("é", "É").is_some());
        assert!(score("ab", "xab") > score("ab", "xaxb"), "what follows on counts more");
        assert!(score("ab", "ab cd") > score("ab", "cab d"), "so does what begins a word");
        assert!(score("aaa", "aa").is_none());
    }

    #[test]
    fn commands_have_names_of_their_own() {
        let mut names = HashSet::new();
        for command in COMMANDS {
            assert!(names.insert(command.name), "{} twice", command.name);
            assert!(!command.help.is_empty() && !command.help.ends_with('.'), "{}", command.name);
        }
    }
}
