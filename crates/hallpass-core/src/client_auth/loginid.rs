//! A signed JWT in the place of a client's secret, as LoginID documents it. Read only where the issuer puts up with that.
//!
//! What is in the place of the secret and looks like a JWT is an assertion of `private_key_jwt`, and verified as one: in
//! `client_secret`, in HTTP Basic as `id:jwt`, or alone behind `Basic` beside a `client_id`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_types::Params;

use super::{Assertion, Reason};

/// The assertion of a request that holds it as a secret; none when its secret, if it has one, is no JWT.
///
/// # Errors
/// A JWT that cannot be used, or one for another client than the request names.
pub(super) fn read<'p>(
    params: &'p Params,
    authorization: Option<&'p str>,
) -> Result<Option<Assertion<'p>>, Reason> {
    match (params.get("client_secret"), authorization) {
        (Some(text), None) if is_jwt(text) => {
            if params.get("client_id").is_none() {
                return Err(Reason::ClientIdMissing);
            }
            Assertion::parse(text).map(Some)
        }
        (None, Some(header)) => in_header(params, header),
        (Some(_) | None, _) => Ok(None),
    }
}

fn in_header<'p>(params: &Params, header: &'p str) -> Result<Option<Assertion<'p>>, Reason> {
    let Some((scheme, text)) = header.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    if is_jwt(text) {
        if params.get("client_id").is_none() {
            return Err(Reason::ClientIdMissing);
        }
        return Assertion::parse(text).map(Some);
    }
    let Some((id, jwt)) = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| {
            let (id, jwt) = text.split_once(':')?;
            is_jwt(jwt).then(|| (id.to_owned(), jwt.to_owned()))
        })
    else {
        return Ok(None);
    };
    let assertion = Assertion::parse_owned(&jwt)?;
    let same = assertion.client_id().as_str() == id;
    same.then_some(Some(assertion))
        .ok_or(Reason::ClientIdMismatch)
}

/// Three parts, of which the first begins as the base64url of a JSON object with a member does.
fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}
