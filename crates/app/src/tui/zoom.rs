//! How much time the charts show.

use super::app::App;
use super::history::USUAL_PER;
use super::render::Glyphs;

/// Samples that a column of a chart stands for, in the order of the key.
const ZOOMS: [usize; 5] = [USUAL_PER, 5, 15, 60, 1];

impl App {
    /// Lets the charts show more time, or as little as at the start.
    pub(super) fn zoom_charts(&mut self) {
        let at = ZOOMS.iter().position(|&per| per == self.history.per()).unwrap_or(0);
        let per = ZOOMS[(at + 1) % ZOOMS.len()];
        self.history.set_per(per);
        if let Some(far) = self.rewind.as_mut().and_then(|rewind| rewind.far_mut()) {
            far.set_per(per);
        }
        self.say(format!("charts: {} samples a cell", self.samples_a_cell(per)));
    }

    /// Samples that a whole cell stands for: braille has two columns of dots in it.
    pub(super) fn samples_a_cell(&self, per: usize) -> usize {
        if self.glyphs == Glyphs::Braille { 2 * per } else { per }
    }
}
