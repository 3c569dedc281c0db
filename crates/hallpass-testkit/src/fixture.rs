//! The clients and people that every test knows.

use std::sync::OnceLock;

use hallpass_core::policy::{Policy, Resource, ScopeSpec, TokenFormat};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use serde_json::{Value, json};

/// The issuer. It never follows from a request, so a plain loopback socket serves it.
pub const ISSUER: &str = "https://op.test";
/// A resource server that takes JWT access tokens.
pub const API1: &str = "https://api1.test";
/// A resource server that introspects.
pub const API2: &str = "https://api2.test";
/// A redirect URI of `web`.
pub const WEB_CB: &str = "https://rp.test/cb";
/// The redirect URI of `spa`.
pub const SPA_CB: &str = "https://spa.test/cb";
/// Stands in every parameter that could be reflected.
pub const MARKER: &str = "zq\"'<svg/onload=1>{{7*7}}${7*7}%0d%0aX-Inj:1";

/// A client before it is stored.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its identifier.
    pub id: &'static str,
    /// Its secret.
    pub secret: Option<&'static str>,
    /// Whether an operator switched it off.
    pub disabled: bool,
    /// Its metadata in the words of RFC 7591.
    pub metadata: Value,
}

/// The secret of a fixture client.
///
/// # Panics
/// It has none.
#[must_use]
pub fn secret(id: &str) -> &'static str {
    SECRETS
        .iter()
        .find(|(i, _)| *i == id)
        .unwrap_or_else(|| panic!("{id} has no secret"))
        .1
}

const SECRETS: &[(&str, &str)] = &[
    ("web", "hpk_web-0123456789abcdefghijklmnopqrstuvwxyz"),
    ("web2", "hpk_web2-0123456789abcdefghijklmnopqrstuvwxy"),
    ("post", "hpk_post-0123456789abcdefghijklmnopqrstuvwxy"),
    ("sjwt", "hpk_sjwt-0123456789abcdefghijklmnopqrstuvwxy"),
    ("first", "hpk_first-0123456789abcdefghijklmnopqrstuvwx"),
    ("nopkce", "hpk_nopkce-0123456789abcdefghijklmnopqrstuvw"),
    ("pair", "hpk_pair-0123456789abcdefghijklmnopqrstuvwxy"),
    ("machine", "hpk_machine-0123456789abcdefghijklmnopqrstuv"),
    ("off", "hpk_off-0123456789abcdefghijklmnopqrstuvwxyz"),
    ("loop", "hpk_loop-0123456789abcdefghijklmnopqrstuvwxy"),
    ("rs1", "hpk_rs1-0123456789abcdefghijklmnopqrstuvwxyz"),
    ("rs2", "hpk_rs2-0123456789abcdefghijklmnopqrstuvwxyz"),
];

/// People: name, password, whether an operator switched them off.
pub const PEOPLE: &[(&str, &str, bool)] = &[
    ("alice", "correct horse battery staple", false),
    ("bob", "another long pass phrase", false),
    ("carol", "a third long pass phrase", true),
];

/// The password of a person.
///
/// # Panics
/// Nobody has that name.
#[must_use]
pub fn password(name: &str) -> &'static str {
    PEOPLE.iter().find(|(n, ..)| *n == name).unwrap().1
}

/// The key of the client `pkjwt`.
///
/// # Panics
/// The backend makes no keys.
pub fn pkjwt_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

/// An RSA key for signing, the same for every provider of a process since making one takes long.
///
/// # Panics
/// The backend makes no keys.
pub fn rsa_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::RS256).unwrap())
}

/// Every fixture client.
#[must_use]
pub fn clients() -> Vec<Seed> {
    let keys: Value = serde_json::from_str(&Jwks::from_keys([pkjwt_key().public_jwk()]).to_json())
        .expect("a key set is JSON");
    let code = json!(["authorization_code", "refresh_token"]);
    let all = json!(["authorization_code", "refresh_token", "client_credentials"]);
    let none = json!([]);
    #[rustfmt::skip]
    let list = [
        ("web", json!({"redirect_uris": [WEB_CB, "https://rp.test/q?a=1&b=2"],
            "post_logout_redirect_uris": ["https://rp.test/bye"], "grant_types": all, "client_name": "Web",
            "scope": "openid profile email address phone offline_access api:read api:write"})),
        ("web2", json!({"redirect_uris": ["https://rp2.test/cb"], "post_logout_redirect_uris": ["https://rp2.test/bye"],
            "grant_types": all, "scope": "openid email offline_access", "client_name": "Web"})),
        ("post", json!({"redirect_uris": ["https://post.test/cb"], "grant_types": all,
            "token_endpoint_auth_method": "client_secret_post"})),
        ("sjwt", json!({"redirect_uris": ["https://sjwt.test/cb"], "grant_types": all,
            "token_endpoint_auth_method": "client_secret_jwt"})),
        ("first", json!({"redirect_uris": ["https://first.test/cb"], "grant_types": code, "skip_consent": true,
            "post_logout_redirect_uris": ["https://first.test/bye"]})),
        ("nopkce", json!({"redirect_uris": ["https://nopkce.test/cb"], "grant_types": code, "require_pkce": false,
            "skip_consent": true})),
        ("pair", json!({"redirect_uris": ["https://pair.test/cb"], "grant_types": code, "subject_type": "pairwise",
            "skip_consent": true})),
        ("machine", json!({"redirect_uris": none, "response_types": none, "grant_types": ["client_credentials"],
            "scope": "api:read", "resources": [API1]})),
        ("off", json!({"redirect_uris": ["https://off.test/cb"], "grant_types": all})),
        ("rs1", json!({"redirect_uris": none, "response_types": none, "grant_types": none, "resources": [API1]})),
        ("rs2", json!({"redirect_uris": none, "response_types": none, "grant_types": none, "resources": [API2]})),
        ("spa", json!({"redirect_uris": [SPA_CB], "grant_types": code, "token_endpoint_auth_method": "none",
            "client_name": "Spa"})),
        ("spa2", json!({"redirect_uris": ["https://spa2.test/cb"], "grant_types": code,
            "token_endpoint_auth_method": "none"})),
        ("native", json!({"redirect_uris": ["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"],
            "grant_types": code, "token_endpoint_auth_method": "none", "application_type": "native"})),
        ("loop", json!({"redirect_uris": ["http://127.0.0.1:8000/cb"], "grant_types": code})),
        ("pkjwt", json!({"redirect_uris": ["https://pkjwt.test/cb"], "grant_types": all,
            "token_endpoint_auth_method": "private_key_jwt", "jwks": keys})),
    ];
    list.into_iter()
        .map(|(id, metadata)| Seed {
            id,
            secret: SECRETS.iter().find(|(i, _)| *i == id).map(|(_, s)| *s),
            disabled: id == "off",
            metadata,
        })
        .collect()
}

/// What the fixture's issuer allows.
pub fn policy(policy: &mut Policy) {
    let scopes: &[(&str, &str)] = &[("api:read", "Read"), ("api:write", "Write")];
    policy
        .scopes
        .extend(scopes.iter().map(|(name, text)| ScopeSpec {
            title: None,
            required: false,
            name: (*name).to_owned(),
            description: Some((*text).to_owned()),
            claims: Vec::new(),
        }));
    let resource = |identifier: &str, format| Resource {
        name: None,
        identifier: identifier.to_owned(),
        scopes: vec!["api:read".to_owned(), "api:write".to_owned()],
        format,
        access_token_lifetime: None,
    };
    policy.resources = vec![
        resource(API1, TokenFormat::Jwt(JwsAlgorithm::ES256)),
        resource(API2, TokenFormat::Sealed),
    ];
    policy.registration.enabled = true;
}
