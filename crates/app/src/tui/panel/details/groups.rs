//! The control group of a process and those above it, which all limit it.

use retop_model::family::{cgroup, process};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::note;
use crate::tui::app::App;
use crate::tui::panel::fields::{self, Columns};
use crate::tui::widget::sheet::Sheet;

/// What is shown of each group, what limits most first.
const FIELDS: [Field; 12] = [
    cgroup::cpu_ratio,
    cgroup::cpu_limit,
    cgroup::working_set_bytes,
    cgroup::memory_limit_bytes,
    cgroup::tasks,
    cgroup::tasks_limit,
    cgroup::throttled_ratio,
    cgroup::cpu_pressure_ratio,
    cgroup::memory_pressure_ratio,
    cgroup::io_pressure_ratio,
    cgroup::swap_bytes,
    cgroup::oom_kills,
];

pub fn lines(app: &App, now: &Snapshot, row: Row<'_>, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    let path = row.shown(process::cgroup);
    if path.is_empty() {
        return note(sheet, "its control group is not known", theme.dim);
    }
    note(sheet, path, theme.text);
    if now.rows(FamilyId::Cgroup).len() == 0 {
        if app.rewind.is_some() {
            let text = "only where somebody looked then: groups are read while they are shown";
            return note(sheet, text, theme.dim);
        }
        return fields::missing(app, now, FamilyId::Cgroup, sheet);
    }
    let Some(own) = find(now, path) else {
        let text = "no such group is in the tree of version 2 that is mounted here";
        return note(sheet, text, theme.dim);
    };
    let width = sheet.width();
    let columns = Columns::fit(now, FIELDS, width, (if width < 70 { 16 } else { 28 }, 48));
    sheet.line(|canvas| columns.head(app, canvas, "Group", ""));
    for path in up(path) {
        let Some(group) = find(now, path) else { continue };
        sheet.line(|canvas| {
            let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
            columns.named(app, group, canvas, (name, ""));
        });
    }
    sheet.part();
    let shown = fields::with_values(Some(own), |field| field != cgroup::depth);
    let lines = shown.1.div_ceil(usize::from((width / 40).max(1)));
    fields::facts(app, Some(own), &shown, sheet, lines);
}

/// A path and every one above it, the root last.
fn up(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let above = path.rmatch_indices('/').map(|(at, _)| if at == 0 { "/" } else { &path[..at] });
    Some(path).filter(|path| !path.is_empty()).into_iter().chain(above).chain(
        // Of the root alone nothing is above.
        Some("/").filter(|_| path.is_empty()),
    )
}

fn find<'a>(now: &'a Snapshot, path: &str) -> Option<Row<'a>> {
    now.rows(FamilyId::Cgroup).find(|row| row.shown(cgroup::cgroup) == path)
}

#[cfg(test)]
mod tests {
    use super::up;

    #[test]
    fn a_path_leads_to_the_root() {
        for (path, want) in [
            ("/a/b/c", &["/a/b/c", "/a/b", "/a", "/"][..]),
            ("/a", &["/a", "/"]),
            ("/", &["/"]),
            ("", &["/"]),
            ("relative/x", &["relative/x", "relative"]),
        ] {
            assert_eq!(up(path).collect::<Vec<_>>(), want, "{path}");
        }
    }
}
