//! The flags of requests and replies.

bitflags::bitflags! {
    /// What the key `flags` holds.
    ///
    /// # Source
    /// `netbsd-dm.h`; the bits from 14 on are those of `linux/dm-ioctl.h`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct WireFlags: u32 {
        /// The table or the device is read-only.
        const READ_ONLY = 1 << 0;
        /// Goes with a suspend, and shows a suspended device.
        const SUSPEND = 1 << 1;
        /// Set in every request; cleared in the reply if there is no such device.
        const EXISTS = 1 << 2;
        /// The minor number of a device to be made is the caller's choice.
        const PERSISTENT_DEV = 1 << 3;
        /// The table is asked for, not the status.
        const STATUS_TABLE = 1 << 4;
        /// The active slot holds a table.
        const ACTIVE_PRESENT = 1 << 5;
        /// The inactive slot holds a table.
        const INACTIVE_PRESENT = 1 << 6;
        /// The reply did not fit.
        const BUFFER_FULL = 1 << 8;
        /// The open count is not asked for.
        const SKIP_BDGET = 1 << 9;
        /// No filesystem is frozen before a suspend.
        const SKIP_LOCKFS = 1 << 10;
        /// Pending data is not written out first.
        const NOFLUSH = 1 << 11;
        /// The inactive slot is asked about.
        const QUERY_INACTIVE_TABLE = 1 << 12;
        /// A rename sets the uuid.
        const UUID = 1 << 14;
        /// A table may hold a key: buffers are wiped.
        const SECURE_DATA = 1 << 15;
        /// A removal waits for the last user, or a device waits so.
        const DEFERRED_REMOVE = 1 << 17;
        /// What an attestation measures is asked for, not the status.
        const IMA_MEASUREMENT = 1 << 19;
    }
}
