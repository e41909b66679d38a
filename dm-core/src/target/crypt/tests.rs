//! Known answers of the standards, and what one has in common with another.

use alloc::vec::Vec;

use super::block::{Algorithm, Block, single};
use super::mode::{Chaining, mode};
use super::{CipherError, CipherSpec, IvUnit, SectorCipher, SectorSize};

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn blocks(hex: &str) -> Vec<Block> {
    let bytes = bytes(hex);
    let (blocks, rest) = Block::slice_as_chunks(&bytes);
    assert!(rest.is_empty());
    blocks.to_vec()
}

#[test]
fn block_ciphers_give_the_answers_of_their_standards() {
    let counted = "000102030405060708090a0b0c0d0e0f";
    for (algorithm, key, plain, encrypted) in [
        // FIPS 197, appendix C.
        (
            Algorithm::Aes,
            counted,
            "00112233445566778899aabbccddeeff",
            "69c4e0d86a7b0430d8cdb78070b4c55a",
        ),
        (
            Algorithm::Aes,
            "000102030405060708090a0b0c0d0e0f1011121314151617",
            "00112233445566778899aabbccddeeff",
            "dda97ca4864cdfe06eaf70a0ec0d7191",
        ),
        (
            Algorithm::Aes,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "00112233445566778899aabbccddeeff",
            "8ea2b7ca516745bfeafc49904b496089",
        ),
        // RFC 3713, appendix A.
        (
            Algorithm::Camellia,
            "0123456789abcdeffedcba9876543210",
            "0123456789abcdeffedcba9876543210",
            "67673138549669730857065648eabe43",
        ),
        (
            Algorithm::Camellia,
            "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff",
            "0123456789abcdeffedcba9876543210",
            "9acc237dff16d76c20ef7c919e3a7509",
        ),
        // Twofish's ECB_TBL, I = 1.
        (
            Algorithm::Twofish,
            "00000000000000000000000000000000",
            "00000000000000000000000000000000",
            "9f589f5cf6122c32b6bfec2f2ae8c35a",
        ),
        (
            Algorithm::Twofish,
            "0000000000000000000000000000000000000000000000000000000000000000",
            "00000000000000000000000000000000",
            "57ff739d4dc92c1bd7fc01700cc8216f",
        ),
        // Serpent as the AES submission's authors and the kernel number its bytes.
        (
            Algorithm::Serpent,
            counted,
            counted,
            "4c7d8a328072a22c823e4a1f3acda16d",
        ),
        (
            Algorithm::Serpent,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            counted,
            "de269ff833e432b85b2e88d2701ce75c",
        ),
    ] {
        let cipher = single(algorithm, &bytes(key)).unwrap();
        let mut data = blocks(plain);
        cipher.encrypt(&mut data);
        assert_eq!(data, blocks(encrypted), "{algorithm:?} {key}");
    }
}

#[test]
fn modes_give_the_answers_of_their_standards() {
    // SP 800-38A: F.1.1 and F.2.1.
    let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                 30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    let ecb = "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf\
               43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4";
    let cbc = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
               73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7";
    for (chaining, encrypted) in [(Chaining::Ecb, ecb), (Chaining::Cbc, cbc)] {
        let mode = mode(Algorithm::Aes, chaining, &key).unwrap();
        let ivs = || blocks("000102030405060708090a0b0c0d0e0f");
        let mut data = blocks(plain);
        mode.encrypt(&mut ivs(), &mut data);
        assert_eq!(data, blocks(encrypted), "{chaining:?}");
        mode.decrypt(&mut ivs(), &mut data);
        assert_eq!(data, blocks(plain), "{chaining:?}");
    }
}

/// IEEE 1619, annex B.
#[test]
fn xts_gives_the_answers_of_its_standard() {
    let counted: Vec<u8> = (0..512).map(|at: u16| at.to_le_bytes()[0]).collect();
    for (key, sector, first) in [
        // Vector 4.
        (
            "2718281828459045235360287471352631415926535897932384626433832795",
            0,
            "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
        ),
        // Vector 10.
        (
            "2718281828459045235360287471352662497757247093699959574966967627\
             3141592653589793238462643383279502884197169399375105820974944592",
            0xff,
            "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
        ),
    ] {
        let spec: CipherSpec = "aes-xts-plain64".parse().unwrap();
        let cipher = SectorCipher::new(&spec, &bytes(key), SectorSize::SMALL).unwrap();
        let mut data = counted.clone();
        cipher.encrypt(sector, &mut data);
        assert_eq!(data[..32], bytes(first));
        cipher.decrypt(sector, &mut data);
        assert_eq!(data, counted);
    }
}

/// What the parallel loop does, done block by block.
#[test]
fn xts_is_the_same_however_long_a_run_is() {
    for algorithm in [Algorithm::Aes, Algorithm::Serpent, Algorithm::Twofish] {
        let key: Vec<u8> = (0..64).collect();
        let mode = mode(algorithm, Chaining::Xts, &key).unwrap();
        let (data, tweak) = (
            single(algorithm, &key[..32]).unwrap(),
            single(algorithm, &key[32..]).unwrap(),
        );
        for length in [1, 15, 16, 17, 32, 64, 100, 128, 256] {
            let plain: Vec<Block> = (0..=255)
                .take(length)
                .map(|byte| Block::from([byte; 16]))
                .collect();
            let ivs = [Block::from([3; 16])];
            let mut whole = plain.clone();
            mode.encrypt(&mut ivs.clone(), &mut whole);
            let mut first = ivs;
            tweak.encrypt(&mut first);
            let mut factor = u128::from_le_bytes(first[0].0);
            for (at, block) in plain.iter().enumerate() {
                let whitened = |block: &Block| {
                    Block::from((u128::from_le_bytes(block.0) ^ factor).to_le_bytes())
                };
                let mut block = [whitened(block)];
                data.encrypt(&mut block);
                assert_eq!(
                    whole[at],
                    whitened(&block[0]),
                    "{algorithm:?} {length} {at}"
                );
                factor = (factor << 1) ^ ((factor >> 127) * 0x87);
            }
        }
    }
}

fn cipher(name: &str, key: usize, size: u32, unit: IvUnit) -> SectorCipher {
    let spec: CipherSpec = name.parse().unwrap();
    let key: Vec<u8> = (1..=255).cycle().take(key).collect();
    SectorCipher::new(&spec, &key, SectorSize::new(size, unit).unwrap()).unwrap()
}

const ALL: &[(&str, usize)] = &[
    ("aes-xts-plain64", 64),
    ("aes-xts-plain64be", 32),
    ("aes-xts-essiv:sha256", 64),
    ("serpent-xts-plain", 64),
    ("twofish-cbc-plain64", 24),
    ("camellia-cbc-benbi", 16),
    ("aes-cbc-null", 32),
    ("aes-cbc-eboiv", 32),
    ("aes-cbc-elephant", 64),
    ("aes-ecb", 32),
    ("cipher_null-ecb", 0),
    ("aes:4-cbc-essiv:sha256", 128),
];

const SMALL_ONLY: &[(&str, usize)] = &[
    ("aes:64-cbc-lmk", 64 * 32),
    ("aes:64-cbc-lmk", 65 * 32),
    ("serpent-cbc-tcw", 64),
];

/// Eighty sectors of 512 bytes, no two of which are alike.
fn plain() -> Vec<u8> {
    let bytes = (0..10_240_u32).flat_map(|at| (at * 77).to_le_bytes());
    bytes.collect()
}

#[test]
fn decryption_undoes_encryption() {
    let plain = plain();
    let small = SMALL_ONLY.iter().map(|row| (*row, 512));
    let all = ALL
        .iter()
        .flat_map(|row| [512, 1024, 2048, 4096].map(|size| (*row, size)));
    for ((name, key), size) in all.chain(small) {
        for unit in [IvUnit::Sectors, IvUnit::LargeSectors] {
            let cipher = cipher(name, key, size, unit);
            let mut data = plain.clone();
            cipher.encrypt(64, &mut data);
            assert_eq!(data == plain, name.starts_with("cipher_null"), "{name}");
            cipher.decrypt(64, &mut data);
            assert_eq!(data, plain, "{name} {size}");
        }
    }
}

#[test]
fn sectors_do_not_hang_on_the_request_that_they_are_in() {
    let plain = plain();
    for (name, key) in ALL.iter().chain(SMALL_ONLY) {
        let cipher = cipher(name, *key, 512, IvUnit::Sectors);
        let mut whole = plain.clone();
        cipher.encrypt(7, &mut whole);
        let mut each = plain.clone();
        for (sector, part) in each.chunks_exact_mut(512).enumerate() {
            cipher.encrypt(7 + sector as u64, part);
        }
        assert_eq!(whole, each, "{name}");
    }
}

#[test]
fn iv_of_large_sectors_counts_those() {
    let mut small = [9; 4096];
    let mut large = [9; 4096];
    cipher("aes-xts-plain64", 64, 4096, IvUnit::Sectors).encrypt(3, &mut small);
    cipher("aes-xts-plain64", 64, 4096, IvUnit::LargeSectors).encrypt(24, &mut large);
    assert_eq!(small, large);
}

#[test]
fn wrong_key_or_sector_size_is_said() {
    let make = |name: &str, key: usize, size| {
        let spec: CipherSpec = name.parse().unwrap();
        let size = SectorSize::new(size, IvUnit::Sectors).unwrap();
        SectorCipher::new(&spec, &alloc::vec![1; key], size).err()
    };
    for bytes in [0, 1, 16, 33, 65, 128] {
        let wrong = CipherError::KeySize { bytes };
        assert_eq!(make("aes-xts-plain64", bytes, 512), Some(wrong));
    }
    for (name, iv) in [("aes:64-cbc-lmk", "lmk"), ("aes-cbc-tcw", "tcw")] {
        let key = if iv == "lmk" { 64 * 16 } else { 64 };
        assert_eq!(make(name, key, 1024), Some(CipherError::SectorSize { iv }));
    }
    assert!(matches!(
        make("aes-cbc-essiv:sha1", 32, 512),
        Some(CipherError::HashSize(_))
    ));
    assert_eq!(
        make("cipher_null-ecb", 16, 512),
        Some(CipherError::KeySize { bytes: 16 })
    );
}
