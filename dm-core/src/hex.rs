//! Hexadecimal digits, which may be a key's.

/// The byte that two digits say, of either case.
///
/// # Examples
/// ```
/// assert_eq!(dm_core::hex::byte(b"fF"), Some(0xff));
/// assert_eq!(dm_core::hex::byte(b"+1"), None);
/// ```
pub fn byte([high, low]: &[u8; 2]) -> Option<u8> {
    Some((nibble(*high)? << 4) | nibble(*low)?)
}

/// The value of a digit, without a table that a cache could tell of.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
