//! The past of graphics processors, side by side: what each did, and how full its memory was. Where
//! there is no room for all of them it is that of the busiest and of the fullest.

use retop_model::family::gpu;
use retop_model::human::Size;
use retop_model::{FamilyId, Row, Snapshot};

use super::page::Places;
use super::page_gpu::{called, in_order_of};
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{Ring, busiest_gpu, fullest_gpu};
use crate::tui::render::{Canvas, Rect};
use crate::tui::theme::{Ramp, on_ramp};
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::chart;

/// Rows of one: its name, and the least in which ups and downs are told apart.
const ROWS: u16 = 3;
/// The narrowest, and the narrowest that has its memory beside it.
const NARROW: u16 = 9;
const WITH_MEMORY: u16 = 24;
/// Blanks between two.
const GAP: u16 = 2;

/// Draws the past of the devices.
pub fn past(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let ramps = [&app.theme.util, &app.theme.fill];
    if app.past().vram.peak(usize::MAX).is_none() {
        return chart(canvas, &app.past().gpu, 1.0, ramps[0], false);
    }
    let devices = awake(app, now);
    let Some((columns, rows)) = grid(devices.count(), (width, height)) else {
        let half = width / 2;
        let rings = [&app.past().gpu, &app.past().vram];
        let who = [
            ("busiest", busiest_gpu(now), gpu::utilization_ratio),
            ("fullest", fullest_gpu(now), gpu::memory_ratio),
        ];
        for ((x, (word, row, field)), (ring, ramp)) in
            [0, half].into_iter().zip(who).zip(rings.into_iter().zip(ramps))
        {
            let mut name = short!("{word}");
            if let Some(row) = row {
                name.push(" ").push(&called(row));
            }
            let share = row.and_then(|row| row.get(field));
            let area = Rect::new(x, 0, half.saturating_sub(1), height);
            one(app, &mut canvas.region(area), (&name, share), (ring, ramp));
        }
        return;
    };
    let (wide, tall) = (width / columns, height / rows);
    for place in 0..devices.count() {
        let Some(row) = devices.row(now, FamilyId::Gpu, place) else { continue };
        let Some(rings) = app.past().device(row.key()) else { continue };
        let place = place as u16;
        let (x, y) = (place % columns * wide, place / columns * tall);
        let room = if place % columns + 1 < columns { wide - GAP } else { wide };
        let share = row.get(gpu::utilization_ratio);
        let memory = row.get(gpu::memory_ratio);
        let beside = room >= WITH_MEMORY && rings.memory.peak(usize::MAX).is_some();
        let half = if beside { room / 2 } else { room };
        let area = Rect::new(x, y, if beside { half - 1 } else { half }, tall);
        one(app, &mut canvas.region(area), (&called(row), share), (&rings.busy, ramps[0]));
        if beside {
            let area = Rect::new(x + half, y, room - half, tall);
            let sizes = [gpu::memory_used_bytes, gpu::memory_total_bytes];
            let name = match sizes.map(|field| row.get(field)) {
                [Some(used), Some(total)] if area.width >= 21 => {
                    short!("VRAM {}/{}", Size(used), Size(total))
                }
                _ => short!("VRAM"),
            };
            one(app, &mut canvas.region(area), (&name, memory), (&rings.memory, ramps[1]));
        }
    }
}

/// Whole devices of which there is a past to show.
fn awake(app: &App, now: &Snapshot) -> Places {
    let known = |row: Row<'_>| {
        let rings = app.past().device(row.key());
        let seen = |ring: &Ring| ring.peak(usize::MAX).is_some();
        rings.is_some_and(|rings| seen(&rings.busy) || seen(&rings.memory))
    };
    in_order_of(now, known)
}

/// Columns and rows in which so many stand side by side: as few rows as leave room for the memory
/// of each, else for what each does.
fn grid(count: usize, (width, height): (u16, u16)) -> Option<(u16, u16)> {
    let count = u16::try_from(count).ok().filter(|&count| count > 0)?;
    let most = (height / ROWS).min(count);
    let fitting = |narrowest: u16| {
        let rows = (1..=most).find(|rows| width / count.div_ceil(*rows) >= narrowest + GAP)?;
        let columns = count.div_ceil(rows);
        // The last row is not left empty.
        Some((columns, count.div_ceil(columns)))
    };
    fitting(WITH_MEMORY).or_else(|| fitting(NARROW))
}

/// One chart below its name and what it is now.
fn one(
    app: &App,
    canvas: &mut Canvas<'_>,
    (name, share): (&str, Option<f64>),
    (ring, ramp): (&Ring, &Ramp),
) {
    let (width, height) = (canvas.width(), canvas.height());
    let text: Text = share.map_or(short!("{}", app.missing()), whole_percent);
    let pen = share.map_or(app.theme.dim, |share| on_ramp(ramp, share));
    canvas.field(0, 0, width.saturating_sub(5), name, app.theme.dim);
    canvas.right(width, 0, &text, pen);
    let below = Rect::new(0, 1, width, height.saturating_sub(1));
    chart(&mut canvas.region(below), ring, 1.0, ramp, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_stand_side_by_side_as_long_as_each_has_room() {
        for (count, size, expected) in [
            (1, (78, 5), Some((1, 1))),
            (2, (116, 8), Some((2, 1))),
            (4, (116, 8), Some((4, 1))),
            (8, (116, 8), Some((4, 2))),
            (8, (78, 5), None),
            (6, (78, 5), Some((6, 1))),
            (16, (116, 8), Some((8, 2))),
            (16, (196, 12), Some((6, 3))),
            (5, (78, 8), Some((3, 2))),
            (64, (116, 8), None),
            (0, (116, 8), None),
            (3, (0, 0), None),
        ] {
            assert_eq!(grid(count, size), expected, "{count} in {size:?}");
        }
        for count in 1..70 {
            for (width, height) in [(78, 5), (116, 8), (196, 30), (300, 4)] {
                let Some((columns, rows)) = grid(count, (width, height)) else { continue };
                assert!(usize::from(columns * rows) >= count && height / rows >= ROWS);
                assert!(usize::from(columns * (rows - 1)) < count, "{count} at {width}");
                assert!(width / columns >= NARROW + GAP);
            }
        }
    }
}
