//! Clients that publish their metadata: the identifier is the URL of a document,
//! [draft-ietf-oauth-client-id-metadata-document-03](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document-03).
//!
//! Nothing of such a client is stored. It exists as long as its document does, and changes with it. Since anybody can
//! publish a document it is trusted like a client that registered itself.

#[cfg(test)]
mod tests;

use hallpass_jose::json;
use hallpass_types::{ClientId, Timestamp};
use serde_json::{Map, Value};
use url::Url;

use super::{
    Client, ClientOrigin, ClientRecord, MetadataError, metadata, registration::choices, uri,
};
use crate::{authorize::ResponseType, client_auth, policy::Policy};

/// A document has at most so many bytes.
//= CIMD#8.7 SHOULD: no more than 5 kilobytes of a document are read
pub const MAX_BYTES: usize = 5 * 1024;
/// Deeper JSON than this is refused.
const MAX_DEPTH: u8 = 16;

/// A client identifier that is the URL of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentId {
    id: ClientId,
    /// In lower case, without port.
    host: String,
    /// Scheme, host and port, in lower case.
    origin: String,
}

impl DocumentId {
    /// Reads an identifier. None for one of another form, which no document can stand behind.
    ///
    /// Beyond what the draft demands, a query is refused: behind one there may be a service that answers whatever it was
    /// asked to, in the name of somebody else's host. So are an address in place of a host, which says to nobody whose it is;
    /// the root of a host, which is its page and no document; and every other spelling of the same URL. A port that is not the
    /// usual one is part of the name and stays.
    //= CIMD#3 MUST: the URL uses https, has a path, and neither user information, dot segments nor a fragment
    //= CIMD#3 SHOULD NOT: the URL has no query
    #[must_use]
    pub fn parse(id: &ClientId) -> Option<Self> {
        let text = id.as_str();
        let rest = text.strip_prefix("https://")?;
        // Dot segments, user information and whatever a browser would write otherwise fall here.
        let parts = uri::parse(text).ok()?;
        if parts.fragment.is_some() || text.contains('?') {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let url = Url::parse(text).ok().filter(|url| url.as_str() == text)?;
        // A host has a second spelling, with the dot of the root behind it. It would be another client, and on no list.
        if path.is_empty() || parts.host.ends_with('.') || url.domain().is_none() {
            return None;
        }
        Some(Self {
            id: id.clone(),
            host: parts.host.to_owned(),
            origin: format!("https://{authority}"),
        })
    }

    /// The identifier, which is the URL to fetch.
    #[must_use]
    pub const fn id(&self) -> &ClientId {
        &self.id
    }

    /// The host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Scheme, host and port: whom a fetch burdens.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// Which documents are taken, and for how long one is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPolicy {
    /// Whether there are clients of this kind at all.
    pub enabled: bool,
    /// Hosts whose documents are taken; empty for all that are not denied. `*.example.com` stands for every host below
    /// `example.com`, not for that one.
    pub allow_hosts: Vec<String>,
    /// Hosts whose documents are never taken, in the same form.
    pub deny_hosts: Vec<String>,
    /// A document is held at least so long, whatever its server says (seconds).
    pub min_age: i64,
    /// A document is held at most so long (seconds).
    pub max_age: i64,
    /// So many documents are held at once.
    pub capacity: usize,
}

impl Default for DocumentPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            allow_hosts: Vec::new(),
            deny_hosts: Vec::new(),
            min_age: 60,
            max_age: 86_400,
            capacity: 1000,
        }
    }
}

impl DocumentPolicy {
    /// The identifier as one of a document that this policy takes.
    #[must_use]
    pub fn admits(&self, id: &ClientId) -> Option<DocumentId> {
        if !self.enabled {
            return None;
        }
        let id = DocumentId::parse(id)?;
        let listed = |hosts: &[String]| hosts.iter().any(|pattern| covers(pattern, id.host()));
        let allowed = self.allow_hosts.is_empty() || listed(&self.allow_hosts);
        (allowed && !listed(&self.deny_hosts)).then_some(id)
    }

    /// How long a document is held of whose freshness its server said this.
    //= CIMD#5.2 SHOULD: cache headers are respected, within bounds of our own
    #[must_use]
    pub fn age(&self, stated: Option<u32>) -> i64 {
        let age = stated.map_or(UNSTATED, i64::from);
        age.min(self.max_age).max(self.min_age)
    }
}

/// Held so long when its server says nothing (seconds).
const UNSTATED: i64 = 300;

/// Whether a pattern of a host list covers a host in lower case.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(domain) => {
            let domain = domain.to_ascii_lowercase();
            host.strip_suffix(domain.as_str())
                .is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        }
    }
}

/// Why a document makes no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// It is not a JSON object, or is said to be something else.
    NotJson,
    /// Its `client_id` is not the URL that it was fetched from.
    OtherClient,
    /// It holds a secret, which everybody could read there.
    Secret,
    /// A member is refused.
    Metadata(MetadataError),
}

impl std::fmt::Display for DocumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotJson => f.write_str("it is not a JSON object"),
            Self::OtherClient => f.write_str("its client_id is not its URL"),
            Self::Secret => f.write_str("it holds a secret"),
            Self::Metadata(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for DocumentError {}

/// Makes the client that a document describes. `content_type` is the media type in lower case, without parameters.
///
/// # Errors
/// [`DocumentError`]: nothing of a bad document is used.
pub fn read(
    id: &DocumentId,
    content_type: Option<&str>,
    body: &[u8],
    policy: &Policy,
    now: Timestamp,
) -> Result<Client, DocumentError> {
    //= CIMD#4 MUST: the document is JSON and served as such
    if !content_type.is_some_and(is_json) || body.len() > MAX_BYTES {
        return Err(DocumentError::NotJson);
    }
    let mut document = json::parse_object(body, MAX_DEPTH).map_err(|_| DocumentError::NotJson)?;
    //= CIMD#4 MUST: client_id in the document is the URL of the document, byte for byte
    if document.get("client_id").and_then(Value::as_str) != Some(id.id().as_str()) {
        return Err(DocumentError::OtherClient);
    }
    refuse_secrets(&document)?;
    prepare(&mut document, policy);
    let origin = ClientOrigin::Document;
    let document = choices::choose(document, origin, policy).map_err(DocumentError::Metadata)?;
    // What was chosen from a list is no better than what is named.
    refuse_secrets(&document)?;
    let metadata =
        metadata::normalize(&document, origin, policy).map_err(DocumentError::Metadata)?;
    let record = ClientRecord {
        client_id: id.id().clone(),
        metadata,
        secret: None,
        secret_sealed: None,
        secret_expires_at: None,
        vouched: false,
        decided: Map::new(),
        registration_token: None,
        policies: Vec::new(),
        origin,
        disabled: false,
        // The URL is the client's identity, for as long as there are URLs: what was granted to it earlier is its own,
        // however often the document was fetched since.
        created_at: Timestamp(i64::MIN),
        updated_at: now,
    };
    Client::from_record(&record, policy, None).map_err(DocumentError::Metadata)
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || media_type
            .strip_prefix("application/")
            .is_some_and(|sub| sub.ends_with("+json"))
}

//= CIMD#4.1 MUST: a document holds no client_secret and no client_secret_expires_at
//= CIMD#4.1 MUST: a document names no authentication method that is based on a shared secret
fn refuse_secrets(document: &Map<String, Value>) -> Result<(), DocumentError> {
    let shared = document
        .get("token_endpoint_auth_method")
        .and_then(Value::as_str)
        .and_then(client_auth::method)
        .is_some_and(|method| method.kind() == client_auth::Kind::Secret);
    let secret = ["client_secret", "client_secret_expires_at"]
        .iter()
        .any(|name| document.contains_key(*name));
    if shared || secret {
        return Err(DocumentError::Secret);
    }
    Ok(())
}

/// What a document leaves unsaid, and what it says to others. The defaults of registration are those of clients with secrets.
fn prepare(document: &mut Map<String, Value>, policy: &Policy) {
    let absent =
        |document: &Map<String, Value>, name: &str| document.get(name).is_none_or(Value::is_null);
    let method = [
        "token_endpoint_auth_method",
        "token_endpoint_auth_methods_supported",
    ];
    if method.iter().all(|name| absent(document, name)) {
        document.insert("token_endpoint_auth_method".to_owned(), "none".into());
    }
    // A program on somebody's device listens where there is room; that is what RFC 8252 §7.3 lets native applications do.
    let off_the_web = document
        .get("redirect_uris")
        .and_then(Value::as_array)
        .is_some_and(|uris| {
            let mut texts = uris.iter().filter_map(Value::as_str);
            texts.any(|uri| !uri.starts_with("https://"))
        });
    if off_the_web && absent(document, "application_type") {
        document.insert("application_type".to_owned(), "native".into());
    }
    // One document is for many servers: what this one does not offer means another one.
    if let Some(types) = document
        .get_mut("response_types")
        .and_then(Value::as_array_mut)
    {
        let offered = |value: &Value| {
            let known = value.as_str().and_then(ResponseType::parse);
            known.is_some_and(|known| policy.response_types.contains(&known))
        };
        if types.iter().any(offered) {
            types.retain(offered);
        }
    }
    // Requests by reference would be fetched from wherever it says, before anybody has authenticated.
    document.remove("request_uris");
    // Its document would have to be fetched as well. Without it the hosts of the redirect URIs make the sector.
    document.remove("sector_identifier_uri");
}
