//! integrity in mid-life: one side writes, and while its journal holds what is not in its place yet, or
//! bits are set, or tags are half made, all goes to the other side as a power cut would leave it.

use fastrand::Rng;

use crate::integrity_sides::{Image, Open, Side, attach, detach, on, provided};
use crate::shell::{equal, equal_sectors};

const AES: &str = "000102030405060708090a0b0c0d0e0f";

/// RESERVED TAG MODE OPTIONS, and the mode in which the other side goes on, if it is another.
type Life = (&'static str, &'static str);

const JOURNALS: &[Life] = &[
    ("0 - J internal_hash:crc32c", ""),
    ("0 - J internal_hash:crc32c fix_padding", ""),
    ("0 - J internal_hash:crc32 fix_padding", ""),
    (
        "0 - J internal_hash:sha1 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 - J internal_hash:sha256 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 3 J internal_hash:crc32c interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 9 J internal_hash:sha256 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 100 J internal_hash:crc32c interleave_sectors:512 fix_padding",
        "",
    ),
    ("16 - J internal_hash:crc32c fix_padding", ""),
    ("0 - J internal_hash:crc32c fix_padding block_size:1024", ""),
    ("0 - J internal_hash:crc32c fix_padding block_size:2048", ""),
    (
        "0 - J internal_hash:sha256 interleave_sectors:512 fix_padding block_size:4096",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding interleave_sectors:64",
        "",
    ),
    (
        "0 - J internal_hash:sha1 fix_padding interleave_sectors:256 block_size:1024",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_sectors:1",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_sectors:400 journal_watermark:90",
        "",
    ),
    ("0 - J internal_hash:crc32c meta_device:/dev/loop1", ""),
    (
        "0 - J internal_hash:sha256 meta_device:/dev/loop1 block_size:4096",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha256):0707 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha1):0707 interleave_sectors:512 fix_padding fix_hmac",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_mac:hmac(sha256):0808",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding fix_hmac journal_mac:hmac(sha256):0808",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha256):07 interleave_sectors:512 fix_padding fix_hmac journal_mac:hmac(sha1):08",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_crypt:ctr(aes):KEY",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_crypt:cbc(aes):KEY journal_sectors:500",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding block_size:4096 fix_hmac journal_crypt:cbc(aes):KEY journal_mac:hmac(sha256):08",
        "",
    ),
    ("0 8 J interleave_sectors:512 fix_padding", ""),
    ("0 - J internal_hash:crc32c fix_padding", "D"),
    (
        "0 - J internal_hash:crc32c fix_padding journal_mac:hmac(sha256):0808",
        "D",
    ),
    ("0 - J internal_hash:crc32c fix_padding", "B"),
];

// Without journal_crypt, with which a kernel's bitmap never reaches the disk: quirk 47.
const BITMAPS: &[Life] = &[
    ("0 - B internal_hash:crc32c", ""),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:1",
        "",
    ),
    (
        "0 - B internal_hash:sha256 interleave_sectors:512 fix_padding sectors_per_bit:16",
        "",
    ),
    (
        "0 - B internal_hash:sha1 fix_padding sectors_per_bit:64 interleave_sectors:64",
        "",
    ),
    (
        "0 5 B internal_hash:sha256 interleave_sectors:512 fix_padding sectors_per_bit:8",
        "",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding block_size:1024 sectors_per_bit:8",
        "",
    ),
    (
        "0 - B internal_hash:sha256 interleave_sectors:512 fix_padding block_size:4096 sectors_per_bit:32",
        "",
    ),
    (
        "0 - B internal_hash:crc32c meta_device:/dev/loop1 sectors_per_bit:16",
        "",
    ),
    (
        "0 - B internal_hash:sha256 meta_device:/dev/loop1 block_size:4096",
        "",
    ),
    (
        "8 - B internal_hash:crc32c fix_padding sectors_per_bit:16 bitmap_flush_interval:60000",
        "",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16",
        "J",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16",
        "D",
    ),
];

/// Journals that hold what is not in its place.
pub(crate) fn journals() -> Result<(), String> {
    all(&JOURNALS[..JOURNALS.len() / 2])
}

/// The rest of them.
pub(crate) fn more_journals() -> Result<(), String> {
    all(&JOURNALS[JOURNALS.len() / 2..])
}

/// Dirty bitmaps.
pub(crate) fn bitmaps() -> Result<(), String> {
    all(BITMAPS)
}

fn all(lives: &[Life]) -> Result<(), String> {
    let lived = each(lives);
    detach();
    lived
}

fn each(lives: &[Life]) -> Result<(), String> {
    for (seed, life) in (0..).zip(lives) {
        // Whoever makes it, each side goes on with what the other left.
        let maker = match seed % 2 {
            0 => Side::Kernel,
            _ => Side::Engine,
        };
        live(life, maker, &mut Rng::with_seed(seed))
            .map_err(|reason| format!("{life:?}, made by {maker:?}: {reason}"))?;
    }
    println!("{} combinations, each both ways", lives.len());
    Ok(())
}

fn live((made, then): &Life, maker: Side, rng: &mut Rng) -> Result<(), String> {
    let made = made.replace("KEY", AES);
    let then = match *then {
        "" => made.clone(),
        mode => {
            made.replacen(" J ", &format!(" {mode} "), 1)
                .replacen(" B ", &format!(" {mode} "), 1)
        }
    };
    attach(&Image::default())?;
    let block = block_size(&made);
    let mut sectors = 0;
    on(maker, &made, block, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    let bytes = usize::try_from(sectors * 512).unwrap_or_default();
    let mut content: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
    let mut first = Image::default();
    on(maker, &made, sectors, |disk, _| {
        disk.write(0, &content)?;
        disk.flush()?;
        Ok(())
    })?;
    on(maker, &made, sectors, |disk, _| {
        scribble(disk, &mut content, block, rng)?;
        first = Image::taken()?;
        Ok(())
    })?;
    first.is_in_mid_life(&made)?;
    let mut second = Image::default();
    let mut theirs = String::new();
    attach(&first)?;
    on(maker.other(), &then, sectors, |disk, shown| {
        theirs = shown.to_owned();
        same(disk, &content)?;
        scribble(disk, &mut content, block, rng)?;
        second = Image::taken()?;
        Ok(())
    })?;
    attach(&first)?;
    on(maker, &then, sectors, |_, shown| {
        equal("what the first side shows", shown, &theirs)
    })?;
    attach(&second)?;
    on(maker, &then, sectors, |disk, _| same(disk, &content))
}

/// What a power cut leaves of a device of the kernel's, and its sectors.
pub(crate) fn made_by_kernel(options: &str, rng: &mut Rng) -> Result<(Image, u64), String> {
    attach(&Image::default())?;
    let (mut sectors, mut image) = (0, Image::default());
    on(Side::Kernel, options, 1, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    let bytes = usize::try_from(sectors * 512).unwrap_or_default();
    let mut content: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
    for last in [false, true] {
        on(Side::Kernel, options, sectors, |disk, _| {
            match last {
                false => disk.write(0, &content)?,
                true => scribble(disk, &mut content, 1, rng)?,
            }
            image = Image::taken()?;
            Ok(())
        })?;
    }
    Ok((image, sectors))
}

fn block_size(options: &str) -> u64 {
    let size = options
        .split(' ')
        .find_map(|word| word.strip_prefix("block_size:"));
    size.and_then(|size| size.parse::<u64>().ok())
        .unwrap_or(512)
        / 512
}

/// Writes here and there, which a flush makes durable.
fn scribble(
    disk: &mut Open<'_>,
    content: &mut [u8],
    block: u64,
    rng: &mut Rng,
) -> Result<(), String> {
    let sectors = content.len() as u64 / 512;
    for _ in 0..12 {
        let start = rng.u64(..sectors / block) * block;
        let length = (rng.u64(1..3) * block).min(sectors - start);
        let at = usize::try_from(start * 512).unwrap_or_default();
        let bytes = &mut content[at..][..usize::try_from(length * 512).unwrap_or_default()];
        bytes.iter_mut().for_each(|byte| *byte = rng.u8(..));
        disk.write(start, bytes)?;
    }
    disk.flush()
}

fn same(disk: &mut Open<'_>, content: &[u8]) -> Result<(), String> {
    let mut found = vec![0; content.len()];
    disk.read(0, &mut found)?;
    equal_sectors(&found, content)
}
