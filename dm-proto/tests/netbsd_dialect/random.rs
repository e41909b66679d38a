//! Raw tables and requests at random, the same on every machine.

use dm_core::units::SectorCount;
use dm_proto::netbsd::Caller;
use dm_proto::proplib::{Dictionary, Value};

use super::machine::Machine;

/// xorshift64*.
struct Random(u64);

/// A table line and where its sectors lie.
struct Line {
    text: String,
    start: u64,
    length: u64,
    chunk: u64,
    /// Disks and offsets.
    legs: Vec<(u64, u64)>,
}

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let at = self.below(all.len() as u64);
        all[usize::try_from(at).expect("an index")].clone()
    }

    /// A value that a key may have, or may not.
    fn value(&mut self) -> Value {
        match self.below(7) {
            0 => self.one_of(&[0_u64, 1, 2, 77, 4, u64::MAX, 1 << 31]).into(),
            1 => self.one_of(&[0_i64, 1, -1, i64::MIN, i64::MAX]).into(),
            2 => self.below(2).eq(&0).into(),
            3 => (0..self.below(4)).map(|_| self.value()).collect(),
            4 => self.segment().into(),
            _ => {
                let names = [
                    "",
                    "a",
                    "b",
                    "c",
                    "a/b",
                    "control",
                    "..",
                    "é\\ ",
                    "/dev/mapper/a",
                ];
                self.one_of(&names).into()
            }
        }
    }

    fn segment(&mut self) -> Dictionary {
        let params = [
            "",
            "/dev/1 0",
            "/dev/mapper/a 0",
            "/dev/mapper/b 4",
            "/dev/9 0",
            "2 8 /dev/0 0 /dev/1 0",
            "1 0 /dev/mapper/c 0",
            "0 8",
            "\t\\ 1",
        ];
        let mut segment = Dictionary::new();
        segment
            .set(
                "type",
                self.one_of(&["linear", "striped", "zero", "error", "x"]),
            )
            .set("start", self.one_of(&[0_u64, 8, 16, u64::MAX, 1 << 54]))
            .set("length", self.one_of(&[0_u64, 8, 16, u64::MAX, 1 << 54]))
            .set("params", self.one_of(&params));
        if self.below(8) == 0 {
            let key = self.one_of(&["type", "start", "length", "params"]);
            segment.set(key, self.value());
        }
        segment
    }

    fn line(&mut self) -> Line {
        let (start, length) = (self.below(150), self.below(60));
        let linear = self.below(2) == 0;
        let count = if linear { 1 } else { self.below(5) };
        let chunk = if linear { u64::MAX } else { self.below(12) };
        let leg = |random: &mut Random| {
            let offset = match random.below(4) {
                0 => 970 + random.below(60),
                _ => random.below(900),
            };
            (random.below(4), offset)
        };
        let legs: Vec<_> = (0..count).map(|_| leg(self)).collect();
        let words: Vec<String> = legs
            .iter()
            .map(|(disk, offset)| format!("/dev/{disk} {offset}"))
            .collect();
        let words = words.join(" ");
        let text = match linear {
            true => format!("{start} {length} linear {words}"),
            false => format!("{start} {length} striped {count} {chunk} {words}"),
        };
        Line {
            text,
            start,
            length,
            chunk,
            legs,
        }
    }
}

impl Line {
    fn maps(&self, sector: u64) -> bool {
        (self.start..self.start + self.length).contains(&sector)
    }

    /// The disk and the sector there.
    fn place(&self, sector: u64) -> Option<(u64, u64)> {
        let within = sector - self.start;
        let count = self.legs.len() as u64;
        if self.chunk == 0 || count == 0 {
            return None;
        }
        let number = within / self.chunk;
        let (disk, offset) = self.legs[usize::try_from(number % count).ok()?];
        let at = offset + number / count * self.chunk + within % self.chunk;
        (at < 1000).then_some((disk, at))
    }

    /// Whether every disk has the whole row that a sector is in.
    fn has_row(&self, sector: u64) -> bool {
        let count = self.legs.len() as u64;
        let row = (sector - self.start) / self.chunk.saturating_mul(count).max(1);
        let rows = (row + 1).saturating_mul(self.chunk);
        self.legs
            .iter()
            .all(|(_, offset)| offset.saturating_add(rows) <= 1000)
    }
}

#[test]
fn sector_that_can_be_read_is_the_one_that_the_only_line_maps() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let machine = Machine::new();
    machine.number_sectors();
    machine.on("create", "d");
    let (mut read, mut failed) = (0, 0);
    for _ in 0..400 {
        let lines: Vec<Line> = (0..1 + random.below(5)).map(|_| random.line()).collect();
        let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        machine.reload("d", &text.join("\n"));
        machine.on("resume", "d");
        let size: u64 = lines.iter().map(|line| line.length).sum();
        let mapped = machine.driver.mapped(1).expect("the device is there");
        assert_eq!(mapped.size, SectorCount(size));
        for sector in 0..size + 2 {
            let mut over = lines.iter().filter(|line| line.maps(sector));
            let line = over
                .next()
                .filter(|_| over.next().is_none() && sector < size);
            let place = line.and_then(|line| line.place(sector));
            let found = machine.numbered("d", sector);
            match (found, place) {
                (Some(found), place) => {
                    assert_eq!(Some(found), place, "sector {sector} of {text:?}");
                    read += 1;
                }
                (None, Some(_)) => {
                    let row = line.is_some_and(|line| line.has_row(sector));
                    let linear = line.is_some_and(|line| line.chunk == u64::MAX);
                    assert!(!row && !linear, "sector {sector} of {text:?}");
                    failed += 1;
                }
                (None, None) => failed += 1,
            }
        }
    }
    assert!(read > 8000 && failed > 8000, "{read} read, {failed} failed");
}

#[test]
fn no_request_breaks_the_driver() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let machine = Machine::new();
    let commands = [
        "version", "targets", "names", "create", "info", "mknodes", "status", "table", "deps",
        "reload", "reload", "reload", "resume", "resume", "suspend", "clear", "rename", "remove",
    ];
    let keys = [
        "name", "uuid", "minor", "flags", "cmd_data", "version", "command", "x",
    ];
    for _ in 0..20_000 {
        let mut set: Vec<(&str, Value)> = Vec::new();
        if random.below(4) > 0 {
            set.push(("name", random.one_of(&["a", "b", "c", "a/b"]).into()));
        }
        if random.below(2) == 0 {
            let segments = (0..random.below(4)).map(|_| random.segment());
            set.push(("cmd_data", segments.collect()));
        }
        if random.below(4) == 0 {
            set.push((random.one_of(&keys), random.value()));
        }
        let command = random.one_of(&commands);
        let reply = machine.send_as(Caller::Root, command, &set);
        for (key, _) in &set {
            assert!(reply.contains(key), "{command} {key}: {reply:?}");
        }
    }
    let mut names = machine.names();
    names.retain(|name| !name.is_empty());
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
