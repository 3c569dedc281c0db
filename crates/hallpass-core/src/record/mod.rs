//! What is stored, and what is sealed into values that others hold. Every type here is versioned by the
//! encoding that writes it (`hallpass-store`), so fields are only ever added with a default.

mod delivery;
mod participant;
mod person;

use std::{collections::BTreeMap, fmt};

use hallpass_types::{
    ClientId, GrantId, Key, Scope, Session, Sid, Subject, Thumbprint, Timestamp, TokenId, Waiting,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    authorization_details::Detail,
    backchannel::{BackchannelRecord, InboxRecord},
    device::DeviceRecord,
    policy::Lifetimes,
    sign_in::{Method, Proof},
};
pub use delivery::{
    DeliveryContent, DeliveryRecord, SealedRequest, is_over, next_attempt, next_turn,
};
pub use participant::{ParticipantRecord, participant_tag, participant_tags};
pub use person::{Activity, ActivityRecord, MailedPurpose, MailedRecord, Visit};

/// What the `claims` parameter asked for (OpenID Connect Core §5.5): claim name to its request object or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// Claims for the UserInfo response.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, Value>,
    /// Claims for the ID token.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, Value>,
}

impl ClaimsRequest {
    /// Whether nothing was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }
}

/// How and when a person authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// When the person last proved who they are; 0 when that was not here ([`Self::elsewhere`]).
    pub auth_time: Timestamp,
    /// The authentication context class that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Methods used, in the words of RFC 8176.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

/// The key that a token is bound to: only who holds it can use the token (RFC 7800 §3.1). Its JSON is the `cnf` claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "sealed into tokens: a new way is a new version"
)]
pub enum Confirmation {
    /// The public key of DPoP proofs (RFC 9449 §6.1).
    #[serde(rename = "jkt")]
    Jkt(Thumbprint),
    /// The client's certificate (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256")]
    X5tS256(Thumbprint),
}

impl Authentication {
    /// That of a person whom another issuer vouched for: nothing is known about how and when.
    #[must_use]
    pub const fn elsewhere() -> Self {
        Self {
            auth_time: Timestamp(0),
            acr: None,
            amr: Vec::new(),
        }
    }

    /// Whether the person proved here who they are.
    #[must_use]
    pub const fn was_here(&self) -> bool {
        self.auth_time.0 > 0
    }
}

/// A grant: what one person allowed one client. It stands from the redemption of the code until it expires or
/// is revoked, and every token of it is only as good as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// Its identity.
    pub id: GrantId,
    /// The client that holds it.
    pub client_id: ClientId,
    /// The account's own subject identifier (never the pairwise one).
    pub subject: Subject,
    /// The account's epoch when this was granted; a later epoch (changed password) ends the grant.
    pub account_epoch: u32,
    /// Granted scope.
    pub scope: Scope,
    /// Granted resource indicators (RFC 8707), in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Granted authorization details (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Detail>,
    /// The organization for which the person acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Granted members of the `claims` parameter.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// How the person authenticated.
    pub authentication: Authentication,
    /// The browser session it was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Key<Session>>,
    /// The session's identifier for clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Sid>,
    /// Whether the grant ends with the session (no `offline_access`).
    pub session_bound: bool,
    /// Since when.
    pub issued_at: Timestamp,
    /// Until when at the latest, whatever is refreshed.
    pub expires_at: Timestamp,
    /// Present when refresh tokens are issued for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshState>,
    /// The key that its refresh tokens are bound to; none where the client's authentication is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
}

/// Where a refresh family stands. The tokens themselves are derived from grant and generation, not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshState {
    /// The newest generation that was handed out; the first is 0.
    pub generation: u32,
    /// When that generation was made.
    pub rotated_at: Timestamp,
    /// Until when an unused family lives.
    pub idle_expires_at: Timestamp,
}

/// A grant as a store answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundGrant {
    /// The record, with the refresh state as it is now.
    pub record: GrantRecord,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// An authorization code: the grant that its redemption makes, and what redemption must match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// Becomes the grant.
    pub grant: GrantRecord,
    /// The redirect URI of the authorization request.
    pub redirect_uri: String,
    /// The S256 challenge (RFC 7636), when one was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// Goes into the ID token untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The DPoP key that must be proved at redemption (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<Thumbprint>,
    /// Whether the grant was written with the code, since tokens came with it (OpenID Connect Core §3.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grant_stands: bool,
    /// When the code was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A code as a store answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundCode {
    /// The record.
    pub record: CodeRecord,
    /// Whether it was redeemed (or burnt) already.
    pub spent: bool,
}

/// Something that waits for its second half under a handle that only its holder knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitingRecord {
    /// A pushed authorization request (RFC 9126), until its person finished it.
    Pushed(Box<PushedRequest>),
    /// The request of a device (RFC 8628), until the device fetched its tokens.
    Device(Box<DeviceRecord>),
    /// The code that a person types for a device: where the request of the device waits.
    UserCode(UserCodePointer),
    /// A backchannel authentication request (CIBA), until the client has its tokens.
    Backchannel(Box<BackchannelRecord>),
    /// What one person is asked by backchannel authentication requests.
    Inbox(InboxRecord),
    /// What stands behind a link or a code that was mailed, until it is used.
    Mailed(Box<MailedRecord>),
    /// Attempts to sign in that have failed, or are under way.
    Attempts(AttemptsRecord),
    /// What was answered to a request of administration, for who sends it again.
    Answered(AnsweredRecord),
}

/// What was answered to a request that may be sent again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AnsweredRecord {
    /// The digest of the request: another one under the same key is refused.
    pub request: [u8; 32],
    /// The answer, sealed.
    pub sealed: String,
}

impl fmt::Debug for AnsweredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnsweredRecord").finish_non_exhaustive()
    }
}

/// Attempts to sign in to one account, as all processes of a store count them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptsRecord {
    /// When they were made, in the order in which they were written.
    pub at: Vec<Timestamp>,
}

/// Where the request of a device waits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserCodePointer {
    /// The device's own handle.
    pub device: Key<Waiting>,
    /// Until when the code is good.
    pub expires_at: Timestamp,
}

/// An authorization request that a client pushed (RFC 9126): checked parameters that wait for a browser.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PushedRequest {
    /// Who pushed it; nobody else uses it.
    pub client_id: ClientId,
    /// The parameters in order, without client authentication. Where a request object was pushed, its own.
    pub params: Vec<(String, String)>,
    /// Whether a signed request object carried them (RFC 9101).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// The instance of the client that pushed it, where an attestation showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Thumbprint>,
    /// When it was pushed.
    pub issued_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Hints among the parameters say who somebody is: only names are printed.
impl fmt::Debug for PushedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.params.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("PushedRequest")
            .field("client_id", &self.client_id)
            .field("params", &names)
            .field("signed", &self.signed)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Something that waits, as a store answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundWaiting {
    /// The record.
    pub record: WaitingRecord,
    /// Zero at first, one higher with every change.
    pub revision: u32,
}

/// A browser session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Who is signed in.
    pub subject: Subject,
    /// The account's epoch at sign-in.
    pub account_epoch: u32,
    /// How.
    pub authentication: Authentication,
    /// The name that clients get.
    pub sid: Sid,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The person signed in again, which made a new session: this one opens nothing any more, but what was granted in it
    /// stands as long as the new one does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
    /// What the person proved, each with its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The sessions that this one superseded. They end with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Key<Session>>,
    /// From where the person signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Box<Visit>>,
    /// When it was last used, to the hour; 0 where that was never noted.
    #[serde(default = "never", skip_serializing_if = "is_never")]
    pub seen_at: Timestamp,
    /// The browser forgets it when it is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fleeting: bool,
    /// It began for a client of whose people less is asked than of the issuer's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lowered: bool,
}

impl SessionRecord {
    /// When it was last used, as far as that is noted.
    #[must_use]
    pub fn last_used(&self) -> Timestamp {
        self.seen_at.max(self.created_at)
    }

    /// Whether it lasts no longer, because of its age or because nobody uses it.
    #[must_use]
    pub fn is_over(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        self.expires_at.is_over(now) || now.since(self.last_used()) >= lifetimes.session_idle
    }

    /// What its person proved. A session of an earlier version of this program says it in words alone.
    #[must_use]
    pub fn proved(&self) -> Vec<Proof> {
        if self.proofs.is_empty() {
            return vec![Proof {
                method: Method::Other,
                amr: self.authentication.amr.clone(),
                at: self.authentication.auth_time,
                since: None,
            }];
        }
        self.proofs.clone()
    }
}

const fn never() -> Timestamp {
    Timestamp(0)
}

fn is_never(at: &Timestamp) -> bool {
    *at == never()
}

/// What a person allowed a client earlier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// Scopes that were shown and allowed.
    pub scope: Scope,
    /// Scopes that were shown and left out.
    #[serde(default)]
    pub refused: Scope,
    /// Claims of the `claims` parameter that were shown and allowed.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Claims of the `claims` parameter that were shown and left out.
    #[serde(default)]
    pub refused_claims: Vec<String>,
    /// Resources that were shown and allowed.
    #[serde(default)]
    pub resources: Vec<String>,
    /// SHA-256 over the client's redirect URIs at that time; another set asks again.
    pub redirect_uris: Option<[u8; 32]>,
    /// When.
    pub at: Timestamp,
}

/// The inside of an access token, sealed or signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its identity.
    pub id: TokenId,
    /// The grant it belongs to; none for a client that acts for itself.
    pub grant: Option<GrantId>,
    /// Who holds it.
    pub client_id: ClientId,
    /// The subject as this client and its resources know it (pairwise where that is registered).
    pub subject: String,
    /// What it allows.
    pub scope: Scope,
    /// For whom. Empty means the provider's own endpoints.
    pub audience: Vec<String>,
    /// Since when.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The key that it is bound to.
    pub confirmation: Option<Confirmation>,
    /// Further claims (`act`, `authorization_details`, …): the text of a JSON object.
    pub extra: Option<String>,
}
