//! The management of clients that registered themselves.

use hallpass_testkit::{Ask, fixture};
use serde_json::{Value, json};

use crate::registration::{open, register};

// R8.5, RG-11, RG-12
#[tokio::test]
async fn a_registration_is_managed_with_its_own_token_only() {
    //= test RFC7592#2 an unknown client and a wrong token are both answered with 401
    let op = open().await;
    let mut browser = op.browser();
    let one = register(
        &mut browser,
        &json!({"redirect_uris": ["https://one.test/cb"]}),
    )
    .await
    .json();
    let two = register(
        &mut browser,
        &json!({"redirect_uris": ["https://two.test/cb"]}),
    )
    .await
    .json();
    let text = |client: &Value, name: &str| client[name].as_str().unwrap().to_owned();
    let path = format!("/register/{}", text(&one, "client_id"));
    let (token, other) = (
        text(&one, "registration_access_token"),
        text(&two, "registration_access_token"),
    );
    let update =
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/other"]});
    let asks = |bearer: Option<&str>, path: &str| {
        let authorized = |ask: Ask| match bearer {
            Some(token) => ask.bearer(token),
            None => ask,
        };
        [
            authorized(Ask::get(path)),
            authorized(Ask::json(path, &update).method("PUT")),
            authorized(Ask::new("DELETE", path)),
        ]
    };
    for bearer in [
        None,
        Some(other.as_str()),
        Some(&op.initial_access_token),
        Some("x"),
        Some("hpm_x"),
    ] {
        for ask in asks(bearer, &path) {
            assert_eq!(browser.send(ask).await.status, 401, "{bearer:?}");
        }
    }
    // A client of the operator's has no such token, and an unknown one looks the same.
    for path in [
        "/register/web",
        "/register/nobody",
        "/register/%00",
        "/register/%ff",
        "/register/a%2fb",
    ] {
        for ask in asks(Some(&token), path) {
            assert!(
                matches!(browser.send(ask).await.status, 401 | 404),
                "{path}"
            );
        }
    }
    #[rustfmt::skip]
    let bad_updates = [
        json!({"redirect_uris": ["https://one.test/cb"]}), json!({"client_id": "web", "redirect_uris": ["https://one.test/cb"]}),
        json!({"client_id": one["client_id"]}), json!({"client_id": one["client_id"], "redirect_uris": ["javascript:alert(1)"]}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "client_secret": "chosen"}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "registration_access_token": token}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "client_secret_expires_at": 5}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "response_types": ["token"]}),
    ];
    for body in bad_updates {
        let answer = browser
            .send(Ask::json(&path, &body).method("PUT").bearer(&token))
            .await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    let read = browser.send(Ask::get(&path).bearer(&token)).await.json();
    assert_eq!(read["redirect_uris"], json!(["https://one.test/cb"]));
    let mut wider = update.clone();
    (wider["skip_consent"], wider["resources"]) = (json!(true), json!([fixture::API1]));
    let changed = browser
        .send(Ask::json(&path, &wider).method("PUT").bearer(&token))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        changed.json()["redirect_uris"],
        json!(["https://one.test/other"])
    );
    assert_eq!(changed.json().get("skip_consent"), None);
    assert_eq!(changed.json().get("resources"), None);
    for method in ["POST", "PATCH", "OPTIONS"] {
        assert_eq!(
            browser
                .send(Ask::new(method, &path).bearer(&token))
                .await
                .status,
            405,
            "{method}"
        );
    }
    assert_eq!(
        browser
            .send(Ask::new("DELETE", &path).bearer(&token))
            .await
            .status,
        204
    );
    for ask in asks(Some(&token), &path) {
        assert_eq!(browser.send(ask).await.status, 401);
    }
    let ask = Ask::form(
        "/token",
        &[("grant_type", "authorization_code"), ("code", "x")],
    );
    let answer = browser
        .send(ask.basic(&text(&one, "client_id"), &text(&one, "client_secret")))
        .await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
}

// RG-11
#[tokio::test]
async fn a_client_that_an_operator_switched_off_cannot_bring_itself_back() {
    let op = open().await;
    let mut browser = op.browser();
    let client = register(
        &mut browser,
        &json!({"redirect_uris": ["https://one.test/cb"]}),
    )
    .await
    .json();
    let id = client["client_id"].as_str().unwrap();
    let token = client["registration_access_token"].as_str().unwrap();
    op.disable_client(id).await;
    let path = format!("/register/{id}");
    let update =
        json!({"client_id": id, "redirect_uris": ["https://one.test/cb"], "disabled": false});
    for ask in [
        Ask::get(&path),
        Ask::json(&path, &update).method("PUT"),
        Ask::new("DELETE", &path),
    ] {
        assert_eq!(browser.send(ask.bearer(token)).await.status, 401);
    }
}

#[tokio::test]
async fn a_client_that_asks_for_what_is_no_longer_offered_is_unknown_and_no_failure_of_ours() {
    let op = open().await;
    let mut browser = op.browser();
    let request = json!({"redirect_uris": ["https://one.test/cb"]});
    let one = register(&mut browser, &request).await.json();
    let id = one["client_id"].as_str().unwrap();
    op.change_client(id, |metadata| {
        metadata.insert("id_token_signed_response_alg".to_owned(), json!("PS512"));
    })
    .await;
    let path = format!("/authorize?client_id={id}&response_type=code&scope=openid");
    let answer = browser.get(&path).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}
