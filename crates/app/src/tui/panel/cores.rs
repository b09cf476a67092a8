//! Each core: as bars, as numbers with their past, or as one cell each.

use retop_model::family::core;
use retop_model::{FamilyId, Row, Snapshot};

use crate::short;
use crate::tui::app::App;
use crate::tui::core_view::CoreView;
use crate::tui::render::{Canvas, Glyphs, Rect};
use crate::tui::theme::{eighth, on_ramp};
use crate::tui::units::whole_percent;
use crate::tui::widget::gauge::gauge;
use crate::tui::widget::spark::{level, spark};

/// What draws that many cores best in that room.
#[must_use]
pub fn automatic(cores: usize, (width, height): (u16, u16)) -> CoreView {
    match cores {
        0..=16 => CoreView::Both,
        // A cell each leaves room for the past where numbers do not.
        17..=64 if above(cores, width, height, NUMBERED) > 0 => CoreView::Gauge,
        _ => CoreView::Heat,
    }
}

/// Cells of a core with its number, its percent and a little of its past.
pub const NUMBERED: u16 = 12;
/// The same with a bar.
pub const BARRED: u16 = 16;
/// The past in fewer rows is not worth its room.
const PAST: u16 = 3;

/// Rows for the past above that many cores of at least `each` cells: none if too few are left.
#[must_use]
pub fn above(cores: usize, width: u16, height: u16, each: u16) -> u16 {
    let columns = usize::from((width / each).max(1));
    let lines = cores.div_ceil(columns).min(usize::from(height)) as u16;
    if height - lines >= PAST { height - lines } else { 0 }
}

/// A core without its gap: number, percent.
const NARROWEST: u16 = 9;

/// Cells that a block of cores wants beside a chart, in `room` by `height`; `None` if they do not
/// fit.
#[must_use]
pub fn block_width(cores: usize, room: u16, height: u16) -> Option<u16> {
    let columns = columns(cores, height)?;
    let each = (room / columns).min(26);
    (each >= NARROWEST).then_some(each * columns)
}

fn columns(cores: usize, height: u16) -> Option<u16> {
    let cores = u16::try_from(cores).ok().filter(|&cores| cores > 0)?;
    (height > 0).then(|| cores.div_ceil(height))
}

/// Cores in columns of equal height, each with number, bar where there is room, percent and past.
pub fn block(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>, bars: bool) {
    let rows = now.rows(FamilyId::Core);
    let Some(columns) = columns(rows.len(), canvas.height()) else { return };
    let columns = columns.max(1);
    let height = (rows.len() as u16).div_ceil(columns).max(1);
    let each = canvas.width() / columns;
    for (row, place) in rows.zip(0_u16..) {
        let area = Rect::new(place / height * each, place % height, each.saturating_sub(1), 1);
        one(app, row, &mut canvas.region(area), bars);
    }
}

fn one(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>, bars: bool) {
    let theme = &app.theme;
    let width = canvas.width();
    let name = row.shown(core::core);
    canvas.right(3, 0, name, theme.dim);
    if row.get(core::online) == Some(0.0) {
        canvas.right(8, 0, "x", theme.dim);
        return;
    }
    let share = app.share_of_core(row);
    let percent = match share {
        Some(share) => whole_percent(share),
        None => short!("{}", app.missing()),
    };
    let pen = share.map_or(theme.dim, |share| on_ramp(&theme.util, share));
    if bars && width >= BARRED - 1 {
        let past = if width >= 28 { 10 } else { 0 };
        let room = width - 3 - 5 - past;
        gauge(canvas, (3, 0), room, share, &theme.util, theme);
        canvas.right(3 + room + 5, 0, &percent, pen);
        if past > 0
            && let Some(ring) = app.past().core(row.key())
        {
            spark(canvas, (3 + room + 6, 0), past - 1, ring, &theme.util);
        }
        return;
    }
    canvas.right(8, 0, &percent, pen);
    if width > 9
        && let Some(ring) = app.past().core(row.key())
    {
        spark(canvas, (9, 0), width - 9, ring, &theme.util);
    }
}

/// Cells in a row of the heat view and cores in a cell, so that all cores are there: one each, and
/// where there is no room for that, two, four and so on.
#[must_use]
pub fn folded(cores: usize, width: u16, height: u16) -> (u16, usize) {
    let is_wide_enough = |per: u16| 8 + per + per / 16 <= width;
    let rows =
        [16, 32, 64, 128, 256, 48, 80, 96, 112].into_iter().filter(|&per| is_wide_enough(per));
    let widest = rows.clone().max().unwrap_or(width.saturating_sub(8).max(1));
    let mut each = 1;
    loop {
        let cells = cores.div_ceil(each);
        let holds = |per: u16| cells <= usize::from(per) * usize::from(height);
        if let Some(per) = rows.clone().find(|&per| holds(per)) {
            return (per, each);
        }
        if holds(widest) || each >= cores.max(1) {
            return (widest, each);
        }
        each *= 2;
    }
}

/// Rows that the heat view takes of that area.
#[must_use]
pub fn heat_rows(cores: usize, width: u16, height: u16) -> u16 {
    let (per, each) = folded(cores, width, height);
    (cores.div_ceil(usize::from(per) * each) as u16).min(height)
}

/// One cell for each core, or for the busiest of several; rows with their average and maximum.
pub fn heat(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let rows = now.rows(FamilyId::Core);
    let cores = rows.len();
    let (per, each) = folded(cores, canvas.width(), canvas.height());
    let in_row = usize::from(per) * each;
    let (mut sum, mut most, mut known) = (0.0, 0.0_f64, 0);
    let (mut cell, mut online) = (None, false);
    for (row, place) in rows.zip(0_usize..) {
        let line = u16::try_from(place / in_row).unwrap_or(u16::MAX);
        if line >= canvas.height() {
            break;
        }
        let in_line = place % in_row;
        if in_line == 0 {
            let last = (place + in_row).min(cores) - 1;
            canvas.right(7, line, &short!("{place}-{last}"), theme.dim);
            (sum, most, known) = (0.0, 0.0, 0);
        }
        let share = row.get(core::utilization_ratio);
        cell = cell.max_by_share(share);
        online |= row.get(core::online) != Some(0.0);
        if let Some(share) = share {
            (sum, most, known) = (sum + share, most.max(share), known + 1);
        }
        if (in_line + 1).is_multiple_of(each) || place + 1 == cores {
            let (c, pen) = match cell {
                _ if !online => ('x', theme.dim),
                Some(share) if share < 0.02 => (level(canvas.glyphs(), share), theme.empty),
                Some(share) => (level(canvas.glyphs(), share), theme.util.bar(share)),
                None => ('–', theme.dim),
            };
            let at = (in_line / each) as u16;
            canvas.put(8 + at + at / 16, line, c, pen);
            (cell, online) = (None, false);
        }
        let ends = in_line + 1 == in_row || place + 1 == cores;
        if ends && known > 0 {
            let x = 8 + per + per / 16 + 1;
            let text =
                short!("avg {:>3.0} max {:>3.0}", sum / f64::from(known) * 100.0, most * 100.0);
            if x + 15 <= canvas.width() {
                canvas.text(x, line, &text, theme.dim);
            }
        }
    }
}

/// All cores in one line: the busiest of each group where there are more cores than cells.
pub fn strip(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let rows = now.rows(FamilyId::Core);
    let (cores, cells) = (rows.len(), usize::from(canvas.width().max(1)));
    let group = cores.div_ceil(cells).max(1);
    // With room to spare each core is drawn wider.
    let wide = (cells / cores.max(1)).clamp(1, 4) as u16;
    let mut most: Option<f64> = None;
    for (row, place) in rows.zip(0_usize..) {
        let share = row.get(core::utilization_ratio);
        most = most.max_by_share(share);
        if (place + 1) % group == 0 || place + 1 == cores {
            let x = (place / group) as u16 * wide;
            let (c, pen) = match most {
                Some(share) if share >= 0.02 => {
                    (level(canvas.glyphs(), share), theme.util.bar(eighth(share)))
                }
                Some(_) => (if canvas.glyphs() == Glyphs::Ascii { '0' } else { '·' }, theme.empty),
                None => ('–', theme.dim),
            };
            for cell in 0..wide.saturating_sub(u16::from(wide > 1)).max(1) {
                canvas.put(x + cell, 0, c, pen);
            }
            most = None;
        }
    }
}

trait Larger {
    fn max_by_share(self, other: Self) -> Self;
}

impl Larger for Option<f64> {
    fn max_by_share(self, other: Self) -> Self {
        match (self, other) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_has_its_cell_or_shares_one() {
        for cores in [1, 2, 17, 64, 100, 256, 300, 512, 1024] {
            for width in 9..=220 {
                for height in 1..=20 {
                    let (per, each) = folded(cores, width, height);
                    let cells = cores.div_ceil(each);
                    assert!(cells <= usize::from(per) * usize::from(height) || each >= cores);
                    assert!(8 + per <= width, "{per} of {width}");
                }
            }
        }
        // One each where there is room, and no more in a cell than it takes.
        assert_eq!(folded(64, 66, 7), (16, 1));
        assert_eq!(folded(256, 66, 7), (48, 1));
        assert_eq!(folded(512, 66, 7), (48, 2));
        assert_eq!(folded(512, 100, 8), (64, 1));
    }
}
