//! The types of authorization details that an issuer knows.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Detail, common_kind};

/// A type of authorization details.
#[derive(Clone, Debug)]
pub struct DetailType {
    /// Its name: the member `type`.
    pub name: String,
    /// What the person reads above it.
    pub description: Option<String>,
    /// The members that it may have beside `type`. Others are refused.
    pub members: Vec<Member>,
    /// Looks at what a list of members cannot say, such as a currency or a limit.
    pub check: Option<DetailCheck>,
}

/// A member of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: MemberKind,
    /// Whether it must be there.
    pub required: bool,
    /// Its name for people.
    pub label: Option<String>,
    /// The only values of a text, or of the entries of a list of texts; empty allows every one.
    pub values: Vec<String>,
}

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "JSON has no other values")]
pub enum MemberKind {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// An object.
    Object,
    /// A list.
    List,
    /// Anything.
    Any,
}

/// A check by the program that embeds the provider.
#[derive(Clone)]
pub struct DetailCheck(pub Arc<Predicate>);

/// Whether the members of a detail are right.
pub type Predicate = dyn Fn(&Map<String, Value>) -> bool + Send + Sync;

impl fmt::Debug for DetailCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DetailCheck(..)")
    }
}

impl MemberKind {
    /// Whether a value is of this kind.
    #[must_use]
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Any => true,
        }
    }
}

impl DetailType {
    /// A type without members of its own.
    #[must_use]
    pub const fn new(name: String) -> Self {
        Self {
            name,
            description: None,
            members: Vec::new(),
            check: None,
        }
    }

    /// Whether a detail is what this type allows.
    //= RFC9396#5 MUST: unknown or missing members, wrong types and invalid values are refused
    #[must_use]
    pub fn allows(&self, detail: &Detail) -> bool {
        let members = detail.members();
        let all_known = members.iter().all(|(name, value)| {
            name == "type" || self.member(name).is_some_and(|member| member.allows(value))
        });
        let complete = self
            .members
            .iter()
            .filter(|member| member.required)
            .all(|member| members.contains_key(&member.name));
        detail.kind() == self.name
            && all_known
            && complete
            && self.check.as_ref().is_none_or(|check| (check.0)(members))
    }

    /// The member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

impl Member {
    /// A member that may be left out, of the kind that its name stands for.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: common_kind(name).unwrap_or(MemberKind::Any),
            required: false,
            label: None,
            values: Vec::new(),
        }
    }

    fn allows(&self, value: &Value) -> bool {
        let listed = |text: &Value| {
            self.values.is_empty()
                || text
                    .as_str()
                    .is_some_and(|t| self.values.iter().any(|v| v == t))
        };
        let values = match value {
            Value::Array(entries) => entries.iter().all(listed),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => listed(value),
        };
        self.kind.fits(value) && values
    }
}
