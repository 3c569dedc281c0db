//! Proofs of possession, [RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hallpass_jose::{
    HeaderPolicy, JwsAlgorithm, ParseOptions, UnverifiedJws, VerifyingKey, base64url,
    constant_time_eq,
};
use hallpass_types::{Timestamp, sha256};

/// Algorithms of proofs.
pub(crate) const ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::EdDSA,
    JwsAlgorithm::PS256,
    JwsAlgorithm::RS256,
];

/// A proof is good for so long around its `iat` (seconds).
const WINDOW: i64 = 60;
const MAX_LEN: usize = 8192;
const MAX_JTI: usize = 256;
/// More proofs than this are not remembered; then no further ones are taken until some are over.
const CAPACITY: usize = 100_000;

/// What a proof has to fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    pub(crate) method: &'a str,
    /// The URL of the request as clients know it, without query and fragment.
    pub(crate) url: &'a str,
    pub(crate) token: &'a str,
}

/// A good proof.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Thumbprint of its key.
    pub(crate) key: String,
    /// Names it for [`Seen`].
    once: [u8; 32],
    expires_at: Timestamp,
}

/// # Errors
/// Nothing more is said than that the proof is not good.
pub(crate) fn verify(text: &str, facts: Facts<'_>) -> Result<Proof, ()> {
    let options = ParseOptions {
        max_bytes: MAX_LEN,
        header: HeaderPolicy::EmbeddedJwk,
    };
    let jws = UnverifiedJws::parse_with(text, options).map_err(|_| ())?;
    //= RFC9449#4.3 MUST: the typ of a proof is dpop+jwt
    let typ = jws
        .typ()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"));
    if !typ || !ALGS.contains(&jws.algorithm()) {
        return Err(());
    }
    let jwk = jws.embedded_jwk().map_err(|_| ())?.ok_or(())?;
    let key = VerifyingKey::from_jwk(&jwk).map_err(|_| ())?;
    //= RFC9449#4.3 MUST: the proof is signed with the key in its header
    let claims = jws
        .verify(ALGS, [&key])
        .and_then(|verified| verified.claims())
        .map_err(|_| ())?;
    let text = |name: &str| {
        claims
            .str(name)
            .ok()
            .flatten()
            .filter(|text| !text.is_empty())
    };
    let (Some(method), Some(url), Some(jti)) = (text("htm"), text("htu"), text("jti")) else {
        return Err(());
    };
    //= RFC9449#4.3 MUST: method and URL are those of the request
    let here = method == facts.method && same_url(url, facts.url) && jti.len() <= MAX_JTI;
    //= RFC9449#4.3 MUST: the proof was made a short while ago
    let made = claims
        .int_seconds("iat")
        .ok()
        .flatten()
        .map(Timestamp)
        .ok_or(())?;
    let expires_at = made.plus(WINDOW);
    let recent = !expires_at.is_over(facts.now) && made.since(facts.now) <= WINDOW;
    //= RFC9449#7.1 MUST: ath is the hash of the access token
    let hash = base64url::encode(sha256(facts.token.as_bytes()));
    let bound = text("ath").is_some_and(|ath| constant_time_eq(ath.as_bytes(), hash.as_bytes()));
    if !here || !recent || !bound {
        return Err(());
    }
    let key = jwk.thumbprint();
    Ok(Proof {
        once: sha256(format!("{key}\n{jti}").as_bytes()),
        key,
        expires_at,
    })
}

/// URLs that differ in what RFC 3986 §6.2.2 and §6.2.3 normalise are the same.
fn same_url(claimed: &str, actual: &str) -> bool {
    let plain = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    match (plain(claimed), plain(actual)) {
        (Some(claimed), Some(actual)) => claimed == actual,
        (None, _) | (_, None) => false,
    }
}

/// Proofs that were used, in the memory of this process.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Seen {
    /// Whether the proof is used for the first time.
    //= RFC9449#11.1 SHOULD: a proof is taken once
    pub(crate) fn is_new(&self, proof: &Proof, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= CAPACITY {
            seen.retain(|_, until| !until.is_over(now));
            // Rather refuse than forget what could be replayed.
            if seen.len() >= CAPACITY {
                return false;
            }
        }
        seen.insert(proof.once, proof.expires_at).is_none()
    }
}
