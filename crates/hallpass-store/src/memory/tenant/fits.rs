//! What is refused before anything is done.

use std::collections::BTreeSet;

use super::Tenant;
use crate::{Commit, Spend, StoreError, Write, memory::full};

impl Tenant {
    /// Refuses a commit that could take any kind of record beyond `limit`. What can only shrink or replace passes.
    pub(super) fn fits(&self, commit: &Commit, limit: usize) -> Result<(), StoreError> {
        let spends = |of: fn(&Spend) -> bool| commit.spends.iter().filter(|s| of(s)).count();
        let writes = |of: fn(&Write) -> bool| commit.writes.iter().filter(|w| of(w)).count();
        let clients = spends(|s| matches!(s, Spend::NewClient(_)))
            .saturating_add(writes(|w| matches!(w, Write::Client(_))));
        let ok = [
            (self.codes.len(), writes(|w| matches!(w, Write::Code(..)))),
            (self.grants.len(), writes(|w| matches!(w, Write::Grant(_)))),
            (
                self.sessions.len(),
                writes(|w| matches!(w, Write::Session(..))),
            ),
            (
                self.activity.len(),
                writes(|w| matches!(w, Write::Activity(..))),
            ),
            (
                self.administration.counted(),
                writes(|w| matches!(w, Write::Tally(..) | Write::Active(..))),
            ),
            (
                self.denied.len(),
                writes(|w| matches!(w, Write::DenyToken(..))),
            ),
            (
                self.consents.len(),
                writes(|w| matches!(w, Write::Consent(..))),
            ),
            (
                self.keys.len(),
                writes(|w| matches!(w, Write::SigningKey(_))),
            ),
            (
                self.waiting.len(),
                spends(|s| matches!(s, Spend::NewWaiting(..))),
            ),
            (
                self.participants.len(),
                writes(|w| matches!(w, Write::Participant(..))),
            ),
            (
                self.deliveries.len(),
                writes(|w| matches!(w, Write::Delivery(..))),
            ),
            (self.once.len(), spends(|s| matches!(s, Spend::Once(_)))),
            (self.users.len(), spends(|s| matches!(s, Spend::NewUser(_)))),
            (self.clients.len(), clients),
            (
                self.credentials.len(),
                spends(|s| matches!(s, Spend::NewCredential(_))),
            ),
            (
                self.administration.len(),
                spends(|s| matches!(s, Spend::Admin { from: None, .. } | Spend::Audit(_))),
            ),
            (
                self.registrations.len(),
                spends(|s| matches!(s, Spend::NewRegistration(_)))
                    .max(writes(|w| matches!(w, Write::InitialAccess(..)))),
            ),
        ]
        .iter()
        .all(|(held, added)| *added == 0 || held.saturating_add(*added) <= limit);
        if ok { Ok(()) } else { Err(full()) }
    }

    pub(super) fn collides(&self, writes: &[Write]) -> bool {
        let mut codes = BTreeSet::new();
        let mut grants = BTreeSet::new();
        let mut deliveries = BTreeSet::new();
        writes.iter().any(|write| match write {
            Write::Code(key, _) => self.codes.contains_key(key) || !codes.insert(*key),
            Write::Grant(grant) => self.grants.contains_key(&grant.id) || !grants.insert(grant.id),
            Write::Delivery(key, _) => {
                self.deliveries.contains_key(key) || !deliveries.insert(*key)
            }
            Write::TouchRefresh { .. }
            | Write::RevokeGrant(..)
            | Write::DenyToken(..)
            | Write::Session(..)
            | Write::SessionSeen(..)
            | Write::Activity(..)
            | Write::ForgetPerson(_)
            | Write::Tally(..)
            | Write::Active(..)
            | Write::EndSession(_)
            | Write::Participant(..)
            | Write::ForgetParticipant(..)
            | Write::Consent(..)
            | Write::ForgetConsent(..)
            | Write::Client(_)
            | Write::DeleteClient(_)
            | Write::ClientUsed(..)
            | Write::InitialAccess(..)
            | Write::DeleteInitialAccess(_)
            | Write::SigningKey(_)
            | Write::DeleteSigningKey(_) => false,
        })
    }
}
