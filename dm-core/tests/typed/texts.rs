//! Texts as kernels write them.

use dm_core::typed::{self, Note, Reader};

use super::{kind, params};

/// Target and parameters, of lines of 65,536 sectors. The examples of the kernel's documentation,
/// of LVM2 and of cryptsetup are among them.
pub(crate) const PARAMS: &[(&str, &str)] = &[
    ("linear", "/dev/sda 0"),
    ("linear", "8:16 18446744073709551615"),
    ("linear", r"/dev/my\ disk 384"),
    ("striped", "2 128 /dev/sda 0 /dev/sdb 0"),
    ("striped", "1 8 8:0 5"),
    ("zero", ""),
    ("error", ""),
    ("error", "8:0 128"),
    ("delay", "8:0 0 500"),
    ("delay", "8:0 0 0 8:16 4096 400"),
    ("delay", "8:0 0 1 8:16 0 400 8:32 4096 333"),
    ("flakey", "8:0 0 5 1 0"),
    ("flakey", "8:0 0 60 0 1 error_reads"),
    ("flakey", "8:0 0 0 1 1 drop_writes"),
    ("flakey", "8:0 0 5 1 2 error_reads error_writes"),
    ("flakey", "8:0 0 5 1 5 corrupt_bio_byte 32 r 1 0"),
    ("flakey", "8:0 0 5 1 5 corrupt_bio_byte 224 w 0 32"),
    ("flakey", "8:0 0 5 1 2 random_read_corrupt 500000000"),
    (
        "flakey",
        "8:0 0 5 1 4 random_read_corrupt 1 random_write_corrupt 1000000000",
    ),
    ("dust", "/dev/vdb1 0 512"),
    ("dust", "/dev/vdb1 8 4096"),
    ("log-writes", "/dev/sdb /dev/sdc"),
    ("snapshot", "252:0 252:1 P 16"),
    ("snapshot", "252:0 252:1 PO 8"),
    ("snapshot", "252:0 252:1 N 8"),
    ("snapshot", "252:0 252:1 P 8 1 discard_zeroes_cow"),
    (
        "snapshot",
        "252:0 252:1 P 8 2 discard_zeroes_cow discard_passdown_origin",
    ),
    ("snapshot-merge", "252:0 252:1 P 8"),
    ("snapshot-origin", "252:0"),
    ("mirror", "core 1 1024 2 8:0 0 8:16 0"),
    (
        "mirror",
        "core 2 1024 nosync 2 8:0 0 8:16 0 1 handle_errors",
    ),
    ("mirror", "disk 2 8:32 1024 2 8:0 0 8:16 0 1 handle_errors"),
    (
        "mirror",
        "disk 3 8:32 1024 sync 3 8:0 0 8:16 0 8:48 384 2 handle_errors keep_log",
    ),
    (
        "mirror",
        "userspace 4 LVM-abc clustered-disk 8:32 1024 2 8:0 0 8:16 0",
    ),
    ("raid", "raid4 1 2048 5 - 8:17 - 8:33 - 8:49 - 8:65 - 8:81"),
    (
        "raid",
        "raid4 4 2048 sync min_recovery_rate 20 5 8:17 8:18 8:33 8:34 8:49 8:50 8:65 8:66 8:81 8:82",
    ),
    (
        "raid",
        "raid1 3 0 region_size 1024 2 254:0 254:1 254:2 254:3",
    ),
    ("raid", "raid0 1 128 2 - 8:0 - 8:16"),
    (
        "raid",
        "raid5_ls 5 128 rebuild 1 stripe_cache 256 3 8:1 8:2 8:3 8:4 8:5 8:6",
    ),
    (
        "raid",
        "raid6_zr 3 64 journal_dev 8:9 4 - 8:1 - 8:2 - 8:3 - -",
    ),
    (
        "raid",
        "raid10 5 128 raid10_copies 2 raid10_format near 4 8:5 8:1 8:6 8:2 8:7 8:3 8:8 8:4",
    ),
    ("raid", "raid1 4 0 nosync write_mostly 0 2 - 8:1 - 8:2"),
    ("raid", "raid5_n 3 128 delta_disks -1 3 - 8:1 - 8:2 - 8:3"),
    (
        "crypt",
        "aes-xts-plain64 0123456789abcdef0123456789abcdef 0 8:0 4096",
    ),
    (
        "crypt",
        "aes-cbc-essiv:sha256 00112233445566778899aabbccddeeff 0 8:0 0 1 allow_discards",
    ),
    (
        "crypt",
        "capi:xts(aes)-plain64 :64:logon:cryptsetup:uuid-d0 0 8:0 32768",
    ),
    (
        "crypt",
        "capi:cbc(aes)-essiv:sha256 :32:user:my:key 8 8:0 0",
    ),
    ("crypt", "cipher_null-ecb-null - 0 8:0 0"),
    (
        "crypt",
        "aes-xts-plain64 :32:trusted:kmk 0 8:0 0 9 allow_discards same_cpu_crypt high_priority \
         submit_from_crypt_cpus no_read_workqueue no_write_workqueue integrity:28:aead \
         sector_size:4096 iv_large_sectors",
    ),
    (
        "crypt",
        "capi:authenc(hmac(sha256),xts(aes))-random 0011 0 8:0 0 2 integrity:48:aead \
         integrity_key_size:32",
    ),
    ("crypt", "aes:64-cbc-lmk 00ff 0 8:0 0"),
    (
        "inlinecrypt",
        "aes-xts-plain64 00ff 0 8:0 0 3 allow_discards keytype:raw sector_size:4096",
    ),
    ("integrity", "8:0 0 4 J 1 internal_hash:crc32c"),
    (
        "integrity",
        "8:0 0 - D 2 block_size:4096 internal_hash:crc32c",
    ),
    (
        "integrity",
        "8:0 8 32 B 3 sectors_per_bit:32768 bitmap_flush_interval:10000 fix_padding",
    ),
    (
        "integrity",
        "8:0 0 - J 8 meta_device:8:16 recalculate journal_sectors:88 interleave_sectors:32768 \
         buffer_sectors:128 journal_watermark:50 commit_time:10000 internal_hash:hmac(sha256):00ff",
    ),
    (
        "integrity",
        "8:0 0 - J 5 fix_hmac legacy_recalculate internal_hash:sha256 journal_crypt:ctr(aes):00ff \
         journal_mac:hmac(sha256):ff00",
    ),
    ("integrity", "8:0 0 28 R 0"),
    (
        "verity",
        "1 /dev/sda1 /dev/sda2 4096 4096 262144 1 sha256 \
         4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 \
         1234000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "verity",
        "0 8:0 8:0 512 512 65536 16 sha1 aabbccddeeff00112233445566778899aabbccdd -",
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 8192 1 sha512 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 - 12 ignore_corruption restart_on_error \
         ignore_zero_blocks check_at_most_once use_fec_from_device 8:2 fec_blocks 17 fec_start 17 \
         fec_roots 2",
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 8192 1 sha256 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 - 3 panic_on_corruption root_hash_sig_key_desc k",
    ),
    ("thin-pool", "252:1 252:2 128 1024 0"),
    (
        "thin-pool",
        "252:1 252:2 2048 0 3 skip_block_zeroing ignore_discard error_if_no_space",
    ),
    (
        "thin-pool",
        "252:1 252:2 128 32 2 no_discard_passdown read_only",
    ),
    ("thin", "/dev/mapper/pool 0"),
    ("thin", "252:3 16777215 /dev/image"),
    ("cache", "8:1 8:2 8:3 512 1 writeback default 0"),
    (
        "cache",
        "8:1 8:2 8:3 1024 1 writeback mq 4 sequential_threshold 1024 random_threshold 8",
    ),
    (
        "cache",
        "8:1 8:2 8:3 512 2 metadata2 writethrough smq 2 migration_threshold 2048",
    ),
    (
        "cache",
        "8:1 8:2 8:3 512 3 metadata2 passthrough no_discard_passdown cleaner 0",
    ),
    ("writecache", "s 8:0 8:1 4096 0"),
    ("writecache", "p 8:0 8:1 4096 1 nofua"),
    (
        "writecache",
        "s 8:0 8:1 512 18 start_sector 8 high_watermark 60 low_watermark 40 writeback_jobs 8 \
         autocommit_blocks 64 autocommit_time 1000 max_age 60000 cleaner metadata_only \
         pause_writeback 3000",
    ),
    ("era", "8:1 8:2 128"),
    ("clone", "8:1 8:2 8:3 8"),
    ("clone", "8:1 8:2 8:3 8 1 no_hydration"),
    (
        "clone",
        "8:1 8:2 8:3 256 2 no_hydration no_discard_passdown 4 hydration_threshold 256 \
         hydration_batch_size 16",
    ),
    ("clone", "8:1 8:2 8:3 8 0 2 hydration_threshold 1"),
    ("multipath", "0 0 1 1 round-robin 0 2 1 8:0 1000 8:16 1000"),
    (
        "multipath",
        "1 queue_if_no_path 1 alua 2 1 service-time 0 2 2 8:0 1 1 8:16 1 1 service-time 0 1 2 8:32 1 1",
    ),
    (
        "multipath",
        "8 queue_if_no_path pg_init_retries 50 pg_init_delay_msecs 2000 retain_attached_hw_handler queue_mode bio 0 1 1 queue-length 0 1 1 8:0 128",
    ),
    ("multipath", "0 0 1 1 historical-service-time 1 4 1 1 8:0 1"),
    ("multipath", "1 queue_if_no_path 0 0 0"),
    ("unstriped", "2 256 0 /dev/nvme0n1 0"),
    ("unstriped", "4 8 3 8:0 2"),
    ("switch", "3 128 0 8:0 0 8:16 0 8:32 0"),
    ("ebs", "/dev/sda1 0 2 8"),
    ("ebs", "/dev/sda1 128 1"),
    ("zoned", "/dev/sdb"),
    ("zoned", "/dev/nvme0n1 /dev/sdb /dev/sdc"),
    ("vdo", "V4 /dev/dm-1 262144 4096 32768 16380"),
    (
        "vdo",
        "V4 /dev/dm-1 262144 4096 32768 16380 bioRotationInterval 64 hash 1 logical 3 maxDiscard 1500 \
         physical 2",
    ),
    (
        "vdo",
        "V4 /dev/loop0 8388608 512 32768 16380 ack 1 bio 4 cpu 2 deduplication on compression off",
    ),
    (
        "pcache",
        "/dev/pmem0 /dev/sdb 4 cache_mode writeback data_crc true",
    ),
    ("pcache", "/dev/pmem0 /dev/sdb"),
];

pub(crate) const STATUS: &[(&str, &str)] = &[
    ("linear", ""),
    ("striped", "2 8:0 8:16 1 AA"),
    ("striped", "3 8:0 8:16 8:32 1 ADA"),
    ("delay", "0 3 1"),
    ("dust", "252:17 fail_read_on_bad_block verbose"),
    ("dust", "252:17 bypass quiet"),
    ("log-writes", "12 4096"),
    ("log-writes", "12 4096 logging_disabled"),
    ("snapshot", "Invalid"),
    ("snapshot", "Overflow"),
    ("snapshot", "Unknown"),
    ("snapshot", "16/65536 16"),
    ("snapshot-merge", "Merge failed"),
    ("snapshot-merge", "16/65536 16"),
    ("mirror", "2 8:0 8:16 64/64 1 AA 1 core"),
    ("mirror", "2 8:0 8:16 3/64 1 AD 3 disk 8:32 A"),
    ("raid", "raid1 2 AA 65536/65536 idle 0 0 -"),
    ("raid", "raid5_ls 3 AaD 128/65536 recover 12 8192 A"),
    ("raid", "raid4 2 A- 5/6"),
    ("crypt", ""),
    ("integrity", "0 65536 -"),
    ("integrity", "5 65536 1024"),
    ("verity", "V"),
    ("verity", "C"),
    (
        "thin-pool",
        "0 10/1024 3/512 - rw discard_passdown queue_if_no_space - 1024",
    ),
    (
        "thin-pool",
        "7 10/1024 512/512 2 out_of_data_space no_discard_passdown error_if_no_space needs_check 64",
    ),
    (
        "thin-pool",
        "1 10/1024 3/512 - ro ignore_discard queue_if_no_space -",
    ),
    ("thin-pool", "Fail"),
    ("thin-pool", "Error"),
    ("thin", "128 127"),
    ("thin", "0 -"),
    ("thin", "Fail"),
    ("thin", "-"),
    (
        "cache",
        "8 27/2048 512 0/128 0 3 0 2 0 0 0 2 metadata2 writethrough 2 migration_threshold 2048 smq 0 rw -",
    ),
    (
        "cache",
        "8 27/2048 512 5/128 0 3 0 2 0 0 1 1 writeback 2 migration_threshold 2048 smq 0 ro needs_check",
    ),
    ("cache", "Fail"),
    ("writecache", "0 1020 1020 0"),
    ("writecache", "0 1020 1000 4 1 2 3 4 5 6 7 8 9 10"),
    ("writecache", "-5 1020 1020 0"),
    ("era", "8 35/1024 1 -"),
    ("era", "8 35/1024 5 17"),
    ("era", "Error"),
    (
        "clone",
        "8 35/1024 8 3/8192 1 1 no_hydration 4 hydration_threshold 1 hydration_batch_size 1 rw",
    ),
    ("clone", "Fail"),
    ("multipath", "2 0 0 0 1 1 A 0 2 0 8:0 A 0 8:16 F 3"),
    (
        "multipath",
        "2 0 1 0 2 1 E 0 1 2 8:0 A 0 0 1 D 0 1 2 8:16 A 0 0 1",
    ),
    (
        "zoned",
        "1024 zones 0/0 cache 10/16 random 1000/1008 sequential",
    ),
    ("vdo", "/dev/loop0 normal - online online 1071 262144"),
    ("pcache", "1 2 3 4 5 6 7 8 9"),
    ("striped", "1 8:0 1 A of a newer kernel"),
];

pub(crate) const MESSAGES: &[(&str, &str)] = &[
    ("dust", "addbadblock 60"),
    ("dust", "addbadblock 60 3"),
    ("dust", "removebadblock 60"),
    ("dust", "queryblock 72"),
    ("dust", "countbadblocks"),
    ("dust", "clearbadblocks"),
    ("dust", "listbadblocks"),
    ("dust", "enable"),
    ("dust", "disable"),
    ("dust", "quiet"),
    ("log-writes", "mark mkfs"),
    ("raid", "idle"),
    ("raid", "repair"),
    ("crypt", "key set 00ff"),
    ("crypt", "key set :32:logon:my"),
    ("crypt", "key wipe"),
    ("thin-pool", "create_thin 0"),
    ("thin-pool", "create_snap 1 0"),
    ("thin-pool", "delete 1"),
    ("thin-pool", "set_transaction_id 0 1"),
    ("thin-pool", "reserve_metadata_snap"),
    ("thin-pool", "release_metadata_snap"),
    ("cache", "migration_threshold 4096"),
    ("cache", "invalidate_cblocks 2345 3456-4567 5678-6789"),
    ("writecache", "flush"),
    ("writecache", "flush_on_suspend"),
    ("writecache", "cleaner"),
    ("writecache", "clear_stats"),
    ("era", "checkpoint"),
    ("era", "take_metadata_snap"),
    ("era", "drop_metadata_snap"),
    ("clone", "enable_hydration"),
    ("clone", "disable_hydration"),
    ("clone", "hydration_threshold 256"),
    ("clone", "hydration_batch_size 16"),
    ("multipath", "fail_path 8:0"),
    ("multipath", "reinstate_path 8:0"),
    ("multipath", "switch_group 1"),
    ("multipath", "enable_group 1"),
    ("multipath", "disable_group 2"),
    ("multipath", "queue_if_no_path"),
    ("multipath", "fail_if_no_path"),
    ("switch", "set_region_mappings 0:1 :2 :0 Rf,100 1000:2"),
    ("zoned", "reclaim"),
    ("vdo", "stats"),
    ("vdo", "config"),
    ("vdo", "dump all"),
    ("vdo", "dump-on-shutdown"),
    ("vdo", "compression off"),
    ("vdo", "index-enable"),
    ("pcache", "gc_percent 70"),
    ("linear", "@stats_create - /100"),
    (
        "linear",
        "@stats_create 0+4096 8 2 precise_timestamps histogram:1,10,100 dmstats aux",
    ),
    ("linear", "@stats_create - 128 mine"),
    ("linear", "@stats_delete 0"),
    ("linear", "@stats_clear 3"),
    ("linear", "@stats_list"),
    ("linear", "@stats_list dmstats"),
    ("linear", "@stats_print 0"),
    ("linear", "@stats_print_clear 0 - 10"),
    ("linear", "@stats_set_aux 0 text"),
    ("crypt", "@cancel_deferred_remove"),
];

fn plain(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn parameters_are_written_as_they_are_read() {
    for (name, text) in PARAMS {
        let text = plain(text);
        let written = params(name, 65_536, &text);
        assert_eq!(written.as_deref(), Ok(text.as_str()), "{name}");
    }
}

#[test]
fn status_is_written_as_it_is_read() {
    for (name, text) in STATUS {
        let read = kind(name).status(Reader::new(text));
        let written = read.map(|status| status.to_string());
        assert_eq!(written.as_deref(), Ok(*text), "{name}");
    }
}

#[test]
fn messages_are_written_as_they_are_read() {
    for (name, text) in MESSAGES {
        let read = kind(name).message(Reader::new(text));
        let written = read.map(|message| message.to_string());
        assert_eq!(written.as_deref(), Ok(*text), "{name}");
    }
}

#[test]
fn every_kind_has_an_example() {
    for kind in typed::KINDS {
        let shown = PARAMS.iter().any(|(name, _)| *name == kind.name);
        assert!(shown, "no parameters of {}", kind.name);
    }
}

/// What a driver gives is in the kernel's order, whatever order it was asked in.
#[test]
fn parameters_come_in_the_kernels_order() {
    let cases = [
        (
            "crypt",
            "aes 00 0 8:0 0 2 iv_large_sectors ALLOW_DISCARDS",
            "aes 00 0 8:0 0 2 allow_discards iv_large_sectors",
        ),
        (
            "thin-pool",
            "1:1 1:2 128 0 2 read_only skip_block_zeroing",
            "1:1 1:2 128 0 2 skip_block_zeroing read_only",
        ),
        (
            "raid",
            "RAID1 6 0 region_size 8 nosync write_mostly 1 2 - 1:1 - 1:2",
            "raid1 6 0 nosync write_mostly 1 region_size 8 2 - 1:1 - 1:2",
        ),
        ("snapshot", "1:1 1:2 p 8", "1:1 1:2 P 8"),
        ("error", "these are ignored", ""),
    ];
    for (name, asked, given) in cases {
        assert_eq!(params(name, 65_536, asked).as_deref(), Ok(given), "{name}");
    }
}

#[test]
fn every_word_is_explained() {
    for (name, text) in PARAMS {
        let mut notes: Vec<Note> = Vec::new();
        let reader = Reader::new(text).noting(&mut notes);
        kind(name).params(reader).expect("it is read above");
        let words = text.split_ascii_whitespace().count();
        let escaped = text.matches("\\ ").count();
        assert_eq!(notes.len(), words - escaped, "{name} {text}: {notes:?}");
        assert!(notes.iter().all(|note| !note.what.is_empty()));
    }
}

#[test]
fn keys_are_hidden() {
    for (name, text) in [
        ("crypt", "aes-xts-plain64 5ec7e75ec7e7 0 8:0 0"),
        (
            "integrity",
            "8:0 0 - D 1 internal_hash:hmac(sha256):5ec7e75ec7e7",
        ),
        (
            "integrity",
            "8:0 0 4 J 1 journal_crypt:ctr(aes):5ec7e75ec7e7",
        ),
    ] {
        let mut notes = Vec::new();
        let read = kind(name).params(Reader::new(text).noting(&mut notes));
        let shown = format!("{:?} {notes:?}", read.expect("it is right"));
        assert!(!shown.contains("5ec7e7"), "{shown}");
    }
    let wrong = params("crypt", 8, "aes 5ec7e75ec7e7x 0 8:0 0").expect_err("no hexadecimal");
    assert!(!wrong.to_string().contains("5ec7e7"), "{wrong}");
    let wrong = params(
        "integrity",
        8,
        "8:0 0 - D 1 internal_hash:hmac(sha256):5ec7e7x",
    );
    assert!(
        !wrong
            .expect_err("no hexadecimal")
            .to_string()
            .contains("5ec7e7")
    );
}

#[test]
fn replies_are_written_as_they_are_read() {
    for (name, message, reply) in REPLIES {
        let typed = kind(name).message(Reader::new(message)).expect(message);
        let read = typed
            .reply(reply)
            .unwrap_or_else(|error| panic!("{reply}: {error}"));
        assert_eq!(read.to_string(), reply.trim_end(), "{name} {message}");
    }
    let count = kind("dust").message(Reader::new("countbadblocks"));
    assert_eq!(
        count.and_then(|count| count.reply("countbadblocks: 895 badblock(s) found")),
        Ok(typed::Reply::Dust(typed::dust::Reply::Count(895)))
    );
}

/// What some messages are answered.
const REPLIES: &[(&str, &str, &str)] = &[
    ("linear", "@stats_create - /4", "0"),
    (
        "linear",
        "@stats_list",
        "0: 0+65536 16384 - -\n1: 0+4096 8 dmstats aux precise_timestamps histogram:1,10,100\n",
    ),
    (
        "linear",
        "@stats_print 0",
        "0+8 1 0 8 2 3 0 24 5 0 6 7 2 5\n8+8 0 0 0 0 0 0 0 0 -1 0 0 0 0 1:2:3\n",
    ),
    (
        "dust",
        "queryblock 72",
        "dust_query_block: block 72 found in badblocklist",
    ),
    (
        "dust",
        "queryblock 72",
        "dust_query_block: block 72 not found in badblocklist",
    ),
    (
        "dust",
        "countbadblocks",
        "countbadblocks: 895 badblock(s) found",
    ),
    (
        "dust",
        "clearbadblocks",
        "dust_clear_badblocks: badblocks cleared",
    ),
    (
        "dust",
        "clearbadblocks",
        "dust_clear_badblocks: no badblocks found",
    ),
    ("dust", "listbadblocks", "1\n60\n67\n"),
    ("dust", "listbadblocks", ""),
    (
        "vdo",
        "stats",
        "{ version : 36, dataBlocksUsed : 0, mode : normal, packer : \
         { compressedFragmentsWritten : 0, }, journal : { entries : { started : 1, }, }, \
         inRecoveryMode : 0, }",
    ),
    // Of a kernel to come.
    ("era", "checkpoint", "any words"),
];

#[test]
fn message_without_its_key_has_something_else() {
    let hidden = |text| typed::message_without_keys(text, |key| Some("0".repeat(key.len())));
    assert_eq!(hidden("key set 00ff"), Some("key set 0000".into()));
    for open in [
        "key set :32:logon:my",
        "key set -",
        "key wipe",
        "create_thin 0",
        "",
    ] {
        assert_eq!(hidden(open), None, "{open}");
    }
}
