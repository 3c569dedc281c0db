//! Removes another provider.

use hallpass_core::admin::Permission;
use hallpass_store::IssuerRecord;

use super::{SECTION, Which, is_named, own};
use crate::{
    Change, Context, Info, Kind, Method, Nothing, Operation, Place, Problem,
    v1::projects::{change, record},
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
        let mut settings = before.settings.clone();
        if all.is_empty() {
            settings.remove(SECTION);
        } else {
            settings.insert(SECTION.to_owned(), all.into());
        }
        cx.platform()
            .check_settings(&before.identifier, &settings)?;
        let said = Change::of("upstream", &input.upstream).saying("project", before.name.as_str());
        let next = IssuerRecord {
            settings,
            ..before.clone()
        };
        change(cx, &before, next, said).await?;
        Ok(Nothing {})
    }
}
