//! `authorization_details`, [RFC 9396](https://www.rfc-editor.org/rfc/rfc9396#section-2).

use hallpass_types::Params;

use super::{Context, Draft};
use crate::{
    authorization_details::{self, Detail},
    authorize::Reason,
};

pub(super) fn parse(params: &Params) -> Result<Vec<Detail>, Reason> {
    match params.get("authorization_details") {
        Some(text) => authorization_details::parse(text).map_err(|_| Reason::DetailsMalformed),
        None => Ok(Vec::new()),
    }
}

//= RFC9396#12 MUST: details are kept from being changed on their way through the browser
//= RFC9396#12 exception: a client without secret and key has nothing to do that with
pub(super) fn came_from_the_client(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let guarded = cx.via.signed || cx.via.pushed.is_some();
    if draft.details.is_empty() || guarded || cx.client.is_public() {
        Ok(())
    } else {
        Err(Reason::DetailsExposed)
    }
}

//= RFC9396#5 MUST: a type that is unknown, or a detail that its type does not allow, is invalid_authorization_details
pub(super) fn are_known(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let known = |detail: &Detail| {
        let kind = cx.policy.detail_type(detail.kind());
        kind.is_some_and(|kind| kind.allows(detail))
    };
    if draft.details.iter().all(known) {
        Ok(())
    } else {
        Err(Reason::DetailsUnknown)
    }
}

//= RFC9396#10 MUST: a client asks only for the types that it registered
pub(super) fn client_may_ask_for_them(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let allowed = |detail: &Detail| cx.client.may_ask_for(detail.kind());
    if draft.details.iter().all(allowed) {
        Ok(())
    } else {
        Err(Reason::DetailsNotAllowed)
    }
}
