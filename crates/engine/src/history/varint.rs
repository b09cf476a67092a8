//! Numbers in few bytes, and a reader that trusts nothing.

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// Where in the bytes, counted from the start of what was being read: a schema, a payload
    /// before it was decompressed, or a body after.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for CodecError {}

/// Writes a number in LEB128: seven bits a byte, the lowest first.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a signed number so that small ones of either sign stay short: 0, −1, 1, −2 become 0, 1,
/// 2, 3.
#[inline]
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Writes bytes behind their number.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` begin in what errors count from.
    base: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0, base: 0 }
    }

    pub fn error<T>(&self, reason: &'static str) -> Result<T, CodecError> {
        Err(CodecError { offset: self.base + self.at, reason })
    }

    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let Some(&byte) = self.bytes.get(self.at) else { return self.error("bytes end early") };
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub fn number(&mut self) -> Result<u64, CodecError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.error("number longer than 64 bits")
    }

    #[inline]
    pub fn signed(&mut self) -> Result<i64, CodecError> {
        let bits = self.number()?;
        Ok((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    /// A number of things of which each takes at least `least` bytes, so that no count asks for
    /// more memory than the bytes behind it can fill.
    pub fn count(&mut self, least: usize) -> Result<usize, CodecError> {
        match usize::try_from(self.number()?) {
            Ok(count) if count <= self.left() / least => Ok(count),
            _ => self.error("more things than bytes"),
        }
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.count(1)?;
        self.exactly(len)
    }

    /// So many bytes.
    pub fn exactly(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let Some(bytes) = self.bytes.get(self.at..).and_then(|left| left.get(..len)) else {
            return self.error("bytes end early");
        };
        self.at += len;
        Ok(bytes)
    }

    /// Another reader that stands at the same place.
    pub fn ahead(&self) -> Reader<'a> {
        Reader { ..*self }
    }

    /// A reader of the next bytes alone, which stand behind their number.
    pub fn section(&mut self) -> Result<Reader<'a>, CodecError> {
        let bytes = self.bytes()?;
        Ok(Reader { bytes, at: 0, base: self.base + self.at - bytes.len() })
    }

    /// Everything must have been read.
    pub fn end(&self) -> Result<(), CodecError> {
        if self.left() == 0 { Ok(()) } else { self.error("bytes left over") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_that_is_no_number_is_refused_with_its_place() {
        let read = |bytes: &[u8]| Reader::new(bytes).number().map_err(|error| error.offset);
        assert_eq!(read(&[]), Err(0));
        assert_eq!(read(&[0x80]), Err(1));
        assert_eq!(read(&[0xff; 12]), Err(10));
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(read(&largest), Ok(u64::MAX));
        largest[9] = 2;
        assert_eq!(read(&largest), Err(10));
        assert!(Reader::new(&[200, 1, 0]).bytes().is_err());
    }

    proptest! {
        #[test]
        fn numbers_survive(unsigned: u64, signed: i64, small in -70i64..70) {
            let mut bytes = Vec::new();
            put(&mut bytes, unsigned);
            put_signed(&mut bytes, signed);
            let long = bytes.len();
            put_signed(&mut bytes, small);
            prop_assert!(bytes.len() - long <= 1 + usize::from(!(-64..64).contains(&small)));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.number(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.signed(), Ok(small));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }
}
