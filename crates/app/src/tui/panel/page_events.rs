//! The page of events: alerts, spikes, bookmarks, kills, gaps, sources lost and back, the newest
//! first.

use std::fmt::Write;

use retop_model::{FamilyId, Snapshot};

use super::alerts::Firing;
use crate::short;
use crate::tui::app::App;
use crate::tui::events::Event;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect, Short, width};
use crate::tui::units::{Text, ago, date, time_of_day};
use crate::tui::widget::sheet::Sheet;

/// Cells from which on there is room for how long it lasted.
const LASTED: u16 = 56;

/// Where the columns stand.
struct Columns {
    /// The day is shown before the time.
    dated: bool,
    mark: u16,
    name: u16,
    text: u16,
    /// How long it lasted, at the right; nothing where what happened needs the room.
    lasted: Option<u16>,
}

fn columns(width: u16) -> Columns {
    let dated = width >= 100;
    let mark = if dated { 17 } else { 11 };
    // The longest that comes with retop is THROTTLING:CPU.
    let name_room = if dated { 16 } else { 11 };
    let lasted = (width >= LASTED).then_some(8);
    Columns { dated, mark, name: mark + 2, text: mark + 2 + name_room, lasted }
}

/// What the frame says beside the name.
#[must_use]
pub fn title(app: &App, now: &Snapshot) -> Text {
    let count = app.events.list().len();
    match (now.window(FamilyId::Alert).is_some(), Firing::of(now).count) {
        (false, _) => short!("{count}"),
        (true, 0) => short!("{count}  no alert"),
        (true, firing) => short!("{count}  {firing} firing"),
    }
}

/// Draws the heads of the columns.
pub fn head(app: &App, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let columns = columns(canvas.width());
    let w = canvas.width();
    canvas.fill(Rect::new(0, 0, w, 1), theme.head);
    canvas.text(1, 0, if columns.dated { "DAY   TIME" } else { "TIME" }, theme.head);
    canvas.text(columns.name, 0, "EVENT", theme.head);
    canvas.text(columns.text, 0, "WHAT HAPPENED", theme.head);
    if columns.lasted.is_some() {
        canvas.right(w, 0, "LASTED", theme.head);
    }
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let list = app.events.list();
    if list.is_empty() {
        let kept = app.record.is_some();
        return sheet.line(|canvas| {
            let text = match kept {
                true => "nothing has happened since the oldest sample that is kept",
                false => "nothing has happened since retop was started",
            };
            canvas.field(1, 0, canvas.width().saturating_sub(1), text, app.theme.dim);
        });
    }
    let columns = columns(sheet.width());
    for (line, event) in list.iter().enumerate() {
        let under = line == app.pages.cursor;
        sheet.line(|canvas| {
            canvas.spot(Rect::new(0, 0, canvas.width(), 1), Spot::Line(line));
            one(app, now, event, under, &columns, canvas);
        });
    }
}

fn one(
    app: &App,
    now: &Snapshot,
    event: &Event,
    under: bool,
    columns: &Columns,
    canvas: &mut Canvas<'_>,
) {
    let theme = &app.theme;
    let w = canvas.width();
    let back = under.then_some(theme.cursor);
    if under {
        canvas.fill(Rect::new(0, 0, w, 1), theme.cursor);
        canvas.put(0, 0, '>', theme.accent.over(back));
    }
    let stamp = event.stamp();
    let offset = (app.offset_seconds)(stamp.wall_ms.div_euclid(1000));
    // What came after the moment shown is there, but not of it.
    let later = stamp.monotonic_ns > now.stamp().monotonic_ns;
    let plain = if later { theme.dim } else { theme.text };
    let mut x = 1;
    if columns.dated {
        let day = date(stamp.wall_ms, offset);
        x = canvas.text(x, 0, day.get(5..).unwrap_or(""), theme.dim.over(back)) + 1;
    }
    canvas.text(x, 0, &time_of_day(stamp.wall_ms, offset), plain.over(back));
    let (c, pen) = event.mark().draw(theme, canvas.glyphs());
    let pen = if later { theme.dim } else { pen };
    canvas.put(columns.mark, 0, c, pen.over(back));
    let room = columns.text.saturating_sub(columns.name + 1);
    canvas.field(columns.name, 0, room, event.name(), pen.over(back));
    let fired = event.fired().filter(|_| columns.lasted.is_some());
    let lasted = fired.map(|(_, ended)| match ended {
        Some(ended) => (ago(ended.since_ms(stamp)), theme.dim),
        None => (short!("firing"), pen),
    });
    if let Some((text, pen)) = &lasted {
        canvas.right(w, 0, text, pen.over(back));
    }
    let mut text = Short::<400>::new();
    // Writing into a `Short` cannot fail.
    let _ = write!(text, "{event}");
    let end = match &lasted {
        Some((text, _)) => w.saturating_sub(width(text).max(columns.lasted.unwrap_or(0)) + 1),
        None => w,
    };
    canvas.field(columns.text, 0, end.saturating_sub(columns.text), &text, plain.over(back));
}
