//! Lists tokens that let somebody register clients.

use hallpass_core::admin::Permission;
use hallpass_jose::base64url;
use hallpass_types::ContentDigest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::TokenView;
use crate::{
    Context, Info, Kind, Operation, Problem,
    v1::page::{self, Listed},
};

/// Lists tokens that let somebody register clients.
#[derive(Debug)]
pub struct List;

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Operation for List {
    const INFO: Info = Info::get(
        "registration_tokens.list",
        "/projects/{project}/registration-tokens",
        Permission::ReadClients,
    )
    .does("Lists the tokens that let somebody register clients, and how often they were used.");
    type Input = Input;
    type Output = Listed<TokenView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<TokenView>, Problem> {
        let limit = page::limit(input.limit)?;
        let wrong =
            || Problem::new(Kind::InvalidParameter).about("cursor", "is none that was given out");
        let after = match page::after(input.cursor.as_deref())? {
            Some(text) => {
                let digest = base64url::decode(&text).and_then(|bytes| bytes.try_into().ok());
                Some(ContentDigest(digest.ok_or_else(wrong)?))
            }
            None => None,
        };
        let more = limit.saturating_add(1);
        let found = cx.store().initial_accesses(cx.issuer(), after, more);
        let mut found = found.await?;
        let follows = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| follows);
        let next = last.map(|(digest, _)| page::cursor(&base64url::encode(digest.0)));
        let items = found
            .iter()
            .map(|(digest, record)| TokenView::of(*digest, record));
        Ok(Listed {
            items: items.collect(),
            next,
        })
    }
}
