//! An encrypted file with a LUKS1 header, which nbdkit's luks filter opens with a passphrase and our crypt with the
//! key that the passphrase gives.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use dm_core::errno::Errno;
use dm_core::format::luks::{Format, Kdf, Slots, Storage, Version};
use dm_core::target::crypt::{CipherSpec, SectorCipher, SectorSize};

use super::pattern::{self, BLOCK};

const PASSPHRASE: &str = "what the bench says";

/// The file, written.
pub(crate) struct Vault {
    file: File,
    path: PathBuf,
    /// Where its data begins, in bytes.
    start: u64,
    cipher: SectorCipher,
    /// What our table has for the cipher and the key.
    words: String,
}

/// A header's place.
struct Header<'a>(&'a File, u64);

impl Storage for Header<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let read = self.0.read_exact_at(buffer, offset);
        read.map_err(|error| Errno::from(&error))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let written = self.0.write_all_at(bytes, offset);
        written.map_err(|error| Errno::from(&error))
    }

    fn size(&self) -> u64 {
        self.1
    }
}

impl Vault {
    /// A file in `folder` with `blocks` blocks of the pattern, encrypted.
    pub(crate) fn make(folder: &Path, blocks: u64) -> io::Result<Vault> {
        const HEADER: u64 = 4 << 20;
        let path = folder.join("vault.img");
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)?;
        file.set_len(HEADER)?;
        let mut header = Header(&file, HEADER);
        let mut format = Format::new("5d5a4a3b-6b0c-4b63-9f0e-0d5b6f3a1c2e");
        format.version = Version::One;
        let kdf = Kdf::Pbkdf2 {
            hash: "sha256".into(),
            iterations: 1000,
        };
        // A key for a bench: it need not be hard to guess.
        let mut rng = fastrand::Rng::with_seed(3);
        let random = &mut |bytes: &mut [u8]| {
            rng.fill(bytes);
            Ok(())
        };
        let luks = format.write(&mut header, PASSPHRASE.as_bytes(), &kdf, random);
        let luks = luks.map_err(io::Error::other)?;
        let opened = luks.unlock(&mut header, PASSPHRASE.as_bytes(), Slots::All);
        let key = opened.map_err(io::Error::other)?.key;
        let volume = luks.volume().map_err(io::Error::other)?;
        let mut words = format!("{} ", volume.cipher);
        for byte in key.expose() {
            let _ = write!(words, "{byte:02x}");
        }
        let spec: CipherSpec = volume.cipher.parse().map_err(io::Error::other)?;
        let cipher = SectorCipher::new(&spec, key.expose(), SectorSize::SMALL);
        fs::write(folder.join("vault.pass"), PASSPHRASE)?;
        let start = volume.start * 512;
        file.set_len(start + blocks * BLOCK as u64)?;
        let cipher = cipher.map_err(io::Error::other)?;
        let vault = Vault {
            file,
            path,
            start,
            cipher,
            words,
        };
        let mut bytes = vec![0; BLOCK];
        for block in 0..blocks {
            pattern::fill(&mut bytes, block, 0);
            vault.cipher.encrypt(block * 8, &mut bytes);
            vault
                .file
                .write_all_at(&bytes, vault.start + block * BLOCK as u64)?;
        }
        vault.file.sync_all()?;
        Ok(vault)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What nbdkit's luks filter is told.
    pub(crate) fn passphrase(&self) -> String {
        let path = self.path.with_extension("pass");
        format!("passphrase=+{}", path.display())
    }

    /// Our table.
    pub(crate) fn table(&self, sectors: u64) -> String {
        let (words, path) = (&self.words, self.path.display());
        format!("0 {sectors} crypt {words} 0 {path} {}", self.start / 512)
    }

    /// Reads a block as it is in the file, and decrypts it.
    pub(crate) fn read(&self, block: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file
            .read_exact_at(bytes, self.start + block * BLOCK as u64)?;
        self.cipher.decrypt(block * 8, bytes);
        Ok(())
    }
}
