//! Fuzz targets for every parser that reads what a stranger sends.
//!
//! Each target takes any bytes, must not panic, and checks what must hold for whatever it accepts. The same functions
//! serve a coverage-guided fuzzer (`fuzz_target!(|data: &[u8]| hallpass_fuzz::run("params", data))`) and the
//! bounded run on stable Rust in `tests/smoke.rs`.

use std::{
    hint::black_box,
    sync::{Arc, LazyLock},
};

use hallpass_core::{
    authorization_details,
    authorize::Received,
    claims_request,
    client::{
        ApplicationType, ClientOrigin,
        document::{self, DocumentId},
        metadata, redirect_uri,
        registration::statement,
        sector,
    },
    client_auth::Presented,
    client_request::ClientRequest,
    pkce,
    policy::Policy,
    request_object::{self, RequestObject},
};
use hallpass_jose::{Claims, Jwks, JwksPolicy, UnverifiedJwe, UnverifiedJws, base64url, json};
use hallpass_provider::roots::Root;
use hallpass_provider::secrets::{MasterKey, Secrets};
use hallpass_types::{
    ClientId, Code, Issuer, IssuerId, Opaque, Params, RegistrationAccess, Scope, Session, Timestamp,
};

/// A target: any bytes in, no panic.
pub type Target = fn(&[u8]);

/// Every target by its name, with bytes to start from.
pub static TARGETS: &[(&str, Target, &[&[u8]])] = &[
    ("params", params, &[b"a=1&resource=https%3A%2F%2Fa&resource=b&state=%00&x", b"a=%c0%ae&a=1"]),
    ("scope", scope, &[b"openid profile", b" a  b", b"a\\b"]),
    ("opaque", opaque, &[b"hpc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", b"hps_"]),
    ("issuer", issuer, &[b"https://op.example/t", b"http://[::1]:3000", b"https://a@b/?c#d"]),
    ("authorize", authorize, &[
        b"client_id=web&redirect_uri=https://rp.test/cb&response_type=code&scope=openid&claims=%7B%22userinfo%22:%7B%7D%7D",
    ]),
    ("request_object", request_object, &[
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ3ZWIiLCJhdWQiOiJodHRwczovL29wLmV4YW1wbGUiLCJzdGF0ZSI6IngifQ.AA", b"a.e30.", b"a.b",
    ]),
    ("authorization_details", details, &[
        br#"[{"type":"payment","actions":["initiate"],"amount":{"value":1}},{"type":"a","locations":[null]}]"#, b"[]",
    ]),
    ("redirect_uri", uri, &[b"https://rp.test/cb", b"com.example.app:/cb", b"http://127.0.0.1:1/cb", b"javascript:1"]),
    ("claims_request", claims, &[br#"{"id_token":{"sub":{"value":"a"}},"userinfo":{"email":null}}"#]),
    ("client_authentication", client_authentication, &[
        b"Basic d2ViOnNlY3JldA==\nclient_id=web", b"\nclient_assertion=a.b.c&client_assertion_type=x", b"Basic %zz\n",
    ]),
    ("metadata", client_metadata, &[
        br#"{"redirect_uris":["https://rp.test/cb"],"jwks":{"keys":[]},"client_name#de":"x","scope":"openid"}"#,
    ]),
    ("client_document", client_document, &[
        b"https://app.test/c\n{\"client_id\":\"https://app.test/c\",\"redirect_uris\":[\"https://app.test/cb\"]}", b"https://a/../b\n{}",
    ]),
    ("software_statement", software_statement, &[b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.AA"]),
    ("sector", sectors, &[br#"["https://rp.test/cb"]"#]),
    ("json", strict_json, &[br#"{"a":[1,1e400,"\ud800"],"a":null}"#]),
    ("jws", jws, &[b"eyJhbGciOiJFUzI1NiJ9.e30.AA", b"....", b"a.b"]),
    ("jwe", jwe, &[b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AA.AA"]),
    ("jwks", jwks, &[br#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQ","e":"AQ"}]}"#]),
    ("jwt_claims", jwt_claims, &[br#"{"iss":"a","aud":["a",null],"exp":1e300,"iat":"1"}"#]),
    ("base64url", base64, &[b"AA", b"A", b"AA==", b"A_-"]),
    ("tokens", tokens, &[b"hpa_AAAA", b"hpr_AAAA", b"hpa_", b"a.b.c"]),
    ("cookies", cookies, &[b"hallpass_session=hps_AAAA; hallpass_session=b; hallpass_browser=c", b"=;;=a; \xff"]),
    ("route", route, &[b"/register/%2e%2e", b"/.well-known/openid-configuration/t", b"//token"]),
    ("pkce", verifier, &[b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"]),
];

/// Runs one target.
pub fn run(name: &str, data: &[u8]) {
    if let Some((_, target, _)) = TARGETS.iter().find(|(known, _, _)| *known == name) {
        target(data);
    }
}

static POLICY: LazyLock<Option<Policy>> = LazyLock::new(|| {
    Some(Policy::new(
        Issuer::parse("https://op.example").ok()?,
        Arc::new([1; 32]),
    ))
});

/// Keeps the optimizer from leaving the work out.
fn drop_it<T>(value: T) {
    drop(black_box(value));
}

fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

fn params(data: &[u8]) {
    if let Ok(params) = Params::parse(data) {
        for (name, value) in params.iter() {
            assert!(!value.is_empty() && !value.contains('\0'));
            assert!(!params.duplicated().iter().any(|d| d == name));
        }
        let again = Params::parse(params.to_query().as_bytes());
        assert!(again.is_ok_and(|again| again.iter().eq(params.iter())));
    }
}

fn scope(data: &[u8]) {
    if let Ok(scope) = Scope::parse(&text(data)) {
        let written = scope.to_string();
        assert!(!written.contains(['"', '\\', '\n', '\r']));
        assert_eq!(Scope::parse(&written), Ok(scope));
    }
}

fn opaque(data: &[u8]) {
    let text = text(data);
    if let Some(code) = Opaque::<Code>::parse(&text) {
        assert_eq!(code.expose(), text);
        assert!(Opaque::<Session>::parse(&text).is_none());
        assert!(Opaque::<RegistrationAccess>::parse(&text).is_none());
    }
}

fn issuer(data: &[u8]) {
    let text = text(data);
    if let Ok(issuer) = Issuer::parse(&text) {
        assert_eq!(issuer.as_str(), text);
        assert!(!text.ends_with('/') && !text.contains(['?', '#', '@']));
    }
}

fn authorize(data: &[u8]) {
    let Ok(params) = Params::parse(data) else {
        return;
    };
    // Without a client there is never anything but a page.
    assert!(Received::new(params).identify(None).is_err());
}

fn request_object(data: &[u8]) {
    let text = text(data);
    // What nobody signed says where an answer may go, and no more.
    let hints = request_object::hints(&text);
    assert!(hints.iter().count() <= 4 && hints.iter().all(|(_, value)| !value.contains('\0')));
    if let Ok(object) = RequestObject::read(&text) {
        drop_it(object);
    }
}

fn details(data: &[u8]) {
    let Ok(details) = authorization_details::parse(&text(data)) else {
        return;
    };
    assert!(details.iter().all(|detail| !detail.kind().is_empty()));
    let again = authorization_details::parse(&authorization_details::to_text(&details));
    // Written out it may be a little longer than it came.
    assert!(again.is_err() || again == Ok(details.clone()));
    if let Some(policy) = &*POLICY {
        assert!(
            details
                .iter()
                .all(|detail| policy.detail_type(detail.kind()).is_none())
        );
    }
}

fn uri(data: &[u8]) {
    let text = text(data);
    for kind in [ApplicationType::Web, ApplicationType::Native] {
        if redirect_uri::validate(&text, kind).is_ok() {
            assert!(!text.contains(['#', '\\', ' ', '\n', '\r', '\0', '*']));
            let lower = text.to_ascii_lowercase();
            assert!(!lower.starts_with("javascript:") && !lower.starts_with("data:"));
        }
    }
}

fn claims(data: &[u8]) {
    drop_it(claims_request::parse(&text(data)));
}

fn client_authentication(data: &[u8]) {
    let text = text(data);
    let (header, form) = text.split_once('\n').unwrap_or(("", &text));
    let Ok(params) = Params::parse(form.as_bytes()) else {
        return;
    };
    drop_it(Presented::read(&ClientRequest::new(
        &params,
        (!header.is_empty()).then_some(header),
    )));
}

fn client_metadata(data: &[u8]) {
    let (Some(policy), Ok(input)) = (&*POLICY, json::parse_object(data, 16)) else {
        return;
    };
    for origin in [ClientOrigin::Registration, ClientOrigin::Administration] {
        if let Ok(normal) = metadata::normalize(&input, origin, policy) {
            let again = metadata::normalize(&normal, origin, policy);
            assert!(
                again.is_ok_and(|again| again == normal),
                "normalised metadata is stable"
            );
            for secret in ["client_id", "client_secret", "registration_access_token"] {
                assert!(!normal.contains_key(secret));
            }
        }
    }
}

fn client_document(data: &[u8]) {
    let Some(policy) = &*POLICY else { return };
    let cut = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (id, body) = data.split_at(cut);
    let Ok(id) = ClientId::parse(&text(id)) else {
        return;
    };
    let Some(id) = DocumentId::parse(&id) else {
        return;
    };
    assert!(id.id().as_str().starts_with("https://"));
    assert!(!id.host().is_empty() && id.origin().ends_with(id.origin().trim_end_matches('/')));
    let now = Timestamp(1_800_000_000);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    if let Ok(client) = document::read(&id, Some("application/json"), body, policy, now) {
        assert!(client.secret.is_none() && !client.skip_consent && client.require_pkce);
        assert_eq!(client.id, *id.id());
    }
}

fn software_statement(data: &[u8]) {
    let mut input = serde_json::Map::new();
    input.insert(statement::MEMBER.to_owned(), text(data).into_owned().into());
    drop_it(statement::read(&input, &[]).map(|found| found.is_some()));
}

fn sectors(data: &[u8]) {
    drop_it(sector::check(data, &["https://rp.test/cb"]));
}

fn strict_json(data: &[u8]) {
    if let Ok(value) = json::parse(data, 32) {
        assert!(json::parse(value.to_string().as_bytes(), 32).is_ok());
    }
}

fn jws(data: &[u8]) {
    let text = text(data);
    if let Ok(jws) = UnverifiedJws::parse(&text) {
        let algorithm = jws.algorithm();
        // There is no key, so nothing verifies.
        assert!(jws.verify(&[algorithm], std::iter::empty()).is_err());
    }
}

fn jwe(data: &[u8]) {
    drop_it(UnverifiedJwe::parse(&text(data)));
}

fn jwks(data: &[u8]) {
    for policy in [JwksPolicy::Client, JwksPolicy::Fetched] {
        if let Ok(keys) = Jwks::parse(data, policy) {
            let published = keys.to_json();
            assert!(!published.contains("\"d\""));
        }
    }
}

fn jwt_claims(data: &[u8]) {
    if let Ok(claims) = Claims::parse(data) {
        drop_it((
            claims.str("iss").is_ok(),
            claims.audience().is_ok(),
            claims.int_seconds("exp").is_ok(),
        ));
    }
}

fn base64(data: &[u8]) {
    if let Some(bytes) = base64url::decode(data) {
        assert_eq!(base64url::encode(bytes).as_bytes(), data);
    }
}

fn tokens(data: &[u8]) {
    static SECRETS: LazyLock<Secrets> =
        LazyLock::new(|| Secrets::new(Root::of_master(&MasterKey::new([3; 32])), IssuerId(1)));
    let text = text(data);
    assert!(
        SECRETS
            .open_access(&text, Timestamp(1_790_000_000))
            .is_none()
    );
    assert!(SECRETS.open_refresh(&text).is_none());
    assert!(SECRETS.open_browser("pending", &text).is_none());
}

fn cookies(data: &[u8]) {
    let Some(issuer) = POLICY.as_ref().map(|p| &p.issuer) else {
        return;
    };
    let Ok(value) = http::HeaderValue::from_bytes(data) else {
        return;
    };
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::COOKIE, value);
    let browser = hallpass_http::browser_of(&headers, &hallpass_http::CookieNames::of(issuer));
    assert!(
        browser
            .session
            .is_none_or(|s| s.expose().starts_with("hps_"))
    );
}

fn route(data: &[u8]) {
    let Some(policy) = POLICY.as_ref() else {
        return;
    };
    let text = text(data);
    if let Some(hallpass_http::Route::Client(id)) = hallpass_http::route(policy, &text) {
        assert!(!id.is_empty() && !id.contains('/'));
    }
}

fn verifier(data: &[u8]) {
    let text = text(data);
    assert!(
        !pkce::verify_s256(&text, &text),
        "nothing is its own digest"
    );
}
