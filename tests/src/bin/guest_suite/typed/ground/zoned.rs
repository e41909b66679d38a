//! Zoned devices, and the metadata of the target `zoned`.
//!
//! The metadata is in random zones: a super block, the map from chunks to zones, and a bitmap a
//! zone of the blocks that are valid; then the same once more, from the next zone on.
//!
//! # Source
//! `drivers/md/dm-zoned-metadata.c`, `drivers/block/null_blk/main.c`.

use std::fs;

use super::crc32;
use crate::shell::{run, write_at};
use crate::typed::sets::{DISK, ZONED, ZONED_DISK};

/// Where devices are configured.
const CONFIG: &str = "/sys/kernel/config";
/// Bytes of a block.
const BLOCK: usize = 4096;
/// Sectors of a zone.
const ZONE: u64 = 4096;
const ZONE_BLOCKS: u64 = ZONE / 8;
/// Sequential zones that are kept free.
const RESERVED: u64 = 2;

/// As many zoned devices in memory as the sets have names for, which go with the value.
pub(in crate::typed) struct Zoned {
    devices: Vec<Disk>,
}

struct Disk {
    name: String,
    /// Such as `252:3`.
    number: String,
}

impl Zoned {
    pub(in crate::typed) fn new() -> Result<Zoned, String> {
        if !fs::exists(format!("{CONFIG}/nullb")).unwrap_or_default() {
            run(&format!("mount -t configfs configfs {CONFIG}"))?;
        }
        let mut zoned = Zoned {
            devices: Vec::new(),
        };
        for at in 0..ZONED.len() {
            // Each has more zones for random writes than the one before it.
            zoned
                .devices
                .push(Disk::new(&format!("zoned{at}"), 4 + at)?);
        }
        Ok(zoned)
    }

    /// Puts their numbers in the places of the names.
    pub(in crate::typed) fn over(&self, text: &str) -> String {
        let named = self.devices.iter().enumerate();
        named.fold(text.to_owned(), |text, (at, disk)| {
            text.replace(&format!("{{z{at}}}"), &disk.number)
        })
    }

    /// Their numbers.
    pub(in crate::typed) fn numbers(&self) -> Vec<String> {
        self.devices
            .iter()
            .map(|disk| disk.number.clone())
            .collect()
    }

    /// Formats the devices of a line: one that has zones, or one that has none and caches for those
    /// behind it.
    pub(in crate::typed) fn format(&self, params: &str) -> Result<(), String> {
        let words: Vec<&str> = params.split(' ').collect();
        let zoned: Vec<Option<&Disk>> = words
            .iter()
            .map(|word| self.devices.iter().find(|disk| disk.number == *word))
            .collect();
        let per_zoned = ZONED_DISK / ZONE;
        match zoned[..] {
            [Some(disk)] => {
                let path = format!("/dev/{}", disk.name);
                metadata(&path, per_zoned, per_zoned, 1)
            }
            [None, ref behind @ ..] => {
                let minor = words[0].rsplit(':').next().unwrap_or_default();
                let cache = format!("/dev/ram{minor}");
                let first = DISK / ZONE;
                let behind: Vec<&Disk> = behind.iter().copied().flatten().collect();
                let count = behind.len() as u64;
                // The first zone of each device behind has a super block of its own.
                metadata(
                    &cache,
                    first + count * per_zoned,
                    first + count * (per_zoned - 1),
                    2,
                )?;
                for (at, disk) in behind.iter().enumerate() {
                    let zone = first + at as u64 * per_zoned;
                    let block = super_block(&Super {
                        zone,
                        generation: 0,
                        version: 2,
                        ..Super::default()
                    });
                    write_at(&format!("/dev/{}", disk.name), 0, &block)?;
                }
                Ok(())
            }
            _ => Err(format!("{params}: nothing to format")),
        }
    }
}

impl Disk {
    fn new(name: &str, random: usize) -> Result<Disk, String> {
        let folder = format!("{CONFIG}/nullb/{name}");
        fs::create_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
        // From here on it goes with the value.
        let mut disk = Disk {
            name: name.to_owned(),
            number: String::new(),
        };
        for (key, value) in [
            ("size", ZONED_DISK >> 11),
            ("blocksize", 4096),
            ("memory_backed", 1),
            ("zoned", 1),
            ("zone_size", ZONE >> 11),
            ("zone_nr_conv", random as u64),
            ("power", 1),
        ] {
            fs::write(format!("{folder}/{key}"), value.to_string())
                .map_err(|error| format!("{folder}/{key}: {error}"))?;
        }
        let number = format!("/sys/block/{name}/dev");
        let number = fs::read_to_string(&number).map_err(|error| format!("{number}: {error}"))?;
        disk.number = number.trim().to_owned();
        Ok(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let folder = format!("{CONFIG}/nullb/{}", self.name);
        if let Err(error) =
            fs::write(format!("{folder}/power"), "0").and_then(|()| fs::remove_dir(&folder))
        {
            println!("{folder} stays: {error}");
        }
    }
}

/// What a super block says.
#[derive(Default)]
struct Super {
    /// The zone that it is in.
    zone: u64,
    generation: u64,
    version: u32,
    blocks: u64,
    chunks: u64,
    map: u64,
    bitmaps: u64,
}

/// Writes both copies, from zone 0 on: of `zones` zones, `data` of which are not a super block's.
fn metadata(path: &str, zones: u64, data: u64, version: u32) -> Result<(), String> {
    let bitmaps = zones;
    let map = 1;
    let blocks = 1 + map + bitmaps;
    let of_metadata = blocks.div_ceil(ZONE_BLOCKS);
    for copy in 0..2 {
        let zone = copy * of_metadata;
        let mut bytes = super_block(&Super {
            zone,
            generation: 1,
            version,
            blocks,
            chunks: data - 2 * of_metadata - RESERVED,
            map,
            bitmaps,
        });
        // No chunk has a zone, and no block is valid.
        bytes.extend(vec![0xff; BLOCK]);
        (0..bitmaps).for_each(|_| bytes.extend([0; BLOCK]));
        write_at(path, zone * ZONE * 512, &bytes)?;
    }
    Ok(())
}

fn super_block(what: &Super) -> Vec<u8> {
    let number = |number: u64| u32::try_from(number).expect("there are few").to_le_bytes();
    let mut block = [
        b"DBZD".as_slice(),
        &what.version.to_le_bytes(),
        &what.generation.to_le_bytes(),
        &(what.zone * ZONE_BLOCKS).to_le_bytes(),
        &number(what.blocks),
        &number(RESERVED),
        &number(what.chunks),
        &number(what.map),
        &number(what.bitmaps),
        // The sum, which follows.
        &[0; 4],
    ]
    .concat();
    if what.version > 1 {
        let mut label = *b"guest                           ";
        label[5..].fill(0);
        block.extend(label);
        block.extend([1; 16]);
        block.extend([2; 16]);
    }
    block.resize(BLOCK, 0);
    let seed = u32::try_from(what.generation).expect("it is new");
    let sum = crc32(seed, &block);
    block[44..48].copy_from_slice(&sum.to_le_bytes());
    block
}
