//! Migrations: what adapters with a schema have in common.
//!
//! Steps are numbered files inside the program. A schema changes in three kinds of steps, in releases one after the
//! other: it expands (what is there stays as it is), data is migrated, and when no program of before runs any more, it
//! contracts. A database remembers which steps it has and the oldest program that can still work on it, so nodes of two
//! versions serve beside each other during an upgrade.

use hallpass_types::sha256;

use crate::StoreError;

/// One step. A step that was released never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its file's name, which begins with its number.
    pub name: &'static str,
    /// What it runs.
    pub sql: &'static str,
    /// What it does to programs of before.
    pub phase: Phase,
}

/// What a step does to programs that do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Adds tables, columns, indexes or defaults. Programs of before go on working.
    Expand,
    /// Fills what was added. Programs of before go on working, and what they write meanwhile is right too.
    Migrate,
    /// Takes away what is used no more.
    Contract {
        /// Programs that know fewer steps than this can no longer work on the database.
        oldest: u32,
    },
}

impl Phase {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Migrate => "migrate",
            Self::Contract { .. } => "contract",
        }
    }

    /// The least number of steps that a program must know to work on a database with this step.
    #[must_use]
    pub const fn oldest(self) -> u32 {
        match self {
            Self::Expand | Self::Migrate => 0,
            Self::Contract { oldest } => oldest,
        }
    }
}

impl Migration {
    /// What tells whether a database got this step or another of the same number.
    #[must_use]
    pub fn checksum(&self) -> [u8; 32] {
        sha256(self.sql.as_bytes())
    }
}

/// A step that a database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number, from one.
    pub version: u32,
    /// [`Migration::checksum`] as it was then.
    pub checksum: Vec<u8>,
    /// [`Phase::oldest`] as it was then.
    pub oldest: u32,
}

/// The steps of `all` that a database still lacks. None when it has further steps with which this program can work.
///
/// # Errors
/// [`StoreError::Version`] when it has steps with which a program that knows `all` cannot work, [`StoreError::Corrupt`]
/// when a step in it was another one.
pub fn pending<'m>(
    all: &'m [Migration],
    applied: &[Applied],
) -> Result<&'m [Migration], StoreError> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let known = number(all.len());
    let in_order = (1..).zip(applied).all(|(n, step)| step.version == n);
    let same = all
        .iter()
        .zip(applied)
        .all(|(step, applied)| applied.checksum == step.checksum());
    if !in_order || !same {
        return Err(StoreError::corrupt(
            "the database was made by migrations that this program does not know",
        ));
    }
    let oldest = applied.iter().map(|step| step.oldest).max().unwrap_or(0);
    if oldest > known {
        return Err(StoreError::Version {
            found: number(applied.len()),
            known,
        });
    }
    Ok(all.get(applied.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Migration] = &[
        Migration {
            name: "0001_first",
            sql: "one",
            phase: Phase::Expand,
        },
        Migration {
            name: "0002_second",
            sql: "two",
            phase: Phase::Migrate,
        },
        Migration {
            name: "0003_third",
            sql: "three",
            phase: Phase::Contract { oldest: 2 },
        },
    ];

    fn applied(steps: &[Migration]) -> Vec<Applied> {
        (1..)
            .zip(steps)
            .map(|(version, step)| Applied {
                version,
                checksum: step.checksum().to_vec(),
                oldest: step.phase.oldest(),
            })
            .collect()
    }

    #[test]
    fn what_is_lacking_comes_in_order_and_nothing_twice() {
        for have in 0..=ALL.len() {
            let lacking = pending(ALL, &applied(&ALL[..have])).unwrap();
            assert_eq!(lacking, &ALL[have..]);
        }
    }

    #[test]
    fn a_program_works_on_a_newer_schema_until_that_takes_something_away_from_it() {
        let newest = applied(ALL);
        assert!(pending(&ALL[..1], &newest[..2]).unwrap().is_empty());
        assert!(pending(&ALL[..2], &newest).unwrap().is_empty());
        let refused = pending(&ALL[..1], &newest);
        assert!(matches!(
            refused,
            Err(StoreError::Version { found: 3, known: 1 })
        ));
    }

    #[test]
    fn another_step_under_the_same_number_is_refused() {
        let mut have = applied(&ALL[..2]);
        have[0].checksum[5] ^= 1;
        assert!(matches!(pending(ALL, &have), Err(StoreError::Corrupt(_))));
        // Of steps that this program does not know it cannot tell.
        let mut have = applied(ALL);
        have[2].checksum[5] ^= 1;
        assert!(pending(&ALL[..2], &have).is_ok());
    }

    #[test]
    fn a_gap_or_a_doubled_step_is_refused() {
        let have = applied(ALL);
        for wrong in [
            vec![have[1].clone()],
            vec![have[0].clone(), have[2].clone()],
            vec![have[0].clone(), have[0].clone()],
        ] {
            assert!(matches!(pending(ALL, &wrong), Err(StoreError::Corrupt(_))));
        }
    }
}
