//! Tokens that the fixture does not make, of an authorization server that is three documents.

use super::*;

/// The authorization server.
struct Fixed {
    key: SigningKey,
    served: Mutex<Vec<String>>,
    now: AtomicI64,
}

impl Http for Fixed {
    fn send<'a>(&'a self, request: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
        Box::pin(async move {
            self.served.lock().unwrap().push(request.url.to_owned());
            let body = match request.url {
                "https://as.test/.well-known/oauth-authorization-server/tenant" => json!({
                    "issuer": "https://as.test/tenant", "jwks_uri": "https://as.test/keys",
                })
                .to_string(),
                "https://as.test/keys" => Jwks::from_keys([self.key.public_jwk()]).to_json(),
                _ => return Err(HttpError),
            };
            Ok(Received {
                body: body.into_bytes(),
                max_age: None,
            })
        })
    }
}

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }
}

const NOW: i64 = 1_800_000_000;

fn fixed() -> (Arc<Fixed>, ResourceServer) {
    let fixed = Arc::new(Fixed {
        key: SigningKey::generate(JwsAlgorithm::ES256).unwrap(),
        served: Mutex::default(),
        now: AtomicI64::new(NOW),
    });
    let server = ResourceServer::builder("https://as.test/tenant", "https://api.test/mcp")
        .clock(fixed.clone())
        .build(fixed.clone())
        .unwrap();
    (fixed, server)
}

fn claims() -> Value {
    json!({
        "iss": "https://as.test/tenant", "sub": "alice", "client_id": "c", "aud": "https://api.test/mcp",
        "iat": NOW, "exp": NOW + 600, "jti": "t",
    })
}

//= test RFC9068#4 issuer and audience of a token are the expected ones
//= test RFC9068#4 the typ of a token is at+jwt
//= test RFC9068#4 a token that is over is not taken
//= test RFC9068#4 only algorithms that were chosen are taken, and none is not among them
//= test RFC7800#3.1 a confirmation that is not understood is not taken for none
//= test RFC8705#3 the certificate of the connection is the one that the token is bound to
#[tokio::test]
async fn every_claim_of_a_jwt_counts() {
    //= test RFC8414#3.1 the well-known part stands between host and path of the issuer
    let (fixed, server) = fixed();
    let sign = |typ: Option<&str>, change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        fixed
            .key
            .sign_compact(typ, claims.to_string().as_bytes())
            .unwrap()
    };
    let good = |change: &dyn Fn(&mut Value)| sign(Some("at+jwt"), change);
    assert_eq!(status(&server, &good(&|_| ()), None).await, 200);
    assert_eq!(
        status(&server, &sign(Some("application/at+jwt"), &|_| ()), None).await,
        200
    );
    let list = good(&|c| c["aud"] = json!(["https://other.test", "https://api.test/mcp"]));
    assert_eq!(status(&server, &list, None).await, 200);
    for typ in [None, Some("JWT"), Some("dpop+jwt")] {
        assert_eq!(
            status(&server, &sign(typ, &|_| ()), None).await,
            401,
            "{typ:?}"
        );
    }
    for (name, value) in [
        ("iss", json!("https://as.test")),
        ("iss", json!("https://as.test/tenant/")),
        ("aud", json!("https://api.test")),
        ("aud", json!([])),
        ("aud", json!(["https://api.test/mcp", 1])),
        ("exp", json!(NOW)),
        ("exp", json!("later")),
        ("iat", json!(NOW + 61)),
        ("nbf", json!(NOW + 61)),
        ("sub", json!(1)),
        ("scope", json!("a  b")),
        ("cnf", json!({})),
        ("cnf", json!({"kid": "x"})),
        ("cnf", json!({"jkt": "x", "x5t#S256": "x"})),
        ("cnf", json!({"jkt": 1})),
        ("cnf", json!("x")),
    ] {
        let token = good(&|c| c[name] = value.clone());
        assert_eq!(status(&server, &token, None).await, 401, "{name} {value}");
    }
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        let token = good(&|c| drop(c.as_object_mut().unwrap().remove(name)));
        assert_eq!(status(&server, &token, None).await, 401, "{name}");
    }
    let bound = good(&|c| {
        let digest = hallpass_jose::base64url::encode([7; 32]);
        c["cnf"] = json!({"x5t#S256": digest});
    });
    assert_eq!(status(&server, &bound, None).await, 401);
    assert_eq!(status(&server, &bound, Some([8; 32])).await, 401);
    assert_eq!(status(&server, &bound, Some([7; 32])).await, 200);
}

#[tokio::test]
async fn made_up_keys_do_not_make_us_fetch_and_an_outage_says_so() {
    let (fixed, server) = fixed();
    let good = fixed
        .key
        .sign_compact(Some("at+jwt"), claims().to_string().as_bytes())
        .unwrap();
    assert_eq!(status(&server, &good, None).await, 200);
    for _ in 0..100 {
        let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        let token = stranger
            .sign_compact(Some("at+jwt"), claims().to_string().as_bytes())
            .unwrap();
        assert_eq!(status(&server, &token, None).await, 401);
    }
    assert_eq!(
        fixed.served.lock().unwrap().len(),
        2,
        "metadata and keys, once"
    );
    let server = ResourceServer::builder("https://down.test", "https://api.test/mcp")
        .clock(fixed.clone())
        .build(fixed.clone())
        .unwrap();
    assert_eq!(status(&server, &good, None).await, 503);
}

#[test]
fn what_is_no_resource_or_issuer_is_refused() {
    let (fixed, _) = fixed();
    let build = |issuer: &str, resource: &str| {
        let builder = ResourceServer::builder(issuer, resource);
        builder.build(fixed.clone()).is_ok()
    };
    assert!(build("https://as.test", "https://api.test/x?y"));
    assert!(build("http://localhost:3000", "http://127.0.0.1:4000/mcp"));
    for (issuer, resource) in [
        ("https://as.test", "api"),
        ("https://as.test", "urn:api"),
        ("https://as.test", "http://api.test"),
        ("https://as.test", "https://api.test#x"),
        ("https://as.test?x", "https://api.test"),
        ("http://as.test", "https://api.test"),
        ("", "https://api.test"),
    ] {
        assert!(!build(issuer, resource), "{issuer} {resource}");
    }
}
