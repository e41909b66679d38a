//! `zero`: reads as zeroes, takes any write and keeps nothing.

use alloc::boxed::Box;
use alloc::string::String;

use crate::table::ParamError;
use crate::typed::zero;
use crate::units::SectorRange;
use crate::version::Version;

use super::{Build, Route, Target, TargetKind, TargetShape, Wants};

/// # Source
/// `drivers/md/dm-zero.c`.
pub(super) const KIND: TargetKind = TargetKind::new("zero", Version(1, 2, 0), build);

struct Zero;

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    build.read::<zero::Params>()?;
    Ok(Box::new(Zero))
}

impl Target for Zero {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Zero
    }

    fn shape(&self) -> TargetShape {
        TargetShape::new(None, Wants::NO_QUICK)
    }

    fn params(&self) -> String {
        String::new()
    }
}
