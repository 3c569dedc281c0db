//! Everything that one issuer hands out, shown to another: at another host, and at another path of the same host, where a
//! browser sends the cookies of both.

use hallpass_testkit::{
    Answer, Ask, Op, Request, Setup, assertion,
    fixture::{self, Seed},
    wire,
};
use serde_json::json;

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The fixture, and beside it one of the same name, clients and people: by host, by path, and by path beside a path.
async fn pairs() -> Vec<[Op; 2]> {
    let mut all = Vec::new();
    for (first, second) in [
        ("https://op.test", "https://two.test"),
        ("https://op.test", "https://op.test/p/two"),
        ("https://op.test/p/one", "https://op.test/p/two"),
    ] {
        let setup = || {
            let television = Seed {
                id: "tv",
                secret: None,
                disabled: false,
                metadata: json!({"redirect_uris": [], "grant_types": [DEVICE], "client_name": "TV",
                    "token_endpoint_auth_method": "none", "scope": "openid"}),
            };
            let setup = Setup::default().client(television);
            setup.policy(|policy| {
                policy.device.enabled = true;
                policy.registration.enabled = true;
            })
        };
        let one = setup().issuer(first).start().await;
        let two = setup().beside(&one, second, "second").start().await;
        all.push([one, two]);
    }
    all
}

#[track_caller]
fn refused(answer: &Answer, error: &str) {
    assert_eq!(answer.error(), error, "{} {}", answer.status, answer.text());
}

// AD-24, TK-11, UI-08
#[tokio::test]
async fn what_the_token_endpoint_takes_and_gives_is_nothing_elsewhere() {
    for [one, two] in pairs().await {
        let (mut here, mut there) = (one.browser(), two.browser());
        let code = here
            .code("alice", &Request::of("web", "openid offline_access"))
            .await;
        refused(&there.redeem("web", &code).await, "invalid_grant");
        let answer = here.redeem("web", &code).await;
        assert_eq!(answer.status, 200, "it still works at home");
        let tokens = answer.json();
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        let (access, refresh) = (text("access_token"), text("refresh_token"));
        refused(&there.refresh("web", &refresh).await, "invalid_grant");
        assert_eq!(there.userinfo(&access).await.status, 401);
        for token in [&access, &refresh] {
            assert!(!there.is_active("web", token).await);
            let revoked = there.call("web", "/revoke", &[("token", token)]).await;
            assert_eq!(revoked.status, 200);
        }
        assert!(
            here.is_active("web", &access).await,
            "not revoked from there"
        );
        assert_eq!(here.refresh("web", &refresh).await.status, 200);
        // A JWT, at introspection and at the other's own resource.
        let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
        let jwt = here.flow_of("alice", "web", &request).await.access;
        assert!(here.is_active("rs1", &jwt).await);
        assert!(!there.is_active("rs1", &jwt).await);
    }
}

// AD-24, RG-01, PA, DV
#[tokio::test]
async fn what_waits_or_was_registered_at_one_is_unknown_at_the_other() {
    for [one, two] in pairs().await {
        let (mut here, mut there) = (one.browser(), two.browser());
        // A pushed request.
        let request = Request::of("web", "openid");
        let pushed: Vec<(&str, &str)> = request
            .0
            .iter()
            .filter(|(name, _)| name != "client_id")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = here.call("web", "/par", &pushed).await;
        let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
        let bring = Ask::query("/authorize", &[("client_id", "web"), ("request_uri", &uri)]);
        let answer = there.send(bring.clone()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(here.send(bring).await.location().contains("/sign-in?"));
        // A client that registered itself: its secret, its registration token.
        let metadata = json!({"redirect_uris": ["https://new.test/cb"], "grant_types": ["client_credentials"],
            "response_types": [], "token_endpoint_auth_method": "client_secret_basic"});
        let ask = Ask::json("/register", &metadata).bearer(&one.initial_access_token);
        let client = here.send(ask).await.json();
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        let (id, secret, token) = (
            text("client_id"),
            text("client_secret"),
            text("registration_access_token"),
        );
        let pairs = [("grant_type", "client_credentials")];
        let ask = Ask::form("/token", &pairs).basic(&id, &secret);
        assert_eq!(here.send(ask.clone()).await.status, 200);
        assert_eq!(there.send(ask).await.status, 401);
        let read = Ask::get(&format!("/register/{id}")).bearer(&token);
        assert_eq!(here.send(read.clone()).await.status, 200);
        assert_eq!(there.send(read).await.status, 401);
        // A client of the same identifier whose registration token is another's.
        let read = Ask::get("/register/web").bearer(&token);
        assert_eq!(there.send(read).await.status, 401);
        // The code of a device.
        let answer = here
            .form("/device/auth", &[("client_id", "tv"), ("scope", "openid")])
            .await;
        let device = answer.json();
        let code = device["device_code"].as_str().unwrap();
        let poll = [
            ("client_id", "tv"),
            ("grant_type", DEVICE),
            ("device_code", code),
        ];
        refused(&there.form("/token", &poll).await, "invalid_grant");
        refused(&here.form("/token", &poll).await, "authorization_pending");
    }
}

// LG-08, LG-09, AD-24
#[tokio::test]
async fn a_session_or_page_of_one_is_none_of_the_other_whatever_the_browser_sends() {
    for [one, two] in pairs().await {
        let mut here = one.browser();
        here.sign_in("alice").await;
        let silent = Request::of("first", "openid").with("prompt", "none");
        assert!(wire::param(here.send(silent.get()).await.location(), "code").is_some());
        // One jar, as of one host.
        let mut there = two.browser();
        for (name, value) in here.cookies() {
            there.set_cookie(name, value);
        }
        assert_eq!(there.send(silent.get()).await.error(), "login_required");
        // The other's cookies with these values.
        let mut forged = two.browser();
        forged.sign_in("bob").await;
        let names: Vec<String> = forged
            .cookies()
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        let mut thief = two.browser();
        for name in &names {
            let end = ["session", "browser", "state"].into_iter().find(|end| {
                name.split('.')
                    .next()
                    .is_some_and(|name| name.ends_with(end))
            });
            if let Some(value) = end.and_then(|end| here.cookie(end)) {
                thief.set_cookie(name, value);
            }
        }
        assert_eq!(thief.send(silent.get()).await.error(), "login_required");
        // Signed in at both with one jar, signed out at one: the other stays.
        there.sign_in("bob").await;
        for (name, value) in there.cookies().to_vec() {
            if !here.cookies().iter().any(|(known, _)| *known == name) {
                here.set_cookie(&name, &value);
            }
        }
        assert!(wire::param(here.send(silent.get()).await.location(), "code").is_some());
        assert!(wire::param(there.send(silent.get()).await.location(), "code").is_some());
        // The page of a request at one, at the other.
        let answer = here.send(Request::of("web", "openid email").get()).await;
        let handle = answer
            .location()
            .split_once("handle=")
            .unwrap()
            .1
            .to_owned();
        let page = answer.location().contains("/consent?");
        let path = if page { "/consent" } else { "/sign-in" };
        let answer = there.get(&format!("{path}?handle={handle}")).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        // Hints.
        let id = one
            .browser()
            .flow_of("alice", "first", &Request::of("first", "openid"))
            .await;
        let hint = id.id.unwrap();
        let mut there = two.browser();
        there.sign_in("alice").await;
        let answer = there
            .send(silent.clone().with("id_token_hint", &hint).get())
            .await;
        assert_eq!(wire::param(answer.location(), "code"), None);
        let answer = there.query("/logout", &[("id_token_hint", &hint)]).await;
        assert!(there.cookie("session").is_some(), "{}", answer.status);
        assert!(wire::param(there.send(silent.get()).await.location(), "code").is_some());
    }
}

// TK-30, TK-29
#[tokio::test]
async fn an_assertion_for_one_is_for_nobody_else() {
    for [one, two] in pairs().await {
        let (mut here, mut there) = (one.browser(), two.browser());
        let home = one.provider.policy().issuer.as_str().to_owned();
        for (number, audience) in [home.clone(), format!("{home}/token")].iter().enumerate() {
            let ask = |jti: String| {
                let mut claims = assertion::claims("pkjwt", one.clock.seconds(), &jti);
                claims["aud"] = audience.as_str().into();
                let jwt = assertion::sign(fixture::pkjwt_key(), &claims);
                let pairs = [
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", assertion::JWT_BEARER),
                    ("client_assertion", jwt.as_str()),
                ];
                Ask::form("/token", &pairs)
            };
            assert_eq!(there.send(ask(format!("there {number}"))).await.status, 401);
            assert_eq!(here.send(ask(format!("here {number}"))).await.status, 200);
        }
    }
}
