//! Parameters of features that are not offered. Ignoring them would be answering another question.

use hallpass_types::Params;

use crate::authorize::Reason;

//= OIDC-CORE#6.1 MUST: an OP that does not take request answers request_not_supported
//= OIDC-CORE#6.2 MUST: an OP that does not take request_uri answers request_uri_not_supported
//= OIDC-CORE#7.2.1 MUST: an OP that does not take registration answers registration_not_supported
pub(super) fn refuse(params: &Params) -> Result<(), Reason> {
    const UNSUPPORTED: [(&str, Reason); 3] = [
        ("request", Reason::RequestNotSupported),
        ("request_uri", Reason::RequestUriNotSupported),
        ("registration", Reason::RegistrationNotSupported),
    ];
    UNSUPPORTED
        .into_iter()
        .find(|(name, _)| params.get(name).is_some())
        .map_or(Ok(()), |(_, reason)| Err(reason))
}
