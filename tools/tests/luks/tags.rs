//! Volumes whose sectors have tags, on the engine.

use dm_core::blockdev::Blocking;
use dm_core::engine::Engine;
use dm_core::io::IoFlags;
use dm_core::units::Sector;
use dm_tests::script::{create, open};

use super::{OUR_PBKDF2, agree, cryptsetup, home, image};

/// How a volume is made, what its table says, and bytes of a tag.
const CASES: &[(&[&str], &str, u16)] = &[
    (
        &["--integrity", "hmac-sha256"],
        "capi:authenc(hmac(sha256),xts(aes))-plain64 ",
        32,
    ),
    (&["--integrity", "aead"], "capi:gcm(aes)-random ", 28),
    (
        &[
            "-I",
            "aead",
            "-c",
            "aegis128-random",
            "--sector-size",
            "512",
        ],
        "capi:aegis128-random ",
        32,
    ),
    (
        &["--integrity", "poly1305"],
        "capi:rfc7539(chacha20,poly1305)-random ",
        28,
    ),
    (&["--integrity", "none"], "capi:xts(aes)-random ", 16),
];

#[test]
fn volumes_with_tags_open_as_two_devices_and_read_as_zeroes() {
    let home = home();
    for (number, (options, cipher, tag)) in CASES.iter().enumerate() {
        let device = format!("{number}.img");
        image(&home, &device);
        let words = ["luks", "format", &device, "--key-file", "pass"];
        home.ok(&[&words, OUR_PBKDF2, options].concat());
        if cryptsetup(&home).is_some() {
            agree(&home, &device, &[]);
        }
        home.ok(&["luks", "open", &device, "vault", "--key-file", "pass"]);
        let tables = ["vault_dif", "vault"].map(|name| home.ok(&["table", "--showkeys", name]));
        assert!(
            tables[0].contains(&format!(" 32768 {tag} J ")),
            "{tables:?}"
        );
        assert!(tables[1].contains(cipher), "{tables:?}");
        assert!(
            tables[1].contains(&format!(" integrity:{tag}:")),
            "{tables:?}"
        );
        let uuid = home.ok(&["info", "-c", "--noheadings", "-o", "uuid", "vault_dif"]);
        assert!(uuid.starts_with("CRYPT-INTEGRITY-"), "{uuid}");
        assert!(uuid.trim_end().ends_with("-vault_dif"), "{uuid}");
        home.ok(&["luks", "close", "vault"]);
        assert!(!home.ok(&["ls"]).contains("vault"));
        // The same tables on an engine of ours.
        let engine = Engine::new();
        for (name, table) in ["vault_dif", "vault"].iter().zip(&tables) {
            create(&engine, name, table.trim_end()).unwrap();
        }
        let vault = open(&engine, "vault");
        let sectors: u64 = tables[1].split(' ').nth(1).unwrap().parse().unwrap();
        let mut all = vec![0xa5; usize::try_from(sectors * 512).unwrap()];
        vault.read_at(Sector(0), &mut all).unwrap();
        assert!(all.iter().all(|byte| *byte == 0), "{options:?}");
        vault.write_at(Sector(8), &[7; 4096], IoFlags::FUA).unwrap();
        vault.read_at(Sector(0), &mut all).unwrap();
        assert!(all[4096..8192].iter().all(|byte| *byte == 7));
    }
}

#[test]
fn tags_that_do_not_go_with_a_cipher_are_refused_before_anything_is_written() {
    let home = home();
    image(&home, "x.img");
    for (options, said) in [
        (&["--integrity", "sha256"][..], "tags of the kind sha256"),
        (
            &["--integrity", "none", "-c", "aes-xts-plain64"],
            "tags of the kind none",
        ),
        (&["--integrity", "aead", "-s", "160"], "16, 24 or 32 bytes"),
        (
            &["--integrity", "hmac-sha256", "--type", "luks1"],
            "tags in LUKS1",
        ),
        (
            &["--integrity", "aead", "-c", "aes-xts-plain64"],
            "is none of gcm(aes)",
        ),
    ] {
        let words = ["luks", "format", "x.img", "--key-file", "pass"];
        let run = home.run(&[&words, OUR_PBKDF2, options].concat());
        assert_ne!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.contains(said), "{run:?}");
    }
    let dump = home.run(&["luks", "dump", "x.img"]);
    assert_ne!(dump.code, Some(0), "{dump:?}");
}
