//! The way of a request through a mapped device: held or counted in, cut, mapped, sent on, and
//! back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::errno::Errno;
use crate::io::{Completion, Io, IoData, IoError, IoOp, IoResult, IoTags};
use crate::locks::lock;
use crate::table::{Reach, Segment, Table};
use crate::target::{EndIo, Mapping, Wants};
use crate::units::Sector;
use crate::workers;

use super::device::Core;

/// One count of a device's gate; dropping it counts out, come what may.
struct Entry(Arc<Core>);

/// A request on its way through one segment, and what is to happen when it comes back.
struct Piece {
    table: Arc<Table>,
    segment: usize,
    /// Its place on the mapped device.
    start: Sector,
    /// The note of the device above.
    token: u64,
    completion: Option<Completion>,
    /// Last, and so dropped last: once it is counted out, nothing here keeps the table's devices open.
    entry: Entry,
}

/// A request that became several; it ends when they all have.
struct Fan {
    left: AtomicUsize,
    state: Mutex<FanState>,
}

/// What a part brings back.
type Body = (IoData, Option<Box<IoTags>>);

struct FanState {
    parent: Option<Io>,
    parts: Vec<Body>,
    result: IoResult,
}

impl Core {
    /// Starts a request.
    pub(super) fn submit(self: &Arc<Self>, io: Io) {
        let Some((io, table)) = self.lane.enter(io) else {
            return;
        };
        let entry = Entry(self.clone());
        match table {
            Some(table) => entry.dispatch(table, io),
            None => io.complete(Err(self.gone_errno().into())),
        }
    }

    /// Starts again what was held.
    pub(super) fn release(self: &Arc<Self>) {
        for io in self.lane.open() {
            self.submit(io);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.lane.leave();
    }
}

impl Entry {
    fn again(&self) -> Entry {
        self.0.lane.enter_again();
        Entry(self.0.clone())
    }

    fn dispatch(self, table: Arc<Table>, io: Io) {
        if io.op() == IoOp::Flush {
            return self.flush(&table, io);
        }
        let io = match self.0.stats.is_on() {
            true => self.noted(io),
            false => io,
        };
        if io.is_write() && self.0.is_read_only(&table) {
            return io.complete(Err(Errno::EROFS.into()));
        }
        let range = io.range();
        if range.is_empty() {
            return io.complete(Ok(()));
        }
        if range.end().0 > table.size().0 {
            return io.complete(Err(Errno::EIO.into()));
        }
        let first = table.find(range.start());
        let segment = &table.segments()[first];
        if segment.reach(range, reach_of(segment, &io)) == range.length() {
            self.map(table, first, io);
        } else {
            self.split(&table, io);
        }
    }

    /// `io`, which is counted from now to its end.
    fn noted(&self, mut io: Io) -> Io {
        let Some(completion) = io.take_completion() else {
            return io;
        };
        let begun = self.0.stats.begin(io.range(), io.is_write());
        let core = self.0.clone();
        io.on_complete(move |io, result| {
            core.stats.end(begun);
            completion(io, result);
        })
    }

    /// Cuts `io` at the ends of segments and at the targets' cuts.
    fn split(self, table: &Arc<Table>, mut io: Io) {
        let mut rest = io.take_body();
        let fan = Fan::new(io);
        while !rest.range().is_empty() {
            let at = table.find(rest.range().start());
            let segment = &table.segments()[at];
            let length = segment.reach(rest.range(), reach_of(segment, &rest));
            let piece = fan.part(rest.split_front(length));
            self.again().map(table.clone(), at, piece);
        }
        fan.end(None, Ok(()));
    }

    /// Sends a flush to each device of the table, and to the targets that want to see it.
    fn flush(self, table: &Arc<Table>, io: Io) {
        let fan = Fan::new(io);
        for component in table.components() {
            component.dev().submit(fan.part(Io::flush()));
        }
        for at in table.flushing() {
            self.again().map(table.clone(), at, fan.part(Io::flush()));
        }
        // Counted until the last has come back.
        fan.end_with(self);
    }

    /// Lets the target of one segment map `io`, which lies in it.
    fn map(self, table: Arc<Table>, at: usize, mut io: Io) {
        let segment = &table.segments()[at];
        let start = io.range().start();
        io.move_to(segment.relative(io.range()).start());
        if io.op() != IoOp::Flush && spreads(segment, &io) {
            return self.spread(&table, at, start, io);
        }
        let token = io.token();
        io.set_token(0);
        let completion = io.take_completion();
        let piece = Piece {
            table: table.clone(),
            segment: at,
            start,
            token,
            completion,
            entry: self,
        };
        send(segment, piece.hook(io));
    }

    /// Sends a request without data to all that it covers on each component.
    fn spread(self, table: &Table, at: usize, start: Sector, mut io: Io) {
        let runs = table.segments()[at].target().spread(io.range());
        io.move_to(start);
        let (op, flags) = (io.op(), io.flags());
        let fan = Fan::new(io);
        for (component, range) in runs {
            let part = match op {
                IoOp::Discard => Io::discard(range),
                _ => Io::write_zeroes(range),
            };
            component.dev().submit(fan.part(part.with_flags(flags)));
        }
        fan.end_with(self);
    }
}

/// Maps a hooked request and does what the target says.
fn send(segment: &Segment, io: Io) {
    match segment.target().map(io) {
        Mapping::Remap { mut io, to, at } => {
            if io.op() != IoOp::Flush {
                io.move_to(at);
            }
            to.dev().submit(io);
        }
        Mapping::Zero(mut io) => {
            io.fill_zero();
            io.complete(Ok(()));
        }
        Mapping::Fail(io, errno) => io.complete(Err(errno.into())),
        Mapping::Taken => {}
        Mapping::Requeue(io) => io.complete(Err(IoError::Requeue)),
    }
}

/// Requests without data go whole to a target that spreads them.
fn spreads(segment: &Segment, io: &Io) -> bool {
    segment.shape().wants.contains(Wants::SPREAD)
        && matches!(io.op(), IoOp::Discard | IoOp::WriteZeroes)
}

fn reach_of(segment: &Segment, io: &Io) -> Reach {
    match spreads(segment, io) {
        true => Reach::Whole,
        false => Reach::Cut,
    }
}

impl Piece {
    fn segment(&self) -> &Segment {
        &self.table.segments()[self.segment]
    }

    /// `io` with this piece as its completion.
    fn hook(self, io: Io) -> Io {
        io.on_complete(move |io, result| self.come_back(io, result))
    }

    fn come_back(self, mut io: Io, mut result: IoResult) {
        let flush = io.op() == IoOp::Flush;
        if self.segment().shape().wants.contains(Wants::END_IO) {
            if !flush {
                io.move_to(Sector(self.start.0 - self.segment().range().start().0));
            }
            match self.segment().target().end_io(&mut io, result) {
                EndIo::Done(end) => result = end,
                EndIo::Keep => {
                    let table = self.table.clone();
                    let at = self.segment;
                    return table.segments()[at].target().keep(self.hook(io), result);
                }
                EndIo::Retry => return self.retry(io),
            }
        }
        if !flush {
            io.move_to(self.start);
        }
        io.set_token(self.token);
        if result == Err(IoError::Requeue) {
            self.requeue(io);
        } else if let Some(completion) = self.completion {
            // The entry counts out after this, so that a suspend waits for the user's completion.
            completion(io, result);
        }
    }

    /// Maps the request anew: on a worker, so that no stack grows with the tries.
    fn retry(self, mut io: Io) {
        io.set_token(0);
        workers::compute(Box::new(move || {
            let (table, at) = (self.table.clone(), self.segment);
            send(&table.segments()[at], self.hook(io));
        }));
    }

    /// Holds the request until the device resumes, if it is being suspended without flush.
    fn requeue(mut self, mut io: Io) {
        let core = self.entry.0.clone();
        if let Some(completion) = self.completion.take() {
            io.set_completion(completion);
        }
        if core.is_handing_back() {
            match core.lane.hold(io) {
                Ok(()) => {}
                Err(io) => core.submit(io),
            }
        } else {
            io.complete(Err(Errno::EIO.into()));
        }
    }
}

impl Fan {
    /// Nothing yet, but for the count of who makes the parts.
    fn new(parent: Io) -> Arc<Fan> {
        let state = FanState {
            parent: Some(parent),
            parts: Vec::new(),
            result: Ok(()),
        };
        Arc::new(Fan {
            left: AtomicUsize::new(1),
            state: Mutex::new(state),
        })
    }

    /// `io` as one more part.
    fn part(self: &Arc<Fan>, io: Io) -> Io {
        self.left.fetch_add(1, Ordering::SeqCst);
        let at = {
            let mut state = lock(&self.state);
            state.parts.push((IoData::None, None));
            state.parts.len() - 1
        };
        let fan = self.clone();
        io.on_complete(move |mut io, result| {
            let body = (io.take_data(), io.take_tags());
            fan.end(Some((at, body)), result);
        })
    }

    /// The last part was made; `entry` is kept until the last one has come back.
    fn end_with(self: &Arc<Fan>, entry: Entry) {
        {
            let mut state = lock(&self.state);
            if let Some(parent) = state.parent.take() {
                state.parent = Some(counted(parent, entry));
            }
        }
        self.end(None, Ok(()));
    }

    /// One part, or who made them, is done. The last one ends the parent.
    fn end(&self, part: Option<(usize, Body)>, result: IoResult) {
        {
            let mut state = lock(&self.state);
            if let Some((at, body)) = part {
                state.parts[at] = body;
            }
            if state.result.is_ok() {
                // A part that was handed back is for its own device to hold.
                state.result = result.map_err(|error| error.errno().into());
            }
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        let (parent, parts, result) = {
            let mut state = lock(&self.state);
            (
                state.parent.take(),
                std::mem::take(&mut state.parts),
                state.result,
            )
        };
        if let Some(mut parent) = parent {
            let (mut data, mut tags) = (IoData::None, None::<Box<IoTags>>);
            for (part, more) in parts {
                data.append(part);
                match (&mut tags, more) {
                    (Some(tags), Some(more)) => tags.append(*more),
                    (None, more) => tags = more,
                    (Some(_), None) => {}
                }
            }
            parent.set_data(data);
            parent.set_tags(tags);
            parent.complete(result);
        }
    }
}

/// `io`, counted by `entry` until it is completed.
fn counted(mut io: Io, entry: Entry) -> Io {
    match io.take_completion() {
        None => io,
        Some(completion) => io.on_complete(move |io, result| {
            completion(io, result);
            drop(entry);
        }),
    }
}
