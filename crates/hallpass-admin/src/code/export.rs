//! What is there, as it would be wanted.

use std::collections::BTreeMap;

use hallpass_core::client::ClientOrigin;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{present::Present, providers};
use crate::{
    Caller, Desk, Kind, Problem, Terms,
    v1::{
        access::{GroupView, OrganizationView, RoleView},
        projects::{self, State},
        upstreams::SECTION,
        webhooks::{OffReason, WebhookView},
    },
};

/// A project with what files can speak of. No secret is in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Its issuer identifier and its settings; none for the project of the configuration, which stands there.
    pub settings: Option<(String, Map<String, Value>)>,
    /// Whether it is as if it were not there.
    pub disabled: bool,
    /// Roles.
    pub roles: Vec<RoleView>,
    /// Groups.
    pub groups: Vec<GroupView>,
    /// Organizations.
    pub organizations: Vec<OrganizationView>,
    /// Clients that operators made.
    pub clients: Vec<ExportedClient>,
    /// Its own providers, by identifier, with what is said of them.
    pub providers: BTreeMap<String, Map<String, Value>>,
    /// Webhooks, and whether an operator has switched them off.
    pub webhooks: Vec<(WebhookView, bool)>,
}

/// A client that operators made.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ExportedClient {
    /// Its identifier.
    pub client_id: String,
    /// Whether it is unknown to every endpoint.
    pub disabled: bool,
    /// Its metadata.
    pub metadata: Map<String, Value>,
}

/// The names of all projects that the caller may see, but for those that go.
///
/// # Errors
/// They cannot be listed.
pub async fn projects(desk: &Desk, caller: &Caller) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let input = projects::list::Input {
            q: None,
            cursor,
            limit: Some(200),
        };
        let page = desk.call::<projects::List>(caller, Terms::default(), input);
        let page = page.await?;
        let stay = page.items.into_iter();
        let stay = stay.filter(|project| project.state != State::Deleting);
        names.extend(stay.map(|project| project.name));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(names);
        }
    }
}

/// What a project has.
///
/// # Errors
/// It is not there, or cannot be looked at.
pub async fn export(desk: &Desk, caller: &Caller, name: &str) -> Result<Exported, Problem> {
    let present = Present::look(desk, caller, name).await?;
    let present = present.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let Present {
        view,
        cx,
        access,
        clients,
        webhooks,
    } = present;
    let ours = clients.into_iter();
    let ours = ours.filter(|(_, client)| client.origin == ClientOrigin::Administration);
    let clients = ours.map(|(client_id, client)| ExportedClient {
        client_id,
        disabled: client.disabled,
        metadata: client.metadata,
    });
    let webhooks = webhooks.into_iter().map(|webhook| {
        let off = webhook.off == Some(OffReason::ByOperator);
        (webhook, off)
    });
    let mut settings = view.settings;
    let providers = providers::named(&settings).map(|(id, mut entry)| {
        entry.remove("id");
        // Elsewhere it lacks its secret, and must not go without one for that.
        if !entry.contains_key(providers::AUTH)
            && let Some(auth) = providers::client_auth(cx.provider(), &id)
        {
            entry.insert(providers::AUTH.to_owned(), auth);
        }
        (id, entry)
    });
    let providers = providers.collect();
    settings.remove(SECTION);
    Ok(Exported {
        name: view.name,
        disabled: view.state == State::Disabled,
        settings: (!view.configured).then_some((view.issuer, settings)),
        providers,
        roles: access.roles,
        groups: access.groups,
        organizations: access.organizations,
        clients: clients.collect(),
        webhooks: webhooks.collect(),
    })
}
