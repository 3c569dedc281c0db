//! Passwords of people.

use hallpass_core::{admin::Permission, record::Activity};
use hallpass_provider::ports::ByOperator;
use hallpass_store::Write;
use hallpass_types::{Secret, Subject};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    UserView, Which, changeable, changed,
    create::{WithPassword, generated},
};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Gives an account another password.
#[derive(Debug)]
pub struct SetPassword;

/// Demands another password.
#[derive(Debug)]
pub struct MustChange;

/// Whose password, and which.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The subject of the account.
    pub user: String,
    /// The password; one is made up and shown this once where there is none.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether the person must choose another one at the next sign-in; they must, unless this says otherwise.
    #[serde(default)]
    pub must_change_password: Option<bool>,
}

impl Operation for SetPassword {
    const INFO: Info = Info::new(
        "users.set_password",
        Method::Post,
        "/projects/{project}/users/{user}/password",
        Permission::ChangeUsers,
    )
    .fails(&[Kind::Unfit])
    .does("Gives an account another password; sessions and everything that was granted before are over.");
    type Input = Input;
    type Output = WithPassword;

    async fn run(cx: &Context, input: Input) -> Result<WithPassword, Problem> {
        let before = changeable(cx, &input.user).await?;
        let made = generated(cx, input.password.is_none(), false)?;
        let password = input.password.map(Secret::new).or_else(|| made.clone());
        let Some(password) = password else {
            return Err(Kind::Internal.into());
        };
        let ended = cx.provider().ending_sessions(&before.subject, None).await?;
        let said = Change::of("user", before.subject.as_str()).writing(ended.unwrap_or_default());
        let must_change = input.must_change_password.unwrap_or(true);
        let demanded = must_change.then(|| demanded(cx, &before.subject));
        let said = said.writing(demanded);
        let change = ByOperator::Password {
            subject: &before.subject,
            password: &password,
            must_change,
        };
        // The answer that is kept for who asks again lacks what was made up: it is said once.
        let user = changed(cx, &before, change, said).await?;
        Ok(WithPassword {
            user,
            password: made.map(|made| made.expose().to_owned()),
        })
    }
}

impl Operation for MustChange {
    const INFO: Info = Info::new(
        "users.must_change_password",
        Method::Post,
        "/projects/{project}/users/{user}/must-change-password",
        Permission::HelpUsers,
    )
    .does("Demands that the person chooses another password at the next sign-in.");
    type Input = Which;
    type Output = UserView;

    async fn run(cx: &Context, input: Which) -> Result<UserView, Problem> {
        let before = changeable(cx, &input.user).await?;
        let said =
            Change::of("user", before.subject.as_str()).writing([demanded(cx, &before.subject)]);
        let change = ByOperator::MustChange(&before.subject);
        changed(cx, &before, change, said).await
    }
}

/// The person sees in their history that another password is demanded.
fn demanded(cx: &Context, subject: &Subject) -> Write {
    cx.provider().noted(subject, Activity::ChangeDemanded)
}
