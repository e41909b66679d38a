//! A model of tables that knows nothing of the engine: one sector at a time.

use std::fmt::Write as _;

use fastrand::Rng;

/// Bytes in a sector.
pub const SECTOR: usize = 512;

/// Where a sector of a mapped device lies in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a base device.
    Base {
        /// Which.
        device: usize,
        /// Its sector.
        sector: usize,
    },
    /// Nowhere: zeroes.
    Zero,
    /// Nowhere: errors.
    Error,
}

/// A stack of mapped devices over base devices, as a random generator made it.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Sectors of each base device.
    pub bases: Vec<usize>,
    /// The mapped devices, those below first.
    pub devices: Vec<Mapped>,
}

/// A mapped device of a stack.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// Its name.
    pub name: String,
    /// Its table's text.
    pub table: String,
    /// Where each of its sectors lies.
    pub places: Vec<Place>,
}

/// Which targets a random stack has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Linear, striped, zero and error.
    All,
    /// Those that keep what is written: linear and striped, but for the zero segments that fill a
    /// table whose devices are used up.
    Storing,
}

/// What a stack's base devices hold.
#[derive(Clone, Debug)]
pub struct Content(pub Vec<Vec<u8>>);

/// A run of sectors of a device of the level below that nothing stands on yet.
#[derive(Clone, Copy)]
struct Free {
    device: usize,
    start: usize,
    length: usize,
}

impl Stack {
    /// A stack as the random tests have them: of four, three are small and one is large.
    pub fn usual(rng: &mut Rng, base: &dyn Fn(usize) -> String) -> Stack {
        let segments = if rng.u8(0..4) == 0 { 500 } else { 30 };
        Stack::random(rng, Mix::All, segments, base)
    }

    /// A random stack: 1 to 8 base devices, up to 4 mapped devices on top of each other, the top
    /// one with 1 to `segments` segments of `mix`. `base` is the word that names a base device. No
    /// two sectors of a device lie in one place, so that the order of the parts of a request does
    /// not matter.
    pub fn random(
        rng: &mut Rng,
        mix: Mix,
        segments: usize,
        base: &dyn Fn(usize) -> String,
    ) -> Stack {
        let bases: Vec<usize> = (0..rng.usize(1..=8)).map(|_| rng.usize(64..1500)).collect();
        let levels = rng.usize(1..=4);
        let mut devices: Vec<Mapped> = Vec::new();
        let mut below: Vec<(String, Vec<Place>)> = bases
            .iter()
            .enumerate()
            .map(|(at, size)| {
                let places = (0..*size).map(|sector| Place::Base { device: at, sector });
                (base(at), places.collect())
            })
            .collect();
        for level in 0..levels {
            let top = level + 1 == levels;
            let width = if top { 1 } else { rng.usize(1..=2) };
            let mut free = cut(rng, &below);
            let mut made = Vec::new();
            for at in 0..width {
                let most = if top { segments } else { segments.min(60) };
                let count = rng.usize(1..=most.max(1));
                let take = free.len() / (width - at);
                let mut mine: Vec<Free> = free.drain(..take).collect();
                let name = format!("level{level}-{at}");
                let (table, places) = table(rng, mix, count, &below, &mut mine);
                made.push((format!("/dev/mapper/{name}"), places.clone()));
                devices.push(Mapped {
                    name,
                    table,
                    places,
                });
            }
            below = made;
        }
        Stack { bases, devices }
    }

    /// The mapped device on top.
    ///
    /// # Panics
    /// If there is none, which the generator does not do.
    pub fn top(&self) -> &Mapped {
        self.devices.last().expect("a stack has a device")
    }
}

/// Cuts the devices below into runs, in random order.
fn cut(rng: &mut Rng, below: &[(String, Vec<Place>)]) -> Vec<Free> {
    let mut runs = Vec::new();
    for (device, (_, places)) in below.iter().enumerate() {
        let mut start = 0;
        while start < places.len() {
            let most = (places.len() - start).min(if rng.bool() { 300 } else { 20 });
            let length = rng.usize(1..=most);
            runs.push(Free {
                device,
                start,
                length,
            });
            start += length;
        }
    }
    rng.shuffle(&mut runs);
    runs
}

/// A table of up to `count` segments over runs of `free`.
fn table(
    rng: &mut Rng,
    mix: Mix,
    count: usize,
    below: &[(String, Vec<Place>)],
    free: &mut Vec<Free>,
) -> (String, Vec<Place>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    for _ in 0..count {
        let start = places.len();
        let params = match rng.u8(0..10) {
            0 if mix == Mix::All => zeroes(rng, "zero", Place::Zero, &mut places),
            1 if mix == Mix::All => zeroes(rng, "error", Place::Error, &mut places),
            2..=4 => striped(rng, below, free, &mut places),
            _ => linear(below, free, &mut places),
        };
        let params = match params {
            Some(params) => params,
            None => zeroes(rng, "zero", Place::Zero, &mut places).unwrap_or_default(),
        };
        let (target, params) = params.split_once(' ').unwrap_or((&params, ""));
        let length = places.len() - start;
        writeln!(text, "{start} {length} {target} {params}").expect("a string takes all");
    }
    (text, places)
}

fn zeroes(rng: &mut Rng, name: &str, place: Place, places: &mut Vec<Place>) -> Option<String> {
    let length = rng.usize(1..=40);
    places.extend(std::iter::repeat_n(place, length));
    Some(name.into())
}

fn linear(
    below: &[(String, Vec<Place>)],
    free: &mut Vec<Free>,
    places: &mut Vec<Place>,
) -> Option<String> {
    let run = free.pop()?;
    let (word, on) = &below[run.device];
    places.extend_from_slice(&on[run.start..run.start + run.length]);
    Some(format!("linear {word} {}", run.start))
}

fn striped(
    rng: &mut Rng,
    below: &[(String, Vec<Place>)],
    free: &mut Vec<Free>,
    places: &mut Vec<Place>,
) -> Option<String> {
    let count = rng.usize(1..=5).min(free.len());
    let runs: Vec<Free> = (0..count).filter_map(|_| free.pop()).collect();
    let shortest = runs.iter().map(|run| run.length).min()?;
    let chunk = rng.usize(1..=shortest.min(16));
    let width = shortest / chunk * chunk;
    let mut params = format!("striped {count} {chunk}");
    for run in &runs {
        write!(params, " {} {}", below[run.device].0, run.start).expect("a string takes all");
    }
    for sector in 0..width * count {
        let run = runs[sector / chunk % count];
        let at = sector / chunk / count * chunk + sector % chunk;
        places.push(below[run.device].1[run.start + at]);
    }
    Some(params)
}

impl Content {
    /// Random bytes for each base device of `stack`.
    pub fn random(rng: &mut Rng, stack: &Stack) -> Content {
        Content(
            stack
                .bases
                .iter()
                .map(|size| random_bytes(rng, size * SECTOR))
                .collect(),
        )
    }

    /// What `count` sectors from `start` on of `device` read as; `None` if any of them fails.
    pub fn read(&self, device: &Mapped, start: usize, count: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(count * SECTOR);
        for place in &device.places[start..start + count] {
            match *place {
                Place::Base { device, sector } => {
                    bytes.extend_from_slice(&self.0[device][sector * SECTOR..][..SECTOR]);
                }
                Place::Zero => bytes.extend_from_slice(&[0; SECTOR]),
                Place::Error => return None,
            }
        }
        Some(bytes)
    }

    /// Stores `bytes` from `start` on. Whether no sector failed; the others are stored all the
    /// same.
    pub fn write(&mut self, device: &Mapped, start: usize, bytes: &[u8]) -> bool {
        let mut all = true;
        for (at, sector_bytes) in bytes.chunks(SECTOR).enumerate() {
            match device.places[start + at] {
                Place::Base { device, sector } => {
                    self.0[device][sector * SECTOR..][..SECTOR].copy_from_slice(sector_bytes);
                }
                Place::Zero => {}
                Place::Error => all = false,
            }
        }
        all
    }
}

/// `count` random bytes.
pub fn random_bytes(rng: &mut Rng, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rng.fill(&mut bytes);
    bytes
}
