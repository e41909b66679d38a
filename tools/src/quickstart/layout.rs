//! Where each byte of the tour's device belongs.

use std::path::{Path, PathBuf};

use dm_core::table::{EscapedWord, TableLine};

/// The length of each image.
pub(super) const IMAGE_BYTES: u32 = 16 << 20;

/// A part of the device.
///
/// # Units
/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Its first byte.
    pub(super) start: u64,
    /// How many it has.
    pub(super) length: usize,
}

/// A byte of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which image.
    pub(super) image: usize,
    /// Which byte.
    pub(super) at: usize,
}

/// What lies on the images: linear, then striped.
pub(super) const MAPPED: Span = Span {
    start: 0,
    length: 8 << 20,
};

/// The zero segment.
pub(super) const ZERO: Span = Span {
    start: 8 << 20,
    length: 1 << 20,
};

/// The error segment, which the next table maps.
pub(super) const ERROR: Span = Span {
    start: 9 << 20,
    length: 64 << 10,
};

/// Bytes of the device that the tour looks up, with their targets.
pub(super) const SAMPLES: &[(&str, usize)] = &[
    ("linear", 0),
    ("linear", LINEAR - 4),
    ("striped", LINEAR),
    ("striped", LINEAR + CHUNK),
    ("striped", LINEAR + 2 * CHUNK),
    ("striped", MAPPED.length - 4),
];

const SECTOR: usize = 512;
const LINEAR: usize = 4 << 20;
const CHUNK: usize = 128 * SECTOR;

/// The first bytes of the linear segment, of the stripes, and of what takes the error segment's
/// place.
const LINEAR_AT: usize = 2048 * SECTOR;
const STRIPES_AT: [usize; 2] = [16384 * SECTOR, 0];
const REPAIRED_AT: usize = 16384 * SECTOR;

/// The tables over two images.
#[derive(Debug)]
pub(super) struct Layout {
    images: [PathBuf; 2],
}

impl Layout {
    /// Tables over these images.
    pub(super) fn new(left: PathBuf, right: PathBuf) -> Layout {
        Layout {
            images: [left, right],
        }
    }

    /// The images.
    pub(super) fn images(&self) -> &[PathBuf; 2] {
        &self.images
    }

    /// The table that the device starts with.
    pub(super) fn first_table(&self) -> Result<Vec<TableLine>, String> {
        self.table(
            "0 8192 linear {left} 2048\n\
             8192 8192 striped 2 128 {left} 16384 {right} 0\n\
             16384 2048 zero\n\
             18432 128 error",
        )
    }

    /// Another one: the linear segment in two pieces, and a linear one in the error segment's place.
    pub(super) fn next_table(&self) -> Result<Vec<TableLine>, String> {
        self.table(
            "0 4096 linear {left} 2048\n\
             4096 4096 linear {left} 6144\n\
             8192 8192 striped 2 128 {left} 16384 {right} 0\n\
             16384 2048 zero\n\
             18432 128 linear {right} 16384",
        )
    }

    fn table(&self, template: &str) -> Result<Vec<TableLine>, String> {
        let [left, right] = &self.images;
        let path = |path: &Path| {
            path.to_str()
                .map(|text| EscapedWord(text).to_string())
                .ok_or("the scratch folder is not UTF-8")
        };
        let text = template
            .replace("{left}", &path(left)?)
            .replace("{right}", &path(right)?);
        TableLine::parse_table(&text).map_err(|error| error.to_string())
    }

    /// What a user in the images' folder types to give `table` to a command.
    pub(super) fn command(&self, command: &str, table: &[TableLine]) -> Vec<String> {
        let folder = self.images[0]
            .parent()
            .and_then(Path::to_str)
            .map(|text| EscapedWord(text).to_string())
            .unwrap_or_default();
        let line = |line: &TableLine| line.to_string().replace(&format!("{folder}/"), "");
        let mut lines = vec![format!("{command} <<END")];
        lines.extend(table.iter().map(line));
        lines.push("END".into());
        lines
    }

    /// Where a byte of [`MAPPED`] lies.
    pub(super) fn place(&self, byte: usize) -> Place {
        match byte.checked_sub(LINEAR) {
            None => Place {
                image: 0,
                at: LINEAR_AT + byte,
            },
            Some(rest) => {
                let (chunk, within) = (rest / CHUNK, rest % CHUNK);
                let image = chunk % 2;
                Place {
                    image,
                    at: STRIPES_AT[image] + chunk / 2 * CHUNK + within,
                }
            }
        }
    }

    /// What the images hold when [`MAPPED`] holds `model`, and what failed holds `repaired`.
    pub(super) fn expected(&self, model: &[u8], repaired: Option<&[u8]>) -> [Vec<u8>; 2] {
        let empty = || vec![0; IMAGE_BYTES as usize];
        let mut images = [empty(), empty()];
        for (at, chunk) in model.chunks(CHUNK).enumerate() {
            let Place { image, at } = self.place(at * CHUNK);
            images[image][at..at + chunk.len()].copy_from_slice(chunk);
        }
        if let Some(repaired) = repaired {
            images[1][REPAIRED_AT..REPAIRED_AT + repaired.len()].copy_from_slice(repaired);
        }
        images
    }
}

/// `length` bytes that look random and are the same for the same `seed`.
pub(super) fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The first place where two runs of bytes differ.
pub(super) fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    let common = one.iter().zip(other).position(|(a, b)| a != b);
    Some(common.unwrap_or(one.len().min(other.len())))
}

/// Numbers that look random: SplitMix64.
///
/// # Source
/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Numbers from `seed` on.
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next one.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next one below `limit`, which is not zero.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = limit as u64;
        usize::try_from(self.next() % limit).expect("it is below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new("/scratch/left.img".into(), "/scratch/right.img".into())
    }

    #[test]
    fn stripes_alternate() {
        let layout = layout();
        assert_eq!(
            layout.place(0),
            Place {
                image: 0,
                at: 1 << 20
            }
        );
        assert_eq!(
            layout.place(LINEAR),
            Place {
                image: 0,
                at: 8 << 20
            }
        );
        assert_eq!(layout.place(LINEAR + CHUNK + 5), Place { image: 1, at: 5 });
        assert_eq!(
            layout.place(LINEAR + 2 * CHUNK),
            Place {
                image: 0,
                at: (8 << 20) + CHUNK
            }
        );
    }

    #[test]
    fn commands_name_images_as_in_their_folder() {
        let layout = layout();
        let shown = layout.command("dmctl create vol0", &layout.first_table().unwrap());
        assert_eq!(shown[1], "0 8192 linear left.img 2048");
        assert_eq!(
            shown[2],
            "8192 8192 striped 2 128 left.img 16384 right.img 0"
        );
    }

    #[test]
    fn pattern_is_the_same_for_the_same_seed() {
        assert_eq!(pattern(20, 1), pattern(20, 1));
        assert_ne!(pattern(20, 1), pattern(20, 2));
        assert_eq!(first_difference(&[1, 2, 3], &[1, 2, 4]), Some(2));
        assert_eq!(first_difference(&[1], &[1, 2]), Some(1));
    }
}
