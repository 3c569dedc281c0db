//! What a program decides by functions of its own: who gets refresh tokens and which rotate, how sectors know people, who may
//! read across origins, who needs PKCE, and what people allowed before.

use std::sync::Arc;

use hallpass_core::{client::Refreshes, policy::Choices};
use hallpass_provider::ports::{AllowedBefore, ConsentAbout, Consents};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_testkit::{Ask, Browser, Op, Request, Setup, Tokens, html, wire};
use hallpass_types::Scope;

async fn with(change: impl FnOnce(&mut Choices) + Send + 'static) -> Op {
    Op::with(|policy| change(&mut policy.choices)).await
}

const LASTING: &str = "openid offline_access";

// RT-01
#[tokio::test]
async fn a_program_rotates_tokens_of_more_clients_and_keeps_none_of_public_ones() {
    let op = with(|choices| {
        choices.rotate_refresh_tokens(|client| client.id.as_str() == "web");
    })
    .await;
    let mut browser = op.browser();
    for (client, rotates) in [("web", true), ("web2", false), ("spa", true)] {
        let tokens = browser.code_flow(client, LASTING).await;
        let first = tokens.refresh().to_owned();
        let second = Tokens::of(&browser.refresh(client, &first).await);
        let second = second.refresh().to_owned();
        assert_eq!(first != second, rotates, "{client}");
        if !rotates {
            continue;
        }
        // Who has the old one after the new one was used is not alone.
        let third = Tokens::of(&browser.refresh(client, &second).await);
        op.clock.advance(120);
        let stolen = browser.refresh(client, &first).await;
        assert_eq!(stolen.error(), "invalid_grant", "{client}");
        let after = browser.refresh(client, third.refresh()).await;
        assert_eq!(after.error(), "invalid_grant", "{client}");
    }
}

#[tokio::test]
async fn a_program_says_who_gets_refresh_tokens_and_they_end_with_the_session_that_they_came_of() {
    let op = with(|choices| {
        choices.refresh(|client| match client.id.as_str() {
            "web" => Refreshes::WithSession,
            "web2" => Refreshes::Never,
            _ => Refreshes::Asked,
        });
    })
    .await;
    let mut browser = op.browser();
    assert_eq!(
        browser.code_flow("web2", LASTING).await.refresh,
        None,
        "never"
    );
    assert_eq!(
        browser.code_flow("spa", "openid").await.refresh,
        None,
        "nobody asked for it"
    );
    let tokens = browser.code_flow("web", "openid").await;
    let again = Tokens::of(&browser.refresh("web", tokens.refresh()).await);
    let id = tokens.id.unwrap();
    browser.query("/logout", &[("id_token_hint", &id)]).await;
    let gone = browser.refresh("web", again.refresh()).await;
    assert_eq!(gone.error(), "invalid_grant");
    // What was allowed to last does.
    let tokens = browser.code_flow("web", LASTING).await;
    let id = tokens.id.clone().unwrap();
    browser.query("/logout", &[("id_token_hint", &id)]).await;
    Tokens::of(&browser.refresh("web", tokens.refresh()).await);
}

#[tokio::test]
async fn a_program_names_people_to_sectors_as_it_always_did_and_to_others_not_at_all() {
    let op = with(|choices| {
        choices.pairwise_subjects(|sector, subject| {
            let known = sector == "pair.test";
            if known {
                format!("was-{}", subject.as_str().len())
            } else {
                String::new()
            }
        });
    })
    .await;
    let alice = op.subject("alice").as_str().to_owned();
    let mut browser = op.browser();
    let tokens = browser.code_flow("pair", "openid").await;
    let claims = op.verified("pair", tokens.id.as_deref().unwrap());
    let expected = format!("was-{}", alice.len());
    assert_eq!(claims["sub"], *expected);
    let info = browser.userinfo(&tokens.access).await.json();
    assert_eq!(info["sub"], *expected);
    // It is the hint of that client, too.
    let silent = Request::of("pair", "openid")
        .with("prompt", "none")
        .with("id_token_hint", tokens.id.as_deref().unwrap());
    let answer = browser.send(silent.get()).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // A name that cannot be one, and a client that knows people by their own.
    let plain = Op::start().await;
    let mut other = plain.browser();
    let built_in = other.code_flow("pair", "openid").await;
    let built_in = plain.verified("pair", built_in.id.as_deref().unwrap());
    assert_ne!(built_in["sub"], *expected);
    let public = browser.code_flow("web", "openid").await;
    let public = op.verified("web", public.id.as_deref().unwrap());
    assert_eq!(public["sub"], *alice);
}

#[tokio::test]
async fn a_program_lets_further_origins_read_and_no_others() {
    let op = with(|choices| choices.allow_origins(|origin| origin == "https://more.test")).await;
    let mut browser = op.browser();
    for (origin, may) in [
        ("https://more.test", true),
        ("https://spa.test", true),
        ("https://more.test:8443", false),
        ("http://more.test", false),
        ("https://more.test.evil.test", false),
        ("https://evil.test", false),
        ("null", false),
    ] {
        for path in ["/token", "/userinfo"] {
            let preflight = Ask::new("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST");
            let answer = browser.send(preflight).await;
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, may.then_some(origin), "{path} from {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
        // Pages are for nobody.
        let page = Ask::get("/authorize").header("Origin", origin);
        let answer = browser.send(page).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_program_asks_more_clients_for_pkce_and_none_for_less() {
    let bare = |client| {
        Request::of(client, "openid")
            .without("code_challenge")
            .without("code_challenge_method")
    };
    let refused = async |op: &Op, client| {
        let answer = op.browser().send(bare(client).get()).await;
        answer.error() == "invalid_request"
    };
    let plain = Op::start().await;
    let stricter = with(|choices| choices.require_pkce(|client| client.id.as_str() == "web")).await;
    let laxer = with(|choices| choices.require_pkce(|_| false)).await;
    assert!(refused(&stricter, "web").await);
    for client in ["web2", "spa"] {
        let before = refused(&plain, client).await;
        assert_eq!(refused(&stricter, client).await, before, "{client}");
        assert_eq!(refused(&laxer, client).await, before, "{client}");
    }
    assert!(refused(&laxer, "spa").await, "it is public");
}

/// Applications of the house need no question for some things.
struct House;

impl Consents for House {
    fn allowed<'a>(
        &'a self,
        about: ConsentAbout<'a>,
    ) -> BoxFuture<'a, Result<Option<AllowedBefore>, StoreError>> {
        let known = match about.client.id.as_str() {
            "web" => Some("openid email"),
            "web2" => Some(""),
            _ => None,
        };
        let allowed = known.map(|scope| AllowedBefore {
            scope: Scope::parse(scope).unwrap_or_default(),
            ..AllowedBefore::default()
        });
        Box::pin(async { Ok(allowed) })
    }
}

async fn asked(browser: &mut Browser, request: &Request) -> Option<String> {
    let answer = browser.send(request.get()).await;
    let location = answer.location();
    if !location.starts_with("https://op.test/consent?") {
        assert!(wire::param(location, "code").is_some(), "{location}");
        return None;
    }
    let page = browser.follow(&answer).await.text();
    html::form(&page, "consent");
    Some(page)
}

#[tokio::test]
async fn what_a_program_knows_as_allowed_is_not_asked_and_everything_else_is() {
    let op = Setup::default()
        .build(|builder| builder.consents(Arc::new(House)))
        .start()
        .await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    for (client, scope, asks) in [
        ("web", "openid email", false),
        ("web", "openid", false),
        ("web", "openid email profile", true),
        ("web", LASTING, true),
        ("web2", "openid", true),
        ("spa", "openid", true),
    ] {
        let request = Request::of(client, scope);
        let page = asked(&mut browser, &request).await;
        assert_eq!(page.is_some(), asks, "{client} {scope}");
    }
    // It is there for requests that may ask nothing, and asking was asked for.
    let silent = Request::of("web", "openid email").with("prompt", "none");
    assert!(asked(&mut browser, &silent).await.is_none());
    let wider = Request::of("web", "openid email profile").with("prompt", "none");
    let refused = browser.send(wider.get()).await;
    assert_eq!(refused.error(), "consent_required");
    let again = Request::of("web", "openid email").with("prompt", "consent");
    assert!(asked(&mut browser, &again).await.is_some());
    // What the person allows beside it is remembered only where the program does not know better.
    browser.code_flow("spa", "openid").await;
    let again = Request::of("spa", "openid");
    assert!(asked(&mut browser, &again).await.is_none());
    // Nothing of it signs anybody in.
    let stranger = op.browser().send(silent.get()).await;
    assert_eq!(stranger.error(), "login_required");
}
