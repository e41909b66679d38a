//! `integrity DEV RESERVED TAG MODE …`: sectors with tags that prove them.

mod options;
mod ranges;
mod request;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::blockdev::Limits;
use crate::component::Component;
use crate::errno::Errno;
use crate::io::{Io, IoOp};
use crate::table::ParamError;
use crate::typed::integrity::{Params, Status};
use crate::units::{SectorCount, SectorRange};
use crate::version::Version;

use super::{Build, FlushMode, Mapping, Route, Target, TargetKind, TargetShape, Wants};

use self::request::Core;

/// # Source
/// `drivers/md/dm-integrity.c`.
pub(super) const KIND: TargetKind = TargetKind::new("integrity", Version(1, 13, 0), build);

/// Requests are cut here, so that the tags of a long one are made on all processors.
const CUT: SectorCount = SectorCount(256);

struct Integrity {
    core: Arc<Core>,
    /// As `table` shows them.
    params: Params,
}

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (params, components) = build.read::<Params>()?;
    let (core, params) = options::open(build, params, components)?;
    let core = Arc::new(core);
    Ok(Box::new(Integrity { core, params }))
}

impl Target for Integrity {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Opaque
    }

    fn map(&self, io: Io) -> Mapping<'_> {
        let range = io.range();
        let block = self.core.layout.block().0;
        let whole = (range.start().0 | range.length().0).is_multiple_of(block);
        if !whole || range.end().0 > self.core.layout.provided().0 {
            return Mapping::Fail(io, Errno::EIO);
        }
        if io.op() == IoOp::Discard && !self.core.discards {
            return Mapping::Fail(io, Errno::EOPNOTSUPP);
        }
        self.core.clone().start(io);
        Mapping::Taken
    }

    fn shape(&self) -> TargetShape {
        let area = self.core.layout.run().map(|_| self.core.layout.area());
        TargetShape::new(Some(area.map_or(CUT, |area| CUT.min(area))), Wants::empty())
    }

    fn limits(&self) -> Limits {
        let block = self.core.layout.block().buffer_length();
        let block = block.and_then(|bytes| u32::try_from(bytes).ok());
        let block = block.unwrap_or(Limits::DEFAULT.logical_block);
        Limits {
            logical_block: block,
            physical_block: block,
            discard: self.core.discards,
            ..Limits::DEFAULT
        }
    }

    fn status(&self, _: FlushMode) -> String {
        let status = Status {
            mismatches: self.core.mismatches.load(Ordering::Relaxed),
            provided_sectors: self.core.layout.provided().0,
            recalculated: self.core.recalculated,
            rest: Vec::new(),
        };
        status.to_string()
    }

    fn params(&self) -> String {
        self.params.to_string()
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(&self.core.data);
        if let Some(meta) = &self.core.meta {
            visit(meta);
        }
    }
}
