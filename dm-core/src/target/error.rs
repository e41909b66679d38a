//! `error`: every request fails with `EIO`.

use alloc::boxed::Box;
use alloc::string::String;

use crate::errno::Errno;
use crate::table::ParamError;
use crate::units::SectorRange;
use crate::version::Version;

use super::{Build, Route, Target, TargetKind, TargetShape};

/// # Source
/// `drivers/md/dm-target.c`. As there, parameters are ignored and not shown again.
pub(super) const KIND: TargetKind = TargetKind::new("error", Version(1, 7, 0), build);

struct Fail;

fn build(_: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    Ok(Box::new(Fail))
}

impl Target for Fail {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Fail(Errno::EIO)
    }

    fn shape(&self) -> TargetShape {
        TargetShape::default()
    }

    fn params(&self) -> String {
        String::new()
    }
}
