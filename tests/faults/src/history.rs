//! What was asked for and what came of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Something that a worker did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "deed")]
#[expect(clippy::exhaustive_enums, reason = "the checker looks at all of them")]
pub enum Deed {
    /// Got a code at the authorization endpoint.
    Authorize {
        /// The code, where one came back.
        code: Option<String>,
    },
    /// Sent a code to the token endpoint.
    Exchange {
        /// The code.
        code: String,
        /// What came back.
        tokens: Option<Tokens>,
    },
    /// Sent a refresh token to the token endpoint.
    Refresh {
        /// The refresh token.
        parent: String,
        /// What came back.
        tokens: Option<Tokens>,
    },
    /// Revoked a refresh token and all that hangs on it.
    Revoke {
        /// The refresh token.
        token: String,
    },
    /// Asked whether an access token is good.
    Introspect {
        /// The access token.
        token: String,
        /// The answer, where there was one.
        active: Option<bool>,
    },
}

/// What the token endpoint gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "tests write it down")]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: Option<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the checker looks at all of them")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The protocol says no: a 4xx that is final.
    Refused,
    /// The server says that it cannot at the moment: 429, 500 or 503.
    Unavailable,
    /// No answer was seen. It may have happened.
    Unknown,
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "tests write it down")]
pub struct Entry {
    /// Who.
    pub actor: u32,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was asked for, in microseconds since the history began.
    pub asked_us: u64,
    /// When the answer was there.
    pub answered_us: u64,
}

impl Entry {
    fn forget_the_answer(&mut self) {
        self.outcome = Outcome::Unknown;
        match &mut self.deed {
            Deed::Authorize { code } => *code = None,
            Deed::Exchange { tokens, .. } | Deed::Refresh { tokens, .. } => *tokens = None,
            Deed::Introspect { active, .. } => *active = None,
            Deed::Revoke { .. } => {}
        }
    }
}

/// A history that many workers write.
#[derive(Clone, Debug)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Default for History {
    fn default() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            entries: Mutex::default(),
        }))
    }
}

impl History {
    /// One that goes on after these entries.
    #[must_use]
    pub fn of(entries: Vec<Entry>) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            entries: Mutex::new(entries),
        }))
    }

    /// Microseconds since it began.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Adds an entry that ends now.
    pub fn add(&self, actor: u32, asked_us: u64, deed: Deed, outcome: Outcome) {
        let entry = Entry {
            actor,
            deed,
            outcome,
            asked_us,
            answered_us: self.now_us(),
        };
        self.entries().push(entry);
    }

    /// All entries so far.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Entry> {
        self.entries().clone()
    }

    /// All entries as they stood at that moment: what had been asked for by then and was answered later has no answer.
    #[must_use]
    pub fn at(&self, moment_us: u64) -> Vec<Entry> {
        let mut entries = self.snapshot();
        entries.retain(|entry| entry.asked_us <= moment_us);
        for entry in &mut entries {
            if entry.answered_us > moment_us {
                entry.forget_the_answer();
            }
        }
        entries
    }

    /// Whether somebody of whom there is an entry may be waiting for an answer since before that moment.
    #[must_use]
    pub fn anybody_waits_since(&self, moment_us: u64) -> bool {
        let entries = self.entries();
        let all: BTreeSet<u32> = entries.iter().map(|entry| entry.actor).collect();
        let later = entries.iter().filter(|entry| entry.asked_us > moment_us);
        let later: BTreeSet<u32> = later.map(|entry| entry.actor).collect();
        all != later
    }

    /// How many entries ended that way since the history was that old.
    #[must_use]
    pub fn count(&self, outcome: Outcome, since_us: u64) -> usize {
        let fits = |entry: &&Entry| entry.outcome == outcome && entry.answered_us >= since_us;
        self.entries().iter().filter(fits).count()
    }

    /// The longest time that an answer took since the history was that old.
    #[must_use]
    pub fn slowest(&self, since_us: u64) -> Duration {
        let took = |entry: &Entry| entry.answered_us.saturating_sub(entry.asked_us);
        let entries = self.entries();
        let since = entries.iter().filter(|entry| entry.asked_us >= since_us);
        Duration::from_micros(since.map(took).max().unwrap_or_default())
    }

    /// Writes it down, one JSON object on each line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for entry in self.snapshot() {
            serde_json::to_writer(&mut file, &entry)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_asked_before_a_moment_waits_until_they_have_asked_again() {
        let history = History::default();
        let nothing = || Deed::Authorize { code: None };
        assert!(!history.anybody_waits_since(0));
        history.add(1, 5, nothing(), Outcome::Ok);
        history.add(2, 8, nothing(), Outcome::Ok);
        assert!(!history.anybody_waits_since(4));
        assert!(
            history.anybody_waits_since(5),
            "the first may have one under way"
        );
        history.add(1, 9, nothing(), Outcome::Unknown);
        assert!(!history.anybody_waits_since(5));
        assert!(history.anybody_waits_since(8));
    }
}
