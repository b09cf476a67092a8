//! A page: a fixed part at the top, and lines below it that scroll.

use retop_model::{FamilyId, Row, Snapshot};

use super::{
    page_cpu, page_events, page_gpu, page_gpu_past, page_groups, page_memory, page_own, page_power,
    page_traffic,
};
use crate::tui::app::App;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Rect};
use crate::tui::units::Text;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;
use crate::tui::widget::sheet::Sheet;

/// The smallest page in a frame: on a smaller one lines are worth more.
const FRAMED: (u16, u16) = (100, 26);

/// Where the parts of a page stand, inside its frame if it has one.
struct Parts {
    framed: bool,
    width: u16,
    head: u16,
    body: u16,
}

fn parts(app: &App, now: &Snapshot, (width, height): (u16, u16)) -> Parts {
    let framed = width >= FRAMED.0 && height >= FRAMED.1;
    let (width, height) = if framed { (width - 2, height - 2) } else { (width, height) };
    let head = match app.pages.page {
        Page::Cpu => page_cpu::head_height(app, now, width, height),
        Page::Groups | Page::Events => 1,
        Page::Gpu => page_gpu::head_height(now, height),
        Page::Power => page_power::head_height(app, height),
        Page::Memory => page_memory::head_height(height),
        Page::Traffic => page_traffic::head_height(height),
        Page::Own | Page::Overview | Page::Processes => 0,
    };
    let spare = if head >= PICTURE { app.pages.spare } else { 0 };
    let head = (head + spare).min(height.saturating_sub(1));
    Parts { framed, width, head, body: height - head }
}

/// From so many rows on the head is a picture, and takes what the lines leave.
const PICTURE: u16 = 4;

/// Lines of the page, and the room for them in that area.
#[must_use]
pub fn measure(app: &App, now: &Snapshot, area: Rect) -> (usize, usize) {
    let parts = parts(app, now, (area.width, area.height));
    let mut sheet = Sheet::counting(parts.width.saturating_sub(2), parts.body);
    lines(app, now, &mut sheet);
    (sheet.lines(), usize::from(parts.body))
}

/// Rows that a page of so many lines leaves to its picture, up to half of the page.
#[must_use]
pub fn spare(app: &App, now: &Snapshot, area: Rect, (lines, room): (usize, usize)) -> u16 {
    let parts = parts(app, now, (area.width, area.height));
    if parts.head < PICTURE {
        return 0;
    }
    let most = (area.height / 2).saturating_sub(parts.head);
    u16::try_from(room.saturating_sub(lines)).unwrap_or(0).min(most)
}

/// Draws the page.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let parts = parts(app, now, (canvas.width(), canvas.height()));
    if !parts.framed {
        return inside(app, now, &parts, canvas);
    }
    let page = app.pages.page;
    let title = title(app, now);
    let (first, shown, all) = app.pages.place();
    let place = match page {
        _ if all <= shown => Text::new(),
        _ => crate::short!("{}–{} of {all}", first + 1, (first + shown).min(all)),
    };
    let scale = match page {
        Page::Power => page_power::below(app, now, parts.width.saturating_sub(2)),
        _ => Text::new(),
    };
    let below = match page {
        Page::Power => &scale,
        Page::Groups => "Enter: its processes",
        Page::Gpu if super::gpu::is_there(now) => "Enter: the processes on them",
        Page::Events => "Enter: the machine as it was",
        Page::Cpu => "v: another view of the cores",
        _ => "",
    };
    let edges = Edges {
        key: app.keys.digit(page),
        page: Some(page),
        name: page.name(),
        now: &title,
        right: "0 or Esc: overview",
        below,
        below_right: &place,
        below_spot: match page {
            Page::Groups | Page::Gpu => Some(Spot::Do(Action::Details)),
            Page::Cpu => Some(Spot::Do(Action::CoreView)),
            _ => None,
        },
        right_spots: &[(0, 18, Spot::Do(Action::PageOverview))],
        ..Edges::default()
    };
    inside(app, now, &parts, &mut frame(canvas, &edges, &app.theme));
}

fn inside(app: &App, now: &Snapshot, parts: &Parts, canvas: &mut Canvas<'_>) {
    let width = parts.width.saturating_sub(2);
    let mut head = canvas.region(Rect::new(1, 0, width, parts.head));
    match app.pages.page {
        Page::Cpu => page_cpu::head(app, now, &mut head),
        Page::Groups => page_groups::head(app, now, &mut head),
        Page::Gpu => page_gpu_past::past(app, now, &mut head),
        Page::Power => page_power::head(app, now, &mut head),
        Page::Memory => page_memory::head(app, now, &mut head),
        Page::Traffic => page_traffic::head(app, &mut head),
        Page::Events => page_events::head(app, &mut head),
        Page::Own | Page::Overview | Page::Processes => {}
    }
    let body = canvas.region(Rect::new(1, parts.head, width, parts.body));
    lines(app, now, &mut Sheet::new(body, app.pages.top));
    let last = parts.width.saturating_sub(1);
    scrollbar(canvas, last, (parts.head, parts.body), app.pages.place(), &app.theme);
}

fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    match app.pages.page {
        Page::Cpu => page_cpu::lines(app, now, sheet),
        Page::Groups => page_groups::lines(app, now, sheet),
        Page::Gpu => page_gpu::lines(app, now, sheet),
        Page::Power => page_power::lines(app, now, sheet),
        Page::Memory => page_memory::lines(app, now, sheet),
        Page::Traffic => page_traffic::lines(app, now, sheet),
        Page::Events => page_events::lines(app, now, sheet),
        Page::Own => page_own::lines(app, now, sheet),
        Page::Overview | Page::Processes => {}
    }
}

fn title(app: &App, now: &Snapshot) -> Text {
    match app.pages.page {
        Page::Cpu => super::cpu::title(app, now),
        Page::Groups => crate::short!("{}", app.pages.groups.all),
        Page::Gpu => page_gpu::title(app, now),
        Page::Power => page_power::title(app, now),
        Page::Memory => page_memory::title(app, now),
        Page::Events => page_events::title(app, now),
        Page::Own => crate::short!("{}", env!("CARGO_PKG_VERSION")),
        Page::Traffic | Page::Overview | Page::Processes => Text::new(),
    }
}

/// Places of the rows of a family that are wanted, at most as many as a page could show.
pub struct Places {
    places: [u16; 512],
    count: usize,
}

impl Places {
    /// The rows of which `wanted` holds.
    pub fn of(now: &Snapshot, family: FamilyId, wanted: impl Fn(Row<'_>) -> bool) -> Places {
        let mut found = Places { places: [0; 512], count: 0 };
        for (place, row) in (0..=u16::MAX).zip(now.rows(family)) {
            if wanted(row)
                && let Some(free) = found.places.get_mut(found.count)
            {
                *free = place;
                found.count += 1;
            }
        }
        found
    }

    /// The rows with the largest values, from the largest on, at most `most`.
    pub fn top(
        now: &Snapshot,
        family: FamilyId,
        most: usize,
        value: impl Fn(Row<'_>) -> Option<f64>,
    ) -> Places {
        const MOST: usize = 64;
        let mut best = [(f64::NEG_INFINITY, 0_u16); MOST];
        let most = most.min(MOST);
        let mut count = 0;
        for (place, row) in (0..=u16::MAX).zip(now.rows(family)) {
            let Some(value) = value(row).filter(|value| value.is_finite()) else { continue };
            // Equals keep the order of their rows.
            let at = best[..count].partition_point(|&(better, _)| better >= value);
            if at < most {
                count = (count + 1).min(most);
                best[at..count].rotate_right(1);
                best[at] = (value, place);
            }
        }
        let mut found = Places { places: [0; 512], count };
        for (free, (_, place)) in found.places.iter_mut().zip(&best[..count]) {
            *free = *place;
        }
        found
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// One of them.
    #[must_use]
    pub fn row<'a>(&self, now: &'a Snapshot, family: FamilyId, at: usize) -> Option<Row<'a>> {
        let place = self.places[..self.count].get(at)?;
        now.row(family, usize::from(*place))
    }
}
