use hallpass_types::{ClientId, Thumbprint};
use serde_json::{Value, json};

use super::*;
use crate::{
    policy::Policy,
    record::Confirmation,
    token::fixture::{
        ALICE, BOTH, ISSUER, NOW, READ, SEALED, access_token, found, grant, other, params, policy,
        proven, scope, spa, texts, web,
    },
};

/// A request of `orders`, which serves [`BOTH`], with a token of `web` for that.
struct Scene {
    client: Client,
    policy: Policy,
    subject: Option<Shown>,
    actor: Option<Shown>,
    pairs: Vec<(&'static str, &'static str)>,
    binding: Option<Confirmation>,
}

fn shown(holder: &Client, audience: &[&str]) -> Shown {
    Shown {
        token: AccessToken {
            audience: texts(audience),
            scope: scope("api:read api:write"),
            ..access_token(holder)
        },
        grant: Some(found(grant(holder))),
        denied: false,
        session_alive: true,
        account: ALICE,
        holder_stands: true,
    }
}

/// A token that a client got for itself.
fn own(client: &Client) -> Shown {
    let mut shown = shown(client, &[]);
    shown.grant = None;
    shown.token.grant = None;
    shown.token.subject = itself(client);
    shown
}

fn rule() -> ExchangeRule {
    ExchangeRule {
        clients: texts(&["orders"]),
        resources: texts(&[READ]),
        ..ExchangeRule::default()
    }
}

impl Scene {
    fn new() -> Self {
        let mut policy = policy();
        policy.token_exchange = vec![rule()];
        Self {
            client: Client {
                introspects: texts(&[BOTH]),
                ..other("orders")
            },
            policy,
            subject: Some(shown(&web(), &[BOTH])),
            actor: None,
            pairs: vec![
                ("subject_token", "s"),
                ("subject_token_type", ACCESS_TOKEN),
                ("resource", READ),
            ],
            binding: None,
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.pairs.retain(|(n, _)| *n != name);
        self.pairs.push((name, value));
        self
    }

    fn acts(mut self, actor: Shown) -> Self {
        self.actor = Some(actor);
        self.with("actor_token", "a")
            .with("actor_token_type", ACCESS_TOKEN)
    }

    fn rule(mut self, change: impl FnOnce(&mut ExchangeRule)) -> Self {
        change(&mut self.policy.token_exchange[0]);
        self
    }

    fn subject(mut self, change: impl FnOnce(&mut Shown)) -> Self {
        change(self.subject.as_mut().unwrap());
        self
    }

    fn decide(self) -> Result<AccessGrant, Reason> {
        let request = TokenExchange::parse(&params(&self.pairs))?;
        let client = proven(&self.client);
        let cx = Context {
            now: NOW,
            policy: &self.policy,
            client: &client,
            binding: self.binding,
        };
        let found = ExchangeFound {
            subject: self.subject,
            actor: self.actor,
        };
        let issuance = TokenExchange::decide(&cx, request, found).map_err(|r| {
            assert_eq!(r.effect, None);
            r.reason
        })?;
        assert_eq!((issuance.spend, issuance.refresh), (None, None));
        assert_eq!((issuance.new_grant, issuance.id_token), (None, None));
        Ok(issuance.access)
    }

    fn extra(self) -> Value {
        let text = self.decide().unwrap().extra.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn a_resource_server_gets_a_token_for_the_next_one_that_belongs_to_the_same_grant() {
    //= test RFC8693#2.2.1 issued_token_type is there after an exchange
    //= test RFC8693#2.2.1 there is no refresh token
    let access = Scene::new().decide().unwrap();
    assert_eq!(access.grant, Some(grant(&web()).id));
    assert_eq!(access.subject, "alice");
    assert_eq!(
        access.scope,
        scope("api:read"),
        "what means something there"
    );
    assert_eq!(access.target.audience, texts(&[READ]));
    assert_eq!(access.issued_as, Some(ACCESS_TOKEN));
    assert_eq!(access.authentication, Some(grant(&web()).authentication));
    assert_eq!(access.extra.unwrap(), r#"{"act":{"sub":"client:orders"}}"#);
    let jwt = Scene::new().with("requested_token_type", JWT).decide();
    assert_eq!(jwt.unwrap().issued_as, Some(JWT));
    // `audience` is another word for the resource.
    let mut named = Scene::new();
    named.pairs.retain(|(n, _)| *n != "resource");
    assert_eq!(
        named
            .with("audience", READ)
            .decide()
            .unwrap()
            .target
            .audience,
        texts(&[READ])
    );
}

#[test]
fn a_token_is_shown_by_its_holder_by_its_audience_or_by_whom_the_rule_trusts() {
    let invalid = Err(Reason::SubjectTokenInvalid);
    let is_fine = |scene: Scene| scene.decide().map(drop);
    let mut stranger = Scene::new();
    stranger.client.introspects = texts(&[SEALED]);
    assert_eq!(is_fine(stranger), invalid);
    let mut named = Scene::new().rule(|r| r.subject_clients = texts(&["web"]));
    named.client.introspects.clear();
    assert_eq!(is_fine(named), Ok(()));
    let other_named = Scene::new().rule(|r| r.subject_clients = texts(&["web2"]));
    assert_eq!(is_fine(other_named), invalid);
    let holder = Scene::new().subject(|s| s.token.client_id = ClientId::parse("orders").unwrap());
    assert_eq!(is_fine(holder), Ok(()));
    // A token for the provider itself is nobody's but its holder's, and of whom serves the provider.
    let for_issuer = || Scene::new().subject(|s| s.token.audience.clear());
    assert_eq!(is_fine(for_issuer()), invalid);
    let mut serving = for_issuer();
    serving.client.introspects = texts(&[ISSUER]);
    assert_eq!(is_fine(serving), Ok(()));
}

#[test]
fn only_what_a_rule_allows_is_exchanged() {
    //= test RFC8693#2.2.2 a target for which no token is issued is refused with invalid_target
    let refusal = |scene: Scene| scene.decide().unwrap_err();
    let mut nobody = Scene::new();
    nobody.policy.token_exchange.clear();
    assert_eq!(refusal(nobody), Reason::ExchangeNotAllowed);
    let another = Scene::new().rule(|r| r.clients = texts(&["web"]));
    assert_eq!(refusal(another), Reason::ExchangeNotAllowed);
    for target in [
        SEALED,
        BOTH,
        ISSUER,
        "https://unknown.test",
        "read",
        "https://read.test#x",
    ] {
        assert_eq!(
            refusal(Scene::new().with("resource", target)),
            Reason::TargetUnknown
        );
    }
    let mut both = Scene::new();
    both.pairs.push(("audience", SEALED));
    assert_eq!(refusal(both), Reason::TargetUnknown, "one of two");
    // Without a target the token would be for the provider itself.
    let mut none = Scene::new();
    none.pairs.retain(|(n, _)| *n != "resource");
    assert_eq!(refusal(none), Reason::TargetUnknown);
    let mut none = Scene::new().rule(|r| r.resources.push(ISSUER.to_owned()));
    none.pairs.retain(|(n, _)| *n != "resource");
    assert_eq!(none.decide().unwrap().target.audience, texts(&[]));
    let mut public = Scene::new();
    public.client = Client {
        id: ClientId::parse("orders").unwrap(),
        ..spa()
    };
    assert_eq!(refusal(public), Reason::GrantTypeNotAllowed);
    // What a client may ask for by other grants has nothing to do with it.
    let mut limited = Scene::new();
    limited.client.resources = Some(texts(&[BOTH]));
    assert!(limited.decide().is_ok());
}

#[test]
fn a_token_that_does_not_stand_is_not_exchanged() {
    // TK-53
    //= test RFC8693#2.2.2 a token that is invalid for any reason is refused with invalid_request
    type Change = fn(&mut Shown);
    let changes: [(&str, Change); 9] = [
        ("over", |s| s.token.expires_at = NOW),
        ("revoked", |s| s.denied = true),
        ("its holder is gone", |s| s.holder_stands = false),
        ("without its grant", |s| s.grant = None),
        ("its grant is revoked", |s| {
            s.grant.as_mut().unwrap().revoked_at = Some(NOW);
        }),
        ("its grant is over", |s| {
            s.grant.as_mut().unwrap().record.expires_at = NOW;
        }),
        ("its account is gone", |s| s.account = None),
        ("its account changed", |s| {
            s.account = Some(AccountFacts { epoch: 4 });
        }),
        ("its session ended", |s| {
            s.session_alive = false;
            s.grant.as_mut().unwrap().record.session_bound = true;
        }),
    ];
    for (what, change) in changes {
        let scene = Scene::new().subject(change);
        assert_eq!(scene.decide(), Err(Reason::SubjectTokenInvalid), "{what}");
        let mut actor = shown(&other("orders"), &[]);
        change(&mut actor);
        let scene = Scene::new().acts(actor);
        assert_eq!(scene.decide(), Err(Reason::ActorTokenInvalid), "{what}");
    }
    let mut unknown = Scene::new();
    unknown.subject = None;
    assert_eq!(unknown.decide(), Err(Reason::SubjectTokenInvalid));
    // An actor token that cannot be read is no request without one.
    let mut unknown = Scene::new().acts(own(&web()));
    unknown.actor = None;
    assert_eq!(unknown.decide(), Err(Reason::ActorTokenInvalid));
    let others = Scene::new().acts(own(&web()));
    assert_eq!(others.decide(), Err(Reason::ActorTokenInvalid));
}

#[test]
fn a_bound_token_is_exchanged_by_whom_shows_its_key() {
    //= test RFC9449#7.1 the key of the proof is the one that the token is bound to
    let key = |n| Some(Confirmation::Jkt(Thumbprint([n; 32])));
    let bound = |binding| {
        let mut scene = Scene::new().subject(|s| s.token.confirmation = key(1));
        scene.binding = binding;
        scene.decide()
    };
    assert_eq!(bound(key(1)).unwrap().confirmation, key(1));
    assert_eq!(bound(key(2)), Err(Reason::SubjectTokenInvalid));
    assert_eq!(bound(None), Err(Reason::SubjectTokenInvalid));
    let mut scene = Scene::new();
    scene.binding = key(2);
    assert_eq!(scene.decide().unwrap().confirmation, key(2));
}

#[test]
fn scope_never_grows() {
    let granted = |scene: Scene| scene.decide().map(|a| a.scope);
    assert_eq!(
        granted(Scene::new().with("scope", "api:read")),
        Ok(scope("api:read"))
    );
    for wider in [
        "api:write",
        "api:read api:write",
        "openid",
        "email",
        "made-up",
    ] {
        let asked = Scene::new().with("scope", wider);
        assert_eq!(granted(asked), Err(Reason::ScopeNotGranted), "{wider}");
    }
    let malformed = Scene::new().with("scope", "a\"b");
    assert_eq!(granted(malformed), Err(Reason::ScopeMalformed));
    let both = || {
        Scene::new()
            .rule(|r| r.resources = texts(&[BOTH]))
            .with("resource", BOTH)
    };
    assert_eq!(granted(both()), Ok(scope("api:read api:write")));
    let narrow = both().subject(|s| s.token.scope = scope("api:write"));
    assert_eq!(granted(narrow), Ok(scope("api:write")));
    let ruled = || both().rule(|r| r.scopes = Some(texts(&["api:read"])));
    assert_eq!(granted(ruled()), Ok(scope("api:read")));
    let refused = ruled().with("scope", "api:write");
    assert_eq!(granted(refused), Err(Reason::ScopeNotGranted));
    let nothing = both().rule(|r| r.scopes = Some(Vec::new()));
    assert_eq!(granted(nothing), Ok(scope("")));
}

#[test]
fn the_new_token_does_not_outlive_the_old_ones() {
    let lifetime = |scene: Scene| scene.decide().unwrap().target.lifetime;
    assert_eq!(lifetime(Scene::new()), 590);
    let soon = Scene::new().subject(|s| s.token.expires_at = NOW.plus(7));
    assert_eq!(lifetime(soon), 7);
    let ends = |s: &mut Shown| s.grant.as_mut().unwrap().record.expires_at = NOW.plus(5);
    assert_eq!(lifetime(Scene::new().subject(ends)), 5);
    let mut actor = own(&other("orders"));
    actor.token.expires_at = NOW.plus(3);
    assert_eq!(lifetime(Scene::new().acts(actor)), 3);
}

#[test]
fn who_acts_is_named_in_front_of_who_acted_before() {
    //= test RFC8693#4.1 who acted before stands in the act of who acts now
    let mut actor = shown(&other("orders"), &[]);
    actor.token.subject = "bob".to_owned();
    assert_eq!(
        Scene::new().acts(actor).extra(),
        json!({"act": {"sub": "bob"}})
    );
    let acted = r#"{"act":{"sub":"one","act":{"sub":"zero"}},"authorization_details":[{}]}"#;
    let again = || Scene::new().subject(|s| s.token.extra = Some(acted.to_owned()));
    assert_eq!(
        again().extra(),
        json!({"act": {"sub": "client:orders", "act": {"sub": "one", "act": {"sub": "zero"}}}})
    );
    // Impersonation adds nobody, and does not hide who acted before.
    let as_alice = |scene: Scene| scene.rule(|r| r.impersonation = true);
    assert_eq!(as_alice(Scene::new()).decide().unwrap().extra, None);
    let before = json!({"act": {"sub": "one", "act": {"sub": "zero"}}});
    assert_eq!(as_alice(again()).extra(), before);
    // Who shows an actor token is named all the same.
    let named = as_alice(Scene::new().acts(own(&other("orders"))));
    assert_eq!(named.extra(), json!({"act": {"sub": "client:orders"}}));
    let mut chain = json!({"sub": "x"});
    for _ in 0..7 {
        chain = json!({"sub": "x", "act": chain});
    }
    let text = json!({"act": chain}).to_string();
    let long = Scene::new().subject(|s| s.token.extra = Some(text));
    assert_eq!(long.decide(), Err(Reason::ActorsTooMany));
}

#[test]
fn only_who_is_named_may_act() {
    //= test RFC8693#4.4 only who is named by may_act acts for the subject
    let says = |may_act: Value| {
        let text = json!({"may_act": may_act}).to_string();
        Scene::new().subject(|s| s.token.extra = Some(text))
    };
    for fitting in [
        json!({"sub": "client:orders"}),
        json!({"client_id": "orders"}),
        json!({"sub": "client:orders", "client_id": "orders"}),
    ] {
        let extra = says(fitting.clone()).extra();
        assert_eq!(extra["may_act"], fitting);
        assert_eq!(extra["act"]["sub"], "client:orders");
    }
    for other in [
        json!({"sub": "client:stock"}),
        json!({"sub": "client:orders", "client_id": "stock"}),
        json!({"sub": "client:orders", "groups": ["x"]}),
        json!({"sub": ["client:orders"]}),
        json!({}),
        json!("client:orders"),
        json!(null),
    ] {
        assert_eq!(
            says(other.clone()).decide(),
            Err(Reason::MayNotAct),
            "{other}"
        );
    }
    let actor = says(json!({"sub": "client:orders"})).acts(shown(&other("orders"), &[]));
    assert_eq!(actor.decide(), Err(Reason::MayNotAct), "alice acts");
}

#[test]
fn malformed_requests_are_refused() {
    //= test RFC8693#2.1 subject_token and subject_token_type are there
    //= test RFC8693#2.1 actor_token_type stands beside an actor_token, and nowhere else
    let without = |name: &str| {
        let mut scene = Scene::new().acts(own(&other("orders")));
        scene.pairs.retain(|(n, _)| *n != name);
        scene.decide().unwrap_err()
    };
    assert_eq!(without("subject_token"), Reason::SubjectTokenMissing);
    assert_eq!(without("subject_token_type"), Reason::SubjectTokenMissing);
    assert_eq!(without("actor_token"), Reason::ActorTokenType);
    assert_eq!(without("actor_token_type"), Reason::ActorTokenType);
    for name in [
        "subject_token_type",
        "actor_token_type",
        "requested_token_type",
    ] {
        for kind in ["refresh_token", "id_token", "saml1", "saml2", ""] {
            let kind = format!("urn:ietf:params:oauth:token-type:{kind}").leak();
            let scene = Scene::new().with(name, kind);
            assert_eq!(
                scene.decide(),
                Err(Reason::TokenTypeUnsupported),
                "{name} {kind}"
            );
        }
    }
    let sealed = Scene::new().rule(|r| r.resources = texts(&[SEALED]));
    let sealed = sealed
        .with("resource", SEALED)
        .with("requested_token_type", JWT);
    assert_eq!(sealed.decide(), Err(Reason::TokenTypeUnsupported));
}
