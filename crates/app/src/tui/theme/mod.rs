//! Themes: named looks, ready for the terminal's depth, so that a frame only indexes.

mod built_in;
mod catalogue;
mod file;
mod palette;
#[cfg(test)]
mod tests;

pub use self::catalogue::{Catalogue, Tint};

use super::render::{Colour, Depth, Modifier, Pen};

/// Every look that the screen uses.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// The background, if it is painted; else the terminal's own shows.
    pub background: Option<Colour>,
    /// Ordinary text.
    pub text: Pen,
    /// Text that matters less: units, zeros, what is beside the point.
    pub dim: Pen,
    /// Headings and the names of things.
    pub title: Pen,
    /// Frames and separators.
    pub border: Pen,
    /// Keys, and the part of a command that is its name.
    pub accent: Pen,
    /// The header line.
    pub header: Pen,
    /// The mark of live data.
    pub live: Pen,
    /// The mark of data that stands still.
    pub past: Pen,
    /// Frames while the past is shown.
    pub past_border: Pen,
    /// The past is shown: frames are double.
    pub rewound: bool,
    /// The row under the cursor; its background alone counts, if it has one.
    pub cursor: Pen,
    /// A tagged row.
    pub tag: Pen,
    /// Column heads.
    pub head: Pen,
    /// The head of the column that the table is sorted by.
    pub sorted: Pen,
    /// Good.
    pub ok: Pen,
    /// Worth a look.
    pub warn: Pen,
    /// Bad.
    pub crit: Pen,
    /// A row that was not there before.
    pub new: Pen,
    /// What a search found.
    pub found: Pen,
    /// An input line.
    pub input: Pen,
    /// The key in the key line.
    pub key: Pen,
    /// Its meaning.
    pub key_text: Pen,
    /// The empty part of a gauge.
    pub empty: Pen,
    /// The branches of the tree.
    pub branch: Pen,
    /// Lines of several things in one picture.
    pub series: [Pen; 8],
    /// From idle to busy.
    pub util: Ramp,
    /// From empty to full: memory, swap, disks.
    pub fill: Ramp,
    /// From cold to hot.
    pub heat: Ramp,
    /// Traffic: little to much.
    pub flow: Ramp,
}

/// The theme where nobody chose one, on dark terminals and on those that say nothing.
pub const ON_DARK: &str = "ink";
/// The same on light ones.
pub const ON_LIGHT: &str = "paper";
/// A terminal with black text on white, as `COLORFGBG` has it.
pub const LIGHT: &str = "0;15";

/// Colours from little to much, in 32 steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    bars: [Colour; 32],
    text: [Colour; 32],
    none: Pen,
}

impl Ramp {
    /// One colour for bars, and the ordinary one for numbers.
    pub(crate) const fn flat(colour: Colour) -> Ramp {
        Ramp { bars: [colour; 32], text: [Colour::Reset; 32], none: Pen::new(Colour::Reset).dim() }
    }

    /// Three colours.
    fn three(low: u8, middle: u8, high: u8) -> Ramp {
        let steps = std::array::from_fn(|step| {
            Colour::Indexed(match step {
                0..16 => low,
                16..26 => middle,
                _ => high,
            })
        });
        Ramp { bars: steps, text: steps, none: Pen::new(Colour::Reset).dim() }
    }

    /// The look of what is not known.
    #[must_use]
    pub fn none(&self) -> Pen {
        self.none
    }

    /// The colour of bars and charts at that share.
    #[must_use]
    pub fn bar(&self, ratio: f64) -> Pen {
        Pen::new(self.bars[step(ratio)])
    }
}

fn step(ratio: f64) -> usize {
    ((ratio.clamp(0.0, 1.0) * 31.0).round() as usize).min(31)
}

/// The colour of a number that is that share: as the bar beside it, and light enough to be read.
#[must_use]
pub fn on_ramp(ramp: &Ramp, ratio: f64) -> Pen {
    Pen::new(ramp.text[step(eighth(ratio))])
}

/// The middle of the eighth that a share is in. Beside others of other colours nobody tells more of
/// them apart, and a share that swings by a few percent keeps its colour: a third of a frame were
/// colours.
#[must_use]
pub fn eighth(ratio: f64) -> f64 {
    ((ratio * 8.0).floor().clamp(0.0, 7.0) + 0.5) / 8.0
}

impl Theme {
    /// The built-in theme of that name; `ink` if there is none.
    #[must_use]
    pub fn new(name: &str, depth: Depth) -> Theme {
        let known = Catalogue::default();
        known.theme(name, depth).unwrap_or_else(|_| known.first(depth))
    }

    /// The palette of 16 as the user has set it, on the terminal's own background.
    fn terminal(depth: Depth) -> Theme {
        let pen = |index| Pen::new(Colour::Indexed(index));
        let plain = Pen::default();
        // Where there are eight colours there is no grey among them.
        let grey = if depth == Depth::Eight { plain.dim() } else { pen(8) };
        Theme {
            name: "terminal".to_owned(),
            dim: grey,
            title: plain.bold(),
            border: grey,
            accent: pen(6),
            live: pen(2).bold(),
            past: pen(3).bold(),
            past_border: pen(3),
            tag: pen(3).bold(),
            ok: pen(2),
            warn: pen(3),
            crit: pen(1).bold(),
            new: pen(2),
            key: pen(6),
            key_text: plain,
            empty: grey,
            branch: grey,
            series: [pen(6), pen(3), pen(5), pen(2), pen(1), pen(4), pen(7), grey],
            util: Ramp::three(2, 3, 1),
            fill: Ramp::three(4, 5, 1),
            heat: Ramp::three(2, 3, 1),
            flow: Ramp::three(6, 6, 6),
            ..Theme::mono()
        }
    }

    /// As asitop drew: gauges and charts in one colour of the terminal's palette, 8 is grey.
    fn one_colour(number: u8, depth: Depth) -> Theme {
        let ramp = match (number, depth) {
            (8, Depth::Eight) => Ramp::flat(Colour::Reset),
            _ => Ramp::flat(Colour::Indexed(number)),
        };
        Theme {
            name: number.to_string(),
            util: ramp.clone(),
            fill: ramp.clone(),
            heat: ramp.clone(),
            flow: ramp,
            ..Theme::terminal(depth)
        }
    }

    /// No colour at all: bold, dim and reverse.
    fn mono() -> Theme {
        let plain = Pen::default();
        let (reverse, under) = (plain.with(Modifier::REVERSED), plain.with(Modifier::UNDERLINED));
        Theme {
            name: "mono".to_owned(),
            background: None,
            text: plain,
            dim: plain.dim(),
            title: plain.bold(),
            border: plain.dim(),
            accent: plain.bold(),
            header: plain,
            live: plain.bold(),
            past: reverse,
            past_border: plain,
            rewound: false,
            cursor: reverse,
            tag: plain.bold(),
            // The row under the cursor is reversed: right below them heads would be one with it.
            head: under,
            sorted: under.bold(),
            ok: plain,
            warn: plain.bold(),
            crit: reverse.bold(),
            new: plain.bold(),
            found: reverse.bold(),
            input: plain.bold(),
            key: plain.bold(),
            key_text: plain,
            empty: plain.dim(),
            branch: plain.dim(),
            series: [plain; 8],
            util: Ramp::flat(Colour::Reset),
            fill: Ramp::flat(Colour::Reset),
            heat: Ramp::flat(Colour::Reset),
            flow: Ramp::flat(Colour::Reset),
        }
    }
}
