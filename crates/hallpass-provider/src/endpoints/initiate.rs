//! Login that a third party starts, [OpenID Connect Core §4](https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin).

use hallpass_core::authorize::initiate::{self, Reason};
use hallpass_types::{ClientId, Params};

use crate::{Failure, Provider};

impl Provider {
    /// Where to send a person whom somebody wants to sign in at a client: to the client's `initiate_login_uri`. Takes
    /// `client_id`, and if wanted `login_hint` and `target_link_uri`.
    ///
    /// # Errors
    /// There is no such client, it takes no part in this, or the target is not its own. To be shown as a page.
    pub async fn initiate_login(&self, params: &Params) -> Result<String, Failure> {
        self.start_login(params)
            .await
            .map_err(|failure| self.failed("initiate", None, failure))
    }

    async fn start_login(&self, params: &Params) -> Result<String, Failure> {
        let id = initiate::client_id(params)?;
        let id = ClientId::parse(id).map_err(|_| Reason::ClientUnknown)?;
        let client = self.client(&id).await?.ok_or(Reason::ClientUnknown)?;
        Ok(initiate::location(params, &client, &self.inner.policy)?)
    }
}
