//! Roles and groups of a realm.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::access::{Group, Role, is_name};
use serde_json::{Map, Value};

use super::super::arrivals::{Arrivals, Kind};
use super::{OWN, is, list, text, words};

/// Roles that every realm has for itself.
const OWN_ROLES: &[&str] = &["offline_access", "uma_authorization"];
/// Groups within groups.
const DEEPEST: usize = 8;

/// Of which roles a role is made. A role of a client is `client/role` here.
#[derive(Default)]
pub(super) struct Composites(BTreeMap<String, Vec<String>>);

/// Makes the roles, and says which consist of which.
pub(super) fn roles(realm: &Map<String, Value>, out: &mut Arrivals) -> Composites {
    let mut composites = Composites::default();
    let Some(all) = realm.get("roles").and_then(Value::as_object) else {
        return composites;
    };
    for role in list(all, "realm") {
        if let Some(name) = text(role, "name") {
            composites.learn(name, role);
            if !OWN_ROLES.contains(&name) && !name.starts_with("default-roles-") {
                one_role(name, role, out);
            }
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
                let name = format!("{client}/{name}");
                composites.learn(&name, role);
                one_role(&name, role, out);
            }
        }
    }
    composites
}

fn one_role(name: &str, role: &Map<String, Value>, out: &mut Arrivals) {
    if !is_name(name) {
        let text = "a role has a name that none can have here";
        out.notes.say(Kind::Directory, text, name);
        return;
    }
    if is(role, "composite") == Some(true) {
        let text = "the role is made of others: who has it gets these by the import, and later changes do not follow";
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

/// The names of roles in the two members in which an export has them.
fn named(map: &Map<String, Value>, realm: &str, client: &str) -> Vec<String> {
    let mut names = words(map, realm);
    let of_clients = map.get(client).and_then(Value::as_object);
    for (client, roles) in of_clients.into_iter().flatten() {
        let roles = roles.as_array().into_iter().flatten();
        let roles = roles.filter_map(Value::as_str);
        names.extend(roles.map(|role| format!("{client}/{role}")));
    }
    names
}

impl Composites {
    fn learn(&mut self, name: &str, role: &Map<String, Value>) {
        let parts = role.get("composites").and_then(Value::as_object);
        let parts = parts.map(|parts| named(parts, "realm", "client"));
        if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
            self.0.insert(name.to_owned(), parts);
        }
    }

    /// The roles that somebody or a group was given, with all that they are made of, as far as they come along.
    pub(super) fn given(&self, map: &Map<String, Value>, out: &Arrivals) -> BTreeSet<String> {
        let mut open = named(map, "realmRoles", "clientRoles");
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.insert(name.clone()) {
                open.extend(self.0.get(&name).into_iter().flatten().cloned());
            }
        }
        seen.retain(|name| out.roles.contains_key(name));
        seen
    }
}

/// Groups by their path.
pub(super) fn groups(
    group: &Map<String, Value>,
    above: &str,
    depth: usize,
    composites: &Composites,
    out: &mut Arrivals,
) {
    let Some(name) = text(group, "name") else {
        return;
    };
    let path = format!("{above}/{name}");
    if !is_name(&path) || depth > DEEPEST {
        let text = "a group has a name that none can have here";
        out.notes.say(Kind::Directory, text, &path);
        return;
    }
    let attributes = group.get("attributes").and_then(Value::as_object);
    if attributes.is_some_and(|map| !map.is_empty()) {
        let text = "the attributes of a group were not taken over";
        out.notes.say(Kind::Directory, text, &path);
    }
    let made = Group {
        description: text(group, "description").map(str::to_owned),
        roles: composites.given(group, out),
    };
    out.groups.insert(path.clone(), made);
    for inner in list(group, "subGroups") {
        groups(inner, &path, depth.saturating_add(1), composites, out);
    }
}
