//! Real kernels, each booted once for all its checks.
//!
//! `DM_GUEST_CHECK=name,name` runs these checks alone, `DM_GUEST_ALL` also those on both kernels that
//! one is enough for, and Linux 6.1 both ways; `DM_GUEST_LIMIT` are the seconds that a check may take,
//! and `DM_GUEST_APPEND` is what else the kernel's command line has. Where there is no guest to be had (no Debian, no
//! network), the tests fail in CI; elsewhere they say that they are skipped, and why.

use std::io::Write;
use std::time::Duration;

use dm_tests::guest::{CHECK_LIMIT, Failure, Guest, Kernel, Trouble};

/// A booted guest, or none where none can be.
fn boot(test: &str, kernel: Kernel) -> Option<Guest> {
    match Guest::boot(kernel) {
        Ok(guest) => Some(guest),
        Err(Failure {
            trouble: Trouble::Unavailable(reason),
            ..
        }) if std::env::var_os("CI").is_none() => {
            skip(test, &reason);
            None
        }
        Err(failure) => panic!("{}", failure.report()),
    }
}

/// Says so past libtest, which shows nothing of a test that passes.
fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

/// Which of a guest's checks are run, unless some are asked for.
enum Which {
    Only(&'static [&'static str]),
    Without(Vec<&'static str>),
}

/// Boots a guest and runs its checks.
fn run_suite(test: &str, kernel: Kernel, which: Which) {
    if let Some(guest) = boot(test, kernel) {
        run_checks(guest, which);
    }
}

/// Runs the checks that the guest has, as far as they are wanted; or those that are asked for.
fn run_checks(mut guest: Guest, which: Which) {
    let has = guest.checks();
    let named = match &which {
        Which::Only(those) => those,
        Which::Without(those) => &those[..],
    };
    for check in named {
        assert!(has.iter().any(|it| it == check), "the suite has no {check}");
    }
    let checks: Vec<String> = match (std::env::var("DM_GUEST_CHECK"), which) {
        (Ok(checks), _) => checks.split(',').map(String::from).collect(),
        (Err(_), Which::Only(only)) => only.iter().map(|check| (*check).to_owned()).collect(),
        (Err(_), Which::Without(those)) => {
            let wanted = |check: &String| !those.contains(&check.as_str());
            has.into_iter().filter(wanted).collect()
        }
    };
    assert!(!checks.is_empty(), "the suite has no checks");
    let limit = std::env::var("DM_GUEST_LIMIT").map_or(CHECK_LIMIT, |seconds| {
        Duration::from_secs(seconds.parse().expect("DM_GUEST_LIMIT: seconds"))
    });
    let mut failed = Vec::new();
    for (done, check) in checks.iter().enumerate() {
        match guest.run_within(check, limit) {
            Ok(()) => {}
            Err(Failure {
                trouble: trouble @ Trouble::Check { .. },
                ..
            }) => {
                failed.push(trouble.to_string());
            }
            Err(failure) => panic!(
                "{}\nnot run: {:?}; failed before: {failed:?}",
                failure.report(),
                &checks[done + 1..]
            ),
        }
    }
    if let Err(failure) = guest.finish() {
        panic!("{}\nfailed before: {failed:?}", failure.report());
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        checks.len(),
        failed.join("\n")
    );
}

/// What one kernel shows as well as two, since it is more of programs and formats than of the kernel: the
/// older one does, which is the faster one where it runs as a program of the host's. With
/// `DM_GUEST_ALL`, both do.
const ONCE: &[&str] = &[
    "crypt_bytes_are_the_kernels",
    "crypt_volumes_open_either_way",
    "crypt_tags_volumes_open_either_way",
    "doctor_names_a_missing_module",
    "beside_dmsetup_reports",
    "beside_dmsetup_trees",
    "beside_dmsetup_rest",
    "beside_dmsetup_stats",
    "beside_dmsetup_with_trouble",
    "beside_dmsetup_with_several_devices",
    "changing_verbs_need_no_more_ioctls",
    "looking_verbs_need_no_more_ioctls",
    "churn_needs_no_more_ioctls",
    "integrity_kernels_goes_on_here",
    "integrity_ours_goes_on_in_the_kernel",
    "integrity_journals_in_mid_life",
    "integrity_more_journals_in_mid_life",
    "integrity_bitmaps_in_mid_life",
    "integrity_flips_are_found_alike",
    "integrity_our_cuts_are_recovered_by_the_kernel",
    "integrity_kernels_cuts_are_recovered_here",
    "integrity_half_made_tags_are_gone_on_with",
];

/// What Linux 6.1 does not have: tags of which crypt fills a part, tags in a disk's own metadata, and a ublk
/// driver.
const NOT_OLD: &[&str] = &[
    "crypt_tags_bytes_are_the_kernels",
    "integrity_inline_device_is_the_kernels",
    "ublk_device_outlives_its_server",
    "ublk_device_outlives_its_daemon",
    "ublk_keyed_device_is_adopted_with_its_key",
];

/// What user-mode Linux is no place for, besides: it knows more kinds of partitions.
const NOT_UM: &[&str] = &["kernel_finds_the_same_partitions"];

/// Linux 6.1 is a program of the host's where it can be one. With `DM_GUEST_ALL` it runs in QEMU, too; with
/// `DM_GUEST_ACCEL` there alone.
#[test]
fn linux_6_1() {
    let asked = |name| std::env::var_os(name).is_some();
    let program = match asked("DM_GUEST_ACCEL") {
        true => None,
        false => Guest::boot(Kernel::V6_1Um)
            .inspect_err(|failure| skip("linux_6_1 as a program", &failure.report()))
            .ok(),
    };
    let in_qemu = program.is_none() || asked("DM_GUEST_ALL");
    if let Some(guest) = program {
        run_checks(guest, Which::Without([NOT_OLD, NOT_UM].concat()));
    }
    if in_qemu {
        run_suite("linux_6_1", Kernel::V6_1, Which::Without(NOT_OLD.to_vec()));
    }
}

#[test]
fn linux_6_12() {
    let left_out = match std::env::var_os("DM_GUEST_ALL") {
        None => ONCE.to_vec(),
        Some(_) => Vec::new(),
    };
    run_suite("linux_6_12", Kernel::V6_12, Which::Without(left_out));
}

/// The checks that need no tools but ours: the ioctls with the machine code of another processor.
const CORE: &[&str] = &[
    "kernel_has_its_modules",
    "dmctl_starts",
    "scripts_agree",
    "random_scripts_agree",
];

#[test]
fn linux_arm64() {
    let asked = std::env::var("DM_GUEST_CHECK").unwrap_or_default();
    let mut asked = asked.split(',').filter(|check| !check.is_empty());
    if let Some(check) = asked.find(|check| !CORE.contains(check)) {
        return skip("linux_arm64", &format!("{check} needs tools that it lacks"));
    }
    run_suite("linux_arm64", Kernel::V6_12Arm64, Which::Only(CORE));
}

/// What the suite promises to notice, it notices in a real guest.
#[test]
fn guest_that_breaks_is_noticed() {
    if std::env::var_os("DM_GUEST_CHECK").is_some() {
        return skip(
            "guest_that_breaks_is_noticed",
            "DM_GUEST_CHECK asks for some checks",
        );
    }
    let Some(mut guest) = boot("guest_that_breaks_is_noticed", Kernel::V6_12) else {
        return;
    };
    for (fault, reason) in [
        ("fault_fails", "as it should | in two lines"),
        ("fault_aborts", "signal"),
        ("fault_leaves_a_device", "it leaves behind: dm-0 guest-left"),
        ("no_such_check", "no check of this name"),
    ] {
        let failure = guest.run(fault).expect_err(fault);
        assert!(
            matches!(failure.trouble, Trouble::Check { .. }),
            "{}",
            failure.report()
        );
        assert!(failure.to_string().contains(reason), "{failure}");
    }
    guest
        .run("linear_over_ram_disk")
        .expect("the guest is as good as before");
    let failure = guest
        .run("fault_panics_the_kernel")
        .expect_err("the kernel is gone");
    assert!(
        matches!(failure.trouble, Trouble::Kernel { .. }),
        "{}",
        failure.report()
    );
}
