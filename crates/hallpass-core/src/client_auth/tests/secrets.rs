use hallpass_types::Timestamp;

use super::*;

fn with_secret(secret: &str) -> Arc<Client> {
    let mut client = Arc::unwrap_or_clone(client("client_secret_basic"));
    client.secret = Some(crate::client::ClientSecret {
        digest: fixtures::digest(secret),
        plain: None,
        expires_at: None,
    });
    Arc::new(client)
}

fn by_header(header: &str, client: &Arc<Client>) -> Result<(), Reason> {
    let params = Params::default();
    decide(
        &Presented::read(&ClientRequest::new(&params, Some(header)))?,
        Some(client),
    )
    .map(drop)
}

#[test]
fn the_registered_method_is_the_only_one() {
    //= test RFC6749#2.3 the server accepts the method that suits its requirements; here, the registered one alone
    //= test RFC6749#5.2 a client that used the Authorization header gets a challenge for its scheme
    let header = basic("rp", SECRET);
    let none = Params::default();
    let in_header = Presented::read(&ClientRequest::new(&none, Some(&header))).unwrap();
    assert!(in_header.used_header());
    assert_eq!(in_header.client_id().as_str(), "rp");
    let body = params(&[("client_id", "rp"), ("client_secret", SECRET)]);
    let in_body = Presented::read(&ClientRequest::new(&body, None)).unwrap();
    for (method, header_works, body_works) in [
        ("client_secret_basic", true, false),
        ("client_secret_post", false, true),
        ("client_secret_jwt", false, false),
        ("none", false, false),
    ] {
        let client = client(method);
        for (presented, works) in [(&in_header, header_works), (&in_body, body_works)] {
            let decided = decide(presented, Some(&client));
            assert_eq!(decided.is_ok(), works, "{method}");
            match decided {
                Ok(decided) => {
                    assert_eq!(decided.client.method(), method);
                    assert!(decided.client.is_confidential() && decided.once.is_none());
                }
                Err(reason) => assert_eq!(reason, Reason::MethodNotRegistered),
            }
        }
    }
}

#[test]
fn only_the_whole_secret_works() {
    // TK-27
    let basic_client = client("client_secret_basic");
    let post = client("client_secret_post");
    let long = "a".repeat(1_000_000);
    let prefix = SECRET.strip_suffix('f').unwrap();
    let longer = format!("{SECRET}x");
    let nul = format!("{SECRET}\0");
    let space = format!("{SECRET} ");
    let upper = SECRET.to_uppercase();
    for wrong in [
        prefix,
        &longer,
        &nul,
        &space,
        &upper,
        &long,
        "x",
        "caf\u{E9}",
    ] {
        assert!(by_header(&basic("rp", wrong), &basic_client).is_err());
        let body = params(&[("client_id", "rp"), ("client_secret", wrong)]);
        let decided =
            Presented::read(&ClientRequest::new(&body, None)).and_then(|p| decide(&p, Some(&post)));
        let reason = decided.unwrap_err();
        assert!(matches!(reason, Reason::WrongSecret | Reason::Malformed));
    }
    assert_eq!(
        by_header(&basic("rp", ""), &basic_client),
        Err(Reason::Malformed)
    );
    // An empty parameter is an absent one.
    let body = params(&[("client_id", "rp"), ("client_secret", "")]);
    let presented = Presented::read(&ClientRequest::new(&body, None)).unwrap();
    assert_eq!(
        decide(&presented, Some(&post)).unwrap_err(),
        Reason::MethodNotRegistered
    );
}

#[test]
fn a_secret_ends_at_its_time() {
    //= test RFC7591#3.2.1 a secret does not work after client_secret_expires_at
    for (expires_at, outcome) in [
        (Some(NOW.plus(1)), Ok(())),
        (None, Ok(())),
        (Some(NOW), Err(Reason::SecretExpired)),
        (Some(NOW.plus(-1)), Err(Reason::SecretExpired)),
        (Some(Timestamp(1)), Err(Reason::SecretExpired)),
    ] {
        let mut client = Arc::unwrap_or_clone(client("client_secret_basic"));
        client.secret.as_mut().unwrap().expires_at = expires_at;
        assert_eq!(by_header(&basic("rp", SECRET), &Arc::new(client)), outcome);
    }
    // A wrong secret is wrong, whether or not the right one has ended.
    let mut client = Arc::unwrap_or_clone(client("client_secret_basic"));
    client.secret.as_mut().unwrap().expires_at = Some(NOW);
    assert_eq!(
        by_header(&basic("rp", "wrong"), &Arc::new(client)),
        Err(Reason::WrongSecret)
    );
}

#[test]
fn a_client_whose_secret_is_gone_is_refused() {
    let mut client = Arc::unwrap_or_clone(client("client_secret_basic"));
    client.secret = None;
    assert_eq!(
        by_header(&basic("rp", SECRET), &Arc::new(client)),
        Err(Reason::WrongSecret)
    );
}

#[test]
fn the_header_is_read_strictly() {
    //= test RFC9110#11.1 the name of an authentication scheme is compared without regard to case
    //= test RFC6749#A.2 a client secret consists of visible ASCII characters and spaces
    // TK-26
    let client = client("client_secret_basic");
    let good = basic("rp", SECRET);
    let credentials = good.strip_prefix("Basic ").unwrap();
    for scheme in ["basic", "BASIC", "BaSiC", "Basic "] {
        assert_eq!(
            by_header(&format!("{scheme} {credentials}"), &client),
            Ok(()),
            "{scheme}"
        );
    }
    let unpadded = credentials.trim_end_matches('=');
    assert_eq!(by_header(&format!("Basic {unpadded}"), &client), Ok(()));
    let encode = |bytes: &[u8]| format!("Basic {}", STANDARD.encode(bytes));
    let url_safe = "Basic cnA6_-_-_w==";
    for bad in [
        "Basic",
        "Basic ",
        "Basic  x",
        "Basic dGVzdA==!",
        "Basic cnA6eA=",
        "Basic cnA6eA===",
        "Basic cnA6eA== ",
        "Basic cnA6eB==",
        "Basic\tcnA6eA==",
        "Basiccm",
        url_safe,
        &encode(b"rp"),
        &encode(b""),
        &encode(b":"),
        &encode(b"rp:"),
        &encode(b":x"),
        &encode(b"rp\xFF:x"),
        &encode(b"rp:\xFF\xFE"),
        &encode(b"rp:a\0b"),
        &encode(b"rp:a%00b"),
        &encode(b"r\np:x"),
        &encode("r\u{E9}:x".as_bytes()),
        &encode(b"rp:\x7F"),
        &encode(&[b'a'; 1_000_000]),
        &format!("{good}\0"),
        &format!("{good}, {good}"),
    ] {
        let reason = by_header(bad, &client).unwrap_err();
        assert!(
            matches!(reason, Reason::Malformed | Reason::UnsupportedScheme),
            "{bad:.60} {reason:?}"
        );
        assert_eq!(reason.code(), ErrorCode::InvalidClient);
    }
    let zz = encode(b"rp:%zz");
    assert_eq!(by_header(&zz, &client), Err(Reason::WrongSecret));
}

#[test]
fn identifier_and_secret_are_form_encoded_inside_the_header() {
    //= test RFC6749#2.3.1 identifier and secret are form-encoded before they are put together
    //= test RFC7617#2 the identifier ends at the first colon
    for (secret, sent, works) in [
        ("a b", "a+b", true),
        ("a b", "a%20b", true),
        ("a b", "a b", true),
        ("a+b", "a%2Bb", true),
        ("a+b", "a%2bb", true),
        ("a%b", "a%25b", true),
        ("a:b", "a:b", true),
        ("a:b", "a%3Ab", true),
        // Clients that forget to encode: the text itself is the secret.
        ("a+b", "a+b", true),
        ("a%b", "a%b", true),
        ("a%zz", "a%zz", true),
        ("a%41", "a%41", true),
        // What equals it in neither reading does not work.
        ("a+b", "a%20b", false),
        ("a b", "a%2Bb", false),
        ("aA", "a%2541", false),
        ("a%2Bb", "a%252Bc", false),
    ] {
        let outcome = by_header(&basic("rp", sent), &with_secret(secret));
        assert_eq!(outcome.is_ok(), works, "{secret} {sent} {outcome:?}");
    }
    let header = basic("a%3Ab%2Bc+d", "x");
    let none = Params::default();
    assert_eq!(
        Presented::read(&ClientRequest::new(&none, Some(&header)))
            .unwrap()
            .client_id()
            .as_str(),
        "a:b+c d"
    );
    let header = basic("100%", "x");
    assert_eq!(
        Presented::read(&ClientRequest::new(&none, Some(&header)))
            .unwrap()
            .client_id()
            .as_str(),
        "100%"
    );
}

#[test]
fn a_presented_secret_is_not_printed() {
    let header = basic("rp", "tell-nobody+x");
    let none = Params::default();
    let printed = format!(
        "{:?}",
        Presented::read(&ClientRequest::new(&none, Some(&header))).unwrap()
    );
    assert!(!printed.contains("tell-nobody"), "{printed}");
}
