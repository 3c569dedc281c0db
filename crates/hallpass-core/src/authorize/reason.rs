//! Why an authorization request was refused.

use crate::reasons;

reasons! {
    /// Why a request gets a page instead of a redirect: it is not known where a redirect may go.
    ///
    /// [RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1).
    pub enum Unidentified {
        /// No `client_id`.
        ClientMissing => InvalidRequest, "authorization_client_missing", "client_id is missing";
        /// Several `client_id`.
        ClientRepeated => InvalidRequest, "authorization_client_repeated", "client_id is repeated";
        /// Unknown, disabled, deleted in the meantime, or not even of the right form.
        ClientUnknown => InvalidRequest, "authorization_client_unknown", "the client is unknown";
        /// Its identifier is the URL of a document, which could not be fetched or makes no client. One text for
        /// everything that can be wrong there: nobody learns from us what a server inside our network answers.
        ClientDocument => InvalidRequest, "authorization_client_document",
            "the client's metadata document cannot be used";
        /// No `redirect_uri`, even where only one is registered.
        RedirectUriMissing => InvalidRequest, "redirect_uri_missing", "redirect_uri is missing";
        /// Several `redirect_uri`.
        RedirectUriRepeated => InvalidRequest, "redirect_uri_repeated", "redirect_uri is repeated";
        /// Not registered for this client, or no longer.
        RedirectUriNotRegistered => InvalidRequest, "redirect_uri_not_registered",
            "redirect_uri is not registered for this client";
        /// While its person was asked, the client or the issuer changed so that such a request is refused now.
        RequestWithdrawn => InvalidRequest, "authorization_request_withdrawn",
            "the client may not ask for this any more";
    }
}

reasons! {
    /// Why a request of a known client with a registered redirect URI was refused.
    pub enum Reason {
        /// RFC 6749 §3.1.
        ParameterRepeated => InvalidRequest, "parameter_repeated", "a parameter is repeated";
        /// A parameter that the embedding program added, with a value that it does not take.
        OwnParameter => InvalidRequest, "parameter_refused", "a parameter has a value that is not taken";
        /// OpenID Connect Core §6.1.
        RequestNotSupported => RequestNotSupported, "request_not_supported", "request is not supported";
        /// OpenID Connect Core §6.2.
        RequestUriNotSupported => RequestUriNotSupported, "request_uri_not_supported",
            "request_uri is not supported";
        /// RFC 9101 §5: by value or by reference, not both.
        RequestTwice => InvalidRequest, "request_twice", "request and request_uri exclude each other";
        /// RFC 9101 §6.1: it is encrypted, and not to a key of ours or one that the client registered.
        RequestObjectEncryption => InvalidRequestObject, "request_object_encryption",
            "the request object cannot be decrypted";
        /// RFC 9101 §6.3: no signed JWT at all.
        RequestObjectMalformed => InvalidRequestObject, "request_object_malformed",
            "the request object is not a signed JWT";
        /// RFC 9101 §4: its `typ` says that it is something else.
        RequestObjectType => InvalidRequestObject, "request_object_type",
            "the JWT is not a request object";
        /// RFC 9101 §6.2: not the registered algorithm, or none that is taken.
        RequestObjectAlgorithm => InvalidRequestObject, "request_object_algorithm",
            "the algorithm of the request object is not allowed for this client";
        /// A claim is missing, of the wrong type, or makes it a token for another use.
        RequestObjectClaims => InvalidRequestObject, "request_object_claims",
            "the request object has a claim that is missing or malformed";
        /// `iss` is not the client.
        RequestObjectIssuer => InvalidRequestObject, "request_object_issuer",
            "iss of the request object is not the client";
        /// `aud` is not this issuer.
        RequestObjectAudience => InvalidRequestObject, "request_object_audience",
            "the request object is not for this issuer";
        /// Expired, not begun, or valid for too long.
        RequestObjectTime => InvalidRequestObject, "request_object_time",
            "the request object is not valid at this time, or for too long";
        /// The signature is wrong.
        RequestObjectSignature => InvalidRequestObject, "request_object_signature",
            "the signature of the request object is wrong";
        /// No key at `jwks_uri` fits; fetching it again may help, once.
        RequestObjectKeyMiss => InvalidRequestObject, "request_object_key_miss",
            "the key of the request object is unknown";
        /// The client has no key for it, or its `jwks_uri` does not answer.
        RequestObjectKeysUnavailable => InvalidRequestObject, "request_object_keys_unavailable",
            "the keys of the client are not available";
        /// RFC 9101 §4.
        RequestObjectNested => InvalidRequestObject, "request_object_nested",
            "the request object holds request or request_uri";
        /// A parameter inside has another JSON type than it should have.
        RequestObjectMember => InvalidRequestObject, "request_object_member",
            "a parameter in the request object has the wrong type";
        /// `client_id` or `response_type` differ inside and outside.
        RequestObjectMismatch => InvalidRequestObject, "request_object_mismatch",
            "the request object contradicts the parameters beside it";
        /// RFC 9101 §10.5: `require_signed_request_object`.
        RequestObjectRequired => InvalidRequest, "request_object_required",
            "a signed request object is required";
        /// Unknown, expired, used, or another client's.
        RequestUriInvalid => InvalidRequestUri, "request_uri_invalid",
            "request_uri is unknown, was used or has expired";
        /// OpenID Connect Core §6.2: `request_uris`.
        RequestUriNotRegistered => InvalidRequestUri, "request_uri_not_registered",
            "request_uri is not registered for this client";
        /// OpenID Connect Core §6.2.
        RequestUriUnreachable => InvalidRequestUri, "request_uri_unreachable",
            "request_uri did not yield a request object";
        /// RFC 9126 §2.1.
        RequestUriPushed => InvalidRequest, "request_uri_pushed",
            "request_uri may not be pushed";
        /// RFC 9126 §6: `require_pushed_authorization_requests`.
        PushRequired => InvalidRequest, "push_required",
            "authorization requests must be pushed";
        /// OpenID Connect Core §7.2.1.
        RegistrationNotSupported => RegistrationNotSupported, "registration_not_supported",
            "registration is not supported";
        /// RFC 6749 §3.1.1.
        ResponseTypeMissing => InvalidRequest, "response_type_missing", "response_type is missing";
        /// RFC 6749 §3.1.1.
        ResponseTypeUnsupported => UnsupportedResponseType, "response_type_unsupported",
            "response_type is not supported";
        /// RFC 6749 §4.1.2.1, RFC 7591 §2.
        ResponseTypeNotAllowed => UnauthorizedClient, "response_type_not_allowed",
            "response_type is not registered for this client";
        /// OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
        ResponseModeUnknown => InvalidRequest, "response_mode_unknown", "response_mode is not supported";
        /// The client's `response_modes` leave it out.
        ResponseModeNotAllowed => InvalidRequest, "response_mode_not_allowed",
            "response_mode is not registered for this client";
        /// OpenID Connect Core §3.2.2.1.
        NonceMissing => InvalidRequest, "nonce_missing", "nonce is missing";
        /// RFC 9449 §5.2, RFC 8705 §3.4: the client's access tokens are bound to a key, which this one cannot be.
        TokenUnbound => InvalidRequest, "token_unbound",
            "the authorization endpoint cannot bind this client's access token";
        /// OpenID Connect Core §3.2.2.1.
        OpenidMissing => InvalidScope, "openid_missing", "an ID token needs the scope openid";
        /// RFC 6749 §3.3.
        ScopeMalformed => InvalidScope, "scope_malformed", "scope is malformed";
        /// RFC 7591 §2: outside the registered `scope`.
        ScopeNotAllowed => InvalidScope, "scope_not_allowed", "scope is not allowed for this client";
        /// RFC 6749 §3.3: nothing is left that means anything.
        ScopeEmpty => InvalidScope, "scope_empty", "scope names nothing that is offered";
        /// OpenID Connect Core §3.1.2.1.
        PromptUnknown => InvalidRequest, "prompt_unknown", "prompt has an unknown value";
        /// OpenID Connect Core §3.1.2.1.
        PromptNoneNotAlone => InvalidRequest, "prompt_none_not_alone",
            "prompt none must not be combined with other values";
        /// OpenID Connect Core §3.1.2.1.
        MaxAgeMalformed => InvalidRequest, "max_age_malformed",
            "max_age is not a whole number of seconds";
        /// Longer than is kept.
        StateTooLong => InvalidRequest, "state_too_long", "state is too long";
        /// Longer than is kept.
        NonceTooLong => InvalidRequest, "nonce_too_long", "nonce is too long";
        /// Longer than is kept.
        LoginHintTooLong => InvalidRequest, "login_hint_too_long", "login_hint is too long";
        /// Longer than is kept.
        AcrValuesTooLong => InvalidRequest, "acr_values_too_long", "acr_values is too long";
        /// FAPI 1.0 Advanced §5.2.2, FAPI 2.0 Message Signing §5.4.2.
        ProfileAnswer => InvalidRequest, "profile_answer",
            "the client's security profile demands an answer that is signed";
        /// FAPI 1.0 Advanced §5.2.2.
        ProfileScope => InvalidRequest, "profile_scope", "scope is missing";
        /// FAPI 1.0 Baseline §5.2.2.3.
        ProfileState => InvalidRequest, "profile_state", "state is missing";
        /// RFC 9449 §10.
        DpopJktMalformed => InvalidRequest, "dpop_jkt_malformed", "dpop_jkt is malformed";
        /// RFC 7636 §4.2.
        CodeChallengeMalformed => InvalidRequest, "code_challenge_malformed",
            "code_challenge is malformed";
        /// RFC 7636 §4.4.1.
        CodeChallengeMissing => InvalidRequest, "code_challenge_missing", "code_challenge is missing";
        /// RFC 7636 §4.3: leaving it out would mean `plain`.
        CodeChallengeMethodMissing => InvalidRequest, "code_challenge_method_missing",
            "code_challenge_method must be S256";
        /// RFC 7636 §4.4.1.
        CodeChallengeMethodUnsupported => InvalidRequest, "code_challenge_method_unsupported",
            "code_challenge_method is not supported";
        /// OpenID Connect Core §5.5.
        ClaimsMalformed => InvalidRequest, "claims_malformed", "claims is malformed";
        /// OpenID Connect Core §5.5.1: `sub` wants several people, or something that is no subject.
        ClaimsSubjectMalformed => InvalidRequest, "claims_subject_malformed",
            "claims asks for a malformed sub";
        /// OpenID Connect Core §5.5.1.1.
        AcrUnreachable => UnmetAuthenticationRequirements, "acr_unreachable",
            "the essential authentication context is not offered";
        /// OpenID Connect Core §5.5.1.1: the sign-in did not reach it.
        AcrNotReached => UnmetAuthenticationRequirements, "acr_not_reached",
            "the essential authentication context was not reached";
        /// RFC 9396 §2.
        DetailsMalformed => InvalidAuthorizationDetails, "authorization_details_malformed",
            "authorization_details is not an array of objects with a type";
        /// RFC 9396 §12: a client that authenticates signs or pushes them.
        DetailsExposed => InvalidAuthorizationDetails, "authorization_details_exposed",
            "authorization_details of this client must be pushed, or signed";
        /// RFC 9396 §5.
        DetailsUnknown => InvalidAuthorizationDetails, "authorization_details_unknown",
            "authorization_details has a type or member that is not known, or lacks one";
        /// RFC 9396 §10: outside the client's `authorization_details_types`.
        DetailsNotAllowed => InvalidAuthorizationDetails, "authorization_details_not_allowed",
            "this type of authorization_details is not allowed for this client";
        /// What is granted makes a token that is too long to be of use.
        AccessTokenTooLarge => InvalidRequest, "authorization_token_too_large",
            "the access token would be too large: ask for less";
        /// RFC 8707 §2.
        ResourceMalformed => InvalidTarget, "resource_malformed",
            "resource is not an absolute URI without fragment";
        /// More than are looked at.
        ResourceTooMany => InvalidTarget, "resource_too_many", "too many resources";
        /// RFC 8707 §2.
        ResourceUnknown => InvalidTarget, "resource_unknown", "resource is unknown";
        /// RFC 8707 §2: outside the client's `resources`.
        ResourceNotAllowed => InvalidTarget, "resource_not_allowed",
            "resource is not allowed for this client";
        /// RFC 8707 §2: the answer would hold one token for resources that want different ones.
        ResourcesDisagree => InvalidTarget, "resources_disagree",
            "the resources cannot share one token";
        /// OpenID Connect Core §3.1.2.1: not a genuine ID token of this issuer.
        IdTokenHintInvalid => InvalidRequest, "id_token_hint_invalid", "id_token_hint is not valid";
        /// OpenID Connect Core §3.1.2.1: issued to another client.
        IdTokenHintForAnotherClient => InvalidRequest, "id_token_hint_for_another_client",
            "id_token_hint was not issued to this client";
        /// OpenID Connect Core §3.1.2.6.
        LoginRequired => LoginRequired, "login_required", "the person must sign in";
        /// OpenID Connect Core §3.1.2.1: somebody else signed in than was asked for.
        AnotherSubject => LoginRequired, "another_subject",
            "the person who signed in is not the requested one";
        /// OpenID Connect Core §3.1.2.6.
        AccountSelectionRequired => AccountSelectionRequired, "account_selection_required",
            "the person must choose an account";
        /// OpenID Connect Core §3.1.2.6.
        ConsentRequired => ConsentRequired, "consent_required", "the person must consent";
        /// OpenID Connect Core §3.1.2.6.
        InteractionRequired => InteractionRequired, "interaction_required",
            "the person must be asked";
        /// RFC 6749 §4.1.2.1.
        Denied => AccessDenied, "access_denied", "the person denied the request";
        /// RFC 6749 §4.1.2.1: what was allowed is empty, or lacks what the request cannot do without.
        NothingGranted => AccessDenied, "nothing_granted", "nothing was granted";
        /// RFC 6749 §4.1.2.1: the client is for members of a group or holders of a role, and the person is neither.
        NotForThisPerson => AccessDenied, "person_not_admitted", "this account may not use this client";
        /// RFC 6749 §4.1.2.1: the person cannot act for the organization that the request names.
        NoMember => AccessDenied, "no_member", "this account cannot act for this organization";
        /// The parameter `organization`.
        OrganizationInvalid => InvalidRequest, "organization_invalid", "organization is not valid";
    }
}

#[cfg(test)]
mod tests {
    use hallpass_types::description_text;

    use super::*;

    #[test]
    fn identifiers_are_unique_and_texts_fit_the_wire() {
        let all: Vec<_> = Reason::ALL
            .iter()
            .map(|r| (r.id(), r.text()))
            .chain(Unidentified::ALL.iter().map(|r| (r.id(), r.text())))
            .collect();
        let mut ids: Vec<_> = all.iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
        for (id, text) in all {
            //= test RFC6749#4.1.2.1 error_description has only %x20-21 / %x23-5B / %x5D-7E
            assert!(description_text(text), "{id}");
        }
    }

    #[test]
    fn a_page_is_always_a_bad_request() {
        for reason in Unidentified::ALL {
            assert_eq!(reason.code().status(), 400);
        }
    }
}
