//! KVM where it boots a stock kernel, else software emulation.
//!
//! `/dev/kvm` may be there, open for us, and still run no stock kernel: nested under some
//! hypervisors the guest dies in its decompressor, or stands still. So it is tried, once for each
//! boot of the host and each kernel, and the outcome remembered. Where one kernel failed, no other
//! is tried.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::time::Duration;

use super::error::Trouble;
use super::image::{Arch, Image};
use super::{Failure, Guest};

/// With working KVM a guest is ready in less than five seconds.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// How the guest's instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accel {
    /// By the host's processor.
    Kvm,
    /// By translation.
    Tcg,
    /// As those of any program.
    Native,
}

impl Accel {
    /// Chooses: none for user-mode Linux, translation for another processor than the host's; else what
    /// `DM_GUEST_ACCEL` (`kvm` or `tcg`) says, else what is remembered, else what a probe finds.
    ///
    /// # Errors
    /// If `DM_GUEST_ACCEL` says something else, or the outcome can not be kept.
    pub fn choose(image: &Image) -> Result<Accel, Failure> {
        match image.kernel().arch() {
            Arch::Amd64 => {}
            Arch::Arm64 => return Ok(Accel::Tcg),
            Arch::Um => return Ok(Accel::Native),
        }
        if let Ok(word) = std::env::var("DM_GUEST_ACCEL") {
            return Accel::named(&word).ok_or_else(|| {
                Trouble::Unavailable(format!("DM_GUEST_ACCEL is {word}, not kvm or tcg")).into()
            });
        }
        if OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_err()
        {
            return Ok(Accel::Tcg);
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let key = format!("{} {}", boot.trim(), image.vmlinuz().display());
        let host = |source| Trouble::Host {
            what: "the choice of kvm or tcg".to_owned(),
            source,
        };
        // Locked over the probe, so that it is one for all who ask at the same time.
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(image.state().join("accel"))
            .map_err(host)?;
        file.lock().map_err(host)?;
        let mut kept = String::new();
        file.read_to_string(&mut kept).map_err(host)?;
        if let Some(accel) = recall(&kept, &key, boot.trim()) {
            return Ok(accel);
        }
        let accel = match Guest::boot_image(image, Accel::Kvm, PROBE_LIMIT) {
            Ok(_) => Accel::Kvm,
            Err(_) => Accel::Tcg,
        };
        writeln!(file, "{key} {accel}").map_err(host)?;
        Ok(accel)
    }

    /// The value of QEMU's `-accel`, if it is QEMU that runs them.
    pub fn argument(self) -> Option<&'static str> {
        match self {
            Accel::Kvm => Some("kvm"),
            Accel::Tcg => Some("tcg,thread=multi"),
            Accel::Native => None,
        }
    }

    fn named(word: &str) -> Option<Accel> {
        [Accel::Kvm, Accel::Tcg]
            .into_iter()
            .find(|accel| accel.to_string() == word)
    }
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Accel::Kvm => "kvm",
            Accel::Tcg => "tcg",
            Accel::Native => "no machine but the host",
        })
    }
}

fn recall(kept: &str, key: &str, boot: &str) -> Option<Accel> {
    if kept
        .lines()
        .any(|line| line.starts_with(boot) && line.ends_with(" tcg"))
    {
        return Some(Accel::Tcg);
    }
    kept.lines()
        .find_map(|line| Accel::named(line.strip_prefix(key)?.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_of_its_kernel() {
        let kept = "one /a/vmlinuz kvm\n";
        assert_eq!(recall(kept, "one /a/vmlinuz", "one"), Some(Accel::Kvm));
        assert_eq!(recall(kept, "one /b/vmlinuz", "one"), None);
        assert_eq!(recall(kept, "two /a/vmlinuz", "two"), None);
    }

    #[test]
    fn one_failure_is_enough() {
        let kept = "one /a/vmlinuz kvm\none /b/vmlinuz tcg\n";
        assert_eq!(recall(kept, "one /a/vmlinuz", "one"), Some(Accel::Tcg));
        assert_eq!(recall(kept, "two /a/vmlinuz", "two"), None);
    }
}
