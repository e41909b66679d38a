//! `journal_crypt`: the journal is encrypted.

use crate::format::integrity::{COMMIT_IDS, Layout};

#[cfg(feature = "crypt")]
use crate::target::crypt::WholeCipher;

/// The pages in which a kernel counts a journal's keystream.
#[cfg(feature = "crypt")]
const PAGE: usize = 4096;

/// What encrypts a journal's sections.
pub(super) struct JournalCrypt {
    #[cfg(feature = "crypt")]
    cipher: WholeCipher,
    /// Of a stream cipher: what each byte of the journal is mixed with.
    stream: Option<zeroize::Zeroizing<Vec<u8>>>,
    /// Commit ids, which a stream cipher makes others.
    ids: [u64; 4],
}

#[cfg(feature = "crypt")]
impl JournalCrypt {
    /// A cipher as the kernel names it, for a journal.
    pub(super) fn new(name: &str, key: &[u8], layout: &Layout) -> Result<JournalCrypt, String> {
        let cipher = WholeCipher::new(name, key).map_err(|error| error.to_string())?;
        let sections = usize::try_from(layout.sections()).unwrap_or(usize::MAX);
        let bytes = (layout.section_bytes() * sections).next_multiple_of(PAGE);
        let mut ids = COMMIT_IDS;
        let stream = cipher.stream(bytes + 8 * ids.len());
        if let Some(stream) = &stream {
            for (id, mix) in ids.iter_mut().zip(stream[bytes..].as_chunks::<8>().0) {
                *id ^= u64::from_le_bytes(*mix);
            }
        }
        let stream = stream.map(zeroize::Zeroizing::new);
        Ok(JournalCrypt {
            cipher,
            stream,
            ids,
        })
    }

    /// Encrypts a section.
    pub(super) fn encrypt(&self, number: u32, section: &mut [u8]) {
        self.mix(number, section);
        self.cipher.encrypt(self.iv(number), section);
    }

    /// Decrypts a section.
    pub(super) fn decrypt(&self, number: u32, section: &mut [u8]) {
        self.mix(number, section);
        self.cipher.decrypt(self.iv(number), section);
    }

    /// A section's number, encrypted.
    fn iv(&self, number: u32) -> [u8; 16] {
        let mut iv = [0; 16];
        iv[..4].copy_from_slice(&number.to_le_bytes());
        self.cipher.encrypt([0; 16], &mut iv);
        iv
    }
}

#[cfg(not(feature = "crypt"))]
impl JournalCrypt {
    pub(super) fn new(_: &str, _: &[u8], _: &Layout) -> Result<JournalCrypt, String> {
        Err("built without the feature crypt".into())
    }

    pub(super) fn encrypt(&self, number: u32, section: &mut [u8]) {
        self.mix(number, section);
    }

    pub(super) fn decrypt(&self, number: u32, section: &mut [u8]) {
        self.mix(number, section);
    }
}

impl JournalCrypt {
    pub(super) fn ids(&self) -> [u64; 4] {
        self.ids
    }

    /// Mixes a section with what a stream cipher makes.
    fn mix(&self, number: u32, section: &mut [u8]) {
        if let Some(stream) = &self.stream {
            let from = usize::try_from(number).unwrap_or_default() * section.len();
            for (byte, mix) in section.iter_mut().zip(&stream[from..]) {
                *byte ^= mix;
            }
        }
    }
}
