//! Colours: how many the terminal has, mixing them evenly, and finding the nearest one it has.

use ratatui_core::style::Color;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, dim and reverse carry the meaning.
    Mono,
    /// The palette of 16.
    Sixteen,
    /// The cube of 6×6×6, 24 greys and the palette.
    Indexed,
    /// Three bytes.
    True,
}

/// What tells the depth; the caller reads the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// `NO_COLOR`.
    pub no_color: Option<&'a str>,
    /// `COLORTERM`.
    pub colorterm: Option<&'a str>,
    /// `TERM`.
    pub term: Option<&'a str>,
    /// `TERM_PROGRAM`: Apple's terminal claims more than it shows.
    pub program: Option<&'a str>,
}

impl Depth {
    /// The depth that the environment speaks of. `NO_COLOR` counts if it is not empty.
    #[must_use]
    pub fn detect(hints: Hints<'_>) -> Depth {
        let term = hints.term.unwrap_or("");
        if hints.no_color.is_some_and(|value| !value.is_empty()) || term == "dumb" {
            return Depth::Mono;
        }
        if matches!(hints.colorterm, Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            return Depth::True;
        }
        if hints.program == Some("Apple_Terminal") || term.contains("256color") {
            return Depth::Indexed;
        }
        Depth::Sixteen
    }

    /// The nearest colour that the terminal has.
    #[must_use]
    pub fn quantise(self, colour: Color) -> Color {
        match (self, colour) {
            (Depth::Mono, _) => Color::Reset,
            (Depth::Sixteen, Color::Rgb(r, g, b)) => Color::Indexed(nearest(0..16, [r, g, b])),
            // The first 16 are the user's own and may be anything.
            (Depth::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest(16..=255, [r, g, b])),
            (_, colour) => colour,
        }
    }
}

/// A ramp of five stops as 32 even steps.
#[must_use]
pub fn ramp(stops: [u32; 5], depth: Depth) -> [Color; 32] {
    let stops = stops.map(|hex| oklab(bytes(hex)));
    std::array::from_fn(|step| {
        let place = step as f32 * 4.0 / 31.0;
        let low = (place as usize).min(3);
        let part = place - low as f32;
        let mixed =
            std::array::from_fn(|i| stops[low][i] * (1.0 - part) + stops[low + 1][i] * part);
        let [r, g, b] = srgb(mixed);
        depth.quantise(Color::Rgb(r, g, b))
    })
}

/// A colour from `0xrrggbb`.
#[must_use]
pub fn rgb(hex: u32) -> Color {
    let [r, g, b] = bytes(hex);
    Color::Rgb(r, g, b)
}

fn bytes(hex: u32) -> [u8; 3] {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

fn nearest(candidates: impl Iterator<Item = u8>, colour: [u8; 3]) -> u8 {
    let wanted = oklab(colour);
    let distance = |index: u8| {
        let have = oklab(indexed(index));
        wanted.iter().zip(have).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
    };
    candidates.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(7)
}

/// What xterm shows for an index.
fn indexed(index: u8) -> [u8; 3] {
    const SIXTEEN: [u32; 16] = [
        0x00_0000, 0xcd_0000, 0x00_cd00, 0xcd_cd00, 0x00_00ee, 0xcd_00cd, 0x00_cdcd, 0xe5_e5e5,
        0x7f_7f7f, 0xff_0000, 0x00_ff00, 0xff_ff00, 0x5c_5cff, 0xff_00ff, 0x00_ffff, 0xff_ffff,
    ];
    match index {
        0..16 => bytes(SIXTEEN[usize::from(index)]),
        16..232 => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let cube = index - 16;
            [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
        }
        _ => [8 + 10 * (index - 232); 3],
    }
}

fn oklab(colour: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = colour.map(|byte| {
        let part = f32::from(byte) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn srgb(lab: [f32; 3]) -> [u8; 3] {
    let [lightness, a, b] = lab;
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    linear.map(|part| {
        let curved =
            if part <= 0.003_130_8 { part * 12.92 } else { 1.055 * part.powf(1.0 / 2.4) - 0.055 };
        (curved.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_depth() {
        let hints = |no_color, colorterm, term| Hints { no_color, colorterm, term, program: None };
        let cases = [
            (hints(Some("1"), Some("truecolor"), Some("xterm")), Depth::Mono),
            (hints(Some(""), Some("truecolor"), Some("xterm")), Depth::True),
            (hints(None, None, Some("dumb")), Depth::Mono),
            (hints(None, None, Some("xterm-direct")), Depth::True),
            (hints(None, None, Some("tmux-256color")), Depth::Indexed),
            (hints(None, None, Some("linux")), Depth::Sixteen),
            (hints(None, None, None), Depth::Sixteen),
        ];
        for (hints, depth) in cases {
            assert_eq!(Depth::detect(hints), depth, "{hints:?}");
        }
    }

    #[test]
    fn colours_survive_the_way_there_and_back() {
        for colour in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [18, 200, 99]] {
            let back = srgb(oklab(colour));
            for (a, b) in colour.iter().zip(back) {
                assert!(a.abs_diff(b) <= 1, "{colour:?} {back:?}");
            }
        }
        assert_eq!(Depth::Indexed.quantise(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(Depth::Sixteen.quantise(Color::Rgb(250, 5, 5)), Color::Indexed(9));
        assert_eq!(Depth::Mono.quantise(Color::Rgb(250, 5, 5)), Color::Reset);
    }
}
