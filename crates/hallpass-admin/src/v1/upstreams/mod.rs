//! Other providers at which people of a project can sign in.

pub mod create;
pub mod delete;
pub mod list;
pub mod set;
pub mod test;

use hallpass_core::upstream::{ClientAuthentication, Endpoints, FirstTime, Upstream};
use hallpass_provider::Provider;
use hallpass_store::IssuerRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use create::Create;
pub use delete::Delete;
pub use list::List;
pub use set::Set;
pub use test::Test;

use crate::{
    Change, Context, Kind, Problem,
    v1::projects::{change, record},
};

/// The settings of a project in which they stand.
pub(crate) const SECTION: &str = "upstreams";

/// Which provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its identifier.
    pub upstream: String,
}

/// Another provider. Our secret there is not in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpstreamView {
    /// Its name in addresses and in what is stored.
    pub id: String,
    /// What people read on its button.
    pub name: String,
    /// Its issuer identifier; null for one of plain OAuth 2.0.
    pub issuer: Option<String>,
    /// Its authorization endpoint, where there is no issuer that says so.
    pub authorization_endpoint: Option<String>,
    /// How it knows us.
    pub client_id: String,
    /// How we prove to be that client.
    pub client_auth: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What happens to somebody who comes for the first time: `refuse` or `create`.
    pub first_time: String,
    /// Whether its `email_verified` is believed.
    pub link_by_email: bool,
    /// What is to be registered there.
    pub redirect_uri: String,
    /// Whether it is the project's own, and not one of the configuration.
    pub own: bool,
}

fn view(provider: &Provider, upstream: &Upstream, own: &[Value]) -> UpstreamView {
    let (issuer, authorization_endpoint) = match &upstream.endpoints {
        Endpoints::OpenId { issuer, .. } => (Some(issuer.clone()), None),
        Endpoints::OAuth { authorization, .. } => (None, Some(authorization.clone())),
    };
    UpstreamView {
        id: upstream.id.clone(),
        name: upstream.name.clone(),
        issuer,
        authorization_endpoint,
        client_id: upstream.client_id.clone(),
        client_auth: match &upstream.authentication {
            ClientAuthentication::Basic(_) => "client_secret_basic",
            ClientAuthentication::Post(_) => "client_secret_post",
            ClientAuthentication::PrivateKeyJwt(_) => "private_key_jwt",
            ClientAuthentication::None => "none",
        }
        .to_owned(),
        scopes: upstream.scopes.clone(),
        first_time: match upstream.first_time {
            FirstTime::Refuse => "refuse",
            FirstTime::Create => "create",
        }
        .to_owned(),
        link_by_email: upstream.link_by_email,
        redirect_uri: provider.upstream_redirect_uri(&upstream.id),
        own: own.iter().any(|entry| is_named(entry, &upstream.id)),
    }
}

/// The project that is to be changed, as it is written down, and its provider.
async fn changeable(cx: &Context) -> Result<(IssuerRecord, Provider), Problem> {
    let before = record(cx).await?;
    let project = cx.platform().project(cx.name()).await?;
    let project = project
        .ok_or_else(|| Problem::new(Kind::WrongState).because("the project is not enabled"))?;
    Ok((before, project.provider))
}

/// The settings of a project with these other providers, if it can have them.
fn with(
    cx: &Context,
    before: &IssuerRecord,
    all: Vec<Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut settings = before.settings.clone();
    if all.is_empty() {
        settings.remove(SECTION);
    } else {
        settings.insert(SECTION.to_owned(), all.into());
    }
    cx.platform()
        .check_settings(&before.identifier, &settings)?;
    Ok(settings)
}

/// Writes the settings of a project, and that it is one of the other providers that is changed.
async fn put(
    cx: &Context,
    before: &IssuerRecord,
    settings: Map<String, Value>,
    upstream: &str,
) -> Result<(), Problem> {
    let said = Change::of("upstream", upstream).saying("project", before.name.as_str());
    let next = IssuerRecord {
        settings,
        ..before.clone()
    };
    change(cx, before, next, said).await.map(drop)
}

/// What is answered to who adds or changes one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Added {
    /// Its identifier.
    pub id: String,
    /// What is to be registered there.
    pub redirect_uri: String,
}

impl Added {
    fn of(provider: &Provider, id: String) -> Self {
        Self {
            redirect_uri: provider.upstream_redirect_uri(&id),
            id,
        }
    }
}

/// Those that a project has for itself.
pub(crate) fn own(settings: &Map<String, Value>) -> Vec<Value> {
    let found = settings.get(SECTION).and_then(Value::as_array);
    found.cloned().unwrap_or_default()
}

pub(crate) fn is_named(entry: &Value, id: &str) -> bool {
    let named = entry.get("id").or_else(|| entry.get("preset"));
    named.and_then(Value::as_str) == Some(id)
}
