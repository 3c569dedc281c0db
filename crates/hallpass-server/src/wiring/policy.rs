//! The policy that a configuration makes.

use std::sync::Arc;

use hallpass_core::policy::Policy;
use hallpass_types::Issuer;

use crate::config::{AuthorizationDetails, Config, Sms};

/// The policy of an issuer, but for its initial access tokens.
pub(super) fn apply(
    config: &Config,
    ui_locales: Vec<String>,
    administers: bool,
    policy: &mut Policy,
) {
    crate::config::policy::apply(
        &config.lifetimes,
        &config.protocol,
        &config.registration,
        policy,
    );
    policy.backchannel.automatic_approval = config.danger.backchannel_automatic_approval;
    policy.requests.redirect_strangers = config.danger.redirect_strangers;
    policy.ui_locales = ui_locales;
    policy.routes = config.routes.policy();
    policy.compatibility = config.compatibility.policy();
    config.client_documents.apply(policy);
    config.keys.apply(policy);
    config.dpop.apply(policy);
    config
        .request_objects
        .apply(&config.pushed_requests, policy);
    policy.people = config.account.policy(&config.sign_up);
    Sms::apply(config.sms.as_ref(), &mut policy.people);
    config.sign_in.apply(&config.account, policy);
    policy.sign_in.known_browser = config.rate_limits.known_browser();
    config.access.apply(policy);
    if administers {
        config.admin.apply(policy);
    }
    policy.upstreams.clone_from(&config.upstreams);
    policy.logout = config.logout.policy();
    policy.webfinger = config.webfinger.policy();
    config.mtls.apply(policy);
    policy.attesters.clone_from(&config.attesters);
    config.client_attestation.apply(policy);
    AuthorizationDetails::apply(&config.authorization_details, policy);
}

/// A policy that clients of an issuer can be judged by before there is one. What belongs to
/// the program it has like that of another one.
pub(crate) fn provisional(config: &Config, issuer: &Issuer, like: &Policy) -> Policy {
    let mut policy = Policy::new(issuer.clone(), Arc::new([0; 32]));
    apply(config, like.ui_locales.clone(), false, &mut policy);
    if let Some(profile) = policy.fapi_profile {
        profile.narrow(&mut policy);
    }
    policy
}
