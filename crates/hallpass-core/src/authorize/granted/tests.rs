use hallpass_types::RANDOM_LEN;

use super::*;
use crate::authorization_details::DetailType;
use crate::authorize::fixture::{
    CALLBACK, CHALLENGE, ISSUER, NOW, identified, policy, scope, session, spa, valid, validated,
    web,
};

fn key() -> Key<Session> {
    Key::from_parts(Bucket(1), [5; 32])
}

fn grant(
    valid: &Valid,
    consented: Option<&Consented>,
    remembered: Option<&ConsentRecord>,
) -> Granted {
    let by = By {
        session: &session(5),
        session_key: key(),
        consented,
        remembered,
        redeem_within: 60,
    };
    Granted::new(valid, by, &policy(), NOW, [3; 12])
}

/// Everything allowed just now.
fn allowed(valid: &Valid) -> Granted {
    grant(valid, Some(&Consented::of(valid, None)), None)
}

fn earlier(allowed: &str, refused: &str) -> ConsentRecord {
    ConsentRecord {
        scope: scope(allowed),
        refused: scope(refused),
        redirect_uris: Some(web().redirect_uris_digest),
        at: NOW.plus(-100),
        ..ConsentRecord::default()
    }
}

#[test]
fn the_code_holds_what_redemption_needs() {
    let valid = valid(&[("scope", "openid email"), ("nonce", "n-1")]);
    let code = allowed(&valid).code_record().unwrap();
    assert_eq!(code.redirect_uri, CALLBACK);
    assert_eq!(code.code_challenge.as_deref(), Some(CHALLENGE));
    assert_eq!(code.nonce.as_deref(), Some("n-1"));
    assert_eq!(code.issued_at, NOW);
    assert_eq!(code.expires_at, NOW.plus(60));
    let grant = code.grant;
    assert_eq!(grant.client_id, web().id);
    assert_eq!(grant.subject.as_str(), "alice");
    assert_eq!(grant.account_epoch, 3);
    assert_eq!(grant.scope, scope("openid email"));
    assert_eq!(grant.authentication, session(5).authentication);
    assert_eq!(grant.session, Some(key()));
    assert_eq!(grant.sid, Some(session(5).sid));
    assert_eq!(grant.id.random, [3; 12]);
    assert_eq!(grant.id.bucket, Bucket::holding(grant.expires_at));
}

#[test]
fn a_grant_without_refresh_ends_with_its_last_access_token_or_the_session() {
    let plain = allowed(&valid(&[])).grant().clone();
    assert!(plain.session_bound);
    assert_eq!(plain.refresh, None);
    assert_eq!(plain.expires_at, NOW.plus(60 + 600));

    let mut policy = policy();
    policy.resources[0].access_token_lifetime = Some(1800);
    policy.resources[1].access_token_lifetime = Some(7200);
    let valid = valid(&[("resource", "https://api1.test")]);
    let by = By {
        session: &session(5),
        session_key: key(),
        consented: Some(&Consented::of(&valid, None)),
        remembered: None,
        redeem_within: 60,
    };
    let longer = Granted::new(&valid, by, &policy, NOW, [3; 12]);
    let grant = longer.grant().clone();
    assert_eq!(grant.expires_at, NOW.plus(60 + 1800));
}

#[test]
fn offline_access_outlives_the_session_and_refreshes() {
    let valid = valid(&[("scope", "openid offline_access")]);
    let grant = allowed(&valid).grant().clone();
    assert!(!grant.session_bound);
    assert_eq!(grant.expires_at, NOW.plus(60 + 90 * 86_400));
    assert_eq!(
        grant.refresh,
        Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(14 * 86_400),
        })
    );
}

#[test]
fn access_lasts_by_offline_access_or_in_plain_oauth_for_a_client_that_refreshes() {
    let unable = Client {
        grant_types: vec!["authorization_code".to_owned()],
        ..web()
    };
    for (asked, expected, shown) in [
        ("openid offline_access", true, Some("openid offline_access")),
        ("openid", false, None),
        ("openid email", false, None),
        ("api:read", true, Some("api:read offline_access")),
        (
            "offline_access api:read",
            true,
            Some("offline_access api:read"),
        ),
    ] {
        let valid = valid(&[("scope", asked)]);
        let request = valid.request();
        assert_eq!(wants_refresh(&web(), request), expected, "{asked}");
        let shown = shown.map_or_else(|| scope(asked), scope);
        assert_eq!(shown_scope(&web(), request), shown, "{asked}");
        assert!(!wants_refresh(&unable, request), "{asked}");
        assert_eq!(shown_scope(&unable, request), request.scope, "{asked}");
    }
    let nothing = valid(&[("scope", ""), ("resource", "https://api1.test")]);
    assert!(wants_refresh(&web(), nothing.request()));
    assert_eq!(
        shown_scope(&web(), nothing.request()),
        scope("offline_access")
    );
}

#[test]
fn refresh_tokens_without_offline_access_end_with_the_session_and_ask_for_nothing_more() {
    let of = |refreshes| Client { refreshes, ..web() };
    for asked in ["openid email", "openid"] {
        let valid = validated(of(Refreshes::WithSession), &[("scope", asked)]).unwrap();
        assert_eq!(shown_scope(valid.client(), valid.request()), scope(asked));
        let granted = allowed(&valid).grant().clone();
        assert!(granted.session_bound && granted.refresh.is_some());
        assert!(granted.expires_at <= session(5).expires_at);
        let valid = validated(of(Refreshes::Asked), &[("scope", asked)]).unwrap();
        assert_eq!(allowed(&valid).grant().clone().refresh, None, "{asked}");
    }
    // Where access lasts, it lasts as it does otherwise.
    let asked = [("scope", "openid offline_access")];
    let valid = validated(of(Refreshes::WithSession), &asked).unwrap();
    assert!(!allowed(&valid).grant().session_bound);
    for asked in ["openid offline_access", "api:read", "openid"] {
        let valid = validated(of(Refreshes::Never), &[("scope", asked)]).unwrap();
        assert_eq!(allowed(&valid).grant().clone().refresh, None, "{asked}");
        assert_eq!(shown_scope(valid.client(), valid.request()), scope(asked));
    }
    let unable = Client {
        grant_types: vec!["authorization_code".to_owned()],
        ..of(Refreshes::WithSession)
    };
    let valid = validated(unable, &[("scope", "openid")]).unwrap();
    assert_eq!(allowed(&valid).grant().clone().refresh, None);
}

#[test]
fn plain_oauth_refreshes_and_has_no_session() {
    let plain = valid(&[("scope", "api:read"), ("resource", "https://api1.test")]);
    let granted = allowed(&plain);
    let grant = granted.grant().clone();
    assert_eq!(grant.scope, scope("api:read"), "only what was asked for");
    assert!(!grant.session_bound);
    assert_eq!(grant.refresh.unwrap().generation, 0);
    assert_eq!(grant.expires_at, NOW.plus(60 + 90 * 86_400));
    let record = granted.consent_record().unwrap();
    assert_eq!(record.scope, scope("api:read offline_access"));

    let unable = Client {
        grant_types: vec!["authorization_code".to_owned()],
        ..web()
    };
    let plain = validated(unable, &[("scope", "api:read")]).unwrap();
    let granted = allowed(&plain);
    let grant = granted.grant().clone();
    assert!(!grant.session_bound);
    assert_eq!(grant.refresh, None);
    assert_eq!(grant.expires_at, NOW.plus(60 + 600));
    let record = granted.consent_record().unwrap();
    assert_eq!(record.scope, scope("api:read"), "it was not shown");
    assert!(record.refused.is_empty());
}

#[test]
fn who_unticks_lasting_access_gets_none() {
    //= test OIDC-CORE#11 without the person's leave there is no access that lasts
    for asked in [
        "openid offline_access",
        "api:read",
        "api:read offline_access",
    ] {
        let valid = valid(&[("scope", asked)]);
        let ticked = ["api:read".to_owned()];
        let answer = Consented::of(&valid, Some(&ticked));
        let granted = grant(&valid, Some(&answer), None);
        let grant_record = granted.grant().clone();
        assert_eq!(grant_record.refresh, None, "{asked}");
        assert!(!grant_record.scope.contains("offline_access"));
        assert_eq!(grant_record.session_bound, asked.starts_with("openid"));
        let record = granted.consent_record().unwrap();
        assert_eq!(record.refused, scope("offline_access"), "{asked}");
        // And it stays so.
        let again = grant(&valid, None, Some(&record));
        assert_eq!(again.grant().clone().refresh, None, "{asked}");
    }
    let plain = valid(&[("scope", "api:read")]);
    let before = grant(&plain, None, Some(&earlier("openid api:read", "")));
    assert_eq!(
        before.grant().clone().refresh,
        None,
        "allowed only while the person was there"
    );
    let lasting = earlier("api:read offline_access", "");
    let before = grant(&plain, None, Some(&lasting));
    assert!(before.grant().clone().refresh.is_some());
}

#[test]
fn a_session_bound_grant_ends_with_the_session_at_the_latest() {
    let with = |valid: &Valid, session: &SessionRecord| {
        let by = By {
            session,
            session_key: key(),
            consented: Some(&Consented::of(valid, None)),
            remembered: None,
            redeem_within: 60,
        };
        Granted::new(valid, by, &policy(), NOW, [3; 12])
            .grant()
            .clone()
    };
    let mut ending = session(5);
    ending.expires_at = NOW.plus(90);
    let bound = with(&valid(&[]), &ending);
    assert_eq!(bound.expires_at, NOW.plus(90));
    assert_eq!(bound.id.bucket, Bucket::holding(NOW.plus(90)));
    for scope in ["openid offline_access", "api:read"] {
        let lasting = with(&valid(&[("scope", scope)]), &ending);
        assert!(lasting.expires_at > NOW.plus(90), "{scope}");
    }
}

#[test]
fn never_more_is_granted_than_was_asked_for() {
    let valid = valid(&[
        ("scope", "openid email"),
        ("resource", "https://api1.test"),
        ("claims", r#"{"userinfo":{"phone_number":null}}"#),
    ]);
    let answer = Consented {
        details: false,
        scope: scope("openid email profile offline_access"),
        refused: scope("address"),
        claims: ["phone_number", "birthdate"].map(str::to_owned).to_vec(),
        refused_claims: Vec::new(),
        resources: ["https://api2.test/v1/", "https://api1.test"]
            .map(str::to_owned)
            .to_vec(),
    };
    let granted = grant(&valid, Some(&answer), None);
    let code = granted.grant().clone();
    assert_eq!(code.scope, scope("openid email"));
    assert_eq!(code.resources, ["https://api1.test"]);
    assert_eq!(code.claims, valid.request().claims);
    let record = granted.consent_record().unwrap();
    assert_eq!(record.scope, scope("openid email"));
    assert!(record.refused.is_empty());
    assert_eq!(record.claims, ["phone_number"]);
    assert_eq!(record.resources, ["https://api1.test"]);
}

#[test]
fn never_more_is_granted_than_was_allowed() {
    //= test OIDC-CORE#3.1.2.4 nothing is released that the person has not allowed
    let valid = valid(&[
        ("scope", "openid email profile"),
        ("resource", "https://api1.test"),
        (
            "claims",
            r#"{"userinfo":{"phone_number":null,"email":null,"name":null},"id_token":{"acr":null}}"#,
        ),
    ]);
    let answer = Consented {
        details: false,
        scope: scope("openid email"),
        refused: scope("profile"),
        ..Consented::default()
    };
    let remembered = earlier("openid email", "profile");
    for granted in [
        grant(&valid, Some(&answer), None),
        grant(&valid, Some(&answer), Some(&earlier("openid profile", ""))),
        grant(&valid, None, Some(&remembered)),
    ] {
        let code = granted.grant().clone();
        assert_eq!(code.scope, scope("openid email"));
        assert!(code.resources.is_empty());
        let names: Vec<_> = code.claims.userinfo.keys().map(String::as_str).collect();
        assert_eq!(names, ["email"], "the email scope releases it anyway");
        assert!(code.claims.id_token.contains_key("acr"));
    }
    let nothing = grant(&valid, None, None).grant().clone();
    assert!(nothing.scope.is_empty() && nothing.resources.is_empty());
    assert!(nothing.claims.userinfo.is_empty());
}

#[test]
fn details_are_granted_by_the_answer_to_just_these_and_by_no_earlier_one() {
    //= test RFC9396#2 details are granted with the person's consent to just these
    let mut own = policy();
    own.detail_types = vec![DetailType::new("ride".to_owned())];
    let mut client = spa();
    client.requests.detail_types = vec!["ride".to_owned()];
    let changes = [("authorization_details", r#"[{"type":"ride"}]"#)];
    let valid = identified(client.clone(), &changes).validate(&own).unwrap();
    assert_eq!(valid.request().authorization_details.len(), 1);
    let yes = Consented::of(&valid, None);
    let no = Consented {
        details: false,
        ..yes.clone()
    };
    let remembered = earlier("openid", "");
    for (consented, count) in [(Some(&yes), 1), (Some(&no), 0), (None, 0)] {
        for remembered in [None, Some(&remembered)] {
            let granted = grant(&valid, consented, remembered);
            assert_eq!(
                granted.grant().authorization_details.len(),
                count,
                "{consented:?}"
            );
        }
    }
    // Where nobody is asked, the operator has answered.
    client.skip_consent = true;
    let valid = identified(client, &changes).validate(&own).unwrap();
    assert_eq!(
        grant(&valid, None, None)
            .grant()
            .authorization_details
            .len(),
        1
    );
}

#[test]
fn waived_consent_covers_the_request_but_for_what_was_once_refused() {
    let client = Client {
        skip_consent: true,
        ..web()
    };
    let changes = [
        ("scope", "openid email profile"),
        ("resource", "https://api1.test"),
        ("claims", r#"{"userinfo":{"phone_number":null}}"#),
    ];
    let valid = validated(client, &changes).unwrap();
    let granted = grant(&valid, None, None);
    assert_eq!(granted.consent_record(), None);
    let code = granted.grant().clone();
    assert_eq!(code.scope, valid.request().scope);
    assert_eq!(code.resources, valid.request().resources);
    assert_eq!(code.claims, valid.request().claims);
    let refused = grant(&valid, None, Some(&earlier("openid", "profile")));
    assert_eq!(refused.grant().clone().scope, scope("openid email"));
    // Who is asked after all is taken at their word.
    let answer = Consented {
        details: false,
        scope: scope("openid"),
        ..Consented::default()
    };
    let asked = grant(&valid, Some(&answer), None).grant().clone();
    assert_eq!(asked.scope, scope("openid"));
    assert!(asked.resources.is_empty() && asked.claims.userinfo.is_empty());
}

#[test]
fn new_answers_go_over_earlier_ones() {
    let valid = valid(&[
        ("scope", "openid email profile"),
        ("resource", "https://api1.test"),
    ]);
    let answer = Consented::of(&valid, Some(&["profile".to_owned()]));
    let before = ConsentRecord {
        resources: vec!["https://api2.test/v1/".to_owned()],
        claims: vec!["birthdate".to_owned()],
        ..earlier("openid email address", "profile phone")
    };
    let record = grant(&valid, Some(&answer), Some(&before))
        .consent_record()
        .unwrap();
    assert_eq!(record.scope, scope("openid address profile"));
    assert_eq!(record.refused, scope("phone email"));
    assert_eq!(
        record.resources,
        ["https://api2.test/v1/", "https://api1.test"]
    );
    assert_eq!(record.claims, ["birthdate"]);
    assert_eq!(record.at, NOW);
    assert_eq!(record.redirect_uris, Some(web().redirect_uris_digest));
}

#[test]
fn answers_for_other_redirect_uris_are_forgotten() {
    let valid = valid(&[]);
    let answer = Consented::of(&valid, None);
    let before = ConsentRecord {
        redirect_uris: Some([9; 32]),
        ..earlier("openid email", "")
    };
    let record = grant(&valid, Some(&answer), Some(&before))
        .consent_record()
        .unwrap();
    assert_eq!(record.scope, scope("openid"));
}

#[test]
fn nothing_is_remembered_when_nothing_was_asked() {
    let granted = grant(&valid(&[]), None, Some(&earlier("openid", "")));
    assert_eq!(granted.consent_record(), None);
    assert_eq!(granted.grant().clone().scope, scope("openid"));
}

#[test]
fn the_answer_carries_code_state_and_issuer_once() {
    //= test RFC9207#2 iss is in every authorization response
    //= test RFC6749#4.1.2 state is returned exactly as it came, and only if it came
    let code = || Opaque::<Code>::from_random(Bucket(9), &[7; RANDOM_LEN]);
    for (state, mode) in [
        ("s-1", "query"),
        ("&code=evil#", "fragment"),
        ("", "form_post"),
    ] {
        let valid = valid(&[("state", state), ("response_mode", mode)]);
        let made = Made {
            code: Some(code()),
            ..Made::default()
        };
        let answer = allowed(&valid).respond(made, &policy());
        let mut expected = vec![("code", code().expose().to_owned())];
        if !state.is_empty() {
            expected.push(("state", state.to_owned()));
        }
        expected.push(("iss", ISSUER.to_owned()));
        assert_eq!(answer.params, expected);
        assert_eq!(answer.mode.as_str(), mode);
        assert_eq!(answer.redirect_uri, CALLBACK);
        assert!(!answer.is_error());
    }
}

fn hybrid(response: ResponseType, scope: &str) -> (Client, Valid) {
    let client = Client {
        response_types: vec![response.as_str().to_owned()],
        grant_types: ["authorization_code", "implicit", "refresh_token"]
            .map(str::to_owned)
            .to_vec(),
        ..web()
    };
    let policy = Policy {
        response_types: vec![response],
        ..policy()
    };
    let changes = [
        ("response_type", response.as_str()),
        ("scope", scope),
        ("nonce", "n-1"),
    ];
    let identified = identified(client.clone(), &changes);
    (client, identified.validate(&policy).unwrap())
}

#[test]
fn a_grant_stands_as_soon_as_a_token_of_it_is_out() {
    for response in ResponseType::ALL {
        let (client, valid) = hybrid(*response, "openid email offline_access");
        let granted = allowed(&valid);
        let code = granted.code_record();
        assert_eq!(code.is_some(), response.has_code());
        let standing = granted.standing_grant();
        assert_eq!(standing.is_some(), response.has_token());
        let access = granted.access_token(&client, &policy(), NOW).unwrap();
        assert_eq!(
            access.as_ref().map(|a| a.grant),
            response.has_token().then_some(Some(granted.grant().id))
        );
        if let (Some(code), Some(standing)) = (&code, &standing) {
            assert!(code.grant_stands);
            assert_eq!(code.grant, *standing);
        }
        if let Some(code) = &code {
            assert_eq!(code.grant_stands, response.has_token());
        }
        //= test OIDC-CORE#11 a response type without a code never leads to access that lasts
        assert_eq!(
            granted.grant().refresh.is_some(),
            response.has_code(),
            "{response:?}"
        );
        assert_eq!(
            granted.grant().scope.contains("offline_access"),
            response.has_code()
        );
    }
}

#[test]
fn an_id_token_vouches_for_what_came_with_it() {
    //= test OIDC-CORE#5.4 claims of the scope are in the ID token when no access token is issued
    for response in ResponseType::ALL {
        let (client, valid) = hybrid(*response, "openid email");
        let granted = allowed(&valid);
        let made = Made {
            code: response
                .has_code()
                .then(|| Opaque::<Code>::from_random(Bucket(9), &[7; RANDOM_LEN])),
            access_token: response.has_token().then(|| FrontToken {
                text: "the-token".to_owned(),
                expires_in: 600,
                scope: scope("openid"),
                token_type: TokenType::Bearer,
            }),
            id_token: None,
        };
        let Some(request) = granted.id_token(&made, &client, &policy()) else {
            assert!(!response.has_id_token());
            continue;
        };
        assert!(response.has_id_token());
        let hash = |value: &str| left_half_hash(client.id_token_signed_response_alg, value);
        let code = made.code.as_ref().map(|code| hash(code.expose()));
        assert_eq!(request.hashes.code, code);
        let token = response.has_token().then(|| hash("the-token"));
        assert_eq!(request.hashes.access_token, token);
        assert_eq!(request.hashes.state, Some(hash("s-1")));
        assert_eq!(request.nonce.as_deref(), Some("n-1"));
        let alone = *response == ResponseType::IdToken;
        assert_eq!(
            request.claims.id_token.contains_key("email"),
            alone,
            "{response:?}"
        );
        assert!(!format!("{made:?}").contains("the-token"));
    }
}

#[test]
fn an_answer_holds_what_was_made_and_tells_about_the_token() {
    //= test RFC6749#4.2.2 an access token comes with its type; SHOULD: with its lifetime
    //= test RFC6749#4.2.2 and with its scope when that differs from what was asked for; here, always
    let (_, valid) = hybrid(ResponseType::IdTokenToken, "openid");
    let made = Made {
        code: None,
        access_token: Some(FrontToken {
            text: "at".to_owned(),
            expires_in: 600,
            scope: scope("openid"),
            token_type: TokenType::DPoP,
        }),
        id_token: Some("e.y.s".to_owned()),
    };
    let answer = allowed(&valid).respond(made, &policy());
    assert_eq!(
        answer.params,
        [
            ("access_token", "at".to_owned()),
            ("token_type", "DPoP".to_owned()),
            ("expires_in", "600".to_owned()),
            ("scope", "openid".to_owned()),
            ("id_token", "e.y.s".to_owned()),
            ("state", "s-1".to_owned()),
            ("iss", ISSUER.to_owned()),
        ]
    );
    assert_eq!(answer.mode, ResponseMode::Fragment);
}
