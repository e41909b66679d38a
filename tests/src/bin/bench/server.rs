//! The servers that are compared, each in a process of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::vault::Vault;

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `dmctl run` with a table of this shape.
    Ours(Shape),
    /// nbdkit's file plugin under its offset filter.
    Nbdkit,
    /// qemu-storage-daemon's raw driver at an offset.
    Qemu,
    /// nbdkit's file plugin under its luks filter.
    NbdkitLuks,
}

/// What our table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One linear line at an offset.
    Linear,
    /// As many linear devices on each other, the lowest at an offset.
    Stack(usize),
    /// A stripe over as many files, in chunks of 64 KiB.
    Stripes(usize),
    /// The vault's data, decrypted.
    Crypt,
}

/// The files that are served, all in the page cache.
pub(crate) struct Disk {
    pub(crate) folder: PathBuf,
    /// Where the device begins in the file.
    pub(crate) offset: u64,
    /// Bytes of the device.
    pub(crate) size: u64,
    /// Made when a job first wants it.
    pub(crate) vault: Option<Vault>,
}

/// A server at work; it ends with this.
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
}

/// What a server has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// User and system.
    pub(crate) cpu: Duration,
    /// The most memory that it had resident, in bytes.
    pub(crate) peak: u64,
}

impl Kind {
    /// It serves the vault.
    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Kind::Ours(Shape::Crypt) | Kind::NbdkitLuks)
    }

    pub(crate) fn name(self) -> String {
        match self {
            Kind::Ours(Shape::Linear) => "ours".into(),
            Kind::Ours(Shape::Stack(levels)) => format!("ours, {levels} levels"),
            Kind::Ours(Shape::Stripes(count)) => format!("ours, {count} stripes"),
            Kind::Ours(Shape::Crypt) => "ours, crypt".into(),
            Kind::NbdkitLuks => "nbdkit, luks".into(),
            Kind::Nbdkit => "nbdkit".into(),
            Kind::Qemu => "qemu-s-d".into(),
        }
    }
}

impl Disk {
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("disk.img")
    }

    pub(crate) fn stripe(&self, at: usize) -> PathBuf {
        self.folder.join(format!("stripe{at}.img"))
    }

    /// The vault, which is there when a job that is about it runs.
    fn vault(&self) -> io::Result<&Vault> {
        let vault = self.vault.as_ref();
        vault.ok_or_else(|| io::Error::other("the vault is not there"))
    }

    /// Our table: for a stack, that of the lowest device.
    fn table(&self, shape: Shape) -> io::Result<String> {
        let sectors = self.size / 512;
        Ok(match shape {
            Shape::Crypt => self.vault()?.table(sectors),
            Shape::Linear | Shape::Stack(_) => {
                let file = self.file();
                format!(
                    "0 {sectors} linear {} {}",
                    file.display(),
                    self.offset / 512
                )
            }
            Shape::Stripes(count) => {
                let stripes: String = (0..count)
                    .map(|at| format!(" {} 0", self.stripe(at).display()))
                    .collect();
                format!("0 {sectors} striped {count} 128{stripes}")
            }
        })
    }

    fn command(&self, kind: Kind, socket: &Path) -> io::Result<Command> {
        let (file, offset, size) = (self.file(), self.offset, self.size);
        let (file, path) = (file.display(), socket.display());
        Ok(match kind {
            Kind::Ours(shape) => {
                let mut ours = Command::new(std::env::current_exe()?);
                ours.arg("serve").arg(socket);
                ours.arg(match shape {
                    Shape::Stack(levels) => levels.to_string(),
                    _ => "1".into(),
                });
                ours.arg(self.table(shape)?);
                ours
            }
            Kind::Nbdkit => {
                let mut nbdkit = Command::new("nbdkit");
                nbdkit.args(["-f", "--filter=offset", "-U"]).arg(socket);
                nbdkit.args(["file", &format!("{file}")]);
                nbdkit.args([format!("offset={offset}"), format!("range={size}")]);
                nbdkit
            }
            Kind::NbdkitLuks => {
                let vault = self.vault()?;
                let mut nbdkit = Command::new("nbdkit");
                nbdkit.args(["-f", "--filter=luks", "-U"]).arg(socket);
                nbdkit.arg("file").arg(vault.path()).arg(vault.passphrase());
                nbdkit
            }
            Kind::Qemu => {
                let mut qemu = Command::new("qemu-storage-daemon");
                qemu.args([
                    "--blockdev",
                    &format!("driver=file,node-name=file,filename={file}"),
                    "--blockdev",
                    &format!("driver=raw,node-name=raw,file=file,offset={offset},size={size}"),
                    "--nbd-server",
                    &format!("addr.type=unix,addr.path={path}"),
                    "--export",
                    "type=nbd,id=export,node-name=raw,name=disk,writable=on",
                ]);
                qemu
            }
        })
    }
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(disk: &Disk, kind: Kind) -> io::Result<Server> {
        let socket = disk.folder.join("nbd.sock");
        let _ = fs::remove_file(&socket);
        let mut command = disk.command(kind, &socket)?;
        if kind.is_encrypted() {
            command = on_one_core(&command);
        }
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", kind.name())))?;
        let mut server = Server { child, socket };
        let end = Instant::now() + Duration::from_secs(10);
        // To connect and leave would make some of them complain.
        while !server.socket.exists() {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("{}: {status}", kind.name())));
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!("{} does not listen", kind.name())));
            }
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(20));
        Ok(server)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn uri(&self) -> String {
        format!("nbd+unix:///disk?socket={}", self.socket.display())
    }

    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = fs::read_to_string(folder.join("stat"))?;
        let wrong = || io::Error::other("/proc/PID/stat has another shape");
        // The name, in parentheses, may hold blanks.
        let rest = stat.rsplit_once(')').ok_or_else(wrong)?.1;
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|word| word.parse::<u64>().ok()).sum();
        let status = fs::read_to_string(folder.join("status"))?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .ok_or_else(wrong)?;
        // Linux counts in hundredths for every architecture that there are two servers for.
        Ok(Usage {
            cpu: Duration::from_millis(ticks * 10),
            peak: peak << 10,
        })
    }
}

/// Ciphers are compared by the core: a server must not win by having more of them.
fn on_one_core(command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program());
    pinned.args(command.get_args());
    pinned
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
