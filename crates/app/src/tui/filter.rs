//! Which processes are shown: a pattern against name and command.
//!
//! One function decides, so that the whole filter language can take its place.

use regex_lite::{Regex, RegexBuilder};
use retop_model::Row;
use retop_model::family::process;

/// A filter in force.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    Regex(Regex),
    Literal(String),
}

impl Filter {
    /// What somebody typed; nothing for nothing. Text that is no regex is matched as it stands.
    /// Small letters match capitals too; a capital asks for itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Filter> {
        let wanted = text.trim();
        if wanted.is_empty() {
            return None;
        }
        let any_case = !wanted.chars().any(char::is_uppercase);
        let regex = RegexBuilder::new(wanted).case_insensitive(any_case).build();
        let pattern = match regex {
            Ok(regex) => Pattern::Regex(regex),
            Err(_) => Pattern::Literal(wanted.to_lowercase()),
        };
        Some(Filter { text: text.to_owned(), pattern })
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it was understood.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.pattern {
            Pattern::Regex(_) => "regex",
            Pattern::Literal(_) => "literal",
        }
    }

    /// True if the process shall be shown. Looks at its name and its command alone, so that the
    /// answer stands until one of them changes.
    #[must_use]
    pub fn matches(&self, row: Row<'_>) -> bool {
        self.finds(row.shown(process::name)) || self.finds(row.shown(process::command))
    }

    fn finds(&self, text: &str) -> bool {
        match &self.pattern {
            Pattern::Regex(regex) => regex.is_match(text),
            Pattern::Literal(wanted) => text.to_lowercase().contains(wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_understood() {
        let cases = [
            ("py(thon|2)", "regex", "/usr/bin/PYTHON -m x", true),
            ("python|ollama", "regex", "ollama serve", true),
            ("Python", "regex", "python", false),
            ("a(", "literal", "A(b", true),
            ("^/sbin", "regex", "/usr/sbin/x", false),
        ];
        for (text, kind, command, found) in cases {
            let filter = Filter::parse(text).expect("not empty");
            assert_eq!((filter.kind(), filter.finds(command)), (kind, found), "{text}");
        }
        assert!(Filter::parse("  ").is_none());
    }
}
