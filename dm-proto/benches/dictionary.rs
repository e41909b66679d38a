//! Reload dictionaries of 1 to 10^5 segments: how long they take to read and to write, beside the plist crate on the
//! same text and value. What is read is dropped within the time, as a program does that answers requests.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_core::command::{Command, Load};
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_proto::netbsd::command;
use dm_proto::proplib::{Dictionary, Limits, read_dictionary, write_dictionary};
use plist::Value;

/// Sizes that both are measured at.
const COMPARED: [u32; 3] = [1, 100, 10_000];

/// Ours alone, since only its growth from 10^4 is of interest.
const LARGEST: u32 = 100_000;

/// What a client sends to load a table of linear segments of 8 MiB.
fn reload(segments: u32) -> Dictionary {
    let line = |at: u64| {
        let (start, place) = (at * 16_384, (at * 7919 % 1_000_003) * 16_384 + 384);
        format!("{start} 16384 linear /dev/rwd1a {place}\n")
    };
    let table: String = (0..u64::from(segments)).map(line).collect();
    let lines = TableLine::parse_table(&table).unwrap();
    let load = Load::new(DmName::new("vg0-vol0").unwrap(), lines);
    command::encode(&Command::Load(load))
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("read a reload");
    for segments in COMPARED.into_iter().chain([LARGEST]) {
        let text = write_dictionary(&reload(segments));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("ours", segments), |b| {
            b.iter(|| read_dictionary(&text, &Limits::default()).unwrap());
        });
        if COMPARED.contains(&segments) {
            group.bench_function(BenchmarkId::new("plist", segments), |b| {
                b.iter(|| Value::from_reader_xml(&text[..]).unwrap());
            });
        }
    }
    group.finish();
}

fn writing(c: &mut Criterion) {
    let mut group = c.benchmark_group("write a reload");
    for segments in COMPARED.into_iter().chain([LARGEST]) {
        let ours = reload(segments);
        let text = write_dictionary(&ours);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("ours", segments), |b| {
            b.iter(|| write_dictionary(&ours));
        });
        if COMPARED.contains(&segments) {
            let theirs = Value::from_reader_xml(&text[..]).unwrap();
            group.bench_function(BenchmarkId::new("plist", segments), |b| {
                b.iter(|| {
                    let mut text = Vec::new();
                    theirs.to_writer_xml(&mut text).unwrap();
                    text
                });
            });
        }
    }
    group.finish();
}

/// Once a block of this size was given back, the C library keeps as much memory for the next; before, each round at
/// 10^5 would get its pages from the kernel anew. A process that gets such a command has given back its frame.
fn large_block(_: &mut Criterion) {
    drop(write_dictionary(&reload(LARGEST)));
}

criterion_group!(benches, large_block, reading, writing);
criterion_main!(benches);
