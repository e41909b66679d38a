//! `integrity DEV RESERVED TAG MODE …`: sectors with tags that prove them.

mod bitmap;
mod commit;
mod core;
// Without ciphers there is no journal_crypt to be made.
#[cfg_attr(not(feature = "crypt"), allow(dead_code, unused_imports))]
mod crypt;
mod disk;
mod journal;
mod keeper;
mod lifecycle;
mod options;
mod ranges;
mod recalculate;
mod replay;
mod request;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::blockdev::{Limits, TagFormat};
use crate::component::Component;
use crate::errno::Errno;
use crate::io::{Io, IoOp};
use crate::table::ParamError;
use crate::typed::integrity::{Mode, Params, Status};
use crate::units::{SectorCount, SectorRange};
use crate::version::Version;

use super::{Build, FlushMode, Mapping, Route, Target, TargetKind, TargetShape, Wants};

use self::core::Core;

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
        if io.op() == IoOp::Flush {
            self.core.flush(io);
            return Mapping::Taken;
        }
        let (range, layout) = (io.range(), self.core.layout());
        let whole = (range.start().0 | range.length().0).is_multiple_of(layout.block().0);
        if !whole || range.end().0 > layout.provided().0 {
            return Mapping::Fail(io, Errno::EIO);
        }
        // Tags come from above, or are made here.
        let fits = match io.tags() {
            None => true,
            Some(_) if self.core.parts.hash.is_some() => false,
            Some(tags) => tags.length() == self.core.span(&io).bytes,
        };
        if !fits {
            return Mapping::Fail(io, Errno::EIO);
        }
        if io.op() == IoOp::Discard && !self.core.parts.discards {
            return Mapping::Fail(io, Errno::EOPNOTSUPP);
        }
        if io.op() != IoOp::Read && self.core.parts.mode == Mode::Recovery {
            return Mapping::Fail(io, Errno::EIO);
        }
        self.core.clone().start(io);
        Mapping::Taken
    }

    fn shape(&self) -> TargetShape {
        let layout = self.core.layout();
        let cut = layout.run().map_or(CUT, |_| CUT.min(layout.area()));
        // Elsewhere, what was written is on its devices when the write ends.
        let wants = match self.core.parts.journaling {
            Some(_) => Wants::FLUSH,
            None => Wants::empty(),
        };
        TargetShape::new(Some(cut), wants)
    }

    fn limits(&self) -> Limits {
        let block = self.core.layout().block().buffer_length();
        let block = block.and_then(|bytes| u32::try_from(bytes).ok());
        let block = block.unwrap_or(Limits::DEFAULT.logical_block);
        Limits {
            logical_block: block,
            physical_block: block,
            discard: self.core.parts.discards,
            tags: match self.core.parts.hash {
                Some(_) => None,
                None => u16::try_from(self.core.layout().tag_size())
                    .ok()
                    .map(|bytes| TagFormat { bytes, block }),
            },
            ..Limits::DEFAULT
        }
    }

    fn status(&self, _: FlushMode) -> String {
        let status = Status {
            mismatches: self.core.mismatches.load(Ordering::Relaxed),
            provided_sectors: self.core.layout().provided().0,
            recalculated: self.core.recalculated(),
            rest: Vec::new(),
        };
        status.to_string()
    }

    fn params(&self) -> String {
        let mut params = self.params.clone();
        params.options.recalculate = self.core.recalculated().is_some();
        params.to_string()
    }

    fn resume(&self) {
        self.core.begin();
    }

    fn postsuspend(&self) {
        self.core.end();
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(self.core.data());
        if let Some(meta) = &self.core.parts.meta {
            visit(meta);
        }
    }
}

impl Drop for Integrity {
    /// A device that goes away with its table active closes as one that is suspended does.
    fn drop(&mut self) {
        self.core.end();
    }
}
