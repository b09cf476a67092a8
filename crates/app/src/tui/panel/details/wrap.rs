//! Long texts over several lines.

/// The pieces of a text that fit into so many cells each. An empty text is one empty piece.
pub fn cells(text: &str, room: u16) -> impl Iterator<Item = &str> {
    pieces(text, move |text| end_of(text, room.max(2)))
}

/// The same, cut between words where there are any.
pub fn words(text: &str, room: u16) -> impl Iterator<Item = &str> {
    pieces(text, move |text| {
        let end = end_of(text, room.max(2));
        let blank = text[..end].rfind(' ').filter(|_| end < text.len());
        blank.map_or(end, |blank| blank + 1)
    })
}

fn pieces(text: &str, end: impl Fn(&str) -> usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end(text);
        rest = text.get(end..).filter(|rest| !rest.is_empty());
        Some(&text[..end])
    })
}

/// Bytes of the text that fit.
fn end_of(text: &str, room: u16) -> usize {
    let beginning = text.as_bytes().get(..usize::from(room)).unwrap_or(text.as_bytes());
    if beginning.is_ascii() && text.is_char_boundary(beginning.len()) {
        return beginning.len();
    }
    let mut taken = 0_u16;
    let over = text.char_indices().find(|&(_, c)| {
        taken = taken.saturating_add(crate::tui::render::width(c.encode_utf8(&mut [0; 4])));
        taken > room
    });
    over.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cut_where_the_room_ends() {
        let cut = |text, room| cells(text, room).collect::<Vec<_>>();
        assert_eq!(cut("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(cut("", 4), [""]);
        assert_eq!(cut("日本語", 5), ["日本", "語"]);
        assert_eq!(cut("日本", 0), ["日", "本"], "no room at all is not asked for");
        let cut = |text, room| words(text, room).collect::<Vec<_>>();
        assert_eq!(cut("one two three", 8), ["one two ", "three"]);
        assert_eq!(cut("onetwothree", 4), ["onet", "woth", "ree"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_wide(text in ".{0,200}", room in 0_u16..40) {
            prop_assert_eq!(cells(&text, room).collect::<String>(), text.clone());
            prop_assert_eq!(words(&text, room).collect::<String>(), text.clone());
            for piece in cells(&text, room).chain(words(&text, room)) {
                prop_assert!(crate::tui::render::width(piece) <= room.max(2));
            }
        }
    }
}
