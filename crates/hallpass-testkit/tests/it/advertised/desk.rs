//! One issuer with its document, and clients that register themselves with it.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use hallpass_core::{
    client::{ClientOrigin, metadata},
    introspect::JWT_MEDIA,
    policy::Policy,
};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_store::{Commit, Spend};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup,
    assertion::{self, JWT_BEARER},
    flow, wire,
};
use hallpass_types::{ClientId, Secret};
use serde_json::{Map, Value, json};

use super::{attestation, certificates};

/// Where the clients of these tests are redirected to.
pub(super) const CALLBACK: &str = "https://new.test/cb";

/// An issuer and its document.
pub(super) struct Desk {
    pub(super) op: Op,
    pub(super) metadata: Map<String, Value>,
    /// A browser in which alice is signed in.
    alice: Browser,
}

/// A client that registered itself.
#[derive(Debug)]
pub(super) struct Rp {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    /// What the issuer made of its metadata.
    pub(super) metadata: Value,
}

impl Rp {
    /// Whether a member came out as it was asked for.
    pub(super) fn has(&self, member: &str, value: impl Into<Value>) -> bool {
        self.metadata[member] == value.into()
    }
}

impl Desk {
    pub(super) async fn open(change: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        let mut desk = Self::empty(change).await;
        desk.alice.sign_in("alice").await;
        desk
    }

    /// With nobody signed in, since that takes a plain request.
    pub(super) async fn empty(change: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        Self::of(Setup::default().policy(change)).await
    }

    /// An issuer of a setup of its own.
    pub(super) async fn of(setup: Setup) -> Self {
        let op = setup.start().await;
        let mut alice = op.browser();
        let document = alice.get("/.well-known/openid-configuration").await;
        Self {
            metadata: document.json().as_object().unwrap().clone(),
            op,
            alice,
        }
    }

    /// The values of a member; none when it is absent.
    pub(super) fn listed(&self, member: &str) -> Vec<String> {
        let values = self.metadata.get(member).map(|v| v.as_array().unwrap());
        let values = values.into_iter().flatten();
        values.map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    /// A browser in which alice is signed in.
    pub(super) fn alice(&self) -> Browser {
        self.alice.clone()
    }

    /// Registers a client; none when it is refused.
    pub(super) async fn register(&self, members: Value) -> Option<Rp> {
        let mut body = json!({"redirect_uris": [CALLBACK]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = if self.op.provider.policy().registration.enabled {
            let ask = Ask::json("/register", &body).bearer(&self.op.initial_access_token);
            let answer = self.op.browser().send(ask).await;
            assert!(matches!(answer.status, 201 | 400), "{}", answer.text());
            (answer.status == 201).then(|| answer.json())?
        } else {
            self.put(&body).await?
        };
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let rp = Rp {
            id: text("client_id").unwrap(),
            secret: text("client_secret"),
            metadata: answer,
        };
        self.op.knows_client(&rp.id, &rp.metadata);
        Some(rp)
    }

    /// Whether an operator could make such a client.
    pub(super) fn operator_may_register(&self, mut members: Value) -> bool {
        members["redirect_uris"] = json!([CALLBACK]);
        let origin = ClientOrigin::Configuration;
        let members = members.as_object().unwrap();
        metadata::normalize(members, origin, self.op.provider.policy()).is_ok()
    }

    /// What registration does, where there is none.
    async fn put(&self, body: &Value) -> Option<Value> {
        let (provider, origin) = (&self.op.provider, ClientOrigin::Registration);
        let normal = metadata::normalize(body.as_object().unwrap(), origin, provider.policy());
        let normal = normal.ok()?;
        let secret = metadata::needs_secret(&normal).then(|| {
            Secret::new(
                "a-secret-that-is-long-enough-for-every-algorithm-0123456789abcdef".to_owned(),
            )
        });
        let id = ClientId::parse(&format!("new-{}", next())).unwrap();
        let (_, record) = provider.new_record(id.clone(), normal.clone(), secret.as_ref(), origin);
        let commit = Commit {
            spends: vec![Spend::NewClient(Box::new(record))],
            writes: Vec::new(),
        };
        let store = provider.store();
        store.commit(provider.issuer_id(), commit).await.unwrap();
        let mut answer = Value::Object(normal);
        answer["client_id"] = json!(id.as_str());
        if let Some(secret) = secret {
            answer["client_secret"] = json!(secret.expose());
        }
        Some(answer)
    }

    /// A good authorization request of a client, to be changed.
    pub(super) fn request(&self, rp: &Rp, scope: &str) -> Request {
        let challenge = flow::challenge(flow::VERIFIER);
        let pairs = [
            ("client_id", rp.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Request(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
    }

    /// Where alice ends up who agrees to everything.
    pub(super) async fn agreed(&self, request: &Request) -> Answer {
        let mut browser = self.alice();
        let answer = browser.send(request.get()).await;
        browser.through_pages("alice", answer).await
    }

    /// Tokens for alice, by the code flow.
    pub(super) async fn tokens(&self, rp: &Rp, request: &Request) -> Value {
        let answer = self.agreed(request).await;
        let location = answer.location();
        let code = wire::param(location, "code").unwrap_or_else(|| panic!("no code: {location}"));
        self.redeem(rp, &code).await
    }

    /// Tokens for a code.
    pub(super) async fn redeem(&self, rp: &Rp, code: &str) -> Value {
        let answer = self.op.browser().send(self.redemption(rp, code)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The request of [`Self::redeem`].
    pub(super) fn redemption(&self, rp: &Rp, code: &str) -> Ask {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", flow::VERIFIER),
        ];
        self.ask(rp, "/token", &pairs)
    }

    /// What a client hears, signed if it may be, about a token that is none.
    pub(super) async fn introspected(&self, rp: &Rp) -> Answer {
        let ask = self.ask(rp, "/introspect", &[("token", "x")]);
        self.op
            .browser()
            .send(ask.header("Accept", JWT_MEDIA))
            .await
    }

    /// The JWT in which an answer of the authorization endpoint travels; none where that mode is refused.
    pub(super) async fn signed_response(&self, rp: &Rp) -> Option<String> {
        let request = self.request(rp, "openid").with("response_mode", "jwt");
        let answer = self.agreed(&request).await;
        let location = answer.location();
        let response = wire::param(location, "response");
        let error = wire::param(location, "error");
        assert_eq!(
            response.is_none(),
            error.as_deref() == Some("invalid_request")
        );
        response
    }

    /// A request of a client that authenticates as it has registered.
    pub(super) async fn call(&self, rp: &Rp, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.op.browser().send(self.ask(rp, path, pairs)).await
    }

    /// The request of [`Self::call`].
    fn ask(&self, rp: &Rp, path: &str, pairs: &[(&str, &str)]) -> Ask {
        let id = [("client_id", rp.id.as_str())];
        let algorithm = rp.metadata["token_endpoint_auth_signing_alg"].as_str();
        match rp.metadata["token_endpoint_auth_method"].as_str().unwrap() {
            "client_secret_basic" => {
                Ask::form(path, pairs).basic(&rp.id, rp.secret.as_deref().unwrap())
            }
            "client_secret_post" => {
                let secret = [("client_secret", rp.secret.as_deref().unwrap())];
                Ask::form(path, &[pairs, &id, &secret].concat())
            }
            "none" => Ask::form(path, &[pairs, &id].concat()),
            "tls_client_auth" | "self_signed_tls_client_auth" => {
                certificates::shown(Ask::form(path, &[pairs, &id].concat()))
            }
            "private_key_jwt" => {
                let key = key(JwsAlgorithm::parse(algorithm.unwrap_or("ES256")).unwrap());
                self.asserting(path, pairs, &assertion::sign(&key, &self.claims(rp)))
            }
            "client_secret_jwt" => {
                let algorithm = JwsAlgorithm::parse(algorithm.unwrap_or("HS256")).unwrap();
                let secret = rp.secret.as_deref().unwrap().as_bytes();
                let jwt = assertion::sign_hmac(algorithm, secret, &self.claims(rp));
                self.asserting(path, pairs, &jwt)
            }
            "attest_jwt_client_auth" => {
                let ask = Ask::form(path, &[pairs, &id].concat());
                attestation::shown(self, rp, ask, ["ES256", "ES256"])
            }
            "attest_jwt_client_auth_dpop" => {
                let ask = Ask::form(path, &[pairs, &id].concat());
                attestation::with_dpop(self, rp, ask, path)
            }
            other => panic!("nobody authenticates by {other} here"),
        }
    }

    /// Claims of a good assertion.
    pub(super) fn claims(&self, rp: &Rp) -> Value {
        let jti = format!("advertised-{}", next());
        assertion::claims(&rp.id, self.op.clock.seconds(), &jti)
    }

    /// A form with an assertion.
    pub(super) fn asserting(&self, path: &str, pairs: &[(&str, &str)], jwt: &str) -> Ask {
        let assertion = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", jwt),
        ];
        Ask::form(path, &[pairs, &assertion].concat())
    }
}

/// A number that nobody had before.
pub(super) fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A client's key for an algorithm. RSA keys are made once, since that takes long.
pub(super) fn key(algorithm: JwsAlgorithm) -> SigningKey {
    static MADE: Mutex<Option<HashMap<JwsAlgorithm, Vec<u8>>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get_or_insert_default();
    let family = if algorithm.name().starts_with(['R', 'P']) {
        JwsAlgorithm::RS256
    } else {
        algorithm
    };
    let document = made.entry(family).or_insert_with(|| {
        let key = SigningKey::generate(family).unwrap();
        key.to_pkcs8().unwrap().to_vec()
    });
    SigningKey::from_pkcs8(algorithm, document).unwrap()
}

/// The public half as a key set.
pub(super) fn key_set(algorithm: JwsAlgorithm) -> Value {
    let set = Jwks::from_keys([key(algorithm).public_jwk()]).to_json();
    serde_json::from_str(&set).unwrap()
}
