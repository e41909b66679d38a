//! What a device's state looks like from outside.

bitflags::bitflags! {
    /// The flags that a device's `info` shows.
    ///
    /// # Source
    /// The bit numbers are those of `linux/dm-ioctl.h`, which NetBSD's `netbsd-dm.h` shares.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct DeviceFlags: u32 {
        /// Writes are refused.
        const READ_ONLY = 1 << 0;
        /// New io is held.
        const SUSPENDED = 1 << 1;
        /// The active slot holds a table.
        const ACTIVE_PRESENT = 1 << 5;
        /// The inactive slot holds a table.
        const INACTIVE_PRESENT = 1 << 6;
        /// The device goes when its last user closes it.
        const DEFERRED_REMOVE = 1 << 17;
        /// The kernel itself suspended the device.
        const INTERNAL_SUSPEND = 1 << 18;
    }
}
