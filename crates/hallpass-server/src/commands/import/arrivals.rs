//! What another system had, in our words, and what is to be said about it.

use std::collections::BTreeMap;

use hallpass_core::access::{Group, Membership, Organization, Role};
use hallpass_jose::SigningKey;
use hallpass_types::Secret;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// Everything that comes.
#[derive(Default)]
pub(super) struct Arrivals {
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) organizations: BTreeMap<String, Organization>,
    pub(super) clients: Vec<Client>,
    pub(super) people: Vec<Person>,
    pub(super) keys: Vec<SigningKey>,
    pub(super) notes: Notes,
}

/// An application.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) secret: Option<Secret>,
    pub(super) disabled: bool,
}

/// Somebody.
#[derive(Default)]
pub(super) struct Person {
    /// Who they are to clients; a new one is made where there is none.
    pub(super) subject: Option<String>,
    pub(super) username: String,
    pub(super) hash: Option<String>,
    pub(super) must_change: bool,
    pub(super) disabled: bool,
    pub(super) claims: Map<String, Value>,
    pub(super) memberships: Vec<Membership>,
    pub(super) totp: Option<Zeroizing<Vec<u8>>>,
    /// Provider and subject there.
    pub(super) identities: Vec<(String, String)>,
}

/// Of what something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Directory,
    Key,
    Client,
    Person,
    /// What is not taken over but said in the configuration here.
    Setting,
}

impl Kind {
    /// Those that are counted.
    const COUNTED: [Self; 4] = [Self::Directory, Self::Key, Self::Client, Self::Person];

    fn name(self) -> &'static str {
        match self {
            Self::Directory => "roles_and_organizations",
            Self::Key => "keys",
            Self::Client => "clients",
            Self::Person => "users",
            Self::Setting => "settings",
        }
    }
}

/// What is said about single things: fixed sentences, each with the names that it is about.
#[derive(Default)]
pub(super) struct Notes(BTreeMap<(Kind, &'static str), Vec<String>>);

impl Notes {
    pub(super) fn say(&mut self, kind: Kind, text: &'static str, name: &str) {
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        self.0.entry((kind, text)).or_default().push(shown);
    }
}

/// How many of a kind were what.
#[derive(Clone, Copy, Default)]
struct Count {
    made: usize,
    there: usize,
    refused: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Report {
    counts: BTreeMap<Kind, Count>,
    pub(super) notes: Notes,
}

impl Report {
    pub(super) fn beginning(notes: Notes) -> Self {
        Self {
            notes,
            ..Self::default()
        }
    }

    pub(super) fn made(&mut self, kind: Kind) {
        let count = self.counts.entry(kind).or_default();
        count.made = count.made.saturating_add(1);
    }

    pub(super) fn there(&mut self, kind: Kind) {
        let count = self.counts.entry(kind).or_default();
        count.there = count.there.saturating_add(1);
    }

    pub(super) fn refused(&mut self, kind: Kind, why: &'static str, name: &str) {
        let count = self.counts.entry(kind).or_default();
        count.refused = count.refused.saturating_add(1);
        self.notes.say(kind, why, name);
    }

    pub(super) fn value(&self, dry_run: bool) -> Value {
        let mut value = Map::new();
        value.insert("dry_run".to_owned(), dry_run.into());
        for kind in Kind::COUNTED {
            let count = self.counts.get(&kind).copied().unwrap_or_default();
            let counted = json!({
                "imported": count.made, "already_there": count.there, "refused": count.refused,
            });
            value.insert(kind.name().to_owned(), counted);
        }
        let notes = self.notes.0.iter();
        let notes: Vec<Value> = notes
            .map(|((kind, text), names)| json!({ "about": kind.name(), "text": text, "names": names }))
            .collect();
        value.insert("notes".to_owned(), notes.into());
        Value::Object(value)
    }

    pub(super) fn text(&self, dry_run: bool) -> String {
        let mut out = Vec::new();
        let verb = if dry_run { "to import" } else { "imported" };
        for kind in Kind::COUNTED {
            let count = self.counts.get(&kind).copied().unwrap_or_default();
            let name = kind.name().replace('_', " ");
            out.push(format!(
                "{name}: {} {verb}, {} there already, {} refused",
                count.made, count.there, count.refused
            ));
        }
        let mut cut = false;
        for ((kind, text), names) in &self.notes.0 {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|n| escaped(n)).collect();
            let more = names.len().saturating_sub(SHOWN);
            cut |= more > 0;
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let kind = kind.name().replace('_', " ");
            out.push(format!("- {kind}: {text}: {}{more}", shown.join(", ")));
        }
        if cut {
            out.push("With --json all names are there.".to_owned());
        }
        out.join("\n")
    }
}

/// A name of another system on a terminal: what could steer it is written out.
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|c| c.escape_debug().collect::<Vec<_>>())
        .collect()
}

/// Characters of a name in a report.
const LONGEST_NAME: usize = 300;
/// Names in the text; programs get all.
const SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_another_system_cannot_steer_a_terminal() {
        let mut report = Report::default();
        report.refused(Kind::Client, "its name is odd", "\u{1b}[2Jx\u{202e}");
        let text = report.text(false);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains("\\u{1b}[2Jx"));
        assert_eq!(report.value(true)["clients"]["refused"], 1);
    }
}
