//! Cells into bytes: as few as the terminal needs.

use ratatui_core::buffer::{Buffer, CellWidth};
use ratatui_core::style::{Color, Modifier};

use super::canvas::Pen;

/// Begin and end of a synchronised frame; terminals that do not know them ignore them.
pub const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
/// The end mark; also written when the program ends in the middle of a frame.
pub const SYNC_END: &[u8] = b"\x1b[?2026l";

/// Unchanged cells in a row up to this many are written again: a cursor movement is no shorter.
const REWRITE: u16 = 3;

/// Turns the difference of two frames into bytes.
#[derive(Debug)]
pub struct Encoder {
    /// Bytes of the frame; empty if nothing changed.
    pub bytes: Vec<u8>,
    synchronised: bool,
    pen: Pen,
    /// Where the terminal's cursor stands; `None` past the last column, where terminals differ.
    at: Option<(u16, u16)>,
}

impl Encoder {
    /// An encoder that brackets frames if `synchronised`.
    #[must_use]
    pub fn new(synchronised: bool) -> Encoder {
        let bytes = Vec::with_capacity(64 << 10);
        Encoder { bytes, synchronised, pen: Pen::default(), at: None }
    }

    /// Encodes what changed from `before` to `now`, which have the same size. `clear` empties the
    /// terminal first: `before` is then an empty frame.
    pub fn encode(&mut self, before: &Buffer, now: &Buffer, clear: bool) {
        self.bytes.clear();
        self.pen = Pen::default();
        self.at = None;
        if clear {
            self.begin();
            // The style goes first: clearing paints with the present background.
            self.bytes.extend_from_slice(b"\x1b[m\x1b[H\x1b[2J");
        }
        let width = now.area.width;
        for (x, y, cell) in before.diff_iter(now) {
            if self.bytes.is_empty() {
                self.begin();
            }
            self.move_to(x, y, now);
            let pen = Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
            let symbol = cell.symbol();
            self.style(pen, symbol == " ");
            self.bytes.extend_from_slice(symbol.as_bytes());
            let after = x + cell.cell_width().max(1);
            self.at = (after < width).then_some((after, y));
        }
        if self.bytes.is_empty() {
            return;
        }
        if self.pen != Pen::default() {
            self.bytes.extend_from_slice(b"\x1b[m");
        }
        if self.synchronised {
            self.bytes.extend_from_slice(SYNC_END);
        }
    }

    fn begin(&mut self) {
        if self.synchronised {
            self.bytes.extend_from_slice(SYNC_BEGIN);
        }
    }

    fn move_to(&mut self, x: u16, y: u16, now: &Buffer) {
        match self.at {
            Some((at, row)) if (at, row) == (x, y) => {}
            Some((at, row)) if row == y && at < x => {
                if !(x - at <= REWRITE && self.rewrite(at, x, y, now)) {
                    self.sequence(&[x - at], b'C');
                }
            }
            _ if x == 0 => self.sequence(&[y + 1], b'H'),
            _ => self.sequence(&[y + 1, x + 1], b'H'),
        }
    }

    /// Writes the unchanged cells between, if they are plain text in the present style.
    fn rewrite(&mut self, from: u16, to: u16, y: u16, now: &Buffer) -> bool {
        let row = usize::from(y) * usize::from(now.area.width);
        let cells = &now.content[row + usize::from(from)..row + usize::from(to)];
        let plain = cells.iter().all(|cell| {
            let pen = Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
            let blank = cell.symbol() == " ";
            cell.symbol().len() == 1 && (pen == self.pen || (blank && same_blank(pen, self.pen)))
        });
        if plain {
            for cell in cells {
                self.bytes.extend_from_slice(cell.symbol().as_bytes());
            }
        }
        plain
    }

    /// One sequence with only the attributes that change. A blank shows no text colour.
    fn style(&mut self, pen: Pen, blank: bool) {
        if pen == self.pen || (blank && same_blank(pen, self.pen)) {
            return;
        }
        let mut codes = Codes::default();
        let gone = self.pen.modifier.difference(pen.modifier);
        let mut added = pen.modifier.difference(self.pen.modifier);
        if pen == Pen::default() {
            self.bytes.extend_from_slice(b"\x1b[m");
            self.pen = pen;
            return;
        }
        if gone.intersects(Modifier::BOLD.union(Modifier::DIM)) {
            // One code ends both bold and dim: what stays must be said again.
            codes.push(22);
            added |= pen.modifier & (Modifier::BOLD | Modifier::DIM);
        }
        for (modifier, on, off) in [
            (Modifier::BOLD, 1, 0),
            (Modifier::DIM, 2, 0),
            (Modifier::ITALIC, 3, 23),
            (Modifier::UNDERLINED, 4, 24),
            (Modifier::REVERSED, 7, 27),
        ] {
            if added.contains(modifier) {
                codes.push(on);
            } else if gone.contains(modifier) && off != 0 {
                codes.push(off);
            }
        }
        if pen.fg != self.pen.fg {
            codes.colour(pen.fg, 30);
        }
        if pen.bg != self.pen.bg {
            codes.colour(pen.bg, 40);
        }
        self.sequence(codes.as_slice(), b'm');
        self.pen = pen;
    }

    fn sequence(&mut self, numbers: &[u16], last: u8) {
        self.bytes.extend_from_slice(b"\x1b[");
        for (place, &number) in numbers.iter().enumerate() {
            if place > 0 {
                self.bytes.push(b';');
            }
            // A lone 1 is the default of movements.
            if number != 1 || numbers.len() > 1 || last == b'm' {
                self.number(number);
            }
        }
        self.bytes.push(last);
    }

    fn number(&mut self, number: u16) {
        let mut digits = [0; 5];
        let mut rest = number;
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[start..]);
    }
}

/// True if a blank looks the same with both pens.
fn same_blank(a: Pen, b: Pen) -> bool {
    const SHOWN: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED);
    let reversed = a.modifier.contains(Modifier::REVERSED);
    a.bg == b.bg
        && a.modifier.intersection(SHOWN) == b.modifier.intersection(SHOWN)
        && (!reversed || a.fg == b.fg)
}

#[derive(Default)]
struct Codes {
    numbers: [u16; 20],
    len: usize,
}

impl Codes {
    fn push(&mut self, number: u16) {
        if let Some(place) = self.numbers.get_mut(self.len) {
            *place = number;
            self.len += 1;
        }
    }

    fn colour(&mut self, colour: Color, base: u16) {
        match colour {
            Color::Rgb(r, g, b) => {
                self.push(base + 8);
                self.push(2);
                for part in [r, g, b] {
                    self.push(u16::from(part));
                }
            }
            Color::Indexed(index @ 0..8) => self.push(base + u16::from(index)),
            Color::Indexed(index @ 8..16) => self.push(base + 52 + u16::from(index)),
            Color::Indexed(index) => {
                self.push(base + 8);
                self.push(5);
                self.push(u16::from(index));
            }
            // Themes name colours by number or by value, so the rest is the terminal's own.
            _ => self.push(base + 9),
        }
    }

    fn as_slice(&self) -> &[u16] {
        &self.numbers[..self.len]
    }
}
