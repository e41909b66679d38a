//! Power cuts: what was acknowledged before the last flush that ended reads back, and no tag is wrong.

use dm_tests::power_loss::Life;
use fastrand::Rng;

/// Sectors of the device below.
const DISK: u64 = 1100;
/// Points at which parts of what was not flushed are left out, and how many parts at each.
const POINTS: usize = 20;
const SUBSETS: u64 = 200;

fn cut_everywhere(options: &str) {
    cut(&Life::new(options, 1), 1, POINTS, SUBSETS);
}

/// Cuts at each `step`th record, and at some points with parts of what was not flushed left out.
fn cut(life: &Life, step: usize, points: usize, subsets: u64) {
    let recording = life.record(DISK, 7);
    let options = life.options();
    let records = recording.log.len();
    assert!(records > 30, "{options}: {records} records");
    let check = |upto, left: Vec<u8>, what: &dyn std::fmt::Display| {
        let checked = recording.check(upto, &left);
        checked.unwrap_or_else(|reason| panic!("{options}, {upto}, {what}: {reason}"));
    };
    for upto in (0..records).step_by(step) {
        check(upto, recording.left(upto, || true), &"all of it");
    }
    let mut rng = Rng::with_seed(11);
    for _ in 0..points {
        let upto = rng.usize(..records);
        for seed in 0..subsets {
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

#[test]
fn journal_keeps_data_and_tags_of_a_crypt_together() {
    let life = Life::new(
        "0 32 J fix_padding journal_sectors:360 interleave_sectors:64",
        1,
    );
    let life = life.under(
        "capi:authenc(hmac(sha256),cbc(aes))-plain64 \
         000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\
         000102030405060708090a0b0c0d0e0f 0 BELOW 0 1 integrity:32:aead",
    );
    // What comes of the journal's parts, the tests without a crypt go through.
    cut(&life, 2, 5, 30);
}
