//! What an operator controls of registrations: tokens, policies, statements, quotas, and how long a client lives.

use std::collections::BTreeMap;

use hallpass_core::{
    client::registration::{rules::Rules, statement::StatementIssuer},
    policy::RegistrationPolicy,
};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_store::{Commit, InitialAccessRecord, Write};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, assertion, fixture};
use hallpass_types::{Bucket, ClientId, InitialAccess, Opaque, Timestamp};
use serde_json::{Value, json};

use crate::registration::{assert_refused, register, with};

async fn op(change: impl FnOnce(&mut RegistrationPolicy) + Send + 'static) -> Op {
    Op::with(move |policy| {
        policy.registration.open = true;
        change(&mut policy.registration);
    })
    .await
}

fn public() -> Value {
    with("token_endpoint_auth_method", json!("none"))
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["client_id"].as_str().unwrap().to_owned()
}

/// A token in the store.
async fn token(op: &Op, change: impl FnOnce(&mut InitialAccessRecord)) -> String {
    let token = Opaque::<InitialAccess>::from_random(Bucket(u32::MAX), &op.provider.random());
    let mut record = InitialAccessRecord {
        label: String::new(),
        policies: Vec::new(),
        created_at: Timestamp(op.clock.seconds()),
        expires_at: None,
        max_uses: None,
        uses: 0,
    };
    change(&mut record);
    let digest = op.provider.secrets().client_digest(token.expose());
    write(op, Write::InitialAccess(digest, Box::new(record))).await;
    token.expose().to_owned()
}

async fn write(op: &Op, write: Write) {
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![write],
    };
    let store = op.provider.store();
    store.commit(op.provider.issuer_id(), commit).await.unwrap();
}

async fn register_with(browser: &mut Browser, token: &str, metadata: &Value) -> Answer {
    browser
        .send(Ask::json("/register", metadata).bearer(token))
        .await
}

// RG-01
#[tokio::test]
async fn a_token_lets_in_as_many_as_it_says_for_as_long_as_it_says() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let twice = token(&op, |record| record.max_uses = Some(2)).await;
    for status in [201, 201, 401, 401] {
        let answer = register_with(&mut browser, &twice, &public()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    // A registration that is refused uses nothing up.
    let once = token(&op, |record| record.max_uses = Some(1)).await;
    let bad = with("redirect_uris", json!(["javascript:x"]));
    assert_eq!(register_with(&mut browser, &once, &bad).await.status, 400);
    assert_eq!(
        register_with(&mut browser, &once, &public()).await.status,
        201
    );
    let now = Timestamp(op.clock.seconds());
    let short = token(&op, |record| record.expires_at = Some(now.plus(60))).await;
    assert_eq!(
        register_with(&mut browser, &short, &public()).await.status,
        201
    );
    op.clock.advance(60);
    assert_eq!(
        register_with(&mut browser, &short, &public()).await.status,
        401
    );
    let digest = op.provider.secrets().client_digest(&twice);
    write(&op, Write::DeleteInitialAccess(digest)).await;
    assert_eq!(
        register_with(&mut browser, &twice, &public()).await.status,
        401
    );
}

// RG-14
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_do_not_use_a_token_more_often_than_it_allows() {
    let op = Op::start().await;
    let token = token(&op, |record| record.max_uses = Some(3)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (mut browser, token) = (op.browser(), token.clone());
        tasks.spawn(async move { register_with(&mut browser, &token, &public()).await.status });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 3);
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 17);
}

// RG-10, R8.5
#[tokio::test]
async fn the_policies_of_a_token_hold_for_the_registration_and_for_every_change() {
    let rules = Rules {
        forced: object(&json!({"subject_type": "pairwise", "client_name": "Partner app"})),
        defaults: object(&json!({"token_endpoint_auth_method": "none"})),
        allowed: BTreeMap::from([
            (
                "scope".to_owned(),
                vec!["openid".to_owned(), "email".to_owned()],
            ),
            (
                "token_endpoint_auth_method".to_owned(),
                vec!["none".to_owned()],
            ),
        ]),
        required: vec!["scope".to_owned()],
    };
    let op = op(|policy| {
        policy.open = false;
        policy.rules = BTreeMap::from([("partner".to_owned(), rules)]);
    })
    .await;
    let mut browser = op.browser();
    let token = token(&op, |record| record.policies = vec!["partner".to_owned()]).await;
    for (bad, member) in [
        (json!({}), "scope"),
        (json!({"scope": "openid phone"}), "scope"),
        (
            json!({"scope": "openid", "token_endpoint_auth_method": "client_secret_basic"}),
            "token_endpoint_auth_method",
        ),
    ] {
        let mut metadata = json!({"redirect_uris": ["https://new.test/cb"]});
        metadata.as_object_mut().unwrap().extend(object(&bad));
        let answer = register_with(&mut browser, &token, &metadata).await;
        assert_refused(&answer, "invalid_client_metadata", &bad.to_string());
        // The member is named, and neither what was sent nor what would have been taken.
        let told = answer.json()["error_description"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(told.starts_with(&format!("{member}: ")), "{told}");
        assert!(!told.contains("phone") && !told.contains("email"), "{told}");
    }
    let metadata = json!({"redirect_uris": ["https://new.test/cb"], "scope": "openid", "client_name": "Mine", "subject_type": "public"});
    let answer = register_with(&mut browser, &token, &metadata).await;
    let path = format!("/register/{}", id(&answer));
    let client = answer.json();
    assert_eq!(client["client_name"], "Partner app");
    assert_eq!(client["subject_type"], "pairwise");
    assert_eq!(client["token_endpoint_auth_method"], "none");
    let access = client["registration_access_token"].as_str().unwrap();
    let mut update = metadata.clone();
    update["client_id"] = client["client_id"].clone();
    let changed = browser
        .send(Ask::json(&path, &update).method("PUT").bearer(access))
        .await;
    assert_eq!(
        changed.json()["client_name"],
        "Partner app",
        "{}",
        changed.text()
    );
    update["scope"] = json!("openid phone");
    let refused = browser
        .send(Ask::json(&path, &update).method("PUT").bearer(access))
        .await;
    assert_refused(&refused, "invalid_client_metadata", "a wider scope");
}

// RG-10, R8.2: no scope in its metadata means every scope, which is not for who may have two of them.
#[tokio::test]
async fn a_scope_that_is_left_out_is_no_way_around_a_policy() {
    let rules = Rules {
        allowed: BTreeMap::from([(
            "scope".to_owned(),
            vec!["openid".to_owned(), "email".to_owned()],
        )]),
        ..Rules::default()
    };
    let op = op(|policy| {
        policy.rules = BTreeMap::from([("all".to_owned(), rules)]);
        policy.rules_for_all = vec!["all".to_owned()];
    })
    .await;
    let mut browser = op.browser();
    for scope in [json!(null), json!("")] {
        let client = register(&mut browser, &with("scope", scope)).await.json();
        assert_eq!(client["scope"], "openid email");
        let path = format!("/register/{}", client["client_id"].as_str().unwrap());
        let access = client["registration_access_token"].as_str().unwrap();
        let update =
            json!({"client_id": client["client_id"], "redirect_uris": client["redirect_uris"]});
        let changed = browser
            .send(Ask::json(&path, &update).method("PUT").bearer(access))
            .await;
        assert_eq!(
            changed.json()["scope"],
            "openid email",
            "{}",
            changed.text()
        );
    }
}

// RG-10: what the operator set is not to be chosen, also when it cannot be had
#[tokio::test]
async fn a_list_of_the_client_does_not_stand_in_for_what_a_policy_sets() {
    let rules = Rules {
        forced: object(&json!({"id_token_signed_response_alg": "PS512"})),
        ..Rules::default()
    };
    let op = op(|policy| {
        policy.rules = BTreeMap::from([("all".to_owned(), rules)]);
        policy.rules_for_all = vec!["all".to_owned()];
    })
    .await;
    let list = json!(["PS512", "ES256"]);
    let metadata = with("id_token_signing_alg_values_supported", list);
    let answer = register(&mut op.browser(), &metadata).await;
    assert_refused(&answer, "invalid_client_metadata", "PS512 is not offered");
}

#[tokio::test]
async fn a_policy_that_is_gone_lets_nobody_in() {
    let op = Op::start().await;
    let token = token(&op, |record| record.policies = vec!["gone".to_owned()]).await;
    let answer = register_with(&mut op.browser(), &token, &public()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "access_denied")
    );
}

// RG-15
#[tokio::test]
async fn a_software_statement_is_demanded_believed_and_given_back() {
    //= test RFC7591#3.2.1 a software statement stands in the response as it was sent
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let jwks = Jwks::from_keys([key.public_jwk()]).to_json();
    let op = op(|policy| {
        policy.require_statement = true;
        policy.statement_issuers = vec![StatementIssuer {
            issuer: "https://vendor.test".to_owned(),
            jwks: None,
            jwks_uri: Some("https://vendor.test/jwks".to_owned()),
        }];
    })
    .await;
    let mut browser = op.browser();
    let answer = register(&mut browser, &public()).await;
    assert_refused(&answer, "unapproved_software_statement", "none");
    let sign = |key: &SigningKey, issuer: &str| {
        let claims = json!({"iss": issuer, "client_name": "Vouched", "redirect_uris": ["https://vouched.test/cb"]});
        key.sign_compact(None, claims.to_string().as_bytes())
            .unwrap()
    };
    let good = sign(&key, "https://vendor.test");
    let answer = register(&mut browser, &with("software_statement", json!(good))).await;
    assert_eq!(answer.status, 503, "its keys cannot be had");
    op.fetcher.put("https://vendor.test/jwks", jwks);
    op.clock.advance(5);
    let stranger = sign(&key, "https://stranger.test");
    let answer = register(&mut browser, &with("software_statement", json!(stranger))).await;
    assert_refused(&answer, "unapproved_software_statement", "a stranger");
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let forged = sign(&other, "https://vendor.test");
    let answer = register(&mut browser, &with("software_statement", json!(forged))).await;
    assert_refused(&answer, "invalid_software_statement", "forged");
    let answer = register(&mut browser, &with("software_statement", json!(good))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let client = answer.json();
    assert_eq!(client["client_name"], "Vouched");
    assert_eq!(client["redirect_uris"], json!(["https://vouched.test/cb"]));
    assert_eq!(client["software_statement"], json!(good));
}

// DC-03
#[tokio::test]
async fn the_same_public_metadata_is_one_client_that_nobody_manages() {
    let op = op(|policy| policy.fold_identical = true).await;
    let mut browser = op.browser();
    let first = register(&mut browser, &public()).await;
    let second = register(&mut browser, &public()).await;
    assert_eq!(id(&first), id(&second));
    for answer in [&first, &second] {
        for member in [
            "registration_access_token",
            "registration_client_uri",
            "client_secret",
        ] {
            assert_eq!(answer.json().get(member), None, "{member}");
        }
    }
    let path = format!("/register/{}", id(&first));
    assert_eq!(
        browser
            .send(Ask::new("DELETE", &path).bearer("hpm_x"))
            .await
            .status,
        401
    );
    let mut other = public();
    other["client_name"] = json!("Another");
    assert_ne!(id(&first), id(&register(&mut browser, &other).await));
    // What has a secret is never shared.
    let secret = with("client_name", json!("x"));
    let one = register(&mut browser, &secret).await;
    let two = register(&mut browser, &secret).await;
    assert_ne!(id(&one), id(&two));
    assert_ne!(one.json()["client_secret"], two.json()["client_secret"]);
    assert!(one.json()["registration_access_token"].is_string());
    // An operator's decision is not undone by registering again.
    op.disable_client(&id(&first)).await;
    let answer = register(&mut browser, &public()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "access_denied")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_register_the_same_at_once_get_one_client() {
    let op = op(|policy| policy.fold_identical = true).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut browser = op.browser();
        tasks.spawn(async move { id(&register(&mut browser, &public()).await) });
    }
    let mut ids = tasks.join_all().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    assert_eq!(store.count_registered_clients(issuer).await.unwrap(), 1);
}

// RG-14
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_no_more_clients_than_the_quota() {
    let op = op(|policy| policy.max_clients = 3).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut browser = op.browser();
        tasks.spawn(async move { register(&mut browser, &public()).await.status });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 3);
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 17);
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    assert_eq!(store.count_registered_clients(issuer).await.unwrap(), 3);
}

// A client that is given out anew is not one that is deleted for idleness in the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_given_a_shared_client_finds_it_there() {
    let op = Setup::default().sqlite().policy(|policy| {
        policy.registration.open = true;
        policy.registration.fold_identical = true;
        policy.registration.unused_days = 1;
    });
    let op = op.start().await;
    for _ in 0..30 {
        let first = id(&register(&mut op.browser(), &public()).await);
        op.clock.advance(5 * 86_400);
        let mut browser = op.browser();
        let provider = op.provider.clone();
        let purge = tokio::spawn(async move { provider.purge().await });
        let given = register(&mut browser, &public()).await;
        purge.await.unwrap().unwrap();
        // Turned away for a second is allowed: the client was going.
        if given.status != 503 {
            let given = ClientId::parse(&id(&given)).unwrap();
            let found = op.provider.store().client(op.provider.issuer_id(), &given);
            assert!(found.await.unwrap().is_some(), "{first} {given:?}");
        }
    }
}

// RG-14, DC-03
#[tokio::test]
async fn one_software_makes_no_more_clients_than_its_quota() {
    let op = op(|policy| policy.max_per_software = 2).await;
    let mut browser = op.browser();
    let of = |software: &str| with("software_id", json!(software));
    for (software, status) in [("a", 201), ("a", 201), ("a", 429), ("b", 201), ("a", 429)] {
        let answer = register(&mut browser, &of(software)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(register(&mut browser, &public()).await.status, 201, "none");
}

// RG-14, DC-04
#[tokio::test]
async fn a_client_that_nobody_uses_is_forgotten() {
    const DAY: i64 = 86_400;
    let op = op(|policy| policy.unused_days = 30).await;
    let mut browser = op.browser();
    let metadata = with("grant_types", json!(["client_credentials"]));
    let mut metadata = metadata;
    metadata["response_types"] = json!([]);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let client = register(&mut browser, &metadata).await.json();
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        clients.push((text("client_id"), text("client_secret")));
    }
    let ask = |(id, secret): &(String, String)| {
        Ask::form("/token", &[("grant_type", "client_credentials")]).basic(id, secret)
    };
    for _ in 0..3 {
        op.clock.advance(20 * DAY);
        assert_eq!(browser.send(ask(&clients[0])).await.status, 200);
        op.provider.purge().await.unwrap();
    }
    assert_eq!(browser.send(ask(&clients[0])).await.status, 200);
    let gone = browser.send(ask(&clients[1])).await;
    // DC-02
    assert_eq!(
        (gone.status, gone.error().as_str()),
        (401, "invalid_client")
    );
    assert_eq!(op.events.count("expired"), 1);
    // Those of the operator stay.
    op.clock.advance(400 * DAY);
    op.provider.purge().await.unwrap();
    assert_eq!(
        browser
            .call("machine", "/token", &[("grant_type", "client_credentials")])
            .await
            .status,
        200
    );
    assert_eq!(browser.send(ask(&clients[0])).await.status, 401);
}

#[tokio::test]
async fn a_client_names_what_it_can_do_and_is_told_what_was_chosen() {
    let op = op(|_| ()).await;
    let mut metadata = with(
        "token_endpoint_auth_methods_supported",
        json!(["tls_of_mars", "none"]),
    );
    metadata["id_token_signing_alg_values_supported"] = json!(["PS512", "ES256"]);
    let client = register(&mut op.browser(), &metadata).await.json();
    assert_eq!(client["token_endpoint_auth_method"], "none");
    assert_eq!(client["id_token_signed_response_alg"], "ES256");
    assert_eq!(client.get("token_endpoint_auth_methods_supported"), None);
    metadata["token_endpoint_auth_method"] = json!("client_secret_basic");
    let answer = register(&mut op.browser(), &metadata).await;
    assert_refused(&answer, "invalid_client_metadata", "not in its list");
}

fn object(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

// RG-15: over, unsigned, signed with what anybody knows, for somebody else
#[tokio::test]
async fn a_statement_that_is_over_or_unsigned_vouches_for_nobody() {
    const VENDOR: &str = "https://vendor.test";
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let jwks = Jwks::from_keys([key.public_jwk()]).to_json();
    let held: Value = serde_json::from_str(&jwks).unwrap();
    let op = op(move |policy| {
        policy.statement_issuers = vec![StatementIssuer {
            issuer: VENDOR.to_owned(),
            jwks: Some(held),
            jwks_uri: None,
        }];
    })
    .await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let good = json!({"iss": VENDOR, "client_name": "Vouched", "redirect_uris": ["https://vouched.test/cb"]});
    let with_claim = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        assertion::sign(&key, &claims)
    };
    let header = json!({"alg": "ES256", "kid": key.kid()});
    let payload = good.to_string();
    let sealed = assertion::sign(&key, &good);
    let (head, _) = sealed.rsplit_once('.').unwrap();
    for (what, statement) in [
        ("over", with_claim("exp", json!(now - 61))),
        ("long over", with_claim("exp", json!(1))),
        ("over, as a text", with_claim("exp", json!("9999999999"))),
        ("not yet", with_claim("nbf", json!(now + 61))),
        (
            "for another",
            with_claim("aud", json!("https://other.test")),
        ),
        ("for nobody", with_claim("aud", json!([]))),
        ("from nobody", with_claim("iss", json!([VENDOR]))),
        (
            "unsigned",
            assertion::compact(&json!({"alg": "none"}), payload.as_bytes(), b""),
        ),
        ("signature cut", format!("{head}.")),
        (
            "under the public key",
            assertion::sign_hmac(JwsAlgorithm::HS256, jwks.as_bytes(), &good),
        ),
        (
            "an extension",
            assertion::sign_with_header(
                &key,
                &json!({"alg": "ES256", "crit": ["x"]}),
                payload.as_bytes(),
            ),
        ),
        (
            "no object",
            assertion::sign_with_header(&key, &header, b"[]"),
        ),
        ("nothing", String::new()),
        ("text", "x.y.z".to_owned()),
        ("long", "a".repeat(40_000)),
    ] {
        let answer = register(&mut browser, &with("software_statement", json!(statement))).await;
        assert_refused(&answer, "invalid_software_statement", what);
    }
    for value in [json!(1), json!([sealed]), json!({"a": sealed})] {
        let answer = register(&mut browser, &with("software_statement", value)).await;
        assert_refused(&answer, "invalid_software_statement", "no text");
    }
    // What a statement says of the client is no more than the client could say.
    for (name, value) in [
        ("client_id", json!("web")),
        ("client_secret", json!("mine")),
        ("skip_consent", json!(true)),
        ("introspection_resources", json!(["https://api1.test"])),
        ("registration_access_token", json!("hpm_mine")),
    ] {
        let statement = with_claim(name, value.clone());
        let answer = register(&mut browser, &with("software_statement", json!(statement))).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let told = answer.json();
        assert_ne!(told.get(name), Some(&value), "{name}");
        assert_eq!(told["client_name"], "Vouched");
    }
    let answer = register(&mut browser, &with("software_statement", json!(sealed))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

// RG-10: everything that only an operator decides, at registration and at every change
#[tokio::test]
async fn what_an_operator_decides_nobody_decides_for_themselves() {
    let op = op(|_| ()).await;
    let mut browser = op.browser();
    let own = [
        ("skip_consent", json!(true)),
        ("require_pkce", json!(false)),
        ("required_acr", json!("low")),
        ("sign_in_methods", json!(["password"])),
        ("second_factor", json!("never")),
        ("code_lifetime", json!(60)),
        ("access_token_lifetime", json!(600)),
        ("id_token_lifetime", json!(600)),
        ("refresh_token_lifetime", json!(3600)),
        ("fapi_profile", json!("fapi2-security")),
        ("allowed_groups", json!(["x"])),
        ("allowed_roles", json!(["x"])),
        ("resources", json!([fixture::API1])),
        (
            "introspection_resources",
            json!([fixture::API1, fixture::ISSUER]),
        ),
        ("origin", json!("administration")),
        ("disabled", json!(false)),
        ("trusted", json!(true)),
        ("client_secret_expires_at", json!(0)),
        ("registration_expires_at", json!(0)),
        ("owner", json!("root")),
        ("issuer_id", json!(1)),
        ("folded", json!(true)),
        ("instance", json!("x")),
    ];
    let mut metadata = json!({"redirect_uris": ["https://new.test/cb"],
        "grant_types": ["authorization_code", "client_credentials"]});
    for (name, value) in &own {
        metadata[*name] = value.clone();
    }
    let first = register(&mut browser, &metadata).await;
    let id = id(&first);
    let mut client = first.json();
    let path = format!("/register/{id}");
    let access = client["registration_access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let secret = client["client_secret"].as_str().unwrap().to_owned();
    let mut update = metadata.clone();
    update["client_id"] = json!(id);
    update
        .as_object_mut()
        .unwrap()
        .remove("client_secret_expires_at");
    for turn in ["registered", "changed", "read"] {
        for (name, _) in &own {
            if *name != "client_secret_expires_at" {
                assert_eq!(client.get(*name), None, "{turn}: {name}");
            }
        }
        let ask = match turn {
            "registered" => Ask::json(&path, &update).method("PUT"),
            _ => Ask::get(&path),
        };
        let answer = browser.send(ask.bearer(&access)).await;
        assert_eq!(answer.status, 200, "{turn}: {}", answer.text());
        client = answer.json();
    }
    // Nor has any of it an effect.
    let secret = client["client_secret"]
        .as_str()
        .unwrap_or(&secret)
        .to_owned();
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", "api:read"),
        ("resource", fixture::API1),
    ];
    let machine = browser.call("web", "/token", &pairs).await.json();
    let token = machine["access_token"].as_str().unwrap();
    let ask = Ask::form("/introspect", &[("token", token)]).basic(&id, &secret);
    let seen = browser.send(ask).await;
    assert_eq!(seen.body, br#"{"active":false}"#, "{}", seen.text());
    op.knows_client(&id, &metadata);
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid")
        .with("client_id", &id)
        .with("redirect_uri", "https://new.test/cb");
    let silent = request.clone().with("prompt", "none").get();
    let silent = browser.send(silent).await;
    assert_eq!(silent.error(), "consent_required");
    let unproved = request.without("code_challenge").get();
    let unproved = browser.send(unproved).await;
    assert_eq!(unproved.error(), "invalid_request");
}
