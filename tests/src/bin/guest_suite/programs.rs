//! The programs that the guest has: theirs and ours.

use crate::shell::{equal, output, run};

/// Each has all its libraries.
pub(crate) fn every_program_starts() -> Result<(), String> {
    for words in [
        "dmsetup --version",
        "lvm version",
        "cryptsetup --version",
        "keyctl --version",
        "integritysetup --version",
        "veritysetup --version",
        "thin_check --version",
        "cache_check --version",
        "fio --version",
        "nbd-client --version",
        "modprobe --version",
    ] {
        let (success, stdout, stderr) = output(words)?;
        // nbd-client tells its version and fails, as its manual does not say.
        if !success && !words.starts_with("nbd-client") {
            return Err(format!("`{words}` failed: {stdout}{stderr}"));
        }
        let said = stdout
            .lines()
            .chain(stderr.lines())
            .find(|line| !line.trim().is_empty());
        println!(
            "{words}: {}",
            said.ok_or_else(|| format!("`{words}` says nothing"))?
                .trim()
        );
    }
    Ok(())
}

/// LVM2 without udev, with the thin tools that it calls.
pub(crate) fn lvm_makes_a_thin_volume() -> Result<(), String> {
    run("lvm vgcreate -qq -y guest /dev/ram1 /dev/ram2")?;
    let result = thin_volume();
    run("lvm vgremove -qq -f guest")?;
    run("lvm pvremove -qq /dev/ram1 /dev/ram2")?;
    result
}

fn thin_volume() -> Result<(), String> {
    run("lvm lvcreate -qq -y -L 32M -T guest/pool")?;
    run("lvm lvcreate -qq -y -V 1G -T guest/pool -n thin")?;
    let status = run("dmsetup status guest-thin")?;
    equal("status", &status, "0 2097152 thin 0 -\n")
}

/// Our own tool runs in the guest.
pub(crate) fn dmctl_starts() -> Result<(), String> {
    let said = run("dmctl --version")?;
    if said.starts_with("dmctl ") {
        Ok(())
    } else {
        Err(format!("it says {said:?}"))
    }
}

/// It says what is missing, and the command that mends it.
pub(crate) fn doctor_names_a_missing_module() -> Result<(), String> {
    let modules = "dm-round-robin dm-queue-length dm-service-time dm-multipath";
    run(&format!("modprobe -r {modules}"))?;
    let said = output("dmctl doctor");
    run(&format!("modprobe -a {modules}"))?;
    let (_, said, _) = said?;
    let mut lines = said.lines().map(str::trim);
    let finding = lines.find(|line| line.ends_with("multipath is not loaded"));
    match (finding, lines.next()) {
        (Some(_), Some("as root: modprobe dm-multipath")) => Ok(()),
        _ => Err(format!("it says {said}")),
    }
}

/// The example that runs on an engine elsewhere.
pub(crate) fn any_driver_runs() -> Result<(), String> {
    for driver in ["engine", "linux"] {
        let lines = crate::any_driver::run(driver).map_err(|error| error.report())?;
        match &lines[..] {
            [line] if line.starts_with(driver) && line.ends_with("0 2048 zero") => {}
            _ => return Err(format!("{driver}: it says {lines:?}")),
        }
    }
    Ok(())
}
