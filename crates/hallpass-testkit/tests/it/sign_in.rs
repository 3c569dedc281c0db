//! The sign-in page.

use hallpass_accounts::throttle::Limits;
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, fixture, html, wire};
use hallpass_types::Secret;
use tokio::task::JoinSet;

/// A browser on the sign-in page of a request of the client `first`: its path, and what it shows.
async fn at_sign_in(op: &Op) -> (Browser, String, String) {
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let target = answer
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let page = browser.get(&target).await;
    assert_eq!(page.status, 200);
    (browser, target, page.text())
}

async fn try_password(browser: &mut Browser, target: &str, name: &str, password: &str) -> Answer {
    let ask = Ask::form(target, &[("username", name), ("password", password)])
        .header("Origin", fixture::ISSUER)
        .header("Sec-Fetch-Site", "same-origin");
    browser.send(ask).await
}

/// The page without what is another for every page.
fn without_challenge(page: &str) -> String {
    let (before, rest) = page.split_once("challenge&quot;:&quot;").unwrap();
    let (_, after) = rest.split_once("&quot;").unwrap();
    format!("{before}{after}")
}

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

#[track_caller]
fn assert_stays(answer: &Answer, browser: &Browser, what: &str) {
    assert!(!is_signed_in(answer), "{what}");
    assert_eq!(browser.cookie("session"), None, "{what}");
}

// LG-05, S19
#[tokio::test]
async fn s19_an_unknown_a_disabled_and_a_known_person_get_the_same_page() {
    let op = Op::start().await;
    let mut pages = Vec::new();
    for name in ["alice", "carol", "nobody", "dave", "client:web"] {
        let (mut browser, target, _) = at_sign_in(&op).await;
        let password = if name == "carol" {
            fixture::password("carol")
        } else {
            "wrong password"
        };
        let mut answer = try_password(&mut browser, &target, name, password).await;
        assert_stays(&answer, &browser, name);
        let handle = target.split_once("handle=").unwrap().1;
        let page = without_challenge(&answer.text())
            .replace(handle, "HANDLE")
            .replace(name, "NAME");
        answer
            .headers
            .retain(|(n, _)| n != "date" && n != "content-length");
        pages.push((answer.status, answer.headers, page));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
}

// LG-01, S21
#[tokio::test]
async fn s21_after_ten_wrong_passwords_the_right_one_waits_too() {
    let op = Op::start().await;
    let (mut browser, target, _) = at_sign_in(&op).await;
    for number in 0..200 {
        let answer = try_password(
            &mut browser,
            &target,
            "alice",
            &format!("wrong password {number}"),
        )
        .await;
        assert_eq!(
            answer.status,
            if number < 10 { 200 } else { 429 },
            "{number}"
        );
        assert_stays(&answer, &browser, "wrong");
    }
    let right = try_password(&mut browser, &target, "alice", fixture::password("alice")).await;
    assert_eq!(right.status, 429);
    let wait: u32 = right.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    // The lock does not tell whether there is such a person.
    let (mut other, target, _) = at_sign_in(&op).await;
    for number in 0..11 {
        let answer = try_password(&mut other, &target, "nobody", "wrong password").await;
        assert_eq!(
            answer.status,
            if number < 10 { 200 } else { 429 },
            "{number}"
        );
    }
    op.clock.advance(900);
    let (mut browser, target, _) = at_sign_in(&op).await;
    let answer = try_password(&mut browser, &target, "alice", fixture::password("alice")).await;
    assert!(is_signed_in(&answer), "{}", answer.status);
}

// LG-01
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_tries_at_once_are_ten_tries() {
    let op = Op::start().await;
    let (browser, target, _) = at_sign_in(&op).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (mut browser, target) = (browser.clone(), target.clone());
        tasks.spawn(async move {
            let right = number == 150;
            let password = if right {
                fixture::password("alice")
            } else {
                "wrong password"
            };
            (
                right,
                try_password(&mut browser, &target, "alice", password).await,
            )
        });
    }
    let answers = tasks.join_all().await;
    let looked_at = answers
        .iter()
        .filter(|(right, a)| !right && a.status == 200)
        .count();
    assert!(looked_at <= 10, "{looked_at} were looked at");
    assert!(answers.iter().filter(|(_, a)| a.status == 429).count() >= 189);
    for (right, answer) in &answers {
        assert!(*right || !is_signed_in(answer));
    }
}

// LG-03
#[tokio::test]
async fn one_password_for_a_thousand_names_is_stopped_by_the_network_it_comes_from() {
    let op = Setup::default()
        .limits(Limits {
            per_network: 30,
            ..Limits::default()
        })
        .start()
        .await;
    let (mut browser, target, _) = at_sign_in(&op).await;
    let mut refused = 0;
    for number in 0..60 {
        let address = format!("203.0.113.{number}");
        let ask = Ask::form(
            &target,
            &[
                ("username", &format!("person{number}")),
                ("password", "password1"),
            ],
        )
        .header("Origin", fixture::ISSUER)
        .header("X-Forwarded-For", &address)
        .header("X-Real-IP", &address)
        .header("Forwarded", &format!("for={address}"));
        refused += usize::from(browser.send(ask).await.status == 429);
    }
    assert_eq!(refused, 30);
}

// LG-04
#[tokio::test]
async fn whoever_locks_a_person_out_does_not_end_their_session() {
    let op = Op::start().await;
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    let (mut attacker, target, _) = at_sign_in(&op).await;
    for _ in 0..20 {
        try_password(&mut attacker, &target, "alice", "wrong password").await;
    }
    let answer = alice
        .send(Request::of("first", "openid").with("prompt", "none").get())
        .await;
    assert!(is_signed_in(&answer));
}

/// The right password of somebody on a page of this browser's own.
async fn try_right(browser: &mut Browser, name: &str) -> Answer {
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let target = answer.location().strip_prefix(fixture::ISSUER).unwrap();
    let target = target.to_owned();
    let password = fixture::password(name).to_owned();
    try_password(browser, &target, name, &password).await
}

// LG-04, LG-32
#[tokio::test]
async fn people_sign_in_where_they_did_before_however_much_strangers_guess() {
    let op = Op::start().await;
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    let known = alice.cookie("known").unwrap().to_owned();
    let guess = async |name: &str| {
        let (mut attacker, target, _) = at_sign_in(&op).await;
        for _ in 0..12 {
            try_password(&mut attacker, &target, name, "wrong password").await;
        }
        let right = fixture::password(name).to_owned();
        let answer = try_password(&mut attacker, &target, name, &right).await;
        assert_eq!(answer.status, 429, "{name}");
    };
    guess("alice").await;
    guess("bob").await;
    alice.drop_cookie("session");
    assert!(is_signed_in(&try_right(&mut alice, "alice").await));
    assert_ne!(alice.cookie("known"), Some(known.as_str()));

    // It opens nothing by itself, and is for one account.
    let with = |cookie: &str| {
        let mut browser = op.browser();
        browser.set_cookie("__Host-hallpass_known", cookie);
        browser
    };
    let silent = Request::of("first", "openid").with("prompt", "none").get();
    assert!(!is_signed_in(&with(&known).send(silent).await));
    assert_eq!(try_right(&mut with(&known), "bob").await.status, 429);
    let mut flipped = known.clone().into_bytes();
    flipped[20] ^= 1;
    let flipped = String::from_utf8_lossy(&flipped).into_owned();
    for odd in ["", "x", &flipped, &known[1..], &"A".repeat(4000)] {
        assert_eq!(try_right(&mut with(odd), "alice").await.status, 429);
    }
    // Wrong passwords in it are counted, and take nothing from another browser of the same person.
    let mut other = alice.clone();
    other.drop_cookie("session");
    let mut thief = with(&known);
    let answer = thief.send(Request::of("first", "openid").get()).await;
    let target = answer.location().strip_prefix(fixture::ISSUER).unwrap();
    let target = target.to_owned();
    for _ in 0..12 {
        try_password(&mut thief, &target, "alice", "wrong password").await;
    }
    assert_eq!(try_right(&mut thief, "alice").await.status, 429);
    assert!(is_signed_in(&try_right(&mut other, "alice").await));
    // It is over after a while.
    let late = alice.cookie("known").unwrap().to_owned();
    op.clock.advance(90 * 86_400);
    guess("alice").await;
    assert_eq!(try_right(&mut with(&late), "alice").await.status, 429);
}

// LG-32
#[tokio::test]
async fn a_browser_is_not_known_any_more_when_the_password_has_changed_elsewhere() {
    let op = Op::start().await;
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    let password = Secret::new("another pass phrase of hers".to_owned());
    let issuer = op.provider.issuer_id();
    let changed = op
        .accounts
        .set_password(issuer, op.subject("alice"), &password);
    changed.await.unwrap();
    let (mut attacker, target, _) = at_sign_in(&op).await;
    for _ in 0..12 {
        try_password(&mut attacker, &target, "alice", "wrong password").await;
    }
    alice.drop_cookie("session");
    assert_eq!(try_right(&mut alice, "alice").await.status, 429);
}

// LG-04
#[tokio::test]
async fn where_no_browser_is_known_none_is_told_from_others() {
    let op = Op::with(|policy| policy.sign_in.known_browser = 0).await;
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    assert_eq!(alice.cookie("known"), None);
}

// LG-07
#[tokio::test]
async fn every_sign_in_makes_a_new_session_and_ends_the_old_one() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let first = browser.cookie("session").unwrap().to_owned();
    let again = Request::of("first", "openid").with("prompt", "login");
    browser.code("alice", &again).await;
    let second = browser.cookie("session").unwrap().to_owned();
    assert_ne!(first, second);
    for (session, alive) in [(&first, false), (&second, true)] {
        let mut thief = op.browser();
        thief.set_cookie("__Host-hallpass_session", session);
        let answer = thief
            .send(Request::of("first", "openid").with("prompt", "none").get())
            .await;
        assert_eq!(is_signed_in(&answer), alive);
    }
    // A session that somebody chose for the browser is none afterwards either.
    let chosen = format!("hps_{}", "A".repeat(43));
    for planted in ["x", &chosen, &first] {
        let mut victim = op.browser();
        victim.set_cookie("__Host-hallpass_session", planted);
        victim.sign_in("alice").await;
        assert_ne!(victim.cookie("session"), Some(planted));
        let mut thief = op.browser();
        thief.set_cookie("__Host-hallpass_session", planted);
        let answer = thief
            .send(Request::of("first", "openid").with("prompt", "none").get())
            .await;
        assert!(!is_signed_in(&answer), "{planted}");
    }
}

// LG-09
#[tokio::test]
async fn cookies_that_are_not_ours_count_as_none() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let good = browser.cookie("session").unwrap().to_owned();
    let name = "__Host-hallpass_session";
    let mut flipped = good.clone().into_bytes();
    flipped[10] ^= 1;
    let flipped = String::from_utf8_lossy(&flipped).into_owned();
    for cookies in [
        format!("{name}={good}; {name}={good}"),
        format!("{name}={good}; {name}=x"),
        format!("{name}=x; {name}={good}"),
        format!("{name}={flipped}"),
        format!("{name}={}", "A".repeat(8_000)),
        format!("{name}="),
        name.to_owned(),
        format!("{name}=\u{e9}"),
        format!("hallpass_session={good}"),
        format!("__host-hallpass_session={good}"),
        format!("{name}=\"{good}\""),
        format!("{name}={good}x"),
        format!("a={name}={good}"),
        ";;;=;=x;".to_owned(),
    ] {
        let mut nobody = op.browser();
        let ask = Request::of("first", "openid")
            .with("prompt", "none")
            .get()
            .header("Cookie", &cookies);
        let answer = nobody.send(ask).await;
        assert!(!is_signed_in(&answer), "{cookies:.60}");
        assert_eq!(answer.error(), "login_required", "{cookies:.60}");
    }
}

// LG-08: what oracle::check demands of every cookie, and that there are three of them
#[tokio::test]
async fn three_cookies_and_no_more() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let mut names: Vec<&str> = browser.cookies().iter().map(|(n, _)| n.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "__Host-hallpass_browser",
            "__Host-hallpass_known",
            "__Host-hallpass_session"
        ]
    );
}

// LG-10
#[tokio::test]
async fn a_form_that_our_page_did_not_send_signs_nobody_in() {
    let op = Op::start().await;
    let right = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let body = wire::encode(&right);
    let (browser, target, _) = at_sign_in(&op).await;
    let from = |site: &str, origin: &str| {
        Ask::form(&target, &right)
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin)
    };
    for ask in [
        from("cross-site", "https://evil.test"),
        from("cross-site", fixture::ISSUER),
        from("same-site", "https://sub.op.test"),
        from("same-origin", "https://evil.test"),
        from("same-origin", "null"),
        from("same-origin", "http://op.test"),
        from("same-origin", "https://op.test:444"),
        Ask::form(&target, &right).header("Origin", "https://evil.test"),
        Ask::form(&target, &right)
            .header("Origin", fixture::ISSUER)
            .header("Origin", "https://evil.test"),
        Ask::post(&target, "text/plain", body.clone()),
        Ask::post(
            &target,
            "application/json",
            r#"{"username":"alice","password":"x"}"#,
        ),
        Ask::post(&target, "multipart/form-data; boundary=x", body.clone()),
        // LG-11
        Ask::get(&format!("{target}&{body}")),
        Ask::form(&format!("{target}&{body}"), &[]),
        Ask::form("/sign-in", &right),
        Ask::form("/sign-in?handle=", &right),
        Ask::form("/sign-in?handle=AAAA", &right),
        Ask::form(
            &format!("{target}&{}", target.split_once('?').unwrap().1),
            &right,
        ),
        Ask::form(&target, &[right[0], right[1], right[1]]),
        Ask::form(&target, &[right[0], right[0], right[1]]),
        Ask::form(&target, &right).method("PUT"),
    ] {
        let shown = format!("{} {:?}", ask.method, ask.headers);
        let mut browser = browser.clone();
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 200 | 400 | 403 | 405 | 415),
            "{shown}: {}",
            answer.status
        );
        assert_stays(&answer, &browser, &shown);
    }
    // The page of one browser in another.
    let mut other = op.browser();
    let answer = try_password(&mut other, &target, "alice", fixture::password("alice")).await;
    assert_eq!(answer.status, 403);
    assert_stays(&answer, &other, "without the cookie");
    let (mut third, _, _) = at_sign_in(&op).await;
    let answer = try_password(&mut third, &target, "alice", fixture::password("alice")).await;
    assert_stays(&answer, &third, "with the cookie of another request");
}

// LG-14
#[tokio::test]
async fn a_password_counts_to_its_last_byte() {
    let op = Op::start().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let twin = long(72);
    let composed = "passw\u{f6}rd with an umlaut";
    let decomposed = "passwo\u{308}rd with an umlaut";
    #[rustfmt::skip]
    let cases: Vec<(String, Vec<String>)> = vec![
        (long(64), vec![long(63), long(65)]), (long(128), vec![long(127), long(129)]),
        (format!("{twin}x"), vec![format!("{twin}y"), twin.clone()]), (" both ends ".to_owned(), vec!["both ends".to_owned(), " both ends".to_owned()]),
        (composed.to_owned(), vec!["password with an umlaut".to_owned()]), ("Case Matters".to_owned(), vec!["case matters".to_owned()]),
        ("\u{1f600}\u{1f603}\u{1f601}\u{1f606}\u{1f600}\u{1f605}\u{1f602}\u{1f600}".to_owned(), vec!["????????".to_owned()]),
        ("100% + & = ; \"'<>".to_owned(), vec!["100%".to_owned()]), (long(1024), vec![long(1023)]),
    ];
    for (password, others) in cases {
        op.accounts
            .set_password(issuer, &alice, &Secret::new(password.clone()))
            .await
            .unwrap();
        for wrong in others {
            let (mut browser, target, _) = at_sign_in(&op).await;
            let answer = try_password(&mut browser, &target, "alice", &wrong).await;
            assert_stays(&answer, &browser, &wrong);
        }
        let (mut browser, target, _) = at_sign_in(&op).await;
        let answer = try_password(&mut browser, &target, "alice", &password).await;
        assert!(is_signed_in(&answer), "{password:.20}");
        op.clock.advance(1_000);
    }
    let (mut browser, target, _) = at_sign_in(&op).await;
    for (password, status) in [
        ("y".repeat(1025), 200),
        ("z".repeat(50_000), 200),
        ("z".repeat(1_000_000), 413),
        ("a\0b".to_owned(), 400),
    ] {
        let answer = try_password(&mut browser, &target, "alice", &password).await;
        assert_eq!(answer.status, status, "{}", password.len());
        assert_stays(&answer, &browser, "odd");
    }
    let same = composed == decomposed;
    assert!(!same);
}

/// So many bytes that nobody guesses.
fn long(bytes: usize) -> String {
    let words: Vec<String> = (1..bytes)
        .map(|n| n.saturating_mul(n).to_string())
        .collect();
    words.concat().chars().take(bytes).collect()
}

// LG-12, LG-13
#[tokio::test]
async fn pages_allow_no_script_and_nothing_from_elsewhere() {
    let op = Op::start().await;
    let (mut browser, _, page) = at_sign_in(&op).await;
    let mut pages = vec![page];
    for path in [
        "/",
        "/nowhere",
        "/signed-out",
        "/authorize",
        "/consent",
        "/logout",
    ] {
        let answer = browser.get(path).await;
        let policy = answer
            .header("content-security-policy")
            .unwrap_or_default()
            .to_owned();
        let answer = if answer.status == 303 {
            browser.follow(&answer).await
        } else {
            answer
        };
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        for loose in ["unsafe-inline", "unsafe-eval", "*", "https: ", "http:"] {
            assert!(!policy.contains(loose), "{path}: {policy}");
        }
        pages.push(answer.text());
    }
    for page in pages {
        for tag in html::tags(&page) {
            let inline = tag.name == "script" && tag.get("src").is_none();
            assert!(!inline && tag.name != "style", "{tag:?}");
            for name in ["src", "href"] {
                let own = tag.get(name).is_none_or(|v| {
                    v.starts_with('/') || v.starts_with('#') || v.starts_with(fixture::ISSUER)
                });
                assert!(own || tag.name == "a", "{tag:?}");
            }
        }
    }
}

// LG-29
#[tokio::test]
async fn a_session_ends_on_the_servers_side() {
    let op = Op::with(|policy| policy.lifetimes.session = 1_000).await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let silent = Request::of("first", "openid").with("prompt", "none");
    op.clock.advance(999);
    assert!(is_signed_in(&browser.send(silent.get()).await));
    op.clock.advance(1);
    let answer = browser.send(silent.get()).await;
    assert_eq!(answer.error(), "login_required");
}

// LG-31
#[tokio::test]
async fn a_session_ends_with_its_account_and_with_its_password() {
    let op = Op::start().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let silent = Request::of("first", "openid").with("prompt", "none");
    let password = Secret::new(fixture::password("alice").to_owned());
    for what in ["password", "disabled"] {
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        let (mut waiting, target, _) = at_sign_in(&op).await;
        if what == "password" {
            op.accounts
                .set_password(issuer, &alice, &password)
                .await
                .unwrap();
        } else {
            op.accounts
                .set_disabled(issuer, &alice, true)
                .await
                .unwrap();
            let answer =
                try_password(&mut waiting, &target, "alice", fixture::password("alice")).await;
            assert_stays(&answer, &waiting, "disabled");
        }
        assert_eq!(
            browser.send(silent.get()).await.error(),
            "login_required",
            "{what}"
        );
        op.accounts
            .set_disabled(issuer, &alice, false)
            .await
            .unwrap();
        assert_eq!(
            browser.send(silent.get()).await.error(),
            "login_required",
            "{what}, enabled again"
        );
    }
}

// LG-27, LO-13
#[tokio::test]
async fn no_parameter_leads_away_from_here() {
    //= test RFC9700#4.12 after credentials were posted, the redirect turns into a GET without them
    let op = Op::start().await;
    let (mut browser, target, _) = at_sign_in(&op).await;
    for place in [
        "//evil.test",
        "/\\evil.test",
        "/%5cevil.test",
        "/%09/evil.test",
        "https:evil.test",
        "\\\\evil.test",
        "/@evil.test",
        "https://evil.test",
    ] {
        for name in [
            "return_to",
            "next",
            "continue",
            "rd",
            "redirect",
            "url",
            "target",
            "redirect_uri",
        ] {
            let extra = wire::encode(&[(name, place)]);
            let right = [
                ("username", "alice"),
                ("password", fixture::password("alice")),
                (name, place),
            ];
            for ask in [
                Ask::get(&format!("{target}&{extra}")),
                Ask::form(&format!("{target}&{extra}"), &right),
            ] {
                let answer = browser.clone().send(ask).await;
                assert!(
                    !answer
                        .header("location")
                        .unwrap_or_default()
                        .contains("evil"),
                    "{name}={place}"
                );
                assert!(!answer.text().contains("evil.test"), "{name}={place}");
            }
        }
    }
    // AZ-38
    let answer = try_password(&mut browser, &target, "alice", fixture::password("alice")).await;
    assert_eq!(answer.status, 303);
}

// HT-10, G5: whatever stands in the fields; UP-20: what would mean something to a directory means nothing here
#[tokio::test]
async fn odd_names_and_passwords_are_wrong_and_nothing_else() {
    let op = Setup::default()
        .limits(Limits {
            per_network: 10_000,
            per_account: 10_000,
            ..Limits::default()
        })
        .start()
        .await;
    let (mut browser, target, _) = at_sign_in(&op).await;
    let long = "a".repeat(30_000);
    for text in [
        "",
        " ",
        "'",
        "\"",
        "' OR 1=1--",
        "*",
        "*)(uid=*",
        "alice)(|(uid=*",
        "alice*",
        "cn=alice,dc=test",
        "ldap://evil.test/",
        "\u{202e}",
        "\u{feff}",
        "\u{fffe}",
        "\u{1f600}",
        "a\nb",
        "a\r\nSet-Cookie: x=y",
        "../../x",
        "${7*7}",
        "{{7*7}}",
        "%00",
        "%s%n",
        &long,
        fixture::MARKER,
    ] {
        for (name, password) in [(text, "x"), ("alice", text), (text, text)] {
            let answer = try_password(&mut browser, &target, name, password).await;
            assert!(
                matches!(answer.status, 200 | 429),
                "{text:.20}: {}",
                answer.status
            );
            assert_stays(&answer, &browser, "odd");
        }
    }
    for tail in ["%00", "%ff", "%c0%ae", "%ed%a0%80", "%", "%zz"] {
        let body = format!("username=alice{tail}&password=x");
        let answer = browser
            .send(Ask::post(
                &target,
                "application/x-www-form-urlencoded",
                body,
            ))
            .await;
        assert_eq!(answer.status, 400, "{tail}");
    }
}

// UP-20: no directory is behind a sign-in, and what one would understand means nothing
#[tokio::test]
async fn what_a_directory_would_understand_opens_nothing() {
    let op = Op::start().await;
    let right = fixture::password("alice");
    for (name, password) in [
        ("alice", ""),
        ("*", ""),
        ("*", "*"),
        ("*)(uid=*", right),
        ("alice)(|(uid=*", right),
        ("ali*", right),
        ("uid=alice,dc=example,dc=test", right),
        ("alice\\2a", right),
        ("alice@", right),
    ] {
        let (mut browser, target, _) = at_sign_in(&op).await;
        let answer = try_password(&mut browser, &target, name, password).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.text().contains("data-error=\"refused\""), "{name}");
        assert_eq!(browser.cookie("session"), None, "{name}");
    }
}
