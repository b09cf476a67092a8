//! What a process may use at most.

use retop_engine::Limit;
use retop_model::human::Size;

use super::head;
use crate::short;
use crate::tui::app::App;
use crate::tui::units::Text;
use crate::tui::widget::sheet::Sheet;

pub fn lines(app: &App, found: &[Limit], sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    head(app, sheet, &[(34, "SOFT"), (45, "HARD")], "UNIT");
    let value = |limit: Option<u64>, unit: &str| -> Text {
        match (limit, unit) {
            (None, _) => short!("unlimited"),
            (Some(bytes), "bytes") if bytes >= 1024 => short!("{}", Size(bytes as f64)),
            (Some(number), _) => short!("{number}"),
        }
    };
    for limit in found {
        sheet.line(|canvas| {
            let unit = limit.unit.shown();
            canvas.field(0, 0, 24, limit.name.shown(), theme.text);
            for (end, limit) in [(34, limit.soft), (45, limit.hard)] {
                let pen = if limit.is_none() { theme.dim } else { theme.text };
                canvas.right(end, 0, &value(limit, unit), pen);
            }
            canvas.text(47, 0, unit, theme.dim);
        });
    }
}
