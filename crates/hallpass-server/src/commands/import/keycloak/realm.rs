//! What a realm has beside clients and people: its keys, and settings that are settings here.

use hallpass_core::policy::Policy;
use serde_json::{Map, Value};

use super::super::arrivals::{Arrivals, Kind, Notes};
use super::super::keys;
use super::{is, list, text};

/// Scopes that every realm has for itself.
const OWN_SCOPES: &[&str] = &[
    "acr",
    "address",
    "AuthnContextClassRef",
    "basic",
    "email",
    "microprofile-jwt",
    "offline_access",
    "organization",
    "phone",
    "profile",
    "role_list",
    "roles",
    "saml_organization",
    "service_account",
    "web-origins",
];

/// Says which settings an operator has to make here.
pub(super) fn settings(realm: &Map<String, Value>, policy: &Policy, notes: &mut Notes) {
    let mut say = |text: &'static str, name: &str| notes.say(Kind::Setting, text, name);
    for provider in list(realm, "identityProviders") {
        let alias = text(provider, "alias").unwrap_or_default();
        if !policy.upstreams.iter().any(|known| known.id == alias) {
            let text = "an identity provider is to be named in [[upstreams]], under this name, before people are imported";
            say(text, alias);
        }
    }
    for scope in list(realm, "clientScopes") {
        let name = text(scope, "name").unwrap_or_default();
        let ours = text(scope, "protocol") != Some("saml");
        if ours && !OWN_SCOPES.contains(&name) && policy.scope(name).is_none() {
            let text =
                "a scope is to be named in [protocol.scopes], its claims in [protocol.claims]";
            say(text, name);
        }
    }
    for flow in list(realm, "authenticationFlows") {
        if is(flow, "builtIn") == Some(false) && is(flow, "topLevel") == Some(true) {
            let text = "a flow of its own was not taken over: how people sign in says [sign_in]";
            say(text, text_or(flow, "alias"));
        }
    }
    for (member, setting) in [
        ("organizationsEnabled", "organizations"),
        ("scimApiEnabled", "SCIM"),
    ] {
        if is(realm, member) == Some(true) {
            say("something that the realm has was not taken over", setting);
        }
    }
    let mail = realm.get("smtpServer").and_then(Value::as_object);
    if mail.is_some_and(|map| !map.is_empty()) {
        say("how mail is sent is to be said in [mail]", "smtpServer");
    }
    let rules = text(realm, "passwordPolicy").unwrap_or_default();
    for rule in rules.split(" and ").filter(|rule| !rule.is_empty()) {
        if !rule.starts_with("hash") {
            say(
                "a rule for passwords: see [passwords] for what holds here",
                rule,
            );
        }
    }
    let lifetimes = &policy.lifetimes;
    for (member, here, now) in [
        (
            "accessTokenLifespan",
            "access_token",
            lifetimes.access_token,
        ),
        ("accessCodeLifespan", "code", lifetimes.code),
        (
            "offlineSessionIdleTimeout",
            "refresh_idle",
            lifetimes.refresh_idle,
        ),
        (
            "ssoSessionIdleTimeout",
            "session_idle",
            lifetimes.session_idle,
        ),
        ("ssoSessionMaxLifespan", "session", lifetimes.session),
    ] {
        if let Some(then) = realm.get(member).and_then(Value::as_i64)
            && then != now
        {
            let text = "a time is another one here; say it in [lifetimes] if it should stay";
            say(text, &format!("{here} = {then} (now {now})"));
        }
    }
}

fn text_or<'a>(map: &'a Map<String, Value>, name: &str) -> &'a str {
    text(map, name).unwrap_or_default()
}

/// Keys that an export of the whole realm holds.
pub(super) fn signing_keys(realm: &Map<String, Value>, out: &mut Arrivals) {
    let components = realm.get("components").and_then(Value::as_object);
    let Some(components) = components else { return };
    for provider in list(components, "org.keycloak.keys.KeyProvider") {
        let Some(config) = provider.get("config").and_then(Value::as_object) else {
            continue;
        };
        let one = |name: &str| config.get(name)?.as_array()?.first()?.as_str();
        let algorithm = one("algorithm").unwrap_or("RS256");
        let named = text(provider, "name").unwrap_or("key");
        let Some(private) = one("privateKey").or_else(|| one("ecdsaPrivateKey")) else {
            continue;
        };
        if one("keyUse").is_some_and(|use_| use_.eq_ignore_ascii_case("enc")) {
            let text = "a key to encrypt to was not taken over: who encrypts for the server reads the new ones";
            out.notes.say(Kind::Key, text, named);
            continue;
        }
        let key = Some(private)
            .filter(|_| ["RS256", "ES256"].contains(&algorithm))
            .and_then(|pem| keys::from_pem(pem, None, None));
        // Its name there: one of its own, or the digest of the public key.
        let kid = key
            .as_ref()
            .and_then(|key| one("kid").map(str::to_owned).or_else(|| key.spki_digest()));
        match key.zip(kid).and_then(|(key, kid)| key.with_kid(&kid).ok()) {
            Some(key) => out.keys.push(key),
            None => {
                let text = "a key of the realm cannot be taken over (RS256 and ES256 can, if the export holds them)";
                out.notes.say(Kind::Key, text, named);
            }
        }
    }
}
