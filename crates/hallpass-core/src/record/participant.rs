//! Which clients a session reached.

use hallpass_types::{ClientId, GrantId, Sid, Subject, sha256};
use serde::{Deserialize, Serialize};

/// A client that wants to be told when a session ends, and got something in it. One for each grant that
/// ends with the session, and one for all that a client got beside such grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// The client.
    pub client_id: ClientId,
    /// Whose session it is: the account's own subject.
    pub subject: Subject,
    /// The session's name for clients.
    pub sid: Sid,
    /// The grant that the client got in it and that ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
}

/// What stands for a client and its grant in the key of a participation: eight bytes each, or sixteen of a client that has
/// no such grant.
#[must_use]
pub fn participant_tag(client: &ClientId, grant: Option<GrantId>) -> [u8; 16] {
    let mut tag = [0; 16];
    if let Some(half) = sha256(client.as_str().as_bytes()).first_chunk::<16>() {
        tag = *half;
    }
    if let Some(grant) = grant {
        let (_, tail) = tag.split_at_mut(8);
        let of_grant = sha256(&grant.to_bytes());
        tail.iter_mut().zip(of_grant).for_each(|(t, g)| *t = g);
    }
    tag
}

/// Between which tags all participations of a client lie, and nobody else's.
#[must_use]
pub fn participant_tags(client: &ClientId) -> [[u8; 16]; 2] {
    let tag = participant_tag(client, None);
    [0, u8::MAX].map(|fill| {
        let mut bound = tag;
        let (_, of_grant) = bound.split_at_mut(8);
        of_grant.fill(fill);
        bound
    })
}

#[cfg(test)]
mod tests {
    use hallpass_types::Bucket;

    use super::*;

    #[test]
    fn tags_of_a_client_differ_by_grant_and_those_of_clients_by_client() {
        let [a, b] = ["a", "b"].map(|id| ClientId::parse(id).unwrap());
        let grant = |n| {
            Some(GrantId {
                bucket: Bucket(1),
                random: [n; 12],
            })
        };
        let mut all = [
            participant_tag(&a, None),
            participant_tag(&a, grant(1)),
            participant_tag(&a, grant(2)),
            participant_tag(&b, None),
            participant_tag(&b, grant(1)),
        ];
        all.sort_unstable();
        assert!(all.is_sorted_by(|x, y| x < y), "{all:?}");
        let [first, last] = participant_tags(&a);
        let of_a = all.iter().filter(|tag| (first..=last).contains(tag));
        assert_eq!(of_a.count(), 3);
    }
}
