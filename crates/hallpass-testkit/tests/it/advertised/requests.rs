//! Parameters of the authorization endpoint, and grants.

use hallpass_testkit::{Answer, Request, assertion, html, wire};
use serde_json::{Value, json};

use super::{algorithms, attestation, clients, desk::Desk};

/// A request of a client of the fixture, in a browser where nobody is signed in.
async fn asked(desk: &Desk, client: &str, name: &str, value: &str) -> Answer {
    let request = Request::of(client, "openid").with(name, value);
    desk.op.browser().send(request.get()).await
}

/// Whether the request goes on to a page of ours.
pub(super) fn goes_on(answer: &Answer) -> bool {
    answer.status == 303 && answer.location().starts_with("https://op.test/")
}

/// What came back to the client, however it travelled: the parameter of that name.
fn told(answer: &Answer, name: &str) -> Option<String> {
    let inside = |jwt: String| {
        let claims = assertion::payload(&jwt);
        claims[name].as_str().map(str::to_owned)
    };
    if let Some(location) = answer.header("location") {
        return wire::param(location, name)
            .or_else(|| wire::param(location, "response").and_then(inside));
    }
    let page = answer.text();
    let message = html::tags(&page)
        .into_iter()
        .find(|tag| tag.get("id") == Some("message"));
    if let Some(text) = message.as_ref().and_then(|tag| tag.get("data-response")) {
        let message: Value = serde_json::from_str(text).unwrap();
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        return text(name).or_else(|| text("response").and_then(inside));
    }
    let form = html::forms(&page).into_iter().next()?;
    let field = |name: &str| form.field(name).map(str::to_owned);
    field(name).or_else(|| field("response").and_then(inside))
}

pub(super) async fn response_type(desk: &Desk, value: &str) -> bool {
    let mode = if matches!(value, "code" | "none") {
        "query"
    } else {
        "fragment"
    };
    let Some(rp) = desk.register(json!({"response_types": [value]})).await else {
        // Whoever has not registered it is refused, too.
        let answer = asked(desk, "nopkce", "response_type", value).await;
        assert!(!goes_on(&answer), "{value}");
        return false;
    };
    assert_eq!(rp.metadata["response_types"], json!([value]));
    let request = desk.request(&rp, "openid").with("response_type", value);
    let answer = desk.agreed(&request).await;
    let location = answer.location();
    assert_eq!(location.contains('#'), mode == "fragment", "{location}");
    for (word, parameter) in [
        ("code", "code"),
        ("id_token", "id_token"),
        ("token", "access_token"),
    ] {
        let promised = value.split(' ').any(|w| w == word);
        let there = wire::param(location, parameter).is_some();
        assert_eq!(there, promised, "{value}: {location}");
    }
    wire::param(location, "error").is_none()
}

pub(super) async fn response_mode(desk: &Desk, value: &str) -> bool {
    let request = Request::of("web", "openid")
        .with("response_mode", value)
        .with("prompt", "none");
    let answer = desk.op.browser().send(request.get()).await;
    let error = told(&answer, "error").unwrap_or_else(|| panic!("{value}: {}", answer.text()));
    if error == "invalid_request" {
        return false;
    }
    assert_eq!(error, "login_required", "{value}");
    let location = answer.header("location").unwrap_or_default();
    let carrier = match location.find(['?', '#']) {
        Some(at) => &location[at..=at],
        None => "page",
    };
    let wanted = match value {
        "query" | "query.jwt" | "jwt" => "?",
        "fragment" | "fragment.jwt" => "#",
        _ => "page",
    };
    assert_eq!(carrier, wanted, "{value}");
    let signed = told(&answer, "response").is_some();
    signed == value.ends_with("jwt")
}

/// Whether the issuer does what that draft has.
pub(super) async fn experiment(desk: &Desk, value: &str) -> bool {
    match value {
        "client_attestation draft-10" => attestation::proof(desk, "ES256").await,
        "client_documents draft-03" => clients::of_a_document(desk).await,
        "ml_dsa rfc9964" => algorithms::id_token(desk, "ML-DSA-44").await,
        "web_message draft-00" => response_mode(desk, "web_message").await,
        _ => false,
    }
}

pub(super) async fn grant_type(desk: &Desk, value: &str) -> bool {
    let response_types = match value {
        "authorization_code" => json!(["code"]),
        "implicit" => json!(["id_token"]),
        _ => json!([]),
    };
    let members = json!({
        "grant_types": [value], "response_types": response_types, "backchannel_token_delivery_mode": "poll",
    });
    // Some need a rule of the operator, who then registers the client, too.
    let by_an_operator = desk.operator_may_register(members.clone());
    let rp = desk.register(members).await;
    let registered = rp.is_some_and(|rp| rp.has("grant_types", json!([value]))) || by_an_operator;
    let answer = desk
        .op
        .browser()
        .call("web", "/token", &[("grant_type", value)])
        .await;
    let known = answer.error() != "unsupported_grant_type";
    // `implicit` is a grant that the token endpoint never sees.
    assert_eq!(known, registered && value != "implicit", "{value}");
    registered
}

pub(super) async fn acr(desk: &Desk, value: &str) -> bool {
    let rp = desk
        .register(json!({"default_acr_values": [value]}))
        .await
        .unwrap();
    let kept = rp.has("default_acr_values", json!([value]));
    let claims = json!({"id_token": {"acr": {"essential": true, "values": [value]}}});
    let answer = asked(desk, "web", "claims", &claims.to_string()).await;
    let refused = wire::param(answer.location(), "error");
    let error = refused.as_deref().unwrap_or_default();
    assert!(
        matches!(error, "" | "unmet_authentication_requirements"),
        "{error}"
    );
    if desk.op.provider.policy().claims_parameter {
        assert_eq!(goes_on(&answer), kept, "{value}");
    }
    kept
}

pub(super) async fn prompt(desk: &Desk, value: &str) -> bool {
    let answer = asked(desk, "web", "prompt", value).await;
    match wire::param(answer.location(), "error").as_deref() {
        None => goes_on(&answer),
        Some("login_required") => value == "none",
        Some(error) => {
            assert_eq!(error, "invalid_request", "{value}");
            false
        }
    }
}

pub(super) async fn display(desk: &Desk, value: &str) -> bool {
    goes_on(&asked(desk, "web", "display", value).await)
}

pub(super) async fn language(desk: &Desk, value: &str) -> bool {
    let mut browser = desk.op.browser();
    let request = Request::of("web", "openid").with("ui_locales", value);
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    let tags = html::tags(&page);
    let shown = tags.iter().find(|tag| tag.name == "html").unwrap();
    shown.get("lang") == Some(value)
}

pub(super) async fn challenge_method(desk: &Desk, value: &str) -> bool {
    let answer = asked(desk, "spa", "code_challenge_method", value).await;
    if !goes_on(&answer) {
        let error = wire::param(answer.location(), "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{value}");
    }
    goes_on(&answer)
}

/// Nonsense is refused as what it is only by somebody who reads it.
pub(super) async fn request_parameter(desk: &Desk) -> bool {
    let answer = asked(desk, "web", "request", "nonsense").await;
    told(&answer, "error").as_deref() != Some("request_not_supported")
}

pub(super) async fn request_uri_parameter(desk: &Desk) -> bool {
    let answer = asked(desk, "web", "request_uri", "https://rp.test/unregistered").await;
    told(&answer, "error").as_deref() != Some("request_uri_not_supported")
}

pub(super) async fn response_names_issuer(desk: &Desk) -> bool {
    let iss = |answer: &Answer| wire::param(answer.location(), "iss");
    let rp = desk.register(json!({})).await.unwrap();
    let good = desk.agreed(&desk.request(&rp, "openid")).await;
    let bad = asked(desk, "web", "prompt", "none").await;
    assert_eq!(iss(&good), iss(&bad));
    iss(&good).as_deref() == Some("https://op.test")
}
