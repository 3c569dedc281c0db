use super::*;

fn answer(uri: &str, mode: ResponseMode, state: Option<&str>) -> AuthorizationResponse {
    let mut params = vec![("code", "abc".to_owned())];
    params.extend(state.map(|s| ("state", s.to_owned())));
    params.push(("iss", "https://op.example".to_owned()));
    AuthorizationResponse {
        redirect_uri: uri.to_owned(),
        mode,
        params,
    }
}

#[test]
fn parameters_go_behind_the_query_that_is_there() {
    //= test RFC6749#3.1.2 a query that the redirect URI has is kept when parameters are added
    let tail = "code=abc&iss=https%3A%2F%2Fop.example";
    let cases = [
        ("https://rp.test/cb", "https://rp.test/cb?"),
        ("https://rp.test/cb?", "https://rp.test/cb?"),
        ("https://rp.test/cb?a=1&b=", "https://rp.test/cb?a=1&b=&"),
        ("https://rp.test/cb?a=1&", "https://rp.test/cb?a=1&"),
        ("https://rp.test/cb?a=%2B+x", "https://rp.test/cb?a=%2B+x&"),
        ("com.example.app:/cb", "com.example.app:/cb?"),
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004/cb?"),
        ("http://[::1]:51004/cb", "http://[::1]:51004/cb?"),
        ("https://rp.test/cb#x", "https://rp.test/cb?"),
    ];
    for (uri, head) in cases {
        assert_eq!(
            answer(uri, ResponseMode::Query, None).location(),
            Some(format!("{head}{tail}")),
            "{uri}"
        );
    }
}

#[test]
fn a_fragment_keeps_the_query_apart() {
    let cases = [
        ("https://rp.test/cb?a=1", "https://rp.test/cb?a=1#"),
        ("https://rp.test/cb#x", "https://rp.test/cb#"),
    ];
    for (uri, head) in cases {
        assert_eq!(
            answer(uri, ResponseMode::Fragment, None).location(),
            Some(format!("{head}code=abc&iss=https%3A%2F%2Fop.example"))
        );
    }
}

#[test]
fn a_form_has_fields_and_no_location() {
    let form = answer(
        "https://rp.test/cb",
        ResponseMode::FormPost,
        Some("\"><script>"),
    );
    assert_eq!(form.location(), None);
    assert_eq!(
        form.fields().unwrap(),
        [
            ("code", "abc".to_owned()),
            ("state", "\"><script>".to_owned()),
            ("iss", "https://op.example".to_owned()),
        ]
    );
    assert_eq!(
        answer("https://rp.test/cb", ResponseMode::Query, None).fields(),
        None
    );
}

#[test]
fn state_survives_byte_for_byte_and_injects_nothing() {
    //= test RFC6749#4.1.2.1 state is returned exactly as it came, and only if it came
    let printable: String = (0x20_u8..0x7F).map(char::from).collect();
    let long = format!("{}{printable}é\u{1F600}&code=evil#", "x".repeat(4096));
    for state in [
        &*long,
        "&code=evil#",
        "a+b c%20",
        "\r\nSet-Cookie: a=b",
        "=",
        "null",
        "\u{2028}",
    ] {
        for mode in [ResponseMode::Query, ResponseMode::Fragment] {
            let location = answer("https://rp.test/cb?z=1", mode, Some(state))
                .location()
                .unwrap();
            assert!(location.bytes().all(|b| (0x21..0x7F).contains(&b)));
            let url = url::Url::parse(&location).unwrap();
            let carried = match mode {
                ResponseMode::Fragment => url.fragment().unwrap(),
                ResponseMode::Query
                | ResponseMode::QueryJwt
                | ResponseMode::FragmentJwt
                | ResponseMode::FormPost
                | ResponseMode::FormPostJwt
                | ResponseMode::WebMessage
                | ResponseMode::WebMessageJwt
                | ResponseMode::Own(_) => url.query().unwrap(),
            };
            let pairs: Vec<_> = url::form_urlencoded::parse(carried.as_bytes())
                .into_owned()
                .collect();
            let named = |name: &str| {
                pairs
                    .iter()
                    .filter(|(n, _)| n == name)
                    .map(|(_, v)| v.as_str())
                    .collect::<Vec<_>>()
            };
            assert_eq!(named("state"), [state]);
            assert_eq!(named("code"), ["abc"]);
        }
    }
}

#[test]
fn a_code_is_never_printed() {
    let printed = format!(
        "{:?}",
        answer("https://rp.test/cb", ResponseMode::Query, None)
    );
    assert!(!printed.contains("abc"), "{printed}");
}

#[test]
fn names_and_stored_forms_agree() {
    for mode in ResponseMode::ALL {
        assert_eq!(ResponseMode::parse(mode.as_str()), Some(*mode));
        assert_eq!(
            serde_json::to_value(mode).unwrap(),
            serde_json::Value::from(mode.as_str())
        );
    }
    for unknown in [
        "",
        "Query",
        "query.JWT",
        "jwt",
        "web_message.JWT",
        "form_post ",
    ] {
        assert_eq!(ResponseMode::parse(unknown), None);
    }
}

#[test]
fn a_signed_answer_has_one_parameter_and_its_claims_are_the_rest() {
    //= test JARM#2.1 iss, aud and exp are there
    //= test JARM#2.1 an answer lives ten minutes at most
    //= test JARM#2.3 the JWT is the parameter response, and no other parameter is there
    //= test RFC9207#2.4 where the answer is a JWT its own iss claim is enough
    use crate::authorize::fixture::{ISSUER, NOW, policy, web};
    let mut plain = answer("https://rp.test/cb", ResponseMode::QueryJwt, Some("\"}"));
    plain.params.push(("expires_in", "600".to_owned()));
    plain.params.push(("scope", "5".to_owned()));
    let claims = jwt::claims(&plain, &web(), &policy(), NOW);
    let claims = hallpass_jose::json::parse_object(claims.as_bytes(), 4).unwrap();
    assert_eq!(
        serde_json::Value::Object(claims),
        serde_json::json!({
            "iss": ISSUER, "aud": "web", "exp": NOW.0 + jwt::LIFETIME,
            "code": "abc", "state": "\"}", "expires_in": 600, "scope": "5",
        })
    );
    const { assert!(jwt::LIFETIME <= 600) };
    for (mode, location) in [
        (
            ResponseMode::QueryJwt,
            Some("https://rp.test/cb?response=e.y.s"),
        ),
        (
            ResponseMode::FragmentJwt,
            Some("https://rp.test/cb#response=e.y.s"),
        ),
        (ResponseMode::FormPostJwt, None),
        (ResponseMode::WebMessageJwt, None),
    ] {
        let sealed = answer("https://rp.test/cb", mode, None).sealed("e.y.s".to_owned());
        assert_eq!(sealed.location().as_deref(), location);
        let (form, message) = (sealed.fields(), sealed.message());
        assert_eq!(form.is_none() && message.is_none(), location.is_some());
        assert_eq!(sealed.params, [("response", "e.y.s".to_owned())]);
    }
}

#[test]
fn a_message_is_json_for_the_exact_origin() {
    //= test RFC9700#4.17 an answer between windows goes to the exact origin of the client, never to any
    for (uri, origin) in [
        ("https://rp.test/cb?a=1", "https://rp.test"),
        ("https://RP.test:443/", "https://rp.test"),
        ("https://rp.test:8443/cb", "https://rp.test:8443"),
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004"),
    ] {
        let answer = answer(uri, ResponseMode::WebMessage, Some("</script>"));
        let message = answer.message().unwrap();
        assert_eq!(message.origin, origin);
        let response: serde_json::Value = serde_json::from_str(&message.response).unwrap();
        let expected =
            serde_json::json!({"code": "abc", "state": "</script>", "iss": "https://op.example"});
        assert_eq!(response, expected);
        assert!(!format!("{message:?}").contains("abc"));
        assert_eq!((answer.location(), answer.fields()), (None, None));
    }
    let native = answer("com.example.app:/cb", ResponseMode::WebMessage, None);
    assert_eq!(native.message(), None);
    let query = answer("https://rp.test/cb", ResponseMode::Query, None);
    assert_eq!(query.message(), None);
}

#[test]
fn an_issuer_offers_what_its_policy_says() {
    let mut policy = crate::authorize::fixture::policy();
    assert_eq!(offered(&policy), ["query", "fragment", "form_post"]);
    policy.web_message = true;
    assert_eq!(
        offered(&policy),
        ["query", "fragment", "form_post", "web_message"]
    );
    policy.jarm = true;
    assert_eq!(offered(&policy).len(), 9);
    assert!(offered(&policy).contains(&"web_message.jwt"));
    assert!(offered(&policy).contains(&"jwt"));
}
