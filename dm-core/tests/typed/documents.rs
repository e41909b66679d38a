//! Tables after the documents that users have, the kernel's, LVM2's and cryptsetup's, with numbers
//! in the places of variables; and those of our own pages.

use dm_core::table::TableLine;
use dm_core::typed::{Checker, KINDS};

/// Where a table is from, and its lines.
const TABLES: &[(&str, &str)] = &[
    ("linear.rst", "0 2097152 linear /dev/sda 0"),
    (
        "linear.rst",
        "0 1048576 linear /dev/sda 0\n1048576 2097152 linear /dev/sdb 0",
    ),
    (
        "linear.rst",
        "0 4096 linear /dev/sda 4096\n4096 4096 linear /dev/sda 0",
    ),
    (
        "striped.rst",
        "0 10485504 striped 3 256 /dev/sda 0 /dev/sdb 0 /dev/sdc 0",
    ),
    ("zero.rst", "0 21474836480 zero"),
    (
        "zero.rst",
        "0 21474836480 snapshot /dev/mapper/zero1 /dev/sdb P 128",
    ),
    ("delay.rst", "0 65536 delay /dev/sda 0 500"),
    ("delay.rst", "0 65536 delay /dev/sda 0 0 /dev/sdb 0 400"),
    (
        "delay.rst",
        "0 65536 delay /dev/sda 0 50 /dev/sda 0 100 /dev/sda 0 333",
    ),
    (
        "dm-flakey.rst",
        "0 65536 flakey /dev/sda 0 60 5 5 corrupt_bio_byte 32 r 1 0",
    ),
    (
        "dm-flakey.rst",
        "0 65536 flakey /dev/sda 0 60 5 5 corrupt_bio_byte 224 w 0 32",
    ),
    ("dm-dust.rst", "0 33552384 dust /dev/vdb1 0 512"),
    ("dm-dust.rst", "0 33552384 dust /dev/vdb1 0 4096"),
    ("log-writes.rst", "0 65536 log-writes /dev/sdb /dev/sdc"),
    ("snapshot.rst", "0 2097152 linear 8:19 384"),
    ("snapshot.rst", "0 2097152 snapshot 254:11 254:12 P 16"),
    ("snapshot.rst", "0 2097152 snapshot-origin 254:11"),
    (
        "snapshot.rst",
        "0 2097152 snapshot-merge 254:11 254:12 P 16",
    ),
    (
        "dm-raid.rst",
        "0 1960893648 raid raid4 1 2048 5 - 8:17 - 8:33 - 8:49 - 8:65 - 8:81",
    ),
    (
        "dm-raid.rst",
        "0 1960893648 raid raid4 4 2048 sync min_recovery_rate 20 5 8:17 8:18 8:33 8:34 8:49 8:50 8:65 8:66 8:81 8:82",
    ),
    (
        "dm-crypt.rst",
        "0 65536 crypt aes-cbc-essiv:sha256 babebabebabebabebabebabebabebabe 0 /dev/sda 0",
    ),
    (
        "dm-crypt.rst",
        "0 65536 crypt aes-cbc-essiv:sha256 :32:logon:my_prefix:my_key 0 /dev/sda 0",
    ),
    (
        "dm-crypt.rst",
        "0 65536 crypt capi:cbc(aes)-essiv:sha256 babebabebabebabebabebabebabebabe 0 /dev/sda 0",
    ),
    (
        "dm-crypt.rst",
        "0 65536 crypt capi:authenc(hmac(sha256),xts(aes))-random 00ff 0 /dev/sda 0 1 integrity:48:aead",
    ),
    (
        "verity.rst",
        "0 2097152 verity 1 /dev/sda1 /dev/sda2 4096 4096 262144 1 sha256 4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 1234000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "thin-provisioning.rst",
        "0 20971520 thin-pool /dev/sda /dev/sdb 128 32768",
    ),
    ("thin-provisioning.rst", "0 2097152 thin /dev/mapper/pool 0"),
    ("thin-provisioning.rst", "0 2097152 thin /dev/mapper/pool 1"),
    (
        "thin-provisioning.rst",
        "0 2097152 thin /dev/mapper/pool 0 /dev/image",
    ),
    (
        "cache.rst",
        "0 41943040 cache /dev/mapper/metadata /dev/mapper/ssd /dev/mapper/origin 512 1 writeback default 0",
    ),
    (
        "cache.rst",
        "0 41943040 cache /dev/mapper/metadata /dev/mapper/ssd /dev/mapper/origin 1024 1 writeback mq 4 sequential_threshold 1024 random_threshold 8",
    ),
    (
        "cache-policies.rst",
        "0 268435456 cache /dev/sdb /dev/sdc /dev/sdd 512 0 mq 4 sequential_threshold 1024 random_threshold 8",
    ),
    ("era.rst", "0 65536 era /dev/sda /dev/sdb 4096"),
    (
        "dm-clone.rst",
        "0 1048576000 clone /dev/sda /dev/sdb /dev/sdc 8 1 no_hydration",
    ),
    (
        "dm-service-time.rst",
        "0 10 multipath 0 0 1 1 service-time 0 2 2 8:0 128 2000000 8:16 128 4000000",
    ),
    (
        "dm-queue-length.rst",
        "0 10 multipath 0 0 1 1 queue-length 0 2 1 8:0 128 8:16 128",
    ),
    (
        "multipath -v3",
        "0 31457280 multipath 1 queue_if_no_path 0 2 1 round-robin 0 1 1 65:64 1000 round-robin 0 1 1 8:48 1000",
    ),
    (
        "switch.rst",
        "0 2097152 switch 3 128 0 254:2 0 254:3 0 254:4 0",
    ),
    (
        "unstriped.rst",
        "0 1024 unstriped 4 256 0 /dev/mapper/raid0 0",
    ),
    (
        "unstriped.rst",
        "0 3907018752 unstriped 2 256 0 /dev/nvme0n1 0",
    ),
    (
        "unstriped.rst",
        "0 3907018752 unstriped 2 256 1 /dev/nvme0n1 0",
    ),
    ("dm-zoned.rst", "0 65536 zoned /dev/sdxx"),
    ("dm-ebs.rst", "0 65536 ebs /dev/sda1 0 1"),
    ("dm-ebs.rst", "0 65536 ebs /dev/sda1 128 2"),
    ("dm-ebs.rst", "0 65536 ebs /dev/sda1 128 2 8"),
    (
        "vdo.rst",
        "0 29040 vdo V4 /dev/loop0 1048576 4096 262144 16380",
    ),
    (
        "vdo.rst",
        "0 2097152 vdo V4 /dev/mapper/vdo-base 262144 4096 32768 16380 ack 1 bio 4 cpu 2 hash 1 logical 1 physical 1",
    ),
    (
        "dm-pcache.rst",
        "0 65536 pcache /dev/pmem0 /dev/sda 4 cache_mode writeback data_crc true",
    ),
    (
        "writecache.rst",
        "0 2097152 writecache s /dev/sda /dev/sdb 4096 2 high_watermark 60",
    ),
    // LVM2: what lvcreate makes of thin volumes, of mirrors, of raid1 and of caches.
    (
        "lvcreate -T",
        "0 8192 thin-pool 253:0 253:1 128 0 1 error_if_no_space",
    ),
    (
        "lvcreate -m1 --mirrorlog core",
        "0 65536 mirror core 1 1024 2 253:0 0 253:1 0 1 handle_errors",
    ),
    (
        "lvcreate -m1",
        "0 65536 mirror disk 2 253:0 1024 2 253:1 0 253:2 0 1 handle_errors",
    ),
    (
        "lvcreate --type raid1",
        "0 65536 raid raid1 3 0 region_size 4096 2 253:0 253:1 253:2 253:3",
    ),
    (
        "lvcreate --type raid5",
        "0 131072 raid raid5_ls 3 128 region_size 1024 3 253:0 253:1 253:2 253:3 253:4 253:5",
    ),
    (
        "lvconvert --type cache",
        "0 65536 cache 253:1 253:0 253:2 128 2 metadata2 writethrough smq 0",
    ),
    ("lvcreate -s", "0 65536 snapshot 253:0 253:1 P 8"),
    // cryptsetup: LUKS1, LUKS2 with a key of the keyring, plain, with tags, and what stands alone.
    (
        "cryptsetup open --type luks1",
        "0 65536 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 8:1 4096",
    ),
    (
        "cryptsetup open --type luks2",
        "0 65536 crypt aes-xts-plain64 :64:logon:cryptsetup:550e8400-e29b-41d4-a716-446655440000-d0 0 8:1 32768 3 allow_discards sector_size:4096 iv_large_sectors",
    ),
    (
        "cryptsetup open --type plain",
        "0 65536 crypt aes-cbc-essiv:sha256 00ff 0 8:1 0",
    ),
    (
        "cryptsetup --cipher null",
        "0 65536 crypt cipher_null-ecb - 0 8:1 0",
    ),
    (
        "cryptsetup luksFormat --integrity hmac-sha256",
        "0 65536 crypt capi:authenc(hmac(sha256),xts(aes))-random :96:logon:cryptsetup:k 0 253:0 0 1 integrity:48:aead",
    ),
    (
        "cryptsetup reencrypt",
        "0 4096 crypt aes-xts-plain64 00ff 0 253:0 0\n4096 61440 linear 253:0 4096",
    ),
    (
        "integritysetup open",
        "0 65536 integrity 8:1 0 4 J 6 interleave_sectors:32768 buffer_sectors:128 journal_sectors:880 journal_watermark:50 commit_time:10000 internal_hash:crc32c",
    ),
    (
        "integritysetup open --integrity-bitmap-mode",
        "0 65536 integrity 8:1 0 4 B 4 sectors_per_bit:32768 bitmap_flush_interval:10000 fix_padding internal_hash:crc32c",
    ),
    (
        "veritysetup open --fec-device",
        "0 128 verity 1 8:1 8:2 4096 4096 16 1 sha256 4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 - 8 use_fec_from_device 8:3 fec_blocks 17 fec_start 0 fec_roots 2",
    ),
];

fn assert_right(origin: &str, table: &str) {
    let lines = TableLine::parse_table(table);
    let lines = lines.unwrap_or_else(|error| panic!("{origin}: {table}: {error}"));
    let errors = Checker::new().check(&lines);
    assert!(errors.is_empty(), "{origin}: {table}: {errors:?}");
}

#[test]
fn tables_of_documents_are_right() {
    for (origin, table) in TABLES {
        assert_right(origin, table);
    }
}

#[test]
fn each_page_has_an_example_that_is_right() {
    for kind in KINDS {
        let text = kind.page().text();
        let examples = text.lines().filter(|line| line.contains("--table '"));
        let mut count = 0;
        for example in examples {
            let table = example.split('\'').nth(1).expect("it is quoted");
            assert_right(kind.name, table);
            count += 1;
        }
        assert!(count > 0, "{}", kind.name);
    }
}
