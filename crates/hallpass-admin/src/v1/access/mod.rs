//! Roles, groups and organizations of a project.

pub mod groups;
pub mod organizations;
pub mod roles;
pub mod show;

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::access::{Directory, MAX_ENTRIES, MAX_PERMISSIONS, is_name};
use hallpass_store::Spend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use groups::{DeleteGroup, SetGroup};
pub use organizations::{DeleteOrganization, SetOrganization};
pub use roles::{DeleteRole, SetRole};
pub use show::Show;

use crate::{Change, Context, Kind, Nothing, Problem};

/// Which one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its name.
    pub name: String,
}

/// A set of permissions.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// For operators.
    pub description: Option<String>,
    /// What it permits.
    pub permissions: Vec<String>,
}

/// A set of roles that its members have.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// For operators.
    pub description: Option<String>,
    /// The roles of its members.
    pub roles: Vec<String>,
}

/// A company, a team, a school.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrganizationView {
    /// Its identifier.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Nobody acts for it any more.
    pub disabled: bool,
}

async fn directory(cx: &Context) -> Result<Directory, Problem> {
    Ok(cx.store().directory(cx.issuer()).await?)
}

/// The directory, to be changed: whoever says which one they saw saw this one.
async fn to_change(cx: &Context) -> Result<Directory, Problem> {
    let directory = directory(cx).await?;
    cx.matches(&directory.revision.to_string())?;
    Ok(directory)
}

/// Deletes what is named out of one of the directory's maps.
async fn delete<T>(
    cx: &Context,
    kind: &'static str,
    Which { name }: Which,
    of: impl FnOnce(&mut Directory) -> &mut BTreeMap<String, T>,
) -> Result<Nothing, Problem> {
    let mut directory = to_change(cx).await?;
    if of(&mut directory).remove(&name).is_none() {
        return Err(Kind::NotFound.into());
    }
    put(cx, directory, Change::of(kind, &name), &Nothing {}).await?;
    Ok(Nothing {})
}

/// Writes the directory as it was read and changed.
async fn put(
    cx: &Context,
    mut directory: Directory,
    said: Change,
    answer: &(impl Serialize + Sync),
) -> Result<(), Problem> {
    let full = [
        directory.roles.len(),
        directory.groups.len(),
        directory.organizations.len(),
    ];
    if full.into_iter().any(|count| count > MAX_ENTRIES) {
        return Err(Problem::new(Kind::WrongState).because("there are too many already"));
    }
    let from = directory.revision;
    directory.revision = from.saturating_add(1);
    let record = Box::new(directory);
    let said = said.spending([Spend::Directory { from, record }]);
    Ok(cx.commit(said, answer).await?)
}

pub(crate) fn named(name: &str) -> Result<(), Problem> {
    if is_name(name) {
        Ok(())
    } else {
        let text = "has 1 to 128 visible characters, without quotes and backslashes";
        Err(Problem::unfit("name", text))
    }
}

pub(crate) fn titled(title: &str) -> Result<(), Problem> {
    if title.is_empty() || title.len() > 200 || title.chars().any(char::is_control) {
        let text = "has 1 to 200 bytes, without control characters";
        return Err(Problem::unfit("title", text));
    }
    Ok(())
}

/// A list of names without doubles.
pub(crate) fn names(field: &str, given: Vec<String>) -> Result<BTreeSet<String>, Problem> {
    let names = given.into_iter().collect();
    are_names(field, &names)?;
    Ok(names)
}

/// Whether a list holds names, and not too many.
pub(crate) fn are_names(field: &str, given: &BTreeSet<String>) -> Result<(), Problem> {
    if given.len() > MAX_PERMISSIONS {
        return Err(Problem::unfit(field, "has too many entries"));
    }
    if !given.iter().all(|name| is_name(name)) {
        return Err(Problem::unfit(field, "holds something that is no name"));
    }
    Ok(())
}
