//! The help: made of the table of actions and the table of columns.

use super::dialog::above;
use crate::short;
use crate::tui::app::App;
use crate::tui::keymap::{Keymap, names};
use crate::tui::keys::{Action, BINDINGS, Mode};
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect};
use crate::tui::table::set;
use crate::tui::units::Text;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

const SIGNS: [(&str, &str); 6] = [
    ("–", "not available here, or not applicable"),
    ("…", "comes with the second sample"),
    ("~", "an estimate"),
    ("!", "over a limit"),
    ("+", "a process that was not there before"),
    ("*", "a tagged process"),
];

const fn count(mode: Mode) -> usize {
    let mut count = 0;
    let mut place = 0;
    while place < BINDINGS.len() {
        if BINDINGS[place].mode as u8 == mode as u8 {
            count += 1;
        }
        place += 1;
    }
    count
}

/// Parts of the help that show keys, with how many.
const KEYS: [(&str, Mode, usize); 3] = [
    ("Keys", Mode::Live, count(Mode::Live)),
    (
        "Keys with the details of a process open; the table has the others",
        Mode::Pane,
        count(Mode::Pane),
    ),
    ("Keys while looking back; those of the table work as ever", Mode::Rewind, count(Mode::Rewind)),
];

/// Lines of the help.
#[must_use]
pub fn lines() -> usize {
    // A heading and a blank line for each part.
    let keys: usize = KEYS.iter().map(|(_, _, count)| count + 2).sum();
    keys + set::usual().len() + SIGNS.len() + 4
}

/// One line: a heading, a key and its meaning, or nothing.
fn line(map: &Keymap, number: usize) -> (Text, &'static str, bool) {
    let heading = |text: &str| (short!("{text}"), "", true);
    let blank = (Text::new(), "", false);
    let mut number = number;
    for (name, mode, count) in KEYS {
        match number {
            0 => return heading(name),
            key if key <= count => return binding(map, mode, key - 1),
            gap if gap == count + 1 => return blank,
            below => number = below - count - 2,
        }
    }
    if number == 0 {
        return heading("Signs");
    }
    if let Some(place) = take_from(number, 1, SIGNS.len()) {
        let (sign, help) = SIGNS[place];
        return (short!("{sign}"), help, false);
    }
    match number - SIGNS.len() - 1 {
        0 => blank,
        1 => heading("Columns"),
        2 => (short!("[columns]"), "in config.toml makes any metric of a process one", false),
        below => match set::usual().get(below - 3) {
            Some(col) => (short!("{}", col.head()), col.help(), false),
            None => blank,
        },
    }
}

/// The keys of an action and what they do.
fn binding(map: &Keymap, mode: Mode, place: usize) -> (Text, &'static str, bool) {
    let Some((binding, keys)) = map.mode(mode).nth(place) else {
        return (Text::new(), "", false);
    };
    (names(keys, NAMES), binding.help, false)
}

fn take_from(number: usize, first: usize, count: usize) -> Option<usize> {
    number.checked_sub(first).filter(|&place| place < count)
}

/// Cells for the names of keys.
const NAMES: u16 = 14;

/// Draws the help from line `at` on.
pub fn draw(app: &App, at: usize, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let (w, h) = (canvas.width(), canvas.height());
    let mut canvas = above(canvas, w.saturating_sub(4).min(84), h.saturating_sub(2));
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let edges = Edges {
        name: "Help",
        right: concat!("retop ", env!("CARGO_PKG_VERSION")),
        below: "↑ ↓ PgUp PgDn move",
        below_right: "Esc closes",
        below_right_spot: Some(Spot::Do(Action::HelpClose)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let lines = lines();
    let first = at.min(lines.saturating_sub(usize::from(h)));
    for (number, y) in (first..lines).zip(0..h) {
        let (key, text, heading) = line(&app.keys, number);
        if heading {
            inner.text(1, y, &key, theme.title);
        } else {
            let pen = theme.key;
            inner.right(NAMES, y, &key, pen);
            inner.field(16, y, w.saturating_sub(18), text, theme.text);
        }
    }
    scrollbar(&mut inner, w.saturating_sub(1), (0, h), (first, usize::from(h), lines), theme);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_something_to_say() {
        let count = super::lines();
        let lines: Vec<_> = (0..count).map(|number| line(&Keymap::default(), number)).collect();
        let empty = lines.iter().filter(|(key, text, _)| key.is_empty() && text.is_empty());
        assert_eq!(empty.count(), KEYS.len() + 1, "one between each two parts");
        for binding in
            BINDINGS.iter().filter(|b| matches!(b.mode, Mode::Live | Mode::Pane | Mode::Rewind))
        {
            assert!(lines.iter().any(|(_, text, _)| *text == binding.help), "{}", binding.id);
        }
        assert_eq!(lines[lines.len() - 1].0.as_str(), "COMMAND");
    }
}
