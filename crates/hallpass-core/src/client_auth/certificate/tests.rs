use std::sync::{Arc, OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_jose::{JwsAlgorithm, SigningKey};
use hallpass_types::ContentDigest;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, string::Ia5String,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    client::fixtures::{self, NOW},
    client_auth::{Authenticated, Presented, authenticate},
    client_request::ClientRequest,
    policy::Roots,
};

/// An authority, and one of the same name that nobody trusts.
struct Authority(CertifiedIssuer<'static, KeyPair>);

fn authority(trusted: bool) -> &'static Authority {
    static BOTH: OnceLock<[Authority; 2]> = OnceLock::new();
    let both = BOTH.get_or_init(|| {
        [(); 2].map(|()| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
                .distinguished_name
                .push(DnType::CommonName, "Authority");
            valid(&mut params, -10, 10);
            let key = KeyPair::generate().unwrap();
            Authority(CertifiedIssuer::self_signed(params, key).unwrap())
        })
    });
    &both[usize::from(!trusted)]
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "a test that counts wrongly fails"
)]
fn valid(params: &mut CertificateParams, from_days: i64, until_days: i64) {
    let at = |days: i64| {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let seconds = u64::try_from(NOW.plus(days.saturating_mul(86_400)).0).unwrap();
        epoch + std::time::Duration::from_secs(seconds)
    };
    params.not_before = at(from_days);
    params.not_after = at(until_days);
}

/// What a certificate for the client says, before a test changes it.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "rp");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![
        SanType::DnsName(Ia5String::try_from("rp.test").unwrap()),
        SanType::URI(Ia5String::try_from("https://rp.test/id").unwrap()),
        SanType::Rfc822Name(Ia5String::try_from("rp@rp.test").unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::IpAddress("2001:db8::7".parse().unwrap()),
    ];
    valid(&mut params, -1, 1);
    params
}

fn issued(params: CertificateParams, by: &Authority) -> Certificate {
    let key = KeyPair::generate().unwrap();
    Certificate::from_der(params.signed_by(&key, &by.0).unwrap().der().to_vec())
}

fn self_signed(params: CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec())
}

fn policy() -> Policy {
    let mut policy = fixtures::policy();
    policy.mtls.enabled = true;
    policy.mtls.roots = Roots::new(vec![authority(true).0.der().to_vec()]);
    policy
}

fn client_of(metadata: &Value) -> Result<Arc<Client>, crate::client::MetadataError> {
    let mut all = json!({"redirect_uris": ["https://rp.test/cb"]});
    all.as_object_mut()
        .unwrap()
        .extend(fixtures::object(metadata));
    let policy = policy();
    let record = fixtures::record(
        "rp",
        &all,
        crate::client::ClientOrigin::Registration,
        &policy,
    )?;
    Client::from_record(&record, &policy, None).map(Arc::new)
}

fn by_authority(member: &str, value: &str) -> Arc<Client> {
    client_of(&json!({"token_endpoint_auth_method": TLS_CLIENT_AUTH, member: value})).unwrap()
}

fn decide_with(
    policy: &Policy,
    client: &Arc<Client>,
    certificate: Option<&Certificate>,
) -> Result<Authenticated, Reason> {
    let params = hallpass_types::Params::from_pairs([("client_id", "rp")]);
    let mut request = ClientRequest::new(&params, None);
    request.certificate = certificate;
    let presented = Presented::read(&request)?;
    let digest = |_: &str| ContentDigest([0; 32]);
    let facts = Facts {
        now: NOW,
        policy,
        token_endpoint: &["https://op.test/token".to_owned()],
        endpoint: &["https://op.test/token".to_owned()],
        secret_digest: &digest,
        fetched_jwks: None,
        challenge: None,
        dpop_nonce: None,
    };
    authenticate(&presented, Some(client), &facts)
}

fn decide(client: &Arc<Client>, certificate: &Certificate) -> Result<&'static str, Reason> {
    decide_with(&policy(), client, Some(certificate)).map(|a| a.client.method())
}

const NAME: &str = "CN=rp,O=Example\\, Inc.,C=DE";

#[test]
fn a_trusted_certificate_with_the_registered_subject_authenticates() {
    //= test RFC4514#2.4 a backslash stands before a special character or before two hexadecimal digits
    //= test RFC4514#2.1 the text form begins with the last relative name of the sequence
    let shown = issued(params(), authority(true));
    for (member, value) in [
        ("tls_client_auth_subject_dn", NAME),
        (
            "tls_client_auth_subject_dn",
            "cn = rp , 2.5.4.10=Example\\2C Inc. , c=DE",
        ),
        ("tls_client_auth_san_dns", "rp.test"),
        ("tls_client_auth_san_dns", "RP.test"),
        ("tls_client_auth_san_uri", "https://rp.test/id"),
        ("tls_client_auth_san_email", "rp@rp.test"),
        ("tls_client_auth_san_ip", "192.0.2.7"),
        ("tls_client_auth_san_ip", "2001:0db8:0:0::7"),
    ] {
        let client = by_authority(member, value);
        assert_eq!(
            decide(&client, &shown),
            Ok(TLS_CLIENT_AUTH),
            "{member} {value}"
        );
    }
}

#[test]
fn a_certificate_that_names_somebody_else_does_not() {
    // TK-52
    let shown = issued(params(), authority(true));
    for (member, value) in [
        ("tls_client_auth_subject_dn", "CN=rp"),
        ("tls_client_auth_subject_dn", "C=DE,O=Example\\, Inc.,CN=rp"),
        ("tls_client_auth_subject_dn", "CN=RP,O=Example\\, Inc.,C=DE"),
        ("tls_client_auth_subject_dn", "CN=rp+O=Example\\, Inc.,C=DE"),
        (
            "tls_client_auth_subject_dn",
            "CN=r\u{440},O=Example\\, Inc.,C=DE",
        ),
        ("tls_client_auth_san_dns", "rp"),
        ("tls_client_auth_san_dns", "other.test"),
        ("tls_client_auth_san_uri", "https://rp.test/"),
        ("tls_client_auth_san_uri", "https://RP.test/id"),
        ("tls_client_auth_san_email", "RP@rp.test"),
        ("tls_client_auth_san_ip", "192.0.2.8"),
        ("tls_client_auth_san_ip", "::ffff:192.0.2.7"),
    ] {
        let client = by_authority(member, value);
        assert_eq!(
            decide(&client, &shown),
            Err(Reason::CertificateSubject),
            "{member} {value}"
        );
    }
    // A name in the subject is no alternative name.
    let mut only_name = params();
    only_name.subject_alt_names.clear();
    only_name
        .distinguished_name
        .push(DnType::CommonName, "rp.test");
    let client = by_authority("tls_client_auth_san_dns", "rp.test");
    let shown = issued(only_name, authority(true));
    assert_eq!(decide(&client, &shown), Err(Reason::CertificateSubject));
}

#[test]
fn nobody_but_a_trusted_authority_vouches_for_clients() {
    //= test RFC8705#2.1 the certificate is validated against a trusted authority
    // TK-52
    let client = by_authority("tls_client_auth_subject_dn", NAME);
    let untrusted = [issued(params(), authority(false)), self_signed(params())];
    for shown in &untrusted {
        assert_eq!(decide(&client, shown), Err(Reason::CertificateUntrusted));
    }
    // Signed by the certificate of another client, which is no authority.
    let key = KeyPair::generate().unwrap();
    let other = params().signed_by(&key, &authority(true).0).unwrap();
    let issuer = rcgen::Issuer::new(params(), key);
    let key = KeyPair::generate().unwrap();
    let leaf = params().signed_by(&key, &issuer).unwrap();
    let shown = Certificate::from_der(leaf.der().to_vec()).with_chain(vec![other.der().to_vec()]);
    assert_eq!(decide(&client, &shown), Err(Reason::CertificateUntrusted));
    for (from, until) in [(-9, -1), (1, 9)] {
        let mut params = params();
        valid(&mut params, from, until);
        let shown = issued(params, authority(true));
        assert_eq!(decide(&client, &shown), Err(Reason::CertificateUntrusted));
    }
    let mut for_servers = params();
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let shown = issued(for_servers, authority(true));
    assert_eq!(decide(&client, &shown), Err(Reason::CertificateUntrusted));
    let garbage = Certificate::from_der(vec![1, 2, 3]);
    assert_eq!(decide(&client, &garbage), Err(Reason::CertificateInvalid));
    let mut trailing = issued(params(), authority(true)).der().to_vec();
    trailing.push(0);
    let trailing = Certificate::from_der(trailing);
    assert_eq!(decide(&client, &trailing), Err(Reason::CertificateInvalid));
}

#[test]
fn a_chain_leads_to_the_root_through_what_was_shown_along() {
    let client = by_authority("tls_client_auth_subject_dn", NAME);
    let mut between = CertificateParams::default();
    between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    between
        .distinguished_name
        .push(DnType::CommonName, "Between");
    valid(&mut between, -1, 1);
    let key = KeyPair::generate().unwrap();
    let middle = between.signed_by(&key, &authority(true).0).unwrap();
    let issuer = rcgen::Issuer::new(between, key);
    let key = KeyPair::generate().unwrap();
    let leaf = params().signed_by(&key, &issuer).unwrap();
    let alone = Certificate::from_der(leaf.der().to_vec());
    assert_eq!(decide(&client, &alone), Err(Reason::CertificateUntrusted));
    let led = alone.with_chain(vec![middle.der().to_vec()]);
    assert_eq!(decide(&client, &led), Ok(TLS_CLIENT_AUTH));
}

fn registered_keys(certificates: &[&Certificate]) -> Value {
    let keys: Vec<Value> = certificates
        .iter()
        .map(|certificate| {
            let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
            let mut value = key.public_jwk().to_public_value();
            value["kid"] = key.kid().into();
            value["x5c"] = json!([STANDARD.encode(certificate.der())]);
            value
        })
        .collect();
    json!({"keys": keys})
}

#[test]
fn a_registered_certificate_authenticates_and_no_other() {
    //= test RFC8705#2.2 the certificate of the handshake is one that the client registered
    // TK-52
    let (first, second) = (self_signed(params()), self_signed(params()));
    let keys = registered_keys(&[&first, &second]);
    let client =
        client_of(&json!({"token_endpoint_auth_method": SELF_SIGNED, "jwks": keys})).unwrap();
    assert_eq!(decide(&client, &first), Ok(SELF_SIGNED));
    assert_eq!(decide(&client, &second), Ok(SELF_SIGNED));
    // The same name and even the same authority say nothing.
    let other = self_signed(params());
    assert_eq!(decide(&client, &other), Err(Reason::CertificateUnknown));
    let by_authority = issued(params(), authority(true));
    assert_eq!(
        decide(&client, &by_authority),
        Err(Reason::CertificateUnknown)
    );
    assert_eq!(
        decide_with(&policy(), &client, None).map(drop),
        Err(Reason::CertificateMissing)
    );
    let mut over = params();
    valid(&mut over, -9, -1);
    let over = self_signed(over);
    let keys = registered_keys(&[&over]);
    let client =
        client_of(&json!({"token_endpoint_auth_method": SELF_SIGNED, "jwks": keys})).unwrap();
    assert_eq!(decide(&client, &over), Err(Reason::CertificateInvalid));
}

#[test]
fn without_a_certificate_or_where_none_is_asked_for_nobody_is_authenticated() {
    let client = by_authority("tls_client_auth_subject_dn", NAME);
    let shown = issued(params(), authority(true));
    assert_eq!(
        decide_with(&policy(), &client, None).map(drop),
        Err(Reason::CertificateMissing)
    );
    let mut off = policy();
    off.mtls.enabled = false;
    let mut no_roots = policy();
    no_roots.mtls.roots = Roots::default();
    for policy in [off, no_roots] {
        assert_eq!(
            decide_with(&policy, &client, Some(&shown)).map(drop),
            Err(Reason::MethodNotRegistered)
        );
    }
    // A certificate does not make up for another method.
    let with_secret = client_of(&json!({}));
    assert!(with_secret.is_ok());
    assert_eq!(
        decide(&with_secret.unwrap(), &shown),
        Err(Reason::MethodNotRegistered)
    );
    let public = client_of(&json!({"token_endpoint_auth_method": "none"})).unwrap();
    assert_eq!(decide(&public, &shown), Ok("none"));
}

#[test]
fn a_client_registers_exactly_one_subject() {
    //= test RFC8705#2.1.2 a client of tls_client_auth registers exactly one subject member
    //= test RFC8705#2.1.2 exactly one subject member is registered
    let refused = |metadata: Value| client_of(&metadata).map(drop).unwrap_err();
    let none = refused(json!({"token_endpoint_auth_method": TLS_CLIENT_AUTH}));
    assert_eq!(
        none.reason,
        crate::client::MetadataReason::CertificateSubject
    );
    let two = refused(json!({
        "token_endpoint_auth_method": TLS_CLIENT_AUTH,
        "tls_client_auth_subject_dn": NAME, "tls_client_auth_san_dns": "rp.test",
    }));
    assert_eq!(two.field, "tls_client_auth_san_dns");
    for (member, value) in [
        ("tls_client_auth_subject_dn", ""),
        ("tls_client_auth_subject_dn", "rp"),
        ("tls_client_auth_subject_dn", "XX=rp"),
        ("tls_client_auth_subject_dn", "CN=rp,"),
        ("tls_client_auth_subject_dn", "CN="),
        ("tls_client_auth_subject_dn", "CN=#0403"),
        ("tls_client_auth_subject_dn", "CN=a\\"),
        ("tls_client_auth_subject_dn", "CN=a\\x"),
        ("tls_client_auth_subject_dn", "CN=a+CN=a"),
        ("tls_client_auth_san_dns", "*.rp.test"),
        ("tls_client_auth_san_dns", "rp test"),
        ("tls_client_auth_san_uri", "rp"),
        ("tls_client_auth_san_ip", "rp.test"),
        ("tls_client_auth_san_ip", "192.0.2.0/24"),
        ("tls_client_auth_san_email", "rp"),
    ] {
        let error = refused(json!({"token_endpoint_auth_method": TLS_CLIENT_AUTH, member: value}));
        assert_eq!(error.field, member, "{value}");
    }
    //= test RFC8705#2.2.2 a self-signed certificate is registered in jwks or jwks_uri
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    for jwks in [
        Value::Null,
        json!({"keys": []}),
        json!({"keys": [key.public_jwk().to_public_value()]}),
        registered_keys(&[&Certificate::from_der(vec![1])]),
    ] {
        let error = refused(json!({"token_endpoint_auth_method": SELF_SIGNED, "jwks": jwks}));
        assert_eq!(error.reason, crate::client::MetadataReason::KeysMissing);
    }
}
