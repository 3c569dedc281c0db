//! Changes what is told about a person.

use hallpass_core::{access, admin::Permission};
use hallpass_provider::ports::ByOperator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{MembershipView, UserView, changeable, changed};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

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
            let change = ByOperator::Memberships(&before.subject, &memberships);
            return changed(cx, &before, change, said.saying("memberships", true)).await;
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
