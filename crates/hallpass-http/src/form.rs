//! Form bodies.

use bytes::Bytes;
use hallpass_types::{ErrorCode, Params};
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body::Body;

use crate::{BodyError, MAX_FORM, Problem, read_body};

/// Reads an `application/x-www-form-urlencoded` body. An empty body needs no content type.
///
/// # Errors
/// Another content type, too many bytes or parameters, text that cannot be decoded.
pub async fn form<B>(headers: &HeaderMap, body: B) -> Result<Params, Problem>
where
    B: Body + Send,
    B::Data: Send,
{
    let bytes = read_body(headers, body, MAX_FORM).await?;
    decode(headers, &bytes)
}

pub(crate) fn decode(headers: &HeaderMap, bytes: &Bytes) -> Result<Params, Problem> {
    if bytes.is_empty() {
        return Ok(Params::default());
    }
    if !is_form(headers) {
        return Err(Problem::refused(
            415,
            ErrorCode::InvalidRequest,
            "content_type",
            "the body must be a form",
        ));
    }
    Params::parse(bytes).map_err(|_| {
        Problem::refused(
            400,
            ErrorCode::InvalidRequest,
            "form_malformed",
            "the form cannot be decoded",
        )
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next().and_then(|v| v.to_str().ok()), all.next()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && parts.all(|p| {
            p.split_once('=').is_none_or(|(name, value)| {
                !name.eq_ignore_ascii_case("charset")
                    || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (status, id, text) = match error {
            BodyError::TooLarge => (413, "body_too_large", "the body is too large"),
            BodyError::TooSlow => (408, "body_too_slow", "the body did not arrive in time"),
            BodyError::Broken => (400, "body_broken", "the body could not be read"),
            BodyError::Encoded => (415, "body_encoded", "the body must not be compressed"),
        };
        Self::refused(status, ErrorCode::InvalidRequest, id, text)
    }
}
