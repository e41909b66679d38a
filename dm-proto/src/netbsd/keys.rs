//! Every name on the wire.
//!
//! # Source
//! NetBSD's `sys/dev/dm/netbsd-dm.h`, and the commands that LVM2's NetBSD client adds. What is marked as an extension
//! is ours, and only in the engine dialect.

/// Which command it is: a string.
pub const COMMAND: &str = "command";
/// The interface's version: an array of three numbers.
pub const VERSION: &str = "version";
/// A device's name, or a target's in a list: a string.
pub const NAME: &str = "name";
/// A device's uuid: a string, empty in a reply if it has none.
pub const UUID: &str = "uuid";
/// A device's minor number.
pub const MINOR: &str = "minor";
/// A device's number in a list, where the bare minor stands.
pub const DEV: &str = "dev";
/// See [`WireFlags`](super::WireFlags).
pub const FLAGS: &str = "flags";
/// How many have a device open.
pub const OPEN_COUNT: &str = "open_count";
/// How many targets a table has.
pub const TARGET_COUNT: &str = "target_count";
/// A device's last event.
pub const EVENT_NR: &str = "event_nr";
/// What belongs to one command alone: an array.
pub const CMD_DATA: &str = "cmd_data";

/// A table line's target: a string.
pub const TYPE: &str = "type";
/// A table line's first sector.
pub const START: &str = "start";
/// A table line's sectors.
pub const LENGTH: &str = "length";
/// A table line's parameters, or its status: a string.
pub const PARAMS: &str = "params";
/// A slot's number in the lines of NetBSD's driver; not in the engine dialect.
pub const STATUS: &str = "status";
/// A target's version in a list: an array of three numbers.
pub const VER: &str = "ver";
/// Defined in `netbsd-dm.h` and used by nobody: the new name is the first item of [`CMD_DATA`].
pub const NEWNAME: &str = "newname";

/// Extension: whose rules a request follows, a string; absent from NetBSD's own.
pub const DIALECT: &str = "dialect";
/// Extension: a device's major number.
pub const MAJOR: &str = "major";
/// Extension: true if a device is removed even from under its users.
pub const FORCED: &str = "forced";
/// Extension: a device's geometry, a string of four decimal numbers.
pub const GEOMETRY: &str = "geometry";
/// Extension: the sector that a message is for.
pub const SECTOR: &str = "sector";
/// Extension: a message's words, a string.
pub const MESSAGE: &str = "message";
/// Extension: how a table line calls a device that it stands on, a string.
pub const TEXT: &str = "text";
/// Extension: which kind of reply it is, one of [`reply`].
pub const REPLY: &str = "reply";
/// Extension: which kind of failure it is, the word of an [`ErrorKind`](dm_core::error::ErrorKind). A reply with it is
/// a failure.
pub const ERROR_KIND: &str = "error_kind";
/// Extension: why it failed, in words.
pub const ERROR: &str = "error";
/// Extension: the errno of a failure, with Linux's number.
pub const ERRNO: &str = "errno";
/// Extension: the table line that a failure is about, counted from 1.
pub const ERROR_LINE: &str = "error_line";

/// The [`DIALECT`] of the engine.
pub const ENGINE: &str = "engine";

/// What [`COMMAND`] says.
pub mod command {
    /// The driver's version.
    pub const VERSION: &str = "version";
    /// The kinds of targets.
    pub const TARGETS: &str = "targets";
    /// The devices.
    pub const NAMES: &str = "names";
    /// Makes a device.
    pub const CREATE: &str = "create";
    /// What a device is.
    pub const INFO: &str = "info";
    /// The same as [`INFO`] to NetBSD's driver; not in the engine dialect.
    pub const MKNODES: &str = "mknodes";
    /// The status of a device's targets.
    pub const STATUS: &str = "status";
    /// A device's table.
    pub const TABLE: &str = "table";
    /// What a table stands on.
    pub const DEPS: &str = "deps";
    /// Fills the inactive slot.
    pub const RELOAD: &str = "reload";
    /// Swaps the slots and lets io go on.
    pub const RESUME: &str = "resume";
    /// Holds io.
    pub const SUSPEND: &str = "suspend";
    /// Empties the inactive slot.
    pub const CLEAR: &str = "clear";
    /// Changes a name, or sets a uuid.
    pub const RENAME: &str = "rename";
    /// Takes a device away.
    pub const REMOVE: &str = "remove";
    /// Takes all devices away: LVM2's client names it, NetBSD's driver does not have it.
    pub const REMOVE_ALL: &str = "remove_all";
    /// Waits for an event: as [`REMOVE_ALL`].
    pub const WAITEVENT: &str = "waitevent";
    /// Tells a target something: as [`REMOVE_ALL`].
    pub const MESSAGE: &str = "message";
    /// Sets a device's geometry: as [`REMOVE_ALL`].
    pub const SETGEOMETRY: &str = "setgeometry";
    /// Extension: the version of one kind of targets.
    pub const TARGET_VERSION: &str = "target-version";
    /// Extension: waits for whatever happens to a device.
    pub const WATCH: &str = "watch";
    /// Extension: tries the paths of a `multipath` device.
    pub const PROBE_PATHS: &str = "probe-paths";
}

/// A disk's description, which `DIOCGDISKINFO` answers.
pub mod disk_info {
    /// The shape: a dictionary of the keys below.
    pub const GEOMETRY: &str = "geometry";
    /// Whole cylinders.
    pub const CYLINDERS: &str = "cylinders-per-unit";
    /// Bytes a sector.
    pub const SECTOR_SIZE: &str = "sector-size";
    /// Sectors a track.
    pub const SECTORS_PER_TRACK: &str = "sectors-per-track";
    /// Sectors in all.
    pub const SECTORS: &str = "sectors-per-unit";
    /// Tracks a cylinder.
    pub const TRACKS_PER_CYLINDER: &str = "tracks-per-cylinder";
    /// The kind of disk.
    pub const TYPE: &str = "type";
}

/// What [`REPLY`] says.
pub mod reply {
    /// Nothing to say.
    pub const DONE: &str = "done";
    /// [`VERSION`](super::VERSION) is the driver's.
    pub const VERSION: &str = "version";
    /// Kinds of targets.
    pub const TARGETS: &str = "targets";
    /// Devices.
    pub const DEVICES: &str = "devices";
    /// A device.
    pub const DEVICE: &str = "device";
    /// A device and what its table stands on.
    pub const DEPS: &str = "deps";
    /// A device and one line a target.
    pub const LINES: &str = "lines";
    /// A device and a target's answer.
    pub const MESSAGE: &str = "message";
    /// [`EVENT_NR`](super::EVENT_NR) is the count of what happened to all devices.
    pub const CHANGES: &str = "changes";
}
