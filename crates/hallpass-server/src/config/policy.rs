//! The policy that the configuration describes.

use std::sync::Arc;

use hallpass_core::policy::{self, Documents, Policy, ScopeSpec};
use hallpass_core::token::{Grant as _, ciba::Ciba, device_code::DeviceCode, exchange, jwt_bearer};
use hallpass_jose::JwsAlgorithm;
use hallpass_types::Issuer;

use super::jwt_bearer::JwtBearer;
use super::lifetimes::Lifetimes;
use super::protocol::{Asking, Pkce, Protocol, Resource, SigningAlg, TokenFormat};
use super::registration::Registration;
use super::token_exchange::TokenExchange;
use super::value::Seconds;

/// Changes a policy from its defaults to what is configured. Digests of initial access tokens are not in it: they need
/// the provider's secrets.
pub(crate) fn apply(
    lifetimes: &Lifetimes,
    protocol: &Protocol,
    registration: &Registration,
    policy: &mut Policy,
) {
    policy.lifetimes = policy::Lifetimes {
        code: seconds(lifetimes.code),
        access_token: seconds(lifetimes.access_token),
        id_token: seconds(lifetimes.id_token),
        refresh_idle: seconds(lifetimes.refresh_idle),
        refresh_absolute: seconds(lifetimes.refresh_absolute),
        refresh_retry: seconds(lifetimes.refresh_retry_seconds),
        pushed_request: seconds(lifetimes.pushed_request),
        session: seconds(lifetimes.session),
        session_idle: seconds(lifetimes.session_idle),
        interaction: seconds(lifetimes.interaction),
    };
    for (name, text) in &protocol.scopes {
        let words = text.words();
        policy.scopes.push(ScopeSpec {
            name: name.clone(),
            title: words.title,
            description: Some(words.description),
            required: words.required,
            claims: Vec::new(),
        });
    }
    policy.consent = match protocol.consent {
        Asking::Remember => policy::Asking::Remember,
        Asking::Always => policy::Asking::Always,
    };
    for (name, claims) in &protocol.claims {
        if let Some(scope) = policy.scopes.iter_mut().find(|scope| scope.name == *name) {
            scope.claims.extend(claims.iter().cloned());
        }
    }
    policy.response_types = protocol.response_types();
    policy.jarm = protocol.signed_responses;
    policy.web_message = protocol.web_message;
    policy.signing_algs = protocol
        .signing_algs
        .iter()
        .filter_map(|alg| jws(*alg))
        .collect();
    policy.encryption = protocol.encryption.policy();
    let rules = protocol.token_exchange.iter().map(TokenExchange::rule);
    policy.token_exchange = rules.collect();
    policy.jwt_bearer = protocol.jwt_bearer.iter().map(JwtBearer::entry).collect();
    let default_alg = policy
        .signing_algs
        .first()
        .copied()
        .unwrap_or(JwsAlgorithm::ES256);
    policy.resources = protocol
        .resources
        .iter()
        .map(|each| resource(each, default_alg))
        .collect();
    policy.token_claims = policy::TokenClaims {
        resources: protocol
            .resources
            .iter()
            .filter(|each| !each.claims.is_empty())
            .map(|each| (each.identifier.clone(), each.claims.clone()))
            .collect(),
        clients: protocol.client_token_claims.clone(),
    };
    policy.userinfo_step_up = policy::StepUp {
        acr: protocol.userinfo_acr.clone(),
        max_age: protocol.userinfo_max_age.map(seconds),
    };
    policy.fapi_profile = protocol.profile();
    policy.claims_parameter = protocol.claims_parameter;
    policy.external_claims = protocol.external_claims;
    policy.claim_sources.clone_from(&protocol.claim_sources);
    policy.acr_values.clone_from(&protocol.acr_values);
    policy.device = protocol.device.policy();
    protocol.parts.apply(policy);
    policy.backchannel = protocol.backchannel.policy();
    // The provider lists the grants that it has; clients of the configuration are checked before there is one.
    for grant in [
        DeviceCode::TYPE,
        Ciba::TYPE,
        exchange::TokenExchange::TYPE,
        jwt_bearer::JwtBearer::TYPE,
    ] {
        if policy.offers_grant(grant) {
            policy.grant_types.push(grant.to_owned());
        }
    }
    policy.registration.enabled = registration.enabled;
    policy.registration.open = registration.open;
    policy.registration.max_clients = registration.max_clients;
    policy.registration.max_per_software = registration.max_clients_per_software;
    policy.registration.unused_days = registration.unused_days;
    policy.registration.fold_identical = registration.fold_identical;
    policy
        .registration
        .rules_for_all
        .clone_from(&registration.policies);
    let rules = registration.policy.iter();
    policy.registration.rules = rules
        .map(|(name, rules)| (name.clone(), rules.rules()))
        .collect();
    policy.registration.require_statement = registration.require_software_statement;
    let issuers = registration.statement_issuers.iter();
    policy.registration.statement_issuers = issuers.map(|issuer| issuer.0.clone()).collect();
    policy.pkce_for_registered_clients = match protocol.pkce {
        Pkce::Default => false,
        Pkce::Always => true,
    };
    policy.documents = Documents {
        service_documentation: protocol.service_documentation.clone(),
        op_policy_uri: protocol.op_policy_uri.clone(),
        op_tos_uri: protocol.op_tos_uri.clone(),
    };
}

/// A policy to check clients against before there is a provider.
pub(super) fn provisional(
    issuer: &str,
    lifetimes: &Lifetimes,
    protocol: &Protocol,
    registration: &Registration,
) -> Option<Policy> {
    let issuer = Issuer::parse(issuer)
        .or_else(|_| Issuer::parse("https://localhost"))
        .ok()?;
    let mut policy = Policy::new(issuer, Arc::new([0; 32]));
    apply(lifetimes, protocol, registration, &mut policy);
    Some(policy)
}

fn resource(resource: &Resource, default_alg: JwsAlgorithm) -> policy::Resource {
    let alg = resource.signing_alg.and_then(jws).unwrap_or(default_alg);
    policy::Resource {
        identifier: resource.identifier.clone(),
        name: resource.name.clone(),
        scopes: resource.scopes.clone(),
        format: match resource.token_format {
            TokenFormat::Jwt => policy::TokenFormat::Jwt(alg),
            TokenFormat::Sealed => policy::TokenFormat::Sealed,
        },
        access_token_lifetime: resource.lifetime.map(seconds),
    }
}

fn jws(alg: SigningAlg) -> Option<JwsAlgorithm> {
    JwsAlgorithm::parse(alg.name())
}

fn seconds(seconds: Seconds) -> i64 {
    i64::try_from(seconds.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_that_can_be_configured_exists() {
        use SigningAlg as A;
        let all = [
            A::ES256,
            A::ES384,
            A::ES512,
            A::RS256,
            A::RS384,
            A::RS512,
            A::PS256,
            A::PS384,
            A::PS512,
            A::EdDSA,
            A::MlDsa44,
            A::MlDsa65,
            A::MlDsa87,
        ];
        for alg in all {
            assert_eq!(jws(alg).map(JwsAlgorithm::name), Some(alg.name()));
        }
    }

    /// The same default in two places is asked for by this test to be the same.
    #[test]
    fn the_configured_defaults_are_those_of_the_library() {
        let issuer = Issuer::parse("https://localhost").unwrap();
        let mut policy = Policy::new(issuer, Arc::new([0; 32]));
        let library = format!("{policy:?}");
        let source = super::super::Source::parse(None, String::new(), std::iter::empty()).unwrap();
        let config = super::super::Config::parse(source).unwrap();
        let text = "max_clients: 0";
        apply(
            &config.lifetimes,
            &config.protocol,
            &config.registration,
            &mut policy,
        );
        config
            .request_objects
            .apply(&config.pushed_requests, &mut policy);
        policy.registration.max_clients = 0;
        policy.registration.max_per_software = 0;
        policy.registration.unused_days = 0;
        assert!(library.contains(text));
        assert_eq!(format!("{policy:?}"), library);
    }
}
