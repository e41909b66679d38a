//! `verity VERSION DATA HASH …`: reads of a device whose content a tree of hashes proves.

mod cache;
mod check;
mod options;
mod repair;
mod shared;

use std::sync::Arc;

use bytes::BytesMut;

use crate::blockdev::Limits;
use crate::component::{Component, TableMode};
use crate::errno::Errno;
use crate::io::{Io, IoOp, IoResult};
use crate::table::ParamError;
use crate::typed::verity::Params;
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use super::buffers::gathered;
use super::spelling::other;
use super::{Build, EndIo, FlushMode, Mapping, Route, Target, TargetKind, TargetShape, Wants};

use self::check::Check;
use self::shared::Core;

/// # Source
/// `drivers/md/dm-verity-target.c`.
pub(super) const KIND: TargetKind = TargetKind::new("verity", Version(1, 10, 0), build);

/// Requests are cut here, so that the hashes of a long one are made on all processors.
const CUT: SectorCount = SectorCount(256);

struct Verity {
    core: Arc<Core>,
    /// As `table` shows them.
    params: Params,
}

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (mut params, components) = build.read::<Params>()?;
    if build.mode != TableMode::ReadOnly {
        return Err(other("the table must be loaded read-only"));
    }
    let core = options::core(build, &params, components)?;
    options::spell(&mut params, &core);
    Ok(Box::new(Verity {
        core: Arc::new(core),
        params,
    }))
}

impl Verity {
    /// Reads the whole blocks that a request for parts of blocks lies in.
    fn read_around(&self, io: Io) -> Mapping<'_> {
        let range = io.range();
        let block = self.core.tree.data_block().sectors().0;
        let start = range.start().0 / block * block;
        let sectors = SectorCount(range.end().0.div_ceil(block) * block - start);
        let whole = sectors
            .buffer_length()
            .and_then(|bytes| Io::read(Sector(start), BytesMut::zeroed(bytes)).ok());
        let Some(whole) = whole else {
            return Mapping::Fail(io, Errno::ENOMEM);
        };
        let skip = SectorCount(range.start().0 - start);
        let mut whole = whole.on_complete(move |mut whole, result| {
            let mut io = io;
            let wanted = io.data().length();
            if result.is_ok() {
                let from = gathered(whole.take_data());
                let skip = skip.buffer_length().unwrap_or(usize::MAX);
                io.data_mut().fill(0, &from[skip..skip + wanted]);
            }
            io.complete(result);
        });
        // The check comes between the device's answer and that of this request.
        let answer = whole.take_completion();
        let core = self.core.clone();
        self.core
            .data
            .dev()
            .submit(whole.on_complete(move |mut whole, result| {
                if let Some(answer) = answer {
                    whole.set_completion(answer);
                }
                Check::start(core, whole, result);
            }));
        Mapping::Taken
    }

    fn is_whole(&self, range: SectorRange) -> bool {
        let block = self.core.tree.data_block().sectors().0;
        (range.start().0 | range.length().0).is_multiple_of(block)
    }
}

impl Target for Verity {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Opaque
    }

    fn map(&self, io: Io) -> Mapping<'_> {
        let range = io.range();
        if io.op() != IoOp::Read || range.end().0 > self.core.data_sectors().0 {
            return Mapping::Fail(io, Errno::EIO);
        }
        match self.is_whole(range) {
            true => Mapping::Remap {
                io,
                to: &self.core.data,
                at: range.start(),
            },
            false => self.read_around(io),
        }
    }

    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        // A request for parts of blocks was checked before it came back.
        let checked = !self.is_whole(io.range()) || io.token() == check::CHECKED;
        match result {
            _ if checked || io.op() != IoOp::Read => EndIo::Done(result),
            Err(_) if self.core.codes.is_none() => EndIo::Done(result),
            _ => EndIo::Keep,
        }
    }

    fn keep(&self, io: Io, result: IoResult) {
        Check::start(self.core.clone(), io, result);
    }

    fn shape(&self) -> TargetShape {
        let block = self.core.tree.data_block().sectors();
        TargetShape::new(Some(CUT.max(block)), Wants::END_IO)
    }

    fn limits(&self) -> Limits {
        let block = u32::try_from(self.core.tree.data_block().bytes());
        // Requests for parts of blocks are served, but cost a whole one.
        Limits {
            physical_block: block.unwrap_or(Limits::DEFAULT.physical_block),
            ..Limits::DEFAULT
        }
    }

    fn status(&self, _: FlushMode) -> String {
        String::from(if self.core.is_corrupted() { "C" } else { "V" })
    }

    fn measure(&self) -> String {
        options::measure(&self.params, &self.core, &self.status(FlushMode::NoFlush))
    }

    fn params(&self) -> String {
        self.params.to_string()
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(&self.core.data);
        visit(&self.core.hashes);
        if let Some(codes) = &self.core.codes {
            visit(&codes.component);
        }
    }
}
