//! A posted authorization request that has to come back as a GET, since only that brings cookies along.

use hallpass_core::authorize::{Carried, Received};
use hallpass_types::{Params, Timestamp};

use super::Answered;
use crate::{Failure, Provider, browser::Reason};

/// Seconds within which a browser follows a redirect.
const LIFETIME: i64 = 60;

const KIND: &str = "posted";

/// The parameter of the authorization endpoint that holds a posted request.
pub const POSTED: &str = "posted";

impl Provider {
    /// The page for a posted request whose answer could go nowhere, so that it is not sealed and sent back first. None: it is
    /// worth coming back for.
    ///
    /// # Errors
    /// Only failures of ours.
    pub async fn refuse_posted(&self, params: &Params) -> Result<Option<Answered>, Failure> {
        let received = Received::new(params.clone());
        let client = match self.who_asks(&received).await? {
            Ok(client) => client,
            Err(reason) => return Ok(Some(self.page_error(reason.into()))),
        };
        // What an object or a pushed request says of the redirect URI is not read for a browser that comes back at once.
        let here = matches!(
            received.carried(&self.inner.policy.requests),
            Ok(Carried::Here)
        );
        if client.is_some() && !here {
            return Ok(None);
        }
        let refused = received.identify(client).err();
        Ok(refused.map(|reason| self.page_error(reason.into())))
    }

    /// Seals the parameters of a posted request, so that they do not stand in the address that the browser follows: hints
    /// and objects in them would be in its history and in logs.
    #[must_use]
    pub fn seal_posted(&self, params: &Params) -> String {
        let expires_at = self.now().plus(LIFETIME);
        let plain = format!("{} {}", expires_at.0, params.to_query());
        self.inner.secrets.seal_browser(KIND, plain.as_bytes())
    }

    /// The parameters of a posted request that came back. It says nothing about the browser: whoever can have one sealed
    /// can send its parameters themselves.
    ///
    /// # Errors
    /// It is not ours, or too old. To be shown as a page.
    pub fn open_posted(&self, sealed: &str) -> Result<Params, Failure> {
        let plain = self.inner.secrets.open_browser(KIND, sealed);
        let plain = plain.ok_or(Reason::StateUnknown)?;
        let text = String::from_utf8(plain).map_err(|_| Reason::StateUnknown)?;
        let (expires_at, query) = text.split_once(' ').ok_or(Reason::StateUnknown)?;
        let expires_at = expires_at.parse().map_err(|_| Reason::StateUnknown)?;
        if Timestamp(expires_at).is_over(self.now()) {
            return Err(Reason::StateExpired.into());
        }
        Params::parse(query.as_bytes()).map_err(|_| Reason::StateUnknown.into())
    }
}
