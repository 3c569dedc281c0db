//! Who has what to purge, so that issuers with nothing are not asked: for each table and issuer the lowest bucket that is known.
//!
//! The thread that writes notes what it has committed. When another process has written, which SQLite tells, all issuers are
//! walked through. A bucket that is noted and has no rows any more costs one look.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hallpass_types::Bucket;

use crate::{
    place::Place,
    sql::{EXPIRING, Expires},
    work::{SpendRow, Work, WriteRow},
};

/// What is known, shared by the thread that writes and those that purge.
#[derive(Debug)]
pub(crate) struct Due(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// In the order of [`EXPIRING`].
    tables: Vec<Lowest>,
    /// The version of the database, as the connection that writes saw it, when all issuers were walked through last.
    walked: Option<u64>,
}

#[derive(Debug, Default)]
struct Lowest {
    of: HashMap<u32, u32>,
    /// The same, bucket first.
    in_order: BTreeSet<(u32, u32)>,
}

/// An issuer whose rows are purged. Unless it is told what is left, it is due as before.
#[derive(Debug)]
pub(crate) struct Turn<'d> {
    due: &'d Due,
    table: usize,
    pub(crate) issuer: u32,
    /// None when it has no rows.
    lowest: Option<u32>,
}

impl Due {
    /// Notes what a batch has made or may have made.
    pub(crate) fn made<'w>(&self, batch: impl IntoIterator<Item = &'w Work>) {
        let mut known = self.known();
        for work in batch {
            let (Work::Commit(issuer, spends, writes)
            | Work::CommitIssuer(_, issuer, spends, writes)) = work
            else {
                continue;
            };
            let spent = spends.iter().filter_map(made_by_spend);
            let written = writes.iter().filter_map(made_by_write);
            for (table, place) in spent.chain(written) {
                known.note(table as usize, issuer.0, place.bucket);
            }
        }
    }

    /// Notes the lowest bucket of an issuer in a table.
    pub(crate) fn note(&self, table: usize, issuer: u32, bucket: u32) {
        self.known().note(table, issuer, bucket);
    }

    /// The issuer with the lowest bucket in a table, if that lies below. It is not known any more until its turn is over:
    /// what is noted meanwhile is not lost.
    pub(crate) fn next(&self, table: usize, below: Bucket) -> Option<Turn<'_>> {
        let mut known = self.known();
        let lowest = known.tables.get_mut(table)?;
        let &(bucket, issuer) = lowest.in_order.first()?;
        if bucket >= below.0 {
            return None;
        }
        lowest.in_order.pop_first();
        lowest.of.remove(&issuer);
        Some(Turn {
            due: self,
            table,
            issuer,
            lowest: Some(bucket),
        })
    }

    /// Whether all issuers were walked through since another process wrote.
    pub(crate) fn is_whole(&self, version: u64) -> bool {
        self.known().walked == Some(version)
    }

    /// All issuers were walked through after that version.
    pub(crate) fn walked(&self, version: u64) {
        self.known().walked = Some(version);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Due {
    fn default() -> Self {
        let tables = EXPIRING.iter().map(|_| Lowest::default()).collect();
        Self(Mutex::new(Known {
            tables,
            walked: None,
        }))
    }
}

impl Known {
    fn note(&mut self, table: usize, issuer: u32, bucket: u32) {
        let Some(lowest) = self.tables.get_mut(table) else {
            return;
        };
        match lowest.of.entry(issuer) {
            Entry::Occupied(held) if *held.get() <= bucket => return,
            Entry::Occupied(mut held) => {
                let before = held.insert(bucket);
                lowest.in_order.remove(&(before, issuer));
            }
            Entry::Vacant(free) => {
                free.insert(bucket);
            }
        }
        lowest.in_order.insert((bucket, issuer));
    }
}

impl Turn<'_> {
    /// Ends it: all that lay below is gone, and this is what is lowest now.
    pub(crate) fn over(mut self, lowest: Option<u32>) {
        self.lowest = lowest;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(bucket) = self.lowest {
            self.due.note(self.table, self.issuer, bucket);
        }
    }
}

/// Where a spend makes a row that expires.
const fn made_by_spend(row: &SpendRow) -> Option<(Expires, &Place)> {
    match row {
        SpendRow::Once(place) => Some((Expires::OnceKeys, place)),
        SpendRow::NewWaiting(place, _) => Some((Expires::Waiting, place)),
        SpendRow::Standing(_)
        | SpendRow::Session(_)
        | SpendRow::SigningKeys(_)
        | SpendRow::IdleClient(..)
        | SpendRow::Code(_)
        | SpendRow::Refresh { .. }
        | SpendRow::Waiting { .. }
        | SpendRow::NewUser(_)
        | SpendRow::DeleteUser(..)
        | SpendRow::NewClient(_)
        | SpendRow::NewCredential(_)
        | SpendRow::Credential(_)
        | SpendRow::NewRegistration(_)
        | SpendRow::InitialAccess(_)
        | SpendRow::Admin(_)
        | SpendRow::Audit(..)
        | SpendRow::User { .. }
        | SpendRow::Root { .. }
        | SpendRow::Directory { .. }
        | SpendRow::Client { .. }
        | SpendRow::Delivery { .. } => None,
    }
}

/// Where a write makes a row that expires.
const fn made_by_write(row: &WriteRow) -> Option<(Expires, &Place)> {
    match row {
        WriteRow::Code(place, _) => Some((Expires::Codes, place)),
        WriteRow::Grant { grant, .. } => Some((Expires::Grants, grant)),
        WriteRow::DenyToken(place) => Some((Expires::DeniedTokens, place)),
        WriteRow::Session(place, ..) => Some((Expires::Sessions, place)),
        WriteRow::Activity(place, ..) => Some((Expires::Activity, place)),
        WriteRow::Tally(place, _) => Some((Expires::Tallies, place)),
        WriteRow::Active(place) => Some((Expires::ActivePeople, place)),
        WriteRow::Participant(place, ..) => Some((Expires::Participants, place)),
        WriteRow::Delivery { place, .. } => Some((Expires::Deliveries, place)),
        WriteRow::TouchRefresh(..)
        | WriteRow::RevokeGrant(..)
        | WriteRow::SessionSeen(..)
        | WriteRow::ForgetPerson(_)
        | WriteRow::EndSession(_)
        | WriteRow::ForgetParticipant(_)
        | WriteRow::Consent(..)
        | WriteRow::ForgetConsent(..)
        | WriteRow::Client(_)
        | WriteRow::DeleteClient(_)
        | WriteRow::SigningKey(..)
        | WriteRow::DeleteSigningKey(_)
        | WriteRow::ClientUsed(..)
        | WriteRow::InitialAccess { .. }
        | WriteRow::DeleteInitialAccess(_) => None,
    }
}
