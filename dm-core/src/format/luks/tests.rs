//! Headers in memory: made, opened, changed, and damaged in every way.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::luks2::{Luks2, sealed};
use super::{Format, Kdf, Luks, LuksError, Random, Slots, Storage, Variant, Version, VolumeKey};
use crate::errno::Errno;

pub(super) struct Memory(pub(super) Vec<u8>);

impl Storage for Memory {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let from = usize::try_from(offset).map_err(|_| Errno::EIO)?;
        let end = from.checked_add(buffer.len()).ok_or(Errno::EIO)?;
        buffer.copy_from_slice(self.0.get(from..end).ok_or(Errno::EIO)?);
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let from = usize::try_from(offset).map_err(|_| Errno::EIO)?;
        let end = from.checked_add(bytes.len()).ok_or(Errno::EIO)?;
        let place = self.0.get_mut(from..end).ok_or(Errno::ENOSPC)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

fn chance() -> impl FnMut(&mut [u8]) -> Result<(), Errno> {
    let mut rng = fastrand::Rng::with_seed(4);
    move |bytes| {
        rng.fill(bytes);
        Ok(())
    }
}

fn pbkdf2(iterations: u32) -> Kdf {
    Kdf::Pbkdf2 {
        hash: "sha256".into(),
        iterations,
    }
}

const UUID: &str = "a906775f-0360-4398-a246-e1b2c4f6b735";

fn format(version: Version, random: Random<'_>) -> (Memory, Luks) {
    // The data begins as early as it can, so that nothing is copied in vain.
    let start = match version {
        Version::One => None,
        Version::Two => Some(2048),
    };
    let mut disk = Memory(alloc::vec![0; 3 << 20]);
    let mut format = Format::new(UUID);
    format.version = version;
    format.digest_iterations = 1;
    format.start = start;
    let luks = format.write(&mut disk, b"first", &pbkdf2(1), random);
    (disk, luks.unwrap())
}

fn unlock(luks: &Luks, disk: &mut Memory, passphrase: &str) -> Result<(u32, Vec<u8>), LuksError> {
    let unlocked = luks.unlock(disk, passphrase.as_bytes(), Slots::All)?;
    Ok((unlocked.slot, unlocked.key.expose().to_vec()))
}

#[test]
fn passphrases_come_and_go() {
    for version in [Version::One, Version::Two] {
        let random = &mut chance();
        let (mut disk, mut luks) = format(version, random);
        let (slot, key) = unlock(&luks, &mut disk, "first").unwrap();
        assert_eq!((slot, key.len()), (0, 64));
        let wrong = unlock(&luks, &mut disk, "wrong");
        assert_eq!(wrong, Err(LuksError::WrongPassphrase));
        let volume_key = luks.unlock(&mut disk, b"first", Slots::All).unwrap().key;
        let added = luks.add_key(&mut disk, &volume_key, b"second", None, &pbkdf2(2), random);
        assert_eq!(added, Ok(1));
        let taken = luks.add_key(&mut disk, &volume_key, b"x", Some(1), &pbkdf2(2), random);
        assert_eq!(taken, Err(LuksError::SlotTaken(1)));
        let other = VolumeKey::new(64, random).unwrap();
        let refused = luks.add_key(&mut disk, &other, b"x", None, &pbkdf2(2), random);
        assert_eq!(refused, Err(LuksError::OtherKey));
        luks.remove_key(&mut disk, 0, random).unwrap();
        assert_eq!(
            luks.remove_key(&mut disk, 0, random),
            Err(LuksError::NoSlot(0))
        );
        let luks = Luks::read(&mut disk).unwrap();
        assert_eq!(luks.slots(), [1]);
        assert_eq!(luks.uuid(), UUID);
        let gone = unlock(&luks, &mut disk, "first");
        assert_eq!(gone, Err(LuksError::WrongPassphrase));
        assert_eq!(unlock(&luks, &mut disk, "second"), Ok((1, key)));
    }
}

#[test]
fn argon2_opens_too() {
    let random = &mut chance();
    let (mut disk, mut luks) = format(Version::Two, random);
    let key = luks.unlock(&mut disk, b"first", Slots::All).unwrap().key;
    for (variant, name) in [(Variant::I, "argon2i"), (Variant::Id, "argon2id")] {
        let kdf = Kdf::Argon2 {
            variant,
            time: 2,
            memory: 64,
            cpus: 2,
        };
        luks.add_key(&mut disk, &key, name.as_bytes(), None, &kdf, random)
            .unwrap();
        assert!(unlock(&luks, &mut disk, name).is_ok());
    }
}

#[test]
fn one_copy_is_enough_and_the_newer_one_counts() {
    let random = &mut chance();
    let (disk, _) = format(Version::Two, random);
    let (_, key) = unlock(
        &Luks::read(&mut Memory(disk.0.clone())).unwrap(),
        &mut Memory(disk.0.clone()),
        "first",
    )
    .unwrap();
    for (from, to, which) in [
        (0, 16384, "first"),
        (16384, 32768, "second"),
        (0, 1, "first"),
        (5000, 5001, "first"),
        (16384 + 448, 16384 + 449, "second"),
    ] {
        let mut disk = Memory(disk.0.clone());
        disk.0[from..to].fill(0xa5);
        let luks = Luks::read(&mut disk).unwrap();
        assert!(
            luks.damage().unwrap().contains(which),
            "{from} {:?}",
            luks.damage()
        );
        assert_eq!(unlock(&luks, &mut disk, "first").unwrap().1, key);
    }
    // A write that stopped between the copies.
    let mut older = Memory(disk.0.clone());
    let mut luks = Luks::read(&mut older).unwrap();
    let volume_key = luks.unlock(&mut older, b"first", Slots::All).unwrap().key;
    luks.add_key(&mut older, &volume_key, b"new", None, &pbkdf2(1), random)
        .unwrap();
    let mut torn = Memory(older.0.clone());
    torn.0[16384..32768].copy_from_slice(&disk.0[16384..32768]);
    let luks = Luks::read(&mut torn).unwrap();
    assert_eq!(
        luks.damage(),
        Some("the second copy is older than the first one")
    );
    assert!(unlock(&luks, &mut torn, "new").is_ok());
}

/// No byte of a header can be another without that being said.
#[test]
fn damage_is_never_taken_for_a_header() {
    let (mut disk, _) = format(Version::Two, &mut chance());
    disk.0.truncate(2 * 16384);
    // 32 bytes behind the checksum are room for a longer one.
    let binary = (0..480).chain(512..4096);
    for at in binary.chain((4096..16384).step_by(97)) {
        let mut disk = Memory(disk.0.clone());
        disk.0[at] ^= 0x41;
        disk.0[16384 + at] ^= 0x41;
        assert!(Luks::read(&mut disk).is_err(), "byte {at}");
    }
    // LUKS1 has no checksum: what still opens has the key that the digest knows.
    let (disk, luks) = format(Version::One, &mut chance());
    let (_, key) = unlock(&luks, &mut Memory(disk.0.clone()), "first").unwrap();
    // Counts of some million iterations, which are allowed, would only take their time.
    let counts = [165, 213];
    for at in (0..592).filter(|at| !counts.contains(at)) {
        let mut disk = Memory(disk.0.clone());
        disk.0[at] ^= 0x81;
        let unlocked = Luks::read(&mut disk).and_then(|luks| unlock(&luks, &mut disk, "first"));
        if let Ok((_, found)) = unlocked {
            assert_eq!(found, key, "byte {at}");
        }
    }
}

/// A first copy with this JSON and a checksum that fits.
fn with_json(json: &str) -> Result<Luks2, LuksError> {
    Luks2::read(&mut Memory(sealed(json.as_bytes())))
}

const GOOD: &str = r#"{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1",
"stripes":4000,"hash":"sha256"},"area":{"type":"raw","offset":"32768","size":"258048",
"encryption":"aes-xts-plain64","key_size":64},"kdf":{"type":"pbkdf2","hash":"sha256",
"iterations":1000,"salt":"Dd1b1AGErD+NHpumfDIod2kk+xA595fzd6J98MFj/lo="}}},"tokens":{"3":
{"type":"x","keyslots":["0"]}},"segments":{"0":{"type":"crypt","offset":"16777216","size":
"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":4096}},"digests":{"0":
{"type":"pbkdf2","keyslots":["0"],"segments":["0"],"hash":"sha256","iterations":1000,"salt":
"WVMk01KYJE9XUum8ok3mtilLhrNe9Q51r6Xp9ymwS4E=","digest":
"Jf9crUSLDvUv+dJ4w5jTeDcRAOAo1Dr7Uebtxih3dqM="}},"config":{"json_size":"12288",
"keyslots_size":"16744448"}}"#;

#[test]
fn hostile_json_is_refused() {
    assert!(with_json(GOOD).is_ok());
    let deep = "[".repeat(10_000);
    let deep = GOOD.replace("\"3\":\n{", &alloc::format!("\"3\":\n{{\"a\":{deep},"));
    assert!(matches!(with_json(&deep), Err(LuksError::Damaged(_))));
    assert!(with_json(&"x".repeat(0x3000)).is_err());
    for (from, to, reason) in [
        (
            "\"offset\":\"32768\"",
            "\"offset\":\"0\"",
            "its area overlaps",
        ),
        (
            "\"offset\":\"32768\"",
            "\"offset\":\"16777216\"",
            "its area overlaps",
        ),
        (
            "\"offset\":\"32768\"",
            "\"offset\":\"18446744073709551615\"",
            "its area overlaps",
        ),
        (
            "\"offset\":\"32768\"",
            "\"offset\":32768",
            "offset is no text",
        ),
        (
            "\"offset\":\"32768\"",
            "\"offset\":\"-1\"",
            "offset is no number",
        ),
        (
            "\"size\":\"258048\"",
            "\"size\":\"4096\"",
            "its area is too small",
        ),
        ("4000", "4000000", "it has not 4000 stripes"),
        (
            "\"key_size\":64",
            "\"key_size\":999999",
            "key_size is not 1 to 512",
        ),
        (
            "\"key_size\":64",
            "\"key_size\":-1",
            "key_size is no number",
        ),
        (
            "\"keyslots\":{\"0\"",
            "\"keyslots\":{\"32\"",
            "not numbered from 0 to 31",
        ),
        (
            "\"keyslots\":[\"0\"],\"seg",
            "\"keyslots\":[\"7\"],\"seg",
            "a digest is for",
        ),
        (
            "\"x\",\"keyslots\":[\"0\"]",
            "\"x\",\"keyslots\":[\"9\"]",
            "a token is for",
        ),
        ("Jf9c", "J*9c", "digest is no base64"),
        ("\"config\"", "\"other\"", "config is missing"),
        (
            "\"sector_size\":4096",
            "\"sector_size\":8192",
            "sector size",
        ),
        (
            "\"offset\":\"16777216\"",
            "\"offset\":\"16777217\"",
            "whole sectors",
        ),
        (
            "\"iterations\":1000",
            "\"iterations\":99999999999",
            "iterations 99999999999",
        ),
        (
            "\"type\":\"pbkdf2\",\"hash\"",
            "\"type\":\"scrypt\",\"hash\"",
            "derivation scrypt",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = with_json(&GOOD.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(reason), "{to}: {error}");
    }
    // Two slots in one place.
    let slot = &GOOD[GOOD.find("\"0\":").unwrap() + 4..GOOD.find(",\"tokens\"").unwrap() - 1];
    let two = GOOD.replacen("\"0\":", &alloc::format!("\"1\":{slot},\"0\":"), 1);
    let error = with_json(&two).unwrap_err().to_string();
    assert!(error.contains("its area overlaps"), "{error}");
}

#[test]
fn huge_costs_are_refused_at_once() {
    let argon2 = |time, memory, cpus| Kdf::Argon2 {
        variant: Variant::Id,
        time,
        memory,
        cpus,
    };
    for kdf in [
        pbkdf2(u32::MAX),
        argon2(4, u32::MAX, 4),
        argon2(u32::MAX, 1 << 20, 4),
        argon2(4, 1 << 20, 1000),
    ] {
        assert!(
            matches!(kdf.check(), Err(LuksError::Cost { .. })),
            "{kdf:?}"
        );
        assert!(kdf.derive(b"", b"12345678", 32).is_err());
    }
    for kdf in [
        pbkdf2(0),
        argon2(0, 64, 1),
        argon2(1, 1, 1),
        argon2(1, 64, 0),
    ] {
        assert!(matches!(kdf.check(), Err(LuksError::Damaged(_))), "{kdf:?}");
    }
}

#[test]
fn costs_of_all_slots_together_are_bounded() {
    let random = &mut chance();
    // Each is bearable, and one digest for each is done besides.
    let (mut disk, _) = format(Version::One, random);
    let most = 200_000_000_u32.to_be_bytes();
    for slot in 0..8 {
        let at = 208 + slot * 48;
        disk.0[at..at + 4].copy_from_slice(&0x00ac_71f3_u32.to_be_bytes());
        disk.0[at + 4..at + 8].copy_from_slice(&most);
    }
    let luks = Luks::read(&mut disk).unwrap();
    assert_eq!(unlock(&luks, &mut disk, "x"), Err(LuksError::Costs));
    let (mut disk, mut luks) = format(Version::Two, random);
    let key = luks.unlock(&mut disk, b"first", Slots::All).unwrap().key;
    for _ in 1..3 {
        luks.add_key(&mut disk, &key, b"more", None, &pbkdf2(1), random)
            .unwrap();
    }
    let text = luks.json().unwrap();
    let costly = text.replace("\"iterations\":1,", "\"iterations\":200000000,");
    assert_ne!(text, costly);
    let mut disk = Memory(sealed(costly.as_bytes()));
    let luks = Luks::read(&mut disk).unwrap();
    assert_eq!(unlock(&luks, &mut disk, "first"), Err(LuksError::Costs));
}

/// A key that is not the data's opens nothing, though its passphrase is right.
#[test]
fn slot_without_the_datas_key_opens_nothing() {
    let random = &mut chance();
    let (mut disk, luks) = format(Version::Two, random);
    assert!(unlock(&luks, &mut disk, "first").is_ok());
    let text = luks.json().unwrap();
    let bound = "\"segments\":[\"0\"]";
    let unbound = text.replace(bound, "\"segments\":[]");
    assert_ne!(text, unbound);
    let header = sealed(unbound.as_bytes());
    disk.0[..header.len()].copy_from_slice(&header);
    disk.0[16384..32768].fill(0);
    let luks = Luks::read(&mut disk).unwrap();
    let all = unlock(&luks, &mut disk, "first");
    assert_eq!(all, Err(LuksError::WrongPassphrase));
    let only = luks.unlock(&mut disk, b"first", Slots::Only(0)).err();
    let what = "the header is damaged: it keeps no key of the data".into();
    assert_eq!(only, Some(LuksError::Slot { slot: 0, what }));
    // Nor is it clear which digest counts, where there are two.
    let digest = &text[text.find("\"digests\":{\"0\":").unwrap() + 15..];
    let digest = &digest[..=digest.find('}').unwrap()];
    let two = text.replace(
        "\"digests\":{",
        &alloc::format!("\"digests\":{{\"1\":{digest},"),
    );
    let error = with_json(&two).unwrap_err().to_string();
    assert!(error.contains("two digests"), "{error}");
}

#[test]
fn unknown_demands_are_named() {
    for (from, to, reason) in [
        (
            "\"config\":{",
            "\"config\":{\"requirements\":{\"mandatory\":[\"online-reencrypt-v2\"]},",
            "the requirement online-reencrypt-v2",
        ),
        (
            "\"config\":{",
            "\"config\":{\"flags\":[\"new-flag\"],",
            "the flag new-flag",
        ),
        (
            "\"sector_size\":4096",
            "\"sector_size\":4096,\"integrity\":{\"type\":\"hmac\",\
             \"journal_encryption\":\"none\",\"journal_integrity\":\"none\"}",
            "tags of the kind hmac",
        ),
        (
            "\"sector_size\":4096",
            "\"sector_size\":4096,\"integrity\":{\"type\":\"aead\",\
             \"journal_encryption\":\"aes\",\"journal_integrity\":\"none\"}",
            "tags with a protected journal",
        ),
        (
            "\"type\":\"crypt\"",
            "\"type\":\"linear\"",
            "a segment of type linear",
        ),
    ] {
        let header = with_json(&GOOD.replace(from, to)).unwrap();
        let error = header.volume().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let json = GOOD.replace(
        "\"config\":{",
        "\"config\":{\"flags\":[\"allow-discards\"],",
    );
    let volume = with_json(&json).unwrap().volume().unwrap();
    assert_eq!(volume.options, [String::from("allow_discards")]);
    assert_eq!((volume.start, volume.sector_size), (32768, 4096));
}

#[test]
fn no_header_is_said() {
    for bytes in [0, 512, 3 << 20] {
        let found = Luks::read(&mut Memory(alloc::vec![0; bytes]));
        assert!(matches!(found, Err(LuksError::NotLuks)), "{bytes}");
    }
}
