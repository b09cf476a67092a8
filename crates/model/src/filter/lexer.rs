//! Walks over the text of a filter: words, quoted texts, slashed expressions, operators.

use super::FilterError;
use super::pattern::PatternKind;

/// What stands between a field and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Above,
    AtLeast,
    Below,
    AtMost,
    Found,
    NotFound,
}

/// Longer ones first.
const OPERATORS: [(&str, Operator); 10] = [
    ("==", Operator::Equal),
    ("=~", Operator::Found),
    ("!=", Operator::Unequal),
    ("!~", Operator::NotFound),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=", Operator::Equal),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("~", Operator::Found),
];

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Goes past `token` if it is next.
    pub fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Goes past a keyword: a word by itself, or one with a bracket behind it.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        let Some(behind) = self.rest().strip_prefix(keyword) else { return false };
        let ends = behind.starts_with(|c: char| c.is_whitespace() || c == '(' || c == ')')
            || behind.is_empty()
            || behind.starts_with("&&")
            || behind.starts_with("||");
        if ends {
            self.at += keyword.len();
        }
        ends
    }

    /// Goes past a name: letters, digits and underscores.
    pub fn take_name(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = rest.get(..end)?;
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        self.at += end;
        Some(name)
    }

    pub fn take_operator(&mut self) -> Option<(&'static str, Operator)> {
        let found = OPERATORS.into_iter().find(|(token, _)| self.rest().starts_with(token))?;
        self.at += found.0.len();
        Some(found)
    }

    /// A word: up to white space, `&&`, `||`, a bracket that it did not open, or `stop`. A
    /// backslash keeps what is behind it; with white space it disappears.
    pub fn take_word(&mut self, stop: Option<char>) -> String {
        let mut word = String::new();
        let mut open = 0usize;
        let mut characters = self.rest().char_indices().peekable();
        let mut end = self.rest().len();
        while let Some((at, c)) = characters.next() {
            let behind = characters.peek().map(|&(_, c)| c);
            let doubled = (c == '&' || c == '|') && behind == Some(c);
            let closes = c == ')' && open == 0;
            if c.is_whitespace() || doubled || closes || Some(c) == stop {
                end = at;
                break;
            }
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            if c != '\\' {
                word.push(c);
                continue;
            }
            match behind {
                Some(space) if space.is_whitespace() => word.push(space),
                Some(other) => word.extend(['\\', other]),
                // A backslash at the very end, on its way to something: stands for itself.
                None => word.push_str("\\\\"),
            }
            characters.next();
        }
        self.at += end;
        word
    }

    /// A text in double quotes, in which a backslash keeps a quote or a backslash.
    ///
    /// # Errors
    ///
    /// The closing quote is missing.
    pub fn take_quoted(&mut self) -> Result<String, FilterError> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, c)) => text.extend(['\\', c]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error("the quote is not closed; expected another \""))
    }

    /// `/…/` or `/…/i`, if the word is one. The first slash without a backslash closes it; a word
    /// with more behind that is a path.
    pub fn take_slashed(&mut self, stop: Option<char>) -> Option<(PatternKind, String)> {
        let rest = self.rest();
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        let end = loop {
            let (at, c) = characters.next()?;
            match c {
                '/' => break at + 1,
                c if c.is_whitespace() => return None,
                '\\' => match characters.next()?.1 {
                    c if c.is_whitespace() || c == '/' => text.push(c),
                    c => text.extend(['\\', c]),
                },
                c => text.push(c),
            }
        };
        let behind = rest.get(end..)?;
        let blind = behind.starts_with('i');
        let behind = behind.strip_prefix('i').unwrap_or(behind);
        let ends = behind.is_empty()
            || behind.starts_with("&&")
            || behind.starts_with("||")
            || behind.starts_with(|c: char| c.is_whitespace() || c == ')' || Some(c) == stop);
        if !ends || text.is_empty() {
            return None;
        }
        self.at = self.text.len() - behind.len();
        Some((PatternKind::Slashed { blind }, text))
    }

    /// An error at this place.
    pub fn error(&self, message: impl Into<String>) -> FilterError {
        let column = self.text.get(..self.at).unwrap_or(self.text).chars().count() + 1;
        FilterError { column, message: message.into() }
    }
}
