//! Table lines of all targets.

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
         ignore_zero_blocks check_at_most_once use_fec_from_device 8:2 fec_blocks 8323 fec_start 8323 \
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
