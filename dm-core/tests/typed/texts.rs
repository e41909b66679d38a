//! Texts as kernels write them.

use dm_core::typed::{self, Note, Reader};

use super::answers::{MESSAGES, REPLIES, STATUS};
use super::examples::PARAMS;
use super::{kind, params};

fn plain(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn parameters_are_written_as_they_are_read() {
    for (name, text) in PARAMS {
        let text = plain(text);
        let written = params(name, 65_536, &text);
        assert_eq!(written.as_deref(), Ok(text.as_str()), "{name}");
    }
}

#[test]
fn status_is_written_as_it_is_read() {
    for (name, text) in STATUS {
        let read = kind(name).status(Reader::new(text));
        let written = read.map(|status| status.to_string());
        assert_eq!(written.as_deref(), Ok(*text), "{name}");
    }
}

#[test]
fn messages_are_written_as_they_are_read() {
    for (name, text) in MESSAGES {
        let read = kind(name).message(Reader::new(text));
        let written = read.map(|message| message.to_string());
        assert_eq!(written.as_deref(), Ok(*text), "{name}");
    }
}

#[test]
fn every_kind_has_an_example() {
    for kind in typed::KINDS {
        let shown = PARAMS.iter().any(|(name, _)| *name == kind.name);
        assert!(shown, "no parameters of {}", kind.name);
    }
}

/// What a driver gives is in the kernel's order, whatever order it was asked in.
#[test]
fn parameters_come_in_the_kernels_order() {
    let cases = [
        (
            "crypt",
            "aes 00 0 8:0 0 2 iv_large_sectors ALLOW_DISCARDS",
            "aes 00 0 8:0 0 2 allow_discards iv_large_sectors",
        ),
        (
            "thin-pool",
            "1:1 1:2 128 0 2 read_only skip_block_zeroing",
            "1:1 1:2 128 0 2 skip_block_zeroing read_only",
        ),
        (
            "raid",
            "RAID1 6 0 region_size 8 nosync write_mostly 1 2 - 1:1 - 1:2",
            "raid1 6 0 nosync write_mostly 1 region_size 8 2 - 1:1 - 1:2",
        ),
        ("snapshot", "1:1 1:2 p 8", "1:1 1:2 P 8"),
        ("error", "these are ignored", ""),
    ];
    for (name, asked, given) in cases {
        assert_eq!(params(name, 65_536, asked).as_deref(), Ok(given), "{name}");
    }
}

#[test]
fn every_word_is_explained() {
    for (name, text) in PARAMS {
        let mut notes: Vec<Note> = Vec::new();
        let reader = Reader::new(text).noting(&mut notes);
        kind(name).params(reader).expect("it is read above");
        let words = text.split_ascii_whitespace().count();
        let escaped = text.matches("\\ ").count();
        assert_eq!(notes.len(), words - escaped, "{name} {text}: {notes:?}");
        assert!(notes.iter().all(|note| !note.what.is_empty()));
    }
}

#[test]
fn keys_are_hidden() {
    for (name, text) in [
        ("crypt", "aes-xts-plain64 5ec7e75ec7e7 0 8:0 0"),
        (
            "integrity",
            "8:0 0 - D 1 internal_hash:hmac(sha256):5ec7e75ec7e7",
        ),
        (
            "integrity",
            "8:0 0 4 J 1 journal_crypt:ctr(aes):5ec7e75ec7e7",
        ),
    ] {
        let mut notes = Vec::new();
        let read = kind(name).params(Reader::new(text).noting(&mut notes));
        let shown = format!("{:?} {notes:?}", read.expect("it is right"));
        assert!(!shown.contains("5ec7e7"), "{shown}");
    }
    let wrong = params("crypt", 8, "aes 5ec7e75ec7e7x 0 8:0 0").expect_err("no hexadecimal");
    assert!(!wrong.to_string().contains("5ec7e7"), "{wrong}");
    let wrong = params(
        "integrity",
        8,
        "8:0 0 - D 1 internal_hash:hmac(sha256):5ec7e7x",
    );
    assert!(
        !wrong
            .expect_err("no hexadecimal")
            .to_string()
            .contains("5ec7e7")
    );
}

#[test]
fn replies_are_written_as_they_are_read() {
    for (name, message, reply) in REPLIES {
        let typed = kind(name).message(Reader::new(message)).expect(message);
        let read = typed
            .reply(reply)
            .unwrap_or_else(|error| panic!("{reply}: {error}"));
        assert_eq!(read.to_string(), reply.trim_end(), "{name} {message}");
    }
    let count = kind("dust").message(Reader::new("countbadblocks"));
    assert_eq!(
        count.and_then(|count| count.reply("countbadblocks: 895 badblock(s) found")),
        Ok(typed::Reply::Dust(typed::dust::Reply::Count(895)))
    );
}

#[test]
fn message_without_its_key_has_something_else() {
    let hidden = |text| typed::message_without_keys(text, |key| Some("0".repeat(key.len())));
    assert_eq!(hidden("key set 00ff"), Some("key set 0000".into()));
    for open in [
        "key set :32:logon:my",
        "key set -",
        "key wipe",
        "create_thin 0",
        "",
    ] {
        assert_eq!(hidden(open), None, "{open}");
    }
}
