//! Switches accounts off and on.

use hallpass_core::admin::Permission;
use hallpass_provider::ports::ByOperator;

use super::{UserView, Which, changeable, changed};
use crate::{Change, Context, Info, Method, Operation, Problem};

/// Switches an account off.
#[derive(Debug)]
pub struct Disable;

/// Switches an account on.
#[derive(Debug)]
pub struct Enable;

impl Operation for Disable {
    const INFO: Info = Info::new(
        "users.disable",
        Method::Post,
        "/projects/{project}/users/{user}/disable",
        Permission::HelpUsers,
    )
    .does("Switches an account off: nobody can sign in to it, and everything that it granted is over for good.");
    type Input = Which;
    type Output = UserView;

    async fn run(cx: &Context, input: Which) -> Result<UserView, Problem> {
        let before = changeable(cx, &input.user).await?;
        let ended = cx.provider().ending_sessions(&before.subject, None).await?;
        let said = Change::of("user", before.subject.as_str()).writing(ended.unwrap_or_default());
        let change = ByOperator::Disabled(&before.subject, true);
        changed(cx, &before, change, said).await
    }
}

impl Operation for Enable {
    const INFO: Info = Info::new(
        "users.enable",
        Method::Post,
        "/projects/{project}/users/{user}/enable",
        Permission::HelpUsers,
    )
    .does("Switches an account on again.");
    type Input = Which;
    type Output = UserView;

    async fn run(cx: &Context, input: Which) -> Result<UserView, Problem> {
        let before = changeable(cx, &input.user).await?;
        let said = Change::of("user", before.subject.as_str());
        let change = ByOperator::Disabled(&before.subject, false);
        changed(cx, &before, change, said).await
    }
}
