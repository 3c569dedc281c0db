//! Adds another provider.

use hallpass_core::admin::Permission;
use hallpass_types::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Added, changeable, is_named, own, put, set::sealed, with};
use crate::{Context, Info, Kind, Method, Operation, Place, Problem};

/// Adds another provider.
#[derive(Debug)]
pub struct Create;

/// What is to be added.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// A well-known provider, by its name in the configuration: google, github and others.
    pub preset: Option<String>,
    /// Its name in addresses and in what is stored, for ever; without it, that of the preset.
    pub id: Option<String>,
    /// What people read on its button.
    pub name: Option<String>,
    /// Its issuer identifier, which is asked what it is; not with most presets.
    pub issuer: Option<String>,
    /// How it knows us.
    pub client_id: String,
    /// Our secret there, which is sealed and never shown.
    pub client_secret: Option<String>,
    /// How we prove to be that client: `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.
    pub client_auth: Option<String>,
    /// What is asked for.
    pub scopes: Option<Vec<String>>,
    /// What happens to somebody who comes for the first time: `refuse` or `create`.
    pub first_time: Option<String>,
    /// Whether its `email_verified` is to be believed: of a provider that may reset passwords here.
    pub link_by_email: bool,
}

impl Input {
    /// As the settings have it, without the secret.
    fn entry(&self) -> Map<String, Value> {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let members = [
            ("preset", text(&self.preset)),
            ("id", text(&self.id)),
            ("name", text(&self.name)),
            ("issuer", text(&self.issuer)),
            ("client_id", Some(self.client_id.clone().into())),
            ("client_auth", text(&self.client_auth)),
            ("scopes", self.scopes.clone().map(Value::from)),
            ("first_time", text(&self.first_time)),
            ("link_by_email", self.link_by_email.then_some(true.into())),
        ];
        let said = members.into_iter().filter_map(|(name, value)| {
            let value = value?;
            Some((name.to_owned(), value))
        });
        said.collect()
    }
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "upstreams.create",
        Method::Post,
        "/projects/{project}/upstreams",
        Permission::ChangeProject,
    )
    .at(Place::Settings)
    .answers(201)
    .fails(&[Kind::Unfit, Kind::Taken, Kind::WrongState])
    .does("Adds another provider at which people can sign in. One that is named by its issuer must answer.");
    type Input = Input;
    type Output = Added;

    async fn run(cx: &Context, input: Input) -> Result<Added, Problem> {
        let (before, provider) = changeable(cx).await?;
        let id = input.id.clone().or_else(|| input.preset.clone());
        let id = id.ok_or_else(|| Problem::unfit("id", "is missing"))?;
        let mut all = own(&before.settings);
        if all.iter().any(|entry| is_named(entry, &id)) {
            return Err(Kind::Taken.into());
        }
        let given = input.client_secret.as_ref();
        let given = given.filter(|secret| !secret.is_empty());
        let secret = given.map(|secret| Secret::new(secret.clone()));
        all.push(sealed(&provider, input.entry(), secret.as_ref()).into());
        let settings = with(cx, &before, all)?;
        if let Some(issuer) = &input.issuer {
            let answered = provider.probe_upstream(issuer).await;
            answered.map_err(|_| {
                Problem::unfit(
                    "issuer",
                    "does not answer as an OpenID Provider of that name",
                )
            })?;
        }
        put(cx, &before, settings, &id).await?;
        Ok(Added::of(&provider, id))
    }
}
