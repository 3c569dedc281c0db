//! Tries whether another provider answers.

use hallpass_core::{admin::Permission, upstream::Endpoints};
use schemars::JsonSchema;
use serde::Serialize;

use super::Which;
use crate::{Context, Info, Kind, Method, Operation, Problem};

/// Tries whether another provider answers.
#[derive(Debug)]
pub struct Test;

/// What a provider says of itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Answers {
    /// Where people are sent.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Whether its answers name it (RFC 9207).
    pub names_itself: bool,
}

impl Operation for Test {
    const INFO: Info = Info::new(
        "upstreams.test",
        Method::Post,
        "/projects/{project}/upstreams/{upstream}/test",
        Permission::ChangeProject,
    )
    .fails(&[Kind::Unfit, Kind::WrongState])
    .does("Asks another provider what it says of itself now.");
    type Input = Which;
    type Output = Answers;

    async fn run(cx: &Context, input: Which) -> Result<Answers, Problem> {
        let provider = cx.provider();
        let mut all = provider.policy().upstreams.iter();
        let found = all.find(|upstream| upstream.id == input.upstream);
        let found = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
        let Endpoints::OpenId { issuer, .. } = &found.endpoints else {
            let text = "one of plain OAuth 2.0 says nothing of itself";
            return Err(Problem::new(Kind::WrongState).because(text));
        };
        let answered = provider.probe_upstream(issuer).await;
        let metadata = answered.map_err(|_| {
            Problem::unfit(
                "upstream",
                "does not answer as an OpenID Provider of its name",
            )
        })?;
        Ok(Answers {
            authorization_endpoint: metadata.authorization,
            token_endpoint: metadata.token,
            jwks_uri: metadata.jwks,
            names_itself: metadata.names_itself,
        })
    }
}
