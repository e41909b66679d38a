//! `linear DEV START`: one run of sectors of another device.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use crate::component::Component;
use crate::table::ParamError;
use crate::typed::linear;
use crate::units::{Sector, SectorRange};
use crate::version::Version;

use super::{Build, Route, Target, TargetKind, TargetShape, Wants};

/// # Source
/// `drivers/md/dm-linear.c`.
pub(super) const KIND: TargetKind = TargetKind::new("linear", Version(1, 4, 0), build);

struct Linear {
    component: Component,
    start: Sector,
}

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (params, mut components) = build.read::<linear::Params>()?;
    let start = params.area.start;
    let component = components.remove(0);
    Ok(Box::new(Linear { component, start }))
}

impl Target for Linear {
    fn route(&self, range: SectorRange) -> Route<'_> {
        let at = Sector(self.start.0 + range.start().0);
        Route::To {
            component: &self.component,
            at,
        }
    }

    fn shape(&self) -> TargetShape {
        TargetShape::new(None, Wants::NO_QUICK | Wants::TAGS_PASS)
    }

    fn measure(&self) -> String {
        format!(
            "{},device_name={},start={};",
            KIND.measured(),
            self.component.number(),
            self.start
        )
    }

    fn params(&self) -> String {
        format!("{} {}", self.component, self.start)
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(&self.component);
    }
}
