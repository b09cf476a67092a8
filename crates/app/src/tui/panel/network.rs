//! Network interfaces.

use retop_model::family::{network, tcp};
use retop_model::human::Count;
use retop_model::{Row, Snapshot};

use super::facts;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::links;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Glyphs, Rect};
use crate::tui::units::Text;
use crate::tui::widget::chart::both_ways;
use crate::tui::widget::frame::{Edges, frame};

/// The smallest full height of a chart of network traffic: 100 KiB/s.
pub(super) const LEAST: f64 = 102_400.0;

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let (down, up) = arrows(canvas.glyphs());
    let rate = |ring| app.rate(app.newest_of(ring));
    let (received, sent) = (rate(&app.past().received), rate(&app.past().sent));
    let right = short!("{down} {:>4}/s  {up} {:>4}/s", &*received, &*sent);
    let connections = match (now.one(tcp::established), now.one(tcp::listening)) {
        (Some(established), Some(listening)) => {
            short!("tcp {} open · {} listen", Count(established), Count(listening))
        }
        _ => Text::new(),
    };
    let edges = Edges {
        key: app.keys.digit(Page::Traffic),
        page: Some(Page::Traffic),
        name: "Net",
        right: &right,
        below: &connections,
        ..Edges::default()
    };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    let facts = if width >= 80 { 46 } else { width.min(29) };
    let past = width - facts;
    if past >= 8 && height >= 2 {
        let mut canvas = inner.region(Rect::new(facts, 0, past, height));
        both_ways(&mut canvas, &app.past().received, &app.past().sent, LEAST, theme);
    }
    let up = |row: &Row<'_>| row.state(network::link) != Some("down");
    let there = links(now).filter(up).chain(links(now).filter(|row| !up(row)));
    for (row, y) in there.zip(0..height) {
        link(app, row, &mut inner.region(Rect::new(1, y, facts.saturating_sub(1), 1)));
    }
}

/// Signs for received and sent.
#[must_use]
pub fn arrows(glyphs: Glyphs) -> (&'static str, &'static str) {
    if glyphs == Glyphs::Ascii { ("rx", "tx") } else { ("▼", "▲") }
}

fn link(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let (down, up) = arrows(canvas.glyphs());
    let is_up = row.state(network::link) != Some("down");
    canvas.field(0, 0, 10, row.shown(network::device), if is_up { theme.text } else { theme.dim });
    if !is_up {
        canvas.text(11, 0, "down", theme.dim);
        return;
    }
    let size = |field| short!("{:<4}", &*app.rate(row.get(field)));
    let mut x = facts::fact(app, canvas, 11, 0, down, &size(network::receive_bytes_per_second));
    x = facts::fact(app, canvas, x, 0, up, &size(network::transmit_bytes_per_second));
    for (name, field) in
        [("drop", network::dropped_per_second), ("err", network::errors_per_second)]
    {
        if let Some(rate) = row.get(field).filter(|&rate| rate > 0.0) {
            let text = facts::per_second(Some(rate));
            x = facts::fact_in(app, canvas, (x, 0), name, &text, theme.warn);
        }
    }
}
