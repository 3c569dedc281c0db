//! Keys and certificates of the suite's clients, made anew for each run.

use super::Result;
use super::plan::Words;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_json::{Value, json};

/// Makes a P-256 key and a certificate for each of two clients, and lets words mean them: `{jwks_one}` the private key set for
/// the suite, `{public_jwks_one}` the public one with its certificate in TOML, `{certificate_one}` and
/// `{certificate_key_one}` the certificate and its key in PEM; the same with `two`.
///
/// # Errors
/// A key cannot be made.
pub(crate) fn add(words: &mut Words) -> Result<()> {
    for client in ["one", "two"] {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|error| format!("no key: {error}"))?;
        let certificate = CertificateParams::new([format!("client-{client}.example")])
            .and_then(|params| params.self_signed(&key))
            .map_err(|error| format!("no certificate: {error}"))?;
        let (x, y) = coordinates(key.der_bytes())?;
        let kid = format!("client-{client}");
        let public = |members: Value| {
            let mut jwk = json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y,
            });
            if let (Some(jwk), Value::Object(more)) = (jwk.as_object_mut(), members) {
                jwk.extend(more);
            }
            json!({ "keys": [jwk] })
        };
        words.set_value(
            &format!("jwks_{client}"),
            public(json!({ "d": private_scalar(&key.serialize_der())? })),
        );
        let x5c = json!({ "x5c": [STANDARD.encode(certificate.der())] });
        words.set(&format!("public_jwks_{client}"), toml(&public(x5c)));
        words.set(&format!("certificate_{client}"), certificate.pem());
        words.set(&format!("certificate_key_{client}"), key.serialize_pem());
    }
    Ok(())
}

/// The coordinates of an uncompressed point (SEC 1 §2.3.3), as a JWK has them.
fn coordinates(point: &[u8]) -> Result<(String, String)> {
    let Some((4, rest)) = point.split_first().map(|(form, rest)| (*form, rest)) else {
        return Err("the public key is no uncompressed point".to_owned());
    };
    let (x, y) = rest
        .split_at_checked(32)
        .ok_or("the public key is too short")?;
    Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// The private scalar in PKCS#8: the first octet string of 32 bytes.
fn private_scalar(pkcs8: &[u8]) -> Result<String> {
    pkcs8
        .windows(34)
        .find_map(|window| window.strip_prefix(&[4, 32]))
        .map(|scalar| URL_SAFE_NO_PAD.encode(scalar))
        .ok_or_else(|| "the private key has no scalar".to_owned())
}

/// A JSON value as an inline TOML value.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, member)| format!("{} = {}", json!(name), toml(member)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clients_have_a_private_set_for_the_suite_and_a_public_one_for_the_server() {
        let mut words = Words::default();
        add(&mut words).unwrap();
        let private = words.fill_value(json!("{jwks_one}"));
        let key = &private["keys"][0];
        assert!(key["d"].as_str().is_some_and(|d| d.len() == 43));
        let public = words.fill("{public_jwks_one}");
        assert!(public.contains(key["x"].as_str().unwrap()));
        assert!(!public.contains(key["d"].as_str().unwrap()));
        assert!(
            words
                .fill("{certificate_two}")
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
        assert_ne!(
            words.fill("{public_jwks_one}"),
            words.fill("{public_jwks_two}")
        );
    }
}
