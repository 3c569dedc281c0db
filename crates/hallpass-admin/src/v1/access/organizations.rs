//! Organizations.

use hallpass_core::{access::Organization, admin::Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{OrganizationView, Which, delete, named, put, titled, to_change};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

/// Makes or replaces an organization.
#[derive(Debug)]
pub struct SetOrganization;

/// Deletes an organization.
#[derive(Debug)]
pub struct DeleteOrganization;

/// What it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name: 1 to 128 visible characters.
    pub name: String,
    /// What people call it; by default its name.
    #[serde(default)]
    pub title: Option<String>,
    /// Whether nobody acts for it any more.
    #[serde(default)]
    pub disabled: bool,
}

impl Operation for SetOrganization {
    const INFO: Info = Info::new(
        "organizations.set",
        Method::Put,
        "/projects/{project}/organizations/{name}",
        Permission::ChangeAccess,
    )
    .fails(&[Kind::Unfit])
    .does("Makes an organization, or replaces it.");
    type Input = Input;
    type Output = OrganizationView;

    async fn run(cx: &Context, input: Input) -> Result<OrganizationView, Problem> {
        named(&input.name)?;
        let mut directory = to_change(cx).await?;
        let title = input.title.unwrap_or_else(|| input.name.clone());
        titled(&title)?;
        let made = Organization {
            name: title.clone(),
            disabled: input.disabled,
        };
        let view = OrganizationView {
            name: input.name,
            title,
            disabled: input.disabled,
        };
        let said = Change::of("organization", &view.name);
        directory.organizations.insert(view.name.clone(), made);
        put(cx, directory, said, &view).await?;
        Ok(view)
    }
}

impl Operation for DeleteOrganization {
    const INFO: Info = Info::new(
        "organizations.delete",
        Method::Delete,
        "/projects/{project}/organizations/{name}",
        Permission::ChangeAccess,
    )
    .does("Deletes an organization: it gives nobody anything any more.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        delete(cx, "organization", input, |directory| {
            &mut directory.organizations
        })
        .await
    }
}
