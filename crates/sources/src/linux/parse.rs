//! Numbers, fields and lists in the text that the kernel writes.
//!
//! Nothing here allocates per number, and no bytes make it panic: what is no number is `None`.

/// A whole number without a sign. `None` for anything else, and for what passes 64 bits.
#[inline]
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A whole number that may carry a minus.
#[inline]
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(decimal(digits)?),
        None => i64::try_from(decimal(text)?).ok(),
    }
}

/// A hexadecimal number, with or without `0x`.
pub(crate) fn hexadecimal(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = char::from(byte).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

/// A number with a fraction, in steps of 10^-`places`: `1.25` with two places is 125. Digits
/// beyond the last place are cut off, missing ones are zero.
pub(crate) fn fixed(text: &[u8], places: usize) -> Option<i64> {
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or(b""));
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().map(|byte| byte - b'0').chain(std::iter::repeat(0));
    let number = digits.take(places).try_fold(decimal(whole)?, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit))
    });
    i64::try_from(number?).ok()
}

/// Fields between blanks.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn new(line: &'a [u8]) -> Fields<'a> {
        Fields(line)
    }

    /// The next field as a whole number; `None` at the end and for anything else.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.next().and_then(decimal)
    }

    /// The next field as a whole number that may carry a minus.
    #[inline]
    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.next().and_then(signed)
    }

    /// Without the next fields, as many.
    #[inline]
    pub(crate) fn past(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.next();
        }
        self
    }

    /// What has not been taken yet, without the blanks around it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0.trim_ascii()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let begin = self.0.iter().position(|&byte| !is_blank(byte))?;
        let field = self.0.get(begin..)?;
        let end = field.iter().position(|&byte| is_blank(byte)).unwrap_or(field.len());
        let (field, rest) = field.split_at(end);
        self.0 = rest;
        Some(field)
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The lines of a text, empty ones left out.
pub(crate) fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

/// `key: value` or `key : value`, blanks removed.
#[inline]
pub(crate) fn keyed(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (key, value) = line.split_at(colon);
    Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// `12 kB` in bytes. The kernel writes kB and means KiB.
#[inline]
pub(crate) fn kilobytes(value: &[u8]) -> Option<u64> {
    let mut fields = Fields::new(value);
    let number = fields.number()?;
    (fields.next()? == b"kB").then(|| number.saturating_mul(1024))
}

/// The highest number in a list of CPUs or nodes: kernels are built for 8,192 CPUs at most.
const LIST_LIMIT: u64 = 65_536;

/// A list such as `0-3,7`, sorted. Ranges that stand backwards and numbers beyond reason are left
/// out, so that no text makes it long.
pub(crate) fn list(text: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    for range in text.trim_ascii().split(|&byte| byte == b',') {
        let mut ends = range.splitn(2, |&byte| byte == b'-').map(decimal);
        let (Some(Some(first)), last) = (ends.next(), ends.next()) else { continue };
        let last = match last {
            Some(Some(last)) => last,
            Some(None) => continue,
            None => first,
        };
        if last < LIST_LIMIT && numbers.len() <= LIST_LIMIT as usize {
            numbers.extend((first..=last).filter_map(|number| u32::try_from(number).ok()));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "-1", "1 ", "1x", "18446744073709551616", "٣"] {
            assert_eq!(decimal(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"-"), None);
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(hexadecimal(b"0xd0C"), Some(0xd0c));
        assert_eq!(hexadecimal(b"0A"), Some(10));
        for wrong in ["", "0x", "g", "11112222333344445"] {
            assert_eq!(hexadecimal(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn fractions_keep_their_digits() {
        assert_eq!(fixed(b"1.25", 2), Some(125));
        assert_eq!(fixed(b"0.5", 2), Some(50));
        assert_eq!(fixed(b"3", 2), Some(300));
        assert_eq!(fixed(b"7.999", 2), Some(799));
        for wrong in ["", ".5", "1.x", "-1.0", "92233720368547758.08", "1.2.3"] {
            assert_eq!(fixed(wrong.as_bytes(), 2), None, "{wrong:?}");
        }
    }

    #[test]
    fn lines_and_fields() {
        assert_eq!(Fields::new(b" a\tbc  1\n").collect::<Vec<_>>(), [&b"a"[..], b"bc", b"1"]);
        let mut fields = Fields::new(b" 7 -8\tx9 +1 18446744073709551615 18446744073709551616 \n");
        assert_eq!((fields.number(), fields.signed(), fields.number()), (Some(7), Some(-8), None));
        assert_eq!((fields.number(), fields.number()), (None, Some(u64::MAX)));
        assert_eq!((fields.number(), fields.number(), fields.signed()), (None, None, None));
        assert_eq!(Fields::new(b"1 2 3").past(2).number(), Some(3));
        assert_eq!(Fields::new(b"1 2 3").past(9).number(), None);
        assert_eq!(lines(b"a\n\nb").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(
            keyed(b"model name\t: Some: CPU \n"),
            Some((&b"model name"[..], &b"Some: CPU"[..]))
        );
        assert_eq!(keyed(b"nothing"), None);
        assert_eq!(kilobytes(b"  24 kB"), Some(24 * 1024));
        assert_eq!(kilobytes(b"24"), None);
        assert_eq!(kilobytes(b"18446744073709551615 kB"), Some(u64::MAX));
    }

    #[test]
    fn lists() {
        assert_eq!(list(b"0-3,7\n"), [0, 1, 2, 3, 7]);
        assert_eq!(list(b"5,1-2,2"), [1, 2, 5]);
        assert_eq!(list(b""), [0u32; 0]);
        assert_eq!(list(b"3-1,x,-,1-,-1,0-4294967295,9"), [9]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            decimal(&bytes);
            signed(&bytes);
            hexadecimal(&bytes);
            fixed(&bytes, 3);
            keyed(&bytes);
            kilobytes(&bytes);
            list(&bytes);
            prop_assert!(Fields::new(&bytes).all(|field| !field.is_empty()));
            let mut fields = Fields::new(&bytes);
            for field in Fields::new(&bytes) {
                prop_assert_eq!(fields.clone().number(), decimal(field));
                prop_assert_eq!(fields.clone().signed(), signed(field));
                fields.past(1);
            }
        }

        #[test]
        fn every_number_comes_back(number: u64, other: i64) {
            prop_assert_eq!(decimal(number.to_string().as_bytes()), Some(number));
            prop_assert_eq!(signed(other.to_string().as_bytes()), Some(other));
            prop_assert_eq!(hexadecimal(format!("{number:#x}").as_bytes()), Some(number));
        }

        #[test]
        fn a_list_is_what_it_says(numbers: std::collections::BTreeSet<u16>) {
            let text: Vec<String> = numbers.iter().map(u16::to_string).collect();
            let wanted: Vec<u32> = numbers.iter().map(|&number| u32::from(number)).collect();
            prop_assert_eq!(list(text.join(",").as_bytes()), wanted);
        }
    }
}
