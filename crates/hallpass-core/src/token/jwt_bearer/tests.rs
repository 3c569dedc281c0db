use std::collections::BTreeMap;

use hallpass_jose::JwsAlgorithm;
use serde_json::{Value, json};

use super::*;
use crate::{
    client::Client,
    token::fixture::{
        BOTH, ISSUER, NOW, READ, SEALED, other, params, policy, proven, scope, spa, texts,
    },
};

const PARTNER: &str = "https://partner.test";

struct Scene {
    policy: Policy,
    client: Client,
    claims: Option<Value>,
    account: Option<(Subject, AccountFacts)>,
    pairs: Vec<(&'static str, &'static str)>,
}

fn entry() -> TrustedIssuer {
    TrustedIssuer {
        issuer: PARTNER.to_owned(),
        jwks: None,
        jwks_uri: None,
        algs: vec![JwsAlgorithm::ES256],
        clients: texts(&["web"]),
        subjects: None,
        scopes: scope("api:read openid offline_access"),
        resources: texts(&[READ]),
        max_lifetime: 300,
    }
}

fn claims() -> Value {
    json!({"iss": PARTNER, "sub": "alice", "aud": ISSUER, "exp": NOW.0 + 60, "iat": NOW.0, "jti": "j-1"})
}

impl Scene {
    fn new() -> Self {
        let mut policy = policy();
        policy.jwt_bearer = vec![entry()];
        Self {
            policy,
            client: other("web"),
            claims: Some(claims()),
            account: Some((Subject::parse("alice").unwrap(), AccountFacts { epoch: 3 })),
            pairs: vec![("assertion", "a"), ("resource", READ)],
        }
    }

    fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.as_mut().unwrap()[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        let claims = self.claims.as_mut().unwrap().as_object_mut();
        assert!(claims.unwrap().remove(name).is_some());
        self
    }

    fn asks(mut self, name: &'static str, value: &'static str) -> Self {
        self.pairs.retain(|(n, _)| *n != name);
        self.pairs.push((name, value));
        self
    }

    fn decide(self) -> Result<Issuance, Reason> {
        let request = JwtBearer::parse(&params(&self.pairs))?;
        let client = proven(&self.client);
        let cx = Context {
            now: NOW,
            policy: &self.policy,
            client: &client,
            binding: None,
        };
        let found = AssertionFound {
            claims: self
                .claims
                .map(|c| Claims::parse(c.to_string().as_bytes()).unwrap()),
            account: self.account,
            random: [4; 12],
        };
        JwtBearer::decide(&cx, request, found).map_err(|r| r.reason)
    }

    fn refusal(self) -> Reason {
        self.decide().unwrap_err()
    }
}

#[test]
fn a_trusted_issuers_word_yields_a_token_with_a_grant_of_its_own() {
    //= test RFC7521#4.1 there is no refresh token
    let issuance = Scene::new().decide().unwrap();
    let grant = issuance.new_grant.unwrap();
    assert_eq!(issuance.access.grant, Some(grant.id));
    assert_eq!(issuance.access.subject, "alice");
    assert_eq!(issuance.access.scope, scope("api:read"));
    assert_eq!(issuance.access.target.audience, texts(&[READ]));
    assert_eq!(grant.expires_at, NOW.plus(issuance.access.target.lifetime));
    assert_eq!((grant.account_epoch, grant.refresh), (3, None));
    assert!(!grant.authentication.was_here());
    assert_eq!((issuance.refresh, issuance.id_token), (None, None));
    assert!(matches!(issuance.spend, Some(Spend::Once(_))));
}

// TK-54
#[test]
fn an_assertion_that_is_not_good_is_refused() {
    //= test RFC7523#2.1 there is one assertion
    //= test RFC7523#3 aud names this server
    //= test RFC7523#3 exp is there and not over
    //= test RFC7523#3 an exp that lies unreasonably far ahead is refused
    //= test RFC7523#3 before nbf an assertion is refused
    let mut missing = Scene::new();
    missing.pairs.remove(0);
    assert_eq!(missing.refusal(), Reason::AssertionMissing);
    let mut unverified = Scene::new();
    unverified.claims = None;
    assert_eq!(unverified.refusal(), Reason::AssertionInvalid);
    let stranger = Scene::new().claim("iss", json!("https://other.test"));
    assert_eq!(stranger.refusal(), Reason::AssertionInvalid);
    for aud in [
        json!("https://other.test"),
        json!([ISSUER, "https://other.test"]),
        json!([]),
        json!(format!("{ISSUER}/")),
        json!(READ),
    ] {
        let scene = Scene::new().claim("aud", aud.clone());
        assert_eq!(scene.refusal(), Reason::AssertionAudience, "{aud}");
    }
    assert_eq!(
        Scene::new().without("aud").refusal(),
        Reason::AssertionAudience
    );
    for (name, value) in [
        ("exp", NOW.0),
        ("exp", NOW.0 - 1),
        ("exp", NOW.0 + 301),
        ("nbf", NOW.0 + 11),
        ("iat", NOW.0 + 11),
    ] {
        let scene = Scene::new().claim(name, json!(value));
        assert_eq!(scene.refusal(), Reason::AssertionTime, "{name} {value}");
    }
    for name in ["exp", "jti"] {
        assert_eq!(
            Scene::new().without(name).refusal(),
            Reason::AssertionInvalid
        );
        for value in [json!(""), json!(null), json!({})] {
            let scene = Scene::new().claim(name, value.clone());
            assert_eq!(scene.refusal(), Reason::AssertionInvalid, "{name} {value}");
        }
    }
    let mut gone = Scene::new();
    gone.account = None;
    assert_eq!(gone.refusal(), Reason::AccountGone);
    for aud in [json!([ISSUER]), json!(format!("{ISSUER}/token"))] {
        assert!(Scene::new().claim("aud", aud).decide().is_ok());
    }
    // The token endpoint is where the issuer has it.
    let elsewhere = |path: &str| {
        let mut scene = Scene::new().claim("aud", json!(format!("{ISSUER}{path}")));
        let routes = &mut scene.policy.routes;
        routes.tell(Place::Token, "/oauth2/token").unwrap();
        scene.decide().is_ok()
    };
    assert!(elsewhere("/oauth2/token"));
    assert!(!elsewhere("/oauth2/revoke") && !elsewhere("/oauth2/token/"));
}

#[test]
fn an_assertion_is_used_once_whatever_its_client() {
    //= test RFC7523#3 an assertion whose jti was seen is refused; here, each needs one and works once
    let spend = |scene: Scene| scene.decide().unwrap().spend;
    assert_eq!(
        spend(Scene::new()),
        spend(Scene::new().asks("scope", "api:read"))
    );
    let other_jti = Scene::new().claim("jti", json!("j-2"));
    assert_ne!(spend(Scene::new()), spend(other_jti));
    let mut other_issuer = Scene::new().claim("iss", json!("https://two.test"));
    other_issuer.policy.jwt_bearer[0].issuer = "https://two.test".to_owned();
    assert_ne!(spend(Scene::new()), spend(other_issuer));
}

#[test]
fn what_a_token_is_for_follows_from_the_operators_entry() {
    let mut client = Scene::new();
    client.client = other("web2");
    assert_eq!(client.refusal(), Reason::AssertionNotForClient);
    let mut public = Scene::new();
    public.client = Client {
        id: other("web").id,
        ..spa()
    };
    assert_eq!(public.refusal(), Reason::GrantTypeNotAllowed);
    for target in [SEALED, BOTH, ISSUER, "https://unknown.test", "x"] {
        assert_eq!(
            Scene::new().asks("resource", target).refusal(),
            Reason::TargetUnknown
        );
    }
    let untargeted = || {
        let mut scene = Scene::new();
        scene.pairs.retain(|(n, _)| *n != "resource");
        scene
    };
    assert_eq!(untargeted().refusal(), Reason::TargetUnknown);
    let mut own = untargeted();
    own.policy.jwt_bearer[0].resources = texts(&[ISSUER]);
    assert_eq!(own.decide().unwrap().access.target.audience, texts(&[]));
    for wider in ["api:write", "openid", "offline_access", "api:read email"] {
        assert_eq!(
            Scene::new().asks("scope", wider).refusal(),
            Reason::ScopeNotGranted
        );
    }
    assert_eq!(
        Scene::new().asks("scope", "\"").refusal(),
        Reason::ScopeMalformed
    );
    // The client's own list holds, too.
    let mut limited = Scene::new();
    limited.client.scope = Some(scope("email"));
    assert_eq!(limited.decide().unwrap().access.scope, scope(""));
}

#[test]
fn subjects_are_the_same_or_those_of_a_table() {
    let parsed = |sub: &str| Claims::parse(json!({"sub": sub}).to_string().as_bytes()).unwrap();
    let same = entry();
    assert_eq!(
        account_of(&same, &parsed("alice")),
        Subject::parse("alice").ok()
    );
    let mut table = entry();
    table.subjects = Some(BTreeMap::from([("a-17".to_owned(), "alice".to_owned())]));
    assert_eq!(
        account_of(&table, &parsed("a-17")),
        Subject::parse("alice").ok()
    );
    for unknown in ["alice", "", "a-18", "A-17"] {
        assert_eq!(account_of(&table, &parsed(unknown)), None, "{unknown}");
    }
}
