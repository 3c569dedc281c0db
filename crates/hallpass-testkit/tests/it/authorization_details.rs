//! Rich authorization requests: RFC 9396.

use hallpass_core::{
    authorization_details::{DetailType, Member, MemberKind},
    policy::Policy,
};
use hallpass_testkit::{
    Answer, Browser, Op, Request, assertion,
    fixture::{self, API1, API2},
    flow::{Tokens, VERIFIER},
    wire,
};
use serde_json::{Value, json};

use crate::backchannel::{answer_all, at_approvals};

async fn op() -> Op {
    with(|_| ()).await
}

async fn with(change: impl FnOnce(&mut Policy) + Send + 'static) -> Op {
    let op = Op::with(|policy| {
        change(policy);
        policy.backchannel.enabled = true;
        let member = |name: &str, kind, required| Member {
            kind,
            required,
            label: (name == "amount").then(|| "How much".to_owned()),
            ..Member::new(name)
        };
        policy.detail_types = vec![
            DetailType {
                description: Some("Make a payment".to_owned()),
                members: vec![
                    member("amount", MemberKind::Object, true),
                    member("creditor", MemberKind::Text, false),
                    Member::new("locations"),
                    Member {
                        values: vec!["initiate".to_owned(), "status".to_owned()],
                        ..Member::new("actions")
                    },
                ],
                ..DetailType::new("payment".to_owned())
            },
            DetailType::new("other".to_owned()),
        ];
    })
    .await;
    for client in ["web", "first", "pkjwt"] {
        op.change_client(client, |metadata| {
            metadata.insert("authorization_details_types".to_owned(), json!(["payment"]));
        })
        .await;
    }
    op
}

fn payment(value: &str) -> Value {
    json!({"type": "payment", "amount": {"currency": "EUR", "value": value}})
}

fn asking(client: &str, scope: &str, details: &Value) -> Request {
    Request::of(client, scope).with("authorization_details", &details.to_string())
}

/// The request as it is after a push: a reference to what the browser does not see.
async fn pushed(browser: &mut Browser, request: &Request) -> Request {
    let pairs: Vec<(&str, &str)> = request.0[1..]
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let client = request.0[0].1.clone();
    let answer = browser.call(&client, "/par", &pairs).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let plain = vec![("client_id".to_owned(), client)];
    Request(plain).with("request_uri", &uri)
}

/// A code for a request that was pushed.
async fn code_for(browser: &mut Browser, request: &Request) -> String {
    let request = pushed(browser, request).await;
    browser.code("alice", &request).await
}

async fn redeem(browser: &mut Browser, code: &str, more: &[(&str, &str)]) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", fixture::WEB_CB),
        ("code_verifier", VERIFIER),
    ];
    browser
        .call("web", "/token", &[&pairs, more].concat())
        .await
}

/// A request for so many scopes and details that no token can hold both.
fn too_much(response_type: &str) -> Request {
    let scopes: Vec<String> = (0..100).map(|n| format!("api:{n:060}")).collect();
    let large = json!({"type": "payment", "amount": {}, "creditor": "c".repeat(5800)});
    let details = json!([large, payment("1")]);
    asking("web", &format!("openid {}", scopes.join(" ")), &details)
        .with("response_type", response_type)
}

async fn generous(types: &'static [hallpass_core::authorize::ResponseType]) -> Op {
    let op = with(move |policy| {
        policy.response_types.extend(types);
        policy
            .scopes
            .extend((0..100).map(|n| hallpass_core::policy::ScopeSpec {
                name: format!("api:{n:060}"),
                title: None,
                description: None,
                claims: Vec::new(),
                required: false,
            }));
    })
    .await;
    op.change_client("web", |metadata| {
        metadata.remove("scope");
        metadata.insert("response_types".to_owned(), json!(["code", "code token"]));
        metadata.insert(
            "grant_types".to_owned(),
            json!(["authorization_code", "implicit"]),
        );
    })
    .await;
    op
}

// Made all the same, such a token would be refused wherever it is shown.
#[tokio::test]
async fn a_token_that_would_be_too_long_is_refused_before_it_is_made() {
    let op = generous(&[]).await;
    let mut browser = op.browser();
    let code = code_for(&mut browser, &too_much("code")).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.error(), "invalid_request");
    // The code is as good as before for a token with less in it.
    let less = json!([payment("1")]).to_string();
    let answer = redeem(&mut browser, &code, &[("authorization_details", &less)]).await;
    let tokens = Tokens::of(&answer);
    let known = browser
        .call("web", "/introspect", &[("token", &tokens.access)])
        .await;
    assert_eq!(known.json()["active"], json!(true), "{}", known.text());
}

#[tokio::test]
async fn a_long_token_that_is_made_is_good() {
    let op = generous(&[]).await;
    let mut browser = op.browser();
    let details = json!([{"type": "payment", "amount": {}, "creditor": "c".repeat(5900)}]);
    let request = asking("web", "openid", &details);
    let code = code_for(&mut browser, &request).await;
    let tokens = Tokens::of(&redeem(&mut browser, &code, &[]).await);
    let known = browser
        .call("web", "/introspect", &[("token", &tokens.access)])
        .await;
    assert_eq!(known.json()["active"], json!(true), "{}", known.text());
    assert_eq!(known.json()["authorization_details"], details);
}

#[tokio::test]
async fn a_token_that_would_be_too_long_does_not_come_through_the_browser() {
    use hallpass_core::authorize::ResponseType;
    let op = generous(&[ResponseType::CodeToken]).await;
    let mut browser = op.browser();
    let request = pushed(&mut browser, &too_much("code token")).await;
    let answer = browser.send(request.post()).await;
    let answer = browser.through_pages("alice", answer).await;
    let (_, fragment) = answer.location().split_once('#').unwrap();
    assert!(fragment.contains("error=invalid_request"), "{fragment}");
    assert!(!fragment.contains("access_token="), "{fragment}");
}

// AZ-28
#[tokio::test]
async fn a_client_that_authenticates_does_not_send_details_through_the_browser() {
    //= test RFC9396#12 details are kept from being changed on their way through the browser
    //= test RFC9396#12 a client without secret and key has nothing to do that with
    let op = with(|policy| policy.requests.complete_from_query = true).await;
    op.change_client("spa", |metadata| {
        metadata.insert("authorization_details_types".to_owned(), json!(["payment"]));
    })
    .await;
    let details = json!([payment("1")]);
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let refused = |answer: &Answer, what: &str| {
        let to = answer.location();
        assert!(to.contains(".test/cb?"), "{what}: {to}");
        assert_eq!(answer.error(), "invalid_authorization_details", "{what}");
    };
    for client in ["web", "first", "pkjwt"] {
        let request = asking(client, "openid", &details);
        refused(&browser.send(request.get()).await, client);
        refused(&browser.send(request.post()).await, client);
        refused(
            &browser.send(request.with("prompt", "none").get()).await,
            client,
        );
    }
    // Beside a signed request that has none they are no more signed than without one.
    let mut claims = json!({"iss": "pkjwt", "aud": fixture::ISSUER});
    for (name, value) in Request::of("pkjwt", "openid").0 {
        claims[name] = json!(value);
    }
    let object = assertion::sign(fixture::pkjwt_key(), &claims);
    let beside = asking("pkjwt", "openid", &details).with("request", &object);
    refused(&browser.send(beside.get()).await, "beside");
    // Signed, they come through the browser; so do those of a client that can neither sign nor push under its own name.
    claims["authorization_details"] = details.clone();
    let object = assertion::sign(fixture::pkjwt_key(), &claims);
    let signed = Request::of("pkjwt", "openid").with("request", &object);
    let code = browser.code("alice", &signed).await;
    let answer = browser.redeem("pkjwt", &code).await;
    assert_eq!(answer.json()["authorization_details"], details);
    let code = browser
        .code("alice", &asking("spa", "openid", &details))
        .await;
    let answer = browser.redeem("spa", &code).await;
    assert_eq!(answer.json()["authorization_details"], details);
}

// AZ-28
#[tokio::test]
async fn what_is_not_a_known_detail_of_this_client_is_refused() {
    //= test RFC9396#5 a type that is unknown, or a detail that its type does not allow, is invalid_authorization_details
    //= test RFC9396#10 a client asks only for the types that it registered
    //= test RFC9396#10 a client registers the types of authorization details that it uses
    let op = op().await;
    let mut browser = op.browser();
    for details in [
        json!([{"type": "unknown"}]),
        json!([{"type": "other"}]),
        json!([{"type": "payment"}]),
        json!([{"type": "payment", "amount": 1}]),
        json!([{"type": "payment", "amount": {}, "extra": 1}]),
        json!([{"type": "payment", "amount": {}, "actions": ["steal"]}]),
        json!([payment("1"), {"type": "unknown"}]),
        json!({"type": "payment", "amount": {}}),
        json!([]),
        json!("payment"),
        json!([["payment"]]),
        json!(fixture::MARKER),
    ] {
        let request = asking("web", "openid", &details);
        let answer = browser.send(request.get()).await;
        assert!(answer.location().starts_with(fixture::WEB_CB), "{details}");
        assert_eq!(answer.error(), "invalid_authorization_details", "{details}");
        let pairs: Vec<(&str, &str)> = request.0[1..]
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let answer = browser.call("web", "/par", &pairs).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.error(), "invalid_authorization_details", "{details}");
    }
    for text in ["", "[", "x"] {
        let request = Request::of("web", "openid").with("authorization_details", text);
        let answer = browser.send(request.get()).await;
        let refused = answer.location().starts_with(fixture::WEB_CB);
        assert_eq!(refused, !text.is_empty(), "{text}");
    }
    // A client that registered no type has none.
    let answer = browser
        .send(asking("web2", "openid", &json!([payment("1")])).get())
        .await;
    assert_eq!(answer.error(), "invalid_authorization_details");
}

#[tokio::test]
async fn the_person_reads_what_is_asked_for_each_time() {
    //= test RFC9396#2 details are granted with the person's consent to just these
    let op = op().await;
    let mut browser = op.browser();
    let nasty = json!([{
        "type": "payment", "amount": {"currency": "EUR", "value": fixture::MARKER},
        "creditor": "<script>alert(1)</script>\u{202e}", "actions": ["initiate", "status"],
    }]);
    browser.sign_in("alice").await;
    browser.code("alice", &Request::of("web", "openid")).await;
    for _ in 0..2 {
        // What was allowed before does not count.
        let request = pushed(&mut browser, &asking("web", "openid", &nasty)).await;
        let page = browser.send(request.get()).await;
        let page = browser.follow(&page).await.text();
        for text in [
            "Make a payment",
            "How much",
            "EUR",
            "initiate, status",
            "&lt;script&gt;",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'));
        let answer = browser.press(&page, "consent", "allow", &[]).await;
        assert!(wire::param(answer.location(), "code").is_some());
    }
    let silent = asking("web", "openid", &nasty).with("prompt", "none");
    let silent = pushed(&mut browser, &silent).await;
    let answer = browser.send(silent.get()).await;
    assert_eq!(answer.error(), "consent_required");
    let request = pushed(&mut browser, &asking("web", "openid", &nasty)).await;
    let page = browser.send(request.get()).await;
    let page = browser.follow(&page).await.text();
    let answer = browser.press(&page, "consent", "deny", &[]).await;
    assert_eq!(answer.error(), "access_denied");
}

#[tokio::test]
async fn what_was_allowed_is_in_the_response_the_token_and_its_introspection() {
    //= test RFC9396#7 the details that the token carries are in the response
    //= test RFC9396#9.1 a JWT carries the details in authorization_details
    let op = op().await;
    let mut browser = op.browser();
    let details = json!([payment("1.00"), payment("2.00")]);
    // Sealed, without any scope of a resource.
    let code = code_for(&mut browser, &asking("web", "openid", &details)).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    let tokens = Tokens::of(&answer);
    assert_eq!(answer.json()["authorization_details"], details);
    let answer = browser
        .call("web", "/introspect", &[("token", &tokens.access)])
        .await;
    assert_eq!(answer.json()["authorization_details"], details);
    // A JWT.
    let request = asking("web", "openid api:read", &details).with("resource", API1);
    let code = code_for(&mut browser, &request).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    let tokens = Tokens::of(&answer);
    assert_eq!(
        assertion::payload(&tokens.access)["authorization_details"],
        details
    );
    let answer = browser
        .call("rs1", "/introspect", &[("token", &tokens.access)])
        .await;
    assert_eq!(answer.json()["authorization_details"], details);
    // Without details there is no such member.
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    assert_eq!(answer.json().get("authorization_details"), None);
}

#[tokio::test]
async fn details_are_enough_to_ask_for_and_can_be_pushed_and_signed() {
    let op = op().await;
    let mut browser = op.browser();
    let details = json!([payment("1.00")]);
    let request = asking("web", "openid", &details).without("scope");
    let code = code_for(&mut browser, &request).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    assert_eq!(
        answer.json()["authorization_details"],
        details,
        "{}",
        answer.text()
    );
    // As JSON within a request object, pushed.
    let mut claims = json!({"iss": "pkjwt", "aud": fixture::ISSUER});
    for (name, value) in Request::of("pkjwt", "openid").0 {
        claims[name] = json!(value);
    }
    claims["authorization_details"] = details.clone();
    let object = assertion::sign(fixture::pkjwt_key(), &claims);
    let answer = browser.call("pkjwt", "/par", &[("request", &object)]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let ask = hallpass_testkit::Ask::query(
        "/authorize",
        &[("client_id", "pkjwt"), ("request_uri", &uri)],
    );
    let answer = browser.send(ask).await;
    let answer = browser.through_pages("alice", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let answer = browser.redeem("pkjwt", &code).await;
    assert_eq!(answer.json()["authorization_details"], details);
}

#[tokio::test]
async fn a_token_request_narrows_and_never_widens() {
    //= test RFC9396#6 a token request does not get more than what was granted
    let op = op().await;
    let mut browser = op.browser();
    let granted = json!([payment("1.00"), payment("2.00")]);
    let request = asking("web", "openid offline_access", &granted).with("prompt", "consent");
    let code = code_for(&mut browser, &request).await;
    let text = |details: &Value| details.to_string();
    for wrong in [
        json!([payment("3.00")]),
        json!([payment("1.00"), payment("3.00")]),
        // AZ-28: one payment that was allowed is not two.
        json!([payment("1.00"), payment("1.00")]),
    ] {
        let answer = redeem(
            &mut browser,
            &code,
            &[("authorization_details", &text(&wrong))],
        )
        .await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.error(), "invalid_authorization_details", "{wrong}");
    }
    let one = text(&json!([payment("1.00")]));
    let answer = redeem(&mut browser, &code, &[("authorization_details", &one)]).await;
    let tokens = Tokens::of(&answer);
    assert_eq!(
        answer.json()["authorization_details"],
        json!([payment("1.00")])
    );
    // A refresh starts again from what was granted.
    let refresh = |more: Vec<(&'static str, String)>| {
        let token = tokens.refresh().to_owned();
        let mut browser = op.browser();
        async move {
            let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", &token)];
            pairs.extend(more.iter().map(|(n, v)| (*n, v.as_str())));
            browser.call("web", "/token", &pairs).await
        }
    };
    let answer = refresh(Vec::new()).await;
    assert_eq!(
        answer.json()["authorization_details"],
        granted,
        "{}",
        answer.text()
    );
    let two = text(&json!([payment("2.00")]));
    let answer = refresh(vec![("authorization_details", two)]).await;
    assert_eq!(
        answer.json()["authorization_details"],
        json!([payment("2.00")])
    );
    for wrong in ["[", "[]", r#"[{"type":"payment","amount":{}}]"#] {
        let answer = refresh(vec![("authorization_details", wrong.to_owned())]).await;
        assert_eq!(answer.error(), "invalid_authorization_details", "{wrong}");
    }
    // What the client may not ask for any more it does not get either.
    op.change_client("web", |metadata| {
        metadata.remove("authorization_details_types");
    })
    .await;
    let answer = refresh(Vec::new()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json().get("authorization_details"), None);
}

#[tokio::test]
async fn a_token_carries_what_concerns_its_resource() {
    //= test RFC9396#7 details that mean nothing at the token's resource are left out
    let op = op().await;
    let mut browser = op.browser();
    let at = |location: &str| {
        let mut detail = payment("1.00");
        detail["locations"] = json!([location]);
        detail
    };
    let details = json!([at(API1), at(API2), payment("2.00")]);
    let request = asking("web", "openid api:read", &details).with("resource", API1);
    let code = code_for(&mut browser, &request).await;
    let answer = redeem(&mut browser, &code, &[]).await;
    let expected = json!([at(API1), payment("2.00")]);
    assert_eq!(answer.json()["authorization_details"], expected);
    let tokens = Tokens::of(&answer);
    assert_eq!(
        assertion::payload(&tokens.access)["authorization_details"],
        expected
    );
}

#[tokio::test]
async fn grants_without_a_persons_consent_take_no_details() {
    //= test RFC9396#6 details that cannot be granted are refused and not passed over
    let op = op().await;
    let mut browser = op.browser();
    let details = json!([payment("1.00")]).to_string();
    let pairs = [
        ("grant_type", "client_credentials"),
        ("authorization_details", details.as_str()),
    ];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_authorization_details")
    );
}

#[tokio::test]
async fn an_operator_may_waive_the_question_and_types_are_advertised() {
    //= test RFC9396#10 the supported types are in authorization_details_types_supported
    let op = op().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let details = json!([payment("1.00")]);
    let silent = asking("first", "openid", &details).with("prompt", "none");
    let silent = pushed(&mut browser, &silent).await;
    let answer = browser.send(silent.get()).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let answer = browser.redeem("first", &code).await;
    assert_eq!(answer.json()["authorization_details"], details);
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        metadata["authorization_details_types_supported"],
        json!(["payment", "other"])
    );
    let op = Op::start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata.get("authorization_details_types_supported"), None);
}

#[tokio::test]
async fn without_a_browser_the_person_reads_and_allows_the_details_too() {
    const GRANT: &str = "urn:openid:params:grant-type:ciba";
    let op = op().await;
    op.change_client("web", |metadata| {
        metadata.insert("grant_types".to_owned(), json!([GRANT]));
        metadata.insert("response_types".to_owned(), json!([]));
        metadata.insert("backchannel_token_delivery_mode".to_owned(), json!("poll"));
    })
    .await;
    let mut browser = op.browser();
    let begin = async |browser: &mut Browser, details: Value| {
        let details = details.to_string();
        let pairs = [
            ("scope", "openid"),
            ("login_hint", "alice"),
            ("authorization_details", details.as_str()),
        ];
        browser.call("web", "/backchannel", &pairs).await
    };
    let unknown = begin(&mut browser, json!([{"type": "unknown"}])).await;
    assert_eq!(unknown.error(), "invalid_authorization_details");
    let wanted = json!([payment("9.99")]);
    let begun = begin(&mut browser, wanted.clone()).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let begun = begun.json();
    let id = begun["auth_req_id"].as_str().unwrap();
    let page = at_approvals(&op, "alice").await.get("/approvals").await;
    let page = page.text();
    assert!(page.contains("Make a payment") && page.contains("9.99"));
    answer_all(&op, "alice", "allow").await;
    let pairs = [("grant_type", GRANT), ("auth_req_id", id)];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["authorization_details"], wanted);
}
