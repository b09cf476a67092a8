//! A bar: `▕███▎···▏`, eighths of a cell.

use crate::tui::render::{Canvas, Glyphs, Pen};
use crate::tui::theme::{Ramp, Theme};

const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Draws a share in `room` cells, ends included. A missing share is an empty bar.
pub fn gauge(
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    room: u16,
    share: Option<f64>,
    ramp: &Ramp,
    theme: &Theme,
) {
    let Some(inner) = room.checked_sub(2).filter(|&inner| inner > 0) else { return };
    let share = share.filter(|share| share.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0);
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (left, right) = if ascii { ('[', ']') } else { ('▕', '▏') };
    canvas.put(x, y, left, theme.border);
    canvas.put(x + 1 + inner, y, right, theme.border);
    let eighths = (share * f64::from(inner) * 8.0).round() as u16;
    // Something is never drawn as nothing.
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    for cell in 0..inner {
        let filled = eighths.saturating_sub(cell * 8).min(8);
        let pen = ramp.bar(f64::from(cell + 1) / f64::from(inner));
        let (c, pen) = match filled {
            0 => (if ascii { ' ' } else { '·' }, theme.empty),
            8 => (if ascii { '|' } else { '█' }, pen),
            _ if ascii => (if filled >= 4 { '|' } else { '.' }, pen),
            _ => (EIGHTHS[usize::from(filled)], pen),
        };
        canvas.put(x + 1 + cell, y, c, pen);
    }
}

/// Several parts of a whole side by side, each in its own pen, in `room` cells, ends included.
pub fn stacked(
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    room: u16,
    parts: &[(f64, Pen)],
    theme: &Theme,
) {
    let Some(inner) = room.checked_sub(2).filter(|&inner| inner > 0) else { return };
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (left, right) = if ascii { ('[', ']') } else { ('▕', '▏') };
    canvas.put(x, y, left, theme.border);
    canvas.put(x + 1 + inner, y, right, theme.border);
    let mut end = 0.0;
    let mut at = 0;
    for (place, (part, pen)) in parts.iter().enumerate() {
        end += part.clamp(0.0, 1.0);
        let until = ((end * f64::from(inner)).round() as u16).min(inner);
        // The first part is solid, the next ones lighter: told apart without colour too.
        let c = match (ascii, place) {
            (false, 0) => '█',
            (false, 1) => '▓',
            (false, _) => '▒',
            (true, 0) => '|',
            (true, 1) => ':',
            (true, _) => '.',
        };
        while at < until {
            at = canvas.put(x + 1 + at, y, c, *pen) - x - 1;
        }
    }
    while at < inner {
        at = canvas.put(x + 1 + at, y, if ascii { ' ' } else { '·' }, theme.empty) - x - 1;
    }
}
