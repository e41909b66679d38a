//! Wrong parameters, and what is said of them. The guest's suite holds kernels to them, too.

/// Target, parameters of a line of 65,536 sectors, and what is said.
pub(crate) const REFUSALS: &[(&str, &str, &str)] = &[
    ("linear", "", "the device is missing"),
    ("linear", "8:0", "the start sector on the device is missing"),
    (
        "linear",
        "8:0 x",
        r#"word 2 "x": the start sector on the device is not a decimal number"#,
    ),
    (
        "linear",
        "8:0 -1",
        r#"word 2 "-1": the start sector on the device is not a decimal number"#,
    ),
    (
        "linear",
        "8:0 0x10",
        r#"word 2 "0x10": the start sector on the device is not a decimal number"#,
    ),
    ("linear", "8:0 0 0", r#"word 3 "0": is one word too many"#),
    (
        "linear",
        "8:0 18446744073709551616",
        r#"word 2 "18446744073709551616": the start sector on the device is more than 18446744073709551615"#,
    ),
    ("striped", "", "the number of stripes is missing"),
    (
        "striped",
        "0 128 8:0 0",
        r#"word 1 "0": the number of stripes is zero"#,
    ),
    (
        "striped",
        "x 128 8:0 0",
        r#"word 1 "x": the number of stripes is not a decimal number"#,
    ),
    ("striped", "2", "the chunk size is missing"),
    (
        "striped",
        "2 0 8:0 0 8:16 0",
        r#"word 2 "0": the chunk size is zero"#,
    ),
    (
        "striped",
        "3 128 8:0 0 8:16 0 8:32 0",
        r#"word 1 "3": the length of 65536 sectors is not divisible by the number of stripes, 3"#,
    ),
    (
        "striped",
        "2 100 8:0 0 8:16 0",
        r#"word 2 "100": a stripe of 32768 sectors is not divisible by the chunk size, 100"#,
    ),
    (
        "striped",
        "2 128 8:0 0",
        r#"word 1 "2": 2 stripes need 4 words behind the chunk size, not 2"#,
    ),
    (
        "striped",
        "4294967296 128 8:0 0",
        r#"word 1 "4294967296": the number of stripes is more than 4294967295"#,
    ),
    (
        "striped",
        "2 128 8:0 0 8:16 0 8:32 0",
        r#"word 7 "8:32": is one word too many"#,
    ),
    ("zero", "x", r#"word 1 "x": is one word too many"#),
    (
        "delay",
        "8:0 0",
        "takes 3, 6 or 9 words, DEV START MILLISECONDS for each, not 2",
    ),
    (
        "delay",
        "8:0 0 1 8:16",
        "takes 3, 6 or 9 words, DEV START MILLISECONDS for each, not 4",
    ),
    (
        "delay",
        "8:0 0 soon",
        r#"word 3 "soon": the delay in milliseconds is not a decimal number"#,
    ),
    (
        "delay",
        "8:0 0 4294967296",
        r#"word 3 "4294967296": the delay in milliseconds is more than 4294967295"#,
    ),
    (
        "flakey",
        "8:0 0 5",
        "the down interval in seconds is missing",
    ),
    (
        "flakey",
        "8:0 0 0 0",
        r#"word 4 "0": the sum of the intervals is zero"#,
    ),
    (
        "flakey",
        "8:0 0 4294967295 1",
        r#"word 4 "1": the sum of the intervals is more than 4294967295"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 1",
        r#"word 5 "1": the number of words of features is more than the 0 words that follow"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 12 a b c d e f g h i j k l",
        r#"word 5 "12": the number of words of features is more than 11"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 1 drop_reads",
        r#"word 6 "drop_reads": the feature is none of error_reads, drop_writes, error_writes, corrupt_bio_byte, random_read_corrupt, random_write_corrupt"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 2 drop_writes error_writes",
        r#"word 7 "error_writes": drop_writes and error_writes can stand once, and not together"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 2 drop_writes drop_writes",
        r#"word 7 "drop_writes": drop_writes and error_writes can stand once, and not together"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 4 corrupt_bio_byte 32 r 1 0",
        "the mask of bio flags is missing, since the number of words of features counts no more words",
    ),
    (
        "flakey",
        "8:0 0 5 1 5 corrupt_bio_byte 0 r 1 0",
        r#"word 7 "0": the place of the byte is not from 1 to 4294967295"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 5 corrupt_bio_byte 1 x 1 0",
        r#"word 8 "x": the direction is none of r, w"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 5 corrupt_bio_byte 1 r 256 0",
        r#"word 9 "256": the new value of the byte is not from 0 to 255"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 6 drop_writes corrupt_bio_byte 1 w 1 0",
        r#"word 7 "corrupt_bio_byte": corrupt_bio_byte of writes clashes with drop_writes and error_writes"#,
    ),
    (
        "flakey",
        "8:0 0 5 1 2 random_read_corrupt 1000000001",
        r#"word 7 "1000000001": the probability in 1e-9 is not from 0 to 1000000000"#,
    ),
    ("dust", "8:0 0", "the block size in bytes is missing"),
    (
        "dust",
        "8:0 0 500",
        r#"word 3 "500": the block size in bytes is not from 512 to 1073741824"#,
    ),
    (
        "dust",
        "8:0 0 256",
        r#"word 3 "256": the block size in bytes is not from 512 to 1073741824"#,
    ),
    ("log-writes", "8:0", "the log device is missing"),
    ("snapshot", "8:0 8:16 P", "the chunk size is missing"),
    (
        "snapshot",
        "8:0 8:0 P 8",
        r#""8:0" can not be both the origin and the store"#,
    ),
    (
        "snapshot",
        "8:0 8:16 X 8",
        r#"word 3 "X": the store is none of P, PO, N"#,
    ),
    (
        "snapshot",
        "8:0 8:16 P 7",
        r#"word 4 "7": the chunk size is not a power of two"#,
    ),
    (
        "snapshot",
        "8:0 8:16 P 8 3 a b c",
        r#"word 5 "3": the number of features is more than 2"#,
    ),
    (
        "snapshot",
        "8:0 8:16 P 8 1 discard",
        r#"word 6 "discard": the feature is none of discard_zeroes_cow, discard_passdown_origin"#,
    ),
    (
        "snapshot",
        "8:0 8:16 P 8 1 discard_passdown_origin",
        r#"word 6 "discard_passdown_origin": needs discard_zeroes_cow too"#,
    ),
    ("snapshot-origin", "", "the origin is missing"),
    (
        "mirror",
        "core 1 1024 1 8:0 0",
        r#"word 4 "1": the number of mirrors is not from 2 to 9"#,
    ),
    (
        "mirror",
        "core 1 1024 10 8:0 0",
        r#"word 4 "10": the number of mirrors is not from 2 to 9"#,
    ),
    (
        "mirror",
        "core 1 1000 2 8:0 0 8:16 0",
        r#"word 3 "1000": the region size is not a power of two"#,
    ),
    (
        "mirror",
        "core 1 1 2 8:0 0 8:16 0",
        r#"word 3 "1": the region size is not a power of two"#,
    ),
    (
        "mirror",
        "core 1 131072 2 8:0 0 8:16 0",
        r#"word 3 "131072": the region size is more than 65536"#,
    ),
    (
        "mirror",
        "core 3 1024 sync x 2 8:0 0 8:16 0",
        r#"word 2 "3": a core log takes 1 or 2 words"#,
    ),
    (
        "mirror",
        "core 2 1024 maybe 2 8:0 0 8:16 0",
        r#"word 4 "maybe": the state to begin with is none of sync, nosync"#,
    ),
    (
        "mirror",
        "disk 1 8:32 1024 2 8:0 0 8:16 0",
        r#"word 2 "1": a disk log takes 2 or 3 words"#,
    ),
    ("mirror", "core 1 1024 2 8:0 0", "the device is missing"),
    (
        "mirror",
        "core 1 1024 2 8:0 0 8:16 0 1 keep_log",
        r#"word 10 "keep_log": needs handle_errors too"#,
    ),
    (
        "mirror",
        "core 1 1024 2 8:0 0 8:16 0 1 handle",
        r#"word 10 "handle": the feature is none of handle_errors, keep_log"#,
    ),
    (
        "raid",
        "raid2 1 128 2 - 8:0 - 8:16",
        r#"word 1 "raid2": the type of array is none of raid0, raid1, raid4, raid5_n, raid5_ls, raid5_rs, raid5_la, raid5_ra, raid6_zr, raid6_nr, raid6_nc, raid6_n_6, raid6_ls_6, raid6_rs_6, raid6_la_6, raid6_ra_6, raid10, raid10_offset, raid10_near, raid10_far"#,
    ),
    (
        "raid",
        "raid5_ls 0 128 3 - 8:0 - 8:16 - 8:32",
        r#"word 2 "0": the number of words of options is zero"#,
    ),
    (
        "raid",
        "raid5_ls 1 100 3 - 8:0 - 8:16 - 8:32",
        r#"word 3 "100": the chunk size is not a power of two from 8 on"#,
    ),
    (
        "raid",
        "raid5_ls 1 4 3 - 8:0 - 8:16 - 8:32",
        r#"word 3 "4": the chunk size is not a power of two from 8 on"#,
    ),
    (
        "raid",
        "raid5_ls 1 128 254 - 8:0",
        r#"word 4 "254": the number of devices is not from 1 to 253"#,
    ),
    (
        "raid",
        "raid5_ls 1 128 3 - 8:0 - 8:16",
        r#"word 4 "3": the number of words of the devices is more than the 4 words that follow"#,
    ),
    (
        "raid",
        "raid5_ls 3 128 rebuild 3 3 - 8:0 - 8:16 - 8:32",
        "there is no device 3: 3 devices are counted from 0",
    ),
    (
        "raid",
        "raid5_ls 4 128 sync rebuild 1 3 - 8:0 - 8:16 - 8:32",
        "sync and nosync exclude rebuild",
    ),
    (
        "raid",
        "raid5_ls 3 128 sync nosync 3 - 8:0 - 8:16 - 8:32",
        r#"word 5 "nosync": sync and nosync can stand once, and not together"#,
    ),
    (
        "raid",
        "raid5_ls 3 128 write_mostly 0 3 - 8:0 - 8:16 - 8:32",
        r#"word 4 "write_mostly": is not for raid5_ls"#,
    ),
    (
        "raid",
        "raid1 3 0 stripe_cache 256 2 - 8:0 - 8:16",
        r#"word 4 "stripe_cache": is not for raid1"#,
    ),
    (
        "raid",
        "raid1 5 0 write_mostly 0 write_mostly 1 2 - 8:0 - 8:16",
        "all devices are write_mostly",
    ),
    (
        "raid",
        "raid10 3 128 raid10_copies 5 4 - 8:0 - 8:16 - 8:32 - 8:48",
        "the number of copies is not from 2 to 4",
    ),
    (
        "raid",
        "raid10 3 128 raid10_format middle 4 - 8:0 - 8:16 - 8:32 - 8:48",
        r#"word 5 "middle": the format is none of near, far, offset"#,
    ),
    (
        "raid",
        "raid5_ls 3 128 journal_mode writeback 3 - 8:0 - 8:16 - 8:32",
        "journal_mode needs journal_dev",
    ),
    (
        "raid",
        "raid5_ls 5 128 min_recovery_rate 9 max_recovery_rate 8 3 - 8:0 - 8:16 - 8:32",
        "the min_recovery_rate is above the max_recovery_rate",
    ),
    (
        "raid",
        "raid5_ls 3 128 speed 9 3 - 8:0 - 8:16 - 8:32",
        r#"word 4 "speed": the option is none of sync, nosync, rebuild, daemon_sleep, min_recovery_rate, max_recovery_rate, write_mostly, max_write_behind, stripe_cache, region_size, raid10_copies, raid10_format, raid10_use_near_sets, delta_disks, data_offset, journal_dev, journal_mode"#,
    ),
    ("crypt", "aes-xts-plain64", "the key is missing"),
    (
        "crypt",
        "aes-xts-plain64 0 0 8:0 0",
        r#"word 2 "…": the key is not an even number of hexadecimal digits"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 xy 0 8:0 0",
        r#"word 2 "…": the key is not an even number of hexadecimal digits"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 :32:logon 0 8:0 0",
        r#"word 2 "…": a key of the keyring is :BYTES:TYPE:DESCRIPTION"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 :0:logon:k 0 8:0 0",
        r#"word 2 "…": the size of the key is no positive number"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 :32:secret:k 0 8:0 0",
        r#"word 2 "…": the type of the key is not logon, user, encrypted or trusted"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff x 8:0 0",
        r#"word 3 "x": the IV offset in sectors is not a decimal number"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0",
        "the start sector on the device is missing",
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1",
        r#"word 6 "1": the number of options is more than the 0 words that follow"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1 discards",
        r#"word 7 "discards": the option is none of allow_discards, same_cpu_crypt, high_priority, submit_from_crypt_cpus, no_read_workqueue, no_write_workqueue, integrity:, integrity_key_size:, sector_size:, iv_large_sectors"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 2 allow_discards",
        r#"word 6 "2": the number of options is more than the 1 words that follow"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1 sector_size:1000",
        r#"word 7 "sector_size:1000": the sector size is not a power of two"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1 sector_size:8192",
        r#"word 7 "8192": the sector size is not from 512 to 4096"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1 integrity:0:aead",
        r#"word 7 "integrity:0:aead": is not integrity:BYTES:none or integrity:BYTES:aead"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 1 integrity:4:some",
        r#"word 7 "integrity:4:some": is not integrity:BYTES:none or integrity:BYTES:aead"#,
    ),
    (
        "crypt",
        "aes-xts-plain64 00ff 0 8:0 0 0 allow_discards",
        r#"word 7 "allow_discards": is one word too many"#,
    ),
    (
        "integrity",
        "8:0 0 4 X 0",
        r#"word 4 "X": the mode is none of J, B, D, R, I"#,
    ),
    (
        "integrity",
        "8:0 0 - J 0",
        "the size of a tag must be given where there is no internal_hash",
    ),
    (
        "integrity",
        "8:0 0 0 J 0",
        r#"word 3 "0": the size of a tag is zero"#,
    ),
    ("integrity", "8:0 0 4 J", "the number of options is missing"),
    (
        "integrity",
        "8:0 0 4 J 1 block_size:1000",
        r#"word 6 "block_size:1000": the block size is not a power of two"#,
    ),
    (
        "integrity",
        "8:0 0 4 J 1 journal_watermark:101",
        r#"word 6 "101": the watermark in percent is not from 0 to 100"#,
    ),
    (
        "integrity",
        "8:0 0 4 J 1 recalc",
        r#"word 6 "recalc": the option is none of recalculate, reset_recalculate, allow_discards, allow_discards_keyed, fix_padding, fix_hmac, legacy_recalculate, or NAME:VALUE"#,
    ),
    (
        "integrity",
        "8:0 0 4 J 1 hash:crc32c",
        r#"word 6 "hash:crc32c": the option with a value is none of meta_device, block_size, journal_sectors, interleave_sectors, buffer_sectors, journal_watermark, commit_time, sectors_per_bit, bitmap_flush_interval, internal_hash, journal_crypt, journal_mac"#,
    ),
    (
        "integrity",
        "8:0 0 4 J 1 internal_hash:hmac(sha256):0",
        r#"word 6 "hmac(sha256):…": the key is not an even number of hexadecimal digits"#,
    ),
    (
        "verity",
        "2 8:0 8:1 4096 4096 16 1 sha256 aabb -",
        r#"word 1 "2": the version of the format is not from 0 to 1"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4000 4096 16 1 sha256 aabb -",
        r#"word 4 "4000": the data block size is not a power of two"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 256 16 1 sha256 aabb -",
        r#"word 5 "256": the hash block size is not from 512 to 65536"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aab -",
        r#"word 9 "aab": the root hash is not an even number of hexadecimal digits"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aabb zz",
        r#"word 10 "zz": the salt is not an even number of hexadecimal digits"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256",
        "the root hash is missing",
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aabb - 1 ignore",
        r#"word 12 "ignore": the option is none of ignore_corruption, restart_on_corruption, panic_on_corruption, restart_on_error, panic_on_error, ignore_zero_blocks, check_at_most_once, try_verify_in_tasklet, use_fec_from_device, fec_blocks, fec_start, fec_roots, root_hash_sig_key_desc"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aabb - 2 ignore_corruption restart_on_corruption",
        r#"word 13 "restart_on_corruption": ignore_corruption, restart_on_corruption and panic_on_corruption exclude each other"#,
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aabb - 2 use_fec_from_device 8:2",
        "codes need all of use_fec_from_device, fec_blocks, fec_start and fec_roots",
    ),
    (
        "verity",
        "1 8:0 8:1 4096 4096 16 1 sha256 aabb - 2 fec_roots 25",
        r#"word 13 "25": the number of roots is not from 2 to 24"#,
    ),
    (
        "thin-pool",
        "8:0 8:16 64 0",
        r#"word 3 "64": the block size is not from 128 to 2097152"#,
    ),
    (
        "thin-pool",
        "8:0 8:16 192 0",
        r#"word 3 "192": a block of 192 sectors is not divisible by the least block, 128"#,
    ),
    (
        "thin-pool",
        "8:0 8:16 128",
        "the low water mark in blocks is missing",
    ),
    (
        "thin-pool",
        "8:0 8:16 128 0 1 zeroing",
        r#"word 6 "zeroing": the feature is none of skip_block_zeroing, ignore_discard, no_discard_passdown, read_only, error_if_no_space"#,
    ),
    (
        "thin-pool",
        "8:0 8:16 128 0 5 a b c d e",
        r#"word 5 "5": the number of features is more than 4"#,
    ),
    (
        "thin",
        "8:0",
        "the identifier of the thin device is missing",
    ),
    (
        "thin",
        "8:0 16777216",
        r#"word 2 "16777216": the identifier of the thin device is not from 0 to 16777215"#,
    ),
    (
        "thin",
        "8:0 1 8:16 8:32",
        r#"word 4 "8:32": is one word too many"#,
    ),
    (
        "cache",
        "8:0 8:16 8:32 32 0 smq 0",
        r#"word 4 "32": the block size is not from 64 to 2097152"#,
    ),
    (
        "cache",
        "8:0 8:16 8:32 100 0 smq 0",
        r#"word 4 "100": a block of 100 sectors is not divisible by the least block, 64"#,
    ),
    (
        "cache",
        "8:0 8:16 8:32 128 2 writeback writethrough smq 0",
        r#"word 7 "writethrough": writeback, writethrough and passthrough exclude each other"#,
    ),
    (
        "cache",
        "8:0 8:16 8:32 128 1 fast smq 0",
        r#"word 6 "fast": the feature is none of metadata2, writeback, writethrough, passthrough, no_discard_passdown"#,
    ),
    (
        "cache",
        "8:0 8:16 8:32 128 0 smq",
        "the number of words of the policy's settings is missing",
    ),
    (
        "cache",
        "8:0 8:16 8:32 128 0 smq 1 x",
        "the value of the setting is missing, since the number of words of the policy's settings counts no more words",
    ),
    (
        "cache",
        "8:0 8:16 8:32 128",
        "the number of features is missing",
    ),
    (
        "writecache",
        "x 8:0 8:16 4096 0",
        r#"word 1 "x": the medium is none of p, s"#,
    ),
    (
        "writecache",
        "s 8:0 8:16 1000 0",
        r#"word 4 "1000": the block size is not a power of two"#,
    ),
    (
        "writecache",
        "s 8:0 8:16 4096 1 fua",
        r#"word 6 "fua": is for persistent memory alone"#,
    ),
    (
        "writecache",
        "s 8:0 8:16 4096 2 high_watermark 101",
        r#"word 7 "101": the percentage is not from 0 to 100"#,
    ),
    (
        "writecache",
        "s 8:0 8:16 4096 2 low_watermark 60",
        "the low_watermark, 45 without one, is above the high_watermark, 50 without one",
    ),
    (
        "writecache",
        "s 8:0 8:16 4096 1 start_sector",
        "the sector is missing, since the number of words of options counts no more words",
    ),
    ("era", "8:0 8:16", "the block size is missing"),
    ("era", "8:0 8:16 0", r#"word 3 "0": the block size is zero"#),
    (
        "clone",
        "8:0 8:16 8:32 7",
        r#"word 4 "7": the region size is not from 8 to 2097152"#,
    ),
    (
        "clone",
        "8:0 8:16 8:32 4",
        r#"word 4 "4": the region size is not from 8 to 2097152"#,
    ),
    (
        "clone",
        "8:0 8:16 8:32 8 1 hydrate",
        r#"word 6 "hydrate": the feature is none of no_hydration, no_discard_passdown"#,
    ),
    (
        "clone",
        "8:0 8:16 8:32 8 0 2 threshold 1",
        r#"word 7 "threshold": the setting is none of hydration_threshold, hydration_batch_size"#,
    ),
    (
        "multipath",
        "0 0 0 1",
        r#"word 4 "1": must be 0, since there are no groups"#,
    ),
    (
        "multipath",
        "0 0 1 0 round-robin 0 1 1 8:0 1",
        r#"word 4 "0": there is no such group: 1 are counted from 1"#,
    ),
    (
        "multipath",
        "0 0 1 2 round-robin 0 1 1 8:0 1",
        r#"word 4 "2": there is no such group: 1 are counted from 1"#,
    ),
    (
        "multipath",
        "0 0 1 1 round-robin 0 0 1",
        r#"word 7 "0": the number of paths is zero"#,
    ),
    (
        "multipath",
        "0 0 1 1 round-robin 0 2 1 8:0 1",
        r#"word 7 "2": the number of words of the paths is more than the 2 words that follow"#,
    ),
    (
        "multipath",
        "1 queue 0 1 1 round-robin 0 1 1 8:0 1",
        r#"word 2 "queue": the feature is none of queue_if_no_path, pg_init_retries, pg_init_delay_msecs, retain_attached_hw_handler, queue_mode"#,
    ),
    (
        "multipath",
        "2 queue_mode fast 0 1 1 round-robin 0 1 1 8:0 1",
        r#"word 3 "fast": the queue mode is none of bio, rq, mq"#,
    ),
    (
        "multipath",
        "2 pg_init_retries 51 0 1 1 round-robin 0 1 1 8:0 1",
        r#"word 3 "51": the number of retries is not from 1 to 50"#,
    ),
    (
        "unstriped",
        "2 256 2 8:0 0",
        r#"word 3 "2": the index of the stripe is not from 0 to 1"#,
    ),
    (
        "unstriped",
        "2 0 0 8:0 0",
        r#"word 2 "0": the chunk size is zero"#,
    ),
    (
        "unstriped",
        "2 100 0 8:0 0",
        r#"word 2 "100": the length of 65536 sectors is not divisible by the chunk size, 100"#,
    ),
    (
        "switch",
        "0 128 0",
        r#"word 1 "0": the number of paths is zero"#,
    ),
    (
        "switch",
        "2 128 0 8:0 0",
        r#"word 1 "2": 2 paths need 4 words behind them, not 2"#,
    ),
    (
        "switch",
        "1 128 1 x 8:0 0",
        r#"word 3 "1": the number of optional words must be 0, since the target knows none"#,
    ),
    (
        "ebs",
        "8:0 0 3",
        r#"word 3 "3": the emulated block size is not a power of two"#,
    ),
    (
        "ebs",
        "8:0 0 0",
        r#"word 3 "0": the emulated block size is not from 1 to 65536"#,
    ),
    (
        "vdo",
        "V3 8:0 100 4096 128 16380",
        r#"word 1 "V3": the word is none of V4"#,
    ),
    (
        "vdo",
        "V4 8:0 100 1024 128 16380",
        r#"word 4 "1024": the block size is none of 512, 4096"#,
    ),
    (
        "vdo",
        "V4 8:0 100 4096 128 16380 ack",
        "the value of the setting is missing",
    ),
    ("zoned", "", "the device is missing"),
];
