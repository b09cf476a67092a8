//! A line of text being typed.

use super::keys::Action;

/// A line with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    text: String,
    /// Byte before which the next character goes.
    at: usize,
}

impl Editor {
    /// A line that holds a text already.
    #[must_use]
    pub fn new(text: &str) -> Editor {
        Editor { text: text.to_owned(), at: text.len() }
    }

    /// A line with the cursor between two parts.
    #[must_use]
    pub fn with_parts(before: &str, after: &str) -> Editor {
        Editor { text: format!("{before}{after}"), at: before.len() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor, and from it on.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.at)
    }

    /// Adds a character. A line longer than any screen is no input.
    pub fn insert(&mut self, c: char) {
        if self.text.len() < 1024 {
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Does what a key of the line means.
    pub fn act(&mut self, action: Action) {
        let before = self.text[..self.at].chars().next_back().map_or(0, char::len_utf8);
        let after = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        match action {
            Action::LineBackspace => self.cut(self.at - before),
            Action::LineDelete => {
                self.text.replace_range(self.at..self.at + after, "");
            }
            Action::LineWord => {
                let kept = self.text[..self.at].trim_end();
                self.cut(kept.rfind(char::is_whitespace).map_or(0, |space| space + 1));
            }
            Action::LineClear => *self = Editor::default(),
            Action::LineLeft => self.at -= before,
            Action::LineRight => self.at += after,
            Action::LineHome => self.at = 0,
            Action::LineEnd => self.at = self.text.len(),
            _ => {}
        }
    }

    fn cut(&mut self, from: usize) {
        // The blank that ends the word before may take more than one byte.
        let from = (from..=self.at).find(|&at| self.text.is_char_boundary(at)).unwrap_or(self.at);
        self.text.replace_range(from..self.at, "");
        self.at = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited() {
        let mut editor = Editor::new("añ b");
        let mut check = |actions: &[Action], before: &str, after: &str| {
            for &action in actions {
                editor.act(action);
            }
            assert_eq!(editor.parts(), (before, after));
        };
        use Action::*;
        check(&[LineBackspace, LineBackspace, LineBackspace], "a", "");
        check(&[LineLeft, LineLeft], "", "a");
        check(&[LineDelete, LineDelete, LineBackspace], "", "");
        let mut editor = Editor::new("one\u{2003}two ");
        editor.act(LineWord);
        assert_eq!(editor.text(), "one\u{2003}");
        editor.insert('日');
        editor.act(LineHome);
        editor.insert('x');
        assert_eq!(editor.parts(), ("x", "one\u{2003}日"));
    }
}
