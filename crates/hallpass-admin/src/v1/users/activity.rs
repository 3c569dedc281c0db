//! What happened with an account.

use hallpass_core::admin::Permission;
use hallpass_store::MAX_PAGE;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Which, find};
use crate::{Context, Info, Operation, Problem, v1::page::Listed};

/// Lists what happened with an account.
#[derive(Debug)]
pub struct Activity;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ActivityView {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What, such as `signed_in`.
    pub what: String,
    /// Browser and system.
    pub device: Option<String>,
    /// The network address.
    pub address: Option<String>,
    /// The application that it was about.
    pub client_id: Option<String>,
}

impl Operation for Activity {
    const INFO: Info = Info::get(
        "activity.list",
        "/projects/{project}/users/{user}/activity",
        Permission::ReadUsers,
    )
    .does("Lists what happened with an account, the newest first.");
    type Input = Which;
    type Output = Listed<ActivityView>;

    async fn run(cx: &Context, input: Which) -> Result<Listed<ActivityView>, Problem> {
        let user = find(cx, &input.user).await?;
        let (store, issuer) = (cx.store(), cx.issuer());
        let all = store.activity_of(issuer, &user.subject, MAX_PAGE).await?;
        let items = all
            .into_iter()
            .map(|record| ActivityView {
                at: record.at.0,
                what: record.what.as_str().to_owned(),
                device: record.visit.as_ref().map(|visit| visit.device.clone()),
                address: record.visit.as_ref().and_then(|v| v.address.clone()),
                client_id: record.client.as_ref().map(|c| c.as_str().to_owned()),
            })
            .collect();
        Ok(Listed { items, next: None })
    }
}
