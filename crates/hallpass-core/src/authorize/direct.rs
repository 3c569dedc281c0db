//! Requests that reach us without a browser, whose answer goes nowhere but to the client that fetches it: of a device
//! ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)) and of CIBA (Core §7.1).
//!
//! The same grammar and the same rules as for a request through the browser hold, but for those about redirecting. The
//! person is always asked, whatever they allowed before: nothing else proves that they know of the request.

use std::sync::Arc;

use hallpass_types::{Params, Scope};

use super::{
    Display, Prompts, Reason, RequestRecord, ResponseMode, ResponseType, Unidentified, Valid, Via,
    rules::{self, Endpoint},
};
use crate::{client::Client, policy::Policy, record::ClaimsRequest};

/// Checks a request that arrived at such an endpoint.
///
/// # Errors
/// The first rule that is broken; the answer goes straight to the client.
pub fn validate(
    params: &Params,
    client: Arc<Client>,
    policy: &Policy,
    endpoint: Endpoint,
) -> Result<Valid, Reason> {
    let context = rules::Context {
        client: &client,
        policy,
        via: Via::default(),
    };
    let draft = rules::check(params, &context, endpoint)?;
    let request = RequestRecord {
        //= RFC8628#5.4 SHOULD: the person confirms that they mean this device, each time
        prompts: Prompts {
            consent: true,
            ..Prompts::default()
        },
        ..draft.settle(&context, String::new())
    };
    Ok(Valid::new(client, request))
}

impl Valid {
    /// A visit to a page of the provider's own. Such a request has no redirect URI and no scope: nothing can be granted
    /// from it. The person proves who they are, not longer than `max_age` seconds ago where that is given.
    #[must_use]
    pub fn own(client: Arc<Client>, max_age: Option<i64>) -> Self {
        let request = RequestRecord {
            client_id: client.id.clone(),
            redirect_uri: String::new(),
            response_type: ResponseType::default(),
            response_mode: ResponseMode::default(),
            scope: Scope::default(),
            state: None,
            nonce: None,
            code_challenge: None,
            dpop_jkt: None,
            prompts: Prompts::default(),
            max_age,
            login_hint: None,
            acr_values: Vec::new(),
            essential_acr: Vec::new(),
            claims: ClaimsRequest::default(),
            required_subjects: Vec::new(),
            ui_locales: Vec::new(),
            display: Display::default(),
            resources: Vec::new(),
            authorization_details: Vec::new(),
            organization: None,
            own: std::collections::BTreeMap::new(),
            pushed: None,
        };
        Self::new(client, request)
    }

    /// Brings a waiting request of a device or of CIBA back. As [`Valid::resume`], but such a request has no redirect URI,
    /// and the client must still have the grant that it came for.
    ///
    /// # Errors
    /// A page: the client may not ask any more.
    pub fn resume_direct(
        record: RequestRecord,
        client: Option<Arc<Client>>,
        grant_type: &str,
        policy: &Policy,
    ) -> Result<Self, Unidentified> {
        let client = client
            .filter(|found| found.id == record.client_id && found.may_use(grant_type))
            .ok_or(Unidentified::ClientUnknown)?;
        // One that can be redirected belongs to the browser that brought it.
        if !record.redirect_uri.is_empty() {
            return Err(Unidentified::RedirectUriNotRegistered);
        }
        Ok(Self::still_allowed(record, client, policy))
    }
}

#[cfg(test)]
mod tests {
    use hallpass_types::Params;

    use super::{
        super::fixture::{policy, web},
        *,
    };

    const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

    fn device() -> Client {
        Client {
            grant_types: vec![DEVICE.to_owned()],
            response_types: Vec::new(),
            redirect_uris: Vec::new(),
            require_pkce: true,
            ..web()
        }
    }

    fn asked(pairs: &[(&str, &str)]) -> Result<Valid, Reason> {
        let params = Params::from_pairs(pairs.iter().copied());
        let client = Arc::new(device());
        validate(&params, client, &policy(), Endpoint::DeviceAuthorization)
    }

    #[test]
    fn a_request_needs_nothing_of_redirecting_and_always_asks() {
        //= test RFC8628#5.4 the person confirms that they mean this device, each time
        let valid = asked(&[("client_id", "web"), ("scope", "openid email unknown")]).unwrap();
        let request = valid.request();
        assert_eq!(request.scope.to_string(), "openid email");
        assert_eq!(request.redirect_uri, "");
        assert!(request.prompts.consent && !request.prompts.none);
        // What only a browser could bring has no effect.
        let same = asked(&[
            ("client_id", "web"),
            ("scope", "openid email"),
            ("redirect_uri", "https://evil.test/"),
            ("response_type", "token"),
            ("response_mode", "web_message"),
            ("prompt", "none"),
            ("code_challenge_method", "plain"),
        ]);
        assert_eq!(same.unwrap().request(), request);
    }

    #[test]
    fn rules_about_scope_and_resource_hold_here_too() {
        for (pairs, reason) in [
            (&[("scope", "a\"b")][..], Reason::ScopeMalformed),
            (&[("scope", "nothing")], Reason::ScopeEmpty),
            (&[], Reason::ScopeEmpty),
            (
                &[("scope", "openid"), ("resource", "https://other.test")],
                Reason::ResourceUnknown,
            ),
            (
                &[("scope", "openid"), ("resource", "api")],
                Reason::ResourceMalformed,
            ),
            (
                &[("scope", "openid"), ("scope", "openid")],
                Reason::ParameterRepeated,
            ),
            (
                &[("scope", "openid"), ("max_age", "-1")],
                Reason::MaxAgeMalformed,
            ),
        ] {
            assert_eq!(asked(pairs).unwrap_err(), reason, "{pairs:?}");
        }
    }

    #[test]
    fn a_request_comes_back_for_a_client_that_still_has_the_grant() {
        let record = asked(&[("scope", "openid email")])
            .unwrap()
            .request()
            .clone();
        let policy = policy();
        let resume = |record: RequestRecord, client: Option<Client>| {
            Valid::resume_direct(record, client.map(Arc::new), DEVICE, &policy)
        };
        assert_eq!(
            resume(record.clone(), Some(device())).unwrap().request(),
            &record
        );
        assert!(resume(record.clone(), None).is_err());
        assert!(
            resume(record.clone(), Some(web())).is_err(),
            "no such grant"
        );
        let narrower = Client {
            scope: Some(super::super::fixture::scope("openid")),
            ..device()
        };
        let valid = resume(record.clone(), Some(narrower)).unwrap();
        assert_eq!(valid.request().scope.to_string(), "openid");
        let redirecting = RequestRecord {
            redirect_uri: "https://rp.test/cb".to_owned(),
            ..record.clone()
        };
        assert!(resume(redirecting, Some(device())).is_err());
        // And the other way round.
        assert!(Valid::resume(record, Some(Arc::new(web())), &policy).is_err());
    }
}
