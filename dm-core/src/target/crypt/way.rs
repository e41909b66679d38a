//! A table's way to encrypt: sectors alone, or with tags.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::component::Component;
use crate::devid::DevNo;
use crate::errno::Errno;
use crate::io::{Io, IoData, IoResult, IoTags};
use crate::table::{ParamError, Reason};
use crate::typed::crypt::Params;
use crate::units::SectorRange;

use super::auth::{AeadSpec, AuthError, Sealer, Sectors, Tagging, WrongTag};
use super::cipher::{SectorCipher, SectorSize};
use super::key::wipe_stack;
use super::spec::{CipherError, CipherSpec};

/// How sectors are encrypted, but for the key.
pub(super) enum Way {
    Plain(CipherSpec, SectorSize),
    Tagged(Tagging),
}

/// How sectors are encrypted.
pub(super) enum Cipher {
    Plain(SectorCipher),
    Tagged(Sealer),
}

/// Where the cipher and the key stand in a table line.
const CIPHER_WORD: usize = 1;
const KEY_WORD: usize = 2;

impl Way {
    /// What a table says.
    pub(super) fn of(
        params: &Params,
        component: &Component,
        size: SectorSize,
    ) -> Result<Way, ParamError> {
        let wrong = |reason: String| cipher_error(&params.cipher, reason);
        let sectors = Sectors {
            size,
            iv_offset: params.iv_offset,
        };
        let options = &params.options;
        let tags = options.integrity.as_ref();
        if tags.is_some_and(|tags| tags.kind == "aead") {
            let spec: AeadSpec = params
                .cipher
                .parse()
                .map_err(|error: AuthError| wrong(error.to_string()))?;
            let tagging = Tagging::aead(spec, options, component, &sectors);
            return Ok(Way::Tagged(tagging.map_err(Reason::Other)?));
        }
        let spec: CipherSpec = params
            .cipher
            .parse()
            .map_err(|error: CipherError| wrong(error.to_string()))?;
        // Else tags would have nothing to hold: the kernel keeps none.
        let Some(spec) = spec.without_random_iv() else {
            return Ok(Way::Plain(spec, size));
        };
        let tagging = Tagging::iv_alone(spec, options, component, &sectors);
        Ok(Way::Tagged(tagging.map_err(Reason::Other)?))
    }

    /// With a key, of which nothing is left on the stack.
    pub(super) fn keyed(&self, cipher: &str, key: &[u8]) -> Result<Arc<Cipher>, ParamError> {
        let made = self.made(cipher, key);
        wipe_stack();
        made
    }

    /// Has a frame of its own, since round keys are moved through it.
    #[inline(never)]
    fn made(&self, cipher: &str, key: &[u8]) -> Result<Arc<Cipher>, ParamError> {
        let made = match self {
            Way::Plain(spec, size) => SectorCipher::new(spec, key, *size)
                .map(Cipher::Plain)
                .map_err(|error| match error {
                    // The key's word is not shown.
                    CipherError::KeySize { .. } => key_error(error.to_string()),
                    _ => cipher_error(cipher, error.to_string()),
                }),
            Way::Tagged(tagging) => tagging.keyed(key).map(Cipher::Tagged).map_err(key_error),
        };
        made.map(Arc::new)
    }

    /// The parts of a key of `bytes`, its bytes at the end that are not the cipher's, and those that
    /// are the tags'.
    pub(super) fn key_layout(&self, bytes: usize) -> (usize, usize, usize) {
        match self {
            Way::Plain(spec, _) => match spec.layout(bytes) {
                Ok(layout) => (layout.parts, layout.extra, 0),
                Err(_) => (1, 0, 0),
            },
            Way::Tagged(tagging) => (tagging.key_parts(bytes), 0, tagging.mac_key()),
        }
    }
}

impl Cipher {
    /// Encrypts the sectors of `range`, of which the first has this number for IVs, and makes their
    /// tags, if they have some.
    pub(super) fn encrypt(
        &self,
        number: u64,
        range: SectorRange,
        bytes: &mut [u8],
    ) -> Result<Option<Box<IoTags>>, Errno> {
        match self {
            Cipher::Plain(cipher) => {
                cipher.encrypt(number, bytes);
                Ok(None)
            }
            Cipher::Tagged(sealer) => {
                let format = sealer.format();
                let mut tags = BytesMut::zeroed(format.length(bytes.len()));
                sealer.seal(range.start().0, bytes, &mut tags)?;
                Ok(Some(Box::new(IoTags::write(format, tags.freeze()))))
            }
        }
    }

    /// Decrypts whole sectors. `tags` are those of all, if they have some.
    pub(super) fn decrypt(
        &self,
        number: u64,
        first: u64,
        bytes: &mut [u8],
        tags: &[u8],
    ) -> Result<(), WrongTag> {
        match self {
            Cipher::Plain(cipher) => {
                cipher.decrypt(number, bytes);
                Ok(())
            }
            Cipher::Tagged(sealer) => sealer.open(first, bytes, tags),
        }
    }

    /// Bytes of the tags of so many bytes.
    fn tag_bytes(&self, bytes: usize) -> usize {
        match self {
            Cipher::Plain(_) => 0,
            Cipher::Tagged(sealer) => sealer.format().length(bytes),
        }
    }
}

/// How a read ends whose sectors were decrypted, or not.
pub(super) fn read_result(decrypted: Result<(), WrongTag>, device: DevNo) -> IoResult {
    decrypted.map_err(|WrongTag(sector)| {
        tracing::error!(%device, sector, "crypt: a tag is wrong");
        Errno::EILSEQ.into()
    })
}

/// Decrypts a read's buffers, which need not be whole sectors each, if its tags are right.
pub(super) fn decrypt(
    cipher: &Cipher,
    size: SectorSize,
    number: u64,
    io: &mut Io,
) -> Result<(), WrongTag> {
    let tags = io.take_tags().map(|tags| tags.gathered());
    let mut tags = tags.as_deref().unwrap_or_default();
    let first = io.range().start().0;
    let IoData::Read(buffers) = io.data_mut() else {
        return Ok(());
    };
    let whole = |buffer: &BytesMut| buffer.len().is_multiple_of(size.bytes());
    if buffers.iter().all(whole) {
        let mut done = 0;
        for buffer in buffers {
            let (own, rest) = tags.split_at(cipher.tag_bytes(buffer.len()).min(tags.len()));
            tags = rest;
            let number = number.wrapping_add(done);
            let decrypted = cipher.decrypt(number, first.wrapping_add(done), buffer, own);
            done += buffer.len() as u64 / 512;
            decrypted?;
        }
        wipe_stack();
        return Ok(());
    }
    let mut all = BytesMut::new();
    buffers.iter().for_each(|buffer| all.put_slice(buffer));
    let decrypted = cipher.decrypt(number, first, &mut all, tags);
    wipe_stack();
    for buffer in buffers {
        let part = all.split_to(buffer.len());
        buffer.copy_from_slice(&part);
    }
    decrypted
}

/// What is wrong with the key, without the key.
pub(super) fn key_error(reason: String) -> ParamError {
    ParamError {
        word: Some((KEY_WORD, "…".into())),
        reason: Reason::Other(reason),
    }
}

/// What is wrong with the cipher.
fn cipher_error(cipher: &str, reason: String) -> ParamError {
    ParamError {
        word: Some((CIPHER_WORD, cipher.into())),
        reason: Reason::Other(reason),
    }
}
