//! Memory and swap: what is used, what could be freed, and whether anybody waits for it.

use retop_model::Snapshot;
use retop_model::family::{limit, memory};
use retop_model::human::{Or, Size};

use super::chip;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::waiting;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::chart;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::gauge::{gauge, stacked};

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let share = now.one(memory::used_ratio);
    let size = |field| Or(now.one(field).map(Size));
    let title = short!(
        "{:>3}  {:>4}/{}",
        share.map_or(short!("{}", app.missing()), whole_percent).as_str(),
        size(memory::used_bytes),
        size(memory::total_bytes)
    );
    let swap = now.one(memory::swap_total_bytes).filter(|&bytes| bytes > 0.0);
    let right = match swap {
        Some(all) => short!("swap {}/{}", size(memory::swap_used_bytes), Size(all)),
        None => short!("no swap"),
    };
    let mut below = Text::new();
    if let Some(share) = waiting(now, "memory") {
        below = short!("psi {}", &*whole_percent(share));
    }
    if let Some(traffic) = chip::traffic(now) {
        let name = if chip::fires(now, "MEM-BOUND") { "MEM-BOUND" } else { "bw" };
        below = short!("{name} {}", &*traffic);
    }
    let limit = match (now.one(limit::working_set_bytes), now.one(limit::memory_limit_bytes)) {
        (Some(used), Some(all)) => short!("limit {}/{}", Size(used), Size(all)),
        _ => Text::new(),
    };
    let edges = Edges {
        key: app.keys.digit(Page::Memory),
        page: Some(Page::Memory),
        name: "MEM",
        now: &title,
        right: &right,
        below: &below,
        below_right: &limit,
        ..Edges::default()
    };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    let bars = 1 + u16::from(swap.is_some() && height >= 4);
    let upper = height.saturating_sub(bars);
    // Numbers at the right, the past at the left.
    let numbers = if width >= 40 { 15 } else { 0 };
    let mut left = inner.region(Rect::new(0, 0, width - numbers, upper));
    chart(&mut left, &app.past().memory, 1.0, &theme.fill, false);
    let mut right = inner.region(Rect::new(width - numbers, 0, numbers, upper));
    for ((name, field), y) in NUMBERS.iter().filter(|(_, field)| now.one(*field).is_some()).zip(0..)
    {
        right.text(1, y, name, theme.dim);
        let value = now.one(*field);
        let pen = if value == Some(0.0) { theme.dim } else { theme.text };
        right.right(numbers.saturating_sub(1), y, &short!("{}", Or(value.map(Size))), pen);
    }
    used_and_cache(app, now, &mut inner.region(Rect::new(1, upper, width.saturating_sub(2), 1)));
    if bars > 1 {
        let mut line = inner.region(Rect::new(1, upper + 1, width.saturating_sub(2), 1));
        let room = line.width().saturating_sub(10);
        let share = now.one(memory::swap_used_ratio);
        line.text(0, 0, "SWP", theme.dim);
        gauge(&mut line, (4, 0), room, share, &theme.fill, theme);
        let pen = share.map_or(theme.dim, |share| on_ramp(&theme.fill, share));
        let text = share.map_or(short!("{}", app.missing()), whole_percent);
        line.right(4 + room + 5, 0, &text, pen);
    }
}

const NUMBERS: [(&str, retop_model::Field); 12] = [
    ("used", memory::used_bytes),
    ("avail", memory::available_bytes),
    ("cache", memory::cache_bytes),
    ("free", memory::free_bytes),
    ("dirty", memory::dirty_bytes),
    ("anon", memory::anonymous_bytes),
    ("shared", memory::shared_bytes),
    ("slab", memory::slab_unreclaimable_bytes),
    ("commit", memory::committed_bytes),
    ("tables", memory::page_tables_bytes),
    ("huge", memory::huge_total_bytes),
    ("locked", memory::locked_bytes),
];

/// Used and cache side by side in one bar.
pub(super) fn used_and_cache(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let room = canvas.width().saturating_sub(10);
    let share = now.one(memory::used_ratio);
    let total = now.one(memory::total_bytes).filter(|&bytes| bytes > 0.0);
    let cache = now.one(memory::cache_bytes).zip(total).map(|(cache, total)| cache / total);
    let pen = share.map_or(theme.dim, |share| on_ramp(&theme.fill, share));
    canvas.text(0, 0, "MEM", theme.dim);
    let parts = [(share.unwrap_or(0.0), pen), (cache.unwrap_or(0.0), theme.empty)];
    stacked(canvas, (4, 0), room, &parts, theme);
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(4 + room + 5, 0, &text, pen);
}
