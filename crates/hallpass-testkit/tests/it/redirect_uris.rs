//! Where an answer to an authorization request may go. The person is signed in and has allowed the client everything, so
//! that nothing but the redirect URI stands in the way.

use std::time::Instant;

use hallpass_testkit::{Answer, Ask, Browser, Op, Request, assertion, fixture, wire};
use serde_json::json;

/// A browser in which a code for this client would come at once.
async fn victim(op: &Op, client: &str) -> Browser {
    let mut browser = op.browser();
    browser.code("alice", &Request::of(client, "openid")).await;
    browser
}

#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    assert_eq!(
        answer.status,
        400,
        "{what:?}: {:?}",
        answer.header("location")
    );
    assert_eq!(answer.media(), "text/html", "{what:?}");
    assert_eq!(answer.header("location"), None, "{what:?}");
    assert_eq!(answer.error(), "invalid_request", "{what:?}");
    assert!(!answer.text().contains("hpc_"), "{what:?}");
}

async fn assert_refused(browser: &mut Browser, request: &Request, what: &str) {
    for ask in [request.get(), request.post()] {
        let method = ask.method.clone();
        assert_page(&browser.send(ask).await, &format!("{method} {what}"));
    }
}

async fn assert_works(browser: &mut Browser, request: &Request) {
    for ask in [request.get(), request.post()] {
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(
            wire::param(answer.location(), "code").is_some(),
            "{}",
            answer.location()
        );
    }
}

#[rustfmt::skip]
const WRONG: &[(&str, &[&str])] = &[
    ("AZ-R01", &["https://rp.test/cb/", "https://rp.test/cb//", "https://rp.test/", "https://rp.test", ""]),
    ("AZ-R02", &["https://rp.test/CB", "https://RP.test/cb", "HTTPS://rp.test/cb", "https://rp.TEST/cb"]),
    ("AZ-R03", &["https://rp.test/cb?x=1", "https://rp.test/cb?", "https://rp.test/cb?code=x", "https://rp.test/q?b=2&a=1", "https://rp.test/q?a=1",
        "https://rp.test/q?a=1&b=2&c=3", "https://rp.test/q"]),
    ("AZ-R04", &["https://rp.test/cb#", "https://rp.test/cb#frag", "https://rp.test/cb%23x"]),
    ("AZ-R05", &["https://rp.test@evil.test/cb", "https://rp.test%40evil.test/cb", "https://x:y@rp.test/cb", "https://a@b@rp.test@evil.test/cb",
        "https://@rp.test/cb", "https://rp.test:x@evil.test/cb"]),
    ("AZ-R06", &["https://evil.test\\@rp.test/cb", "https:\\\\evil.test", "https://rp.test\\.evil.test/cb", "https:\\\\rp.test\\cb", "https://rp.test\\cb"]),
    ("AZ-R07", &["https://rp.test.evil.test/cb", "https://rp.testevil.test/cb", "https://rpXtest/cb", "https://rp.test/cb.evil.test", "https://evil.test/cb",
        "https://evil.test/https://rp.test/cb", "https://rp.test/cbx", "xhttps://rp.test/cb"]),
    ("AZ-R08", &["https://rp.test/cb/../x", "https://rp.test/cb/..;/x", "https://rp.test/cb/%2e%2e/x", "https://rp.test/cb%2f..%2fx",
        "https://rp.test/./cb", "https://rp.test//cb", "https://rp.test/x/../cb", "https://rp.test/cb/."]),
    ("AZ-R09", &["https://rp.test:443/cb", "https://rp.test:8443/cb", "https://rp.test:/cb", "http://rp.test/cb", "//rp.test/cb", "ftp://rp.test/cb",
        "rp.test/cb", "/cb", "https:/rp.test/cb", "https:rp.test/cb"]),
    ("AZ-R10", &["javascript:alert(1)//https://rp.test/cb", "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
        "vbscript:x", "blob:https://rp.test/cb", "file:///cb", "view-source:https://rp.test/cb", "javascript://rp.test/cb%0aalert(1)"]),
    ("AZ-R11", &["https://rp\u{3002}test/cb", "https://\u{ff52}\u{ff50}.test/cb", "https://rp\u{200d}.test/cb", "https://r\u{440}.test/cb", "https://xn--rp-.test/cb",
        "https://rp.test/cb\u{200b}"]),
    ("AZ-R12", &["https://rp.test/%63b", "https://%72p.test/cb", "https://rp.test/%2563b", "https%3A%2F%2Frp.test%2Fcb"]),
    ("AZ-R13", &["https://rp.test/cb%00", "https://rp.test/cb%0d%0aSet-Cookie:%20a=b", "https://rp.test/cb\r\nSet-Cookie: a=b", "https://rp.test/cb%c0%ae",
        "https://rp.test/cb ", " https://rp.test/cb", "https://rp.test/cb\u{0}"]),
    ("AZ-R15", &["https://rp2.test/cb", "https://spa.test/cb", "https://rp.test/bye"]),
    ("G5", &[fixture::MARKER, "https://rp.test/cb\"><svg/onload=1>"]),
];

// AZ-R01 to AZ-R13, AZ-R15
#[tokio::test]
async fn a_uri_that_is_not_byte_for_byte_a_registered_one_gets_a_page() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    let good = Request::of("web", "openid");
    for (row, uris) in WRONG {
        for uri in *uris {
            let bad = good.clone().with("redirect_uri", uri);
            assert_refused(&mut browser, &bad, &format!("{row} {uri:?}")).await;
            // An error of the request itself is no way around.
            let worse = bad.with("response_type", "x").with("prompt", "none");
            assert_refused(
                &mut browser,
                &worse,
                &format!("{row} {uri:?} with an error"),
            )
            .await;
        }
        assert_works(&mut browser, &good).await;
    }
    let query = good.with("redirect_uri", "https://rp.test/q?a=1&b=2");
    assert_works(&mut browser, &query).await;
}

// AZ-R01 to AZ-R13, AZ-R15, PA-05: the same on the other ways to ask
#[tokio::test]
async fn neither_what_is_pushed_nor_what_is_signed_goes_anywhere_else() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    let mut signing = victim(&op, "pkjwt").await;
    let now = op.clock.seconds();
    let object = |uri: &str| {
        let mut claims =
            json!({"iss": "pkjwt", "aud": fixture::ISSUER, "exp": now + 300, "nbf": now});
        for (name, value) in Request::of("pkjwt", "openid").with("redirect_uri", uri).0 {
            claims[&name] = json!(value);
        }
        let signed = assertion::sign(fixture::pkjwt_key(), &claims);
        Ask::query(
            "/authorize",
            &[("client_id", "pkjwt"), ("request", &signed)],
        )
    };
    let push = |uri: &str| {
        let request = Request::of("web", "openid").with("redirect_uri", uri);
        let pairs: Vec<(&str, &str)> = request.0.iter().map(|(n, v)| (&**n, &**v)).collect();
        Ask::form("/par", &pairs).basic("web", fixture::secret("web"))
    };
    for (row, uris) in WRONG {
        for uri in *uris {
            let answer = browser.send(push(uri)).await;
            assert_eq!(
                (answer.status, &*answer.error()),
                (400, "invalid_request"),
                "{row} {uri:?}: {}",
                answer.text()
            );
            let own = uri.replace("rp.test", "pkjwt.test");
            let answer = signing.send(object(&own)).await;
            let shown = (answer.status, answer.media(), answer.header("location"));
            assert_eq!(
                shown,
                (400, "text/html", None),
                "{row} {own:?} in an object"
            );
            assert!(
                !answer.text().contains("hpc_"),
                "{row} {own:?} in an object"
            );
        }
    }
    assert_eq!(browser.send(push(fixture::WEB_CB)).await.status, 201);
    let answer = signing.send(object("https://pkjwt.test/cb")).await;
    assert!(wire::param(answer.location(), "code").is_some());
}

// AZ-R13: bytes that no URI library would make
#[tokio::test]
async fn bytes_that_are_no_text_get_a_page() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    let rest =
        "client_id=web&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Frp.test%2Fcb";
    for tail in [
        "%00",
        "%c0%ae",
        "%ed%a0%80",
        "%ff",
        "%f0%9f%98",
        "%",
        "%2",
        "%zz",
        "%u0041",
    ] {
        let get = Ask::get(&format!("/authorize?{rest}{tail}"));
        let post = Ask::post(
            "/authorize",
            "application/x-www-form-urlencoded",
            format!("{rest}{tail}"),
        );
        for ask in [get, post] {
            assert_page(&browser.send(ask).await, tail);
        }
    }
}

// AZ-R14, AZ-R19, AZ-01
#[tokio::test]
async fn a_uri_that_stands_twice_or_not_at_all_gets_a_page() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    let good = Request::of("web", "openid");
    let evil = "https://evil.test/cb";
    for request in [
        good.clone().and("redirect_uri", evil),
        good.clone()
            .without("redirect_uri")
            .and("redirect_uri", evil)
            .and("redirect_uri", fixture::WEB_CB),
        good.clone().and("redirect_uri", fixture::WEB_CB),
        good.clone().and("redirect_uri", ""),
        good.clone().without("redirect_uri"),
        good.clone()
            .without("redirect_uri")
            .and("redirect_uri[]", evil),
        good.clone()
            .without("redirect_uri")
            .and("redirect_uri[0]", fixture::WEB_CB),
        good.clone()
            .without("redirect_uri")
            .and("Redirect_Uri", fixture::WEB_CB),
    ] {
        assert_refused(&mut browser, &request, &format!("{:?}", request.0)).await;
    }
    // Once in the query and once in the body.
    let mut both = good.post();
    both.target = "/authorize?redirect_uri=https%3A%2F%2Frp.test%2Fcb".to_owned();
    assert_page(&browser.send(both).await, "query and body");
    // A name with brackets is another name, which nobody knows.
    assert_works(&mut browser, &good.and("redirect_uri[]", evil)).await;
}

// AZ-R16
#[tokio::test]
async fn an_endless_uri_costs_nothing() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    for uri in [
        format!("https://rp.test/{}", "a".repeat(50_000)),
        format!("https://[{}]/cb", ":".repeat(10_000)),
        "https://rp.test:99999999999/cb".to_owned(),
        "https://rp.test/cb".to_owned() + &"/..".repeat(10_000),
        "%25".repeat(10_000),
    ] {
        let request = Request::of("web", "openid").with("redirect_uri", &uri);
        let begin = Instant::now();
        assert_page(&browser.send(request.post()).await, &uri[..20]);
        assert!(begin.elapsed().as_secs() < 20, "{}", &uri[..20]);
    }
}

// AZ-N01
#[tokio::test]
async fn a_native_application_chooses_its_port_and_nothing_else() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for uri in [
        "http://127.0.0.1:51004/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://[::1]:51004/cb",
        "http://[::1]/cb",
        "com.example.app:/cb",
    ] {
        let request = Request::of("native", "openid").with("redirect_uri", uri);
        let answer = browser.send(request.get()).await;
        let answer = browser.through_pages("alice", answer).await;
        let location = answer.location();
        assert!(location.starts_with(&format!("{uri}?")), "{location}");
        assert!(wire::param(location, "code").is_some(), "{location}");
    }
}

// AZ-N02, AZ-N03, AZ-N05, AZ-N07
#[tokio::test]
async fn what_only_looks_like_the_loopback_address_gets_a_page() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    #[rustfmt::skip]
    let uris = [
        "http://localhost:51004/cb", "http://localhost/cb",
        "http://127.0.0.1.evil.test/cb", "http://127.0.0.1:51004@evil.test/cb", "http://127.0.0.1:80evil/cb", "http://[::1]evil.test/cb",
        "http://127.0.0.1:/cb", "http://127.0.0.1:99999/cb", "http://127.0.0.1:-1/cb", "http://127.0.0.1:+1/cb", "http://127.0.0.1:0x50/cb",
        "http://127.0.0.1:51004/cb/", "http://127.0.0.1:51004/x", "http://127.0.0.1:51004/cb?x", "http://127.0.0.1:51004/cb#", "http://127.0.0.1:51004",
        "https://127.0.0.1:51004/cb", "http://a@127.0.0.1:1/cb", "http://127.0.0.2:1/cb", "http://127.1:1/cb", "http://2130706433/cb", "http://0x7f000001/cb",
        "http://[::ffff:127.0.0.1]:1/cb", "http://[0:0:0:0:0:0:0:1]:1/cb", "http://127.0.0.1:51004\\@evil.test/cb", "http://127.0.0.1:51004/../cb",
        "HTTP://127.0.0.1:1/cb", "http://127.0.0.1:1/CB", "http://127.0.0.1:1:2/cb", "http://127.0.0.1:1 /cb", "http://127.0.0.1:\u{661}/cb",
        "com.example.app://cb", "COM.example.app:/cb", "com.example.app:/cb/", "com.example.app:cb", "com.example.app:/cb?x", "com.example.app:/cb#x",
        "com.example.app:///cb", "com.example.app2:/cb",
    ];
    for uri in uris {
        let request = Request::of("native", "openid").with("redirect_uri", uri);
        assert_refused(&mut browser, &request, uri).await;
    }
}

// AZ-N06
#[tokio::test]
async fn a_web_client_has_the_port_that_it_registered() {
    let op = Op::start().await;
    let mut browser = victim(&op, "loop").await;
    let good = Request::of("loop", "openid");
    for uri in [
        "http://127.0.0.1:8001/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:08000/cb",
        "http://localhost:8000/cb",
        "http://[::1]:8000/cb",
    ] {
        assert_refused(&mut browser, &good.clone().with("redirect_uri", uri), uri).await;
    }
    assert_works(&mut browser, &good).await;
}

// AZ-R17, AZ-30: what a registered URI already has in its query stays, ours comes behind it, each once.
#[tokio::test]
async fn a_registered_query_is_kept_and_ours_is_added_once() {
    let op = Op::start().await;
    let mut browser = victim(&op, "web").await;
    let uri = "https://rp.test/q?a=1&b=2";
    let request = Request::of("web", "openid")
        .with("redirect_uri", uri)
        .with("state", "x&code=evil#");
    let answer = browser.send(request.get()).await;
    let location = answer.location();
    assert!(location.starts_with(&format!("{uri}&")), "{location}");
    for name in ["code", "state", "iss"] {
        assert_eq!(
            location.matches(&format!("{name}=")).count(),
            1,
            "{location}"
        );
    }
    assert_eq!(
        wire::param(location, "state").as_deref(),
        Some("x&code=evil#")
    );
}

// AZ-01, AZ-02: also in a browser that has no session
#[tokio::test]
async fn what_is_posted_and_can_go_nowhere_is_not_sent_back_first() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let good = Request::of("web", "openid");
    for bad in [
        good.clone().without("client_id"),
        good.clone().with("client_id", "nobody"),
        good.clone().with("client_id", "off"),
        good.clone().with("client_id", fixture::MARKER),
        good.clone()
            .with("client_id", "nobody")
            .with("request", "x"),
        good.clone().without("redirect_uri"),
        good.clone().with("redirect_uri", "https://evil.test/cb"),
        good.clone()
            .with("redirect_uri", &format!("{}/", fixture::WEB_CB)),
    ] {
        let answer = browser.send(bad.post()).await;
        let got = (answer.status, answer.media());
        assert_eq!(got, (400, "text/html"), "{bad:?}");
        assert_eq!(answer.header("location"), None, "{bad:?}");
    }
    // All else comes back as a request that brings cookies along.
    for other in [
        good.clone(),
        good.clone().with("response_type", "nothing"),
        good.without("redirect_uri").with("request", "x"),
    ] {
        let answer = browser.send(other.post()).await;
        assert_eq!(answer.status, 303, "{other:?}");
        assert!(
            answer.location().starts_with("https://op.test/authorize?"),
            "{other:?}"
        );
    }
}
