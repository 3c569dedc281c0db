//! Who asks is known, and where the answer goes. What is asked is not checked yet.

use std::sync::Arc;

use hallpass_types::Params;

use super::{
    Reason, Redirect, Valid, Via,
    rules::{self, Endpoint},
};
use crate::{client::Client, policy::Policy};

/// A request of a known client with a redirect URI of its own. From here on an error goes to the client.
#[derive(Clone, Debug)]
pub struct Identified {
    params: Params,
    client: Arc<Client>,
    redirect_uri: String,
    via: Via,
}

impl Identified {
    pub(super) const fn new(
        params: Params,
        client: Arc<Client>,
        redirect_uri: String,
        via: Via,
    ) -> Self {
        Self {
            params,
            client,
            redirect_uri,
            via,
        }
    }

    /// The parameters of client and request alone, to keep while the browser is awaited (RFC 9126).
    #[must_use]
    pub fn to_pushed(&self, policy: &Policy) -> Vec<(String, String)> {
        let known = policy.requests.parameters();
        self.params
            .iter()
            .filter(|(name, _)| known.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// How the parameters came.
    #[must_use]
    pub const fn via(&self) -> Via {
        self.via
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The ID token that says whom the client expects. The engine verifies it, then asks
    /// [`hint::check`](super::hint::check).
    #[must_use]
    pub fn id_token_hint(&self) -> Option<&str> {
        self.params.get("id_token_hint")
    }

    /// Whether an error of this request is shown to the person before it goes to the client: nobody has acted yet, and anybody
    /// could have made the client. `framed`: the browser says that it asks for a frame.
    //= RFC9700#4.11.2 SHOULD: nobody is sent on by itself to where a client that is not trusted wants them
    //= RFC9700#4.11.2 exception: a frame that asks with prompt=none gets its answer, since nobody would look at a page there
    //= RFC9700#4.11.2 exception: an answer that stays on the person's own machine goes there
    #[must_use]
    pub fn is_held(&self, policy: &Policy, framed: bool) -> bool {
        let silent = framed && self.params.get("prompt") == Some("none");
        !silent && self.client.leads_unseen(&self.redirect_uri, policy)
    }

    /// Refuses the request; the error goes to the client.
    #[must_use]
    pub fn reject(self, reason: Reason) -> Redirect {
        Redirect {
            client_id: self.client.id.clone(),
            mode: rules::error_mode(&self.params, &self.client),
            fallback: rules::default_mode(&self.params),
            //= OIDC-CORE#3.1.2.6 MUST: state is echoed when the request had one
            state: rules::text::state(&self.params).ok().flatten(),
            redirect_uri: self.redirect_uri,
            reason,
        }
    }

    /// Checks everything else about the request.
    ///
    /// # Errors
    /// The first rule that is broken, as an answer to the client.
    pub fn validate(self, policy: &Policy) -> Result<Valid, Redirect> {
        self.validate_at(policy, Endpoint::Authorization)
    }

    /// As [`Self::validate`], with the rules of the endpoint that took the parameters.
    ///
    /// # Errors
    /// As [`Self::validate`].
    pub fn validate_at(self, policy: &Policy, endpoint: Endpoint) -> Result<Valid, Redirect> {
        let context = rules::Context {
            client: &self.client,
            policy,
            via: self.via,
        };
        match rules::check(&self.params, &context, endpoint) {
            Ok(draft) => {
                let request = draft.settle(&context, self.redirect_uri);
                Ok(Valid::new(self.client, request))
            }
            Err(reason) => Err(self.reject(reason)),
        }
    }
}
