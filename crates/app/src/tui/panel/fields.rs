//! Metrics as they are declared: a table of rows with a column for each field, or a list of
//! captions with their values. Names, units and help come from the declarations alone.

use retop_model::family::{battery, gpu_forecast, memory};
use retop_model::human::{Count, MISSING, Percent, Size, Value};
use retop_model::metric::{Kind, Slot};
use retop_model::{Family, FamilyId, Field, Row, Snapshot, Unit};

use super::table::arrow;
use crate::short;
use crate::tui::app::App;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Pen, Rect, width};
use crate::tui::theme::on_ramp;
use crate::tui::units::{self, Text};
use crate::tui::widget::sheet::Sheet;

/// No table has more columns than this.
const MOST: usize = 20;
/// Blanks before each column.
const GAP: u16 = 2;
/// The fewest cells for the text at the end of a row.
const MORE: u16 = 8;

/// Shares of which much is good: the colours from idle to busy would warn of them.
const GOOD: [Field; 4] = [
    memory::available_ratio,
    battery::health_ratio,
    battery::charge_ratio,
    gpu_forecast::confidence_ratio,
];

/// The columns of a table that fit side by side.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    placed: [Option<(Field, u16, u16)>; MOST],
    /// Cells for the name of a row.
    pub label: u16,
    /// Where the text at the end of a row begins, and how long it may be.
    pub more: (u16, u16),
}

impl Columns {
    /// As many of the fields as fit, from the first on, beside a name of `least` to `most` cells.
    /// Raw fields that no row of the family has take no room; what is computed keeps its place.
    #[must_use]
    pub fn fit(
        now: &Snapshot,
        fields: impl IntoIterator<Item = Field>,
        room: u16,
        (least, most): (u16, u16),
    ) -> Columns {
        let mut placed = [None; MOST];
        let mut taken = 0;
        let there = fields.into_iter().filter(|field| is_there(now, *field));
        for (place, field) in placed.iter_mut().zip(there) {
            let cells = cells(field);
            if least + taken + GAP + cells > room {
                break;
            }
            *place = Some((field, taken + GAP, cells));
            taken += GAP + cells;
        }
        let label = most.min(room.saturating_sub(taken));
        for (_, x, _) in placed.iter_mut().flatten() {
            *x += label;
        }
        let end = label + taken + GAP;
        Columns { placed, label, more: (end, room.saturating_sub(end)) }
    }

    /// The heads of the columns, with the name of the table at the left and of the last text at the
    /// right.
    pub fn head(&self, app: &App, canvas: &mut Canvas<'_>, name: &str, more: &str) {
        let theme = &app.theme;
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.head);
        canvas.field(0, 0, self.label, name, theme.sorted);
        for &(field, x, cells) in self.placed.iter().flatten() {
            canvas.right(x + cells, 0, &head(field), theme.head);
        }
        if self.more.1 >= MORE {
            canvas.text(self.more.0, 0, more, theme.head);
        }
    }

    /// The same for a table that is sorted: by one of its fields or by the names, the usual way or
    /// in reverse. Each head is a button.
    pub fn sorted_head(
        &self,
        app: &App,
        canvas: &mut Canvas<'_>,
        name: &str,
        (sort, reverse): (Option<Field>, bool),
    ) {
        let theme = &app.theme;
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.head);
        // Names begin with the smallest, numbers with the largest.
        let sign = arrow(canvas.glyphs(), sort.is_some() != reverse);
        let pen = |by| if by == sort { theme.sorted } else { theme.head };
        let end = canvas.text(0, 0, name, pen(None));
        if sort.is_none() {
            canvas.put(end, 0, sign, theme.sorted);
        }
        canvas.spot(Rect::new(0, 0, self.label, 1), Spot::GroupHead(None));
        for &(field, x, cells) in self.placed.iter().flatten() {
            let by = Some(field);
            canvas.right(x + cells, 0, &head(field), pen(by));
            if by == sort {
                canvas.put(x + cells, 0, sign, theme.sorted);
            }
            canvas.spot(Rect::new(x.saturating_sub(1), 0, cells + GAP, 1), Spot::GroupHead(by));
        }
    }

    /// The fields, from left to right.
    pub fn fields(&self) -> impl Iterator<Item = Field> + Clone {
        self.placed.iter().flatten().map(|&(field, ..)| field)
    }

    /// The numbers of a row.
    pub fn row(&self, app: &App, row: Row<'_>, canvas: &mut Canvas<'_>, back: Option<Pen>) {
        for &(field, x, cells) in self.placed.iter().flatten() {
            let (text, pen) = cell(app, row, field);
            let mut region = canvas.region(Rect::new(x, 0, cells, 1));
            region.right(cells, 0, &text, pen.over(back));
        }
    }

    /// A row with its name before and a text behind it.
    pub fn named(
        &self,
        app: &App,
        row: Row<'_>,
        canvas: &mut Canvas<'_>,
        (name, more): (&str, &str),
    ) {
        canvas.field(0, 0, self.label, name, app.theme.text);
        self.row(app, row, canvas, None);
        if self.more.1 >= MORE {
            canvas.field(self.more.0, 0, self.more.1, more, app.theme.dim);
        }
    }
}

fn is_there(now: &Snapshot, field: Field) -> bool {
    match field.slot {
        Slot::Raw(_) => now.rows(field.family).any(|row| row.raw(field).is_some()),
        Slot::Derived(_) => true,
    }
}

/// The heading of a column: the one that was declared, else what the name says. Estimates are marked.
fn head(field: Field) -> Text {
    let mark = if field.is_estimated() { "~" } else { "" };
    let mut head =
        if field.label() == field.name() { caption(field) } else { short!("{}", field.label()) };
    head.push(mark);
    head
}

/// What a metric is called in a list: its name without the unit, which its value carries.
#[must_use]
pub fn caption(field: Field) -> Text {
    let name = field.name();
    let bare = name.strip_suffix(field.unit().suffix()).filter(|bare| !bare.is_empty());
    let mut text = Text::new();
    for part in bare.unwrap_or(name).split('_') {
        let gap = if text.is_empty() { "" } else { " " };
        text.push(gap).push(part);
    }
    text
}

/// Cells that the values of a field take in a column.
fn cells(field: Field) -> u16 {
    let states = field.states().into_iter().flatten().map(|name| width(name)).max();
    let value = states.unwrap_or(match field.unit() {
        Unit::Bytes | Unit::BytesPerSecond | Unit::Count | Unit::PerSecond => 4,
        Unit::Ratio | Unit::Celsius => 5,
        Unit::Seconds | Unit::Hertz | Unit::Watts | Unit::Volts | Unit::Amperes => 6,
        Unit::Rpm | Unit::Joules => 7,
        Unit::Timestamp => 24,
    });
    value.max(width(&head(field)))
}

/// A value in a column, whose head says what is by the second, and its look.
fn cell(app: &App, row: Row<'_>, field: Field) -> (Text, Pen) {
    let (text, pen) = value(app, row, field);
    if field.states().is_some() {
        return (text, pen);
    }
    let text = match (row.get(field), field.unit()) {
        // Numbers of things are exact as long as they fit: many are names rather than counts.
        (Some(count), Unit::Count) if count.fract() == 0.0 && (0.0..1e4).contains(&count) => {
            short!("{count:.0}")
        }
        (Some(rate), Unit::BytesPerSecond) => short!("{}", Size(rate)),
        (Some(rate), Unit::PerSecond) => short!("{}", Count(rate)),
        _ => text,
    };
    (text, pen)
}

/// A value with its unit, and its look: what is missing and what is zero is dim, shares are
/// coloured.
#[must_use]
pub fn value(app: &App, row: Row<'_>, field: Field) -> (Text, Pen) {
    let theme = &app.theme;
    if let Some(state) = row.state(field) {
        return (short!("{state}"), theme.text);
    }
    let Some(value) = row.get(field) else {
        let waits = matches!(field.slot, Slot::Derived(_)) && (row.is_new() || is_first(row));
        return (short!("{}", units::missing(waits)), theme.dim);
    };
    let text = match field.unit() {
        Unit::Ratio => short!("{}", Percent(value)),
        // People pay for watt-hours and buy batteries by them.
        Unit::Joules => watt_hours(value),
        unit => short!("{}", Value(unit, value)),
    };
    let pen = match field.unit() {
        _ if value == 0.0 => theme.dim,
        Unit::Ratio if value >= 0.1 && !GOOD.contains(&field) => {
            on_ramp(&theme.util, value.min(1.0))
        }
        _ => theme.text,
    };
    (text, pen)
}

/// True if the family was not read before this sample, or the machine slept since.
fn is_first(row: Row<'_>) -> bool {
    let now = row.snapshot();
    !now.has_rates() || now.before().is_none_or(|before| before.table(row.family()).is_none())
}

/// Energy, for people.
#[must_use]
pub fn watt_hours(joules: f64) -> Text {
    match joules / 3600.0 {
        hours if hours.abs() < 0.9995 => short!("{:.0}mWh", hours * 1e3),
        hours if hours.abs() < 99.95 => short!("{hours:.1}Wh"),
        hours => short!("{}Wh", Count(hours)),
    }
}

/// Fields of a family that a list of facts shows, and how many.
pub type Some64 = ([Option<Field>; 64], usize);

/// The fields with a value and of which `wanted` holds. A counter whose rate is a field too is left
/// out: people look at rates.
#[must_use]
pub fn with_values(row: Option<Row<'_>>, wanted: impl Fn(Field) -> bool) -> Some64 {
    let mut kept = ([None; 64], 0);
    let Some(row) = row else { return kept };
    let family = row.family().get();
    for field in family.fields() {
        let there = row.get(field).is_some()
            || counter_of(family, field).is_some_and(|counter| row.raw(counter).is_some());
        let has_rate = family.fields().any(|rate| counter_of(family, rate) == Some(field));
        if there && !has_rate && wanted(field) && kept.1 < kept.0.len() {
            kept.0[kept.1] = Some(field);
            kept.1 += 1;
        }
    }
    kept
}

/// The counter that a rate is made of: the rate has no value until the second sample, and is kept
/// in its place all the same.
fn counter_of(family: &'static Family, rate: Field) -> Option<Field> {
    let Slot::Derived(_) = rate.slot else { return None };
    let bare = rate.name().strip_suffix("_per_second")?;
    let place = family.raw.iter().position(|raw| raw.name == bare && raw.kind == Kind::Counter)?;
    Some(Field { family: rate.family, slot: Slot::Raw(u16::try_from(place).ok()?) })
}

/// Captions with their values, in as many columns as it takes to fit into `lines`; where a column
/// is wide enough, with what each means.
pub fn facts(
    app: &App,
    row: Option<Row<'_>>,
    fields: &Some64,
    sheet: &mut Sheet<'_>,
    lines: usize,
) {
    let Some(row) = row else { return };
    const CAPTION: u16 = 19;
    const VALUE: u16 = 5;
    sheet.items((fields.1, CAPTION + VALUE, lines), None, |canvas, place| {
        let Some(field) = fields.0.get(place).copied().flatten() else { return };
        let (text, pen) = value(app, row, field);
        let cells = VALUE.max(width(&text));
        let room = canvas.width();
        let help = room >= CAPTION + cells + 30;
        let end = room.min(if help { CAPTION + cells } else { CAPTION + 9 });
        canvas.field(0, 0, end.saturating_sub(cells + 1), &caption(field), app.theme.dim);
        canvas.right(end, 0, &text, pen);
        if help {
            let at = end + GAP;
            canvas.field(at, 0, room - at, field.help(), app.theme.dim);
        }
    });
}

/// A heading of a part of a page, with what it comes to at its right.
pub fn heading(app: &App, sheet: &mut Sheet<'_>, name: &str, more: &str) {
    sheet.part();
    sheet.line(|canvas| {
        let theme = &app.theme;
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.head);
        let at = canvas.text(0, 0, name, theme.sorted) + GAP;
        let room = canvas.width().saturating_sub(at);
        if width(more) <= room {
            canvas.text(at, 0, more, theme.head);
        }
    });
}

/// The same of a family that many machines have nothing of: a line only where something is wrong.
pub fn missing_for_a_reason(app: &App, now: &Snapshot, family: FamilyId, sheet: &mut Sheet<'_>) {
    use retop_model::family::source;
    let is_wrong = |row: Row<'_>| source::feeds_family(row, family) && is_sick(row);
    if now.rows(FamilyId::Source).any(is_wrong) {
        sheet.part();
        missing(app, now, family, sheet);
    }
}

/// True if the source may not read, fails or is too slow.
fn is_sick(row: Row<'_>) -> bool {
    use retop_model::family::source;
    matches!(row.raw(source::state), Some(source::DENIED | source::FAILING | source::SLOW))
}

/// One line that says why a family is missing, as its source has it.
pub fn missing(app: &App, now: &Snapshot, family: FamilyId, sheet: &mut Sheet<'_>) {
    use retop_model::family::source;
    let feeds = |row: &Row<'_>| source::feeds_family(*row, family);
    let mut rows = now.rows(FamilyId::Source).filter(feeds);
    let row = rows.clone().find(|row| !row.shown(source::reason).is_empty()).or(rows.next());
    let key = family.get().key;
    let text = match row {
        _ if now.rows(FamilyId::Source).len() == 0 => short!("{key}: no source has reported yet"),
        None => short!("{key}: nothing on this machine gives them"),
        Some(row) => match row.shown(source::reason) {
            "" => short!("{key}: none"),
            reason => short!("{key}: {reason}"),
        },
    };
    let hint = row.map_or("", |row| row.shown(source::hint));
    let denied = row.is_some_and(is_sick);
    sheet.line(|canvas| {
        let theme = &app.theme;
        let pen = if denied { theme.warn } else { theme.dim };
        let end = canvas.width().min(width(&text));
        canvas.field(0, 0, end, &text, pen);
        // The page of retop itself has it in full.
        if end + GAP + width(hint) <= canvas.width() {
            canvas.text(end + GAP, 0, hint, theme.dim);
        }
    });
}

/// What stands where a row has no name.
#[must_use]
pub fn or_missing(text: &str) -> &str {
    if text.is_empty() { MISSING } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::family::{FAMILIES, disk, memory, process};
    use retop_model::{RawSample, derive};
    use std::sync::Arc;

    #[test]
    fn captions_leave_the_unit_to_the_value() {
        for (field, wanted) in [
            (memory::slab_unreclaimable_bytes, "slab unreclaimable"),
            (memory::swap_in_bytes_per_second, "swap in"),
            (memory::major_faults_per_second, "major faults"),
            (process::threads, "threads"),
        ] {
            assert_eq!(caption(field).as_str(), wanted);
        }
        for field in FAMILIES.iter().flat_map(|family| family.fields()) {
            assert!(!caption(field).is_empty(), "{}", field.name());
            assert!(!head(field).is_empty(), "{}", field.name());
        }
    }

    #[test]
    fn columns_never_overlap_nor_leave_their_room() {
        let now = derive(None, Arc::new(RawSample::default()));
        for room in 0..300 {
            let fields = FamilyId::Disk.get().fields();
            let columns = Columns::fit(&now, fields, room, (8, 20));
            let mut end = columns.label;
            for (_, x, cells) in columns.placed.iter().flatten() {
                assert!(*x >= end + GAP, "at {room}");
                end = x + cells;
            }
            assert!(end <= room && columns.more.0 + columns.more.1 <= room.max(columns.more.0));
        }
        let first = [disk::read_bytes_per_second, disk::latency_seconds];
        let columns = Columns::fit(&now, first, 80, (8, 20));
        assert_eq!(columns.placed.iter().flatten().count(), 2);
    }
}
