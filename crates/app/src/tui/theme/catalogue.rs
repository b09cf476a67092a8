//! The themes there are: those that come with retop, and the user's.

use std::path::{Path, PathBuf};

use super::Theme;
use super::built_in::BUILT_IN;
use super::palette::Palette;
use crate::tui::render::Depth;

/// Themes that use what the terminal has: its palette of 16, and none of it.
const PLAIN: [&str; 2] = ["terminal", "mono"];

/// Names that another tool has for one of them. It paints its backgrounds.
const THEIRS: [(&str, &str); 3] =
    [("textual-dark", "ink"), ("textual-light", "paper"), ("catppuccin-mocha", "catppuccin")];

/// Colours from little to much that stand in for those of any theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// From blue to red.
    Thermal,
    /// The colours of the theme of that name.
    Viridis,
    /// Greys.
    Grey,
}

impl Tint {
    fn stops(self) -> [u32; 5] {
        match self {
            Tint::Thermal => [0x42_87f5, 0x6e_75c8, 0x99_649b, 0xc5_526d, 0xf0_4640],
            Tint::Viridis => [0x46_327e, 0x36_5c8d, 0x1f_a187, 0x7a_d151, 0xfd_e725],
            Tint::Grey => [0x3a_3a3a, 0x64_6464, 0x8e_8e8e, 0xb8_b8b8, 0xe6_e6e6],
        }
    }
}

/// The themes there are.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    tint: Option<Tint>,
    /// Name, and what its file says or what is wrong with it.
    own: Vec<(String, Result<Palette, String>)>,
}

impl Catalogue {
    /// With the user's themes: each file `NAME.toml` in that folder. What is wrong with one is said
    /// when somebody wants it.
    #[must_use]
    pub fn read(folder: &Path) -> Catalogue {
        let paths = std::fs::read_dir(folder).into_iter().flatten().flatten();
        Catalogue::of(paths.map(|entry| entry.path()), |path| std::fs::read_to_string(path))
    }

    pub(super) fn of(
        paths: impl Iterator<Item = PathBuf>,
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Catalogue {
        let mut own = Vec::new();
        for path in paths {
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let shown = path.display().to_string();
            let palette = match read(&path) {
                Ok(text) => super::file::read(&shown, &text),
                Err(error) => Err(format!("{shown}: {}", crate::config::lower(&error.to_string()))),
            };
            own.push((name.to_owned(), palette));
        }
        own.sort_by(|a, b| a.0.cmp(&b.0));
        Catalogue { tint: None, own }
    }

    /// With these colours of charts and bars in every theme.
    #[must_use]
    pub fn tinted(self, tint: Option<Tint>) -> Catalogue {
        Catalogue { tint, ..self }
    }

    /// The names, the user's first: one of theirs stands before a built-in one of the same name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.own.iter().map(|(name, _)| name.as_str());
        let new = |name: &&str| !self.own.iter().any(|(own, _)| own == name);
        own.chain(BUILT_IN.iter().map(|(name, _)| *name).chain(PLAIN).filter(new))
    }

    /// The theme of that name in the colours that the terminal has. A number from 0 to 8 is
    /// asitop's: everything in that one of the terminal's colours.
    ///
    /// # Errors
    ///
    /// What is wrong with its file, or which themes there are.
    pub fn theme(&self, name: &str, depth: Depth) -> Result<Theme, String> {
        let own = self.own.iter().find(|(own, _)| own == name);
        let theirs = THEIRS.iter().find(|(theirs, _)| own.is_none() && *theirs == name);
        let (asked, name) = (name, theirs.map_or(name, |(_, ours)| ours));
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
        let palette = match (own, built_in) {
            (Some((_, palette)), _) => Some(palette.as_ref().map_err(Clone::clone)?),
            (None, Some((_, palette))) => Some(palette),
            (None, None) => None,
        };
        let number = name.parse().ok().filter(|number| (0..=8).contains(number));
        match (palette, number, depth) {
            (None, None, _) if !PLAIN.contains(&name) => {
                let known: Vec<&str> = self.names().collect();
                Err(format!("no theme is called '{name}'; there are {}", known.join(", ")))
            }
            (_, _, Depth::Mono) => Ok(Theme::mono()),
            (None, Some(number), depth) => Ok(Theme::one_colour(number, depth)),
            (Some(palette), _, Depth::Indexed | Depth::True) => {
                let mut palette = palette.clone();
                palette.paint |= theirs.is_some();
                if let Some(tint) = self.tint {
                    (palette.util, palette.fill, palette.heat) =
                        (tint.stops(), tint.stops(), tint.stops());
                }
                // Under the name that was asked for, so that it can be taken again.
                Ok(palette.theme(asked, depth))
            }
            (None, None, _) if name == "mono" => Ok(Theme::mono()),
            // With so few colours a theme is whatever the user has made of them.
            _ => Ok(Theme::terminal(depth)),
        }
    }

    /// The default.
    #[must_use]
    pub fn first(&self, depth: Depth) -> Theme {
        match depth {
            Depth::Mono => Theme::mono(),
            Depth::Eight | Depth::Sixteen => Theme::terminal(depth),
            Depth::Indexed | Depth::True => BUILT_IN[0].1.theme(BUILT_IN[0].0, depth),
        }
    }
}
