//! The people of a realm.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hallpass_core::access::Membership;
use hallpass_core::issue::{access_token, id_token};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::super::arrivals::{Arrivals, Kind, Notes, Person};
use super::super::bring::claim;
use super::access::Composites;
use super::{is, list, text, words};

/// Claims and the attributes in which Keycloak keeps them.
const CLAIMS: &[(&str, &str)] = &[
    ("birthdate", "birthdate"),
    ("gender", "gender"),
    ("locale", "locale"),
    ("middle_name", "middleName"),
    ("nickname", "nickname"),
    ("phone_number", "phoneNumber"),
    ("picture", "picture"),
    ("profile", "profile"),
    ("website", "website"),
    ("zoneinfo", "zoneinfo"),
];
/// Members of the address and their attributes.
const ADDRESS: &[(&str, &str)] = &[
    ("country", "country"),
    ("formatted", "formatted"),
    ("locality", "locality"),
    ("postal_code", "postal_code"),
    ("region", "region"),
    ("street_address", "street"),
];
/// Claims that say more than an attribute can prove.
const PROVED: &[&str] = &[
    "address",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "name",
    "phone_number_verified",
    "preferred_username",
    "updated_at",
];

/// One of them. Accounts of services are no people.
pub(super) fn person(user: &Map<String, Value>, composites: &Composites, out: &mut Arrivals) {
    let Some(name) = text(user, "username") else {
        return;
    };
    if let Some(client) = text(user, "serviceAccountClientId") {
        if !composites.given(user, out).is_empty() {
            let text =
                "the roles of its service account were not taken over: a service has scopes here";
            out.notes.say(Kind::Client, text, client);
        }
        return;
    }
    let mut person = Person {
        subject: text(user, "id").map(str::to_owned),
        username: name.to_owned(),
        disabled: is(user, "enabled") == Some(false),
        ..Person::default()
    };
    for action in words(user, "requiredActions") {
        if action == "UPDATE_PASSWORD" {
            person.must_change = true;
        } else {
            let text = "something that they were to do at the next sign-in was not taken over";
            out.notes
                .say(Kind::Person, text, &format!("{name}: {action}"));
        }
    }
    claims(user, name, &mut person, &mut out.notes);
    let mut groups = words(user, "groups");
    groups.retain(|path| out.groups.contains_key(path));
    let membership = Membership {
        roles: composites.given(user, out),
        groups: groups.into_iter().collect(),
        ..Membership::default()
    };
    if membership != Membership::default() {
        person.memberships.push(membership);
    }
    let administers = user.get("clientRoles").and_then(Value::as_object);
    if administers.is_some_and(|map| map.contains_key("realm-management")) {
        let text = "they could administer the realm; whoever should here is made an operator";
        out.notes.say(Kind::Person, text, name);
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
    credentials(user, name, &mut person, &mut out.notes);
    out.people.push(person);
}

fn claims(user: &Map<String, Value>, name: &str, person: &mut Person, notes: &mut Notes) {
    let claims = &mut person.claims;
    for (claim_name, member) in [
        ("given_name", "firstName"),
        ("family_name", "lastName"),
        ("email", "email"),
    ] {
        claim(claims, claim_name, text(user, member));
    }
    let names = [text(user, "firstName"), text(user, "lastName")];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    claim(claims, "name", Some(&names.join(" ")));
    if claims.contains_key("email") && is(user, "emailVerified") == Some(true) {
        claims.insert("email_verified".to_owned(), true.into());
    }
    let Some(attributes) = user.get("attributes").and_then(Value::as_object) else {
        return;
    };
    let first = |attribute: &str| attributes.get(attribute)?.as_array()?.first()?.as_str();
    for (claim_name, attribute) in CLAIMS {
        claim(claims, claim_name, first(attribute));
    }
    let mut address = Map::new();
    for (member, attribute) in ADDRESS {
        claim(&mut address, member, first(attribute));
    }
    if !address.is_empty() {
        claims.insert("address".to_owned(), address.into());
    }
    let known = |attribute: &str| {
        let mut all = CLAIMS.iter().chain(ADDRESS);
        all.any(|(_, known)| *known == attribute)
    };
    for (attribute, values) in attributes.iter().filter(|(name, _)| !known(name)) {
        // Nobody learns of it before a scope releases a claim of that name.
        let taken = claims.contains_key(attribute)
            || PROVED.contains(&attribute.as_str())
            || id_token::is_reserved(attribute)
            || access_token::is_reserved(attribute);
        let mut texts = values.as_array().into_iter().flatten();
        let value = match (texts.next(), texts.next()) {
            (Some(one), None) => one.clone(),
            (Some(_), Some(_)) => values.clone(),
            (None, _) => continue,
        };
        if taken {
            let text = "an attribute of theirs has the name of a claim that is not kept so, and was left out";
            notes.say(Kind::Person, text, &format!("{name}: {attribute}"));
        } else {
            claims.insert(attribute.clone(), value);
        }
    }
}

fn credentials(user: &Map<String, Value>, name: &str, person: &mut Person, notes: &mut Notes) {
    let mut say = |text: &'static str| notes.say(Kind::Person, text, name);
    for credential in list(user, "credentials") {
        match text(credential, "type") {
            Some("password") => match password(credential) {
                Some(hash) => person.hash = Some(hash),
                None => say(
                    "the password is hashed in a way that is not known here: they recover the account",
                ),
            },
            Some("otp") => match one_time(credential) {
                Some(secret) if person.totp.is_none() => person.totp = Some(secret),
                Some(_) => say("a second authenticator app was left out: there is one here"),
                None => say(
                    "an authenticator app of another kind than six digits, 30 seconds and SHA-1 was left out",
                ),
            },
            Some("webauthn" | "webauthn-passwordless") => say(
                "a passkey or security key was left out: it belongs to the host at which it was made",
            ),
            Some(_) | None => say("a credential of another kind was left out"),
        }
    }
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
