//! What is known of the devices that lines name.

use crate::component::OpenError;
use crate::table::{ParamError, Reason, Word};
use crate::units::{SECTOR_SHIFT, Sector, SectorCount, SectorRange};

/// What can be found out about the devices that a line names.
pub trait Devices {
    /// The device that `name` names, if anything is known of it.
    ///
    /// # Errors
    /// If there is no such device, or it can not be used.
    fn device(&mut self, name: &str) -> Result<Option<DeviceFacts>, OpenError>;
}

/// What a line is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Its length.
    pub size: SectorCount,
    /// Bytes in its logical block.
    pub logical_block: u32,
}

/// Checks that an area of a device exists and suits its blocks.
///
/// # Source
/// `device_area_is_invalid` in `drivers/md/dm-table.c`: a device without a size is not checked.
pub(super) fn fits(
    facts: DeviceFacts,
    start: Sector,
    length: SectorCount,
    word: &Word<'_>,
) -> Result<(), ParamError> {
    let Some(area) = SectorRange::new(start, length) else {
        return Err(word.error(Reason::Overflow { start, length }));
    };
    let size = facts.size;
    if !size.is_zero() && !SectorRange::from_zero(size).contains(area) {
        return Err(word.error(Reason::PastEnd { area, size }));
    }
    let block = facts.logical_block;
    let sectors = u64::from(block >> SECTOR_SHIFT).max(1);
    if !start.0.is_multiple_of(sectors) || !length.0.is_multiple_of(sectors) {
        return Err(word.error(Reason::Unaligned { area, block }));
    }
    Ok(())
}
