//! What is measured, and how one run of it goes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use dm_core::blockdev::Blocking;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::nbd::CommandKind;
use dm_core::units::Sector;
use dm_tests::script::{create, name};

use super::load::{Content, Load, Order};
use super::opens::Cost;
use super::pattern::{self, BLOCK};
use super::server::{Disk, Kind, Server, Shape};
use super::trees::Work;
use super::vault::Vault;

/// A row of the table.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) client: Client,
    /// The first is held against the fastest of the others.
    pub(crate) servers: &'static [Kind],
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// fio's nbd engine at depth 32 with this `rw`.
    Fio(&'static str),
    /// Our own.
    Batching(CommandKind, usize, usize, Order),
    Nbdcopy(CommandKind),
    /// No server: a device of the engine, and plain reads of its file, in this process.
    InProcess,
    /// No server: programs that open a volume.
    Opening(Cost),
    /// No server: programs that make or check trees.
    Proving(Work),
}

/// What one run gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Requests, or for nbdcopy blocks of 256 KiB, a second.
    pub(crate) rate: f64,
    /// Microseconds of the server's processor time a request.
    pub(crate) cpu: f64,
    /// Bytes.
    pub(crate) peak: u64,
}

const ALL: &[Kind] = &[Kind::Ours(Shape::Linear), Kind::Nbdkit, Kind::Qemu];
const STACK: &[Kind] = &[Kind::Ours(Shape::Stack(8)), Kind::Ours(Shape::Stack(1))];
const STRIPES: &[Kind] = &[Kind::Ours(Shape::Stripes(4)), Kind::Ours(Shape::Linear)];

const LUKS: &[Kind] = &[Kind::Ours(Shape::Crypt), Kind::NbdkitLuks];

const SMALL: usize = BLOCK;
const LARGE: usize = 256 << 10;

pub(crate) const JOBS: &[Job] = &[
    job(
        "fio-read",
        "4 KiB random read, fio, depth 32",
        Client::Fio("randread"),
        ALL,
    ),
    job(
        "fio-write",
        "4 KiB random write, fio, depth 32",
        Client::Fio("randwrite"),
        ALL,
    ),
    job(
        "read",
        "4 KiB random read, batching client, depth 64",
        Client::Batching(CommandKind::Read, SMALL, 64, Order::Random),
        ALL,
    ),
    job(
        "write",
        "4 KiB random write, batching client, depth 64",
        Client::Batching(CommandKind::Write, SMALL, 64, Order::Random),
        ALL,
    ),
    job(
        "large-read",
        "256 KiB sequential read, batching client, depth 8",
        Client::Batching(CommandKind::Read, LARGE, 8, Order::Sequential),
        ALL,
    ),
    job(
        "large-write",
        "256 KiB sequential write, batching client, depth 8",
        Client::Batching(CommandKind::Write, LARGE, 8, Order::Sequential),
        ALL,
    ),
    job(
        "copy-read",
        "256 KiB sequential read, nbdcopy",
        Client::Nbdcopy(CommandKind::Read),
        ALL,
    ),
    job(
        "copy-write",
        "256 KiB sequential write, nbdcopy",
        Client::Nbdcopy(CommandKind::Write),
        ALL,
    ),
    job(
        "latency",
        "4 KiB random read, depth 1",
        Client::Batching(CommandKind::Read, SMALL, 1, Order::Random),
        ALL,
    ),
    job(
        "stack",
        "4 KiB random read through 8 linear devices, to 1, batching client",
        Client::Batching(CommandKind::Read, SMALL, 64, Order::Random),
        STACK,
    ),
    job(
        "stripes",
        "4 KiB random read, striped over 4 files, to linear, batching client",
        Client::Batching(CommandKind::Read, SMALL, 64, Order::Random),
        STRIPES,
    ),
    job(
        "luks-read",
        "256 KiB sequential read of a LUKS volume, server on one core, batching client, depth 8",
        Client::Batching(CommandKind::Read, LARGE, 8, Order::Sequential),
        LUKS,
    ),
    job(
        "luks-write",
        "256 KiB sequential write to a LUKS volume, server on one core, batching client, depth 8",
        Client::Batching(CommandKind::Write, LARGE, 8, Order::Sequential),
        LUKS,
    ),
    job(
        "luks-copy",
        "256 KiB sequential read of a LUKS volume, server on one core, nbdcopy",
        Client::Nbdcopy(CommandKind::Read),
        LUKS,
    ),
    job(
        "luks-random-read",
        "4 KiB random read of a LUKS volume, server on one core, batching client, depth 64",
        Client::Batching(CommandKind::Read, SMALL, 64, Order::Random),
        LUKS,
    ),
    job(
        "luks-random-write",
        "4 KiB random write to a LUKS volume, server on one core, batching client, depth 64",
        Client::Batching(CommandKind::Write, SMALL, 64, Order::Random),
        LUKS,
    ),
    job(
        "in-process",
        "4 KiB random read through 1,000 segments in one process, to plain pread",
        Client::InProcess,
        &[],
    ),
    job(
        "open-argon2id",
        "LUKS2 opened by a passphrase, argon2id 4 times 256 MiB, 2 lanes; a request is a program",
        Client::Opening(Cost::Argon2id),
        &[],
    ),
    job(
        "open-pbkdf2",
        "LUKS2 opened by a passphrase, pbkdf2 10^6 times sha256; a request is a program",
        Client::Opening(Cost::Pbkdf2),
        &[],
    ),
    job(
        "verity-format",
        "verity format, sha256, 4 KiB blocks; a request is a MiB",
        Client::Proving(Work::Format("sha256")),
        &[],
    ),
    job(
        "verity-verify",
        "verity verify of the same",
        Client::Proving(Work::Verify("sha256")),
        &[],
    ),
    job(
        "verity-format-sha512",
        "verity format, sha512",
        Client::Proving(Work::Format("sha512")),
        &[],
    ),
    job(
        "verity-verify-sha512",
        "verity verify of the same",
        Client::Proving(Work::Verify("sha512")),
        &[],
    ),
    job(
        "verity-codes",
        "verity's codes of 2 roots alone, as format makes them",
        Client::Proving(Work::Codes(2)),
        &[],
    ),
    job(
        "verity-codes-24",
        "the same of 24 roots",
        Client::Proving(Work::Codes(24)),
        &[],
    ),
];

const fn job(
    name: &'static str,
    about: &'static str,
    client: Client,
    servers: &'static [Kind],
) -> Job {
    Job {
        name,
        about,
        client,
        servers,
    }
}

/// What all runs share.
pub(crate) struct Bench {
    pub(crate) disk: Disk,
    pub(crate) content: Content,
    /// The stripes' content, which nobody writes.
    pub(crate) stripes: Content,
    /// The encrypted file's.
    vault: Content,
    pub(crate) time: Duration,
}

pub(crate) fn succeeded(command: &mut Command) -> io::Result<Output> {
    let output = command
        .output()
        .map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
    match output.status.success() {
        true => Ok(output),
        false => Err(io::Error::other(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

impl Bench {
    /// Makes the files and reads them into the page cache.
    pub(crate) fn prepare(disk: Disk, time: Duration) -> io::Result<Bench> {
        const STRIPES: usize = 4;
        const CHUNK: usize = 64 << 10;
        let file = File::create(disk.file())?;
        let stripes: Vec<File> = (0..STRIPES)
            .map(|at| File::create(disk.stripe(at)))
            .collect::<io::Result<_>>()?;
        let mut chunk = vec![0; CHUNK];
        let count = usize::try_from(disk.size).map_err(io::Error::other)? / CHUNK;
        for at in 0..count {
            pattern::fill(&mut chunk, (at * CHUNK / BLOCK) as u64, 0);
            file.write_all_at(&chunk, disk.offset + (at * CHUNK) as u64)?;
            stripes[at % STRIPES].write_all_at(&chunk, (at / STRIPES * CHUNK) as u64)?;
        }
        file.sync_all()?;
        for stripe in stripes {
            stripe.sync_all()?;
        }
        let content = || Content {
            generations: vec![0; count * (CHUNK / BLOCK)],
            next: 1,
        };
        Ok(Bench {
            disk,
            content: content(),
            stripes: content(),
            vault: content(),
            time,
        })
    }

    /// Holds the file that `kind` serves against what was written to it.
    fn check(&self, kind: Kind) -> io::Result<()> {
        let file = File::open(self.disk.file())?;
        let mut bytes = vec![0; BLOCK];
        let (content, vault) = match kind.is_encrypted() {
            true => (&self.vault, self.disk.vault.as_ref()),
            false => (&self.content, None),
        };
        for (at, generation) in content.generations.iter().enumerate() {
            let place = at as u64;
            match vault {
                Some(vault) => vault.read(place, &mut bytes)?,
                None => file.read_exact_at(&mut bytes, self.disk.offset + place * BLOCK as u64)?,
            }
            if !pattern::holds(&bytes, place, *generation) {
                return Err(io::Error::other(format!("block {at} of the file is wrong")));
            }
        }
        Ok(())
    }

    /// One run of a job on one server.
    pub(crate) fn run(&mut self, job: &Job, kind: Kind) -> io::Result<Sample> {
        if kind.is_encrypted() && self.disk.vault.is_none() {
            let blocks = self.vault.generations.len() as u64;
            self.disk.vault = Some(Vault::make(&self.disk.folder, blocks)?);
        }
        let server = Server::start(&self.disk, kind)?;
        let before = server.usage()?;
        let (requests, time) = match job.client {
            Client::Fio(rw) => self.fio(&server, rw)?,
            Client::Batching(command, length, depth, order) => {
                let load = Load {
                    command,
                    length,
                    depth,
                    order,
                    time: self.time,
                };
                let content = match kind {
                    Kind::Ours(Shape::Stripes(_)) => &mut self.stripes,
                    _ if kind.is_encrypted() => &mut self.vault,
                    _ => &mut self.content,
                };
                load.run(server.socket(), content)?
            }
            Client::Nbdcopy(command) => self.nbdcopy(&server, command, kind)?,
            Client::InProcess | Client::Opening(_) | Client::Proving(_) => {
                return Err(io::Error::other("it has no server"));
            }
        };
        let after = server.usage()?;
        drop(server);
        if matches!(job.client, Client::Batching(CommandKind::Write, ..)) {
            self.check(kind)?;
            for content in [&mut self.content, &mut self.vault] {
                content.next = content.next.wrapping_add(1);
            }
        }
        let count = requests as f64;
        Ok(Sample {
            rate: count / time.as_secs_f64(),
            cpu: (after.cpu - before.cpu).as_secs_f64() * 1e6 / count,
            peak: after.peak,
        })
    }

    fn fio(&mut self, server: &Server, rw: &str) -> io::Result<(u64, Duration)> {
        let output = succeeded(Command::new("fio").args([
            "--name=job",
            "--ioengine=nbd",
            &format!("--uri={}", server.uri()),
            &format!("--rw={rw}"),
            "--bs=4k",
            "--iodepth=32",
            &format!("--size={}", self.disk.size),
            "--time_based",
            &format!("--runtime={}ms", self.time.as_millis()),
            "--norandommap",
            "--output-format=terse",
            "--terse-version=3",
        ]))?;
        if rw != "randread" {
            // fio writes what it likes.
            self.restore()?;
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let fields: Vec<&str> = text.trim().split(';').collect();
        // KiB and milliseconds of the reads are fields 6 and 9 of the manual, those of the writes
        // 41 further.
        let first = if rw == "randread" { 5 } else { 46 };
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        match (number(first), number(first + 3)) {
            (Some(kib), Some(time)) if kib > 0 => Ok((kib / 4, Duration::from_millis(time))),
            _ => Err(io::Error::other(format!("fio said something else: {text}"))),
        }
    }

    /// Writes the file anew, as it was.
    fn restore(&mut self) -> io::Result<()> {
        let file = File::options().write(true).open(self.disk.file())?;
        let mut bytes = vec![0; BLOCK];
        for at in 0..self.content.generations.len() as u64 {
            pattern::fill(&mut bytes, at, 0);
            file.write_all_at(&bytes, self.disk.offset + at * BLOCK as u64)?;
        }
        self.content.generations.fill(0);
        Ok(())
    }

    fn nbdcopy(
        &mut self,
        server: &Server,
        command: CommandKind,
        kind: Kind,
    ) -> io::Result<(u64, Duration)> {
        let (uri, source) = (server.uri(), self.disk.folder.join("source.img"));
        let mut nbdcopy = Command::new("nbdcopy");
        nbdcopy.arg("--request-size=262144");
        match command {
            CommandKind::Read => nbdcopy.args([&uri, "null:"]),
            _ => {
                if !source.exists() {
                    let file = File::create(&source)?;
                    let mut bytes = vec![0; BLOCK];
                    for at in 0..self.content.generations.len() as u64 {
                        pattern::fill(&mut bytes, at, 0);
                        file.write_all_at(&bytes, at * BLOCK as u64)?;
                    }
                    file.sync_all()?;
                }
                self.content.generations.fill(0);
                nbdcopy.arg(&source).arg(&uri)
            }
        };
        let start = Instant::now();
        succeeded(&mut nbdcopy)?;
        let time = start.elapsed();
        if command != CommandKind::Read {
            self.check(kind)?;
        }
        Ok((self.disk.size / LARGE as u64, time))
    }

    /// The engine in this process, and plain reads in the same loop.
    pub(crate) fn in_process(&self) -> io::Result<[Sample; 2]> {
        const SEGMENTS: u64 = 1000;
        let each = self.disk.size / 512 / SEGMENTS / 8 * 8;
        let file = self.disk.file();
        let offset = self.disk.offset / 512;
        let table: String = (0..SEGMENTS)
            .map(|at| {
                let (start, at) = (at * each, offset + at * each);
                format!("{start} {each} linear {} {at}\n", file.display())
            })
            .collect();
        let engine = Engine::new();
        create(&engine, "disk", &table).map_err(io::Error::other)?;
        let device = engine
            .open(&name("disk").into(), TableMode::ReadOnly)
            .map_err(io::Error::other)?;
        let blocks = SEGMENTS * each / 8;
        let plain = File::open(&file)?;
        let mut buffer = vec![0; BLOCK];
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut times, mut count) = ([Duration::ZERO; 2], 0_u64);
        // In turns of some milliseconds, so that what else goes on meets both alike.
        while times[0] < self.time {
            // Places of their own, lest the second find them in the processor's cache.
            let mut places = || -> Vec<u64> { (0..4000).map(|_| rng.u64(..blocks)).collect() };
            let (places, others) = (places(), places());
            let start = Instant::now();
            for place in &places {
                device
                    .read_at(Sector(place * 8), &mut buffer)
                    .map_err(io::Error::other)?;
            }
            let middle = Instant::now();
            for place in &others {
                plain.read_exact_at(&mut buffer, self.disk.offset + place * BLOCK as u64)?;
            }
            times[0] += middle - start;
            times[1] += middle.elapsed();
            count += places.len() as u64;
        }
        Ok(times.map(|time| Sample {
            rate: count as f64 / time.as_secs_f64(),
            cpu: time.as_secs_f64() * 1e6 / count as f64,
            peak: 0,
        }))
    }
}
