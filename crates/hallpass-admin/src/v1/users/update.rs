//! Changes what is told about a person.

use hallpass_core::{access, admin::Permission};
use hallpass_provider::ports::ByOperator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{MembershipView, UserView, changeable, changed};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem, v1::access::are_names};

/// Changes an account.
#[derive(Debug)]
pub struct Update;

/// What is to be changed: a name and claims, or memberships.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its subject.
    pub user: String,
    /// Another name to sign in with.
    #[serde(default)]
    pub username: Option<String>,
    /// Claims that are to be otherwise; null takes one away.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// All memberships. Who loses something loses everything that was granted before. Not beside a name or claims.
    #[serde(default)]
    pub memberships: Option<Vec<MembershipView>>,
}

impl Operation for Update {
    const INFO: Info = Info::new(
        "users.update",
        Method::Patch,
        "/projects/{project}/users/{user}",
        Permission::ChangeUsers,
    )
    .fails(&[Kind::Unfit, Kind::Taken])
    .does("Changes the name, the claims or the memberships of a person.");
    type Input = Input;
    type Output = UserView;

    async fn run(cx: &Context, input: Input) -> Result<UserView, Problem> {
        let before = changeable(cx, &input.user).await?;
        let said = Change::of("user", before.subject.as_str());
        if let Some(memberships) = input.memberships {
            if input.username.is_some() || !input.claims.is_empty() {
                let text = "are changed by themselves";
                return Err(Problem::unfit("memberships", text));
            }
            if memberships.len() > access::MAX_MEMBERSHIPS {
                return Err(Problem::unfit("memberships", "are too many"));
            }
            let memberships: Vec<access::Membership> =
                memberships.into_iter().map(Into::into).collect();
            let mut seen = std::collections::BTreeSet::new();
            if !memberships
                .iter()
                .all(|m| seen.insert(m.organization.clone()))
            {
                let text = "name an organization twice";
                return Err(Problem::unfit("memberships", text));
            }
            fit(cx, &before.memberships, &memberships).await?;
            // Clients that want to know of the end of sessions are told in the same commit.
            let ended = match access::takes_away(&before.memberships, &memberships) {
                true => cx.provider().ending_sessions(&before.subject, None).await?,
                false => None,
            };
            let said = said
                .saying("memberships", true)
                .writing(ended.unwrap_or_default());
            let change = ByOperator::Memberships(&before.subject, &memberships);
            return changed(cx, &before, change, said).await;
        }
        let names: Vec<&str> = input.claims.keys().map(String::as_str).collect();
        let said = said
            .saying("claims", names)
            .saying("renamed", input.username.is_some());
        let change = ByOperator::Profile {
            subject: &before.subject,
            username: input.username.as_deref(),
            claims: &input.claims,
        };
        changed(cx, &before, change, said).await
    }
}

/// Whether memberships name what there is. One that stays as it was stays so, whatever was deleted since.
async fn fit(
    cx: &Context,
    before: &[access::Membership],
    after: &[access::Membership],
) -> Result<(), Problem> {
    let directory = cx.store().directory(cx.issuer()).await?;
    for membership in after.iter().filter(|m| !before.contains(m)) {
        let access::Membership {
            organization,
            inactive: _,
            roles,
            groups,
            allowed,
            denied,
        } = membership;
        for (field, list) in [
            ("memberships.roles", roles),
            ("memberships.groups", groups),
            ("memberships.allowed", allowed),
            ("memberships.denied", denied),
        ] {
            are_names(field, list)?;
        }
        if !roles.iter().all(|name| directory.roles.contains_key(name)) {
            let text = "name a role that is not there";
            return Err(Problem::unfit("memberships.roles", text));
        }
        if !groups
            .iter()
            .all(|name| directory.groups.contains_key(name))
        {
            let text = "name a group that is not there";
            return Err(Problem::unfit("memberships.groups", text));
        }
        if organization
            .as_ref()
            .is_some_and(|name| !directory.organizations.contains_key(name))
        {
            let text = "is not there";
            return Err(Problem::unfit("memberships.organization", text));
        }
    }
    Ok(())
}
