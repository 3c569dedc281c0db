//! Makes a token that lets somebody register clients.

use hallpass_core::admin::Permission;
use hallpass_store::{InitialAccessRecord, Write};
use hallpass_types::{Bucket, InitialAccess, Opaque};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TokenView;
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Makes a token that lets somebody register clients.
#[derive(Debug)]
pub struct Create;

/// What is to be made.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// What it is for: 200 bytes at most.
    pub label: Option<String>,
    /// It ends after so many seconds; never, if that is not said.
    pub expires_in: Option<u32>,
    /// So many clients can be registered with it; any number, if that is not said.
    pub max_uses: Option<u32>,
    /// Policies of the configuration to which the clients are held (`registration.policy.NAME`).
    pub policies: Vec<String>,
}

/// A token that was made just now, which is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Made {
    /// What is known of it from now on.
    #[serde(flatten)]
    pub about: TokenView,
    /// The token.
    pub token: String,
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "registration_tokens.create",
        Method::Post,
        "/projects/{project}/registration-tokens",
        Permission::ChangeClients,
    )
    .answers(201)
    .fails(&[Kind::Unfit])
    .does("Makes a token that lets somebody register clients. It is shown this once.");
    type Input = Input;
    type Output = Made;

    async fn run(cx: &Context, input: Input) -> Result<Made, Problem> {
        let provider = cx.provider();
        let known = &provider.policy().registration.rules;
        if !input.policies.iter().all(|name| known.contains_key(name)) {
            let text = "names one that is not in the configuration";
            return Err(Problem::unfit("policies", text));
        }
        let label = input.label.unwrap_or_default();
        if label.len() > 200 || label.chars().any(char::is_control) {
            let text = "has 200 bytes at most, without control characters";
            return Err(Problem::unfit("label", text));
        }
        for (field, given) in [
            ("expires_in", input.expires_in),
            ("max_uses", input.max_uses),
        ] {
            if given == Some(0) {
                return Err(Problem::unfit(field, "is at least 1"));
            }
        }
        let now = cx.now();
        let record = InitialAccessRecord {
            label,
            policies: input.policies,
            created_at: now,
            expires_at: input.expires_in.map(|seconds| now.plus(seconds.into())),
            max_uses: input.max_uses,
            uses: 0,
        };
        let token = Opaque::<InitialAccess>::from_random(Bucket(u32::MAX), &provider.random());
        let digest = provider.secrets().client_digest(token.expose());
        let made = Made {
            about: TokenView::of(digest, &record),
            token: token.expose().to_owned(),
        };
        let change = Change::of("registration_token", &made.about.id)
            .saying("label", record.label.as_str())
            .writing([Write::InitialAccess(digest, Box::new(record))]);
        cx.commit(change, &made).await?;
        Ok(made)
    }
}
