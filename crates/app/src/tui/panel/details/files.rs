//! What a process has open.

use retop_engine::{Access, FileKind, Files};

use super::{head, note};
use crate::short;
use crate::tui::app::App;
use crate::tui::widget::sheet::Sheet;

pub fn lines(app: &App, found: &Files, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    if found.all == 0 {
        return note(sheet, "nothing is open", theme.dim);
    }
    let wide = sheet.width() >= 60;
    let columns: &[(u16, &str)] = match wide {
        true => &[(6, "FD"), (15, "TYPE"), (18, "RW"), (32, "POSITION")],
        false => &[(6, "FD"), (15, "TYPE")],
    };
    head(app, sheet, columns, "NAME");
    for file in &found.open {
        sheet.line(|canvas| {
            let position = file.position.map(|position| short!("{position}")).unwrap_or_default();
            let values = [
                (short!("{}", file.number), theme.dim),
                (
                    short!("{}", file.kind.name()),
                    if file.kind == FileKind::Deleted { theme.warn } else { theme.dim },
                ),
                (short!("{}", file.access.map_or("", Access::name)), theme.dim),
                (position, theme.text),
            ];
            let mut end = 0;
            for ((text, pen), &(at, _)) in values.iter().zip(columns) {
                canvas.right(at, 0, text, *pen);
                end = at;
            }
            let x = end + 2;
            let target = file.target.shown();
            let room = canvas.width().saturating_sub(x);
            canvas.field(x, 0, room, target, theme.text);
        });
    }
    if found.all > found.open.len() {
        let text = short!("{} of {} are listed", found.open.len(), found.all);
        note(sheet, &text, theme.dim);
    }
}
