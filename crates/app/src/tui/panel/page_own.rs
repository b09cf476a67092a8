//! The page of retop itself: what it reads, what it cannot and why, and what it costs.

use retop_model::family::source::{self, ABSENT, ASLEEP, DENIED, FAILING, SLOW, UNASKED, WORKS};
use retop_model::human::{Or, Percent};
use retop_model::{FamilyId, Field, Row, Snapshot, Unit};

use super::fields::{self, Columns};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Pen};
use crate::tui::widget::sheet::Sheet;

/// What somebody could mend comes first, then what works, then what is as it should be.
const ORDER: [i64; 7] = [FAILING, SLOW, DENIED, WORKS, ASLEEP, ABSENT, UNASKED];

/// What is shown of each source, what matters most first.
const FIELDS: [Field; 7] = [
    source::state,
    source::read_ratio,
    source::read_seconds,
    source::rows,
    source::age_seconds,
    source::errors,
    source::reads,
];

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let own = now.row(FamilyId::Own, 0);
    match own {
        Some(_) => {
            fields::heading(app, sheet, "retop", env!("CARGO_PKG_VERSION"));
            let found = fields::with_values(own, |field| field.unit() != Unit::Timestamp);
            fields::facts(app, own, &found, sheet, 4);
        }
        None => fields::missing(app, now, FamilyId::Own, sheet),
    }
    sheet.part();
    let rows = || now.rows(FamilyId::Source);
    if rows().len() == 0 {
        return fields::missing(app, now, FamilyId::Source, sheet);
    }
    let share = retop_model::snapshot::sum(rows().map(|row| row.get(source::read_ratio)));
    let feeds = short!("FEEDS  (all reading: {} of the time)", Or(share.map(Percent)));
    let columns = Columns::fit(now, FIELDS, sheet.width(), (18, 24));
    sheet.line(|canvas| {
        let more = if columns.more.1 < 48 { "FEEDS" } else { feeds.as_str() };
        columns.head(app, canvas, "Source", more);
    });
    for state in ORDER {
        for row in rows().filter(|row| row.raw(source::state) == Some(state)) {
            one(app, row, &columns, sheet);
        }
    }
    let known = |row: &Row<'_>| row.raw(source::state).is_some_and(|state| ORDER.contains(&state));
    for row in rows().filter(|row| !known(row)) {
        one(app, row, &columns, sheet);
    }
}

/// A source, and below it why it gives nothing and what would help.
fn one(app: &App, row: Row<'_>, columns: &Columns, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    let pen = match row.raw(source::state) {
        Some(FAILING | SLOW | DENIED) => theme.warn,
        Some(WORKS) => theme.text,
        _ => theme.dim,
    };
    let texts = (row.shown(source::source), row.shown(source::feeds));
    sheet.line(|canvas| {
        columns.named(app, row, canvas, texts);
        canvas.field(0, 0, columns.label, texts.0, pen);
    });
    for (before, text, pen) in
        [("", row.shown(source::reason), pen), ("try: ", row.shown(source::hint), theme.text)]
    {
        wrapped(before, text, pen, sheet);
    }
}

/// A text over as many lines as it takes, further in than the names.
fn wrapped(before: &str, text: &str, pen: Pen, sheet: &mut Sheet<'_>) {
    const IN: u16 = 4;
    let room = usize::from(sheet.width().saturating_sub(IN + before.len() as u16)).max(8);
    let mut rest = text;
    let mut first = true;
    while !rest.is_empty() {
        let end = cut(rest, room);
        let (part, after) = rest.split_at(end);
        sheet.line(|canvas: &mut Canvas<'_>| {
            let lead = if first { before } else { "" };
            canvas.text(IN, 0, lead, pen);
            canvas.text(IN + before.len() as u16, 0, part.trim_end(), pen);
        });
        (rest, first) = (after.trim_start(), false);
    }
}

/// Bytes of the text that go into a line: up to the last blank, else as many characters as fit.
fn cut(text: &str, room: usize) -> usize {
    let Some((most, _)) = text.char_indices().nth(room) else { return text.len() };
    text[..most].rfind(' ').filter(|&blank| blank > most / 2).map_or(most, |blank| blank + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_gets_on_and_stays_between_characters(text in "\\PC{1,40}", room in 1_usize..20) {
            let end = cut(&text, room);
            prop_assert!(end > 0 && text.is_char_boundary(end));
            prop_assert!(text[..end].chars().count() <= room);
        }
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(cut("one two three", 9), 8);
        assert_eq!(cut("one two three", 7), 7);
        assert_eq!(cut("short", 12), 5);
        assert_eq!(cut("/sys/class/powercap/intel-rapl", 12), 12);
    }
}
