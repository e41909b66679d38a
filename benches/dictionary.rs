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

/// What it has grown from.
const SMALLER: u32 = 10_000;

/// A table of linear segments of 8 MiB, to be loaded.
fn load(segments: u32) -> Command {
    let line = |at: u64| {
        let (start, place) = (at * 16_384, (at * 7919 % 1_000_003) * 16_384 + 384);
        format!("{start} 16384 linear /dev/rwd1a {place}\n")
    };
    let table: String = (0..u64::from(segments)).map(line).collect();
    let lines = TableLine::parse_table(&table).unwrap();
    Command::Load(Load::new(DmName::new("vg0-vol0").unwrap(), lines))
}

/// What a client sends to load it.
fn reload(segments: u32) -> Dictionary {
    command::encode(&load(segments))
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

/// What a client and a daemon do with a table: from the command to the text that is sent, and from the text that came
/// to the command. Nobody writes one tree again and again, and finds it in the processor's cache.
fn whole_ways(c: &mut Criterion) {
    let mut group = c.benchmark_group("a reload");
    for segments in [SMALLER, LARGEST] {
        let load = load(segments);
        let text = write_dictionary(&command::encode(&load));
        group.throughput(Throughput::Elements(segments.into()));
        group.bench_function(BenchmarkId::new("sent", segments), |b| {
            b.iter(|| command::write(&load));
        });
        group.bench_function(BenchmarkId::new("received", segments), |b| {
            b.iter(|| {
                let request = read_dictionary(&text, &Limits::default()).unwrap();
                command::decode(&request).unwrap()
            });
        });
    }
    // As many segments as in the largest, in tables of their own.
    let trees: Vec<Dictionary> = (0..LARGEST / SMALLER).map(|_| reload(SMALLER)).collect();
    let texts: Vec<Vec<u8>> = trees.iter().map(write_dictionary).collect();
    let mut turn = (0..trees.len()).cycle();
    group.throughput(Throughput::Elements(SMALLER.into()));
    group.bench_function(BenchmarkId::new("written in turn", SMALLER), |b| {
        b.iter(|| write_dictionary(&trees[turn.next().unwrap()]));
    });
    group.bench_function(BenchmarkId::new("read in turn", SMALLER), |b| {
        b.iter(|| read_dictionary(&texts[turn.next().unwrap()], &Limits::default()).unwrap());
    });
    group.finish();
}

/// Once a block of this size was given back, the C library keeps as much memory for the next; before, each round at
/// 10^5 would get its pages from the kernel anew. A process that gets such a command has given back its frame.
fn large_block(_: &mut Criterion) {
    drop(write_dictionary(&reload(LARGEST)));
}

criterion_group!(benches, large_block, reading, writing, whole_ways);
criterion_main!(benches);
