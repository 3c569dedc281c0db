//! What an operator demands of registrations: named sets, for everybody or for the holders of a token.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    super::{MetadataError, MetadataReason, load},
    choices,
};

/// A registration policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Members that have these values, whatever the client says.
    pub forced: Map<String, Value>,
    /// Members that have these values when the client says nothing.
    pub defaults: Map<String, Value>,
    /// Members that may have these values and no others; of a list, and of `scope`, each entry. Where a client that has
    /// nothing may do everything (`scope`, `response_modes`), one that says nothing has these.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// Members that the client must have in the end.
    pub required: Vec<String>,
}

/// What is named where a rule is about a member that the embedding program added.
const PLACE: &str = "metadata";

/// A member that does not fit. It is named, so that whoever registers knows what to change; which values would fit is not said.
fn refused(name: &str) -> MetadataError {
    let name = name.split('#').next().unwrap_or_default();
    MetadataReason::NotAllowed.at(load::registered(name).unwrap_or(PLACE))
}

/// Fills in what the client left open. Before anything else is looked at.
pub fn complete(rules: &[&Rules], input: &mut Map<String, Value>) {
    for rules in rules {
        for (name, value) in &rules.defaults {
            if input.get(name).is_none_or(Value::is_null) {
                input.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Sets what is not the client's to choose. After the client and a software statement have had their say.
pub fn force(rules: &[&Rules], input: &mut Map<String, Value>) {
    for rules in rules {
        for (name, value) in &rules.forced {
            // Otherwise the client's list would have its say where the value cannot be taken.
            choices::settle(input, name);
            input.insert(name.clone(), value.clone());
        }
    }
}

/// Gives a client what it may have of members without which it could have everything. After [`force`].
///
/// # Errors
/// [`MetadataReason::NotAllowed`] when the rules leave nothing.
pub fn bound(rules: &[&Rules], input: &mut Map<String, Value>) -> Result<(), MetadataError> {
    for name in OPEN_WITHOUT {
        let says_nothing = match input.get(*name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
        };
        // Who has to say something is refused without it.
        let must_say = rules.iter().any(|rules| is_in(&rules.required, name));
        let mut lists = rules.iter().filter_map(|rules| rules.allowed.get(*name));
        let Some(first) = lists.next().filter(|_| says_nothing && !must_say) else {
            continue;
        };
        let others: Vec<_> = lists.collect();
        let all = first.iter().map(String::as_str);
        let all: Vec<&str> = all
            .filter(|value| others.iter().all(|list| is_in(list, value)))
            .collect();
        if all.is_empty() {
            return Err(refused(name));
        }
        let value = if *name == "scope" {
            Value::from(all.join(" "))
        } else {
            Value::from(all)
        };
        input.insert((*name).to_owned(), value);
    }
    Ok(())
}

fn is_in(list: &[String], value: &str) -> bool {
    list.iter().any(|entry| entry == value)
}

/// A client without these has no bounds.
const OPEN_WITHOUT: &[&str] = &["scope", "response_modes"];

/// Checks what came out, defaults included.
///
/// # Errors
/// [`MetadataReason::NotAllowed`] when a member has another value than those allowed, or one that is required is missing.
pub fn check(rules: &[&Rules], metadata: &Map<String, Value>) -> Result<(), MetadataError> {
    match misfits(rules, metadata).next() {
        Some(name) => Err(refused(name)),
        None => Ok(()),
    }
}

/// The members that are missing, or have another value than those allowed.
fn misfits<'r>(
    rules: &'r [&Rules],
    metadata: &'r Map<String, Value>,
) -> impl Iterator<Item = &'r String> {
    rules.iter().flat_map(|rules| {
        let missing = rules.required.iter();
        let missing = missing.filter(|name| !metadata.contains_key(*name));
        let others = rules.allowed.iter();
        let others = others.filter(|(name, allowed)| !fits(name, metadata.get(*name), allowed));
        missing.chain(others.map(|(name, _)| name))
    })
}

fn fits(name: &str, value: Option<&Value>, allowed: &[String]) -> bool {
    let is_allowed = |text: &str| is_in(allowed, text);
    match value {
        None => true,
        Some(Value::String(text)) if name == "scope" => text.split(' ').all(is_allowed),
        Some(Value::String(text)) => is_allowed(text),
        Some(Value::Array(entries)) => entries
            .iter()
            .all(|entry| entry.as_str().is_some_and(is_allowed)),
        Some(Value::Bool(flag)) => is_allowed(&flag.to_string()),
        Some(Value::Number(number)) => is_allowed(&number.to_string()),
        Some(Value::Null | Value::Object(_)) => false,
    }
}

/// The members of a client's metadata that it would not have if it registered now, each once, by their names: those that do not
/// fit, that are forced and have another value, and that have no bounds where the rules set some.
#[must_use]
pub fn exceeded(rules: &[&Rules], metadata: &Map<String, Value>) -> Vec<String> {
    let forced = rules.iter().flat_map(|rules| &rules.forced);
    let forced = forced.filter(|(name, value)| {
        let held = metadata.get(*name);
        held.is_some_and(|held| held != *value)
    });
    let open = OPEN_WITHOUT.iter().filter(|name| {
        let bounded = rules.iter().any(|r| r.allowed.contains_key(**name));
        bounded && !metadata.contains_key(**name)
    });
    let found: BTreeSet<String> = misfits(rules, metadata)
        .chain(forced.map(|(name, _)| name))
        .cloned()
        .chain(open.map(|name| (*name).to_owned()))
        .collect();
    found.into_iter().collect()
}
