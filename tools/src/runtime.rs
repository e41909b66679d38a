//! The folder where a daemon and its clients meet.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{self, Path, PathBuf};

use dm_core::error::ErrorKind;

use crate::failure::Failure;

/// The bytes of a socket's path with its NUL, at most.
///
/// # Source
/// `sun_path` in unix(7) and in the BSDs' unix(4).
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// Root's runtime folder.
const ROOTS: &str = if cfg!(target_os = "linux") {
    "/run/dm"
} else {
    "/var/run/dm"
};

/// The runtime folder. Only its owner may look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeDir(PathBuf);

impl RuntimeDir {
    /// The folder that the environment asks for: `DM_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/dm`,
    /// else `/run/dm` for root (`/var/run/dm` where there is no `/run`) or a folder of the user's
    /// own under `/tmp`.
    pub(crate) fn from_env() -> Result<RuntimeDir, Failure> {
        let value = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let uid = rustix::process::geteuid();
        let chosen = match (value("DM_RUNTIME_DIR"), value("XDG_RUNTIME_DIR")) {
            (Some(dir), _) => PathBuf::from(dir),
            (None, Some(dir)) => Path::new(&dir).join("dm"),
            (None, None) if uid.is_root() => PathBuf::from(ROOTS),
            (None, None) => PathBuf::from(format!("/tmp/dm-{}", uid.as_raw())),
        };
        RuntimeDir::new(&chosen)
    }

    /// The folder `dir`, which need not be there yet.
    pub(crate) fn new(dir: &Path) -> Result<RuntimeDir, Failure> {
        let whole = path::absolute(dir).map_err(|error| Failure::io("find", dir, &error))?;
        // Without a slash at the end, which would follow a symbolic link.
        let runtime = RuntimeDir(whole.components().collect());
        for socket in [runtime.control(), runtime.nbd()] {
            check_socket_path(&socket)?;
        }
        Ok(runtime)
    }

    /// Makes the folder if it is not there, and checks that nobody else can reach into it.
    pub(crate) fn ensure(&self) -> Result<(), Failure> {
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::io("create the runtime folder", &self.0, &error)),
        }
        self.check()
    }

    /// Checks that the folder is there and that nobody else can reach into it.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let found = fs::symlink_metadata(&self.0)
            .map_err(|error| Failure::io("look at the runtime folder", &self.0, &error))?;
        let refused = |why: &str| {
            let text = format!("the runtime folder {} {why}", self.0.display());
            Err(Failure::because(ErrorKind::Permission, text))
        };
        if found.is_symlink() {
            return refused("is a symbolic link");
        }
        if !found.is_dir() {
            return refused("is no folder");
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return refused(&format!("belongs to user {}", found.uid()));
        }
        if found.mode() & 0o077 != 0 {
            return refused(&format!(
                "is open to others (mode {:03o})",
                found.mode() & 0o777
            ))
            .map_err(|failure: Failure| failure.hint(format!("chmod 700 {}", self.0.display())));
        }
        Ok(())
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The daemon's control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// The daemon's NBD socket.
    pub(crate) fn nbd(&self) -> PathBuf {
        self.0.join("nbd.sock")
    }

    /// The file that a running daemon holds locked; its pid is in it.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("daemon.lock")
    }

    /// What the daemon needs to make its devices again.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.plist")
    }

    /// The journal of the daemon before, if this one started empty or could not restore all.
    pub(crate) fn journal_before(&self) -> PathBuf {
        self.0.join("journal.before.plist")
    }

    /// What the daemon has to say.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }
}

/// Refuses a path that the kernel would cut.
pub(crate) fn check_socket_path(path: &Path) -> Result<(), Failure> {
    let bytes = path.as_os_str().as_bytes().len();
    if bytes < SOCKET_PATH_MAX {
        return Ok(());
    }
    let text = format!(
        "the socket path {} has {bytes} bytes, at most {} are allowed",
        path.display(),
        SOCKET_PATH_MAX - 1
    );
    let failure = Failure::because(ErrorKind::Invalid, text);
    Err(failure.hint("set DM_RUNTIME_DIR to a folder with a shorter path"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refusal(dir: &Path) -> String {
        RuntimeDir::new(dir)
            .unwrap()
            .ensure()
            .unwrap_err()
            .error()
            .report()
    }

    #[test]
    fn folder_is_made_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::new(&temp.path().join("dm")).unwrap();
        dir.ensure().unwrap();
        dir.ensure().unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn symbolic_link_is_refused_even_with_a_slash_behind_it() {
        let temp = tempfile::tempdir().unwrap();
        symlink(temp.path(), temp.path().join("link")).unwrap();
        for text in ["link", "link/", "link/."] {
            assert!(
                refusal(&temp.path().join(text)).contains("is a symbolic link"),
                "{text}"
            );
        }
    }

    #[test]
    fn folder_open_to_others_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("dm");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(refusal(&dir).contains("is open to others (mode 750)"));
    }

    #[test]
    fn socket_path_of_108_bytes_is_refused() {
        let long = |length: usize| PathBuf::from(format!("/{}", "d".repeat(length - 1)));
        let limit = SOCKET_PATH_MAX - "/control.sock".len();
        assert!(RuntimeDir::new(&long(limit - 1)).is_ok());
        let refused = RuntimeDir::new(&long(limit)).unwrap_err();
        assert!(
            refused.error().report().contains("bytes, at most"),
            "{refused:?}"
        );
    }
}
