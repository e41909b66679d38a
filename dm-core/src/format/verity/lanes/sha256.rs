//! sha256 and sha224 in lanes of 32 bits: twice as fast as the processor's own instructions for them, where it has
//! vectors of 512 bits. Compilers do not find the ways to turn the words, nor all of the logic, so that each step
//! is said.
#![allow(clippy::needless_range_loop)] // What iterators do is not always made for these vectors.

use alloc::boxed::Box;
use core::arch::x86_64::__m512i as Vector;

use pulp::NullaryFnOnce;
use pulp::x86::V4;

use super::super::{BlockHash, HashType};
use super::{Family, LANES, widened};

type Lanes = [u32; LANES];

/// sha256 with a salt.
pub(in super::super) fn sha256(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    widened::<sha2::Sha256, _>(Sha256::new(), &SHA256, hash_type, salt)
}

/// sha224 with a salt.
pub(in super::super) fn sha224(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    widened::<sha2::Sha224, _>(Sha256::new(), &SHA224, hash_type, salt)
}

/// A processor with vectors of 512 bits.
#[derive(Clone, Copy)]
struct Sha256(V4);

impl Sha256 {
    fn new() -> Option<Sha256> {
        V4::try_new().map(Sha256)
    }
}

impl Family for Sha256 {
    type Word = u32;
    const CHUNK: usize = 64;
    const COUNT: usize = 8;

    fn dispatch<W: NullaryFnOnce>(self, work: W) -> W::Output {
        self.0.vectorize(work)
    }

    #[inline(always)]
    fn compress(self, state: &mut [Lanes; 8], chunks: &[&[u8]; LANES]) {
        let words = self.words(chunks);
        let mut before = [self.all(0); 8];
        for at in 0..8 {
            before[at] = pulp::cast(state[at]);
        }
        let after = self.rounds(before, words);
        for at in 0..8 {
            state[at] = pulp::cast(self.add(before[at], after[at]));
        }
    }

    fn put(word: u32, bytes: &mut [u8]) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

impl Sha256 {
    /// Sixteen words of each lane: a chunk of each is a row, and rows become columns.
    #[inline(always)]
    fn words(self, chunks: &[&[u8]; LANES]) -> [Vector; 16] {
        let mut rows = [self.all(0); 16];
        for at in 0..16 {
            let bytes: [u8; 64] = chunks[at].first_chunk().copied().unwrap_or([0; 64]);
            rows[at] = pulp::cast(bytes);
        }
        // Pairs of words, then of pairs, and so on.
        let mut twos = rows;
        for at in (0..16).step_by(2) {
            twos[at] = self.low_words(rows[at], rows[at + 1]);
            twos[at + 1] = self.high_words(rows[at], rows[at + 1]);
        }
        let mut fours = twos;
        for at in (0..16).step_by(4) {
            fours[at] = self.low_pairs(twos[at], twos[at + 2]);
            fours[at + 1] = self.high_pairs(twos[at], twos[at + 2]);
            fours[at + 2] = self.low_pairs(twos[at + 1], twos[at + 3]);
            fours[at + 3] = self.high_pairs(twos[at + 1], twos[at + 3]);
        }
        let mut eights = fours;
        for at in [0, 1, 2, 3, 8, 9, 10, 11] {
            eights[at] = self.even_quarters(fours[at], fours[at + 4]);
            eights[at + 4] = self.odd_quarters(fours[at], fours[at + 4]);
        }
        let mut columns = eights;
        for at in 0..8 {
            columns[at] = self.even_quarters(eights[at], eights[at + 8]);
            columns[at + 8] = self.odd_quarters(eights[at], eights[at + 8]);
        }
        for at in 0..16 {
            columns[at] = self.swapped(columns[at]);
        }
        columns
    }

    #[inline(always)]
    fn rounds(self, state: [Vector; 8], mut words: [Vector; 16]) -> [Vector; 8] {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for first in (0..KEYS.len()).step_by(16) {
            if first > 0 {
                self.schedule(&mut words);
            }
            for half in [0, 8] {
                let keyed =
                    |at: usize| self.add(words[half + at], self.all(KEYS[first + half + at]));
                (d, h) = self.round(keyed(0), (a, b, c, d), (e, f, g, h));
                (c, g) = self.round(keyed(1), (h, a, b, c), (d, e, f, g));
                (b, f) = self.round(keyed(2), (g, h, a, b), (c, d, e, f));
                (a, e) = self.round(keyed(3), (f, g, h, a), (b, c, d, e));
                (h, d) = self.round(keyed(4), (e, f, g, h), (a, b, c, d));
                (g, c) = self.round(keyed(5), (d, e, f, g), (h, a, b, c));
                (f, b) = self.round(keyed(6), (c, d, e, f), (g, h, a, b));
                (e, a) = self.round(keyed(7), (b, c, d, e), (f, g, h, a));
            }
        }
        [a, b, c, d, e, f, g, h]
    }

    /// What `d` and `h` become.
    #[inline(always)]
    fn round(
        self,
        keyed: Vector,
        (a, b, c, d): (Vector, Vector, Vector, Vector),
        (e, f, g, h): (Vector, Vector, Vector, Vector),
    ) -> (Vector, Vector) {
        let large1 = self.xor(
            self.turned::<6>(e),
            self.turned::<11>(e),
            self.turned::<25>(e),
        );
        let first = self.add(self.add(h, keyed), self.add(large1, self.choice(e, f, g)));
        let large0 = self.xor(
            self.turned::<2>(a),
            self.turned::<13>(a),
            self.turned::<22>(a),
        );
        let second = self.add(large0, self.majority(a, b, c));
        (self.add(d, first), self.add(first, second))
    }

    /// Sixteen words more in the place of those of sixteen rounds before.
    #[inline(always)]
    fn schedule(self, words: &mut [Vector; 16]) {
        for at in 0..16 {
            let (one, last) = (words[(at + 1) % 16], words[(at + 14) % 16]);
            let small0 = self.xor(
                self.turned::<7>(one),
                self.turned::<18>(one),
                self.shifted::<3>(one),
            );
            let small1 = self.xor(
                self.turned::<17>(last),
                self.turned::<19>(last),
                self.shifted::<10>(last),
            );
            let more = self.add(words[(at + 9) % 16], small1);
            words[at] = self.add(self.add(words[at], small0), more);
        }
    }
}

/// The processor's instructions.
impl Sha256 {
    #[inline(always)]
    fn all(self, word: u32) -> Vector {
        pulp::cast([word; LANES])
    }

    #[inline(always)]
    fn add(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_add_epi32(a, b)
    }

    #[inline(always)]
    fn turned<const BITS: i32>(self, words: Vector) -> Vector {
        self.0.avx512f._mm512_ror_epi32::<BITS>(words)
    }

    #[inline(always)]
    fn shifted<const BITS: u32>(self, words: Vector) -> Vector {
        self.0.avx512f._mm512_srli_epi32::<BITS>(words)
    }

    #[inline(always)]
    fn xor(self, a: Vector, b: Vector, c: Vector) -> Vector {
        self.0.avx512f._mm512_ternarylogic_epi32::<0x96>(a, b, c)
    }

    #[inline(always)]
    fn choice(self, e: Vector, f: Vector, g: Vector) -> Vector {
        self.0.avx512f._mm512_ternarylogic_epi32::<0xca>(e, f, g)
    }

    #[inline(always)]
    fn majority(self, a: Vector, b: Vector, c: Vector) -> Vector {
        self.0.avx512f._mm512_ternarylogic_epi32::<0xe8>(a, b, c)
    }

    #[inline(always)]
    fn low_words(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_unpacklo_epi32(a, b)
    }

    #[inline(always)]
    fn high_words(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_unpackhi_epi32(a, b)
    }

    #[inline(always)]
    fn low_pairs(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_unpacklo_epi64(a, b)
    }

    #[inline(always)]
    fn high_pairs(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_unpackhi_epi64(a, b)
    }

    #[inline(always)]
    fn even_quarters(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_shuffle_i32x4::<0x88>(a, b)
    }

    #[inline(always)]
    fn odd_quarters(self, a: Vector, b: Vector) -> Vector {
        self.0.avx512f._mm512_shuffle_i32x4::<0xdd>(a, b)
    }

    /// The bytes of each word the other way round.
    #[inline(always)]
    fn swapped(self, words: Vector) -> Vector {
        let places =
            self.0
                .avx512f
                ._mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
        self.0.avx512bw._mm512_shuffle_epi8(words, places)
    }
}

/// Where sha256 starts.
const SHA256: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Where sha224 starts.
const SHA224: [u32; 8] = [
    0xc105_9ed8,
    0x367c_d507,
    0x3070_dd17,
    0xf70e_5939,
    0xffc0_0b31,
    0x6858_1511,
    0x64f9_8fa7,
    0xbefa_4fa4,
];

const KEYS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];
