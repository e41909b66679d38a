//! How a new passphrase becomes a key.

use std::time::Instant;

use clap::{Args, ValueEnum};
use dm_core::format::luks::{Kdf, LuksError, Variant};

/// What a new passphrase costs to try.
#[derive(Debug, Args)]
pub(super) struct KdfChoice {
    /// How the passphrase becomes a key; else argon2id, and pbkdf2 in LUKS1
    #[arg(long, value_name = "KDF")]
    pbkdf: Option<Name>,
    /// The hash of PBKDF2
    #[arg(long, default_value = "sha256")]
    pub(super) hash: String,
    /// Iterations of PBKDF2, or passes of argon2 over its memory; else as --iter-time says
    #[arg(long, value_name = "COUNT")]
    iterations: Option<u32>,
    /// Milliseconds that one try of a passphrase is to take on this machine
    #[arg(short, long, value_name = "MS", default_value_t = 2000)]
    iter_time: u32,
    /// KiB of memory that argon2 takes; else as much as fits the time, up to 1 GiB
    #[arg(long, value_name = "KIB")]
    memory: Option<u32>,
    /// Threads that argon2 has; else as many as there are processors, up to 4
    #[arg(long, value_name = "COUNT")]
    parallel: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Pbkdf2,
    Argon2i,
    Argon2id,
}

/// The least that is chosen, as cryptsetup has it.
const ITERATIONS_LEAST: u32 = 1000;
const TIME_LEAST: u32 = 4;
const MEMORY_LEAST: u32 = 64 << 10;
const MEMORY_USUAL: u32 = 1 << 20;

impl KdfChoice {
    /// What was said, and for the rest what takes the wanted time here.
    pub(super) fn kdf(&self, luks: u32) -> Result<Kdf, LuksError> {
        let usual = if luks == 1 {
            Name::Pbkdf2
        } else {
            Name::Argon2id
        };
        let variant = match self.pbkdf.unwrap_or(usual) {
            Name::Pbkdf2 => return self.pbkdf2(),
            Name::Argon2i => Variant::I,
            Name::Argon2id => Variant::Id,
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let cpus = self
            .parallel
            .unwrap_or(u32::try_from(cpus.min(4)).unwrap_or(1));
        let argon2 = |time, memory| Kdf::Argon2 {
            variant,
            time,
            memory,
            cpus,
        };
        if let (Some(time), Some(memory)) = (self.iterations, self.memory) {
            return Ok(argon2(time, memory));
        }
        // KiB that are gone over in the wanted time.
        let work = u64::from(MEMORY_LEAST) * u64::from(self.iter_time)
            / duration(&argon2(1, MEMORY_LEAST))?;
        let usual = (work / u64::from(TIME_LEAST)).clamp(MEMORY_LEAST.into(), MEMORY_USUAL.into());
        let memory = self.memory.map_or(usual, u64::from);
        let time = (work / memory.max(1)).max(TIME_LEAST.into());
        let time = self.iterations.map_or(time, u64::from);
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(argon2(small(time), small(memory)))
    }

    /// The least work, where nothing comes of it.
    pub(super) fn quick(&self) -> Kdf {
        Kdf::Pbkdf2 {
            hash: self.hash.clone(),
            iterations: ITERATIONS_LEAST,
        }
    }

    fn pbkdf2(&self) -> Result<Kdf, LuksError> {
        let pbkdf2 = |iterations| Kdf::Pbkdf2 {
            hash: self.hash.clone(),
            iterations,
        };
        if let Some(iterations) = self.iterations {
            return Ok(pbkdf2(iterations));
        }
        let tried = 200_000;
        let wanted = u64::from(tried) * u64::from(self.iter_time) / duration(&pbkdf2(tried))?;
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        Ok(pbkdf2(wanted.max(ITERATIONS_LEAST)))
    }
}

/// Milliseconds that it takes.
fn duration(kdf: &Kdf) -> Result<u64, LuksError> {
    let start = Instant::now();
    kdf.try_out()?;
    let took = start.elapsed().as_millis();
    Ok(u64::try_from(took).unwrap_or(u64::MAX).max(1))
}
