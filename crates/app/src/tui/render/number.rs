//! Text built on the stack: nothing below the draw entry allocates.

use std::fmt;

/// Up to `N` bytes of text. What does not fit is cut at a character's border.
#[derive(Clone, Copy)]
pub struct Short<const N: usize = 96> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Short<N> {
    /// Empty.
    #[must_use]
    pub const fn new() -> Short<N> {
        Short { bytes: [0; N], len: 0 }
    }

    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        let mut end = text.len().min(N - self.len);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[self.len..self.len + end].copy_from_slice(&text.as_bytes()[..end]);
        self.len += end;
        self
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Short::new()
    }
}

impl<const N: usize> fmt::Write for Short<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

impl<const N: usize> std::ops::Deref for Short<N> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// `format!` onto the stack: 96 bytes.
#[macro_export]
macro_rules! short {
    ($($arguments:tt)*) => {{
        let mut text = $crate::tui::render::Short::<96>::new();
        // Writing into a `Short` cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!($($arguments)*));
        text
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        let mut text = Short::<5>::new();
        text.push("ab–").push("x");
        assert_eq!(text.as_str(), "ab–");
        let mut text = Short::<4>::new();
        text.push("ab–");
        assert_eq!(text.as_str(), "ab");
        assert_eq!(&*short!("{:>5.1}", 1.25), "  1.2");
    }
}
