//! How a request must reach us: signed ([RFC 9101 §10.5](https://www.rfc-editor.org/rfc/rfc9101#section-10.5)), pushed
//! ([RFC 9126 §6](https://www.rfc-editor.org/rfc/rfc9126#section-6)).

use super::{Context, Draft};
use crate::authorize::Reason;

//= RFC9101#10.5 MUST: where signed request objects are required, a request without one is refused
pub(super) fn is_signed_where_required(_: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let required = cx.policy.requests.require_signed || cx.client.requests.require_signed;
    if required && !cx.via.signed {
        Err(Reason::RequestObjectRequired)
    } else {
        Ok(())
    }
}

//= RFC9126#6 MUST: where pushed requests are required, the authorization endpoint takes no others
pub(super) fn is_pushed_where_required(_: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let required = cx.policy.requests.require_pushed || cx.client.requests.require_pushed;
    if required && cx.via.pushed.is_none() {
        Err(Reason::PushRequired)
    } else {
        Ok(())
    }
}
