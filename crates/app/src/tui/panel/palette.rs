//! The palette: a line to type into, and below it what that may mean.

use super::dialog::above;
use crate::short;
use crate::tui::app::App;
use crate::tui::keymap;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::palette::{COMMANDS, Entry, Palette};
use crate::tui::render::{Canvas, Rect, width};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Draws it.
pub fn draw(app: &App, palette: &Palette, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let height = canvas.height().saturating_sub(4).min(20);
    let mut canvas = above(canvas, 76, height);
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let edges = Edges {
        name: "Command",
        below: "Enter does it  Tab completes  ↑ what was done before",
        below_spot: Some(Spot::Do(Action::LineAccept)),
        below_right: "Esc leaves",
        below_right_spot: Some(Spot::Do(Action::LineDrop)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let room = w.saturating_sub(2);
    inner.put(0, 0, ':', theme.key);
    super::lines::line(app, &palette.editor, &mut inner.region(Rect::new(1, 0, room, 1)));
    let hint = palette.command().map(|(command, _)| command);
    if let Some(why) = &palette.wrong {
        inner.field(1, 1, room, why, theme.crit);
    } else if let Some(command) = hint {
        inner.field(1, 1, room, &short!("{} {}", command.name, command.words), theme.dim);
    }
    let top = 2;
    let rows = h.saturating_sub(top);
    let first = (palette.at + 1).saturating_sub(usize::from(rows));
    for ((place, entry), y) in palette.found.iter().enumerate().skip(first).zip(top..h) {
        let back = (place == palette.at).then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(place));
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        match entry {
            Entry::Action(action) => {
                let names = keymap::names(app.keys.keys(*action), 14);
                let end = room.saturating_sub(width(&names) + 1);
                inner.field(1, y, end, action.binding().help, theme.text.over(back));
                inner.right(room + 1, y, &names, theme.key.over(back));
            }
            Entry::Command(place) => {
                let command = &COMMANDS[*place];
                let mut x = inner.text(1, y, command.name, theme.title.over(back)) + 1;
                x = inner.text(x, y, command.words, theme.dim.over(back)) + 2;
                inner.field(
                    x,
                    y,
                    (room + 1).saturating_sub(x),
                    command.help,
                    theme.text.over(back),
                );
            }
            Entry::Word(word) => {
                inner.field(1, y, room, word, theme.text.over(back));
            }
        }
    }
    let shown = (first, usize::from(rows), palette.found.len());
    scrollbar(&mut inner, w.saturating_sub(1), (top, rows), shown, theme);
}
