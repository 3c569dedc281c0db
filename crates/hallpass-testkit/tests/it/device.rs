//! The device grant (RFC 8628): the device's endpoint, the person's pages, and the polls.

use std::collections::HashSet;

use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens,
    fixture::{self, Seed},
    html, wire,
};
use serde_json::json;
use tokio::task::JoinSet;

pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) fn setup() -> Setup {
    let television = |id, name: &str| Seed {
        id,
        secret: None,
        disabled: false,
        metadata: json!({"redirect_uris": [], "grant_types": [GRANT, "refresh_token"], "client_name": name,
            "token_endpoint_auth_method": "none", "client_uri": "https://tv.test/",
            "scope": "openid email offline_access api:read"}),
    };
    Setup::default()
        .policy(|policy| policy.device.enabled = true)
        .client(television("tv", "Living <b>Room</b>"))
        .client(television("tv2", "Other"))
        .client(Seed {
            id: "box",
            secret: Some("hpk_box-0123456789abcdefghijklmnopqrstuvwxyz"),
            disabled: false,
            metadata: json!({"redirect_uris": [], "grant_types": [GRANT]}),
        })
}

pub(super) async fn start() -> Op {
    setup().start().await
}

pub(super) struct Device {
    pub(super) code: String,
    pub(super) user_code: String,
}

pub(super) async fn begin(op: &Op, scope: &str) -> Device {
    let pairs = [("client_id", "tv"), ("scope", scope)];
    let answer = op.browser().form("/device/auth", &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Device {
        code: text("device_code"),
        user_code: text("user_code"),
    }
}

pub(super) fn poll_of(client: &str, code: &str) -> Ask {
    let pairs = [
        ("client_id", client),
        ("grant_type", GRANT),
        ("device_code", code),
    ];
    Ask::form("/token", &pairs)
}

async fn poll(op: &Op, code: &str) -> Answer {
    op.browser().send(poll_of("tv", code)).await
}

pub(super) fn entry(code: &str) -> Ask {
    Ask::form("/device", &[("user_code", code)])
        .header("Origin", fixture::ISSUER)
        .header("Sec-Fetch-Site", "same-origin")
}

/// Types the code in a browser where somebody is signed in; the page that asks.
async fn at_consent(op: &Op, person: &str, user_code: &str) -> (Browser, String) {
    let mut browser = op.browser();
    browser.sign_in(person).await;
    let answer = browser.send(entry(user_code)).await;
    let page = browser.follow(&answer).await.text();
    html::form(&page, "consent");
    (browser, page)
}

/// Allows what a device asks for, in a browser where its person is signed in.
pub(super) async fn allow(browser: &mut Browser, user_code: &str) {
    let answer = browser.send(entry(user_code)).await;
    let page = browser.follow(&answer).await.text();
    let done = browser.press(&page, "consent", "allow", &[]).await;
    assert!(
        done.location().contains("/device/done"),
        "{}",
        done.location()
    );
}

async fn answer(op: &Op, person: &str, user_code: &str, button: &str) -> String {
    let (mut browser, page) = at_consent(op, person, user_code).await;
    let answer = browser.press(&page, "consent", button, &[]).await;
    browser.follow(&answer).await.text()
}

#[track_caller]
fn assert_error(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, error),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_device_is_connected_by_its_person_elsewhere() {
    let op = start().await;
    let device = begin(&op, "openid email offline_access").await;
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
    // Not signed in yet: the whole way through the pages.
    let mut browser = op.browser();
    let first = browser.get("/device").await;
    let form = html::form(&first.text(), "device");
    assert_eq!(form.field("user_code"), Some(""));
    let typed = [(
        "user_code",
        &*device.user_code.to_lowercase().replace('-', " "),
    )];
    let next = browser
        .press(&first.text(), "device", "device-continue", &typed)
        .await;
    let end = browser.through_pages("alice", next).await.text();
    assert!(end.contains("id=\"device-allowed\""), "{end}");
    op.clock.advance(5);
    let answer = poll(&op, &device.code).await;
    let tokens = Tokens::of(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(tokens.scope.as_deref(), Some("openid email offline_access"));
    let claims = op.verified("tv", tokens.id.as_deref().unwrap());
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    let info = browser.userinfo(&tokens.access).await.json();
    assert_eq!(info["email"], "alice@example.test");
    let refresh = tokens.refresh().to_owned();
    let pairs = [
        ("client_id", "tv"),
        ("grant_type", "refresh_token"),
        ("refresh_token", &*refresh),
    ];
    Tokens::of(&op.browser().form("/token", &pairs).await);
}

#[tokio::test]
async fn the_answer_to_a_device_says_everything() {
    let op = start().await;
    let pairs = [("client_id", "tv"), ("scope", "openid")];
    let answer = op.browser().form("/device/auth", &pairs).await;
    let body = answer.json();
    assert_eq!(body["verification_uri"], "https://op.test/device");
    let code = body["user_code"].as_str().unwrap();
    assert_eq!(code.len(), 9);
    assert!(
        code.bytes().all(|b| b"BCDFGHJKLMNPQRSTVWXZ-".contains(&b)),
        "{code}"
    );
    assert_eq!(
        body["verification_uri_complete"],
        format!("https://op.test/device?user_code={code}")
    );
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&json!(600), &json!(5))
    );
    assert!(!body["device_code"].as_str().unwrap().contains(code));
}

// DV-12, JW-08
#[tokio::test]
async fn what_is_not_offered_or_not_registered_does_not_exist() {
    let plain = Op::start().await;
    let metadata = plain
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata.get("device_authorization_endpoint"), None);
    assert!(
        !metadata["grant_types_supported"]
            .as_array()
            .unwrap()
            .contains(&json!(GRANT))
    );
    for path in ["/device", "/device/auth", "/device/done?handle=x"] {
        assert_eq!(plain.browser().get(path).await.status, 404, "{path}");
    }
    let pairs = [("grant_type", GRANT), ("device_code", "hpd_x")];
    let answer = plain.browser().call("web", "/token", &pairs).await;
    assert_error(&answer, "unsupported_grant_type");

    let op = start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        metadata["device_authorization_endpoint"],
        "https://op.test/device/auth"
    );
    assert!(
        metadata["grant_types_supported"]
            .as_array()
            .unwrap()
            .contains(&json!(GRANT))
    );
    let answer = op
        .browser()
        .call("web", "/device/auth", &[("scope", "openid")])
        .await;
    assert_error(&answer, "unauthorized_client");
    let answer = op.browser().call("web", "/token", &pairs).await;
    assert_error(&answer, "unauthorized_client");
}

#[tokio::test]
async fn the_endpoint_authenticates_its_client_and_checks_what_it_asks_for() {
    //= test RFC6749#3.2 a repeated parameter makes the request invalid
    let op = start().await;
    let mut browser = op.browser();
    for (pairs, status, error) in [
        (&[("scope", "openid")][..], 401, "invalid_client"),
        (
            &[("client_id", "nobody"), ("scope", "openid")],
            401,
            "invalid_client",
        ),
        (
            &[("client_id", "box"), ("scope", "openid")],
            401,
            "invalid_client",
        ),
        (
            &[("client_id", "tv"), ("scope", "nothing")],
            400,
            "invalid_scope",
        ),
        (
            &[("client_id", "tv"), ("scope", "openid api:write")],
            400,
            "invalid_scope",
        ),
        (
            &[("client_id", "tv"), ("scope", "a\"b")],
            400,
            "invalid_scope",
        ),
        (
            &[
                ("client_id", "tv"),
                ("scope", "openid"),
                ("scope", "openid"),
            ],
            400,
            "invalid_request",
        ),
        (
            &[
                ("client_id", "tv"),
                ("scope", "openid"),
                ("resource", "https://x.test"),
            ],
            400,
            "invalid_target",
        ),
        (
            &[
                ("client_id", "tv"),
                ("scope", "openid"),
                ("request", "x.y.z"),
            ],
            400,
            "request_not_supported",
        ),
    ] {
        let answer = browser.form("/device/auth", pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (status, error),
            "{pairs:?}"
        );
    }
    assert_eq!(browser.get("/device/auth").await.status, 405);
    let wrong = Ask::form("/device/auth", &[("scope", "openid")]).basic("box", "wrong");
    assert_eq!(browser.send(wrong).await.status, 401);
    let secret = "hpk_box-0123456789abcdefghijklmnopqrstuvwxyz";
    let right = Ask::form("/device/auth", &[("scope", "openid")]).basic("box", secret);
    assert_eq!(browser.send(right).await.status, 200);
}

// DV-02
#[tokio::test]
async fn nobody_else_can_use_a_device_code() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    answer(&op, "alice", &device.user_code, "allow").await;
    let mut other = op.browser();
    assert_error(
        &other.send(poll_of("tv2", &device.code)).await,
        "invalid_grant",
    );
    let secret = "hpk_box-0123456789abcdefghijklmnopqrstuvwxyz";
    let pairs = [("grant_type", GRANT), ("device_code", &*device.code)];
    let confidential = Ask::form("/token", &pairs).basic("box", secret);
    assert_error(&other.send(confidential).await, "invalid_grant");
    for wrong in [
        "hpd_AAAA",
        &device.code.replace("hpd_", "hpc_"),
        &device.user_code,
        "",
    ] {
        let refused = poll(&op, wrong).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    let without = Ask::form("/token", &[("client_id", "tv"), ("grant_type", GRANT)]);
    assert_error(&other.send(without).await, "invalid_request");
    Tokens::of(&poll(&op, &device.code).await);
}

// DV-03
#[tokio::test]
async fn who_polls_too_fast_is_slowed_down_on_every_node() {
    let op = start().await;
    let second = setup().joining(&op).start().await;
    let device = begin(&op, "openid").await;
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
    op.clock.advance(1);
    assert_error(&poll(&op, &device.code).await, "slow_down");
    op.clock.advance(6);
    let there = second.browser().send(poll_of("tv", &device.code)).await;
    assert_error(&there, "slow_down");
    op.clock.advance(15);
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
}

// DV-04
#[tokio::test]
async fn only_a_click_on_our_own_page_connects_a_device() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    // The link only fills the form.
    let link = format!("/device?user_code={}", device.user_code);
    let page = browser.get(&link).await.text();
    let form = html::form(&page, "device");
    assert_eq!(form.field("user_code"), Some(&*device.user_code));
    assert!(
        page.contains("id=\"qr\""),
        "the address can go on to another device"
    );
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
    // Another site can neither type the code nor answer.
    for (site, origin) in [
        ("cross-site", "https://evil.test"),
        ("same-site", "https://evil.test"),
        ("same-origin", "null"),
    ] {
        let ask = Ask::form("/device", &[("user_code", &*device.user_code)])
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin);
        assert_eq!(browser.send(ask).await.status, 403, "{site} {origin}");
    }
    let next = browser.send(entry(&device.user_code)).await;
    let target = next
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let foreign = Ask::form(&target, &[("decision", "allow")])
        .header("Sec-Fetch-Site", "cross-site")
        .header("Origin", "https://evil.test");
    assert_eq!(browser.send(foreign).await.status, 403);
    // Nor can another browser with the address of the page.
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    let allow = [("decision", "allow"), ("scope.openid", "yes")];
    let stolen = Ask::form(&target, &allow).header("Origin", fixture::ISSUER);
    assert_eq!(bob.send(stolen).await.status, 403);
    op.clock.advance(10);
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
    let page = browser.follow(&next).await.text();
    let done = browser.press(&page, "consent", "allow", &[]).await;
    assert!(
        done.location()
            .starts_with("https://op.test/device/done?handle=")
    );
    Tokens::of(&poll(&op, &device.code).await);
}

// DV-05
#[tokio::test]
async fn the_page_says_who_asks_for_what_and_warns() {
    //= test RFC8628#3.3.1 the code is shown to be compared, also where it came along with the address
    let op = start().await;
    let device = begin(&op, "openid email").await;
    let (_, page) = at_consent(&op, "alice", &device.user_code).await;
    assert_eq!(
        html::text_of(&page, "user-code"),
        Some(device.user_code.clone())
    );
    assert!(page.contains("id=\"device-warning\""));
    assert!(page.contains("Living &lt;b&gt;Room") && page.contains("id=\"client-host\""));
    assert!(page.contains("data-scope=\"email\"") && page.contains("alice"));
    assert!(
        !page.contains("id=\"redirect-host\""),
        "nobody is sent anywhere"
    );
    // Remembered consent does not let the next device pass.
    answer(&op, "alice", &device.user_code, "allow").await;
    let again = begin(&op, "openid email").await;
    at_consent(&op, "alice", &again.user_code).await;
    assert_error(&poll(&op, &again.code).await, "authorization_pending");
}

// DV-06
#[tokio::test]
async fn odd_codes_are_escaped_and_name_nothing() {
    let op = setup()
        .policy(|policy| policy.device.wrong_codes = 1000)
        .start()
        .await;
    let device = begin(&op, "openid").await;
    let cyrillic = device.user_code.replace('B', "\u{412}");
    let full_width: String = device
        .user_code
        .chars()
        .map(|c| {
            char::from_u32(c as u32 + 0xFEE0)
                .filter(|_| c != '-')
                .unwrap_or(c)
        })
        .collect();
    let huge = "B".repeat(10_000);
    for odd in [
        "",
        "\"><script>alert(1)</script>",
        fixture::MARKER,
        &full_width,
        &huge,
        "AEIOUAEI",
    ] {
        let answer = op.browser().send(entry(odd)).await;
        assert_eq!(answer.status, 200, "{odd:.20}");
        let page = answer.text();
        assert!(page.contains("data-error=\"unknown\"") && !page.contains("<script>alert"));
        let link = Ask::query("/device", &[("user_code", odd)]);
        let shown = op.browser().send(link).await;
        assert!(!shown.text().contains("<script>alert"));
    }
    if cyrillic != device.user_code {
        let answer = op.browser().send(entry(&cyrillic)).await;
        assert!(answer.text().contains("data-error=\"unknown\""));
    }
    let good = format!("..{}..", device.user_code.to_lowercase());
    assert_eq!(op.browser().send(entry(&good)).await.status, 303);
}

// DV-01
#[tokio::test]
async fn codes_cannot_be_guessed() {
    //= test RFC8628#5.1 tries of user codes are limited
    let op = start().await;
    let device = begin(&op, "openid").await;
    let mut browser = op.browser();
    let wrong = |number: usize| {
        let letters = b"BCDFGHJKLMNPQRSTVWXZ";
        let pick = |at: usize| char::from(letters[(number * 7 + at * 3) % 20]);
        (0..8).map(pick).collect::<String>()
    };
    let mut evaluated = 0;
    for number in 0..40 {
        let answer = browser.send(entry(&wrong(number))).await;
        match answer.status {
            200 => evaluated += 1,
            429 => assert!(answer.header("retry-after").is_some()),
            other => panic!("{other}"),
        }
        // A new browser every time does not help.
        browser = op.browser();
    }
    assert_eq!(evaluated, 10);
    // Not even the right one is looked at any more, and later it is.
    assert_eq!(browser.send(entry(&device.user_code)).await.status, 429);
    op.clock.advance(901);
    let device = begin(&op, "openid").await;
    assert_eq!(browser.send(entry(&device.user_code)).await.status, 303);
}

#[tokio::test]
async fn right_codes_are_not_counted_as_tries() {
    let op = start().await;
    for _ in 0..15 {
        let device = begin(&op, "openid").await;
        assert_eq!(
            op.browser().send(entry(&device.user_code)).await.status,
            303
        );
    }
}

// DV-07, F03
#[tokio::test]
async fn many_polls_at_once_get_one_grant() {
    for store in ["memory", "SQLite"] {
        let setup = if store == "SQLite" {
            setup().sqlite()
        } else {
            setup()
        };
        let op = setup.start().await;
        let device = begin(&op, "openid offline_access").await;
        answer(&op, "alice", &device.user_code, "allow").await;
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (mut browser, ask) = (op.browser(), poll_of("tv", &device.code));
            tasks.spawn(async move { browser.send(ask).await });
        }
        let answers = tasks.join_all().await;
        let good: Vec<_> = answers.iter().filter(|a| a.status == 200).collect();
        assert_eq!(good.len(), 1, "{store}");
        for refused in answers.iter().filter(|a| a.status != 200) {
            assert_error(refused, "invalid_grant");
        }
        op.clock.advance(60);
        assert_error(&poll(&op, &device.code).await, "invalid_grant");
        // A replay does not take away what its device has.
        let refresh = Tokens::of(good[0]).refresh().to_owned();
        let pairs = [
            ("client_id", "tv"),
            ("grant_type", "refresh_token"),
            ("refresh_token", &*refresh),
        ];
        Tokens::of(&op.browser().form("/token", &pairs).await);
    }
}

#[tokio::test]
async fn many_polls_at_once_before_the_answer_do_not_stop_it() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let (mut browser, page) = at_consent(&op, "alice", &device.user_code).await;
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (mut browser, ask) = (op.browser(), poll_of("tv", &device.code));
        tasks.spawn(async move { browser.send(ask).await });
    }
    let done = browser.press(&page, "consent", "allow", &[]).await;
    assert!(
        done.location().contains("/device/done"),
        "{}",
        done.location()
    );
    let errors: HashSet<String> = tasks.join_all().await.iter().map(Answer::error).collect();
    for error in errors {
        assert!(
            ["authorization_pending", "slow_down", "invalid_grant", ""].contains(&error.as_str()),
            "{error}"
        );
    }
}

// DV-07: approve twice, approve after deny
#[tokio::test]
async fn a_device_is_answered_once() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let (mut alice, page) = at_consent(&op, "alice", &device.user_code).await;
    let (mut bob, bobs) = at_consent(&op, "bob", &device.user_code).await;
    let denied = alice.press(&page, "consent", "deny", &[]).await;
    assert!(
        alice
            .follow(&denied)
            .await
            .text()
            .contains("id=\"device-denied\"")
    );
    for (browser, page) in [(&mut bob, &bobs), (&mut alice, &page)] {
        for button in ["allow", "deny"] {
            let answer = browser.press(page, "consent", button, &[]).await;
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert_eq!(
                html::text_of(&answer.text(), "error-id").as_deref(),
                Some("device_request_over")
            );
        }
    }
    assert_error(&poll(&op, &device.code).await, "access_denied");
    assert_error(&poll(&op, &device.code).await, "access_denied");
    let typed = alice.send(entry(&device.user_code)).await;
    assert!(
        typed.text().contains("data-error=\"unknown\""),
        "the code is over"
    );
}

#[tokio::test]
async fn who_leaves_before_signing_in_changes_nothing() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let mut browser = op.browser();
    let next = browser.send(entry(&device.user_code)).await;
    let page = browser.follow(&next).await.text();
    let left = browser.press(&page, "leave", "cancel", &[]).await;
    assert!(
        browser
            .follow(&left)
            .await
            .text()
            .contains("id=\"device-denied\"")
    );
    assert_error(&poll(&op, &device.code).await, "authorization_pending");
    answer(&op, "alice", &device.user_code, "allow").await;
    Tokens::of(&poll(&op, &device.code).await);
}

// DV-09
#[tokio::test]
async fn an_old_code_is_over_for_everybody() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let (mut browser, page) = at_consent(&op, "alice", &device.user_code).await;
    op.clock.advance(600);
    let late = browser.press(&page, "consent", "allow", &[]).await;
    assert_eq!(
        html::text_of(&late.text(), "error-id").as_deref(),
        Some("device_request_over")
    );
    assert_error(&poll(&op, &device.code).await, "expired_token");
    let typed = browser.send(entry(&device.user_code)).await;
    assert!(typed.text().contains("data-error=\"unknown\""));
    // What was allowed in time is not fetched too late.
    let device = begin(&op, "openid").await;
    answer(&op, "alice", &device.user_code, "allow").await;
    op.clock.advance(600);
    assert_error(&poll(&op, &device.code).await, "expired_token");
    // And some time later, when no clock can be that wrong, nobody knows it any more.
    op.clock.advance(1300 + 3600);
    op.provider.purge().await.unwrap();
    // A database whose clock stands still beside that of the test keeps it.
    let kept = op.provider.store().clock().await.unwrap().is_some();
    let expected = if kept {
        "expired_token"
    } else {
        "invalid_grant"
    };
    assert_error(&poll(&op, &device.code).await, expected);
}

// DV-10
#[tokio::test]
async fn a_person_who_is_switched_off_meanwhile_gets_no_device_connected() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    answer(&op, "alice", &device.user_code, "allow").await;
    let issuer = op.provider.issuer_id();
    op.accounts
        .set_disabled(issuer, op.subject("alice"), true)
        .await
        .unwrap();
    assert_error(&poll(&op, &device.code).await, "invalid_grant");
}

// F17: the client is gone, or may not any more
#[tokio::test]
async fn a_client_that_changed_meanwhile_gets_what_it_may_still_have() {
    let op = start().await;
    let device = begin(&op, "openid email").await;
    let (mut browser, page) = at_consent(&op, "alice", &device.user_code).await;
    op.change_client("tv", |metadata| {
        metadata.insert("grant_types".to_owned(), json!(["refresh_token"]));
    })
    .await;
    let late = browser.press(&page, "consent", "allow", &[]).await;
    assert_eq!(late.status, 400);
    assert_error(&poll(&op, &device.code).await, "unauthorized_client");
}

#[tokio::test]
async fn less_than_what_the_device_asks_for_can_be_allowed_and_nothing_is_a_denial() {
    let op = start().await;
    let device = begin(&op, "openid email").await;
    let (mut browser, _) = at_consent(&op, "alice", &device.user_code).await;
    let next = browser.send(entry(&device.user_code)).await;
    let target = next
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let ask = Ask::form(&target, &[("decision", "allow")]).header("Origin", fixture::ISSUER);
    browser.send(ask).await;
    let tokens = Tokens::of(&poll(&op, &device.code).await);
    assert_eq!(tokens.scope.as_deref(), Some("openid"));

    let device = begin(&op, "email").await;
    let (mut browser, _) = at_consent(&op, "bob", &device.user_code).await;
    let next = browser.send(entry(&device.user_code)).await;
    let target = next
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let ask = Ask::form(&target, &[("decision", "allow")]).header("Origin", fixture::ISSUER);
    let done = browser.send(ask).await;
    assert!(
        browser
            .follow(&done)
            .await
            .text()
            .contains("id=\"device-denied\"")
    );
    assert_error(&poll(&op, &device.code).await, "access_denied");
}

// AD-24
#[tokio::test]
async fn another_issuer_knows_nothing_of_a_device() {
    let op = start().await;
    let other = setup()
        .beside(&op, "https://other.test", "other")
        .start()
        .await;
    let device = begin(&op, "openid").await;
    assert_error(
        &other.browser().send(poll_of("tv", &device.code)).await,
        "invalid_grant",
    );
    let ask = Ask::form("/device", &[("user_code", &*device.user_code)])
        .header("Origin", "https://other.test");
    assert!(
        other
            .browser()
            .send(ask)
            .await
            .text()
            .contains("data-error=\"unknown\"")
    );
}

#[tokio::test]
async fn the_last_page_shows_only_what_we_sealed() {
    let op = start().await;
    for handle in ["x", "AAAA", ""] {
        let answer = op
            .browser()
            .get(&format!("/device/done?handle={handle}"))
            .await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(op.browser().get("/device/done").await.status, 400);
    let answer = op
        .browser()
        .send(Ask::form("/device/done?handle=x", &[]))
        .await;
    assert_eq!(answer.status, 405);
    // A request through the browser cannot be turned into one of a device.
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let next = browser.send(Request::of("web", "openid").get()).await;
    let handle = wire::param(next.location(), "handle").unwrap();
    let answer = browser.get(&format!("/device/done?handle={handle}")).await;
    assert_eq!(answer.status, 400);
}
