//! `none`: a public client names itself,
//! [RFC 6749 §3.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.2.1).

use super::{Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request, client_id};
use crate::client::Client;

/// No authentication.
#[derive(Debug)]
pub(super) struct Nothing;

impl Method for Nothing {
    fn name(&self) -> &'static str {
        "none"
    }

    fn kind(&self) -> Kind {
        Kind::Public
    }

    //= RFC6749#3.2.1 MUST: a client that does not authenticate sends its client_id
    fn read<'p>(&self, request: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        let nothing_else = request.authorization.is_none()
            && request.assertion.is_none()
            && request.params.get("client_secret").is_none();
        if !nothing_else {
            return Ok(None);
        }
        let named = match client_id(request.params)? {
            None if request.attested.is_there() => request.attested.client_id(),
            named => named,
        };
        Ok(named.map(|client_id| Found {
            client_id,
            credential: Credential::None,
        }))
    }

    fn verify(
        &self,
        _: &Credential<'_>,
        _: &Client,
        _: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        Ok(None)
    }
}
