//! Metadata and where the endpoints are. The document is derived from policy and registries.

use bytes::Bytes;
use hallpass_core::{
    discovery,
    policy::{Place, Policy},
};
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

/// Built-in path of the authorization endpoint under the issuer; [`Policy::routes`] may tell another.
pub const AUTHORIZATION: &str = Place::Authorization.path();
/// Path of the token endpoint.
pub const TOKEN: &str = Place::Token.path();
/// Path of UserInfo.
pub const USERINFO: &str = Place::UserInfo.path();
/// Path of introspection.
pub const INTROSPECTION: &str = Place::Introspection.path();
/// Path of revocation.
pub const REVOCATION: &str = Place::Revocation.path();
/// Path of pushed authorization requests.
pub const PUSHED_AUTHORIZATION: &str = Place::PushedAuthorization.path();
/// Path of registration; a registered client is below it.
pub const REGISTRATION: &str = Place::Registration.path();
/// Path of the key set.
pub const JWKS: &str = Place::Jwks.path();
/// Path of the device authorization endpoint.
pub const DEVICE_AUTHORIZATION: &str = Place::DeviceAuthorization.path();
/// Path of the page where a person types the code of a device.
pub const DEVICE: &str = "/device";
/// Path of the backchannel authentication endpoint.
pub const BACKCHANNEL_AUTHENTICATION: &str = Place::BackchannelAuthentication.path();
/// Path where tests answer backchannel authentication requests for people, where that is switched on.
pub const BACKCHANNEL_ANSWER: &str = "/backchannel/answer";
/// Path of the page where people answer them.
pub const APPROVALS: &str = "/approvals";
/// Path of RP-initiated logout.
pub const END_SESSION: &str = Place::EndSession.path();
/// Where a third party sends people whom a client shall sign in.
pub const INITIATE: &str = "/initiate";

/// Path of the page that says whether a session has changed.
pub const CHECK_SESSION: &str = Place::CheckSession.path();

/// Where challenges for the proofs of client attestations are handed out.
pub const CHALLENGE: &str = Place::Challenge.path();

/// The metadata document as JSON.
pub(crate) fn document(policy: &Policy) -> Document {
    let url = |place| policy.issuer.url(policy.routes.path(place));
    let endpoints = discovery::Endpoints {
        authorization: url(Place::Authorization),
        token: url(Place::Token),
        userinfo: url(Place::UserInfo),
        introspection: url(Place::Introspection),
        revocation: url(Place::Revocation),
        pushed_authorization: url(Place::PushedAuthorization),
        registration: url(Place::Registration),
        jwks: url(Place::Jwks),
        end_session: url(Place::EndSession),
        device_authorization: url(Place::DeviceAuthorization),
        backchannel_authentication: url(Place::BackchannelAuthentication),
        check_session: url(Place::CheckSession),
        challenge: url(Place::Challenge),
    };
    let text = Value::Object(discovery::metadata(policy, &endpoints)).to_string();
    Document::new(text, 300)
}
