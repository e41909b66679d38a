//! Any words: nothing panics, and what is read is written so that it reads the same.

use dm_core::typed::{KINDS, Reader};

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

#[test]
fn what_is_read_reads_back() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut read = 0;
    for _ in 0..20_000 {
        let text = text(&mut random);
        for kind in KINDS {
            if let Ok(params) = kind.params(Reader::new(&text)) {
                let written = params.to_string();
                let again = kind.params(Reader::new(&written));
                assert_eq!(
                    again.as_ref(),
                    Ok(&params),
                    "{}: {text:?} {written:?}",
                    kind.name
                );
                read += 1;
            }
            if let Ok(status) = kind.status(Reader::new(&text)) {
                let written = status.to_string();
                let again = kind.status(Reader::new(&written));
                assert_eq!(
                    again.as_ref(),
                    Ok(&status),
                    "{}: {text:?} {written:?}",
                    kind.name
                );
            }
            if let Ok(message) = kind.message(Reader::new(&text)) {
                let written = message.to_string();
                let again = kind.message(Reader::new(&written));
                assert_eq!(
                    again.as_ref(),
                    Ok(&message),
                    "{}: {text:?} {written:?}",
                    kind.name
                );
            }
        }
    }
    assert!(read > 500, "only {read} texts were parameters");
}
