//! The threads of a process, those that use most CPU first.

use retop_model::family::{process, thread};
use retop_model::human::{MISSING, Or};
use retop_model::{FamilyId, Row, Snapshot};

use super::{head, note};
use crate::short;
use crate::tui::app::App;
use crate::tui::units;
use crate::tui::widget::sheet::Sheet;

pub fn lines(app: &App, now: &Snapshot, row: Row<'_>, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    let threads = &app.pane.threads;
    if threads.is_empty() {
        let text = match app.rewind {
            Some(_) => "only where somebody looked then: threads are read while they are shown",
            None if app.has_ended(row.key()) => "nobody looked at its threads before it ended",
            None => units::PENDING,
        };
        return note(sheet, text, theme.dim);
    }
    let all = row.raw(process::threads).unwrap_or(0);
    // A name is worth more than the place in the scheduler's queues.
    let wide = sheet.width() >= 60;
    let columns: &[(u16, &str)] = match wide {
        true => &[
            (8, "TID"),
            (10, "S"),
            (17, "CPU%"),
            (27, "TIME+"),
            (32, "CPU"),
            (37, "NI"),
            (42, "PRI"),
        ],
        false => &[(8, "TID"), (10, "S"), (17, "CPU%")],
    };
    head(app, sheet, columns, "NAME");
    for &place in threads {
        let Some(row) = now.row(FamilyId::Thread, place as usize) else { continue };
        sheet.line(|canvas| {
            let number = |field| short!("{}", Or(row.raw(field)));
            let share = row.get(thread::cpu_ratio);
            let state = row.raw(thread::state).map_or('?', process::state_letter);
            let cpu = share.map_or_else(|| short!("{}", app.missing()), units::percent);
            let time = row.get(thread::cpu_seconds).map(units::cpu_time);
            let time = time.unwrap_or_else(|| short!("{MISSING}"));
            let values = [
                (number(thread::tid), theme.dim),
                (short!("{state}"), if state == 'R' { theme.ok } else { theme.dim }),
                (cpu, if share == Some(0.0) { theme.dim } else { theme.text }),
                (time, theme.text),
                (number(thread::last_cpu), theme.dim),
                (number(thread::nice), theme.dim),
                (number(thread::priority), theme.dim),
            ];
            let mut end = 0;
            for ((text, pen), &(at, _)) in values.iter().zip(columns) {
                canvas.right(at, 0, text, *pen);
                end = at;
            }
            let room = canvas.width().saturating_sub(end + 2);
            canvas.field(end + 2, 0, room, row.shown(thread::name), theme.text);
        });
    }
    let listed = i64::try_from(threads.len()).unwrap_or(i64::MAX);
    if all > listed {
        note(sheet, &short!("{} of {all} threads are listed", threads.len()), theme.dim);
    }
}
