//! Authorization details (RFC 9396) as people read them.

use hallpass_core::{
    authorization_details::{Detail, DetailType},
    policy::Policy,
};
use serde_json::Value;

/// An authorization detail as pages show it: plain texts, to be escaped like everything else that a client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetailView {
    /// The operator's description of its type, or the type itself.
    pub title: String,
    /// Names and values of its members.
    pub rows: Vec<(String, String)>,
}

impl DetailView {
    /// What a person reads of a detail.
    pub(crate) fn of(detail: &Detail, policy: &Policy) -> Self {
        let kind = policy.detail_type(detail.kind());
        let title = kind
            .and_then(|kind| kind.description.clone())
            .unwrap_or_else(|| detail.kind().to_owned());
        let mut rows = Vec::new();
        // In the operator's order, then whatever else there may be.
        let listed = kind.into_iter().flat_map(|kind| &kind.members);
        for member in listed {
            if let Some(value) = detail.members().get(&member.name) {
                add(&mut rows, label(kind, &member.name), value, MAX_DEPTH);
            }
        }
        for (name, value) in detail.members() {
            let shown = name == "type" || kind.is_some_and(|kind| kind.member(name).is_some());
            if !shown {
                add(&mut rows, name.clone(), value, MAX_DEPTH);
            }
        }
        Self { title, rows }
    }
}

fn label(kind: Option<&DetailType>, name: &str) -> String {
    kind.and_then(|kind| kind.member(name)?.label.clone())
        .unwrap_or_else(|| name.to_owned())
}

/// A row for every plain value; what is inside an object is named by the way to it.
fn add(rows: &mut Vec<(String, String)>, name: String, value: &Value, depth: u8) {
    let Some(deeper) = depth.checked_sub(1) else {
        rows.push((name, value.to_string()));
        return;
    };
    match value {
        Value::Object(members) => {
            for (inner, value) in members {
                add(rows, format!("{name} · {inner}"), value, deeper);
            }
        }
        Value::Array(entries) if entries.iter().any(|e| e.is_object() || e.is_array()) => {
            for (index, value) in entries.iter().enumerate() {
                add(
                    rows,
                    format!("{name} {}", index.saturating_add(1)),
                    value,
                    deeper,
                );
            }
        }
        Value::Array(entries) => {
            let texts: Vec<String> = entries.iter().map(plain).collect();
            rows.push((name, texts.join(", ")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            rows.push((name, plain(value)));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Deeper objects are shown as they were sent.
const MAX_DEPTH: u8 = 5;
