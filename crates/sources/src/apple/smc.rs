//! The system management controller: its 80-byte message and the types of its values.

/// A key or a type: four characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub [u8; 4]);

impl Code {
    /// The code of a text of four characters; shorter ones are filled up with blanks.
    pub fn new(text: &str) -> Code {
        let mut code = [b' '; 4];
        for (place, byte) in code.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Code(code)
    }

    pub fn number(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    pub fn of_number(number: u32) -> Code {
        Code(number.to_be_bytes())
    }

    /// As text; what is no character is shown as `?`.
    pub fn text(self) -> String {
        let shown =
            |byte: u8| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' };
        self.0.map(shown).iter().collect()
    }

    pub fn starts_with(self, prefix: &str) -> bool {
        self.0.starts_with(prefix.as_bytes())
    }
}

/// The length of a message, both ways.
pub const MESSAGE: usize = 80;

/// Where the fields of a message lie: as a C compiler lays the structure out.
mod at {
    pub const KEY: usize = 0;
    pub const SIZE: usize = 28;
    pub const TYPE: usize = 32;
    pub const RESULT: usize = 40;
    pub const COMMAND: usize = 42;
    pub const INDEX: usize = 44;
    pub const BYTES: usize = 48;
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Size and type of a key's value.
    Info(Code),
    /// A value of so many bytes.
    Read(Code, u32),
    /// The key with that number.
    KeyAt(u32),
}

impl Ask {
    /// The message.
    pub fn message(self) -> [u8; MESSAGE] {
        let mut message = [0; MESSAGE];
        let mut put = |place: usize, number: u32| {
            message[place..place + 4].copy_from_slice(&number.to_le_bytes());
        };
        let command = match self {
            Ask::Info(key) => {
                put(at::KEY, key.number());
                9
            }
            Ask::Read(key, size) => {
                put(at::KEY, key.number());
                put(at::SIZE, size);
                5
            }
            Ask::KeyAt(index) => {
                put(at::INDEX, index);
                8
            }
        };
        message[at::COMMAND] = command;
        message
    }
}

fn word(message: &[u8; MESSAGE], place: usize) -> u32 {
    message[place..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// What an answer says of the question: 0 is good, 132 no such key. A key that is not there is
/// answered without an error of the transport.
pub fn result(message: &[u8; MESSAGE]) -> u8 {
    message[at::RESULT]
}

/// Size and type of a value, from an answer to [`Ask::Info`].
pub fn info(message: &[u8; MESSAGE]) -> Option<(u32, Code)> {
    let size = word(message, at::SIZE);
    (result(message) == 0 && size <= 32).then(|| (size, Code::of_number(word(message, at::TYPE))))
}

/// The key, from an answer to [`Ask::KeyAt`].
pub fn key(message: &[u8; MESSAGE]) -> Option<Code> {
    (result(message) == 0).then(|| Code::of_number(word(message, at::KEY)))
}

/// The bytes of a value, from an answer to [`Ask::Read`].
pub fn bytes(message: &[u8; MESSAGE], size: u32) -> Option<&[u8]> {
    let bytes = message.get(at::BYTES..at::BYTES + usize::try_from(size).ok()?)?;
    (result(message) == 0).then_some(bytes)
}

/// A value as a number; `None` for types that are none, and for bytes that do not fit the type.
pub fn number(kind: Code, bytes: &[u8]) -> Option<f64> {
    let unsigned = || match *bytes {
        [a] => Some(u64::from(a)),
        [a, b] => Some(u64::from(u16::from_be_bytes([a, b]))),
        [a, b, c, d] => Some(u64::from(u32::from_be_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    };
    match &kind.0 {
        b"flt " => {
            let value = f32::from_le_bytes(bytes.try_into().ok()?);
            value.is_finite().then(|| f64::from(value))
        }
        b"ui8 " | b"ui16" | b"ui32" | b"ui64" | b"flag" => Some(unsigned()? as f64),
        b"si8 " => Some(f64::from(bytes.first()?.cast_signed())),
        b"si16" => Some(f64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
        b"si32" => Some(f64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        b"ioft" => Some(u64::from_le_bytes(bytes.try_into().ok()?) as f64 / 65_536.0),
        [b'f', b'p', whole, fraction] if hex(*whole)? + hex(*fraction)? == 16 => {
            let value = u16::from_be_bytes(bytes.try_into().ok()?);
            Some(f64::from(value) / f64::from(1_u32 << hex(*fraction)?))
        }
        [b's', b'p', whole, fraction] if hex(*whole)? + hex(*fraction)? == 15 => {
            let value = i16::from_be_bytes(bytes.try_into().ok()?);
            Some(f64::from(value) / f64::from(1_u32 << hex(*fraction)?))
        }
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture};

    #[test]
    fn a_message_is_laid_out_as_the_driver_wants_it() {
        let message = Ask::Read(Code::new("TC0P"), 4).message();
        assert_eq!(&message[0..4], b"P0CT", "the key is a number, its bytes little-endian");
        assert_eq!((message[28], message[42]), (4, 5));
        let message = Ask::KeyAt(258).message();
        assert_eq!((&message[44..48], message[42]), (&[2, 1, 0, 0][..], 8));
        let mut answer = Ask::Info(Code::new("#KEY")).message();
        answer[28] = 4;
        answer[32..36].copy_from_slice(&Code::new("ui32").number().to_le_bytes());
        assert_eq!(info(&answer), Some((4, Code::new("ui32"))));
        answer[40] = 132;
        assert_eq!((info(&answer), key(&answer), bytes(&answer, 4)), (None, None, None));
        answer[40] = 0;
        answer[28] = 200;
        assert_eq!(info(&answer), None, "no value is that long");
        assert_eq!(bytes(&answer, 200), None);
    }

    #[test]
    fn every_type_has_its_own_order_and_point() {
        for (kind, bytes, wanted) in [
            ("flt", &[0, 0, 0xf0, 0x41][..], Some(30.0)),
            ("flt", &[0, 0, 0xc0, 0x7f], None),
            ("flt", &[0, 0, 0], None),
            ("ui8", &[7], Some(7.0)),
            ("ui16", &[1, 2], Some(258.0)),
            ("ui32", &[0, 0, 7, 50], Some(1842.0)),
            ("si8", &[0xff], Some(-1.0)),
            ("si16", &[0xff, 0xfe], Some(-2.0)),
            ("si32", &[0xff, 0xff, 0xff, 0xfd], Some(-3.0)),
            ("fpe2", &[0x1f, 0x40], Some(2000.0)),
            ("sp78", &[0x1e, 0x80], Some(30.5)),
            ("ioft", &[0, 0x80, 0x1e, 0, 0, 0, 0, 0], Some(30.5)),
            ("flag", &[1], Some(1.0)),
            ("ch8*", b"abcd", None),
            ("{fds", &[0; 16], None),
            ("ui8", &[], None),
            ("fpzz", &[1, 2], None),
            ("spff", &[1, 2], None),
        ] {
            assert_eq!(number(Code::new(kind), bytes), wanted, "{kind} {bytes:?}");
        }
        assert_eq!(Code(*b"T\0\xff1").text(), "T??1");
    }

    #[test]
    fn recorded_values_decode() {
        let Some(text) = fixture("smc/power-a18-pro.tsv") else { return };
        let value = |wanted: &str| {
            let rows = columns(&text);
            let row = rows.iter().find(|row| row[0] == wanted).expect("a key");
            let bytes: Vec<u8> = (0..row[2].len() / 2)
                .map(|place| {
                    u8::from_str_radix(&row[2][place * 2..place * 2 + 2], 16).expect("hex")
                })
                .collect();
            number(Code::new(row[1]), &bytes).expect("a number")
        };
        assert!((value("PPBR") - 4.078).abs() < 0.001);
        assert!((value("VPBR") - 4.21).abs() < 0.01);
        // Written little-endian by that machine: a number of this size is the sign of it.
        assert_eq!(value("DPBW"), f64::from(0x983a_0000_u32));
    }
}
