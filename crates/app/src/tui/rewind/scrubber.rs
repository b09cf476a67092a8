//! The scrubber: which stretch of time it shows, and what happened in it.

use retop_engine::history::Past;
use retop_model::family::cpu;
use retop_model::{Key, Stamp};

use super::{LEFT, RIGHT, Rewind, WIDEST, ZOOMS, locked};
use crate::tui::app::App;
use crate::tui::events::{Event, Mark};
use crate::tui::render::Glyphs;

/// A stretch of time on the scrubber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Wall clock of its left edge.
    pub from_ms: i64,
    /// Wall clock of its right edge.
    pub to_ms: i64,
    /// Time in a cell.
    pub cell_ms: i64,
    /// The right edge is the newest sample's.
    pub is_newest: bool,
}

impl Window {
    /// A moment in the middle of that cell.
    #[must_use]
    pub fn moment(&self, cell: u16) -> i64 {
        self.from_ms.saturating_add(self.cell_ms.saturating_mul(i64::from(cell)) + self.cell_ms / 2)
    }

    /// The cell of that moment, if it is on the scrubber.
    #[must_use]
    pub fn cell(&self, wall_ms: i64) -> Option<u16> {
        let inside = (self.from_ms..self.to_ms).contains(&wall_ms);
        let cell = (wall_ms - self.from_ms).checked_div(self.cell_ms).filter(|_| inside)?;
        u16::try_from(cell).ok()
    }
}

/// What the scrubber was measured for: while it is the same, nothing is done again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    width: u16,
    glyphs: Glyphs,
    shown: Stamp,
    newest: Stamp,
    zoom: usize,
    events: u64,
}

impl Rewind {
    /// The samples that the scrubber's window spans.
    pub(super) fn screen(&self) -> i64 {
        (self.window.to_ms - self.window.from_ms).max(1)
    }

    fn place_window(&mut self, width: u16, shown_ms: i64, newest_ms: i64, interval_ms: i64) {
        let cell_ms = ZOOMS[self.zoom].saturating_mul(interval_ms.max(1));
        // Edges stand on whole cells, so that what is drawn does not shimmer from sample to sample.
        let up = |time_ms: i64| (time_ms.div_euclid(cell_ms) + 1).saturating_mul(cell_ms);
        let span_ms = cell_ms.saturating_mul(i64::from(width));
        let newest_ms = up(newest_ms.max(shown_ms));
        let mut to_ms = self.pinned_ms.map_or(newest_ms, |to_ms| up(to_ms - 1).min(newest_ms));
        if !(to_ms.saturating_sub(span_ms)..to_ms).contains(&shown_ms) {
            to_ms = up(shown_ms.saturating_add(span_ms / 2)).min(newest_ms);
        }
        let is_newest = to_ms == newest_ms;
        self.pinned_ms = (!is_newest).then_some(to_ms);
        let from_ms = to_ms.saturating_sub(span_ms);
        self.window = Window { from_ms, to_ms, cell_ms, is_newest };
    }

    /// Fills the scrubber from what the engine keeps.
    fn fill(&mut self, record: &dyn Past, width: u16, glyphs: Glyphs, events: &[Event]) {
        let Window { from_ms, to_ms, .. } = self.window;
        let parts = if glyphs == Glyphs::Braille { 2 } else { 1 };
        let buckets = usize::from(width) * parts;
        let field = cpu::utilization_ratio;
        record.fill(field, Key::ONE, (from_ms, to_ms), buckets, &mut self.bands);
        let bands = &self.bands;
        self.cpu.clear();
        for (place, band) in bands.iter().enumerate() {
            // A sample that came a little late left its place empty; two empty ones are a gap.
            let around = |step: isize| bands.get(place.checked_add_signed(step)?);
            let band = band.or_else(|| around(1).and(around(-1)));
            self.cpu.push(band.map(|band| f64::from(band.max)));
        }
        self.unseen.clear();
        let cell = |cell: usize| cell * parts..(cell + 1) * parts;
        let seen =
            |cells: std::ops::Range<usize>| cells.into_iter().any(|b| bands.get(b).is_some());
        self.unseen.extend((0..usize::from(width)).map(|at| {
            let around = cell(at.saturating_sub(1)).start..cell(at + 1).end;
            !seen(cell(at)) && (parts == 1 || !seen(around))
        }));
        self.marks.clear();
        let window = self.window;
        let cells = events.iter().filter(|event| event.mark() != Mark::Ended);
        let cells = cells.map(|event| (window.cell(event.stamp().wall_ms), event.mark()));
        self.marks.extend(cells.filter_map(|(cell, mark)| Some((cell?, mark))));
        self.marks.sort_unstable();
    }
}

impl App {
    /// Measures the scrubber, if anything about it has changed.
    pub(in crate::tui) fn scrub(&mut self) {
        let (Some(rewind), Some(area)) = (&mut self.rewind, self.areas.scrubber) else { return };
        let (Some(now), Some(newest), Some(record)) = (&self.now, &self.newest, &self.record)
        else {
            return;
        };
        let measure = Measure {
            width: area.width.saturating_sub(LEFT + RIGHT).min(WIDEST),
            glyphs: self.glyphs,
            shown: now.stamp(),
            newest: newest.stamp(),
            zoom: rewind.zoom,
            events: self.events.version(),
        };
        if rewind.measured == Some(measure) {
            return;
        }
        rewind.measured = Some(measure);
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(1000);
        let (shown_ms, newest_ms) = (measure.shown.wall_ms, measure.newest.wall_ms);
        rewind.place_window(measure.width, shown_ms, newest_ms, interval_ms);
        rewind.fill(&*locked(record), measure.width, measure.glyphs, self.events.list());
    }
}
