//! The setup: tabs of options, what each is set to, and what the one under the cursor means.

use super::dialog::above;
use crate::short;
use crate::tui::app::App;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect, width};
use crate::tui::setup::{Setup, TABS};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Cells for the names of options.
const NAMES: u16 = 29;

/// Draws it.
pub fn draw(app: &App, setup: &Setup, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    // As high as the longest tab needs it, so that it stays where it is from tab to tab.
    let count = setup.longest() as u16;
    let mut canvas = above(canvas, 78, (count + 8).max(16));
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let edges = Edges {
        name: "Setup",
        below: "s keeps it in config.toml",
        below_spot: Some(Spot::Do(Action::SetupSave)),
        below_right: "Esc leaves all as it was",
        below_right_spot: Some(Spot::Do(Action::MenuClose)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let mut x = 1;
    for (place, group) in TABS.iter().enumerate() {
        let here = place == setup.tab;
        let name = group.heading();
        let pen = if here { theme.title } else { theme.key_text };
        if !here {
            inner.spot(Rect::new(x, 0, width(name) + 2, 1), Spot::Tab(place));
        }
        let (open, close) = if here { ("[", "]") } else { (" ", " ") };
        x = inner.text(x, 0, open, theme.accent);
        x = inner.text(x, 0, name, pen);
        x = inner.text(x, 0, close, theme.accent) + 1;
    }
    // Four lines below the list: a blank one, help in two, and what is wrong.
    let rows = h.saturating_sub(6).max(1);
    let first = (setup.at + 1).saturating_sub(usize::from(rows));
    for ((place, option), y) in setup.options().enumerate().skip(first).zip(2..2 + rows) {
        let under = place == setup.at;
        let back = under.then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(place));
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let mark = if setup.is_changed(option) { '*' } else { ' ' };
        inner.put(0, y, mark, theme.warn.over(back));
        inner.field(1, y, NAMES, option.long, theme.text.over(back));
        let room = w.saturating_sub(NAMES + 3);
        let at = NAMES + 2;
        match &setup.typing {
            Some(editor) if under => {
                super::lines::line(app, editor, &mut inner.region(Rect::new(at, y, room, 1)));
            }
            _ => {
                let text = setup.text(option);
                let usual = match option.long {
                    "theme" => short!("not set: {}", app.theme.name),
                    _ => short!("not set"),
                };
                let (text, pen) = match text {
                    "" => (&*usual, theme.dim),
                    text => (text, theme.title),
                };
                inner.field(at, y, room, text, pen.over(back));
            }
        }
    }
    let shown = (first, usize::from(rows), setup.options().count());
    scrollbar(&mut inner, w.saturating_sub(1), (2, rows), shown, theme);
    let Some(option) = setup.option() else { return };
    let y = h.saturating_sub(3);
    let choices = option.choices;
    let mut help = short!("{}", option.help);
    for (place, choice) in choices.iter().enumerate() {
        help.push(if place == 0 { ": " } else { ", " }).push(choice);
    }
    inner.field(1, y, w.saturating_sub(2), &help, theme.text);
    inner.field(1, y + 1, w.saturating_sub(2), setup.note(option), theme.dim);
    if let Some(why) = &setup.wrong {
        inner.field(1, y + 2, w.saturating_sub(2), why, theme.crit);
    }
}
