//! How a cell looks.

/// A colour of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// The terminal's own.
    #[default]
    Reset,
    /// One of the palette.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

bitflags::bitflags! {
    /// What text has besides its colours.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Modifier: u8 {
        /// Thick, or bright.
        const BOLD = 1;
        /// Faint.
        const DIM = 1 << 1;
        /// Slanted.
        const ITALIC = 1 << 2;
        /// With a line under it.
        const UNDERLINED = 1 << 3;
        /// Its two colours changed for each other.
        const REVERSED = 1 << 4;
    }
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    /// Colour of the text.
    pub fg: Colour,
    /// Colour behind it; `Reset` leaves the terminal's own.
    pub bg: Colour,
    /// Bold, dim, reverse.
    pub modifier: Modifier,
}

impl Pen {
    /// A colour on the terminal's own background.
    #[must_use]
    pub const fn new(fg: Colour) -> Pen {
        Pen { fg, bg: Colour::Reset, modifier: Modifier::empty() }
    }

    /// On another background.
    #[must_use]
    pub const fn on(self, bg: Colour) -> Pen {
        Pen { bg, ..self }
    }

    /// With the modifier added.
    #[must_use]
    pub const fn with(self, modifier: Modifier) -> Pen {
        Pen { modifier: self.modifier.union(modifier), ..self }
    }

    /// Bold.
    #[must_use]
    pub const fn bold(self) -> Pen {
        self.with(Modifier::BOLD)
    }

    /// Dim.
    #[must_use]
    pub const fn dim(self) -> Pen {
        self.with(Modifier::DIM)
    }

    /// This pen on the cursor's row: the row's background, and its reverse where it has one.
    #[must_use]
    pub fn over(self, row: Option<Pen>) -> Pen {
        match row {
            Some(row) if row.bg == Colour::Reset => row,
            Some(row) => Pen { bg: row.bg, modifier: self.modifier.union(row.modifier), ..self },
            None => self,
        }
    }
}
