//! Where in a long list the screen stands.

use crate::tui::render::{Canvas, Glyphs};
use crate::tui::theme::Theme;

/// Draws a thumb into the column `x`, rows `top` to `top + height`: `first` and `shown` of `all`.
/// Nothing if all is shown.
pub fn scrollbar(
    canvas: &mut Canvas<'_>,
    x: u16,
    (top, height): (u16, u16),
    (first, shown, all): (usize, usize, usize),
    theme: &Theme,
) {
    if all <= shown || height == 0 {
        return;
    }
    let rows = usize::from(height);
    let length = (rows * shown / all).clamp(1, rows);
    // The thumb touches an edge only at that end of the list.
    let last = all - shown;
    let start = match first.min(last) {
        0 => 0,
        first if first == last => rows - length,
        first => (1 + first * (rows - length) / all).min((rows - length).saturating_sub(1)),
    };
    let c = if canvas.glyphs() == Glyphs::Ascii { '#' } else { '┃' };
    for row in start..(start + length).min(rows) {
        canvas.put(x, top + row as u16, c, theme.dim);
    }
}
