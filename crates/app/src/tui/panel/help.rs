//! The help, and what was found in it.

use super::dialog::above;
use super::lines;
use crate::tui::app::App;
use crate::tui::help::{Help, NAMES};
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Draws the help.
pub fn draw(app: &App, help: &Help, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let (w, h) = (canvas.width(), canvas.height());
    let mut canvas = above(canvas, w.saturating_sub(4).min(84), h.saturating_sub(2));
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let edges = Edges {
        name: "Help",
        right: concat!("retop ", env!("CARGO_PKG_VERSION")),
        below: "↑ ↓ PgUp PgDn move  / search",
        below_spot: Some(Spot::Do(Action::HelpFind)),
        below_right: "Esc closes",
        below_right_spot: Some(Spot::Do(Action::HelpClose)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let w = inner.width();
    let h = inner.height().saturating_sub(u16::from(help.typing.is_some()));
    if let Some(editor) = &help.typing {
        let x = inner.text(1, h, "Search", theme.key) + 1;
        let room = w.saturating_sub(x + 1);
        lines::line(app, editor, &mut inner.region(Rect::new(x, h, room, 1)));
        if !help.wanted.is_empty() && help.found.is_none() {
            inner.right(w.saturating_sub(2), h, "no match", theme.warn);
        }
    }
    let count = help.lines.len();
    let first = help.at.min(count.saturating_sub(usize::from(h)));
    for ((number, line), y) in help.lines.iter().enumerate().skip(first).zip(0..h) {
        let back = (help.found == Some(number)).then_some(theme.cursor);
        if back.is_some() {
            inner.fill(Rect::new(0, y, w.saturating_sub(1), 1), theme.cursor);
        }
        if line.heading {
            inner.text(1, y, &line.key, theme.title.over(back));
        } else {
            inner.right(NAMES, y, &line.key, theme.key.over(back));
            inner.field(16, y, w.saturating_sub(18), &line.text, theme.text.over(back));
        }
    }
    scrollbar(&mut inner, w.saturating_sub(1), (0, h), (first, usize::from(h), count), theme);
}
