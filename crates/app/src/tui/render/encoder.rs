//! Cells into bytes: as few as the terminal needs.
//!
//! What changed is cut into runs of one style, and a frame is drawn style by style: going back to
//! a row costs less than naming a colour again, which takes 19 bytes where there are 16 million.

use super::cursor::Cursor;
use super::grid::{Cell, Grid};
use super::pen::{Colour, Modifier, Pen};
use super::scroll::Shift;
use super::slide::{self, Slide};

/// Begin and end of a synchronised frame; terminals that do not know them ignore them.
pub const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
/// The end mark; also written when the program ends in the middle of a frame.
pub const SYNC_END: &[u8] = b"\x1b[?2026l";

/// The whole screen scrolls again: a frame moves rows in a part of it, and may be cut short.
pub const WHOLE_SCREEN: &[u8] = b"\x1b[r";

/// Lets the cursor be seen; it is hidden else, and shown again when the program ends.
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";

/// Unchanged cells in a row up to this many are written again: a cursor movement is no shorter.
const REWRITE: u16 = 3;
/// Blanks from this many on are erased instead of written: `ESC [ 99 X`, and a movement after it.
const ERASE: usize = 6;
/// Runs of one style that are put into the order of the shortest way; beyond, rows come in order.
const NEAREST: usize = 128;
/// Movements of rows in a frame at most.
const SHIFTS: usize = 4;
/// Movements within a row at most.
const SLIDES: usize = 3;

/// Turns the difference of two frames into bytes.
#[derive(Debug)]
pub struct Encoder {
    /// Bytes of the frame; empty if nothing changed.
    pub bytes: Vec<u8>,
    synchronised: bool,
    pen: Pen,
    runs: Vec<Run>,
    groups: Vec<Group>,
    /// Changed cells of each row.
    changed: Vec<u16>,
    /// Where the terminal's cursor shall stand after the frame, if it is to be seen: screen readers
    /// read what is there.
    pub park: Option<(u16, u16)>,
    parked: Option<(u16, u16)>,
}

/// Cells side by side that are written in one go.
#[derive(Clone, Copy, Debug)]
struct Run {
    y: u16,
    x: u16,
    end: u16,
    /// Nothing but blanks so far: any style with the same background does.
    blank: bool,
    pen: Pen,
    group: u16,
}

/// The runs of one style.
#[derive(Clone, Copy, Debug)]
struct Group {
    pen: Pen,
    first: usize,
    count: usize,
    done: bool,
}

impl Encoder {
    /// An encoder that brackets frames if `synchronised`.
    #[must_use]
    pub fn new(synchronised: bool) -> Encoder {
        Encoder {
            bytes: Vec::with_capacity(64 << 10),
            synchronised,
            pen: Pen::default(),
            runs: Vec::with_capacity(4 << 10),
            groups: Vec::with_capacity(256),
            changed: Vec::with_capacity(128),
            park: None,
            parked: None,
        }
    }

    /// Encodes what changed from `before` to `now`, which have the same size. `clear` empties the
    /// terminal first: `before` is then an empty frame. Afterwards `before` is of no more use.
    pub fn encode(&mut self, before: &mut Grid, now: &Grid, clear: bool) {
        self.bytes.clear();
        self.pen = Pen::default();
        self.cut(before, now);
        if clear {
            self.parked = None;
        }
        if self.runs.is_empty() && !clear && self.park.is_none_or(|_| self.park == self.parked) {
            return;
        }
        if self.synchronised {
            self.bytes.extend_from_slice(SYNC_BEGIN);
        }
        if clear {
            // The style goes first: clearing paints with the present background.
            self.bytes.extend_from_slice(b"\x1b[m");
            self.bytes.extend_from_slice(WHOLE_SCREEN);
            self.bytes.extend_from_slice(b"\x1b[H\x1b[2J");
            if self.park.is_some() {
                self.bytes.extend_from_slice(SHOW_CURSOR);
            }
        } else {
            for _ in 0..SHIFTS {
                let Some(shift) = Shift::find(before, now, &self.changed) else { break };
                shift.write(&mut self.bytes);
                shift.apply(before);
                self.cut(before, now);
            }
            let mut slid = false;
            for y in 0..now.height() {
                // Charts side by side move together.
                for _ in 0..SLIDES {
                    if self.changed[usize::from(y)] < slide::LEAST {
                        break;
                    }
                    let Some(slide) = Slide::find(before, now, y) else { break };
                    slide.write(&mut self.bytes);
                    slide.apply(before);
                    slid = true;
                }
            }
            if slid {
                self.cut(before, now);
            }
        }
        self.group();
        let mut cursor = Cursor::new(now.width());
        while let Some(place) = self.nearest_group(&cursor) {
            self.groups[place].done = true;
            let Group { first, count, .. } = self.groups[place];
            for done in 0..count {
                if count <= NEAREST {
                    let rest = &self.runs[first + done..first + count];
                    let costs = rest.iter().map(|run| cursor.cost(run.x, run.y));
                    let next = costs.enumerate().min_by_key(|&(_, cost)| cost);
                    let next = next.map_or(0, |(next, _)| next);
                    // The others keep their order.
                    self.runs[first + done..=first + done + next].rotate_right(1);
                }
                self.write(first + done, now, &mut cursor);
            }
        }
        if self.pen != Pen::default() {
            self.bytes.extend_from_slice(b"\x1b[m");
        }
        if let Some((x, y)) = self.park {
            cursor.go(x, y, &mut self.bytes);
            self.parked = self.park;
        }
        if self.synchronised {
            self.bytes.extend_from_slice(SYNC_END);
        }
    }

    /// Cuts what changed into runs.
    fn cut(&mut self, before: &Grid, now: &Grid) {
        self.runs.clear();
        self.changed.clear();
        self.changed.resize(usize::from(now.height()), 0);
        for y in 0..now.height() {
            let (was, is) = (before.row(y), now.row(y));
            for x in 0..now.width() {
                let cell = is[usize::from(x)];
                // The second half of a wide character comes with the first.
                if cell != was[usize::from(x)] && cell.width() > 0 {
                    self.changed[usize::from(y)] += 1;
                    self.extend(is, x, y);
                }
            }
        }
    }

    /// Adds a changed cell of a row to the last run if it can be reached by writing, else to a new one.
    fn extend(&mut self, row: &[Cell], x: u16, y: u16) {
        let cell = row[usize::from(x)];
        let (pen, blank, end) = (cell.pen(), cell.is_blank(), x + cell.width());
        if let Some(last) = self.runs.last_mut()
            && last.y == y
            && x - last.end <= REWRITE
        {
            let fits = pen == last.pen || (blank && same_blank(pen, last.pen));
            let takes_over = last.blank && same_blank(last.pen, pen);
            let between = &row[usize::from(last.end)..usize::from(x)];
            let taken = if fits { last.pen } else { pen };
            if (fits || takes_over) && between.iter().all(|&cell| is_plain(cell, taken)) {
                last.pen = taken;
                last.blank &= blank && between.iter().all(|cell| cell.is_blank());
                last.end = end;
                return;
            }
        }
        self.runs.push(Run { y, x, end, blank, pen, group: 0 });
    }

    /// Sorts the runs by style, and the styles so that neighbours have much in common.
    fn group(&mut self) {
        self.groups.clear();
        let mut latest = 0;
        for run in &mut self.runs {
            let known = self.groups.get(latest).is_some_and(|group| group.pen == run.pen);
            if !known {
                let found = self.groups.iter().position(|group| {
                    group.pen == run.pen || (run.blank && same_blank(group.pen, run.pen))
                });
                latest = found.unwrap_or_else(|| {
                    self.groups.push(Group { pen: run.pen, first: 0, count: 0, done: false });
                    self.groups.len() - 1
                });
            }
            self.groups[latest].count += 1;
            run.pen = self.groups[latest].pen;
        }
        self.groups.sort_unstable_by_key(|group| order(group.pen));
        let mut first = 0;
        for group in &mut self.groups {
            group.first = first;
            first += group.count;
        }
        for run in &mut self.runs {
            let found = self.groups.iter().position(|group| group.pen == run.pen);
            run.group = found.unwrap_or(0) as u16;
        }
        self.runs.sort_unstable_by_key(|run| (run.group, run.y, run.x));
    }

    /// The style to go on with: the one that begins nearest and has the most in common.
    fn nearest_group(&self, cursor: &Cursor) -> Option<usize> {
        let left = self.groups.iter().enumerate().filter(|(_, group)| !group.done);
        if self.runs.len() > NEAREST * 4 {
            return left.map(|(place, _)| place).next();
        }
        let cost = |group: &Group| {
            let runs = &self.runs[group.first..group.first + group.count];
            let way = runs.iter().map(|run| cursor.cost(run.x, run.y)).min();
            way.unwrap_or(0) + cost_of(self.pen, group.pen)
        };
        left.min_by_key(|(_, group)| cost(group)).map(|(place, _)| place)
    }

    fn write(&mut self, place: usize, now: &Grid, cursor: &mut Cursor) {
        let Run { x, y, end, pen, .. } = self.runs[place];
        cursor.go(x, y, &mut self.bytes);
        self.style(pen);
        let cells = &now.row(y)[usize::from(x)..usize::from(end)];
        let mut at = 0;
        while let Some(cell) = cells.get(at) {
            let blanks = cells[at..].iter().take_while(|cell| cell.is_blank()).count();
            let ends = at + blanks == cells.len();
            // What follows has to be gone to.
            let least = if ends { ERASE } else { 2 * ERASE };
            if blanks >= least && is_erasable(pen) {
                cursor.go(x + at as u16, y, &mut self.bytes);
                super::cursor::sequence(&mut self.bytes, &[blanks as u16], b'X');
                at += blanks;
                continue;
            }
            cursor.go(x + at as u16, y, &mut self.bytes);
            let mut symbol = [0; 4];
            self.bytes.extend_from_slice(cell.symbol().encode_utf8(&mut symbol).as_bytes());
            at += usize::from(cell.width());
            cursor.wrote(cell.width());
        }
    }

    /// One sequence with only the attributes that change.
    fn style(&mut self, pen: Pen) {
        if pen == self.pen {
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
        super::cursor::sequence(&mut self.bytes, codes.as_slice(), b'm');
        self.pen = pen;
    }
}

/// About how many bytes it takes to change the style.
fn cost_of(from: Pen, to: Pen) -> u16 {
    let colour = |from: Colour, to: Colour| match to {
        _ if from == to => 0,
        Colour::Rgb(..) => 17,
        Colour::Indexed(16..) => 9,
        _ => 3,
    };
    colour(from.fg, to.fg) + colour(from.bg, to.bg) + u16::from(from.modifier != to.modifier) * 3
}

/// True if a cell that has not changed can be written again with that pen, in one byte.
fn is_plain(cell: Cell, pen: Pen) -> bool {
    let own = cell.pen();
    let one = cell.width() == 1 && cell.symbol().is_ascii();
    one && (own == pen || (cell.is_blank() && same_blank(own, pen)))
}

/// Terminals erase with the background of the present style or without; where there is none, and
/// nothing else that a blank shows, they agree.
fn is_erasable(pen: Pen) -> bool {
    pen.bg == Colour::Reset && !pen.modifier.intersects(SHOWN)
}

/// What a blank shows.
const SHOWN: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED);

/// True if a blank looks the same with both pens.
fn same_blank(a: Pen, b: Pen) -> bool {
    let reversed = a.modifier.contains(Modifier::REVERSED);
    a.bg == b.bg
        && a.modifier.intersection(SHOWN) == b.modifier.intersection(SHOWN)
        && (!reversed || a.fg == b.fg)
}

/// Styles with the same background stand together, among them those with the same colour.
fn order(pen: Pen) -> (u32, u32, u8) {
    let number = |colour: Colour| match colour {
        Colour::Rgb(r, g, b) => 0x100_0000 | u32::from_be_bytes([0, r, g, b]),
        Colour::Indexed(index) => 1 + u32::from(index),
        Colour::Reset => 0,
    };
    (number(pen.bg), number(pen.fg), pen.modifier.bits())
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

    fn colour(&mut self, colour: Colour, base: u16) {
        match colour {
            Colour::Rgb(r, g, b) => {
                self.push(base + 8);
                self.push(2);
                for part in [r, g, b] {
                    self.push(u16::from(part));
                }
            }
            Colour::Indexed(index @ 0..8) => self.push(base + u16::from(index)),
            Colour::Indexed(index @ 8..16) => self.push(base + 52 + u16::from(index)),
            Colour::Indexed(index) => {
                self.push(base + 8);
                self.push(5);
                self.push(u16::from(index));
            }
            Colour::Reset => self.push(base + 9),
        }
    }

    fn as_slice(&self) -> &[u16] {
        &self.numbers[..self.len]
    }
}
