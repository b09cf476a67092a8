//! Colours: how many the terminal has, mixing them evenly, and finding the nearest one it has.

use super::pen::Colour;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, dim and reverse carry the meaning.
    Mono,
    /// The first eight of the palette, without grey.
    Eight,
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
    /// `CLICOLOR_FORCE` asks for colours where none would be guessed.
    pub force: bool,
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
        // Terminals that have 256 colours and do not say so in their name. Most set `COLORTERM`,
        // which ssh drops.
        const RICH: [&str; 7] =
            ["kitty", "alacritty", "foot", "wezterm", "ghostty", "contour", "konsole"];
        let term = hints.term.unwrap_or("");
        if hints.no_color.is_some_and(|value| !value.is_empty()) {
            return Depth::Mono;
        }
        if matches!(hints.colorterm, Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            return Depth::True;
        }
        let rich = RICH.iter().any(|name| term.contains(name));
        if hints.program == Some("Apple_Terminal") || term.contains("256color") || rich {
            return Depth::Indexed;
        }
        match term {
            "dumb" if hints.force => Depth::Eight,
            "dumb" => Depth::Mono,
            _ if term == "linux" || term.ends_with("-16color") => Depth::Sixteen,
            _ => Depth::Eight,
        }
    }

    /// The nearest colour that the terminal has.
    #[must_use]
    pub fn quantise(self, colour: Colour) -> Colour {
        match (self, colour) {
            (Depth::Mono, _) => Colour::Reset,
            (Depth::Eight, Colour::Rgb(r, g, b)) => Colour::Indexed(nearest(0..8, [r, g, b])),
            (Depth::Sixteen, Colour::Rgb(r, g, b)) => Colour::Indexed(nearest(0..16, [r, g, b])),
            // The first 16 are the user's own and may be anything.
            (Depth::Indexed, Colour::Rgb(r, g, b)) => Colour::Indexed(nearest(16..=255, [r, g, b])),
            // Eight bytes shorter each time it is named.
            (Depth::True, Colour::Rgb(r, g, b)) => {
                let index = nearest(16..=255, [r, g, b]);
                if indexed(index) == [r, g, b] { Colour::Indexed(index) } else { colour }
            }
            (_, colour) => colour,
        }
    }

    /// As [`Depth::quantise`], for a step between two named colours: one of the palette that is as
    /// near as the next step does as well, and is named in fewer bytes.
    #[must_use]
    pub fn quantise_step(self, step: [u8; 3]) -> Colour {
        /// In OKLab. The 32 steps of a ramp are 0.02 to 0.03 apart, its colours in the rows of a
        /// chart 0.05 and more.
        const NEAR: f32 = 0.05;
        let [r, g, b] = step;
        if self == Depth::True {
            let index = nearest(16..=255, step);
            if distance(oklab(step), oklab(indexed(index))) < NEAR {
                return Colour::Indexed(index);
            }
        }
        self.quantise(Colour::Rgb(r, g, b))
    }
}

/// A ramp of five stops as 32 even steps.
#[must_use]
pub fn ramp(stops: [u32; 5]) -> [[u8; 3]; 32] {
    let stops = stops.map(|hex| oklab(bytes(hex)));
    std::array::from_fn(|step| {
        let place = step as f32 * 4.0 / 31.0;
        let low = (place as usize).min(3);
        let part = place - low as f32;
        let mixed =
            std::array::from_fn(|i| stops[low][i] * (1.0 - part) + stops[low + 1][i] * part);
        srgb(mixed)
    })
}

/// The colour, made lighter or darker until it can be read on that background.
#[must_use]
pub fn readable(colour: [u8; 3], background: u32, least: f32) -> [u8; 3] {
    let background = bytes(background);
    let darker = luminance(background) > 0.18;
    let mut lab = oklab(colour);
    let mut shown = colour;
    while contrast(shown, background) < least && (0.0..=1.0).contains(&lab[0]) {
        lab[0] += if darker { -0.01 } else { 0.01 };
        shown = srgb(lab);
    }
    shown
}

/// Contrast as WCAG 2 counts it, from 1 to 21.
#[must_use]
pub fn contrast(a: [u8; 3], b: [u8; 3]) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f32 {
    let [r, g, b] = linear(colour);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Light of the three primaries, from 0 to 1.
#[must_use]
pub fn linear(colour: [u8; 3]) -> [f32; 3] {
    colour.map(|byte| {
        let part = f32::from(byte) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

/// The way back.
#[must_use]
pub fn bytes_of(light: [f32; 3]) -> [u8; 3] {
    light.map(|part| {
        let curved =
            if part <= 0.003_130_8 { part * 12.92 } else { 1.055 * part.powf(1.0 / 2.4) - 0.055 };
        (curved.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

/// A colour from `0xrrggbb`.
#[must_use]
pub fn rgb(hex: u32) -> Colour {
    let [r, g, b] = bytes(hex);
    Colour::Rgb(r, g, b)
}

/// The three parts of `0xrrggbb`.
#[must_use]
pub fn bytes(hex: u32) -> [u8; 3] {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

fn nearest(candidates: impl Iterator<Item = u8>, colour: [u8; 3]) -> u8 {
    let wanted = oklab(colour);
    let far = |index: u8| distance(wanted, oklab(indexed(index)));
    candidates.min_by(|&a, &b| far(a).total_cmp(&far(b))).unwrap_or(7)
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

/// What a colour looks like, as far as that can be told.
#[must_use]
pub fn shown(colour: Colour) -> Option<[u8; 3]> {
    match colour {
        Colour::Rgb(r, g, b) => Some([r, g, b]),
        Colour::Indexed(index @ 16..) => Some(indexed(index)),
        _ => None,
    }
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

/// Lightness and two axes of colour, in which distances are those that people see.
#[must_use]
pub fn oklab(colour: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = linear(colour);
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
    bytes_of([
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_depth() {
        let hints =
            |no_color, colorterm, term| Hints { no_color, colorterm, term, ..Hints::default() };
        let cases = [
            (hints(Some("1"), Some("truecolor"), Some("xterm")), Depth::Mono),
            (hints(Some(""), Some("truecolor"), Some("xterm")), Depth::True),
            (hints(None, None, Some("dumb")), Depth::Mono),
            (hints(None, None, Some("xterm-direct")), Depth::True),
            (hints(None, None, Some("tmux-256color")), Depth::Indexed),
            (hints(None, None, Some("xterm-kitty")), Depth::Indexed),
            (hints(None, None, Some("linux")), Depth::Sixteen),
            (hints(None, None, Some("rxvt-16color")), Depth::Sixteen),
            (hints(None, None, Some("xterm")), Depth::Eight),
            (hints(None, None, Some("screen")), Depth::Eight),
            (hints(None, None, None), Depth::Eight),
            (Hints { force: true, ..hints(Some("1"), None, Some("dumb")) }, Depth::Mono),
            (Hints { force: true, ..hints(None, None, Some("dumb")) }, Depth::Eight),
            (Hints { force: true, ..hints(None, None, Some("xterm")) }, Depth::Eight),
            (
                Hints { program: Some("Apple_Terminal"), ..hints(None, None, Some("xterm")) },
                Depth::Indexed,
            ),
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
        assert_eq!(Depth::Indexed.quantise(Colour::Rgb(255, 0, 0)), Colour::Indexed(196));
        assert_eq!(Depth::Sixteen.quantise(Colour::Rgb(250, 5, 5)), Colour::Indexed(9));
        assert_eq!(Depth::Mono.quantise(Colour::Rgb(250, 5, 5)), Colour::Reset);
        assert_eq!(Depth::True.quantise(Colour::Rgb(255, 0, 0)), Colour::Indexed(196));
        assert_eq!(Depth::True.quantise(Colour::Rgb(254, 0, 0)), Colour::Rgb(254, 0, 0));
        assert_eq!(Depth::True.quantise_step([254, 0, 0]), Colour::Indexed(196));
    }

    #[test]
    fn any_colour_can_be_made_readable() {
        for background in [0x00_0000, 0x28_2a36, 0xff_ffff, 0xfa_f8f2] {
            for colour in [[0, 0, 0], [68, 1, 84], [128, 128, 128], [255, 255, 0], [255; 3]] {
                let shown = readable(colour, background, 4.5);
                assert!(contrast(shown, bytes(background)) >= 4.5, "{colour:?} {background:x}");
            }
        }
        assert_eq!(readable([200, 10, 10], 0xff_ffff, 4.5), [200, 10, 10]);
    }
}
