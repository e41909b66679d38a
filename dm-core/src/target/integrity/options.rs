//! From parameters to a device: its superblock is read, or made where all is zeroes.

use std::sync::atomic::AtomicU64;

use crate::blockdev::Blocking;
use crate::component::{Component, TableMode};
use crate::format::integrity::{
    Devices, Flags, Journal, Layout, SectorView, Superblock, SuperblockError, TagHash, Wanted,
    tag_hash,
};
use crate::io::{IoError, IoFlags};
use crate::table::{ParamError, Reason};
use crate::target::Build;
use crate::target::spelling::{bytes, device, other};
use crate::typed::integrity::{Mode, Params};
use crate::units::{SECTOR_BYTES, Sector};

use super::ranges::Ranges;
use super::request::Core;

/// Sectors in which kernels read tags, unless they are told.
const BUFFER: u32 = 128;

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
    let hash = hash(&params, &[])?;
    let tag_size = match params.tag_size {
        None => hash.size(),
        Some(size) => usize::try_from(size).unwrap_or(usize::MAX),
    };
    let tag_size = u16::try_from(tag_size).map_err(|_| other("a tag has at most 65535 bytes"))?;
    let devices = devices(&data, meta.as_ref());
    let disk = Disk {
        on: meta.as_ref().unwrap_or(&data),
        start: params.reserved,
        devices,
    };
    let superblock = match disk.superblock()? {
        Some(superblock) => superblock,
        None if build.mode == TableMode::ReadOnly => {
            return Err(other(
                "there is no superblock yet, and the table is read-only",
            ));
        }
        None => disk.format(&params, tag_size)?,
    };
    agrees(&superblock, &params, tag_size, meta.is_some())?;
    let buffer = params
        .options
        .buffer_sectors
        .unwrap_or(BUFFER)
        .max(1)
        .ilog2();
    let layout = Layout::new(&superblock, params.reserved, devices, 0);
    let layout = layout.map_err(|error| other(error.to_string()))?;
    if build.range.length().0 > layout.provided().0 {
        return Err(other(format!(
            "the device provides {} sectors, and {} are to be mapped",
            layout.provided(),
            build.range.length()
        )));
    }
    disk.refuse_entries(layout)?;
    let salted = superblock.flags.contains(Flags::FIXED_HMAC);
    let hash = self::hash(&params, if salted { &superblock.salt } else { &[] })?;
    let recalculating = superblock.flags.contains(Flags::RECALCULATING);
    spell(
        &mut params,
        &superblock,
        &layout,
        buffer,
        (&data, meta.as_ref()),
    );
    let core = Core {
        host: build.host.clone(),
        layout,
        hash,
        data,
        meta,
        checks: params.mode != Mode::Recovery,
        discards: params.options.allow_discards,
        recalculated: recalculating.then_some(superblock.recalculated.0),
        mismatches: AtomicU64::new(0),
        requests: Ranges::default(),
        tags: Ranges::default(),
    };
    Ok((core, params))
}

fn refuse_what_is_missing(params: &Params) -> Result<(), ParamError> {
    let options = &params.options;
    let missing = match params.mode {
        Mode::Direct | Mode::Recovery => [
            (options.internal_hash.is_none(), "tags from above"),
            (options.journal_mac.is_some(), "journal_mac"),
            (options.journal_crypt.is_some(), "journal_crypt"),
            (options.recalculate, "recalculate"),
            (options.reset_recalculate, "reset_recalculate"),
            (options.allow_discards_keyed, "allow_discards_keyed"),
        ]
        .into_iter()
        .find(|(asked, _)| *asked)
        .map(|(_, what)| what),
        Mode::Journal => Some("mode J"),
        Mode::Bitmap => Some("mode B"),
        Mode::Inline => Some("mode I"),
    };
    match missing {
        None => Ok(()),
        Some(what) => Err(other(format!(
            "the engine has modes D and R with an internal_hash, and not yet {what}"
        ))),
    }
}

fn hash(params: &Params, salt: &[u8]) -> Result<Box<dyn TagHash>, ParamError> {
    let Some(algorithm) = &params.options.internal_hash else {
        return Err(other("an internal_hash is needed"));
    };
    let key = algorithm
        .key
        .as_ref()
        .map(|key| zeroize::Zeroizing::new(bytes(key.expose())));
    let hash = tag_hash(
        &algorithm.name,
        key.as_ref().map(|key| key.as_slice()),
        salt,
    );
    hash.map_err(|error| other(format!("{}: {error}", algorithm.name)))
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
fn agrees(
    superblock: &Superblock,
    params: &Params,
    tag_size: u16,
    own_device: bool,
) -> Result<(), ParamError> {
    let wrong = |what: &str| Err(other(format!("the superblock has another {what}")));
    let block = params.options.block_size.unwrap_or(512);
    if superblock.tag_size != tag_size {
        return wrong("tag size");
    }
    if 512 << superblock.block_shift != block {
        return wrong("block size");
    }
    if (superblock.interleave_shift == 0) != own_device {
        return wrong("place for tags");
    }
    for (flag, what) in [
        (Flags::JOURNAL_MAC, "journal_mac"),
        (Flags::DIRTY_BITMAP, "mode: it has a dirty bitmap, and B"),
        (Flags::INLINE, "mode: I"),
    ] {
        if superblock.flags.contains(flag) {
            return wrong(what);
        }
    }
    Ok(())
}

/// Where the superblock is.
struct Disk<'a> {
    on: &'a Component,
    start: Sector,
    devices: Devices,
}

impl Disk<'_> {
    /// The superblock; `None` where all is zeroes.
    fn superblock(&self) -> Result<Option<Superblock>, ParamError> {
        let mut bytes = [0; 8 * SECTOR_BYTES];
        let read = self.on.dev().read_at(self.start, &mut bytes);
        read.map_err(|error| io("reading the superblock", error))?;
        match Superblock::read(&bytes) {
            Ok(superblock) => Ok(Some(superblock)),
            Err(SuperblockError::Zeroes) if bytes.iter().all(|byte| *byte == 0) => Ok(None),
            Err(SuperblockError::Zeroes) => Err(other(SuperblockError::Magic.to_string())),
            Err(error) => Err(other(error.to_string())),
        }
    }

    /// Makes superblock and journal as the kernel does: for the first use.
    fn format(&self, params: &Params, tag_size: u16) -> Result<Superblock, ParamError> {
        let options = &params.options;
        let mut flags = Flags::empty();
        flags.set(Flags::FIXED_PADDING, options.fix_padding);
        flags.set(Flags::FIXED_HMAC, options.fix_hmac);
        let block = options.block_size.unwrap_or(512) / 512;
        let buffer = options.buffer_sectors.unwrap_or(BUFFER).max(1).ilog2();
        let wanted = Wanted {
            tag_size,
            block_shift: u8::try_from(block.max(1).ilog2()).unwrap_or_default(),
            journal: options.journal_sectors,
            interleave: options.interleave_sectors,
            buffer_shift: u8::try_from(buffer).ok(),
            flags,
        };
        let made = Layout::superblock(&wanted, self.start, self.devices);
        let mut superblock = made.map_err(|error| other(error.to_string()))?;
        if options.fix_hmac {
            let random = std::fs::File::open("/dev/urandom");
            let filled = random.and_then(|mut random| {
                std::io::Read::read_exact(&mut random, &mut superblock.salt)
            });
            filled.map_err(|error| other(format!("reading a salt: {error}")))?;
        }
        let layout = Layout::new(&superblock, self.start, self.devices, 0);
        let layout = layout.map_err(|error| other(error.to_string()))?;
        let journal = Journal::new(layout);
        let write = |start: u64, bytes: &[u8]| {
            let written = self
                .on
                .dev()
                .write_at(Sector(start), bytes, IoFlags::empty());
            written.map_err(|error| io("writing the journal", error))
        };
        let mut section = vec![0; layout.section_sectors().buffer_length().unwrap_or_default()];
        for number in 0..layout.sections() {
            for (sector, place) in section.chunks_exact_mut(SECTOR_BYTES).zip(0..) {
                journal.fill(number, place, sector);
            }
            let start = layout.journal().0 + u64::from(number) * layout.section_sectors().0;
            write(start, &section)?;
        }
        let flushed = self.on.dev().flush();
        flushed.map_err(|error| io("writing the journal", error))?;
        let written = self
            .on
            .dev()
            .write_at(self.start, &superblock.write(), IoFlags::FUA);
        written.map_err(|error| io("writing the superblock", error))?;
        Ok(superblock)
    }

    /// A journal that holds data is to be replayed first.
    fn refuse_entries(&self, layout: Layout) -> Result<(), ParamError> {
        let journal = Journal::new(layout);
        let mut head = [0; 8 * SECTOR_BYTES];
        for section in 0..layout.sections() {
            let start = layout.journal().0 + u64::from(section) * layout.section_sectors().0;
            let read = self.on.dev().read_at(Sector(start), &mut head);
            read.map_err(|error| io("reading the journal", error))?;
            let views = head.chunks_exact(SECTOR_BYTES).zip(0..);
            let used = views.map(|(bytes, place)| {
                let view = SectorView {
                    section,
                    place,
                    bytes,
                };
                match journal.round(view) {
                    Some(_) => journal.used(view),
                    None => 0,
                }
            });
            if used.sum::<usize>() > 0 {
                return Err(other(
                    "the journal holds data that is to be replayed, which the engine can not yet",
                ));
            }
        }
        Ok(())
    }
}

fn io(what: &str, error: IoError) -> ParamError {
    other(format!("{what}: {}", error.errno()))
}

/// Spells parameters as a kernel shows them.
fn spell(
    params: &mut Params,
    superblock: &Superblock,
    layout: &Layout,
    buffer: u32,
    (data, meta): (&Component, Option<&Component>),
) {
    params.device = device(data);
    params.tag_size = Some(superblock.tag_size.into());
    let options = &mut params.options;
    options.meta_device = meta.map(device);
    options.block_size = options.block_size.filter(|size| *size != 512);
    let journal = layout.section_sectors().0 * u64::from(layout.sections());
    options.journal_sectors = u32::try_from(journal).ok();
    options.interleave_sectors = Some(1 << superblock.interleave_shift);
    let run = layout.run().map_or(buffer, |run| run.0.trailing_zeros());
    options.buffer_sectors = Some(1 << buffer.min(run));
    options.journal_watermark = None;
    options.commit_time = None;
    options.sectors_per_bit = None;
    options.bitmap_flush_interval = None;
    options.fix_padding = superblock.flags.contains(Flags::FIXED_PADDING);
    options.fix_hmac = superblock.flags.contains(Flags::FIXED_HMAC);
}
