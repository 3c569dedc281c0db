//! `hallpass import keycloak`: a realm that Keycloak exported.

mod access;
mod clients;
mod people;
mod realm;

use serde_json::{Map, Value};

use super::arrivals::Arrivals;
use super::bring::{Way, bring};
use super::clients::json_file;
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
    let policy = engine.provider.policy();
    let mut arrivals = Arrivals::default();
    realm::settings(realm, policy, &mut arrivals.notes);
    let composites = access::roles(realm, &mut arrivals);
    for group in list(realm, "groups") {
        access::groups(group, "", 0, &composites, &mut arrivals);
    }
    for client in list(realm, "clients") {
        clients::client(client, realm, policy, &mut arrivals);
    }
    for user in list(realm, "users") {
        people::person(user, &composites, &mut arrivals);
    }
    realm::signing_keys(realm, &mut arrivals);
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
