//! What the memory of a process holds, by kind and by name.

use retop_engine::{MapKind, Maps, Space};
use retop_model::Row;
use retop_model::family::process;
use retop_model::human::{Count, Or, Size};

use super::{head, note};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::Canvas;
use crate::tui::widget::sheet::Sheet;

const COLUMNS: [(u16, &str); 5] =
    [(6, "SIZE"), (12, "RES"), (18, "PSS"), (24, "SWAP"), (32, "PIECES")];

pub fn lines(app: &App, row: Row<'_>, found: &Maps, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    if found.kinds.is_empty() {
        let text = match row.raw(process::kernel) {
            Some(1) => "a thread of the kernel has no memory of its own",
            _ => "it has given its memory back",
        };
        return note(sheet, text, theme.dim);
    }
    head(app, sheet, &COLUMNS, "KIND");
    for (kind, space) in &found.kinds {
        sheet.line(|canvas| {
            let x = numbers(app, space, canvas);
            canvas.text(x, 0, kind.name(), theme.text);
        });
    }
    sheet.line(|canvas| {
        let x = numbers(app, &found.all, canvas);
        canvas.text(x, 0, "all", theme.title);
    });
    sheet.part();
    head(app, sheet, &COLUMNS, "LARGEST");
    for (kind, name, space) in &found.largest {
        sheet.line(|canvas| {
            let x = numbers(app, space, canvas);
            let room = canvas.width().saturating_sub(x);
            let name = name.shown();
            let (text, pen) = match kind {
                _ if name.is_empty() => (kind.name(), theme.dim),
                MapKind::File => (name, theme.text),
                _ => (name, theme.accent),
            };
            canvas.field(x, 0, room, text, pen);
        });
    }
    if found.is_cut {
        note(sheet, "there is more than was read", theme.dim);
    }
}

/// Where the name begins.
fn numbers(app: &App, space: &Space, canvas: &mut Canvas<'_>) -> u16 {
    let theme = &app.theme;
    let size = |bytes: u64| Size(bytes as f64);
    let known = |bytes: Option<u64>| {
        let pen = if bytes.is_some_and(|bytes| bytes > 0) { theme.text } else { theme.dim };
        (short!("{}", Or(bytes.map(size))), pen)
    };
    let values = [
        (short!("{}", size(space.virtual_bytes)), theme.dim),
        known(space.resident_bytes),
        known(space.proportional_bytes),
        known(space.swap_bytes),
        (short!("{}", Count(space.pieces as f64)), theme.dim),
    ];
    for ((text, pen), (at, _)) in values.iter().zip(COLUMNS) {
        canvas.right(at, 0, text, *pen);
    }
    COLUMNS[COLUMNS.len() - 1].0 + 2
}
