//! The past over time: CPU, what happened, and where the moment shown lies.

use std::time::Duration;

use retop_model::family::cpu;

use crate::short;
use crate::tui::app::App;
use crate::tui::events::Mark;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Glyphs, Rect, width};
use crate::tui::rewind::{LEFT, RIGHT, Rewind};
use crate::tui::units::{Text, ago, interval, whole_percent};
use crate::tui::widget::chart::chart;

/// Draws as many of the three lines as there is room for; the axis is the last to go.
pub fn draw(app: &App, rewind: &Rewind, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let (w, h) = (canvas.width(), canvas.height());
    canvas.fill(Rect::new(0, 0, w, h), theme.text);
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let side = if ascii { '|' } else { '│' };
    let room = w.saturating_sub(LEFT + RIGHT);
    for y in 0..h {
        canvas.put(LEFT - 1, y, side, theme.past_border);
        canvas.put(LEFT + room, y, side, theme.past_border);
    }
    if h >= 3 {
        canvas.text(1, h - 3, "cpu", theme.dim);
        let mut strip = canvas.region(Rect::new(LEFT, h - 3, room, 1));
        chart(&mut strip, &rewind.cpu, 1.0, &theme.util, false);
        if let Some(share) = app.now.as_deref().and_then(|now| now.one(cpu::utilization_ratio)) {
            canvas.text(LEFT + room + 2, h - 3, &whole_percent(share), theme.text);
        }
    }
    if h >= 2 {
        canvas.text(1, h - 2, "ev", theme.dim);
        let mut strip = canvas.region(Rect::new(LEFT, h - 2, room, 1));
        // What matters most comes last, and stands above the rest.
        for &(cell, mark) in &rewind.marks {
            let (c, pen) = mark.draw(theme, strip.glyphs());
            strip.put(cell, 0, c, pen);
        }
        let mut x = LEFT + room + 2;
        for mark in [Mark::Bookmark, Mark::Spike, Mark::Warning, Mark::Killed] {
            let (c, pen) = mark.draw(theme, canvas.glyphs());
            x = canvas.put(x, h - 2, c, pen) + 1;
        }
    }
    if h >= 1 {
        axis(app, rewind, &mut canvas.region(Rect::new(0, h - 1, w, 1)), room);
    }
    canvas.spot(Rect::new(0, 0, w, h), Spot::Scrubber);
}

fn axis(app: &App, rewind: &Rewind, canvas: &mut Canvas<'_>, room: u16) {
    let theme = &app.theme;
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (line, here) = if ascii { ('-', '#') } else { ('─', '┃') };
    let newest_ms = app.newest.as_deref().map_or(0, |newest| newest.stamp().wall_ms);
    let window = rewind.window;
    canvas.right(LEFT - 1, 0, &before(newest_ms - window.from_ms, ascii), theme.dim);
    for x in 0..room {
        // Where nobody looked there is no line.
        let unseen = rewind.unseen.get(usize::from(x)).copied().unwrap_or(false);
        let (c, pen) = if unseen { ('·', theme.dim) } else { (line, theme.past_border) };
        canvas.put(LEFT + x, 0, c, pen);
    }
    let shown = app.now.as_deref().and_then(|now| window.cell(now.stamp().wall_ms));
    if let Some(cell) = shown.filter(|&cell| cell < room) {
        canvas.put(LEFT + cell, 0, here, theme.past);
    }
    let end = if window.is_newest {
        short!("{}", if app.replay.is_some() { "end" } else { "now" })
    } else {
        before(newest_ms - window.to_ms, ascii)
    };
    let x = LEFT + room + 2;
    let x = canvas.text(x, 0, &end, theme.dim) + 1;
    let each = match u64::try_from(window.cell_ms) {
        Ok(ms @ 0..60_000) => interval(Duration::from_millis(ms)),
        _ => ago(window.cell_ms),
    };
    let text = short!("{}/cell", &*each);
    if x + width(&text) <= canvas.width() {
        canvas.text(x, 0, &text, theme.dim);
    }
}

/// A distance from now in three or four cells: `−6m`.
fn before(distance_ms: i64, ascii: bool) -> Text {
    let minus = if ascii { '-' } else { '−' };
    let seconds = distance_ms.max(0) / 1000;
    match seconds {
        0..100 => short!("{minus}{seconds}s"),
        100..6000 => short!("{minus}{}m", (seconds + 30) / 60),
        6000..360_000 => short!("{minus}{}h", (seconds + 1800) / 3600),
        _ => short!("{minus}{}d", ((seconds + 43_200) / 86_400).min(999)),
    }
}
