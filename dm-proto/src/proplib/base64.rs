//! Data as libprop writes it and reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::lexer::is_blank;

/// What a byte that is no digit decodes to.
const NONE: u8 = 0xff;

/// The 64 digits' values.
const DIGITS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        digits[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// Appends bytes as one run of padded base64.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start));
}

/// Reads padded base64: blanks may stand anywhere, bits past the last byte may be set.
///
/// # Errors
/// The offset of the first byte that does not fit, or of the end.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut group = [0_u8; 4];
    let mut filled = 0;
    let mut rest = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| !is_blank(**byte));
    for (at, &byte) in rest.by_ref() {
        if byte == b'=' {
            let kept = match filled {
                2 => rest.next().filter(|(_, byte)| **byte == b'=').map(|_| 1),
                3 => Some(2),
                _ => None,
            }
            .ok_or(at)?;
            group[filled..].fill(0);
            bytes.extend_from_slice(&join(group)[..kept]);
            return match rest.next() {
                None => Ok(bytes),
                Some((at, _)) => Err(at),
            };
        }
        group[filled] = DIGITS[usize::from(byte)];
        if group[filled] == NONE {
            return Err(at);
        }
        filled += 1;
        if filled == 4 {
            bytes.extend_from_slice(&join(group));
            filled = 0;
        }
    }
    match filled {
        0 => Ok(bytes),
        _ => Err(text.len()),
    }
}

/// Four digits of six bits as three bytes.
fn join([a, b, c, d]: [u8; 4]) -> [u8; 3] {
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_and_decode_are_inverse() {
        for length in 0..=300_u16 {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 7).to_le_bytes()[0]).collect();
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            assert_eq!(decode(&text), Ok(bytes));
        }
    }

    #[test]
    fn blanks_are_skipped_and_late_bits_ignored() {
        assert_eq!(decode(b" A\tA\n= =\r"), Ok(vec![0]));
        assert_eq!(decode(b"AB=="), Ok(vec![0]));
        assert_eq!(decode(b"AAF="), Ok(vec![0, 1]));
    }

    #[test]
    fn fault_is_the_byte_that_does_not_fit() {
        assert_eq!(decode(b"A*EC"), Err(1));
        assert_eq!(decode(b"AAE"), Err(3));
        assert_eq!(decode(b"A==="), Err(1));
        assert_eq!(decode(b"AA=="), Ok(vec![0]));
        assert_eq!(decode(b"AA=A"), Err(2));
        assert_eq!(decode(b"AA==="), Err(4));
        assert_eq!(decode(b"=="), Err(0));
        assert_eq!(decode(b"AA\x0b=="), Err(2));
    }
}
