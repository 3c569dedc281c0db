//! Aggregated and distributed claims.

use hallpass_accounts::NewUser;
use hallpass_testkit::{Browser, Op, Request, Tokens, wire};
use hallpass_types::Secret;
use serde_json::{Value, json};

const PASSWORD: &str = "a very long pass phrase of dora";

/// Dora has claims that others assert.
async fn with_dora(op: &Op) {
    let claims = json!({
        "email": "dora@op.test",
        "_claim_names": {"email": "shop", "phone_number": "shop", "address": "agency"},
        "_claim_sources": {
            "shop": {"JWT": "a.b.c", "note": "zq-hidden"},
            "agency": {"endpoint": "https://agency.test/claims", "access_token": "agency-token"},
            "unused": {"JWT": "zq-hidden"},
        },
    });
    let new = NewUser {
        username: "dora".to_owned(),
        password: Some(Secret::new(PASSWORD.to_owned())),
        must_change: false,
        claims: claims.as_object().unwrap().clone(),
    };
    op.accounts
        .create(op.provider.issuer_id(), new)
        .await
        .unwrap();
}

async fn signed_in(browser: &mut Browser, request: &Request) -> Tokens {
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    let typed = [("username", "dora"), ("password", PASSWORD)];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let answer = browser.through_pages("dora", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    Tokens::of(&browser.redeem("web", &code).await)
}

async fn released(op: &Op, scope: &str, claims: Option<&Value>) -> (Value, Value) {
    let mut browser = op.browser();
    let mut request = Request::of("web", scope);
    if let Some(claims) = claims {
        request = request.with("claims", &claims.to_string());
    }
    let tokens = signed_in(&mut browser, &request).await;
    let info = browser.userinfo(&tokens.access).await;
    assert!(!info.text().contains("zq-hidden"), "{}", info.text());
    (info.json(), tokens.claims())
}

#[tokio::test]
async fn claims_by_others_are_released_as_their_scope_or_request_says() {
    let op = Op::start().await;
    with_dora(&op).await;
    let (info, id) = released(&op, "openid email phone", None).await;
    assert_eq!(info["email"], "dora@op.test");
    assert_eq!(info["_claim_names"], json!({"phone_number": "shop"}));
    assert_eq!(info["_claim_sources"], json!({"shop": {"JWT": "a.b.c"}}));
    assert_eq!(id.get("_claim_names"), None);
    let asked = json!({"userinfo": {"address": null}, "id_token": {"phone_number": null}});
    let (info, id) = released(&op, "openid", Some(&asked)).await;
    assert_eq!(info["_claim_names"], json!({"address": "agency"}));
    assert_eq!(
        info["_claim_sources"],
        json!({"agency": {"endpoint": "https://agency.test/claims", "access_token": "agency-token"}})
    );
    assert_eq!(id["_claim_names"], json!({"phone_number": "shop"}));
    assert_eq!(id["_claim_sources"], json!({"shop": {"JWT": "a.b.c"}}));
}

#[tokio::test]
async fn nobody_gets_the_sources_by_their_own_names() {
    let op = Op::start().await;
    with_dora(&op).await;
    let names = json!({"_claim_names": null, "_claim_sources": {"essential": true}});
    let asked = json!({"userinfo": names, "id_token": names});
    let (info, id) = released(&op, "openid email", Some(&asked)).await;
    for claims in [info, id] {
        assert_eq!(claims.get("_claim_names"), None, "{claims}");
        assert_eq!(claims.get("_claim_sources"), None, "{claims}");
    }
}

#[tokio::test]
async fn where_it_is_switched_off_nothing_of_others_is_released_or_advertised() {
    let op = Op::with(|policy| policy.external_claims = false).await;
    with_dora(&op).await;
    let (info, _) = released(&op, "openid email phone", None).await;
    assert_eq!(info.get("_claim_names"), None);
    let path = "/.well-known/openid-configuration";
    let document = op.browser().get(path).await.json();
    assert_eq!(document["claim_types_supported"], json!(["normal"]));
    let document = Op::start().await.browser().get(path).await.json();
    let types = json!(["normal", "aggregated", "distributed"]);
    assert_eq!(document["claim_types_supported"], types);
}
