//! Makes an application.

use hallpass_core::{
    admin::Permission,
    client::{ClientOrigin, metadata},
};
use hallpass_jose::base64url;
use hallpass_store::Spend;
use hallpass_types::{ClientId, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ClientView, GivenSecret, WithSecret, may_change, no_secret, normalized, readable};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem, Uncommitted};

/// Makes an application.
#[derive(Debug)]
pub struct Create;

/// What is to be made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier, 1 to 255 visible characters; made up when there is none.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Client metadata (RFC 7591 §2 and what this server adds). A client that authenticates by a secret gets one.
    pub metadata: Map<String, Value>,
    /// Its secret, where it is one that authenticates by a secret; made up when there is none.
    #[serde(default)]
    pub client_secret: Option<GivenSecret>,
    /// Whether it is unknown to every endpoint until somebody enables it.
    #[serde(default)]
    pub disabled: bool,
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "clients.create",
        Method::Post,
        "/projects/{project}/clients",
        Permission::ChangeClients,
    )
    .answers(201)
    .fails(&[Kind::Taken, Kind::Unfit])
    .does("Makes an application. A secret is shown this once.");
    type Input = Input;
    type Output = WithSecret;

    async fn run(cx: &Context, input: Input) -> Result<WithSecret, Problem> {
        let origin = ClientOrigin::Administration;
        let metadata = normalized(cx, &input.metadata, origin)?;
        let provider = cx.provider();
        let id = match input.client_id {
            Some(id) => id,
            None => format!("c_{}", base64url::encode(provider.random::<16>())),
        };
        let id = ClientId::parse(&id)
            .map_err(|_| Problem::unfit("client_id", "is 1 to 255 visible characters"))?;
        may_change(cx, &id, &metadata).await?;
        let needs = metadata::needs_secret(&metadata) || metadata::needs_plain_secret(&metadata);
        let secret: Option<Secret> = match input.client_secret {
            Some(_) if !needs => return Err(no_secret()),
            Some(GivenSecret(given)) => Some(given),
            None => needs.then(|| provider.new_client_secret()),
        };
        let (_, mut record) = provider.new_record(id, metadata, secret.as_ref(), origin);
        // It is managed here.
        record.registration_token = None;
        record.disabled = input.disabled;
        readable(cx, &record, secret.clone())?;
        let made = WithSecret {
            client: ClientView::of(cx.provider().policy(), &record),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
        };
        let method = record.metadata.get("token_endpoint_auth_method").cloned();
        let change = Change::of("client", record.client_id.as_str())
            .spending([Spend::NewClient(Box::new(record))])
            .saying("name", made.client.name.clone())
            .saying("authentication", method.unwrap_or(Value::Null));
        match cx.commit(change, &made).await {
            Ok(()) => Ok(made),
            Err(Uncommitted::TooLate(_)) => Err(Kind::Taken.into()),
            Err(Uncommitted::Problem(problem)) => Err(problem),
        }
    }
}
