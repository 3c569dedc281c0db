//! `hallpass import keycloak`: a realm that Keycloak exported.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hallpass_core::access::{Group, Membership, Role, is_name};
use hallpass_types::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::arrivals::{Arrivals, Client, Kind, Person};
use super::bring::{Way, bring, claim};
use super::{clients::json_file, keys};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// Bytes of an export.
const LONGEST: u64 = 1 << 30;
/// Clients that every realm has for itself.
const OWN: &[&str] = &[
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];
/// Roles that every realm has for itself.
const OWN_ROLES: &[&str] = &["offline_access", "uma_authorization"];
/// Groups within groups.
const DEEPEST: usize = 8;

pub(super) async fn run(
    options: &cli::ImportKeycloak,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let mut value = json_file(&options.file, LONGEST)?;
    // Several realms stand in a list; one of them is meant.
    if let Value::Array(list) = &mut value {
        if list.len() != 1 {
            return Err(Failure::new("the file holds several realms; export one"));
        }
        value = list.pop().unwrap_or_default();
    }
    let realm = value.as_object().filter(|map| map.contains_key("realm"));
    let realm = realm.ok_or_else(|| Failure::new("the file is no export of a realm"))?;
    let mut arrivals = Arrivals::default();
    roles(realm, &mut arrivals);
    for group in list(realm, "groups") {
        groups(group, "", 0, &mut arrivals);
    }
    for client in list(realm, "clients") {
        clients(client, &mut arrivals);
    }
    for user in list(realm, "users") {
        people(user, &mut arrivals);
    }
    signing_keys(realm, &mut arrivals);
    let way = Way {
        dry_run: options.dry_run,
        publish_keys: i64::try_from(options.publish_keys.0).unwrap_or(i64::MAX),
        from: "keycloak",
    };
    bring(arrivals, way, engine, output).await
}

fn list<'a>(
    map: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> {
    let values = map.get(name).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_object)
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn is(map: &Map<String, Value>, name: &str) -> Option<bool> {
    map.get(name)?.as_bool()
}

fn words(map: &Map<String, Value>, name: &str) -> Vec<String> {
    let values = map.get(name).and_then(Value::as_array);
    let values = values.into_iter().flatten().filter_map(Value::as_str);
    values.map(str::to_owned).collect()
}

/// A role of a client is `client/role` here.
fn roles(realm: &Map<String, Value>, out: &mut Arrivals) {
    let Some(all) = realm.get("roles").and_then(Value::as_object) else {
        return;
    };
    let own = |name: &str| OWN_ROLES.contains(&name) || name.starts_with("default-roles-");
    for role in list(all, "realm") {
        if let Some(name) = text(role, "name").filter(|name| !own(name)) {
            one_role(name, role, out);
        }
    }
    let of_clients = all.get("client").and_then(Value::as_object);
    for (client, roles) in of_clients.into_iter().flatten() {
        if OWN.contains(&client.as_str()) {
            continue;
        }
        let roles = roles.as_array().into_iter().flatten();
        for role in roles.filter_map(Value::as_object) {
            if let Some(name) = text(role, "name") {
                one_role(&format!("{client}/{name}"), role, out);
            }
        }
    }
}

fn one_role(name: &str, role: &Map<String, Value>, out: &mut Arrivals) {
    if !is_name(name) {
        out.notes.say(
            Kind::Directory,
            "a role has a name that none can have here",
            name,
        );
        return;
    }
    if is(role, "composite") == Some(true) {
        let text = "the role is made of others; give its permissions here";
        out.notes.say(Kind::Directory, text, name);
    }
    let role = Role {
        description: text(role, "description")
            .filter(|text| !text.starts_with("${"))
            .map(str::to_owned),
        ..Role::default()
    };
    out.roles.insert(name.to_owned(), role);
}

/// The roles that somebody or a group was given, as far as they come along.
fn given(map: &Map<String, Value>, out: &Arrivals) -> std::collections::BTreeSet<String> {
    let mut names = words(map, "realmRoles");
    let of_clients = map.get("clientRoles").and_then(Value::as_object);
    for (client, roles) in of_clients.into_iter().flatten() {
        let roles = roles.as_array().into_iter().flatten();
        names.extend(
            roles
                .filter_map(Value::as_str)
                .map(|role| format!("{client}/{role}")),
        );
    }
    names.retain(|name| out.roles.contains_key(name));
    names.into_iter().collect()
}

fn groups(group: &Map<String, Value>, above: &str, depth: usize, out: &mut Arrivals) {
    let Some(name) = text(group, "name") else {
        return;
    };
    let path = format!("{above}/{name}");
    if !is_name(&path) || depth > DEEPEST {
        out.notes.say(
            Kind::Directory,
            "a group has a name that none can have here",
            &path,
        );
        return;
    }
    let made = Group {
        description: None,
        roles: given(group, out),
    };
    out.groups.insert(path.clone(), made);
    for inner in list(group, "subGroups") {
        groups(inner, &path, depth.saturating_add(1), out);
    }
}

fn clients(client: &Map<String, Value>, out: &mut Arrivals) {
    let Some(id) =
        text(client, "clientId").filter(|id| !OWN.contains(id) && !id.ends_with("-realm"))
    else {
        return;
    };
    if text(client, "protocol").is_some_and(|protocol| protocol != "openid-connect") {
        let text = "it does not speak OpenID Connect, so it was left out";
        out.notes.say(Kind::Client, text, id);
        return;
    }
    if is(client, "bearerOnly") == Some(true) {
        let text =
            "it only takes tokens: it is a resource server, to be named in the configuration";
        out.notes.say(Kind::Client, text, id);
        return;
    }
    let empty = Map::new();
    let attributes = client
        .get("attributes")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let public = is(client, "publicClient") == Some(true);
    let method = if public {
        "none"
    } else {
        match text(client, "clientAuthenticatorType") {
            None | Some("client-secret") => "client_secret_basic",
            Some("client-secret-jwt") => "client_secret_jwt",
            Some(_) => {
                let text = "how it authenticates cannot be taken over: it needs its keys or certificate here";
                out.notes.say(Kind::Client, text, id);
                return;
            }
        }
    };
    let (mut grants, mut responses) = (Vec::new(), Vec::new());
    if is(client, "standardFlowEnabled") != Some(false) {
        grants.extend(["authorization_code", "refresh_token"]);
        responses.push("code");
    }
    if is(client, "serviceAccountsEnabled") == Some(true) && !public {
        grants.push("client_credentials");
    }
    if is(client, "implicitFlowEnabled") == Some(true)
        || is(client, "directAccessGrantsEnabled") == Some(true)
    {
        let text = "the implicit flow and passwords sent by applications were not taken over";
        out.notes.say(Kind::Client, text, id);
    }
    let root = text(client, "rootUrl")
        .unwrap_or_default()
        .trim_end_matches('/');
    let mut redirects = Vec::new();
    for uri in words(client, "redirectUris") {
        let whole = if uri.starts_with('/') {
            format!("{root}{uri}")
        } else {
            uri
        };
        if whole.contains('*') || !whole.contains("://") {
            let text = "a redirect URI is a pattern or incomplete; register the exact ones";
            out.notes.say(Kind::Client, text, id);
        } else {
            redirects.push(whole);
        }
    }
    let disabled = is(client, "enabled") == Some(false);
    if redirects.is_empty() && !responses.is_empty() {
        let text = "it has no exact redirect URI, so nobody can sign in to it before it gets one";
        out.notes.say(Kind::Client, text, id);
        responses.clear();
        grants.retain(|grant| *grant == "client_credentials");
    }
    let mut metadata = Map::new();
    metadata.insert(
        "client_name".to_owned(),
        text(client, "name")
            .filter(|n| !n.starts_with("${"))
            .unwrap_or(id)
            .into(),
    );
    metadata.insert("token_endpoint_auth_method".to_owned(), method.into());
    metadata.insert("grant_types".to_owned(), grants.into());
    metadata.insert("response_types".to_owned(), responses.into());
    metadata.insert("redirect_uris".to_owned(), redirects.into());
    let after: Vec<&str> = text(attributes, "post.logout.redirect.uris")
        .unwrap_or_default()
        .split("##")
        .filter(|uri| uri.contains("://") && !uri.contains('*'))
        .collect();
    if !after.is_empty() {
        metadata.insert("post_logout_redirect_uris".to_owned(), after.into());
    }
    if !public {
        let pkce = text(attributes, "pkce.code.challenge.method") == Some("S256");
        metadata.insert("require_pkce".to_owned(), pkce.into());
    }
    out.clients.push(Client {
        id: id.to_owned(),
        metadata,
        // An export that hides secrets has stars in their place.
        secret: text(client, "secret")
            .filter(|secret| !secret.starts_with("***"))
            .map(|secret| Secret::from(secret.to_owned())),
        disabled,
    });
}

fn people(user: &Map<String, Value>, out: &mut Arrivals) {
    let Some(name) =
        text(user, "username").filter(|_| text(user, "serviceAccountClientId").is_none())
    else {
        return;
    };
    let mut person = Person {
        subject: text(user, "id").map(str::to_owned),
        username: name.to_owned(),
        disabled: is(user, "enabled") == Some(false),
        must_change: words(user, "requiredActions")
            .iter()
            .any(|action| action == "UPDATE_PASSWORD"),
        ..Person::default()
    };
    for (claim_name, member) in [
        ("given_name", "firstName"),
        ("family_name", "lastName"),
        ("email", "email"),
    ] {
        claim(&mut person.claims, claim_name, text(user, member));
    }
    let names = [text(user, "firstName"), text(user, "lastName")];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    claim(&mut person.claims, "name", Some(&names.join(" ")));
    if person.claims.contains_key("email") && is(user, "emailVerified") == Some(true) {
        person
            .claims
            .insert("email_verified".to_owned(), true.into());
    }
    let attributes = user.get("attributes").and_then(Value::as_object);
    for (claim_name, attribute) in [
        ("locale", "locale"),
        ("phone_number", "phoneNumber"),
        ("picture", "picture"),
    ] {
        let values = attributes.and_then(|map| map.get(attribute)?.as_array());
        let first = values.and_then(|list| list.first()?.as_str());
        claim(&mut person.claims, claim_name, first);
    }
    let mut groups = words(user, "groups");
    groups.retain(|path| out.groups.contains_key(path));
    let membership = Membership {
        roles: given(user, out),
        groups: groups.into_iter().collect(),
        ..Membership::default()
    };
    if membership != Membership::default() {
        person.memberships.push(membership);
    }
    for identity in list(user, "federatedIdentities") {
        if let (Some(provider), Some(theirs)) =
            (text(identity, "identityProvider"), text(identity, "userId"))
        {
            person
                .identities
                .push((provider.to_owned(), theirs.to_owned()));
        }
    }
    for credential in list(user, "credentials") {
        match text(credential, "type") {
            Some("password") => match password(credential) {
                Some(hash) => person.hash = Some(hash),
                None => {
                    let text = "the password is hashed in a way that is not known here: they recover the account";
                    out.notes.say(Kind::Person, text, name);
                }
            },
            Some("otp") => match one_time(credential) {
                Some(secret) if person.totp.is_none() => person.totp = Some(secret),
                Some(_) => {}
                None => {
                    let text = "an authenticator app of another kind than six digits, 30 seconds and SHA-1 was left out";
                    out.notes.say(Kind::Person, text, name);
                }
            },
            Some(_) | None => {
                let text = "a credential of another kind was left out";
                out.notes.say(Kind::Person, text, name);
            }
        }
    }
    out.people.push(person);
}

/// The two members of a credential are JSON within JSON.
fn inner(credential: &Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text(credential, name)?).ok()
}

/// In PHC form. Whether it is too dear is looked at with all others.
fn password(credential: &Map<String, Value>) -> Option<String> {
    let (data, secret) = (
        inner(credential, "credentialData")?,
        inner(credential, "secretData")?,
    );
    let value = text(&secret, "value")?;
    let rounds = data.get("hashIterations")?.as_u64()?;
    let algorithm = text(&data, "algorithm")?;
    if algorithm == "bcrypt" {
        return Some(value.to_owned());
    }
    let plain = |text: &str| {
        STANDARD
            .decode(text)
            .ok()
            .map(|bytes| STANDARD_NO_PAD.encode(bytes))
    };
    let (hash, salt) = (plain(value)?, plain(text(&secret, "salt")?)?);
    match algorithm {
        "pbkdf2-sha256" => Some(format!("$pbkdf2-sha256$i={rounds}${salt}${hash}")),
        "pbkdf2-sha512" => Some(format!("$pbkdf2-sha512$i={rounds}${salt}${hash}")),
        "argon2" => {
            let more = data.get("additionalParameters")?.as_object()?;
            let one = |name: &str| more.get(name)?.as_array()?.first()?.as_str();
            let number = |name: &str| one(name)?.parse::<u32>().ok();
            let version = match one("version") {
                Some("1.0") => 16,
                Some("1.3") | None => 19,
                Some(_) => return None,
            };
            let (memory, lanes) = (number("memory")?, number("parallelism")?);
            let kind = one("type").filter(|kind| ["id", "i", "d"].contains(kind))?;
            Some(format!(
                "$argon2{kind}$v={version}$m={memory},t={rounds},p={lanes}${salt}${hash}"
            ))
        }
        _ => None,
    }
}

fn one_time(credential: &Map<String, Value>) -> Option<Zeroizing<Vec<u8>>> {
    let (data, secret) = (
        inner(credential, "credentialData")?,
        inner(credential, "secretData")?,
    );
    let usual = text(&data, "subType") == Some("totp")
        && data.get("digits").and_then(Value::as_u64) == Some(6)
        && data.get("period").and_then(Value::as_u64) == Some(30)
        && text(&data, "algorithm") == Some("HmacSHA1")
        && text(&data, "secretEncoding").is_none();
    // The characters themselves are the secret.
    let secret = text(&secret, "value")?.as_bytes().to_vec();
    usual.then(|| Zeroizing::new(secret))
}

/// Keys that an export of the whole realm holds.
fn signing_keys(realm: &Map<String, Value>, out: &mut Arrivals) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(data: &Value, secret: &Value) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("credentialData".to_owned(), data.to_string().into());
        map.insert("secretData".to_owned(), secret.to_string().into());
        map
    }

    #[test]
    fn hashes_become_those_that_are_verified_here_and_dear_ones_do_not() {
        use hallpass_accounts::hash::Stored;
        use serde_json::json;
        let secret = json!({"value": STANDARD.encode([7; 32]), "salt": STANDARD.encode([3; 16])});
        let argon2 = |memory: &str| {
            json!({"algorithm": "argon2", "hashIterations": 5, "additionalParameters":
                {"hashLength": ["32"], "memory": [memory], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}})
        };
        let pbkdf2 = |rounds: u64| json!({"algorithm": "pbkdf2-sha512", "hashIterations": rounds});
        for data in [
            argon2("7168"),
            pbkdf2(210_000),
            json!({"algorithm": "pbkdf2-sha256", "hashIterations": 27500}),
        ] {
            let hash = password(&credential(&data, &secret)).unwrap();
            assert!(Stored::parse(&hash).is_ok(), "{hash}");
        }
        for data in [argon2("99999999"), pbkdf2(99_999_999)] {
            let hash = password(&credential(&data, &secret)).unwrap();
            assert!(Stored::parse(&hash).is_err(), "{hash}");
        }
        for data in [
            json!({"algorithm": "md5", "hashIterations": 1}),
            json!({}),
            argon2("x"),
        ] {
            assert_eq!(password(&credential(&data, &secret)), None);
        }
    }
}
