//! The consent page in full: what is shown, what can be left out, and that nothing else is granted.

use hallpass_core::policy::{Asking, ScopeSpec};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, fixture, html, wire};
use serde_json::{Value, json};

/// Goes to the consent page of a request: its path, and what it shows.
async fn open(browser: &mut Browser, request: &Request) -> (String, String) {
    let answer = browser.send(request.get()).await;
    let target = answer.location().strip_prefix("https://op.test").unwrap();
    assert!(target.starts_with("/consent?"), "{target}");
    let page = browser.get(target).await.text();
    (target.to_owned(), page)
}

async fn signed_in(op: &Op) -> Browser {
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    browser
}

/// Answers with these boxes ticked.
async fn answer(browser: &mut Browser, target: &str, ticked: &[&str]) -> Answer {
    let mut form = vec![("decision", "allow")];
    form.extend(ticked.iter().map(|name| (*name, "yes")));
    let ask = Ask::form(target, &form).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

/// What the code of an answer is worth: the token response, and what UserInfo says.
async fn worth(browser: &mut Browser, answer: &Answer) -> (Value, Value) {
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = browser.redeem("web", &code).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    let info = browser.userinfo(token).await;
    let info = if info.status == 200 {
        info.json()
    } else {
        Value::Null
    };
    (tokens, info)
}

/// Names of the boxes that a page offers.
fn boxes(page: &str) -> Vec<String> {
    html::tags(page)
        .iter()
        .filter(|tag| tag.get("type") == Some("checkbox"))
        .filter_map(|tag| tag.get("name").map(html::decode))
        .collect()
}

const CLAIMS: &str = r#"{"userinfo":{"phone_number":null,"birthdate":null,"email":null}}"#;

#[tokio::test]
async fn s23_consent_shows_who_asks_and_what_was_allowed_before() {
    let op = Setup::default()
        .metadata(
            "web",
            &json!({
                "client_uri": "https://rp.test/", "policy_uri": "https://rp.test/policy", "tos_uri": "https://rp.test/terms",
            }),
        )
        .start()
        .await;
    let mut browser = signed_in(&op).await;
    let (target, first) = open(&mut browser, &Request::of("web", "openid email")).await;
    assert!(!first.contains("allowed before"));
    answer(&mut browser, &target, &["scope.email"]).await;
    let request = Request::of("web", "openid email phone offline_access");
    let (_, page) = open(&mut browser, &request).await;
    for part in [
        "https:&#x2f;&#x2f;rp.test&#x2f;policy",
        "https:&#x2f;&#x2f;rp.test&#x2f;terms",
        "data-scope=\"offline_access\"",
        "data-scope=\"phone\"",
        "id=\"lifetime\"",
        ">Web<",
        ">rp.test<",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // openid and email.
    assert_eq!(page.matches("allowed before").count(), 2, "{page}");
}

#[tokio::test]
async fn s24_consent_grants_exactly_what_stayed_ticked() {
    let op = Op::with(|policy| {
        let api = policy.resources.first_mut().unwrap();
        api.name = Some("Orders".to_owned());
        policy.scopes.iter_mut().for_each(|scope| {
            scope.required = scope.name == "api:read";
        });
    })
    .await;
    let mut browser = signed_in(&op).await;
    let request = Request::of("web", "openid api:read api:write").with("resource", fixture::API1);
    let (target, page) = open(&mut browser, &request).await;
    assert_eq!(boxes(&page), ["scope.api:write"]);
    let group = format!("data-resource=\"{}\"", fixture::API1.replace('/', "&#x2f;"));
    assert!(page.contains(&group), "{page}");
    assert!(
        page.contains("At <strong><bdi>Orders</bdi></strong>"),
        "{page}"
    );
    // What cannot be left out is granted, whatever the form says.
    let allowed = answer(&mut browser, &target, &[]).await;
    let (tokens, _) = worth(&mut browser, &allowed).await;
    assert_eq!(tokens["scope"], "api:read");
    // What was left out is neither asked about again nor granted.
    let again = browser.send(request.get()).await;
    let (tokens, _) = worth(&mut browser, &again).await;
    assert_eq!(tokens["scope"], "api:read");
}

// AZ-22
#[tokio::test]
async fn single_claims_are_named_and_can_be_left_out() {
    let op = Op::start().await;
    let mut browser = signed_in(&op).await;
    let request = Request::of("web", "openid email").with("claims", CLAIMS);
    let (target, page) = open(&mut browser, &request).await;
    // The claim that a scope of the request releases is allowed with that scope.
    assert_eq!(
        boxes(&page),
        ["scope.email", "claim.birthdate", "claim.phone_number"]
    );
    for words in ["Date of birth", "Phone number"] {
        assert!(page.contains(words), "{words}");
    }
    let allowed = answer(&mut browser, &target, &["claim.phone_number"]).await;
    let (tokens, info) = worth(&mut browser, &allowed).await;
    assert_eq!(tokens["scope"], "openid");
    let told =
        |info: &Value| ["email", "phone_number", "birthdate"].map(|name| info.get(name).is_some());
    assert_eq!(told(&info), [false, true, false]);
    // Asked again, also silently, the answer is the same.
    for request in [request.clone(), request.with("prompt", "none")] {
        let again = browser.send(request.get()).await;
        let (tokens, info) = worth(&mut browser, &again).await;
        assert_eq!(tokens["scope"], "openid");
        assert_eq!(told(&info), [false, true, false]);
    }
}

// AZ-22
#[tokio::test]
async fn a_form_never_grants_more_than_was_asked_for() {
    let op = Op::with(|policy| {
        policy.scopes.push(ScopeSpec {
            name: "admin".to_owned(),
            description: None,
            title: None,
            required: true,
            claims: Vec::new(),
        });
    })
    .await;
    let mut browser = signed_in(&op).await;
    let request = Request::of("web", "openid").with("claims", r#"{"userinfo":{"birthdate":null}}"#);
    let (target, _) = open(&mut browser, &request).await;
    let wider = [
        "scope.email",
        "scope.phone",
        "scope.admin",
        "scope.offline_access",
        "claim.phone_number",
        "claim.name",
        "claim.sub",
        "claim.acr",
        "resource",
        "scope",
        "claims",
        "details",
    ];
    let allowed = answer(&mut browser, &target, &wider).await;
    let (tokens, info) = worth(&mut browser, &allowed).await;
    assert_eq!(tokens["scope"], "openid");
    assert!(tokens.get("refresh_token").is_none());
    let names: Vec<&String> = info.as_object().unwrap().keys().collect();
    assert_eq!(names, ["sub"]);
    // Nor is it remembered for the next time.
    let (_, page) = open(&mut browser, &Request::of("web", "openid email phone")).await;
    assert_eq!(boxes(&page), ["scope.email", "scope.phone"]);
}

#[tokio::test]
async fn an_issuer_may_ask_each_time() {
    let op = Op::with(|policy| policy.consent = Asking::Always).await;
    let mut browser = signed_in(&op).await;
    let request = Request::of("web", "openid email");
    for _ in 0..2 {
        let (target, _) = open(&mut browser, &request).await;
        let allowed = answer(&mut browser, &target, &["scope.email"]).await;
        let (tokens, _) = worth(&mut browser, &allowed).await;
        assert_eq!(tokens["scope"], "openid email");
    }
    let silent = browser.send(request.with("prompt", "none").get()).await;
    assert_eq!(silent.error(), "consent_required");
    // The operator's own clients are not concerned.
    let own = browser.send(Request::of("first", "openid").get()).await;
    assert!(wire::param(own.location(), "code").is_some());
}

#[tokio::test]
async fn s22_whoever_cancels_sends_an_error_with_state_and_issuer_to_the_client() {
    let op = Op::start().await;
    let request = Request::of("web", "openid");
    let mut browser = op.browser();
    let asked = browser.send(request.get()).await;
    let page = browser.follow(&asked).await.text();
    let at_sign_in = browser.press(&page, "leave", "cancel", &[]).await;
    let mut browser = signed_in(&op).await;
    let (_, page) = open(&mut browser, &request).await;
    let at_consent = browser.press(&page, "consent", "deny", &[]).await;
    for cancelled in [at_sign_in, at_consent] {
        let location = cancelled.location();
        assert!(location.starts_with(fixture::WEB_CB), "{location}");
        assert_eq!(cancelled.error(), "access_denied");
        let param = |name| wire::param(location, name);
        assert_eq!(param("state").as_deref(), Some("the-state"));
        assert_eq!(param("iss").as_deref(), Some(fixture::ISSUER));
    }
}

#[tokio::test]
async fn s16_access_that_lasts_is_left_out_visibly() {
    let op = Op::start().await;
    let mut browser = signed_in(&op).await;
    let request = Request::of("web", "openid offline_access");
    let (target, page) = open(&mut browser, &request).await;
    assert!(boxes(&page).contains(&"scope.offline_access".to_owned()));
    let without = answer(&mut browser, &target, &[]).await;
    let (tokens, _) = worth(&mut browser, &without).await;
    assert_eq!(tokens["scope"], "openid");
    assert!(tokens.get("refresh_token").is_none());
    // A client that cannot refresh is told so by the scope too.
    let narrow = Setup::default()
        .metadata("web", &json!({"grant_types": ["authorization_code"]}))
        .start()
        .await;
    let mut browser = signed_in(&narrow).await;
    let (target, page) = open(&mut browser, &request).await;
    assert_eq!(boxes(&page), [""; 0]);
    let allowed = answer(&mut browser, &target, &["scope.offline_access"]).await;
    let (tokens, _) = worth(&mut browser, &allowed).await;
    assert_eq!(tokens["scope"], "openid");
    assert!(tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn l21_a_scope_outside_of_the_clients_list_is_neither_shown_nor_granted() {
    let op = Setup::default()
        .metadata("web", &json!({"scope": "openid email"}))
        .start()
        .await;
    let mut browser = signed_in(&op).await;
    // One that exists and that this client may not have is refused, one that nobody knows is left out.
    let wider = Request::of("web", "openid email phone");
    let refused = browser.send(wider.get()).await;
    assert_eq!(refused.error(), "invalid_scope");
    let request = Request::of("web", "openid email nonsense");
    let (target, page) = open(&mut browser, &request).await;
    assert!(!page.contains("nonsense"), "{page}");
    let ticked = ["scope.email", "scope.phone", "scope.nonsense"];
    let allowed = answer(&mut browser, &target, &ticked).await;
    let (tokens, info) = worth(&mut browser, &allowed).await;
    assert_eq!(tokens["scope"], "openid email");
    assert!(info.get("phone_number").is_none());
}

#[tokio::test]
async fn l22_custom_scopes_are_shown_by_name_and_description() {
    let op = Op::with(|policy| {
        let write = policy
            .scopes
            .iter_mut()
            .find(|s| s.name == "api:write")
            .unwrap();
        write.title = Some("Order in your name".to_owned());
    })
    .await;
    let mut browser = signed_in(&op).await;
    let (_, page) = open(
        &mut browser,
        &Request::of("web", "openid api:read api:write"),
    )
    .await;
    for (scope, words) in [("api:read", "Read"), ("api:write", "Order in your name")] {
        assert!(page.contains(&format!("data-scope=\"{scope}\"")), "{scope}");
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("data-scope=\"email\""));
}

#[tokio::test]
async fn s02_a_flow_through_sign_in_and_consent_yields_a_code_and_then_tokens() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email");
    let asked = browser.send(request.get()).await;
    let page = browser.follow(&asked).await.text();
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let at_consent = browser.press(&page, "login", "sign-in", &typed).await;
    let page = browser.follow(&at_consent).await.text();
    let allowed = browser.press(&page, "consent", "allow", &[]).await;
    let (tokens, info) = worth(&mut browser, &allowed).await;
    assert!(tokens["id_token"].is_string());
    assert_eq!(tokens["scope"], "openid email");
    assert!(info["email"].is_string());
}
