use super::*;
use crate::authorize::fixture::{ISSUER, policy, session, web};

const BYE: &str = "https://rp.test/bye";

fn request(pairs: &[(&str, &str)]) -> Request {
    Request::parse(&Params::from_pairs(pairs.iter().copied())).unwrap()
}

fn hint(aud: &str, sub: &str, more: &str) -> Claims {
    let json = format!(r#"{{"iss":"{ISSUER}","aud":{aud},"sub":"{sub}","iat":1,"exp":2{more}}}"#);
    Claims::parse(json.as_bytes()).unwrap()
}

/// Alice is signed in, unless a test says otherwise.
struct Scene<'a> {
    hint: Hint<'a>,
    client: Option<Client>,
    signed_in: bool,
}

impl Default for Scene<'_> {
    fn default() -> Self {
        Self {
            hint: Hint::Absent,
            client: None,
            signed_in: true,
        }
    }
}

impl Scene<'_> {
    fn decide(&self, pairs: &[(&str, &str)]) -> Result<Step, Reason> {
        let session = session(5);
        let policy = policy();
        let facts = Facts {
            hint: self.hint,
            client: self.client.as_ref(),
            session: self.signed_in.then_some(&session),
            subject: (self.signed_in && self.client.is_some()).then_some("alice"),
            policy: &policy,
        };
        decide(&request(pairs), &facts)
    }
}

fn confirm(redirect: Option<&str>) -> Result<Step, Reason> {
    Ok(Step::Confirm {
        redirect: redirect.map(str::to_owned),
    })
}

fn proceed(redirect: Option<&str>) -> Result<Step, Reason> {
    Ok(Step::Proceed {
        redirect: redirect.map(str::to_owned),
    })
}

const URI: (&str, &str) = ("post_logout_redirect_uri", BYE);
const STATE: (&str, &str) = ("state", "s-1");
const CLIENT: (&str, &str) = ("client_id", "web");

#[test]
fn a_hint_about_the_person_who_is_signed_in_needs_no_question() {
    let of_alice = hint("\"web\"", "alice", "");
    let of_session = hint("[\"web\"]", "old-alice", r#","sid":"sid-1""#);
    for claims in [&of_alice, &of_session] {
        let scene = Scene {
            hint: Hint::Verified(claims),
            client: Some(web()),
            ..Scene::default()
        };
        let with_state = "https://rp.test/bye?state=s-1";
        assert_eq!(scene.decide(&[URI, STATE]), proceed(Some(with_state)));
        assert_eq!(
            scene.decide(&[URI, STATE, CLIENT]),
            proceed(Some(with_state))
        );
        assert_eq!(scene.decide(&[URI]), proceed(Some(BYE)));
        assert_eq!(scene.decide(&[STATE]), proceed(None));
        assert_eq!(scene.decide(&[]), proceed(None));
    }
}

#[test]
fn without_a_hint_the_person_is_asked() {
    //= test OIDC-RPINITIATED#2 the person is asked when there is no hint, or it is about somebody else
    let scene = Scene::default();
    assert_eq!(scene.decide(&[]), confirm(None));
    assert_eq!(scene.decide(&[STATE]), confirm(None));
    //= test OIDC-RPINITIATED#3 without an identified client there is no redirect
    assert_eq!(scene.decide(&[URI, STATE]), confirm(None));
    let evil = ("post_logout_redirect_uri", "https://evil.test");
    assert_eq!(scene.decide(&[evil]), confirm(None));
    let named = Scene {
        client: Some(web()),
        ..Scene::default()
    };
    assert_eq!(named.decide(&[CLIENT, URI]), confirm(Some(BYE)));
    // A client that nobody named does not count, whoever looked it up.
    assert_eq!(named.decide(&[URI]), confirm(None));
}

#[test]
fn a_hint_that_proves_nothing_asks_and_leads_nowhere() {
    //= test OIDC-RPINITIATED#4 what failed validation is not used, nor anything that needs it
    let of_bob = hint("\"web\"", "bob", r#","sid":"sid-9""#);
    let logout_token = hint("\"web\"", "alice", r#","events":{}"#);
    let access_token = hint("\"web\"", "alice", r#","client_id":"web""#);
    let odd_sid = hint("\"web\"", "alice", r#","sid":7"#);
    let odd_audience = hint("[\"web\",null]", "alice", "");
    let elsewhere =
        Claims::parse(br#"{"iss":"https://evil.test","aud":"web","sub":"alice","iat":1,"exp":2}"#)
            .unwrap();
    let empty = Claims::parse(b"{}").unwrap();
    for hint in [
        Hint::Broken,
        Hint::Verified(&of_bob),
        Hint::Verified(&logout_token),
        Hint::Verified(&access_token),
        Hint::Verified(&odd_sid),
        Hint::Verified(&odd_audience),
        Hint::Verified(&elsewhere),
        Hint::Verified(&empty),
    ] {
        let scene = Scene {
            hint,
            client: Some(web()),
            ..Scene::default()
        };
        for pairs in [&[URI, STATE][..], &[URI, STATE, CLIENT]] {
            assert_eq!(scene.decide(pairs), confirm(None), "{hint:?}");
        }
    }
}

#[test]
fn a_client_that_is_gone_does_not_break_signing_out() {
    let claims = hint("\"web\"", "alice", r#","sid":"sid-1""#);
    let scene = Scene {
        hint: Hint::Verified(&claims),
        ..Scene::default()
    };
    for pairs in [&[URI, STATE][..], &[URI, STATE, CLIENT]] {
        assert_eq!(scene.decide(pairs), confirm(None));
    }
}

#[test]
fn contradictions_and_unknown_clients_are_errors() {
    //= test OIDC-RPINITIATED#2 with client_id and a hint, the hint was issued to that client
    let claims = hint("[\"web2\"]", "alice", "");
    let scene = Scene {
        hint: Hint::Verified(&claims),
        client: Some(web()),
        ..Scene::default()
    };
    assert_eq!(
        scene.decide(&[URI, CLIENT]),
        Err(Reason::HintForAnotherClient)
    );
    for hint in [Hint::Absent, Hint::Broken] {
        let scene = Scene {
            hint,
            ..Scene::default()
        };
        assert_eq!(scene.decide(&[CLIENT]), Err(Reason::ClientUnknown));
    }
    let params = Params::from_pairs([("client_id", "w\u{e9}b")]);
    assert_eq!(Request::parse(&params), Err(Reason::ClientUnknown));
}

#[test]
fn only_a_registered_uri_is_redirected_to() {
    //= test OIDC-RPINITIATED#3 only a URI that the client registered is redirected to
    let claims = hint("\"web\"", "alice", "");
    for uri in [
        "https://rp.test/bye?foo=bar",
        "https://rp.test/bye/",
        "https://rp.test/BYE",
        "https://rp.test/cb",
        "https://evil.test",
        "https://rp.test@evil.test/bye",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://rp.test/bye\r\nX: y",
        "//rp.test/bye",
    ] {
        let pair = ("post_logout_redirect_uri", uri);
        for (hint, signed_in) in [
            (Hint::Verified(&claims), true),
            (Hint::Verified(&claims), false),
            (Hint::Absent, true),
            (Hint::Absent, false),
        ] {
            let scene = Scene {
                hint,
                client: Some(web()),
                signed_in,
            };
            assert_eq!(
                scene.decide(&[pair, CLIENT]),
                Err(Reason::RedirectUriNotRegistered),
                "{uri}"
            );
        }
        assert_eq!(location(&web(), uri, None), None);
    }
}

#[test]
fn signing_out_twice_is_no_error() {
    let claims = hint("\"web\"", "alice", "");
    let scene = |hint, client| Scene {
        hint,
        client,
        signed_in: false,
    };
    assert_eq!(scene(Hint::Absent, None).decide(&[]), proceed(None));
    assert_eq!(scene(Hint::Absent, None).decide(&[URI]), proceed(None));
    assert_eq!(
        scene(Hint::Verified(&claims), Some(web())).decide(&[URI]),
        proceed(Some(BYE))
    );
    assert_eq!(
        scene(Hint::Absent, Some(web())).decide(&[URI, CLIENT]),
        proceed(Some(BYE))
    );
    assert_eq!(
        scene(Hint::Broken, Some(web())).decide(&[URI, CLIENT]),
        proceed(None)
    );
}

#[test]
fn state_is_encoded_once_and_an_own_query_is_kept() {
    //= test OIDC-RPINITIATED#2 state is passed back when the request had one
    let uri = "https://rp.test/bye?a=1";
    let client = Client {
        post_logout_redirect_uris: vec![uri.to_owned()],
        ..web()
    };
    let state = format!("{}\r\nX: y&a=2#\"'<svg>\u{e9}%0d", "x".repeat(4096));
    let target = location(&client, uri, Some(&state)).unwrap();
    let url = url::Url::parse(&target).unwrap();
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!(
        pairs,
        [
            ("a".to_owned(), "1".to_owned()),
            ("state".to_owned(), state)
        ]
    );
    assert!(target.bytes().all(|b| (0x21..0x7F).contains(&b)));
    assert_eq!(location(&client, uri, None).as_deref(), Some(uri));
}

#[test]
fn repeated_and_oversized_parameters_are_refused() {
    for name in Request::PARAMETERS {
        let params = Params::from_pairs([(*name, "a"), (*name, "a")]);
        assert_eq!(
            Request::parse(&params),
            Err(Reason::ParameterRepeated),
            "{name}"
        );
    }
    let params = Params::from_pairs([("extra", "a"), ("extra", "b")]);
    assert_eq!(Request::parse(&params), Ok(Request::default()));
    let params = Params::from_pairs([("state", "x".repeat(8193))]);
    assert_eq!(Request::parse(&params), Err(Reason::StateTooLong));
}

#[test]
fn the_client_is_the_named_one_or_the_one_that_got_the_hint() {
    let id = |pairs: &[(&str, &str)], hint: Option<&Claims>| {
        request(pairs).client_id(hint).map(String::from)
    };
    let one = hint("\"web\"", "alice", "");
    let two = hint("[\"x\",\"web\"]", "alice", r#","azp":"web""#);
    let unclear = hint("[\"x\",\"web\"]", "alice", "");
    let foreign_party = hint("[\"x\",\"web\"]", "alice", r#","azp":"y""#);
    assert_eq!(id(&[], None), None);
    assert_eq!(id(&[CLIENT], None).as_deref(), Some("web"));
    assert_eq!(id(&[("client_id", "z")], Some(&one)).as_deref(), Some("z"));
    assert_eq!(id(&[], Some(&one)).as_deref(), Some("web"));
    assert_eq!(id(&[], Some(&two)).as_deref(), Some("web"));
    assert_eq!(id(&[], Some(&unclear)), None);
    assert_eq!(id(&[], Some(&foreign_party)), None);
}

#[test]
fn identifiers_are_unique_and_every_error_is_a_bad_request() {
    let mut ids: Vec<_> = Reason::ALL.iter().map(|r| r.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert_eq!(reason.code().status(), 400);
        assert!(hallpass_types::description_text(reason.text()));
    }
}
