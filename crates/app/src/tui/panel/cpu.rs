//! The CPU: how busy, with what, since when, and core by core.

use retop_model::family::{cpu, limit};
use retop_model::human::{Count, Percent};
use retop_model::{FamilyId, Snapshot};

use super::{cores, facts};
use crate::short;
use crate::tui::app::App;
use crate::tui::core_view::CoreView;
use crate::tui::history::{LENGTH, waiting};
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Rect};
use crate::tui::units::{Text, interval, whole_percent};
use crate::tui::widget::chart::chart;
use crate::tui::widget::frame::{Edges, frame};

/// Cells from which on there is room for events per second.
const EVENTS: u16 = 72;

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let count = now.rows(FamilyId::Core).len();
    let right = match (app.mean(&app.past().cpu), app.past().cpu.peak(LENGTH)) {
        (Some(mean), Some(peak)) => {
            let (mean, peak) = (mean * 100.0, peak * 100.0);
            short!("avg {} {mean:>2.0} · pk {peak:>3.0}", &*interval(app.average))
        }
        _ => Text::new(),
    };
    let room = (canvas.width().saturating_sub(2), canvas.height().saturating_sub(3));
    let chosen = chosen(app, count, room);
    let mut below = short!("v:");
    for view in &CoreView::ALL[1..] {
        let (open, close) = if *view == chosen { ("[", "]") } else { ("", "") };
        below.push(" ").push(open).push(view.name()).push(close);
    }
    let mut threads = short!("{count} threads");
    if chosen == CoreView::Heat {
        let each = cores::folded(count, room.0, room.1).1;
        if each > 1 {
            threads.push(&short!(", {each} a cell"));
        }
    }
    let edges = Edges {
        key: app.keys.digit(Page::Cpu),
        page: Some(Page::Cpu),
        name: "CPU",
        now: &title(app, now),
        right: &right,
        below: &below,
        below_right: &threads,
        below_spot: Some(Spot::Do(Action::CoreView)),
        ..Edges::default()
    };
    let mut inner = frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    let body = if height >= 4 { height - 1 } else { height };
    if body < height {
        split(app, now, &mut inner.region(Rect::new(1, body, width.saturating_sub(2), 1)));
    }
    let clusters = super::chip::lines_of_clusters(now, width.saturating_sub(2));
    // Cores and the past need the half of the box.
    let clusters = if body >= 2 * clusters + 3 { clusters } else { 0 };
    let body = body - clusters;
    let area = Rect::new(1, body, width.saturating_sub(2), clusters);
    super::chip::draw_clusters(app, now, &mut inner.region(area));
    let mut body = inner.region(Rect::new(0, 0, width, body));
    cores_and_past(app, now, chosen, &mut body);
}

/// The view of that many cores in that room.
pub(super) fn chosen(app: &App, count: usize, room: (u16, u16)) -> CoreView {
    match app.core_view {
        CoreView::Auto => cores::automatic(count, room),
        view => view,
    }
}

pub(super) fn title(app: &App, now: &Snapshot) -> Text {
    let mut title = match app.share(now, cpu::utilization_ratio) {
        Some(share) => short!("{:>3}", &*whole_percent(share)),
        None => short!("{:>3}", app.missing()),
    };
    if let Some(clock) = facts::clock(now) {
        title.push(&short!("  {clock}"));
    }
    if let Some(celsius) = facts::processor_celsius(now) {
        title.push(&short!("  {}C", &*facts::degrees(celsius)));
    }
    if let Some(share) = waiting(now, "cpu") {
        title.push(&short!("  psi {:<3}", &*whole_percent(share)));
    }
    if let (Some(cpus), Some(share)) = (now.one(limit::cpus), now.one(limit::cpu_ratio)) {
        title.push(&short!("  {} of {} cpus", Percent(share), Count(cpus)));
    }
    title
}

pub(super) fn cores_and_past(app: &App, now: &Snapshot, view: CoreView, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let count = now.rows(FamilyId::Core).len();
    let past =
        |canvas: &mut Canvas<'_>| chart(canvas, &app.past().cpu, 1.0, &app.theme.util, false);
    match view {
        CoreView::Heat => {
            let lines = (count.div_ceil(32) as u16).min(cores::heat_rows(count, width, height));
            // What is left above the cells belongs to the past.
            let top = if height - lines >= 3 { height - lines } else { 0 };
            past(&mut canvas.region(Rect::new(0, 0, width, top)));
            cores::heat(app, now, &mut canvas.region(Rect::new(0, top, width, height - top)));
        }
        CoreView::Gauge if cores::block_width(count, width, height).is_none() => {
            cores_and_past(app, now, CoreView::Heat, canvas);
        }
        CoreView::Gauge => {
            let top = cores::above(count, width, height, cores::NUMBERED);
            past(&mut canvas.region(Rect::new(0, 0, width, top)));
            let mut region = canvas.region(Rect::new(0, top, width, height - top));
            cores::block(app, now, &mut region, true);
        }
        CoreView::Both => {
            let block = cores::block_width(count, width * 3 / 5, height);
            let left = block.map_or(0, |block| (width - block).saturating_sub(1));
            // Above the cores or beside them: where the past has more room.
            let top = cores::above(count, width, height, cores::BARRED);
            if u32::from(top) * u32::from(width) >= u32::from(left) * u32::from(height) && top > 0 {
                past(&mut canvas.region(Rect::new(0, 0, width, top)));
                let mut region = canvas.region(Rect::new(0, top, width, height - top));
                cores::block(app, now, &mut region, true);
            } else if let Some(block) = block {
                past(&mut canvas.region(Rect::new(0, 0, left, height)));
                let mut region = canvas.region(Rect::new(width - block, 0, block, height));
                cores::block(app, now, &mut region, true);
            } else {
                cores_and_past(app, now, CoreView::Heat, canvas);
            }
        }
        CoreView::History | CoreView::Auto => past(canvas),
    }
}

/// Where the time went.
pub(super) fn split(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let mut x = 0;
    for (name, field) in [
        ("user", cpu::user_ratio),
        ("sys", cpu::system_ratio),
        ("iow", cpu::iowait_ratio),
        ("nice", cpu::nice_ratio),
        ("irq", cpu::irq_ratio),
        ("steal", cpu::steal_ratio),
        ("guest", cpu::guest_ratio),
    ] {
        let Some(share) = app.share(now, field) else { continue };
        // Steal and guest concern few machines: shown where they exist.
        if share == 0.0 && matches!(name, "guest" | "nice") {
            continue;
        }
        let pen = match name {
            "steal" | "iow" if share >= 0.1 => app.theme.warn,
            _ if share < 0.005 => app.theme.dim,
            _ => app.theme.text,
        };
        let text = short!("{:<3}", &*whole_percent(share));
        x = facts::fact_in(app, canvas, (x, 0), name, &text, pen);
    }
    // Events per second never rest; where there is little room they are on the page alone.
    if canvas.width() < EVENTS {
        return;
    }
    for (name, field) in [
        ("ctx", cpu::context_switches_per_second),
        ("intr", cpu::interrupts_per_second),
        ("forks", cpu::forks_per_second),
    ] {
        if let Some(rate) = now.one(field) {
            let text = short!("{:<5}", &*facts::per_second(Some(rate)));
            x = facts::fact(app, canvas, x, 0, name, &text);
        }
    }
}
