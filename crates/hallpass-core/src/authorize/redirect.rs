//! An error that may go to the client.

use hallpass_types::ClientId;

use super::{AuthorizationResponse, Reason, ResponseMode};
use crate::policy::Policy;

/// A refusal on its way to the client. It cannot exist without a redirect URI that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub(super) client_id: ClientId,
    pub(super) redirect_uri: String,
    pub(super) mode: ResponseMode,
    /// The mode where the issuer does not offer the first one.
    pub(super) fallback: ResponseMode,
    pub(super) state: Option<String>,
    pub(super) reason: Reason,
}

impl Redirect {
    /// Why the request was refused.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Whose request it was.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// How it travels.
    #[must_use]
    pub fn mode(&self, policy: &Policy) -> ResponseMode {
        if self.mode.is_offered(policy) {
            self.mode
        } else {
            self.fallback
        }
    }

    /// The answer to send.
    #[must_use]
    pub fn respond(&self, policy: &Policy) -> AuthorizationResponse {
        let mut params = vec![
            ("error", self.reason.code().as_str().to_owned()),
            //= RFC6749#4.1.2.1 MUST: error_description has only %x20-21 / %x23-5B / %x5D-7E
            ("error_description", self.reason.text().to_owned()),
        ];
        //= RFC6749#4.1.2.1 MUST: state is returned exactly as it came, and only if it came
        params.extend(self.state.clone().map(|state| ("state", state)));
        //= RFC9207#2 MUST: iss is in error responses too
        params.push(("iss", policy.issuer.as_str().to_owned()));
        AuthorizationResponse {
            redirect_uri: self.redirect_uri.clone(),
            mode: self.mode(policy),
            params,
        }
    }
}
