//! The environment of a process. Its values are secrets until somebody asks to see them.

use retop_engine::Environment;
use retop_model::Row;
use retop_model::family::process;

use super::{note, wrap};
use crate::short;
use crate::tui::app::App;
use crate::tui::keys::Action;
use crate::tui::render::width;
use crate::tui::widget::sheet::Sheet;

/// What stands for a value, however long that is.
const MASK: &str = "********";

pub fn lines(app: &App, row: Row<'_>, found: &Environment, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    if found.variables.is_empty() {
        let text = match row.raw(process::kernel) {
            Some(1) => "a thread of the kernel has no environment",
            _ => "its environment is empty, or was overwritten",
        };
        return note(sheet, text, theme.dim);
    }
    let what = if app.pane.is_revealed { "hides" } else { "shows" };
    let count = found.variables.len();
    let text = match app.keys.keys(Action::Reveal).first() {
        Some(key) => {
            short!("{count} variables, as they were at its start; {key} {what} the values")
        }
        None => short!("{count} variables, as they were at its start"),
    };
    note(sheet, &text, theme.dim);
    for (name, value) in &found.variables {
        let name = name.shown();
        if !app.pane.is_revealed {
            sheet.line(|canvas| {
                let x = canvas.text(0, 0, name, theme.accent);
                let x = canvas.put(x, 0, '=', theme.dim);
                canvas.text(x, 0, MASK, theme.dim);
            });
            continue;
        }
        // Short ones stand in one line, long ones below their names.
        let value = value.shown();
        let room = sheet.width().saturating_sub(width(name) + 1);
        if width(value) <= room {
            sheet.line(|canvas| {
                let x = canvas.text(0, 0, name, theme.accent);
                let x = canvas.put(x, 0, '=', theme.dim);
                canvas.text(x, 0, value, theme.text);
            });
            continue;
        }
        sheet.line(|canvas| {
            let x = canvas.text(0, 0, name, theme.accent);
            canvas.put(x, 0, '=', theme.dim);
        });
        for piece in wrap::cells(value, sheet.width().saturating_sub(2)) {
            sheet.line(|canvas| {
                canvas.text(2, 0, piece, theme.text);
            });
        }
    }
    if found.is_cut {
        note(sheet, "there is more than is shown", theme.dim);
    }
}
