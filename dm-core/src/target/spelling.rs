//! Words of parameters, read and shown as kernels do.

use crate::component::Component;
use crate::hex;
use crate::table::{ParamError, Reason, Words};
use crate::typed::Device;
use crate::units::{Sector, SectorCount, SectorRange};

/// An error in words.
pub(super) fn other(reason: impl Into<String>) -> ParamError {
    Reason::Other(reason.into()).into()
}

/// The bytes of an even number of hexadecimal digits, which the parameters' reader checked.
pub(super) fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().as_chunks::<2>().0.iter();
    pairs.filter_map(hex::byte).collect()
}

/// A device as its opener calls it.
pub(super) fn device(component: &Component) -> Device {
    let text = component.to_string();
    let word = Words::new(&text).next("device");
    Device::new(word.map_or_else(|_| text.clone(), |word| word.text.into_owned()))
}

/// Whether a device has `length` sectors.
pub(super) fn fits(component: &Component, length: SectorCount) -> Result<(), ParamError> {
    let size = component.dev().info().size;
    match length.0 <= size.0 {
        true => Ok(()),
        false => {
            let area = SectorRange::new(Sector::ZERO, length).unwrap_or_default();
            Err(Reason::PastEnd { area, size }.into())
        }
    }
}
