//! Files on both ways: by the kernel's ring and by threads.

use std::sync::mpsc;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::blockdev::Blocking;

fn image(sectors: u64) -> (tempfile::NamedTempFile, FileDev) {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(sectors * 512 + 100).unwrap();
    let dev = FileDev::open(file.path(), TableMode::ReadWrite).unwrap();
    (file, dev)
}

#[test]
fn partial_last_sector_is_not_part_of_the_device() {
    assert_eq!(image(10).1.info().size, SectorCount(10));
}

#[test]
fn reads_back_what_was_written_and_zeroed() {
    let (_file, dev) = image(4096);
    dev.write_at(Sector(1), &[5; 4096 * 500], IoFlags::FUA)
        .unwrap();
    let hole = SectorRange::new(Sector(3), SectorCount(1001)).unwrap();
    dev.write_zeroes(hole, IoFlags::empty()).unwrap();
    let kept = SectorRange::new(Sector(2000), SectorCount(7)).unwrap();
    dev.write_zeroes(kept, IoFlags::NO_UNMAP).unwrap();
    dev.flush().unwrap();
    let mut all = vec![1; 4096 * 512];
    dev.read_at(Sector(0), &mut all).unwrap();
    for (sector, bytes) in all.chunks(512).enumerate() {
        let zero = !(1..4001).contains(&sector)
            || (3..1004).contains(&sector)
            || (2000..2007).contains(&sector);
        assert!(
            bytes.iter().all(|byte| *byte == if zero { 0 } else { 5 }),
            "{sector}"
        );
    }
}

#[test]
fn extents_cover_the_range_and_show_data() {
    let (_file, dev) = image(65536);
    dev.write_at(Sector(32768), &[5; 65536], IoFlags::empty())
        .unwrap();
    dev.flush().unwrap();
    let extents = dev
        .extents(SectorRange::from_zero(SectorCount(65536)))
        .unwrap();
    let mut at = Sector(0);
    for extent in &extents {
        assert_eq!(extent.range.start(), at);
        at = extent.range.end();
    }
    assert_eq!(at, Sector(65536));
    let kind = |sector| {
        let range = SectorRange::new(Sector(sector), SectorCount(1)).unwrap();
        extents
            .iter()
            .find(|extent| extent.range.contains(range))
            .unwrap()
            .kind
    };
    assert_eq!(kind(32768), ExtentKind::Data);
    if cfg!(target_os = "linux") {
        assert_eq!(kind(0), ExtentKind::Hole);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn direct_file_reads_back_and_leaves_nothing_in_the_page_cache() {
    let (file, cached) = image(4096);
    let opened = FileDev::open_as(file.path(), TableMode::ReadWrite, Caching::Direct);
    let dev = match opened {
        Ok(dev) => dev,
        Err(error) => {
            assert_eq!(error.errno, Errno::EINVAL);
            eprintln!(
                "SKIPPED: no direct io in {}: {error}",
                file.path().display()
            );
            return;
        }
    };
    let block = u64::from(dev.info().limits.logical_block) / 512;
    let bytes: Vec<u8> = (0..1536_u32 << 10)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    dev.write_at(Sector(block), &bytes, IoFlags::empty())
        .unwrap();
    let part = SectorRange::new(Sector(block * 2), SectorCount(block)).unwrap();
    dev.write_zeroes(part, IoFlags::NO_UNMAP).unwrap();
    let mut read = vec![1; bytes.len()];
    dev.read_at(Sector(block), &mut read).unwrap();
    let hole = usize::try_from(block * 512).unwrap();
    assert!(read[..hole] == bytes[..hole] && read[hole * 2..] == bytes[hole * 2..]);
    assert!(read[hole..hole * 2].iter().all(|byte| *byte == 0));
    if !cached.inner.in_memory {
        assert!(!os::read_now(&cached.inner.file, &mut [0; 4096], 8192));
    }
}

#[test]
fn what_is_no_disk_is_refused_in_words() {
    let refused = |path: &str| {
        let error = FileDev::open(Path::new(path), TableMode::ReadWrite)
            .err()
            .unwrap();
        (error.errno, error.to_string())
    };
    assert_eq!(refused("/"), (Errno::EISDIR, "is a directory".into()));
    assert_eq!(refused("/nonexistent").0, Errno::ENOENT);
    assert_eq!(refused("/dev/null").0, Errno::ENOTBLK);
}

#[test]
fn read_only_device_refuses_writes() {
    let (file, _) = image(8);
    let dev = FileDev::open(file.path(), TableMode::ReadOnly).unwrap();
    assert_eq!(
        dev.write_at(Sector(0), &[1; 512], IoFlags::empty()),
        Err(Errno::EROFS.into())
    );
}

/// Each way that this system has.
fn both_ways(path: &Path, caching: Caching) -> Vec<FileDev> {
    let open = || FileDev::open_as(path, TableMode::ReadWrite, caching).unwrap();
    let ring = open();
    if ring.kernel.is_none() {
        eprintln!("SKIPPED: no io_uring");
        return vec![ring];
    }
    vec![ring, open().by_threads()]
}

fn pattern(place: u64, round: u8) -> Vec<u8> {
    let byte = u8::try_from(place % 251).unwrap() ^ round;
    vec![byte; 4096]
}

/// Writes and reads many blocks at once, more than the kernel is given at a time.
fn many_at_once(dev: &FileDev, round: u8) {
    const BLOCKS: u64 = 600;
    let (sender, ended) = mpsc::channel();
    for place in 0..BLOCKS {
        let data = Bytes::from(pattern(place, round));
        let durable = if place % 200 == 7 {
            IoFlags::FUA
        } else {
            IoFlags::empty()
        };
        let sender = sender.clone();
        let io = Io::write(Sector(place * 8), data)
            .unwrap()
            .with_flags(durable);
        dev.submit(io.on_complete(move |_, result| sender.send(result).unwrap()));
    }
    for _ in 0..BLOCKS {
        ended.recv().unwrap().unwrap();
    }
    dev.flush().unwrap();
    forget_pages(dev);
    let (sender, ended) = mpsc::channel();
    for place in 0..BLOCKS {
        let sender = sender.clone();
        let io = Io::read(Sector(place * 8), BytesMut::zeroed(4096)).unwrap();
        dev.submit(io.on_complete(move |mut io, result| {
            sender.send((place, io.take_data(), result)).unwrap();
        }));
    }
    for (place, data, result) in ended.iter().take(usize::try_from(BLOCKS).unwrap()) {
        result.unwrap();
        let IoData::Read(buffers) = data else {
            panic!("a read has its buffers back");
        };
        assert!(buffers[0] == pattern(place, round), "block {place}");
    }
}

/// So that reads have to wait.
fn forget_pages(dev: &FileDev) {
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(&*dev.inner.file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let _ = dev;
}

#[test]
fn many_requests_that_wait_end_well_on_both_ways() {
    let (file, _) = image(8192);
    for (round, dev) in both_ways(file.path(), Caching::PageCache)
        .iter()
        .enumerate()
    {
        many_at_once(dev, u8::try_from(round + 1).unwrap());
    }
    if os::DIRECT.is_some()
        && FileDev::open_as(file.path(), TableMode::ReadOnly, Caching::Direct).is_ok()
    {
        for (round, dev) in both_ways(file.path(), Caching::Direct).iter().enumerate() {
            many_at_once(dev, u8::try_from(round + 9).unwrap());
        }
    }
}

#[test]
fn several_buffers_are_one_request_on_both_ways() {
    let (file, _) = image(16384);
    for caching in [Caching::PageCache, Caching::Direct] {
        if FileDev::open_as(file.path(), TableMode::ReadOnly, caching).is_err() {
            continue;
        }
        for dev in both_ways(file.path(), caching) {
            // More than a transfer past the page cache moves, in buffers that do not end with it.
            let sizes = [4096, 1 << 20, 8192, (1 << 20) + 4096];
            let bytes: Vec<Bytes> = (1..)
                .zip(sizes)
                .map(|(byte, size)| Bytes::from(vec![byte; size]))
                .collect();
            let data = IoData::Write(bytes.iter().cloned().collect());
            let durable = |io: Io| io.with_flags(IoFlags::FUA);
            let done = end_of(
                &dev,
                durable(Io::with_data(IoOp::Write, Sector(8), data).unwrap()),
            );
            done.1.unwrap();
            forget_pages(&dev);
            let empty = sizes.iter().map(|size| BytesMut::zeroed(*size)).collect();
            let io = Io::with_data(IoOp::Read, Sector(8), IoData::Read(empty)).unwrap();
            let (mut io, result) = end_of(&dev, io);
            result.unwrap();
            let IoData::Read(read) = io.take_data() else {
                panic!("a read has its buffers back");
            };
            assert!(
                read.iter()
                    .zip(&bytes)
                    .all(|(read, written)| read == written)
            );
        }
    }
}

fn end_of(dev: &FileDev, io: Io) -> (Io, IoResult) {
    let (sender, ended) = mpsc::channel();
    dev.submit(io.on_complete(move |io, result| sender.send((io, result)).unwrap()));
    ended.recv().unwrap()
}

#[test]
fn file_that_became_shorter_fails_the_reads_behind_its_end_alone() {
    let (file, _) = image(64);
    for dev in both_ways(file.path(), Caching::PageCache) {
        file.as_file().set_len(64 * 512).unwrap();
        dev.write_at(Sector(0), &[3; 64 * 512], IoFlags::FUA)
            .unwrap();
        file.as_file().set_len(32 * 512).unwrap();
        forget_pages(&dev);
        let mut read = vec![0; 16 * 512];
        dev.read_at(Sector(0), &mut read).unwrap();
        assert!(read.iter().all(|byte| *byte == 3));
        let (io, result) = end_of(&dev, Io::read(Sector(24), BytesMut::zeroed(8192)).unwrap());
        assert_eq!(result, Err(Errno::EIO.into()));
        assert_eq!(io.data().length(), 8192);
    }
}

/// What says to the test below that it is its own child.
#[cfg(target_os = "linux")]
const CHILD: &str = "DM_TEST_WAYS";

/// The names of the threads that a flush of this process's first file device left, in a process of its own.
#[cfg(target_os = "linux")]
fn threads_of_a_flush(switch: Option<&str>) -> String {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "--nocapture",
            "blockdev::file::tests::switch_says_which_way_requests_wait",
        ])
        .env(CHILD, "1")
        .env_remove("DM_IO_URING");
    if let Some(word) = switch {
        child.env("DM_IO_URING", word);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn switch_says_which_way_requests_wait() {
    if std::env::var_os(CHILD).is_some() {
        let (_file, dev) = image(8);
        dev.flush().unwrap();
        for task in std::fs::read_dir("/proc/self/task").unwrap() {
            let name = task.unwrap().path().join("comm");
            println!("thread {}", std::fs::read_to_string(name).unwrap().trim());
        }
        return;
    }
    let off = threads_of_a_flush(Some("off"));
    assert!(
        off.contains("thread dm-io\n") && !off.contains("thread dm-ring\n"),
        "{off}"
    );
    let on = threads_of_a_flush(None);
    match image(8).1.kernel {
        Some(_) => assert!(
            on.contains("thread dm-ring\n") && !on.contains("thread dm-io\n"),
            "{on}"
        ),
        None => eprintln!("SKIPPED: no io_uring"),
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_page_cache_holds_goes_through_a_pipe() {
    use std::os::fd::AsFd;
    let (file, dev) = image(256);
    let bytes: Vec<u8> = (0..256 * 512_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    dev.write_at(Sector(0), &bytes, IoFlags::empty()).unwrap();
    if !crate::sys::is_cached(&dev.inner.file, 0, 4096) {
        eprintln!("SKIPPED: the kernel does not tell what is in the page cache");
        return;
    }
    let (out, into) = rustix::pipe::pipe().unwrap();
    let pass = |dev: &FileDev, start, sectors| {
        let part = Quick::IntoPipe(into.as_fd(), SectorCount(sectors));
        dev.quick(Sector(start), part, Haste::AtOnce)
    };
    // Not from the beginning of a page, nor to the end of one.
    assert!(pass(&dev, 3, 50));
    let mut read = vec![0; 50 * 512];
    io::Read::read_exact(&mut File::from(out.try_clone().unwrap()), &mut read).unwrap();
    assert!(read == bytes[3 * 512..53 * 512]);
    // Behind the end of the device; more than the pipe has room for; what would have to be read.
    assert!(!pass(&dev, 255, 2));
    assert!(!pass(&dev, 0, 256));
    let hole = tempfile::NamedTempFile::new().unwrap();
    hole.as_file().set_len(1 << 20).unwrap();
    let hole = FileDev::open(hole.path(), TableMode::ReadWrite).unwrap();
    assert!(!pass(&hole, 0, 8));
    if let Ok(direct) = FileDev::open_as(file.path(), TableMode::ReadOnly, Caching::Direct) {
        assert!(!pass(&direct, 0, 8));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_pipe_holds_is_stored() {
    use std::io::Write;
    use std::os::fd::AsFd;
    let (file, dev) = image(64);
    let (out, into) = rustix::pipe::pipe().unwrap();
    let bytes: Vec<u8> = (0..32 * 512_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    File::from(into.try_clone().unwrap())
        .write_all(&bytes)
        .unwrap();
    let take = |dev: &FileDev, start, sectors| {
        let part = Quick::FromPipe(out.as_fd(), SectorCount(sectors));
        dev.quick(Sector(start), part, Haste::AtOnce)
    };
    let held = || rustix::io::ioctl_fionread(&out).unwrap();
    // Behind the end; where nothing may be stored; past the page cache.
    assert!(!take(&dev, 60, 8));
    let fixed = FileDev::open(file.path(), TableMode::ReadOnly).unwrap();
    assert!(!take(&fixed, 0, 8));
    if let Ok(direct) = FileDev::open_as(file.path(), TableMode::ReadWrite, Caching::Direct) {
        assert!(!take(&direct, 0, 8));
    }
    assert_eq!(held(), 32 * 512);
    assert!(take(&dev, 3, 30));
    assert_eq!(held(), 2 * 512);
    // What is there is stored.
    assert!(!take(&dev, 33, 8));
    assert_eq!(held(), 0);
    let mut read = vec![0; 64 * 512];
    dev.read_at(Sector(0), &mut read).unwrap();
    let mut model = vec![0; 64 * 512];
    model[3 * 512..35 * 512].copy_from_slice(&bytes);
    assert!(read == model);
}

#[test]
#[cfg(target_os = "linux")]
fn file_in_memory_needs_no_other_thread() {
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let dev = FileDev::open(file.path(), TableMode::ReadWrite).unwrap();
    assert!(dev.inner.in_memory);
    let mut bytes = [1; 4096];
    // A hole, which holds no memory.
    assert!(dev.quick(Sector(8), Quick::Read(&mut bytes), Haste::AtOnce));
    assert_eq!(bytes, [0; 4096]);
}

/// A loop device over `file`, which ends with this.
#[cfg(target_os = "linux")]
struct Loop(String);

#[cfg(target_os = "linux")]
impl Loop {
    fn new(file: &Path) -> Option<Loop> {
        let shown = std::process::Command::new("losetup")
            .args(["--find", "--show"])
            .arg(file)
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let device = String::from_utf8(shown.stdout).unwrap();
        Some(Loop(device.trim().to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Loop {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup")
            .args(["--detach", &self.0])
            .status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn discards_and_zeroes_reach_a_block_device() {
    use std::os::unix::fs::MetadataExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8 << 20).unwrap();
    let Some(disk) = Loop::new(file.path()) else {
        eprintln!("SKIPPED: no loop device can be had here, which takes root");
        return;
    };
    let dev = FileDev::open(Path::new(&disk.0), TableMode::ReadWrite).unwrap();
    assert!(dev.info().limits.discard);
    dev.write_at(Sector(0), &vec![7; 8 << 20], IoFlags::FUA)
        .unwrap();
    let blocks = || file.as_file().metadata().unwrap().blocks();
    let before = blocks();
    let upper = SectorRange::new(Sector(8192), SectorCount(8192)).unwrap();
    dev.discard(upper).unwrap();
    // Half of the file's space came back.
    assert!(
        blocks() <= before / 2 + 64,
        "{before} and {} blocks",
        blocks()
    );
    let part = SectorRange::new(Sector(8), SectorCount(4096)).unwrap();
    for flags in [IoFlags::NO_UNMAP, IoFlags::empty()] {
        dev.write_at(Sector(0), &vec![7; 4 << 20], IoFlags::empty())
            .unwrap();
        dev.write_zeroes(part, flags).unwrap();
        let mut read = vec![1; 4 << 20];
        dev.read_at(Sector(0), &mut read).unwrap();
        let (front, rest) = read.split_at(4096);
        let (zeroes, behind) = rest.split_at(2 << 20);
        assert!(
            front.iter().chain(behind).all(|byte| *byte == 7),
            "{flags:?}"
        );
        assert!(zeroes.iter().all(|byte| *byte == 0), "{flags:?}");
    }
    // What the device can not do itself, the kernel writes.
    os::zero_out(
        &dev.inner.file,
        SectorRange::new(Sector(0), SectorCount(8)).unwrap(),
    )
    .unwrap();
    let mut read = vec![1; 8192];
    dev.read_at(Sector(0), &mut read).unwrap();
    assert!(read[..4096].iter().all(|byte| *byte == 0));
    assert!(dev.flush().is_ok());
}
