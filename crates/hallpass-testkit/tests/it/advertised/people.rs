//! Scopes, claims and subjects.

use hallpass_store::{Commit, Spend};
use hallpass_testkit::{Ask, assertion, wire};
use serde_json::{Map, Value, json};

use super::desk::Desk;

pub(super) async fn scope(desk: &Desk, value: &str) -> bool {
    let rp = desk
        .register(json!({"grant_types": ["authorization_code", "refresh_token"]}))
        .await
        .unwrap();
    let asked = if value == "openid" {
        value.to_owned()
    } else {
        format!("openid {value}")
    };
    let request = desk.request(&rp, &asked).with("prompt", "consent");
    let answer = desk.agreed(&request).await;
    let Some(code) = wire::param(answer.location(), "code") else {
        return false;
    };
    let tokens = desk.redeem(&rp, &code).await;
    let granted = tokens["scope"].as_str().unwrap_or(&asked);
    let has = granted.split(' ').any(|token| token == value);
    // Whoever is granted offline access can use it.
    assert_eq!(
        tokens["refresh_token"].is_string(),
        has && value == "offline_access",
        "{value}: {tokens}"
    );
    has
}

/// Puts claims of every name on record for alice.
async fn knows_of_alice(desk: &Desk, claims: &[&str]) {
    change_alice(desk, |held| {
        for name in claims {
            held.entry(*name).or_insert_with(|| json!("on record"));
        }
    })
    .await;
}

async fn change_alice(desk: &Desk, change: impl FnOnce(&mut Map<String, Value>)) {
    let (provider, subject) = (&desk.op.provider, desk.op.subject("alice"));
    let (store, issuer) = (provider.store(), provider.issuer_id());
    let mut record = store.user(issuer, subject).await.unwrap().unwrap();
    change(&mut record.claims);
    let revision = record.revision;
    record.revision += 1;
    let commit = Commit {
        spends: vec![Spend::User {
            revision,
            record: Box::new(record),
        }],
        writes: Vec::new(),
    };
    store.commit(issuer, commit).await.unwrap();
}

/// What the two places of claims hold when one is asked for by name, or by all scopes where it cannot be asked for.
async fn told(desk: &Desk, name: &str) -> [Value; 2] {
    knows_of_alice(desk, &[name]).await;
    // Who wants to hear of a session's end is told its name.
    let members = json!({
        "backchannel_logout_uri": "https://new.test/out", "backchannel_logout_session_required": true,
    });
    let rp = desk.register(members).await.unwrap();
    let scopes = desk.listed("scopes_supported").join(" ");
    let claims = json!({"id_token": {name: null}, "userinfo": {name: null}});
    let mut request = desk
        .request(&rp, &scopes)
        .with("claims", &claims.to_string())
        .with("prompt", "consent");
    if let Some(class) = desk.listed("acr_values_supported").first() {
        request = request.with("acr_values", class);
    }
    let tokens = desk.tokens(&rp, &request).await;
    let token = tokens["access_token"].as_str().unwrap();
    let ask = Ask::get("/userinfo").bearer(token);
    let userinfo = desk.op.browser().send(ask).await.json();
    let id_token = assertion::payload(tokens["id_token"].as_str().unwrap());
    [id_token, userinfo]
}

pub(super) async fn claim(desk: &Desk, value: &str) -> bool {
    let places = told(desk, value).await;
    places.iter().any(|place| place.get(value).is_some())
}

pub(super) async fn claims_parameter(desk: &Desk) -> bool {
    // Only the parameter brings a claim of a scope into an ID token of the code flow.
    let [id_token, _] = told(desk, "name").await;
    id_token.get("name").is_some()
}

pub(super) async fn claim_type(desk: &Desk, value: &str) -> bool {
    match value {
        "normal" => {
            let [id_token, userinfo] = told(desk, "sub").await;
            id_token["sub"].is_string() && userinfo["sub"].is_string()
        }
        "aggregated" => by_others(desk, json!({"JWT": "a.b.c"})).await,
        "distributed" => by_others(desk, json!({"endpoint": "https://claims.test/"})).await,
        _ => false,
    }
}

/// Whether a claim that somebody else asserts about alice is released with its source.
async fn by_others(desk: &Desk, source: Value) -> bool {
    let sources = json!({"other": source});
    let claims = json!({
        "website": null, "_claim_names": {"website": "other"}, "_claim_sources": sources,
    });
    change_alice(desk, |held| {
        held.extend(claims.as_object().unwrap().clone());
    })
    .await;
    let [_, userinfo] = told(desk, "sub").await;
    userinfo["_claim_sources"] == sources
}

pub(super) async fn subject_type(desk: &Desk, value: &str) -> bool {
    let Some(rp) = desk.register(json!({"subject_type": value})).await else {
        return false;
    };
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let claims = assertion::payload(tokens["id_token"].as_str().unwrap());
    let public = claims["sub"] == desk.op.subject("alice").as_str();
    assert_eq!(public, value == "public", "{value}");
    rp.has("subject_type", value)
}
