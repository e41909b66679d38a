//! Typed parameters, status and messages, held to the kernel's.

use std::fs::OpenOptions;
use std::io::Write;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::typed::{self, Reader};
use dm_core::units::Sector;
use dm_linux::Linux;

#[path = "../../../../dm-core/tests/typed/rows.rs"]
mod rows;

/// Parameters that a kernel takes.
struct Row {
    target: &'static str,
    /// Sectors of the line.
    length: u64,
    /// `{0}` to `{3}` are devices of 131,072 sectors that begin with zeroes.
    params: &'static str,
    /// What the kernel shows, if that is more than it was given.
    shown: Option<&'static str>,
    /// Messages that it takes then.
    messages: &'static [&'static str],
}

const fn row(target: &'static str, params: &'static str) -> Row {
    Row {
        target,
        length: 65_536,
        params,
        shown: None,
        messages: &[],
    }
}

impl Row {
    const fn of(mut self, length: u64) -> Row {
        self.length = length;
        self
    }

    const fn shows(mut self, shown: &'static str) -> Row {
        self.shown = Some(shown);
        self
    }

    const fn takes(mut self, messages: &'static [&'static str]) -> Row {
        self.messages = messages;
        self
    }
}

const ROWS: &[Row] = &[
    row("linear", "{0} 0"),
    row("linear", "{0} 384"),
    row("linear", "{3} 65536").takes(&[
        "@stats_create - /4",
        "@stats_create 0+4096 8 2 precise_timestamps histogram:1,10,100 dmstats aux",
        "@stats_list",
        "@stats_list dmstats",
        "@stats_set_aux 0 text",
        "@stats_print 0",
        "@stats_print_clear 0 - 2",
        "@stats_clear 1",
        "@stats_delete 0",
    ]),
    row("striped", "1 8 {0} 0"),
    row("striped", "2 128 {0} 0 {1} 0"),
    row("striped", "4 16 {0} 8 {1} 16 {2} 0 {3} 4096"),
    row("striped", "2 32768 {0} 0 {0} 65536"),
    row("zero", ""),
    row("error", ""),
    row("delay", "{0} 0 0"),
    row("delay", "{0} 8 1"),
    row("delay", "{0} 0 1 {1} 8 0"),
    row("delay", "{0} 0 0 {1} 0 2 {2} 0 3"),
    row("flakey", "{0} 0 60 0 1 drop_writes"),
    row("flakey", "{0} 8 60 1 1 error_writes"),
    row("flakey", "{0} 0 5 1 5 corrupt_bio_byte 32 r 1 0"),
    row("flakey", "{0} 0 5 1 5 corrupt_bio_byte 224 w 0 32"),
    row("flakey", "{0} 0 5 1 6 drop_writes corrupt_bio_byte 1 r 255 0"),
    row("log-writes", "{0} {1}").takes(&["mark here"]),
    row("snapshot-origin", "{0}"),
    row("snapshot", "{0} {1} P 8"),
    row("snapshot", "{0} {1} P 16"),
    row("snapshot", "{0} {1} PO 8"),
    row("snapshot", "{0} {1} N 8"),
    row("snapshot", "{0} {1} P 8 1 discard_zeroes_cow"),
    row("snapshot", "{0} {1} P 8 2 discard_zeroes_cow discard_passdown_origin"),
    row("mirror", "core 1 1024 2 {0} 0 {1} 0"),
    row("mirror", "core 2 1024 nosync 2 {0} 0 {1} 0"),
    row("mirror", "core 2 512 nosync 3 {0} 0 {1} 8 {2} 16 1 handle_errors"),
    row("mirror", "core 2 512 nosync 2 {0} 0 {1} 8 2 handle_errors keep_log"),
    row("mirror", "disk 2 {2} 1024 2 {0} 0 {1} 0"),
    row("mirror", "disk 3 {2} 1024 nosync 2 {0} 0 {1} 0 1 handle_errors"),
    row("raid", "raid0 1 128 2 - {0} - {1}"),
    row("raid", "raid1 2 0 nosync 2 - {0} - {1}"),
    row("raid", "raid1 4 0 nosync region_size 1024 2 - {0} - {1}"),
    row("raid", "raid1 4 0 nosync write_mostly 1 2 - {0} - {1}"),
    row("raid", "raid1 6 0 nosync min_recovery_rate 100 max_recovery_rate 1000 2 - {0} - {1}")
        .takes(&["check"]),
    row("raid", "raid5_ls 2 128 nosync 3 - {0} - {1} - {2}"),
    row("raid", "raid6_zr 1 64 4 - {0} - {1} - {2} - {3}"),
    row("crypt", "aes-xts-plain64 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0 {0} 0"),
    row("crypt", "aes-cbc-essiv:sha256 000102030405060708090a0b0c0d0e0f 0 {0} 4096 1 allow_discards"),
    row("crypt", "capi:xts(aes)-plain64 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 16 {0} 8"),
    row("crypt", "aes-xts-plain64 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0 {0} 0 2 sector_size:4096 iv_large_sectors"),
    row("crypt", "cipher_null-ecb-null - 0 {0} 0"),
    row("crypt", "aes-cbc-plain64 000102030405060708090a0b0c0d0e0f 0 {0} 0 5 allow_discards same_cpu_crypt submit_from_crypt_cpus no_read_workqueue no_write_workqueue"),
    row("integrity", "{0} 0 4 D 1 internal_hash:crc32c").of(8)
        .shows("{0} 0 4 D 4 journal_sectors:880 interleave_sectors:32768 buffer_sectors:128 internal_hash:crc32c"),
    row("integrity", "{0} 0 - J 1 internal_hash:crc32c").of(8),
    row("integrity", "{0} 8 - J 2 block_size:4096 internal_hash:sha256").of(8),
    row("integrity", "{0} 0 4 B 2 sectors_per_bit:32768 internal_hash:crc32c").of(8),
    row("integrity", "{0} 0 - J 3 fix_padding internal_hash:crc32c journal_mac:hmac(sha256):000102").of(8),
    row("integrity", "{0} 0 - D 3 meta_device:{1} recalculate internal_hash:crc32c").of(8),
    row("integrity", "{0} 0 16 J 5 journal_sectors:2048 interleave_sectors:1024 buffer_sectors:64 journal_watermark:60 commit_time:5000").of(8),
    row("verity", "1 {0} {1} 4096 4096 16 1 sha256 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 -").of(128),
    row("verity", "1 {0} {1} 4096 4096 16 1 sha256 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 0011").of(128),
    row("verity", "0 {0} {1} 1024 1024 16 1 sha1 aabbccddeeff00112233445566778899aabbccdd -").of(32),
    row("verity", "1 {0} {1} 4096 4096 16 1 sha256 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 - 2 ignore_corruption ignore_zero_blocks").of(128),
    row("verity", "1 {0} {1} 4096 4096 16 1 sha256 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 - 1 check_at_most_once").of(128),
    row("verity", "1 {0} {1} 4096 4096 16 1 sha512 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 - 8 use_fec_from_device {2} fec_blocks 18 fec_start 0 fec_roots 2").of(128),
    row("thin-pool", "{0} {1} 128 0 0").takes(&[
        "create_thin 0",
        "create_snap 1 0",
        "set_transaction_id 0 7",
        "reserve_metadata_snap",
        "release_metadata_snap",
        "delete 1",
    ]),
    row("thin-pool", "{0} {1} 256 32 1 skip_block_zeroing"),
    row("thin-pool", "{0} {1} 128 8 2 skip_block_zeroing ignore_discard"),
    row("thin-pool", "{0} {1} 128 8 2 no_discard_passdown error_if_no_space"),
    row("cache", "{0} {1} {2} 128 1 writethrough smq 0").takes(&["migration_threshold 4096"]),
    row("cache", "{0} {1} {2} 512 1 writeback smq 2 migration_threshold 1024"),
    row("cache", "{0} {1} {2} 128 2 metadata2 writethrough smq 0"),
    row("cache", "{0} {1} {2} 128 2 metadata2 passthrough smq 0").takes(&["invalidate_cblocks 0-4 7"]),
    row("cache", "{0} {1} {2} 128 3 metadata2 writeback no_discard_passdown smq 0"),
    row("writecache", "s {0} {1} 4096 0").takes(&["flush", "flush_on_suspend", "clear_stats", "cleaner"]),
    row("writecache", "s {0} {1} 512 4 high_watermark 60 low_watermark 40"),
    row("writecache", "s {0} {1} 4096 6 writeback_jobs 8 autocommit_blocks 64 autocommit_time 1000"),
    row("writecache", "s {0} {1} 4096 3 start_sector 8 metadata_only"),
    row("writecache", "s {0} {1} 4096 2 max_age 60000"),
    row("era", "{0} {1} 128").takes(&["checkpoint", "take_metadata_snap", "drop_metadata_snap"]),
    row("era", "{0} {1} 8"),
    row("multipath", "3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 2 1 {0} 1 {1} 1").takes(&[
        "fail_path {0}",
        "reinstate_path {0}",
        "disable_group 1",
        "enable_group 1",
        "switch_group 1",
        "queue_if_no_path",
        "fail_if_no_path",
    ]),
    row("multipath", "3 retain_attached_hw_handler queue_mode bio 0 1 1 service-time 0 2 2 {0} 1 1 {1} 1 2",),
    row("multipath", "3 retain_attached_hw_handler queue_mode bio 0 2 1 queue-length 0 1 1 {0} 1 round-robin 0 1 1 {1} 1"),
    row("multipath", "1 queue_if_no_path 0 0 0"),
    row("multipath", "8 queue_if_no_path pg_init_retries 50 pg_init_delay_msecs 100 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 {0} 1"),
    row("unstriped", "2 256 0 {0} 0"),
    row("unstriped", "4 8 3 {0} 2"),
    row("switch", "2 128 0 {0} 0 {1} 8").takes(&["set_region_mappings 0:1 :0 :1 R2,10"]),
    row("switch", "1 8 0 {0} 0"),
];

/// What kernels take although it is wrong: numbers that do not fit lose their upper bits, and the
/// check of the stripe's index is off by one.
const TAKEN: &[(&str, &str)] = &[
    ("linear", "8:0 18446744073709551616"),
    ("delay", "8:0 0 4294967296"),
    ("unstriped", "2 256 2 8:0 0"),
];

const DEVICES: [&str; 4] = ["1:0", "1:1", "1:2", "1:3"];

fn over_devices(text: &str) -> String {
    let devices = DEVICES.iter().enumerate();
    devices.fold(text.to_owned(), |text, (at, device)| {
        text.replace(&format!("{{{at}}}"), device)
    })
}

/// Makes devices begin with zeroes again: a target would find its metadata there.
fn wipe() -> Result<(), String> {
    let zeroes = vec![0; 1 << 20];
    for at in 0..DEVICES.len() {
        let device = format!("/dev/ram{at}");
        OpenOptions::new()
            .write(true)
            .open(&device)
            .and_then(|mut file| {
                file.write_all(&zeroes)?;
                file.sync_all()
            })
            .map_err(|error| format!("{device}: {error}"))?;
    }
    Ok(())
}

/// A kernel's device that goes with the value.
struct Device<'a> {
    dm: &'a Dm<Linux>,
    id: DevId,
}

impl<'a> Device<'a> {
    fn new(dm: &'a Dm<Linux>) -> Result<Device<'a>, DmError> {
        let name = DmName::new("typed").expect("it is a name");
        dm.create(Create::new(name.clone()))?;
        Ok(Device {
            dm,
            id: DevId::from(name),
        })
    }

    fn activate(&self, line: &TableLine) -> Result<(), DmError> {
        let load = Load::new(self.id.clone(), vec![line.clone()]);
        self.dm.load(match line.target.as_str() {
            "verity" => load.read_only(),
            _ => load,
        })?;
        self.dm.resume(self.id.clone(), SuspendOptions::default())?;
        Ok(())
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.dm.remove(self.id.clone(), RemoveMode::default()) {
            println!("the device stays: {}", error.report());
        }
    }
}

fn line(target: &str, length: u64, params: &str) -> Result<TableLine, String> {
    let line = format!("0 {length} {target} {params}");
    line.parse().map_err(|error| format!("{line}: {error}"))
}

/// What is read of the kernel's text is written as the kernel wrote it.
pub(crate) fn parameters_are_the_kernels() -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let mut wrong = Vec::new();
    let mut held = 0;
    for row in ROWS {
        wipe()?;
        let params = over_devices(row.params);
        match hold(&dm, row, &params) {
            Ok(()) => held += 1,
            Err(reason) => wrong.push(format!("{} {params}: {reason}", row.target)),
        }
    }
    println!("{held} of {} sets of parameters", ROWS.len());
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

fn hold(dm: &Dm<Linux>, row: &Row, params: &str) -> Result<(), String> {
    let kind = typed::kind(row.target).ok_or("no such kind")?;
    let said = |error: dm_core::table::ParamError| error.to_string();
    let kernels = |error: DmError| error.report();
    let line = line(row.target, row.length, params)?;
    let ours = kind
        .params(Reader::new(params).mapping(line.length))
        .map_err(said)?;
    let device = Device::new(dm).map_err(kernels)?;
    let sent = TableLine {
        params: ours.to_string(),
        ..line
    };
    device.activate(&sent).map_err(kernels)?;
    let shown = first(dm.table(device.id.clone(), Slot::Active))?;
    let read = kind.params(Reader::new(&shown)).map_err(said)?;
    same("the table that was read", &read.to_string(), shown.trim())?;
    if let Some(expected) = row.shown {
        same("the table", shown.trim(), &over_devices(expected))?;
    } else if row.target != "integrity" {
        same("the table", shown.trim(), &sent.params)?;
    }
    let status = |when: &str| {
        let shown = first(dm.status(device.id.clone(), Slot::Active, FlushMode::NoFlush))?;
        let read = kind.status(Reader::new(&shown)).map_err(said)?;
        same(when, &read.to_string(), shown.trim())
    };
    status("the status")?;
    for message in row.messages {
        let message = over_devices(message);
        let typed = kind.message(Reader::new(&message)).map_err(said)?;
        same("the message", &typed.to_string(), &message)?;
        dm.message(device.id.clone(), Sector::ZERO, message.clone())
            .map_err(|error| format!("{message}: {}", error.report()))?;
        status(&message)?;
    }
    Ok(())
}

fn first<I>(reply: Result<(I, Vec<TableLine>), DmError>) -> Result<String, String> {
    let (_, lines) = reply.map_err(|error| error.report())?;
    let line = lines.into_iter().next().ok_or("no lines")?;
    Ok(line.params)
}

fn same(what: &str, ours: &str, kernels: &str) -> Result<(), String> {
    match ours == kernels {
        true => Ok(()),
        false => Err(format!("{what}: {ours:?}, the kernel says {kernels:?}")),
    }
}

/// Every set of parameters that is refused with a reason, the kernel refuses, too.
pub(crate) fn kernel_refuses_what_we_refuse() -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let targets = dm.targets().map_err(|error| error.report())?;
    let known = |name: &str| targets.iter().any(|target| target.name.as_str() == name);
    let device = Device::new(&dm).map_err(|error| error.report())?;
    let (mut refused, mut taken) = (0, Vec::new());
    for (target, params, said) in rows::REFUSALS {
        if !known(target) || TAKEN.contains(&(target, params)) {
            continue;
        }
        let params = params
            .replace("8:0", "1:0")
            .replace("8:16", "1:1")
            .replace("8:32", "1:2")
            .replace("8:48", "1:3")
            .replace("8:1 ", "1:1 ");
        wipe()?;
        let line = line(target, 65_536, &params)?;
        match dm.load(Load::new(device.id.clone(), vec![line])) {
            Err(_) => refused += 1,
            Ok(_) => taken.push(format!("{target} {params} ({said})")),
        }
    }
    println!("{refused} wrong sets of parameters");
    match taken.is_empty() {
        true => Ok(()),
        false => Err(format!("the kernel takes:\n{}", taken.join("\n"))),
    }
}
