//! Which clients a session reached.

use hallpass_types::{ClientId, GrantId, Sid, Subject, sha256};
use serde::{Deserialize, Serialize};

/// A client that wants to be told when a session ends, and got something in it. One for each session and client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// The client.
    pub client_id: ClientId,
    /// Whose session it is: the account's own subject.
    pub subject: Subject,
    /// The session's name for clients.
    pub sid: Sid,
    /// The newest grant that the client got in it and that ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
}

/// What stands for a client in the key of its participation.
#[must_use]
pub fn participant_tag(client: &ClientId) -> [u8; 16] {
    let mut tag = [0; 16];
    if let Some(half) = sha256(client.as_str().as_bytes()).first_chunk::<16>() {
        tag = *half;
    }
    tag
}
