//! `striped N CHUNK (DEV START)xN`: chunks dealt to N devices in turn.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::component::Component;
use crate::errno::Errno;
use crate::io::{Io, IoError, IoResult};
use crate::table::ParamError;
use crate::typed::striped;
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use super::{Build, EndIo, FlushMode, Host, Route, Target, TargetKind, TargetShape, Wants};

/// # Source
/// `drivers/md/dm-stripe.c`.
pub(super) const KIND: TargetKind = TargetKind::new("striped", Version(1, 6, 0), build);

/// A stripe's device raises no more events from this many errors on.
const EVENTS_MAX: u32 = 15;

struct Striped {
    stripes: Vec<Stripe>,
    chunk: SectorCount,
    host: alloc::sync::Arc<dyn Host>,
}

struct Stripe {
    component: Component,
    start: Sector,
    errors: AtomicU32,
}

fn build(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let (params, components) = build.read::<striped::Params>()?;
    let stripes = components.into_iter().zip(params.stripes);
    let stripes = stripes.map(|(component, area)| Stripe {
        component,
        start: area.start,
        errors: AtomicU32::new(0),
    });
    Ok(Box::new(Striped {
        stripes: stripes.collect(),
        chunk: params.chunk,
        host: build.host.clone(),
    }))
}

impl Striped {
    /// The stripe that holds `sector`, and its place within that stripe.
    fn place(&self, sector: u64) -> (usize, u64) {
        let (chunk, offset) = (sector / self.chunk.0, sector % self.chunk.0);
        let count = self.stripes.len() as u64;
        let stripe = usize::try_from(chunk % count).unwrap_or_default();
        (stripe, chunk / count * self.chunk.0 + offset)
    }

    /// Where the part of the target before `sector` ends within `stripe`.
    fn edge(&self, sector: u64, stripe: usize) -> u64 {
        let (at, place) = self.place(sector);
        let chunk_start = place - place % self.chunk.0;
        match stripe.cmp(&at) {
            core::cmp::Ordering::Less => chunk_start + self.chunk.0,
            core::cmp::Ordering::Equal => place,
            core::cmp::Ordering::Greater => chunk_start,
        }
    }

    /// Counts an error of `stripe`'s device on each stripe that stands on it.
    fn failed(&self, stripe: usize) {
        let number = self.stripes[stripe].component.number();
        for stripe in self
            .stripes
            .iter()
            .filter(|stripe| stripe.component.number() == number)
        {
            if stripe.errors.fetch_add(1, Ordering::Relaxed) + 1 < EVENTS_MAX {
                self.host.raise_event();
            }
        }
    }
}

impl Stripe {
    /// Whether its device is alive or had an error.
    fn letter(&self) -> char {
        match self.errors.load(Ordering::Relaxed) {
            0 => 'A',
            _ => 'D',
        }
    }
}

impl Target for Striped {
    fn route(&self, range: SectorRange) -> Route<'_> {
        let (stripe, place) = self.place(range.start().0);
        let stripe = &self.stripes[stripe];
        Route::To {
            component: &stripe.component,
            at: Sector(stripe.start.0 + place),
        }
    }

    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        match result {
            Ok(()) | Err(IoError::Requeue | IoError::Errno(Errno::EOPNOTSUPP)) => {}
            Err(_) => self.failed(self.place(io.range().start().0).0),
        }
        EndIo::Done(result)
    }

    fn shape(&self) -> TargetShape {
        // Ends are for counting errors, which no quick request has.
        let wants = Wants::END_IO | Wants::SPREAD | Wants::NO_QUICK | Wants::TAGS_PASS;
        TargetShape::new(Some(self.chunk), wants)
    }

    fn spread(&self, range: SectorRange) -> Vec<(Component, SectorRange)> {
        let run = |(at, stripe): (usize, &Stripe)| {
            let first = self.edge(range.start().0, at);
            let length = SectorCount(self.edge(range.end().0, at) - first);
            let run = SectorRange::new(Sector(stripe.start.0 + first), length)?;
            (!length.is_zero()).then(|| (stripe.component.clone(), run))
        };
        self.stripes.iter().enumerate().filter_map(run).collect()
    }

    fn status(&self, _: FlushMode) -> String {
        let mut text = format!("{} ", self.stripes.len());
        for stripe in &self.stripes {
            // Writing to a string can not fail.
            let _ = write!(text, "{} ", stripe.component);
        }
        text.push_str("1 ");
        text.extend(self.stripes.iter().map(Stripe::letter));
        text
    }

    fn measure(&self) -> String {
        let (count, chunk) = (self.stripes.len(), self.chunk);
        let mut text = format!("{},stripes={count},chunk_size={chunk}", KIND.measured());
        for (at, stripe) in self.stripes.iter().enumerate() {
            let _ = write!(
                text,
                ",stripe_{at}_device_name={},stripe_{at}_physical_start={},stripe_{at}_status={}",
                stripe.component.number(),
                stripe.start,
                stripe.letter()
            );
        }
        text.push(';');
        text
    }

    fn params(&self) -> String {
        let mut text = format!("{} {}", self.stripes.len(), self.chunk);
        for stripe in &self.stripes {
            let _ = write!(text, " {} {}", stripe.component, stripe.start);
        }
        text
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        for stripe in &self.stripes {
            visit(&stripe.component);
        }
    }
}
