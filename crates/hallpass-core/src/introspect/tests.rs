use serde_json::json;

use super::*;
use crate::{
    record::{GrantRecord, RefreshState},
    token::fixture::{
        ALICE, ISSUER, NOW, READ, WRITE, after, found, grant, other, policy, proven, scope, spa,
        texts, web,
    },
};

/// A question that a test may change.
struct Scene {
    caller: Client,
    token: AccessToken,
    grant: Option<FoundGrant>,
    holder: Option<Client>,
    token_denied: bool,
    session_alive: bool,
    account: Option<AccountFacts>,
    now: Timestamp,
}

/// A resource server: a client that serves these resources.
fn server(id: &str, resources: &[&str]) -> Client {
    Client {
        introspects: texts(resources),
        grant_types: Vec::new(),
        ..other(id)
    }
}

impl Scene {
    /// The caller asks about alice's token for `audience` that `web` holds.
    fn new(caller: Client, audience: &[&str]) -> Self {
        let holder = web();
        Self {
            caller,
            token: AccessToken {
                audience: texts(audience),
                ..crate::token::fixture::access_token(&holder)
            },
            grant: Some(found(grant(&holder))),
            holder: Some(holder),
            token_denied: false,
            session_alive: true,
            account: ALICE,
            now: NOW,
        }
    }

    fn answer(&self) -> Option<Map<String, Value>> {
        access_token(
            Caller::Client(&proven(&self.caller)),
            &self.token,
            &Facts {
                grant: self.grant.as_ref(),
                token_denied: self.token_denied,
                session_alive: self.session_alive,
                account: self.account,
            },
            self.holder.as_ref(),
            &policy(),
            self.now,
        )
    }

    fn is_active(&self) -> bool {
        self.answer().is_some()
    }
}

#[test]
fn the_resource_server_of_a_token_learns_this() {
    let answer = Scene::new(server("rs1", &[READ]), &[READ]).answer();
    assert_eq!(
        Value::Object(answer.unwrap()),
        json!({
            "active": true,
            "scope": "openid email api:read offline_access",
            "client_id": "web",
            "token_type": "Bearer",
            "exp": NOW.0 + 590,
            "iat": NOW.0 - 10,
            "sub": "alice",
            "aud": READ,
            "iss": ISSUER,
            "acr": "urn:acr:1",
            "auth_time": NOW.0 - 100,
            "jti": format!("AQEBAQEBAQEBAQEBAQEBAQ.{}", grant(&web()).id),
        })
    );
    let mut scene = Scene::new(server("rs1", &[READ]), &[READ, WRITE]);
    scene.token.scope = scope("");
    let answer = scene.answer().unwrap();
    assert_eq!(answer["aud"], json!([READ, WRITE]));
    assert!(!answer.contains_key("scope"));
}

#[test]
fn nobody_else_learns_anything() {
    // IN-01, IN-02
    //= test RFC7662#4 a resource server learns only about tokens that are meant for it
    let issuer = || server("rs0", &[ISSUER]);
    for (caller, audience, expected) in [
        (server("rs1", &[READ]), &[READ][..], true),
        (server("rs1", &[READ]), &[WRITE, READ], true),
        (server("rs1", &[WRITE, READ]), &[READ], true),
        (server("rs2", &[WRITE]), &[READ], false),
        (server("rs2", &[]), &[READ], false),
        (server("rs2", &[]), &[], false),
        (server("rs1", &[READ]), &[], false),
        (issuer(), &[], true),
        (issuer(), &[READ], false),
        // No list stands for all that a client may ask for. It does not make it a resource server.
        (other("web2"), &[READ], false),
        (other("web2"), &[], false),
        // Whoever holds the token knows it anyway.
        (web(), &[READ], true),
        (web(), &[], true),
    ] {
        let scene = Scene::new(caller, audience);
        let id = &scene.caller.id;
        assert_eq!(scene.is_active(), expected, "{id} about {audience:?}");
    }
}

#[test]
fn a_public_client_learns_nothing_not_even_about_its_own() {
    //= test RFC7662#2.1 the caller is authorized, so that nobody can scan for tokens
    let mut scene = Scene::new(spa(), &[]);
    scene.token.client_id = spa().id;
    scene.holder = Some(spa());
    assert!(!scene.is_active());
    let named = Client {
        introspects: texts(&[READ]),
        ..spa()
    };
    assert!(!Scene::new(named, &[READ]).is_active());
}

#[test]
fn a_token_that_does_not_stand_is_not_active() {
    // IN-05
    let scene = || Scene::new(server("rs1", &[READ]), &[READ]);
    assert!(scene().is_active());
    let mut denied = scene();
    denied.token_denied = true;
    let mut gone = scene();
    gone.holder = None;
    let mut mistaken = scene();
    mistaken.holder = Some(other("web2"));
    let mut unknown = scene();
    unknown.grant = None;
    let mut revoked = scene();
    revoked.grant.as_mut().unwrap().revoked_at = Some(NOW);
    let mut disabled = scene();
    disabled.account = None;
    let mut changed = scene();
    changed.account = Some(AccountFacts { epoch: 4 });
    let mut signed_out = scene();
    signed_out.session_alive = false;
    signed_out.grant.as_mut().unwrap().record.session_bound = true;
    let mut over = scene();
    over.grant.as_mut().unwrap().record.expires_at = NOW;
    for scene in [
        denied, gone, mistaken, unknown, revoked, disabled, changed, signed_out, over,
    ] {
        assert!(!scene.is_active());
    }
    let mut scene = scene();
    scene.now = scene.token.expires_at.plus(-1);
    assert!(scene.is_active());
    for now in [scene.token.expires_at, after(scene.token.expires_at)] {
        scene.now = now;
        assert!(!scene.is_active());
    }
}

#[test]
fn a_services_token_stands_on_its_own() {
    let mut scene = Scene::new(server("rs1", &[READ]), &[READ]);
    scene.token.grant = None;
    scene.token.subject = "client:web".to_owned();
    scene.grant = None;
    scene.account = None;
    let answer = scene.answer().unwrap();
    assert_eq!(answer["sub"], "client:web");
    assert_eq!(answer["jti"], "AQEBAQEBAQEBAQEBAQEBAQ");
    scene.token_denied = true;
    assert!(!scene.is_active());
}

#[test]
fn the_subject_is_the_tokens() {
    // UI-11, IN-08
    let mut scene = Scene::new(server("rs1", &[READ]), &[READ]);
    scene.token.subject = "pairwise-of-web".to_owned();
    assert_eq!(scene.answer().unwrap()["sub"], "pairwise-of-web");
}

/// Answers `caller` about a generation of `owner`'s family at the second one.
fn refresh(caller: &Client, owner: &Client, generation: u32) -> Option<Map<String, Value>> {
    let mut record = grant(owner);
    record.refresh.as_mut().unwrap().generation = 2;
    ask(caller, &found(record), generation, NOW)
}

fn ask(
    caller: &Client,
    grant: &FoundGrant,
    generation: u32,
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let token = RefreshToken {
        grant: grant.record.id,
        generation,
    };
    let facts = RefreshFacts {
        grant,
        account: ALICE,
        session_alive: false,
    };
    refresh_token(
        Caller::Client(&proven(caller)),
        token,
        &facts,
        &policy(),
        now,
    )
}

#[test]
fn a_refresh_token_is_known_to_its_own_client_only() {
    // IN-03
    assert_eq!(
        Value::Object(refresh(&web(), &web(), 2).unwrap()),
        json!({
            "active": true,
            "scope": "openid email api:read offline_access",
            "client_id": "web",
            "exp": NOW.0 + 14 * 86_400 - 30,
            "iat": NOW.0 - 30,
            "sub": "alice",
            "iss": ISSUER,
        })
    );
    for caller in [
        other("web2"),
        server("rs1", &[READ]),
        server("rs0", &[ISSUER]),
    ] {
        assert_eq!(refresh(&caller, &web(), 2), None);
    }
    assert_eq!(refresh(&spa(), &spa(), 2), None, "a public client");
}

#[test]
fn only_the_newest_refresh_token_of_a_standing_grant_is_active() {
    // IN-05
    for generation in [0, 1, 3, u32::MAX] {
        assert_eq!(refresh(&web(), &web(), generation), None, "{generation}");
    }
    let grant = grant(&web());
    let never = found(GrantRecord {
        refresh: None,
        ..grant.clone()
    });
    assert_eq!(ask(&web(), &never, 0, NOW), None);
    let revoked = FoundGrant {
        revoked_at: Some(NOW),
        ..found(grant.clone())
    };
    assert_eq!(ask(&web(), &revoked, 0, NOW), None);
    let bound = found(GrantRecord {
        session_bound: true,
        ..grant.clone()
    });
    assert_eq!(ask(&web(), &bound, 0, NOW), None);
    let state = grant.refresh.unwrap();
    let idle = found(grant.clone());
    assert_eq!(ask(&web(), &idle, 0, state.idle_expires_at), None);
    let old = found(GrantRecord {
        refresh: Some(RefreshState {
            idle_expires_at: after(grant.expires_at),
            ..state
        }),
        ..grant.clone()
    });
    assert_eq!(ask(&web(), &old, 0, grant.expires_at), None);
    let last = ask(&web(), &old, 0, grant.expires_at.plus(-1)).unwrap();
    assert_eq!(last["exp"], grant.expires_at.0);
}

#[test]
fn what_is_not_active_has_no_other_member() {
    let read: Value = serde_json::from_str(INACTIVE).unwrap();
    assert_eq!(read, json!({"active": false}));
}

#[test]
fn an_unauthorized_caller_looks_like_any_other() {
    assert_eq!(Reason::PublicClient.code().as_str(), "invalid_client");
    assert_eq!(Reason::TokenMissing.code().as_str(), "invalid_request");
}
