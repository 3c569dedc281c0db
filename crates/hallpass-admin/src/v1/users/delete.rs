//! Deletes an account.

use hallpass_core::admin::Permission;
use hallpass_provider::ports::{ByOperator, Change as Changing};
use hallpass_store::Write;

use super::{super::operators::gone_with, Which, changeable, prepared};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

/// Deletes an account.
#[derive(Debug)]
pub struct Delete;

impl Operation for Delete {
    const INFO: Info = Info::new(
        "users.delete",
        Method::Delete,
        "/projects/{project}/users/{user}",
        Permission::ChangeUsers,
    )
    .fails(&[Kind::WrongState])
    .does("Deletes an account with everything about its person. The subject is never given to anybody else. The last owner of all projects stays.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let before = changeable(cx, &input.user).await?;
        let subject = &before.subject;
        let roles = gone_with(cx, subject).await?;
        let change = Changing::ByOperator(ByOperator::Delete(subject));
        let prepared = prepared(cx, change).await?;
        let ended = cx.provider().ending_sessions(subject, None).await?;
        let said = Change::of("user", subject.as_str())
            .spending(prepared.spends)
            .spending(roles)
            .writing(prepared.writes)
            .writing(ended.unwrap_or_default())
            .writing([Write::ForgetPerson(subject.clone())]);
        cx.commit(said, &Nothing {}).await?;
        Ok(Nothing {})
    }
}
