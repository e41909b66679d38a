//! `error [DEV START]`: every request fails with `EIO`.

use alloc::boxed::Box;
use alloc::string::String;

use crate::component::Component;
use crate::errno::Errno;
use crate::table::ParamError;
use crate::typed::error;
use crate::units::SectorRange;
use crate::version::Version;

use super::{Build, Route, Target, TargetKind, TargetShape};

/// # Source
/// `drivers/md/dm-target.c`. As there, two words are a device, which is opened and gives its
/// limits, and a sector on it; any other words are ignored, and none are shown again.
pub(super) const KIND: TargetKind = TargetKind::new("error", Version(1, 7, 0), build);

struct Fail {
    component: Option<Component>,
}

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (error::Params { .. }, mut components) = build.read()?;
    let component = components.pop();
    Ok(Box::new(Fail { component }))
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

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        self.component.iter().for_each(visit);
    }
}
