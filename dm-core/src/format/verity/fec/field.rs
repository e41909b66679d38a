//! The field of 256 elements, modulo x^8 + x^4 + x^3 + x^2 + 1.

/// Every power of the element 2; twice over, so that a sum of logarithms needs no modulo.
pub(super) const EXP: [u8; 510] = TABLES.0;

const LOG: [u8; 256] = TABLES.1;

const TABLES: ([u8; 510], [u8; 256]) = {
    let (mut exp, mut log) = ([0; 510], [0; 256]);
    let mut element: u8 = 1;
    let mut power: u8 = 0;
    while power < 255 {
        exp[power as usize] = element;
        exp[power as usize + 255] = element;
        log[element as usize] = power;
        let carry = element >> 7;
        element = (element << 1) ^ (carry * 0x1d);
        power += 1;
    }
    (exp, log)
};

/// The product.
pub(super) fn mul(a: u8, b: u8) -> u8 {
    match (a, b) {
        (0, _) | (_, 0) => 0,
        (a, b) => EXP[log(a) + log(b)],
    }
}

/// The quotient by what is not zero.
pub(super) fn div(a: u8, b: u8) -> u8 {
    match a {
        0 => 0,
        a => EXP[log(a) + 255 - log(b)],
    }
}

/// `element` times 2 to the power of `power`, which is less than 256.
pub(super) fn mul_exp(element: u8, power: usize) -> u8 {
    match element {
        0 => 0,
        element => EXP[log(element) + power],
    }
}

fn log(element: u8) -> usize {
    usize::from(LOG[usize::from(element)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotient_is_the_inverse_of_the_product() {
        for a in 0..=255 {
            for b in 1..=255 {
                assert_eq!(div(mul(a, b), b), a);
            }
        }
        assert_eq!(mul(0x80, 2), 0x1d);
    }
}
