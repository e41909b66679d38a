//! Integers as C's `strtoll` and `strtoull` read them in base 0.

use super::error::Reason;
use super::reader::Dialect;
use super::value::Value;

/// The number at the head of a text.
struct CNumber {
    negative: bool,
    /// `None`: more than 64 bits.
    magnitude: Option<u64>,
    /// Bytes up to the end of the last digit.
    length: usize,
}

impl CNumber {
    /// As `strtoll` gives it.
    fn signed(&self) -> Option<i64> {
        let magnitude = self.magnitude?;
        match self.negative {
            true => 0_i64.checked_sub_unsigned(magnitude),
            false => i64::try_from(magnitude).ok(),
        }
    }

    /// As `strtoull` gives it: a minus sign wraps.
    fn unsigned(&self) -> Option<u64> {
        match self.negative {
            true => self.magnitude.map(u64::wrapping_neg),
            false => self.magnitude,
        }
    }
}

/// Reads the value of an integer element from the text after its tag: the value and its length.
///
/// A text without a digit is zero and has no length; whether the end tag follows is the caller's to check.
///
/// # Errors
/// [`Reason::Range`] past 64 bits, and in the kernel's dialect past `i64` unless the text starts with `0x`.
#[inline]
pub(super) fn integer(text: &[u8], dialect: Dialect) -> Result<(Value, usize), Reason> {
    let hex = text.starts_with(b"0x");
    if hex && let Some((number, length)) = short_hex(&text[2..]) {
        return Ok((Value::Unsigned(number), 2 + length));
    }
    let Some(number) = c_number(text) else {
        return Ok((Value::Signed(0), 0));
    };
    let signed = || number.signed().map(Value::Signed);
    let unsigned = || number.unsigned().map(Value::Unsigned);
    let value = match (text.first(), dialect) {
        _ if hex => unsigned(),
        (Some(b'-'), _) | (_, Dialect::Kernel) => signed(),
        _ => signed().or_else(unsigned),
    };
    Ok((value.ok_or(Reason::Range)?, number.length))
}

/// Reads a number that must fill the text: the `size` attribute.
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    c_number(text)
        .filter(|number| number.length == text.len())?
        .unsigned()
}

/// The fast way for what libprop writes, behind the `0x`: 1 to 16 hexadecimal digits, then a tag.
#[inline(always)]
pub(super) fn short_hex(digits: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (at, &byte) in digits.iter().enumerate().take(17) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'<' if at > 0 => return Some((number, at)),
            _ => return None,
        };
        number = number << 4 | u64::from(digit);
    }
    None
}

/// The longest number that base 0 sees: blanks, a sign, `0x` or `0`, digits.
fn c_number(text: &[u8]) -> Option<CNumber> {
    let blanks = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
        .count();
    let sign = text.get(blanks).filter(|byte| matches!(byte, b'-' | b'+'));
    let start = blanks + usize::from(sign.is_some());
    let (radix, start) = match (text.get(start), text.get(start + 1)) {
        (Some(b'0'), Some(b'x' | b'X')) => (16, start + 2),
        (Some(b'0'), _) => (8, start),
        _ => (10, start),
    };
    let mut magnitude = Some(0_u64);
    let mut length = start;
    let digits = text.get(start..).unwrap_or_default();
    for digit in digits.iter().map_while(|&byte| digit(byte, radix)) {
        magnitude = magnitude
            .and_then(|number| number.checked_mul(u64::from(radix)))
            .and_then(|number| number.checked_add(u64::from(digit)));
        length += 1;
    }
    (length > start).then_some(CNumber {
        negative: sign == Some(&b'-'),
        magnitude,
        length,
    })
}

fn digit(byte: u8, radix: u8) -> Option<u8> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a' + 10,
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => return None,
    };
    (digit < radix).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Result<(Value, usize), Reason> {
        integer(text.as_bytes(), Dialect::Userland)
    }

    #[test]
    fn base_is_that_of_c() {
        assert_eq!(user("010<"), Ok((Value::Signed(8), 3)));
        assert_eq!(user("-0x10<"), Ok((Value::Signed(-16), 5)));
        assert_eq!(user(" \u{b}+5 <"), Ok((Value::Signed(5), 4)));
        assert_eq!(user("08<"), Ok((Value::Signed(0), 1)));
        assert_eq!(user("0x<").map(|(_, length)| length), Ok(0));
        assert_eq!(user("-<"), Ok((Value::Signed(0), 0)));
        assert_eq!(user(""), Ok((Value::Signed(0), 0)));
    }

    #[test]
    fn only_leading_0x_is_unsigned() {
        assert_eq!(user("0xAbc<"), Ok((Value::Unsigned(0xabc), 5)));
        assert_eq!(user("0xabc<"), Ok((Value::Unsigned(0xabc), 5)));
        assert_eq!(user(" 0x10<"), Ok((Value::Signed(16), 5)));
        assert_eq!(user("0X10<"), Ok((Value::Signed(16), 4)));
        assert_eq!(
            user("0xffffffffffffffff<"),
            Ok((Value::Unsigned(u64::MAX), 18))
        );
        assert_eq!(
            user("0x0000ffffffffffffffff<"),
            Ok((Value::Unsigned(u64::MAX), 22))
        );
        assert_eq!(user("0x10000000000000000<"), Err(Reason::Range));
    }

    #[test]
    fn decimal_past_i64_is_unsigned_in_userland_only() {
        let text = "9223372036854775808<";
        assert_eq!(user(text), Ok((Value::Unsigned(1 << 63), 19)));
        assert_eq!(
            integer(text.as_bytes(), Dialect::Kernel),
            Err(Reason::Range)
        );
        assert_eq!(
            user("-9223372036854775808<"),
            Ok((Value::Signed(i64::MIN), 20))
        );
        assert_eq!(user("-9223372036854775809<"), Err(Reason::Range));
    }

    /// strtoll fails, and strtoull wraps what carries a minus sign behind a blank.
    #[test]
    fn blank_before_minus_wraps_past_i64() {
        assert_eq!(
            user(" -9223372036854775809<"),
            Ok((Value::Unsigned(i64::MAX.unsigned_abs()), 21))
        );
    }

    #[test]
    fn whole_takes_every_byte() {
        assert_eq!(whole(b" 0x3"), Some(3));
        assert_eq!(whole(b"3 "), None);
        assert_eq!(whole(b""), None);
        assert_eq!(whole(b"18446744073709551616"), None);
    }
}
