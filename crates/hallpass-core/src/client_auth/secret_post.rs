//! `client_secret_post`: identifier and secret in the body,
//! [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1).

use super::{
    Credential, Facts, Found, Kind, Method, OnceUse, PresentedSecret, Reason, Request, client_id,
    secret,
};
use crate::client::Client;

/// A secret as a parameter.
#[derive(Debug)]
pub(super) struct SecretPost;

impl Method for SecretPost {
    fn name(&self) -> &'static str {
        "client_secret_post"
    }

    fn kind(&self) -> Kind {
        Kind::Secret
    }

    fn read<'p>(&self, request: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        let Some(secret) = request.params.get("client_secret") else {
            return Ok(None);
        };
        if request.as_secret {
            return Ok(None);
        }
        // Together with another method that is one method too many, whether or not the client names itself.
        if request.authorization.is_some() || request.assertion.is_some() {
            return Err(Reason::TwoMethods);
        }
        //= RFC6749#2.3.1 MUST: a secret in the body stands beside the client_id
        Ok(Some(Found {
            client_id: client_id(request.params)?.ok_or(Reason::ClientIdMissing)?,
            credential: Credential::Secret(PresentedSecret::new(secret, None)?),
        }))
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        secret::verify(credential, client, facts).map(|()| None)
    }
}
