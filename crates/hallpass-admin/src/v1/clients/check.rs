//! Says what an application lacks for a security profile.

use hallpass_core::{
    admin::Permission,
    client::Client,
    fapi::{self, Profile},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{find, refused};
use crate::{Context, Info, Kind, Operation, Problem};

/// Says what an application lacks for a security profile.
#[derive(Debug)]
pub struct Check;

/// Which application, and which profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub client: String,
    /// The profile; by default the application's own, that of the project, or `fapi2-security`.
    #[serde(default)]
    pub profile: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// The profile.
    pub profile: String,
    /// What is lacking; nothing when everything is there.
    pub lacks: Vec<Lack>,
}

/// Something that is lacking.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Lack {
    /// The metadata member, or the setting.
    pub field: String,
    /// What it must be.
    pub text: String,
}

impl Operation for Check {
    const INFO: Info = Info::get(
        "clients.check",
        "/projects/{project}/clients/{client}/check",
        Permission::ReadClients,
    )
    .fails(&[Kind::Unfit])
    .does("Says what an application lacks for a security profile such as FAPI 2.0.");
    type Input = Input;
    type Output = Checked;

    async fn run(cx: &Context, input: Input) -> Result<Checked, Problem> {
        let record = find(cx, &input.client).await?;
        let policy = cx.provider().policy();
        let own = || record.metadata.get("fapi_profile").and_then(Value::as_str);
        let profile = match input.profile.as_deref().or_else(own) {
            Some(name) => Profile::parse(name).ok_or_else(|| {
                let names: Vec<&str> = Profile::ALL.iter().map(|p| p.as_str()).collect();
                let problem = Problem::new(Kind::InvalidParameter);
                problem.about("profile", format!("is one of {}", names.join(", ")))
            })?,
            None => policy.fapi_profile.unwrap_or(Profile::Fapi2Security),
        };
        let sealed = record.secret_sealed.as_deref();
        let secret = sealed.and_then(|sealed| {
            let secrets = cx.provider().secrets();
            secrets.open_client_secret(record.client_id.as_str(), sealed)
        });
        let client = Client::without_profile(&record, policy, secret);
        let client = client.map_err(|error| refused(&error))?;
        let lacks = fapi::lacks(&client, profile, policy);
        Ok(Checked {
            profile: profile.as_str().to_owned(),
            lacks: lacks
                .iter()
                .map(|lack| Lack {
                    field: lack.field.to_owned(),
                    text: lack.text.to_owned(),
                })
                .collect(),
        })
    }
}
