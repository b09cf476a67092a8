//! A theme of one's own: a TOML file in the folder `themes` beside `config.toml`.
//!
//! ```toml
//! base = "nord"             # what is not named here
//! accent = "#88c0d0"
//! util = ["#8fbcbb", "#a3be8c", "#ebcb8b", "#d08770", "#bf616a"]
//! background = "#2e3440"
//! paint = true              # and not only stand on it
//! ```

use toml_edit::{Item, Value};

use super::built_in::BUILT_IN;
use super::palette::Palette;
use crate::config::{document, place};
use crate::value;

const KEYS: [&str; 18] = [
    "base",
    "background",
    "paint",
    "text",
    "dim",
    "faint",
    "border",
    "title",
    "accent",
    "cursor",
    "head",
    "ok",
    "warn",
    "crit",
    "series",
    "util",
    "fill",
    "flow",
];

/// Reads the text of a theme file. `name` stands in front of messages.
///
/// # Errors
///
/// The first thing that is wrong, with its line.
pub fn read(name: &str, text: &str) -> Result<Palette, String> {
    let document = document(name, text)?;
    let here = |key: &str, item: &Item| {
        place(name, text, document.key(key).and_then(toml_edit::Key::span).or(item.span()))
    };
    let base = match document.get("base") {
        Some(item) => item.as_str().ok_or_else(|| {
            format!("{}: base: takes the name of a built-in theme", here("base", item))
        })?,
        None => "ink",
    };
    let mut palette = match BUILT_IN.iter().find(|(known, _)| *known == base) {
        Some((_, palette)) => palette.clone(),
        None => {
            let known = BUILT_IN.map(|(known, _)| known).join(", ");
            let item = document.get("base").unwrap_or(&Item::None);
            return Err(format!("{}: base: there are {known}", here("base", item)));
        }
    };
    let mut heat = false;
    for (key, item) in document.iter() {
        set(&mut palette, key, item).map_err(|why| format!("{}: {why}", here(key, item)))?;
        heat |= key == "heat";
    }
    if !heat && document.contains_key("util") {
        // Nobody wants the temperatures of another theme.
        palette.heat = palette.util;
    }
    Ok(palette)
}

fn set(palette: &mut Palette, key: &str, item: &Item) -> Result<(), String> {
    let place = match key {
        "base" => return Ok(()),
        "paint" => {
            let on = item.as_bool().ok_or("paint: takes true or false")?;
            palette.paint = on;
            return Ok(());
        }
        "series" => return colours(key, item, &mut palette.series),
        "util" => return colours(key, item, &mut palette.util),
        "fill" => return colours(key, item, &mut palette.fill),
        "heat" => return colours(key, item, &mut palette.heat),
        "flow" => return colours(key, item, &mut palette.flow),
        "background" => &mut palette.background,
        "text" => &mut palette.text,
        "dim" => &mut palette.dim,
        "faint" => &mut palette.faint,
        "border" => &mut palette.border,
        "title" => &mut palette.title,
        "accent" => &mut palette.accent,
        "cursor" => &mut palette.cursor,
        "head" => &mut palette.head,
        "ok" => &mut palette.ok,
        "warn" => &mut palette.warn,
        "crit" => &mut palette.crit,
        _ => {
            let near = value::nearest(key, KEYS.into_iter().chain(["heat"]));
            let near = near.map_or(String::new(), |near| format!("; there is '{near}'"));
            return Err(format!("unknown key '{key}'{near}"));
        }
    };
    *place = item.as_value().and_then(colour).ok_or_else(|| format!("{key}: {FORM}"))?;
    Ok(())
}

const FORM: &str = "takes a colour such as \"#88c0d0\"";

fn colours<const N: usize>(key: &str, item: &Item, place: &mut [u32; N]) -> Result<(), String> {
    let wrong = || format!("{key}: takes a list of {N} colours such as \"#88c0d0\"");
    let list = item.as_array().filter(|list| list.len() == N).ok_or_else(wrong)?;
    for (place, value) in place.iter_mut().zip(list) {
        *place = colour(value).ok_or_else(wrong)?;
    }
    Ok(())
}

/// `#rrggbb` or `#rgb`.
fn colour(value: &Value) -> Option<u32> {
    let digits = value.as_str()?.strip_prefix('#')?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        6 => Some(number),
        3 => Some((number & 0xf00) * 0x1100 + (number & 0xf0) * 0x110 + (number & 0xf) * 0x11),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_what_it_names() {
        let nord = &BUILT_IN.iter().find(|(name, _)| *name == "nord").expect("built in").1;
        let text = "base = \"nord\"\naccent = '#abc'\nutil = ['#000001', '#000002', '#000003', \
                    '#000004', '#000005']\npaint = true\n";
        let palette = read("t.toml", text).expect("valid");
        assert_eq!(palette.accent, 0xaa_bbcc);
        assert_eq!((palette.util, palette.heat), ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]));
        assert_eq!((palette.text, palette.paint), (nord.text, true));
        assert_eq!(read("t.toml", "").expect("an empty file is ink").text, BUILT_IN[0].1.text);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("text = \"#12345\"", "t.toml:1: text: takes a colour such as \"#88c0d0\""),
            ("\ntext = \"#12345g\"", "t.toml:2: text: takes a colour such as \"#88c0d0\""),
            ("text = 7", "t.toml:1: text: takes a colour such as \"#88c0d0\""),
            ("text = \"+12345\"", "t.toml:1: text: takes a colour such as \"#88c0d0\""),
            ("text = \"#é\"", "t.toml:1: text: takes a colour such as \"#88c0d0\""),
            ("texd = \"#123456\"", "t.toml:1: unknown key 'texd'; there is 'text'"),
            ("zzzzzzzz = 1", "t.toml:1: unknown key 'zzzzzzzz'"),
            ("paint = 1", "t.toml:1: paint: takes true or false"),
            (
                "fill = [\"#123456\"]",
                "t.toml:1: fill: takes a list of 5 colours such as \"#88c0d0\"",
            ),
            ("base = 3", "t.toml:1: base: takes the name of a built-in theme"),
        ];
        for (text, wanted) in cases {
            assert_eq!(read("t.toml", text).expect_err(text), wanted);
        }
        let error = read("t.toml", "\nbase = \"norse\"").expect_err("no such theme");
        assert!(error.starts_with("t.toml:2: base: there are ink, paper, "), "{error}");
        let error = read("t.toml", "text = ").expect_err("no TOML");
        assert!(error.starts_with("t.toml:1: "), "{error}");
    }
}
