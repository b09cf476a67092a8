//! Patterns: what is looked for in names and command lines.

use regex_lite::{Regex, RegexBuilder};

/// A pattern, compiled.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// How it was written.
    pub kind: PatternKind,
    /// Without quotes, slashes and the backslashes of spaces.
    pub text: String,
    matcher: Matcher,
}

/// How a pattern was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    /// A word: a regular expression, or a text if it is no valid one.
    Word,
    /// A quoted text.
    Quoted,
    /// `/…/`, or `/…/i` for which case does not matter.
    Slashed {
        /// True if case does not matter.
        blind: bool,
    },
}

#[derive(Clone, Debug)]
enum Matcher {
    Regex(Regex),
    Text(String),
    /// In lower case.
    BlindText(String),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// Why a slashed expression is none. A word that is none becomes a text.
    pub(super) fn new(kind: PatternKind, text: String) -> Result<Pattern, String> {
        let matcher = match kind {
            PatternKind::Quoted => literal(&text),
            PatternKind::Word => {
                regex(&text, is_blind(&text)).map_or_else(|_| literal(&text), Matcher::Regex)
            }
            PatternKind::Slashed { blind } => Matcher::Regex(regex(&text, blind)?),
        };
        Ok(Pattern { kind, text, matcher })
    }

    /// As [`Pattern::new`], but a word that is no valid expression is an error.
    pub(super) fn strict(kind: PatternKind, text: String) -> Result<Pattern, String> {
        if kind == PatternKind::Word {
            regex(&text, true)?;
        }
        Pattern::new(kind, text)
    }

    /// True if it is matched as text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !matches!(self.matcher, Matcher::Regex(_))
    }

    /// True if the pattern is in the text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Regex(regex) => regex.is_match(text),
            Matcher::Text(part) => text.contains(part.as_str()),
            Matcher::BlindText(part) => text.to_lowercase().contains(part.as_str()),
        }
    }

    /// Where in the text it is, in bytes: for highlighting. `None` for texts without regard to
    /// case, whose lengths change.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<std::ops::Range<usize>> {
        match &self.matcher {
            Matcher::Regex(regex) => regex.find(text).map(|found| found.range()),
            Matcher::Text(part) => text.find(part.as_str()).map(|at| at..at + part.len()),
            Matcher::BlindText(part) if part.is_ascii() && text.is_ascii() => {
                text.to_ascii_lowercase().find(part.as_str()).map(|at| at..at + part.len())
            }
            Matcher::BlindText(_) => None,
        }
    }
}

/// Compiled expressions are equal if their sources are.
impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.kind == other.kind && self.text == other.text
    }
}

fn literal(text: &str) -> Matcher {
    match text.chars().any(char::is_uppercase) {
        true => Matcher::Text(text.to_owned()),
        false => Matcher::BlindText(text.to_lowercase()),
    }
}

fn regex(text: &str, blind: bool) -> Result<Regex, String> {
    // The size limit keeps `a{999}{999}` from eating the machine that it should watch.
    let built = RegexBuilder::new(text).case_insensitive(blind).size_limit(1 << 18).build();
    built.map_err(|error| format!("no regular expression: {error}"))
}

/// Smart case: blind unless a capital stands in the text. Those of `\S` and `\W` do not count.
pub(super) fn is_blind(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c.is_uppercase() {
            return false;
        }
    }
    true
}
