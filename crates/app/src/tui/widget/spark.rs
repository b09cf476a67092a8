//! One row of the past, a cell for two samples.

use crate::tui::history::Ring;
use crate::tui::render::{Canvas, Glyphs};
use crate::tui::theme::{Ramp, eighth};

/// Draws shares in `room` cells, the newest at the right: of each two samples the larger.
pub fn spark(canvas: &mut Canvas<'_>, (x, y): (u16, u16), room: u16, ring: &Ring, ramp: &Ramp) {
    for cell in 0..room {
        let (older, newer) = ring.pair(usize::from(room - 1 - cell));
        let value = f64::from(older.max(newer));
        if !value.is_nan() {
            canvas.put(x + cell, y, level(canvas.glyphs(), value), ramp.bar(eighth(value)));
        }
    }
}

/// One cell that stands for a share.
#[must_use]
pub fn level(glyphs: Glyphs, share: f64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let share = share.clamp(0.0, 1.0);
    match glyphs {
        Glyphs::Ascii if share >= 0.995 => '#',
        Glyphs::Ascii => char::from(b'0' + ((share * 10.0) as u8).min(9)),
        // Below two percent a bar would say more than there is.
        _ if share < 0.02 => '·',
        _ => BARS[((share * 8.0) as usize).min(7)],
    }
}
