//! What is known of the authorization server: its metadata and its keys, fetched when they are needed, held for a while.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hallpass_jose::{Jwks, JwksPolicy, json};
use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use crate::{Http, Outgoing};

/// Metadata is held for so long (seconds).
const METADATA_AGE: i64 = 3600;
/// Keys are held for as long as the server says, within these bounds (seconds).
const KEYS_AGE: (i64, i64) = (60, 3600);
/// Without any word of the server.
const UNSTATED: i64 = 300;
/// Between two fetches, whatever key ids tokens name (seconds).
const COOL_DOWN: i64 = 5;
/// What was fetched goes on for so long when the server cannot be reached (seconds).
const STALE: i64 = 86_400;
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

/// One thing that is fetched.
#[derive(Debug)]
struct Slot<T> {
    held: Mutex<Held<T>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Held<T> {
    value: Option<Arc<T>>,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    tried_at: Option<Timestamp>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            held: Mutex::new(Held {
                value: None,
                fetched_at: Timestamp(0),
                fresh_until: Timestamp(0),
                tried_at: None,
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<T> Slot<T> {
    /// What is held, if it need not be fetched.
    fn get(&self, now: Timestamp, again: bool) -> Option<Option<Arc<T>>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let cooling = held
            .tried_at
            .is_some_and(|at| (0..COOL_DOWN).contains(&now.since(at)));
        let fresh = !again && now >= held.fetched_at && !held.fresh_until.is_over(now);
        (cooling || (fresh && held.value.is_some())).then(|| held.value.clone())
    }

    fn put(&self, fetched: Option<(T, i64)>, now: Timestamp) -> Option<Arc<T>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.tried_at = Some(now);
        match fetched {
            Some((value, age)) => {
                held.value = Some(Arc::new(value));
                held.fetched_at = now;
                held.fresh_until = now.plus(age);
            }
            None if now.since(held.fetched_at) > STALE => held.value = None,
            None => {}
        }
        held.value.clone()
    }
}

/// Where the authorization server's endpoints are.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) jwks_uri: String,
    pub(crate) introspection_endpoint: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct IssuerCache {
    metadata: Slot<Metadata>,
    keys: Slot<Jwks>,
}

impl IssuerCache {
    pub(crate) async fn metadata(
        &self,
        http: &dyn Http,
        issuer: &str,
        now: Timestamp,
    ) -> Option<Arc<Metadata>> {
        if let Some(held) = self.metadata.get(now, false) {
            return held;
        }
        let _turn = self.metadata.turn.lock().await;
        if let Some(held) = self.metadata.get(now, false) {
            return held;
        }
        let fetched = match well_known(issuer) {
            Some(url) => get(http, &url).await,
            None => None,
        };
        let read = fetched.and_then(|(body, _)| read_metadata(&body, issuer));
        self.metadata.put(read.map(|m| (m, METADATA_AGE)), now)
    }

    /// The keys; with `again` fetched anew, unless that was tried a moment ago.
    pub(crate) async fn keys(
        &self,
        http: &dyn Http,
        issuer: &str,
        now: Timestamp,
        again: bool,
    ) -> Option<Arc<Jwks>> {
        if let Some(held) = self.keys.get(now, again) {
            return held;
        }
        let metadata = self.metadata(http, issuer, now).await?;
        let _turn = self.keys.turn.lock().await;
        if let Some(held) = self.keys.get(now, again) {
            return held;
        }
        let fetched = get(http, &metadata.jwks_uri).await;
        let read = fetched.and_then(|(body, max_age)| {
            let age = max_age
                .map_or(UNSTATED, i64::from)
                .clamp(KEYS_AGE.0, KEYS_AGE.1);
            let keys = Jwks::parse(&body, JwksPolicy::Fetched).ok()?;
            (!keys.is_empty()).then_some((keys, age))
        });
        self.keys.put(read, now)
    }
}

async fn get(http: &dyn Http, url: &str) -> Option<(Vec<u8>, Option<u32>)> {
    let request = Outgoing {
        url,
        accept: "application/json",
        form: None,
        authorization: None,
        max_bytes: MAX_BYTES,
        timeout: TIMEOUT,
    };
    let received = http.send(request).await.ok()?;
    (received.body.len() <= MAX_BYTES).then_some((received.body, received.max_age))
}

//= RFC8414#3.1 MUST: the well-known part stands between host and path of the issuer
fn well_known(issuer: &str) -> Option<String> {
    let url = url::Url::parse(issuer).ok()?;
    let path = url.path().strip_suffix('/').unwrap_or_else(|| url.path());
    let origin = url.origin().ascii_serialization();
    Some(format!(
        "{origin}/.well-known/oauth-authorization-server{path}"
    ))
}

//= RFC8414#3.3 MUST: metadata of another issuer is not used
fn read_metadata(body: &[u8], issuer: &str) -> Option<Metadata> {
    let document: Map<String, Value> = json::parse_object(body, 16).ok()?;
    let text = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if text("issuer")? != issuer {
        return None;
    }
    Some(Metadata {
        jwks_uri: text("jwks_uri")?,
        introspection_endpoint: text("introspection_endpoint"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_counts_when_it_is_the_issuers_own() {
        //= test RFC8414#3.3 metadata of another issuer is not used
        let document = |issuer: &str| {
            let text = format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://op.test/keys"}}"#);
            read_metadata(text.as_bytes(), "https://op.test").is_some()
        };
        assert!(document("https://op.test"));
        for other in [
            "https://other.test",
            "https://op.test/",
            "HTTPS://op.test",
            "",
        ] {
            assert!(!document(other), "{other}");
        }
        let nobody = br#"{"jwks_uri":"https://op.test/keys"}"#;
        assert!(read_metadata(nobody, "https://op.test").is_none());
    }
}
