//! Everything that is handed out here, shown at every place that it is not for.

use hallpass_core::introspect::JWT_MEDIA;
use hallpass_testkit::{Answer, Ask, Browser, Op, Prover, Request, assertion, fixture, html, wire};
use serde_json::json;

use super::{backchannel, device};

const OUT: &str = "https://rp.test/out";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Everything that one flow of each kind left behind, and what it is.
struct Handed {
    op: Op,
    things: Vec<(&'static str, String)>,
}

impl Handed {
    async fn out() -> Self {
        let more = json!({"backchannel_logout_uri": OUT, "userinfo_signed_response_alg": "ES256"});
        let setup = device::setup()
            .policy(|policy| {
                policy.jarm = true;
                policy.dpop.enabled = true;
                policy.backchannel.enabled = true;
            })
            .client(backchannel::bank("bank", "poll"))
            .metadata("web", &more);
        let op = setup.start().await;
        op.fetcher.answer_posts(OUT, 200);
        let mut handed = Self {
            op,
            things: Vec::new(),
        };
        handed.by_flows().await;
        handed.by_other_grants().await;
        handed
    }

    fn keep(&mut self, what: &'static str, text: &str) {
        assert!(!text.is_empty(), "{what}");
        self.things.push((what, text.to_owned()));
    }

    async fn by_flows(&mut self) {
        let mut browser = self.op.browser();
        let now = self.op.clock.seconds();
        let tokens = browser.code_flow("web", "openid offline_access").await;
        self.keep("access token", &tokens.access);
        self.keep("refresh token", tokens.refresh());
        self.keep("ID token", tokens.id.as_deref().unwrap());
        let info = browser.userinfo(&tokens.access).await;
        assert_eq!(info.media(), "application/jwt");
        self.keep("signed UserInfo", &info.text());
        let ask = browser.ask_as("web", "/introspect", &[("token", &tokens.access)]);
        let told = browser.send(ask.header("Accept", JWT_MEDIA)).await;
        assert_eq!(told.media(), JWT_MEDIA);
        self.keep("signed introspection", &told.text());
        let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
        let jwt = browser.flow_of("alice", "web", &request).await.access;
        self.keep("JWT access token", &jwt);
        let code = browser.code("alice", &Request::of("web", "openid")).await;
        self.keep("code", &code);
        let signed = Request::of("web", "openid").with("response_mode", "jwt");
        let answer = browser.send(signed.get()).await;
        let answer = wire::param(answer.location(), "response").unwrap();
        self.keep("signed answer", &answer);
        let session = browser.cookie("session").unwrap().to_owned();
        self.keep("session", &session);
        let binding = browser.cookie("browser").unwrap_or(&session).to_owned();
        self.keep("binding", &binding);
        let claims = assertion::claims("pkjwt", now, "elsewhere");
        let own = assertion::sign(fixture::pkjwt_key(), &claims);
        self.keep("client assertion", &own);
        let proof = Prover::default().post("/token", now);
        self.keep("proof", &proof);
        // A session that ends leaves a logout token.
        let mut leaving = self.op.browser();
        leaving.code_flow("web", "openid").await;
        let asked = leaving.query("/logout", &[]).await;
        let page = leaving.follow(&asked).await.text();
        leaving.press(&page, "logout", "logout-yes", &[]).await;
        self.op.provider.deliver_due().await.unwrap();
        let posted = self.op.fetcher.posted();
        let token = posted[0].body.strip_prefix("logout_token=").unwrap();
        self.keep("logout token", token);
    }

    async fn by_other_grants(&mut self) {
        let pairs = Request::of("web", "openid").0;
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .filter(|(name, _)| name != "client_id")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let pushed = self.op.browser().call("web", "/par", &pairs).await.json();
        self.keep("pushed request", pushed["request_uri"].as_str().unwrap());
        let asked = device::begin(&self.op, "openid").await;
        self.keep("device code", &asked.code);
        self.keep("user code", &asked.user_code);
        let id = backchannel::begin(&self.op, "bank", &[]).await;
        self.keep("auth_req_id", &id);
        let initial = self.op.initial_access_token.clone();
        let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
        let ask = Ask::json("/register", &metadata).bearer(&initial);
        let client = self.op.browser().send(ask).await.json();
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        self.keep("registration token", &text("registration_access_token"));
        self.keep("secret", &text("client_secret"));
        self.keep("initial access token", &initial);
    }

    /// All but what is at home there.
    fn others<'a>(&'a self, home: &'a [&str]) -> impl Iterator<Item = (&'static str, &'a str)> {
        let others = self
            .things
            .iter()
            .filter(move |(what, _)| !home.contains(what));
        others.map(|(what, text)| (*what, text.as_str()))
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (status, error),
        "{what}: {}",
        answer.text()
    );
}

// TK-12, UI-06, IN-03
#[tokio::test]
async fn nothing_but_an_access_token_is_one() {
    let handed = Handed::out().await;
    let mut browser = handed.op.browser();
    for (what, text) in handed.others(&["access token"]) {
        let answer = browser.userinfo(text).await;
        refused(&answer, 401, "invalid_token", what);
        let body = [("access_token", text)];
        let answer = browser.form("/userinfo", &body).await;
        refused(&answer, 401, "invalid_token", what);
        let header = Ask::get("/userinfo").header("Authorization", &format!("DPoP {text}"));
        let proof = Prover::default().userinfo(text, handed.op.clock.seconds());
        let answer = browser.send(header.header("DPoP", &proof)).await;
        refused(&answer, 401, "invalid_token", what);
    }
    // To its own client a refresh token is one, and to the API a token for it; to nobody else, and nothing else.
    for hint in ["access_token", "refresh_token", "id_token"] {
        for (what, text) in handed.others(&[]) {
            for caller in ["web", "web2", "rs1", "rs2"] {
                let pairs = [("token", text), ("token_type_hint", hint)];
                let seen = browser.call(caller, "/introspect", &pairs).await;
                let active = match what {
                    "access token" | "refresh token" => caller == "web",
                    "JWT access token" => caller == "web" || caller == "rs1",
                    _ => false,
                };
                assert_eq!(seen.json()["active"], active, "{what} for {caller}");
                assert!(active || seen.body == br#"{"active":false}"#, "{what}");
            }
        }
    }
}

// TK-12, DV-02, CB-05
#[tokio::test]
async fn nothing_is_a_grant_but_what_was_made_to_be_that_one() {
    let handed = Handed::out().await;
    let op = &handed.op;
    let mut browser = op.browser();
    for (what, text) in handed.others(&["code"]) {
        let answer = browser.redeem("web", text).await;
        refused(&answer, 400, "invalid_grant", what);
    }
    for (what, text) in handed.others(&["refresh token"]) {
        let answer = browser.refresh("web", text).await;
        refused(&answer, 400, "invalid_grant", what);
    }
    for (what, text) in handed.others(&["device code"]) {
        let answer = browser.send(device::poll_of("tv", text)).await;
        refused(&answer, 400, "invalid_grant", what);
    }
    for (what, text) in handed.others(&["auth_req_id"]) {
        let answer = backchannel::poll(op, "bank", text).await;
        refused(&answer, 400, "invalid_grant", what);
    }
    for (what, text) in handed.others(&["user code"]) {
        let answer = browser.send(device::entry(text)).await;
        assert_eq!(answer.status, 200, "{what}");
        assert!(answer.text().contains("data-error=\"unknown\""), "{what}");
        op.clock.advance(900);
    }
}

// TK-12, LO-05
#[tokio::test]
async fn nothing_is_a_hint_but_an_id_token() {
    let handed = Handed::out().await;
    let mut browser: Browser = handed.op.browser();
    browser.code_flow("web", "openid").await;
    let silent = |hint: Option<&str>| {
        let request = Request::of("web", "openid").with("prompt", "none");
        match hint {
            Some(hint) => request.with("id_token_hint", hint).post(),
            None => request.post(),
        }
    };
    for (what, text) in handed.others(&["ID token"]) {
        let answer = browser.send(silent(Some(text))).await;
        assert_eq!(answer.error(), "invalid_request", "{what}");
        let answer = browser.form("/logout", &[("id_token_hint", text)]).await;
        assert!(answer.location().contains("/logout/confirm?"), "{what}");
        let bye = [
            ("id_token_hint", text),
            ("post_logout_redirect_uri", "https://rp.test/bye"),
        ];
        let answer = browser.form("/logout", &bye).await;
        let location = answer.header("location").unwrap_or_default();
        assert!(!location.starts_with("https://rp.test"), "{what}");
        let answer = browser.send(silent(None)).await;
        assert!(wire::param(answer.location(), "code").is_some(), "{what}");
    }
    // Nor for who asks by another channel.
    for (what, text) in handed.others(&["ID token"]) {
        let pairs = [("scope", "openid"), ("id_token_hint", text)];
        let answer = backchannel::ask(&handed.op, "bank", &pairs).await;
        refused(&answer, 400, "invalid_request", what);
    }
}

// TK-12, RG-01, TK-34
#[tokio::test]
async fn nothing_opens_registration_or_stands_for_a_client_but_what_was_made_for_it() {
    let handed = Handed::out().await;
    let mut browser = handed.op.browser();
    let metadata = json!({"redirect_uris": ["https://other.test/cb"]});
    for (what, text) in handed.others(&["initial access token"]) {
        let answer = browser
            .send(Ask::json("/register", &metadata).bearer(text))
            .await;
        refused(&answer, 401, "invalid_token", what);
    }
    for (what, text) in handed.others(&[]) {
        for method in ["GET", "DELETE"] {
            let ask = Ask::new(method, "/register/web").bearer(text);
            let answer = browser.send(ask).await;
            refused(&answer, 401, "invalid_token", what);
        }
        // As the secret of a client, and as its assertion.
        let grant = [("grant_type", "client_credentials")];
        let ask = Ask::form("/token", &grant).basic("web", text);
        refused(&browser.send(ask).await, 401, "invalid_client", what);
    }
    for (what, text) in handed.others(&["client assertion"]) {
        for client in ["web", "pkjwt", "sjwt"] {
            let pairs = [
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_assertion_type", assertion::JWT_BEARER),
                ("client_assertion", text),
            ];
            let answer = browser.form("/token", &pairs).await;
            refused(&answer, 401, "invalid_client", what);
        }
    }
    for (what, text) in handed.others(&["proof"]) {
        let grant = [("grant_type", "client_credentials")];
        let ask = browser.ask_as("machine", "/token", &grant);
        let answer = browser.send(ask.header("DPoP", text)).await;
        refused(&answer, 400, "invalid_dpop_proof", what);
    }
}

// TK-12, AZ-03
#[tokio::test]
async fn nothing_is_a_request_but_what_was_pushed() {
    let handed = Handed::out().await;
    let mut browser = handed.op.browser();
    browser.sign_in("alice").await;
    for (what, text) in handed.others(&["pushed request"]) {
        for uri in [
            text.to_owned(),
            format!("urn:ietf:params:oauth:request_uri:{text}"),
        ] {
            let pairs = [("client_id", "web"), ("request_uri", uri.as_str())];
            let answer = browser.form("/authorize", &pairs).await;
            assert_eq!(
                answer.status,
                400,
                "{what}: {:?}",
                answer.header("location")
            );
            assert_eq!(answer.header("location"), None, "{what}");
        }
    }
    // A page that was sealed for one step is none of another, nor is anything else.
    let asked = browser.send(Request::of("web", "openid email").get()).await;
    let page = browser.follow(&asked).await.text();
    let form = html::form(&page, "consent");
    let (path, _) = form.action.split_once("handle=").unwrap();
    let path = path.trim_start_matches(fixture::ISSUER).to_owned();
    for (what, text) in handed.others(&[]) {
        let target = format!("{path}{}", wire::encode(&[("handle", text)]));
        let allow = [("decision", "allow"), ("scope.openid", "yes")];
        let ask = Ask::form(&target, &allow).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        assert_eq!(
            answer.status,
            403,
            "{what}: {:?}",
            answer.header("location")
        );
    }
}

// TK-12: what is exchanged is an access token, under its own name
#[tokio::test]
async fn nothing_is_exchanged_but_an_access_token() {
    const TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    let handed = Handed::out().await;
    let op = super::token_exchange::setup(|_| ()).start().await;
    let types = ["id_token", "jwt", "refresh_token", "saml2"];
    let types = types.map(|name| format!("urn:ietf:params:oauth:token-type:{name}"));
    let mut browser = op.browser();
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let tokens = browser.flow_of("alice", "web", &request).await;
    let mut ask = async |token: &str, kind: &str| {
        let pairs = [
            ("grant_type", TYPE),
            ("subject_token", token),
            ("subject_token_type", kind),
            ("resource", fixture::API2),
        ];
        let ask = Ask::form("/token", &pairs).basic("orders", super::token_exchange::SECRET);
        browser.send(ask).await
    };
    for kind in &types {
        let answer = ask(tokens.id.as_deref().unwrap(), kind).await;
        refused(&answer, 400, "invalid_request", kind);
        if !kind.ends_with("jwt") {
            let answer = ask(&tokens.access, kind).await;
            refused(&answer, 400, "invalid_request", kind);
        }
    }
    for (what, text) in handed.others(&[]) {
        for kind in types.iter().map(String::as_str).chain([ACCESS]) {
            refused(&ask(text, kind).await, 400, "invalid_request", what);
        }
    }
    assert_eq!(ask(&tokens.access, ACCESS).await.status, 200);
}
