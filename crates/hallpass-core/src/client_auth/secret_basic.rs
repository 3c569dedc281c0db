//! `client_secret_basic`: identifier and secret in the `Authorization` header,
//! [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1),
//! [RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2).
//!
//! Identifier and secret are form-encoded inside the header; many clients forget that. Where the text is not
//! a form encoding it is taken as it stands. A secret is compared both ways, decoded and as it stands, since both
//! can only equal the registered one if the client knows it; an identifier is decoded when it can be.

use std::borrow::Cow;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use hallpass_types::ClientId;

use super::{
    Credential, Facts, Found, Kind, Method, OnceUse, PresentedSecret, Reason, Request, secret,
};
use crate::client::Client;

/// HTTP Basic.
#[derive(Debug)]
pub(super) struct SecretBasic;

impl Method for SecretBasic {
    fn name(&self) -> &'static str {
        "client_secret_basic"
    }

    fn kind(&self) -> Kind {
        Kind::Secret
    }

    fn read<'p>(&self, request: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        let Some(value) = request.authorization.filter(|_| !request.as_secret) else {
            return Ok(None);
        };
        //= RFC9110#11.1 MUST: the name of an authentication scheme is compared without regard to case
        let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Reason::UnsupportedScheme);
        }
        let credentials = credentials.trim_start_matches(' ');
        let alphabet = if credentials.ends_with('=') {
            &STANDARD
        } else {
            &STANDARD_NO_PAD
        };
        let decoded = alphabet
            .decode(credentials)
            .map_err(|_| Reason::Malformed)?;
        let text = String::from_utf8(decoded).map_err(|_| Reason::Malformed)?;
        //= RFC7617#2 MUST: the identifier ends at the first colon
        let (id, secret) = text.split_once(':').ok_or(Reason::Malformed)?;
        //= RFC6749#2.3.1 MUST: identifier and secret are form-encoded before they are put together
        let id = form_decode(id).unwrap_or(Cow::Borrowed(id));
        let read = form_decode(secret).unwrap_or(Cow::Borrowed(secret));
        Ok(Some(Found {
            client_id: ClientId::parse(&id).map_err(|_| Reason::Malformed)?,
            credential: Credential::Secret(PresentedSecret::new(&read, Some(secret))?),
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

/// Decodes `application/x-www-form-urlencoded` text; none when it is not such text.
fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high.saturating_mul(16).saturating_add(low)).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}
