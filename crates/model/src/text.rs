//! Text that a machine gave: shown sanitised, kept raw.

use std::sync::Arc;

/// A name, command line, label or reason. Cheap to clone; equal texts need not share memory.
///
/// Process names and command lines are written by whoever runs the process, so they may carry
/// escape sequences, right-to-left overrides or bytes that are no UTF-8. [`Text::shown`] is safe to
/// put on a terminal; [`Text::raw`] is what the machine said, for recordings.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

struct Inner {
    shown: Box<str>,
    /// Only where it differs from `shown`.
    raw: Option<Box<[u8]>>,
}

impl Text {
    /// Takes bytes as the machine gave them.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Text {
        let inner = match std::str::from_utf8(bytes) {
            Ok(clean) if !clean.chars().any(is_hostile) => Inner { shown: clean.into(), raw: None },
            _ => Inner { shown: sanitise(bytes).into(), raw: Some(bytes.into()) },
        };
        Text(Arc::new(inner))
    }

    /// The text for people: no control characters, no bidirectional overrides, valid UTF-8.
    #[inline]
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0.shown
    }

    /// The bytes as the machine gave them.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.0.raw.as_deref().unwrap_or(self.0.shown.as_bytes())
    }

    /// True if both are the same piece of memory: equal without looking.
    #[inline]
    #[must_use]
    pub fn same(&self, other: &Text) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::new(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::new(text.as_bytes())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.same(other) || self.raw() == other.raw()
    }
}

impl Eq for Text {}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

/// Characters that move the cursor, hide text or change its direction.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// Each hostile character and each invalid byte sequence becomes one `?`.
fn sanitise(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.extend(chunk.valid().chars().map(|c| if is_hostile(c) { '?' } else { c }));
        if !chunk.invalid().is_empty() {
            shown.push('?');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_are_defused_and_kept() {
        let text = Text::new(b"a\x1b[31m)\nb\xff\xe2\x80\xaec");
        assert_eq!(text.shown(), "a?[31m)?b??c");
        assert_eq!(text.raw(), b"a\x1b[31m)\nb\xff\xe2\x80\xaec");
        assert_eq!(Text::from("日本 🦀").shown(), "日本 🦀");
    }

    proptest! {
        #[test]
        fn nothing_hostile_is_ever_shown(bytes: Vec<u8>) {
            let text = Text::new(&bytes);
            prop_assert!(!text.shown().chars().any(is_hostile));
            prop_assert_eq!(text.raw(), &bytes[..]);
        }
    }
}
