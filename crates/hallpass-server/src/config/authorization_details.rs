//! `[[authorization_details]]`: what clients may ask for in more detail than by a scope.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::{
    authorization_details::{self as core, DetailType},
    policy::Policy,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// A type of authorization details (RFC 9396). A client may ask for it when its `authorization_details_types` names it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationDetails {
    /// The member `type`.
    #[serde(rename = "type")]
    pub name: String,
    /// The sentence that the consent page shows above it.
    #[serde(default)]
    pub description: Option<String>,
    /// The members that it may have, by name. Others are refused.
    #[serde(default)]
    pub members: BTreeMap<String, Member>,
}

/// A member of authorization details.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Member {
    /// What it holds. Without a value: anything, but for the members that RFC 9396 defines.
    pub kind: Option<Kind>,
    /// Whether it must be there.
    pub required: bool,
    /// Its name on the consent page.
    pub label: Option<String>,
    /// The only texts that it may hold.
    pub values: Vec<String>,
}

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
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

impl AuthorizationDetails {
    pub(super) fn check(list: &[Self], check: &mut Checker<'_>) {
        let mut seen = BTreeSet::new();
        for (index, each) in list.iter().enumerate() {
            let setting = format!("authorization_details[{index}].type");
            if each.name.is_empty() || each.name.len() > 256 {
                check.problem(&setting, "must have 1 to 256 characters");
            }
            if !seen.insert(&each.name) {
                check.problem(&setting, "is there twice");
            }
            if each.members.contains_key("type") {
                let setting = format!("authorization_details[{index}].members.type");
                check.problem(&setting, "is in every one already");
            }
        }
    }

    /// Changes a policy to what is configured.
    pub(crate) fn apply(list: &[Self], policy: &mut Policy) {
        policy.detail_types = list
            .iter()
            .map(|each| DetailType {
                description: each.description.clone(),
                members: each.members.iter().map(member).collect(),
                ..DetailType::new(each.name.clone())
            })
            .collect();
    }
}

fn member((name, member): (&String, &Member)) -> core::Member {
    let usual = core::Member::new(name);
    core::Member {
        kind: member.kind.map_or(usual.kind, kind),
        required: member.required,
        label: member.label.clone(),
        values: member.values.clone(),
        ..usual
    }
}

const fn kind(kind: Kind) -> core::MemberKind {
    match kind {
        Kind::Text => core::MemberKind::Text,
        Kind::Texts => core::MemberKind::Texts,
        Kind::Number => core::MemberKind::Number,
        Kind::Flag => core::MemberKind::Flag,
        Kind::Object => core::MemberKind::Object,
        Kind::List => core::MemberKind::List,
        Kind::Any => core::MemberKind::Any,
    }
}
