//! Password hashes in PHC string form: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use hallpass_types::constant_time_eq;

/// Bytes of salt in new hashes.
pub const SALT_LEN: usize = 16;
/// Bytes of output in new hashes.
const OUTPUT_LEN: usize = 32;

/// What one Argon2id computation costs, [RFC 9106 §3.1](https://www.rfc-editor.org/rfc/rfc9106#section-3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes; they are computed one after the other.
    pub lanes: u32,
}

impl Default for Cost {
    /// 19 MiB, two passes, one lane: about 15 ms on one core.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            lanes: 1,
        }
    }
}

impl Cost {
    /// The dearest hash that is ever verified. Stored parameters beyond it are refused, so that a planted
    /// hash cannot take the machine's memory or occupy a thread for minutes.
    pub const LIMIT: Self = Self {
        memory_kib: 1024 * 1024,
        iterations: 100,
        lanes: 64,
    };

    /// Whether hashes of this cost can be made and will be verified.
    pub fn is_usable(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.lanes <= Self::LIMIT.lanes
            && self.params(OUTPUT_LEN).is_ok()
    }

    fn params(self, output: usize) -> Result<Params, UnusableHash> {
        Params::new(self.memory_kib, self.iterations, self.lanes, Some(output))
            .map_err(|_| UnusableHash)
    }
}

/// A stored hash is not one that this server verifies: another algorithm, dearer than [`Cost::LIMIT`], or
/// not a PHC string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password hash cannot be used")]
pub struct UnusableHash;

/// A password hash that this server can verify.
#[derive(Clone, PartialEq, Eq)]
pub struct Phc {
    cost: Cost,
    version: Version,
    salt: Salt,
    output: Output,
}

impl Phc {
    /// Reads a PHC string.
    ///
    /// # Errors
    /// [`UnusableHash`]
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = PasswordHash::new(text).map_err(|_| UnusableHash)?;
        let algorithm = Algorithm::new(hash.algorithm.as_str()).map_err(|_| UnusableHash)?;
        let version = hash.version.unwrap_or_else(|| Version::V0x10.into());
        let params = Params::try_from(&hash).map_err(|_| UnusableHash)?;
        let cost = Cost {
            memory_kib: params.m_cost(),
            iterations: params.t_cost(),
            lanes: params.p_cost(),
        };
        let plain = params.keyid().is_empty() && params.data().is_empty();
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(UnusableHash);
        };
        if algorithm != Algorithm::Argon2id || !plain || !cost.is_usable() {
            return Err(UnusableHash);
        }
        // A shorter output would make other passwords fit; a shorter salt could be shared by accounts.
        if output.len() < 16 || salt.len() < 8 {
            return Err(UnusableHash);
        }
        let version = Version::try_from(version).map_err(|_| UnusableHash)?;
        Ok(Self {
            cost,
            version,
            salt,
            output,
        })
    }

    /// The PHC string, for the place that stores it.
    ///
    /// # Errors
    /// [`UnusableHash`] for parameters that have no PHC form; hashes made or read here have one.
    pub fn expose(&self) -> Result<String, UnusableHash> {
        let params = self.cost.params(self.output.len())?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(&params).map_err(|_| UnusableHash)?,
            salt: Some(self.salt),
            hash: Some(self.output),
        };
        Ok(hash.to_string())
    }

    /// What verifying costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether the hash is not what would be made today.
    fn is_dated(&self, today: Cost) -> bool {
        self.cost != today
            || self.version != Version::V0x13
            || self.output.len() != OUTPUT_LEN
            || self.salt.len() < SALT_LEN
    }
}

impl fmt::Debug for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phc")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// How a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The password is the one.
    pub matched: bool,
    /// It is, and its hash was made with other parameters than today's: hash it anew.
    pub needs_rehash: bool,
}

/// The memory of one thread, kept from one computation to the next.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    /// Blocks reserved at least: 33 MiB. Allocators hand out regions of this size page by page and give
    /// them back whole, whereas a region just fitting the default cost may be kept for ever once freed.
    const RESERVED: usize = 33 * 1024;

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.capacity() == 0
    }

    /// Gives the memory back.
    pub(crate) fn release(&mut self) {
        self.0 = Vec::new();
    }

    fn compute(
        &mut self,
        (cost, version): (Cost, Version),
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), UnusableHash> {
        let params = cost.params(out.len())?;
        let blocks = params.block_count();
        if self.0.len() < blocks {
            let wanted = blocks.max(Self::RESERVED).saturating_sub(self.0.len());
            self.0.try_reserve_exact(wanted).map_err(|_| UnusableHash)?;
            self.0.resize(blocks, Block::default());
        }
        let memory = self.0.get_mut(..blocks).ok_or(UnusableHash)?;
        let done = Argon2::new(Algorithm::Argon2id, version, params)
            .hash_password_into_with_memory(password, salt, out, memory)
            .map_err(|_| UnusableHash);
        // A dearer hash than usual must not leave the thread large.
        if blocks > Self::RESERVED {
            self.release();
        }
        done
    }

    /// Hashes a password.
    pub(crate) fn hash(
        &mut self,
        cost: Cost,
        password: &[u8],
        salt: &[u8; SALT_LEN],
    ) -> Result<Phc, UnusableHash> {
        let mut out = [0; OUTPUT_LEN];
        self.compute((cost, Version::V0x13), password, salt, &mut out)?;
        Ok(Phc {
            cost,
            version: Version::V0x13,
            salt: Salt::new(salt).map_err(|_| UnusableHash)?,
            output: Output::new(&out).map_err(|_| UnusableHash)?,
        })
    }

    /// Verifies a password. Without a stored hash it computes just as long and answers no.
    pub(crate) fn verify(
        &mut self,
        cost: Cost,
        password: &[u8],
        stored: Option<&Phc>,
    ) -> Result<Verdict, UnusableHash> {
        let Some(stored) = stored else {
            let mut out = [0; OUTPUT_LEN];
            self.compute((cost, Version::V0x13), password, &[0; SALT_LEN], &mut out)?;
            return Ok(Verdict {
                matched: false,
                needs_rehash: false,
            });
        };
        let mut out = [0; Output::MAX_LENGTH];
        let out = out.get_mut(..stored.output.len()).ok_or(UnusableHash)?;
        self.compute((stored.cost, stored.version), password, &stored.salt, out)?;
        let matched = constant_time_eq(out, stored.output.as_bytes());
        Ok(Verdict {
            matched,
            needs_rehash: matched && stored.is_dated(cost),
        })
    }
}
