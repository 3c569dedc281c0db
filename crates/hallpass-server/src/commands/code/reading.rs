//! What the files of a folder want.

use std::collections::BTreeMap;

use hallpass_admin::code::{Placed, Trouble, Wanted, WantedClient, WantedProject, WantedProvider};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::document::{Node, What, Wrong, object};
use super::folder::Found;

/// The tables that a file may have.
const KNOWN: &str = "project, roles, groups, organizations, clients, providers and webhooks";

/// Reads files; what is wrong with them, by file and line.
pub(super) fn wanted(files: &[Found]) -> Result<Wanted, Vec<Trouble>> {
    let mut reader = Reader::default();
    for file in files {
        reader.file(file);
    }
    if reader.troubles.is_empty() {
        Ok(reader.wanted)
    } else {
        Err(reader.troubles)
    }
}

#[derive(Default)]
struct Reader {
    wanted: Wanted,
    troubles: Vec<Trouble>,
}

/// A file, for what is said about it.
#[derive(Clone, Copy)]
struct Of<'a>(&'a str);

impl Of<'_> {
    fn place(self, line: usize) -> String {
        format!("{}:{line}", self.0)
    }
}

impl Reader {
    fn trouble(&mut self, of: Of<'_>, line: usize, text: impl Into<String>) {
        let (place, text) = (of.place(line), text.into());
        self.troubles.push(trouble(place, text));
    }

    fn file(&mut self, file: &Found) {
        let of = Of(&file.name);
        let read = if file.json {
            Node::json(&file.text)
        } else {
            Node::toml(&file.text)
        };
        let root = match read {
            Ok(root) => root,
            Err(Wrong { line, text }) => return self.trouble(of, line, text),
        };
        let What::Table(tables) = root.what else {
            return self.trouble(of, root.line, "is no table");
        };
        let mut project = self
            .wanted
            .projects
            .remove(&file.project)
            .unwrap_or_default();
        for (name, node) in tables {
            self.table(of, &name, node, &mut project);
        }
        self.wanted.projects.insert(file.project.clone(), project);
    }

    fn table(&mut self, of: Of<'_>, name: &str, node: Node, project: &mut WantedProject) {
        match name {
            "project" => {
                if let Some(first) = &project.settings {
                    let text = format!("project: stands at {} already", first.place);
                    return self.trouble(of, node.line, text);
                }
                project.settings = self.typed(of, "project", &node);
            }
            "roles" => {
                let into = project.roles.get_or_insert_default();
                let found = self.items(of, "roles", node, into);
                self.put(found, into, Self::typed);
            }
            "groups" => {
                let into = project.groups.get_or_insert_default();
                let found = self.items(of, "groups", node, into);
                self.put(found, into, Self::typed);
            }
            "organizations" => {
                let into = project.organizations.get_or_insert_default();
                let found = self.items(of, "organizations", node, into);
                self.put(found, into, Self::typed);
            }
            "clients" => {
                let into = project.clients.get_or_insert_default();
                let found = self.items(of, "clients", node, into);
                self.put(found, into, Self::client);
            }
            "providers" => {
                let into = project.providers.get_or_insert_default();
                let found = self.items(of, "providers", node, into);
                self.put(found, into, Self::provider);
            }
            "webhooks" => {
                let into = project.webhooks.get_or_insert_default();
                let What::List(items) = node.what else {
                    let text = "webhooks: is no list; each stands under [[webhooks]]";
                    return self.trouble(of, node.line, text);
                };
                for item in items {
                    into.extend(self.typed(of, "webhooks", &item));
                }
            }
            other => {
                let text = format!("{other:?} is unknown; there are {KNOWN}");
                self.trouble(of, node.line, text);
            }
        }
    }

    /// The entries of a table by their names, but for those that stand elsewhere already.
    fn items<'a, T>(
        &mut self,
        of: Of<'a>,
        table: &'static str,
        node: Node,
        there: &BTreeMap<String, Placed<T>>,
    ) -> Items<'a> {
        let mut items = Items {
            of,
            table,
            found: Vec::new(),
        };
        let What::Table(members) = node.what else {
            let text = format!("{table}: is no table of names");
            self.trouble(of, node.line, text);
            return items;
        };
        for (name, node) in members {
            match there.get(&name) {
                Some(first) => {
                    let text = format!("{table}.{name:?} stands at {} already", first.place);
                    self.trouble(of, node.line, text);
                }
                None => items.found.push((name, node)),
            }
        }
        items
    }

    fn put<T>(
        &mut self,
        items: Items<'_>,
        into: &mut BTreeMap<String, Placed<T>>,
        read: impl Fn(&mut Self, Of<'_>, &str, &Node) -> Option<Placed<T>>,
    ) {
        for (name, node) in items.found {
            let called = format!("{}.{name:?}", items.table);
            if let Some(item) = read(self, items.of, &called, &node) {
                into.insert(name, item);
            }
        }
    }

    /// A table with known members and no others.
    fn typed<T: DeserializeOwned>(
        &mut self,
        of: Of<'_>,
        called: &str,
        node: &Node,
    ) -> Option<Placed<T>> {
        let What::Table(members) = &node.what else {
            self.trouble(of, node.line, format!("{called}: is no table"));
            return None;
        };
        match serde_json::from_value(Value::Object(object(members))) {
            Ok(value) => Some(Placed {
                place: of.place(node.line),
                value,
            }),
            Err(error) => {
                let error = error.to_string();
                let unknown = error.strip_prefix("unknown field `");
                let unknown = unknown.and_then(|rest| rest.split_once('`'));
                let line = unknown.and_then(|(name, _)| members.get(name));
                let line = line.map_or(node.line, |node| node.line);
                self.trouble(of, line, format!("{called}: {error}"));
                None
            }
        }
    }

    fn client(&mut self, of: Of<'_>, called: &str, node: &Node) -> Option<Placed<WantedClient>> {
        let What::Table(members) = &node.what else {
            self.trouble(of, node.line, format!("{called}: is no table"));
            return None;
        };
        let mut metadata = object(members);
        let mut right = true;
        let mut wrong = |name: &str, text: &str| {
            let line = members.get(name).map_or(node.line, |node| node.line);
            let text = format!("{called}: {name} {text}");
            self.troubles.push(trouble(of.place(line), text));
            right = false;
        };
        if metadata.contains_key("client_secret") {
            let text = "does not belong into the folder; give it with --secrets FILE";
            wrong("client_secret", text);
        }
        if metadata.contains_key("client_id") {
            wrong(
                "client_id",
                "is the name of the table, and stands nowhere else",
            );
        }
        let disabled = match metadata.remove("disabled") {
            None => None,
            Some(Value::Bool(disabled)) => Some(disabled),
            Some(_) => {
                wrong("disabled", "is true or false");
                None
            }
        };
        right.then(|| Placed {
            place: of.place(node.line),
            value: WantedClient { metadata, disabled },
        })
    }

    fn provider(
        &mut self,
        of: Of<'_>,
        called: &str,
        node: &Node,
    ) -> Option<Placed<WantedProvider>> {
        let What::Table(members) = &node.what else {
            self.trouble(of, node.line, format!("{called}: is no table"));
            return None;
        };
        let mut right = true;
        for (name, text) in NOT_OF_PROVIDERS {
            if let Some(member) = members.get(*name) {
                self.trouble(of, member.line, format!("{called}: {name} {text}"));
                right = false;
            }
        }
        right.then(|| Placed {
            place: of.place(node.line),
            value: WantedProvider {
                settings: object(members),
            },
        })
    }
}

/// Members of a provider that stand elsewhere, and what is said to whoever writes them here.
const NOT_OF_PROVIDERS: &[(&str, &str)] = &[
    (
        "client_secret",
        "does not belong into the folder; give it with --secrets FILE",
    ),
    (
        "client_secret_file",
        "does not belong into the folder; give the secret with --secrets FILE",
    ),
    (
        "client_secret_sealed",
        "does not belong into the folder; give the secret with --secrets FILE",
    ),
    ("id", "is the name of the table, and stands nowhere else"),
];

/// Entries of a table.
struct Items<'a> {
    of: Of<'a>,
    table: &'static str,
    found: Vec<(String, Node)>,
}

/// What is wrong, at a place.
pub(super) fn trouble(place: String, text: String) -> Trouble {
    Trouble { place, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> Found {
        let project = name.split(['/', '.']).next().unwrap();
        Found {
            project: project.to_owned(),
            name: name.to_owned(),
            json: name.ends_with(".json"),
            text: text.to_owned(),
        }
    }

    fn refused(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<Found> = files.iter().map(|(name, text)| file(name, text)).collect();
        let troubles = wanted(&files).unwrap_err();
        let shown = troubles.iter();
        shown.map(|t| format!("{}: {}", t.place, t.text)).collect()
    }

    #[test]
    fn files_of_a_project_are_one() {
        let files = [
            file(
                "acme/a.toml",
                "[project]\n[roles.admin]\npermissions = ['x']\n",
            ),
            file(
                "acme/b.json",
                "{\"roles\": {\"reader\": {}}, \"clients\": {\"shop\": {\"disabled\": true, \"client_name\": \"Shop\"}}}",
            ),
            file("other.toml", "[clients]\n"),
        ];
        let wanted = wanted(&files).unwrap();
        let acme = &wanted.projects["acme"];
        assert_eq!(acme.roles.as_ref().unwrap().len(), 2);
        assert_eq!(acme.roles.as_ref().unwrap()["admin"].place, "acme/a.toml:2");
        let shop = &acme.clients.as_ref().unwrap()["shop"].value;
        assert_eq!((shop.disabled, shop.metadata.len()), (Some(true), 1));
        assert!(acme.groups.is_none(), "nothing is said of them");
        let other = &wanted.projects["other"];
        assert!(
            other.clients.as_ref().unwrap().is_empty(),
            "there are to be none"
        );
    }

    #[test]
    fn what_is_unknown_or_twice_is_refused_with_file_and_line() {
        for (files, says) in [
            (
                &[("a.toml", "\n[clientz.x]\n")][..],
                "a.toml:2: \"clientz\" is unknown",
            ),
            (
                &[("a.toml", "[roles.r]\n\npermission = []\n")],
                "a.toml:3: roles.\"r\": unknown field `permission`",
            ),
            (
                &[("a.toml", "[project]\nname = 'x'\n")],
                "a.toml:2: project: unknown field",
            ),
            (
                &[("a.toml", "[roles]\nr = 5\n")],
                "a.toml:2: roles.\"r\": is no table",
            ),
            (
                &[("a.toml", "clients = []\n")],
                "a.toml:1: clients: is no table",
            ),
            (
                &[("a.toml", "[webhooks]\n")],
                "a.toml:1: webhooks: is no list",
            ),
            (
                &[("a.toml", "[[webhooks]]\nurl = 'x'\n")],
                "a.toml:1: webhooks: missing field `events`",
            ),
            (&[("a.json", "[]")], "a.json:1: is no table"),
            (
                &[(
                    "a.toml",
                    "[clients.x]\nclient_secret = 'a secret that is long'\n",
                )],
                "a.toml:2: clients.\"x\": client_secret does not belong",
            ),
            (
                &[("a.toml", "[clients.x]\nclient_id = 'y'\n")],
                "a.toml:2: clients.\"x\": client_id is",
            ),
            (
                &[("a.toml", "[clients.x]\ndisabled = 'no'\n")],
                "a.toml:2: clients.\"x\": disabled is",
            ),
            (
                &[("a.toml", "[providers.x]\nclient_secret = 'hunter2'\n")],
                "a.toml:2: providers.\"x\": client_secret does not belong",
            ),
            (
                &[(
                    "a.toml",
                    "[providers.x]\n\nclient_secret_file = '/etc/shadow'\n",
                )],
                "a.toml:3: providers.\"x\": client_secret_file does not belong",
            ),
            (
                &[("a.toml", "[providers.x]\nid = 'y'\n")],
                "a.toml:2: providers.\"x\": id is",
            ),
            (
                &[("a.toml", "[providers]\nx = 1\n")],
                "a.toml:2: providers.\"x\": is no table",
            ),
            (
                &[
                    ("a/1.toml", "[clients.x]\n"),
                    ("a/2.toml", "\n[clients.x]\n"),
                ],
                "a/2.toml:2: clients.\"x\" stands at a/1.toml:1 already",
            ),
            (
                &[("a/1.toml", "[project]\n"), ("a/2.toml", "[project]\n")],
                "a/2.toml:1: project: stands at a/1.toml:1 already",
            ),
        ] {
            let said = refused(files);
            assert!(
                said.len() == 1 && said[0].starts_with(says),
                "{said:?} {says}"
            );
        }
    }

    #[test]
    fn a_secret_in_a_file_is_not_repeated() {
        let said = refused(&[(
            "a.toml",
            "[clients.x]\nclient_secret = 'hunter22hunter22'\n",
        )]);
        assert!(!said.concat().contains("hunter"), "{said:?}");
    }
}
