//! The colours that a theme names, and the looks that are made of them.

use super::{Ramp, Theme};
use crate::tui::render::colour::bytes;
use crate::tui::render::{Colour, Depth, Pen, colour};

/// Colours as `0xrrggbb`.
#[derive(Clone, Debug)]
pub struct Palette {
    /// What the theme is meant to stand on. It is painted only if `paint` says so: most people have
    /// chosen a background already.
    pub background: u32,
    pub text: u32,
    pub dim: u32,
    pub faint: u32,
    pub border: u32,
    pub title: u32,
    pub accent: u32,
    pub cursor: u32,
    pub head: u32,
    pub ok: u32,
    pub warn: u32,
    pub crit: u32,
    pub paint: bool,
    pub series: [u32; 8],
    pub util: [u32; 5],
    pub fill: [u32; 5],
    pub heat: [u32; 5],
    pub flow: [u32; 5],
}

/// Contrast that text needs to be read by most people: WCAG 2, level AA.
pub const READABLE: f32 = 4.5;

impl Palette {
    /// The looks, in the colours that the terminal has.
    pub fn theme(&self, name: &str, depth: Depth) -> Theme {
        let colour = |hex| depth.quantise(colour::rgb(hex));
        let pen = |hex| Pen::new(colour(hex));
        let ramp = |stops| self.ramp(stops, depth);
        let text = pen(self.text);
        let head = pen(self.dim).on(colour(self.head));
        Theme {
            name: name.to_owned(),
            background: self.paint.then(|| colour(self.background)),
            text,
            dim: pen(self.dim),
            title: pen(self.title).bold(),
            border: pen(self.border),
            accent: pen(self.accent),
            header: text,
            live: pen(self.ok).bold(),
            past: pen(self.warn).bold(),
            past_border: pen(self.warn),
            rewound: false,
            cursor: text.on(colour(self.cursor)),
            tag: pen(self.warn).bold(),
            head,
            sorted: pen(self.title).on(colour(self.head)).bold(),
            ok: pen(self.ok),
            warn: pen(self.warn),
            crit: pen(self.crit).bold(),
            new: pen(self.ok),
            found: pen(self.title).on(colour(self.cursor)).bold(),
            input: pen(self.title).on(colour(self.head)),
            key: pen(self.accent).bold(),
            key_text: pen(self.dim),
            empty: pen(self.faint),
            branch: pen(self.border),
            series: self.series.map(pen),
            util: ramp(self.util),
            fill: ramp(self.fill),
            heat: ramp(self.heat),
            flow: ramp(self.flow),
        }
    }

    /// Bars may be as dark as the theme wants, numbers in the same colours may not: neither on the
    /// background nor on the row of the cursor, which is nearer to them.
    fn ramp(&self, stops: [u32; 5], depth: Depth) -> Ramp {
        let steps = colour::ramp(stops);
        let readable = |step| colour::readable(step, self.cursor, READABLE);
        Ramp {
            none: Pen::new(depth.quantise(colour::rgb(self.faint))),
            bars: steps.map(|step| depth.quantise_step(step)),
            text: steps.map(|step| {
                let (exact, near) = (readable(step), depth.quantise_step(readable(step)));
                let reads = |shown| colour::contrast(shown, bytes(self.cursor)) >= READABLE;
                let [r, g, b] = exact;
                if colour::shown(near).is_none_or(reads) {
                    near
                } else {
                    depth.quantise(Colour::Rgb(r, g, b))
                }
            }),
        }
    }
}
