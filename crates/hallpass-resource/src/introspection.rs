//! Asking the authorization server, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hallpass_jose::Claims;
use hallpass_types::{Timestamp, sha256};

use crate::{
    Http, Outgoing,
    token::{AccessToken, Confirmation},
};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

/// How this resource asks.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// The `Authorization` header.
    pub(crate) authorization: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// What the authorization server said: the token and its binding, or that it is not active.
pub(crate) type Said = Option<Arc<(AccessToken, Confirmation)>>;

/// Answers that are held for a short while, in bounded number, by the digest of the token.
#[derive(Debug)]
pub(crate) struct Answers {
    held: Mutex<HashMap<[u8; 32], (Said, Timestamp)>>,
    /// An answer is held for so long (seconds). A token that is revoked works for no longer than that.
    age: i64,
    capacity: usize,
}

impl Answers {
    pub(crate) fn new(age: i64, capacity: usize) -> Self {
        Self {
            held: Mutex::default(),
            age,
            capacity,
        }
    }

    fn get(&self, key: &[u8; 32], now: Timestamp) -> Option<Said> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, until) = held.get(key)?;
        (!until.is_over(now)).then(|| said.clone())
    }

    //= RFC7662#4 MUST: an answer is not held beyond the end of the token
    fn put(&self, key: [u8; 32], said: &Said, now: Timestamp) {
        if self.age == 0 || self.capacity == 0 {
            return;
        }
        let mut until = now.plus(self.age);
        if let Some(known) = said {
            until = until.min(known.0.expires_at);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= self.capacity {
            held.retain(|_, (_, until)| !until.is_over(now));
            if held.len() >= self.capacity {
                held.clear();
            }
        }
        held.insert(key, (said.clone(), until));
    }

    /// # Errors
    /// The authorization server gave no usable answer.
    pub(crate) async fn ask(
        &self,
        http: &dyn Http,
        endpoint: &str,
        credentials: &Credentials,
        token: &str,
        now: Timestamp,
    ) -> Result<Said, ()> {
        let key = sha256(token.as_bytes());
        if let Some(said) = self.get(&key, now) {
            return Ok(said);
        }
        let form = form(token);
        let request = Outgoing {
            url: endpoint,
            accept: "application/json",
            form: Some(&form),
            authorization: Some(&credentials.authorization),
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
        };
        let received = http.send(request).await.map_err(|_| ())?;
        let claims = Claims::parse(&received.body).map_err(|_| ())?;
        let said = if claims.bool("active").map_err(|_| ())?.ok_or(())? {
            Some(Arc::new(AccessToken::of(claims).map_err(|_| ())?))
        } else {
            None
        };
        self.put(key, &said, now);
        Ok(said)
    }
}

fn form(token: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token);
    form.append_pair("token_type_hint", "access_token");
    form.finish()
}
