//! Thumbprints of keys, [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638).

use crate::base64url;
use crate::hash;
use crate::jwk::Material;

/// The SHA-256 thumbprint in base64url.
//= RFC7638#3 MUST: only the required members, in lexicographic order, without white space
//= RFC8037#2 MUST: the thumbprint of an OKP key covers `crv`, `kty` and `x`
pub(crate) fn sha256(material: &Material) -> String {
    let mut json = String::with_capacity(512);
    match material {
        Material::Rsa { n, e, .. } => {
            json.push_str(r#"{"e":""#);
            base64url::encode_onto(e, &mut json);
            json.push_str(r#"","kty":"RSA","n":""#);
            base64url::encode_onto(n, &mut json);
        }
        Material::Ec { curve, x, y, .. } => {
            json.push_str(r#"{"crv":""#);
            json.push_str(curve.name());
            json.push_str(r#"","kty":"EC","x":""#);
            base64url::encode_onto(x, &mut json);
            json.push_str(r#"","y":""#);
            base64url::encode_onto(y, &mut json);
        }
        Material::Okp { curve, x, .. } => {
            json.push_str(r#"{"crv":""#);
            json.push_str(curve.name());
            json.push_str(r#"","kty":"OKP","x":""#);
            base64url::encode_onto(x, &mut json);
        }
        //= RFC9964#6 MUST: the thumbprint of an AKP key covers `alg`, `kty` and `pub`
        Material::Akp {
            algorithm, public, ..
        } => {
            json.push_str(r#"{"alg":""#);
            json.push_str(algorithm.name());
            json.push_str(r#"","kty":"AKP","pub":""#);
            base64url::encode_onto(public, &mut json);
        }
        Material::Oct { k } => {
            json.push_str(r#"{"k":""#);
            base64url::encode_onto(k.as_slice(), &mut json);
            json.push_str(r#"","kty":"oct"#);
        }
    }
    json.push_str(r#""}"#);
    base64url::encode(hash::sha256(json.as_bytes()))
}
