//! Keys and certificates of the suite's clients, made anew for each run.

use super::Result;
use super::plan::Words;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{Certificate, CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// Makes an RSA key and a certificate for each of two clients, and lets words mean them: `{jwks_one}` the private key set for
/// the suite, `{public_jwks_one}` the public one with its certificate in TOML, `{certificate_one}` and
/// `{certificate_key_one}` the certificate and its key in PEM; the same with `two`. RSA, since some modules show that the
/// same key is refused with RS256.
///
/// # Errors
/// A key cannot be made.
pub(crate) fn add(words: &mut Words) -> Result<()> {
    for client in ["one", "two"] {
        let (certificate, key) = certificate(&format!("client-{client}.example"))?;
        let [n, e, d] = numbers(&key.serialize_der())?;
        let kid = format!("client-{client}");
        let with = |more: Value| {
            let mut jwk =
                json!({ "kty": "RSA", "alg": "PS256", "use": "sig", "kid": kid, "n": n, "e": e });
            if let (Some(jwk), Value::Object(more)) = (jwk.as_object_mut(), more) {
                jwk.extend(more);
            }
            json!({ "keys": [jwk] })
        };
        words.set_value(&format!("jwks_{client}"), with(json!({ "d": d })));
        let x5c = json!({ "x5c": [STANDARD.encode(certificate.der())] });
        words.set(&format!("public_jwks_{client}"), toml(&with(x5c)));
        words.set(&format!("certificate_{client}"), certificate.pem());
        words.set(&format!("certificate_key_{client}"), key.serialize_pem());
    }
    Ok(())
}

/// A certificate that nobody else signed, and its key. RSA, since FAPI 1.0 lists no cipher suites for other certificates.
///
/// # Errors
/// A key cannot be made.
pub(crate) fn certificate(name: &str) -> Result<(Certificate, KeyPair)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .map_err(|error| format!("no key: {error}"))?;
    let certificate = CertificateParams::new([name.to_owned()])
        .and_then(|params| params.self_signed(&key))
        .map_err(|error| format!("no certificate: {error}"))?;
    Ok((certificate, key))
}

/// Modulus, public and private exponent of a key in PKCS#8 (RFC 5958 §2, RFC 8017 §A.1.2), as a JWK has them.
fn numbers(pkcs8: &[u8]) -> Result<[String; 3]> {
    let wrong = || "the private key is not of its form".to_owned();
    let mut outer = Der(Der(pkcs8).next(0x30).ok_or_else(wrong)?);
    outer.next(0x02).ok_or_else(wrong)?;
    outer.next(0x30).ok_or_else(wrong)?;
    let mut inner = Der(outer.next(0x04).ok_or_else(wrong)?);
    let mut key = Der(inner.next(0x30).ok_or_else(wrong)?);
    key.next(0x02).ok_or_else(wrong)?;
    let mut number = || -> Result<String> {
        let bytes = key.next(0x02).ok_or_else(wrong)?;
        let unsigned = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        Ok(URL_SAFE_NO_PAD.encode(unsigned))
    };
    Ok([number()?, number()?, number()?])
}

/// Reads one DER value after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(2)?;
        let [found, short] = head else { return None };
        let (length, rest) = match short {
            0..0x80 => (usize::from(*short), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x0F))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            0x80 | 0x85..=0xFF => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(value)
    }
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
        assert!(key["d"].as_str().is_some_and(|d| d.len() > 300));
        assert_eq!(key["e"], "AQAB");
        assert_eq!(key["n"].as_str().map(str::len), Some(342));
        let public = words.fill("{public_jwks_one}");
        assert!(public.contains(key["n"].as_str().unwrap()));
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
