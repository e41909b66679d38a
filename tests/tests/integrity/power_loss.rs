//! Power cuts: what was acknowledged before the last flush that ended reads back, and no tag is wrong.

use dm_tests::power_loss::Life;
use fastrand::Rng;

/// Sectors of the device below.
const DISK: u64 = 1100;
/// Points at which parts of what was not flushed are left out, and how many parts at each.
const POINTS: usize = 20;
const SUBSETS: u64 = 200;

fn cut_everywhere(options: &str) {
    let recording = Life::new(options, 1).record(DISK, 7);
    let records = recording.log.len();
    assert!(records > 30, "{options}: {records} records");
    let check = |upto, left: Vec<u8>, what: &dyn std::fmt::Display| {
        let checked = recording.check(upto, &left);
        checked.unwrap_or_else(|reason| panic!("{options}, {upto}, {what}: {reason}"));
    };
    for upto in 0..records {
        check(upto, recording.left(upto, || true), &"all of it");
    }
    let mut rng = Rng::with_seed(11);
    for _ in 0..POINTS {
        let upto = rng.usize(..records);
        for seed in 0..SUBSETS {
            let mut keep = Rng::with_seed(seed);
            let (most, of) = (keep.u8(1..10), 10);
            let left = recording.left(upto, || keep.u8(..of) < most);
            check(upto, left, &format_args!("part {seed}"));
        }
    }
}

#[test]
fn journal_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "0 - J internal_hash:crc32c fix_padding journal_sectors:360 interleave_sectors:64",
    );
}

#[test]
fn journal_with_mac_and_cipher_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "0 - J internal_hash:crc32c fix_padding fix_hmac journal_sectors:1 \
         journal_mac:hmac(sha256):00 journal_crypt:ctr(aes):000102030405060708090a0b0c0d0e0f \
         journal_watermark:90",
    );
}

#[test]
fn bitmap_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:32 bitmap_flush_interval:1",
    );
}
