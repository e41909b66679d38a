//! The options that say what makes tags and where they are, named as integritysetup's.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use dm_core::format::integrity::{TagHash, tag_hash};
use dm_core::typed::Secret;
use dm_core::typed::integrity::Algorithm;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The device, what makes its tags, and where they are.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The device: an image or a node
    #[arg(value_name = "DEVICE")]
    pub(super) device: PathBuf,
    /// The data's own device, where DEVICE has only superblock, journal and tags
    #[arg(long, value_name = "FILE")]
    pub(super) data_device: Option<PathBuf>,
    /// What makes tags: crc32c, crc32, xxhash64, sha1, sha256, sha512, hmac-sha1, hmac-sha256 or
    /// hmac-sha512
    #[arg(short = 'I', long, value_name = "HASH", default_value = "crc32c")]
    integrity: String,
    /// A file with the hash's key
    #[arg(long, value_name = "FILE")]
    integrity_key_file: Option<PathBuf>,
    /// Bytes of the key; else all of the file
    #[arg(long, value_name = "BYTES", requires = "integrity_key_file")]
    integrity_key_size: Option<usize>,
}

impl Place {
    /// Whether the hash has a key.
    pub(super) fn is_keyed(&self) -> bool {
        self.integrity_key_file.is_some()
    }

    /// What makes tags, behind `salt`.
    pub(super) fn hash(&self, salt: &[u8]) -> Result<Box<dyn TagHash>, Failure> {
        let name = self.kernel_name();
        let key = self.key()?;
        let hash = tag_hash(&name, key.as_ref().map(|key| key.as_slice()), salt);
        hash.map_err(|error| Failure::usage(format!("--integrity {}: {error}", self.integrity)))
    }

    /// The hash as kernels call it.
    pub(super) fn kernel_name(&self) -> String {
        kernel_name(&self.integrity)
    }

    /// The hash's key.
    pub(super) fn key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(path) = &self.integrity_key_file else {
            return Ok(None);
        };
        let key = fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
        let mut key = Zeroizing::new(key);
        let size = self.integrity_key_size.unwrap_or(key.len());
        if key.len() < size {
            let (path, found) = (path.display(), key.len());
            return Err(Failure::usage(format!(
                "{path} has {found} bytes of key, not {size}"
            )));
        }
        key.truncate(size);
        Ok(Some(key))
    }
}

/// A hash or cipher as kernels call it: `hmac-sha256` is `hmac(sha256)`, and `ctr-aes` is `ctr(aes)`.
pub(super) fn kernel_name(name: &str) -> String {
    match name.split_once('-') {
        Some((form, inner)) => format!("{form}({inner})"),
        None => name.to_owned(),
    }
}

/// An algorithm as a table has it, with its key.
pub(super) fn algorithm(name: &str, key: Option<&[u8]>) -> Algorithm {
    let mut algorithm = Algorithm::named(name);
    algorithm.key = key.map(|key| {
        let mut digits = String::with_capacity(2 * key.len());
        for byte in key {
            for half in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(half.into(), 16).unwrap_or('0'));
            }
        }
        Secret::new(digits)
    });
    algorithm
}
