//! Signed and pushed authorization requests.

use std::borrow::Cow;

use hallpass_jose::JwsAlgorithm;

use super::OwnParameter;
use crate::authorize::{OwnMode, rules::PARAMETERS};

/// Request objects (RFC 9101) and pushed authorization requests (RFC 9126).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct RequestPolicy {
    /// Whether request objects are taken by value (`request`).
    pub by_value: bool,
    /// Whether request objects are fetched from a registered address (`request_uri`).
    pub by_reference: bool,
    /// Whether every client must sign its authorization requests.
    pub require_signed: bool,
    /// Whether parameters that a request object lacks are taken from beside it (OpenID Connect Core §6.1). RFC 9101 §6.3
    /// says that they are not.
    pub complete_from_query: bool,
    /// Algorithms of request objects. `none` is not one.
    pub signing_algs: Vec<JwsAlgorithm>,
    /// Whether requests can be pushed.
    pub pushed: bool,
    /// Whether every client must push its authorization requests.
    pub require_pushed: bool,
    /// So many pushed requests of one client wait at most, as far as one process can count them.
    pub max_pushed: u32,
    /// So many requests one network (an IPv4 address, the /64 of an IPv6 address) may push within a minute for clients
    /// that anybody can speak for: public ones and those of client documents.
    pub pushed_per_network_per_minute: u32,
    /// Whether an error goes at once to a client that anybody could have made, too. Without that it is shown to the person, who
    /// may go on to the client; else such a client makes of this server a link to wherever it wants.
    pub redirect_strangers: bool,
    /// Parameters beside those of the protocol.
    pub own: Vec<OwnParameter>,
    /// Response modes beside those of the protocol.
    pub modes: Vec<OwnMode>,
}

impl RequestPolicy {
    /// The names of all parameters that mean something.
    #[must_use]
    pub fn parameters(&self) -> Cow<'static, [&'static str]> {
        if self.own.is_empty() {
            return Cow::Borrowed(PARAMETERS);
        }
        let own = self.own.iter().map(OwnParameter::name);
        PARAMETERS.iter().copied().chain(own).collect()
    }

    /// Those of the program that are none of the protocol's.
    pub(crate) fn additional(&self) -> impl Iterator<Item = &OwnParameter> {
        self.own
            .iter()
            .filter(|own| !PARAMETERS.contains(&own.name()))
    }
}

impl Default for RequestPolicy {
    fn default() -> Self {
        Self {
            by_value: true,
            by_reference: false,
            require_signed: false,
            complete_from_query: false,
            signing_algs: REQUEST_ALGS.to_vec(),
            pushed: true,
            require_pushed: false,
            max_pushed: 10_000,
            pushed_per_network_per_minute: 120,
            redirect_strangers: false,
            own: Vec::new(),
            modes: Vec::new(),
        }
    }
}

const REQUEST_ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::RS256,
    JwsAlgorithm::RS384,
    JwsAlgorithm::RS512,
    JwsAlgorithm::EdDSA,
    JwsAlgorithm::HS256,
    JwsAlgorithm::HS384,
    JwsAlgorithm::HS512,
];
