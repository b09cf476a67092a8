//! Where the terminal's cursor stands, and the shortest way from there.

/// The terminal's cursor.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    width: u16,
    /// Unknown until something has named it, and past the last column, where terminals differ.
    column: Option<u16>,
    row: Option<u16>,
}

/// A movement along a row or a column.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many times that byte.
    Bytes(u8, u16),
    /// A sequence with one number.
    Sequence(u16, u8),
    /// To the first column, and on from there.
    Return(u16),
}

impl Step {
    fn cost(self) -> u16 {
        match self {
            Step::Bytes(_, count) => count,
            Step::Sequence(number, _) => 3 + digits(number),
            Step::Return(0) => 1,
            Step::Return(columns) => 4 + digits(columns),
        }
    }

    fn write(self, bytes: &mut Vec<u8>) {
        match self {
            Step::Bytes(byte, count) => bytes.extend((0..count).map(|_| byte)),
            Step::Sequence(number, last) => sequence(bytes, &[number], last),
            Step::Return(columns) => {
                bytes.push(b'\r');
                if columns > 0 {
                    sequence(bytes, &[columns], b'C');
                }
            }
        }
    }
}

impl Cursor {
    /// Somewhere on a screen of that width.
    #[must_use]
    pub fn new(width: u16) -> Cursor {
        Cursor { width, column: None, row: None }
    }

    /// So many cells were written.
    pub fn wrote(&mut self, cells: u16) {
        let column = self.column.map(|column| column + cells);
        self.column = column.filter(|&column| column < self.width);
    }

    /// Bytes that it takes to get there.
    #[must_use]
    pub fn cost(&self, x: u16, y: u16) -> u16 {
        let direct = direct(x, y);
        match self.steps(x, y) {
            Some((down, right)) => (down.cost() + right.cost()).min(direct),
            None => direct,
        }
    }

    /// Goes there.
    pub fn go(&mut self, x: u16, y: u16, bytes: &mut Vec<u8>) {
        if (self.column, self.row) == (Some(x), Some(y)) {
            return;
        }
        match self.steps(x, y) {
            Some((down, right)) if down.cost() + right.cost() <= direct(x, y) => {
                down.write(bytes);
                right.write(bytes);
            }
            _ if x == 0 => sequence(bytes, &[y + 1], b'H'),
            _ => sequence(bytes, &[y + 1, x + 1], b'H'),
        }
        (self.column, self.row) = (Some(x), Some(y));
    }

    /// The shortest way down or up, then the shortest along the row. A line feed neither scrolls,
    /// because it never leaves the last row, nor returns: output is raw.
    fn steps(&self, x: u16, y: u16) -> Option<(Step, Step)> {
        let row = self.row?;
        let vertical = if y >= row {
            shorter(Step::Bytes(b'\n', y - row), Step::Sequence(y - row, b'B'))
        } else {
            Step::Sequence(row - y, b'A')
        };
        let horizontal = match self.column {
            Some(column) if x >= column => match x - column {
                0 => Step::Bytes(0, 0),
                right => Step::Sequence(right, b'C'),
            },
            Some(column) => {
                let left = column - x;
                shorter(Step::Bytes(8, left), Step::Sequence(left, b'D'))
            }
            None => Step::Sequence(x + 1, b'G'),
        };
        let vertical = shorter(vertical, Step::Sequence(y + 1, b'd'));
        let horizontal = shorter(horizontal, Step::Sequence(x + 1, b'G'));
        Some((vertical, shorter(horizontal, Step::Return(x))))
    }
}

fn shorter(a: Step, b: Step) -> Step {
    if b.cost() < a.cost() { b } else { a }
}

/// Bytes of `ESC [ row ; column H`.
fn direct(x: u16, y: u16) -> u16 {
    match x {
        0 => 3 + digits(y + 1),
        _ => 4 + (y + 1).checked_ilog10().map_or(1, |n| n as u16 + 1) + digits_or_one(x + 1),
    }
}

/// Digits of a lone number: a 1 is the default of movements and is left out.
fn digits(number: u16) -> u16 {
    if number == 1 { 0 } else { digits_or_one(number) }
}

fn digits_or_one(number: u16) -> u16 {
    number.checked_ilog10().map_or(1, |digits| digits as u16 + 1)
}

/// `ESC [ number ; number last`. A lone 1 is the default of movements.
pub fn sequence(bytes: &mut Vec<u8>, numbers: &[u16], last: u8) {
    bytes.extend_from_slice(b"\x1b[");
    for (place, &number) in numbers.iter().enumerate() {
        if place > 0 {
            bytes.push(b';');
        }
        if number != 1 || numbers.len() > 1 || last == b'm' {
            decimal(bytes, number);
        }
    }
    bytes.push(last);
}

fn decimal(bytes: &mut Vec<u8>, number: u16) {
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
    bytes.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_way_is_taken() {
        let cases = [
            ((5, 5), (5, 5), ""),
            ((5, 5), (5, 6), "\n"),
            ((6, 5), (5, 6), "\n\x08"),
            ((5, 5), (8, 5), "\x1b[3C"),
            ((5, 5), (6, 5), "\x1b[C"),
            ((5, 5), (0, 5), "\r"),
            ((5, 5), (0, 6), "\n\r"),
            ((5, 5), (3, 5), "\x08\x08"),
            ((150, 5), (150, 4), "\x1b[A"),
            ((150, 5), (150, 45), "\x1b[40B"),
            ((150, 45), (0, 0), "\x1b[H"),
            ((150, 45), (150, 1), "\x1b[2d"),
            ((150, 45), (60, 3), "\x1b[4;61H"),
        ];
        for (from, to, wanted) in cases {
            let mut cursor = Cursor { width: 200, column: Some(from.0), row: Some(from.1) };
            let cost = cursor.cost(to.0, to.1);
            let mut bytes = Vec::new();
            cursor.go(to.0, to.1, &mut bytes);
            assert_eq!(String::from_utf8_lossy(&bytes), wanted, "{from:?} {to:?}");
            assert_eq!(usize::from(cost), bytes.len(), "{from:?} {to:?}");
        }
    }
}
