//! The filter as the screen has it: what was typed, and what that means.

use retop_model::filter::{self, FilterError, FilterKind, Matches, Standing, Verdict};
use retop_model::{Field, Row};

/// A filter in force.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    filter: filter::Filter,
}

impl Filter {
    /// What somebody typed; nothing for nothing.
    ///
    /// # Errors
    ///
    /// The column at which the text stops being a filter.
    pub fn parse(text: &str) -> Result<Option<Filter>, FilterError> {
        let filter = filter::Filter::parse(text)?;
        Ok((!filter.is_empty()).then(|| Filter { text: text.to_owned(), filter }))
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it was understood.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.filter.kind() {
            FilterKind::Expression => "expr",
            FilterKind::Regex => "regex",
            FilterKind::Literal => "literal",
        }
    }

    /// What it says of a process, patterns from memory.
    pub fn judge(&self, row: Row<'_>, standing: Standing, known: &mut Matches) -> Verdict {
        known.test(&self.filter, row, standing)
    }

    /// True if its answer hangs on what is tagged.
    #[must_use]
    pub fn asks_for_tags(&self) -> bool {
        self.filter.asks_for_tags()
    }

    /// True if it surely means that process.
    #[must_use]
    pub fn matches(&self, row: Row<'_>) -> bool {
        self.filter.test(row) == Verdict::Yes
    }

    /// True if its answer hangs on one of these numbers: they are then wanted of every process.
    #[must_use]
    pub fn needs(&self, fields: &[Field]) -> bool {
        self.filter.needs(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::family::process;

    #[test]
    fn what_a_filter_needs_is_known() {
        let io = [process::read_bytes_per_second, process::written_bytes_per_second];
        for (text, needs) in [("rd>1M", true), ("!(x or wr>0)", true), ("cpu>1 x", false)] {
            let filter = Filter::parse(text).expect("a filter").expect("not empty");
            assert_eq!(filter.needs(&io), needs, "{text}");
        }
        assert!(Filter::parse("  ").expect("a filter").is_none());
        assert!(Filter::parse("cpu>").is_err());
    }
}
