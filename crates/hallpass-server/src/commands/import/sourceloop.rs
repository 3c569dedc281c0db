//! `hallpass import sourceloop`: clients, people, tenants, roles, permissions and keys of a SourceLoop service, from its
//! database or from a dump of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use hallpass_core::access::{Group, Membership, Organization, Role, is_name};
use hallpass_core::policy::Lifetimes;
use hallpass_core::sign_in::totp;
use hallpass_store_postgres::{Address, Source};
use hallpass_types::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::arrivals::{Arrivals, Client, Kind, Person};
use super::bring::{Way, bring, claim};
use super::dump;
use super::keys;
use super::tables::{Row, Tables, Wanted};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// What is read of it.
static WANTED: &[Wanted] = &[
    (
        "auth_clients",
        &[
            "id",
            "client_id",
            "client_secret",
            "redirect_url",
            "access_token_expiration",
            "refresh_token_expiration",
            "auth_code_expiration",
            "grant_types",
            "response_types",
            "client_type",
            "deleted",
        ],
    ),
    (
        "users",
        &[
            "id",
            "first_name",
            "middle_name",
            "last_name",
            "username",
            "email",
            "phone",
            "auth_client_ids",
            "gender",
            "dob",
            "photo_url",
            "deleted",
        ],
    ),
    (
        "user_credentials",
        &[
            "user_id",
            "auth_provider",
            "auth_id",
            "password",
            "secret_key",
            "deleted",
        ],
    ),
    ("tenants", &["id", "name", "status", "key", "deleted"]),
    (
        "roles",
        &["id", "name", "permissions", "description", "deleted"],
    ),
    (
        "user_tenants",
        &[
            "id",
            "user_id",
            "tenant_id",
            "role_id",
            "status",
            "locale",
            "deleted",
        ],
    ),
    (
        "user_permissions",
        &["user_tenant_id", "permission", "allowed", "deleted"],
    ),
    ("jwt_keys", &["key_id", "private_key"]),
];

pub(super) async fn run(
    options: &cli::ImportSourceloop,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let tables = match (&options.database, &options.dump) {
        (Some(url), _) => live(url, options).await?,
        (None, Some(path)) => {
            let name = path.display();
            let file = File::open(path)
                .map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
            let reader = BufReader::with_capacity(1 << 16, file);
            dump::read(reader, WANTED, &options.schema)
                .map_err(|error| Failure::new(format!("{name}: {error}")))?
        }
        (None, None) => return Err(Failure::new("--database or --dump says where to read")),
    };
    if !tables.has("users") && !tables.has("auth_clients") {
        return Err(Failure::new(format!(
            "there are no tables users and auth_clients in the schema {:?}; --schema names another one",
            options.schema
        )));
    }
    let mut arrivals = Arrivals::default();
    let temporary = options.temporary_password_file.as_deref();
    let temporary = temporary.map(keys::secret_file).transpose()?;
    let ours = engine.provider.policy().lifetimes;
    read(&tables, options, temporary.as_ref(), ours, &mut arrivals);
    let has = |id: &&String| arrivals.clients.iter().any(|client| client.id == **id);
    if let Some(unknown) = options.secret_in_form.iter().find(|id| !has(id)) {
        return Err(Failure::new(format!(
            "--secret-in-form: there is no client {unknown:?}"
        )));
    }
    let passphrase = options.key_passphrase_file.as_deref();
    let passphrase = passphrase.map(keys::secret_file).transpose()?;
    for row in tables.rows("jwt_keys") {
        let (Some(kid), Some(pem)) = (row.text("key_id"), row.text("private_key")) else {
            continue;
        };
        match keys::from_pem(pem, passphrase.as_ref(), Some(kid)) {
            Some(key) => arrivals.keys.push(key),
            None => {
                let text =
                    "the key cannot be opened: is it RSA, and is --key-passphrase-file right?";
                arrivals.notes.say(Kind::Key, text, kid);
            }
        }
    }
    for path in &options.jwk_file {
        arrivals.keys.extend(keys::from_jwk_file(path)?);
    }
    let way = Way {
        dry_run: options.dry_run,
        publish_keys: i64::try_from(options.publish_keys.0).unwrap_or(i64::MAX),
        from: "sourceloop",
    };
    bring(arrivals, way, engine, output).await
}

async fn live(url: &str, options: &cli::ImportSourceloop) -> Result<Tables, Failure> {
    let wrong = |text: String| Failure::new(format!("--database: {text}"));
    let mut address = Address::parse(url).map_err(|error| wrong(error.to_string()))?;
    if address.has_password() {
        return Err(wrong(
            "everybody on this machine can read what stands on a command line; give the password by --database-password-file"
                .to_owned(),
        ));
    }
    if let Some(path) = &options.database_password_file {
        address = address.with_password(keys::secret_file(path)?.expose());
    }
    let source = Source::open(&address).await;
    let source = source.map_err(|error| wrong(error.to_string()))?;
    let mut tables = Tables::new(WANTED);
    for wanted in WANTED {
        let (table, columns) = *wanted;
        let there = source.columns(&options.schema, table).await;
        let there = there.map_err(|error| wrong(error.to_string()))?;
        let columns: Vec<&str> = columns
            .iter()
            .copied()
            .filter(|name| there.iter().any(|t| t == name))
            .collect();
        if columns.is_empty() {
            continue;
        }
        tables.there(*wanted);
        let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let mut fits = true;
        let read = source.rows((&options.schema, table), &columns, |row| {
            fits = tables.add(*wanted, &names, row).is_ok();
            fits
        });
        read.await.map_err(|error| wrong(error.to_string()))?;
        if !fits {
            return Err(wrong(
                "it holds more than can be imported at once".to_owned(),
            ));
        }
    }
    Ok(tables)
}

fn read(
    tables: &Tables,
    options: &cli::ImportSourceloop,
    temporary: Option<&Secret>,
    ours: Lifetimes,
    out: &mut Arrivals,
) {
    let clients = clients(tables, options, ours, out);
    let roles = roles(tables, out);
    let tenants = tenants(tables, out);
    people(
        tables,
        options,
        temporary,
        (&clients, &roles, &tenants),
        out,
    );
}

/// Clients; answers their identifiers by the numbers of their rows.
fn clients(
    tables: &Tables,
    options: &cli::ImportSourceloop,
    ours: Lifetimes,
    out: &mut Arrivals,
) -> BTreeMap<String, String> {
    let mut by_number = BTreeMap::new();
    for row in tables.rows("auth_clients") {
        let Some(id) = row.text("client_id") else {
            continue;
        };
        if let Some(number) = row.text("id") {
            by_number.insert(number.to_owned(), id.to_owned());
        }
        let mut metadata = Map::new();
        let redirects = row.get("redirect_url").unwrap_or_default();
        let redirects = redirects.split(',').map(str::trim);
        let redirects: Vec<String> = redirects
            .filter(|uri| !uri.is_empty())
            .map(str::to_owned)
            .collect();
        let public =
            row.text("client_type") == Some("public") && row.text("client_secret").is_none();
        let in_form = options.secret_in_form.iter().any(|client| client == id);
        let method = match (public, in_form) {
            (true, _) => "none",
            (false, true) => "client_secret_post",
            (false, false) => "client_secret_basic",
        };
        metadata.insert("client_name".to_owned(), id.into());
        metadata.insert("token_endpoint_auth_method".to_owned(), method.into());
        let policy = ["authorization_code", "refresh_token", "implicit"];
        let grants = row.list("grant_types").filter(|list| !list.is_empty());
        let mut grants = grants.unwrap_or_else(|| vec!["authorization_code".to_owned()]);
        if grants.iter().any(|grant| !policy.contains(&grant.as_str())) {
            let text = "a grant type that the service never served was left out";
            out.notes.say(Kind::Client, text, id);
            grants.retain(|grant| policy.contains(&grant.as_str()));
        }
        let responses = row.list("response_types").filter(|list| !list.is_empty());
        let responses = responses.unwrap_or_else(|| vec!["code".to_owned()]);
        metadata.insert("grant_types".to_owned(), grants.into());
        metadata.insert("response_types".to_owned(), responses.into());
        if !public {
            // Its programs never sent a challenge.
            metadata.insert("require_pkce".to_owned(), false.into());
        }
        if options.only_allowed_clients {
            let group = group_of(id);
            metadata.insert("allowed_groups".to_owned(), vec![group].into());
        }
        let disabled = redirects.is_empty();
        if disabled {
            let text = "it has no redirect URI (the service sent answers to a debugging site): it cannot be used before it gets one";
            out.notes.say(Kind::Client, text, id);
            metadata.insert("response_types".to_owned(), Value::Array(Vec::new()));
            metadata.insert("grant_types".to_owned(), Value::Array(Vec::new()));
        } else {
            metadata.insert("redirect_uris".to_owned(), redirects.into());
        }
        lifetimes(row, id, ours, &mut metadata, out);
        out.clients.push(Client {
            id: id.to_owned(),
            metadata,
            secret: row
                .text("client_secret")
                .map(|s| Secret::from(s.to_owned())),
            disabled,
        });
    }
    if options.only_allowed_clients {
        for id in by_number.values() {
            let group = Group {
                description: Some("May use this application".to_owned()),
                ..Group::default()
            };
            out.groups.insert(group_of(id), group);
        }
    }
    by_number
}

/// Lifetimes that somebody has written down for a client. The service ignored them; here they hold, as far as they are shorter than
/// the issuer's. What its schema writes into every row is nobody's wish.
fn lifetimes(
    row: Row<'_>,
    id: &str,
    ours: Lifetimes,
    metadata: &mut Map<String, Value>,
    out: &mut Arrivals,
) {
    for (column, usual, name, most) in [
        ("auth_code_expiration", 180, "code_lifetime", ours.code),
        (
            "access_token_expiration",
            900,
            "access_token_lifetime",
            ours.access_token,
        ),
        (
            "refresh_token_expiration",
            86_400,
            "refresh_token_lifetime",
            ours.refresh_absolute,
        ),
    ] {
        match row.number(column).filter(|seconds| *seconds != usual) {
            Some(seconds) if (1..=most).contains(&seconds) => {
                metadata.insert(name.to_owned(), seconds.into());
            }
            Some(_) => {
                let text = "a lifetime of its own, which the service ignored, is none here or longer than the issuer's: it has the issuer's";
                out.notes.say(Kind::Client, text, id);
            }
            None => {}
        }
    }
}

fn group_of(client: &str) -> String {
    format!("may-use-{}", named(client))
}

/// The closest text that is a name here.
fn named(text: &str) -> String {
    if is_name(text) {
        return text.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = text.chars().map(plain).take(100).collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

/// Roles; answers their names by their identifiers. Two of one name become one with the permissions of both only if they
/// have the same; else the second gets a name of its own.
fn roles(tables: &Tables, out: &mut Arrivals) -> BTreeMap<String, String> {
    let mut by_id = BTreeMap::new();
    for row in tables.rows("roles") {
        let (Some(id), Some(name)) = (row.text("id"), row.text("name")) else {
            continue;
        };
        let listed = row.list("permissions").unwrap_or_default();
        let role = Role {
            description: row.text("description").map(str::to_owned),
            permissions: listed.iter().map(|p| named(p)).collect(),
        };
        let mut key = named(name);
        if out.roles.get(&key).is_some_and(|held| *held != role) {
            key = format!("{key}-{}", named(id));
        }
        by_id.insert(id.to_owned(), key.clone());
        out.roles.insert(key, role);
    }
    by_id
}

fn tenants(tables: &Tables, out: &mut Arrivals) -> BTreeMap<String, String> {
    let mut by_id = BTreeMap::new();
    for row in tables.rows("tenants") {
        let Some(id) = row.text("id") else { continue };
        let key = named(row.text("key").unwrap_or(id));
        let organization = Organization {
            name: row.text("name").unwrap_or(id).to_owned(),
            disabled: row.number("status") == Some(0),
        };
        by_id.insert(id.to_owned(), key.clone());
        out.organizations.insert(key, organization);
    }
    by_id
}

type Names<'a> = (
    &'a BTreeMap<String, String>,
    &'a BTreeMap<String, String>,
    &'a BTreeMap<String, String>,
);

fn people(
    tables: &Tables,
    options: &cli::ImportSourceloop,
    temporary: Option<&Secret>,
    (clients, roles, tenants): Names<'_>,
    out: &mut Arrivals,
) {
    let mut credentials: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in tables.rows("user_credentials") {
        if let Some(user) = row.text("user_id") {
            credentials.entry(user).or_default().push(row);
        }
    }
    let mut overrides: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in tables.rows("user_permissions") {
        if let Some(id) = row.text("user_tenant_id") {
            overrides.entry(id).or_default().push(row);
        }
    }
    let mut places: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
    for row in tables.rows("user_tenants") {
        if let Some(user) = row.text("user_id") {
            places.entry(user).or_default().push(row);
        }
    }
    for row in tables.rows("users") {
        let (Some(id), Some(name)) = (row.text("id"), row.text("username")) else {
            continue;
        };
        let mut person = Person {
            subject: Some(match options.sub {
                cli::SourceloopSub::Username => name.to_owned(),
                cli::SourceloopSub::Id => id.to_owned(),
            }),
            username: name.to_lowercase(),
            claims: claims(row, options.email_verified),
            ..Person::default()
        };
        if person.username != name && options.sub == cli::SourceloopSub::Username {
            let text = "the name has capitals; applications may know the person by it in another case, too";
            out.notes.say(Kind::Person, text, name);
        }
        let places = places.get(id).map(Vec::as_slice).unwrap_or_default();
        memberships(&mut person, places, &overrides, (roles, tenants));
        if options.only_allowed_clients {
            let listed = row.list("auth_client_ids").unwrap_or_default();
            let groups = listed
                .iter()
                .filter_map(|n| clients.get(n))
                .map(|c| group_of(c));
            person.memberships.push(Membership {
                groups: groups.collect(),
                ..Membership::default()
            });
        }
        let held = credentials.get(id).map(Vec::as_slice).unwrap_or_default();
        for credential in held {
            sign_in(&mut person, *credential, temporary);
        }
        if person.hash.is_none() && person.identities.is_empty() {
            let text = "there is nothing that they could sign in with: they recover the account";
            out.notes.say(Kind::Person, text, name);
        }
        out.people.push(person);
    }
}

fn claims(row: Row<'_>, email_verified: bool) -> Map<String, Value> {
    let mut claims = Map::new();
    for (name, column) in [
        ("given_name", "first_name"),
        ("middle_name", "middle_name"),
        ("family_name", "last_name"),
        ("email", "email"),
        ("phone_number", "phone"),
        ("picture", "photo_url"),
    ] {
        claim(&mut claims, name, row.text(column));
    }
    // A date may have a time behind it.
    let born = row.text("dob").and_then(|text| text.get(..10));
    claim(&mut claims, "birthdate", born);
    let gender = match row.text("gender") {
        Some("M") => Some("male"),
        Some("F") => Some("female"),
        Some("O") => Some("other"),
        Some(_) | None => None,
    };
    claim(&mut claims, "gender", gender);
    let names = [row.text("first_name"), row.text("last_name")];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    claim(&mut claims, "name", Some(&names.join(" ")));
    if email_verified && claims.contains_key("email") {
        claims.insert("email_verified".to_owned(), true.into());
    }
    claims
}

/// 0 registered, 1 active, 2 inactive, 3 must change the password, 4 rejected.
fn memberships(
    person: &mut Person,
    places: &[Row<'_>],
    overrides: &BTreeMap<&str, Vec<Row<'_>>>,
    (roles, tenants): (&BTreeMap<String, String>, &BTreeMap<String, String>),
) {
    for place in places {
        let status = place.number("status").unwrap_or(0);
        let tenant = place.text("tenant_id").and_then(|id| tenants.get(id));
        let Some(tenant) = tenant else { continue };
        let role = place.text("role_id").and_then(|id| roles.get(id)).cloned();
        let mut membership = Membership {
            organization: Some(tenant.clone()),
            inactive: matches!(status, 2 | 4),
            roles: role.into_iter().collect(),
            ..Membership::default()
        };
        let own = place.text("id").and_then(|id| overrides.get(id));
        for row in own.into_iter().flatten() {
            let Some(permission) = row.text("permission").map(named) else {
                continue;
            };
            if row.is("allowed") {
                membership.allowed.insert(permission);
            } else {
                membership.denied.insert(permission);
            }
        }
        person.must_change |= status == 3;
        claim(&mut person.claims, "locale", place.text("locale"));
        let same = |m: &&mut Membership| m.organization == membership.organization;
        match person.memberships.iter_mut().find(same) {
            Some(held) => {
                held.inactive &= membership.inactive;
                held.roles.extend(membership.roles);
                held.allowed.extend(membership.allowed);
                held.denied.extend(membership.denied);
            }
            None => person.memberships.push(membership),
        }
    }
    // Somebody who was turned away everywhere could not sign in.
    person.disabled =
        !person.memberships.is_empty() && person.memberships.iter().all(|m| m.inactive);
}

fn sign_in(person: &mut Person, row: Row<'_>, temporary: Option<&Secret>) {
    if let Some(hash) = row.text("password") {
        let known = |t: &Secret| hallpass_accounts::hash::is_bcrypt_of(hash, t.expose());
        person.must_change |= temporary.is_some_and(known);
        person.hash = Some(hash.to_owned());
    }
    if let Some(secret) = row.text("secret_key") {
        // One that cannot be read is as one that is too short: it is said.
        let bytes = totp::from_base32(secret).unwrap_or_default();
        person.totp = Some(Zeroizing::new(bytes));
    }
    if let (Some(provider), Some(theirs)) = (row.text("auth_provider"), row.text("auth_id"))
        && provider != "internal"
    {
        let identity = (provider.to_owned(), theirs.to_owned());
        person.identities.push(identity);
    }
}
