//! The kernel's crypt and the engine's over the same disk: what one writes, the other reads.

use std::path::Path;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::error::DmError;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_linux::Linux;
use dm_tests::model::random_bytes;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use dm_tests::script;
use fastrand::Rng;

use crate::shell::{create, equal, read_at, run};

pub(crate) const DISK: &str = "/dev/ram0";
pub(crate) const DEVICE: &str = "guest-crypt";
pub(crate) const SECTORS: usize = 1024;

/// A cipher's name, the bytes of its key, the IV's offset, and options.
type Case = (&'static str, usize, u64, &'static str);

const CASES: &[Case] = &[
    ("aes-xts-plain64", 64, 0, ""),
    ("aes-xts-plain64", 32, 8, ""),
    ("aes-xts-plain64", 64, 8, "1 sector_size:1024"),
    ("aes-xts-plain64", 64, 8, "1 sector_size:2048"),
    ("aes-xts-plain64", 64, 16, "1 sector_size:4096"),
    (
        "aes-xts-plain64",
        64,
        16,
        "2 sector_size:4096 iv_large_sectors",
    ),
    ("aes-xts-plain64", 48, 0, ""),
    ("aes-xts-plain64", 64, 0, "1 allow_discards"),
    (
        "aes-xts-plain64",
        64,
        8,
        "7 allow_discards same_cpu_crypt submit_from_crypt_cpus no_read_workqueue \
         no_write_workqueue sector_size:4096 iv_large_sectors",
    ),
    ("aes-xts-plain", 64, 0x1_0000_0000, ""),
    ("aes-xts-plain", 64, 0xffff_fffe, ""),
    ("aes-xts-plain64", 64, 0xffff_fffe, ""),
    ("aes-xts-plain64be", 64, 0x1_0000_0003, ""),
    (
        "aes-xts-plain64be",
        64,
        8,
        "2 sector_size:2048 iv_large_sectors",
    ),
    ("aes-xts-benbi", 32, 5, ""),
    ("aes-xts-null", 64, 0, ""),
    ("aes-xts-essiv:sha256", 64, 0, ""),
    ("aes-xts-eboiv", 64, 8, ""),
    ("aes-xts-eboiv", 32, 8, "1 sector_size:4096"),
    ("aes", 16, 1, ""),
    ("aes-plain", 16, 1, ""),
    ("aes-cbc-plain", 16, 0, ""),
    ("aes-cbc-plain", 24, 3, "1 no_read_workqueue"),
    (
        "aes-cbc-plain64",
        32,
        0,
        "2 no_read_workqueue no_write_workqueue",
    ),
    ("aes-cbc-plain64", 32, 8, "1 sector_size:4096"),
    ("aes-cbc-plain64be", 32, 9, ""),
    ("aes-cbc-essiv:sha256", 32, 0, ""),
    ("aes-cbc-essiv:sha256", 16, 77, ""),
    (
        "aes-cbc-essiv:sha256",
        32,
        8,
        "2 sector_size:4096 iv_large_sectors",
    ),
    ("aes-cbc-essiv:md5", 16, 0, ""),
    ("aes-cbc-benbi", 32, 0, ""),
    ("aes-cbc-benbi", 16, 8, "1 sector_size:4096"),
    ("aes-cbc-null", 32, 0, ""),
    ("aes-cbc-eboiv", 16, 8, ""),
    ("aes-cbc-eboiv", 32, 8, "1 sector_size:4096"),
    ("aes-cbc-elephant", 32, 0, ""),
    ("aes-cbc-elephant", 64, 8, ""),
    ("aes-cbc-elephant", 32, 8, "1 sector_size:4096"),
    ("aes:64-cbc-lmk", 64 * 16, 0, ""),
    ("aes:64-cbc-lmk", 64 * 32, 11, ""),
    ("aes:64-cbc-lmk", 65 * 16, 3, ""),
    ("aes:64-cbc-lmk", 65 * 32, 0, ""),
    ("aes-cbc-tcw", 48, 0, ""),
    ("aes-cbc-tcw", 64, 7, ""),
    ("aes:2-cbc-plain64", 64, 0, ""),
    ("aes:4-cbc-essiv:sha256", 128, 1, ""),
    ("aes:4-xts-plain64", 256, 8, "1 sector_size:2048"),
    ("aes-ecb", 32, 0, ""),
    ("cipher_null-ecb", 0, 0, ""),
    ("capi:xts(aes)-plain64", 64, 0, ""),
    ("capi:cbc(aes)-essiv:sha256", 32, 0, ""),
    ("capi:essiv(cbc(aes),sha256)-plain64", 32, 0, ""),
    ("capi:cbc(aes)-lmk", 65 * 16, 0, ""),
    ("capi:ecb(aes)", 16, 0, ""),
    ("serpent-xts-plain64", 64, 0, ""),
    ("serpent-xts-plain64", 48, 8, "1 sector_size:4096"),
    ("serpent-cbc-essiv:sha256", 32, 0, ""),
    ("serpent-cbc-essiv:sha1", 24, 0, ""),
    ("serpent-cbc-tcw", 64, 0, ""),
    ("twofish-xts-plain64", 64, 0, ""),
    ("twofish-cbc-plain64", 24, 0, ""),
    ("twofish-cbc-tcw", 64, 5, ""),
    ("camellia-xts-plain64", 64, 0, ""),
    ("camellia-cbc-benbi", 32, 0, ""),
    ("camellia-cbc-essiv:sha256", 16, 8, "1 sector_size:1024"),
];

/// What the engine does at a time: short, and so long that it is cut.
const PARTS: [std::ops::Range<usize>; 4] = [0..8, 8..264, 264..280, 280..1024];

/// The ciphers that this kernel has, besides aes.
const MAYBE: [&str; 4] = ["serpent", "twofish", "camellia", "md5"];

/// Cases of both drivers that must be shown: the number.
const LEAST: usize = 40;

/// Bytes, tables and status are the same on both.
pub(crate) fn bytes_are_the_kernels() -> Result<(), String> {
    let kernel = Linux::open().map_err(|error| error.report())?;
    let mut rng = Rng::with_seed(10);
    let (mut shown, mut lacking) = (0, Vec::new());
    for case in CASES {
        let done = agree(&kernel, &mut rng, case);
        match done.map_err(|reason| format!("{case:?}: {reason}"))? {
            true => shown += 1,
            false => lacking.push(case.0),
        }
    }
    println!("{shown} cases; this kernel lacks {lacking:?}");
    match shown >= LEAST {
        true => Ok(()),
        false => Err(format!("{shown} cases are too few")),
    }
}

/// One case on both drivers; whether the kernel knows it.
fn agree(kernel: &Linux, rng: &mut Rng, case: &Case) -> Result<bool, String> {
    let (cipher, bytes, offset, options) = case;
    let key: String = random_bytes(rng, *bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key = if key.is_empty() { "-" } else { &key };
    let table = format!("0 {SECTORS} crypt {cipher} {key} {offset} {DISK} 16 {options}");
    let engine = Engine::new();
    let built = script::create(&engine, DEVICE, &table);
    built.map_err(|error| format!("engine: {}", error.report()))?;
    if let Err(error) = script::create(kernel, DEVICE, &table) {
        let removed = Dm::new(kernel).remove(script::name(DEVICE), RemoveMode::IfUnused);
        removed.map_err(|error| error.report())?;
        return match MAYBE.iter().any(|name| cipher.contains(name)) {
            true => Ok(false),
            false => Err(format!("kernel: {}", error.report())),
        };
    }
    let done = shown_alike(kernel, &engine).and_then(|()| bytes_agree(rng, &engine));
    let removed = Dm::new(kernel).remove(script::name(DEVICE), RemoveMode::IfUnused);
    done.and(removed.map_err(|error| error.report()))?;
    Ok(true)
}

/// Table and status.
pub(crate) fn shown_alike(kernel: &Linux, engine: &Engine) -> Result<(), String> {
    let shown = |driver: &dyn Backend| -> Result<String, DmError> {
        let dm = Dm::new(driver);
        let table = dm.table(script::name(DEVICE), Slot::Active)?.1;
        let status = dm.status(script::name(DEVICE), Slot::Active, FlushMode::Flush)?;
        let lines = table.iter().chain(&status.1);
        Ok(lines.map(|line| format!("{line}\n")).collect())
    };
    let number = std::fs::read_to_string("/sys/class/block/ram0/dev");
    let number = number.map_err(|error| format!("{DISK}: {error}"))?;
    let kernel = shown(kernel).map_err(|error| error.report())?;
    let engine = shown(engine).map_err(|error| error.report())?;
    // The engine says a device as the table did.
    equal("engine", &engine.replace(DISK, number.trim()), &kernel)
}

/// Each reads what the other wrote. The engine works on the disk's page cache, past which the
/// kernel's device goes: it comes second, to a cache that is empty, and flushes before the kernel
/// reads.
pub(crate) fn bytes_agree(rng: &mut Rng, engine: &Engine) -> Result<(), String> {
    let node = format!("/dev/mapper/{DEVICE}");
    let node = || KernelDisk::open(Path::new(&node), TableMode::ReadWrite);
    let mut kernel = node().map_err(|errno| format!("{DEVICE}: {errno}"))?;
    let mut engine = EngineDisk(script::open(engine, DEVICE));
    let said = |what: &'static str| move |errno| format!("{what}: {errno}");
    let plain = random_bytes(rng, 512 * SECTORS);
    kernel.write(0, &plain).map_err(said("kernel's write"))?;
    for range in PARTS {
        let part = &plain[512 * range.start..512 * range.end];
        let mut bytes = vec![0; part.len()];
        let read = engine.read(range.start as u64, &mut bytes);
        read.map_err(said("engine's read"))?;
        if bytes != part {
            return Err(format!("the engine reads other bytes at {range:?}"));
        }
    }
    let plain = random_bytes(rng, plain.len());
    for range in PARTS {
        let part = &plain[512 * range.start..512 * range.end];
        let written = engine.write(range.start as u64, part);
        written.map_err(said("engine's write"))?;
    }
    engine
        .0
        .flush()
        .map_err(|error| format!("flush: {error}"))?;
    let mut bytes = vec![0; plain.len()];
    kernel.read(0, &mut bytes).map_err(said("kernel's read"))?;
    match bytes == plain {
        true => Ok(()),
        false => Err("the kernel reads other bytes".into()),
    }
}

/// Where ext4 has its label: in the superblock, which begins at 1024.
const LABEL: u64 = 1024 + 0x78;

/// A file system that the kernel made is whole through the engine, and the reverse.
pub(crate) fn file_system_is_whole() -> Result<(), String> {
    let key = "0123456789abcdef".repeat(8);
    let sectors = 16 * 2048;
    let table = format!("0 {sectors} crypt aes-xts-plain64 {key} 0 {DISK} 0 1 sector_size:4096");
    create(DEVICE, &table)?;
    let node = format!("/dev/mapper/{DEVICE}");
    run(&format!("mke2fs -q -t ext4 {node}"))?;
    run(&format!("e2fsck -f -n {node}"))?;
    run(&format!("dmsetup remove {DEVICE}"))?;
    let engine = Engine::new();
    script::create(&engine, DEVICE, &table).map_err(|error| error.report())?;
    let device = script::open(&engine, DEVICE);
    let mut bytes = vec![0; 512 * sectors];
    let read = device.read_at(Sector(0), &mut bytes);
    read.map_err(|error| format!("engine's read: {error}"))?;
    let image = "/tmp/guest-crypt.img";
    std::fs::write(image, &bytes).map_err(|error| format!("{image}: {error}"))?;
    run(&format!("e2fsck -f -n {image}"))?;
    // And back: a file system made on plain bytes goes in through the engine.
    run(&format!("mke2fs -q -t ext4 -F -L engine {image}"))?;
    let bytes = std::fs::read(image).map_err(|error| format!("{image}: {error}"))?;
    let written = device.write_at(Sector(0), &bytes, dm_core::io::IoFlags::FUA);
    written.map_err(|error| format!("engine's write: {error}"))?;
    drop(device);
    create(DEVICE, &table)?;
    let checked = run(&format!("e2fsck -f -n {node}")).and_then(|_| {
        let label = read_at(&node, LABEL, 6)?;
        equal("label", &String::from_utf8_lossy(&label), "engine")
    });
    run(&format!("dmsetup remove {DEVICE}"))?;
    std::fs::remove_file(image).map_err(|error| format!("{image}: {error}"))?;
    checked
}

/// Both take and refuse the same messages.
pub(crate) fn messages_are_the_kernels() -> Result<(), String> {
    let key = "0123456789abcdef".repeat(8);
    let other = "fedcba9876543210".repeat(8);
    let table = format!("0 {SECTORS} crypt aes-xts-plain64 {key} 0 {DISK} 0");
    let engine = Engine::new();
    let kernel = Linux::open().map_err(|error| error.report())?;
    let drivers: [&dyn Backend; 2] = [&kernel, &engine];
    let told = drivers.map(|driver| {
        script::create(driver, DEVICE, &table).map_err(|error| error.report())?;
        let dm = Dm::new(driver);
        let device = || script::name(DEVICE);
        let mut told = Vec::new();
        for step in [
            "key wipe",
            "suspend",
            "key",
            "key set 00",
            "key set zz",
            "key wipe",
            "resume",
            "KEY",
            "key set",
            "resume",
            "key wipe",
            "suspend",
            "key wipe",
            "resume",
            "restore",
            "resume",
        ] {
            let done = match step {
                "suspend" => dm.suspend(device(), SuspendOptions::default()).map(drop),
                "resume" => dm.resume(device(), SuspendOptions::default()).map(drop),
                "restore" | "key set" => {
                    let text = format!("key set {other}");
                    dm.message(device(), Sector(0), text).map(drop)
                }
                text => dm.message(device(), Sector(0), text).map(drop),
            };
            let errno = done.map_err(|error| error.context.errno);
            told.push(format!("{step}: {errno:?}"));
            let table = dm.table(device(), Slot::Active);
            let table = table.map_err(|error| error.report())?.1;
            let key = table[0].params.split(' ').nth(1).unwrap_or_default();
            told.push(key.to_owned());
        }
        let removed = dm.remove(device(), RemoveMode::IfUnused);
        removed.map_err(|error| error.report())?;
        Ok::<_, String>(told.join("\n"))
    });
    let [kernel, engine] = told;
    equal("engine", &engine?, &kernel?)
}
