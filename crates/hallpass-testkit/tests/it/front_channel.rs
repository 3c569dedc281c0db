//! Implicit and hybrid response types: what an answer of the authorization endpoint holds, and what it is worth.

use std::collections::HashMap;

use hallpass_core::authorize::ResponseType;
use hallpass_jose::{JwsAlgorithm, left_half_hash};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens, assertion,
    fixture::{self, Seed},
    flow::VERIFIER,
    html, wire,
};
use serde_json::{Value, json};

pub(crate) const CB: &str = "https://hyb.test/cb";
pub(crate) const SECRET: &str = "hpk_hyb-0123456789abcdefghijklmnopqrstuvwxyz";
pub(crate) const TYPES: [&str; 7] = [
    "code",
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
    "none",
];

pub(crate) fn seed(id: &'static str, change: Value) -> Seed {
    let mut metadata = json!({
        "redirect_uris": [CB], "response_types": TYPES, "skip_consent": true, "require_pkce": false,
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
    });
    for (name, value) in change.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    Seed {
        id,
        secret: Some(SECRET),
        disabled: false,
        metadata,
    }
}

/// A provider that offers every response type, and clients that registered them.
pub(crate) fn setup() -> Setup {
    let public = json!({"token_endpoint_auth_method": "none", "require_pkce": true});
    Setup::default()
        .policy(|policy| policy.response_types = ResponseType::ALL.to_vec())
        .client(seed("hyb", json!({})))
        .client(seed("hybpair", json!({"subject_type": "pairwise"})))
        .client(seed("hybask", json!({"skip_consent": false})))
        .client(Seed {
            secret: None,
            ..seed("hybpub", public)
        })
}

pub(crate) fn request(client: &str, response_type: &str, scope: &str) -> Request {
    Request::of("web", scope)
        .with("client_id", client)
        .with("redirect_uri", CB)
        .with("response_type", response_type)
}

/// The parameters behind `#`.
#[track_caller]
pub(crate) fn fragment(answer: &Answer) -> HashMap<String, String> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.location();
    let (base, fragment) = location
        .split_once('#')
        .unwrap_or_else(|| panic!("{location}"));
    assert_eq!(base, CB);
    let pairs: Vec<(String, String)> = form_urlencoded::parse(fragment.as_bytes())
        .into_owned()
        .collect();
    let map: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(
        map.len(),
        pairs.len(),
        "a parameter stands twice: {location}"
    );
    map
}

pub(crate) fn names(params: &HashMap<String, String>) -> Vec<&str> {
    let mut names: Vec<&str> = params.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

pub(crate) async fn redeem(browser: &mut Browser, client: &str, code: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CB),
        ("code_verifier", VERIFIER),
    ];
    browser
        .send(Ask::form("/token", &pairs).basic(client, SECRET))
        .await
}

async fn signed_in(op: &Op) -> Browser {
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    browser
}

// AZ-29, S3, G20
#[tokio::test]
async fn every_response_type_yields_exactly_what_its_words_say() {
    //= test OIDC-CORE#3.3.2.11 at_hash is there when an access token comes along from the authorization endpoint
    //= test OIDC-CORE#3.3.2.11 c_hash is there when a code comes along
    //= test FAPI1-ADV#5.2.2.1 s_hash is there when state came, so that the ID token signs the whole answer
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for response_type in TYPES {
        let answer = browser
            .send(request("hyb", response_type, "openid email").get())
            .await;
        let words: Vec<&str> = response_type.split(' ').collect();
        let has = |word: &str| words.contains(&word);
        if !has("token") && !has("id_token") {
            let location = answer.location();
            assert!(location.starts_with(&format!("{CB}?")), "{location}");
            assert_eq!(wire::param(location, "code").is_some(), has("code"));
            assert_eq!(wire::param(location, "state").as_deref(), Some("the-state"));
            assert_eq!(
                wire::param(location, "iss").as_deref(),
                Some(fixture::ISSUER)
            );
            assert!(!location.contains("token"), "{location}");
            continue;
        }
        let params = fragment(&answer);
        let mut expected = vec!["iss", "state"];
        if has("code") {
            expected.push("code");
        }
        if has("id_token") {
            expected.push("id_token");
        }
        if has("token") {
            expected.extend(["access_token", "token_type", "expires_in", "scope"]);
        }
        expected.sort_unstable();
        assert_eq!(names(&params), expected, "{response_type}");
        assert_eq!(params["state"], "the-state");
        assert_eq!(params["iss"], fixture::ISSUER);
        if has("id_token") {
            check_id_token(&op, &params);
        }
        if has("token") {
            assert_eq!(params["token_type"], "Bearer");
            assert_eq!(params["expires_in"], "600");
            assert_eq!(params["scope"], "openid email");
            let info = browser.userinfo(&params["access_token"]).await;
            assert_eq!(info.json()["sub"], op.subject("alice").as_str());
        }
        if has("code") {
            let tokens = Tokens::of(&redeem(&mut browser, "hyb", &params["code"]).await);
            let claims = tokens.claims();
            assert_eq!(claims["sub"], op.subject("alice").as_str());
            assert_eq!(claims["nonce"], "the-nonce");
            for only_in_front in ["at_hash", "c_hash", "s_hash"] {
                assert_eq!(claims.get(only_in_front), None);
            }
            assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
        }
    }
}

/// The ID token is ours and vouches for what came with it.
fn check_id_token(op: &Op, params: &HashMap<String, String>) {
    let token = &params["id_token"];
    let claims = op.verified("hyb", token);
    assert_eq!(claims["aud"], "hyb");
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    assert_eq!(claims["nonce"], "the-nonce");
    let alg = JwsAlgorithm::parse(assertion::header(token)["alg"].as_str().unwrap()).unwrap();
    for (hash, of) in [
        ("at_hash", "access_token"),
        ("c_hash", "code"),
        ("s_hash", "state"),
    ] {
        let expected = params.get(of).map(|value| left_half_hash(alg, value));
        assert_eq!(
            claims.get(hash).and_then(Value::as_str),
            expected.as_deref(),
            "{hash}"
        );
    }
}

#[tokio::test]
async fn an_id_token_that_comes_alone_has_the_claims_of_the_scope() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for (response_type, there) in [
        ("id_token", true),
        ("id_token token", false),
        ("code id_token", false),
        ("code id_token token", false),
    ] {
        let answer = browser
            .send(request("hyb", response_type, "openid profile email").get())
            .await;
        let claims = op.verified("hyb", &fragment(&answer)["id_token"]);
        for claim in ["name", "email"] {
            assert_eq!(
                claims.get(claim).is_some(),
                there,
                "{response_type} {claim}"
            );
        }
        assert_eq!(claims.get("phone_number"), None, "it was not asked for");
    }
    let asked =
        request("hyb", "code id_token", "openid").with("claims", r#"{"id_token":{"email":null}}"#);
    let claims = op.verified(
        "hyb",
        &fragment(&browser.send(asked.get()).await)["id_token"],
    );
    assert!(claims.get("email").is_some());
}

#[tokio::test]
async fn both_id_tokens_of_a_hybrid_flow_name_the_same_person_in_the_words_of_the_client() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    let answer = browser
        .send(request("hybpair", "code id_token token", "openid").get())
        .await;
    let params = fragment(&answer);
    let front = op.verified("hybpair", &params["id_token"]);
    let tokens = Tokens::of(&redeem(&mut browser, "hybpair", &params["code"]).await);
    let back = tokens.claims();
    assert_eq!(front["sub"], back["sub"]);
    assert_eq!(front["iss"], back["iss"]);
    assert_ne!(front["sub"], op.subject("alice").as_str());
    let info = browser.userinfo(&params["access_token"]).await;
    assert_eq!(info.json()["sub"], front["sub"]);
}

// TK-01, TK-02
#[tokio::test]
async fn tokens_of_the_answer_and_of_its_code_end_together() {
    let op = setup().start().await;
    for end in ["replay", "revoke", "logout"] {
        let mut browser = signed_in(&op).await;
        let scope = if end == "revoke" {
            "openid offline_access"
        } else {
            "openid"
        };
        let answer = browser
            .send(request("hyb", "code id_token token", scope).get())
            .await;
        let params = fragment(&answer);
        let tokens = Tokens::of(&redeem(&mut browser, "hyb", &params["code"]).await);
        for token in [&params["access_token"], &tokens.access] {
            assert_eq!(browser.userinfo(token).await.status, 200, "{end}");
        }
        match end {
            "replay" => {
                let again = redeem(&mut browser, "hyb", &params["code"]).await;
                assert_eq!(again.error(), "invalid_grant");
            }
            "revoke" => {
                let pairs = [("token", tokens.refresh())];
                let ask = Ask::form("/revoke", &pairs).basic("hyb", SECRET);
                assert_eq!(browser.send(ask).await.status, 200);
            }
            _ => sign_out(&mut browser).await,
        }
        for token in [&params["access_token"], &tokens.access] {
            assert_eq!(browser.userinfo(token).await.status, 401, "{end}");
        }
    }
}

async fn sign_out(browser: &mut Browser) {
    let answer = browser.get("/logout").await;
    let page = browser.follow(&answer).await.text();
    browser.press(&page, "logout", "logout-yes", &[]).await;
}

#[tokio::test]
async fn a_revoked_front_channel_grant_takes_its_code_along() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    let answer = browser
        .send(request("hyb", "code token", "openid").get())
        .await;
    let params = fragment(&answer);
    // Signing out ends what was granted in the session.
    sign_out(&mut browser).await;
    assert_eq!(browser.userinfo(&params["access_token"]).await.status, 401);
    let redeemed = redeem(&mut browser, "hyb", &params["code"]).await;
    assert_eq!(redeemed.error(), "invalid_grant");
}

// AZ-04, AZ-08, AS-03
#[tokio::test]
async fn s03_what_is_not_registered_or_not_offered_is_refused_where_its_answer_would_go() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for (client, callback) in [("hyb", CB), ("web", fixture::WEB_CB)] {
        for response_type in [
            "token",
            "Code",
            "code  token",
            "code none",
            "none code",
            "id_token none",
            "code id_token token none",
            "id-token",
            "password",
            " code",
            &"x".repeat(10_000),
        ] {
            let wanted = request(client, response_type, "openid").with("redirect_uri", callback);
            let answer = browser.send(wanted.get()).await;
            let front = response_type
                .split(' ')
                .any(|w| matches!(w, "token" | "id_token"));
            let start = format!("{callback}{}", if front { '#' } else { '?' });
            assert!(
                answer.location().starts_with(&start),
                "{}",
                answer.location()
            );
            assert!(
                answer
                    .location()
                    .contains("error=unsupported_response_type")
            );
            assert!(!answer.location().contains("code="));
        }
    }
    for response_type in &TYPES[1..] {
        let wanted = request("web", response_type, "openid").with("redirect_uri", fixture::WEB_CB);
        let answer = browser.send(wanted.get()).await;
        assert!(
            answer.location().contains("error=unauthorized_client"),
            "{response_type}: {}",
            answer.location()
        );
    }
    let plain = Op::start().await;
    let mut browser = plain.browser();
    browser.sign_in("alice").await;
    for response_type in &TYPES[1..] {
        let wanted = request("web", response_type, "openid").with("redirect_uri", fixture::WEB_CB);
        let answer = browser.send(wanted.get()).await;
        assert!(
            answer
                .location()
                .contains("error=unsupported_response_type"),
            "{response_type}: {}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn the_words_of_a_response_type_may_stand_in_any_order() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for response_type in ["token id_token", "token code id_token", "id_token code"] {
        let answer = browser
            .send(request("hyb", response_type, "openid").get())
            .await;
        assert!(
            fragment(&answer).contains_key("id_token"),
            "{response_type}"
        );
    }
}

// AZ-08
#[tokio::test]
async fn tokens_never_travel_in_a_query() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for response_type in &TYPES[1..6] {
        let asked = request("hyb", response_type, "openid").with("response_mode", "query");
        let answer = browser.send(asked.get()).await;
        let params = fragment(&answer);
        assert_eq!(params["error"], "invalid_request", "{response_type}");
        assert_eq!(
            names(&params),
            ["error", "error_description", "iss", "state"]
        );

        let asked = request("hyb", response_type, "openid").with("response_mode", "form_post");
        let answer = browser.send(asked.get()).await;
        assert_eq!((answer.status, answer.media()), (200, "text/html"));
        let page = answer.text();
        let forms = html::forms(&page);
        assert_eq!((forms.len(), forms[0].action.as_str()), (1, CB));
        assert_eq!(
            forms[0].field("id_token").is_some(),
            response_type.contains("id_token")
        );
        assert!(
            !html::tags(&page)
                .iter()
                .any(|t| t.name == "button" && t.get("name").is_some())
        );
    }
    for response_type in ["code", "none"] {
        for (mode, mark) in [("query", '?'), ("fragment", '#')] {
            let asked = request("hyb", response_type, "openid").with("response_mode", mode);
            let answer = browser.send(asked.get()).await;
            let start = format!("{CB}{mark}");
            assert!(
                answer.location().starts_with(&start),
                "{}",
                answer.location()
            );
            assert!(
                !answer.location().contains("error="),
                "{}",
                answer.location()
            );
        }
    }
}

#[tokio::test]
async fn an_id_token_from_the_authorization_endpoint_needs_a_nonce_and_openid() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for response_type in &TYPES[1..6] {
        let wanted = request("hyb", response_type, "openid").without("nonce");
        let params = fragment(&browser.send(wanted.get()).await);
        if response_type.contains("id_token") {
            assert_eq!(params["error"], "invalid_request", "{response_type}");
        } else {
            let tokens = Tokens::of(&redeem(&mut browser, "hyb", &params["code"]).await);
            assert_eq!(tokens.claims().get("nonce"), None);
        }
        let wanted = request("hyb", response_type, "api:read");
        let params = fragment(&browser.send(wanted.get()).await);
        if response_type.contains("id_token") {
            assert_eq!(params["error"], "invalid_scope", "{response_type}");
        } else {
            assert_eq!(params["scope"], "api:read");
        }
    }
}

#[tokio::test]
async fn errors_stand_where_the_answer_would() {
    let op = setup().start().await;
    let mut browser = op.browser();
    for response_type in TYPES {
        let asked = request("hyb", response_type, "openid").with("prompt", "none");
        let answer = browser.send(asked.get()).await;
        let front = response_type.contains("token");
        let start = format!("{CB}{}error=login_required", if front { '#' } else { '?' });
        assert!(
            answer.location().starts_with(&start),
            "{}",
            answer.location()
        );
    }
    let mut browser = signed_in(&op).await;
    let asked = request("hybask", "code id_token", "openid");
    let page = browser.send(asked.get()).await;
    let page = browser.follow(&page).await;
    let answer = browser.press(&page.text(), "consent", "deny", &[]).await;
    assert_eq!(fragment(&answer)["error"], "access_denied");
}

#[tokio::test]
async fn no_response_type_without_a_code_leads_to_lasting_access() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    let scope = "openid offline_access";
    let alone = fragment(
        &browser
            .send(request("hyb", "id_token token", scope).get())
            .await,
    );
    assert_eq!(alone["scope"], "openid");
    let answer = browser
        .send(request("hyb", "code id_token token", scope).get())
        .await;
    let params = fragment(&answer);
    assert_eq!(params["scope"], scope);
    assert!(!params.contains_key("refresh_token"));
    let tokens = Tokens::of(&redeem(&mut browser, "hyb", &params["code"]).await);
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    let again = browser
        .send(Ask::form("/token", &pairs).basic("hyb", SECRET))
        .await;
    assert_eq!(again.status, 200, "{}", again.text());
    // The token endpoint knows no implicit grant.
    let pairs = [("grant_type", "implicit")];
    let implicit = browser
        .send(Ask::form("/token", &pairs).basic("hyb", SECRET))
        .await;
    assert_eq!(implicit.error(), "unsupported_grant_type");
}

// PK-01
#[tokio::test]
async fn a_public_client_needs_a_challenge_wherever_there_is_a_code() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    for response_type in &TYPES[1..6] {
        let asked = request("hybpub", response_type, "openid")
            .without("code_challenge")
            .without("code_challenge_method");
        let params = fragment(&browser.send(asked.get()).await);
        let refused = params.get("error").map(String::as_str) == Some("invalid_request");
        assert_eq!(refused, response_type.contains("code"), "{response_type}");
    }
}

// RS-01
#[tokio::test]
async fn a_front_channel_token_is_for_the_resource_that_was_named() {
    let op = setup().start().await;
    let mut browser = signed_in(&op).await;
    let asked = request("hyb", "code token", "openid api:read").with("resource", fixture::API1);
    let params = fragment(&browser.send(asked.get()).await);
    let claims = assertion::payload(&params["access_token"]);
    assert_eq!(claims["aud"], fixture::API1);
    assert_eq!(claims["scope"], "api:read");
    assert_eq!(params["scope"], "api:read");
    let both = request("hyb", "code token", "openid api:read")
        .with("resource", fixture::API1)
        .and("resource", fixture::API2);
    let params = fragment(&browser.send(both.get()).await);
    assert_eq!(params["error"], "invalid_target");
}

// AZ-20
#[tokio::test]
async fn a_posted_request_comes_back_without_showing_what_it_said() {
    let op = setup().start().await;
    let mut elsewhere = op.browser();
    let secret = "alice@example.test";
    let request = Request::of("first", "openid").with("login_hint", secret);
    let answer = elsewhere.send(request.post()).await;
    let location = answer.location().to_owned();
    assert!(
        location.starts_with("https://op.test/authorize?posted="),
        "{location}"
    );
    for told in ["alice", "first", "openid", "the-state"] {
        assert!(!location.contains(told), "{location}");
    }
    // The browser that follows brings its cookies along.
    let mut browser = signed_in(&op).await;
    let done = browser.follow(&answer).await;
    assert!(
        wire::param(done.location(), "code").is_some(),
        "{}",
        done.location()
    );
    let mut changed = location.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    op.clock.advance(61);
    for bad in [
        location.as_str(),
        &changed,
        "https://op.test/authorize?posted=x",
    ] {
        let answer = browser
            .get(bad.strip_prefix("https://op.test").unwrap())
            .await;
        assert_eq!((answer.status, answer.media()), (400, "text/html"), "{bad}");
    }
}

// TK-02
#[tokio::test]
async fn of_many_redemptions_of_a_hybrid_code_one_wins_and_nothing_stays() {
    let op = setup().start().await;
    for _ in 0..10 {
        let mut browser = signed_in(&op).await;
        let answer = browser
            .send(request("hyb", "code token", "openid").get())
            .await;
        let params = fragment(&answer);
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (mut browser, code) = (op.browser(), params["code"].clone());
                tokio::spawn(async move { redeem(&mut browser, "hyb", &code).await })
            })
            .collect();
        let mut won = Vec::new();
        for tried in tries {
            let answer = tried.await.unwrap();
            match answer.status {
                200 => won.push(Tokens::of(&answer).access),
                _ => assert_eq!(answer.error(), "invalid_grant"),
            }
        }
        assert_eq!(won.len(), 1);
        for token in [&won[0], &params["access_token"]] {
            assert_eq!(
                browser.userinfo(token).await.status,
                401,
                "a replay ends the grant"
            );
        }
    }
}
