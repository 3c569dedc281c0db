//! Metadata and where the endpoints are. The document is derived from policy and registries.

use bytes::Bytes;
use hallpass_core::{discovery, policy::Policy};
use hallpass_jose::base64url;
use hallpass_types::sha256;
use serde_json::Value;

/// A public document as it is sent.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The bytes.
    pub body: Bytes,
    /// Its entity tag, quoted (RFC 9110 §8.8.3).
    pub etag: Bytes,
    /// `Cache-Control`.
    pub cache_control: Bytes,
}

impl Document {
    /// `max_age` in seconds.
    pub(crate) fn new(text: String, max_age: i64) -> Self {
        let digest = sha256(text.as_bytes());
        let short = digest.first_chunk::<16>().copied().unwrap_or_default();
        Self {
            etag: format!("\"{}\"", base64url::encode(short)).into(),
            cache_control: format!("public, max-age={max_age}").into(),
            body: text.into(),
        }
    }
}

/// Path of the authorization endpoint under the issuer.
pub const AUTHORIZATION: &str = "/authorize";
/// Path of the token endpoint.
pub const TOKEN: &str = "/token";
/// Path of UserInfo.
pub const USERINFO: &str = "/userinfo";
/// Path of introspection.
pub const INTROSPECTION: &str = "/introspect";
/// Path of revocation.
pub const REVOCATION: &str = "/revoke";
/// Path of pushed authorization requests.
pub const PUSHED_AUTHORIZATION: &str = "/par";
/// Path of registration; a registered client is below it.
pub const REGISTRATION: &str = "/register";
/// Path of the key set.
pub const JWKS: &str = "/jwks";
/// Path of the device authorization endpoint.
pub const DEVICE_AUTHORIZATION: &str = "/device/auth";
/// Path of the page where a person types the code of a device.
pub const DEVICE: &str = "/device";
/// Path of the backchannel authentication endpoint.
pub const BACKCHANNEL_AUTHENTICATION: &str = "/backchannel";
/// Path where tests answer backchannel authentication requests for people, where that is switched on.
pub const BACKCHANNEL_ANSWER: &str = "/backchannel/answer";
/// Path of the page where people answer them.
pub const APPROVALS: &str = "/approvals";
/// Path of RP-initiated logout.
pub const END_SESSION: &str = "/logout";
/// Where a third party sends people whom a client shall sign in.
pub const INITIATE: &str = "/initiate";

/// Path of the page that says whether a session has changed.
pub const CHECK_SESSION: &str = "/session/check";

/// Where challenges for the proofs of client attestations are handed out.
pub const CHALLENGE: &str = "/challenge";

/// The metadata document as JSON.
pub(crate) fn document(policy: &Policy) -> Document {
    let url = |path: &str| policy.issuer.url(path);
    let endpoints = discovery::Endpoints {
        authorization: url(AUTHORIZATION),
        token: url(TOKEN),
        userinfo: url(USERINFO),
        introspection: url(INTROSPECTION),
        revocation: url(REVOCATION),
        pushed_authorization: url(PUSHED_AUTHORIZATION),
        registration: url(REGISTRATION),
        jwks: url(JWKS),
        end_session: url(END_SESSION),
        device_authorization: url(DEVICE_AUTHORIZATION),
        backchannel_authentication: url(BACKCHANNEL_AUTHENTICATION),
        check_session: url(CHECK_SESSION),
        challenge: url(CHALLENGE),
    };
    let text = Value::Object(discovery::metadata(policy, &endpoints)).to_string();
    Document::new(text, 300)
}
