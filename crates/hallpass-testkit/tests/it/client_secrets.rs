//! Clients that authenticate with a secret, or name themselves.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_core::client::ClientRecord;
use hallpass_store::{Answer as StoreAnswer, Around, Commit, MemoryStore, Store, Verb, Write};
use hallpass_testkit::{Answer, Ask, Op, Setup, fixture};
use hallpass_types::{ClientId, Secret};

const CREDENTIALS: &[(&str, &str)] = &[("grant_type", "client_credentials")];

fn with_header(value: &str) -> Ask {
    Ask::form("/token", CREDENTIALS).header("Authorization", value)
}

fn basic(text: &[u8]) -> Ask {
    with_header(&format!("Basic {}", STANDARD.encode(text)))
}

#[track_caller]
fn assert_challenged(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_eq!(answer.error(), "invalid_client", "{what}");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Basic "), "{what}");
}

#[tokio::test]
async fn every_registered_method_works() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "post", "sjwt", "pkjwt", "machine"] {
        let answer = browser.call(client, "/token", CREDENTIALS).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.text());
        assert_eq!(answer.json()["token_type"], "Bearer");
    }
}

// TK-25
#[tokio::test]
async fn two_methods_or_two_identities_in_one_request_are_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let web = fixture::secret("web");
    let both = Ask::form(
        "/token",
        &[CREDENTIALS[0], ("client_id", "web"), ("client_secret", web)],
    );
    let post = Ask::form(
        "/token",
        &[
            CREDENTIALS[0],
            ("client_id", "post"),
            ("client_secret", fixture::secret("post")),
        ],
    );
    let with_assertion = browser.ask_as("pkjwt", "/token", CREDENTIALS);
    let other_id = Ask::form("/token", &[CREDENTIALS[0], ("client_id", "web2")]);
    for (what, ask) in [
        ("Basic and body", both.clone().basic("web", web)),
        ("Basic of one, body of another", post.basic("web", web)),
        (
            "Basic and assertion",
            with_assertion.clone().basic("web", web),
        ),
        (
            "Basic of one, client_id of another",
            other_id.basic("web", web),
        ),
    ] {
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{what}: {}",
            answer.text()
        );
        assert!(
            matches!(
                answer.error().as_str(),
                "invalid_request" | "invalid_client"
            ),
            "{what}"
        );
    }
    // A client_id beside Basic that names the same client is allowed.
    let same = Ask::form("/token", &[CREDENTIALS[0], ("client_id", "web")]).basic("web", web);
    assert_eq!(browser.send(same).await.status, 200);
    // The body method of a client that registered the header.
    let answer = browser.send(both).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
}

// TK-26
#[tokio::test]
async fn a_broken_authorization_header_is_a_refusal_and_nothing_else() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let good = format!("web:{}", fixture::secret("web"));
    #[rustfmt::skip]
    let cases: Vec<(&str, Ask)> = vec![
        ("alone", with_header("Basic")),
        ("spaces", with_header("Basic   x")),
        ("not base64", with_header("Basic dGVzdA==!")),
        ("url alphabet", with_header("Basic _-_-")),
        ("no colon", basic(b"web")),
        ("empty", basic(b"")),
        ("only a colon", basic(b":")),
        ("empty id", basic(b":secret")),
        ("percent", basic(b"%zz:%zz")),
        ("not UTF-8", basic(b"\xff\xfe:\xff")),
        ("NUL", basic(b"web\0:x")),
        ("line feed", basic(b"web\n:x")),
        ("another scheme", with_header("Digest username=\"web\"")),
        ("bearer", with_header("Bearer x")),
        ("no scheme", with_header("x")),
        ("a list", with_header(&format!("Basic {0}, Basic {0}", STANDARD.encode(&good)))),
        ("16 kB", basic(&[b'a'; 16_384])),
        ("non-ASCII header", with_header("Basic \u{e9}\u{e9}")),
        ("two headers", basic(good.as_bytes()).basic("web", fixture::secret("web"))),
        ("two different headers", basic(good.as_bytes()).bearer("x")),
    ];
    for (what, ask) in cases {
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        let error = answer.error();
        assert!(
            matches!(error.as_str(), "invalid_client" | "invalid_request"),
            "{what}: {error}"
        );
    }
    for scheme in ["basic", "BASIC", "bAsIc"] {
        let header = format!("{scheme} {}", STANDARD.encode(&good));
        assert_eq!(
            browser.send(with_header(&header)).await.status,
            200,
            "{scheme}"
        );
    }
}

// TK-27
#[tokio::test]
async fn only_the_whole_secret_is_the_secret() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let secret = fixture::secret("web");
    let mut wrong = vec![
        String::new(),
        secret[..secret.len() - 1].to_owned(),
        secret[1..].to_owned(),
        format!("{secret}a"),
        format!("{secret}\0"),
        format!("{secret} "),
        format!(" {secret}"),
        secret.to_uppercase(),
        fixture::secret("web2").to_owned(),
        "a".repeat(8_000),
        "%".to_owned(),
    ];
    wrong.extend((0..secret.len()).step_by(7).map(|at| {
        let mut bytes = secret.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).unwrap()
    }));
    for text in &wrong {
        let answer = browser.send(basic(format!("web:{text}").as_bytes())).await;
        assert_challenged(&answer, text);
        let pairs = [
            CREDENTIALS[0],
            ("client_id", "post"),
            ("client_secret", text),
        ];
        let answer = browser.form("/token", &pairs).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{text}: {}",
            answer.text()
        );
    }
    let body = "a".repeat(60_000);
    let pairs = [
        CREDENTIALS[0],
        ("client_id", "post"),
        ("client_secret", &body),
    ];
    assert_eq!(browser.form("/token", &pairs).await.status, 401);
}

// TK-04, TK-18, RV-02, IN-01
#[tokio::test]
async fn a_confidential_client_without_credentials_gets_nowhere() {
    let op = Op::start().await;
    let mut browser = op.browser();
    #[rustfmt::skip]
    let requests: &[(&str, &[(&str, &str)])] = &[
        ("/token", &[("grant_type", "client_credentials")]),
        ("/token", &[("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "https://rp.test/cb")]),
        ("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")]),
        ("/introspect", &[("token", "x")]),
        ("/revoke", &[("token", "x")]),
    ];
    for (path, pairs) in requests {
        for client in ["web", "post", "sjwt", "pkjwt", "rs1", "off", "nobody"] {
            let mut pairs = pairs.to_vec();
            pairs.push(("client_id", client));
            let answer = browser.form(path, &pairs).await;
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (401, "invalid_client"),
                "{client} at {path}"
            );
            assert_eq!(
                answer.header("www-authenticate"),
                None,
                "{client} at {path}"
            );
        }
        let answer = browser.form(path, pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_client"),
            "nobody at {path}"
        );
    }
}

// LG-05 for clients, TK-58 without its clock
#[tokio::test]
async fn an_unknown_a_disabled_and_a_known_client_with_a_wrong_secret_look_alike() {
    //= test RFC6749#5.2 401 answers carry WWW-Authenticate when the client used the Authorization header
    let op = Op::start().await;
    let mut browser = op.browser();
    let mut answers = Vec::new();
    for client in ["web", "post", "pkjwt", "spa", "off", "nobody", "native"] {
        let mut answer = browser
            .send(basic(format!("{client}:wrong").as_bytes()))
            .await;
        assert_challenged(&answer, client);
        answer.headers.retain(|(n, _)| n != "date");
        answers.push((answer.headers, answer.body));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // The right secret of a client that an operator switched off.
    let off = browser.call("off", "/token", CREDENTIALS).await;
    assert_challenged(&off, "off");
}

/// A store that counts how often it is asked for a client.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    asked: AtomicUsize,
}

impl Around for Counting {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> StoreAnswer<'a, T>,
    ) -> StoreAnswer<'a, T> {
        if verb == Verb::Client {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        ask()
    }
}

// TK-58: what takes time, apart from its clock
#[tokio::test]
async fn a_refusal_costs_one_look_whether_the_client_is_held_in_memory_or_unknown() {
    let store = Arc::new(Counting::default());
    let op = Setup::default().store(store.clone()).start().await;
    let mut browser = op.browser();
    let looks = || store.asked.swap(0, Ordering::Relaxed);
    assert_eq!(browser.call("web", "/token", CREDENTIALS).await.status, 200);
    looks();
    for client in ["web", "nobody", "web", "off", "web", "pkjwt"] {
        let wrong = basic(format!("{client}:wrong").as_bytes());
        assert_challenged(&browser.send(wrong).await, client);
        assert_eq!(looks(), 1, "{client}");
    }
    // Who is right pays for none of it.
    assert_eq!(browser.call("web", "/token", CREDENTIALS).await.status, 200);
    assert_eq!(looks(), 0);
}

#[tokio::test]
async fn a_client_that_is_switched_off_is_over_within_a_second() {
    let op = Op::start().await;
    let mut browser = op.browser();
    assert_eq!(browser.call("web", "/token", CREDENTIALS).await.status, 200);
    op.disable_client("web").await;
    assert_challenged(
        &browser.call("web", "/token", CREDENTIALS).await,
        "switched off",
    );
}

#[tokio::test]
async fn a_public_client_has_no_secret_to_show() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for ask in [
        Ask::form("/token", &pairs).basic("spa", ""),
        Ask::form("/token", &pairs).basic("spa", "x"),
        Ask::form(
            "/token",
            &[
                pairs[0],
                pairs[1],
                ("client_id", "spa"),
                ("client_secret", "x"),
            ],
        ),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_client")
        );
    }
}

// TK-26, TK-27: a megabyte
#[tokio::test]
async fn a_credential_without_end_is_refused_and_not_looked_at() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let huge = "a".repeat(1_000_000);
    let pairs = [
        CREDENTIALS[0],
        ("client_id", "post"),
        ("client_secret", &huge),
    ];
    assert_eq!(browser.form("/token", &pairs).await.status, 413);
    let pairs = [CREDENTIALS[0], ("client_id", &huge)];
    assert_eq!(browser.form("/token", &pairs).await.status, 413);
    for kilobytes in [64, 256] {
        let text = "a".repeat(kilobytes * 1024);
        let answer = browser.send(basic(format!("web:{text}").as_bytes())).await;
        assert!(
            matches!(answer.status, 400 | 401 | 431),
            "{kilobytes}: {}",
            answer.status
        );
    }
    assert_eq!(browser.call("web", "/token", CREDENTIALS).await.status, 200);
}

// TK-27: a secret that was replaced, and one whose time is over
#[tokio::test]
async fn a_secret_that_was_replaced_or_is_over_opens_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let id = ClientId::parse("web").unwrap();
    let put = async |record: ClientRecord| {
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::Client(Box::new(record))],
        };
        store.commit(issuer, commit).await.unwrap();
        // A change by another process is seen after a second at the latest.
        op.clock.advance(1);
    };
    let ask = |secret: &str| Ask::form("/token", CREDENTIALS).basic("web", secret);
    let (first, second) = (
        fixture::secret("web"),
        "hpk_second-0123456789abcdefghijklmnopqrs",
    );
    assert_eq!(browser.send(ask(first)).await.status, 200);
    let mut record = store.client(issuer, &id).await.unwrap().unwrap();
    let secret = Secret::new(second.to_owned());
    let metadata = record.metadata.clone();
    let (_, new) = op
        .provider
        .new_record(id.clone(), metadata, Some(&secret), record.origin);
    record.secret = new.secret;
    record.secret_sealed = new.secret_sealed;
    put(record.clone()).await;
    assert_challenged(&browser.send(ask(first)).await, "replaced");
    assert_eq!(browser.send(ask(second)).await.status, 200);
    record.secret_expires_at = Some(op.provider.now().plus(60));
    put(record).await;
    op.clock.advance(58);
    assert_eq!(browser.send(ask(second)).await.status, 200);
    op.clock.advance(1);
    assert_challenged(&browser.send(ask(second)).await, "over");
    assert_challenged(&browser.send(ask(first)).await, "replaced, and over");
}
