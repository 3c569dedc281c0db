//! `[[upstreams]]`: other providers at which people can sign in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hallpass_core::upstream::{
    ClaimSource, ClientAuthentication, Endpoints, FirstTime, SEALED_SECRET, Upstream,
    UpstreamSecret, secret_is_for,
};
use hallpass_jose::{JwsAlgorithm, base64url};
use hallpass_provider::secrets::Secrets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checker::Checker;
use super::protocol::SigningAlg;
use super::server::is_loopback;
use super::value::Secret;

/// Another provider at which people can sign in: one of OpenID Connect by its issuer, or one of plain OAuth 2.0 by three
/// endpoints. Its redirect URI is the issuer with `/upstream/ID/callback` behind it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// A well-known provider: google, microsoft, apple, gitlab, linkedin, github, facebook or discord. What is said here goes
    /// over what is known of it.
    preset: Option<String>,
    /// Its name in addresses and in what is stored: never change it, never use it for another provider. Without it: that of
    /// the preset.
    id: Option<String>,
    /// What people read on its button.
    name: Option<String>,
    /// Its issuer identifier.
    issuer: Option<String>,
    /// Authorization endpoint, for plain OAuth 2.0.
    authorization_endpoint: Option<String>,
    /// Token endpoint, for plain OAuth 2.0.
    token_endpoint: Option<String>,
    /// The document that says who somebody is, for plain OAuth 2.0.
    userinfo_endpoint: Option<String>,
    /// How it knows us.
    client_id: Option<String>,
    /// Our secret there.
    client_secret: Option<Secret>,
    /// A file with the secret.
    client_secret_file: Option<PathBuf>,
    /// The secret as an operation has sealed it, in the settings of an issuer that was made at run time.
    client_secret_sealed: Option<String>,
    /// How we prove to be that client.
    client_auth: Option<ClientAuth>,
    /// What is asked for.
    scopes: Option<Vec<String>>,
    /// Algorithms in which its ID tokens may be signed.
    signing_algs: Option<Vec<SigningAlg>>,
    /// Whether its UserInfo endpoint is asked too.
    userinfo: bool,
    /// Where the identifier of the person stands, for plain OAuth 2.0.
    subject_claim: Option<String>,
    /// Claims of ours, and which of theirs they come from; `a.b` is the member `b` of the object `a`.
    claims: Option<BTreeMap<String, String>>,
    /// Further parameters of the request.
    parameters: BTreeMap<String, String>,
    /// What happens to somebody who comes for the first time: "refuse" (they sign in otherwise and link it) or "create".
    first_time: Option<First>,
    /// Its `email_verified` is to be believed: somebody who comes for the first time gets the account that has this mail address
    /// verified.
    link_by_email: bool,
}

/// How we prove to be a client there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientAuth {
    /// The secret in the header.
    ClientSecretBasic,
    /// The secret in the form.
    ClientSecretPost,
    /// A signature by a key of ours; they find it in our key set.
    PrivateKeyJwt,
    /// PKCE alone.
    None,
}

/// What happens to somebody who comes for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum First {
    /// They are turned away.
    Refuse,
    /// They get an account.
    Create,
}

/// What is known of well-known providers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Preset {
    name: String,
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    client_auth: Option<ClientAuth>,
    scopes: Vec<String>,
    signing_algs: Option<Vec<SigningAlg>>,
    subject_claim: Option<String>,
    claims: BTreeMap<String, String>,
}

fn presets() -> BTreeMap<String, Preset> {
    // A test reads them.
    toml::from_str(include_str!("upstream_presets.toml")).unwrap_or_default()
}

/// Secrets that are sealed, with what each is for, by the provider's id.
#[derive(Debug, Clone, Default)]
pub struct Sealed(BTreeMap<String, ([u8; 32], Vec<u8>)>);

impl Sealed {
    /// Those of an issuer's own settings.
    pub(super) fn of(settings: &Map<String, Value>) -> Self {
        let entries = settings.get("upstreams").and_then(Value::as_array);
        let entries = entries.into_iter().flatten().filter_map(Value::as_object);
        let found = entries.filter_map(|entry| {
            let id = entry.get("id").or_else(|| entry.get("preset"))?.as_str()?;
            let sealed = entry.get(SEALED_SECRET)?.as_str()?;
            let sealed = base64url::decode(sealed).unwrap_or_default();
            Some((id.to_owned(), (secret_is_for(entry), sealed)))
        });
        Self(found.collect())
    }
}

impl super::Config {
    /// The providers with their secrets. One whose secret cannot be opened is left out: it was changed, or belongs to others.
    #[must_use]
    pub fn opened_upstreams(&self, secrets: &Secrets) -> Vec<Upstream> {
        let opened = self.upstreams.iter().cloned().filter_map(|mut upstream| {
            let Some((of, sealed)) = self.sealed_upstreams.0.get(&upstream.id) else {
                return Some(upstream);
            };
            let Some(secret) = secrets.open_upstream_secret(of, sealed) else {
                tracing::error!(
                    upstream = upstream.id,
                    "the secret of another provider cannot be opened"
                );
                return None;
            };
            match &mut upstream.authentication {
                ClientAuthentication::Basic(held) | ClientAuthentication::Post(held) => {
                    *held = UpstreamSecret(secret);
                }
                ClientAuthentication::PrivateKeyJwt(_) | ClientAuthentication::None => {}
            }
            Some(upstream)
        });
        opened.collect()
    }
}

/// Checks the entries.
pub(super) fn parse(
    entries: Vec<Raw>,
    own_algs: &[SigningAlg],
    sealed: &Sealed,
    check: &mut Checker<'_>,
) -> Vec<Upstream> {
    let presets = presets();
    let mut seen = BTreeSet::new();
    let mut parsed = Vec::new();
    for (index, raw) in entries.into_iter().enumerate() {
        let at = format!("upstreams[{index}]");
        if raw.client_secret_sealed.is_some() && sealed.0.is_empty() {
            let message = "is for issuers that are made at run time";
            check.problem(&format!("{at}.client_secret_sealed"), message);
        }
        if let Some(upstream) = one(raw, &at, &presets, own_algs, check) {
            if !seen.insert(upstream.id.clone()) {
                check.problem(&format!("{at}.id"), "is there twice");
            }
            parsed.push(upstream);
        }
    }
    parsed
}

fn one(
    raw: Raw,
    at: &str,
    presets: &BTreeMap<String, Preset>,
    own_algs: &[SigningAlg],
    check: &mut Checker<'_>,
) -> Option<Upstream> {
    let setting = |name: &str| format!("{at}.{name}");
    let preset = match &raw.preset {
        None => Preset::default(),
        Some(name) => match presets.get(name) {
            Some(preset) => preset.clone(),
            None => {
                let known: Vec<&str> = presets.keys().map(String::as_str).collect();
                let message = format!("is none of {}", known.join(", "));
                check.problem(&setting("preset"), message);
                return None;
            }
        },
    };
    let id = raw.id.or(raw.preset).unwrap_or_default();
    let is_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=32).contains(&id.len()) || !id.bytes().all(is_id) {
        let message = "must have 1 to 32 of the characters a to z, 0 to 9 and hyphen";
        check.problem(&setting("id"), message);
    }
    let name = raw.name.unwrap_or(preset.name);
    if name.trim().is_empty() {
        check.problem(&setting("name"), "is missing");
    }
    let Some(client_id) = raw.client_id.filter(|id| !id.is_empty()) else {
        check.problem(&setting("client_id"), "is missing");
        return None;
    };
    let secret = check.secret(
        &setting("client_secret"),
        raw.client_secret,
        raw.client_secret_file.as_deref(),
    );
    // What it is, is seen when the issuer's secrets are there.
    let placed = raw.client_secret_sealed.is_some();
    let secret = secret.or_else(|| placed.then(|| Secret::new(String::new())));
    let default_auth = match (&secret, preset.client_auth) {
        (_, Some(auth)) => auth,
        (Some(_), None) => ClientAuth::ClientSecretBasic,
        (None, None) => ClientAuth::None,
    };
    let authentication = match (raw.client_auth.unwrap_or(default_auth), secret) {
        (ClientAuth::ClientSecretBasic, Some(secret)) => {
            ClientAuthentication::Basic(shared(&secret))
        }
        (ClientAuth::ClientSecretPost, Some(secret)) => ClientAuthentication::Post(shared(&secret)),
        (ClientAuth::ClientSecretBasic | ClientAuth::ClientSecretPost, None) => {
            check.problem(&setting("client_secret"), "is missing");
            return None;
        }
        (ClientAuth::PrivateKeyJwt | ClientAuth::None, Some(_)) => {
            check.problem(
                &setting("client_secret"),
                "has no meaning with this client_auth",
            );
            return None;
        }
        (ClientAuth::PrivateKeyJwt, None) => {
            ClientAuthentication::PrivateKeyJwt(jws(own_algs).first().copied()?)
        }
        (ClientAuth::None, None) => ClientAuthentication::None,
    };
    let issuer = raw.issuer.or(preset.issuer);
    let endpoints = [
        raw.authorization_endpoint.or(preset.authorization_endpoint),
        raw.token_endpoint.or(preset.token_endpoint),
        raw.userinfo_endpoint.or(preset.userinfo_endpoint),
    ];
    for (name, url) in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ]
    .into_iter()
    .zip(std::iter::once(&issuer).chain(&endpoints))
    {
        if let Some(url) = url
            && !is_good(url)
        {
            check.problem(&setting(name), "is no https URL without fragment");
        }
    }
    let algs = raw.signing_algs.or(preset.signing_algs);
    let algs = algs.map_or_else(
        || vec![JwsAlgorithm::RS256, JwsAlgorithm::ES256],
        |a| jws(&a),
    );
    let endpoints = match (issuer, endpoints) {
        (Some(issuer), [None, None, None]) => Endpoints::OpenId {
            issuer,
            algs,
            userinfo: raw.userinfo,
        },
        (None, [Some(authorization), Some(token), Some(userinfo)]) => Endpoints::OAuth {
            authorization,
            token,
            userinfo,
        },
        (Some(_) | None, _) => {
            let message = "needs an issuer, or else authorization_endpoint, token_endpoint and userinfo_endpoint";
            check.problem(at, message);
            return None;
        }
    };
    let is_openid = matches!(endpoints, Endpoints::OpenId { .. });
    if raw.link_by_email && !is_openid {
        let message = "is for providers of OpenID Connect, which say what they have verified";
        check.problem(&setting("link_by_email"), message);
    }
    let mut scopes = raw.scopes.unwrap_or(preset.scopes);
    if is_openid && !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    let claims = raw.claims.unwrap_or(preset.claims).into_iter();
    Some(Upstream {
        id,
        name,
        endpoints,
        client_id,
        authentication,
        scopes,
        parameters: raw.parameters.into_iter().collect(),
        subject_claim: raw
            .subject_claim
            .or(preset.subject_claim)
            .unwrap_or_else(|| "sub".to_owned()),
        claims: claims
            .map(|(name, from)| ClaimSource { name, from })
            .collect(),
        first_time: match raw.first_time.unwrap_or(First::Refuse) {
            First::Refuse => FirstTime::Refuse,
            First::Create => FirstTime::Create,
        },
        link_by_email: raw.link_by_email,
    })
}

fn shared(secret: &Secret) -> UpstreamSecret {
    UpstreamSecret(hallpass_types::Secret::new(secret.expose().to_owned()))
}

fn jws(algs: &[SigningAlg]) -> Vec<JwsAlgorithm> {
    let algs = algs.iter();
    algs.filter_map(|alg| JwsAlgorithm::parse(alg.name()))
        .collect()
}

/// Plain HTTP is for a provider on this computer, to try things out; the guard asks for leave to dial it.
fn is_good(url: &str) -> bool {
    let Ok(parsed) = url::Url::parse(url) else {
        return false;
    };
    let is_safe = parsed.scheme() == "https" || (parsed.scheme() == "http" && is_loopback(&parsed));
    is_safe && !url.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};

    fn parsed(text: &str) -> Result<Vec<Upstream>, Vec<String>> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source)
            .map(|config| config.upstreams)
            .map_err(|problems| {
                let problems = problems.0.iter();
                problems
                    .map(|p| format!("{}: {}", p.setting, p.message))
                    .collect()
            })
    }

    #[test]
    fn every_preset_can_be_used_by_naming_it() {
        let all = presets();
        assert!(all.len() >= 8);
        for name in all.keys() {
            let issuer = match name.as_str() {
                "microsoft" => "issuer = 'https://login.microsoftonline.com/x/v2.0'\n",
                _ => "",
            };
            let text = format!(
                "[[upstreams]]\npreset = '{name}'\n{issuer}client_id = 'us'\nclient_secret = 's'\n"
            );
            let upstreams = parsed(&text).unwrap();
            assert_eq!((upstreams.len(), &upstreams[0].id), (1, name));
        }
    }

    #[test]
    fn an_entry_of_ones_own_needs_little() {
        let text = "[[upstreams]]\nid = 'idp'\nname = 'Work'\nissuer = 'https://idp.test'\nclient_id = 'us'\n\
                    client_auth = 'private_key_jwt'\nfirst_time = 'create'\n";
        let upstream = parsed(text).unwrap().remove(0);
        assert_eq!(upstream.scopes, ["openid"]);
        assert_eq!(
            upstream.authentication,
            ClientAuthentication::PrivateKeyJwt(JwsAlgorithm::ES256)
        );
        assert_eq!(upstream.first_time, FirstTime::Create);
    }

    #[test]
    fn plain_http_is_for_a_provider_on_this_computer() {
        for (url, good) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:1/x", true),
            ("http://[::1]", true),
            ("http://idp.example", false),
            ("http://localhost.example", false),
            ("https://idp.example", true),
            ("https://idp.example/#x", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_good(url), good, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("preset = 'nobody'", "upstreams[0].preset: is none of apple"),
            (
                "id = 'A b'\nname = 'x'\nissuer = 'https://i'\nclient_id = 'c'",
                "upstreams[0].id: must have",
            ),
            (
                "id = 'a'\nissuer = 'https://i'\nclient_id = 'c'",
                "upstreams[0].name: is missing",
            ),
            (
                "id = 'a'\nname = 'x'\nissuer = 'https://i'",
                "upstreams[0].client_id: is missing",
            ),
            (
                "id = 'a'\nname = 'x'\nissuer = 'http://i.test'\nclient_id = 'c'",
                "upstreams[0].issuer: is no https",
            ),
            (
                "id = 'a'\nname = 'x'\nissuer = 'https://i#x'\nclient_id = 'c'",
                "upstreams[0].issuer: is no https",
            ),
            (
                "id = 'a'\nname = 'x'\nclient_id = 'c'",
                "upstreams[0]: needs an issuer",
            ),
            (
                "id = 'a'\nname = 'x'\nclient_id = 'c'\ntoken_endpoint = 'https://t'",
                "upstreams[0]: needs an issuer",
            ),
            (
                "preset = 'google'\nclient_id = 'c'\nclient_auth = 'client_secret_post'",
                "upstreams[0].client_secret: is missing",
            ),
            (
                "preset = 'google'\nclient_id = 'c'\nclient_secret = 's'\nclient_auth = 'none'",
                "upstreams[0].client_secret: has no",
            ),
            (
                "preset = 'github'\nclient_id = 'c'\nclient_secret = 's'\nlink_by_email = true",
                "upstreams[0].link_by_email: is for",
            ),
        ] {
            let problems = parsed(&format!("[[upstreams]]\n{text}\n")).unwrap_err();
            assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
        }
        let twice = "[[upstreams]]\npreset = 'gitlab'\nclient_id = 'c'\n[[upstreams]]\npreset = 'gitlab'\nclient_id = 'd'\n";
        assert!(parsed(twice).unwrap_err()[0].starts_with("upstreams[1].id: is there twice"));
    }
}
