//! Targets: the ways in which a table line maps its sectors.

#[cfg(all(feature = "std", any(feature = "integrity", feature = "verity")))]
mod buffers;
#[cfg(feature = "crypt")]
pub mod crypt;
mod error;
#[cfg(all(feature = "std", feature = "integrity"))]
mod integrity;
mod linear;
#[cfg(all(feature = "std", any(feature = "integrity", feature = "verity")))]
mod spelling;
mod striped;
#[cfg(all(feature = "std", feature = "verity"))]
mod verity;
mod zero;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::blockdev::{Haste, Limits, Quick};
use crate::component::{Component, OpenError, Opener, TableMode};
use crate::errno::Errno;
use crate::io::{Io, IoResult};
use crate::table::{ParamError, Reason, Words};
use crate::typed::{DeviceFacts, Devices, Reader, Text};
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

/// Every target of the engine.
pub static TARGETS: &[TargetKind] = &[
    linear::KIND,
    striped::KIND,
    zero::KIND,
    error::KIND,
    #[cfg(all(feature = "std", feature = "integrity"))]
    integrity::KIND,
    #[cfg(all(feature = "std", feature = "verity"))]
    verity::KIND,
    #[cfg(feature = "crypt")]
    crypt::KIND,
];

/// A kind of target: its name, its version and how one is made of a table line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TargetKind {
    /// As table lines call it.
    pub name: &'static str,
    /// The version of the kernel's target whose behaviour it has.
    pub version: Version,
    /// Makes one of a line's parameters.
    pub build: fn(&mut Build<'_>) -> Result<Box<dyn Target>, ParamError>,
}

/// What a target is made of.
pub struct Build<'a> {
    /// Its parameters.
    pub words: Words<'a>,
    /// The part of the mapped device that it maps.
    pub range: SectorRange,
    /// What the table may do to its devices.
    pub mode: TableMode,
    /// What its device offers it.
    pub host: &'a Arc<dyn Host>,
    /// Opens its devices.
    pub opener: &'a mut dyn Opener,
}

/// One line of a table at work.
///
/// Ranges that it sees and gives are relative to its own first sector, but for those of
/// [`Component`]s.
pub trait Target: Send + Sync {
    /// Where `range` lies, found without io. The engine asks for runs that its shape allows.
    ///
    /// A target that only sends requests elsewhere needs no more than this.
    fn route(&self, range: SectorRange) -> Route<'_>;

    /// Takes a request and says what becomes of it. It must not wait for other requests.
    fn map(&self, io: Io) -> Mapping<'_> {
        match self.route(io.range()) {
            Route::To { component, at } => Mapping::Remap {
                io,
                to: component,
                at,
            },
            Route::Zero => Mapping::Zero(io),
            Route::Fail(errno) => Mapping::Fail(io, errno),
            Route::Opaque => Mapping::Fail(io, Errno::EIO),
        }
    }

    /// Sees a request come back, with the range that it had in [`Target::map`] and the token that
    /// it got there. Called only if its shape asks for it, for each end of the request: one that
    /// the target kept ends once more when the target completes it.
    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        let _ = io;
        EndIo::Done(result)
    }

    /// Gets the request that its [`Target::end_io`] said to keep.
    fn keep(&self, io: Io, result: IoResult) {
        io.complete(result);
    }

    /// Does a read or a write on the caller's thread, if that can be done so and goes well; whether
    /// it did, as [`BlockDev::quick`](crate::blockdev::BlockDev::quick) says. Called only if its
    /// shape asks for it, and before [`Target::map`] for what was not done so.
    fn quick(&self, range: SectorRange, part: Quick<'_>, haste: Haste) -> bool {
        let _ = (range, part, haste);
        false
    }

    /// What the engine has to know before it maps.
    fn shape(&self) -> TargetShape;

    /// What its requests must heed besides what its components ask for.
    fn limits(&self) -> Limits {
        Limits::DEFAULT
    }

    /// For requests without data, when its shape says so: all that `range` covers on each
    /// component, which may be fewer runs than [`Target::route`] would give.
    fn spread(&self, range: SectorRange) -> Vec<(Component, SectorRange)> {
        let _ = range;
        Vec::new()
    }

    /// What `status` shows behind the target's name.
    fn status(&self, flush: FlushMode) -> String {
        let _ = flush;
        String::new()
    }

    /// What `measure` shows behind the target's name, for an attestation: its name and version, as
    /// [`TargetKind::measured`] gives them, and its values. Kinds that have no status show nothing.
    fn measure(&self) -> String {
        String::new()
    }

    /// What `table` shows behind the target's name: parameters that make the same target again.
    fn params(&self) -> String;

    /// Shows each of its components, as often as it uses it.
    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        let _ = visit;
    }

    /// Obeys a message and may answer it.
    ///
    /// # Errors
    /// If it knows no such message, or refuses it.
    fn message(&self, words: &mut Words<'_>) -> Result<Option<String>, ParamError> {
        let _ = words;
        Err(Reason::Other("the target takes no messages".into()).into())
    }

    /// A suspend begins. With [`FlushMode::NoFlush`] the target hands back what it holds, by
    /// completing it with [`IoError::Requeue`](crate::io::IoError::Requeue).
    fn presuspend(&self, flush: FlushMode) {
        let _ = flush;
    }

    /// A suspend that began was given up.
    fn presuspend_undo(&self) {}

    /// No request is under way any more.
    fn postsuspend(&self) {}

    /// Requests are about to come.
    ///
    /// # Errors
    /// If it can not take them; the device stays suspended.
    fn preresume(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// Requests come from now on.
    fn resume(&self) {}
}

/// What the engine has to know of a target before it maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetShape {
    /// Requests are cut at its multiples, so that each stays within one; `None` for no cuts.
    pub cut: Option<SectorCount>,
    /// What it wants to see besides.
    pub wants: Wants,
}

bitflags::bitflags! {
    /// What a target wants to see.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Wants: u8 {
        /// Its requests' ends, in [`Target::end_io`].
        const END_IO = 1 << 0;
        /// Flushes, in [`Target::map`]. Else the engine flushes its components.
        const FLUSH = 1 << 1;
        /// Requests without data uncut, in [`Target::spread`].
        const SPREAD = 1 << 2;
        /// No reads and writes that go well at once: [`Target::route`] says all of them, and the
        /// engine may send them there without [`Target::map`] and [`Target::end_io`].
        const NO_QUICK = 1 << 3;
        /// Reads and writes that may be done at once, in [`Target::quick`].
        const QUICK = 1 << 5;
        /// Tags go through: they need no more than the data that they are for.
        const TAGS_PASS = 1 << 4;
    }
}

/// Where a run of sectors lies.
#[derive(Clone, Copy, Debug)]
pub enum Route<'a> {
    /// On a component, in one run from `at` on.
    To {
        /// Which.
        component: &'a Component,
        /// The run's first sector there.
        at: Sector,
    },
    /// Nowhere: it reads as zeroes and takes any write.
    Zero,
    /// Nowhere: each request fails.
    Fail(Errno),
    /// That is not known without io, or the data is transformed.
    Opaque,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Mapping<'a> {
    /// It goes to a component.
    Remap {
        /// The request.
        io: Io,
        /// Where it goes.
        to: &'a Component,
        /// Its first sector there.
        at: Sector,
    },
    /// A read gives zeroes, all else is done.
    Zero(Io),
    /// It fails.
    Fail(Io, Errno),
    /// The target keeps it and completes it later.
    Taken,
    /// It is to wait for the end of a suspend without flush.
    Requeue(Io),
}

/// What becomes of a request that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndIo {
    /// It ends so.
    Done(IoResult),
    /// The target keeps it, gets it in [`Target::keep`], and completes it later.
    Keep,
    /// It is mapped anew, on a worker.
    Retry,
}

/// Whether a suspend, or a status, writes out what is pending first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FlushMode {
    /// It does.
    #[default]
    Flush,
    /// It does not: for when the devices below can not answer.
    NoFlush,
}

/// Work to be done on another thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// What a mapped device offers its targets.
pub trait Host: Send + Sync {
    /// Runs CPU-heavy work, such as a cipher, on a worker. The work must not wait for io.
    fn compute(&self, work: Work);

    /// Runs `work` once `delay` is over.
    fn after(&self, delay: Duration, work: Work);

    /// Bumps the device's event number and wakes who waits for it.
    fn raise_event(&self);
}

impl TargetKind {
    /// A kind of one's own, for an engine that is to know more targets.
    pub const fn new(
        name: &'static str,
        version: Version,
        build: fn(&mut Build<'_>) -> Result<Box<dyn Target>, ParamError>,
    ) -> TargetKind {
        TargetKind {
            name,
            version,
            build,
        }
    }

    /// What the measure of a target of this kind begins with.
    ///
    /// # Source
    /// `DMEMIT_TARGET_NAME_VERSION` in `linux/device-mapper.h`.
    pub fn measured(&self) -> String {
        format!("target_name={},target_version={}", self.name, self.version)
    }
}

impl TargetShape {
    /// A target whose requests are cut at multiples of `cut`.
    pub const fn new(cut: Option<SectorCount>, wants: Wants) -> TargetShape {
        TargetShape { cut, wants }
    }
}

impl Build<'_> {
    /// Opens the device that the next word names.
    ///
    /// # Errors
    /// If the word is missing, or the device can not be opened.
    pub fn component(&mut self) -> Result<Component, ParamError> {
        let word = self.words.next("device")?;
        self.opener
            .open(&word.text, self.mode)
            .map_err(|error| word.error(Reason::Open(error)))
    }

    /// Reads all parameters, and opens the devices that they name, in their order.
    ///
    /// # Errors
    /// At the first word that is wrong, or one too many.
    pub fn read<P: Text>(&mut self) -> Result<(P, Vec<Component>), ParamError> {
        let mut devices = Opened {
            opener: self.opener,
            mode: self.mode,
            components: Vec::new(),
        };
        let reader = Reader::of(self.words.clone()).mapping(self.range.length());
        let mut reader = reader.over(&mut devices);
        let params = P::read(&mut reader)?;
        reader.end()?;
        Ok((params, devices.components))
    }

    /// Opens the device of the next word, takes the one behind it for its first sector there, and
    /// checks that `length` sectors from there on exist and suit its blocks.
    ///
    /// # Errors
    /// If a word is missing or wrong, or the area does not fit the device.
    pub fn area(&mut self, length: SectorCount) -> Result<(Component, Sector), ParamError> {
        let mut devices = Opened {
            opener: self.opener,
            mode: self.mode,
            components: Vec::new(),
        };
        let mut reader = Reader::of(self.words.clone()).over(&mut devices);
        let area = reader.area(Some(length))?;
        // The reader had words of its own.
        for what in ["device", "start sector on the device"] {
            self.words.next(what)?;
        }
        let opened = devices.components.pop();
        Ok((opened.expect("an area has a device"), area.start))
    }
}

/// Opens devices as the words that name them are read.
struct Opened<'a> {
    opener: &'a mut dyn Opener,
    mode: TableMode,
    components: Vec<Component>,
}

impl Devices for Opened<'_> {
    fn device(&mut self, name: &str) -> Result<Option<DeviceFacts>, OpenError> {
        let component = self.opener.open(name, self.mode)?;
        let facts = facts(&component);
        self.components.push(component);
        Ok(Some(facts))
    }
}

fn facts(component: &Component) -> DeviceFacts {
    let info = component.dev().info();
    DeviceFacts {
        size: info.size,
        logical_block: info.limits.logical_block,
    }
}
