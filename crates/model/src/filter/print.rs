//! From a tree back to a text that parses to the same tree.

use std::fmt::{Display, Formatter, Result, Write};

use super::pattern::{Pattern, PatternKind};
use super::{Condition, Expression, Filter, Order, Span, Word};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.print(self.expression(), f)
    }
}

impl Filter {
    fn print(&self, part: &Expression, f: &mut dyn Write) -> Result {
        match part {
            Expression::And(parts) => self.join(parts, " && ", f),
            Expression::Or(parts) => self.join(parts, " || ", f),
            Expression::Not(part) => {
                f.write_char('!')?;
                self.bracket(part, f)
            }
            Expression::Has(field) => write!(f, "has:{}", field.name),
            Expression::Compare(field, condition) => {
                f.write_str(field.name)?;
                compare(condition, f)
            }
            Expression::Pattern(number) => match self.patterns().get(*number) {
                Some(found) => pattern(found, f),
                None => Ok(()),
            },
        }
    }

    fn join(&self, parts: &[Expression], between: &str, f: &mut dyn Write) -> Result {
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                f.write_str(between)?;
            }
            self.bracket(part, f)?;
        }
        Ok(())
    }

    /// More brackets than needed: `a && b || c` comes back as `(a && b) || c`, for the reader.
    fn bracket(&self, part: &Expression, f: &mut dyn Write) -> Result {
        match part {
            Expression::And(_) | Expression::Or(_) => {
                let mut inside = String::new();
                self.print(part, &mut inside)?;
                // A word that opens a bracket would take the closing one as its own.
                let space = if may_hold_open_word(&inside) { " " } else { "" };
                write!(f, "({inside}{space})")
            }
            _ => self.print(part, f),
        }
    }
}

fn may_hold_open_word(text: &str) -> bool {
    let count = |bracket: char| text.chars().filter(|&c| c == bracket).count();
    text.contains('(') && (text.contains(['"', '/', '\\']) || count('(') != count(')'))
}

fn compare(condition: &Condition, f: &mut dyn Write) -> Result {
    match condition {
        Condition::Order(order, number) => {
            let token = match order {
                Order::Above => ">",
                Order::AtLeast => ">=",
                Order::Below => "<",
                Order::AtMost => "<=",
            };
            write!(f, "{token}{}", number.text)
        }
        Condition::Numbers(inverted, spans) => {
            f.write_str(if *inverted { "!=" } else { "=" })?;
            list(spans, f, |span, f| match span {
                Span::One(number) => f.write_str(&number.text),
                Span::Between(low, high) => write!(f, "{}..{}", low.text, high.text),
            })
        }
        Condition::Words(inverted, words) => {
            f.write_str(if *inverted { "!=" } else { "=" })?;
            list(words, f, |one, f| match one {
                Word::Wild(wild) => word(&wild.text, f),
                Word::Exact(text) => quoted(text, f),
            })
        }
        Condition::Found(inverted, found) => {
            f.write_str(if *inverted { "!~" } else { "~" })?;
            pattern(found, f)
        }
    }
}

fn list<T>(items: &[T], f: &mut dyn Write, one: impl Fn(&T, &mut dyn Write) -> Result) -> Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_char(',')?;
        }
        one(item, f)?;
    }
    Ok(())
}

fn pattern(pattern: &Pattern, f: &mut dyn Write) -> Result {
    match pattern.kind {
        PatternKind::Word => word(&pattern.text, f),
        PatternKind::Quoted => quoted(&pattern.text, f),
        PatternKind::Slashed { blind } => {
            f.write_char('/')?;
            escaped(&pattern.text, f, |c| c == '/' || c.is_whitespace())?;
            f.write_str(if blind { "/i" } else { "/" })
        }
    }
}

fn word(text: &str, f: &mut dyn Write) -> Result {
    escaped(text, f, char::is_whitespace)
}

/// Puts a backslash before some characters; those that have one already keep it.
fn escaped(text: &str, f: &mut dyn Write, needs: impl Fn(char) -> bool) -> Result {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '\\' {
            f.write_char(c)?;
            characters.next().map_or(Ok(()), |c| f.write_char(c))?;
        } else {
            if needs(c) {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
    }
    Ok(())
}

fn quoted(text: &str, f: &mut dyn Write) -> Result {
    f.write_char('"')?;
    for c in text.chars() {
        if c == '"' || c == '\\' {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
