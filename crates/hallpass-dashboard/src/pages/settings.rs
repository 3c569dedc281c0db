//! Settings – OIDC: where everything of a project is.

use hallpass_provider::Provider;
use minijinja::{Value, context};

use crate::{
    gate::Visit,
    render::{Answer, Stop, ser},
};

/// Members of the metadata that are addresses, in the order in which they are shown.
const ENDPOINTS: &[(&str, &str)] = &[
    ("authorization_endpoint", "Authorization"),
    ("token_endpoint", "Token"),
    ("userinfo_endpoint", "UserInfo"),
    ("jwks_uri", "Keys (JWKS)"),
    ("revocation_endpoint", "Revocation"),
    ("introspection_endpoint", "Introspection"),
    ("end_session_endpoint", "Sign-out"),
    ("registration_endpoint", "Registration"),
    ("pushed_authorization_request_endpoint", "Pushed requests"),
    ("device_authorization_endpoint", "Device authorization"),
    (
        "backchannel_authentication_endpoint",
        "Backchannel authentication",
    ),
    ("check_session_iframe", "Session check"),
    ("challenge_endpoint", "Attestation challenge"),
];

/// Members that say what is offered.
const OFFERS: &[(&str, &str)] = &[
    ("scopes_supported", "Scopes"),
    ("response_types_supported", "Response types"),
    ("grant_types_supported", "Grant types"),
    (
        "token_endpoint_auth_methods_supported",
        "Client authentication",
    ),
    (
        "id_token_signing_alg_values_supported",
        "ID token algorithms",
    ),
    ("code_challenge_methods_supported", "PKCE"),
    ("acr_values_supported", "Authentication classes"),
];

impl Visit {
    /// The provider of the project of the page.
    pub(crate) async fn provider(&self) -> Result<Provider, Stop> {
        let platform = self.desk.platform();
        let home = platform.home();
        if home.name == self.project() {
            return Ok(home.provider);
        }
        let found = platform
            .project(self.project())
            .await
            .map_err(hallpass_admin::Problem::from)?;
        found
            .map(|project| project.provider)
            .ok_or_else(Stop::nothing)
    }
}

/// The metadata document of a provider, as everybody reads it.
pub(crate) fn metadata(provider: &Provider) -> serde_json::Value {
    serde_json::from_slice(&provider.metadata().body).unwrap_or_default()
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let provider = visit.provider().await?;
    let issuer = provider.policy().issuer.clone();
    let document = metadata(&provider);
    let discovery = issuer.url("/.well-known/openid-configuration");
    let mut endpoints = vec![
        context! { id => "issuer", label => "Issuer", value => issuer.as_str() },
        context! { id => "discovery", label => "Discovery", value => discovery },
    ];
    for (member, label) in ENDPOINTS {
        if let Some(value) = document.get(*member).and_then(serde_json::Value::as_str) {
            endpoints.push(context! { id => *member, label => *label, value });
        }
    }
    let offers: Vec<Value> = OFFERS
        .iter()
        .filter_map(|(member, label)| {
            let values = document.get(*member)?.as_array()?;
            Some(context! { id => *member, label => *label, values => ser(values) })
        })
        .collect();
    let view = context! {
        endpoints,
        offers,
        created => visit.query.get("created").is_some(),
    };
    Ok(Answer::shown("settings.html", "Settings – OIDC", view))
}
