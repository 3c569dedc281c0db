//! Who calls, and what they may do.

use std::collections::BTreeMap;

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Operation, Place, Principal, Problem, RoleName};

/// Answers who calls.
#[derive(Debug)]
pub struct Show;

/// Nothing is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    /// `user`, `client` or `command`.
    pub kind: String,
    /// Subject, client identifier, or user of the operating system.
    pub id: String,
    /// The role in each project, by its name; `*` for all.
    pub roles: BTreeMap<String, RoleName>,
    /// The access token lets the caller look and nothing else.
    pub only_looks: bool,
}

impl Operation for Show {
    const INFO: Info = Info::get("me.show", "/me", Permission::ReadProject)
        .at(Place::Anybody)
        .does("Answers who calls, and their roles.");
    type Input = Input;
    type Output = Me;

    async fn run(cx: &Context, _: Input) -> Result<Me, Problem> {
        let caller = cx.caller();
        let (kind, id) = match &caller.principal {
            Principal::User(subject) => ("user", subject.to_string()),
            Principal::Client(client) => ("client", client.to_string()),
            Principal::Command(user) => ("command", user.clone()),
        };
        let roles = caller.roles.iter();
        Ok(Me {
            kind: kind.to_owned(),
            id,
            roles: roles.map(|(p, r)| (p.clone(), (*r).into())).collect(),
            only_looks: caller.only_looks,
        })
    }
}
