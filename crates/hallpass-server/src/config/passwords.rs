//! `[passwords]`: how passwords are hashed.

use hallpass_accounts::hash::Cost;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// How passwords are hashed: Argon2id, on threads of their own behind a bounded queue.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Passwords {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Threads that hash, each with memory of its own. Without a value: one fewer than cores.
    pub threads: Option<u16>,
    /// Sign-ins that may wait for a thread; one more is told to come back later. Without a value: what the threads
    /// compute in two seconds, as measured.
    pub queue: Option<u32>,
    /// The shortest password that may be set, in characters.
    pub min_length: u32,
    /// A wrong password is refused after so many milliseconds at the earliest, whether there is such an account or not, and whatever
    /// made the hash of its password. To be longer than the dearest hash takes that was brought here from another system; where
    /// one is seen that is dearer, twice of what it took counts. 0 refuses at once: time then tells of such accounts.
    pub refusal_ms: u32,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            parallelism: 1,
            threads: None,
            queue: None,
            min_length: 8,
            refusal_ms: 300,
        }
    }
}

impl Passwords {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        // What is dearer would never be verified.
        let most = Cost::LIMIT;
        check.number(
            "passwords.memory_kib",
            self.memory_kib.into(),
            7 * 1024,
            most.memory_kib.into(),
        );
        let iterations = self.iterations.into();
        check.number(
            "passwords.iterations",
            iterations,
            1,
            most.iterations.into(),
        );
        let lanes = self.parallelism.into();
        check.number("passwords.parallelism", lanes, 1, most.lanes.into());
        if let Some(threads) = self.threads {
            check.number("passwords.threads", threads.into(), 1, 256);
        }
        if let Some(queue) = self.queue {
            check.number("passwords.queue", queue.into(), 1, 100_000);
        }
        check.number("passwords.min_length", self.min_length.into(), 8, 128);
        check.number("passwords.refusal_ms", self.refusal_ms.into(), 0, 3000);
        // OWASP's weakest sets: 7 MiB with five passes, 9 with four, 12 with three, 19 with two, 46 with one.
        let work = u64::from(self.memory_kib).saturating_mul(u64::from(self.iterations));
        if work < 35 * 1024 {
            check.problem(
                "passwords.memory_kib",
                "too little memory for so few iterations; 19456 with 2 is the least that is advised",
            );
        }
    }
}
