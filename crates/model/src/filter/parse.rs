//! From the text of a filter to its tree.

use super::fields::{self, FieldName, Target};
use super::lexer::{Lexer, Operator};
use super::number;
use super::pattern::{Pattern, PatternKind};
use super::{Condition, Expression, FilterError, Order, Span, Wild, Word};
use crate::family::process;

/// How deep brackets and negations may stand in each other: nobody types that, and the stack ends.
const DEEPEST: usize = 50;

/// Reads a filter: its tree and the patterns in it.
pub(super) fn parse(text: &str) -> Result<(Expression, Vec<Pattern>), FilterError> {
    let mut parser = Parser { lexer: Lexer::new(text), patterns: Vec::new(), depth: 0 };
    parser.lexer.skip_space();
    if parser.lexer.peek().is_none() {
        return Ok((Expression::And(Vec::new()), Vec::new()));
    }
    let expression = parser.any()?;
    match parser.lexer.peek() {
        None => Ok((expression, parser.patterns)),
        Some(')') => Err(parser.lexer.error("this ) closes nothing")),
        Some(_) => Err(parser.lexer.error("expected && or || here")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    patterns: Vec<Pattern>,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, FilterError> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.lexer.take("||") || self.lexer.take_keyword("or") {
            parts.push(self.all()?);
        }
        Ok(collapse(parts, Expression::Or))
    }

    fn all(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.negation()?];
        loop {
            self.lexer.skip_space();
            if self.lexer.take("&&") || self.lexer.take_keyword("and") {
                parts.push(self.negation()?);
                continue;
            }
            let mut ahead = self.lexer;
            let ends = matches!(ahead.peek(), None | Some(')'));
            if ends || ahead.take("||") || ahead.take_keyword("or") {
                return Ok(collapse(parts, Expression::And));
            }
            parts.push(self.negation()?);
        }
    }

    fn negation(&mut self) -> Result<Expression, FilterError> {
        self.lexer.skip_space();
        if !(self.lexer.take("!") || self.lexer.take_keyword("not")) {
            return self.term();
        }
        self.deeper(|parser| Ok(Expression::Not(Box::new(parser.negation()?))))
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Expression, FilterError> {
        if self.depth == DEEPEST {
            return Err(self.lexer.error("too many brackets in each other"));
        }
        self.depth += 1;
        let expression = read(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn term(&mut self) -> Result<Expression, FilterError> {
        self.lexer.skip_space();
        let start = self.lexer;
        match self.lexer.peek() {
            None | Some(')') => return Err(start.error("expected a pattern or a field here")),
            Some('(') => {
                self.lexer.take("(");
                let inside = self.deeper(Parser::any)?;
                self.lexer.skip_space();
                return match self.lexer.take(")") {
                    true => Ok(inside),
                    false => Err(self.lexer.error("expected ) here")),
                };
            }
            Some('"') => {
                let text = self.lexer.take_quoted()?;
                return self.pattern(start, PatternKind::Quoted, text);
            }
            Some('=' | '<' | '>') => {
                return Err(start.error("expected a field before the operator; quote it as text"));
            }
            Some('/') => {
                if let Some((kind, text)) = self.lexer.take_slashed(None) {
                    return self.pattern(start, kind, text);
                }
            }
            Some(_) => {}
        }
        for keyword in ["and", "or", "&&", "||"] {
            let mut ahead = start;
            if ahead.take_keyword(keyword) {
                return Err(start.error(format!("expected a pattern or a field before {keyword}")));
            }
        }
        if self.lexer.take("has:") {
            return Ok(Expression::Has(self.field()?));
        }
        if let Some(comparison) = self.comparison()? {
            return Ok(comparison);
        }
        let text = self.lexer.take_word(None);
        self.pattern(start, PatternKind::Word, text)
    }

    fn pattern(
        &mut self,
        start: Lexer<'_>,
        kind: PatternKind,
        text: String,
    ) -> Result<Expression, FilterError> {
        if text.is_empty() {
            return Err(start.error("expected a pattern or a field here"));
        }
        let pattern = Pattern::new(kind, text).map_err(|message| start.error(message))?;
        self.patterns.push(pattern);
        Ok(Expression::Pattern(self.patterns.len() - 1))
    }

    fn field(&mut self) -> Result<FieldName, FilterError> {
        let start = self.lexer;
        let name = self.lexer.take_name().unwrap_or("");
        fields::find(name).ok_or_else(|| unknown(start, name))
    }

    /// A name with an operator behind it is a field; anything else is left as it was.
    fn comparison(&mut self) -> Result<Option<Expression>, FilterError> {
        let start = self.lexer;
        let Some(name) = self.lexer.take_name() else { return Ok(None) };
        let field = fields::find(name);
        if field.is_some() {
            self.lexer.skip_space();
        }
        let place = self.lexer;
        let Some((token, operator)) = self.lexer.take_operator() else {
            self.lexer = start;
            return Ok(None);
        };
        let field = field.ok_or_else(|| unknown(start, name))?;
        let condition = self.condition(field, operator).map_err(|mut error| {
            if error.message.is_empty() {
                error = place.error(refusal(field, token));
            }
            error
        })?;
        Ok(Some(Expression::Compare(field, condition)))
    }

    /// An error without words means that the operator does not fit the field.
    fn condition(
        &mut self,
        field: FieldName,
        operator: Operator,
    ) -> Result<Condition, FilterError> {
        let unfit = FilterError { column: 0, message: String::new() };
        let order = match operator {
            Operator::Above => Some(Order::Above),
            Operator::AtLeast => Some(Order::AtLeast),
            Operator::Below => Some(Order::Below),
            Operator::AtMost => Some(Order::AtMost),
            _ => None,
        };
        let inverted = matches!(operator, Operator::Unequal | Operator::NotFound);
        self.lexer.skip_space();
        let start = self.lexer;
        match (field.unit(), order, operator) {
            (Some((unit, worth)), Some(order), _) => {
                let text = self.value(None)?;
                let number = number::read(&text, unit, worth).map_err(|why| start.error(why))?;
                Ok(Condition::Order(order, number))
            }
            (Some(_), None, Operator::Equal | Operator::Unequal) => {
                Ok(Condition::Numbers(inverted, self.list(|parser| parser.span(field))?))
            }
            (None, None, Operator::Equal | Operator::Unequal) => {
                let words = self.list(|parser| parser.word(field))?;
                match (start.peek(), words.as_slice()) {
                    (Some('/'), [Ok((kind, text))]) => {
                        let pattern = Pattern::new(*kind, text.clone());
                        let pattern = pattern.map_err(|message| start.error(message))?;
                        Ok(Condition::Found(inverted, pattern))
                    }
                    _ => {
                        let words = words.into_iter().map(|word| match word {
                            Ok(_) => Err(start.error("expected one expression or a list of words")),
                            Err(word) => Ok(word),
                        });
                        Ok(Condition::Words(inverted, words.collect::<Result<_, _>>()?))
                    }
                }
            }
            (None, None, _) if field.target != Target::State => {
                let (kind, text) = match self.lexer.peek() {
                    Some('"') => (PatternKind::Quoted, self.lexer.take_quoted()?),
                    Some('/') => match self.lexer.take_slashed(None) {
                        Some(slashed) => slashed,
                        None => (PatternKind::Word, self.value(None)?),
                    },
                    _ => (PatternKind::Word, self.value(None)?),
                };
                let pattern = Pattern::strict(kind, text).map_err(|why| start.error(why))?;
                Ok(Condition::Found(inverted, pattern))
            }
            _ => Err(unfit),
        }
    }

    fn value(&mut self, stop: Option<char>) -> Result<String, FilterError> {
        let start = self.lexer;
        if start.peek().is_some_and(|c| "=<>~".contains(c)) {
            return Err(start.error("expected a value here, not another operator; quote it"));
        }
        let text = self.lexer.take_word(stop);
        match text.is_empty() {
            true => Err(start.error("expected a value here")),
            false => Ok(text),
        }
    }

    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, FilterError>,
    ) -> Result<Vec<T>, FilterError> {
        let mut items = vec![item(self)?];
        while self.lexer.take(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn span(&mut self, field: FieldName) -> Result<Span, FilterError> {
        let start = self.lexer;
        let text = self.value(Some(','))?;
        let (unit, worth) = field.unit().ok_or_else(|| start.error("expected a number"))?;
        if let (Target::Tagged | Target::New | Target::Gone, "yes" | "no") =
            (field.target, text.as_str())
        {
            let value = f64::from(text == "yes");
            return Ok(Span::One(number::Number { text, value, slack: 0.5 }));
        }
        let read = |text: &str| number::read(text, unit, worth).map_err(|why| start.error(why));
        match text.split_once("..") {
            None => Ok(Span::One(read(&text)?)),
            Some((low, high)) => {
                let (low, high) = (read(low)?, read(high)?);
                if low.value > high.value {
                    return Err(start.error("expected the lower number first"));
                }
                Ok(Span::Between(low, high))
            }
        }
    }

    /// A word to compare with, or a slashed expression.
    #[allow(clippy::type_complexity)]
    fn word(
        &mut self,
        field: FieldName,
    ) -> Result<Result<(PatternKind, String), Word>, FilterError> {
        let start = self.lexer;
        let is_state = field.target == Target::State;
        match self.lexer.peek() {
            Some('"') => {
                let text = self.lexer.take_quoted()?;
                check_state(is_state, &text).map_err(|why| start.error(why))?;
                return Ok(Err(Word::Exact(text)));
            }
            Some('/') if !is_state => {
                if let Some(slashed) = self.lexer.take_slashed(Some(',')) {
                    return Ok(Ok(slashed));
                }
            }
            _ => {}
        }
        let text = self.value(Some(','))?;
        check_state(is_state, &text).map_err(|why| start.error(why))?;
        Ok(Err(Word::Wild(Wild::new(text))))
    }
}

fn check_state(is_state: bool, text: &str) -> Result<(), String> {
    let known = process::state.states().unwrap_or(&[]);
    let is_letter = matches!(text.as_bytes(), [letter] if process::STATE_LETTERS.contains(letter));
    if !is_state || is_letter || known.iter().any(|state| state.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    Err(format!("expected a state: a letter of RSDTtZXI, or one of {}", known.join(", ")))
}

fn collapse(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

fn refusal(field: FieldName, token: &str) -> String {
    let name = field.name;
    match field.target {
        Target::State => format!("{name} is a state: use = or != instead of {token}"),
        Target::Text(_) | Target::Terminal => {
            format!("{name} is a text: use =, != or ~ instead of {token}")
        }
        _ => format!("{name} is a number: use =, <, > or a range instead of {token}"),
    }
}

fn unknown(start: Lexer<'_>, name: &str) -> FilterError {
    let near = fields::names().find(|known| known.starts_with(name) && !name.is_empty());
    start.error(match (name, near) {
        ("", _) => "expected the name of a field here".to_owned(),
        (_, Some(near)) => format!("no field is called '{name}'; perhaps {near}"),
        (_, None) => format!("no field is called '{name}'; quote it to look for text"),
    })
}
