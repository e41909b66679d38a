//! `verity VERSION DATA HASH DBS HBS BLOCKS START ALGORITHM ROOT SALT [N OPTIONS…]`: a device whose
//! content a hash proves.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason, Word};
use crate::units::SECTOR_SHIFT;

use super::number::{number, number_in};
use super::{Device, Group, Keyword, Kind, Reader, Text, or_dash, words};

pub(super) const KIND: Kind =
    Kind::new("verity", "a device whose content a hash proves", |reader| {
        Params::read(reader).map(super::Params::Verity)
    })
    .with_status(|reader| Status::read(reader).map(super::Status::Verity));

/// The device, and the tree of hashes.
///
/// # Source
/// `drivers/md/dm-verity-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// 1, or 0 for the format of ChromeOS.
    pub version: u32,
    /// The device.
    pub data: Device,
    /// Where the tree is.
    pub hash: Device,
    /// Bytes in a block of data.
    pub data_block: u32,
    /// Bytes in a block of the tree.
    pub hash_block: u32,
    /// Blocks of data.
    pub data_blocks: u64,
    /// The tree's first block, in blocks of the tree.
    pub hash_start: u64,
    /// The hash.
    pub algorithm: String,
    /// The root, in hexadecimal.
    pub root: String,
    /// What is hashed with each block, in hexadecimal.
    pub salt: Option<String>,
    /// What else.
    pub options: Options,
}

/// What verity does besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// What a wrong block does; a driver's default is an error.
    pub on_corruption: Option<OnCorruption>,
    /// What a read error does; a driver's default is an error.
    pub on_error: Option<OnError>,
    /// Blocks of zeroes are not hashed.
    pub ignore_zero_blocks: bool,
    /// A block is checked when it is first read only.
    pub check_at_most_once: bool,
    /// Checks in the interrupt, if they can be.
    pub try_verify_in_tasklet: bool,
    /// Codes that repair blocks.
    pub fec: Option<Fec>,
    /// The key of the keyring that has the root's signature.
    pub root_hash_sig_key_desc: Option<String>,
}

/// Codes that repair blocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Fec {
    /// Where they are.
    pub device: Device,
    /// Blocks that they cover.
    pub blocks: u64,
    /// Their first block.
    pub start: u64,
    /// Bytes of code for 255 bytes.
    pub roots: u8,
}

/// What a wrong block does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum OnCorruption {
    /// It is read, and logged.
    Ignore,
    /// The machine restarts.
    Restart,
    /// The kernel panics.
    Panic,
}

/// What a read error does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum OnError {
    /// The machine restarts.
    Restart,
    /// The kernel panics.
    Panic,
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Whether each block that was read was right.
    pub valid: bool,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

impl Keyword for OnCorruption {
    const WORDS: &'static [(&'static str, OnCorruption)] = &[
        ("ignore_corruption", OnCorruption::Ignore),
        ("restart_on_corruption", OnCorruption::Restart),
        ("panic_on_corruption", OnCorruption::Panic),
    ];
}

impl Keyword for OnError {
    const WORDS: &'static [(&'static str, OnError)] = &[
        ("restart_on_error", OnError::Restart),
        ("panic_on_error", OnError::Panic),
    ];
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let version = reader.number_in("version of the format", 0..=1)?;
        let data = reader.whole("data device")?;
        let (hash, hash_size) = reader.known_device("hash device")?;
        let data_block = block(reader, "data block size")?;
        let hash_block = block(reader, "hash block size")?;
        let word = reader.word("number of blocks of data")?;
        let data_blocks: u64 = number(&word, "number of blocks of data")?;
        let sectors = data_blocks.saturating_mul(u64::from(data_block) >> SECTOR_SHIFT);
        if reader.length().is_some_and(|length| length.0 > sectors) {
            return Err(word.error(Reason::Other(alloc::format!(
                "the line is longer than its {data_blocks} blocks of {data_block} bytes"
            ))));
        }
        let start_word = reader.word("first block of the tree")?;
        let hash_start = number(&start_word, "first block of the tree")?;
        let algorithm = reader.text("hash")?;
        let root = root(reader, &algorithm)?;
        let tree = Tree {
            blocks: tree_blocks(data_blocks, hash_block, root.len() / 2),
            start: hash_start,
            device: hash_size.map(|size| size.0 / u64::from(hash_block >> SECTOR_SHIFT)),
        };
        if tree.device.is_some_and(|device| device < tree.end()) {
            return Err(start_word.error(Reason::Other(alloc::format!(
                "a tree of {} blocks does not fit the hash device from there",
                tree.blocks
            ))));
        }
        let salt = match reader.peek().as_deref() {
            Some("-") => {
                reader.word("salt")?;
                None
            }
            _ => Some(hex(reader, "salt")?),
        };
        let options = Options::read(reader)?;
        if let Some(fec) = &options.fec {
            fec.fits(data_blocks, &tree)?;
        }
        reader.ignore_rest();
        Ok(Params {
            version,
            data,
            hash,
            data_block,
            hash_block,
            data_blocks,
            hash_start,
            algorithm,
            root,
            salt,
            options,
        })
    }
}

fn block(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, ParamError> {
    let word = reader.word(what)?;
    let bytes: u32 = number_in(&word, what, 512..=1 << 16)?;
    match bytes.is_power_of_two() {
        true => Ok(bytes),
        false => Err(word.error(Reason::NotAPowerOfTwo { what })),
    }
}

fn hex(reader: &mut Reader<'_>, what: &'static str) -> Result<String, ParamError> {
    let word = reader.word(what)?;
    let hex = word.text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex && word.text.len().is_multiple_of(2) {
        true => Ok(word.text.into_owned()),
        false => Err(word.error(Reason::Other(alloc::format!(
            "the {what} is not an even number of hexadecimal digits"
        )))),
    }
}

/// Where the tree is.
struct Tree {
    blocks: u64,
    start: u64,
    /// Blocks of its device, where they are known.
    device: Option<u64>,
}

impl Tree {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.blocks)
    }
}

/// How many blocks a tree has, of hashes of so many bytes.
///
/// # Source
/// `verity_ctr` in `drivers/md/dm-verity-target.c`: a block has a power of two of hashes.
fn tree_blocks(data_blocks: u64, hash_block: u32, digest: usize) -> u64 {
    let each = u64::from(hash_block) / (digest as u64).max(1);
    let Some(bits) = each.checked_ilog2().filter(|bits| *bits > 0) else {
        return 0;
    };
    let mut level = data_blocks;
    let mut blocks = 0_u64;
    while level > 1 {
        level = level.div_ceil(1 << bits);
        blocks = blocks.saturating_add(level);
    }
    blocks
}

impl Fec {
    /// Codes cover the data, the tree, and what is behind it on the tree's device.
    fn fits(&self, data_blocks: u64, tree: &Tree) -> Result<(), ParamError> {
        let least = data_blocks.saturating_add(tree.blocks);
        let behind = self.blocks.saturating_sub(data_blocks);
        let why = match tree.device {
            _ if self.blocks < least => {
                alloc::format!("fec_blocks are less than data and tree, which are {least} blocks")
            }
            Some(device) if device < behind => alloc::format!(
                "fec_blocks go past the end of the hash device: {behind} of them are behind the data, \
                 and it has {device}"
            ),
            _ => return Ok(()),
        };
        Err(Reason::Other(why).into())
    }
}

/// The root hash, which is as long as its algorithm makes it.
fn root(reader: &mut Reader<'_>, algorithm: &str) -> Result<String, ParamError> {
    let root = hex(reader, "root hash")?;
    let bytes = match algorithm {
        "sha1" => 20,
        "sha224" => 28,
        "sha256" => 32,
        "sha384" => 48,
        "sha512" => 64,
        _ => root.len() / 2,
    };
    match root.len() == 2 * bytes {
        true => Ok(root),
        false => Err(Reason::Other(alloc::format!(
            "the root hash has {} bytes, but one of {algorithm} has {bytes}",
            root.len() / 2
        ))
        .into()),
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {} {} {} {}{}",
            self.version,
            self.data,
            self.hash,
            self.data_block,
            self.hash_block,
            self.data_blocks,
            self.hash_start,
            EscapedWord(&self.algorithm),
            self.root,
            or_dash(self.salt.as_ref()),
            self.options,
        )
    }
}

impl Text for Options {
    fn read(reader: &mut Reader<'_>) -> Result<Options, ParamError> {
        let mut options = Options::default();
        let mut fec = PartialFec::default();
        let mut group = reader.group("number of words of options", 16)?;
        while let Some(word) = group.next(reader, "option")? {
            if !fec.take(&word, &mut group, reader)? {
                options.take(&word, &mut group, reader)?;
            }
        }
        options.fec = fec.whole()?;
        Ok(options)
    }
}

impl Options {
    fn take(
        &mut self,
        word: &Word<'_>,
        group: &mut Group,
        reader: &mut Reader<'_>,
    ) -> Result<(), ParamError> {
        let text = word.text.to_ascii_lowercase();
        if let Some(what) = OnCorruption::of(&text) {
            return match self.on_corruption.replace(what) {
                None => Ok(()),
                Some(_) => Err(word.error(Reason::Other(
                    "ignore_corruption, restart_on_corruption and panic_on_corruption exclude \
                     each other"
                        .into(),
                ))),
            };
        }
        if let Some(what) = OnError::of(&text) {
            self.on_error = Some(what);
            return Ok(());
        }
        match text.as_str() {
            "ignore_zero_blocks" => self.ignore_zero_blocks = true,
            "check_at_most_once" => self.check_at_most_once = true,
            "try_verify_in_tasklet" => self.try_verify_in_tasklet = true,
            "root_hash_sig_key_desc" => {
                let key = group.value(reader, "key with the root's signature")?;
                self.root_hash_sig_key_desc = Some(key.text.into_owned());
            }
            _ => {
                return Err(word.unknown(
                    "option",
                    "ignore_corruption, restart_on_corruption, panic_on_corruption, \
                     restart_on_error, panic_on_error, ignore_zero_blocks, check_at_most_once, \
                     try_verify_in_tasklet, use_fec_from_device, fec_blocks, fec_start, \
                     fec_roots, root_hash_sig_key_desc",
                ));
            }
        }
        Ok(())
    }
}

/// The options of codes, which come one by one.
#[derive(Default)]
struct PartialFec {
    device: Option<Device>,
    blocks: Option<u64>,
    start: Option<u64>,
    roots: Option<u8>,
}

impl PartialFec {
    fn take(
        &mut self,
        word: &Word<'_>,
        group: &mut Group,
        reader: &mut Reader<'_>,
    ) -> Result<bool, ParamError> {
        match word.text.to_ascii_lowercase().as_str() {
            "use_fec_from_device" => self.device = Some(group.device(reader, "device of codes")?),
            "fec_blocks" => self.blocks = Some(group.number(reader, "blocks with codes")?),
            "fec_start" => self.start = Some(group.number(reader, "first block of codes")?),
            "fec_roots" => self.roots = Some(group.number_in(reader, "number of roots", 2..=24)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn whole(self) -> Result<Option<Fec>, ParamError> {
        match self {
            PartialFec {
                device: None,
                blocks: None,
                start: None,
                roots: None,
            } => Ok(None),
            PartialFec {
                device: Some(device),
                blocks: Some(blocks),
                start: Some(start),
                roots: Some(roots),
            } => Ok(Some(Fec {
                device,
                blocks,
                start,
                roots,
            })),
            _ => Err(Reason::Other(
                "codes need all of use_fec_from_device, fec_blocks, fec_start and fec_roots".into(),
            )
            .into()),
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = usize::from;
        let count = one(self.on_corruption.is_some())
            + one(self.on_error.is_some())
            + one(self.ignore_zero_blocks)
            + one(self.check_at_most_once)
            + one(self.try_verify_in_tasklet)
            + 8 * one(self.fec.is_some())
            + 2 * one(self.root_hash_sig_key_desc.is_some());
        if count == 0 {
            return Ok(());
        }
        write!(f, " {count}")?;
        words(f, self.on_corruption.map(Keyword::text))?;
        words(f, self.on_error.map(Keyword::text))?;
        words(f, self.ignore_zero_blocks.then_some("ignore_zero_blocks"))?;
        words(f, self.check_at_most_once.then_some("check_at_most_once"))?;
        let tasklet = "try_verify_in_tasklet";
        words(f, self.try_verify_in_tasklet.then_some(tasklet))?;
        if let Some(fec) = &self.fec {
            let Fec {
                device,
                blocks,
                start,
                roots,
            } = fec;
            write!(f, " use_fec_from_device {device} fec_blocks {blocks}")?;
            write!(f, " fec_start {start} fec_roots {roots}")?;
        }
        match &self.root_hash_sig_key_desc {
            None => Ok(()),
            Some(key) => write!(f, " root_hash_sig_key_desc {}", EscapedWord(key)),
        }
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let word = reader.word("V valid, C corrupted")?;
        let valid = match &*word.text {
            "V" => true,
            "C" => false,
            _ => return Err(word.unknown("state", "V, C")),
        };
        let rest = reader.rest();
        Ok(Status { valid, rest })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "V" } else { "C" })?;
        words(f, &self.rest)
    }
}
