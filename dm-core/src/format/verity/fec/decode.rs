//! Finding and repairing wrong bytes.

use super::field::{EXP, div, mul, mul_exp};
use super::{CODEWORD, Roots};

/// More bytes of a codeword are wrong than its codes can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more is wrong than the codes can repair")]
pub struct Uncorrectable;

/// A polynomial of at most 24 roots, the lowest power's factor first.
type Polynomial = [u8; 25];

/// Repairs a codeword. `erased` are places that are known to be wrong: they cost one root each,
/// others two. Returns how many bytes were wrong or erased.
///
/// # Errors
/// [`Uncorrectable`] if more is wrong; the codeword is then as it was.
///
/// # Source
/// Blahut, Theory and Practice of Error Control Codes: syndromes, Berlekamp and Massey's
/// algorithm begun with the erasures, Chien's search, Forney's formula.
pub fn decode(
    codeword: &mut [u8; CODEWORD],
    roots: Roots,
    erased: &[u8],
) -> Result<usize, Uncorrectable> {
    let syndromes = syndromes(codeword, roots);
    if syndromes == [0; 25] {
        return Ok(0);
    }
    if erased.len() > roots.count() {
        return Err(Uncorrectable);
    }
    let (locator, degree) = locator(&syndromes, roots, erased)?;
    // Else what follows would be no codeword.
    if locator.iter().rposition(|factor| *factor != 0) != Some(degree) {
        return Err(Uncorrectable);
    }
    let evaluator = product(&syndromes, &locator, roots.count());
    let mut found = [(0, 0); 24];
    let mut count = 0;
    for place in 0..CODEWORD {
        // The locator's roots are the inverses of the places' powers.
        let inverse = (CODEWORD - power(place)) % CODEWORD;
        if value(&locator, inverse) != 0 {
            continue;
        }
        if count == degree {
            return Err(Uncorrectable);
        }
        let slope = slope(&locator, inverse);
        if slope == 0 {
            return Err(Uncorrectable);
        }
        let error = mul_exp(div(value(&evaluator, inverse), slope), power(place));
        found[count] = (place, error);
        count += 1;
    }
    if count != degree {
        return Err(Uncorrectable);
    }
    for (place, error) in &found[..count] {
        codeword[*place] ^= error;
    }
    Ok(count)
}

/// The power of 2 that belongs to a place: a codeword's first byte has the highest.
fn power(place: usize) -> usize {
    CODEWORD - 1 - place
}

fn syndromes(codeword: &[u8; CODEWORD], roots: Roots) -> Polynomial {
    let mut syndromes = [0; 25];
    for byte in codeword {
        for (power, syndrome) in syndromes[..roots.count()].iter_mut().enumerate() {
            *syndrome = mul_exp(*syndrome, power) ^ byte;
        }
    }
    syndromes
}

/// The polynomial whose roots say which places are wrong, and how many they are.
fn locator(
    syndromes: &Polynomial,
    roots: Roots,
    erased: &[u8],
) -> Result<(Polynomial, usize), Uncorrectable> {
    let mut locator: Polynomial = [0; 25];
    locator[0] = 1;
    for place in erased {
        let place = usize::from(*place);
        if place >= CODEWORD {
            return Err(Uncorrectable);
        }
        for at in (1..locator.len()).rev() {
            locator[at] ^= mul_exp(locator[at - 1], power(place));
        }
    }
    let mut before = locator;
    let mut length = erased.len();
    for step in erased.len() + 1..=roots.count() {
        let discrepancy = (0..step).fold(0, |sum, at| {
            sum ^ mul(locator[at], syndromes[step - 1 - at])
        });
        before.rotate_right(1);
        before[0] = 0;
        if discrepancy == 0 {
            continue;
        }
        let old = locator;
        for (factor, before) in locator.iter_mut().zip(before) {
            *factor ^= mul(discrepancy, before);
        }
        if 2 * length < step + erased.len() {
            length = step + erased.len() - length;
            before = old.map(|factor| div(factor, discrepancy));
        }
    }
    Ok((locator, length))
}

/// The product of two polynomials, up to but without the power `below`.
fn product(a: &Polynomial, b: &Polynomial, below: usize) -> Polynomial {
    let mut product = [0; 25];
    for (power, factor) in product[..below].iter_mut().enumerate() {
        *factor = (0..=power).fold(0, |sum, at| sum ^ mul(a[at], b[power - at]));
    }
    product
}

/// A polynomial's value at 2 to the power of `power`.
fn value(polynomial: &Polynomial, power: usize) -> u8 {
    let step = |value, factor: &u8| mul_exp(value, power) ^ factor;
    polynomial.iter().rev().fold(0, step)
}

/// The value of a polynomial's derivative at 2 to the power of `power`.
fn slope(polynomial: &Polynomial, power: usize) -> u8 {
    let odd = polynomial.iter().enumerate().skip(1).step_by(2);
    odd.fold(0, |sum, (at, factor)| {
        sum ^ mul(*factor, EXP[power * (at - 1) % CODEWORD])
    })
}
