//! Finding the issuer of a person.

use hallpass_testkit::{Ask, Op, Setup};
use serde_json::json;

const REL: &str = "http://openid.net/specs/connect/1.0/issuer";

#[tokio::test]
async fn whoever_asks_about_somebody_here_is_told_the_issuer() {
    let op = Op::start().await;
    let mut browser = op.browser();
    // People who exist and people who do not look the same.
    for resource in [
        "acct:alice@op.test",
        "acct:nobody@op.test",
        "https://op.test/x",
    ] {
        let pairs = [("resource", resource), ("rel", REL)];
        let ask = Ask::query("/.well-known/webfinger", &pairs);
        let answer = browser.send(ask.header("Origin", "https://any.test")).await;
        assert_eq!(
            (answer.status, answer.media()),
            (200, "application/jrd+json")
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.json(),
            json!({"subject": resource, "links": [{"rel": REL, "href": "https://op.test"}]})
        );
    }
}

#[tokio::test]
async fn other_hosts_bad_requests_and_other_methods_get_no_answer() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (query, status) in [
        ("resource=acct:alice@evil.test", 404),
        ("resource=https://evil.test/", 404),
        ("", 400),
        ("rel=x", 400),
        ("resource=alice", 400),
        ("resource=acct:a@op.test&resource=acct:b@op.test", 400),
        ("resource=%FF", 400),
        ("resource=zq%22%27%3Csvg/onload=1%3E", 400),
    ] {
        let answer = browser
            .get(&format!("/.well-known/webfinger?{query}"))
            .await;
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(answer.media(), "application/json", "{query}");
    }
    let posted = Ask::form("/.well-known/webfinger?resource=acct:alice@op.test", &[]);
    assert_eq!(browser.send(posted).await.status, 405);
    for path in [
        "/.well-known/webfinger/",
        "/.well-known/WebFinger",
        "//.well-known/webfinger",
    ] {
        let answer = browser
            .get(&format!("{path}?resource=acct:alice@op.test"))
            .await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_operator_adds_hosts_or_switches_it_off() {
    let hosts = |policy: &mut hallpass_core::policy::Policy| {
        policy.webfinger.hosts = vec!["example.test".to_owned()];
    };
    let op = Setup::default().policy(hosts).start().await;
    let target = "/.well-known/webfinger?resource=acct:alice@example.test";
    assert_eq!(op.browser().get(target).await.status, 200);
    let op = Op::with(|policy| policy.webfinger.enabled = false).await;
    let target = "/.well-known/webfinger?resource=acct:alice@op.test";
    assert_eq!(op.browser().get(target).await.status, 404);
}
