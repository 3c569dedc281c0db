use std::{collections::HashMap, sync::Arc};

use hallpass_types::{Bucket, Opaque, Params, Timestamp, Waiting};

use super::{
    fixture::{
        CALLBACK, CHALLENGE, ISSUER, NOW, identified, policy, refusal, request, scope, spa, valid,
        validated, web,
    },
    *,
};
use crate::{
    client::{ApplicationType, Client},
    policy::Policy,
    record::{FoundWaiting, PushedRequest, WaitingRecord},
};

fn page(changes: &[(&str, &str)]) -> Option<Unidentified> {
    request(changes).identify(Some(Arc::new(web()))).err()
}

/// The parameters of an error answer, from wherever they travel.
fn error(client: Client, changes: &[(&str, &str)]) -> HashMap<&'static str, String> {
    let answer = validated(client, changes).unwrap_err().respond(&policy());
    assert!(answer.is_error());
    assert_eq!(answer.redirect_uri, CALLBACK);
    let count = answer.params.len();
    let params: HashMap<_, _> = answer.params.into_iter().collect();
    assert_eq!(params.len(), count, "no parameter stands twice");
    params
}

#[test]
fn without_a_known_client_there_is_a_page() {
    //= test RFC6749#4.1.2.1 with an unknown client nobody is redirected anywhere
    assert_eq!(
        page(&[("client_id", "")]),
        Some(Unidentified::ClientMissing)
    );
    for id in ["nobody", "WEB", "web ", "web\u{e9}", &"w".repeat(65_536)] {
        assert_eq!(
            page(&[("client_id", id)]),
            Some(Unidentified::ClientUnknown),
            "{id:.20}"
        );
    }
    assert_eq!(
        page(&[("client_id", "web"), ("client_id", "web")]),
        Some(Unidentified::ClientRepeated)
    );
    let disabled = request(&[]).identify(None);
    assert_eq!(disabled.err(), Some(Unidentified::ClientUnknown));
}

#[test]
fn without_a_registered_redirect_uri_there_is_a_page() {
    //= test OIDC-CORE#3.1.2.1 redirect_uri is required, also where only one is registered
    assert_eq!(
        page(&[("redirect_uri", "")]),
        Some(Unidentified::RedirectUriMissing)
    );
    //= test RFC6749#4.1.2.1 nobody is redirected to a URI that this client has not registered
    //= test RFC9700#2.1 redirect URIs are compared exactly, but for the port of native loopback URIs
    for uri in [
        "https://rp.test/cb/",
        "https://rp.test/",
        "https://rp.test/CB",
        "https://RP.test/cb",
        "HTTPS://rp.test/cb",
        "https://rp.test/cb?x=1",
        "https://rp.test/cb?a=2",
        "https://rp.test/cb#",
        "https://rp.test/cb#frag",
        "https://rp.test/cb%23x",
        "https://rp.test@evil.test/cb",
        "https://a@b@rp.test@evil.test/cb",
        "https://evil.test\\@rp.test/cb",
        "https://rp.test.evil.test/cb",
        "https://rpXtest/cb",
        "https://rp.test/cb/../x",
        "https://rp.test/cb/..;/x",
        "https://rp.test:443/cb",
        "http://rp.test/cb",
        "//rp.test/cb",
        "javascript:alert(1)//https://rp.test/cb",
        "https://rp\u{3002}test/cb",
        "https://rp.test/%63b",
        "https://rp.test/cb\r\nSet-Cookie: a=b",
        "https://rp2.test/cb",
    ] {
        assert_eq!(
            page(&[("redirect_uri", uri)]),
            Some(Unidentified::RedirectUriNotRegistered),
            "{uri}"
        );
    }
    let long = format!("{CALLBACK}?{}", "a".repeat(65_536));
    assert_eq!(
        page(&[("redirect_uri", &long)]),
        Some(Unidentified::RedirectUriNotRegistered)
    );
    for pair in [
        [CALLBACK, "https://evil.test"],
        ["https://evil.test", CALLBACK],
        [CALLBACK; 2],
    ] {
        assert_eq!(
            page(&[("redirect_uri", pair[0]), ("redirect_uri", pair[1])]),
            Some(Unidentified::RedirectUriRepeated)
        );
    }
    assert_eq!(
        page(&[("redirect_uri", ""), ("redirect_uri[]", CALLBACK)]),
        Some(Unidentified::RedirectUriMissing)
    );
}

#[test]
fn a_page_comes_before_every_other_error() {
    let changes = [
        ("redirect_uri", "https://evil.test"),
        ("prompt", "none login"),
        ("request", "x"),
        ("response_type", "token"),
    ];
    assert_eq!(page(&changes), Some(Unidentified::RedirectUriNotRegistered));
}

#[test]
fn a_valid_request_keeps_what_was_asked() {
    let valid = valid(&[
        ("redirect_uri", "https://rp.test/cb?a=1"),
        ("scope", "email openid profile"),
        ("nonce", "n \u{e9}+"),
        ("response_mode", "form_post"),
        ("max_age", "10000"),
        ("display", "popup"),
        ("login_hint", "alice@rp.test"),
        ("ui_locales", "de en"),
        ("resource", "https://API1.test/"),
        ("resource", "https://api2.test/v1"),
    ]);
    let request = valid.request();
    assert_eq!(request.redirect_uri, "https://rp.test/cb?a=1");
    assert_eq!(request.scope, scope("email openid profile"));
    assert_eq!(request.nonce.as_deref(), Some("n \u{e9}+"));
    assert_eq!(request.state.as_deref(), Some("s-1"));
    assert_eq!(request.code_challenge.as_deref(), Some(CHALLENGE));
    assert_eq!(request.response_mode, ResponseMode::FormPost);
    assert_eq!(request.max_age, Some(10_000));
    assert_eq!(request.display, Display::Popup);
    assert_eq!(request.ui_locales, ["de", "en"]);
    assert_eq!(
        request.resources,
        ["https://api1.test", "https://api2.test/v1/"]
    );
}

#[test]
fn unknown_parameters_are_ignored_even_when_repeated() {
    //= test RFC6749#3.1 parameters that are not known are ignored
    assert!(
        validated(
            web(),
            &[
                ("extra", "foobar"),
                ("extra", "again"),
                ("claims_locales", "de")
            ]
        )
        .is_ok()
    );
}

#[test]
fn every_known_parameter_may_stand_once_only() {
    //= test RFC6749#3.1 a repeated parameter makes the request invalid
    for name in PARAMETERS_BUT_IDENTITY {
        for second in ["one", "two"] {
            let changes = [(*name, "one"), (*name, second)];
            assert_eq!(
                refusal(web(), &changes),
                Some(Reason::ParameterRepeated),
                "{name}"
            );
        }
    }
    assert_eq!(
        PARAMETERS_BUT_IDENTITY.len() + 3,
        rules::PARAMETERS.len(),
        "client_id and redirect_uri give a page, resource is a list"
    );
}

const PARAMETERS_BUT_IDENTITY: &[&str] = &[
    "acr_values",
    "authorization_details",
    "claims",
    "claims_locales",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "organization",
    "prompt",
    "registration",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

#[test]
fn a_repeated_state_is_not_echoed() {
    //= test OIDC-CORE#3.1.2.6 state is echoed when the request had one
    let answer = error(web(), &[("state", "a"), ("state", "a")]);
    assert_eq!(answer["error"], "invalid_request");
    assert_eq!(answer.get("state"), None);
    let other = error(web(), &[("nonce", "a"), ("nonce", "b")]);
    assert_eq!(other["state"], "s-1");
}

#[test]
fn every_error_has_state_and_issuer_and_a_fixed_text() {
    //= test RFC9207#2 iss is in error responses too
    for reason in Reason::ALL {
        let redirect = identified(web(), &[]).reject(*reason);
        assert_eq!(redirect.client_id(), &web().id);
        let answer = redirect.respond(&policy());
        let expected = [
            ("error", reason.code().as_str()),
            ("error_description", reason.text()),
            ("state", "s-1"),
            ("iss", ISSUER),
        ];
        let params: Vec<_> = answer
            .params
            .iter()
            .map(|(n, v)| (*n, v.as_str()))
            .collect();
        assert_eq!(params, expected);
        assert_eq!(valid(&[]).reject(*reason).respond(&policy()), answer);
    }
    let answer = error(web(), &[("state", ""), ("prompt", "\"><script>")]);
    assert_eq!(answer.get("state"), None);
    assert!(!answer["error_description"].contains("script"));
}

#[test]
fn parameters_of_features_that_are_not_offered_are_refused() {
    //= test OIDC-CORE#6.1 an OP that does not take request answers request_not_supported
    //= test OIDC-CORE#6.2 an OP that does not take request_uri answers request_uri_not_supported
    //= test OIDC-CORE#7.2.1 an OP that does not take registration answers registration_not_supported
    for name in ["request", "request_uri", "registration"] {
        let answer = error(web(), &[(name, "urn:x"), ("response_type", "")]);
        assert_eq!(answer["error"], format!("{name}_not_supported"));
    }
    assert!(validated(web(), &[("request", "")]).is_ok());
}

#[test]
fn only_registered_response_types_are_answered() {
    //= test RFC6749#3.1.1 a missing or unknown response type is an error
    assert_eq!(
        refusal(web(), &[("response_type", "")]),
        Some(Reason::ResponseTypeMissing)
    );
    for unsupported in [
        "token",
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "none",
        "Code",
        "code  token",
        " code",
        "code ",
        "code\tcode",
        &"code ".repeat(2000),
    ] {
        let answer = error(web(), &[("response_type", unsupported)]);
        assert_eq!(
            answer["error"], "unsupported_response_type",
            "{unsupported:.30}"
        );
    }
    //= test RFC6749#3.1.1 the order of the words of a response type does not matter
    assert!(validated(web(), &[("response_type", "code code")]).is_ok());
    //= test RFC7591#2 a client uses only the response and grant types that it registered
    let without_type = Client {
        response_types: Vec::new(),
        ..web()
    };
    let without_grant = Client {
        grant_types: vec!["client_credentials".to_owned()],
        ..web()
    };
    for client in [without_type, without_grant] {
        assert_eq!(error(client, &[])["error"], "unauthorized_client");
    }
}

#[test]
fn an_error_travels_as_the_answer_would_have() {
    let mode = |client: Client, changes: &[(&str, &str)]| {
        validated(client, changes)
            .unwrap_err()
            .respond(&policy())
            .mode
    };
    let bad = ("prompt", "bad");
    assert_eq!(mode(web(), &[bad]), ResponseMode::Query);
    assert_eq!(
        mode(web(), &[bad, ("response_mode", "fragment")]),
        ResponseMode::Fragment
    );
    assert_eq!(
        mode(web(), &[bad, ("response_mode", "form_post")]),
        ResponseMode::FormPost
    );
    //= test OAUTH-RESPONSE-TYPES#5 an answer with a token, and an error instead of it, defaults to the fragment
    for response_type in ["token", "id_token", "code id_token", "code  token"] {
        let changes = [("response_type", response_type)];
        assert_eq!(mode(web(), &changes), ResponseMode::Fragment);
        //= test OAUTH-RESPONSE-TYPES#5 an answer with a token is never in the query
        let in_query = [("response_type", response_type), ("response_mode", "query")];
        assert_eq!(mode(web(), &in_query), ResponseMode::Fragment);
    }
    for unknown in ["Query", "jwt", "query.jwt", "web_message", "\"><script>"] {
        let changes = [("response_mode", unknown)];
        assert_eq!(mode(web(), &changes), ResponseMode::Query);
        assert_eq!(refusal(web(), &changes), Some(Reason::ResponseModeUnknown));
    }
}

#[test]
fn a_client_may_restrict_its_response_modes() {
    let client = || Client {
        response_modes: Some(vec!["form_post".to_owned()]),
        ..web()
    };
    assert!(validated(client(), &[("response_mode", "form_post")]).is_ok());
    for changes in [&[("response_mode", "fragment")][..], &[]] {
        let redirect = validated(client(), changes).unwrap_err();
        assert_eq!(redirect.reason(), Reason::ResponseModeNotAllowed);
        assert_eq!(redirect.respond(&policy()).mode, ResponseMode::Query);
    }
}

#[test]
fn texts_are_kept_as_they_came_up_to_their_bounds() {
    //= test OIDC-CORE#3.1.2.1 nonce passes through unchanged
    for (name, max, reason) in [
        ("state", 8192, Reason::StateTooLong),
        ("nonce", 4096, Reason::NonceTooLong),
        ("login_hint", 1024, Reason::LoginHintTooLong),
        ("acr_values", 1024, Reason::AcrValuesTooLong),
    ] {
        assert!(validated(web(), &[(name, &"x".repeat(max))]).is_ok());
        let long = "x".repeat(max + 1);
        assert_eq!(refusal(web(), &[(name, &long)]), Some(reason), "{name}");
    }
    let long = "x".repeat(8193);
    assert_eq!(error(web(), &[("state", &long)]).get("state"), None);
    for nonce in [
        "n".repeat(64),
        "n".repeat(65),
        " \u{1F600}+%20&#".to_owned(),
    ] {
        assert_eq!(
            valid(&[("nonce", &nonce)]).request().nonce,
            Some(nonce.clone())
        );
    }
    assert_eq!(valid(&[("state", "")]).request().state, None);
}

#[test]
fn wishes_about_pages_are_never_an_error() {
    //= test OIDC-CORE#3.1.2.1 languages that are not offered are no error
    let many = "de ".repeat(100_000);
    for (text, kept) in [
        ("de fr-CA", vec!["de", "fr-CA"]),
        ("../../etc/passwd de", vec!["de"]),
        ("d\u{e9} <script>", vec![]),
        (&"x".repeat(10_000), vec![]),
        (&many, vec!["de"; 8]),
    ] {
        assert_eq!(valid(&[("ui_locales", text)]).request().ui_locales, kept);
    }
    for (text, display) in [
        ("page", Display::Page),
        ("popup", Display::Popup),
        ("touch", Display::Touch),
        ("wap", Display::Wap),
        ("hologram", Display::Page),
    ] {
        assert_eq!(valid(&[("display", text)]).request().display, display);
    }
}

#[test]
fn a_public_client_needs_a_challenge_and_so_does_one_that_is_told_to() {
    //= test RFC9700#2.1.1 public clients use PKCE
    let told = Client {
        require_pkce: true,
        ..web()
    };
    let forgotten = Client {
        require_pkce: false,
        ..spa()
    };
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    for client in [spa(), told, forgotten] {
        assert!(validated(client.clone(), &[]).is_ok());
        assert_eq!(
            refusal(client, &without),
            Some(Reason::CodeChallengeMissing)
        );
    }
    assert!(validated(web(), &without).is_ok());
}

#[test]
fn a_waiting_request_survives_its_stored_form() {
    let valid = valid(&[
        ("scope", "openid email"),
        ("prompt", "login consent"),
        ("response_mode", "fragment"),
        ("max_age", "0"),
        ("acr_values", "a b"),
        ("claims", r#"{"userinfo":{"email":{"essential":true}}}"#),
        ("resource", "https://api1.test"),
        ("state", "\u{1F600}\"\\"),
    ]);
    let json = serde_json::to_string(valid.to_record()).unwrap();
    let back: RequestRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(&back, valid.request());
    let resumed = Valid::resume(back, Some(Arc::new(web())), &policy()).unwrap();
    assert_eq!(resumed.request(), valid.request());
}

#[test]
fn what_is_absent_takes_no_room() {
    let changes = [
        ("state", ""),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    assert_eq!(
        serde_json::to_string(valid(&changes).to_record()).unwrap(),
        r#"{"client_id":"web","redirect_uri":"https://rp.test/cb","scope":"openid"}"#
    );
}

#[test]
fn what_changed_while_the_person_was_asked_counts() {
    let record = || {
        valid(&[
            ("scope", "openid api:read"),
            ("resource", "https://api1.test"),
        ])
        .to_record()
        .clone()
    };
    let resume = |client: Option<Client>| Valid::resume(record(), client.map(Arc::new), &policy());
    assert_eq!(resume(None).err(), Some(Unidentified::ClientUnknown));
    let other = Client {
        id: hallpass_types::ClientId::parse("web2").unwrap(),
        ..web()
    };
    assert_eq!(resume(Some(other)).err(), Some(Unidentified::ClientUnknown));
    let moved = Client {
        redirect_uris: vec!["https://rp.test/new".to_owned()],
        ..web()
    };
    assert_eq!(
        resume(Some(moved)).err(),
        Some(Unidentified::RedirectUriNotRegistered)
    );
    let restricted = Client {
        scope: Some(scope("openid")),
        resources: Some(Vec::new()),
        ..web()
    };
    let narrowed = resume(Some(restricted)).unwrap();
    assert_eq!(narrowed.request().scope, scope("openid"));
    assert!(narrowed.request().resources.is_empty());
}

#[test]
fn a_request_that_would_be_refused_now_is_not_answered_either() {
    type Change = fn(&mut Client, &mut Policy);
    let changes: [(&str, Change); 8] = [
        ("response type of the client", |c, _| {
            c.response_types.clear();
        }),
        ("grant type", |c, _| {
            c.grant_types = vec!["refresh_token".to_owned()];
        }),
        ("response type of the issuer", |_, p| {
            p.response_types.clear();
        }),
        ("mode", |c, _| {
            c.response_modes = Some(vec!["form_post".to_owned()]);
        }),
        ("PKCE", |c, _| c.require_pkce = true),
        ("pushed", |c, _| c.requests.require_pushed = true),
        ("pushed everywhere", |_, p| p.requests.require_pushed = true),
        ("profile", |c, _| {
            c.fapi = Some(crate::fapi::Profile::Fapi2MessageSigning);
        }),
    ];
    let asked = valid(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let resume = |change: fn(&mut Client, &mut Policy)| {
        let (mut client, mut policy) = (web(), policy());
        change(&mut client, &mut policy);
        Valid::resume(asked.to_record().clone(), Some(Arc::new(client)), &policy).map(|_| ())
    };
    assert_eq!(resume(|_, _| ()), Ok(()));
    for (what, change) in changes {
        assert_eq!(
            resume(change),
            Err(Unidentified::RequestWithdrawn),
            "{what}"
        );
    }
}

#[test]
fn a_pushed_request_is_not_one_of_a_later_client_with_the_same_identifier() {
    let key = Opaque::<Waiting>::from_random(Bucket(7), &[1; 24]).key();
    let bring = |created_at: Timestamp| {
        let record = PushedRequest {
            client_id: web().id,
            params: vec![("login_hint".to_owned(), "alice@rp.test".to_owned())],
            signed: false,
            instance: None,
            issued_at: NOW,
            expires_at: NOW.plus(60),
        };
        let found = FoundWaiting {
            record: WaitingRecord::Pushed(Box::new(record)),
            revision: 0,
        };
        assert!(!format!("{found:?}").contains("alice"), "{found:?}");
        let client = Client {
            created_at,
            ..web()
        };
        Received::new(Params::from_pairs([("client_id", "web")]))
            .with_pushed(key, Some(found), &client, NOW)
            .map(|_| ())
    };
    assert_eq!(bring(NOW), Ok(()));
    assert_eq!(bring(NOW.plus(1)), Err(Reason::RequestUriInvalid));
}

#[test]
fn a_native_client_is_answered_on_the_port_it_opened() {
    let native = Arc::new(Client {
        application_type: ApplicationType::Native,
        redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
        ..spa()
    });
    let uri = "http://127.0.0.1:51004/cb";
    let params = Params::from_pairs([
        ("client_id", "web"),
        ("redirect_uri", uri),
        ("response_type", "bad"),
    ]);
    let redirect = Received::new(params)
        .identify(Some(native))
        .unwrap()
        .validate(&policy())
        .unwrap_err();
    assert_eq!(redirect.respond(&policy()).redirect_uri, uri);
}

#[test]
fn every_rule_holds_at_both_endpoints_but_those_about_being_pushed() {
    let at = |endpoint| {
        rules::RULES
            .iter()
            .filter(move |rule| rule.applies_at(endpoint))
    };
    // What holds for those that are pushed; that they are, and what may come in no other way.
    let all = rules::RULES.len();
    assert_eq!(at(Endpoint::Authorization).count(), all - 1);
    assert_eq!(at(Endpoint::PushedAuthorization).count(), all - 2);
}
