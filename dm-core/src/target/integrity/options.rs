//! From parameters to a device: its superblock is read, or made where all is zeroes.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::component::{Component, TableMode};
use crate::format::integrity::{
    Bitmap, Devices, Flags, Journal, JournalMac, Layout, Superblock, TagHash, Wanted, tag_hash,
};
use crate::table::{ParamError, Reason};
use crate::target::Build;
use crate::target::spelling::{bytes, device, other};
use crate::typed::integrity::{Algorithm, Mode, Params};
use crate::units::{Sector, SectorCount};

use super::bitmap::Bitmaps;
use super::core::{Core, Parts};
use super::crypt::JournalCrypt;
use super::disk::{Head, JournalDisk};
use super::journal::Journaling;
use super::recalculate::Recalculate;

/// log2 of the sectors in which kernels read tags, unless they are told, and the least of it.
const BUFFER_SHIFT: u32 = 7;
const BUFFER_SHIFT_LEAST: u8 = 3;
/// Percent of the journal.
const WATERMARK: u8 = 50;
/// Milliseconds.
const COMMIT_TIME: u32 = 10_000;
const FLUSH_INTERVAL: u32 = 10_000;
/// A journal is kept in memory.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// Opens the device that `params` say, and spells them as a kernel does.
pub(super) fn open(
    build: &mut Build<'_>,
    mut params: Params,
    components: Vec<Component>,
) -> Result<(Core, Params), ParamError> {
    refuse_what_is_missing(&params)?;
    let data = components.into_iter().next();
    let data = data.ok_or_else(|| other("the device is missing"))?;
    let meta = match &params.options.meta_device {
        None => None,
        Some(meta) => Some(
            build
                .opener
                .open(&meta.0, build.mode)
                .map_err(|error| ParamError::from(Reason::Open(error)))?,
        ),
    };
    let options = &params.options;
    let hash = optional_hash(options.internal_hash.as_ref(), &[])?;
    let tag_size = match (params.tag_size, &hash) {
        (Some(size), _) => usize::try_from(size).unwrap_or(usize::MAX),
        (None, Some(hash)) => hash.size(),
        (None, None) => return Err(other("the size of a tag is needed")),
    };
    let tag_size = u16::try_from(tag_size).map_err(|_| other("a tag has at most 65535 bytes"))?;
    let devices = devices(&data, meta.as_ref());
    let head = Head {
        on: meta.as_ref().unwrap_or(&data).clone(),
        start: params.reserved,
        mac: optional_hash(options.journal_mac.as_ref(), &[])?,
    };
    let found = head.read().map_err(|error| other(error.told().1))?;
    let formatted = found.is_none();
    let (mut superblock, buffer) = match found {
        Some(superblock) => (superblock, wanted_buffer(&params)),
        None if params.mode != Mode::Recovery && build.mode == TableMode::ReadOnly => {
            return Err(other(
                "there is no superblock yet, and the table is read-only",
            ));
        }
        None => new_superblock(&params, tag_size, head.start, devices)?,
    };
    agrees(&superblock, &params, tag_size)?;
    let before = superblock.provided;
    superblock.provided = Layout::room(&superblock, head.start, devices);
    let (layout, buffer) = fitting(&superblock, head.start, devices, buffer)?;
    if build.range.length().0 > layout.provided().0 {
        return Err(other(format!(
            "the device provides {} sectors, and {} are to be mapped",
            layout.provided(),
            build.range.length()
        )));
    }
    let bit_shift = Bitmap::shift(&layout, options.sectors_per_bit);
    if formatted {
        let blocks = bit_shift - u32::from(layout.block_shift());
        superblock.bit_shift = u8::try_from(blocks).unwrap_or(u8::MAX);
    } else {
        superblock.provided = before;
    }
    let recalculate = match (options.recalculate, options.reset_recalculate) {
        (_, true) => Recalculate::Anew,
        (true, false) => Recalculate::Once,
        (false, false) => Recalculate::AsBefore,
    };
    recalculate.begin_in(&mut superblock);
    may_recalculate(&superblock, &params, &layout)?;
    let disk = journal_disk(&params, &superblock, layout, &head)?;
    if formatted && params.mode != Mode::Recovery {
        let written = disk
            .clear(0, layout.sections(), 0)
            .and_then(|()| head.write(&superblock, params.mode));
        written.map_err(|error| other(format!("formatting: {}", error.errno())))?;
    }
    let salt = salt(&superblock);
    let journaling = (params.mode == Mode::Journal).then(|| {
        let time = options.commit_time.unwrap_or(COMMIT_TIME);
        let watermark = options.journal_watermark.unwrap_or(WATERMARK);
        Journaling::new(disk.journal, watermark, Duration::from_millis(time.into()))
    });
    let bitmaps = (params.mode == Mode::Bitmap).then(|| {
        let interval = options.bitmap_flush_interval.unwrap_or(FLUSH_INTERVAL);
        let interval = Duration::from_millis(interval.into());
        Bitmaps::new(Bitmap::new(&layout, bit_shift), interval)
    });
    let parts = Parts {
        mode: params.mode,
        layout,
        hash: optional_hash(options.internal_hash.as_ref(), salt)?,
        data,
        meta,
        discards: options.allow_discards,
        recalculate,
        head,
        disk,
        bit_shift,
        journaling,
        bitmaps,
    };
    spell(&mut params, &superblock, &parts, buffer);
    Ok((Core::new(build.host.clone(), parts, superblock), params))
}

fn refuse_what_is_missing(params: &Params) -> Result<(), ParamError> {
    let options = &params.options;
    if params.mode == Mode::Inline {
        return Err(other(
            "the engine has modes J, B, D and R: what a device keeps beside its sectors, no process reads or writes",
        ));
    }
    if options.allow_discards_keyed {
        return Err(other(
            "allow_discards_keyed needs a superblock of version 7, and the engine has versions 1 to 6",
        ));
    }
    if options.internal_hash.is_some() {
        return Ok(());
    }
    let needs = match params.mode {
        Mode::Bitmap => Some("mode B"),
        _ if options.allow_discards => Some("allow_discards"),
        _ if options.recalculate || options.reset_recalculate => Some("recalculate"),
        _ => None,
    };
    match needs {
        None => Ok(()),
        Some(what) => Err(other(format!("{what} needs an internal_hash"))),
    }
}

/// What is hashed first.
fn salt(superblock: &Superblock) -> &[u8] {
    match superblock.flags.contains(Flags::FIXED_HMAC) {
        true => &superblock.salt,
        false => &[],
    }
}

/// Tags that prove what somebody else wrote must not be made of it, unless one insists.
fn may_recalculate(
    superblock: &Superblock,
    params: &Params,
    layout: &Layout,
) -> Result<(), ParamError> {
    let options = &params.options;
    let unfinished = superblock.flags.contains(Flags::RECALCULATING)
        && superblock.recalculated.0 < layout.provided().0;
    if unfinished && options.internal_hash.is_none() {
        return Err(other("recalculate needs an internal_hash"));
    }
    let keyed = |algorithm: &Option<Algorithm>| {
        let algorithm = algorithm.as_ref();
        algorithm.is_some_and(|algorithm| algorithm.key.is_some())
    };
    let (hash, mac) = (keyed(&options.internal_hash), keyed(&options.journal_mac));
    let unsafe_so = match superblock.flags.contains(Flags::FIXED_HMAC) {
        true => hash && !mac,
        false => hash || mac,
    };
    match unfinished && unsafe_so && !options.legacy_recalculate {
        false => Ok(()),
        true => Err(other(
            "tags with a key are not made for what is there: who wrote it is not known; \
             legacy_recalculate does it nevertheless",
        )),
    }
}

fn journal_disk(
    params: &Params,
    superblock: &Superblock,
    layout: Layout,
    head: &Head,
) -> Result<JournalDisk, ParamError> {
    let bytes = u64::from(layout.sections()) * layout.section_bytes() as u64;
    if bytes > JOURNAL_BYTES_MAX {
        return Err(other(format!(
            "the journal has {bytes} bytes, and at most {JOURNAL_BYTES_MAX} are kept in memory"
        )));
    }
    let crypt = match &params.options.journal_crypt {
        None => None,
        Some(algorithm) => {
            let key = key(algorithm).unwrap_or_default();
            let crypt = JournalCrypt::new(&algorithm.name, &key, &layout);
            Some(crypt.map_err(|error| other(format!("journal_crypt: {error}")))?)
        }
    };
    let mac = optional_hash(params.options.journal_mac.as_ref(), salt(superblock))?;
    let numbered = superblock.flags.contains(Flags::FIXED_HMAC);
    Ok(JournalDisk {
        on: head.on.clone(),
        journal: match &crypt {
            None => Journal::new(layout),
            Some(crypt) => Journal::with_ids(layout, crypt.ids()),
        },
        mac: mac.map(|hash| JournalMac::new(hash, numbered)),
        crypt,
    })
}

fn key(algorithm: &Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let key = algorithm.key.as_ref()?;
    Some(Zeroizing::new(bytes(key.expose())))
}

fn optional_hash(
    algorithm: Option<&Algorithm>,
    salt: &[u8],
) -> Result<Option<Box<dyn TagHash>>, ParamError> {
    let Some(algorithm) = algorithm else {
        return Ok(None);
    };
    let key = key(algorithm);
    let hash = tag_hash(
        &algorithm.name,
        key.as_ref().map(|key| key.as_slice()),
        salt,
    );
    hash.map(Some)
        .map_err(|error| other(format!("{}: {error}", algorithm.name)))
}

fn devices(data: &Component, meta: Option<&Component>) -> Devices {
    let size = |component: &Component| component.dev().info().size;
    match meta {
        None => Devices::One(size(data)),
        Some(meta) => Devices::Two {
            data: size(data),
            meta: size(meta),
        },
    }
}

/// Whether superblock and parameters say the same.
fn agrees(superblock: &Superblock, params: &Params, tag_size: u16) -> Result<(), ParamError> {
    let wrong = |what: &str| Err(other(format!("the superblock has another {what}")));
    let options = &params.options;
    if superblock.tag_size != tag_size {
        return wrong("tag size");
    }
    if 512 << superblock.block_shift != options.block_size.unwrap_or(512) {
        return wrong("block size");
    }
    if (superblock.interleave_shift == 0) != options.meta_device.is_some() {
        return wrong("place for tags");
    }
    if superblock.flags.contains(Flags::JOURNAL_MAC) != options.journal_mac.is_some() {
        return wrong("journal_mac");
    }
    if superblock.flags.contains(Flags::INLINE) {
        return wrong("mode: I");
    }
    Ok(())
}

fn wanted_buffer(params: &Params) -> u8 {
    let wanted = params.options.buffer_sectors;
    let shift = wanted.map_or(BUFFER_SHIFT, |sectors| sectors.max(1).ilog2());
    u8::try_from(shift).unwrap_or(u8::MAX).min(22)
}

/// A superblock for the first use, and the buffers that suit it.
fn new_superblock(
    params: &Params,
    tag_size: u16,
    start: Sector,
    devices: Devices,
) -> Result<(Superblock, u8), ParamError> {
    let options = &params.options;
    let salted =
        options.fix_hmac && (options.internal_hash.is_some() || options.journal_mac.is_some());
    let mut flags = Flags::empty();
    flags.set(Flags::FIXED_PADDING, options.fix_padding);
    flags.set(Flags::FIXED_HMAC, salted);
    flags.set(Flags::JOURNAL_MAC, options.journal_mac.is_some());
    let block = options.block_size.unwrap_or(512) / 512;
    let mut buffer = wanted_buffer(params);
    let mut superblock = loop {
        let wanted = Wanted {
            tag_size,
            block_shift: u8::try_from(block.max(1).ilog2()).unwrap_or_default(),
            journal: options.journal_sectors,
            interleave: options.interleave_sectors,
            buffer_shift: Some(buffer),
            flags,
        };
        match Layout::superblock(&wanted, start, devices) {
            Ok(superblock) => break superblock,
            // Where tags have a device of their own, smaller buffers may fit.
            Err(_) if options.meta_device.is_some() && buffer > BUFFER_SHIFT_LEAST => buffer -= 1,
            Err(error) => return Err(other(error.to_string())),
        }
    };
    if salted {
        let filled = getrandom::fill(&mut superblock.salt);
        filled.map_err(|error| other(format!("the system gives no random bytes: {error}")))?;
    }
    Ok((superblock, buffer))
}

/// The layout, with the largest buffers that fit.
fn fitting(
    superblock: &Superblock,
    start: Sector,
    devices: Devices,
    mut buffer: u8,
) -> Result<(Layout, u8), ParamError> {
    let own_device = matches!(devices, Devices::Two { .. });
    loop {
        match Layout::new(superblock, start, devices, buffer) {
            Ok(layout) => return Ok((layout, buffer)),
            Err(_) if own_device && buffer > BUFFER_SHIFT_LEAST => buffer -= 1,
            Err(error) => return Err(other(error.to_string())),
        }
    }
}

/// Spells parameters as a kernel shows them, but for `recalculate`, which changes.
fn spell(params: &mut Params, superblock: &Superblock, parts: &Parts, buffer: u8) {
    let layout = &parts.layout;
    params.device = device(&parts.data);
    params.tag_size = Some(superblock.tag_size.into());
    let options = &mut params.options;
    options.meta_device = parts.meta.as_ref().map(device);
    options.block_size = options.block_size.filter(|size| *size != 512);
    let journal = layout.section_sectors().0 * u64::from(layout.sections());
    options.journal_sectors = u32::try_from(journal).ok();
    options.interleave_sectors = Some(1 << superblock.interleave_shift);
    let run = layout.run().map(|run: SectorCount| run.0.trailing_zeros());
    let buffer = run.map_or(buffer.into(), |run| u32::from(buffer).min(run));
    options.buffer_sectors = Some(1 << buffer);
    let entries = layout.section_entries() * u64::from(layout.sections());
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    let journaling = parts.journaling.as_ref();
    options.journal_watermark = journaling.map(|journaling| journaling.watermark(entries));
    options.commit_time = journaling.map(|_| options.commit_time.unwrap_or(COMMIT_TIME));
    let bitmaps = parts.bitmaps.as_ref();
    options.sectors_per_bit = bitmaps.map(|_| 1 << parts.bit_shift);
    options.bitmap_flush_interval =
        bitmaps.map(|_| options.bitmap_flush_interval.unwrap_or(FLUSH_INTERVAL));
    options.fix_padding = superblock.flags.contains(Flags::FIXED_PADDING);
    options.fix_hmac = superblock.flags.contains(Flags::FIXED_HMAC);
}
