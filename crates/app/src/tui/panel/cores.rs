//! Each core: as bars, as numbers with their past, or as one cell each.

use retop_model::family::core;
use retop_model::{FamilyId, Row, Snapshot};

use crate::short;
use crate::tui::app::App;
use crate::tui::core_view::CoreView;
use crate::tui::render::{Canvas, Glyphs, Rect};
use crate::tui::theme::on_ramp;
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

/// Cells in a row of the heat view, so that all cores fit.
fn per_row(cores: usize, width: u16, height: u16) -> u16 {
    let fits = |per: u16| {
        let cells = 8 + per + per / 16;
        cells <= width && cores <= usize::from(per) * usize::from(height)
    };
    [16, 32, 64, 128, 256].into_iter().find(|&per| fits(per)).unwrap_or_else(|| {
        let most = [16, 32, 64, 128, 256].into_iter().rfind(|&per| 8 + per + per / 16 <= width);
        most.unwrap_or(width.saturating_sub(8).max(1))
    })
}

/// Rows that the heat view takes of that area.
#[must_use]
pub fn heat_rows(cores: usize, width: u16, height: u16) -> u16 {
    (cores.div_ceil(usize::from(per_row(cores, width, height))) as u16).min(height)
}

/// One cell for each core, rows with their average and maximum.
pub fn heat(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let rows = now.rows(FamilyId::Core);
    let cores = rows.len();
    let per = per_row(cores, canvas.width(), canvas.height());
    let (mut sum, mut most, mut known) = (0.0, 0.0_f64, 0);
    for (row, place) in rows.zip(0..) {
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        let (line, at) = (place / per, place % per);
        if line >= canvas.height() {
            break;
        }
        if at == 0 {
            let last = (usize::from(place) + usize::from(per)).min(cores) - 1;
            canvas.right(7, line, &short!("{place}-{last}"), theme.dim);
            (sum, most, known) = (0.0, 0.0, 0);
        }
        let share = row.get(core::utilization_ratio);
        let (c, pen) = match share {
            _ if row.get(core::online) == Some(0.0) => ('x', theme.dim),
            Some(share) if share < 0.02 => (level(canvas.glyphs(), share), theme.empty),
            Some(share) => (level(canvas.glyphs(), share), theme.util.bar(share)),
            None => ('–', theme.dim),
        };
        canvas.put(8 + at + at / 16, line, c, pen);
        if let Some(share) = share {
            (sum, most, known) = (sum + share, most.max(share), known + 1);
        }
        let ends = at + 1 == per || usize::from(place) + 1 == cores;
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
                    (level(canvas.glyphs(), share), theme.util.bar(share))
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
