//! Removes another provider.

use hallpass_core::admin::Permission;

use super::{Which, is_named, own, put, with};
use crate::{
    Context, Info, Kind, Method, Nothing, Operation, Place, Problem, v1::projects::record,
};

/// Removes another provider.
#[derive(Debug)]
pub struct Delete;

impl Operation for Delete {
    const INFO: Info = Info::new(
        "upstreams.delete",
        Method::Delete,
        "/projects/{project}/upstreams/{upstream}",
        Permission::ChangeProject,
    )
    .at(Place::Settings)
    .fails(&[Kind::Unfit])
    .does(
        "Removes another provider: nobody signs in by it any more. Who is linked with it stays so.",
    );
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let before = record(cx).await?;
        let mut all = own(&before.settings);
        let held = all.len();
        all.retain(|entry| !is_named(entry, &input.upstream));
        if all.len() == held {
            return Err(Kind::NotFound.into());
        }
        let settings = with(cx, &before, all)?;
        put(cx, &before, settings, &input.upstream).await?;
        Ok(Nothing {})
    }
}
