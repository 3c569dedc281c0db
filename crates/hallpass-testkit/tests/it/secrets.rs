//! What must not be found afterwards: not in the log, not in events, not in the database.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use hallpass_testkit::{Op, Request, Setup, Tokens, assertion, fixture, flow};
use serde_json::json;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that was secret in a long afternoon.
async fn afternoon(op: &Op) -> Vec<(&'static str, String)> {
    let mut browser = op.browser();
    let mut secrets: Vec<(&'static str, String)> = vec![("verifier", flow::VERIFIER.to_owned())];
    for (name, password, _) in fixture::PEOPLE {
        let _ = name;
        secrets.push(("password", (*password).to_owned()));
    }
    for client in ["web", "post", "sjwt", "rs1"] {
        secrets.push(("client secret", fixture::secret(client).to_owned()));
    }
    for client in ["web", "spa", "pkjwt", "post", "sjwt"] {
        let code = browser
            .code("alice", &Request::of(client, "openid email offline_access"))
            .await;
        let tokens = Tokens::of(&browser.redeem(client, &code).await);
        browser.redeem(client, "hpc_wrong").await;
        browser.userinfo(&tokens.access).await;
        let next = Tokens::of(&browser.refresh(client, tokens.refresh()).await);
        browser
            .call("web", "/introspect", &[("token", &next.access)])
            .await;
        browser.redeem(client, &code).await;
        secrets.push(("code", code));
        for tokens in [&tokens, &next] {
            secrets.push(("access token", tokens.access.clone()));
            secrets.extend(tokens.refresh.clone().map(|t| ("refresh token", t)));
            secrets.extend(tokens.id.clone().map(|t| ("ID token", t)));
        }
    }
    for (name, value) in browser.cookies() {
        let kind = if name.ends_with("session") {
            "session"
        } else {
            "binding"
        };
        secrets.push((kind, value.clone()));
    }
    let jwt = assertion::sign(
        fixture::pkjwt_key(),
        &assertion::claims("pkjwt", op.clock.seconds(), "logged"),
    );
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", assertion::JWT_BEARER),
        ("client_assertion", jwt.as_str()),
    ];
    browser.form("/token", &pairs).await;
    browser.form("/token", &pairs).await;
    secrets.push(("assertion", jwt.clone()));
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    let ask = hallpass_testkit::Ask::json("/register", &metadata).bearer(&op.initial_access_token);
    let client = browser.send(ask).await.json();
    for name in ["client_secret", "registration_access_token"] {
        secrets.push((name, client[name].as_str().unwrap().to_owned()));
    }
    secrets.push(("initial access token", op.initial_access_token.clone()));
    // Failures say something, too.
    browser
        .send(
            hallpass_testkit::Ask::form("/token", &pairs)
                .basic("web", "a-wrong-secret-of-a-client"),
        )
        .await;
    secrets.push(("a wrong secret", "a-wrong-secret-of-a-client".to_owned()));
    let answer = browser
        .send(Request::of("web", "openid").with("prompt", "login").get())
        .await;
    let page = browser.follow(&answer).await.text();
    let typed = [
        ("username", "alice"),
        ("password", "a-wrong-password-of-a-person"),
    ];
    browser.press(&page, "login", "sign-in", &typed).await;
    secrets.push((
        "a wrong password",
        "a-wrong-password-of-a-person".to_owned(),
    ));
    secrets
}

#[track_caller]
fn assert_absent(secrets: &[(&'static str, String)], where_: &str, text: &[u8]) {
    for (kind, secret) in secrets {
        let found = text.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{kind} stands in {where_}");
        // Nor the part of it that is worth something.
        if let Some((_, body)) = secret
            .split_once('_')
            .filter(|(p, b)| p.len() == 3 && b.len() > 20)
        {
            let found = text.windows(body.len()).any(|w| w == body.as_bytes());
            assert!(!found, "the body of {kind} stands in {where_}");
        }
    }
}

// G6, OP-01
#[tokio::test]
async fn no_secret_is_logged_or_told_to_listeners() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    // Everything of this test runs on this thread.
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let op = Op::start().await;
    let secrets = afternoon(&op).await;
    drop(guard);
    let lines: Vec<String> = log
        .text()
        .lines()
        .filter(|l| l.contains("hallpass"))
        .map(str::to_owned)
        .collect();
    assert_absent(&secrets, "the log", lines.join("\n").as_bytes());
    let events = op.events.lines();
    assert!(events.len() > 20);
    assert_absent(&secrets, "the events", events.join("\n").as_bytes());
    assert!(events.iter().all(|line| !line.contains('\n')));
}

// G6, OP-04
#[tokio::test]
async fn no_secret_is_in_the_database() {
    let op = Setup::default().sqlite().start().await;
    let secrets = afternoon(&op).await;
    let mut files = 0;
    for entry in std::fs::read_dir(op.folder().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert_absent(&secrets, &path.display().to_string(), &bytes);
        files += usize::from(bytes.len() > 4096);
    }
    assert!(files > 0);
}
