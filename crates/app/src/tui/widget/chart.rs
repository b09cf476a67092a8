//! A filled chart: two samples and four levels a cell in braille, one and eight in blocks.

use crate::tui::history::Ring;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Glyphs, Rect};
use crate::tui::theme::{Ramp, Theme, eighth};

/// Dots of the left and the right column of a cell, from the bottom up.
const LEFT: [u8; 5] = [0, 0x40, 0x44, 0x46, 0x47];
const RIGHT: [u8; 5] = [0, 0x80, 0xa0, 0xb0, 0xb8];
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LINES: [char; 5] = [' ', '.', ':', '+', '#'];

/// Fills the canvas with the past of a number, the newest at the right edge. `full` is the value of
/// the whole height. `upside_down` hangs the chart from the top.
pub fn chart(canvas: &mut Canvas<'_>, ring: &Ring, full: f64, ramp: &Ramp, upside_down: bool) {
    let (width, height) = (canvas.width(), canvas.height());
    if full.is_nan() || full <= 0.0 {
        return;
    }
    let level = |value: f32, steps: u16| -> u16 {
        let value = f64::from(value);
        if value.is_nan() || value <= 0.0 {
            return 0;
        }
        // Something is never drawn as nothing.
        ((value / full * f64::from(steps)).round().min(f64::from(steps)) as u16).max(1)
    };
    let braille = canvas.glyphs() == Glyphs::Braille;
    canvas.spot(Rect::new(0, 0, width, height), Spot::Chart { pairs: braille });
    let parts = match canvas.glyphs() {
        Glyphs::Braille | Glyphs::Ascii => 4,
        Glyphs::Block => 8,
    };
    for x in 0..width {
        let back = usize::from(width - 1 - x);
        let (older, newer) =
            if braille { ring.pair(back) } else { (ring.single(back), ring.single(back)) };
        let unknown = older.is_nan() && newer.is_nan();
        let (older, newer) = (level(older, height * parts), level(newer, height * parts));
        // Not known is not zero; where nothing was seen yet there is at least a ground to stand on.
        if unknown && !upside_down && canvas.glyphs() != Glyphs::Ascii && height > 0 {
            canvas.put(x, height - 1, '·', ramp.none());
        }
        let share = f64::from(older.max(newer)) / f64::from(height * parts);
        for up in 0..height {
            let in_cell = |level: u16| usize::from(level.saturating_sub(up * parts).min(parts));
            let (older, newer) = (in_cell(older), in_cell(newer));
            if older == 0 && newer == 0 {
                break;
            }
            let c = match canvas.glyphs() {
                Glyphs::Braille => dots(older, newer, upside_down),
                Glyphs::Block if upside_down => {
                    if newer >= 4 {
                        '█'
                    } else {
                        '▀'
                    }
                }
                Glyphs::Block => BARS[newer],
                Glyphs::Ascii => LINES[newer],
            };
            let y = if upside_down { up } else { height - 1 - up };
            // A tall chart is coloured by height; a flat one has no height to speak of.
            let heat =
                if height < 3 { eighth(share) } else { f64::from(up + 1) / f64::from(height) };
            canvas.put(x, y, c, ramp.bar(heat));
        }
    }
}

fn dots(left: usize, right: usize, upside_down: bool) -> char {
    let bits = if upside_down {
        // The full column less what is not filled from the bottom.
        (LEFT[4] & !LEFT[4 - left]) | (RIGHT[4] & !RIGHT[4 - right])
    } else {
        LEFT[left] | RIGHT[right]
    };
    char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')
}

/// What came stands over what went, which hangs: two rates of one thing, each to its own [`scale`].
/// Fills the canvas; where the height is odd the upper one has the row more.
pub fn both_ways(canvas: &mut Canvas<'_>, came: &Ring, went: &Ring, least: f64, theme: &Theme) {
    let (width, height) = (canvas.width(), canvas.height());
    let upper = height.div_ceil(2);
    let parts =
        [(came, 0, upper, &theme.flow, false), (went, upper, height - upper, &theme.fill, true)];
    for (ring, y, height, ramp, upside_down) in parts {
        let full = scale(ring.highest(width), least);
        chart(&mut canvas.region(Rect::new(0, y, width, height)), ring, full, ramp, upside_down);
    }
}

/// The value that the whole height of a chart of rates stands for: the next step of 1, 2, 5 above
/// the peak, so that the scale rests while traffic moves. At least `least`.
#[must_use]
pub fn scale(peak: Option<f64>, least: f64) -> f64 {
    let peak = peak.unwrap_or(0.0).max(least);
    let mut step = least;
    // From a byte to the largest number of 64 bits there are 57 steps.
    for _ in 0..64 {
        for part in [1.0, 2.0, 5.0] {
            if step * part >= peak {
                return step * part;
            }
        }
        step *= 10.0;
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::render::{Colour, Grid};

    fn drawn(glyphs: Glyphs, values: &[f64], width: u16, height: u16, hang: bool) -> String {
        let mut ring = Ring::new(64);
        // An even number of samples fills its cells.
        if values.len() % 2 == 1 {
            ring.push(None);
        }
        for &value in values {
            ring.push(Some(value));
        }
        let mut grid = Grid::new(width, height);
        chart(&mut Canvas::new(&mut grid, glyphs), &ring, 1.0, &Ramp::flat(Colour::Reset), hang);
        let rows = (0..height).map(|y| grid.text(y).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_newest_stands_at_the_right() {
        assert_eq!(drawn(Glyphs::Braille, &[0.0, 0.25, 0.5, 0.75, 1.0], 3, 1, false), " ⣠⣾");
        assert_eq!(drawn(Glyphs::Braille, &[0.0, 0.25, 0.5, 0.75, 1.0], 3, 1, true), " ⠙⢿");
        assert_eq!(drawn(Glyphs::Block, &[0.5, 1.0], 3, 1, false), "·▄█");
        assert_eq!(drawn(Glyphs::Block, &[f64::NAN, 0.0, 1.0], 4, 1, false), "·· █");
        assert_eq!(drawn(Glyphs::Ascii, &[0.001, 0.5, 1.0], 3, 1, false), ".:#");
        assert_eq!(drawn(Glyphs::Braille, &[f64::NAN, 9.0], 1, 2, false), "⢸\n⢸");
    }

    #[test]
    fn the_scale_rests() {
        let cases = [(None, 1e3), (Some(900.0), 1e3), (Some(1.1e3), 2e3), (Some(2.1e6), 5e6)];
        for (peak, full) in cases {
            assert_eq!(scale(peak, 1e3), full, "{peak:?}");
        }
        assert!(scale(Some(f64::MAX), 1.0).is_finite());
    }
}
