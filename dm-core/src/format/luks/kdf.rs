//! How passphrases become keys.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use argon2::{Algorithm, Argon2, Params};
use zeroize::Zeroizing;

use crate::target::crypt::Hash;

use super::error::LuksError;

/// How a passphrase becomes a key, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kdf {
    /// PBKDF2 (RFC 8018) with HMAC.
    Pbkdf2 {
        /// The hash's name.
        hash: String,
        /// How often it is applied.
        iterations: u32,
    },
    /// Argon2 (RFC 9106).
    Argon2 {
        /// Whether it is argon2id, or argon2i.
        variant: Variant,
        /// How often the memory is gone over.
        time: u32,
        /// KiB of memory.
        memory: u32,
        /// Lanes.
        cpus: u32,
    },
}

/// Which Argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// That whose memory accesses do not hang on the passphrase.
    I,
    /// That which begins so.
    Id,
}

/// What nobody needs: a header that asks for more is hostile. A minute, on a fast machine.
const ITERATIONS_MAX: u32 = 200_000_000;
/// KiB; what cryptsetup takes at most, too.
const MEMORY_MAX: u32 = 4 << 20;
/// KiB that are gone over in all.
const WORK_MAX: u32 = 128 << 20;
const CPUS_MAX: u32 = 4;
/// What trying all slots may cost: some minutes.
const SHARES_MAX: f64 = 3.0;

impl Kdf {
    /// As headers call it.
    pub fn name(&self) -> &'static str {
        match self {
            Kdf::Pbkdf2 { .. } => "pbkdf2",
            Kdf::Argon2 { variant, .. } => match variant {
                Variant::I => "argon2i",
                Variant::Id => "argon2id",
            },
        }
    }

    /// Whether it can be done, and for a bearable price.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), LuksError> {
        match self {
            Kdf::Pbkdf2 { hash, iterations } => {
                hash_of(hash)?;
                match iterations {
                    0 => Err(LuksError::damaged("pbkdf2 has no iterations")),
                    1..=ITERATIONS_MAX => Ok(()),
                    _ => Err(LuksError::Cost {
                        cost: format!("{iterations} iterations"),
                        limit: "200000000",
                    }),
                }
            }
            Kdf::Argon2 {
                time, memory, cpus, ..
            } => {
                if *time == 0 || *cpus == 0 || *memory < 8 * *cpus {
                    return Err(LuksError::damaged("argon2's costs are too small"));
                }
                if *cpus > CPUS_MAX {
                    return Err(LuksError::Cost {
                        cost: format!("{cpus} threads"),
                        limit: "4",
                    });
                }
                if *memory > MEMORY_MAX {
                    return Err(LuksError::Cost {
                        cost: format!("{memory} KiB of memory"),
                        limit: "4194304",
                    });
                }
                if u64::from(*time) * u64::from(*memory) > u64::from(WORK_MAX) {
                    return Err(LuksError::Cost {
                        cost: format!("{time} times {memory} KiB of memory"),
                        limit: "134217728",
                    });
                }
                Ok(())
            }
        }
    }

    /// The part of the most that is done which it takes.
    fn share(&self) -> f64 {
        match self {
            Kdf::Pbkdf2 { iterations, .. } => f64::from(*iterations) / f64::from(ITERATIONS_MAX),
            Kdf::Argon2 { time, memory, .. } => {
                f64::from(*time) * f64::from(*memory) / f64::from(WORK_MAX)
            }
        }
    }

    /// Makes a key of nothing, to see how long that takes.
    ///
    /// # Errors
    /// As [`Kdf::check`], and if there is not so much memory.
    pub fn try_out(&self) -> Result<(), LuksError> {
        self.derive(b"passphrase", &[0; 32], 64).map(drop)
    }

    /// The key of `bytes` that a passphrase makes.
    pub(super) fn derive(
        &self,
        passphrase: &[u8],
        salt: &[u8],
        bytes: usize,
    ) -> Result<Zeroizing<Vec<u8>>, LuksError> {
        self.check()?;
        let mut key = Zeroizing::new(alloc::vec![0; bytes]);
        match self {
            Kdf::Pbkdf2 { hash, iterations } => {
                hash_of(hash)?.pbkdf2(passphrase, salt, *iterations, &mut key);
            }
            Kdf::Argon2 {
                variant,
                time,
                memory,
                cpus,
            } => {
                let algorithm = match variant {
                    Variant::I => Algorithm::Argon2i,
                    Variant::Id => Algorithm::Argon2id,
                };
                let wrong = |error: argon2::Error| LuksError::Damaged(format!("argon2: {error}"));
                let params = Params::new(*memory, *time, *cpus, Some(bytes)).map_err(wrong)?;
                let argon2 = Argon2::new(algorithm, argon2::Version::V0x13, params);
                match argon2.hash_password_into(passphrase, salt, &mut key) {
                    Ok(()) => {}
                    Err(argon2::Error::OutOfMemory) => {
                        return Err(LuksError::Memory { kib: *memory });
                    }
                    Err(error) => return Err(wrong(error)),
                }
            }
        }
        Ok(key)
    }
}

/// Whether all of these can be done one after the other: 32 slots, each of which is just bearable,
/// are an hour.
pub(super) fn bearable<'a>(kdfs: impl Iterator<Item = &'a Kdf>) -> Result<(), LuksError> {
    match kdfs.map(Kdf::share).sum::<f64>() <= SHARES_MAX {
        true => Ok(()),
        false => Err(LuksError::Costs),
    }
}

pub(super) fn hash_of(name: &str) -> Result<Hash, LuksError> {
    Hash::of(name).ok_or_else(|| LuksError::Hash(name.into()))
}
