//! What comes back to the redirect URI of a provider.

use hallpass_types::Params;

use super::Reason;

/// A code, from the provider that was asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub code: String,
}

/// Codes are secrets and are not printed.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// A code longer than this is none.
const MAX_CODE: usize = 4096;

/// Reads an answer whose state was checked.
///
/// # Errors
/// It is of another issuer, an error, or lacks a code.
//= RFC9207#2.4 MUST: an answer with another issuer than the one that was asked is refused
//= RFC9207#2.4 MUST: where the issuer says that its answers name it, one that does not is refused
pub fn read_answer(
    params: &Params,
    issuer: Option<&str>,
    names_itself: bool,
) -> Result<Answer, Reason> {
    let repeated = |name: &&str| params.duplicated().iter().any(|d| d == name);
    if ["code", "state", "iss", "error"].iter().any(repeated) {
        return Err(Reason::NoCode);
    }
    match (params.get("iss"), issuer) {
        (Some(found), Some(expected)) if found != expected => return Err(Reason::Issuer),
        (None, Some(_)) if names_itself => return Err(Reason::Issuer),
        (Some(_) | None, Some(_) | None) => {}
    }
    if params.get("error").is_some() {
        return Err(Reason::Refused);
    }
    let code = params.get("code").filter(|code| code.len() <= MAX_CODE);
    code.map(|code| Answer {
        code: code.to_owned(),
    })
    .ok_or(Reason::NoCode)
}
