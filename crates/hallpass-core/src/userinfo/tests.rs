use serde_json::json;

use super::*;
use crate::token::fixture::{
    ALICE, NOW, READ, access_token, after, found, grant, other, policy, scope, texts, wanted, web,
};

/// A request that a test may change.
struct Scene {
    token: AccessToken,
    grant: Option<FoundGrant>,
    token_denied: bool,
    session_alive: bool,
    account: Option<AccountFacts>,
    claims: Value,
    client: Client,
    now: Timestamp,
}

impl Scene {
    /// A token with this scope and its grant.
    fn new(granted: &str) -> Self {
        let client = web();
        let mut record = grant(&client);
        record.scope = scope(granted);
        let mut token = access_token(&client);
        token.scope = scope(granted);
        Self {
            token,
            grant: Some(found(record)),
            token_denied: false,
            session_alive: true,
            account: ALICE,
            claims: json!({
                "sub": "bob",
                "name": "Alice",
                "name#de": "Alicia",
                "nickname": null,
                "email": "alice@test",
                "email_verified": false,
                "address": {"country": "DE"},
                "phone_number": "+49 1",
                "groups": ["a"],
                "iss": "https://evil.test",
                "aud": "other",
                "scope": "admin",
                "password": "hunter2",
            }),
            client,
            now: NOW,
        }
    }

    fn record(&mut self) -> &mut crate::record::GrantRecord {
        &mut self.grant.as_mut().unwrap().record
    }

    fn answer(&self) -> Result<Value, Reason> {
        let facts = Facts {
            grant: self.grant.as_ref(),
            token_denied: self.token_denied,
            session_alive: self.session_alive,
            account: self.account,
        };
        answer(
            &self.token,
            &facts,
            self.claims.as_object().unwrap(),
            &self.client,
            &policy(),
            self.now,
        )
        .map(Value::Object)
    }
}

#[test]
fn each_scope_releases_its_claims_and_no_others() {
    // UI-10
    for (granted, expected) in [
        ("openid", json!({"sub": "alice"})),
        (
            "openid email",
            json!({"sub": "alice", "email": "alice@test", "email_verified": false}),
        ),
        ("openid profile", json!({"sub": "alice", "name": "Alice"})),
        (
            "openid address phone",
            json!({"sub": "alice", "address": {"country": "DE"}, "phone_number": "+49 1"}),
        ),
        ("openid groups", json!({"sub": "alice", "groups": ["a"]})),
        (
            "openid offline_access api:read unknown",
            json!({"sub": "alice"}),
        ),
    ] {
        assert_eq!(Scene::new(granted).answer(), Ok(expected), "{granted}");
    }
}

#[test]
fn claims_asked_for_one_by_one_come_too() {
    let mut scene = Scene::new("openid");
    scene.record().claims.userinfo = wanted(&[
        "email", "name#de", "nickname", "unknown", "sub", "iss", "aud", "scope",
    ]);
    scene.record().claims.id_token = wanted(&["phone_number"]);
    assert_eq!(
        scene.answer(),
        Ok(json!({"sub": "alice", "email": "alice@test", "name#de": "Alicia"})),
        "reserved names are the provider's, and what the ID token should have stays there"
    );
}

#[test]
fn claims_asked_for_one_by_one_are_for_who_asked() {
    // Another client exchanged the token: what it is for is in its scope.
    let mut scene = Scene::new("openid");
    scene.record().claims.userinfo = wanted(&["email"]);
    scene.client = other("api");
    scene.token.client_id = scene.client.id.clone();
    assert_eq!(scene.answer(), Ok(json!({"sub": "alice"})));
}

#[test]
fn a_narrowed_token_shows_less_than_its_grant() {
    let mut scene = Scene::new("openid email");
    scene.token.scope = scope("openid");
    assert_eq!(scene.answer(), Ok(json!({"sub": "alice"})));
}

#[test]
fn the_subject_is_the_one_of_the_id_token() {
    // UI-11
    //= test OIDC-CORE#5.3.2 sub is always there and equals the ID token's
    let mut scene = Scene::new("openid");
    scene.token.subject = "pairwise-of-web".to_owned();
    assert_eq!(scene.answer(), Ok(json!({"sub": "pairwise-of-web"})));
}

#[test]
fn without_openid_the_scope_is_insufficient() {
    // UI-06
    //= test OIDC-CORE#5.3.1 the access token was obtained through OpenID Connect authentication
    for granted in ["", "email", "api:read", "OPENID"] {
        assert_eq!(Scene::new(granted).answer(), Err(Reason::ScopeMissing));
    }
    let mut service = Scene::new("api:read");
    service.token.grant = None;
    service.grant = None;
    assert_eq!(service.answer(), Err(Reason::ScopeMissing));
    assert_eq!(Reason::ScopeMissing.code().as_str(), "insufficient_scope");
}

#[test]
fn a_token_for_a_resource_is_not_for_the_provider() {
    // UI-06
    //= test RFC9068#4 a token whose audience is another resource is refused
    for audience in [&[READ][..], &[READ, crate::token::fixture::ISSUER]] {
        let mut scene = Scene::new("openid email");
        scene.token.audience = texts(audience);
        assert_eq!(scene.answer(), Err(Reason::WrongAudience));
    }
}

#[test]
fn a_token_that_does_not_stand_shows_nothing() {
    // UI-07
    let new = || Scene::new("openid email");
    //= test RFC7009#2.1 a revoked token does not work any more
    let mut denied = new();
    denied.token_denied = true;
    let mut revoked = new();
    revoked.grant.as_mut().unwrap().revoked_at = Some(NOW);
    let mut unknown = new();
    unknown.grant = None;
    let mut disabled = new();
    disabled.account = None;
    let mut changed = new();
    changed.account = Some(AccountFacts { epoch: 4 });
    let mut signed_out = new();
    signed_out.session_alive = false;
    assert!(signed_out.answer().is_ok(), "offline access");
    signed_out.record().session_bound = true;
    let mut over = new();
    over.record().expires_at = NOW;
    let mut mistaken = new();
    mistaken.client = other("web2");
    for (scene, reason) in [
        (denied, Reason::TokenRevoked),
        (revoked, Reason::TokenRevoked),
        (unknown, Reason::TokenUnknown),
        (disabled, Reason::TokenRevoked),
        (changed, Reason::TokenRevoked),
        (signed_out, Reason::TokenRevoked),
        (over, Reason::TokenRevoked),
        (mistaken, Reason::TokenRevoked),
    ] {
        assert_eq!(scene.answer(), Err(reason));
        assert_eq!(reason.code().as_str(), "invalid_token");
        assert_eq!(reason.text(), Reason::TokenUnknown.text());
    }
    let mut late = new();
    late.now = late.token.expires_at.plus(-1);
    assert!(late.answer().is_ok());
    for now in [late.token.expires_at, after(late.token.expires_at)] {
        late.now = now;
        assert_eq!(late.answer(), Err(Reason::TokenExpired));
    }
}
