//! Sectors that are sealed and opened.

use alloc::vec;
use alloc::vec::Vec;

use super::super::cipher::IvUnit;
use super::*;

/// A sealer as a table would make it, for tags of `tag` bytes of which `proof` prove the sector.
fn sealer(text: &str, key: usize, tag: u16, size: u32) -> Sealer {
    let size = SectorSize::new(size, IvUnit::Sectors).unwrap();
    let format = TagFormat {
        bytes: tag,
        block: u32::try_from(size.bytes()).unwrap(),
    };
    let kind = match text.parse::<AeadSpec>() {
        Ok(spec) => TaggingKind::Aead {
            spec,
            mac_key: spec.mac_key(),
        },
        Err(_) => {
            let spec: CipherSpec = text.parse().unwrap();
            TaggingKind::IvAlone(spec.without_random_iv().unwrap())
        }
    };
    let proof = match &kind {
        TaggingKind::IvAlone(_) => 0,
        TaggingKind::Aead { spec, .. } if spec.iv == Iv::Random => {
            usize::from(tag) - spec.iv_bytes()
        }
        TaggingKind::Aead { .. } => usize::from(tag),
    };
    let tagging = Tagging {
        kind,
        format,
        proof,
        size,
        iv_offset: 8,
    };
    let key: Vec<u8> = (0..key).map(|at| u8::try_from(at % 251).unwrap()).collect();
    tagging.keyed(&key).unwrap()
}

const ALL: &[(&str, usize, u16)] = &[
    ("capi:gcm(aes)-random", 32, 28),
    ("capi:gcm(aes)-plain64", 16, 16),
    ("capi:rfc7539(chacha20,poly1305)-random", 32, 28),
    ("capi:aegis128-random", 16, 32),
    ("capi:authenc(hmac(sha256),xts(aes))-plain64", 96, 32),
    ("capi:authenc(hmac(sha256),xts(aes))-random", 96, 48),
    (
        "capi:authenc(hmac(sha512),cbc(serpent))-essiv:sha256",
        96,
        64,
    ),
    ("capi:authenc(hmac(sha256),ecb(cipher_null))", 32, 32),
];

#[test]
fn sealed_sectors_open_and_changed_ones_do_not() {
    for (text, key, tag) in ALL {
        for size in [512, 4096] {
            let sealer = sealer(text, *key, *tag, size);
            let (each, tag) = (size as usize, usize::from(*tag));
            let plain: Vec<u8> = (0..3 * each)
                .map(|at| u8::try_from(at % 253).unwrap())
                .collect();
            let (mut data, mut tags) = (plain.clone(), vec![0; 3 * tag]);
            let step = u64::from(size) / 512;
            sealer.seal(40 * step, &mut data, &mut tags).unwrap();
            assert_eq!(data == plain, text.contains("null"), "{text}");
            let open = |mut data: Vec<u8>, tags: &[u8], first: u64| {
                sealer.open(first * step, &mut data, tags).map(|()| data)
            };
            assert_eq!(open(data.clone(), &tags, 40), Ok(plain), "{text}");
            let wrong = |sector: u64| Err(WrongTag(sector * step));
            // A bit of the second sector's data, and of its tag.
            let mut other = data.clone();
            other[each + 100] ^= 4;
            assert_eq!(open(other, &tags, 40), wrong(41), "{text}");
            let mut other = tags.clone();
            other[tag + tag - 1] ^= 1;
            assert_eq!(open(data.clone(), &other, 40), wrong(41), "{text}");
            // Sectors that changed places, with their tags.
            assert_eq!(open(data.clone(), &tags, 41), wrong(41), "{text}");
        }
    }
}

#[test]
fn random_ivs_are_kept_in_tags_and_differ() {
    for (text, key, tag) in [
        ("aes-xts-random", 64, 16),
        ("aes:4-cbc-random", 64, 20),
        ("capi:gcm(aes)-random", 32, 28),
    ] {
        let sealer = sealer(text, key, tag, 512);
        let plain = vec![7; 512 * 70];
        let seal = || {
            let (mut data, mut tags) = (plain.clone(), vec![0xa5; 70 * usize::from(tag)]);
            sealer.seal(0, &mut data, &mut tags).unwrap();
            (data, tags)
        };
        let (mut data, tags) = seal();
        assert_ne!(seal().0, data, "{text}");
        let mut ivs: Vec<_> = tags.chunks(tag.into()).collect();
        ivs.sort_unstable();
        ivs.dedup();
        assert_eq!(ivs.len(), 70, "{text}");
        sealer.open(0, &mut data, &tags).unwrap();
        assert_eq!(data, plain, "{text}");
    }
}
