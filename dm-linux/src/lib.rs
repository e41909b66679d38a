//! The Linux kernel's device mapper as a [`Backend`](dm_core::backend::Backend), without
//! libdevmapper, C headers or generated bindings.
//!
//! # Shape
//! - [`Linux`]: the backend. Each command is one ioctl, but for those that say otherwise below.
//! - [`abi`]: the interface as bytes and as meaning, for both sides; needs no operating system.
//! - [`buffer`]: aligned buffers, which grow until a reply fits.
//! - [`control`]: the control node.
//! - [`sys`]: the one door to the kernel, and its trait for stand-ins.
//! - [`mangle`]: names as the driver has them.
//! - [`nodes`]: `/dev/mapper/NAME` where no udev makes it.
//! - [`dm_core::events`]: what happens to devices, as it happens, as on any driver.
//! - [`udev`]: waiting for udev where it runs, with an end; [`Batch`] is one wait for many commands.
//! - [`probe`]: whether there is a driver that this user can use.
//! - [`devdir`]: the folder of nodes, if it is another than `/dev`.
//! - [`extents`]: where a file's bytes are on its device.
//! - [`readahead`]: how far the kernel reads ahead on a device.
//!
//! # Examples
//! ```no_run
//! use dm_core::client::Dm;
//! use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
//! use dm_core::names::DmName;
//! use dm_core::table::TableLine;
//! use dm_linux::Linux;
//!
//! let dm = Dm::new(Linux::open()?);
//! let vol0 = DmName::new("vol0")?;
//! dm.create(Create::new(vol0.clone()))?;
//! let table = TableLine::parse_table("0 2048 linear /dev/sdb 0\n2048 2048 zero")?;
//! dm.load(Load::new(vol0.clone(), table))?;
//! let info = dm.resume(vol0.clone(), SuspendOptions::default())?;
//! println!("/dev/mapper/{vol0} is {}", info.number);
//! dm.remove(vol0, RemoveMode::IfUnused)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From here one goes on to
//! - [`Transaction`](dm_core::transaction::Transaction): several devices are swapped together, or not at all;
//! - [`Events`](dm_core::events::Events): what happens to devices, as an iterator or a descriptor;
//! - [`Linux::batch`]: many commands with one wait for udev;
//! - [`Udev`](udev::Udev), [`Nodes`](nodes::Nodes): who makes `/dev/mapper/NAME`, for [`Linux::open_with`];
//! - [`typed`](dm_core::typed): parameters, status and messages of each target, as types.
//!
//! Who comes from the devicemapper crate finds each of its items in `docs/from-devicemapper.md`.
//!
//! # Commands that are more than one ioctl
//! - Rename and set-uuid look at the device first: the driver finds it only by its name, and its
//!   reply lacks the uuid and whether there is an inactive table.
//! - A forced remove does as dmsetup: it reads the table, loads one of the same size whose io
//!   fails, resumes without flushing or freezing anything, and then removes. A device that somebody
//!   still has open stays, with that table, and the command fails with
//!   [`Busy`](dm_core::error::ErrorKind::Busy).
//! - A forced remove-all does this to each device that a first round left, then tries once more.
//! - A load that fails for want of a device asks whether it is the mapped one.
//! - A probe of paths asks for the device's number, and is then an ioctl of the device itself.
//! - What needs a newer driver than version 4.0 asks for the version, once, if no reply told it.
//!
//! # Errors
//! Every error has the command, the device and the errno in its context.
//!
//! | errno | ioctl | kind |
//! |---|---|---|
//! | `ENXIO` | create | `Exists`: the minor number is taken |
//! | `ENXIO` | others | `NotFound`; `InvalidTable` if it is a device of a table |
//! | `EBUSY` | create, rename | `Exists` |
//! | `EBUSY` | others | `Busy` |
//! | `EPERM`, `EACCES` | any | `Permission` |
//! | `EINTR` | any | `Interrupted` |
//! | `ENOTTY`, `EOPNOTSUPP`, `ENOSYS` | any but load | `Unsupported` |
//! | `ENOMEM`, `EIO` | any | `Io` |
//! | any other | load | `InvalidTable`: the kernel says only in its log what is wrong |
//! | `EINVAL` | version | `Protocol` |
//! | `EINVAL` | target-version | `NotFound` |
//! | `EINVAL` | others | `Invalid` |
//! | any other | message | `Invalid`: the target refused |
//! | any other | others | `Io` |
//!
//! A reply that breaks the interface's rules is `Protocol`, with the field and its place as the
//! source. No control node and no driver are `Unsupported`.
//!
//! # What this crate does not do
//! - It does not check tables: the kernel does, and says only an errno.
//! - It does not resolve what DEV words in tables mean: the kernel takes paths and numbers.
//! - A device that is removed while its event is waited for ends the wait without an error, and
//!   without lines, as the kernel has it.
//! - On systems other than Linux all of it compiles, and opening the driver says that there is
//!   none.
#![deny(unsafe_code)]

pub mod abi;
pub mod buffer;
pub mod control;
pub mod devdir;
pub mod extents;
pub mod mangle;
pub mod nodes;
pub mod probe;
pub mod readahead;
#[allow(unsafe_code)] // The ioctl itself.
pub mod sys;
pub mod udev;

mod backend;
mod batch;
mod forced;
mod meaning;
mod refusal;
mod request;

pub use backend::Linux;
pub use batch::Batch;
