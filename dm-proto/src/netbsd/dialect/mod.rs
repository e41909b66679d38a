//! The dictionary as NetBSD's own driver answers it, byte for byte.
//!
//! A request without the key `dialect` gets the replies of NetBSD 7.99.34's driver (interface 4.16.0): the request
//! modified in place, errors lost, table lines kept raw, slots that switch on every resume. What that driver keeps is
//! in a registry of its own here; each of its devices is also a device of the engine, through which its io goes.
//!
//! # Shape
//! ```text
//! request ─ NetbsdServer ─ commands ─ Registry (names, minors, flags, raw lines in two slots)
//!                                        │ create, rename, remove; each resume
//!                                        ▼
//!                        Layout: the raw lines as a sound table ─ Command ─ Engine
//! ```
//! The kernel checks no order, gap, overlap or length. The engine does, so that a raw table becomes one that it takes:
//! sectors that no line maps fail, as in the kernel, and so do those that would make the kernel crash or write to two
//! places. Each of those is a quirk in `docs/quirks.md`, and a warning in the log when the table becomes active.
//!
//! # Source
//! dm(4) of NetBSD 9.2; conversations captured from the driver, in `tests/golden/netbsd`.

mod commands;
mod device;
mod entry;
mod layout;
mod load;
mod nodes;
mod registry;
mod request;
mod server;
mod striped;
mod twin;

pub use entry::Module;
pub use nodes::{Disk, Nodes};
pub use server::{Caller, Mapped, NetbsdServer};
