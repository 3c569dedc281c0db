use super::*;
use crate::{
    authorize::fixture::{NOW, policy, scope, session, sid, valid, validated, web},
    client::ApplicationType,
};

/// Facts that a test may change.
struct Scene {
    valid: Valid,
    session: Option<SessionRecord>,
    subject: Option<&'static str>,
    consent: Option<ConsentRecord>,
    consented: Option<Consented>,
    done: Done,
    can_reach: Option<Strength>,
    policy: Policy,
}

impl Scene {
    /// Alice signed in five seconds ago and has allowed `openid email`.
    fn new(changes: &[(&str, &str)]) -> Self {
        Self::of(valid(changes))
    }

    fn of(valid: Valid) -> Self {
        Self {
            valid,
            session: Some(session(5)),
            subject: Some("alice"),
            consent: Some(remembered()),
            consented: None,
            done: Done::default(),
            can_reach: None,
            policy: policy(),
        }
    }

    fn without_session(changes: &[(&str, &str)]) -> Self {
        Self {
            session: None,
            subject: None,
            consent: None,
            ..Self::new(changes)
        }
    }

    fn next(&self) -> Next {
        let facts = Facts {
            now: NOW,
            session: self.session.as_ref(),
            subject: self.subject,
            consent: self.consent.as_ref(),
            consented: self.consented.as_ref(),
            done: &self.done,
            can_reach: self.can_reach,
            standing: None,
            policy: &self.policy,
        };
        next(&self.valid, &facts)
    }
}

fn remembered() -> ConsentRecord {
    ConsentRecord {
        scope: scope("openid email"),
        redirect_uris: Some(web().redirect_uris_digest),
        ..ConsentRecord::default()
    }
}

fn asks(prompt: Prompt, reasons: &[Cause]) -> Next {
    Next::Ask(Ask {
        prompt,
        reasons: reasons.to_vec(),
    })
}

fn signed_in_here() -> Done {
    Done {
        login: Some(sid("sid-1")),
        ..Done::default()
    }
}

#[test]
fn a_live_session_with_remembered_consent_needs_nothing() {
    assert_eq!(Scene::new(&[]).next(), Next::Ready);
    assert_eq!(Scene::new(&[("scope", "email openid")]).next(), Next::Ready);
    assert_eq!(Scene::new(&[("prompt", "none")]).next(), Next::Ready);
}

#[test]
fn nobody_signed_in_is_asked_to() {
    for changes in [
        &[][..],
        &[("prompt", "consent")],
        &[("prompt", "select_account")],
    ] {
        assert_eq!(
            Scene::without_session(changes).next(),
            asks(Prompt::Login, &[Cause::NoSession])
        );
    }
    let mut jumped = Scene::without_session(&[]);
    jumped.done = signed_in_here();
    jumped.consented = Some(Consented::of(&jumped.valid, None));
    assert_eq!(jumped.next(), asks(Prompt::Login, &[Cause::NoSession]));
}

#[test]
fn silence_is_answered_with_the_error_of_what_would_be_asked() {
    //= test OIDC-CORE#3.1.2.1 prompt=none is answered with an error where something must be asked
    let none = ("prompt", "none");
    assert_eq!(
        Scene::without_session(&[none]).next(),
        Next::Refuse(Reason::LoginRequired)
    );
    assert_eq!(
        Scene::new(&[none, ("max_age", "1")]).next(),
        Next::Refuse(Reason::LoginRequired)
    );
    let mut stranger = Scene::new(&[none]);
    stranger.consent = None;
    assert_eq!(stranger.next(), Next::Refuse(Reason::ConsentRequired));
    assert_eq!(
        Scene::new(&[none, ("scope", "openid profile")]).next(),
        Next::Refuse(Reason::ConsentRequired)
    );
    let mut bob = Scene::new(&[none]);
    bob.valid.require_subject("alice".to_owned());
    bob.subject = Some("bob");
    assert_eq!(bob.next(), Next::Refuse(Reason::LoginRequired));
    let native = Client {
        application_type: ApplicationType::Native,
        redirect_uris: vec!["com.example.app:/cb".to_owned()],
        ..web()
    };
    let changes = [none, ("redirect_uri", "com.example.app:/cb")];
    assert_eq!(
        Scene::of(validated(native, &changes).unwrap()).next(),
        Next::Refuse(Reason::InteractionRequired)
    );
}

#[test]
fn every_cause_has_its_error() {
    for (cause, code) in [
        (Cause::NoSession, "login_required"),
        (Cause::LoginRequested, "login_required"),
        (Cause::TooLongAgo, "login_required"),
        (Cause::AnotherSubject, "login_required"),
        (Cause::AcrTooWeak, "login_required"),
        (Cause::SelectionRequested, "account_selection_required"),
        (Cause::ConsentRequested, "consent_required"),
        (Cause::NothingRemembered, "consent_required"),
        (Cause::WiderScope, "consent_required"),
        (Cause::WiderClaims, "consent_required"),
        (Cause::WiderResources, "consent_required"),
        (Cause::OfflineAccess, "consent_required"),
        (Cause::ClientChanged, "consent_required"),
        (Cause::NativeClient, "interaction_required"),
    ] {
        assert_eq!(cause.refusal().code().as_str(), code);
    }
}

#[test]
fn max_age_asks_when_the_last_sign_in_is_older() {
    //= test OIDC-CORE#3.1.2.1 when the last authentication is older than max_age, the person proves again who they are
    let login = || asks(Prompt::Login, &[Cause::TooLongAgo]);
    for (max_age, expected) in [
        ("0", login()),
        ("1", login()),
        ("4", login()),
        ("5", Next::Ready),
        ("10000", Next::Ready),
        ("9007199254740992", Next::Ready),
    ] {
        let scene = Scene::new(&[("max_age", max_age)]);
        assert_eq!(scene.next(), expected, "{max_age}");
    }
    let mut just_now = Scene::new(&[("max_age", "0")]);
    just_now.session = Some(session(0));
    assert_eq!(just_now.next(), login());
}

#[test]
fn a_requested_sign_in_cannot_be_skipped() {
    //= test OIDC-CORE#3.1.2.1 with prompt=login the person proves again who they are
    for changes in [("prompt", "login"), ("max_age", "0"), ("max_age", "1")] {
        let mut scene = Scene::new(&[changes]);
        assert!(matches!(scene.next(), Next::Ask(ask) if ask.prompt == Prompt::Login));
        // The session of another flow, even of the same second, does not count.
        scene.session = Some(session(0));
        scene.done.login = Some(sid("sid-2"));
        if changes != ("max_age", "1") {
            assert!(matches!(scene.next(), Next::Ask(ask) if ask.prompt == Prompt::Login));
        }
        // Choosing an account is no sign-in.
        scene.done = Done {
            selected: Some(sid("sid-1")),
            ..Done::default()
        };
        scene.session = Some(session(5));
        assert!(matches!(scene.next(), Next::Ask(ask) if ask.prompt == Prompt::Login));
        // A sign-in within the request does, however long the consent page was read.
        scene.done = signed_in_here();
        assert_eq!(scene.next(), Next::Ready, "{changes:?}");
    }
}

#[test]
fn the_answer_is_for_the_wanted_person_or_an_error() {
    //= test OIDC-CORE#3.1.2.1 when somebody else than the hinted person signs in, the answer is an error
    let mut scene = Scene::new(&[]);
    scene.valid.require_subject("alice".to_owned());
    assert_eq!(scene.next(), Next::Ready);
    scene.subject = Some("bob");
    assert_eq!(scene.next(), asks(Prompt::Login, &[Cause::AnotherSubject]));
    scene.done = signed_in_here();
    assert_eq!(scene.next(), Next::Refuse(Reason::AnotherSubject));
    scene.subject = None;
    assert_eq!(scene.next(), Next::Refuse(Reason::AnotherSubject));

    let claims = ("claims", r#"{"id_token":{"sub":{"value":"bob"}}}"#);
    assert_eq!(
        Scene::new(&[claims]).next(),
        asks(Prompt::Login, &[Cause::AnotherSubject])
    );
    let mut contradiction = Scene::new(&[claims, ("prompt", "none")]);
    contradiction.valid.require_subject("alice".to_owned());
    for subject in ["alice", "bob"] {
        contradiction.subject = Some(subject);
        assert_eq!(contradiction.next(), Next::Refuse(Reason::LoginRequired));
    }
}

#[test]
fn an_essential_acr_is_reached_or_an_error() {
    //= test OIDC-CORE#5.5.1.1 an essential acr that was not reached fails the authentication
    let claims = r#"{"id_token":{"acr":{"essential":true,"value":"mid"}}}"#;
    let mut policy = policy();
    policy.acr_values = ["low", "mid", "high"].map(str::to_owned).to_vec();
    let valid = crate::authorize::fixture::identified(web(), &[("claims", claims)])
        .validate(&policy)
        .unwrap();
    let mut scene = Scene::of(valid);
    scene.policy = policy;
    let weak = asks(Prompt::Login, &[Cause::AcrTooWeak]);
    for (acr, expected) in [
        (None, weak.clone()),
        (Some("low"), weak.clone()),
        (Some("other"), weak),
        (Some("mid"), Next::Ready),
        (Some("high"), Next::Ready),
    ] {
        let mut session = session(5);
        session.authentication.acr = acr.map(str::to_owned);
        scene.session = Some(session);
        scene.done = Done::default();
        assert_eq!(scene.next(), expected, "{acr:?}");
        scene.done = signed_in_here();
        if expected != Next::Ready {
            assert_eq!(scene.next(), Next::Refuse(Reason::AcrNotReached), "{acr:?}");
        }
    }
}

#[test]
fn a_wished_acr_never_asks() {
    assert_eq!(Scene::new(&[("acr_values", "high")]).next(), Next::Ready);
}

#[test]
fn an_account_is_chosen_once() {
    //= test OIDC-CORE#3.1.2.1 with prompt=select_account the person chooses among accounts
    let mut scene = Scene::new(&[("prompt", "select_account")]);
    let select = asks(Prompt::SelectAccount, &[Cause::SelectionRequested]);
    assert_eq!(scene.next(), select);
    scene.done.selected = Some(sid("sid-2"));
    assert_eq!(scene.next(), select);
    scene.done.selected = Some(sid("sid-1"));
    assert_eq!(scene.next(), Next::Ready);
    scene.done = signed_in_here();
    assert_eq!(scene.next(), Next::Ready, "signing in is choosing, too");
}

#[test]
fn prompts_come_one_after_the_other() {
    let mut scene = Scene::new(&[("prompt", "consent select_account login"), ("max_age", "1")]);
    assert_eq!(
        scene.next(),
        asks(Prompt::Login, &[Cause::LoginRequested, Cause::TooLongAgo])
    );
    scene.done = signed_in_here();
    assert_eq!(
        scene.next(),
        asks(Prompt::Consent, &[Cause::ConsentRequested])
    );
    scene.consented = Some(Consented::of(&scene.valid, None));
    assert_eq!(scene.next(), Next::Ready);
}

#[test]
fn consent_is_asked_for_what_was_not_shown() {
    let asked = |scene: Scene| match scene.next() {
        Next::Ask(ask) => {
            assert_eq!(ask.prompt, Prompt::Consent);
            ask.reasons
        }
        Next::Refuse(_) | Next::Ready => Vec::new(),
    };
    let with = |changes: &[(&str, &str)]| asked(Scene::new(changes));
    let mut stranger = Scene::new(&[]);
    stranger.consent = None;
    assert_eq!(asked(stranger), [Cause::NothingRemembered]);
    assert_eq!(with(&[("scope", "openid profile")]), [Cause::WiderScope]);
    //= test OIDC-CORE#11 offline access is only given with consent to just that
    assert_eq!(
        with(&[("scope", "openid offline_access")]),
        [Cause::OfflineAccess]
    );
    assert_eq!(
        with(&[("resource", "https://api1.test")]),
        [Cause::WiderResources]
    );
    assert_eq!(
        with(&[("claims", r#"{"userinfo":{"phone_number":null}}"#)]),
        [Cause::WiderClaims]
    );
    //= test OIDC-CORE#3.1.2.1 with prompt=consent the person is asked again
    assert_eq!(with(&[("prompt", "consent")]), [Cause::ConsentRequested]);
    // Claims of an allowed scope and claims about the event are nothing new.
    let known = r#"{"id_token":{"email":null,"email#de":null,"auth_time":null,"acr":null}}"#;
    assert!(with(&[("scope", "openid email"), ("claims", known)]).is_empty());
    // But a scope that is not part of this request does not speak for its claims.
    assert_eq!(
        with(&[("claims", r#"{"id_token":{"email":null}}"#)]),
        [Cause::WiderClaims]
    );
    let mut moved = Scene::new(&[]);
    moved.consent = Some(ConsentRecord {
        redirect_uris: Some([9; 32]),
        ..remembered()
    });
    assert_eq!(asked(moved), [Cause::ClientChanged]);
    let mut unknown_set = Scene::new(&[]);
    unknown_set.consent = Some(ConsentRecord {
        redirect_uris: None,
        ..remembered()
    });
    assert_eq!(asked(unknown_set), [Cause::ClientChanged]);
}

#[test]
fn what_was_shown_is_not_asked_again() {
    let mut scene = Scene::new(&[
        ("scope", "openid email profile offline_access"),
        ("resource", "https://api1.test"),
        ("claims", r#"{"userinfo":{"phone_number":null}}"#),
    ]);
    scene.consent = Some(ConsentRecord {
        refused: scope("profile offline_access"),
        resources: vec!["https://api1.test".to_owned()],
        claims: vec!["phone_number".to_owned()],
        ..remembered()
    });
    assert_eq!(scene.next(), Next::Ready);
}

#[test]
fn who_left_everything_out_is_asked_again() {
    let mut scene = Scene::new(&[("scope", "api:read")]);
    scene.consent = Some(ConsentRecord {
        scope: scope(""),
        refused: scope("api:read offline_access"),
        ..remembered()
    });
    assert_eq!(
        scene.next(),
        asks(Prompt::Consent, &[Cause::NothingRemembered])
    );
}

#[test]
fn an_answer_that_leaves_nothing_is_a_refusal() {
    //= test RFC6749#4.1.2.1 when the person leaves nothing that could be granted, access is denied
    for (asked, allowed) in [
        ("openid email", "email"),
        ("openid", ""),
        ("api:read email", ""),
        ("api:read", "openid profile"),
    ] {
        let mut scene = Scene::new(&[("scope", asked)]);
        scene.consented = Some(Consented {
            scope: scope(allowed),
            ..Consented::default()
        });
        assert_eq!(
            scene.next(),
            Next::Refuse(Reason::NothingGranted),
            "{asked} {allowed}"
        );
    }
    let mut scene = Scene::new(&[("scope", "openid email")]);
    scene.consented = Some(Consented::of(&scene.valid, Some(&[])));
    assert_eq!(scene.next(), Next::Ready, "openid cannot be left out");
}

#[test]
fn the_operator_may_waive_consent_but_not_what_the_client_wants() {
    let trusted = |changes: &[(&str, &str)]| {
        let client = Client {
            skip_consent: true,
            ..web()
        };
        Scene {
            consent: None,
            ..Scene::of(validated(client, changes).unwrap())
        }
    };
    let wide = [
        ("scope", "openid profile offline_access"),
        ("resource", "https://api1.test"),
        ("claims", r#"{"userinfo":{"phone_number":null}}"#),
    ];
    assert_eq!(trusted(&wide).next(), Next::Ready);
    assert_eq!(
        trusted(&[("prompt", "consent")]).next(),
        asks(Prompt::Consent, &[Cause::ConsentRequested])
    );
    assert_eq!(
        Scene {
            session: None,
            ..trusted(&[])
        }
        .next(),
        asks(Prompt::Login, &[Cause::NoSession])
    );
}

#[test]
fn a_native_client_without_assured_identity_always_asks() {
    //= test RFC8252#8.6 without assured identity no request is granted without the person
    for (uri, asked) in [
        ("com.example.app:/cb", true),
        ("http://127.0.0.1/cb", true),
        ("http://[::1]/cb", true),
        ("http://localhost/cb", true),
        ("https://app.example/cb", false),
    ] {
        for skip_consent in [false, true] {
            let client = Client {
                application_type: ApplicationType::Native,
                redirect_uris: vec![uri.to_owned()],
                skip_consent,
                ..web()
            };
            let mut scene = Scene::of(validated(client, &[("redirect_uri", uri)]).unwrap());
            let expected = if asked {
                asks(Prompt::Consent, &[Cause::NativeClient])
            } else {
                Next::Ready
            };
            assert_eq!(scene.next(), expected, "{uri}");
            scene.consented = Some(Consented::of(&scene.valid, None));
            assert_eq!(scene.next(), Next::Ready, "{uri}");
        }
    }
}

#[test]
fn what_was_done_survives_its_stored_form() {
    assert_eq!(serde_json::to_string(&Done::default()).unwrap(), "{}");
    let json = serde_json::to_string(&signed_in_here()).unwrap();
    assert_eq!(json, r#"{"login":"sid-1"}"#);
    assert_eq!(
        serde_json::from_str::<Done>(&json).unwrap(),
        signed_in_here()
    );
}

#[test]
fn unticked_scopes_are_left_out() {
    let valid = valid(&[
        ("scope", "openid email profile"),
        ("claims", r#"{"userinfo":{"phone_number":null,"sub":null}}"#),
    ]);
    let some = Consented::of(&valid, Some(&["email".to_owned(), "address".to_owned()]));
    assert_eq!(some.scope, scope("openid email"));
    assert_eq!(some.refused, scope("profile"));
    assert_eq!(some.claims, ["phone_number"]);
    let all = Consented::of(&valid, None);
    assert_eq!(all.scope, valid.request().scope);
    assert!(all.refused.is_empty());
}

#[test]
fn plain_oauth_asks_for_access_that_lasts_under_its_name() {
    let asked = |scene: Scene| match scene.next() {
        Next::Ask(ask) => ask.reasons,
        Next::Refuse(_) | Next::Ready => Vec::new(),
    };
    let plain = || Scene::new(&[("scope", "email")]);
    // What was allowed for the time of a session is no leave for more.
    assert_eq!(asked(plain()), [Cause::OfflineAccess]);
    for shown in ["email offline_access", "email"] {
        let mut scene = plain();
        scene.consent = Some(ConsentRecord {
            scope: scope(shown),
            refused: scope(if shown == "email" {
                "offline_access"
            } else {
                ""
            }),
            ..remembered()
        });
        assert_eq!(scene.next(), Next::Ready, "shown before: {shown}");
    }
    let unable = Client {
        grant_types: vec!["authorization_code".to_owned()],
        ..web()
    };
    let scene = Scene::of(validated(unable, &[("scope", "email")]).unwrap());
    assert_eq!(scene.next(), Next::Ready, "nothing lasts");
    let waived = Client {
        skip_consent: true,
        ..web()
    };
    let scene = Scene::of(validated(waived, &[("scope", "email")]).unwrap());
    assert_eq!(scene.next(), Next::Ready);

    let valid = valid(&[("scope", "email")]);
    let all = Consented::of(&valid, None);
    assert_eq!(all.scope, scope("email offline_access"));
    let some = Consented::of(&valid, Some(&["email".to_owned()]));
    assert_eq!(some.scope, scope("email"));
    assert_eq!(some.refused, scope("offline_access"));
}

#[test]
fn a_wished_acr_asks_those_who_can_reach_it_once_and_refuses_nobody() {
    //= test OIDC-CORE#3.1.2.1 acr_values are voluntary, so that a class which is not reached is no error
    let mut policy = policy();
    policy.acr_values = ["low", "mid", "high"].map(str::to_owned).to_vec();
    let weak = asks(Prompt::Login, &[Cause::AcrTooWeak]);
    for (wished, can_reach, expected) in [
        ("mid", None, Next::Ready),
        ("mid", Some(Strength::Single), Next::Ready),
        ("mid", Some(Strength::Multi), weak),
        ("high", Some(Strength::Multi), Next::Ready),
        ("other", Some(Strength::PhishingResistant), Next::Ready),
        ("mid low", Some(Strength::Multi), Next::Ready),
    ] {
        let valid = crate::authorize::fixture::identified(web(), &[("acr_values", wished)])
            .validate(&policy)
            .unwrap();
        let mut scene = Scene::of(valid);
        scene.policy = policy.clone();
        scene.can_reach = can_reach;
        let mut session = session(5);
        session.authentication.acr = Some("low".to_owned());
        scene.session = Some(session);
        assert_eq!(scene.next(), expected, "{wished} {can_reach:?}");
        scene.done = signed_in_here();
        assert_eq!(scene.next(), Next::Ready, "asked once: {wished}");
    }
    let changes = [("acr_values", "mid"), ("prompt", "none")];
    let mut scene = Scene::new(&changes);
    scene.policy = policy;
    scene.can_reach = Some(Strength::Multi);
    assert_eq!(scene.next(), Next::Ready, "a wish refuses nobody");
}

#[test]
fn what_an_operator_requires_of_a_client_is_essential_whatever_it_asks_for() {
    let mut policy = policy();
    policy.acr_values = ["low", "mid", "high"].map(str::to_owned).to_vec();
    let client = || Client {
        required_acr: Some("mid".to_owned()),
        ..web()
    };
    for (asked, expected) in [
        (None, vec!["mid"]),
        (Some(r#"["low"]"#), vec!["mid"]),
        (Some(r#"["low","high"]"#), vec!["high"]),
        (Some(r#"["mid","high"]"#), vec!["mid", "high"]),
    ] {
        let claims = asked.map(|values| {
            format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":{values}}}}}}}"#)
        });
        let changes: Vec<_> = claims.iter().map(|c| ("claims", c.as_str())).collect();
        let valid = crate::authorize::fixture::identified(client(), &changes)
            .validate(&policy)
            .unwrap();
        assert_eq!(valid.request().essential_acr, expected, "{asked:?}");
    }
}
