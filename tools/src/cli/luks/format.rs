//! `dmctl luks format`.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use dm_core::error::ErrorKind;
use dm_core::format::luks::{self, Luks, LuksError, Storage, Version};

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::below::{Below, Journal};
use super::disk::{Access, Disk, Volume};
use super::kdf::KdfChoice;
use super::passphrase::{Ask, Passphrase, Source};
use super::{failed, random};

/// A header to be written.
#[derive(Debug, Args)]
pub(super) struct Format {
    #[command(flatten)]
    volume: Volume,
    #[command(flatten)]
    source: Source,
    /// The header's version
    #[arg(long = "type", value_name = "VERSION", default_value = "luks2")]
    kind: Kind,
    /// The cipher; else aes-xts-plain64, or what suits the tags
    #[arg(short, long)]
    cipher: Option<String>,
    /// Bits of the cipher's key; else as many as it takes at most
    #[arg(short = 's', long, value_name = "BITS")]
    key_size: Option<usize>,
    /// Give each sector a tag that proves it: hmac-sha256, hmac-sha512, hmac-sha1, aead, poly1305, or
    /// none, which keeps random IVs alone
    #[arg(short = 'I', long, value_name = "TAGS")]
    integrity: Option<String>,
    /// Write no zeroes with tags: what was never written can not be read
    #[arg(long, requires = "integrity")]
    integrity_no_wipe: bool,
    /// Bytes that are encrypted as one: 512 to 4096; else 4096 where the volume's size allows it
    #[arg(long, value_name = "BYTES")]
    sector_size: Option<u32>,
    /// The volume's uuid; else a new one
    #[arg(long)]
    uuid: Option<String>,
    /// The volume's label
    #[arg(long, default_value = "")]
    label: String,
    #[command(flatten)]
    kdf: KdfChoice,
    /// Write even over a LUKS header
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Luks1,
    Luks2,
}

/// What a header takes.
const HEADER: u64 = 16 << 20;

impl Run for Format {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let detached = self.volume.header.is_some();
        let mut disk = Disk::open(self.volume.header(), Access::Write.of(session))?;
        if detached {
            disk.grow(HEADER)?;
        }
        self.may_write(&mut disk, session)?;
        let data = match detached {
            true => Disk::open(&self.volume.device, Access::Read)?.size(),
            false => disk.size().saturating_sub(HEADER),
        };
        if data < 4096 {
            return Err(failed(LuksError::TooSmall).of(self.volume.device.display()));
        }
        let uuid = match &self.uuid {
            Some(uuid) => checked(uuid)?,
            None => new_uuid()?,
        };
        let mut format = luks::Format::new(uuid);
        let integrity = self.integrity.as_deref().map(header_name);
        format.cipher = match &self.cipher {
            Some(cipher) => cipher.clone(),
            None => usual_cipher(integrity.as_deref()).into(),
        };
        format.key_bytes = self.key_size.unwrap_or_else(|| usual_key(&format.cipher)) / 8;
        if let Some(kind) = &integrity {
            let tags = luks::Tags::of(&format.cipher, kind).map_err(failed)?;
            // Behind the cipher's own.
            format.key_bytes += tags.mac_key();
            format.tags = Some(tags);
        }
        format.hash = self.kdf.hash.clone();
        format.label = self.label.clone();
        format.start = detached.then_some(0);
        let usual = if data.is_multiple_of(4096) { 4096 } else { 512 };
        format.sector_size = self.sector_size.unwrap_or(usual);
        if self.kind == Kind::Luks1 {
            format.version = Version::One;
            format.sector_size = self.sector_size.unwrap_or(512);
        }
        let version = if self.kind == Kind::Luks1 { 1 } else { 2 };
        let (passphrase, kdf) = match session.is_dry() {
            // What is written is as long, whatever the passphrase is and costs.
            true => (Passphrase::default(), self.kdf.quick()),
            false => (
                self.source.read("New passphrase", Ask::Twice)?,
                self.kdf.kdf(version).map_err(failed)?,
            ),
        };
        let made = format.write_keyed(&mut disk, &passphrase, &kdf, &mut random);
        let (luks, key) = made.map_err(|error| self.volume.failed(error))?;
        disk.finish()?;
        if session.is_dry() {
            return Ok(());
        }
        if let Some(tags) = &format.tags {
            let volume = luks.volume().map_err(|error| self.volume.failed(error))?;
            let below = Below {
                device: &self.volume.device,
                volume: &volume,
                tags,
                journal: Journal::default(),
            };
            let key = (!self.integrity_no_wipe).then_some(&key);
            answer.field("sectors", below.format(key, session)?);
        }
        answer.field("uuid", luks.uuid());
        answer.field("version", version);
        Ok(())
    }
}

impl Format {
    /// A header is only written over with the user's word for it.
    fn may_write(&self, disk: &mut Disk, session: &Session) -> Result<(), Failure> {
        let found = !matches!(Luks::read(disk), Err(LuksError::NotLuks));
        if !found || self.force {
            return Ok(());
        }
        let name = self.volume.header().display();
        let refused = Failure::because(
            ErrorKind::Exists,
            format!("{name} has a LUKS header; what it opens would be lost"),
        );
        let refused = refused.hint("--force writes over it");
        if session.is_dry() || !io::stdin().is_terminal() {
            return Err(refused);
        }
        let mut stderr = io::stderr().lock();
        let _ = write!(
            stderr,
            "{name} has a LUKS header. Write over it (type YES)? "
        );
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        match read.is_ok() && line.trim() == "YES" {
            true => Ok(()),
            false => Err(refused),
        }
    }
}

/// `hmac-sha256` is `hmac(sha256)` in a header.
fn header_name(tags: &str) -> String {
    match tags.strip_prefix("hmac-") {
        Some(hash) => format!("hmac({hash})"),
        None => tags.into(),
    }
}

/// The cipher that goes with these tags, if nothing is said.
fn usual_cipher(tags: Option<&str>) -> &'static str {
    match tags {
        Some("aead") => "aes-gcm-random",
        Some("poly1305") => "chacha20-random",
        Some("none") => "aes-xts-random",
        _ => "aes-xts-plain64",
    }
}

/// Bits of a cipher's key, if nothing is said.
fn usual_key(cipher: &str) -> usize {
    match cipher {
        _ if cipher.starts_with("aegis128-") => 128,
        _ if cipher.starts_with("chacha20-") || cipher.contains("-gcm-") => 256,
        _ => 512,
    }
}

fn checked(uuid: &str) -> Result<String, Failure> {
    let form: Vec<usize> = uuid.split('-').map(str::len).collect();
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    match form == [8, 4, 4, 4, 12] && uuid.chars().all(digits) {
        true => Ok(uuid.to_ascii_lowercase()),
        false => Err(Failure::usage(format!("{uuid:?} is no uuid"))),
    }
}

/// A random uuid (RFC 9562, version 4).
fn new_uuid() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    random(&mut bytes).map_err(|errno| failed(LuksError::Io(errno)))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let number = u128::from_be_bytes(bytes);
    let hex = format!("{number:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}
