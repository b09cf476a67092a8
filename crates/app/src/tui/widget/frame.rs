//! A box with a title, facts at its right, and one fact on its lower edge.

use crate::tui::mouse::Spot;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Glyphs, Rect, width};
use crate::tui::theme::Theme;

/// What stands on the edges of a box.
#[derive(Clone, Copy, Default)]
pub struct Edges<'a> {
    /// The key of its page, where it is a digit.
    pub key: Option<char>,
    /// Its page.
    pub page: Option<Page>,
    /// Its name.
    pub name: &'a str,
    /// What it comes to now.
    pub now: &'a str,
    /// At the right of the upper edge.
    pub right: &'a str,
    /// On the lower edge.
    pub below: &'a str,
    /// At the right of the lower edge.
    pub below_right: &'a str,
    /// What clicks on parts of the text at the right of the upper edge do: first cell, cells.
    pub right_spots: &'a [(u16, u16, Spot)],
    /// What a click on the text on the lower edge does.
    pub below_spot: Option<Spot>,
    /// What a click on the text at its right does.
    pub below_right_spot: Option<Spot>,
}

/// Draws a box around the whole canvas; gives what is inside.
pub fn frame<'c>(canvas: &'c mut Canvas<'_>, edges: &Edges<'_>, theme: &Theme) -> Canvas<'c> {
    let (w, h) = (canvas.width(), canvas.height());
    if w < 2 || h < 2 {
        return canvas.region(Rect::new(0, 0, 0, 0));
    }
    let [corner, corners @ ..] = match (theme.rewound, canvas.glyphs()) {
        (false, Glyphs::Braille) => ['╭', '╮', '╰', '╯', '─', '│'],
        (false, Glyphs::Block) => ['┌', '┐', '└', '┘', '─', '│'],
        (false, Glyphs::Ascii) => ['+', '+', '+', '+', '-', '|'],
        (true, Glyphs::Braille | Glyphs::Block) => ['╔', '╗', '╚', '╝', '═', '║'],
        (true, Glyphs::Ascii) => ['+', '+', '+', '+', '=', '|'],
    };
    let border = if theme.rewound { theme.past_border } else { theme.border };
    let [top_right, bottom_left, bottom_right, line, side] = corners;
    for x in 1..w - 1 {
        canvas.put(x, 0, line, border);
        canvas.put(x, h - 1, line, border);
    }
    for y in 1..h - 1 {
        canvas.put(0, y, side, border);
        canvas.put(w - 1, y, side, border);
    }
    canvas.put(0, 0, corner, border);
    canvas.put(w - 1, 0, top_right, border);
    canvas.put(0, h - 1, bottom_left, border);
    canvas.put(w - 1, h - 1, bottom_right, border);

    let mut inner = canvas.region(Rect::new(2, 0, w.saturating_sub(4), h));
    let room = inner.width();
    let mut x = 0;
    if !edges.name.is_empty() {
        x = inner.put(x, 0, ' ', theme.text);
        if let Some(key) = edges.key {
            x = inner.put(x, 0, key, theme.key);
            x = inner.put(x, 0, ' ', theme.text);
        }
        x = inner.text(x, 0, edges.name, theme.title);
        x = inner.put(x, 0, ' ', theme.text);
        if let Some(page) = edges.page {
            inner.spot(Rect::new(0, 0, x, 1), Spot::Page(page));
        }
    }
    if !edges.now.is_empty() && x + 2 < room {
        x = inner.text(x, 0, edges.now, theme.text);
        x = inner.put(x, 0, ' ', theme.text);
    }
    if let Some(start) = caption(&mut inner, 0, x, edges.right, theme) {
        for &(first, cells, spot) in edges.right_spots {
            inner.spot(Rect::new(start + first, 0, cells, 1), spot);
        }
    }
    let below = width(edges.below);
    if below > 0 && below + 2 <= room {
        inner.put(0, h - 1, ' ', theme.dim);
        x = inner.text(1, h - 1, edges.below, theme.dim);
        x = inner.put(x, h - 1, ' ', theme.dim);
        if let Some(spot) = edges.below_spot {
            inner.spot(Rect::new(0, h - 1, x, 1), spot);
        }
    } else {
        x = 0;
    }
    let start = caption(&mut inner, h - 1, x, edges.below_right, theme);
    if let (Some(start), Some(spot)) = (start, edges.below_right_spot) {
        inner.spot(Rect::new(start, h - 1, width(edges.below_right), 1), spot);
    }
    canvas.region(Rect::new(1, 1, w - 2, h - 2))
}

/// A text at the right of an edge, if there is room after `taken`: where it begins.
fn caption(inner: &mut Canvas<'_>, y: u16, taken: u16, text: &str, theme: &Theme) -> Option<u16> {
    let (room, wanted) = (inner.width(), width(text));
    if wanted == 0 || taken + wanted + 3 > room {
        return None;
    }
    let start = room - wanted - 2;
    inner.put(start, y, ' ', theme.dim);
    let end = inner.text(start + 1, y, text, theme.dim);
    inner.put(end, y, ' ', theme.dim);
    Some(start + 1)
}
