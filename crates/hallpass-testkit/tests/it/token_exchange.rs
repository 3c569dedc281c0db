//! Token exchange (RFC 8693) from outside.

use hallpass_core::{
    policy::ExchangeRule,
    token::exchange::{ACCESS_TOKEN, JWT},
};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens, assertion, fixture, fixture::Seed,
};
use serde_json::{Value, json};

const TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const SECRET: &str = "hpk_orders-0123456789abcdefghijklmnopqrstuvw";

/// `orders` serves the first API and may ask for tokens of the second one.
async fn start() -> Op {
    setup(|_| ()).start().await
}

pub(crate) fn setup(change: impl FnOnce(&mut ExchangeRule) + Send + 'static) -> Setup {
    let seed = |id: &'static str, grants: Value| Seed {
        id,
        secret: Some(SECRET),
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": grants,
            "introspection_resources": [fixture::API1], "scope": "api:read"}),
    };
    Setup::default()
        .policy(move |policy| {
            let mut rule = ExchangeRule {
                clients: vec!["orders".to_owned(), "rogue".to_owned()],
                resources: vec![fixture::API2.to_owned()],
                ..ExchangeRule::default()
            };
            change(&mut rule);
            policy.token_exchange.push(rule);
            policy.grant_types.push(TYPE.to_owned());
        })
        .client(seed("orders", json!([TYPE, "client_credentials"])))
        .client(seed("rogue", json!(["client_credentials"])))
        .client(seed("unruled", json!([TYPE])))
}

async fn for_api1(browser: &mut Browser) -> Tokens {
    let request =
        Request::of("web", "openid api:read offline_access").with("resource", fixture::API1);
    browser.flow_of("alice", "web", &request).await
}

async fn exchange(
    browser: &mut Browser,
    client: &str,
    token: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut pairs = vec![
        ("grant_type", TYPE),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", fixture::API2),
    ];
    for (name, value) in more {
        match pairs.iter_mut().find(|(n, _)| n == name) {
            Some(pair) => pair.1 = value,
            None => pairs.push((name, value)),
        }
    }
    browser
        .send(Ask::form("/token", &pairs).basic(client, SECRET))
        .await
}

#[tokio::test]
async fn an_api_calls_the_next_one_for_the_same_person() {
    let op = start().await;
    let mut browser = op.browser();
    let first = for_api1(&mut browser).await;
    op.clock.advance(100);
    let answer = exchange(&mut browser, "orders", &first.access, &[]).await;
    let body = answer.json();
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN, "{body}");
    assert_eq!(body["scope"], "api:read");
    assert_eq!(body["expires_in"], 500, "no longer than the first one");
    assert_eq!(body.get("refresh_token"), None);
    assert_eq!(body.get("id_token"), None);
    let second = Tokens::of(&answer).access;
    let seen = browser
        .call("rs2", "/introspect", &[("token", &second)])
        .await
        .json();
    assert_eq!(seen["active"], true);
    assert_eq!(seen["sub"], op.subject("alice").as_str());
    assert_eq!(seen["client_id"], "orders");
    assert_eq!(seen["aud"], fixture::API2);
    assert_eq!(seen["act"], json!({"sub": "client:orders"}));
    assert_eq!(seen["auth_time"], op.clock.seconds() - 100);
    // The first one is as good as before, and of no more use there.
    assert!(browser.is_active("rs1", &first.access).await);
    assert!(!browser.is_active("rs2", &first.access).await);
    assert!(!browser.is_active("rs1", &second).await);
    assert_eq!(browser.userinfo(&second).await.status, 401);
}

#[tokio::test]
async fn what_was_exchanged_ends_with_its_grant() {
    let op = start().await;
    let mut browser = op.browser();
    let first = for_api1(&mut browser).await;
    let second = Tokens::of(&exchange(&mut browser, "orders", &first.access, &[]).await).access;
    assert!(browser.is_active("rs2", &second).await);
    let pairs = [("token", first.refresh())];
    assert_eq!(browser.call("web", "/revoke", &pairs).await.status, 200);
    assert!(!browser.is_active("rs2", &second).await);
    let again = exchange(&mut browser, "orders", &first.access, &[]).await;
    assert_eq!(
        (again.status, again.error().as_str()),
        (400, "invalid_request")
    );
}

/// What it is, who asks, with which token, what else is sent, and the error.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

// TK-40, TK-53
#[tokio::test]
async fn nobody_exchanges_without_a_rule_a_grant_type_and_a_good_token() {
    let op = start().await;
    let mut browser = op.browser();
    let first = for_api1(&mut browser).await;
    let other_api = Request::of("web", "openid api:read").with("resource", fixture::API2);
    let other_api = browser.flow_of("alice", "web", &other_api).await.access;
    let good = first.access.as_str();
    let broken = format!("{}x", first.access);
    let id = first.id.clone().unwrap();
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("no grant type", "rogue", good, &[], "unauthorized_client"),
        ("no rule", "unruled", good, &[], "unauthorized_client"),
        ("another target", "orders", good, &[("resource", fixture::API1)], "invalid_target"),
        ("an unknown target", "orders", good, &[("resource", "https://x.test")], "invalid_target"),
        ("a token for somebody else", "orders", &other_api, &[], "invalid_request"),
        ("a broken token", "orders", &broken, &[], "invalid_request"),
        ("an empty token", "orders", "", &[], "invalid_request"),
        ("a refresh token", "orders", first.refresh(), &[], "invalid_request"),
        ("an ID token", "orders", &id, &[], "invalid_request"),
        ("the same one as an ID token", "orders", &id, &[("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")], "invalid_request"),
        ("a wider scope", "orders", good, &[("scope", "api:write")], "invalid_scope"),
        ("the person's scope", "orders", good, &[("scope", "openid")], "invalid_scope"),
        ("a JWT of a sealed one", "orders", good, &[("requested_token_type", JWT)], "invalid_request"),
        ("a refresh token back", "orders", good, &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], "invalid_request"),
        ("an unreadable actor", "orders", good, &[("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        ("somebody else as the actor", "orders", good, &[("actor_token", good), ("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        ("an actor without type", "orders", good, &[("actor_token", good)], "invalid_request"),
    ];
    for (what, client, token, more, error) in cases {
        let answer = exchange(&mut browser, client, token, more).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, *error),
            "{what}"
        );
        assert_eq!(answer.json().get("access_token"), None, "{what}");
    }
    op.clock.advance(601);
    let late = exchange(&mut browser, "orders", good, &[]).await;
    assert_eq!(late.error(), "invalid_request");
}

#[tokio::test]
async fn the_chain_of_who_acts_grows_with_each_exchange() {
    let op = setup(|rule| {
        rule.resources = vec![fixture::API1.to_owned(), fixture::API2.to_owned()];
        rule.subject_clients = vec!["web".to_owned(), "orders".to_owned()];
    })
    .start()
    .await;
    let mut browser = op.browser();
    let first = for_api1(&mut browser).await;
    let pairs = [("grant_type", "client_credentials")];
    let own = browser
        .send(Ask::form("/token", &pairs).basic("orders", SECRET))
        .await;
    let own = Tokens::of(&own).access;
    let actor = [
        ("actor_token", own.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    let second = Tokens::of(&exchange(&mut browser, "orders", &first.access, &actor).await).access;
    let more = [("resource", fixture::API1), ("requested_token_type", JWT)];
    let answer = exchange(&mut browser, "orders", &second, &more).await;
    assert_eq!(answer.json()["issued_token_type"], JWT);
    let claims = assertion::payload(&Tokens::of(&answer).access);
    let expected = json!({"sub": "client:orders", "act": {"sub": "client:orders"}});
    assert_eq!(claims["act"], expected);
    assert_eq!(claims["sub"], op.subject("alice").as_str());
}

#[tokio::test]
async fn a_rule_may_let_a_client_act_without_being_named() {
    let op = setup(|rule| rule.impersonation = true).start().await;
    let mut browser = op.browser();
    let first = for_api1(&mut browser).await;
    let second = Tokens::of(&exchange(&mut browser, "orders", &first.access, &[]).await).access;
    let seen = browser
        .call("rs2", "/introspect", &[("token", &second)])
        .await
        .json();
    assert_eq!((&seen["active"], seen.get("act")), (&json!(true), None));
}

#[tokio::test]
async fn the_grant_is_there_only_with_a_rule_and_only_for_clients_of_an_operator() {
    let ruled = start().await;
    let listed = |document: &Value| {
        document["grant_types_supported"]
            .as_array()
            .unwrap()
            .contains(&json!(TYPE))
    };
    const METADATA: &str = "/.well-known/openid-configuration";
    assert!(listed(&ruled.browser().get(METADATA).await.json()));
    let register = |op: &Op| {
        let body = json!({"redirect_uris": ["https://new.test/cb"], "grant_types": ["authorization_code", TYPE]});
        Ask::json("/register", &body).bearer(&op.initial_access_token)
    };
    let answer = ruled.browser().send(register(&ruled)).await;
    assert_eq!(answer.json()["grant_types"], json!(["authorization_code"]));

    let plain = Op::start().await;
    let mut browser = plain.browser();
    assert!(!listed(&browser.get(METADATA).await.json()));
    let pairs = [
        ("grant_type", TYPE),
        ("subject_token", "x"),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(answer.error(), "unsupported_grant_type");
}
