//! Making codes.

use alloc::boxed::Box;

use super::Roots;
use super::field::{EXP, mul};

/// Columns that are done together: their registers stay in the nearest cache.
const TILE: usize = 1024;

/// Makes the codes of many codewords side by side.
pub struct Encoder {
    roots: Roots,
    table: Table,
}

/// For each byte that falls out of a register, what the division by the generator adds to it.
enum Table {
    Small(Box<[[u64; 1]; 256]>),
    Middle(Box<[[u64; 2]; 256]>),
    Large(Box<[[u64; 3]; 256]>),
}

impl Encoder {
    /// For codes of `roots` bytes.
    pub fn new(roots: Roots) -> Encoder {
        let table = match roots.count() {
            0..=8 => Table::Small(table(roots)),
            9..=16 => Table::Middle(table(roots)),
            _ => Table::Large(table(roots)),
        };
        Encoder { roots, table }
    }

    /// Makes the codes of as many codewords as each row has bytes: byte `i` of codeword `c` is
    /// `rows[i][c]`, or 0 if that row is empty.
    ///
    /// # Panics
    /// If there are not as many rows as a codeword has bytes of data, or lengths differ.
    pub fn encode(&self, rows: &[&[u8]], codes: &mut [u8]) {
        assert_eq!(rows.len(), self.roots.data());
        match &self.table {
            Table::Small(table) => encode(table, self.roots, rows, codes),
            Table::Middle(table) => encode(table, self.roots, rows, codes),
            Table::Large(table) => encode(table, self.roots, rows, codes),
        }
    }
}

fn table<const W: usize>(roots: Roots) -> Box<[[u64; W]; 256]> {
    let generator = generator(roots);
    let mut table = Box::new([[0; W]; 256]);
    for (byte, entry) in (0..=255).zip(table.iter_mut()) {
        let mut bytes = [0; 24];
        for (at, place) in bytes[..roots.count()].iter_mut().enumerate() {
            *place = mul(byte, generator[roots.count() - 1 - at]);
        }
        for (word, eight) in entry.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*eight);
        }
    }
    table
}

/// The product of (x - 2^i) for each root, the lowest power's factor first.
fn generator(roots: Roots) -> [u8; 25] {
    let mut generator = [0; 25];
    generator[0] = 1;
    for root in &EXP[..roots.count()] {
        for at in (1..generator.len()).rev() {
            generator[at] = generator[at - 1] ^ mul(generator[at], *root);
        }
        generator[0] = mul(generator[0], *root);
    }
    generator
}

fn encode<const W: usize>(table: &[[u64; W]; 256], roots: Roots, rows: &[&[u8]], codes: &mut [u8]) {
    let mut registers = [[0; W]; TILE];
    for (tile, codes) in codes.chunks_mut(TILE * roots.count()).enumerate() {
        let columns = codes.len() / roots.count();
        let registers = &mut registers[..columns];
        registers.fill([0; W]);
        for row in rows {
            match row.is_empty() {
                true => registers.iter_mut().for_each(|it| step(table, it, 0)),
                false => {
                    let row = &row[tile * TILE..][..columns];
                    for (register, byte) in registers.iter_mut().zip(row) {
                        step(table, register, *byte);
                    }
                }
            }
        }
        for (register, code) in registers.iter().zip(codes.chunks_exact_mut(roots.count())) {
            for (word, part) in register.iter().zip(code.chunks_mut(8)) {
                part.copy_from_slice(&word.to_le_bytes()[..part.len()]);
            }
        }
    }
}

/// One byte more: the division's remainder is in `register`, the highest power in its first byte.
#[inline(always)]
fn step<const W: usize>(table: &[[u64; W]; 256], register: &mut [u64; W], byte: u8) {
    let out = &table[usize::from(byte ^ register[0].to_le_bytes()[0])];
    let mut above = 0;
    for (word, out) in register.iter_mut().zip(out).rev() {
        let next = *word << 56;
        *word = (*word >> 8 | above) ^ out;
        above = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    use crate::format::verity::decode;

    #[test]
    fn what_is_encoded_is_a_codeword() {
        let mut rng = fastrand::Rng::with_seed(7);
        for roots in 2..=24 {
            let roots = Roots::new(roots).unwrap();
            let rows: Vec<Vec<u8>> = (0..roots.data())
                .map(|at| match at {
                    5 => Vec::new(),
                    _ => (0..1500).map(|_| rng.u8(..)).collect(),
                })
                .collect();
            let views: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
            let mut codes = vec![0; 1500 * roots.count()];
            Encoder::new(roots).encode(&views, &mut codes);
            for column in [0, 1023, 1024, 1499] {
                let mut codeword = [0; 255];
                for (byte, row) in codeword.iter_mut().zip(&rows) {
                    *byte = row.get(column).copied().unwrap_or(0);
                }
                let code = &codes[column * roots.count()..][..roots.count()];
                codeword[roots.data()..].copy_from_slice(code);
                assert_eq!(decode(&mut codeword, roots, &[]), Ok(0));
            }
        }
    }
}
