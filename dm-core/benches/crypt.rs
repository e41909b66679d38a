//! How fast sectors are encrypted.
//!
//! Beside it: `openssl speed -bytes 4096 -evp aes-256-xts`.
#![allow(missing_docs)]
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_core::target::crypt::{CipherSpec, IvUnit, SectorCipher, SectorSize};

const ALL: &[(&str, usize)] = &[
    ("aes-xts-plain64", 64),
    ("aes-xts-plain64", 32),
    ("aes-cbc-essiv:sha256", 32),
    ("serpent-xts-plain64", 64),
    ("twofish-xts-plain64", 64),
    ("camellia-xts-plain64", 64),
];

fn ciphers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ciphers");
    for (name, key) in ALL {
        for sector in [512, 4096] {
            let spec: CipherSpec = name.parse().expect("a cipher");
            let size = SectorSize::new(sector, IvUnit::Sectors).expect("a sector size");
            let key: Vec<u8> = (0..=255).take(*key).collect();
            let cipher = SectorCipher::new(&spec, &key, size).expect("a key that fits");
            let mut data = vec![7; 4096];
            group.throughput(Throughput::Bytes(4096));
            let title = format!("{name} {} bits, {sector}-byte sectors", key.len() * 8);
            group.bench_function(BenchmarkId::new("encrypt", &title), |bencher| {
                bencher.iter(|| cipher.encrypt(black_box(1234), black_box(&mut data)));
            });
            group.bench_function(BenchmarkId::new("decrypt", &title), |bencher| {
                bencher.iter(|| cipher.decrypt(black_box(1234), black_box(&mut data)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, ciphers);
criterion_main!(benches);
