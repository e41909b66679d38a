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
            "0123456789abcdeffedcba98765432100011223344556677",
            "0123456789abcdeffedcba9876543210",
            "b4993401b3e996f84ee5cee7d79b09b9",
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
            "000000000000000000000000000000000000000000000000",
            "00000000000000000000000000000000",
            "efa71f788965bd4453f860178fc19101",
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
    // SP 800-38A, F.1 and F.2: the key, ECB's answer, CBC's.
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                 30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    for (key, ecb, cbc) in [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf\
             43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
             73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
        ),
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef\
             ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a\
             571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870\
             b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
             39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
        ),
    ] {
        for (chaining, encrypted) in [(Chaining::Ecb, ecb), (Chaining::Cbc, cbc)] {
            let mode = mode(Algorithm::Aes, chaining, &bytes(key)).unwrap();
            let ivs = || blocks("000102030405060708090a0b0c0d0e0f");
            let mut data = blocks(plain);
            mode.encrypt(&mut ivs(), &mut data);
            assert_eq!(data, blocks(encrypted), "{chaining:?} {key}");
            mode.decrypt(&mut ivs(), &mut data);
            assert_eq!(data, blocks(plain), "{chaining:?} {key}");
        }
    }
}

/// IEEE 1619, annex B, vectors 1 to 3: units of two blocks.
#[test]
fn xts_gives_the_answers_for_short_units() {
    let (ones, twos) = ("11".repeat(16), "22".repeat(16));
    let falling = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0";
    for (data_key, tweak_key, unit, plain, encrypted) in [
        (
            &*"00".repeat(16),
            &*"00".repeat(16),
            "0000000000",
            "00",
            "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e",
        ),
        (
            &ones,
            &twos,
            "3333333333",
            "44",
            "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
        ),
        (
            falling,
            &twos,
            "3333333333",
            "44",
            "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89",
        ),
    ] {
        let key = bytes(&alloc::format!("{data_key}{tweak_key}"));
        let mode = mode(Algorithm::Aes, Chaining::Xts, &key).unwrap();
        let mut ivs = blocks(&alloc::format!("{unit:0<32}"));
        let mut data = blocks(&plain.repeat(32));
        mode.encrypt(&mut ivs, &mut data);
        assert_eq!(data, blocks(encrypted), "{data_key}");
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
