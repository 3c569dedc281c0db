//! Demonstrating Proof of Possession, [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449#section-4.3).

use hallpass_jose::{HeaderPolicy, JwsAlgorithm, ParseOptions, UnverifiedJws};
use hallpass_types::{Key, MAX_AHEAD, Thumbprint, Timestamp, sha256};
use url::Url;

use super::Proved;
use crate::{client_auth::OnceUse, reasons, record::Confirmation};

/// Algorithms of proofs: asymmetric ones, without PKCS #1 v1.5.
//= RFC9449#4.3 MUST: the algorithm of a proof is asymmetric, and one that the server takes
pub const ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::EdDSA,
];

/// A proof may have been made so many seconds ago.
pub const WINDOW: i64 = 300;

reasons! {
    /// Why a proof was refused.
    pub enum Reason {
        /// RFC 9449 §4.3: one header.
        Repeated => InvalidDpopProof, "dpop_repeated", "there is more than one DPoP proof";
        /// RFC 9449 §5.2: the client must show one.
        Missing => InvalidDpopProof, "dpop_missing", "a DPoP proof is needed";
        /// RFC 9449 §4.3: a well-formed JWT of this type.
        Malformed => InvalidDpopProof, "dpop_malformed", "the DPoP proof is malformed";
        /// RFC 9449 §4.3: the `typ`.
        Type => InvalidDpopProof, "dpop_type", "the DPoP proof has another typ";
        /// RFC 9449 §4.3: the algorithm.
        Algorithm => InvalidDpopProof, "dpop_algorithm", "the algorithm of the DPoP proof is not accepted";
        /// RFC 9449 §4.3: a public key.
        PublicKey => InvalidDpopProof, "dpop_key", "the key of the DPoP proof cannot be used";
        /// RFC 9449 §4.3: the signature.
        Signature => InvalidDpopProof, "dpop_signature", "the signature of the DPoP proof is not valid";
        /// RFC 9449 §4.2: the claims.
        Claims => InvalidDpopProof, "dpop_claims", "the claims of the DPoP proof are incomplete";
        /// RFC 9449 §4.3: `htm` or `htu`.
        Target => InvalidDpopProof, "dpop_target", "the DPoP proof is for another request";
        /// RFC 9449 §4.3: `iat`.
        Time => InvalidDpopProof, "dpop_time", "the DPoP proof is too old or from the future";
        /// RFC 9449 §4.3: `ath`.
        AccessToken => InvalidDpopProof, "dpop_access_token", "the DPoP proof is for another access token";
        /// RFC 9449 §10.1: the key is not that of `dpop_jkt`.
        AnotherKey => InvalidDpopProof, "dpop_another_key", "the key of the DPoP proof is another one";
        /// RFC 9449 §11.1.
        Replayed => InvalidDpopProof, "dpop_replayed", "the DPoP proof was used before";
        /// RFC 9449 §8.
        NonceMissing => UseDpopNonce, "dpop_nonce_missing", "the DPoP proof needs a nonce of this server";
        /// RFC 9449 §8.
        NonceOld => UseDpopNonce, "dpop_nonce_old", "the nonce of the DPoP proof is not valid any more";
    }
}

/// What a proof must fit.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "every fact must be given")]
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// Proofs from before may have been used already.
    pub valid_from: Timestamp,
    /// The method of the request.
    pub method: &'a str,
    /// The URLs that the endpoint has.
    pub urls: &'a [String],
    /// The algorithms that are taken.
    pub algs: &'a [JwsAlgorithm],
    /// The access token that is used along with the proof, at a resource.
    pub access_token: Option<&'a str>,
    /// How a nonce is judged.
    pub nonce: Nonce<'a>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("now", &self.now)
            .field("method", &self.method)
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// How a nonce is judged.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Nonce<'a> {
    /// None is handed out; one that stands there means nothing.
    Ignored,
    /// There must be one for which this is true.
    Demanded(&'a (dyn Fn(&str) -> bool + Sync)),
}

impl std::fmt::Debug for Nonce<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ignored => "Ignored",
            Self::Demanded(_) => "Demanded",
        })
    }
}

/// Verifies a proof. What is cheap to check comes first.
///
/// # Errors
/// The first check of RFC 9449 §4.3 that fails.
pub fn verify(proof: &str, facts: &Facts<'_>) -> Result<Proved, Reason> {
    let options = ParseOptions {
        max_bytes: MAX_LEN,
        header: HeaderPolicy::EmbeddedJwk,
    };
    let jws = UnverifiedJws::parse_with(proof, options).map_err(|_| Reason::Malformed)?;
    //= RFC9449#4.3 MUST: the typ of a proof is dpop+jwt
    if !jws.typ().is_some_and(|typ| typ.eq_ignore_ascii_case(TYP)) {
        return Err(Reason::Type);
    }
    let algorithm = jws.algorithm();
    if !facts.algs.contains(&algorithm) {
        return Err(Reason::Algorithm);
    }
    let claims = jws.claims_unverified().map_err(|_| Reason::Malformed)?;
    let text = |name| {
        let found = claims.str(name).map_err(|_| Reason::Claims)?;
        found.filter(|text| !text.is_empty()).ok_or(Reason::Claims)
    };
    //= RFC9449#4.3 MUST: jti, htm, htu and iat are there
    let jti = text("jti")?;
    let (method, url) = (text("htm")?, text("htu")?);
    let created = claims.int_seconds("iat").map_err(|_| Reason::Claims)?;
    let created = Timestamp(created.ok_or(Reason::Claims)?);
    if jti.len() > MAX_JTI {
        return Err(Reason::Claims);
    }
    //= RFC9449#4.3 MUST: htm is the method of the request and htu its URL without query and fragment
    if method != facts.method || !is_one_of(url, facts.urls) {
        return Err(Reason::Target);
    }
    //= RFC9449#4.3 MUST: a proof was made a short while ago
    let expires_at = created.plus(WINDOW);
    if expires_at.is_over(facts.now) || created.is_ahead(facts.now) || created < facts.valid_from {
        return Err(Reason::Time);
    }
    let time = |name| claims.int_seconds(name).map_err(|_| Reason::Claims);
    let over =
        time("exp")?.is_some_and(|at| Timestamp(at.saturating_add(MAX_AHEAD)).is_over(facts.now));
    if over || time("nbf")?.is_some_and(|at| Timestamp(at).is_ahead(facts.now)) {
        return Err(Reason::Time);
    }
    //= RFC9449#4.3 MUST: with an access token, ath is its SHA-256
    if let Some(token) = facts.access_token
        && Thumbprint::parse(text("ath")?) != Some(Thumbprint(sha256(token.as_bytes())))
    {
        return Err(Reason::AccessToken);
    }
    //= RFC9449#4.3 MUST: where the server hands out nonces, nonce is one of them
    match facts.nonce {
        Nonce::Ignored => {}
        Nonce::Demanded(is_ours) => {
            let nonce = claims.str("nonce").map_err(|_| Reason::Claims)?;
            if !is_ours(nonce.ok_or(Reason::NonceMissing)?) {
                return Err(Reason::NonceOld);
            }
        }
    }
    //= RFC9449#4.3 MUST: the header carries a public key and nothing private
    let embedded = jws.embedded_key().map_err(|_| Reason::PublicKey)?;
    let key = embedded.ok_or(Reason::PublicKey)?;
    //= RFC9449#4.3 MUST: the signature is valid under that key
    jws.verifies(ALGS, [key.verifying()])
        .map_err(|_| Reason::Signature)?;
    let thumbprint = Thumbprint::parse(key.thumbprint()).ok_or(Reason::PublicKey)?;
    Ok(Proved {
        key: Confirmation::Jkt(thumbprint),
        once: Some(OnceUse {
            key: Key::once(expires_at, digest(thumbprint, jti)),
            expires_at,
        }),
    })
}

/// Whether `htu` names one of these URLs after the normalisation of RFC 3986 §6.2.2 and §6.2.3.
//= RFC9449#4.3 SHOULD: htu is compared after normalisation by syntax and by scheme
fn is_one_of(htu: &str, urls: &[String]) -> bool {
    let bare = htu.split(['?', '#']).next().unwrap_or_default();
    // Most clients write what discovery says.
    if urls.iter().any(|url| url == bare) {
        return true;
    }
    // The parser turns backslashes into slashes, drops tabs and more: only what is a URI by its characters is parsed.
    let is_uri = bare
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'@'));
    if htu.len() > MAX_URL || !is_uri {
        return false;
    }
    let Ok(told) = Url::parse(bare) else {
        return false;
    };
    urls.iter()
        .filter_map(|url| Url::parse(url).ok())
        .any(|url| url.origin() == told.origin() && url.path() == told.path())
}

/// The key is part of it, so that nobody can use up the `jti` of somebody else.
fn digest(key: Thumbprint, jti: &str) -> [u8; 32] {
    sha256(format!("dpop proof\n{key}\n{jti}").as_bytes())
}

const TYP: &str = "dpop+jwt";
const MAX_LEN: usize = 16 * 1024;
const MAX_JTI: usize = 512;
const MAX_URL: usize = 2048;

#[cfg(test)]
mod tests;
