//! A sign-in as the application would ask for it.

use hallpass_admin::v1::clients;
use hallpass_jose::base64url;
use hallpass_types::{Params, sha256};
use minijinja::context;

use super::{form::Typed, show::find};
use crate::{
    gate::Visit,
    pages::settings::metadata,
    render::{Answer, Stop},
};

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let client: clients::ClientView = find(visit).await?;
    let provider = visit.provider().await?;
    let document = metadata(&provider);
    let text = |name: &str| {
        document
            .get(name)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let what = Typed::of(&client);
    let verifier = base64url::encode(provider.random::<32>());
    let challenge = base64url::encode(sha256(verifier.as_bytes()));
    let state = base64url::encode(provider.random::<12>());
    let scope = if what.scopes.is_empty() {
        "openid".to_owned()
    } else {
        what.scopes.iter().cloned().collect::<Vec<_>>().join(" ")
    };
    let redirect = what.redirect_uris.first().cloned();
    let query = Params::from_pairs([
        ("response_type", "code"),
        ("client_id", client.client_id.as_str()),
        ("redirect_uri", redirect.as_deref().unwrap_or_default()),
        ("scope", scope.as_str()),
        ("state", state.as_str()),
        ("nonce", state.as_str()),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ]);
    let url = format!("{}?{}", text("authorization_endpoint"), query.to_query());
    let method = client.metadata.get("token_endpoint_auth_method");
    let view = context! {
        client_id => client.client_id.as_str(),
        redirect,
        url,
        verifier => verifier.as_str(),
        token_endpoint => text("token_endpoint"),
        method => method.and_then(|m| m.as_str()).unwrap_or_default(),
        home => visit.desk.platform().home().name == visit.project(),
    };
    Ok(Answer::shown("try.html", "Try it", view))
}
