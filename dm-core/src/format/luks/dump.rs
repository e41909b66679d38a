//! Headers as text, as cryptsetup's `luksDump` has it, so that each can be held against the other.

use alloc::string::String;
use core::fmt::Write as _;

use super::kdf::Kdf;
use super::luks1::Luks1;
use super::luks2::Luks2;
use super::metadata::{Digest, Keyslot, Segment};

/// A LUKS1 header on the device `name`.
pub(super) fn one(header: &Luks1, name: &str) -> String {
    let mut text = alloc::format!("LUKS header information for {name}\n\n");
    let mut row = |name: &str, value: &dyn core::fmt::Display| {
        // Writing to a string can not fail.
        let _ = writeln!(text, "{name:<15}\t{value}");
    };
    row("Version:", &1);
    row("Cipher name:", &header.cipher);
    row("Cipher mode:", &header.mode);
    row("Hash spec:", &header.hash);
    row("Payload offset:", &header.payload);
    row("MK bits:", &(header.key_bytes * 8));
    row("MK digest:", &Hex(&header.digest, ""));
    row("MK salt:", &Hex(&header.salt, "\n               \t"));
    row("MK iterations:", &header.iterations);
    row("UUID:", &header.uuid);
    text.push('\n');
    for (number, key) in header.keys.iter().enumerate() {
        if !key.enabled {
            let _ = writeln!(text, "Key Slot {number}: DISABLED");
            continue;
        }
        let _ = write!(
            text,
            "Key Slot {number}: ENABLED\n\
             \tIterations:         \t{}\n\
             \tSalt:               \t{}\n\
             \tKey material offset:\t{}\n\
             \tAF stripes:            \t4000\n",
            key.iterations,
            Hex(&key.salt, "\n\t                      \t"),
            key.offset,
        );
    }
    text
}

/// A LUKS2 header.
pub(super) fn two(header: &Luks2) -> String {
    let metadata = &header.metadata;
    let or_none = |text: &String, none: &'static str| match text.is_empty() {
        true => String::from(none),
        false => text.clone(),
    };
    let mut flags = metadata.flags.join(" ");
    if flags.is_empty() {
        flags = "(no flags)".into();
    }
    let mut text = alloc::format!(
        "LUKS header information\n\
         Version:       \t2\n\
         Epoch:         \t{}\n\
         Metadata area: \t{} [bytes]\n\
         Keyslots area: \t{} [bytes]\n\
         UUID:          \t{}\n\
         Label:         \t{}\n\
         Subsystem:     \t{}\n\
         Flags:       \t{}\n\n",
        header.sequence,
        header.size,
        metadata.keyslots_size,
        or_none(&header.uuid().into(), "(no UUID)"),
        or_none(&header.label, "(no label)"),
        or_none(&header.subsystem, "(no subsystem)"),
        flags,
    );
    if !metadata.requirements.is_empty() {
        let _ = write!(
            text,
            "Requirements:\t{}\n\n",
            metadata.requirements.join(" ")
        );
    }
    text.push_str("Data segments:\n");
    for (number, segment) in &metadata.segments {
        self::segment(&mut text, *number, segment);
    }
    text.push_str("\nKeyslots:\n");
    for (number, slot) in &metadata.keyslots {
        keyslot(&mut text, *number, slot);
        if let Some((digest, _)) = metadata.digest_of(*number) {
            let _ = writeln!(text, "\tDigest ID:  {digest}");
        }
    }
    text.push_str("Tokens:\n");
    for (number, token) in &metadata.tokens {
        let _ = writeln!(text, "  {number}: {}", token.kind);
        for slot in &token.keyslots {
            let _ = writeln!(text, "\tKeyslot:    {slot}");
        }
    }
    text.push_str("Digests:\n");
    for (number, digest) in &metadata.digests {
        self::digest(&mut text, *number, digest);
    }
    text
}

fn segment(text: &mut String, number: u32, segment: &Segment) {
    let _ = write!(
        text,
        "  {number}: {}\n\toffset: {} [bytes]\n",
        segment.kind, segment.offset
    );
    let _ = match segment.size {
        None => writeln!(text, "\tlength: (whole device)"),
        Some(bytes) => writeln!(text, "\tlength: {bytes} [bytes]"),
    };
    if segment.kind == "crypt" {
        let _ = write!(
            text,
            "\tcipher: {}\n\tsector: {} [bytes]\n",
            segment.cipher, segment.sector_size
        );
    }
    if let Some(tags) = &segment.tags {
        let _ = writeln!(text, "\tintegrity: {}", tags.kind);
        if let Some(bytes) = tags.key_bytes {
            let _ = writeln!(
                text,
                "\tintegrity key size: {} [bits]",
                u64::from(bytes) * 8
            );
        }
    }
}

fn keyslot(text: &mut String, number: u32, slot: &Keyslot) {
    let priority = match slot.priority {
        0 => "ignored",
        1 => "normal",
        _ => "preferred",
    };
    let _ = write!(
        text,
        "  {number}: luks2\n\
         \tKey:        {} bits\n\
         \tPriority:   {priority}\n\
         \tCipher:     {}\n\
         \tCipher key: {} bits\n\
         \tPBKDF:      {}\n",
        slot.key_bytes * 8,
        slot.cipher,
        slot.cipher_bytes * 8,
        slot.kdf.name(),
    );
    let _ = match &slot.kdf {
        Kdf::Pbkdf2 { hash, iterations } => {
            write!(text, "\tHash:       {hash}\n\tIterations: {iterations}\n")
        }
        Kdf::Argon2 {
            time, memory, cpus, ..
        } => write!(
            text,
            "\tTime cost:  {time}\n\tMemory:     {memory}\n\tThreads:    {cpus}\n"
        ),
    };
    let _ = write!(
        text,
        "\tSalt:       {}\n\
         \tAF stripes: 4000\n\
         \tAF hash:    {}\n\
         \tArea offset:{} [bytes]\n\
         \tArea length:{} [bytes]\n",
        Hex(&slot.salt, "\n\t            "),
        slot.hash,
        slot.offset,
        slot.size,
    );
}

fn digest(text: &mut String, number: u32, digest: &Digest) {
    let _ = writeln!(text, "  {number}: {}", digest.kdf.name());
    if let Kdf::Pbkdf2 { hash, iterations } = &digest.kdf {
        let _ = write!(text, "\tHash:       {hash}\n\tIterations: {iterations}\n");
    }
    let _ = write!(
        text,
        "\tSalt:       {}\n\tDigest:     {}\n",
        Hex(&digest.salt, "\n\t            "),
        Hex(&digest.digest, "\n\t            "),
    );
}

/// Bytes as hexadecimal, sixteen a line if there is something to put between lines.
struct Hex<'a>(&'a [u8], &'static str);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 && at.is_multiple_of(16) {
                f.write_str(self.1)?;
            }
            write!(f, "{byte:02x} ")?;
        }
        Ok(())
    }
}
