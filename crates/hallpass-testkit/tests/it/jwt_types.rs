//! What a JWT says that it is for (`typ`), at every place that takes one which somebody else signed with the right key and with
//! the claims that belong there.

use std::sync::{Arc, OnceLock};

use hallpass_core::{client::registration::statement::StatementIssuer, policy::TrustedIssuer};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Ask, Browser, Op, Request, Setup,
    assertion::{self, JWT_BEARER},
    fixture::{self, Seed},
    wire,
};
use hallpass_types::Scope;
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SECRET: &str = "hpk_shop-0123456789abcdefghijklmnopqrstuvwxy";
const PARTNER: &str = "https://partner.test";

/// Kinds of JWTs that have a type of their own.
const KINDS: &[&str] = &[
    "at+jwt",
    "logout+jwt",
    "dpop+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "client-authentication+jwt",
    "authorization-grant+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "entity-statement+jwt",
    "kb+jwt",
    "JOSE",
    "",
];

/// Where a JWT is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    ClientAuthentication,
    RequestObject,
    Grant,
    Statement,
    Hint,
}

impl Place {
    const ALL: [Self; 5] = [
        Self::ClientAuthentication,
        Self::RequestObject,
        Self::Grant,
        Self::Statement,
        Self::Hint,
    ];

    /// The type that belongs here.
    const fn own(self) -> Option<&'static str> {
        match self {
            Self::ClientAuthentication => Some("client-authentication+jwt"),
            Self::RequestObject => Some("oauth-authz-req+jwt"),
            Self::Grant => Some("authorization-grant+jwt"),
            Self::Statement | Self::Hint => None,
        }
    }
}

fn partner() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

async fn op() -> Op {
    let keys = Jwks::from_keys([partner().public_jwk()]);
    let published: Value = serde_json::from_str(&keys.to_json()).unwrap();
    Setup::default()
        .policy(move |policy| {
            policy.jwt_bearer.push(TrustedIssuer {
                issuer: PARTNER.to_owned(),
                jwks: Some(Arc::new(keys)),
                jwks_uri: None,
                algs: vec![JwsAlgorithm::ES256],
                clients: vec!["shop".to_owned()],
                subjects: None,
                scopes: Scope::parse("api:read").unwrap(),
                resources: vec![fixture::API2.to_owned()],
                max_lifetime: 300,
            });
            policy.grant_types.push(GRANT.to_owned());
            policy.registration.open = true;
            policy.registration.statement_issuers = vec![StatementIssuer {
                issuer: PARTNER.to_owned(),
                jwks: Some(published),
                jwks_uri: None,
            }];
        })
        .client(Seed {
            id: "shop",
            secret: Some(SECRET),
            disabled: false,
            metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": [GRANT]}),
        })
        .start()
        .await
}

/// Whether a JWT with this header is taken there.
async fn taken(op: &Op, browser: &mut Browser, at: Place, typ: Option<&str>, jti: &str) -> bool {
    let now = op.clock.seconds();
    let signed = |key: &SigningKey, alg: &str, claims: &Value| {
        let mut header = json!({"alg": alg, "kid": key.kid()});
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        assertion::sign_with_header(key, &header, claims.to_string().as_bytes())
    };
    match at {
        Place::ClientAuthentication => {
            let claims = assertion::claims("pkjwt", now, jti);
            let jwt = signed(fixture::pkjwt_key(), "ES256", &claims);
            let pairs = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &jwt),
            ];
            let answer = browser.send(Ask::form("/token", &pairs)).await;
            assert!(matches!(answer.status, 200 | 401), "{}", answer.text());
            answer.status == 200
        }
        Place::RequestObject => {
            let mut claims =
                json!({"iss": "pkjwt", "aud": fixture::ISSUER, "exp": now + 300, "nbf": now});
            for (name, value) in &Request::of("pkjwt", "openid").0 {
                claims[name] = json!(value);
            }
            let jwt = signed(fixture::pkjwt_key(), "ES256", &claims);
            let ask = Ask::query("/authorize", &[("client_id", "pkjwt"), ("request", &jwt)]);
            let answer = browser.send(ask).await;
            let location = answer.location();
            let shown = location.starts_with(fixture::ISSUER);
            assert!(
                shown || answer.error() == "invalid_request_object",
                "{location}"
            );
            shown
        }
        Place::Grant => {
            let claims = json!({"iss": PARTNER, "sub": op.subject("alice").as_str(), "aud": fixture::ISSUER,
                "iat": now, "exp": now + 60, "jti": jti});
            let jwt = signed(partner(), "ES256", &claims);
            let pairs = [
                ("grant_type", GRANT),
                ("assertion", jwt.as_str()),
                ("resource", fixture::API2),
            ];
            let ask = Ask::form("/token", &pairs).basic("shop", SECRET);
            let answer = browser.send(ask).await;
            assert!(
                answer.status == 200 || answer.error() == "invalid_grant",
                "{}",
                answer.text()
            );
            answer.status == 200
        }
        Place::Statement => {
            let claims = json!({"iss": PARTNER, "client_name": "Vouched"});
            let metadata = json!({"redirect_uris": ["https://new.test/cb"],
                "software_statement": signed(partner(), "ES256", &claims)});
            let answer = browser.send(Ask::json("/register", &metadata)).await;
            assert!(
                answer.status == 201 || answer.error() == "invalid_software_statement",
                "{}",
                answer.text()
            );
            answer.status == 201
        }
        Place::Hint => {
            let claims = json!({"iss": fixture::ISSUER, "aud": "web", "sub": op.subject("alice").as_str(),
                "iat": now, "exp": now + 60});
            let jwt = signed(fixture::rsa_key(), "RS256", &claims);
            let silent = Request::of("web", "openid")
                .with("prompt", "none")
                .with("id_token_hint", &jwt);
            let answer = browser.send(silent.get()).await;
            wire::param(answer.location(), "code").is_some()
        }
    }
}

// TK-12: whoever signs several kinds of tokens with one key has each taken for what it is alone
#[tokio::test]
async fn a_jwt_of_another_kind_is_taken_nowhere() {
    //= test RFC8725#3.11 a token that says it is for something else is no statement
    let op = op().await;
    let mut browser = op.browser();
    browser.code_flow("web", "openid").await;
    let mut number = 0_u32;
    for at in Place::ALL {
        let plain = [None, Some("JWT"), Some("jwt"), at.own()];
        for typ in plain {
            number += 1;
            let good = taken(&op, &mut browser, at, typ, &format!("j{number}")).await;
            assert!(good, "{at:?} {typ:?}");
        }
        for kind in KINDS.iter().filter(|kind| at.own() != Some(**kind)) {
            for typ in [
                (*kind).to_owned(),
                kind.to_uppercase(),
                format!("application/{kind}"),
            ] {
                number += 1;
                let wrong = taken(&op, &mut browser, at, Some(&typ), &format!("j{number}")).await;
                assert!(!wrong, "{at:?} {typ}");
            }
        }
    }
}
