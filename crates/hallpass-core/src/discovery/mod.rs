//! The metadata document,
//! [OpenID Connect Discovery §3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata) and
//! [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2): one content for both.
//!
//! Nothing is listed here that a registry or the policy knows; members whose list would be empty are left out.

#[cfg(test)]
mod tests;

use hallpass_jose::JweAlgorithm;
use serde_json::{Map, Value};

use crate::{
    admin,
    authorize::{Display, Prompts, respond},
    binding::dpop,
    client::metadata::SUBJECT_TYPES,
    client_auth::{self, Kind, METHODS, Method, attestation},
    fapi::Profile,
    issue::{external, id_token},
    pkce,
    policy::{EXPERIMENTS, EncryptionPolicy, Policy},
};

/// Absolute URLs of the endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// `authorization_endpoint`.
    pub authorization: String,
    /// `token_endpoint`.
    pub token: String,
    /// `userinfo_endpoint`.
    pub userinfo: String,
    /// `jwks_uri`.
    pub jwks: String,
    /// `pushed_authorization_request_endpoint`.
    pub pushed_authorization: String,
    /// `registration_endpoint`.
    pub registration: String,
    /// `introspection_endpoint`.
    pub introspection: String,
    /// `revocation_endpoint`.
    pub revocation: String,
    /// `end_session_endpoint`.
    pub end_session: String,
    /// `device_authorization_endpoint`.
    pub device_authorization: String,
    /// `backchannel_authentication_endpoint`.
    pub backchannel_authentication: String,
    /// `check_session_iframe`.
    pub check_session: String,
    /// `challenge_endpoint`.
    pub challenge: String,
}

/// The metadata document.
#[must_use]
pub fn metadata(policy: &Policy, endpoints: &Endpoints) -> Map<String, Value> {
    let mut document = Document(Map::new());
    //= OIDC-DISCOVERY#3 MUST: issuer is the issuer identifier, exactly
    //= RFC8414#2 MUST: issuer is the issuer identifier, exactly
    document.text("issuer", policy.issuer.as_str());
    document.text("authorization_endpoint", &endpoints.authorization);
    document.text("token_endpoint", &endpoints.token);
    document.text("userinfo_endpoint", &endpoints.userinfo);
    document.text("jwks_uri", &endpoints.jwks);
    if policy.registration.enabled {
        document.text("registration_endpoint", &endpoints.registration);
    }
    let parts = &policy.parts;
    if parts.introspection {
        document.text("introspection_endpoint", &endpoints.introspection);
    }
    if parts.revocation {
        document.text("revocation_endpoint", &endpoints.revocation);
    }
    document.text("end_session_endpoint", &endpoints.end_session);
    //= RFC8628#4 MAY: the metadata names the device authorization endpoint
    if policy.device.enabled {
        document.text(
            "device_authorization_endpoint",
            &endpoints.device_authorization,
        );
    }
    document.backchannel(policy, &endpoints.backchannel_authentication);
    if policy.logout.session_management {
        document.text("check_session_iframe", &endpoints.check_session);
    }
    for (offered, supported, by_session) in [
        (
            policy.logout.back_channel,
            "backchannel_logout_supported",
            "backchannel_logout_session_supported",
        ),
        (
            policy.logout.front_channel,
            "frontchannel_logout_supported",
            "frontchannel_logout_session_supported",
        ),
    ] {
        if offered {
            document.flag(supported, true);
            document.flag(by_session, true);
        }
    }

    document.list(
        "scopes_supported",
        policy
            .scopes
            .iter()
            .map(|scope| scope.name.as_str())
            .filter(|scope| !admin::is_scope(scope)),
    );
    document.list(
        "response_types_supported",
        policy.response_types.iter().map(|r| r.as_str()),
    );
    document.list("response_modes_supported", respond::offered(policy));
    document.list("grant_types_supported", policy.registrable_grant_types());
    document.list(
        "acr_values_supported",
        policy.acr_values.iter().map(String::as_str),
    );
    let types = SUBJECT_TYPES.iter().copied();
    let types = types.filter(|kind| parts.has_subjects(kind));
    document.list("subject_types_supported", types);
    for name in [
        "id_token_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
    ] {
        document.list(name, policy.signing_algs.iter().map(|alg| alg.name()));
    }
    document.encryption("id_token", policy);
    document.encryption("userinfo", policy);
    if parts.introspection {
        document.list(
            "introspection_signing_alg_values_supported",
            policy.signing_algs.iter().map(|alg| alg.name()),
        );
        document.encryption("introspection", policy);
    }

    if policy.jarm {
        document.list(
            "authorization_signing_alg_values_supported",
            policy.signing_algs.iter().map(|alg| alg.name()),
        );
        document.encryption("authorization", policy);
    }

    let offered = |method: &&dyn Method| client_auth::is_offered(*method, policy);
    let methods = || METHODS.iter().copied().filter(offered);
    document.auth_methods(policy, "token", methods());
    if parts.revocation {
        document.auth_methods(policy, "revocation", methods());
    }
    //= RFC7662#2.1 MUST: introspection is for callers that authenticate
    let proving = |method: &&dyn Method| method.kind() != Kind::Public;
    let anybody = policy.compatibility.loginid;
    let proving = move |method: &&dyn Method| anybody || proving(method);
    if parts.introspection {
        document.auth_methods(policy, "introspection", methods().filter(proving));
    }
    document.list("hallpass_compatibility", policy.compatibility.names());
    let experiments: Vec<String> = EXPERIMENTS
        .iter()
        .filter(|experiment| experiment.is_on(policy))
        .map(|experiment| format!("{} {}", experiment.name, experiment.version))
        .collect();
    let experiments = experiments.iter().map(String::as_str);
    document.list("hallpass_experimental", experiments);

    if policy.dpop.enabled {
        //= RFC9449#5.1 MUST: the algorithms of proofs are told where DPoP is supported
        let algs = policy.fapi_profile.map_or(dpop::ALGS, Profile::algs);
        let algs = algs.iter().map(|alg| alg.name());
        document.list("dpop_signing_alg_values_supported", algs);
    }
    if attestation::is_looked_at(policy) {
        //= ATTESTATION#8 MUST: the algorithms of attestations and proofs are told
        for name in [
            "client_attestation_signing_alg_values_supported",
            "client_attestation_pop_signing_alg_values_supported",
        ] {
            document.list(name, attestation::ALGS.iter().map(|alg| alg.name()));
        }
        //= ATTESTATION#6.1 MUST: where challenges are handed out is told
        if attestation::hands_out_challenges(policy) {
            document.text("challenge_endpoint", &endpoints.challenge);
        }
    }
    if let Some(methods) = attestation::pop_methods(policy) {
        let name = "client_attestation_pop_methods_supported";
        document.list(name, methods.iter().copied());
    }
    if policy.mtls.enabled {
        //= RFC8705#3.3 MAY: that tokens can be bound to certificates is told
        document.flag("tls_client_certificate_bound_access_tokens", true);
    }

    document.list("prompt_values_supported", Prompts::offered(policy));
    document.list(
        "display_values_supported",
        Display::ALL.iter().map(|d| d.as_str()),
    );
    let types = external::CLAIM_TYPES.iter().copied();
    document.list(
        "claim_types_supported",
        types.filter(|kind| policy.external_claims || *kind == "normal"),
    );
    let released = policy
        .scopes
        .iter()
        .flat_map(|scope| scope.claims.iter().map(String::as_str));
    let reachable = |claim: &&str| match *claim {
        "acr" => !policy.acr_values.is_empty(),
        // Only those who ask for it are told, or who want to hear of the session's end.
        "sid" => {
            policy.claims_parameter || policy.logout.back_channel || policy.logout.front_channel
        }
        _ => true,
    };
    let own = id_token::CLAIMS.iter().copied().filter(reachable);
    document.list("claims_supported", released.chain(own));
    //= OIDC-DISCOVERY#3 MUST: the default of request_uri_parameter_supported is true, so false is said
    document.flag("claims_parameter_supported", policy.claims_parameter);
    if policy.client_documents.enabled {
        //= CIMD#6 MUST: support for metadata documents is advertised
        document.flag("client_id_metadata_document_supported", true);
    }
    let requests = &policy.requests;
    document.flag("request_parameter_supported", requests.by_value);
    document.flag("request_uri_parameter_supported", requests.by_reference);
    if requests.by_reference {
        document.flag("require_request_uri_registration", true);
    }
    if requests.by_value || requests.by_reference {
        document.list(
            "request_object_signing_alg_values_supported",
            requests.signing_algs.iter().map(|alg| alg.name()),
        );
        if !policy.encryption.encs.is_empty() {
            document.list(
                "request_object_encryption_alg_values_supported",
                policy.encryption.incoming().map(JweAlgorithm::name),
            );
            if policy.encryption.incoming().next().is_some() {
                document.list(
                    "request_object_encryption_enc_values_supported",
                    policy.encryption.encs.iter().map(|enc| enc.name()),
                );
            }
        }
        //= RFC9101#10.5 MUST: require_signed_request_object says whether every request must be signed
        document.flag("require_signed_request_object", requests.require_signed);
    }
    //= RFC9396#10 MUST: the supported types are in authorization_details_types_supported
    document.list(
        "authorization_details_types_supported",
        policy.detail_types.iter().map(|kind| kind.name.as_str()),
    );
    if requests.pushed {
        document.text(
            "pushed_authorization_request_endpoint",
            &endpoints.pushed_authorization,
        );
        //= RFC9126#5 MUST: require_pushed_authorization_requests says whether every request must be pushed
        document.flag(
            "require_pushed_authorization_requests",
            requests.require_pushed,
        );
    }
    //= RFC8414#2 MUST: without code_challenge_methods_supported clients take it that there is no PKCE
    document.list(
        "code_challenge_methods_supported",
        pkce::METHODS.iter().copied(),
    );
    //= RFC9207#3 MUST: true when every authorization response carries iss
    document.flag("authorization_response_iss_parameter_supported", true);
    document.list(
        "ui_locales_supported",
        policy.ui_locales.iter().map(String::as_str),
    );
    for (name, link) in [
        (
            "service_documentation",
            &policy.documents.service_documentation,
        ),
        ("op_policy_uri", &policy.documents.op_policy_uri),
        ("op_tos_uri", &policy.documents.op_tos_uri),
    ] {
        if let Some(link) = link {
            document.text(name, link);
        }
    }
    if let Some(base) = policy.mtls.base.as_deref().filter(|_| policy.mtls.enabled) {
        document.aliases(policy.issuer.as_str(), base);
    }
    document.0
}

/// Endpoints that clients call themselves, and may call with a certificate.
const CALLED: &[&str] = &[
    "token_endpoint",
    "userinfo_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "backchannel_authentication_endpoint",
    "registration_endpoint",
];

struct Document(Map<String, Value>);

impl Document {
    fn text(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.into());
    }

    //= CIBA#4 MUST: endpoint, delivery modes, and whether user codes are known
    fn backchannel(&mut self, policy: &Policy, endpoint: &str) {
        let ciba = &policy.backchannel;
        if !ciba.enabled {
            return;
        }
        self.text("backchannel_authentication_endpoint", endpoint);
        self.list(
            "backchannel_token_delivery_modes_supported",
            ciba.delivery_modes.iter().map(|mode| mode.as_str()),
        );
        //= CIBA#4 MUST: signed requests use an asymmetric algorithm
        let algs = policy.requests.signing_algs.iter();
        self.list(
            "backchannel_authentication_request_signing_alg_values_supported",
            algs.filter(|alg| !alg.is_symmetric()).map(|alg| alg.name()),
        );
        self.flag("backchannel_user_code_parameter_supported", ciba.user_code);
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The endpoints under the URL at which certificates are asked for.
    //= RFC8705#5 MUST: clients that use mutual TLS prefer the endpoints of mtls_endpoint_aliases
    fn aliases(&mut self, issuer: &str, base: &str) {
        let mut aliases = Map::new();
        for name in CALLED {
            let path = self.0.get(*name).and_then(Value::as_str);
            if let Some(path) = path.and_then(|url| url.strip_prefix(issuer)) {
                aliases.insert((*name).to_owned(), format!("{base}{path}").into());
            }
        }
        self.0
            .insert("mtls_endpoint_aliases".to_owned(), Value::Object(aliases));
    }

    /// Each value once, in the order of its first appearance.
    //= RFC8414#3.2 MUST: claims with no elements are left out
    fn list<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        let mut list: Vec<Value> = Vec::new();
        for value in values {
            if !list.iter().any(|known| known == value) {
                list.push(value.into());
            }
        }
        if !list.is_empty() {
            self.0.insert(name.to_owned(), Value::Array(list));
        }
    }

    /// How a kind of answer can be encrypted for a client.
    fn encryption(&mut self, kind: &str, policy: &Policy) {
        let EncryptionPolicy { algs, encs, own: _ } = &policy.encryption;
        if !algs.is_empty() && !encs.is_empty() {
            self.list(
                &format!("{kind}_encryption_alg_values_supported"),
                algs.iter().map(|alg| alg.name()),
            );
            self.list(
                &format!("{kind}_encryption_enc_values_supported"),
                encs.iter().map(|enc| enc.name()),
            );
        }
    }

    fn auth_methods(
        &mut self,
        policy: &Policy,
        endpoint: &str,
        methods: impl Iterator<Item = &'static dyn Method> + Clone,
    ) {
        self.list(
            &format!("{endpoint}_endpoint_auth_methods_supported"),
            methods.clone().map(Method::name),
        );
        //= RFC8414#2 MUST: methods that use signed assertions come with the algorithms that they take
        self.list(
            &format!("{endpoint}_endpoint_auth_signing_alg_values_supported"),
            methods
                .flat_map(Method::signing_algs)
                .filter(|alg| policy.fapi_profile.is_none_or(|p| p.algs().contains(alg)))
                .map(|alg| alg.name()),
        );
    }
}
