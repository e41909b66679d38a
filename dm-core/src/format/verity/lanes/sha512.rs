//! sha512 and sha384 in lanes of 64 bits: three times as fast as one after the other where a processor has vectors
//! of 512 bits. Compilers make them of loops.
#![allow(clippy::needless_range_loop)] // Loops over lanes index several at once.

use alloc::boxed::Box;

use pulp::{Arch, NullaryFnOnce};

use super::super::{BlockHash, HashType};
use super::{Family, LANES, widened};

type Lanes = [u64; LANES];

/// sha512 with a salt.
pub(in super::super) fn sha512(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    widened::<sha2::Sha512, _>(Sha512::new(), &SHA512, hash_type, salt)
}

/// sha384 with a salt.
pub(in super::super) fn sha384(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    widened::<sha2::Sha384, _>(Sha512::new(), &SHA384, hash_type, salt)
}

/// The processor's vectors, of which there are two for all lanes, so that one does not wait for the other.
#[derive(Clone, Copy)]
pub(super) struct Sha512(pub(super) Arch);

impl Sha512 {
    /// Where that is faster.
    fn new() -> Option<Sha512> {
        let arch = Arch::new();
        matches!(arch, Arch::V4(_)).then_some(Sha512(arch))
    }
}

impl Family for Sha512 {
    type Word = u64;
    const CHUNK: usize = 128;
    const COUNT: usize = 16;

    fn dispatch<W: NullaryFnOnce>(self, work: W) -> W::Output {
        self.0.dispatch(work)
    }

    #[inline(always)]
    fn compress(self, state: &mut [Lanes; 8], chunks: &[&[u8]; LANES]) {
        let mut words = [[0; LANES]; 16];
        // Lane by lane, since blocks that lie a power of two apart push each other out of a processor's nearest
        // cache.
        for (lane, chunk) in chunks.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(chunk.as_chunks().0) {
                word[lane] = u64::from_be_bytes(*bytes);
            }
        }
        compress(state, &mut words);
    }

    fn put(word: u64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

/// One chunk of each lane. Compilers make vectors of loops over lanes that are large, and not of many small ones.
#[inline(always)]
fn compress(state: &mut [Lanes; 8], words: &mut [Lanes; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (number, keys) in KEYS.chunks_exact(8).enumerate() {
        let (even, odd) = words.split_at_mut(8);
        let (now, next) = match number % 2 {
            0 => (even, odd),
            _ => (odd, even),
        };
        if number >= 2 {
            schedule(now, next);
        }
        round(keys[0], &now[0], (&a, &b, &c), &mut d, (&e, &f, &g), &mut h);
        round(keys[1], &now[1], (&h, &a, &b), &mut c, (&d, &e, &f), &mut g);
        round(keys[2], &now[2], (&g, &h, &a), &mut b, (&c, &d, &e), &mut f);
        round(keys[3], &now[3], (&f, &g, &h), &mut a, (&b, &c, &d), &mut e);
        round(keys[4], &now[4], (&e, &f, &g), &mut h, (&a, &b, &c), &mut d);
        round(keys[5], &now[5], (&d, &e, &f), &mut g, (&h, &a, &b), &mut c);
        round(keys[6], &now[6], (&c, &d, &e), &mut f, (&g, &h, &a), &mut b);
        round(keys[7], &now[7], (&b, &c, &d), &mut e, (&f, &g, &h), &mut a);
    }
    for (state, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        for (state, more) in state.iter_mut().zip(more) {
            *state = state.wrapping_add(more);
        }
    }
}

type Three<'a> = (&'a Lanes, &'a Lanes, &'a Lanes);

#[inline(always)]
fn round(key: u64, word: &Lanes, (a, b, c): Three, d: &mut Lanes, (e, f, g): Three, h: &mut Lanes) {
    for i in 0..LANES {
        let large1 = e[i].rotate_right(14) ^ e[i].rotate_right(18) ^ e[i].rotate_right(41);
        let choice = g[i] ^ (e[i] & (f[i] ^ g[i]));
        let first = (h[i].wrapping_add(large1).wrapping_add(choice))
            .wrapping_add(key.wrapping_add(word[i]));
        let large0 = a[i].rotate_right(28) ^ a[i].rotate_right(34) ^ a[i].rotate_right(39);
        let most = (a[i] & b[i]) | (c[i] & (a[i] | b[i]));
        d[i] = d[i].wrapping_add(first);
        h[i] = first.wrapping_add(large0).wrapping_add(most);
    }
}

/// Eight words more in the place of those of sixteen rounds before; `next` are the eight between.
#[inline(always)]
fn schedule(now: &mut [Lanes], next: &[Lanes]) {
    let small0 = |word: u64| word.rotate_right(1) ^ word.rotate_right(8) ^ (word >> 7);
    let small1 = |word: u64| word.rotate_right(19) ^ word.rotate_right(61) ^ (word >> 6);
    for i in 0..LANES {
        for at in 0..8 {
            let word = |at: usize, now: &[Lanes]| match at {
                0..8 => now[at][i],
                8..16 => next[at - 8][i],
                _ => now[at - 16][i],
            };
            now[at][i] = now[at][i]
                .wrapping_add(small0(word(at + 1, now)))
                .wrapping_add(word(at + 9, now))
                .wrapping_add(small1(word(at + 14, now)));
        }
    }
}

/// Where sha512 starts.
pub(super) const SHA512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Where sha384 starts.
pub(super) const SHA384: [u64; 8] = [
    0xcbbb_9d5d_c105_9ed8,
    0x629a_292a_367c_d507,
    0x9159_015a_3070_dd17,
    0x152f_ecd8_f70e_5939,
    0x6733_2667_ffc0_0b31,
    0x8eb4_4a87_6858_1511,
    0xdb0c_2e0d_64f9_8fa7,
    0x47b5_481d_befa_4fa4,
];

/// A key for each round.
const KEYS: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];
