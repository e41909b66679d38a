//! A mapped device's disk information, as a dictionary.

use dm_core::disklabel::{DiskInfo, Geometry};

use crate::proplib::Dictionary;

use super::keys::disk_info as keys;

/// Writes what NetBSD's driver answers to `DIOCGDISKINFO`. A device that is shorter than a cylinder
/// has no count of them.
///
/// # Examples
/// ```
/// use dm_core::disklabel::DiskInfo;
/// use dm_core::units::SectorCount;
/// use dm_proto::netbsd::disk_info;
///
/// let info = disk_info::encode(&DiskInfo::of(SectorCount(10240)));
/// assert_eq!(info.string("type"), Some("ESDI"));
/// let geometry = info.dict("geometry").expect("it has one");
/// assert_eq!(geometry.uint64("sectors-per-unit"), Some(10240));
/// assert_eq!(geometry.uint64("cylinders-per-unit"), Some(5));
/// assert_eq!(geometry.uint32("tracks-per-cylinder"), Some(0x40));
/// ```
pub fn encode(info: &DiskInfo) -> Dictionary {
    let Geometry {
        cylinders,
        sector_size,
        sectors_per_track,
        sectors,
        tracks_per_cylinder,
        ..
    } = info.geometry;
    let mut geometry = Dictionary::new();
    if cylinders > 0 {
        geometry.set(keys::CYLINDERS, cylinders);
    }
    geometry
        .set(keys::SECTOR_SIZE, sector_size)
        .set(keys::SECTORS_PER_TRACK, sectors_per_track)
        .set(keys::SECTORS, sectors.0)
        .set(keys::TRACKS_PER_CYLINDER, tracks_per_cylinder);
    let mut dictionary = Dictionary::new();
    dictionary
        .set(keys::GEOMETRY, geometry)
        .set(keys::TYPE, info.kind);
    dictionary
}

#[cfg(test)]
mod tests {
    use dm_core::units::SectorCount;

    use super::*;
    use crate::proplib::write_dictionary;

    /// `DIOCGDISKINFO` on `/dev/mapper/lv0` of 2048 sectors, as the driver of NetBSD 7.99.34
    /// answered it.
    const CAPTURED: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
\t<key>geometry</key>
\t<dict>
\t\t<key>cylinders-per-unit</key>
\t\t<integer>0x1</integer>
\t\t<key>sector-size</key>
\t\t<integer>0x200</integer>
\t\t<key>sectors-per-track</key>
\t\t<integer>0x20</integer>
\t\t<key>sectors-per-unit</key>
\t\t<integer>0x800</integer>
\t\t<key>tracks-per-cylinder</key>
\t\t<integer>0x40</integer>
\t</dict>
\t<key>type</key>
\t<string>ESDI</string>
</dict>
</plist>
";

    #[test]
    fn answer_is_netbsds_byte_for_byte() {
        let text = write_dictionary(&encode(&DiskInfo::of(SectorCount(2048))));
        assert_eq!(String::from_utf8(text).unwrap(), CAPTURED);
    }

    #[test]
    fn short_device_has_no_cylinders() {
        let info = encode(&DiskInfo::of(SectorCount(2047)));
        let geometry = info.dict(keys::GEOMETRY).unwrap();
        assert!(!geometry.contains(keys::CYLINDERS));
        assert_eq!(geometry.uint64(keys::SECTORS), Some(2047));
    }
}
