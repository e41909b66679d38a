//! Tables of 10^6 segments: how long they take to load, and how long a lookup takes beside a plain
//! binary search over the same starts.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dm_core::blockdev::MemDev;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot};
use dm_core::component::{Component, OpenError, Opener, TableMode};
use dm_core::devid::DevNo;
use dm_core::engine::Engine;
use dm_core::names::DmName;
use dm_core::table::{Table, TableLine};
use dm_core::target::{Host, TARGETS, Work};
use dm_core::units::{Sector, SectorCount};

const SEGMENTS: u64 = 1_000_000;

struct Quiet;

impl Host for Quiet {
    fn compute(&self, work: Work) {
        work();
    }

    fn after(&self, _: Duration, work: Work) {
        work();
    }

    fn raise_event(&self) {}
}

struct OneDisk(Component);

impl Opener for OneDisk {
    fn open(&mut self, _: &str, _: TableMode) -> Result<Component, OpenError> {
        Ok(self.0.clone())
    }
}

/// Linear segments of 1 to 16 sectors over one device, in disorder.
fn lines() -> Vec<TableLine> {
    let (mut start, mut seed) = (0, 1_u64);
    let mut lines = Vec::new();
    for _ in 0..SEGMENTS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let length = (seed >> 33) % 16 + 1;
        let at = (seed >> 20) % 1000;
        lines.push(
            format!("{start} {length} linear disk {at}")
                .parse()
                .unwrap(),
        );
        start += length;
    }
    lines
}

fn disk() -> Arc<MemDev> {
    Arc::new(MemDev::new(SectorCount(2048)))
}

fn build(lines: &[TableLine]) -> Table {
    let component = Component::new(disk(), DevNo { major: 7, minor: 0 }, "disk");
    let host: Arc<dyn Host> = Arc::new(Quiet);
    Table::build(
        lines,
        TableMode::ReadWrite,
        TARGETS,
        &host,
        &mut OneDisk(component),
    )
    .unwrap()
}

fn loading(c: &mut Criterion) {
    let lines = lines();
    let table = build(&lines);
    let count = table.segments().len();
    println!(
        "memory a segment: {:.1} bytes",
        table.memory() as f64 / count as f64
    );
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut group = c.benchmark_group("a table of 10^6 segments");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SEGMENTS));
    group.bench_function("parse", |b| {
        b.iter_with_large_drop(|| TableLine::parse_table(&text).unwrap());
    });
    group.bench_function("load into the engine", |b| {
        let engine = Engine::new();
        engine.attach("disk", disk());
        let dm = Dm::new(&engine);
        let name = DmName::new("vol").unwrap();
        dm.create(Create::new(name.clone())).unwrap();
        b.iter_batched(
            || lines.clone(),
            |lines| dm.load(Load::new(name.clone(), lines)).unwrap(),
            BatchSize::PerIteration,
        );
        assert_eq!(
            dm.info(name, Slot::Inactive).unwrap().target_count,
            1_000_000
        );
    });
    group.finish();
}

fn lookup(c: &mut Criterion) {
    let lines = lines();
    let table = build(&lines);
    let starts: Vec<u64> = table
        .segments()
        .iter()
        .map(|s| s.range().start().0)
        .collect();
    let mut seed = 7_u64;
    let wanted: Vec<u64> = (0..1 << 16)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 20) % table.size().0
        })
        .collect();
    let mut group = c.benchmark_group("a random lookup among 10^6 segments");
    group.throughput(Throughput::Elements(wanted.len() as u64));
    group.bench_function("index", |b| {
        b.iter(|| {
            for sector in &wanted {
                black_box(table.segment_at(Sector(*sector)).map(std::ptr::from_ref));
            }
        });
    });
    group.bench_function("plain binary search", |b| {
        b.iter(|| {
            for sector in &wanted {
                let at = starts.partition_point(|start| start <= sector) - 1;
                black_box(std::ptr::from_ref(&table.segments()[at]));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, loading, lookup);
criterion_main!(benches);
