//! `crypt CIPHER KEY IV_OFFSET DEV START [N OPTIONS…]`: data that is encrypted on its way.

mod auth;
mod block;
mod cipher;
mod elephant;
mod hash;
mod iv;
mod iv_kind;
mod key;
mod keyring;
mod known;
mod lmk;
mod mode;
mod quick;
mod spec;
mod tcw;
#[cfg(test)]
mod tests;
mod way;
#[cfg(feature = "integrity")]
mod whole;
mod xts;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt::Write as _;
use std::sync::Mutex;

use arc_swap::ArcSwapOption;
use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use crate::blockdev::{Haste, Limits, Quick};
use crate::component::Component;
use crate::errno::Errno;
use crate::io::{Io, IoData, IoOp, IoResult, IoTags};
use crate::locks::lock;
use crate::table::{ParamError, Reason, Words};
use crate::typed::crypt::{Integrity, Key, Message, Options, Params};
use crate::typed::{Reader, Secret, Text};
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use self::key::{KeyBytes, wipe_stack};
use self::way::{Cipher, Way, decrypt, key_error, read_result};
use super::{Build, EndIo, Host, Mapping, Route, Target, TargetKind, TargetShape, Wants};

#[cfg(feature = "luks")]
pub(crate) use self::auth::check_tags;
pub use self::cipher::{IvUnit, SectorCipher, SectorSize};
#[cfg(feature = "luks")]
pub(crate) use self::hash::Hash;

pub use self::spec::{CipherError, CipherSpec};
#[cfg(feature = "integrity")]
pub(crate) use self::whole::WholeCipher;

/// # Source
/// `drivers/md/dm-crypt.c`.
pub(super) const KIND: TargetKind = TargetKind::new("crypt", Version(1, 28, 0), build);

struct Crypt {
    /// As the table said it, but for the key.
    params: Params,
    way: Way,
    size: SectorSize,
    component: Component,
    host: Arc<dyn Host>,
    /// `None` without a key.
    cipher: ArcSwapOption<Cipher>,
    state: Mutex<State>,
}

struct State {
    key: KeyBytes,
    /// What the table calls a keyring's key.
    keyring: Option<Key>,
    suspended: bool,
}

/// The note on a read that came back and was decrypted already.
const DECRYPTED: u64 = 1;

/// Requests are cut at so many sectors, so that several workers share a long one.
const CUT: SectorCount = SectorCount(256);

/// What is not longer is done where it is, though it could not be at once: to hand it over would cost more.
const AT_ONCE: usize = 16 << 10;

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (mut params, components) = build.read::<Params>()?;
    let component = components.into_iter().next();
    let component = component.ok_or(Reason::MissingWord { what: "device" })?;
    let other = |text: &str| ParamError::from(Reason::Other(text.into()));
    let Options {
        sector_size,
        iv_large_sectors,
        ..
    } = &params.options;
    let unit = match iv_large_sectors {
        true => IvUnit::LargeSectors,
        false => IvUnit::Sectors,
    };
    let size = SectorSize::new(sector_size.unwrap_or(512), unit);
    let size = size.ok_or_else(|| other("the sector size is not 512 to 4096"))?;
    let sectors = size.bytes() as u64 / 512;
    if !params.iv_offset.is_multiple_of(sectors) {
        return Err(other(
            "the IV offset is not divisible by the sector size in sectors of 512 bytes",
        ));
    }
    if !build.range.start().0.is_multiple_of(sectors) {
        return Err(other(
            "the line does not start at a multiple of the sector size",
        ));
    }
    let key = read_key(&params.key)?;
    let way = Way::of(&params, &component, size)?;
    let cipher = ArcSwapOption::new(Some(way.keyed(&params.cipher, &key)?));
    let keyring = keyring_of(&params.key);
    params.key = Key::None;
    // As the kernel's table says it.
    params.options.sector_size = sector_size.filter(|bytes| *bytes != 512);
    Ok(Box::new(Crypt {
        params,
        way,
        size,
        component,
        host: build.host.clone(),
        cipher,
        state: Mutex::new(State {
            key,
            keyring,
            suspended: false,
        }),
    }))
}

/// The bytes of a key.
fn read_key(key: &Key) -> Result<KeyBytes, ParamError> {
    let bytes = match key {
        Key::None => KeyBytes::zeroes(0),
        Key::Hex(hex) => KeyBytes::of_hex(hex.expose()),
        Key::Keyring {
            bytes,
            kind,
            description,
        } => {
            let found = keyring::read(*kind, *bytes, description);
            return found.map_err(key_error);
        }
    };
    bytes.ok_or_else(|| key_error("the key is too long".into()))
}

/// What a table calls a keyring's key.
fn keyring_of(key: &Key) -> Option<Key> {
    matches!(key, Key::Keyring { .. }).then(|| key.clone())
}

impl Crypt {
    /// The number that a request's first sector has for IVs.
    fn number(&self, range: SectorRange) -> u64 {
        range.start().0.wrapping_add(self.params.iv_offset)
    }

    /// Where a request goes.
    fn place(&self, range: SectorRange) -> Sector {
        Sector(self.params.area.start.0 + range.start().0)
    }

    fn is_aligned(&self, range: SectorRange) -> bool {
        let sectors = self.size.bytes() as u64 / 512;
        range.start().0.is_multiple_of(sectors) && range.length().0.is_multiple_of(sectors)
    }

    /// Sends what encrypts `io`'s data, or zeroes, in a request of its own: the user's bytes stay
    /// as they are.
    fn write(&self, io: Io, cipher: Arc<Cipher>) {
        let length = io.range().length().buffer_length().unwrap_or_default();
        let (number, at) = (self.number(io.range()), self.place(io.range()));
        let component = self.component.clone();
        let work = move || {
            let mut bytes = BytesMut::with_capacity(length);
            match io.data() {
                IoData::Write(buffers) => buffers.iter().for_each(|buffer| bytes.put_slice(buffer)),
                _ => bytes.resize(length, 0),
            }
            let tags = cipher.encrypt(number, io.range(), &mut bytes);
            drop(cipher);
            wipe_stack();
            let tags = match tags {
                Ok(tags) => tags,
                Err(errno) => return io.complete(Err(errno.into())),
            };
            let data = IoData::Write(SmallVec::from_buf([bytes.freeze()]));
            match Io::with_data(IoOp::Write, at, data) {
                Ok(below) => {
                    let mut below = below.with_flags(io.flags());
                    below.set_tags(tags);
                    let below = below.on_complete(move |_, result| io.complete(result));
                    component.dev().submit(below);
                }
                Err(_) => io.complete(Err(Errno::EIO.into())),
            }
        };
        if length <= AT_ONCE || self.params.options.no_write_workqueue {
            work();
        } else {
            self.host.compute(Box::new(work));
        }
    }

    /// Puts a key in the place of the old one.
    fn set_key(&self, key: &Key) -> Result<(), ParamError> {
        let keyring = keyring_of(key);
        let key = read_key(key)?;
        let mut state = lock(&self.state);
        if key.len() != state.key.len() {
            return Err(key_error(format!(
                "the key has {} bytes, but the table's has {}",
                key.len(),
                state.key.len()
            )));
        }
        let cipher = self.way.keyed(&self.params.cipher, &key)?;
        self.cipher.store(Some(cipher));
        state.key = key;
        state.keyring = keyring;
        Ok(())
    }

    /// Forgets the key; the table shows zeroes in its place.
    fn wipe_key(&self) {
        let mut state = lock(&self.state);
        self.cipher.store(None);
        state.keyring = None;
        if let Some(zeroes) = KeyBytes::zeroes(state.key.len()) {
            state.key = zeroes;
        }
    }
}

impl Target for Crypt {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Opaque
    }

    fn map(&self, mut io: Io) -> Mapping<'_> {
        let Some(cipher) = self.cipher.load_full() else {
            return Mapping::Fail(io, Errno::EIO);
        };
        if !self.is_aligned(io.range()) {
            return Mapping::Fail(io, Errno::EIO);
        }
        match io.op() {
            IoOp::Write | IoOp::WriteZeroes => {
                self.write(io, cipher);
                return Mapping::Taken;
            }
            IoOp::Discard if !self.params.options.allow_discards => {
                return Mapping::Fail(io, Errno::EOPNOTSUPP);
            }
            _ => {}
        }
        if let (IoOp::Read, Way::Tagged(tagging)) = (io.op(), &self.way) {
            let tags = IoTags::read(tagging.format(), io.data().length());
            io.set_tags(Some(Box::new(tags)));
        }
        let at = self.place(io.range());
        Mapping::Remap {
            io,
            to: &self.component,
            at,
        }
    }

    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        if io.op() != IoOp::Read || result.is_err() || io.token() == DECRYPTED {
            // They were for the device below.
            io.set_tags(None);
            return EndIo::Done(result);
        }
        if io.data().length() > AT_ONCE && !self.params.options.no_read_workqueue {
            return EndIo::Keep;
        }
        let number = self.number(io.range());
        EndIo::Done(match &*self.cipher.load() {
            Some(cipher) => read_result(
                decrypt(cipher, self.size, number, io),
                self.component.number(),
            ),
            None => Err(Errno::EIO.into()),
        })
    }

    fn keep(&self, mut io: Io, result: IoResult) {
        let number = self.number(io.range());
        let Some(cipher) = self.cipher.load_full() else {
            io.set_token(DECRYPTED);
            return io.complete(Err(Errno::EIO.into()));
        };
        let (size, device) = (self.size, self.component.number());
        self.host.compute(Box::new(move || {
            let decrypted = decrypt(&cipher, size, number, &mut io);
            drop(cipher);
            io.set_token(DECRYPTED);
            io.complete(result.and(read_result(decrypted, device)));
        }));
    }

    fn quick(&self, range: SectorRange, part: Quick<'_>, haste: Haste) -> bool {
        self.at_once(range, part, haste)
    }

    fn shape(&self) -> TargetShape {
        TargetShape::new(Some(CUT), Wants::END_IO | Wants::QUICK)
    }

    fn limits(&self) -> Limits {
        let bytes = u32::try_from(self.size.bytes()).unwrap_or(512);
        Limits {
            logical_block: bytes,
            physical_block: bytes,
            discard: self.params.options.allow_discards,
            ..Limits::DEFAULT
        }
    }

    fn measure(&self) -> String {
        let Options {
            allow_discards,
            same_cpu_crypt,
            high_priority,
            submit_from_crypt_cpus,
            no_read_workqueue,
            no_write_workqueue,
            iv_large_sectors,
            sector_size,
            integrity,
            ..
        } = &self.params.options;
        let mut text = KIND.measured();
        for (name, value) in [
            ("allow_discards", allow_discards),
            ("same_cpu_crypt", same_cpu_crypt),
            ("high_priority", high_priority),
            ("submit_from_crypt_cpus", submit_from_crypt_cpus),
            ("no_read_workqueue", no_read_workqueue),
            ("no_write_workqueue", no_write_workqueue),
            ("iv_large_sectors", iv_large_sectors),
        ] {
            let answer = if *value { 'y' } else { 'n' };
            // Writing to a string can not fail.
            let _ = write!(text, ",{name}={answer}");
        }
        if let Some(Integrity { bytes, kind }) = integrity {
            let _ = write!(text, ",integrity_tag_size={bytes},cipher_auth={kind}");
        }
        if let Some(bytes) = sector_size {
            let _ = write!(text, ",sector_size={bytes}");
        }
        let bytes = lock(&self.state).key.len();
        let (parts, extra, mac) = self.way.key_layout(bytes);
        let cipher = &self.params.cipher;
        let _ = write!(
            text,
            ",cipher_string={cipher},key_size={bytes},key_parts={parts},key_extra_size={extra},\
             key_mac_size={mac};"
        );
        text
    }

    fn params(&self) -> String {
        let mut params = self.params.clone();
        let state = lock(&self.state);
        let digits = state.key.len() * 2;
        if let Some(keyring) = &state.keyring {
            params.key = keyring.clone();
        } else if !state.key.is_empty() {
            let mut hex = String::with_capacity(digits);
            for byte in &*state.key {
                let _ = write!(hex, "{byte:02x}");
            }
            params.key = Key::Hex(Secret::new(hex));
        }
        drop(state);
        // As long as it gets, so that no shorter copy of the key is left behind.
        let words = params.cipher.len() + params.area.device.to_string().len();
        let mut text = String::with_capacity(digits + 2 * words + 256);
        let _ = write!(text, "{params}");
        text
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(&self.component);
    }

    fn message(&self, words: &mut Words<'_>) -> Result<Option<String>, ParamError> {
        let mut reader = Reader::of(words.clone());
        let message = Message::read(&mut reader)?;
        reader.end()?;
        if !lock(&self.state).suspended {
            let why = "the key can be changed only while the device is suspended";
            return Err(Reason::Other(why.into()).into());
        }
        match message {
            Message::KeySet(key) => self.set_key(&key)?,
            Message::KeyWipe => self.wipe_key(),
        }
        Ok(None)
    }

    fn postsuspend(&self) {
        lock(&self.state).suspended = true;
    }

    fn preresume(&self) -> Result<(), Errno> {
        match &*self.cipher.load() {
            Some(_) => Ok(()),
            None => Err(Errno::EAGAIN),
        }
    }

    fn resume(&self) {
        lock(&self.state).suspended = false;
    }
}
