//! What an issuer allows: every optional rule as a documented field with a safe default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hallpass_jose::JwsAlgorithm;
use hallpass_types::Issuer;
use serde_json::{Map, Value};

use crate::{
    access::AccessClaims,
    authorization_details::DetailType,
    authorize::{ResponseType, rules::IMPLICIT},
    client::document::DocumentPolicy,
    fapi::Profile,
    sign_in::SignInPolicy,
    token::{
        Grant, authorization_code::AuthorizationCode, ciba::Ciba,
        client_credentials::ClientCredentials, device_code::DeviceCode, exchange::TokenExchange,
        jwt_bearer::JwtBearer, refresh_token::Refresh,
    },
    upstream::Upstream,
};

mod binding;
mod choices;
mod compatibility;
mod decoupled;
mod encryption;
mod experimental;
mod keys;
mod lifetimes;
mod own;
mod parts;
mod people;
mod registration;
mod requests;
mod routes;
mod tokens;
mod trust;

pub use binding::{AttestationPolicy, Attester, DpopNonce, DpopPolicy, MtlsPolicy, Roots, Signal};
pub use choices::Choices;
pub use compatibility::{Compatibility, is_host_of};
pub use decoupled::{BackchannelPolicy, DeliveryMode, DevicePolicy};
pub use encryption::EncryptionPolicy;
pub use experimental::{EXPERIMENTS, Experiment};
pub use keys::KeyPolicy;
pub use lifetimes::Lifetimes;
pub use own::{OwnMember, OwnParameter};
pub use parts::{Parts, WebFingerPolicy};
pub use people::{PeoplePolicy, SignUp, TextPolicy};
pub use registration::RegistrationPolicy;
pub use requests::RequestPolicy;
pub use routes::{Place, Routes, Unroutable};
pub use tokens::{StepUp, TokenClaims};
pub use trust::{ExchangeRule, TrustedIssuer};

/// The policy of one issuer. Prints without its key material.
#[derive(Clone)]
pub struct Policy {
    /// The issuer identifier. Every URL, audience and cookie follows it.
    pub issuer: Issuer,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// The scopes that exist, with the claims that each releases.
    pub scopes: Vec<ScopeSpec>,
    /// Protected resources that a client may name (RFC 8707).
    pub resources: Vec<Resource>,
    /// Algorithms for ID tokens and signed responses; each has a key. The first is the default of clients made
    /// by configuration, command line or dashboard.
    pub signing_algs: Vec<JwsAlgorithm>,
    /// Response types of the authorization endpoint, which clients may register.
    pub response_types: Vec<ResponseType>,
    /// Whether answers of the authorization endpoint may be signed (JARM): the response modes `jwt`, `query.jwt`,
    /// `fragment.jwt` and `form_post.jwt`.
    pub jarm: bool,
    /// Whether answers may go to another window by script: the response mode `web_message`. Experimental.
    pub web_message: bool,
    /// Encryption of what clients get and of what they send.
    pub encryption: EncryptionPolicy,
    /// Who may exchange which tokens for which (RFC 8693). Empty: the grant does not exist.
    pub token_exchange: Vec<ExchangeRule>,
    /// Issuers whose assertions say who a person is (RFC 7523 §2.1). Empty: the grant does not exist.
    pub jwt_bearer: Vec<TrustedIssuer>,
    /// Grant types of the token endpoint, which clients may register. An engine that has others says so here.
    pub grant_types: Vec<String>,
    /// Authentication context classes that sign-in can reach, weakest first.
    pub acr_values: Vec<String>,
    /// Weak habits of other products that are put up with.
    pub compatibility: Compatibility,
    /// Where the endpoints are.
    pub routes: Routes,
    /// How people sign in.
    pub sign_in: SignInPolicy,
    /// How clients learn that a session has ended.
    pub logout: LogoutPolicy,
    /// Dynamic registration.
    pub registration: RegistrationPolicy,
    /// Clients whose identifier is the URL of their metadata.
    pub client_documents: DocumentPolicy,
    /// Whether dynamically registered confidential clients need PKCE too.
    pub pkce_for_registered_clients: bool,
    /// Languages of the pages (BCP 47).
    pub ui_locales: Vec<String>,
    /// Signed, pushed and detailed authorization requests.
    pub requests: RequestPolicy,
    /// Types of authorization details (RFC 9396) that clients may ask for.
    pub detail_types: Vec<DetailType>,
    /// Whether the `claims` parameter is honoured.
    pub claims_parameter: bool,
    /// Whether claims that somebody else asserts are released (aggregated and distributed, OpenID Connect Core §5.6.2),
    /// where an account has any.
    pub external_claims: bool,
    /// Claims that are told under another name: the name that clients read, and the claim of the account that it is
    /// taken from. They are released like others, by the scopes that have their names.
    pub claim_sources: BTreeMap<String, String>,
    /// Finding the issuer of a person (OpenID Connect Discovery §2).
    pub webfinger: WebFingerPolicy,
    /// Key material for pairwise subject identifiers (OpenID Connect Core §8.1).
    pub pairwise_salt: Arc<[u8; 32]>,
    /// How keys are published.
    pub keys: KeyPolicy,
    /// DPoP (RFC 9449).
    pub dpop: DpopPolicy,
    /// The device grant (RFC 8628).
    pub device: DevicePolicy,
    /// Client-initiated backchannel authentication (CIBA).
    pub backchannel: BackchannelPolicy,
    /// What people may do by themselves.
    pub people: PeoplePolicy,
    /// Mutual TLS (RFC 8705).
    pub mtls: MtlsPolicy,
    /// Who may vouch for instances of clients (`attest_jwt_client_auth`). Experimental.
    pub attesters: Vec<Attester>,
    /// What is asked of their attestations. Experimental.
    pub attestation: AttestationPolicy,
    /// The security profile that every client is held to, but for those with one of their own. Set by
    /// [`Profile::narrow`], which takes out of the policy what it rules out.
    pub fapi_profile: Option<Profile>,
    /// `service_documentation`, `op_policy_uri` and `op_tos_uri` of the metadata.
    pub documents: Documents,
    /// Other providers at which people can sign in, in the order of their buttons.
    pub upstreams: Vec<Upstream>,
    /// Roles, groups and organizations.
    pub access: AccessPolicy,
    /// When people are asked for their consent. A client of `skip_consent` is not concerned.
    pub consent: Asking,
    /// Claims that stand in access tokens, always the same.
    pub token_claims: TokenClaims,
    /// Members of client metadata beside those that have rules here.
    pub client_members: Vec<OwnMember>,
    /// How the person of a token must have signed in for UserInfo to answer.
    pub userinfo_step_up: StepUp,
    /// What is there by itself and can be left out.
    pub parts: Parts,
    /// What an embedding program decides by functions of its own.
    pub choices: Choices,
}

/// Roles, groups and organizations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPolicy {
    /// Whether there are any.
    pub enabled: bool,
    /// The claims in which clients learn of them.
    pub claims: AccessClaims,
    /// Whether ID tokens carry them too, where a granted scope releases them.
    pub in_id_token: bool,
    /// Resources whose access tokens say what their person is and may do, by their identifiers.
    pub resources: Vec<String>,
}

impl AccessPolicy {
    /// Whether tokens for these resources say what their person is and may do.
    #[must_use]
    pub fn is_told(&self, audience: &[String]) -> bool {
        self.enabled && audience.iter().any(|name| self.resources.contains(name))
    }
}

/// When people are asked for their consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// Once for each client and each thing that it asks for.
    #[default]
    Remember,
    /// Each time.
    Always,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            issuer,
            lifetimes,
            scopes,
            resources,
            signing_algs,
            response_types,
            jarm,
            web_message,
            encryption,
            token_exchange,
            jwt_bearer,
            grant_types,
            acr_values,
            compatibility,
            routes,
            sign_in,
            logout,
            registration,
            client_documents,
            pkce_for_registered_clients,
            ui_locales,
            requests,
            detail_types,
            claims_parameter,
            external_claims,
            claim_sources,
            webfinger,
            pairwise_salt: _,
            keys,
            dpop,
            device,
            backchannel,
            people,
            mtls,
            attesters,
            attestation,
            fapi_profile,
            documents,
            upstreams,
            access,
            consent,
            token_claims,
            client_members,
            userinfo_step_up,
            parts,
            choices,
        } = self;
        f.debug_struct("Policy")
            .field("issuer", issuer)
            .field("lifetimes", lifetimes)
            .field("scopes", scopes)
            .field("resources", resources)
            .field("signing_algs", signing_algs)
            .field("response_types", response_types)
            .field("jarm", jarm)
            .field("web_message", web_message)
            .field("encryption", encryption)
            .field("token_exchange", token_exchange)
            .field("jwt_bearer", jwt_bearer)
            .field("grant_types", grant_types)
            .field("acr_values", acr_values)
            .field("compatibility", compatibility)
            .field("routes", routes)
            .field("sign_in", sign_in)
            .field("logout", logout)
            .field("registration", registration)
            .field("client_documents", client_documents)
            .field("pkce_for_registered_clients", pkce_for_registered_clients)
            .field("ui_locales", ui_locales)
            .field("requests", requests)
            .field("detail_types", detail_types)
            .field("claims_parameter", claims_parameter)
            .field("external_claims", external_claims)
            .field("claim_sources", claim_sources)
            .field("webfinger", webfinger)
            .field("pairwise_salt", &format_args!("[redacted]"))
            .field("keys", keys)
            .field("dpop", dpop)
            .field("device", device)
            .field("backchannel", backchannel)
            .field("people", people)
            .field("mtls", mtls)
            .field("attesters", attesters)
            .field("attestation", attestation)
            .field("fapi_profile", fapi_profile)
            .field("documents", documents)
            .field("upstreams", upstreams)
            .field("access", access)
            .field("consent", consent)
            .field("token_claims", token_claims)
            .field("client_members", client_members)
            .field("userinfo_step_up", userinfo_step_up)
            .field("parts", parts)
            .field("choices", choices)
            .finish()
    }
}

/// A scope and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSpec {
    /// The token in `scope`.
    pub name: String,
    /// Shown at consent. Built-in scopes are described by the pages instead.
    pub description: Option<String>,
    /// A few words that name it at consent, above the description.
    pub title: Option<String>,
    /// Whether it cannot be left out at consent: the client is of no use without it. `openid` never can.
    pub required: bool,
    /// Claims that it releases at UserInfo.
    pub claims: Vec<String>,
}

/// A protected resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The resource indicator: an absolute URI without fragment.
    pub identifier: String,
    /// What people call it.
    pub name: Option<String>,
    /// Scopes that mean something there. Empty: all of the issuer's.
    pub scopes: Vec<String>,
    /// How its access tokens look.
    pub format: TokenFormat,
    /// Lifetime of its access tokens in seconds, where it differs.
    pub access_token_lifetime: Option<i64>,
}

/// How an access token looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// Authenticated encryption under the provider's own key; read through introspection.
    Sealed,
    /// A signed JWT (RFC 9068).
    Jwt(JwsAlgorithm),
}

/// How clients learn that a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogoutPolicy {
    /// Whether logout tokens are posted to clients that registered for it (OpenID Connect Back-Channel Logout).
    pub back_channel: bool,
    /// Whether the signed-out page loads frames of clients that registered for it (OpenID Connect Front-Channel
    /// Logout).
    pub front_channel: bool,
    /// Whether clients can ask by frame whether the person is still signed in (OpenID Connect Session Management).
    /// Browsers that keep third-party cookies apart answer that the state has changed.
    pub session_management: bool,
}

impl Default for LogoutPolicy {
    fn default() -> Self {
        Self {
            back_channel: true,
            front_channel: true,
            session_management: false,
        }
    }
}

/// Links in the metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// `service_documentation`.
    pub service_documentation: Option<String>,
    /// `op_policy_uri`.
    pub op_policy_uri: Option<String>,
    /// `op_tos_uri`.
    pub op_tos_uri: Option<String>,
}

impl Policy {
    /// What an account has for a claim: its own, or the one that the claim is taken from ([`Self::claim_sources`]).
    #[must_use]
    pub fn claim_of<'a>(&self, account: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        let told = |name: &str| account.get(name).filter(|value| !value.is_null());
        told(name).or_else(|| told(self.claim_sources.get(name)?))
    }

    /// Whether a grant that is built in is offered: some are switched on one by one.
    #[must_use]
    pub fn offers_grant(&self, grant_type: &str) -> bool {
        match grant_type {
            DeviceCode::TYPE => self.device.enabled,
            Ciba::TYPE => self.backchannel.enabled,
            // Without rules it would do nothing.
            TokenExchange::TYPE => !self.token_exchange.is_empty(),
            JwtBearer::TYPE => !self.jwt_bearer.is_empty(),
            _ => true,
        }
    }

    /// The defaults for an issuer.
    #[must_use]
    pub fn new(issuer: Issuer, pairwise_salt: Arc<[u8; 32]>) -> Self {
        Self {
            issuer,
            lifetimes: Lifetimes::default(),
            scopes: standard_scopes(),
            resources: Vec::new(),
            signing_algs: vec![JwsAlgorithm::ES256, JwsAlgorithm::RS256],
            response_types: vec![ResponseType::Code],
            jarm: false,
            web_message: false,
            encryption: EncryptionPolicy::default(),
            token_exchange: Vec::new(),
            jwt_bearer: Vec::new(),
            grant_types: [
                AuthorizationCode::TYPE,
                Refresh::TYPE,
                ClientCredentials::TYPE,
            ]
            .map(str::to_owned)
            .to_vec(),
            acr_values: Vec::new(),
            compatibility: Compatibility::default(),
            routes: Routes::default(),
            sign_in: SignInPolicy::default(),
            logout: LogoutPolicy::default(),
            registration: RegistrationPolicy::default(),
            client_documents: DocumentPolicy::default(),
            pkce_for_registered_clients: false,
            ui_locales: vec!["en".to_owned()],
            requests: RequestPolicy::default(),
            detail_types: Vec::new(),
            claims_parameter: true,
            external_claims: true,
            claim_sources: BTreeMap::new(),
            webfinger: WebFingerPolicy::default(),
            pairwise_salt,
            keys: KeyPolicy::default(),
            dpop: DpopPolicy::default(),
            device: DevicePolicy::default(),
            backchannel: BackchannelPolicy::default(),
            people: PeoplePolicy::default(),
            mtls: MtlsPolicy::default(),
            attesters: Vec::new(),
            attestation: AttestationPolicy::default(),
            fapi_profile: None,
            documents: Documents::default(),
            upstreams: Vec::new(),
            access: AccessPolicy::default(),
            consent: Asking::default(),
            token_claims: TokenClaims::default(),
            client_members: Vec::new(),
            userinfo_step_up: StepUp::default(),
            parts: Parts::default(),
            choices: Choices::default(),
        }
    }

    /// Grant types that clients may register: those of the token endpoint, and `implicit` where a response type yields
    /// tokens by itself.
    pub fn registrable_grant_types(&self) -> impl Iterator<Item = &str> {
        let implicit = self
            .response_types
            .iter()
            .any(|r| r.is_front_channel())
            .then_some(IMPLICIT);
        self.grant_types.iter().map(String::as_str).chain(implicit)
    }

    /// The scope of that name.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&ScopeSpec> {
        self.scopes.iter().find(|s| s.name == name)
    }

    /// The type of authorization details with that name.
    #[must_use]
    pub fn detail_type(&self, name: &str) -> Option<&DetailType> {
        self.detail_types.iter().find(|kind| kind.name == name)
    }

    /// The resource that an indicator names (RFC 8707). Scheme and host may differ in case, and one trailing slash may be
    /// there or not; everything else is compared byte for byte.
    #[must_use]
    pub fn resource(&self, indicator: &str) -> Option<&Resource> {
        let wanted = canonical(indicator)?;
        self.resources
            .iter()
            .find(|resource| canonical(&resource.identifier).as_deref() == Some(&*wanted))
    }
}

/// The form in which indicators are compared: scheme and authority in lower case, without one trailing slash. None for what
/// is not an absolute URI without fragment.
//= RFC8707#2 MUST: the value is an absolute URI without a fragment
pub(crate) fn canonical(indicator: &str) -> Option<String> {
    let (scheme, rest) = indicator.split_once(':')?;
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !scheme_ok
        || rest.is_empty()
        || rest
            .bytes()
            .any(|b| !(0x21..0x7F).contains(&b) || matches!(b, b'\\' | b'#'))
    {
        return None;
    }
    let mut out = scheme.to_ascii_lowercase();
    out.push(':');
    match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(end)?;
            if authority.is_empty() {
                return None;
            }
            out.push_str("//");
            out.push_str(&authority.to_ascii_lowercase());
            out.push_str(path.strip_suffix('/').unwrap_or(path));
        }
        None => out.push_str(rest),
    }
    Some(out)
}

/// The scopes of OpenID Connect Core §5.4 and §11 with the claims of §5.4.
#[must_use]
pub fn standard_scopes() -> Vec<ScopeSpec> {
    let scope = |name: &str, claims: &[&str]| ScopeSpec {
        name: name.to_owned(),
        description: None,
        title: None,
        required: false,
        claims: claims.iter().map(|c| (*c).to_owned()).collect(),
    };
    vec![
        scope("openid", &["sub"]),
        scope(
            "profile",
            &[
                "name",
                "family_name",
                "given_name",
                "middle_name",
                "nickname",
                "preferred_username",
                "profile",
                "picture",
                "website",
                "gender",
                "birthdate",
                "zoneinfo",
                "locale",
                "updated_at",
            ],
        ),
        scope("email", &["email", "email_verified"]),
        scope("address", &["address"]),
        scope("phone", &["phone_number", "phone_number_verified"]),
        scope("offline_access", &[]),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Policy, canonical};

    #[test]
    fn a_policy_prints_without_its_key_material() {
        let issuer = hallpass_types::Issuer::parse("https://op.example").unwrap();
        let printed = format!("{:?}", Policy::new(issuer, Arc::new([217; 32])));
        assert!(printed.contains("pairwise_salt: [redacted]"), "{printed}");
        assert!(!printed.contains("217"), "{printed}");
    }

    #[test]
    fn only_case_of_scheme_and_host_and_one_trailing_slash_are_tolerated() {
        //= test RFC8707#2 the value is an absolute URI without a fragment
        let same = |a: &str, b: &str| canonical(a).is_some() && canonical(a) == canonical(b);
        assert!(same("https://api.example/v1", "HTTPS://API.example/v1/"));
        assert!(same("https://api.example", "https://api.example/"));
        assert!(same("urn:api:one", "URN:api:one"));
        assert!(!same("https://api.example/v1", "https://api.example/V1"));
        assert!(!same("https://api.example/v1", "https://api.example/v1//"));
        assert!(!same("https://api.example/v1", "https://api.example/v1?x"));
        for bad in [
            "",
            "api",
            "/api",
            "//api",
            "https://",
            "https:",
            "java script:x",
            "https://api.example/#",
            "https://api.example/\u{e9}",
            "https://a\\b",
            "1a:b",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }
}
