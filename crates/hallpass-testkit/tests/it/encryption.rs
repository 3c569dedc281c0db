//! What is encrypted for clients, and what they encrypt to the provider.

use hallpass_jose::{
    ContentEncryption, DecryptionKey, EncryptionKey, JweAlgorithm, JweHeader, Jwks, JwksPolicy,
    UnverifiedJwe, encrypt_compact,
};
use hallpass_provider::keys::{KeyAlgorithm, Rotate};
use hallpass_testkit::{Answer, Browser, Op, Request, Tokens, assertion, fixture, wire};
use serde_json::{Value, json};

const JWKS_URI: &str = "https://first.test/jwks";

fn set_of(key: &DecryptionKey) -> Value {
    serde_json::from_str(&Jwks::from_keys([key.public_jwk().unwrap()]).to_json()).unwrap()
}

/// Opens what was encrypted; answers the content and its `cty`.
fn open(key: &DecryptionKey, text: &str) -> (String, Option<String>) {
    let jwe = UnverifiedJwe::parse(text).unwrap();
    let (alg, enc) = (jwe.algorithm(), jwe.encryption());
    let opened = jwe.decrypt(key, &[alg], &[enc]).unwrap();
    let text = opened.text().unwrap().to_owned();
    (text, opened.cty().map(str::to_owned))
}

fn shared(client: &str, alg: JweAlgorithm, enc: ContentEncryption) -> DecryptionKey {
    DecryptionKey::from_client_secret(fixture::secret(client), alg, enc).unwrap()
}

/// Has a client's answers of a kind encrypted with these algorithms.
async fn encrypts(op: &Op, client: &str, kind: &str, alg: JweAlgorithm, enc: ContentEncryption) {
    op.change_client(client, |metadata| {
        metadata.insert(format!("{kind}_encrypted_response_alg"), json!(alg));
        metadata.insert(format!("{kind}_encrypted_response_enc"), json!(enc));
    })
    .await;
}

async fn has_keys(op: &Op, client: &str, keys: Value) {
    op.change_client(client, |metadata| {
        metadata.insert("jwks".to_owned(), keys);
    })
    .await;
}

// JW-20
#[tokio::test]
async fn an_id_token_is_encrypted_to_the_clients_key_with_every_algorithm() {
    //= test OIDC-CORE#10.2 what is signed and encrypted is signed first
    //= test OIDC-CORE#10.2 an asymmetric key is one that the client registered or publishes
    //= test RFC7519#5.2 a nested token says so in cty
    use ContentEncryption as E;
    use JweAlgorithm as A;
    let op = Op::start().await;
    let mut browser = op.browser();
    let rsa = DecryptionKey::generate_shared(A::RsaOaep).unwrap();
    let ec = DecryptionKey::generate_shared(A::EcdhEs).unwrap();
    for (key, alg, enc) in [
        (&rsa, A::RsaOaep, E::A128CbcHs256),
        (&rsa, A::RsaOaep256, E::A256Gcm),
        (&ec, A::EcdhEs, E::A256CbcHs512),
        (&ec, A::EcdhEsA128Kw, E::A128Gcm),
        (&ec, A::EcdhEsA192Kw, E::A192Gcm),
        (&ec, A::EcdhEsA256Kw, E::A192CbcHs384),
    ] {
        has_keys(&op, "first", set_of(key)).await;
        encrypts(&op, "first", "id_token", alg, enc).await;
        let token = browser.code_flow("first", "openid").await.id.unwrap();
        let jwe = UnverifiedJwe::parse(&token).unwrap();
        assert_eq!((jwe.algorithm(), jwe.encryption()), (alg, enc));
        assert_eq!(jwe.kid(), key.kid(), "the header names the key");
        let (nested, cty) = open(key, &token);
        assert_eq!(cty.as_deref(), Some("JWT"));
        let claims = op.verified("first", &nested);
        assert_eq!(claims["nonce"], "the-nonce");
    }
}

// JW-21
#[tokio::test]
async fn an_id_token_is_encrypted_with_the_clients_secret() {
    //= test OIDC-CORE#10.2 a symmetric key is derived from the client_secret
    let op = Op::start().await;
    let mut browser = op.browser();
    let enc = ContentEncryption::A256CbcHs512;
    for alg in JweAlgorithm::ALL
        .iter()
        .copied()
        .filter(|a| a.is_symmetric())
    {
        encrypts(&op, "sjwt", "id_token", alg, enc).await;
        let token = browser.code_flow("sjwt", "openid").await.id.unwrap();
        let (nested, _) = open(&shared("sjwt", alg, enc), &token);
        drop(op.verified("sjwt", &nested));
        let jwe = UnverifiedJwe::parse(&token).unwrap();
        let wrong = shared("web", alg, enc);
        assert!(jwe.decrypt(&wrong, &[alg], &[enc]).is_err(), "{alg}");
    }
}

#[tokio::test]
async fn userinfo_is_signed_then_encrypted_or_encrypted_alone() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let key = DecryptionKey::generate(JweAlgorithm::EcdhEs).unwrap();
    has_keys(&op, "first", set_of(&key)).await;
    let (alg, enc) = (JweAlgorithm::EcdhEs, ContentEncryption::A128Gcm);
    encrypts(&op, "first", "userinfo", alg, enc).await;
    let access = browser.code_flow("first", "openid email").await.access;
    let answer = browser.userinfo(&access).await;
    assert_eq!((answer.status, answer.media()), (200, "application/jwt"));
    let (content, cty) = open(&key, &answer.text());
    assert_eq!(cty, None);
    let claims: Value = serde_json::from_str(&content).unwrap();
    assert_eq!(claims["email"], "alice@example.test");

    op.change_client("first", |m| {
        m.insert("userinfo_signed_response_alg".to_owned(), json!("ES256"));
    })
    .await;
    let answer = browser.userinfo(&access).await;
    let (content, cty) = open(&key, &answer.text());
    assert_eq!(cty.as_deref(), Some("JWT"));
    let claims = assertion::payload(&content);
    assert_eq!(claims["email"], "alice@example.test");
    assert_eq!(claims["aud"], "first");
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_in_plain_text_and_the_code_is_not_burnt() {
    let op = Op::start().await;
    let mut browser = op.browser();
    encrypts(
        &op,
        "first",
        "id_token",
        JweAlgorithm::EcdhEs,
        ContentEncryption::A128Gcm,
    )
    .await;
    op.change_client("first", |m| {
        m.insert("jwks_uri".to_owned(), json!(JWKS_URI));
    })
    .await;
    let code = browser.code("alice", &Request::of("first", "openid")).await;
    let no_key = |answer: &Answer| {
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.error(), "invalid_request");
    };
    no_key(&browser.redeem("first", &code).await);
    // Keys for something else are no keys.
    let mut signing = set_of(&DecryptionKey::generate(JweAlgorithm::EcdhEs).unwrap());
    signing["keys"][0]["use"] = json!("sig");
    signing["keys"][0].as_object_mut().unwrap().remove("alg");
    for document in [
        signing,
        serde_json::from_str(&Jwks::from_keys([fixture::rsa_key().public_jwk()]).to_json())
            .unwrap(),
    ] {
        op.fetcher.put(JWKS_URI, document.to_string());
        op.clock.advance(3);
        no_key(&browser.redeem("first", &code).await);
    }
    // The set is held, but none of its keys fits: it is fetched once more.
    let key = DecryptionKey::generate(JweAlgorithm::EcdhEs).unwrap();
    op.fetcher.put(JWKS_URI, set_of(&key).to_string());
    op.clock.advance(3);
    let tokens = Tokens::of(&browser.redeem("first", &code).await);
    let (nested, _) = open(&key, &tokens.id.unwrap());
    drop(op.verified("first", &nested));
}

/// Encrypts to a key that the provider publishes.
async fn to_provider(browser: &mut Browser, content: &str, alg: JweAlgorithm) -> String {
    let set = browser.get("/jwks").await;
    let keys = Jwks::parse(&set.body, JwksPolicy::Fetched).unwrap();
    let enc = ContentEncryption::A256Gcm;
    let key = keys.encryption_key(alg, enc).expect("a key to encrypt to");
    sealed(key, alg, enc, content)
}

fn sealed(key: &EncryptionKey, alg: JweAlgorithm, enc: ContentEncryption, content: &str) -> String {
    let header = JweHeader {
        cty: Some("JWT"),
        ..JweHeader::default()
    };
    encrypt_compact(alg, enc, key, header, content.as_bytes()).unwrap()
}

/// Whether a hint lets a silent request through.
async fn silently(browser: &mut Browser, client: &str, hint: &str) -> bool {
    let request = Request::of(client, "openid")
        .with("prompt", "none")
        .with("id_token_hint", hint);
    let answer = browser.send(request.get()).await;
    let code = wire::param(answer.location(), "code").is_some();
    assert!(
        code || answer.error() == "invalid_request",
        "{}",
        answer.location()
    );
    code
}

// AZ-18
#[tokio::test]
async fn a_hint_is_opened_when_it_was_encrypted_to_the_provider_or_with_the_secret() {
    //= test OIDC-CORE#3.1.2.1 a client encrypts the ID token to the provider before it sends it as a hint
    //= test OIDC-CORE#10.2 only who registered a symmetric algorithm shares a key with the provider
    let op = Op::start().await;
    let mut browser = op.browser();
    let plain = browser.code_flow("first", "openid").await.id.unwrap();
    for alg in [JweAlgorithm::EcdhEs, JweAlgorithm::EcdhEsA256Kw] {
        let hint = to_provider(&mut browser, &plain, alg).await;
        assert!(silently(&mut browser, "first", &hint).await);
        assert!(
            !silently(&mut browser, "sjwt", &hint).await,
            "another client's"
        );
        let twice = to_provider(&mut browser, &hint, alg).await;
        assert!(!silently(&mut browser, "first", &twice).await);
        let junk = to_provider(&mut browser, "alice", alg).await;
        assert!(!silently(&mut browser, "first", &junk).await);
    }
    let (alg, enc) = (JweAlgorithm::A128Kw, ContentEncryption::A128Gcm);
    let mine = browser.code_flow("sjwt", "openid").await.id.unwrap();
    let secret = fixture::secret("sjwt");
    let key = EncryptionKey::from_client_secret(secret, alg, enc).unwrap();
    let hint = sealed(&key, alg, enc, &mine);
    assert!(
        !silently(&mut browser, "sjwt", &hint).await,
        "not registered"
    );
    encrypts(&op, "sjwt", "id_token", alg, enc).await;
    assert!(silently(&mut browser, "sjwt", &hint).await);
    let mine = browser.code_flow("sjwt", "openid").await.id.unwrap();
    assert!(
        silently(&mut browser, "sjwt", &mine).await,
        "as it was issued"
    );
    assert!(!silently(&mut browser, "first", &mine).await);
    let other = ContentEncryption::A256Gcm;
    let wrong = sealed(&key, alg, other, &plain);
    assert!(!silently(&mut browser, "sjwt", &wrong).await);
}

#[tokio::test]
async fn a_signed_out_person_goes_back_by_an_encrypted_hint() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let plain = browser.code_flow("web", "openid").await.id.unwrap();
    let hint = to_provider(&mut browser, &plain, JweAlgorithm::EcdhEs).await;
    let pairs = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
    ];
    let answer = browser.form("/logout", &pairs).await;
    assert_eq!(answer.location(), "https://rp.test/bye");
}

#[tokio::test]
async fn one_key_to_encrypt_to_is_published_and_the_old_one_opens_for_a_while() {
    const EC: Option<KeyAlgorithm> = Some(KeyAlgorithm::Decrypt(JweAlgorithm::EcdhEs));
    let op = Op::start().await;
    let mut browser = op.browser();
    let published = |set: &Answer| -> Vec<Value> {
        let keys = set.json()["keys"].as_array().unwrap().clone();
        keys.into_iter().filter(|k| k["use"] == "enc").collect()
    };
    let before = published(&browser.get("/jwks").await);
    assert_eq!(before.len(), 1);
    assert_eq!(
        (&before[0]["kty"], &before[0]["crv"]),
        (&json!("EC"), &json!("P-256"))
    );
    assert!(before[0].get("d").is_none() && before[0].get("alg").is_none());
    let plain = browser.code_flow("first", "openid").await.id.unwrap();
    let hint = to_provider(&mut browser, &plain, JweAlgorithm::EcdhEs).await;
    op.provider.prepare_next_keys().await.unwrap();
    assert_eq!(published(&browser.get("/jwks").await), before);
    let rotated = op.provider.rotate_keys(EC, Rotate::Forced).await.unwrap();
    assert_eq!(rotated.done.len(), 1);
    let after = published(&browser.get("/jwks").await);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    assert!(silently(&mut browser, "first", &hint).await);
    op.clock.advance(60 * 86_400);
    op.provider.purge().await.unwrap();
    let held = op.provider.signing_keys();
    assert!(
        held.decryption()
            .all(|k| before[0]["kid"] != k.kid.as_str())
    );
}

// TK-36
#[tokio::test]
async fn weak_and_costly_encryption_is_not_opened() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    for header in [
        json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"}),
        json!({"alg": "dir", "enc": "A128GCM"}),
        json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AAAA"}),
        json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
        json!({"alg": "none", "enc": "none"}),
    ] {
        let head = hallpass_jose::base64url::encode(header.to_string());
        let hint = format!("{head}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA");
        assert!(!silently(&mut browser, "first", &hint).await, "{header}");
    }
}

/// An authorization request of `pkjwt` whose signed parameters are `object`.
async fn by_object(browser: &mut Browser, object: &str) -> Answer {
    let pairs = [("client_id", "pkjwt"), ("request", object)];
    browser.query("/authorize", &pairs).await
}

// TK-36
#[tokio::test]
async fn a_request_object_is_opened_when_it_was_encrypted_to_the_provider() {
    //= test RFC9101#6.1 an encrypted object is decrypted, and holds a signed one
    let op = Op::start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let mut claims = json!({"iss": "pkjwt", "aud": fixture::ISSUER, "exp": now + 300, "nbf": now});
    for (name, value) in &Request::of("pkjwt", "openid").0 {
        claims[name] = json!(value);
    }
    let signed = assertion::sign(fixture::pkjwt_key(), &claims);
    for alg in [JweAlgorithm::EcdhEs, JweAlgorithm::EcdhEsA128Kw] {
        let object = to_provider(&mut browser, &signed, alg).await;
        let answer = by_object(&mut browser, &object).await;
        let answer = browser.through_pages("alice", answer).await;
        let code = wire::param(answer.location(), "code").expect("there is a code");
        let tokens = Tokens::of(&browser.redeem("pkjwt", &code).await);
        assert_eq!(tokens.claims()["nonce"], "the-nonce");
        // Encryption is no signature, and one layer of it is enough.
        let unsigned = to_provider(&mut browser, &claims.to_string(), alg).await;
        let twice = to_provider(&mut browser, &object, alg).await;
        let middle = object.len() / 2;
        let other = if object[middle..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        let flipped = format!("{}{other}{}", &object[..middle], &object[middle + 1..]);
        let (alg, enc) = (JweAlgorithm::Dir, ContentEncryption::A128Gcm);
        let own = EncryptionKey::from_client_secret("guessed", alg, enc).unwrap();
        let shared = sealed(&own, alg, enc, &signed);
        for (what, object) in [
            ("unsigned", unsigned),
            ("twice", twice),
            ("flipped", flipped),
            ("shared", shared),
        ] {
            let answer = by_object(&mut browser, &object).await;
            let page = answer.status == 400 && answer.header("location").is_none();
            let refused = answer.status == 303 && answer.error() == "invalid_request_object";
            assert!(page || refused, "{what}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn a_request_object_is_opened_with_the_secret_where_that_was_registered() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let (alg, enc) = (JweAlgorithm::A256GcmKw, ContentEncryption::A128CbcHs256);
    let now = op.clock.seconds();
    let mut claims = json!({"iss": "sjwt", "aud": fixture::ISSUER, "exp": now + 300, "nbf": now});
    for (name, value) in &Request::of("sjwt", "openid").0 {
        claims[name] = json!(value);
    }
    let signed = assertion::sign(fixture::pkjwt_key(), &claims);
    let key = EncryptionKey::from_client_secret(fixture::secret("sjwt"), alg, enc).unwrap();
    let object = sealed(&key, alg, enc, &signed);
    let keys = Jwks::from_keys([fixture::pkjwt_key().public_jwk()]).to_json();
    has_keys(&op, "sjwt", serde_json::from_str(&keys).unwrap()).await;
    for registered in [false, true] {
        if registered {
            op.change_client("sjwt", |m| {
                m.insert("request_object_encryption_alg".to_owned(), json!(alg));
                m.insert("request_object_encryption_enc".to_owned(), json!(enc));
            })
            .await;
        }
        let pairs = [("client_id", "sjwt"), ("request", object.as_str())];
        let answer = browser.query("/authorize", &pairs).await;
        let location = answer.header("location").unwrap_or_default();
        let asks = location.starts_with("https://op.test/sign-in");
        assert_eq!(asks, registered, "{}", answer.text());
    }
}
