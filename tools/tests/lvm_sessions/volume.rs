//! Logical volumes as LVM2's metadata has them.

use dm_proto::proplib::Dictionary;

/// Sectors of an extent: 4 MiB.
pub(crate) const EXTENT: u64 = 8192;

/// Sectors of a disk before its first extent.
pub(crate) const PE_START: u64 = 384;

/// A logical volume.
#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) vg: String,
    pub(crate) lv: String,
    pub(crate) uuid: String,
    pub(crate) segments: Vec<Segment>,
}

/// A run of extents, over one disk or in stripes over some. An area is a disk and its first extent there.
#[derive(Clone)]
pub(crate) struct Segment {
    /// All areas' extents together.
    pub(crate) extents: u64,
    /// Sectors of a stripe's chunk.
    pub(crate) chunk: u64,
    pub(crate) areas: Vec<(usize, u64)>,
}

impl Segment {
    pub(crate) fn linear(extents: u64, disk: usize, extent: u64) -> Segment {
        Segment {
            extents,
            chunk: extents * EXTENT,
            areas: vec![(disk, extent)],
        }
    }

    pub(crate) fn striped(extents: u64, chunk: u64, areas: &[(usize, u64)]) -> Segment {
        Segment {
            extents,
            chunk,
            areas: areas.to_vec(),
        }
    }

    fn sectors(&self) -> u64 {
        self.extents * EXTENT
    }

    /// What dmsetup would say of it.
    fn params(&self, disk: &dyn Fn(usize) -> String) -> (&'static str, String) {
        let area =
            |(at, extent): &(usize, u64)| format!("{} {}", disk(*at), PE_START + extent * EXTENT);
        let areas: Vec<String> = self.areas.iter().map(area).collect();
        match areas.as_slice() {
            [only] => ("linear", only.clone()),
            _ => {
                let (stripes, chunk) = (areas.len(), self.chunk);
                ("striped", format!("{stripes} {chunk} {}", areas.join(" ")))
            }
        }
    }
}

impl Volume {
    pub(crate) fn new(vg: &str, lv: &str, segments: impl Into<Vec<Segment>>) -> Volume {
        let segments = segments.into();
        let (disk, extent) = segments[0].areas[0];
        Volume {
            vg: vg.into(),
            lv: lv.into(),
            // As LVM2 makes it of the group's and the volume's own. No two volumes begin at one place.
            uuid: format!("LVM-{vg:A<32}{:B<32}", format!("{disk}x{extent}")),
            segments,
        }
    }

    /// The device's name: a hyphen between, and each one within doubled.
    pub(crate) fn name(&self) -> String {
        let double = |name: &str| name.replace('-', "--");
        format!("{}-{}", double(&self.vg), double(&self.lv))
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::sectors).sum::<u64>() * 512
    }

    /// Its table, as `cmd_data` has it.
    pub(crate) fn lines(&self, disk: &dyn Fn(usize) -> String) -> Vec<Dictionary> {
        let mut start = 0;
        let line = |segment: &Segment| {
            let (target, params) = segment.params(disk);
            let mut line = Dictionary::new();
            line.set("type", target)
                .set("start", start)
                .set("length", segment.sectors())
                .set("params", params);
            start += segment.sectors();
            line
        };
        self.segments.iter().map(line).collect()
    }

    /// The disk and the sector there of one of its sectors.
    pub(crate) fn place(&self, mut sector: u64) -> (usize, u64) {
        for segment in &self.segments {
            if sector >= segment.sectors() {
                sector -= segment.sectors();
                continue;
            }
            let stripes = segment.areas.len() as u64;
            let (chunk, within) = (sector / segment.chunk, sector % segment.chunk);
            let (disk, extent) = segment.areas[usize::try_from(chunk % stripes).unwrap()];
            let there = chunk / stripes * segment.chunk + within;
            return (disk, PE_START + extent * EXTENT + there);
        }
        panic!("sector {sector} behind the end");
    }
}

/// Bytes that tell each sector from every other, and one `seed` from another.
pub(crate) fn bytes(length: u64, seed: u64) -> Vec<u8> {
    let word = |at: u64| ((at / 64) | ((at % 64) << 40) | (seed << 56)).to_le_bytes();
    (0..length / 8).flat_map(word).collect()
}
