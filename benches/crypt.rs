//! How fast sectors are encrypted, by the cipher alone and by a mapped device.
//!
//! Beside it: `openssl speed -bytes 4096 -evp aes-256-xts`.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_core::blockdev::{BlockDev, Blocking, Haste, MemDev, Quick};
use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::format::luks::{Kdf, Variant};
use dm_core::io::{Io, IoData};
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::target::crypt::{CipherSpec, IvUnit, SectorCipher, SectorSize};
use dm_core::units::{Sector, SectorCount};

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

/// Requests to a mapped device over memory, beside those to the memory itself.
fn target(criterion: &mut Criterion) {
    const SECTORS: u64 = 8 << 11;
    let engine = Engine::new();
    let disk = Arc::new(MemDev::new(SectorCount(SECTORS)));
    engine.attach("disk", disk.clone());
    let dm = Dm::new(engine.clone());
    let name = DmName::new("vault").expect("a name");
    let key = "5a".repeat(64);
    let table = format!("0 {SECTORS} crypt aes-xts-plain64 {key} 0 disk 0 1 sector_size:4096");
    let lines = TableLine::parse_table(&table).expect("a table");
    dm.create(Create::new(name.clone())).expect("a device");
    dm.load(Load::new(name.clone(), lines)).expect("loads");
    dm.resume(name.clone(), SuspendOptions::default())
        .expect("resumes");
    let vault = engine
        .open(&name.into(), TableMode::ReadWrite)
        .expect("opens");
    let devices: [(&str, &dyn BlockDev); 2] = [("memory", &*disk), ("crypt over memory", &vault)];
    let mut group = criterion.benchmark_group("target");
    for (what, device) in devices {
        for length in [4 << 10, 128 << 10, 1 << 20] {
            group.throughput(Throughput::Bytes(length as u64));
            let bytes = Bytes::from(vec![7; length]);
            group.bench_function(
                BenchmarkId::new(format!("write {what}"), length),
                |bencher| {
                    bencher.iter(|| {
                        let io = Io::write(Sector(0), bytes.clone()).expect("a request");
                        device.run(io).1
                    });
                },
            );
            let mut buffer = vec![7; length];
            for (way, is_write) in [("write", true), ("read", false)] {
                let title = format!("{way} at once {what}");
                group.bench_function(BenchmarkId::new(title, length), |bencher| {
                    bencher.iter(|| {
                        let part = match is_write {
                            true => Quick::Write(&buffer),
                            false => Quick::Read(&mut buffer),
                        };
                        assert!(device.quick(Sector(0), part, Haste::AtOnce));
                    });
                });
            }
            let mut buffer = BytesMut::zeroed(length);
            group.bench_function(
                BenchmarkId::new(format!("read {what}"), length),
                |bencher| {
                    bencher.iter(|| {
                        let io =
                            Io::read(Sector(0), std::mem::take(&mut buffer)).expect("a request");
                        let (mut io, result) = device.run(io);
                        if let IoData::Read(mut buffers) = io.take_data() {
                            buffer = buffers.pop().expect("a buffer");
                        }
                        result
                    });
                },
            );
        }
    }
    group.finish();
}

/// What it takes to try a passphrase.
fn passphrases(criterion: &mut Criterion) {
    let argon2 = |cpus| Kdf::Argon2 {
        variant: Variant::Id,
        time: 4,
        memory: 256 << 10,
        cpus,
    };
    let pbkdf2 = Kdf::Pbkdf2 {
        hash: "sha256".into(),
        iterations: 1_000_000,
    };
    let mut group = criterion.benchmark_group("passphrases");
    group.sample_size(10);
    for (name, kdf) in [
        ("argon2id 4 x 256 MiB, 1 lane", argon2(1)),
        ("argon2id 4 x 256 MiB, 2 lanes", argon2(2)),
        ("pbkdf2 1000000 x sha256", pbkdf2),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| kdf.try_out()));
    }
    group.finish();
}

criterion_group!(benches, ciphers, target, passphrases);
criterion_main!(benches);
