//! Applications: clients of a project.

pub mod check;
pub mod create;
pub mod delete;
pub mod list;
pub mod rotate_secret;
pub mod show;
pub mod update;

use hallpass_core::{
    admin::{Permission, is_scope},
    client::{Client, ClientOrigin, ClientRecord, MetadataError, metadata},
    policy::Policy,
};
use hallpass_jose::base64url;
use hallpass_provider::Provider;
use hallpass_store::AdminKind;
use hallpass_types::{ClientId, Secret, sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use check::Check;
pub use create::Create;
pub use delete::Delete;
pub use list::List;
pub use rotate_secret::RotateSecret;
pub use show::Show;
pub use update::Update;

use crate::{ALL_PROJECTS, Context, Kind, Principal, Problem};

/// Where a client came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the same as the origins of records"
)]
pub enum Origin {
    /// The configuration file.
    Configuration,
    /// Operators, by command, dashboard or this API.
    Administration,
    /// Dynamic registration.
    Registration,
    /// Somewhere that this version does not know.
    Other,
}

impl From<ClientOrigin> for Origin {
    fn from(origin: ClientOrigin) -> Self {
        match origin {
            ClientOrigin::Configuration => Self::Configuration,
            ClientOrigin::Administration => Self::Administration,
            ClientOrigin::Registration => Self::Registration,
            ClientOrigin::Document | _ => Self::Other,
        }
    }
}

/// An application as operators see it. No secret is in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClientView {
    /// Its identifier.
    pub client_id: String,
    /// `client_name`.
    pub name: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// A disabled client is unknown to every endpoint.
    pub disabled: bool,
    /// Whether it has a secret.
    pub has_secret: bool,
    /// Client metadata (RFC 7591 §2 and what this server adds).
    pub metadata: Map<String, Value>,
    /// Members of the metadata of a client that registered itself which operators have set, or taken away: what the client says of
    /// them changes nothing.
    pub decided: Vec<String>,
    /// The registration policies that it was registered under, beside those that all are held to.
    pub policies: Vec<String>,
    /// Members in which a client that registered itself has more, or other, than its registration policies allow by now.
    pub exceeds: Vec<String>,
    /// Changes with every change.
    pub revision: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// An application with the secret that it got just now, which is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WithSecret {
    /// The application.
    #[serde(flatten)]
    pub client: ClientView,
    /// Its new secret; null when it got none.
    pub client_secret: Option<String>,
}

/// A secret that whoever calls has chosen, or has from elsewhere: 16 to 512 visible ASCII characters.
#[derive(Clone, Debug)]
pub struct GivenSecret(Secret);

impl GivenSecret {
    /// Checks it.
    ///
    /// # Errors
    /// What a secret has to be.
    pub fn new(secret: Secret) -> Result<Self, &'static str> {
        let text = secret.expose();
        //= RFC6749#appendix-A.2 MUST: a client secret is printable ASCII
        let fits = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if fits && (SHORTEST_SECRET..=LONGEST_SECRET).contains(&text.len()) {
            Ok(Self(secret))
        } else {
            Err("is 16 to 512 printable ASCII characters")
        }
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl<'de> Deserialize<'de> for GivenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(Secret::new(text))
            .map_err(|_| serde::de::Error::custom("expected 16 to 512 printable ASCII characters"))
    }
}

impl JsonSchema for GivenSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GivenSecret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": SHORTEST_SECRET,
            "maxLength": LONGEST_SECRET,
            "pattern": "^[ -~]+$",
            "writeOnly": true,
        })
    }
}

/// Bytes of a secret that somebody chose, at least.
const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 512;

impl ClientView {
    /// A client by the policy of its project.
    pub(crate) fn of(policy: &Policy, record: &ClientRecord) -> Self {
        let name = record.metadata.get("client_name").and_then(Value::as_str);
        Self {
            client_id: record.client_id.as_str().to_owned(),
            name: name.map(str::to_owned),
            origin: record.origin.into(),
            disabled: record.disabled,
            has_secret: record.secret.is_some(),
            metadata: record.metadata.clone(),
            decided: record.decided.keys().cloned().collect(),
            policies: record.policies.clone(),
            exceeds: policy.registration.exceeded(record),
            revision: revision(record),
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }
}

/// Another one for every record that says something else.
pub(crate) fn revision(record: &ClientRecord) -> String {
    let text = serde_json::to_vec(record).unwrap_or_default();
    let digest = sha256(&text);
    let (half, _) = digest.split_at(16);
    base64url::encode(half).as_str().to_owned()
}

/// The client of that identifier.
async fn find(cx: &Context, id: &str) -> Result<ClientRecord, Problem> {
    let id = ClientId::parse(id).map_err(|_| Problem::new(Kind::NotFound))?;
    let found = cx.store().client(cx.issuer(), &id).await?;
    found.ok_or_else(|| Kind::NotFound.into())
}

/// The client of that identifier, to be changed.
async fn changeable(cx: &Context, id: &str) -> Result<ClientRecord, Problem> {
    let found = find(cx, id).await?;
    if found.origin == ClientOrigin::Configuration {
        let text = "the client stands in the configuration and is changed there";
        return Err(Problem::new(Kind::WrongState).because(text));
    }
    cx.matches(&revision(&found))?;
    may_change(cx, &found.client_id, &found.metadata).await?;
    Ok(found)
}

/// Whoever could change a client that administers, or make one, could do all that operators can.
async fn may_change(
    cx: &Context,
    id: &ClientId,
    metadata: &Map<String, Value>,
) -> Result<(), Problem> {
    if !cx.is_home() || cx.caller().may(Permission::ChangeOperators, ALL_PROJECTS) {
        return Ok(());
    }
    let scope = metadata.get("scope").and_then(Value::as_str);
    let administers = scope.is_some_and(|scope| scope.split(' ').any(is_scope));
    let key = Principal::Client(id.clone()).key();
    let operator = match key {
        Some(key) => {
            let found = cx
                .store()
                .admin_record(cx.issuer(), AdminKind::Operator, &key);
            found.await?.is_some()
        }
        None => false,
    };
    if administers || operator {
        let text = "a client that administers is the owners' to change";
        return Err(Problem::new(Kind::Forbidden).because(text));
    }
    Ok(())
}

/// Metadata that is checked and complete.
fn normalized(
    cx: &Context,
    given: &Map<String, Value>,
    origin: ClientOrigin,
) -> Result<Map<String, Value>, Problem> {
    normalized_by(cx.provider().policy(), given, origin)
}

/// The same, by a policy.
pub(crate) fn normalized_by(
    policy: &Policy,
    given: &Map<String, Value>,
    origin: ClientOrigin,
) -> Result<Map<String, Value>, Problem> {
    let metadata = metadata::normalize(given, origin, policy);
    let metadata = metadata.map_err(|error| refused(&error))?;
    if given.keys().any(|name| !metadata.contains_key(name)) {
        // Names are what was sent; those that are known are ours to repeat.
        let text = "has a member that is not known, or has no effect";
        return Err(Problem::unfit("metadata", text));
    }
    Ok(metadata)
}

fn refused(error: &MetadataError) -> Problem {
    Problem::unfit(&format!("metadata.{}", error.field), error.reason.text())
}

/// Whether a client can be read with what is to be written.
fn readable(cx: &Context, record: &ClientRecord, secret: Option<Secret>) -> Result<(), Problem> {
    readable_by(cx.provider().policy(), cx.provider(), record, secret)
}

/// The same, by a policy.
pub(crate) fn readable_by(
    policy: &Policy,
    provider: &Provider,
    record: &ClientRecord,
    secret: Option<Secret>,
) -> Result<(), Problem> {
    let sealed = record.secret_sealed.as_deref();
    let secret = secret.or_else(|| {
        let secrets = provider.secrets();
        secrets.open_client_secret(record.client_id.as_str(), sealed?)
    });
    Client::from_record(record, policy, secret)
        .map(drop)
        .map_err(|error| refused(&error))
}

/// Gives a record a new secret.
fn with_new_secret(cx: &Context, record: &mut ClientRecord) -> Secret {
    let secret = cx.provider().new_client_secret();
    with_secret(cx, record, &secret);
    secret
}

/// Gives a record this secret.
fn with_secret(cx: &Context, record: &mut ClientRecord, secret: &Secret) {
    let (secrets, id) = (cx.provider().secrets(), record.client_id.as_str());
    record.secret = Some(secrets.client_digest(secret.expose()));
    record.secret_sealed = metadata::needs_plain_secret(&record.metadata)
        .then(|| secrets.seal_client_secret(id, secret));
    record.secret_expires_at = None;
}

fn no_secret() -> Problem {
    Problem::unfit("client_secret", "is given, and the client needs none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_somebody_chose_is_printable_and_neither_short_nor_endless() {
        //= test RFC6749#appendix-A.2 a client secret is printable ASCII
        let given = |text: &str| GivenSecret::new(Secret::new(text.to_owned()));
        for good in [
            "0123456789abcdef",
            " !~'\"\\:%&=+ 0123456",
            &"x".repeat(512),
        ] {
            assert!(given(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcdef\u{e9}",
            "0123456789abcdef\n",
            "0123456789abcdef\u{7f}",
            "0123456789\0abcdef",
            &"x".repeat(513),
        ] {
            assert!(given(bad).is_err(), "{bad:?}");
        }
    }
}
