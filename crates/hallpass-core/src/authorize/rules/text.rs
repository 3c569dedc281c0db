//! Texts that are kept as they came: `state`, `nonce`, `login_hint`.

use hallpass_types::Params;

use crate::authorize::Reason;

pub(crate) const MAX_STATE: usize = 8192;
const MAX_NONCE: usize = 4096;
const MAX_LOGIN_HINT: usize = 1024;

pub(crate) fn state(params: &Params) -> Result<Option<String>, Reason> {
    bounded(params, "state", MAX_STATE, Reason::StateTooLong)
}

//= OIDC-CORE#3.1.2.1 MUST: nonce passes through unchanged
pub(super) fn nonce(params: &Params) -> Result<Option<String>, Reason> {
    bounded(params, "nonce", MAX_NONCE, Reason::NonceTooLong)
}

pub(super) fn login_hint(params: &Params) -> Result<Option<String>, Reason> {
    bounded(
        params,
        "login_hint",
        MAX_LOGIN_HINT,
        Reason::LoginHintTooLong,
    )
}

fn bounded(
    params: &Params,
    name: &str,
    max: usize,
    too_long: Reason,
) -> Result<Option<String>, Reason> {
    match params.get(name) {
        None => Ok(None),
        Some(text) if text.len() > max => Err(too_long),
        Some(text) => Ok(Some(text.to_owned())),
    }
}
