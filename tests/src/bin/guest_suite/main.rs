//! The guest's side: runs checks inside the guest, one by one, as the host asks for them.
//!
//! `guest_suite serve` obeys the console; `guest_suite check NAME` runs one check, for a person in
//! the guest's shell and for `serve`, which gives every check a process of its own, so that one
//! that panics or keeps files open harms no other; `guest_suite list` names them. `guest_suite churn`
//! is a loop that one of them runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode};

use dm_tests::guest::protocol::{Message, Request};

#[allow(dead_code)] // Its own main.
#[path = "../../../../tools/examples/any_driver.rs"]
mod any_driver;
mod attached;
mod beside_dmsetup;
mod churn;
mod counts;
mod crowd;
mod crypt;
mod crypt_luks;
mod crypt_tables;
mod crypt_tags;
mod exports;
mod faults;
mod integrity;
mod integrity_cuts;
mod integrity_flips;
mod integrity_halves;
mod integrity_inline;
mod integrity_life;
mod integrity_sides;
mod ioctls;
mod kernel;
mod labels;
mod linear;
mod processors;
mod programs;
mod proof_figures;
mod scenarios;
mod shell;
mod stacks;
mod startup;
mod tables;
mod typed;
mod udev;
mod verity;
mod verity_flips;

/// What a check is: it succeeds, or says why not.
type Check = fn() -> Result<(), String>;

/// Every check, in the order in which they run.
const CHECKS: &[(&str, Check)] = &[
    ("kernel_has_device_mapper", kernel::has_device_mapper),
    ("kernel_has_its_modules", kernel::has_its_modules),
    ("kernel_has_targets", kernel::has_targets),
    ("linear_over_ram_disk", linear::over_ram_disk),
    ("linear_over_loop_device", linear::over_loop_device),
    ("crypt_finds_its_cipher", kernel::crypt_finds_its_cipher),
    ("crypt_bytes_are_the_kernels", crypt::bytes_are_the_kernels),
    ("crypt_file_system_is_whole", crypt::file_system_is_whole),
    (
        "crypt_messages_are_the_kernels",
        crypt::messages_are_the_kernels,
    ),
    (
        "crypt_keys_of_the_keyring",
        crypt_tables::keys_of_the_keyring,
    ),
    ("crypt_read_only_tables", crypt_tables::read_only_tables),
    (
        "crypt_volumes_open_either_way",
        crypt_luks::volumes_open_either_way,
    ),
    (
        "crypt_tags_bytes_are_the_kernels",
        crypt_tags::bytes_are_the_kernels,
    ),
    (
        "crypt_tags_wrong_sectors_are_the_kernels",
        crypt_tags::wrong_sectors_are_the_kernels,
    ),
    (
        "crypt_tags_volumes_open_either_way",
        crypt_luks::volumes_with_tags_open_either_way,
    ),
    ("every_program_starts", programs::every_program_starts),
    ("lvm_makes_a_thin_volume", programs::lvm_makes_a_thin_volume),
    ("dmctl_starts", programs::dmctl_starts),
    (
        "doctor_names_a_missing_module",
        programs::doctor_names_a_missing_module,
    ),
    ("any_driver_runs", programs::any_driver_runs),
    (
        "typed_parameters_are_the_kernels",
        typed::parameters_are_the_kernels,
    ),
    (
        "kernel_refuses_what_we_refuse",
        typed::kernel_refuses_what_we_refuse,
    ),
    (
        "typed_wrong_sets_are_wrong_to_both",
        typed::wrong_sets_are_wrong_to_both,
    ),
    (
        "typed_more_wrong_sets_are_wrong_to_both",
        typed::more_wrong_sets_are_wrong_to_both,
    ),
    (
        "kernel_finds_the_same_partitions",
        labels::kernel_finds_the_same_partitions,
    ),
    (
        "tables_leave_labels_alone",
        labels::tables_leave_labels_alone,
    ),
    (
        "beside_dmsetup_without_devices",
        beside_dmsetup::without_devices,
    ),
    (
        "beside_dmsetup_with_one_device",
        beside_dmsetup::with_one_device,
    ),
    ("beside_dmsetup_with_trouble", beside_dmsetup::with_trouble),
    (
        "beside_dmsetup_with_several_devices",
        beside_dmsetup::with_several_devices,
    ),
    ("beside_dmsetup_reports", beside_dmsetup::reports),
    ("beside_dmsetup_trees", beside_dmsetup::trees),
    ("beside_dmsetup_rest", beside_dmsetup::rest),
    ("beside_dmsetup_stats", beside_dmsetup::stats),
    (
        "udev_nodes_are_there_with_the_command",
        udev::nodes_are_there_with_the_command,
    ),
    (
        "udev_batch_is_shared_with_dmsetup",
        udev::batch_is_shared_with_dmsetup,
    ),
    (
        "udev_cookie_verbs_print_the_same",
        udev::cookie_verbs_print_the_same,
    ),
    ("udev_rules_may_call_dmctl", udev::rules_may_call_dmctl),
    (
        "udev_rules_are_left_out_alike",
        udev::rules_are_left_out_alike,
    ),
    (
        "udev_threads_leave_no_semaphore",
        udev::threads_leave_no_semaphore,
    ),
    ("udev_stopped_is_given_up", udev::stopped_udev_is_given_up),
    (
        "udev_killed_is_not_waited_for",
        udev::killed_udev_is_not_waited_for,
    ),
    (
        "udev_interrupted_wait_leaves_no_cookie",
        udev::interrupted_wait_leaves_no_cookie,
    ),
    ("udev_absent_is_not_missed", udev::absent_udev_is_not_missed),
    (
        "udev_in_another_ipc_namespace",
        udev::other_ipc_namespace_is_noticed,
    ),
    ("transaction_swaps_under_io", stacks::swaps_under_io),
    (
        "transaction_refused_is_taken_back",
        stacks::refused_step_is_taken_back,
    ),
    ("events_are_told", stacks::events_are_told),
    (
        "each_ioctl_beside_dmsetup",
        ioctls::each_ioctl_beside_dmsetup,
    ),
    (
        "changing_verbs_need_no_more_ioctls",
        counts::changing_verbs_need_no_more_ioctls,
    ),
    (
        "looking_verbs_need_no_more_ioctls",
        counts::looking_verbs_need_no_more_ioctls,
    ),
    ("threads_share_a_handle", crowd::threads_share_a_handle),
    (
        "churn_needs_no_more_ioctls",
        churn::churn_needs_no_more_ioctls,
    ),
    (
        "kernel_nbd_reads_what_it_wrote",
        exports::kernel_nbd_reads_what_it_wrote,
    ),
    (
        "ublk_device_outlives_its_server",
        exports::ublk_device_outlives_its_server,
    ),
    (
        "ublk_device_outlives_its_daemon",
        attached::device_outlives_its_daemon,
    ),
    (
        "ublk_keyed_device_is_adopted_with_its_key",
        attached::keyed_device_is_adopted_with_its_key,
    ),
    ("scripts_agree", scenarios::scripts_agree),
    ("random_scripts_agree", scenarios::random_scripts_agree),
    ("verity_ours_is_read_alike", verity::ours_is_read_alike),
    (
        "verity_veritysetups_is_read_alike",
        verity::veritysetups_is_read_alike,
    ),
    (
        "verity_flips_are_found_alike",
        verity_flips::flips_are_found_alike,
    ),
    (
        "integrity_kernels_goes_on_here",
        integrity::kernels_goes_on_here,
    ),
    (
        "integrity_ours_goes_on_in_the_kernel",
        integrity::ours_goes_on_in_the_kernel,
    ),
    ("integrity_journals_in_mid_life", integrity_life::journals),
    (
        "integrity_more_journals_in_mid_life",
        integrity_life::more_journals,
    ),
    ("integrity_bitmaps_in_mid_life", integrity_life::bitmaps),
    (
        "integrity_flips_are_found_alike",
        integrity_flips::flips_are_found_alike,
    ),
    (
        "integrity_our_cuts_are_recovered_by_the_kernel",
        integrity_cuts::ours_are_recovered_by_the_kernel,
    ),
    (
        "integrity_kernels_cuts_are_recovered_here",
        integrity_cuts::kernels_are_recovered_here,
    ),
    (
        "integrity_half_made_tags_are_gone_on_with",
        integrity_halves::half_made_tags_are_gone_on_with,
    ),
    (
        "integrity_inline_device_is_the_kernels",
        integrity_inline::device_is_the_kernels,
    ),
    ("random_tables_agree", tables::random_tables_agree),
    ("more_random_tables_agree", tables::more_random_tables_agree),
];

/// What is measured only where it is asked for.
const FIGURES: &[(&str, Check)] = &[
    ("churn_figures", churn::churn_figures),
    ("startup_figures", startup::startup_figures),
    ("churn_ioctls", churn::churn_ioctls),
    ("ublk_figures", exports::ublk_figures),
    ("proof_figures", proof_figures::figures),
];

/// Where a check leaves the reason of its failure for `serve`.
const REASON: &str = "/run/guest_suite.reason";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => match serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("guest_suite: {error}");
                ExitCode::FAILURE
            }
        },
        ["check", name] => match check(name) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{name}: {reason}");
                let _ = fs::write(REASON, reason);
                ExitCode::FAILURE
            }
        },
        ["churn", ref devices @ ..] => match churn::main(devices) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("guest_suite: {reason}");
                ExitCode::FAILURE
            }
        },
        ["list"] => {
            CHECKS.iter().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: guest_suite serve | list | check NAME | churn [DEVICES]");
            ExitCode::from(2)
        }
    }
}

fn check(name: &str) -> Result<(), String> {
    let mut all = CHECKS.iter().chain(faults::FAULTS).chain(FIGURES);
    match all.find(|(known, _)| *known == name) {
        Some((_, check)) => check(),
        None => Err("the suite has no check of this name".to_owned()),
    }
}

fn serve() -> io::Result<()> {
    let mut log = OpenOptions::new().write(true).open("/dev/kmsg")?;
    for (name, _) in CHECKS {
        tell(&mut log, &Message::Has((*name).to_owned()))?;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    tell(&mut log, &Message::Ready(release.trim().to_owned()))?;
    for line in io::stdin().lock().lines() {
        match Request::parse(&line?) {
            Some(Request::Run(name)) => {
                tell(&mut log, &Message::Start(name.clone()))?;
                let message = match run(&name) {
                    Ok(()) => Message::Ok(name),
                    Err(reason) => Message::Fail(name, reason),
                };
                tell(&mut log, &message)?;
            }
            Some(Request::End) => return tell(&mut log, &Message::Bye),
            // An empty line, or a request of a newer host, which will notice that nothing happens.
            _ => {}
        }
    }
    Ok(())
}

/// Writes a record of the kernel's log, at a level that a quiet console still shows. Without the
/// newline the kernel would wait for the record's continuation.
fn tell(log: &mut File, message: &Message) -> io::Result<()> {
    log.write_all(format!("<3>{message}\n").as_bytes())
}

/// Runs a check in its own process, and looks after it.
fn run(name: &str) -> Result<(), String> {
    let _ = fs::remove_file(REASON);
    let _second = match processors::is_for_two(name) {
        true => Some(processors::Second::awake()?),
        false => None,
    };
    let status = Command::new("/proc/self/exe")
        .args(["check", name])
        .stdin(std::process::Stdio::null())
        .status()
        .map_err(|error| format!("the check does not start: {error}"))?;
    let left = shell::leftovers();
    if !status.success() {
        return Err(
            fs::read_to_string(REASON).unwrap_or_else(|_| format!("it ended with {status}"))
        );
    }
    match left? {
        left if left.is_empty() => Ok(()),
        left => Err(format!("it leaves behind: {}", left.join(", "))),
    }
}
