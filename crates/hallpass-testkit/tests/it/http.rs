//! HTTP itself, in front of the real endpoints: by the small server of the tests and by the accept loop of the binary.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use hallpass_accounts::throttle::Limits;
use hallpass_http::ClientAddr;
use hallpass_server::{
    config::{Config, Source},
    listen::{self, RequestBody},
    server::{Settings, Sockets},
    shutdown,
    telemetry::metrics::{Metrics, Names},
};
use hallpass_testkit::{Answer, App, Ask, Browser, Op, Request, Setup, fixture, wire};
use hyper::service::Service as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

/// The program of the tests behind the accept loop of the binary.
#[derive(Clone)]
struct Behind(App);

impl listen::App for Behind {
    type Body = http_body_util::Full<bytes::Bytes>;

    async fn answer(
        &self,
        mut request: http::Request<RequestBody>,
        client: ClientAddr,
    ) -> listen::Answer<Self::Body> {
        request.extensions_mut().insert(client);
        let response = match self.0.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        listen::Answer {
            response,
            endpoint: "none",
        }
    }
}

struct Loop {
    address: SocketAddr,
    served: JoinHandle<()>,
    /// Held, since the loop ends when it is dropped.
    _ender: shutdown::Ender,
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// Serves a provider with the accept loop of the binary.
fn accept_loop(op: &Op, configuration: &str) -> Loop {
    let text =
        format!("server.listen = \"127.0.0.1:0\"\noperations.enabled = false\n{configuration}");
    let config = Config::parse(Source::parse(None, text, std::iter::empty()).unwrap()).unwrap();
    let sockets = Sockets::open(&config.server, &config.mtls, &config.operations).unwrap();
    let address = sockets.public_address().unwrap();
    let (ender, shutdown) = shutdown::running();
    let app = Behind(op.app());
    let served = tokio::spawn(async move {
        let settings = Settings {
            server: &config.server,
            tls: &config.tls,
            mtls: &config.mtls,
            https: true,
            traces: None,
        };
        let names = Names {
            endpoints: &["none", "operations"],
            ..Names::default()
        };
        let metrics = Arc::new(Metrics::new(names));
        sockets
            .serve(settings, metrics, Vec::new(), shutdown, app)
            .await
            .unwrap();
    });
    Loop {
        address,
        served,
        _ender: ender,
    }
}

/// A browser at the small server and one at the accept loop.
fn both(op: &Op, real: &Loop) -> [Browser; 2] {
    [op.browser(), op.browser_at(real.address)]
}

/// Every path that answers something, with what it takes.
const PATHS: &[&str] = &[
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/jwks",
    "/authorize",
    "/token",
    "/userinfo",
    "/introspect",
    "/revoke",
    "/register",
    "/register/x",
    "/logout",
    "/",
    "/sign-in",
    "/select-account",
    "/consent",
    "/logout/confirm",
    "/signed-out",
    "/favicon.ico",
];

/// Every parameter that some endpoint reads.
const NAMES: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
    "token",
    "token_type_hint",
    "response_type",
    "response_mode",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "display",
    "ui_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "claims",
    "request",
    "request_uri",
    "post_logout_redirect_uri",
    "logout_hint",
    "handle",
    "username",
    "password",
    "decision",
    "logout",
    "account",
    "access_token",
    "unknown",
];

// HT-10
#[tokio::test]
async fn text_that_is_none_is_refused_in_every_parameter_of_every_endpoint() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in PATHS {
        for name in NAMES {
            for tail in [
                "%00",
                "%ff",
                "%c0%ae",
                "%ed%a0%80",
                "%f4%90%80%80",
                "%",
                "%zz",
                "%u0041",
                "%ef%bf%be",
                "%f0%9f%98%80",
                "%0d%0aX-Inj:1",
            ] {
                let pair = format!("{name}=x{tail}");
                let get = browser.get(&format!("{path}?{pair}")).await;
                assert!(get.status < 500, "GET {path}?{pair}");
                let post = Ask::post(path, "application/x-www-form-urlencoded", pair.clone());
                assert!(browser.send(post).await.status < 500, "POST {path} {pair}");
            }
        }
    }
    browser.sign_in("alice").await;
}

// HT-10, G5
#[tokio::test]
async fn odd_but_valid_text_is_handled_in_every_parameter_of_every_endpoint() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let odd = [
        fixture::MARKER,
        "\u{fffe}",
        "\u{1f600}",
        "\u{feff}x",
        "\u{202e}x",
        "a\u{0301}",
        "\u{7f}",
        "x\r\nX-Inj: 1",
        "' OR 1=1--",
        "../../../../etc/passwd",
    ];
    for path in PATHS {
        for name in NAMES {
            for text in odd {
                let mut request = Request::of("web", "openid");
                request.0.retain(|(n, _)| n != name);
                let mut pairs: Vec<(&str, &str)> = request
                    .0
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                pairs.push((name, text));
                browser.query(path, &pairs).await;
                browser.form(path, &pairs).await;
                browser
                    .call(
                        "web",
                        path,
                        &[(name, text), ("grant_type", "authorization_code")],
                    )
                    .await;
            }
        }
    }
}

// HT-07, PA-04
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    for mut browser in both(&op, &real) {
        for path in [
            "/token",
            "/par",
            "/introspect",
            "/revoke",
            "/authorize",
            "/logout",
            "/userinfo",
            "/register",
            "/sign-in",
            "/consent",
            "/logout/confirm",
        ] {
            let kind = if path == "/register" {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            let token = op.initial_access_token.clone();
            let begin = Instant::now();
            let large = Ask::post(path, kind, vec![b'a'; 10_000_000]).bearer(&token);
            let answer = browser.send(large).await;
            assert!(
                matches!(answer.status, 400 | 401 | 413),
                "{path}: {}",
                answer.status
            );
            // Announced, but nothing of it sent.
            let mut announced = Ask::post(path, kind, "")
                .bearer(&token)
                .header("Content-Length", "9000000000000000000");
            announced.body.clear();
            let answer = browser.send(announced).await;
            assert!(
                matches!(answer.status, 400 | 401 | 413),
                "{path}: {}",
                answer.status
            );
            // In pieces, without an announcement.
            let mut pieces = Vec::new();
            for _ in 0..200 {
                pieces.extend_from_slice(b"1000\r\n");
                pieces.extend_from_slice(&[b'a'; 4096]);
                pieces.extend_from_slice(b"\r\n");
            }
            let endless = Ask::post(path, kind, pieces)
                .bearer(&token)
                .header("Transfer-Encoding", "chunked");
            let answer = browser.send(endless).await;
            assert!(
                matches!(answer.status, 400 | 401 | 413),
                "{path}: {}",
                answer.status
            );
            assert!(begin.elapsed().as_secs() < 60, "{path}");
        }
    }
}

// HT-07
#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let op = Op::start().await;
    let mut browser = op.browser();
    // "grant_type=client_credentials" in a gzip stream with a stored block.
    let text = b"grant_type=client_credentials";
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 29, 0, 226, 255];
    gzip.extend_from_slice(text);
    gzip.extend_from_slice(&[0; 8]);
    for encoding in [
        "gzip",
        "br",
        "zstd",
        "deflate",
        "x-gzip",
        "identity, gzip",
        "nonsense",
    ] {
        for path in [
            "/token",
            "/introspect",
            "/revoke",
            "/authorize",
            "/register",
            "/logout",
        ] {
            let kind = if path == "/register" {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            let ask = Ask::post(path, kind, gzip.clone()).header("Content-Encoding", encoding);
            let ask = if path == "/register" {
                ask.bearer(&op.initial_access_token)
            } else {
                ask.basic("web", fixture::secret("web"))
            };
            let answer = browser.send(ask).await;
            assert!(
                matches!(answer.status, 400 | 415),
                "{encoding} {path}: {}",
                answer.status
            );
        }
    }
}

// HT-08
#[tokio::test]
async fn a_form_of_very_many_parameters_costs_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let many = "a=1&".repeat(16_000);
    let different: String = (0..6_000).map(|n| format!("a{n}=1&")).collect();
    let million = "a=1&".repeat(1_000_000);
    let nested = format!("a{}=1", "[b]".repeat(10_000));
    let key = format!("{}=1", "a".repeat(60_000));
    let ampersands = "&".repeat(60_000);
    for body in [many, different, million, nested, key, ampersands] {
        for path in ["/token", "/authorize", "/introspect", "/logout", "/sign-in"] {
            let ask = Ask::post(path, "application/x-www-form-urlencoded", body.clone())
                .basic("web", fixture::secret("web"));
            let begin = Instant::now();
            let answer = browser.send(ask).await;
            assert!(
                matches!(answer.status, 303 | 400 | 401 | 403 | 413),
                "{path}: {}",
                answer.status
            );
            assert!(
                begin.elapsed().as_secs() < 20,
                "{path}: {:?}",
                begin.elapsed()
            );
        }
    }
}

// HT-13, HT-14
#[tokio::test]
async fn methods_and_paths_that_do_not_exist_are_not_there() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    for mut browser in both(&op, &real) {
        for path in PATHS {
            for method in ["PUT", "PATCH", "DELETE", "PROPFIND", "X", "get", "GETX"] {
                let answer = browser.send(Ask::new(method, path)).await;
                let managed = path.starts_with("/register/") && matches!(method, "PUT" | "DELETE");
                assert!(
                    matches!(answer.status, 405 | 415) || managed && matches!(answer.status, 401),
                    "{method} {path}: {}",
                    answer.status
                );
            }
            let variants = [
                format!("/{path}"),
                format!("/.{path}"),
                format!("/x/..{path}"),
                format!("{path}/"),
                format!("{path};a=b"),
                format!("{path}%20"),
                format!("{path}%00"),
                format!("{path}/."),
                format!("{path}//"),
                format!("{path}%2f"),
                path.to_uppercase(),
                format!("{path}.json"),
                format!("/%2e{path}"),
                path.replacen('e', "%65", 1),
            ];
            for variant in variants {
                // "//" is no path of a request target, and some of these are what they came from.
                if variant == *path || path.starts_with("/register/") || *path == "/" {
                    continue;
                }
                let answer = browser.get(&variant).await;
                assert!(
                    matches!(answer.status, 400 | 401 | 404),
                    "{variant}: {}",
                    answer.status
                );
                assert!(
                    answer.status == 404 || variant.starts_with("/register/"),
                    "{variant}: {}",
                    answer.status
                );
            }
        }
    }
}

// HT-16: what oracle::check demands of every answer holds for each path, whatever the answer.
#[tokio::test]
async fn every_kind_of_answer_carries_the_headers() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    for mut browser in both(&op, &real) {
        let mut seen = std::collections::BTreeSet::new();
        for path in PATHS.iter().chain(&["/nothing", "/assets/x", "/admin"]) {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
                let ask = Ask::new(method, path).header("Origin", "https://spa.test");
                seen.insert(browser.send(ask).await.status);
            }
        }
        let answer = browser.get("/jwks").await;
        let tag = answer.header("etag").unwrap().to_owned();
        seen.insert(
            browser
                .send(Ask::get("/jwks").header("If-None-Match", &tag))
                .await
                .status,
        );
        for status in [200, 204, 303, 304, 400, 401, 404, 405, 415] {
            assert!(seen.contains(&status), "{status} of {seen:?}");
        }
    }
    // What the accept loop answers for itself.
    let mut browser = op.browser_at(real.address);
    for (ask, status) in [
        (Ask::get("/jwks").header("Host", "a b"), 400),
        (Ask::get("/jwks").header("Host", "evil.test/path"), 400),
        (Ask::new("TRACE", "/"), 405),
        (Ask::get(&format!("/?{}", "a".repeat(40_000))), 414),
    ] {
        assert_eq!(browser.send(ask).await.status, status);
    }
}

// HT-01
#[tokio::test]
async fn ambiguous_framing_never_becomes_a_second_request() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    let basic = Ask::form("/token", &[]).basic("web", fixture::secret("web"));
    let authorization = basic.header_value("Authorization").unwrap();
    let body = "grant_type=client_credentials";
    let smuggled = format!(
        "POST /token HTTP/1.1\r\nHost: op.test\r\nAuthorization: {authorization}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: +0",
        "Content-Length: 0, 0",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\n ",
        "Content-Length: 0x5",
        "Content-Length: 0\nX: y",
        "X: y\n",
    ] {
        for rest in ["", &format!("0\r\n\r\n{smuggled}")] {
            let bytes =
                format!("POST /introspect HTTP/1.1\r\nHost: op.test\r\n{framing}\r\n\r\n{rest}");
            let all = wire::exchange(real.address, bytes.as_bytes()).await;
            let all = String::from_utf8_lossy(&all);
            assert!(all.starts_with("HTTP/1.1 400 "), "{framing:?}: {all}");
            assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{framing:?}: {all}");
        }
    }
}

// HT-07: who is refused before the body is read is told that the connection ends, and sends nothing more into it
#[tokio::test]
async fn an_answer_that_leaves_a_body_unread_says_that_the_connection_ends() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    let unread = [
        ("/account/profile", "Origin: https://evil.test\r\n", 403),
        ("/jwks", "", 405),
        ("/register", "Content-Type: text/plain\r\n", 415),
    ];
    let read = [("/token", FORM, 401), ("/introspect", FORM, 401)];
    for (cases, ends) in [(&unread[..], true), (&read[..], false)] {
        for (path, headers, status) in cases {
            let mut stream = tokio::net::TcpStream::connect(real.address).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: op.test\r\n{headers}Content-Length: 3\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            if !ends {
                stream.write_all(b"a=b").await.unwrap();
            }
            let mut answer = Vec::new();
            while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{path}");
            }
            let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
            assert!(answer.contains(&format!(" {status} ")), "{path}: {answer}");
            assert_eq!(answer.contains("connection: close"), ends, "{path}");
        }
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

// HT-11, HT-12
#[tokio::test]
async fn forwarded_headers_of_strangers_have_no_effect_and_of_a_trusted_proxy_only_on_the_address()
{
    let limits = || Limits {
        per_network: 5,
        ..Limits::default()
    };
    for (configuration, trusted) in [
        ("", false),
        (
            "server.trusted_proxies = [\"127.0.0.1\"]\nserver.forwarded_header = \"x-forwarded\"",
            true,
        ),
    ] {
        let op = Setup::default().limits(limits()).start().await;
        let real = accept_loop(&op, configuration);
        let mut browser = op.browser_at(real.address);
        let spoofed = |ask: Ask, hops: &str| {
            ask.header("X-Forwarded-Host", "evil.test")
                .header("X-Forwarded-Proto", "http")
                .header("X-Forwarded-Port", "1")
                .header("X-Forwarded-Prefix", "/evil")
                .header("X-Forwarded-For", hops)
                .header("Forwarded", "host=evil.test;proto=http;for=6.6.6.6")
                .header("X-Real-IP", "6.6.6.6")
                .header("X_Forwarded_For", "6.6.6.6")
                .header("X-Original-URL", "/jwks")
                .header("X-Rewrite-URL", "/jwks")
                .header("X-Http-Method-Override", "DELETE")
        };
        let plain = browser.get("/.well-known/openid-configuration").await;
        for hops in [
            "6.6.6.6",
            "not an address",
            "",
            "6.6.6.6, 192.0.2.1",
            &"6.6.6.6,".repeat(1_000),
            "\"",
            "192.0.2.1:80",
        ] {
            let answer = browser
                .send(spoofed(Ask::get("/.well-known/openid-configuration"), hops))
                .await;
            assert_eq!(answer.body, plain.body, "{hops:.20}");
        }
        // The address of a person counts for the limits of signing in.
        let answer = browser
            .send(spoofed(Request::of("first", "openid").get(), "6.6.6.6"))
            .await;
        let target = answer
            .location()
            .strip_prefix("https://op.test")
            .unwrap()
            .to_owned();
        assert!(answer.all("set-cookie").all(|c| c.contains("Secure")));
        let mut refused = 0;
        for number in 0..20 {
            let name = format!("person{number}");
            let ask = Ask::form(&target, &[("username", &name), ("password", "password1")]);
            let hops = format!("6.6.6.6, 198.51.100.{number}");
            refused += usize::from(browser.send(spoofed(ask, &hops)).await.status == 429);
        }
        assert_eq!(refused, if trusted { 0 } else { 15 }, "{configuration}");
        // Whatever a client puts in front of what the proxy says is not looked at.
        let mut refused = 0;
        for number in 0..20 {
            let name = format!("somebody{number}");
            let ask = Ask::form(&target, &[("username", &name), ("password", "password1")]);
            let hops = format!("198.51.100.{number}, 203.0.113.7");
            refused += usize::from(browser.send(spoofed(ask, &hops)).await.status == 429);
        }
        assert_eq!(refused, if trusted { 15 } else { 20 }, "{configuration}");
    }
}

// HT-18
#[tokio::test]
async fn pipelined_requests_are_answered_in_order_each_for_itself() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    for address in [op.address(), real.address] {
        let mut bytes = String::new();
        for number in 0..100 {
            let path = if number % 2 == 0 { "/jwks" } else { "/nothing" };
            bytes.push_str(&format!("GET {path} HTTP/1.1\r\nHost: op.test\r\n\r\n"));
        }
        bytes.push_str("GET /jwks HTTP/1.1\r\nHost: op.test\r\nConnection: close\r\n\r\n");
        let all =
            String::from_utf8_lossy(&wire::exchange(address, bytes.as_bytes()).await).into_owned();
        let statuses: Vec<&str> = all.split("HTTP/1.1 ").skip(1).map(|a| &a[..3]).collect();
        assert_eq!(statuses.len(), 101);
        for (number, status) in statuses.iter().enumerate() {
            assert_eq!(
                *status,
                if number % 2 == 0 { "200" } else { "404" },
                "{number}"
            );
        }
    }
    let mut browser = op.browser_at(real.address);
    for (name, value) in [
        ("Expect", "x"),
        ("Upgrade", "websocket"),
        ("Connection", "Authorization"),
        ("TE", "trailers"),
        ("Trailer", "Authorization"),
    ] {
        let answer = browser.send(Ask::get("/jwks").header(name, value)).await;
        assert!(
            matches!(answer.status, 200 | 417),
            "{name}: {}",
            answer.status
        );
    }
}

// HT-19, HT-21
#[tokio::test]
async fn no_header_changes_the_type_or_the_coding_of_an_answer() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (ask, media) in [
        (Ask::form("/token", &[]), "application/json"),
        (Ask::get("/userinfo"), "application/json"),
        (Ask::form("/introspect", &[]), "application/json"),
        (Ask::get("/jwks?callback=alert"), "application/jwk-set+json"),
        (Ask::get("/authorize"), "text/html"),
        (Ask::get("/nothing"), "text/html"),
    ] {
        for accept in ["text/html", "application/javascript", "*/*", "x", ""] {
            let path = ask.target.clone();
            let odd = ask
                .clone()
                .header("Accept", accept)
                .header("Accept-Encoding", "gzip, br, zstd")
                .header("Range", "bytes=0-1")
                .header("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT")
                .header("X-Requested-With", "XMLHttpRequest");
            let answer = browser.send(odd).await;
            assert_eq!(answer.media(), media, "{path} {accept}");
            assert_eq!(answer.header("content-encoding"), None);
            assert_ne!(answer.status, 206);
            assert!(!answer.text().starts_with("alert"));
        }
    }
}

// HT-20
#[tokio::test]
async fn there_are_no_files_but_those_of_the_pages() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in [
        "/assets/..%2f..%2fetc/passwd",
        "/assets/../../etc/passwd",
        "/assets/..\\..\\etc\\passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%252f..%252fetc/passwd",
        "/assets/%00",
        "/assets/",
        "/assets",
        "/assets/.git/config",
        "/.git/config",
        "/.env",
        "/assets/style.css.map",
        "/assets//etc/passwd",
        "/hallpass.toml",
        "/hallpass-data/hallpass.sqlite",
        "/assets/x.css",
        "/robots.txt/..",
        "/server-status",
        "/debug/pprof",
    ] {
        let answer = browser.get(path).await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("root:"), "{path}");
    }
    let page = browser.get("/").await.text();
    let mut found = 0;
    for tag in hallpass_testkit::html::tags(&page) {
        for name in ["href", "src"] {
            if let Some(file) = tag.get(name).filter(|v| v.contains("/assets/")) {
                let answer: Answer = browser.get(file).await;
                assert_eq!(answer.status, 200, "{file}");
                found += 1;
            }
        }
    }
    assert!(found > 0);
}

// AZ-30, HT-06: whatever request is taken leads to a page that can be opened
#[tokio::test]
async fn the_largest_request_that_is_taken_leads_to_a_page_that_opens() {
    let op = Op::start().await;
    let real = accept_loop(&op, "");
    for mut browser in both(&op, &real) {
        for size in [
            1_000, 2_000, 4_000, 6_000, 8_000, 8_192, 10_000, 16_000, 30_000,
        ] {
            let names: String = (0..size / 20)
                .map(|n| format!("\"claim_number_{n:05}\":null,"))
                .collect();
            let claims = format!("{{\"userinfo\":{{{names}\"x\":null}}}}");
            let text = "s".repeat(size);
            let base = Request::of("web", "openid");
            let cases = [
                ("state", base.clone().with("state", &text)),
                ("nonce", base.clone().with("nonce", &text)),
                ("login_hint", base.clone().with("login_hint", &text)),
                ("claims", base.clone().with("claims", &claims)),
                (
                    "acr_values",
                    base.clone().with("acr_values", &"a ".repeat(size / 2)),
                ),
                (
                    "ui_locales",
                    base.clone().with("ui_locales", &"de ".repeat(size / 3)),
                ),
                (
                    "everything",
                    base.with("state", &text)
                        .with("nonce", &text)
                        .with("claims", &claims)
                        .with("login_hint", &text),
                ),
            ];
            for (what, request) in cases {
                let mut answer = browser.send(request.post()).await;
                if answer.status == 303
                    && answer.location().starts_with("https://op.test/authorize?")
                {
                    answer = browser.follow(&answer).await;
                }
                assert!(
                    matches!(answer.status, 303 | 400 | 413 | 414),
                    "{what} {size}: {}",
                    answer.status
                );
                if answer.status == 303 && answer.error().is_empty() {
                    let length = answer.location().len();
                    let page = browser.follow(&answer).await;
                    assert_eq!(
                        page.status, 200,
                        "{what} {size}: an address of {length} bytes"
                    );
                }
            }
        }
    }
}
