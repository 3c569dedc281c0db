use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use serde_json::Value;

use super::*;
use crate::{
    client::{ClientOrigin, fixtures::record},
    client_request::Header,
    policy::Attester,
};

const ATTESTER: &str = "https://attester.test";

struct World {
    attester: SigningKey,
    instance: SigningKey,
    policy: Policy,
    client: Arc<Client>,
}

fn world() -> World {
    let attester = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let mut policy = policy();
    policy.attesters = vec![Attester {
        issuer: ATTESTER.to_owned(),
        jwks: Arc::new(Jwks::from_keys([attester.public_jwk()])),
    }];
    let metadata = json!({
        "redirect_uris": ["https://rp.test/cb"],
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    });
    let record = record("rp", &metadata, ClientOrigin::Registration, &policy).unwrap();
    World {
        attester,
        instance: SigningKey::generate(JwsAlgorithm::ES256).unwrap(),
        client: Arc::new(Client::from_record(&record, &policy, None).unwrap()),
        policy,
    }
}

impl World {
    fn attestation(&self) -> Value {
        json!({
            "iss": ATTESTER, "sub": "rp", "exp": NOW.0 + 3600,
            "cnf": {"jwk": self.instance.public_jwk().to_public_value()},
        })
    }

    fn proof() -> Value {
        json!({"aud": "https://op.test", "jti": "j-1", "iat": NOW.0})
    }

    fn attested(&self, claims: &Value) -> String {
        let typ = Some("oauth-client-attestation+jwt");
        self.attester
            .sign_compact(typ, claims.to_string().as_bytes())
            .unwrap()
    }

    fn proved(&self, claims: &Value) -> String {
        let typ = Some("oauth-client-attestation-pop+jwt");
        self.instance
            .sign_compact(typ, claims.to_string().as_bytes())
            .unwrap()
    }

    fn decide(&self, attestation: Header<'_>, proof: Header<'_>) -> Result<Authenticated, Reason> {
        self.decide_with(&params(&[("client_id", "rp")]), attestation, proof)
    }

    fn decide_with(
        &self,
        params: &Params,
        attestation: Header<'_>,
        proof: Header<'_>,
    ) -> Result<Authenticated, Reason> {
        let mut request = ClientRequest::new(params, None);
        request.attestation = attestation;
        request.attestation_pop = proof;
        let presented = Presented::read(&request)?;
        let digest = |_: &str| ContentDigest([0; 32]);
        let facts = Facts {
            now: NOW,
            policy: &self.policy,
            token_endpoint: &["https://op.test/token".to_owned()],
            endpoint: &["https://op.test/token".to_owned()],
            secret_digest: &digest,
            fetched_jwks: None,
            challenge: None,
            dpop_nonce: None,
        };
        authenticate(&presented, Some(&self.client), &facts)
    }
}

#[test]
fn an_instance_that_a_trusted_attester_knows_is_the_client() {
    //= test ATTESTATION#7.1 it has sub, exp and cnf, sub is the client, and a trusted attester signed it
    //= test ATTESTATION#7.2 the proof has aud, jti and iat, and the key of the attestation signed it
    let world = world();
    let (attested, proved) = (
        world.attested(&world.attestation()),
        world.proved(&World::proof()),
    );
    let good = world
        .decide(Header::Once(&attested), Header::Once(&proved))
        .unwrap();
    assert_eq!(good.client.method(), "attest_jwt_client_auth");
    assert!(good.once.is_some() && good.client.is_confidential());
    assert!(good.client.instance().is_some());
    // It need not say whose it is: the key that signed it does.
    let mut nameless = world.attestation();
    nameless.as_object_mut().unwrap().remove("iss");
    let nameless = world.attested(&nameless);
    assert!(
        world
            .decide(Header::Once(&nameless), Header::Once(&proved))
            .is_ok()
    );
    // The attestation names the client where the request does not.
    let none = Params::default();
    assert!(
        world
            .decide_with(&none, Header::Once(&attested), Header::Once(&proved))
            .is_ok()
    );
}

#[test]
fn a_wrong_attestation_or_proof_is_nobody() {
    let world = world();
    let (attested, proved) = (
        world.attested(&world.attestation()),
        world.proved(&World::proof()),
    );
    let both = |a: &str, p: &str| world.decide(Header::Once(a), Header::Once(p)).map(drop);
    let changed = |mut claims: Value, name: &str, value: Value| {
        claims[name] = value;
        claims
    };
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let mut private = other.public_jwk().to_public_value();
    private["d"] = json!("AAAA");
    for (name, value) in [
        ("iss", json!("https://other.test")),
        ("iss", json!(7)),
        ("sub", json!("other")),
        ("exp", json!(NOW.0)),
        ("exp", Value::Null),
        ("nbf", json!(NOW.0 + 60)),
        ("cnf", json!({})),
        ("cnf", json!({"jwk": private})),
        // Another instance's attestation with this one's proof.
        ("cnf", json!({"jwk": other.public_jwk().to_public_value()})),
    ] {
        let wrong = world.attested(&changed(world.attestation(), name, value.clone()));
        assert!(both(&wrong, &proved).is_err(), "{name} {value}");
    }
    for (name, value) in [
        ("aud", json!("https://other.test")),
        ("aud", json!("https://op.test/token")),
        ("aud", json!(["https://op.test"])),
        ("jti", json!("")),
        ("jti", Value::Null),
        ("iat", json!(NOW.0 - 3600)),
        ("iat", json!(NOW.0 + 3600)),
        ("iat", Value::Null),
    ] {
        let wrong = world.proved(&changed(World::proof(), name, value.clone()));
        assert!(both(&attested, &wrong).is_err(), "{name} {value}");
    }
    let claims = world.attestation().to_string();
    let forged = other.sign_compact(Some("oauth-client-attestation+jwt"), claims.as_bytes());
    assert!(both(&forged.unwrap(), &proved).is_err());
    let plain = world.attester.sign_compact(Some("JWT"), claims.as_bytes());
    assert!(both(&plain.unwrap(), &proved).is_err());
    assert!(both(&proved, &attested).is_err(), "exchanged");
    for (a, p) in [
        (Header::Absent, Header::Absent),
        (Header::Once(&attested), Header::Absent),
        (Header::Absent, Header::Once(&proved)),
        (Header::Unusable, Header::Once(&proved)),
        (Header::Once("x"), Header::Once(&proved)),
    ] {
        assert!(world.decide(a, p).is_err());
    }
}

#[test]
fn without_attesters_there_is_no_such_method() {
    let mut world = world();
    let (attested, proved) = (
        world.attested(&world.attestation()),
        world.proved(&World::proof()),
    );
    world.policy.attesters.clear();
    let decided = world.decide(Header::Once(&attested), Header::Once(&proved));
    assert_eq!(decided.map(drop), Err(Reason::MethodNotRegistered));
    let metadata = json!({
        "redirect_uris": ["https://rp.test/cb"],
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    });
    assert!(record("rp", &metadata, ClientOrigin::Registration, &world.policy).is_err());
}
