//! How far the kernel reads ahead on a device, which is not the driver's but the block layer's.

use std::fs;
use std::path::Path;

use dm_core::devid::DevNo;
use dm_core::units::SectorCount;

/// Sectors of a kilobyte, in which the kernel counts here.
const PER_KILOBYTE: u64 = 2;

/// How far the kernel reads ahead on a device; none for one that it has no queue for yet, as a
/// mapped device has none before its first table.
///
/// # Source
/// `read_ahead_kb` in `Documentation/ABI/stable/sysfs-block`.
pub fn read_ahead(number: DevNo) -> Option<SectorCount> {
    read_ahead_in(Path::new("/sys"), number)
}

fn read_ahead_in(sys: &Path, number: DevNo) -> Option<SectorCount> {
    let path = sys.join(format!("dev/block/{number}/queue/read_ahead_kb"));
    let kilobytes: u64 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    kilobytes.checked_mul(PER_KILOBYTE).map(SectorCount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_are_two_sectors_each() {
        let number = DevNo {
            major: 253,
            minor: 7,
        };
        let sys = tempfile::tempdir().expect("a folder");
        let queue = sys.path().join("dev/block/253:7/queue");
        assert_eq!(read_ahead_in(sys.path(), number), None);
        fs::create_dir_all(&queue).expect("a queue");
        fs::write(queue.join("read_ahead_kb"), "128\n").expect("a file");
        assert_eq!(read_ahead_in(sys.path(), number), Some(SectorCount(256)));
        fs::write(queue.join("read_ahead_kb"), "much\n").expect("a file");
        assert_eq!(read_ahead_in(sys.path(), number), None);
    }
}
