//! Lines that are being typed: the filter and what is looked for.

use super::app::{App, Effect};
use super::complete::Completion;
use super::dialog::Overlay;
use super::edit::Editor;
use super::filter::Filter;
use super::keys::Action;

/// What was typed before, and what Tab offers.
#[derive(Debug, Default)]
pub(super) struct Typing {
    /// Filters that were kept, the newest last.
    history: Vec<String>,
    /// How far back the one on the line is; 0 for a new one.
    back: usize,
    /// The new one, while an older one is on the line.
    draft: String,
    completion: Option<Completion>,
}

/// So many filters are remembered.
const MOST: usize = 50;

impl Typing {
    /// Remembers a filter; one that is known becomes the newest.
    fn keep(&mut self, text: &str) {
        self.back = 0;
        if text.trim().is_empty() {
            return;
        }
        self.history.retain(|known| known != text);
        self.history.push(text.to_owned());
        if self.history.len() > MOST {
            self.history.remove(0);
        }
    }

    /// The filter before the one on the line, or the one after it.
    fn step(&mut self, text: &str, back: bool) -> Option<&str> {
        let to = if back { self.back + 1 } else { self.back.checked_sub(1)? };
        if self.back == 0 {
            text.clone_into(&mut self.draft);
        }
        if to == 0 {
            self.back = 0;
            return Some(&self.draft);
        }
        let place = self.history.len().checked_sub(to)?;
        self.back = to;
        self.history.get(place).map(String::as_str)
    }
}

impl App {
    /// Puts a character into the line that is being typed.
    pub(super) fn type_in(&mut self, c: char) -> Option<Effect> {
        self.overlay.editor()?.insert(c);
        self.typing.completion = None;
        self.typed();
        Some(Effect::Draw)
    }

    /// What was typed takes effect at once.
    fn typed(&mut self) {
        match &self.overlay {
            Overlay::Filter(editor, _) => {
                // The last good filter stays in force until the next one is whole.
                match Filter::parse(editor.text()) {
                    Ok(filter) => (self.table.filter, self.filter_error) = (filter, None),
                    Err(error) => self.filter_error = Some(error),
                }
                self.sort();
            }
            Overlay::Find(editor, origin) => {
                self.search = Filter::parse(editor.text()).unwrap_or_default();
                let origin = *origin;
                self.go_to_match(origin, false);
            }
            Overlay::Palette(_) => self.look_up(),
            Overlay::Help(_) => self.search_help(Action::HelpFind),
            _ => {}
        }
    }

    /// Does what a key of the line means.
    pub(super) fn edit(&mut self, action: Action) {
        match (action, &self.overlay) {
            // The palette has a memory of its own.
            (Action::LineNext | Action::LineBack | Action::LineComplete, Overlay::Palette(_)) => {
                return;
            }
            (Action::LineNext | Action::LineBack, Overlay::Find(..)) => {
                return self.find_next(action == Action::LineBack);
            }
            (Action::LineNext | Action::LineBack, _) => {
                return self.recall(action == Action::LineBack);
            }
            (Action::LineComplete, _) => return self.complete(),
            _ => self.typing.completion = None,
        }
        self.filter_error = None;
        match (action, std::mem::replace(&mut self.overlay, Overlay::None)) {
            (Action::LineAccept, Overlay::Filter(editor, _)) => self.typing.keep(editor.text()),
            (Action::LineAccept, Overlay::Ask(editor, question)) => {
                self.answer(question, editor.text());
            }
            (Action::LineAccept, _) | (Action::LineDrop, Overlay::Ask(..)) => {}
            (Action::LineDrop, Overlay::Filter(_, before)) => self.table.filter = before,
            (Action::LineDrop, Overlay::Find(_, origin)) => {
                self.search = None;
                self.table.cursor = origin;
            }
            (Action::LineDrop, _) => {}
            (_, mut overlay) => {
                if let Some(editor) = overlay.editor() {
                    editor.act(action);
                }
                self.overlay = overlay;
                self.typed();
                return;
            }
        }
        self.sort();
    }

    /// Puts an older filter on the line, or a newer one.
    fn recall(&mut self, back: bool) {
        let Overlay::Filter(editor, _) = &mut self.overlay else { return };
        let text = editor.text().to_owned();
        if let Some(text) = self.typing.step(&text, back) {
            *editor = Editor::new(text);
            self.typing.completion = None;
            self.typed();
        }
    }

    /// Completes what stands before the cursor; again for the next word.
    fn complete(&mut self) {
        let Overlay::Filter(editor, _) = &mut self.overlay else { return };
        let (before, after) = editor.parts();
        let known = self.typing.completion.take().filter(|known| known.text() == before);
        let next = match known {
            Some(mut known) => {
                known.step();
                Some(known)
            }
            None => Completion::new(before, self.now.as_deref()),
        };
        if let Some(next) = next {
            *editor = Editor::with_parts(&next.text(), after);
            self.typing.completion = Some(next);
            self.typed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_filters_come_back_and_the_new_one_is_not_lost() {
        let mut typing = Typing::default();
        assert_eq!(typing.step("new", true), None, "nothing was kept");
        for text in ["a", "b", " ", "a", "c"] {
            typing.keep(text);
        }
        for (back, wanted) in [
            (true, Some("c")),
            (true, Some("a")),
            (true, Some("b")),
            (true, None),
            (false, Some("a")),
            (false, Some("c")),
            (false, Some("new")),
            (false, None),
        ] {
            assert_eq!(typing.step("new", back), wanted);
        }
        for number in 0..100 {
            typing.keep(&number.to_string());
        }
        assert_eq!(typing.history.len(), MOST);
        assert_eq!(typing.step("", true), Some("99"));
    }
}
