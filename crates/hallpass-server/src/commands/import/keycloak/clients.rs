//! The clients of a realm.

use hallpass_core::client::{ApplicationType, redirect_uri};
use hallpass_core::policy::Policy;
use hallpass_jose::JwsAlgorithm;
use hallpass_types::Secret;
use serde_json::{Map, Value};

use super::super::arrivals::{Arrivals, Client, Kind, Notes};
use super::{OWN, is, list, text, words};

/// Scopes of Keycloak that are nothing to ask for here.
const OWN_SCOPES: &[&str] = &[
    "acr",
    "basic",
    "microprofile-jwt",
    "organization",
    "role_list",
    "roles",
    "saml_organization",
    "service_account",
    "AuthnContextClassRef",
    "web-origins",
];
/// Scopes about a person, which a service that acts for itself has no use for.
const OF_PEOPLE: &[&str] = &[
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];
/// Attributes that are members of metadata under another name.
const RENAMED: &[(&str, &str)] = &[
    (
        "authorization.encrypted.response.alg",
        "authorization_encrypted_response_alg",
    ),
    (
        "authorization.encrypted.response.enc",
        "authorization_encrypted_response_enc",
    ),
    (
        "authorization.signed.response.alg",
        "authorization_signed_response_alg",
    ),
    (
        "ciba.backchannel.auth.request.signing.alg",
        "backchannel_authentication_request_signing_alg",
    ),
    (
        "ciba.backchannel.client.notification.endpoint",
        "backchannel_client_notification_endpoint",
    ),
    (
        "id.token.encrypted.response.alg",
        "id_token_encrypted_response_alg",
    ),
    (
        "id.token.encrypted.response.enc",
        "id_token_encrypted_response_enc",
    ),
    ("logoUri", "logo_uri"),
    ("policyUri", "policy_uri"),
    (
        "token.endpoint.auth.signing.alg",
        "token_endpoint_auth_signing_alg",
    ),
    ("tosUri", "tos_uri"),
    (
        "user.info.encrypted.response.alg",
        "userinfo_encrypted_response_alg",
    ),
    (
        "user.info.encrypted.response.enc",
        "userinfo_encrypted_response_enc",
    ),
    (
        "user.info.response.signature.alg",
        "userinfo_signed_response_alg",
    ),
];
/// Attributes that demand something of requests or tokens. A client does not come without what it demands.
const DEMANDS: &[(&str, &str)] = &[
    ("dpop.bound.access.tokens", "dpop_bound_access_tokens"),
    (
        "require.pushed.authorization.requests",
        "require_pushed_authorization_requests",
    ),
    (
        "tls.client.certificate.bound.access.tokens",
        "tls_client_certificate_bound_access_tokens",
    ),
];
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// One client, if it is none of Keycloak's own.
pub(super) fn client(
    client: &Map<String, Value>,
    realm: &Map<String, Value>,
    policy: &Policy,
    out: &mut Arrivals,
) {
    let Some(id) =
        text(client, "clientId").filter(|id| !OWN.contains(id) && !id.ends_with("-realm"))
    else {
        return;
    };
    let notes = &mut out.notes;
    let mut say = |text: &'static str| notes.say(Kind::Client, text, id);
    if text(client, "protocol").is_some_and(|protocol| protocol != "openid-connect") {
        say("it does not speak OpenID Connect, so it was left out");
        return;
    }
    if is(client, "bearerOnly") == Some(true) {
        say("it only takes tokens: it is a resource server, to be named in the configuration");
        return;
    }
    let empty = Map::new();
    let attributes = client.get("attributes").and_then(Value::as_object);
    let source = Source {
        id,
        client,
        attributes: attributes.unwrap_or(&empty),
        public: is(client, "publicClient") == Some(true),
    };
    let mut metadata = Map::new();
    if !source.authentication(&mut metadata, notes) {
        return;
    }
    source.flows(&mut metadata, notes);
    source.demands(&mut metadata);
    source.algorithms(realm, policy, &mut metadata, notes);
    source.scope(policy, &mut metadata, notes);
    source.presentation(&mut metadata);
    source.mappers(&mut metadata, notes);
    out.clients.push(Client {
        id: id.to_owned(),
        metadata,
        // An export that hides secrets has stars in their place.
        secret: text(client, "secret")
            .filter(|secret| !secret.starts_with("***"))
            .map(|secret| Secret::from(secret.to_owned())),
        disabled: is(client, "enabled") == Some(false),
    });
}

/// What the export says of a client.
struct Source<'a> {
    id: &'a str,
    client: &'a Map<String, Value>,
    attributes: &'a Map<String, Value>,
    public: bool,
}

impl Source<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        text(self.attributes, name)
    }

    /// Attributes are texts, also where they say yes.
    fn is_on(&self, name: &str) -> bool {
        self.attribute(name) == Some("true")
    }

    /// How it authenticates. A client whose way cannot be taken over does not come.
    fn authentication(&self, metadata: &mut Map<String, Value>, notes: &mut Notes) -> bool {
        const NO_WAY: &str =
            "how it authenticates cannot be taken over: it needs its keys or certificate here";
        let kind = text(self.client, "clientAuthenticatorType");
        let method = match kind {
            _ if self.public => "none",
            None | Some("client-secret") => "client_secret_basic",
            Some("client-secret-jwt") => "client_secret_jwt",
            Some("client-jwt") if self.keys(metadata) => "private_key_jwt",
            Some("client-x509")
                if !self.is_on("x509.allow.regex.pattern.comparison")
                    && self.attribute("x509.subjectdn").is_some() =>
            {
                let subject = self.attribute("x509.subjectdn").unwrap_or_default();
                metadata.insert("tls_client_auth_subject_dn".to_owned(), subject.into());
                "tls_client_auth"
            }
            Some(_) => {
                notes.say(Kind::Client, NO_WAY, self.id);
                return false;
            }
        };
        metadata.insert("token_endpoint_auth_method".to_owned(), method.into());
        true
    }

    /// The keys of a client that signs, where the export says them.
    fn keys(&self, metadata: &mut Map<String, Value>) -> bool {
        if self.is_on("use.jwks.url")
            && let Some(uri) = self.attribute("jwks.url")
        {
            metadata.insert("jwks_uri".to_owned(), uri.into());
            return true;
        }
        if self.is_on("use.jwks.string")
            && let Some(text) = self.attribute("jwks.string")
            && let Ok(keys @ Value::Object(_)) = serde_json::from_str(text)
        {
            metadata.insert("jwks".to_owned(), keys);
            return true;
        }
        false
    }

    /// Grants, response types and where answers go.
    fn flows(&self, metadata: &mut Map<String, Value>, notes: &mut Notes) {
        let client = self.client;
        let (mut grants, mut responses) = (Vec::new(), Vec::new());
        if is(client, "standardFlowEnabled") != Some(false) {
            grants.push("authorization_code");
            responses.push("code");
        }
        if is(client, "serviceAccountsEnabled") == Some(true) && !self.public {
            grants.push("client_credentials");
        }
        if self.is_on("oauth2.device.authorization.grant.enabled") {
            grants.push(DEVICE);
        }
        if self.is_on("oidc.ciba.grant.enabled") {
            grants.push(CIBA);
            let mode = self.attribute("ciba.backchannel.token.delivery.mode");
            let mode = mode.unwrap_or("poll");
            metadata.insert("backchannel_token_delivery_mode".to_owned(), mode.into());
        }
        let mut say = |text: &'static str| notes.say(Kind::Client, text, self.id);
        if is(client, "implicitFlowEnabled") == Some(true)
            || is(client, "directAccessGrantsEnabled") == Some(true)
        {
            say("the implicit flow and passwords sent by applications were not taken over");
        }
        if self.is_on("standard.token.exchange.enabled")
            || self.is_on("oauth2.jwt.authorization.grant.enabled")
        {
            say(
                "exchange of tokens follows from rules here: protocol.token_exchange, protocol.jwt_bearer",
            );
        }
        if is(client, "authorizationServicesEnabled") == Some(true) {
            say("its resources and policies of authorization services were not taken over");
        }
        let (redirects, kind) = self.redirects("redirectUris", self.own("redirectUris"), notes);
        if redirects.is_empty() && !responses.is_empty() {
            let text =
                "it has no exact redirect URI, so nobody can sign in to it before it gets one";
            notes.say(Kind::Client, text, self.id);
            responses.clear();
            grants.retain(|grant| *grant != "authorization_code");
        }
        if grants.iter().any(|grant| *grant != "client_credentials")
            && self.attribute("use.refresh.tokens") != Some("false")
        {
            grants.push("refresh_token");
        }
        let after = match self.attribute("post.logout.redirect.uris") {
            None | Some("-") => Vec::new(),
            Some("+") => redirects.clone(),
            Some(all) => {
                let all = all.split("##").map(str::to_owned).collect();
                self.redirects("post.logout.redirect.uris", all, notes).0
            }
        };
        if !after.is_empty() {
            metadata.insert("post_logout_redirect_uris".to_owned(), after.into());
        }
        if kind == ApplicationType::Native {
            metadata.insert("application_type".to_owned(), "native".into());
        }
        metadata.insert("grant_types".to_owned(), grants.into());
        metadata.insert("response_types".to_owned(), responses.into());
        metadata.insert("redirect_uris".to_owned(), redirects.into());
        self.origins(metadata, notes);
        self.sign_out(metadata);
    }

    fn own(&self, name: &str) -> Vec<String> {
        words(self.client, name)
    }

    /// Those that are exact and can be had here, and what kind of application has them.
    fn redirects(
        &self,
        member: &str,
        uris: Vec<String>,
        notes: &mut Notes,
    ) -> (Vec<String>, ApplicationType) {
        let whole: Vec<String> = uris.into_iter().map(|uri| self.absolute(uri)).collect();
        // A scheme of its own, or a port that is chosen when it listens, is what applications on a device have.
        let native = |uri: &String| {
            let own_scheme = !uri.starts_with("http://") && !uri.starts_with("https://");
            let loopback = self.public
                && ["http://127.0.0.1", "http://[::1]"]
                    .iter()
                    .any(|start| uri.starts_with(start));
            redirect_uri::validate(uri, ApplicationType::Native).is_ok() && (own_scheme || loopback)
        };
        let kind = if whole.iter().any(native) {
            ApplicationType::Native
        } else {
            ApplicationType::Web
        };
        let (good, bad): (Vec<String>, Vec<String>) = whole
            .into_iter()
            .partition(|uri| redirect_uri::validate(uri, kind).is_ok());
        for uri in bad {
            let text = if uri.contains('*') {
                "an address is a pattern; register the exact ones"
            } else {
                "an address is incomplete or of a kind that nobody is sent to here"
            };
            let name = format!("{}: {member}: {uri}", self.id);
            notes.say(Kind::Client, text, &name);
        }
        (good, kind)
    }

    /// Addresses can be relative to the root of the application.
    fn absolute(&self, uri: String) -> String {
        if !uri.starts_with('/') {
            return uri;
        }
        let root = text(self.client, "rootUrl").unwrap_or_default();
        format!("{}{uri}", root.trim_end_matches('/'))
    }

    /// Pages of other origins than its redirect URIs could call the endpoints there.
    fn origins(&self, metadata: &Map<String, Value>, notes: &mut Notes) {
        let redirects = words(metadata, "redirect_uris");
        for origin in words(self.client, "webOrigins") {
            let known = |uri: &String| {
                uri.strip_prefix(origin.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            };
            if origin != "+" && !redirects.iter().any(known) {
                let text = "pages call from the origins of redirect URIs alone";
                let name = format!("{}: webOrigins: {origin}", self.id);
                notes.say(Kind::Client, text, &name);
            }
        }
    }

    fn sign_out(&self, metadata: &mut Map<String, Value>) {
        let front = is(self.client, "frontchannelLogout") == Some(true);
        for (there, here, switched_on) in [
            ("backchannel.logout", "backchannel_logout", true),
            ("frontchannel.logout", "frontchannel_logout", front),
        ] {
            let uri = self.attribute(&format!("{there}.url"));
            let Some(uri) = uri.filter(|_| switched_on) else {
                continue;
            };
            let uri = self.absolute(uri.to_owned());
            metadata.insert(format!("{here}_uri"), uri.into());
            if self.is_on(&format!("{there}.session.required")) {
                metadata.insert(format!("{here}_session_required"), true.into());
            }
        }
    }

    /// What it demands of requests and tokens.
    fn demands(&self, metadata: &mut Map<String, Value>) {
        for (there, here) in DEMANDS {
            if self.is_on(there) {
                metadata.insert((*here).to_owned(), true.into());
            }
        }
        let required = self.attribute("request.object.required");
        if required.is_some_and(|word| word != "not required") {
            metadata.insert("require_signed_request_object".to_owned(), true.into());
        }
        if !self.public {
            let pkce = self.attribute("pkce.code.challenge.method") == Some("S256");
            metadata.insert("require_pkce".to_owned(), pkce.into());
        }
        let seconds = |name: &str| self.attribute(name)?.parse::<i64>().ok().filter(|n| *n > 0);
        for (there, here) in [
            ("access.token.lifespan", "access_token_lifetime"),
            ("default.max.age", "default_max_age"),
        ] {
            if let Some(seconds) = seconds(there) {
                metadata.insert(here.to_owned(), seconds.into());
            }
        }
        let classes = self.attribute("default.acr.values").unwrap_or_default();
        let classes: Vec<&str> = classes.split("##").filter(|c| !c.is_empty()).collect();
        if !classes.is_empty() {
            metadata.insert("default_acr_values".to_owned(), classes.into());
        }
    }

    /// What signs and encrypts for it. What an application verifies must not change by the way.
    fn algorithms(
        &self,
        realm: &Map<String, Value>,
        policy: &Policy,
        metadata: &mut Map<String, Value>,
        notes: &mut Notes,
    ) {
        for (there, here) in RENAMED {
            if let Some(value) = self.attribute(there).filter(|value| *value != "unsigned") {
                metadata.insert((*here).to_owned(), value.into());
            }
        }
        let objects = self.attribute("request.object.signature.alg");
        if let Some(alg) = objects.filter(|alg| !["any", "none"].contains(alg)) {
            metadata.insert("request_object_signing_alg".to_owned(), alg.into());
        }
        let of_realm = text(realm, "defaultSignatureAlgorithm").unwrap_or("RS256");
        let alg = self.attribute("id.token.signed.response.alg");
        let alg = alg.unwrap_or(of_realm);
        if JwsAlgorithm::parse(alg).is_some_and(|alg| policy.signing_algs.contains(&alg)) {
            metadata.insert("id_token_signed_response_alg".to_owned(), alg.into());
        } else {
            let text = "its ID tokens were signed with an algorithm that is not in protocol.signing_algs here";
            notes.say(Kind::Client, text, &format!("{}: {alg}", self.id));
        }
    }

    /// The scopes that it could ask for, as far as they are scopes here.
    fn scope(&self, policy: &Policy, metadata: &mut Map<String, Value>, notes: &mut Notes) {
        let redirects = words(metadata, "grant_types")
            .iter()
            .any(|grant| !["client_credentials", "refresh_token"].contains(&grant.as_str()));
        let mut names = vec!["openid".to_owned()];
        for member in ["defaultClientScopes", "optionalClientScopes"] {
            names.extend(words(self.client, member));
        }
        names.retain(|name| redirects || !OF_PEOPLE.contains(&name.as_str()));
        let (known, unknown): (Vec<String>, Vec<String>) = names
            .into_iter()
            .partition(|name| policy.scope(name).is_some());
        for name in unknown {
            if !OWN_SCOPES.contains(&name.as_str()) && !OF_PEOPLE.contains(&name.as_str()) {
                let text = "a scope of it is in no setting here (protocol.scopes), so it cannot ask for it";
                notes.say(Kind::Client, text, &format!("{}: {name}", self.id));
            }
        }
        if !known.is_empty() {
            metadata.insert("scope".to_owned(), known.join(" ").into());
        }
    }

    fn presentation(&self, metadata: &mut Map<String, Value>) {
        let name = text(self.client, "name").filter(|name| !name.starts_with("${"));
        metadata.insert("client_name".to_owned(), name.unwrap_or(self.id).into());
        let home = text(self.client, "baseUrl").map(|uri| self.absolute(uri.to_owned()));
        if let Some(home) = home.filter(|uri| uri.starts_with("https://")) {
            metadata.insert("client_uri".to_owned(), home.into());
        }
    }

    /// What is added to tokens for this client alone.
    fn mappers(&self, metadata: &mut Map<String, Value>, notes: &mut Notes) {
        for mapper in list(self.client, "protocolMappers") {
            let kind = text(mapper, "protocolMapper").unwrap_or_default();
            // What Keycloak puts into tokens of service accounts by itself.
            if kind == "oidc-usersessionmodel-note-mapper" {
                continue;
            }
            if kind == "oidc-sha256-pairwise-sub-mapper" {
                metadata.insert("subject_type".to_owned(), "pairwise".into());
                let config = mapper.get("config").and_then(Value::as_object);
                if let Some(uri) = config.and_then(|map| text(map, "sectorIdentifierUri")) {
                    metadata.insert("sector_identifier_uri".to_owned(), uri.into());
                }
                let text =
                    "its pairwise subjects are made anew: it meets somebody new in everybody";
                notes.say(Kind::Client, text, self.id);
                continue;
            }
            let name = text(mapper, "name").unwrap_or(kind);
            let text = "a mapper of it was not taken over: claims are those of scopes here, or fixed ones (protocol.client_token_claims)";
            notes.say(Kind::Client, text, &format!("{}: {name}", self.id));
        }
    }
}
