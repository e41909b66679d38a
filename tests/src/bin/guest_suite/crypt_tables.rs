//! What a crypt table may say besides a cipher and a key in hexadecimal, on the kernel and on the engine.

use dm_core::backend::Backend;
use dm_core::blockdev::{BlockDev, Blocking};
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::flags::DeviceFlags;
use dm_core::table::TableLine;
use dm_core::units::Sector;
use dm_linux::Linux;
use dm_tests::script;
use fastrand::Rng;

use crate::crypt::{DEVICE, DISK, SECTORS, bytes_agree, shown_alike};
use crate::shell::{read_at, run, write_at};

const KEY: &str = "0123456789abcdef0123456789ABCDEF";
const OTHER: &str = "an other key, as long as the one";

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn table(key: &str) -> String {
    format!("0 {SECTORS} crypt aes-xts-plain64 {key} 0 {DISK} 16")
}

fn remove(driver: &dyn Backend) -> Result<(), String> {
    let removed = Dm::new(driver).remove(script::name(DEVICE), RemoveMode::IfUnused);
    removed.map(drop).map_err(|error| error.report())
}

/// Keys of type user are both drivers', those of type logon the kernel's alone.
pub(crate) fn keys_of_the_keyring() -> Result<(), String> {
    for (kind, name, key) in [
        ("user", "guest-crypt", KEY),
        ("user", "guest-other", OTHER),
        ("logon", "guest:crypt", KEY),
    ] {
        let added = std::process::Command::new("keyctl")
            .args(["add", kind, name, key, "@u"])
            .output()
            .map_err(|error| format!("keyctl: {error}"))?;
        if !added.status.success() {
            return Err(format!(
                "keyctl: {}",
                String::from_utf8_lossy(&added.stderr)
            ));
        }
    }
    let kernel = Linux::open().map_err(|error| error.report())?;
    let done = keyring_on(&kernel);
    run("keyctl clear @u")?;
    done
}

fn keyring_on(kernel: &Linux) -> Result<(), String> {
    let mut rng = Rng::with_seed(11);
    let by_name = table(":32:user:guest-crypt");
    let by_logon = table(":32:logon:guest:crypt");
    let by_value = table(&hex(KEY));
    for (on_kernel, on_engine) in [
        (&by_name, &by_name),
        (&by_name, &by_value),
        (&by_value, &by_name),
        (&by_logon, &by_value),
    ] {
        let engine = Engine::new();
        let built = script::create(&engine, DEVICE, on_engine);
        built.map_err(|error| format!("engine: {on_engine}: {}", error.report()))?;
        let built = script::create(kernel, DEVICE, on_kernel);
        let built = built.map_err(|error| format!("kernel: {on_kernel}: {}", error.report()));
        let done = built.and_then(|()| {
            if on_kernel == on_engine {
                shown_alike(kernel, &engine)?;
                set_by_message(kernel, &engine)?;
                shown_alike(kernel, &engine)?;
            }
            bytes_agree(&mut rng, &engine)
        });
        let removed = remove(kernel);
        done.map_err(|error| format!("{on_kernel}, {on_engine}: {error}"))?;
        removed?;
    }
    for wrong in [
        ":16:user:guest-crypt",
        ":32:user:guest-none",
        ":32:logon:guest-crypt",
        ":32:nothing:guest-crypt",
        ":0:user:guest-crypt",
        ":32:user",
    ] {
        let drivers: [&dyn Backend; 2] = [kernel, &Engine::new()];
        for driver in drivers {
            let taken = script::create(driver, DEVICE, &table(wrong)).is_ok();
            let _ = remove(driver);
            if taken {
                return Err(format!("{wrong} is taken"));
            }
        }
    }
    // What userspace can not read, only a kernel can use; it is said so.
    let refused = script::create(&Engine::new(), DEVICE, &by_logon).map_err(|error| error.report());
    match refused {
        Err(text) if text.contains("only a kernel") => Ok(()),
        other => Err(format!("a logon key on the engine: {other:?}")),
    }
}

/// Both take another key by its name.
fn set_by_message(kernel: &Linux, engine: &Engine) -> Result<(), String> {
    let drivers: [&dyn Backend; 2] = [kernel, engine];
    for driver in drivers {
        let dm = Dm::new(driver);
        let name = || script::name(DEVICE);
        let told = dm
            .suspend(name(), SuspendOptions::default())
            .and_then(|_| dm.message(name(), Sector(0), "key set :32:user:guest-other"))
            .and_then(|_| dm.resume(name(), SuspendOptions::default()));
        told.map_err(|error| error.report())?;
    }
    Ok(())
}

/// A table that is loaded for reading alone is read alike, and neither driver writes.
pub(crate) fn read_only_tables() -> Result<(), String> {
    let plain = vec![0x3c_u8; 8192];
    let node = format!("/dev/mapper/{DEVICE}");
    let kernel = Linux::open().map_err(|error| error.report())?;
    let text = table(&hex(KEY));
    script::create(&kernel, DEVICE, &text).map_err(|error| error.report())?;
    let written = write_at(&node, 4096, &plain);
    remove(&kernel)?;
    written?;
    let engine = Engine::new();
    let drivers: [&dyn Backend; 2] = [&kernel, &engine];
    for driver in drivers {
        let lines = TableLine::parse_table(&text).map_err(|error| error.to_string())?;
        let dm = Dm::new(driver);
        let name = || script::name(DEVICE);
        let made = dm
            .create(Create::new(name()))
            .and_then(|_| dm.load(Load::new(name(), lines).read_only()))
            .and_then(|_| dm.resume(name(), SuspendOptions::default()))
            .and_then(|_| dm.info(name(), Slot::Active));
        let info = made.map_err(|error| error.report())?;
        if !info.flags.contains(DeviceFlags::READ_ONLY) {
            return Err("the device may be written".into());
        }
    }
    let by_kernel = read_at(&node, 4096, plain.len());
    let refused = write_at(&node, 4096, &[0; 512]).is_err();
    let shown = shown_alike(&kernel, &engine);
    remove(&kernel)?;
    shown?;
    let mut by_engine = vec![0; plain.len()];
    let device = engine.open(&script::name(DEVICE).into(), TableMode::ReadOnly);
    let device = device.map_err(|error| error.report())?;
    let read = device.read_at(Sector(8), &mut by_engine);
    read.map_err(|error| error.to_string())?;
    let write = device.write_at(Sector(8), &[0; 512], dm_core::io::IoFlags::empty());
    match (by_kernel? == plain, by_engine == plain, refused, write) {
        (true, true, true, Err(_)) if device.info().read_only => Ok(()),
        other => Err(format!(
            "kernel reads, engine reads, refused, write: {other:?}"
        )),
    }
}
