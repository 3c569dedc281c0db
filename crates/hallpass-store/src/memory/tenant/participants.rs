//! Who takes part in which session.

use std::ops::Bound;

use hallpass_core::record::{ParticipantRecord, participant_tags};
use hallpass_types::{ClientId, Key, Session, Subject};

use super::Tenant;
use crate::MAX_PAGE;

impl Tenant {
    pub(in crate::memory) fn participants(
        &self,
        session: Key<Session>,
        client: &ClientId,
    ) -> Vec<ParticipantRecord> {
        let [first, last] = participant_tags(client).map(|tag| (session, tag));
        let theirs = self.participants.range(first..=last).take(MAX_PAGE);
        theirs.map(|(_, record)| record.clone()).collect()
    }

    pub(in crate::memory) fn participating(
        &self,
        session: Key<Session>,
        after: Option<&ClientId>,
    ) -> Vec<ParticipantRecord> {
        let first = match after.map(participant_tags) {
            Some([_, last]) => Bound::Excluded((session, last)),
            None => Bound::Included((session, [0; 16])),
        };
        let last = Bound::Included((session, [255; 16]));
        let mut found: Vec<ParticipantRecord> = Vec::new();
        for (_, record) in self.participants.range((first, last)) {
            // Those of a client lie together.
            if found.last().map(|last| &last.client_id) == Some(&record.client_id) {
                continue;
            }
            if found.len() == MAX_PAGE {
                break;
            }
            found.push(record.clone());
        }
        found
    }

    pub(in crate::memory) fn sessions_of(&self, subject: &Subject) -> Vec<Key<Session>> {
        let theirs = self.participants.iter();
        let mut sessions: Vec<_> = theirs
            .filter(|(_, record)| record.subject == *subject)
            .map(|((session, _), _)| *session)
            .collect();
        sessions.dedup();
        sessions.truncate(MAX_PAGE);
        sessions
    }
}
