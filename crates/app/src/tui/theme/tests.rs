use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::built_in::BUILT_IN;
use super::palette::{Palette, READABLE};
use super::{Catalogue, Ramp, Theme, Tint, on_ramp};
use crate::tui::render::{Colour, Depth, Pen, colour};

fn each(mut check: impl FnMut(&str, &Palette)) {
    for (name, palette) in &BUILT_IN {
        check(name, palette);
    }
}

fn bytes(hex: u32) -> [u8; 3] {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

fn contrast(a: u32, b: u32) -> f32 {
    colour::contrast(bytes(a), bytes(b))
}

#[test]
fn text_can_be_read() {
    each(|name, palette| {
        let Palette { background, head, cursor, text, dim, title, .. } = *palette;
        let Palette { accent, ok, warn, crit, .. } = *palette;
        let on_background = [text, dim, title, accent, ok, warn, crit].map(|hex| (hex, background));
        let on_rows = [(dim, head), (title, head), (text, cursor), (title, cursor)];
        for (hex, behind) in on_background.into_iter().chain(on_rows) {
            let contrast = contrast(hex, behind);
            assert!(contrast >= READABLE, "{name}: {hex:06x} on {behind:06x}: {contrast:.1}");
        }
        // What else stands on the row of the cursor is short, and stands in the same place on others.
        for hex in [dim, accent, ok, warn, crit] {
            let contrast = contrast(hex, cursor);
            assert!(contrast >= 3.0, "{name}: {hex:06x} on {cursor:06x}: {contrast:.1}");
        }
        let theme = palette.theme(name, Depth::True);
        for ramp in [&theme.util, &theme.fill, &theme.heat, &theme.flow] {
            for step in 0..32 {
                let pen = on_ramp(ramp, f64::from(step) / 31.0);
                let shown = colour::shown(pen.fg).expect("a colour");
                for behind in [background, cursor] {
                    let contrast = colour::contrast(shown, bytes(behind));
                    assert!(contrast >= READABLE, "{name}: {pen:?} on {behind:06x}: {contrast:.2}");
                }
            }
        }
    });
}

/// Matrices for missing cones, on linear light: Machado, Oliveira and Fernandes, 2009, severity 1.
const VISIONS: [(&str, [[f32; 3]; 3]); 3] = [
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn seen(hex: u32, vision: &[[f32; 3]; 3]) -> [f32; 3] {
    let light = colour::linear(bytes(hex));
    let seen = vision.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f32>());
    colour::oklab(colour::bytes_of(seen))
}

#[test]
fn good_and_bad_are_told_apart_by_everybody() {
    each(|name, palette| {
        for (vision, matrix) in &VISIONS {
            let seen = [palette.ok, palette.warn, palette.crit].map(|hex| seen(hex, matrix));
            for (a, b) in [(0, 1), (1, 2), (0, 2)] {
                let parts = seen[a].iter().zip(seen[b]).map(|(a, b)| (a - b) * (a - b));
                let distance = parts.sum::<f32>().sqrt();
                // Two hundredths can just be seen side by side.
                assert!(distance >= 0.08, "{name}, {vision}: {a} and {b} are {distance:.3} apart");
            }
        }
    });
}

#[test]
fn ramps_for_everybody_go_one_way() {
    each(|name, palette| {
        if !name.starts_with("cb-") && name != "viridis" {
            return;
        }
        for stops in [palette.util, palette.fill, palette.heat, palette.flow] {
            let light = colour::ramp(stops).map(|step| colour::oklab(step)[0]);
            let up = light[31] > light[0];
            for pair in light.windows(2) {
                assert!((pair[1] > pair[0]) == up && pair[1] != pair[0], "{name}: {light:?}");
            }
        }
    });
}

#[test]
fn the_catalogue_has_what_was_promised() {
    let names: Vec<String> = Catalogue::default().names().map(str::to_owned).collect();
    let wanted = "ink paper cb-dark cb-light viridis contrast nord dracula gruvbox solarized \
                  tokyo-night catppuccin monokai terminal mono";
    assert_eq!(names.join(" "), wanted);
    for name in &names {
        for depth in [Depth::Mono, Depth::Eight, Depth::Sixteen, Depth::Indexed, Depth::True] {
            let theme = Catalogue::default().theme(name, depth).expect(name);
            let shows = [theme.text, theme.crit, theme.dim, theme.series[0], theme.util.bar(1.0)];
            for colour in shows.into_iter().flat_map(|pen| [pen.fg, pen.bg]) {
                let fits = match colour {
                    Colour::Reset => true,
                    Colour::Indexed(index) if depth == Depth::Eight => index < 8,
                    Colour::Indexed(index) if depth == Depth::Sixteen => index < 16,
                    Colour::Indexed(_) => depth >= Depth::Indexed,
                    _ => depth == Depth::True,
                };
                assert!(fits, "{name} at {depth:?}: {colour:?}");
            }
        }
    }
    let error = Catalogue::default().theme("inc", Depth::True).expect_err("no such theme");
    assert!(error.starts_with("no theme is called 'inc'; there are ink, paper"), "{error}");
}

#[test]
fn a_number_is_a_colour_of_the_terminal() {
    for (number, depth, wanted) in [
        ("2", Depth::True, Colour::Indexed(2)),
        ("8", Depth::Sixteen, Colour::Indexed(8)),
        ("8", Depth::Eight, Colour::Reset),
        ("0", Depth::Mono, Colour::Reset),
    ] {
        let theme = Catalogue::default().theme(number, depth).expect("a number");
        assert_eq!(theme.util, Ramp::flat(wanted));
    }
    assert!(Catalogue::default().theme("9", Depth::True).is_err());
}

#[test]
fn themes_of_ones_own_stand_before_the_others() {
    let texts = [
        ("nord.toml", "text = \"#fefefe\""),
        ("mine.toml", "text = \"#ffffff\""),
        ("bad.toml", "text = 1"),
        ("notes.txt", "nothing"),
    ];
    let read = |path: &Path| {
        let text = texts.iter().find(|(name, _)| path == Path::new(name));
        text.map(|(_, text)| (*text).to_owned()).ok_or(ErrorKind::PermissionDenied.into())
    };
    let paths = texts.iter().map(|(name, _)| PathBuf::from(name));
    let known = Catalogue::of(paths.chain([PathBuf::from("closed.toml")]), read);
    let names: Vec<&str> = known.names().take(5).collect();
    assert_eq!(names, ["bad", "closed", "mine", "nord", "ink"]);
    assert_eq!(known.names().filter(|&name| name == "nord").count(), 1);
    let nord = known.theme("nord", Depth::True).expect("valid");
    assert_eq!(nord.text.fg, Colour::Rgb(0xfe, 0xfe, 0xfe));
    for (name, wanted) in [
        ("bad", "bad.toml:1: text: takes a colour such as \"#88c0d0\""),
        ("closed", "closed.toml: permission denied"),
    ] {
        assert_eq!(known.theme(name, Depth::True).expect_err(name), wanted);
    }
}

/// A share that swings by a few percent is written in the same colour: each other one is up to 20
/// bytes in a frame.
#[test]
fn numbers_have_eight_colours_at_most() {
    let catalogue = Catalogue::default();
    for name in catalogue.names() {
        let theme = Theme::new(name, Depth::True);
        for ramp in [&theme.util, &theme.fill, &theme.heat, &theme.flow] {
            let mut pens: Vec<Pen> =
                (0..=1000).map(|n| on_ramp(ramp, f64::from(n) / 1e3)).collect();
            pens.dedup();
            assert!(pens.len() <= 8, "{name}: {}", pens.len());
            assert_eq!(on_ramp(ramp, -1.0), on_ramp(ramp, 0.0));
            assert_eq!(on_ramp(ramp, 9.0), on_ramp(ramp, 1.0));
        }
    }
}

#[test]
fn without_colours_nothing_is_coloured() {
    for name in Catalogue::default().names() {
        let theme = Theme::new(name, Depth::Mono);
        assert_eq!(theme.name, "mono");
        assert_eq!(theme.util, Ramp::flat(Colour::Reset));
        assert_eq!((theme.crit.fg, theme.crit.bg), (Colour::Reset, Colour::Reset));
    }
}

#[test]
fn names_of_another_tool_are_known_and_paint_what_they_stand_on() {
    let known = Catalogue::default();
    for (theirs, ours) in
        [("textual-dark", "ink"), ("textual-light", "paper"), ("catppuccin-mocha", "catppuccin")]
    {
        let theme = known.theme(theirs, Depth::True).expect("known");
        let own = known.theme(ours, Depth::True).expect("known");
        assert_eq!((theme.name.as_str(), theme.text), (theirs, own.text));
        assert!(theme.background.is_some() && own.background.is_none(), "{theirs}");
    }
}

#[test]
fn a_tint_stands_in_for_the_colours_of_charts_in_every_theme() {
    let plain = Catalogue::default();
    for tint in [Tint::Thermal, Tint::Viridis, Tint::Grey] {
        let tinted = Catalogue::default().tinted(Some(tint));
        let mut ramps = Vec::new();
        for name in ["ink", "paper", "nord"] {
            let (own, theme) = (plain.theme(name, Depth::True), tinted.theme(name, Depth::True));
            let (own, theme) = (own.expect("known"), theme.expect("known"));
            assert_ne!(own.util, theme.util, "{name}");
            assert_eq!((own.flow, own.ok), (theme.flow, theme.ok), "{name}");
            ramps.push(theme.util.bar(1.0));
        }
        assert!(ramps.iter().all(|pen| *pen == ramps[0]));
    }
}
