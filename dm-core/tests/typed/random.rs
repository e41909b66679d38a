//! Any words: nothing panics, and what is read is written so that it reads the same.

use dm_core::typed::{KINDS, Kind, Reader};

use super::answers::{MESSAGES, STATUS};
use super::examples::PARAMS;
use super::{kind, sets};

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "8",
    "128",
    "4096",
    "65536",
    "4294967295",
    "18446744073709551615",
    "-1",
    "-",
    "8:0",
    "/dev/sda",
    "P",
    "N",
    "PO",
    "core",
    "disk",
    "sync",
    "nosync",
    "J",
    "B",
    "D",
    "s",
    "p",
    "raid1",
    "raid5_ls",
    "raid10",
    "round-robin",
    "aes-xts-plain64",
    "00ff",
    ":32:user:k",
    "A",
    "E",
    "AA",
    "1/2",
    "3/4",
    "V",
    "V4",
    "Fail",
    "rw",
    "ro",
    "needs_check",
    "handle_errors",
    "metadata2",
    "writeback",
    "smq",
    "allow_discards",
    "sector_size:4096",
    "integrity:4:none",
    "region_size",
    "rebuild",
    "queue_if_no_path",
    "internal_hash:crc32c",
    "meta_device:8:1",
    "sha256",
    "crc32c",
    "corrupt_bio_byte",
    "r",
    "w",
    "drop_writes",
    "use_fec_from_device",
    "fec_roots",
    "zones",
    "cache",
    "ü",
    "\\ ",
    "\\",
    "a\\ b",
    "@stats_create",
    "@stats_print",
    "0+8",
    "/4",
    "histogram:1,2",
    "set_region_mappings",
    "0:1",
    ":2",
    "R1,2",
    "create_snap",
    "key",
    "set",
    "wipe",
];

fn text(random: &mut fastrand::Rng) -> String {
    let count = random.usize(0..14);
    let words: Vec<&str> = (0..count)
        .map(|_| WORDS[random.usize(0..WORDS.len())])
        .collect();
    words.join(" ")
}

/// Reads each kind of text and what is written of it: both must be the same. How many were read.
fn reads_back(kind: &Kind, text: &str) -> usize {
    let mut read = 0;
    let name = kind.name;
    if let Ok(params) = kind.params(Reader::new(text)) {
        let written = params.to_string();
        let again = kind.params(Reader::new(&written));
        assert_eq!(again.as_ref(), Ok(&params), "{name}: {text:?} {written:?}");
        read += 1;
    }
    if let Ok(status) = kind.status(Reader::new(text)) {
        let written = status.to_string();
        let again = kind.status(Reader::new(&written));
        assert_eq!(again.as_ref(), Ok(&status), "{name}: {text:?} {written:?}");
        read += 1;
    }
    if let Ok(message) = kind.message(Reader::new(text)) {
        let written = message.to_string();
        let again = kind.message(Reader::new(&written));
        assert_eq!(again.as_ref(), Ok(&message), "{name}: {text:?} {written:?}");
        // Whatever is answered is read or refused, and what is read reads back.
        if let Ok(reply) = message.reply(text) {
            let again = message.reply(&reply.to_string());
            assert_eq!(again, Ok(reply), "{name}: {text:?}");
        }
        read += 1;
    }
    read
}

#[test]
fn what_is_read_reads_back() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut read = 0;
    for _ in 0..20_000 {
        let text = text(&mut random);
        read += KINDS
            .iter()
            .map(|kind| reads_back(kind, &text))
            .sum::<usize>();
    }
    assert!(read > 500, "only {read} texts were read");
}

/// A number of any width.
fn number(random: &mut fastrand::Rng) -> String {
    let bits = random.u32(1..=64);
    let number = random.u64(..) >> (64 - bits);
    // Powers of two and small numbers are right more often.
    match random.u8(0..4) {
        0 => (1_u64 << random.u32(0..40)).to_string(),
        1 => random.u64(0..20).to_string(),
        _ => number.to_string(),
    }
}

/// A right text with other numbers, and a word taken out, doubled or exchanged now and then.
fn edited(text: &str, random: &mut fastrand::Rng) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..words.len());
        let is_number = words[at].bytes().all(|byte| byte.is_ascii_digit());
        match random.u8(0..12) {
            0 => {
                words.remove(at);
            }
            1 => words.insert(at, words[at].clone()),
            2 => {
                let other = random.usize(0..words.len());
                words.swap(at, other);
            }
            3 => words[at] = WORDS[random.usize(0..WORDS.len())].to_owned(),
            _ if is_number => words[at] = number(random),
            _ => {}
        }
        if words.is_empty() {
            break;
        }
    }
    words.join(" ")
}

#[test]
fn edited_texts_read_back() {
    let mut random = fastrand::Rng::with_seed(11);
    let held = sets::FILES.iter().flat_map(|(target, file)| {
        let sets = sets::read(file, sets::over("253:0"));
        sets.good.into_iter().map(|set| (*target, set.params))
    });
    let listed = PARAMS.iter().chain(STATUS).chain(MESSAGES);
    let listed = listed.map(|(target, text)| (*target, (*text).to_owned()));
    let mut read = std::collections::BTreeMap::new();
    for (target, text) in held.chain(listed) {
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        for _ in 0..300 {
            let text = edited(&text, &mut random);
            *read.entry(target).or_insert(0) += reads_back(kind(target), &text);
        }
    }
    for kind in KINDS {
        let read = read.get(kind.name).copied().unwrap_or_default();
        assert!(read >= 100, "{}: only {read} texts were read", kind.name);
    }
}

/// What a newer driver adds to a status is not lost.
#[test]
fn status_keeps_fields_that_are_not_known() {
    // Older drivers leave out some fields that are known.
    let words = |text: &str| text.split_ascii_whitespace().count();
    let longest = STATUS.iter().filter(|(target, text)| {
        let same = STATUS.iter().filter(|(other, _)| other == target);
        same.map(|(_, text)| words(text)).max() == Some(words(text))
    });
    for (target, text) in longest {
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        // These say only that there is nothing to say.
        let nothing = [
            "",
            "-",
            "Fail",
            "Error",
            "Invalid",
            "Overflow",
            "Unknown",
            "Merge failed",
        ];
        if nothing.contains(&text.as_str()) {
            continue;
        }
        for more in ["new", "17 3/4", "a\\ b -"] {
            let text = format!("{text} {more}");
            let read = kind(target).status(Reader::new(&text));
            let written = read.map(|status| status.to_string());
            assert_eq!(written.as_deref(), Ok(text.as_str()), "{target}");
        }
    }
}
