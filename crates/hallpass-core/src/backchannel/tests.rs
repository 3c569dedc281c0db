use hallpass_types::Bucket;

use super::*;
use crate::{
    client::{Client, ClientBackchannel},
    token::fixture::{NOW, params, web},
};

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

fn client(mode: DeliveryMode) -> Client {
    Client {
        backchannel: ClientBackchannel {
            mode,
            ..ClientBackchannel::default()
        },
        ..web()
    }
}

fn read(mode: DeliveryMode, changes: &[(&str, &str)]) -> Result<Request, Reason> {
    let mut sent = vec![("scope", "openid email"), ("login_hint", "alice")];
    for (name, value) in changes {
        sent.retain(|(n, _)| n != name || *n == "acr_values");
        if !value.is_empty() {
            sent.push((name, value));
        }
    }
    Request::read(&params(&sent), &client(mode))
}

fn refused(changes: &[(&str, &str)]) -> Reason {
    read(DeliveryMode::Poll, changes).unwrap_err()
}

#[test]
fn exactly_one_hint_says_who_is_meant() {
    // CB-01
    //= test CIBA#7.1 exactly one of the hints is there
    assert_eq!(refused(&[("login_hint", "")]), Reason::HintMissing);
    for more in [
        &[("id_token_hint", "x")][..],
        &[("login_hint_token", "x")],
        &[("login_hint_token", "x"), ("id_token_hint", "x")],
    ] {
        assert_eq!(refused(more), Reason::HintsSeveral, "{more:?}");
    }
    for (name, hint) in [
        ("login_hint_token", Hint::LoginToken("x".to_owned())),
        ("id_token_hint", Hint::IdToken("x".to_owned())),
    ] {
        let request = read(DeliveryMode::Poll, &[("login_hint", ""), (name, "x")]).unwrap();
        assert_eq!(request.hint, hint);
    }
}

#[test]
fn a_message_is_short_and_plain_or_refused() {
    // CB-04
    //= test CIBA#7.1 binding_message is short and of plain text
    for good in [
        "1234",
        "W4SCT",
        "Pay 12.50 EUR to shop #7?",
        &"a".repeat(64),
    ] {
        let request = read(DeliveryMode::Poll, &[("binding_message", good)]).unwrap();
        assert_eq!(request.binding_message.as_deref(), Some(good));
    }
    for bad in [
        "1234 \u{1f44d}\u{1f3ff} \u{54c1}\u{5ddd} Lor",
        "<script>alert(1)</script>",
        "a\nb",
        "a\tb",
        "\u{202e}abc",
        "http://evil.test",
        "a&b",
        "\"a\"",
        " ",
        "...",
        &"a".repeat(65),
        &"a".repeat(10_000),
    ] {
        let reason = refused(&[("binding_message", bad)]);
        assert_eq!(reason, Reason::BindingMessageMalformed, "{bad:.20}");
    }
}

#[test]
fn a_client_that_is_told_carries_a_token_for_it() {
    //= test CIBA#7.1 a client that is told carries a token for it
    //= test CIBA#7.1 client_notification_token has the syntax of a bearer token and at most 1024 characters
    for mode in [DeliveryMode::Ping, DeliveryMode::Push] {
        let missing = read(mode, &[]).unwrap_err();
        assert_eq!(missing, Reason::NotificationTokenMissing);
        let request = read(mode, &[("client_notification_token", TOKEN)]).unwrap();
        assert_eq!(request.notification_token.unwrap().expose(), TOKEN);
        let odd = [
            "short",
            "with space 0123456789012345",
            "semi;colon-0123456789012345",
            "line\nfeed-0123456789012345",
            "caf\u{e9}-01234567890123456789",
            "======================",
            &"a".repeat(1025),
        ];
        for bad in odd {
            let reason = read(mode, &[("client_notification_token", bad)]).unwrap_err();
            assert_eq!(reason, Reason::NotificationTokenMalformed, "{bad:.20}");
        }
    }
    let request = read(DeliveryMode::Poll, &[("client_notification_token", TOKEN)]).unwrap();
    assert!(request.notification_token.is_none(), "nobody is told");
}

#[test]
fn a_client_may_wait_for_less_but_never_for_longer() {
    //= test CIBA#7.1 requested_expiry is a positive integer
    let lifetime = |text: &str| {
        read(DeliveryMode::Poll, &[("requested_expiry", text)]).map(|request| request.lifetime(600))
    };
    assert_eq!(lifetime("10"), Ok(10));
    assert_eq!(lifetime("86400"), Ok(600));
    assert_eq!(read(DeliveryMode::Poll, &[]).unwrap().lifetime(600), 600);
    for bad in [
        "0",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "ten",
        " 5",
        "9999999999999999999",
    ] {
        assert_eq!(
            lifetime(bad).unwrap_err(),
            Reason::RequestedExpiryMalformed,
            "{bad}"
        );
    }
}

#[test]
fn scope_holds_openid_and_nothing_stands_twice() {
    //= test CIBA#7.1 scope holds openid
    for scope in ["", "email", "openidx", "OPENID"] {
        assert_eq!(refused(&[("scope", scope)]), Reason::ScopeWithoutOpenid);
    }
    let twice = params(&[
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("login_hint", "bob"),
    ]);
    let reason = Request::read(&twice, &client(DeliveryMode::Poll)).unwrap_err();
    assert_eq!(reason, Reason::ParameterRepeated);
}

#[test]
fn nothing_secret_is_printed() {
    let changes = [
        ("client_notification_token", TOKEN),
        ("user_code", "s3cr3t"),
    ];
    let printed = format!("{:?}", read(DeliveryMode::Ping, &changes).unwrap());
    for part in [TOKEN, "s3cr3t", "alice"] {
        assert!(!printed.contains(part), "{printed}");
    }
}

#[test]
fn an_inbox_forgets_what_is_over_but_not_at_once() {
    // CB-09
    let entry = |at: i64, lifetime: i64| InboxEntry {
        key: Key::from_parts(Bucket(1), [at as u8; 32]),
        at: NOW.plus(at),
        expires_at: NOW.plus(at + lifetime),
    };
    let inbox = InboxRecord {
        entries: vec![entry(-700, 600), entry(-50, 1), entry(-100, 600)],
    };
    let next = inbox.with(entry(0, 600), NOW);
    assert_eq!(
        next.entries,
        [entry(-50, 1), entry(-100, 600), entry(0, 600)]
    );
    assert!(!entry(-60, 1).counts(NOW));
}

#[test]
fn the_answer_says_how_to_go_on() {
    //= test CIBA#7.3 auth_req_id and expires_in are there
    let answer = |interval| Acknowledgement {
        auth_req_id: "hpb_x".to_owned(),
        expires_in: 120,
        interval,
    };
    let body: serde_json::Value = serde_json::from_str(&answer(Some(5)).to_json()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"auth_req_id": "hpb_x", "expires_in": 120, "interval": 5})
    );
    assert!(!answer(None).to_json().contains("interval"));
    assert!(!format!("{:?}", answer(None)).contains("hpb_x"));
}
