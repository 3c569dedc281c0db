use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn webhook(events: &[&str]) -> Webhook {
    Webhook {
        url: "https://rp.test/hook".to_owned(),
        description: None,
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        secret: b"sealed".to_vec(),
        previous: None,
        off: None,
        failing_since: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

//= test STANDARD-WEBHOOKS#signature what is signed is the identifier, the moment of the attempt and the body, with full stops between them
#[test]
fn the_signature_is_that_of_an_independent_computation() {
    // printf 'msg_1.1674087231.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef01234567 -binary | base64
    let key = b"0123456789abcdef01234567".as_slice();
    let made = signature([key], "msg_1", Timestamp(1_674_087_231), r#"{"a":1}"#);
    assert_eq!(made, "v1,8zQW9pUHrc0r3jrwYyOkMS/kFOAuZlkJutZDyKI/JEg=");
    let both = signature(
        [key, b"other"],
        "msg_1",
        Timestamp(1_674_087_231),
        r#"{"a":1}"#,
    );
    assert!(both.starts_with(&format!("{made} v1,")), "{both}");
    for other in [
        signature([key], "msg_2", Timestamp(1_674_087_231), r#"{"a":1}"#),
        signature([key], "msg_1", Timestamp(1_674_087_232), r#"{"a":1}"#),
        signature([key], "msg_1", Timestamp(1_674_087_231), r#"{"a":2}"#),
    ] {
        assert_ne!(other, made);
    }
    assert_eq!(written(key), "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
}

#[test]
fn patterns_take_in_what_they_say_and_nothing_else() {
    assert!(webhook(&["*"]).wants("clients.create"));
    assert!(webhook(&["clients.*"]).wants("clients.create"));
    assert!(webhook(&["users.create", "clients.create"]).wants("clients.create"));
    assert!(!webhook(&["clients.*"]).wants("clients"));
    assert!(!webhook(&["clients.*"]).wants("clients_of.create"));
    assert!(!webhook(&["clients.create"]).wants("clients.create.more"));
    assert!(!webhook(&["cl*"]).wants("clients.create"));
    assert!(!webhook(&[]).wants("clients.create"));
    let mut off = webhook(&["*"]);
    off.off = Some(Off::ByOperator);
    assert!(!off.wants("clients.create"));
}

#[test]
fn only_names_of_events_are_patterns() {
    for good in ["*", "clients.*", "account.signed_in", "a.b2.*"] {
        assert!(is_pattern(good), "{good}");
    }
    let long = "a".repeat(101);
    for bad in [
        "", ".", "a.", ".a", "a..b", "A", "a*", "a.*.b", "**", "a b", "é", &long,
    ] {
        assert!(!is_pattern(bad), "{bad}");
    }
}

// AD-14
#[test]
fn requests_go_to_https_or_to_this_machine() {
    for good in [
        "https://rp.test/hook?x=1",
        "https://rp.test:8443/",
        "http://localhost:3000/",
        "http://127.0.0.1/x",
        "http://[::1]/x",
    ] {
        assert!(is_address(good), "{good}");
    }
    for bad in [
        "",
        "rp.test",
        "http://rp.test/",
        "ftp://rp.test/",
        "file:///etc/passwd",
        "https://user@rp.test/",
        "https://user:pass@rp.test/",
        "https://rp.test/#f",
        "https://rp.test/a b",
        "https://rp.test/\n",
        "http://localhost.rp.test/",
        "data:text/plain,x",
    ] {
        assert!(!is_address(bad), "{bad}");
    }
}

//= test STANDARD-WEBHOOKS#delivery only a status of the 200 range means that it was taken
//= test STANDARD-WEBHOOKS#delivery whoever answers 410 is not told anything any more
#[test]
fn statuses_mean_what_they_mean() {
    for status in [200, 204, 299] {
        assert_eq!(Answer::of(Some(status)), Answer::Taken);
    }
    for status in [100, 199, 300, 302, 400, 404, 409, 411, 429, 500, 503] {
        assert_eq!(Answer::of(Some(status)), Answer::Missed, "{status}");
    }
    assert_eq!(Answer::of(None), Answer::Missed);
    assert_eq!(Answer::of(Some(410)), Answer::Gone);
    assert_eq!(after(Answer::Gone, 1), MessageState::Failed);
    let gone = health(&webhook(&["*"]), Answer::Gone, NOW).unwrap();
    assert_eq!(gone.off, Some(Off::Gone));
}

#[test]
fn a_message_is_tried_ten_times_in_three_days_and_then_given_up() {
    let mut at = NOW;
    for attempt in 1..MOST_ATTEMPTS {
        assert_eq!(after(Answer::Missed, attempt), MessageState::Waiting);
        let next = next_attempt(attempt, at);
        assert!(next.0 - at.0 >= 20, "{attempt}");
        at = next;
    }
    assert_eq!(after(Answer::Missed, MOST_ATTEMPTS), MessageState::Failed);
    let days = (at.0 - NOW.0) / 86_400;
    assert_eq!(days, 3);
    assert!(at.0 - NOW.0 < GIVEN_UP_AFTER);
    assert_eq!(after(Answer::Taken, MOST_ATTEMPTS), MessageState::Delivered);
}

#[test]
fn whoever_takes_nothing_for_five_days_is_switched_off_and_one_success_begins_anew() {
    let first = health(&webhook(&["*"]), Answer::Missed, NOW).unwrap();
    assert_eq!((first.off, first.failing_since), (None, Some(NOW)));
    assert_eq!(health(&first, Answer::Missed, NOW.plus(PATIENCE - 1)), None);
    let off = health(&first, Answer::Missed, NOW.plus(PATIENCE)).unwrap();
    assert_eq!(off.off, Some(Off::Failing));
    let well = health(&first, Answer::Taken, NOW.plus(5)).unwrap();
    assert_eq!(well.failing_since, None);
    assert_eq!(health(&well, Answer::Taken, NOW), None);
}

#[test]
fn moments_are_written_as_calendars_have_them() {
    for (at, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (1_800_000_000, "2027-01-15T08:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(moment(Timestamp(at)), text);
    }
}

#[test]
fn nothing_secret_is_printed() {
    let mut made = webhook(&["*"]);
    made.secret = b"zq".to_vec();
    made.previous = Some((b"zq".to_vec(), NOW));
    let printed = format!("{made:?}");
    assert!(!printed.contains("122, 113"), "{printed}");
}
