//! The guided tour: a table line becomes a disk that a client uses, in a few seconds, in a scratch
//! folder, without a daemon.
//!
//! # Shape
//! `stage` shows the steps; `disk` is the NBD client's side; `layout` says where each byte belongs;
//! `live` checks io while tables are swapped.

mod disk;
mod layout;
mod live;
mod stage;

use std::fs::File;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_core::table::TableLine;
use tempfile::TempDir;

use crate::export::nbd::{self, Server};
use crate::failure::Failure;
use crate::output::{Answer, Format};
use crate::runtime::check_socket_path;

use self::disk::Disk;
use self::layout::{ERROR, IMAGE_BYTES, Layout, MAPPED, Place, ZERO};
use self::live::Live;
use self::stage::{Stage, mebibytes};

/// How often the table is swapped under io.
const SWAPS: u32 = 40;

/// How long io goes on between swaps.
const BETWEEN: Duration = Duration::from_millis(15);

/// How long a client's leaving may take to be seen.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// How a step ends: with what came of it, or with what is wrong.
type Step = Result<String, String>;

/// What the tour would do.
pub(crate) fn told() -> impl Iterator<Item = String> {
    let folder = scratch();
    [
        format!(
            "would make two images of {IMAGE_BYTES} bytes in a folder of its own in {}",
            folder.display()
        ),
        "would map and serve them in this process, swap their tables under io, and look at the bytes".into(),
        "would take all of it away again".into(),
    ]
    .into_iter()
}

/// Gives the tour. The first step that does not come out as it should ends it.
pub(crate) fn tour(format: Format, answer: &mut Answer) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut stage = Stage::new(format);
    stage.head(
        "dmctl quickstart: two images become one disk. No root, no kernel module, no daemon.",
    );
    let walked = Tour::prepare().and_then(|mut tour| tour.walk(&mut stage));
    let seconds = begun.elapsed().as_secs_f64();
    let steps = stage.steps();
    let summary = match &walked {
        Ok(()) => format!("quickstart: {steps} steps, all as they should be, in {seconds:.1} s"),
        Err(reason) => format!("quickstart: FAILED after {seconds:.1} s: {reason}"),
    };
    stage.summary(&summary, &walked);
    answer.field("steps", stage.into_json());
    answer.field("seconds", seconds);
    answer.field("summary", summary);
    walked.map_err(|reason| Failure::because(ErrorKind::Io, reason))
}

/// What the tour works with.
struct Tour {
    folder: TempDir,
    layout: Layout,
    name: DmName,
    dm: Dm<Engine>,
    server: Option<Server>,
    uri: String,
}

impl Tour {
    /// A scratch folder, an engine, and its export.
    fn prepare() -> Result<Tour, String> {
        let said = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let folder = tempfile::Builder::new()
            .prefix("dm-quickstart-")
            .tempdir_in(scratch())
            .map_err(said("no scratch folder"))?;
        let socket = folder.path().join("nbd.sock");
        check_socket_path(&socket).map_err(|failure| failure.error().report())?;
        let listener = UnixListener::bind(&socket).map_err(said("no socket"))?;
        let name = DmName::new("vol0").map_err(|error| error.to_string())?;
        let engine = Engine::new();
        let uri = nbd::uri(&socket, &name);
        let server = Server::start(engine.clone(), listener).map_err(said("no server"))?;
        let layout = Layout::new(
            folder.path().join("left.img"),
            folder.path().join("right.img"),
        );
        Ok(Tour {
            folder,
            layout,
            name,
            dm: Dm::new(engine),
            server: Some(server),
            uri,
        })
    }

    fn walk(&mut self, stage: &mut Stage) -> Result<(), String> {
        let folder = self.folder.path().display().to_string();
        let cd = format!("cd {folder}");
        let images = [cd.as_str(), "truncate -s 16M left.img right.img"];
        stage.step("Two disk images, in a scratch folder", &images, || {
            self.images()
        })?;
        let table = self.layout.first_table()?;
        let create = self.layout.command("dmctl create vol0", &table);
        stage.step("One device over them, of four targets", &create, || {
            self.create(&table)
        })?;
        let export = "dmctl export vol0";
        stage.step("It is a disk for every NBD client", &[export], || {
            Ok(self.uri.clone())
        })?;

        let mut disk = Disk::connect(&self.socket(), &self.name)?;
        let mut model = layout::pattern(MAPPED.length, 1);
        let copy = "nbdcopy pattern.bin $(dmctl export vol0)";
        stage.step("Write and read through NBD", &[copy], || {
            write_and_read(&mut disk, &model)
        })?;
        let zero = qemu_io("write -P 7", "read -P 0", ZERO.start);
        stage.step("The zero segment forgets", &[&zero], || zeroes(&mut disk))?;
        let error = qemu_io("read", "write", ERROR.start);
        stage.step("The error segment fails", &[&error], || {
            errors(&mut disk, &model)
        })?;
        let cmp = "cmp -i 0:1048576 -n 4194304 pattern.bin left.img";
        stage.step("Where the bytes landed", &[cmp], || {
            self.landed(&model, None)
        })?;

        let next = self.layout.next_table()?;
        let mut swap = self.layout.command("dmctl load vol0", &next);
        swap.push("dmctl resume vol0".into());
        stage.step("Swap tables live, there and back, under io", &swap, || {
            self.swap(&mut model, [&next, &table])
        })?;
        let content = layout::pattern(ERROR.length, 2);
        let again = qemu_io("write", "read", ERROR.start);
        stage.step("What failed is a disk now", &[&again], || {
            repair(&mut disk, &content)
        })?;
        let check = [
            "nbdcopy $(dmctl export vol0) after.bin",
            "cmp -i 4194304:0 -n 65536 after.bin right.img",
        ];
        stage.step("Each byte is still in its place", &check, || {
            self.landed(&model, Some(&content))
        })?;

        stage.step("A device in use stays", &["dmctl remove vol0"], || {
            self.busy()
        })?;
        disk.leave();
        let rm = format!("rm -r {folder}");
        stage.step("Clean up", &["dmctl remove --retry vol0", &rm], || {
            self.clean_up()
        })
    }

    fn images(&self) -> Step {
        for path in self.layout.images() {
            File::create_new(path)
                .and_then(|file| file.set_len(IMAGE_BYTES.into()))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(format!(
            "left.img and right.img, {} each, sparse",
            mebibytes(IMAGE_BYTES.into())
        ))
    }

    fn create(&self, table: &[TableLine]) -> Step {
        let name = &self.name;
        let made = self.dm.create(Create::new(name.clone()));
        let made = made.and_then(|_| self.dm.load(Load::new(name.clone(), table.to_vec())));
        let made = made.and_then(|_| self.dm.resume(name.clone(), SuspendOptions::default()));
        let info = made.map_err(report)?;
        let (_, lines) = self.dm.table(name.clone(), Slot::Active).map_err(report)?;
        if lines != table {
            return Err("the table that the driver shows is another one".into());
        }
        let size: u64 = table.iter().map(|line| line.length.0 * 512).sum();
        Ok(format!(
            "{name} ({}), {}, {} targets, active",
            info.number,
            mebibytes(size),
            info.target_count
        ))
    }

    /// Holds both images against what the table says of `model`, and of what the segment that
    /// failed holds now.
    fn landed(&self, model: &[u8], repaired: Option<&[u8]>) -> Step {
        let images = self.layout.images();
        for (path, expected) in images.iter().zip(self.layout.expected(model, repaired)) {
            let image = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            if let Some(at) = layout::first_difference(&image, &expected) {
                return Err(format!("{} differs at byte {at}", path.display()));
            }
        }
        let mut text = String::from("byte of vol0   target    image        at byte   content\n");
        for (target, byte) in layout::SAMPLES {
            let Place { image, at } = self.layout.place(*byte);
            let name = images[image]
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let content: Vec<String> = model
                .iter()
                .skip(*byte)
                .take(4)
                .map(|b| format!("{b:02x}"))
                .collect();
            text += &format!(
                "{byte:>12}   {target:<7}   {name:<9}  {at:>9}   {} …\n",
                content.join(" ")
            );
        }
        let both = mebibytes(2 * u64::from(IMAGE_BYTES));
        Ok(text
            + &format!(
                "all {both} of both images checked: each byte in its place, zeroes elsewhere"
            ))
    }

    /// Swaps between tables under io, and leaves the first one active.
    fn swap(&self, model: &mut Vec<u8>, tables: [&[TableLine]; 2]) -> Step {
        let live = Live::start(&self.socket(), &self.name, std::mem::take(model))?;
        let mut outcome = Ok(());
        for at in 0..SWAPS {
            // The last swap is to the first table.
            let table = tables[usize::from((SWAPS - at).is_multiple_of(2))];
            let load = Load::new(self.name.clone(), table.to_vec());
            let options = SuspendOptions::default();
            outcome = self
                .dm
                .load(load)
                .and_then(|_| self.dm.resume(self.name.clone(), options))
                .map(drop);
            if outcome.is_err() {
                break;
            }
            thread::sleep(BETWEEN);
        }
        let done = live.finish()?;
        outcome.map_err(report)?;
        *model = done.model;
        Ok(format!(
            "{SWAPS} swaps during {} writes and {} reads, {} in all: no wrong byte, no error",
            done.writes,
            done.reads,
            mebibytes(done.bytes)
        ))
    }

    fn busy(&self) -> Step {
        match self.dm.remove(self.name.clone(), RemoveMode::IfUnused) {
            Err(error) if error.kind == ErrorKind::Busy => {
                Ok(format!("refused: {}", error.report()))
            }
            Err(error) => Err(report(error)),
            Ok(()) => Err("it was removed while a client had it open".into()),
        }
    }

    fn clean_up(&mut self) -> Step {
        let deadline = Instant::now() + CLOSE_LIMIT;
        loop {
            match self.dm.remove(self.name.clone(), RemoveMode::IfUnused) {
                Ok(()) => break,
                // The server may not have seen yet that the client left.
                Err(error) if error.kind == ErrorKind::Busy && Instant::now() < deadline => {
                    thread::sleep(BETWEEN);
                }
                Err(error) => return Err(report(error)),
            }
        }
        if !self.dm.list().map_err(report)?.is_empty() {
            return Err("a device is left".into());
        }
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let path = self.folder.path().to_owned();
        fs::remove_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok("no device, no socket, no file is left".into())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("nbd.sock")
    }
}

fn write_and_read(disk: &mut Disk, written: &[u8]) -> Step {
    disk.write(0, written)
        .map_err(|errno| format!("write: {errno}"))?;
    disk.flush().map_err(|errno| format!("flush: {errno}"))?;
    expect(disk, 0, written)?;
    Ok(format!(
        "{} written, flushed, and read back the same",
        mebibytes(written.len() as u64)
    ))
}

fn zeroes(disk: &mut Disk) -> Step {
    disk.write(ZERO.start, &vec![7; 64 << 10])
        .map_err(|errno| format!("write: {errno}"))?;
    expect(disk, ZERO.start, &vec![0; ZERO.length])?;
    Ok(format!(
        "64 KiB written, {} read: zeroes all over",
        mebibytes(ZERO.length as u64)
    ))
}

fn errors(disk: &mut Disk, written: &[u8]) -> Step {
    for outcome in [
        disk.read(ERROR.start, &mut [0; 512]),
        disk.write(ERROR.start, &[1; 512]),
    ] {
        if outcome != Err(Errno::EIO) {
            return Err(format!("it should fail with EIO, but gave {outcome:?}"));
        }
    }
    expect(disk, 0, &written[..64 << 10])?;
    Ok("read and write: input/output error (EIO); the same connection goes on elsewhere".into())
}

fn repair(disk: &mut Disk, content: &[u8]) -> Step {
    disk.write(ERROR.start, content)
        .map_err(|errno| format!("write: {errno}"))?;
    expect(disk, ERROR.start, content)?;
    Ok("written, and read back the same, through the same connection".into())
}

fn expect(disk: &mut Disk, at: u64, wanted: &[u8]) -> Result<(), String> {
    let mut read = vec![0xa5; wanted.len()];
    disk.read(at, &mut read)
        .map_err(|errno| format!("read: {errno}"))?;
    match layout::first_difference(&read, wanted) {
        None => Ok(()),
        Some(offset) => Err(format!("the byte {offset} behind {at} is wrong")),
    }
}

fn report(error: DmError) -> String {
    error.report()
}

/// What a user would type for two requests of 64 KiB.
fn qemu_io(first: &str, second: &str, at: u64) -> String {
    format!("qemu-io -f raw -c '{first} {at} 64k' -c '{second} {at} 64k' $(dmctl export vol0)")
}

/// A folder for scratch files whose path leaves room for a socket's name.
fn scratch() -> PathBuf {
    let folder = env::temp_dir();
    let long = check_socket_path(&folder.join("dm-quickstart-XXXXXXX/nbd.sock")).is_err();
    if long {
        Path::new("/tmp").to_owned()
    } else {
        folder
    }
}
