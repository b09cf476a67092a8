//! Themes: named looks, ready for the terminal's depth, so that a frame only indexes.

use ratatui_core::style::Color;

use super::render::{Depth, Pen, colour};

/// Every look that the screen uses.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Its name.
    pub name: &'static str,
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
    /// From idle to busy, in 32 steps.
    pub util: [Color; 32],
    /// From empty to full: memory, swap, disks.
    pub fill: [Color; 32],
    /// From cold to hot.
    pub heat: [Color; 32],
    /// Traffic: little to much.
    pub flow: [Color; 32],
}

/// The built-in themes, the first for dark terminals, the second for light ones.
pub const NAMES: [&str; 4] = ["ink", "paper", "terminal", "mono"];

struct Palette {
    text: u32,
    dim: u32,
    faint: u32,
    border: u32,
    title: u32,
    accent: u32,
    cursor: u32,
    head: u32,
    ok: u32,
    warn: u32,
    crit: u32,
    violet: u32,
    util: [u32; 5],
    fill: [u32; 5],
    flow: [u32; 5],
}

const INK: Palette = Palette {
    text: 0xc3_cad6,
    dim: 0x76_8094,
    faint: 0x3b_4353,
    border: 0x46_5064,
    title: 0xe8_ecf4,
    accent: 0x7d_c4e4,
    cursor: 0x2b_3854,
    head: 0x22_2a3a,
    ok: 0x86_c98f,
    warn: 0xe5_b567,
    crit: 0xf0_7178,
    violet: 0xb4_9be8,
    util: [0x4f_b8a6, 0x86_c97a, 0xd9_c65c, 0xe9_9a52, 0xef_6a6f],
    fill: [0x5c_8fd6, 0x6a_a2e0, 0x86_a8ea, 0xc9_94d8, 0xee_6f8e],
    flow: [0x4a_9fb5, 0x5c_b3c4, 0x78_c6cf, 0x9c_d8d4, 0xc8_e9dc],
};

const PAPER: Palette = Palette {
    text: 0x2b_303b,
    dim: 0x6a_7282,
    faint: 0xc4_cad4,
    border: 0xa0_a8b8,
    title: 0x10_141c,
    accent: 0x0f_6a92,
    cursor: 0xd3_e2f5,
    head: 0xe6_eaf1,
    ok: 0x1f_7a3a,
    warn: 0x96_5f00,
    crit: 0xbe_1f33,
    violet: 0x6a_47b8,
    util: [0x12_8577, 0x3f_8a2e, 0x96_7a00, 0xb8_5600, 0xbe_1f33],
    fill: [0x2a_62b8, 0x33_6fc8, 0x5a_62c4, 0x94_45a8, 0xbe_1f50],
    flow: [0x0f_6a80, 0x0f_7488, 0x18_808a, 0x22_8a86, 0x2c_9480],
};

impl Theme {
    /// The theme of that name; `ink` if there is none. Without colours every theme is `mono`.
    #[must_use]
    pub fn new(name: &str, depth: Depth) -> Theme {
        match (name, depth) {
            (_, Depth::Mono) | ("mono", _) => Theme::mono(),
            ("terminal", _) | (_, Depth::Sixteen) => Theme::terminal(),
            ("paper", depth) => Theme::of("paper", &PAPER, depth),
            (_, depth) => Theme::of("ink", &INK, depth),
        }
    }

    fn of(name: &'static str, palette: &Palette, depth: Depth) -> Theme {
        let pen = |hex| Pen::new(depth.quantise(colour::rgb(hex)));
        let back = |hex| depth.quantise(colour::rgb(hex));
        let text = pen(palette.text);
        let head = pen(palette.dim).on(back(palette.head));
        Theme {
            name,
            text,
            dim: pen(palette.dim),
            title: pen(palette.title).bold(),
            border: pen(palette.border),
            accent: pen(palette.accent),
            header: text,
            live: pen(palette.ok).bold(),
            past: pen(palette.warn).bold(),
            past_border: pen(palette.warn),
            rewound: false,
            cursor: text.on(back(palette.cursor)),
            tag: pen(palette.warn).bold(),
            head,
            sorted: pen(palette.title).on(back(palette.head)).bold(),
            ok: pen(palette.ok),
            warn: pen(palette.warn),
            crit: pen(palette.crit).bold(),
            new: pen(palette.ok),
            found: pen(palette.title).on(back(palette.cursor)).bold(),
            input: pen(palette.title).on(back(palette.head)),
            key: pen(palette.accent).bold(),
            key_text: pen(palette.dim),
            empty: pen(palette.faint),
            branch: pen(palette.border),
            series: [
                pen(palette.accent),
                pen(palette.warn),
                pen(palette.violet),
                pen(palette.ok),
                pen(palette.crit),
                pen(palette.title),
                text,
                pen(palette.dim),
            ],
            util: colour::ramp(palette.util, depth),
            fill: colour::ramp(palette.fill, depth),
            heat: colour::ramp(palette.util, depth),
            flow: colour::ramp(palette.flow, depth),
        }
    }

    /// The palette of 16 as the user has set it, on the terminal's own background.
    fn terminal() -> Theme {
        let pen = |index| Pen::new(Color::Indexed(index));
        let plain = Pen::default();
        let three = |low: u8, middle: u8, high: u8| {
            std::array::from_fn(|step| {
                Color::Indexed(match step {
                    0..16 => low,
                    16..26 => middle,
                    _ => high,
                })
            })
        };
        Theme {
            name: "terminal",
            dim: pen(8),
            title: plain.bold(),
            border: pen(8),
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
            empty: pen(8),
            branch: pen(8),
            series: [6, 3, 5, 2, 1, 4, 7, 8].map(pen),
            util: three(2, 3, 1),
            fill: three(4, 5, 1),
            heat: three(2, 3, 1),
            flow: three(6, 6, 6),
            ..Theme::mono()
        }
    }

    /// No colour at all: bold, dim and reverse.
    fn mono() -> Theme {
        let plain = Pen::default();
        let reverse = plain.with(ratatui_core::style::Modifier::REVERSED);
        let none = [Color::Reset; 32];
        Theme {
            name: "mono",
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
            head: reverse,
            sorted: reverse.bold(),
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
            util: none,
            fill: none,
            heat: none,
            flow: none,
        }
    }
}

/// The colour of a share on a ramp.
#[must_use]
pub fn on_ramp(ramp: &[Color; 32], ratio: f64) -> Pen {
    let step = (ratio.clamp(0.0, 1.0) * 31.0).round() as usize;
    Pen::new(ramp[step.min(31)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast as WCAG 2 counts it.
    fn contrast(a: u32, b: u32) -> f64 {
        let light = |hex: u32| {
            let part = |shift: u32| {
                let part = f64::from(hex >> shift & 0xff) / 255.0;
                if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
        };
        let (a, b) = (light(a), light(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read() {
        for (palette, backgrounds) in
            [(&INK, [0x00_0000, 0x1a_1b26]), (&PAPER, [0xff_ffff, 0xfa_f8f2])]
        {
            for background in backgrounds {
                let Palette { text, title, accent, ok, warn, crit, .. } = *palette;
                for hex in [text, title, accent, ok, warn, crit] {
                    let contrast = contrast(hex, background);
                    assert!(contrast >= 4.5, "{hex:06x} on {background:06x}: {contrast:.1}");
                }
                assert!(contrast(palette.dim, background) >= 4.0);
            }
            assert!(contrast(palette.text, palette.cursor) >= 4.5);
        }
    }

    #[test]
    fn without_colours_nothing_is_coloured() {
        for name in NAMES {
            let theme = Theme::new(name, Depth::Mono);
            assert_eq!(theme.name, "mono");
            assert!(theme.util.iter().all(|&colour| colour == Color::Reset));
            assert_eq!((theme.crit.fg, theme.crit.bg), (Color::Reset, Color::Reset));
        }
    }
}
