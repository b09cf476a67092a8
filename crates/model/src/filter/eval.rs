//! Tests a row. Three values: what is missing makes a comparison unknown, not false.

use super::fields::Target;
use super::pattern::Pattern;
use super::{Condition, Expression, FieldName, Filter, Number, Order, Span, Verdict, Word};
use crate::family::process;
use crate::snapshot::Row;
use crate::terminal::Terminal;

impl Verdict {
    fn of(yes: bool) -> Verdict {
        if yes { Verdict::Yes } else { Verdict::No }
    }

    fn turned(self, turn: bool) -> Verdict {
        match (self, turn) {
            (Verdict::Yes, true) => Verdict::No,
            (Verdict::No, true) => Verdict::Yes,
            (verdict, _) => verdict,
        }
    }
}

/// What a process is to those who look at it, which no sample tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Somebody has tagged it.
    pub tagged: bool,
    /// It has ended: the row is of the last sample that had it.
    pub gone: bool,
}

/// A row, and whom to ask for the patterns that it meets.
struct Case<'a, 'b> {
    row: Row<'a>,
    standing: Standing,
    pattern: &'b mut dyn FnMut(usize) -> Verdict,
}

impl Filter {
    /// What the filter says of a process.
    #[must_use]
    pub fn test(&self, row: Row<'_>) -> Verdict {
        self.test_with(row, Standing::default(), &mut |number| {
            self.patterns().get(number).map_or(Verdict::Unknown, |pattern| look_for(pattern, row))
        })
    }

    /// As [`Filter::test`], with somebody else who knows which patterns the row meets.
    pub(super) fn test_with(
        &self,
        row: Row<'_>,
        standing: Standing,
        pattern: &mut dyn FnMut(usize) -> Verdict,
    ) -> Verdict {
        evaluate(self.expression(), &mut Case { row, standing, pattern })
    }
}

/// A pattern in name or command. A command that is missing where there is a name is no gap in what
/// is known: threads of the kernel have none.
pub(super) fn look_for(pattern: &Pattern, row: Row<'_>) -> Verdict {
    let (name, command) = (row.text(process::name), row.text(process::command));
    if name.is_none() && command.is_none() {
        return Verdict::Unknown;
    }
    let mut texts = name.into_iter().chain(command);
    Verdict::of(texts.any(|text| pattern.is_in(text.shown())))
}

fn evaluate(part: &Expression, case: &mut Case<'_, '_>) -> Verdict {
    match part {
        Expression::And(parts) => decide(parts, Verdict::No, case),
        Expression::Or(parts) => decide(parts, Verdict::Yes, case),
        Expression::Not(part) => evaluate(part, case).turned(true),
        Expression::Has(field) => Verdict::of(is_there(*field, case.row)),
        Expression::Compare(field, condition) => compare(*field, condition, case),
        Expression::Pattern(number) => (case.pattern)(*number),
    }
}

/// One `deciding` part decides; else one unknown part makes the whole unknown.
fn decide(parts: &[Expression], deciding: Verdict, case: &mut Case<'_, '_>) -> Verdict {
    let mut verdict = deciding.turned(true);
    for part in parts {
        match evaluate(part, case) {
            Verdict::Unknown => verdict = Verdict::Unknown,
            decided if decided == deciding => return deciding,
            _ => {}
        }
    }
    verdict
}

fn is_there(field: FieldName, row: Row<'_>) -> bool {
    match field.target {
        Target::Number(field, _) => row.get(field).is_some(),
        Target::Text(field) => row.text(field).is_some(),
        Target::State => row.raw(process::state).is_some(),
        // A process without a terminal has the number 0.
        Target::Terminal => row.raw(process::terminal).is_some_and(|number| number != 0),
        Target::Tagged | Target::New | Target::Gone => true,
    }
}

fn compare(field: FieldName, condition: &Condition, case: &Case<'_, '_>) -> Verdict {
    let row = case.row;
    let is_flag = |flag: bool| Some(is_number(f64::from(flag), condition));
    let verdict = match field.target {
        Target::Number(field, _) => row.get(field).map(|value| is_number(value, condition)),
        Target::New => is_flag(row.is_new()),
        Target::Gone => is_flag(case.standing.gone),
        Target::Tagged => is_flag(case.standing.tagged),
        Target::Terminal => row
            .raw(process::terminal)
            .map(|number| Terminal(number).named(|name| is_text(name, condition))),
        Target::Text(field) => row.text(field).map(|text| is_text(text.shown(), condition)),
        Target::State => row.raw(process::state).map(|raw| is_state(raw, row, condition)),
    };
    verdict.map_or(Verdict::Unknown, Verdict::of)
}

fn is_number(value: f64, condition: &Condition) -> bool {
    match condition {
        Condition::Order(Order::Above, number) => value > number.value,
        Condition::Order(Order::AtLeast, number) => value >= number.value,
        Condition::Order(Order::Below, number) => value < number.value,
        Condition::Order(Order::AtMost, number) => value <= number.value,
        Condition::Numbers(inverted, spans) => {
            spans.iter().any(|span| is_within(value, span)) != *inverted
        }
        Condition::Words(..) | Condition::Found(..) => false,
    }
}

fn is_within(value: f64, span: &Span) -> bool {
    match span {
        Span::One(Number { value: wanted, slack, .. }) => {
            value >= wanted - slack && value < wanted + slack
        }
        Span::Between(low, high) => value >= low.value && value <= high.value,
    }
}

fn is_text(text: &str, condition: &Condition) -> bool {
    match condition {
        Condition::Words(inverted, words) => words.iter().any(|word| word.fits(text)) != *inverted,
        Condition::Found(inverted, pattern) => pattern.is_in(text) != *inverted,
        Condition::Order(..) | Condition::Numbers(..) => false,
    }
}

fn is_state(raw: i64, row: Row<'_>, condition: &Condition) -> bool {
    let Condition::Words(inverted, words) = condition else { return false };
    let letter = process::state_letter(raw);
    let name = row.state(process::state).unwrap_or("unknown");
    let meets = |word: &Word| {
        let text = word.text();
        let mut characters = text.chars();
        // Letters keep their case: T is stopped, t is traced.
        (characters.next() == Some(letter) && characters.next().is_none())
            || text.eq_ignore_ascii_case(name)
    };
    words.iter().any(meets) != *inverted
}
