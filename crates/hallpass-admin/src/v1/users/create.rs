//! Makes an account.

use hallpass_core::admin::Permission;
use hallpass_jose::base64url;
use hallpass_provider::ports::{ByOperator, Change as Changing};
use hallpass_types::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{UserView, prepared, written};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem, Uncommitted};

/// Makes an account.
#[derive(Debug)]
pub struct Create;

/// What is to be made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name to sign in with.
    pub username: String,
    /// The password. Without one, and unless one is to be generated, the person signs in otherwise.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether a password is to be made up, which is shown this once.
    #[serde(default)]
    pub generate_password: bool,
    /// Whether the person must choose another password at the first sign-in; they must, unless this says otherwise.
    #[serde(default)]
    pub must_change_password: Option<bool>,
    /// Claims by their OpenID Connect names.
    #[serde(default)]
    pub claims: Map<String, Value>,
}

/// An account with the password that was made up, which is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WithPassword {
    /// The account.
    #[serde(flatten)]
    pub user: UserView,
    /// The password that was made up.
    pub password: Option<String>,
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "users.create",
        Method::Post,
        "/projects/{project}/users",
        Permission::ChangeUsers,
    )
    .answers(201)
    .fails(&[Kind::Taken, Kind::Unfit])
    .does("Makes an account.");
    type Input = Input;
    type Output = WithPassword;

    async fn run(cx: &Context, input: Input) -> Result<WithPassword, Problem> {
        let made = generated(cx, input.generate_password, input.password.is_some())?;
        let password = input.password.map(Secret::new).or_else(|| made.clone());
        let change = ByOperator::New {
            username: &input.username,
            password: password.as_ref(),
            must_change: input.must_change_password.unwrap_or(true),
            claims: &input.claims,
        };
        let prepared = prepared(cx, Changing::ByOperator(change)).await?;
        let Some(record) = written(&prepared) else {
            return Err(Kind::Internal.into());
        };
        let view = WithPassword {
            user: UserView::from(record),
            password: made.map(|made| made.expose().to_owned()),
        };
        // An address that somebody else has leads to them; it is told all the same.
        let mut spends = prepared.spends;
        loop {
            let change = Change::of("user", &view.user.subject)
                .saying("username", view.user.username.as_str())
                .spending(spends.clone())
                .writing(prepared.writes.clone());
            match cx.commit(change, &view).await {
                Ok(()) => return Ok(view),
                Err(Uncommitted::TooLate(0)) => return Err(Kind::Taken.into()),
                Err(Uncommitted::TooLate(place)) if place > 0 => spends.truncate(place),
                Err(uncommitted) => return Err(uncommitted.into()),
            }
        }
    }
}

/// A password that is made up: 120 random bits.
pub(super) fn generated(
    cx: &Context,
    generate: bool,
    given: bool,
) -> Result<Option<Secret>, Problem> {
    if generate && given {
        return Err(Problem::unfit(
            "generate_password",
            "is pointless beside a password",
        ));
    }
    let random = || base64url::encode(cx.provider().random::<15>());
    Ok(generate.then(|| Secret::new(random())))
}
