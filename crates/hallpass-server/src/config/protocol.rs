//! `[protocol]`: what the issuer offers.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::authorize::ResponseType;
use hallpass_core::fapi::Profile;
use hallpass_core::issue::access_token::is_reserved;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backchannel::Backchannel;
use super::checker::Checker;
use super::device::Device;
use super::encryption::Encryption;
use super::experimental::Experimental;
use super::jwt_bearer::JwtBearer;
use super::parts::Parts;
use super::token_exchange::TokenExchange;
use super::value::Seconds;

/// What the issuer offers to its clients.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Who must use PKCE.
    pub pkce: Pkce,
    /// A security profile that all clients are held to: `fapi1-advanced`, `fapi2-security`, `fapi2-message-signing` or
    /// `fapi-ciba`. A client can have one of its own instead (`fapi_profile`).
    pub fapi_profile: Option<String>,
    /// What the authorization endpoint can answer with: `code`, and for clients that register them `id_token`,
    /// `id_token token`, `code id_token`, `code token`, `code id_token token` and `none`.
    pub response_types: Vec<String>,
    /// Whether the answers of the authorization endpoint can be signed (JARM): the response modes `jwt`, `query.jwt`,
    /// `fragment.jwt` and `form_post.jwt`.
    pub signed_responses: bool,
    /// Whether answers can go to another window by script, in the response mode `web_message`, and in `web_message.jwt`
    /// where they can be signed. Experimental.
    pub web_message: bool,
    /// Scopes beside those of OpenID Connect, each with the sentence that the consent page shows, or with more about it.
    pub scopes: BTreeMap<String, ScopeText>,
    /// When people are asked for their consent: "remember" (once for each client and each thing that it asks for) or "always".
    /// A client of `skip_consent` is not concerned.
    pub consent: Asking,
    /// Claims that a scope releases, beside those of OpenID Connect.
    pub claims: BTreeMap<String, Vec<String>>,
    /// Claims that are told under another name, for clients that know them by it: the name that clients read, and the
    /// claim of the account that it is taken from. An account's own claim of that name comes first.
    pub claim_sources: BTreeMap<String, String>,
    /// Whether a request may name claims one by one (the parameter `claims`, OpenID Connect Core §5.5).
    pub claims_parameter: bool,
    /// Whether claims of an account that somebody else asserts (its `_claim_names` and `_claim_sources`) are released.
    pub external_claims: bool,
    /// The APIs that tokens can be made for.
    pub resources: Vec<Resource>,
    /// Claims that stand in each access token of a client, by its identifier.
    pub client_token_claims: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Authentication context classes, the weakest first.
    pub acr_values: Vec<String>,
    /// The class of authentication, one of `acr_values`, that UserInfo demands: with less it asks for a step-up (RFC 9470).
    pub userinfo_acr: Option<String>,
    /// How long ago a person may have signed in for UserInfo to answer (RFC 9470).
    pub userinfo_max_age: Option<Seconds>,
    /// Signature algorithms; the first signs our own tokens and those of clients that name none. A key is made for
    /// each.
    pub signing_algs: Vec<SigningAlg>,
    /// Encryption of what clients get and of what they send.
    pub encryption: Encryption,
    /// The device grant.
    pub device: Device,
    /// Who may exchange which tokens.
    pub token_exchange: Vec<TokenExchange>,
    /// Issuers whose assertions are taken as grants.
    pub jwt_bearer: Vec<JwtBearer>,
    /// Client-initiated backchannel authentication.
    pub backchannel: Backchannel,
    /// What is there by itself, and can be left out.
    pub parts: Parts,
    /// Page with the documentation for developers, for discovery.
    pub service_documentation: Option<String>,
    /// Page with the policy, for discovery.
    pub op_policy_uri: Option<String>,
    /// Page with the terms of service, for discovery.
    pub op_tos_uri: Option<String>,
}

/// What the consent page shows of a scope.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ScopeText {
    /// One sentence.
    Sentence(String),
    /// More than that.
    Full(ScopeWords),
}

/// What there is to say of a scope.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeWords {
    /// A few words that name it.
    #[serde(default)]
    pub title: Option<String>,
    /// One sentence.
    pub description: String,
    /// Whether it cannot be left out.
    #[serde(default)]
    pub required: bool,
}

impl ScopeText {
    pub(super) fn words(&self) -> ScopeWords {
        match self {
            Self::Full(words) => words.clone(),
            Self::Sentence(description) => ScopeWords {
                title: None,
                description: description.clone(),
                required: false,
            },
        }
    }
}

/// When people are asked for their consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Asking {
    /// Once for each client and each thing that it asks for.
    Remember,
    /// Each time.
    Always,
}

/// An API that tokens can be made for: RFC 8707.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The URI that names it, without fragment.
    pub identifier: String,
    /// What people call it, for the consent page.
    #[serde(default)]
    pub name: Option<String>,
    /// The scopes that it understands.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The form of its tokens.
    #[serde(default = "jwt")]
    pub token_format: TokenFormat,
    /// The algorithm of its tokens, where they are JWTs; one of `protocol.signing_algs`.
    #[serde(default)]
    pub signing_alg: Option<SigningAlg>,
    /// How long its tokens live, if not `lifetimes.access_token`.
    #[serde(default)]
    pub lifetime: Option<Seconds>,
    /// Claims that stand in each of its tokens.
    #[serde(default)]
    pub claims: serde_json::Map<String, serde_json::Value>,
}

/// The form of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A signed JWT (RFC 9068) that the resource checks by itself.
    Jwt,
    /// Encrypted for ourselves; the resource introspects it.
    Sealed,
}

/// Who must use PKCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pkce {
    /// Public clients always, confidential ones unless they are registered dynamically.
    Default,
    /// Every client.
    Always,
}

/// A signature algorithm with a key of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[expect(missing_docs, reason = "the names are those of the JOSE registry")]
pub enum SigningAlg {
    ES256,
    ES384,
    ES512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    EdDSA,
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
    #[serde(rename = "ML-DSA-65")]
    MlDsa65,
    #[serde(rename = "ML-DSA-87")]
    MlDsa87,
}

impl SigningAlg {
    /// The name in JOSE headers and metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::EdDSA => "EdDSA",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Whether it is one that hardly anybody can verify yet.
    fn is_experimental(self) -> bool {
        matches!(self, Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)
    }
}

fn jwt() -> TokenFormat {
    TokenFormat::Jwt
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            pkce: Pkce::Default,
            fapi_profile: None,
            response_types: vec![ResponseType::Code.as_str().to_owned()],
            signed_responses: false,
            web_message: false,
            scopes: BTreeMap::new(),
            consent: Asking::Remember,
            claims: BTreeMap::new(),
            claim_sources: BTreeMap::new(),
            claims_parameter: true,
            external_claims: true,
            resources: Vec::new(),
            client_token_claims: BTreeMap::new(),
            acr_values: Vec::new(),
            userinfo_acr: None,
            userinfo_max_age: None,
            signing_algs: vec![SigningAlg::ES256, SigningAlg::RS256],
            encryption: Encryption::default(),
            token_exchange: Vec::new(),
            jwt_bearer: Vec::new(),
            device: Device::default(),
            backchannel: Backchannel::default(),
            parts: Parts::default(),
            service_documentation: None,
            op_policy_uri: None,
            op_tos_uri: None,
        }
    }
}

impl Protocol {
    /// The response types, without what is none.
    pub(super) fn response_types(&self) -> Vec<ResponseType> {
        self.response_types
            .iter()
            .filter_map(|text| ResponseType::parse(text))
            .collect()
    }

    fn check_responses(&self, experimental: &Experimental, check: &mut Checker<'_>) {
        const SETTING: &str = "protocol.response_types";
        for (index, text) in self.response_types.iter().enumerate() {
            if ResponseType::parse(text).is_none() {
                let all: Vec<_> = ResponseType::ALL.iter().map(|r| r.as_str()).collect();
                let message = format!("there is no {text:?}, only {}", all.join(", "));
                check.problem(&format!("{SETTING}[{index}]"), message);
            }
        }
        let types = self.response_types();
        let twice = |(index, wanted): (usize, &ResponseType)| {
            types
                .iter()
                .skip(index.saturating_add(1))
                .any(|t| t == wanted)
        };
        if types.iter().enumerate().any(twice) {
            check.problem(SETTING, "holds a value twice");
        }
        if !types.contains(&ResponseType::Code) {
            check.problem(SETTING, "lacks \"code\", which every client may use");
        }
        if self.web_message {
            experimental.demand("web_message", "protocol.web_message", check);
        }
    }

    /// The profile of that name.
    pub(super) fn profile(&self) -> Option<Profile> {
        self.fapi_profile.as_deref().and_then(Profile::parse)
    }

    pub(super) fn check(&self, experimental: &Experimental, check: &mut Checker<'_>) {
        if self.fapi_profile.is_some() && self.profile().is_none() {
            let names: Vec<&str> = Profile::ALL.iter().map(|p| p.as_str()).collect();
            let message = format!("is none of {}", names.join(", "));
            check.problem("protocol.fapi_profile", message);
        }
        if let Some(profile) = self.profile() {
            let names: Vec<&str> = profile.algs().iter().map(|alg| alg.name()).collect();
            if !self
                .signing_algs
                .iter()
                .any(|alg| names.contains(&alg.name()))
            {
                let message = format!("has none of {}, as the profile demands", names.join(", "));
                check.problem("protocol.signing_algs", message);
            }
        }
        self.check_responses(experimental, check);
        distinct(check, "protocol.signing_algs", &self.signing_algs);
        if self.signing_algs.iter().any(|alg| alg.is_experimental()) {
            experimental.demand("ml_dsa", "protocol.signing_algs", check);
        }
        self.check_tokens(check);
        for scope in self.scopes.keys() {
            let setting = format!("protocol.scopes.{scope}");
            if !is_scope_token(scope) {
                check.problem(
                    &setting,
                    "is no scope: printable ASCII without space, quote and backslash",
                );
            }
            if STANDARD_SCOPES.contains(&scope.as_str()) {
                check.problem(
                    &setting,
                    "is a scope of OpenID Connect and has its description already",
                );
            }
        }
        for scope in self.claims.keys() {
            if !self.knows(scope) {
                let setting = format!("protocol.claims.{scope}");
                check.problem(
                    &setting,
                    "there is no such scope; describe it in protocol.scopes",
                );
            }
        }
        for (index, acr) in self.acr_values.iter().enumerate() {
            if acr.is_empty() || acr.contains(char::is_whitespace) {
                check.problem(
                    &format!("protocol.acr_values[{index}]"),
                    "is empty or holds a space",
                );
            }
        }
        self.check_resources(check);
        self.encryption.check(check);
        self.device.check(check);
        self.backchannel.check(check);
        self.parts.check(check);
        let pages = [
            (
                "protocol.service_documentation",
                &self.service_documentation,
            ),
            ("protocol.op_policy_uri", &self.op_policy_uri),
            ("protocol.op_tos_uri", &self.op_tos_uri),
        ];
        for (setting, page) in pages {
            if let Some(page) = page
                && !url::Url::parse(page).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            {
                check.problem(setting, "is no https URL");
            }
        }
    }

    fn check_tokens(&self, check: &mut Checker<'_>) {
        let of_resources = self
            .resources
            .iter()
            .enumerate()
            .map(|(index, each)| (format!("protocol.resources[{index}].claims"), &each.claims));
        let of_clients = self
            .client_token_claims
            .iter()
            .map(|(id, claims)| (format!("protocol.client_token_claims.{id}"), claims));
        for (setting, claims) in of_resources.chain(of_clients) {
            for name in claims.keys().filter(|name| is_reserved(name)) {
                let message = format!("{name:?} has a meaning of its own in a token");
                check.problem(&setting, message);
            }
        }
        for (name, source) in &self.claim_sources {
            let setting = format!("protocol.claim_sources.{name}");
            for name in [name, source].into_iter().filter(|n| is_reserved(n)) {
                check.problem(
                    &setting,
                    format!("{name:?} has a meaning of its own in a token"),
                );
            }
        }
        if let Some(acr) = &self.userinfo_acr
            && !self.acr_values.contains(acr)
        {
            check.problem("protocol.userinfo_acr", "is not among protocol.acr_values");
        }
        if let Some(age) = self.userinfo_max_age {
            check.between("protocol.userinfo_max_age", age, 1, 31_536_000);
        }
    }

    fn check_resources(&self, check: &mut Checker<'_>) {
        let mut seen = BTreeSet::new();
        for (index, resource) in self.resources.iter().enumerate() {
            let prefix = format!("protocol.resources[{index}]");
            let identifier = &resource.identifier;
            //= RFC8707#2 MUST: a resource is named by an absolute URI without fragment
            if url::Url::parse(identifier).is_err() || identifier.contains('#') {
                let setting = format!("{prefix}.identifier");
                check.problem(&setting, "must be an absolute URI without fragment");
            }
            if !seen.insert(identifier) {
                check.problem(&format!("{prefix}.identifier"), "is there twice");
            }
            for scope in resource.scopes.iter().filter(|scope| !self.knows(scope)) {
                let message =
                    format!("there is no scope {scope:?}; describe it in protocol.scopes");
                check.problem(&format!("{prefix}.scopes"), message);
            }
            if let Some(alg) = resource.signing_alg
                && !self.signing_algs.contains(&alg)
            {
                let message = format!("{} is not among protocol.signing_algs", alg.name());
                check.problem(&format!("{prefix}.signing_alg"), message);
            }
            if resource.signing_alg.is_some() && resource.token_format == TokenFormat::Sealed {
                check.problem(
                    &format!("{prefix}.signing_alg"),
                    "a sealed token is not signed",
                );
            }
            if let Some(lifetime) = resource.lifetime {
                check.between(&format!("{prefix}.lifetime"), lifetime, 1, 86_400);
            }
        }
    }

    fn knows(&self, scope: &str) -> bool {
        self.scopes.contains_key(scope) || STANDARD_SCOPES.contains(&scope)
    }
}

fn distinct<T: Ord>(check: &mut Checker<'_>, setting: &str, list: &[T]) {
    if list.is_empty() {
        check.problem(setting, "is empty");
    }
    if list.iter().collect::<BTreeSet<_>>().len() < list.len() {
        check.problem(setting, "holds a value twice");
    }
}

//= RFC6749#3.3 MUST: a scope token is printable ASCII without space, quote and backslash
fn is_scope_token(scope: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !scope.is_empty() && scope.bytes().all(fits)
}

const STANDARD_SCOPES: [&str; 6] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];
