//! Bytes from the terminal into keys.
//!
//! Our own decoder, because it must know three things that others do not offer: that the terminal
//! is gone (end of input, not a busy loop), that pasted text is no command, and the base-layout key
//! of the kitty protocol. It owns no descriptor and no thread.

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
    /// Two letters, one after the other. No terminal sends it: the keymap makes it of two keys.
    Pair(char, char),
}

/// A key with its modifiers. Shift on a character is in the character itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl Key {
    /// A key alone.
    #[must_use]
    pub const fn of(code: Code) -> Key {
        Key { code, ctrl: false, alt: false, shift: false }
    }

    /// A character.
    #[must_use]
    pub const fn char(c: char) -> Key {
        Key::of(Code::Char(c))
    }

    /// A function key.
    #[must_use]
    pub const fn f(number: u8) -> Key {
        Key::of(Code::F(number))
    }

    /// A character with Alt.
    #[must_use]
    pub const fn alt(c: char) -> Key {
        Key { alt: true, ..Key::char(c) }
    }

    /// A letter with Control.
    #[must_use]
    pub const fn ctrl(c: char) -> Key {
        Key { ctrl: true, ..Key::char(c) }
    }

    /// A key with Shift.
    #[must_use]
    pub const fn shift(code: Code) -> Key {
        Key { shift: true, ..Key::of(code) }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        if self.shift {
            f.write_str("Shift-")?;
        }
        match self.code {
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            Code::Char(c) => write!(f, "{c}"),
            Code::Pair(first, second) => write!(f, "{first}{second}"),
            Code::F(number) => write!(f, "F{number}"),
            Code::Up => f.write_str("↑"),
            Code::Down => f.write_str("↓"),
            Code::Left => f.write_str("←"),
            Code::Right => f.write_str("→"),
            Code::PageUp => f.write_str("PgUp"),
            Code::PageDown => f.write_str("PgDn"),
            Code::BackTab => f.write_str("Shift-Tab"),
            code => write!(f, "{code:?}"),
        }
    }
}

/// What came from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A character was pasted: text for an input line, never a command.
    Pasted(char),
    /// The mouse did something.
    Mouse(Mouse),
    /// The colour that everything stands on, which the terminal was asked for.
    Background([u8; 3]),
    /// The terminal got the focus, or lost it.
    Focus(bool),
}

/// What the mouse did, and in which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mouse {
    pub kind: MouseKind,
    pub x: u16,
    pub y: u16,
}

/// What can be done with a mouse; of its buttons the left one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MouseKind {
    Press,
    Drag,
    Release,
    Wheel { up: bool },
}

/// How far a sequence reached.
enum Step {
    /// An event in that many bytes.
    Event(Event, usize),
    /// Nothing to tell in that many bytes.
    Skip(usize),
    /// Pasting began or ended.
    Paste(bool, usize),
    /// More bytes must come.
    Wait,
}

/// The longest sequence that is waited for; the kitty protocol's longest is shorter.
const LONGEST: usize = 64;

/// Keeps what has come of a sequence.
#[derive(Debug, Default)]
pub struct Decoder {
    waiting: Vec<u8>,
    pasting: bool,
}

impl Decoder {
    /// Takes bytes; gives events to `found`.
    pub fn feed(&mut self, bytes: &[u8], found: &mut impl FnMut(Event)) {
        self.waiting.extend_from_slice(bytes);
        self.run(false, found);
    }

    /// True if a sequence has begun that may yet go on: an escape key alone looks like that.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// No more bytes came: what is here is all.
    pub fn flush(&mut self, found: &mut impl FnMut(Event)) {
        self.run(true, found);
    }

    fn run(&mut self, last: bool, found: &mut impl FnMut(Event)) {
        let mut at = 0;
        while let Some(rest) = self.waiting.get(at..).filter(|rest| !rest.is_empty()) {
            let step = match step(rest, self.pasting) {
                // The answer to a question, cut short, is no key.
                Step::Wait if last && rest.len() > 2 && rest.starts_with(b"\x1b]") => {
                    Step::Skip(rest.len())
                }
                Step::Wait if last && rest == b"\x1b]" => Step::Event(Event::Key(Key::alt(']')), 2),
                Step::Wait if last && rest[0] == 0x1b => {
                    Step::Event(Event::Key(Key::of(Code::Esc)), 1)
                }
                Step::Wait if last || rest.len() >= LONGEST => Step::Skip(1),
                step => step,
            };
            at += match step {
                Step::Event(event, len) => {
                    found(event);
                    len
                }
                Step::Paste(on, len) => {
                    self.pasting = on;
                    len
                }
                Step::Skip(len) => len,
                Step::Wait => break,
            };
        }
        self.waiting.drain(..at.min(self.waiting.len()));
    }
}

fn step(bytes: &[u8], pasting: bool) -> Step {
    if pasting {
        return pasted(bytes);
    }
    match bytes {
        [0x1b, rest @ ..] => escape(rest),
        _ => plain(bytes),
    }
}

fn key(code: Code, len: usize) -> Step {
    Step::Event(Event::Key(Key::of(code)), len)
}

/// Inside a paste: characters, until its end mark.
fn pasted(bytes: &[u8]) -> Step {
    const END: &[u8] = b"\x1b[201~";
    if bytes.starts_with(END) {
        return Step::Paste(false, END.len());
    }
    if END.starts_with(bytes) {
        return Step::Wait;
    }
    match character(bytes) {
        Some((c, len)) if !c.is_control() => Step::Event(Event::Pasted(c), len),
        Some((_, len)) => Step::Skip(len),
        None if bytes.len() < 4 && incomplete(bytes) => Step::Wait,
        None => Step::Skip(1),
    }
}

fn plain(bytes: &[u8]) -> Step {
    match bytes[0] {
        b'\r' | b'\n' => key(Code::Enter, 1),
        b'\t' => key(Code::Tab, 1),
        0x7f | 0x08 => key(Code::Backspace, 1),
        0 => Step::Event(Event::Key(Key::ctrl(' ')), 1),
        byte @ 1..=26 => Step::Event(Event::Key(Key::ctrl(char::from(byte + 0x60))), 1),
        byte @ 27..=31 => Step::Event(Event::Key(Key::ctrl(char::from(byte + 0x40))), 1),
        _ => match character(bytes) {
            Some((c, len)) if !c.is_control() => key(Code::Char(c), len),
            Some((_, len)) => Step::Skip(len),
            None if bytes.len() < 4 && incomplete(bytes) => Step::Wait,
            None => Step::Skip(1),
        },
    }
}

/// The first character, if its bytes are all here and valid.
fn character(bytes: &[u8]) -> Option<(char, usize)> {
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    let c = chunk.valid().chars().next()?;
    Some((c, c.len_utf8()))
}

/// True if the bytes are the beginning of a character.
fn incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// What comes after the escape byte.
fn escape(rest: &[u8]) -> Step {
    match rest {
        [] => Step::Wait,
        // Two escapes: the first was the key.
        [0x1b, ..] => key(Code::Esc, 1),
        [b'[', rest @ ..] => control(rest),
        [b']'] => Step::Wait,
        [b']', answer @ ..] if answer[0].is_ascii_digit() => answered(answer),
        [b'O'] => Step::Wait,
        [b'O', last, ..] => match letter(*last) {
            Some(code) => key(code, 3),
            None => Step::Skip(3),
        },
        _ => match plain(rest) {
            Step::Event(Event::Key(key), len) => {
                Step::Event(Event::Key(Key { alt: true, ..key }), len + 1)
            }
            Step::Skip(len) => Step::Skip(len + 1),
            step => step,
        },
    }
}

/// What comes after the escape byte and `]`: the answer to a question, which a bell ends or an
/// escape byte and `\`.
fn answered(rest: &[u8]) -> Step {
    let Some(end) = rest.iter().position(|&byte| matches!(byte, 0x07 | 0x1b)) else {
        return Step::Wait;
    };
    let len = match rest[end..] {
        [0x07, ..] => end + 3,
        [_, b'\\', ..] => end + 4,
        [_] => return Step::Wait,
        // Another sequence has begun.
        _ => return Step::Skip(end + 2),
    };
    match background(&rest[..end]) {
        Some(colour) => Step::Event(Event::Background(colour), len),
        None => Step::Skip(len),
    }
}

/// `11;rgb:ffff/ffff/dddd`, each of the three in one to four digits.
fn background(answer: &[u8]) -> Option<[u8; 3]> {
    let colour = std::str::from_utf8(answer).ok()?.strip_prefix("11;rgb")?;
    let mut parts = colour.trim_start_matches('a').strip_prefix(':')?.split('/').map(|digits| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
        let part =
            u32::from_str_radix(digits, 16).ok().filter(|_| (1..=4).contains(&digits.len()))?;
        u8::try_from(part * 255 / most).ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// What comes after the escape byte and `[`.
fn control(rest: &[u8]) -> Step {
    // The Linux console's F1 to F5.
    if let [b'[', number @ b'A'..=b'E', ..] = rest {
        return key(Code::F(number - b'A' + 1), 4);
    }
    if rest == b"[" {
        return Step::Wait;
    }
    // Terminals that know no other form of mouse reports: three bytes follow.
    if let [b'M', report @ ..] = rest {
        let [button, x, y, ..] = *report else { return Step::Wait };
        let cell = |byte: u8| u32::from(byte.saturating_sub(32));
        let button = button.wrapping_sub(32);
        return mouse(
            [u32::from(button), cell(x), cell(y)],
            button & 3 != 3 || button & 64 != 0,
            6,
        );
    }
    let Some(end) = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return Step::Wait;
    };
    let len = end + 3;
    let (parameters, last) = (&rest[..end], rest[end]);
    if !(0x40..=0x7e).contains(&last) {
        return Step::Skip(len - 1);
    }
    let (form, parameters) = match parameters {
        [b'<', rest @ ..] => (Some(b'<'), rest),
        parameters => (parameters.first().copied(), parameters),
    };
    let mut numbers = [[0_u32; 3]; 3];
    for (numbers, part) in numbers.iter_mut().zip(parameters.split(|&byte| byte == b';')) {
        for (number, digits) in numbers.iter_mut().zip(part.split(|&byte| byte == b':')) {
            *number = digits.iter().fold(0, |sum: u32, &digit| {
                sum.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
            });
        }
    }
    let [[number, _, base], [modifiers, kind, _], [third, ..]] = numbers;
    if let (Some(b'<'), b'M' | b'm') = (form, last) {
        return mouse([number, modifiers, third], last == b'M', len);
    }
    // The kitty protocol reports releases too, where they were asked for.
    if kind == 3 {
        return Step::Skip(len);
    }
    let code = match last {
        b'~' => match number {
            200 => return Step::Paste(true, len),
            1 | 7 => Some(Code::Home),
            2 => Some(Code::Insert),
            3 => Some(Code::Delete),
            4 | 8 => Some(Code::End),
            5 => Some(Code::PageUp),
            6 => Some(Code::PageDown),
            11..=15 => Some(Code::F((number - 10) as u8)),
            17..=21 => Some(Code::F((number - 11) as u8)),
            23 | 24 => Some(Code::F((number - 12) as u8)),
            _ => None,
        },
        b'I' | b'O' if parameters.is_empty() => {
            return Step::Event(Event::Focus(last == b'I'), len);
        }
        b'u' => unicode(if base != 0 { base } else { number }, modifiers),
        b'Z' => Some(Code::BackTab),
        // With parameters of another kind these are reports, such as of the cursor's place.
        _ if form.is_some_and(|byte| !byte.is_ascii_digit()) => None,
        last => letter(last),
    };
    let Some(code) = code else { return Step::Skip(len) };
    let bits = modifiers.saturating_sub(1);
    let shift = bits & 1 != 0 && !matches!(code, Code::Char(_) | Code::BackTab);
    let key = Key { code, shift, alt: bits & 2 != 0, ctrl: bits & 4 != 0 };
    Step::Event(Event::Key(key), len)
}

/// A report of the mouse: its button, column and row; whether that is down.
fn mouse([button, x, y]: [u32; 3], down: bool, len: usize) -> Step {
    // Of the bits 4, 8 and 16 are Shift, Alt and Control, 32 is a move, 64 the wheel.
    let kind = match (button & !0b1_1100, down) {
        (0, true) => MouseKind::Press,
        (0 | 3, false) => MouseKind::Release,
        (32, true) => MouseKind::Drag,
        (64, true) => MouseKind::Wheel { up: true },
        (65, true) => MouseKind::Wheel { up: false },
        _ => return Step::Skip(len),
    };
    let cell = |number: u32| u16::try_from(number.saturating_sub(1)).unwrap_or(u16::MAX);
    Step::Event(Event::Mouse(Mouse { kind, x: cell(x), y: cell(y) }), len)
}

fn letter(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'F' => Code::End,
        b'H' => Code::Home,
        b'P'..=b'S' => Code::F(last - b'P' + 1),
        _ => return None,
    })
}

/// A key of the kitty protocol.
fn unicode(number: u32, modifiers: u32) -> Option<Code> {
    Some(match number {
        9 if modifiers.saturating_sub(1) & 1 != 0 => Code::BackTab,
        9 => Code::Tab,
        13 => Code::Enter,
        27 => Code::Esc,
        8 | 127 => Code::Backspace,
        number => {
            let c = char::from_u32(number).filter(|c| !c.is_control())?;
            // The private area holds keys such as Caps Lock by itself.
            if ('\u{e000}'..='\u{f8ff}').contains(&c) {
                return None;
            }
            let shift = modifiers.saturating_sub(1) & 1 != 0;
            Code::Char(if shift { c.to_ascii_uppercase() } else { c })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<Event> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            decoder.feed(piece, &mut |event| events.push(event));
        }
        decoder.flush(&mut |event| events.push(event));
        assert!(!decoder.is_waiting());
        events
    }

    #[test]
    fn sequences_are_keys() {
        let mods = |code, ctrl, alt, shift| Key { code, ctrl, alt, shift };
        let cases: &[(&[u8], Key)] = &[
            (b"a", Key::char('a')),
            ("é".as_bytes(), Key::char('é')),
            ("🦀".as_bytes(), Key::char('🦀')),
            (b"\r", Key::of(Code::Enter)),
            (b"\t", Key::of(Code::Tab)),
            (b"\x7f", Key::of(Code::Backspace)),
            (b"\x03", Key::ctrl('c')),
            (b"\x1b", Key::of(Code::Esc)),
            (b"\x1b[A", Key::of(Code::Up)),
            (b"\x1bOB", Key::of(Code::Down)),
            (b"\x1b[1;2A", Key::shift(Code::Up)),
            (b"\x1b[1;5C", mods(Code::Right, true, false, false)),
            (b"\x1b[5~", Key::of(Code::PageUp)),
            (b"\x1b[Z", Key::of(Code::BackTab)),
            (b"\x1bOP", Key::f(1)),
            (b"\x1b[[C", Key::f(3)),
            (b"\x1b[15~", Key::f(5)),
            (b"\x1b[17~", Key::f(6)),
            (b"\x1b[21~", Key::f(10)),
            (b"\x1b[24~", Key::f(12)),
            (b"\x1bx", mods(Code::Char('x'), false, true, false)),
            (b"\x1b[97;5u", Key::ctrl('a')),
            (b"\x1b[97;2u", Key::char('A')),
            (b"\x1b[1079::112;5u", Key::ctrl('p')),
            (b"\x1b[27u", Key::of(Code::Esc)),
        ];
        for (bytes, key) in cases {
            assert_eq!(decode(&[bytes]), [Event::Key(*key)], "{bytes:?}");
            let torn: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(decode(&torn), [Event::Key(*key)], "torn {bytes:?}");
        }
    }

    #[test]
    fn reports_and_garbage_are_no_keys() {
        for bytes in [
            &b"\x1b[<2;3;4M"[..],
            b"\x1b[<35;3;4M",
            b"\x1b[?62;1c",
            b"\x1b[1I",
            b"\x1b[99~",
            b"\xff",
            b"\xc3",
        ] {
            assert_eq!(decode(&[bytes]), [], "{bytes:?}");
        }
        assert_eq!(decode(&[b"\x1b[97;1:3u"]), [], "a release");
        assert_eq!(
            decode(&[b"\x1b[12;4\x18q"]),
            [Event::Key(Key::ctrl('x')), Event::Key(Key::char('q'))]
        );
    }

    #[test]
    fn reports_of_the_mouse_are_understood() {
        use MouseKind::*;
        let cases: &[(&[u8], MouseKind, (u16, u16))] = &[
            (b"\x1b[<0;3;4M", Press, (2, 3)),
            (b"\x1b[<0;3;4m", Release, (2, 3)),
            (b"\x1b[<16;3;4M", Press, (2, 3)),
            (b"\x1b[<32;300;40M", Drag, (299, 39)),
            (b"\x1b[<64;1;1M", Wheel { up: true }, (0, 0)),
            (b"\x1b[<65;1;1M", Wheel { up: false }, (0, 0)),
            (b"\x1b[<0;0;0M", Press, (0, 0)),
            (b"\x1b[<0;99999;4M", Press, (u16::MAX, 3)),
            (b"\x1b[M #$", Press, (2, 3)),
            (b"\x1b[M##$", Release, (2, 3)),
            (b"\x1b[M`!!", Wheel { up: true }, (0, 0)),
        ];
        for &(bytes, kind, (x, y)) in cases {
            let want = [Event::Mouse(Mouse { kind, x, y })];
            assert_eq!(decode(&[bytes]), want, "{bytes:?}");
            let torn: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(decode(&torn), want, "torn {bytes:?}");
        }
    }

    #[test]
    fn answers_of_the_terminal_are_no_keys() {
        let white = [Event::Background([255; 3])];
        let cases: &[(&[u8], &[Event])] = &[
            (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", &white),
            (b"\x1b]11;rgb:ffff/ffff/ffff\x07", &white),
            (b"\x1b]11;rgb:ff/ff/ff\x07", &white),
            (b"\x1b]11;rgba:f/f/f/0\x07", &white),
            (b"\x1b]11;rgb:0000/8080/ffff\x07", &[Event::Background([0, 128, 255])]),
            (b"\x1b]11;rgb:0000/8080\x07", &[]),
            (b"\x1b]11;rgb:-1/+1/12345\x07", &[]),
            (b"\x1b]11;rgb:\xff/\xff/\xff\x07", &[]),
            (b"\x1b]10;rgb:ffff/ffff/ffff\x07", &[]),
            (b"\x1b]52;c;cXF4\x07", &[]),
            (b"\x1b]11;rgb:ff", &[]),
            (b"\x1b]", &[Event::Key(Key::alt(']'))]),
            (b"\x1b]x", &[Event::Key(Key::alt(']')), Event::Key(Key::char('x'))]),
            (b"\x1b]11;rgb:ff\x1b[A", &[Event::Key(Key::of(Code::Up))]),
        ];
        for &(bytes, want) in cases {
            assert_eq!(decode(&[bytes]), want, "{:?}", String::from_utf8_lossy(bytes));
            let torn: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(decode(&torn), want, "torn {:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_focus_comes_and_goes() {
        for (bytes, on) in [(b"\x1b[I", true), (b"\x1b[O", false)] {
            assert_eq!(decode(&[bytes]), [Event::Focus(on)]);
            assert_eq!(decode(&[&bytes[..2], &bytes[2..]]), [Event::Focus(on)], "torn");
        }
        assert_eq!(decode(&[b"\x1b[200~\x1b[O\x1b[201~"]), ['[', 'O'].map(Event::Pasted));
    }

    #[test]
    fn pasted_text_is_no_command() {
        let events = decode(&[b"\x1b[200~q\x03\x1b[", b"A\n", b"k\x1b[20", b"1~j"]);
        let want = ['q', '[', 'A', 'k'].map(Event::Pasted);
        assert_eq!(events[..4], want);
        assert_eq!(events[4..], [Event::Key(Key::char('j'))]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_keep(bytes: Vec<u8>, cut in 0_usize..64) {
            let cut = cut.min(bytes.len());
            decode(&[&bytes[..cut], &bytes[cut..]]);
        }

        #[test]
        fn a_sequence_without_end_is_let_go(filler in prop::collection::vec(b'0'..=b'9', 80..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(b"\x1b[", &mut |_| {});
            decoder.feed(&filler, &mut |_| {});
            prop_assert!(decoder.waiting.len() < LONGEST);
        }
    }
}
