//! What listeners are told: every step of every request, typed, once, and nothing that was not so.

use std::sync::{Arc, Mutex};

use hallpass_provider::ports::{Event, Events, PageKind};
use hallpass_store::MemoryStore;
use hallpass_testkit::{Ask, Browser, Op, Request, Setup, Tokens, fault::Breakable, html};
use serde_json::json;

use crate::{backchannel, device, registration};

/// Writes down what it is told, in words of its own.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Events for Heard {
    fn on(&self, event: &Event<'_>) {
        let line = match event {
            Event::RequestAccepted { client } => format!("accepted {client}"),
            Event::Asked { page, client } => format!("asked {} {client}", page.as_str()),
            Event::Answered { page, client } => format!("answered {} {client}", page.as_str()),
            Event::Authorized {
                client,
                response_type,
                ..
            } => format!("authorized {response_type} {client}"),
            Event::Pushed { client } => format!("pushed {client}"),
            Event::Waiting { grant_type, client } => format!("waiting {grant_type} {client}"),
            Event::Decided {
                grant_type,
                client,
                allowed,
            } => format!("decided {allowed} {grant_type} {client}"),
            Event::TokensIssued {
                grant_type, client, ..
            } => format!("tokens {grant_type} {client}"),
            Event::SessionBegan { .. } => "session".to_owned(),
            Event::SignedOut => "signed out".to_owned(),
            Event::TokenRevoked { reason } => format!("token revoked {reason}"),
            Event::GrantRevoked { reason, .. } => format!("grant revoked {reason}"),
            Event::Refused {
                endpoint, client, ..
            } => {
                let client = client.map_or("nobody", |client| client.as_str());
                format!("refused {endpoint} {client}")
            }
            Event::Unavailable { endpoint } => format!("unavailable {endpoint}"),
            Event::Internal { endpoint, .. } => format!("failed {endpoint}"),
            Event::ClientChanged { action, .. } => (*action).to_owned(),
            Event::SignIn { outcome, .. } => format!("sign-in {outcome}"),
            Event::Account { .. }
            | Event::Delivery { .. }
            | Event::Webhook { .. }
            | Event::Mail { .. }
            | _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

impl Heard {
    /// What was told since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn listened(setup: Setup) -> (Op, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let listener = Arc::clone(&heard);
    let op = setup.build(|builder| builder.events(listener)).start();
    (op.await, heard)
}

#[track_caller]
fn assert_told(heard: &Heard, lines: &[&str]) {
    assert_eq!(heard.take(), lines);
}

#[tokio::test]
async fn every_step_of_a_sign_in_is_told_once_and_in_order() {
    let (op, heard) = listened(Setup::default()).await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email offline_access");
    let code = browser.code("alice", &request).await;
    assert_told(
        &heard,
        &[
            "accepted web",
            "asked login web",
            "session",
            "answered login web",
            "asked consent web",
            "sign-in success",
            "answered consent web",
            "authorized code web",
        ],
    );
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    assert_told(&heard, &["tokens authorization_code web"]);
    Tokens::of(&browser.refresh("web", tokens.refresh()).await);
    assert_told(&heard, &["tokens refresh_token web"]);
    // What was allowed is not asked again.
    browser.code("alice", &request).await;
    assert_told(&heard, &["accepted web", "authorized code web"]);
    let revoked = [("token", tokens.access.as_str())];
    browser.call("web", "/revoke", &revoked).await;
    assert_told(&heard, &["token revoked revoked_by_client"]);
    browser.call("web", "/revoke", &revoked).await;
    browser.call("web", "/revoke", &[("token", "x")]).await;
    let again = heard.take();
    assert!(
        !again.iter().any(|line| line.contains("grant")),
        "{again:?}"
    );
    let revoked = [("token", tokens.refresh())];
    browser.call("web", "/revoke", &revoked).await;
    assert_told(&heard, &["grant revoked revoked_by_client"]);
}

#[tokio::test]
async fn what_was_not_given_is_not_told_as_given() {
    let (op, heard) = listened(Setup::default()).await;
    let mut browser = op.browser();
    // Refused before its checks were over.
    let bad = Request::of("web", "openid").with("response_type", "nonsense");
    browser.send(bad.get()).await;
    assert_told(&heard, &["refused authorize web"]);
    // Refused because somebody would have to be asked.
    let silent = Request::of("web", "openid").with("prompt", "none");
    browser.send(silent.get()).await;
    assert_told(&heard, &["accepted web", "refused authorize web"]);
    // Denied by the person.
    browser.sign_in("alice").await;
    heard.take();
    let answer = browser.send(Request::of("web", "openid email").get()).await;
    let page = browser.follow(&answer).await.text();
    html::form(&page, "consent");
    let denied = browser.press(&page, "consent", "deny", &[]).await;
    assert_eq!(denied.error(), "access_denied");
    assert_told(
        &heard,
        &[
            "accepted web",
            "asked consent web",
            "answered consent web",
            "refused authorize web",
        ],
    );
    // A code that was never given.
    assert_eq!(browser.redeem("web", "hpc_x").await.status, 400);
    assert_told(&heard, &["refused token web"]);
}

#[tokio::test]
async fn a_request_that_is_pushed_is_told_twice_over_pushing_and_using_it() {
    let (op, heard) = listened(Setup::default()).await;
    let mut browser = op.browser();
    let pairs = Request::of("web", "openid").0;
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let pushed = browser.call("web", "/par", &pairs[..]).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    assert_told(&heard, &["pushed web"]);
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let bring = [("client_id", "web"), ("request_uri", uri.as_str())];
    browser.send(Ask::query("/authorize", &bring)).await;
    assert_told(&heard, &["accepted web", "asked login web"]);
    let refused = browser.call("web", "/par", &[("request_uri", &uri)]).await;
    assert_eq!(refused.status, 400);
    assert_told(&heard, &["refused par web"]);
}

#[tokio::test]
async fn a_device_and_its_person_are_told_of() {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let (op, heard) = listened(device::setup()).await;
    let waiting = device::begin(&op, "openid").await;
    assert_told(&heard, &[&format!("waiting {GRANT} tv")]);
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    heard.take();
    browser.send(device::entry("BCDF-GHJK")).await;
    assert_told(&heard, &["refused device nobody"]);
    device::allow(&mut browser, &waiting.user_code).await;
    assert_told(
        &heard,
        &[
            "asked consent tv",
            "answered consent tv",
            &format!("decided true {GRANT} tv"),
        ],
    );
    let polled = browser.send(device::poll_of("tv", &waiting.code)).await;
    assert_eq!(polled.status, 200, "{}", polled.text());
    assert_told(&heard, &[&format!("tokens {GRANT} tv")]);
}

#[tokio::test]
async fn backchannel_authentication_is_told_of_after_it_was_decided() {
    const GRANT: &str = "urn:openid:params:grant-type:ciba";
    for (client, decision, allowed) in [("bank", "allow", true), ("bank", "deny", false)] {
        let (op, heard) = listened(backchannel::setup()).await;
        backchannel::begin(&op, client, &[]).await;
        assert_told(&heard, &[&format!("waiting {GRANT} {client}")]);
        let mut browser = backchannel::at_approvals(&op, "alice").await;
        let action = backchannel::actions(&mut browser).await.remove(0);
        heard.take();
        browser.send(backchannel::decide(&action, decision)).await;
        assert_told(&heard, &[&format!("decided {allowed} {GRANT} {client}")]);
    }
    // Tokens that are pushed are told of with the decision, once.
    let (op, heard) = listened(backchannel::setup()).await;
    let token = [("client_notification_token", backchannel::TOKEN)];
    backchannel::begin(&op, "push", &token).await;
    let mut browser = backchannel::at_approvals(&op, "alice").await;
    let action = backchannel::actions(&mut browser).await.remove(0);
    heard.take();
    browser.send(backchannel::decide(&action, "allow")).await;
    let lines = [
        format!("decided true {GRANT} push"),
        format!("tokens {GRANT} push"),
    ];
    assert_eq!(heard.take(), lines);
    browser.send(backchannel::decide(&action, "allow")).await;
    assert_told(&heard, &["refused approvals nobody"]);
}

#[tokio::test]
async fn clients_that_register_and_people_who_leave_are_told_of() {
    let setup = Setup::default().policy(|policy| policy.registration.open = true);
    let (op, heard) = listened(setup).await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    let made = registration::register(&mut browser, &metadata).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_told(&heard, &["registered"]);
    let nothing = registration::register(&mut browser, &json!({})).await;
    assert_eq!(nothing.status, 400);
    assert_told(&heard, &["refused register nobody"]);
    let made = made.json();
    let (path, token) = (
        made["registration_client_uri"].as_str().unwrap(),
        made["registration_access_token"].as_str().unwrap(),
    );
    let path = path.strip_prefix("https://op.test").unwrap().to_owned();
    let gone = Ask::get(&path).method("DELETE").bearer(token);
    assert_eq!(browser.send(gone).await.status, 204);
    assert_told(&heard, &["deleted"]);
    leaves(&op, &heard).await;
}

async fn leaves(op: &Op, heard: &Heard) {
    let mut browser: Browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    heard.take();
    let answer = browser.query("/logout", &[("id_token_hint", &id)]).await;
    assert!(answer.status == 303, "{}", answer.text());
    let told = heard.take();
    assert_eq!(
        told.iter().filter(|l| *l == "signed out").count(),
        1,
        "{told:?}"
    );
    // Who is gone cannot leave once more.
    browser.query("/logout", &[("id_token_hint", &id)]).await;
    assert_eq!(heard.take(), [""; 0]);
}

#[tokio::test]
async fn every_endpoint_tells_what_it_refuses_and_no_more() {
    let setup = Setup::default().policy(|policy| {
        policy.registration.open = true;
        policy.device.enabled = true;
        policy.backchannel.enabled = true;
    });
    let (op, heard) = listened(setup).await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    let made = registration::register(&mut browser, &metadata).await.json();
    let managed = made["registration_client_uri"].as_str().unwrap();
    let managed = managed.strip_prefix("https://op.test").unwrap().to_owned();
    heard.take();
    let nobody = [("client_id", "nobody"), ("token", "x")];
    let manage = |method| Ask::get(&managed).method(method).bearer("wrong");
    for (ask, endpoint) in [
        (Ask::form("/token", &nobody), "token"),
        (Ask::form("/par", &nobody), "par"),
        (Ask::form("/introspect", &nobody), "introspect"),
        (Ask::form("/revoke", &nobody), "revoke"),
        (Ask::form("/device/auth", &nobody), "device_authorization"),
        (
            Ask::form("/backchannel", &nobody),
            "backchannel_authentication",
        ),
        (Ask::get("/userinfo").bearer("wrong"), "userinfo"),
        (Ask::json("/register", &json!([])), "register"),
        (manage("GET"), "register"),
        (manage("DELETE"), "register"),
        (
            Ask::json(&managed, &json!({}))
                .method("PUT")
                .bearer("wrong"),
            "register",
        ),
        (
            Ask::query("/logout", &[("client_id", "a"), ("id_token_hint", "b")]),
            "logout",
        ),
        (Ask::query("/authorize", &nobody), "authorize"),
    ] {
        let shown = format!("{} {}", ask.method, ask.target);
        let answer = browser.send(ask).await;
        assert!(
            (400..500).contains(&answer.status),
            "{shown}: {}",
            answer.status
        );
        let told = heard.take();
        assert_eq!(told, [format!("refused {endpoint} nobody")], "{shown}");
    }
}

#[tokio::test]
async fn what_could_not_be_answered_is_told_as_that_and_as_no_refusal() {
    let store = Breakable::new(Arc::new(MemoryStore::new()));
    let setup = Setup::default().store(store.clone());
    let (op, heard) = listened(setup).await;
    let mut browser = op.browser();
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    heard.take();
    store.set(false, true);
    let answer = browser.redeem("web", &code).await;
    store.set(false, false);
    assert!(answer.status >= 500, "{}", answer.status);
    assert_told(&heard, &["unavailable token"]);
    // Nothing was given by it.
    Tokens::of(&browser.redeem("web", &code).await);
    assert_told(&heard, &["tokens authorization_code web"]);
}

#[tokio::test]
async fn each_of_several_listeners_is_told_everything() {
    let listeners = [Arc::new(Heard::default()), Arc::new(Heard::default())];
    let both = listeners.clone();
    let op = Setup::default()
        .build(move |builder| both.into_iter().fold(builder, |b, l| b.events(l)))
        .start()
        .await;
    op.browser().code_flow("web", "openid").await;
    let [one, other] = listeners.map(|listener| listener.take());
    assert_eq!(one, other);
    assert!(one.len() > 5, "{one:?}");
    assert!(op.events.count("Authorized") == 1);
}

#[test]
fn every_page_has_a_name_of_its_own() {
    use PageKind::*;
    let all = [
        SignUp,
        Login,
        SelectAccount,
        Organization,
        Own,
        Consent,
        Logout,
        SignedOut,
        DeviceDone,
    ];
    for page in all {
        let name = serde_json::to_value(page).unwrap();
        assert_eq!(name, page.as_str());
    }
}
