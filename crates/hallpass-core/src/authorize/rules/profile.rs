//! What a security profile demands of a request beside what it demands of everything else; see [`crate::fapi`].

use super::{Context, Draft};
use crate::{authorize::Reason, fapi::Profile};

/// How the answer must travel.
pub(super) fn answer_is_signed(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let fits = |profile: Profile| profile.answers(draft.response_type, draft.response_mode);
    if cx.client.fapi.is_none_or(fits) {
        Ok(())
    } else {
        Err(Reason::ProfileAnswer)
    }
}

//= FAPI1-ADV#5.2.2 MUST: a pushed request uses PKCE with S256
pub(super) fn pushed_has_challenge(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let first = cx.client.fapi == Some(Profile::Fapi1Advanced);
    if first && draft.code_challenge.is_none() {
        Err(Reason::CodeChallengeMissing)
    } else {
        Ok(())
    }
}

//= FAPI1-ADV#5.2.2 MUST: only what the request object says counts, so a scope must stand in it
pub(super) fn names_its_scope(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if cx.client.fapi == Some(Profile::Fapi1Advanced) && draft.scope.is_none() {
        Err(Reason::ProfileScope)
    } else {
        Ok(())
    }
}

//= FAPI1-BASE#5.2.2.2 MUST: a request with openid has a nonce
//= FAPI1-BASE#5.2.2.3 MUST: a request without openid has a state
pub(super) fn is_tied_to_its_session(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if cx.client.fapi != Some(Profile::Fapi1Advanced) {
        return Ok(());
    }
    let openid = draft.scope.as_ref().is_some_and(|s| s.contains("openid"));
    match (openid, &draft.nonce, &draft.state) {
        (true, None, _) => Err(Reason::NonceMissing),
        (false, _, None) => Err(Reason::ProfileState),
        (true, Some(_), _) | (false, _, Some(_)) => Ok(()),
    }
}
