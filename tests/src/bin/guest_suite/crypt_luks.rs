//! Volumes that cryptsetup and dmctl open for each other.

use std::fs;

use crate::shell::{equal, output, read_at, run, write_at};

const DISK: &str = "/dev/ram1";
const NODE: &str = "/dev/mapper/vault";

/// How a volume is made, by whom, and what cryptsetup calls it.
const CASES: &[(&str, &str)] = &[
    (
        "cryptsetup luksFormat --batch-mode --type luks1 --pbkdf-force-iterations 1000",
        "LUKS1",
    ),
    (
        "cryptsetup luksFormat --batch-mode --type luks2 --pbkdf-force-iterations 4 \
         --pbkdf-memory 64 --pbkdf-parallel 1",
        "LUKS2",
    ),
    (
        "cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 \
         --pbkdf-force-iterations 1000 --sector-size 512 -c aes-cbc-essiv:sha256 -s 256",
        "LUKS2",
    ),
    (
        "dmctl luks format --force --type luks1 --iterations 1000 -c twofish-cbc-essiv:sha256 -s 256",
        "LUKS1",
    ),
    (
        "dmctl luks format --force --iterations 4 --memory 64 --parallel 1",
        "LUKS2",
    ),
    (
        "dmctl luks format --force --pbkdf pbkdf2 --iterations 1000 --sector-size 2048 \
         -c serpent-xts-plain64 -s 512",
        "LUKS2",
    ),
];

/// What one wrote is read where the other opened it, and each closes the other's device.
pub(crate) fn volumes_open_either_way() -> Result<(), String> {
    let pass = "/tmp/luks-pass";
    fs::write(pass, "a passphrase").map_err(|error| format!("{pass}: {error}"))?;
    let other = "/tmp/luks-other";
    fs::write(other, "another one").map_err(|error| format!("{other}: {error}"))?;
    for (format, kind) in CASES {
        let done =
            run(&format!("{format} {DISK} --key-file {pass}")).and_then(|_| either_way(pass, kind));
        done.map_err(|reason| format!("{format}: {reason}"))?;
    }
    // On the last one: a version's header is the host's tests' to see to.
    slots_come_and_go(pass, other)?;
    fs::remove_file(other).map_err(|error| format!("{other}: {error}"))?;
    fs::remove_file(pass).map_err(|error| format!("{pass}: {error}"))
}

/// Our verbs, as they are called on a machine whose driver is the kernel's, and cryptsetup's agree.
fn slots_come_and_go(pass: &str, other: &str) -> Result<(), String> {
    let ours = |verb: &str| run(&format!("dmctl --backend linux luks {verb}"));
    ours(&format!(
        "add-key {DISK} --key-file {pass} --new-key-file {other} --pbkdf pbkdf2 --iterations 1000"
    ))?;
    let theirs = run(&format!("cryptsetup luksDump {DISK}"))?;
    equal(
        "dump",
        ours(&format!("dump {DISK}"))?.trim_end(),
        theirs.trim_end(),
    )?;
    let try_theirs = format!("cryptsetup open --test-passphrase {DISK} --key-file {other}");
    run(&try_theirs)?;
    ours(&format!("test-passphrase {DISK} --key-file {other}"))?;
    ours(&format!("remove-key {DISK} --key-file {other}"))?;
    let (opens, _, _) = output(&try_theirs)?;
    let left = ours(&format!("test-passphrase {DISK} --key-file {other}")).is_ok();
    match opens || left {
        true => Err("a passphrase that was taken away still opens".into()),
        false => Ok(()),
    }
}

fn either_way(pass: &str, kind: &str) -> Result<(), String> {
    let ours = format!("dmctl --backend linux luks open {DISK} vault --key-file {pass}");
    let theirs = format!("cryptsetup open {DISK} vault --key-file {pass}");
    let (our_close, their_close) = (
        "dmctl --backend linux luks close vault",
        "cryptsetup close vault",
    );
    let look = |open: &str| -> Result<(String, String), String> {
        run(open)?;
        let (_, status, _) = output("cryptsetup status vault")?;
        let uuid = run("dmsetup info -c --noheadings -o uuid vault")?;
        if !status.contains(kind) {
            return Err(format!("cryptsetup says {status}"));
        }
        Ok((uuid, run("dmsetup table --showkeys vault")?))
    };
    let by_us = look(&ours)?;
    write_at(NODE, 4096, &[0x5a; 8192])?;
    run(their_close)?;
    let by_them = look(&theirs)?;
    if by_us.0 != by_them.0 || without_key(&by_us.1) != without_key(&by_them.1) {
        return Err(format!("we make {by_us:?}, cryptsetup {by_them:?}"));
    }
    let read = read_at(NODE, 4096, 8192)?;
    write_at(NODE, 8192, &[0xa5; 4096])?;
    run(our_close)?;
    if read != [0x5a; 8192] {
        return Err("cryptsetup's device reads other bytes".into());
    }
    run(&ours)?;
    let read = read_at(NODE, 4096, 8192)?;
    run(their_close)?;
    match read[..4096] == [0x5a; 4096] && read[4096..] == [0xa5; 4096] {
        true => Ok(()),
        false => Err("our device reads other bytes".into()),
    }
}

/// A table without its key, which cryptsetup may say by its name in a keyring.
fn without_key(table: &str) -> Vec<&str> {
    let words: Vec<&str> = table.split_whitespace().collect();
    let (before, behind) = words.split_at(words.len().min(4));
    before
        .iter()
        .chain(behind.iter().skip(1))
        .copied()
        .collect()
}

/// Volumes whose sectors have tags: how one is made, and what goes on its status.
const TAGGED: &[&str] = &[
    "cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
     --integrity hmac-sha256 --sector-size 4096",
    "cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
     --integrity aead -c aes-gcm-random -s 256 --sector-size 4096",
    "cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
     --integrity aead -c aegis128-random -s 128 --sector-size 4096",
    "dmctl luks format --force --pbkdf pbkdf2 --iterations 1000 --integrity poly1305",
    "dmctl luks format --force --pbkdf pbkdf2 --iterations 1000 --integrity hmac-sha256 \
     -c aes-xts-random",
];

/// Where they are: small, since all of one is written and read.
const TAGGED_FILE: &str = "/tmp/luks-tags";
const TAGGED_DISK: &str = "/dev/loop2";
const TAGGED_BYTES: u64 = 17 << 20;

/// Each opens what the other made, both devices are called alike, and all sectors can be read.
pub(crate) fn volumes_with_tags_open_either_way() -> Result<(), String> {
    let pass = "/tmp/luks-pass";
    fs::write(pass, "a passphrase").map_err(|error| format!("{pass}: {error}"))?;
    let made = fs::File::create(TAGGED_FILE).and_then(|file| file.set_len(TAGGED_BYTES));
    made.map_err(|error| format!("{TAGGED_FILE}: {error}"))?;
    run(&format!("losetup {TAGGED_DISK} {TAGGED_FILE}"))?;
    let done = TAGGED.iter().try_for_each(|format| {
        run(&format!("{format} {TAGGED_DISK} --key-file {pass}"))
            .and_then(|_| tagged_either_way(pass))
            .map_err(|reason| format!("{format}: {reason}"))
    });
    run(&format!("losetup -d {TAGGED_DISK}"))?;
    for file in [TAGGED_FILE, pass] {
        fs::remove_file(file).map_err(|error| format!("{file}: {error}"))?;
    }
    done
}

fn tagged_either_way(pass: &str) -> Result<(), String> {
    let ours = format!("dmctl --backend linux luks open {TAGGED_DISK} vault --key-file {pass}");
    let theirs = format!("cryptsetup open {TAGGED_DISK} vault --key-file {pass}");
    let closes = [
        "dmctl --backend linux luks close vault",
        "cryptsetup close vault",
    ];
    let dump = |program: &str| run(&format!("{program} {TAGGED_DISK}"));
    equal(
        "dump",
        dump("dmctl luks dump")?.trim_end(),
        dump("cryptsetup luksDump")?.trim_end(),
    )?;
    let mut looks = Vec::new();
    for (open, close) in [(&ours, closes[1]), (&theirs, closes[0])] {
        run(open)?;
        let seen = (|| {
            let uuids = run("dmsetup info -c --noheadings -o name,uuid --sort name")?;
            let crypt = run("dmsetup table --showkeys vault")?;
            let below = run("dmsetup table vault_dif")?;
            Ok::<_, String>((uuids, without_key(&crypt).join(" "), below))
        })();
        // Who formats writes tags for all.
        let length = fs::File::open(NODE)
            .and_then(|mut file| std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)));
        let length = length.map_err(|error| format!("{NODE}: {error}"))?;
        let length = usize::try_from(length).unwrap_or_default();
        let read = read_at(NODE, 0, length);
        let written = write_at(NODE, 4096 * looks.len() as u64, &[0x5a; 4096]);
        run(close)?;
        let read = read?;
        written?;
        let before = 4096 * looks.len();
        if read[..before].iter().any(|byte| *byte != 0x5a)
            || read[before..].iter().any(|byte| *byte != 0)
        {
            return Err("other bytes are read".into());
        }
        looks.push(seen?);
        let left = run("dmsetup ls")?;
        if left.contains("vault") {
            return Err(format!("what is left: {left}"));
        }
    }
    match looks[0] == looks[1] {
        true => Ok(()),
        false => Err(format!("we make {:?}, cryptsetup {:?}", looks[0], looks[1])),
    }
}
