//! What the front makes of odd requests.

use crate::process::{Folder, Serving};
use crate::support::{get, responses, send, start};

#[tokio::test]
async fn an_answer_carries_an_id() {
    let server = start("");
    let answer = get(server.address, "/x").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\r\nx-request-id: "), "{answer}");
    assert!(answer.ends_with("GET /x from 127.0.0.1 with 0"), "{answer}");
    assert_ne!(answer, get(server.address, "/x").await);
}

#[tokio::test]
async fn ambiguous_framing_gets_one_answer_and_an_end() {
    let server = start("");
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    #[rustfmt::skip]
    let cases = [
        ("CL.TE", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("TE.CL", format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{smuggled}")),
        ("two lengths", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n{smuggled}")),
        ("plus", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +0\r\n\r\n{smuggled}")),
        ("list", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 0\r\n\r\n{smuggled}")),
        ("minus", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n{smuggled}")),
        ("2^64", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n{smuggled}")),
        ("identity", format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}")),
        ("xchunked", format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("1.0 chunked", format!("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("chunk size", format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{smuggled}")),
        ("chunk extension", format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0;x=\"\n\"\r\n\r\n{smuggled}")),
        ("fold", format!("GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n{smuggled}")),
        ("space before colon", format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\n{smuggled}")),
        ("no version", format!("GET /\r\n\r\n{smuggled}")),
        ("garbage", format!("\0\0\0\0\r\n\r\n{smuggled}")),
    ];
    for (name, bytes) in &cases {
        let answer = send(server.address, bytes.as_bytes()).await;
        assert!(responses(&answer) <= 1, "{name}: {answer}");
        assert!(!answer.contains("smuggled"), "{name}: {answer}");
        if responses(&answer) == 1 && !answer.contains(" 400 ") {
            assert!(answer.contains("connection: close"), "{name}: {answer}");
            assert!(
                name.contains("TE") || name.contains("chunk"),
                "{name}: {answer}"
            );
        }
    }
}

//= test RFC9112#3.2 a request without a Host, with two, or with a malformed one is answered with 400
#[tokio::test]
async fn a_missing_double_or_malformed_host_is_refused_and_never_shown() {
    let server = start("");
    #[rustfmt::skip]
    let cases = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: evil.example\r\nhost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: \r\n\r\n",
        "GET / HTTP/1.1\r\nhost: evil.example:99999\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: evil.example/path\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: me@evil.example\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\n\r\n",
        "GET http://me@evil.example/ HTTP/1.1\r\nhost: me@evil.example\r\n\r\n",
    ];
    for bytes in cases {
        let answer = send(server.address, bytes.as_bytes()).await;
        assert!(answer.contains(" 400 Bad Request\r\n"), "{bytes}: {answer}");
        assert!(answer.contains("connection: close"), "{bytes}: {answer}");
        assert!(
            answer.contains("x-content-type-options: nosniff"),
            "{bytes}: {answer}"
        );
        assert!(
            answer.contains("strict-transport-security: max-age="),
            "{bytes}: {answer}"
        );
        assert!(!answer.contains("evil"), "{bytes}: {answer}");
    }
}

#[tokio::test]
async fn another_host_has_no_effect() {
    let server = start("");
    for bytes in [
        "GET /x HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
        "GET http://evil.example/x HTTP/1.1\r\nhost: EVIL.example\r\nconnection: close\r\n\r\n",
    ] {
        let answer = send(server.address, bytes.as_bytes()).await;
        assert!(answer.ends_with("GET /x from 127.0.0.1 with 0"), "{answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
}

// HT-05, HT-06
#[tokio::test]
async fn oversized_heads_are_refused() {
    let server = start("");
    let long = |length| "a".repeat(length);
    #[rustfmt::skip]
    let cases = [
        ("/ HTTP/1.1\r\nx: ".to_owned() + &long(1_000_000), 431),
        ("/ HTTP/1.1\r\ncookie: ".to_owned() + &long(64 * 1024), 431),
        ("/ HTTP/1.1\r\n".to_owned() + &"x: y\r\n".repeat(10_000), 431),
        ("/ HTTP/1.1\r\n".to_owned() + &"cookie: a=b\r\n".repeat(300), 431),
        (format!("/?{} HTTP/1.1\r\nx: y", long(33 * 1024)), 414),
        (format!("/{} HTTP/1.1\r\nx: y", long(64 * 1024)), 414),
        (format!("/?{} HTTP/1.1\r\nx: y", long(1024 * 1024)), 414),
    ];
    for (head, status) in &cases {
        let bytes = format!("GET {head}\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = send(server.address, bytes.as_bytes()).await;
        let refused = answer.starts_with(&format!("HTTP/1.1 {status} "))
            || answer.starts_with("HTTP/1.1 431 ");
        // A reset can overtake the answer where the client was still sending.
        assert!(
            refused || answer.is_empty(),
            "{}: {answer}",
            head.get(..20).unwrap()
        );
    }
}

#[tokio::test]
async fn a_long_target_within_the_bound_is_served() {
    let server = start("");
    let target = format!("/?request={}", "a".repeat(31 * 1024));
    assert!(
        get(server.address, &target)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn odd_methods_are_refused_without_an_echo() {
    let server = start("");
    for line in [
        "TRACE / HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "CONNECT / HTTP/1.1",
    ] {
        let bytes = format!("{line}\r\nhost: evil.example:443\r\nx-secret: hush\r\n\r\n");
        let answer = send(server.address, bytes.as_bytes()).await;
        assert!(
            answer.contains(" 405 ") || answer.contains(" 400 "),
            "{line}: {answer}"
        );
        assert!(!answer.contains("hush"), "{answer}");
    }
    let method = "A".repeat(1024);
    let bytes = format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let answer = send(server.address, bytes.as_bytes()).await;
    assert_eq!(responses(&answer), 1, "{answer}");
}

#[tokio::test]
async fn forwarded_headers_count_from_trusted_proxies_only() {
    let bytes = "GET /x HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 6.6.6.6, 192.0.2.1\r\nforwarded: for=6.6.6.6\r\n\
                 x-real-ip: 6.6.6.6\r\nx-forwarded-host: evil.example\r\nconnection: close\r\n\r\n";
    let server = start("");
    assert!(
        send(server.address, bytes.as_bytes())
            .await
            .ends_with("from 127.0.0.1 with 0")
    );
    let server = start(
        "server.trusted_proxies = [\"127.0.0.1\"]\nserver.forwarded_header = \"x-forwarded\"",
    );
    assert!(
        send(server.address, bytes.as_bytes())
            .await
            .ends_with("from 192.0.2.1 with 0")
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_upgrades_are_ignored() {
    let server = start("");
    let mut bytes = String::new();
    for number in 0..100 {
        let close = if number == 99 {
            "close"
        } else {
            "upgrade, http2-settings"
        };
        bytes.push_str(&format!(
            "GET /{number} HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\nconnection: {close}\r\n\r\n"
        ));
    }
    let answer = send(server.address, bytes.as_bytes()).await;
    assert_eq!(responses(&answer), 100);
    let (first, last) = (
        answer.find("GET /0 ").unwrap(),
        answer.find("GET /99 ").unwrap(),
    );
    assert!(first < last);
    assert!(!answer.contains("101 Switching"));
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_whole_body_arrives() {
    let server = start("");
    let piece = format!("1000\r\n{}\r\n", "a".repeat(4096));
    let head = "POST /enough HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    for _ in 0..20 {
        let chunked = format!(
            "{head}transfer-encoding: chunked\r\n\r\n{}",
            piece.repeat(50)
        );
        let answer = send(server.address, chunked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
    }
}

// S47, HT-12
#[test]
fn s47_behind_a_proxy_every_url_and_cookie_follows_the_issuer_and_no_header() {
    let folder = Folder::new();
    let text = "protocol.signing_algs = ['ES256']\nserver.issuer = 'https://login.example.com'\n\
        server.trusted_proxies = ['127.0.0.1']\nserver.forwarded_header = 'x-forwarded'\n[[clients]]\nclient_id = 'web'\n\
        redirect_uris = ['https://rp.test/cb']\ntoken_endpoint_auth_method = 'none'\n";
    folder.write("hallpass.toml", text);
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let ask = |path: &str| {
        let head = format!(
            "GET {path} HTTP/1.1\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\n\
             x-forwarded-for: 192.0.2.7\r\nforwarded: host=evil.example;proto=http\r\n"
        );
        server.send(&head, "")
    };
    let metadata = ask("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], "https://login.example.com");
    let urls = metadata.as_object().unwrap().iter();
    let urls = urls.filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"));
    let mut seen = 0;
    for (name, url) in urls {
        let url = url.as_str().unwrap();
        assert!(
            url.starts_with("https://login.example.com/"),
            "{name} {url}"
        );
        seen += 1;
    }
    assert!(seen > 5, "{metadata}");
    let query = "/authorize?client_id=web&response_type=code&scope=openid&code_challenge_method=S256\
        &redirect_uri=https%3A%2F%2Frp.test%2Fcb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let asked = ask(query);
    assert_eq!(asked.status, 303, "{}", asked.body);
    assert!(!asked.head.contains("evil.example"), "{}", asked.head);
    let lines = asked.head.lines().map(str::to_ascii_lowercase);
    let cookies: Vec<String> = lines.filter(|l| l.starts_with("set-cookie:")).collect();
    assert!(!cookies.is_empty(), "{}", asked.head);
    for cookie in cookies {
        assert!(
            cookie.contains("__host-") && cookie.contains("; secure"),
            "{cookie}"
        );
    }
    server.stop();
}
