//! Targets of the tests' own, which hold the engine to what crypt and multipath will need.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dm_core::component::Component;
use dm_core::errno::Errno;
use dm_core::io::{Io, IoData, IoError, IoOp, IoResult};
use dm_core::table::{ParamError, Reason, Words};
use dm_core::target::{
    Build, EndIo, FlushMode, Host, Mapping, Route, Target, TargetKind, TargetShape, Wants,
};
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_core::version::Version;

/// `test-xor BYTE DEV START`: each byte is xored with BYTE, on a worker, as crypt does it.
pub const XOR: TargetKind = TargetKind::new("test-xor", Version(1, 0, 0), build_xor);

/// `test-paths HOLD_MS DEV START DEV START`: each request is held for a while, then sent to the
/// first device; when it fails there, it is sent to the second one; when that fails as well, it is
/// queued until the message `heal`, or handed back by a suspend without flush. As delay and
/// multipath do it.
pub const PATHS: TargetKind = TargetKind::new("test-paths", Version(1, 0, 0), build_paths);

struct Xor {
    key: u8,
    component: Component,
    start: Sector,
    host: Arc<dyn Host>,
}

/// The note on a read that came back and whose bytes were transformed already.
const DECODED: u64 = 1;

fn build_xor(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let key = build.words.next("key")?;
    let Ok(key) = u8::try_from(key.number("key")?) else {
        return Err(key.error(Reason::TooLarge {
            what: "key",
            limit: 255,
        }));
    };
    let (component, start) = build.area(build.range.length())?;
    build.words.end()?;
    Ok(Box::new(Xor {
        key,
        component,
        start,
        host: build.host.clone(),
    }))
}

impl Xor {
    fn encode(&self, data: IoData) -> IoData {
        match data {
            IoData::Write(buffers) => IoData::Write(
                buffers
                    .iter()
                    .map(|buffer| buffer.iter().map(|b| b ^ self.key).collect::<Bytes>())
                    .collect(),
            ),
            other => other,
        }
    }

    fn place(&self, io: &Io) -> Sector {
        Sector(self.start.0 + io.range().start().0)
    }
}

impl Target for Xor {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Opaque
    }

    fn map(&self, mut io: Io) -> Mapping<'_> {
        let at = self.place(&io);
        if io.op() == IoOp::WriteZeroes {
            return Mapping::Fail(io, Errno::EOPNOTSUPP);
        }
        if io.op() != IoOp::Write {
            return Mapping::Remap {
                io,
                to: &self.component,
                at,
            };
        }
        // The user's bytes stay as they are: the encoded ones go down in a request of their own.
        let (plain, component, start) = (io.data().clone(), self.component.clone(), self.start);
        let encoder = Xor {
            key: self.key,
            component,
            start,
            host: self.host.clone(),
        };
        self.host.compute(Box::new(move || {
            let encoded = encoder.encode(plain);
            let below = Io::with_data(IoOp::Write, at, encoded).expect("the same shape");
            let below = below.with_flags(io.flags());
            io.set_token(0);
            encoder
                .component
                .dev()
                .submit(below.on_complete(move |_, result| io.complete(result)));
        }));
        Mapping::Taken
    }

    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        match (io.op(), result) {
            (IoOp::Read, Ok(())) if io.token() != DECODED => EndIo::Keep,
            (_, _) => EndIo::Done(result),
        }
    }

    fn keep(&self, mut io: Io, result: IoResult) {
        let key = self.key;
        self.host.compute(Box::new(move || {
            if let IoData::Read(buffers) = io.data_mut() {
                let flip = |buffer: &mut BytesMut| buffer.iter_mut().for_each(|byte| *byte ^= key);
                buffers.iter_mut().for_each(flip);
            }
            io.set_token(DECODED);
            io.complete(result);
        }));
    }

    fn shape(&self) -> TargetShape {
        TargetShape::new(Some(SectorCount(8)), Wants::END_IO)
    }

    fn params(&self) -> String {
        format!("{} {} {}", self.key, self.component, self.start)
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        visit(&self.component);
    }
}

struct Paths {
    hold: Duration,
    paths: [(Component, Sector); 2],
    host: Arc<dyn Host>,
    queue: Arc<Mutex<Queue>>,
    retried: AtomicU64,
}

#[derive(Default)]
struct Queue {
    stuck: Vec<Io>,
    handing_back: bool,
}

fn build_paths(build: &mut Build<'_>) -> Result<Box<dyn Target>, ParamError> {
    let hold = Duration::from_millis(build.words.next("delay")?.number("delay")?);
    let length = build.range.length();
    let paths = [build.area(length)?, build.area(length)?];
    build.words.end()?;
    let (host, queue) = (build.host.clone(), Arc::default());
    Ok(Box::new(Paths {
        hold,
        paths,
        host,
        queue,
        retried: AtomicU64::new(0),
    }))
}

impl Paths {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of a try: the note counts the tries.
    fn path(&self, tries: u64) -> &(Component, Sector) {
        &self.paths[usize::from(tries % 2 == 1)]
    }
}

impl Target for Paths {
    fn route(&self, _: SectorRange) -> Route<'_> {
        Route::Opaque
    }

    fn map(&self, mut io: Io) -> Mapping<'_> {
        let (component, start) = self.path(0).clone();
        if self.hold.is_zero() {
            let at = Sector(start.0 + io.range().start().0);
            return Mapping::Remap {
                io,
                to: &self.paths[0].0,
                at,
            };
        }
        self.host.after(
            self.hold,
            Box::new(move || {
                io.move_to(Sector(start.0 + io.range().start().0));
                component.dev().submit(io);
            }),
        );
        Mapping::Taken
    }

    fn end_io(&self, io: &mut Io, result: IoResult) -> EndIo {
        match result {
            Err(IoError::Errno(_)) => {
                io.set_token(io.token() + 1);
                EndIo::Keep
            }
            _ => EndIo::Done(result),
        }
    }

    fn keep(&self, mut io: Io, _: IoResult) {
        self.retried.fetch_add(1, Ordering::Relaxed);
        if io.token() < 2 {
            let (component, start) = self.path(io.token());
            io.move_to(Sector(start.0 + io.range().start().0));
            return component.dev().submit(io);
        }
        let mut queue = self.queue();
        if queue.handing_back {
            drop(queue);
            return io.complete(Err(IoError::Requeue));
        }
        queue.stuck.push(io);
    }

    fn shape(&self) -> TargetShape {
        TargetShape::new(None, Wants::END_IO)
    }

    fn status(&self, _: FlushMode) -> String {
        format!(
            "{} {}",
            self.retried.load(Ordering::Relaxed),
            self.queue().stuck.len()
        )
    }

    fn params(&self) -> String {
        let [(first, first_start), (second, second_start)] = &self.paths;
        format!(
            "{} {first} {first_start} {second} {second_start}",
            self.hold.as_millis()
        )
    }

    fn components(&self, visit: &mut dyn FnMut(&Component)) {
        self.paths
            .iter()
            .for_each(|(component, _)| visit(component));
    }

    fn message(&self, words: &mut Words<'_>) -> Result<Option<String>, ParamError> {
        let word = words.next("message")?;
        if word.text != "heal" {
            return Err(word.error(Reason::Other("no such message".into())));
        }
        let stuck = std::mem::take(&mut self.queue().stuck);
        let count = stuck.len();
        for mut io in stuck {
            let (component, start) = self.path(0);
            io.set_token(0);
            io.move_to(Sector(start.0 + io.range().start().0));
            component.dev().submit(io);
        }
        Ok(Some(count.to_string()))
    }

    fn presuspend(&self, flush: FlushMode) {
        if flush == FlushMode::NoFlush {
            let stuck = {
                let mut queue = self.queue();
                queue.handing_back = true;
                std::mem::take(&mut queue.stuck)
            };
            stuck
                .into_iter()
                .for_each(|io| io.complete(Err(IoError::Requeue)));
        }
    }

    fn presuspend_undo(&self) {
        self.queue().handing_back = false;
    }

    fn resume(&self) {
        self.queue().handing_back = false;
    }
}
