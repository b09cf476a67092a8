//! Words and patterns that a text must equal.

use super::Word;
use super::pattern::is_blind;

/// A text in which `*` stands for anything, ready to be tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wild {
    /// As it was written, but for the backslashes of spaces.
    pub text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Any,
    /// One character, whatever it is.
    Each,
    /// The character, and whether its case counts.
    One(char, bool),
}

impl Wild {
    pub(super) fn new(text: String) -> Wild {
        let exact = !is_blind(&text);
        let mut pieces = Vec::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            pieces.push(match c {
                '*' => Piece::Any,
                '\\' => Piece::One(characters.next().unwrap_or('\\'), exact),
                c => Piece::One(c, exact),
            });
        }
        Wild { text, pieces }
    }

    /// As shells have it: `*` is any text, `?` any character, and case counts.
    #[must_use]
    pub fn glob(text: String) -> Wild {
        let piece = |c| match c {
            '*' => Piece::Any,
            '?' => Piece::Each,
            c => Piece::One(c, true),
        };
        let pieces = text.chars().map(piece).collect();
        Wild { text, pieces }
    }

    /// True if it is the whole text. Goes back no further than to the last star: no text makes it slow.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let next = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
        let (mut at, mut piece) = (0, 0);
        let mut last_star = None;
        while let Some(c) = next(at) {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    last_star = Some((piece, at));
                    piece += 1;
                    continue;
                }
                Some(&Piece::One(wanted, exact)) if !is_same(c, wanted, exact) => {}
                Some(Piece::Each | Piece::One(..)) => {
                    at += c.len_utf8();
                    piece += 1;
                    continue;
                }
                None => {}
            }
            let Some((star, tried)) = last_star else { return false };
            let tried = tried + next(tried).map_or(1, char::len_utf8);
            last_star = Some((star, tried));
            (piece, at) = (star + 1, tried);
        }
        self.pieces.get(piece..).unwrap_or(&[]).iter().all(|piece| *piece == Piece::Any)
    }
}

impl Word {
    /// The word as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Word::Wild(wild) => &wild.text,
            Word::Exact(text) => text,
        }
    }

    /// True if the text, or for an unquoted word one of its parts between spaces, slashes and
    /// commas, equals the word.
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Word::Exact(wanted) => {
                let exact = !is_blind(wanted);
                let mut characters = text.chars();
                wanted.chars().all(|w| characters.next().is_some_and(|c| is_same(c, w, exact)))
                    && characters.next().is_none()
            }
            Word::Wild(wild) => {
                let ends = |c: char| c.is_whitespace() || c == '/' || c == ',';
                let mut parts = text.split(ends).filter(|part| !part.is_empty());
                wild.is(text) || parts.any(|part| wild.is(part))
            }
        }
    }
}

fn is_same(text: char, wanted: char, exact: bool) -> bool {
    text == wanted || (!exact && text.to_lowercase().eq(wanted.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_and_words_end_at_slashes() {
        for (word, text, fits) in [
            ("bob", "bob", true),
            ("bob", "Bob", true),
            ("Bob", "bob", false),
            ("bob", "bobby", false),
            ("bob*", "bobby", true),
            ("*b", "bob", true),
            ("b*b*y", "bobby", true),
            ("b*x", "bobby", false),
            ("*", "", true),
            ("nginx.service", "/system.slice/nginx.service", true),
            ("/system.slice/*", "/system.slice/nginx.service", true),
            ("nginx", "nginx: worker", false),
            ("nginx:", "nginx: worker", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("über*", "ÜBERFLUG", true),
            ("*音*", "の音楽", true),
            ("*a*a*a*a*a*a*a*b", &"a".repeat(2000), false),
        ] {
            let word = Word::Wild(Wild::new(word.to_owned()));
            assert_eq!(word.fits(text), fits, "{word:?} {text}");
        }
        assert!(Word::Exact("my app".into()).fits("My App"));
        assert!(!Word::Exact("app".into()).fits("my app"));
        assert!(!Word::Exact("app*".into()).fits("apple"));
    }

    #[test]
    fn globs_equal_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*", "", true),
            ("*", "anything", true),
            ("post*", "postgres", true),
            ("*gres", "postgres", true),
            ("p*s", "postgres", true),
            ("p*g*s", "postgres", true),
            ("p*x", "postgres", false),
            ("p?stgres", "postgres", true),
            ("?", "", false),
            ("*a*b", "aab-ab", true),
            ("größe", "größe", true),
            ("Post", "post", false),
            ("a\\*", "a\\b", true),
            ("gr??e", "größe", true),
            ("a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(Wild::glob(pattern.to_owned()).is(text), expected, "{pattern:?} {text:?}");
        }
    }
}
