//! Lists people.

use hallpass_core::admin::Permission;
use hallpass_store::{Email, MAX_PAGE};
use hallpass_types::EmailAddress;
use schemars::JsonSchema;
use serde::Deserialize;

use super::UserView;
use crate::{
    Context, Info, Kind, Operation, Problem,
    v1::page::{self, Listed},
};

/// Lists people.
#[derive(Debug)]
pub struct List;

/// Which people.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only those whose user name begins so, in whatever case.
    pub q: Option<String>,
    /// Only the one who has shown to read this mail address.
    pub email: Option<String>,
    /// Only those that are disabled, or that are not.
    pub disabled: Option<bool>,
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Operation for List {
    const INFO: Info = Info::get(
        "users.list",
        "/projects/{project}/users",
        Permission::ReadUsers,
    )
    .does("Lists and searches people, by their user names.");
    type Input = Input;
    type Output = Listed<UserView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<UserView>, Problem> {
        let limit = page::limit(input.limit)?;
        let mut after = page::after(input.cursor.as_deref())?;
        let mut items: Vec<UserView> = Vec::new();
        let wanted = |view: &UserView| input.disabled.is_none_or(|d| d == view.disabled);
        if let Some(email) = &input.email {
            let wrong =
                || Problem::new(Kind::InvalidParameter).about("email", "is no mail address");
            let address = EmailAddress::parse(email).map_err(|_| wrong())?;
            let lookup = Email::lookup(&address);
            let found = cx.store().credential_by_lookup(cx.issuer(), lookup).await?;
            if let Some(found) = found
                && let Some(user) = cx.store().user(cx.issuer(), &found.subject).await?
            {
                let begins = input.q.as_deref().map(str::to_lowercase);
                let fits = begins.is_none_or(|q| user.username_key.starts_with(&q));
                items.extend(Some(UserView::from(&user)).filter(|v| fits && wanted(v)));
            }
            return Ok(Listed { items, next: None });
        }
        let prefix = input
            .q
            .as_deref()
            .map(str::to_lowercase)
            .unwrap_or_default();
        if after.is_none() && !prefix.is_empty() {
            // Names come after their beginning, and the beginning may be a name itself.
            let exact = cx.store().user_by_name(cx.issuer(), &prefix).await?;
            items.extend(exact.as_ref().map(UserView::from).filter(&wanted));
            after = Some(prefix.clone());
        }
        let mut looked = 0_usize;
        loop {
            let left = limit.saturating_sub(items.len()).max(1);
            let ask = if input.disabled.is_some() {
                MAX_PAGE
            } else {
                left
            };
            let found = cx.store().users(cx.issuer(), after.as_deref(), ask).await?;
            let mut cut = false;
            for user in &found.items {
                if items.len() >= limit {
                    cut = true;
                    break;
                }
                if !user.username_key.starts_with(&prefix) {
                    return Ok(Listed { items, next: None });
                }
                looked = looked.saturating_add(1);
                after = Some(user.username_key.clone());
                items.extend(Some(UserView::from(user)).filter(&wanted));
            }
            if !cut && found.next.is_none() {
                return Ok(Listed { items, next: None });
            }
            if items.len() >= limit || looked >= page::SEARCHED {
                let next = after.as_deref().map(page::cursor);
                return Ok(Listed { items, next });
            }
        }
    }
}
