//! People: accounts of a project.

pub mod activity;
pub mod create;
pub mod credentials;
pub mod delete;
pub mod invite;
pub mod link;
pub mod list;
pub mod password;
pub mod sessions;
pub mod show;
pub mod state;
pub mod update;

use hallpass_core::{access, admin::Permission};
use hallpass_provider::ports::{ByOperator, Change as Changing, Prepared, Unfit};
use hallpass_store::{AdminKind, Spend, UserRecord};
use hallpass_types::Subject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use activity::Activity;
pub use create::Create;
pub use credentials::{CredentialsList, RemoveCredential};
pub use delete::Delete;
pub use invite::Invite;
pub use link::Link;
pub use list::List;
pub use password::{MustChange, SetPassword};
pub use sessions::{EndAll, EndSession, SessionsList};
pub use show::Show;
pub use state::{Disable, Enable};
pub use update::Update;

use crate::{ALL_PROJECTS, Change, Context, Kind, Principal, Problem};

/// Which account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its subject.
    pub user: String,
}

/// An account as operators see it. No password is in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UserView {
    /// Its subject, which is never given to anybody else.
    pub subject: String,
    /// The name to sign in with.
    pub username: String,
    /// A disabled account cannot sign in, and nothing it granted works.
    pub disabled: bool,
    /// Whether there is a password to sign in with.
    pub has_password: bool,
    /// The person must choose another password at the next sign-in.
    pub must_change_password: bool,
    /// Claims by their OpenID Connect names.
    pub claims: Map<String, Value>,
    /// What the person is and may do, in the project and its organizations.
    pub memberships: Vec<MembershipView>,
    /// Changes with every change.
    pub revision: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// What a person is and may do: in an organization, or in the project as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MembershipView {
    /// The organization; null for the project as a whole.
    pub organization: Option<String>,
    /// It is there and does not count.
    pub inactive: bool,
    /// Roles.
    pub roles: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Permissions beside those of the roles.
    pub allowed: Vec<String>,
    /// Permissions that are taken away, whatever gives them.
    pub denied: Vec<String>,
}

impl From<&access::Membership> for MembershipView {
    fn from(held: &access::Membership) -> Self {
        let list = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect();
        Self {
            organization: held.organization.clone(),
            inactive: held.inactive,
            roles: list(&held.roles),
            groups: list(&held.groups),
            allowed: list(&held.allowed),
            denied: list(&held.denied),
        }
    }
}

impl From<MembershipView> for access::Membership {
    fn from(view: MembershipView) -> Self {
        Self {
            organization: view.organization,
            inactive: view.inactive,
            roles: view.roles.into_iter().collect(),
            groups: view.groups.into_iter().collect(),
            allowed: view.allowed.into_iter().collect(),
            denied: view.denied.into_iter().collect(),
        }
    }
}

impl From<&UserRecord> for UserView {
    fn from(user: &UserRecord) -> Self {
        Self {
            subject: user.subject.as_str().to_owned(),
            username: user.username.clone(),
            disabled: user.disabled,
            has_password: user.password.is_some(),
            must_change_password: user.must_change_password,
            claims: user.claims.clone(),
            memberships: user.memberships.iter().map(MembershipView::from).collect(),
            revision: user.revision.to_string(),
            created_at: user.created_at.0,
            updated_at: user.updated_at.0,
        }
    }
}

/// The account of that subject.
async fn find(cx: &Context, user: &str) -> Result<UserRecord, Problem> {
    let subject = Subject::parse(user).map_err(|_| Problem::new(Kind::NotFound))?;
    let found = cx.store().user(cx.issuer(), &subject).await?;
    found.ok_or_else(|| Kind::NotFound.into())
}

/// The account of that subject, to be changed. Whoever could get into the account of an operator could do all that they can.
async fn changeable(cx: &Context, user: &str) -> Result<UserRecord, Problem> {
    let found = find(cx, user).await?;
    cx.matches(&found.revision.to_string())?;
    if cx.is_home() && !cx.caller().may(Permission::ChangeOperators, ALL_PROJECTS) {
        let key = Principal::User(found.subject.clone()).key();
        let kept = match &key {
            Some(key) => {
                let kind = AdminKind::Operator;
                cx.store().admin_record(cx.issuer(), kind, key).await?
            }
            None => None,
        };
        if kept.is_some() {
            let text = "the account of an operator is the owners' to change";
            return Err(Problem::new(Kind::Forbidden).because(text));
        }
    }
    Ok(found)
}

/// Makes a change of an account ready.
async fn prepared(cx: &Context, change: Changing<'_>) -> Result<Prepared, Problem> {
    let people = cx
        .provider()
        .account_changes()
        .ok_or_else(|| Problem::new(Kind::WrongState).because("accounts are elsewhere"))?;
    people.prepare(cx.issuer(), change).await?.map_err(unfit)
}

/// The record that a prepared change writes.
fn written(prepared: &Prepared) -> Option<&UserRecord> {
    prepared.spends.iter().find_map(|spend| {
        if let Spend::NewUser(record) | Spend::User { record, .. } = spend {
            Some(&**record)
        } else {
            None
        }
    })
}

/// Commits a prepared change of an account, with more beside it.
async fn changed(
    cx: &Context,
    before: &UserRecord,
    change: ByOperator<'_>,
    said: Change,
) -> Result<UserView, Problem> {
    let prepared = prepared(cx, Changing::ByOperator(change)).await?;
    let Some(record) = written(&prepared) else {
        return Err(Kind::Internal.into());
    };
    // What the caller has seen is what is changed.
    if record.revision != before.revision.saturating_add(1) {
        return Err(Kind::Changed.into());
    }
    let view = UserView::from(record);
    let name = record.username_key.clone();
    let said = said.spending(prepared.spends).writing(prepared.writes);
    match cx.commit(said, &view).await {
        Ok(()) => Ok(view),
        Err(crate::Uncommitted::TooLate(0)) => {
            let holder = cx.store().user_by_name(cx.issuer(), &name).await?;
            let others = holder.is_some_and(|holder| holder.subject != before.subject);
            Err(if others { Kind::Taken } else { Kind::Changed }.into())
        }
        Err(crate::Uncommitted::TooLate(_)) => Err(Kind::Taken.into()),
        Err(crate::Uncommitted::Problem(problem)) => Err(problem),
    }
}

fn unfit(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::PasswordTooShort(least) => {
            Problem::unfit("password", format!("has at least {least} characters"))
        }
        Unfit::PasswordTooLong => Problem::unfit("password", "is too long"),
        Unfit::PasswordWeak => Problem::unfit("password", "is one that others guess"),
        Unfit::Taken => Kind::Taken.into(),
        Unfit::Name => {
            let text = "has 1 to 200 bytes, without spaces and control characters";
            Problem::unfit("username", text)
        }
        Unfit::Claim => Problem::unfit(
            "claims",
            "has a name that is the server's, or a value that cannot be",
        ),
        Unfit::Unknown => Kind::NotFound.into(),
        Unfit::Busy(seconds) => Problem::new(Kind::Unavailable).after(seconds),
        Unfit::Changed | _ => Kind::Unfit.into(),
    }
}
