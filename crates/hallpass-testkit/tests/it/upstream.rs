//! Signing in at another provider, which is a second one of ours behind a socket.

use hallpass_core::{
    policy::Policy,
    upstream::{ClaimSource, ClientAuthentication, Endpoints, FirstTime, Upstream, UpstreamSecret},
};
use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, fixture, fixture::Seed, wire};
use hallpass_types::Secret;
use serde_json::{Value, json};

pub(super) const IDP: &str = "https://idp.test";
pub(super) const OTHER: &str = "https://other.test";
pub(super) const SECRET: &str = "hpk_hallpass-0123456789abcdefghijklmnopqrst";
const TOKEN: &str = "https://idp.test/token";

pub(crate) fn upstream(id: &str, issuer: &str) -> Upstream {
    let claim = |name: &str, from: &str| ClaimSource {
        name: name.to_owned(),
        from: from.to_owned(),
    };
    Upstream {
        id: id.to_owned(),
        name: format!("The {id}"),
        endpoints: Endpoints::OpenId {
            issuer: issuer.to_owned(),
            algs: vec![JwsAlgorithm::ES256],
            userinfo: true,
        },
        client_id: "hallpass".to_owned(),
        authentication: ClientAuthentication::Basic(UpstreamSecret(Secret::new(SECRET.to_owned()))),
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
        parameters: Vec::new(),
        subject_claim: "sub".to_owned(),
        claims: vec![
            claim("name", "name"),
            claim("email", "email"),
            claim("acr", "name"),
            claim("roles", "name"),
        ],
        first_time: FirstTime::Create,
        link_by_email: false,
    }
}

pub(super) async fn provider(id: &str, issuer: &'static str) -> Op {
    let uri = format!("https://op.test/upstream/{id}/callback");
    let client = Seed {
        id: "hallpass",
        secret: Some(SECRET),
        disabled: false,
        metadata: json!({
            "redirect_uris": [uri], "skip_consent": true, "grant_types": ["authorization_code"],
            "scope": "openid profile email", "id_token_signed_response_alg": "ES256",
        }),
    };
    Setup::default().issuer(issuer).client(client).start().await
}

/// We, and two others.
pub(super) struct World {
    pub(super) us: Op,
    pub(super) idp: Op,
    pub(super) other: Op,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Upstream) + Send + 'static) -> Self {
        Self::changed(change, |_| {}).await
    }

    pub(super) async fn with_policy(more: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        Self::changed(|_| {}, more).await
    }

    pub(super) async fn changed(
        change: impl FnOnce(&mut Upstream) + Send + 'static,
        more: impl FnOnce(&mut Policy) + Send + 'static,
    ) -> Self {
        let (idp, other) = (provider("idp", IDP).await, provider("other", OTHER).await);
        let us = Setup::default()
            .policy(move |policy| {
                let mut first = upstream("idp", IDP);
                change(&mut first);
                policy.upstreams = vec![first, upstream("other", OTHER)];
                more(policy);
            })
            .start()
            .await;
        us.fetcher.reach(IDP, idp.address());
        us.fetcher.reach(OTHER, other.address());
        for client in ["web", "first"] {
            let uris = [
                fixture::WEB_CB,
                "https://first.test/cb",
                "https://idp.test/authorize",
                "https://other.test/authorize",
                "https://oauth.test/authorize",
            ];
            us.knows_client(client, &json!({"redirect_uris": uris}));
        }
        Self { us, idp, other }
    }

    /// A browser that is sent to a provider: the address there.
    pub(super) async fn away(&self, id: &str) -> (Browser, String) {
        let mut browser = self.us.browser();
        let url = depart(&mut browser, id).await;
        (browser, url)
    }

    /// A whole sign-in up to the answer of our callback.
    pub(super) async fn signs_in(&self, browser: &mut Browser, id: &str, person: &str) -> Answer {
        let url = depart(browser, id).await;
        let back = self.at(id, &url, person).await;
        browser.get(&back).await
    }

    /// Somebody signs in there. Answers the path at which they come back.
    pub(super) async fn at(&self, id: &str, url: &str, person: &str) -> String {
        let (op, issuer) = if id == "idp" {
            (&self.idp, IDP)
        } else {
            (&self.other, OTHER)
        };
        let mut browser = op.browser();
        let answer = browser.get(url.strip_prefix(issuer).unwrap()).await;
        let answer = browser.through_pages(person, answer).await;
        let back = answer.location().strip_prefix("https://op.test");
        back.unwrap().to_owned()
    }
}

pub(super) const WANTED: &str = "openid profile email";

/// From the sign-in page to another provider.
async fn depart(browser: &mut Browser, id: &str) -> String {
    depart_for(browser, id, &Request::of("web", WANTED)).await
}

pub(super) async fn depart_for(browser: &mut Browser, id: &str, request: &Request) -> String {
    depart_with(browser, id, request, &[]).await
}

/// The same, with what else the form of the sign-in page says.
pub(super) async fn depart_with(
    browser: &mut Browser,
    id: &str,
    request: &Request,
    form: &[(&str, &str)],
) -> String {
    let mut request = request.clone();
    if browser.cookie("session").is_some() {
        request = request.with("prompt", "login");
    }
    let asked = browser.send(request.get()).await;
    let handle = wire::param(asked.location(), "handle").unwrap();
    let page = browser.follow(&asked).await.text();
    assert!(page.contains(&format!("id=\"upstream-{id}\"")), "{page}");
    let target = format!("/upstream/{id}?handle={handle}");
    let ask = Ask::form(&target, form).header("Origin", fixture::ISSUER);
    browser.send(ask).await.location().to_owned()
}

/// The last answer of a sign-in, with its consent, as UserInfo tells it.
pub(super) async fn told(browser: &mut Browser, answer: Answer) -> (Value, Value) {
    let answer = browser.through_pages("nobody", answer).await;
    let code =
        wire::param(answer.location(), "code").unwrap_or_else(|| panic!("{}", answer.text()));
    let tokens = browser.redeem("web", &code).await.json();
    let info = browser
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    let id_token = hallpass_testkit::assertion::payload(tokens["id_token"].as_str().unwrap());
    (info, id_token)
}

pub(super) fn refused(answer: &Answer, id: &str) {
    let text = answer.text();
    assert!(answer.status >= 400, "{id}: {}", answer.status);
    let shown = format!("id=\"error-id\">{id}<");
    assert!(text.contains(&shown), "{id}: {text}");
    assert!(
        !answer
            .header("set-cookie")
            .is_some_and(|c| c.contains("session"))
    );
}

#[tokio::test]
async fn s49_somebody_signs_in_at_another_provider_and_stays_the_same() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    let (info, id_token) = told(&mut browser, answer).await;
    assert_eq!(info["name"], "alice <b>Example</b>");
    assert_eq!(info["email"], "alice@example.test");
    // A mail address that looks the same makes nobody the same (UP-04), and what is not mapped is not taken over (UP-16).
    assert_ne!(info["sub"], world.us.subject("alice").as_str());
    assert_ne!(info["sub"], world.idp.subject("alice").as_str());
    assert_eq!(
        (info.get("email_verified"), info.get("roles")),
        (None, None)
    );
    assert_eq!(id_token.get("acr"), None);
    let mut again = world.us.browser();
    let answer = world.signs_in(&mut again, "idp", "alice").await;
    assert_eq!(told(&mut again, answer).await.0["sub"], info["sub"]);
    // Somebody else there, and the same name at another provider, are other people here.
    for (id, person) in [("idp", "bob"), ("other", "alice")] {
        let mut browser = world.us.browser();
        let answer = world.signs_in(&mut browser, id, person).await;
        assert_ne!(
            told(&mut browser, answer).await.0["sub"],
            info["sub"],
            "{id} {person}"
        );
    }
}

#[tokio::test]
async fn who_has_no_account_is_turned_away_where_none_is_made() {
    let world = World::with(|idp| idp.first_time = FirstTime::Refuse).await;
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    refused(&answer, "upstream_no_account");
}

// UP-01, UP-14
#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_was_sent_away_and_for_a_while() {
    //= test RFC9700#4.7 the answer belongs to the browser that was sent away
    let world = World::start().await;
    let (mut browser, url) = world.away("idp").await;
    let back = world.at("idp", &url, "alice").await;
    let state = wire::param(&url, "state").unwrap();
    for (path, id) in [
        ("/upstream/idp/callback".to_owned(), "upstream_state"),
        ("/upstream/idp/callback?code=x".to_owned(), "upstream_state"),
        (
            "/upstream/idp/callback?code=x&state=AAAA".to_owned(),
            "upstream_state",
        ),
        (
            format!("/upstream/idp/callback?state={state}"),
            "upstream_issuer",
        ),
        (
            format!("/upstream/idp/callback?state={state}&iss={IDP}"),
            "upstream_no_code",
        ),
        (format!("{back}&code=another"), "upstream_no_code"),
        (format!("{back}&iss={IDP}"), "upstream_no_code"),
    ] {
        refused(&browser.get(&path).await, id);
    }
    // Somebody else's browser, with and without a session of its own (UP-08, login CSRF).
    let mut victim = world.us.browser();
    refused(&victim.get(&back).await, "upstream_other_browser");
    victim.sign_in("bob").await;
    refused(&victim.get(&back).await, "upstream_other_browser");
    let signed_in = browser.get(&back).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let again = browser.get(&back).await;
    assert!(again.status >= 400, "{}", again.status);
    // Too late.
    let (mut late, url) = world.away("idp").await;
    let back = world.at("idp", &url, "alice").await;
    world.us.clock.advance(901);
    refused(&late.get(&back).await, "upstream_state");
}

// Mix-up and provider confusion (RFC 9700 §4.4, RFC 9207)
#[tokio::test]
async fn an_answer_of_one_provider_is_never_taken_for_one_of_another() {
    //= test RFC9700#4.4.2 an answer is taken only from the provider to which the person was sent
    let world = World::start().await;
    let (mut browser, url) = world.away("idp").await;
    let back = world.at("idp", &url, "alice").await;
    let (code, state) = (
        wire::param(&back, "code").unwrap(),
        wire::param(&back, "state").unwrap(),
    );
    let elsewhere = back.replace("/upstream/idp/", "/upstream/other/");
    refused(&browser.get(&elsewhere).await, "upstream_other_provider");
    for (iss, id) in [
        (OTHER, "upstream_issuer"),
        ("https://idp.test/", "upstream_issuer"),
    ] {
        let path = format!("/upstream/idp/callback?code={code}&state={state}&iss={iss}");
        refused(&browser.get(&path).await, id);
    }
    let unnamed = format!("/upstream/idp/callback?code={code}&state={state}");
    refused(&browser.get(&unnamed).await, "upstream_issuer");
    // Nothing was asked of anybody.
    assert!(world.us.fetcher.exchanged().is_empty());
    // A code of the other provider, with the state of this one.
    let (_, foreign) = world.away("other").await;
    let foreign = world.at("other", &foreign, "bob").await;
    let foreign = wire::param(&foreign, "code").unwrap();
    let path = format!("/upstream/idp/callback?code={foreign}&state={state}&iss={IDP}");
    refused(&browser.get(&path).await, "upstream_token");
    // Each has an address of its own.
    let redirect_uri = wire::param(&url, "redirect_uri");
    assert_eq!(
        redirect_uri.as_deref(),
        Some("https://op.test/upstream/idp/callback")
    );
}

// UP-03
#[tokio::test]
async fn an_id_token_is_believed_with_the_providers_key_and_for_this_sign_in_alone() {
    let world = World::start().await;
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let now = world.us.clock.seconds();
    for kind in [
        "none",
        "secret",
        "stranger",
        "missing",
        "other sign-in",
        "garbage",
        "an access token",
        "a logout token",
    ] {
        let (mut browser, url) = world.away("idp").await;
        let back = world.at("idp", &url, "alice").await;
        let claims = json!({
            "iss": IDP, "aud": "hallpass", "sub": world.idp.subject("alice").as_str(),
            "nonce": wire::param(&url, "nonce").unwrap(), "iat": now, "exp": now + 300,
        })
        .to_string();
        let encoded = |text: &str| base64url::encode(text.as_bytes());
        let forged = match kind {
            "none" => Some(format!(
                "{}.{}.",
                encoded(r#"{"alg":"none"}"#),
                encoded(&claims)
            )),
            "secret" => {
                let key =
                    hallpass_jose::HmacKey::new(JwsAlgorithm::HS256, SECRET.as_bytes()).unwrap();
                Some(key.sign_compact(None, claims.as_bytes()))
            }
            "stranger" => Some(stranger.sign_compact(None, claims.as_bytes()).unwrap()),
            "other sign-in" => Some(genuine(&world).await),
            // What the provider signs with the same key.
            "an access token" => Some(typed(&world, "at+jwt", &claims)),
            "a logout token" => Some(typed(&world, "logout+jwt", &claims)),
            "garbage" => Some("a.b.c".to_owned()),
            _ => None,
        };
        let mut body = json!({"access_token": "x", "token_type": "Bearer"});
        if let Some(forged) = forged {
            body["id_token"] = json!(forged);
        }
        world.us.fetcher.twist(TOKEN, 200, body.to_string());
        refused(&browser.get(&back).await, "upstream_id_token");
        world.us.fetcher.untwist(TOKEN);
    }
}

/// Claims that the provider signed as another kind of token than an ID token.
fn typed(world: &World, typ: &str, claims: &str) -> String {
    let keys = world.idp.provider.signing_keys();
    let key = keys.active(JwsAlgorithm::ES256).unwrap();
    key.sign_compact(Some(typ), claims.as_bytes()).unwrap()
}

/// A genuine ID token of the provider, for another sign-in and another client.
async fn genuine(world: &World) -> String {
    let tokens = world
        .idp
        .browser()
        .flow_of("alice", "web", &Request::of("web", "openid"))
        .await;
    tokens.id.unwrap()
}

// UP-09, UP-10, UP-11, UP-12
#[tokio::test]
async fn a_provider_that_answers_otherwise_signs_nobody_in_and_is_not_quoted() {
    //= test OIDC-CORE#5.3.2 the sub of UserInfo is that of the ID token
    let world = World::start().await;
    let userinfo = "https://idp.test/userinfo";
    let marker = "zq-marker<script>";
    for (url, status, body, id) in [
        (TOKEN, 500, marker.to_owned(), "upstream_token"),
        (TOKEN, 302, String::new(), "upstream_token"),
        (TOKEN, 200, String::new(), "upstream_token"),
        (TOKEN, 200, "[".repeat(60_000), "upstream_token"),
        (TOKEN, 200, "x".repeat(1_000_000), "upstream_token"),
        (
            TOKEN,
            200,
            json!({"access_token": "a\r\nX: y", "token_type": "Bearer"}).to_string(),
            "upstream_token",
        ),
        (
            TOKEN,
            200,
            json!({"access_token": "a", "token_type": "mac"}).to_string(),
            "upstream_token",
        ),
        (
            userinfo,
            200,
            json!({"sub": "somebody-else", "name": "x"}).to_string(),
            "upstream_userinfo",
        ),
        (
            userinfo,
            200,
            json!({"name": "x"}).to_string(),
            "upstream_userinfo",
        ),
        (userinfo, 403, marker.to_owned(), "upstream_userinfo"),
    ] {
        let (mut browser, away) = world.away("idp").await;
        let back = world.at("idp", &away, "alice").await;
        world.us.fetcher.twist(url, status, body);
        let answer = browser.get(&back).await;
        world.us.fetcher.untwist(url);
        refused(&answer, id);
        assert!(!answer.text().contains("zq-marker"));
    }
    // What the provider writes into its error is not shown either, and the person may try another way.
    let (mut browser, url) = world.away("idp").await;
    let state = wire::param(&url, "state").unwrap();
    let no = format!(
        "/upstream/idp/callback?error=access_denied&error_description=zq-marker&state={state}&iss={IDP}"
    );
    let answer = browser.get(&no).await;
    assert!(answer.location().starts_with("https://op.test/sign-in?"));
    let page = browser.get(super::people::target(answer.location())).await;
    assert!(!page.text().contains("zq-marker"));
}

// UP-05, UP-15
#[tokio::test]
async fn a_mail_address_leads_to_an_account_where_the_operator_believes_the_provider() {
    let world = World::with(|idp| idp.link_by_email = true).await;
    let alice = world.us.subject("alice").as_str();
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    assert_eq!(told(&mut browser, answer).await.0["sub"], alice);
    // Bob's address is not verified there.
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "bob").await;
    assert_ne!(
        told(&mut browser, answer).await.0["sub"],
        world.us.subject("bob").as_str()
    );
    // The other provider is not believed.
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "other", "alice").await;
    assert_ne!(told(&mut browser, answer).await.0["sub"], alice);
}

// UP-07
#[tokio::test]
async fn a_disabled_account_and_a_provider_that_is_not_there_open_nothing() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    let sub = told(&mut browser, answer).await.0["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let sub = hallpass_types::Subject::parse(&sub).unwrap();
    let issuer = world.us.provider.issuer_id();
    world
        .us
        .accounts
        .set_disabled(issuer, &sub, true)
        .await
        .unwrap();
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    refused(&answer, "upstream_disabled");
    for path in [
        "/upstream/gone",
        "/upstream/gone/callback",
        "/upstream/gone/link",
        "/upstream/",
        "/upstream/idp/x",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

// UP-08
#[tokio::test]
async fn only_a_page_of_ours_sends_anybody_away() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let asked = browser.send(Request::of("web", WANTED).get()).await;
    let handle = wire::param(asked.location(), "handle").unwrap();
    let target = format!("/upstream/idp?handle={handle}");
    for (site, origin) in [("cross-site", "https://evil.test"), ("same-origin", "null")] {
        let ask = Ask::form(&target, &[])
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin);
        assert_eq!(browser.send(ask).await.status, 403, "{site}");
    }
    assert_eq!(browser.get(&target).await.status, 405);
    let mut other = world.us.browser();
    let ask = Ask::form(&target, &[]).header("Origin", fixture::ISSUER);
    assert_eq!(other.send(ask).await.status, 403);
    let ask = Ask::form("/upstream/idp", &[]).header("Origin", fixture::ISSUER);
    assert_eq!(browser.send(ask).await.status, 403);
}

/// The page of linked accounts: its handle and text.
async fn linked(browser: &mut Browser) -> (String, String) {
    let page = browser.get("/linked-accounts").await.text();
    let handle = page
        .split("handle=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    (handle.to_owned(), page)
}

async fn post(browser: &mut Browser, target: &str, pairs: &[(&str, &str)]) -> Answer {
    let ask = Ask::form(target, pairs).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

// UP-08: linking
#[tokio::test]
async fn an_identity_is_linked_and_unlinked_by_the_signed_in_owner_alone() {
    let world = World::with(|idp| idp.first_time = FirstTime::Refuse).await;
    // Whoever is not signed in does that first.
    let answer = world.us.browser().get("/linked-accounts").await;
    assert!(answer.location().starts_with("https://op.test/sign-in?"));
    let mut alice = world.us.browser();
    alice.sign_in("alice").await;
    let (handle, page) = linked(&mut alice).await;
    assert!(
        page.contains("id=\"link-idp\"") && !page.contains("id=\"identities\""),
        "{page}"
    );
    // Somebody else's browser and session cannot use the form.
    let mut bob = world.us.browser();
    bob.sign_in("bob").await;
    let target = format!("/upstream/idp/link?handle={handle}");
    refused(&post(&mut bob, &target, &[]).await, "upstream_form");
    let away = post(&mut alice, &target, &[]).await.location().to_owned();
    let back = world.at("idp", &away, "alice").await;
    // An attacker's answer in the owner's browser links nothing, nor the owner's in another's.
    refused(&bob.get(&back).await, "upstream_other_browser");
    let done = alice.get(&back).await;
    assert!(
        done.location()
            .starts_with("https://op.test/linked-accounts"),
        "{}",
        done.text()
    );
    let (handle, page) = linked(&mut alice).await;
    assert!(
        page.contains("id=\"identities\"") && !page.contains("id=\"link-idp\""),
        "{page}"
    );
    // It signs in, as its owner.
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    let (info, _) = told(&mut browser, answer).await;
    assert_eq!(info["sub"], world.us.subject("alice").as_str());
    // Nobody else can link it.
    let (bobs, _) = linked(&mut bob).await;
    let away = post(&mut bob, &format!("/upstream/idp/link?handle={bobs}"), &[]).await;
    let back = world.at("idp", away.location(), "alice").await;
    refused(&bob.get(&back).await, "upstream_taken");
    // Unlinking: not by another, not long after the sign-in.
    let id = page
        .split("name=\"unlink\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let target = format!("/linked-accounts?handle={handle}");
    let foreign = format!("/linked-accounts?handle={bobs}");
    refused(
        &post(&mut bob, &foreign, &[("unlink", &id)]).await,
        "upstream_form",
    );
    refused(
        &post(&mut bob, &target, &[("unlink", &id)]).await,
        "upstream_form",
    );
    let gone = post(&mut alice, &target, &[("unlink", &id)]).await;
    assert_eq!(gone.status, 303, "{}", gone.text());
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    refused(&answer, "upstream_no_account");
    let (handle, _) = linked(&mut alice).await;
    world.us.clock.advance(301);
    let target = format!("/upstream/idp/link?handle={handle}");
    refused(&post(&mut alice, &target, &[]).await, "upstream_not_recent");
}

#[tokio::test]
async fn the_last_way_to_sign_in_stays() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    told(&mut browser, answer).await;
    let (handle, page) = linked(&mut browser).await;
    let id = page
        .split("name=\"unlink\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let target = format!("/linked-accounts?handle={handle}");
    refused(
        &post(&mut browser, &target, &[("unlink", &id)]).await,
        "upstream_last_way",
    );
}

#[tokio::test]
async fn plain_oauth_says_who_somebody_is_by_a_document() {
    let world = World::with(|idp| {
        idp.endpoints = Endpoints::OAuth {
            authorization: "https://oauth.test/authorize".to_owned(),
            token: "https://oauth.test/token".to_owned(),
            userinfo: "https://oauth.test/user".to_owned(),
        };
        idp.subject_claim = "id".to_owned();
        idp.claims = vec![ClaimSource {
            name: "nickname".to_owned(),
            from: "login".to_owned(),
        }];
    })
    .await;
    let fetcher = &world.us.fetcher;
    let tokens = json!({"access_token": "tok", "token_type": "bearer"}).to_string();
    fetcher.twist("https://oauth.test/token", 200, tokens);
    let mut subs = Vec::new();
    for user in [
        json!({"id": 7, "login": "octo"}),
        json!({"id": 7, "login": "renamed"}),
        json!({"id": 8, "login": "octo"}),
    ] {
        fetcher.twist("https://oauth.test/user", 200, user.to_string());
        let (mut browser, url) = world.away("idp").await;
        assert_eq!(wire::param(&url, "nonce"), None);
        let state = wire::param(&url, "state").unwrap();
        let back = format!("/upstream/idp/callback?code=c&state={state}");
        let answer = browser.get(&back).await;
        let (info, _) = told(&mut browser, answer).await;
        subs.push(info["sub"].clone());
    }
    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);
    let asked = fetcher.exchanged();
    let user = asked.iter().find(|e| e.url.ends_with("/user")).unwrap();
    assert_eq!(user.authorization.as_deref(), Some("Bearer tok"));
    let token = asked.iter().find(|e| e.url.ends_with("/token")).unwrap();
    assert!(token.body.contains("code_verifier=") && !token.body.contains("client_secret"));
    assert!(
        token
            .authorization
            .as_deref()
            .is_some_and(|a| a.starts_with("Basic "))
    );
    for user in [
        json!({"login": "x"}),
        json!({"id": null}),
        json!({"id": ""}),
        json!({"id": ["7"]}),
    ] {
        fetcher.twist("https://oauth.test/user", 200, user.to_string());
        let (mut browser, url) = world.away("idp").await;
        let state = wire::param(&url, "state").unwrap();
        let answer = browser
            .get(&format!("/upstream/idp/callback?code=c&state={state}"))
            .await;
        refused(&answer, "upstream_userinfo");
    }
}

// UP-17
#[tokio::test]
async fn a_fragment_of_the_other_provider_does_not_reach_the_client() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let request = Request::of("first", "openid");
    let url = depart_for(&mut browser, "idp", &request).await;
    let back = world.at("idp", &url, "alice").await;
    let answer = browser.get(&back).await;
    assert!(answer.location().starts_with("https://first.test/cb?"));
    assert!(answer.location().ends_with('#'), "{}", answer.location());
}

#[tokio::test]
async fn an_answer_that_is_posted_comes_back_as_a_get() {
    let world = World::start().await;
    let (mut browser, url) = world.away("idp").await;
    let back = world.at("idp", &url, "alice").await;
    let names = ["code", "state", "iss"];
    let pairs = names.map(|name| (name, wire::param(&back, name).unwrap()));
    let mut form: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    form.push(("user", "{\"name\":\"x\"}"));
    let posted = Ask::form("/upstream/idp/callback", &form)
        .header("Sec-Fetch-Site", "cross-site")
        .header("Origin", IDP);
    let answer = world.us.browser().send(posted).await;
    let path = answer
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    assert!(!path.contains("user="), "{path}");
    let answer = browser.get(&path).await;
    told(&mut browser, answer).await;
}

// UP-13
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_sign_in_there_at_once_are_each_themselves() {
    let world = std::sync::Arc::new(World::start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..60 {
        let world = world.clone();
        tasks.spawn(async move {
            let person = ["alice", "bob"][number % 2];
            let provider = ["idp", "other"][number / 2 % 2];
            let mut browser = world.us.browser();
            let answer = world.signs_in(&mut browser, provider, person).await;
            let (info, claims) = told(&mut browser, answer).await;
            assert_eq!(info["sub"], claims["sub"]);
            let email = info["email"].as_str().unwrap().to_owned();
            assert_eq!(email, format!("{person}@example.test"));
            let sub = info["sub"].as_str().unwrap().to_owned();
            (person, provider, sub)
        });
    }
    let mut accounts = std::collections::BTreeMap::new();
    for (person, provider, sub) in tasks.join_all().await {
        let known = accounts
            .entry((person, provider))
            .or_insert_with(|| sub.clone());
        assert_eq!(*known, sub, "{person} of {provider}");
    }
    let mut subs: Vec<_> = accounts.into_values().collect();
    subs.sort();
    subs.dedup();
    assert_eq!(subs.len(), 4, "two people of each of two providers");
}
