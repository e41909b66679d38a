//! What the paths in table lines name.

use dm_core::blockdev::DevInfo;
use dm_core::devid::DevNo;
use dm_core::engine::Engine;
use dm_core::table::EscapedWord;
use dm_core::units::SectorCount;

/// A disk that a table may stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The number that `deps` shows.
    pub number: DevNo,
    /// Its length; zero if that is not known.
    pub size: SectorCount,
    /// How a table line of the engine calls it, escaped.
    pub word: String,
}

/// Finds what the paths in table lines name: what the driver asks its kernel.
pub trait Nodes: Send + Sync {
    /// The disk at `path`.
    fn disk(&self, path: &str) -> Option<Disk>;

    /// The minor number of the mapped device whose block node is at `path`. `named` is that of the device that the path
    /// is named after, which is the answer where nobody makes nodes by hand.
    fn mapped(&self, path: &str, named: Option<u32>) -> Option<u32> {
        let _ = path;
        named
    }
}

/// The files and block devices of the host, as the engine opens them. A relative path names nothing: nobody knows what
/// it is relative to.
impl Nodes for Engine {
    fn disk(&self, path: &str) -> Option<Disk> {
        if !path.starts_with('/') {
            return None;
        }
        let word = EscapedWord(path).to_string();
        let (number, DevInfo { size, .. }) = self.probe(path).ok()?;
        Some(Disk { number, size, word })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_of_disks_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a disk");
        std::fs::write(&path, [0; 4096]).unwrap();
        let engine = Engine::new();
        let disk = engine.disk(path.to_str().unwrap()).unwrap();
        assert_eq!(disk.size, SectorCount(8));
        assert!(disk.word.ends_with("/a\\ disk"));
        for wrong in ["disk", "253:0", "/dev", "/dev/nonesuch", "/dev/null"] {
            assert_eq!(engine.disk(wrong), None, "{wrong}");
        }
    }
}
