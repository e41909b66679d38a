//! No key stays in memory that was given back: all that is freed is looked at.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use dm_core::client::Dm;
use dm_core::command::{Command, DeviceInfo, Load, Reply, Slot};
use dm_core::devid::DevNo;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
use dm_proto::server::respond;
use dm_proto::socket::SocketBackend;
use zeroize::{Zeroize, Zeroizing};

/// A part of what is to be found nowhere.
const KEY: &[u8] = b"00112233445566778899aabbccddeeff";

/// Looks at memory before it is given back.
struct Looking;

static LOOKS: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Looking = Looking;

// SAFETY: all is handed on to the system's allocator, with the layouts that it is given; what is
// asked for without zeros gets them, so that all bytes may be read.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller answers for the layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if LOOKS.load(Ordering::Relaxed) {
            // SAFETY: the memory is still the caller's, has that size, and was written with zeros
            // when it was given out.
            let bytes = unsafe { std::slice::from_raw_parts(memory, layout.size()) };
            if bytes.windows(KEY.len()).any(|part| part == KEY) {
                FOUND.fetch_add(1, Ordering::Relaxed);
            }
        }
        // SAFETY: the caller answers for both.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// What `act` leaves behind.
fn left_by(act: impl FnOnce()) -> usize {
    FOUND.store(0, Ordering::SeqCst);
    LOOKS.store(true, Ordering::SeqCst);
    act();
    LOOKS.store(false, Ordering::SeqCst);
    FOUND.load(Ordering::SeqCst)
}

fn name() -> DmName {
    DmName::new("vol0").unwrap()
}

/// A table with a key in each line.
fn table(lines: u64) -> Vec<TableLine> {
    let key = str::from_utf8(KEY).unwrap();
    let lines = (0..lines).map(|at| {
        // A string that grows would leave its bytes behind.
        let mut text = Zeroizing::new(String::with_capacity(256));
        write!(
            text,
            "{at} 1 crypt aes-xts-plain64 {key}{key} 0 /dev/sda {at} # <&>"
        )
        .unwrap();
        text.parse().unwrap()
    });
    lines.collect()
}

fn wipe(lines: &mut [TableLine]) {
    lines.iter_mut().for_each(|line| line.params.zeroize());
}

/// A driver that holds one table.
#[derive(Default)]
struct Holder(Mutex<Vec<TableLine>>);

impl Holder {
    fn call(&self, command: Command) -> Result<Reply, DmError> {
        let info = DeviceInfo::new(
            name(),
            DevNo {
                major: 253,
                minor: 0,
            },
        );
        Ok(match command {
            Command::Load(load) => {
                *self.0.lock().unwrap() = load.lines;
                Reply::Device(info)
            }
            Command::Table { .. } => Reply::Lines(info, self.0.lock().unwrap().clone()),
            other => panic!("{other:?}"),
        })
    }
}

/// Answers until the client goes.
fn serve(mut stream: UnixStream) {
    let holder = Holder::default();
    while let Some(request) = read_frame(&mut stream, FRAME_MAX).unwrap() {
        let reply = respond(&request, &|command| holder.call(command));
        write_frame(&mut stream, &Zeroizing::new(reply)).unwrap();
    }
    wipe(&mut holder.0.lock().unwrap());
}

/// One test, since all threads of the process are looked at.
#[test]
fn no_key_is_left_behind_on_either_side() {
    assert_eq!(left_by(|| drop(KEY.to_vec())), 1, "the looking works");
    for lines in [1, 7, 3000] {
        let left = left_by(|| {
            let (client, server) = UnixStream::pair().unwrap();
            let server = thread::spawn(move || serve(server));
            let dm = Dm::new(SocketBackend::from_stream(client));
            dm.load(Load::new(name(), table(lines))).unwrap();
            let (_, mut read) = dm.table(name(), Slot::Active).unwrap();
            assert_eq!(read.len() as u64, lines);
            wipe(&mut read);
            drop((dm, read));
            server.join().unwrap();
        });
        assert_eq!(left, 0, "with {lines} lines");
    }
}
