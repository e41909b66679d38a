//! What the kernel has.

use std::path::Path;

use crate::shell::{create, equal, output, run};

/// The targets that both kernels have once their modules are loaded.
const TARGETS: &[&str] = &[
    "cache",
    "crypt",
    "delay",
    "era",
    "error",
    "flakey",
    "integrity",
    "linear",
    "log-writes",
    "mirror",
    "multipath",
    "raid",
    "snapshot",
    "snapshot-merge",
    "snapshot-origin",
    "striped",
    "switch",
    "thin",
    "thin-pool",
    "unstriped",
    "verity",
    "writecache",
    "zero",
];

/// Whether this kernel is a program of the host's, as fast as the host: then more is tried each time.
pub(crate) fn is_a_program() -> bool {
    let processors = std::fs::read_to_string("/proc/cpuinfo");
    processors.is_ok_and(|text| text.contains("User Mode Linux"))
}

/// Whether verity was built with Reed-Solomon codes, as for every machine but user-mode Linux.
pub(crate) fn has_codes() -> bool {
    !is_a_program()
}

/// The driver answers, with the interface's major version 4.
pub(crate) fn has_device_mapper() -> Result<(), String> {
    let text = run("dmsetup version")?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("Driver version:"))
        .ok_or_else(|| format!("no driver version: {text}"))?;
    println!("driver version {}", version.trim());
    if version.trim().starts_with("4.") {
        Ok(())
    } else {
        Err(format!("version {version}"))
    }
}

/// Init loaded every module that the kernel's package has of our list.
pub(crate) fn has_its_modules() -> Result<(), String> {
    let read =
        |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let list = read("/etc/modules")?;
    // A built-in module without parameters has no folder: it stands in its own list.
    let built_in = read(&format!(
        "/lib/modules/{}/modules.builtin",
        run("uname -r")?.trim()
    ))?;
    let missing: Vec<&str> = list
        .lines()
        .filter(|name| {
            !Path::new("/sys/module")
                .join(name.replace('-', "_"))
                .is_dir()
        })
        .filter(|name| {
            !built_in
                .lines()
                .any(|path| path.ends_with(&format!("/{name}.ko")))
        })
        .collect();
    println!("{} modules", list.lines().count());
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("not loaded: {missing:?}"))
    }
}

/// Every target that later checks need is registered.
pub(crate) fn has_targets() -> Result<(), String> {
    let text = run("dmsetup targets")?;
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let missing: Vec<&&str> = TARGETS
        .iter()
        .filter(|target| !found.contains(target))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no {missing:?} among {found:?}"))
    }
}

/// A crypt table loads only if the kernel finds the modules of its cipher.
pub(crate) fn crypt_finds_its_cipher() -> Result<(), String> {
    for cipher in ["aes-xts-plain64", "aes-cbc-essiv:sha256"] {
        let key = "0123456789abcdef".repeat(4);
        create(
            "guest-crypt",
            &format!("0 1024 crypt {cipher} {key} 0 /dev/ram0 0"),
        )?;
        let status = run("dmsetup status guest-crypt");
        run("dmsetup remove guest-crypt")?;
        equal("status", &status?, "0 1024 crypt \n")?;
    }
    let (success, _, stderr) = output("dmsetup status guest-crypt")?;
    if success {
        Err(format!("the device is still there: {stderr}"))
    } else {
        Ok(())
    }
}
