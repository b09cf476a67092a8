//! The filter language: which processes somebody wants to see.
//!
//! ```text
//! or      = and { ("||" | "or") and }
//! and     = not { ["&&" | "and"] not }            side by side means and
//! not     = ["!" | "not"] term
//! term    = "(" or ")" | "has:" field | field op value | pattern
//! op      = "=" "==" "!=" ">" ">=" "<" "<=" "~" "!~"
//! value   = number[unit] | low..high | a,b,c | word | "literal" | /regex/
//! pattern = word | "literal" | /regex/i            in the name or the command
//! ```
//!
//! A word ends at white space, `&&`, `||` or a `)` that it did not open; a backslash keeps a space
//! in it. A word is a regular expression, blind to case unless it holds a capital. What was not
//! measured is neither true nor false: [`Verdict::Unknown`].

mod cache;
mod eval;
mod fields;
mod lexer;
mod number;
mod parse;
mod pattern;
mod print;
#[cfg(test)]
mod tests;
mod wild;

use std::sync::Arc;

pub use cache::Matches;
pub use eval::Standing;
pub use fields::{FieldName, NOT_MEASURED, Target, find, name_of, names};
pub use number::Number;
pub use pattern::{Pattern, PatternKind};
pub use wild::Wild;

use crate::metric::Field;

/// A filter, ready to be tested.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
    /// Every pattern of the expression, in the order of their numbers.
    patterns: Arc<[Pattern]>,
}

/// A part of a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// All of them; none at all is true.
    And(Vec<Expression>),
    /// At least one of them.
    Or(Vec<Expression>),
    /// Not this. What is unknown stays so.
    Not(Box<Expression>),
    /// The field has a value.
    Has(FieldName),
    /// The field's value meets a condition.
    Compare(FieldName, Condition),
    /// The pattern of that number is in the name or the command.
    Pattern(usize),
}

/// What a field is held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Above, below.
    Order(Order, Number),
    /// Any of these numbers; the flag turns it round.
    Numbers(bool, Vec<Span>),
    /// Any of these words; the flag turns it round.
    Words(bool, Vec<Word>),
    /// The expression is found; the flag turns it round.
    Found(bool, Pattern),
}

/// Which side of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// One number, or all between two.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// The number to the precision in which it was written: `cpu=10` is 9.5 to 10.5 percent.
    One(Number),
    /// Both ends included.
    Between(Number, Number),
}

/// A text that another one must equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Equals the text or one of its words; `*` stands for anything.
    Wild(Wild),
    /// Equals the whole text.
    Exact(String),
}

/// What a filter says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The row meets it.
    Yes,
    /// The row does not.
    No,
    /// It depends on something that was not measured. Such rows are hidden, and counted.
    Unknown,
}

/// What a filter is, for the mark beside it while it is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKind {
    /// Fields, or several patterns.
    Expression,
    /// One regular expression.
    Regex,
    /// One text: quoted, or no valid regular expression.
    Literal,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The character at which it goes wrong, from 1.
    pub column: usize,
    /// What is wrong there or was expected, in lower case.
    pub message: String,
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Reads a filter. An empty text is a filter that everything meets.
    ///
    /// # Errors
    ///
    /// The column at which the text stops being a filter, and what was expected there.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let (expression, patterns) = parse::parse(text)?;
        Ok(Filter { expression, patterns: patterns.into() })
    }

    /// The filter as a tree.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The patterns that [`Expression::Pattern`] numbers.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// True if everything meets it, because nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.expression, Expression::And(parts) if parts.is_empty())
    }

    /// What it is, for the mark beside it.
    #[must_use]
    pub fn kind(&self) -> FilterKind {
        match (&self.expression, self.patterns.first()) {
            (Expression::Pattern(_), Some(pattern)) if pattern.is_literal() => FilterKind::Literal,
            (Expression::Pattern(_), _) => FilterKind::Regex,
            _ => FilterKind::Expression,
        }
    }

    /// True if it is one pattern and nothing else, so that only new names change its answer.
    #[must_use]
    pub fn is_regex_only(&self) -> bool {
        matches!(self.expression, Expression::Pattern(_))
    }

    /// True if its answer hangs on what somebody has tagged.
    #[must_use]
    pub fn asks_for_tags(&self) -> bool {
        fn asks(part: &Expression) -> bool {
            match part {
                Expression::And(parts) | Expression::Or(parts) => parts.iter().any(asks),
                Expression::Not(part) => asks(part),
                Expression::Compare(field, _) => field.target == Target::Tagged,
                Expression::Has(_) | Expression::Pattern(_) => false,
            }
        }
        asks(&self.expression)
    }

    /// True if its answer hangs on one of these numbers: they are then wanted of every process.
    #[must_use]
    pub fn needs(&self, fields: &[Field]) -> bool {
        fn uses(part: &Expression, fields: &[Field]) -> bool {
            match part {
                Expression::And(parts) | Expression::Or(parts) => {
                    parts.iter().any(|part| uses(part, fields))
                }
                Expression::Not(part) => uses(part, fields),
                Expression::Has(name) | Expression::Compare(name, _) => {
                    matches!(name.target, Target::Number(field, _) if fields.contains(&field))
                }
                Expression::Pattern(_) => false,
            }
        }
        uses(&self.expression, fields)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.expression == other.expression && self.patterns == other.patterns
    }
}
