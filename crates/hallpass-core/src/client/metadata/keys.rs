//! The client's keys, and the algorithms of what it signs and of what is signed for it.

use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm};
use serde_json::{Map, Value};

use super::{
    super::{ClientOrigin, MetadataError, MetadataReason},
    Draft, LONG, SHORT,
};
use crate::{
    client_auth::{Kind, Method, certificate},
    policy::Policy,
};

const JWKS: &str = "jwks";
const JWKS_URI: &str = "jwks_uri";
const AUTH_ALG: &str = "token_endpoint_auth_signing_alg";
const ID_TOKEN_ALG: &str = "id_token_signed_response_alg";
const USERINFO_ALG: &str = "userinfo_signed_response_alg";
const INTROSPECTION_ALG: &str = "introspection_signed_response_alg";
const REQUEST_ALG: &str = "request_object_signing_alg";
const AUTHORIZATION_ALG: &str = "authorization_signed_response_alg";

/// The symmetric algorithms for which the server needs the client's secret itself.
pub(super) fn symmetric(metadata: &Map<String, Value>) -> impl Iterator<Item = JwsAlgorithm> {
    [
        ID_TOKEN_ALG,
        USERINFO_ALG,
        INTROSPECTION_ALG,
        AUTHORIZATION_ALG,
        REQUEST_ALG,
    ]
    .into_iter()
    .filter_map(|name| metadata.get(name)?.as_str().and_then(JwsAlgorithm::parse))
    .filter(|alg| alg.is_symmetric())
}

impl Draft<'_> {
    pub(super) fn keys(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        let auth_alg = self.auth_alg(method)?;
        let jwks = self.input.value(JWKS);
        let uri = self.https(JWKS_URI)?;
        //= RFC7591#2 MUST: jwks and jwks_uri do not stand together
        if jwks.is_some() && uri.is_some() {
            return Err(MetadataReason::KeysTwice.at(JWKS));
        }
        let keys = match jwks {
            Some(jwks) => Some(
                self.keys
                    .get_or_init(|| public_keys(jwks))
                    .as_ref()
                    .map_err(|e| *e)?,
            ),
            None => None,
        };
        //= OIDC-CORE#9 MUST: private_key_jwt is verified with keys that the client registered
        if method.kind() == Kind::Keys {
            let usable = |keys: &Jwks| {
                method
                    .signing_algs()
                    .iter()
                    .filter(|alg| auth_alg.is_none_or(|registered| registered == **alg))
                    .any(|alg| keys.candidates(*alg, None).next().is_some())
            };
            if !keys.map_or_else(|| uri.is_some(), usable) {
                return Err(MetadataReason::KeysMissing.at(JWKS));
            }
        }
        self.tls_subject(method)?;
        //= RFC8705#2.2.2 MUST: a self-signed certificate is registered in jwks or jwks_uri
        if method.name() == certificate::SELF_SIGNED
            && !keys.map_or_else(|| uri.is_some(), certificate::holds_certificate)
        {
            return Err(MetadataReason::KeysMissing.at(JWKS));
        }
        if let Some(keys) = keys {
            let public: Vec<Value> = keys
                .keys()
                .map(hallpass_jose::Jwk::to_public_value)
                .collect();
            self.put(
                JWKS,
                Value::Object(Map::from_iter([("keys".to_owned(), Value::Array(public))])),
            );
        }
        Ok(())
    }

    /// Whom the client's certificate names.
    //= RFC8705#2.1.2 MUST: a client of tls_client_auth registers exactly one subject member
    fn tls_subject(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        let mut named = None;
        for member in certificate::MEMBERS {
            let Some(text) = self.input.text(member, LONG)? else {
                continue;
            };
            if named.is_some() {
                return Err(MetadataReason::CertificateSubject.at(member));
            }
            certificate::Subject::parse(member, text)
                .ok_or_else(|| MetadataReason::CertificateSubject.at(member))?;
            named = Some((*member, text));
        }
        // Another method has no use for it.
        if method.name() == certificate::TLS_CLIENT_AUTH {
            let first = certificate::MEMBERS.first().copied().unwrap_or_default();
            let (member, text) =
                named.ok_or_else(|| MetadataReason::CertificateSubject.at(first))?;
            self.put(member, text);
        }
        Ok(())
    }

    /// Kept only where the method signs; another method has no use for it.
    fn auth_alg(&mut self, method: &dyn Method) -> Result<Option<JwsAlgorithm>, MetadataError> {
        let Some(name) = self.input.text(AUTH_ALG, SHORT)? else {
            return Ok(None);
        };
        if method.signing_algs().is_empty() {
            return Ok(None);
        }
        //= OIDC-REG#2 MUST: `none` is no algorithm for client authentication
        let alg = JwsAlgorithm::parse(name)
            .filter(|alg| method.signing_algs().contains(alg))
            .ok_or(MetadataReason::AlgorithmUnsupported.at(AUTH_ALG))?;
        self.put(AUTH_ALG, alg.name());
        Ok(Some(alg))
    }

    pub(super) fn algorithms(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        let id_token = match self.signing_alg(ID_TOKEN_ALG, method)? {
            Some(alg) => alg,
            None => default_alg(self.origin, self.policy)
                .ok_or(MetadataReason::AlgorithmUnsupported.at(ID_TOKEN_ALG))?,
        };
        self.put(ID_TOKEN_ALG, id_token.name());
        for name in [USERINFO_ALG, INTROSPECTION_ALG, AUTHORIZATION_ALG] {
            if name == INTROSPECTION_ALG && !self.policy.parts.introspection {
                continue;
            }
            if let Some(alg) = self.signing_alg(name, method)? {
                self.put(name, alg.name());
            }
        }
        Ok(())
    }

    /// The one algorithm of the client's request objects. `none` is refused: unsigned objects are never taken.
    //= RFC9101#10.1 MUST: the algorithm none is not taken for a signature
    pub(super) fn request_object_alg(
        &mut self,
        method: &dyn Method,
    ) -> Result<Option<JwsAlgorithm>, MetadataError> {
        let Some(text) = self.input.text(REQUEST_ALG, SHORT)? else {
            return Ok(None);
        };
        let alg = JwsAlgorithm::parse(text)
            .filter(|alg| self.policy.requests.signing_algs.contains(alg))
            .filter(|alg| !alg.is_symmetric() || method.kind() == Kind::Secret)
            .ok_or_else(|| MetadataReason::AlgorithmUnsupported.at(REQUEST_ALG))?;
        self.put(REQUEST_ALG, alg.name());
        Ok(Some(alg))
    }

    fn signing_alg(
        &self,
        name: &'static str,
        method: &dyn Method,
    ) -> Result<Option<JwsAlgorithm>, MetadataError> {
        let Some(text) = self.input.text(name, SHORT)? else {
            return Ok(None);
        };
        //= OIDC-CORE#10.1 MUST: an HMAC key is the secret of a confidential client
        JwsAlgorithm::parse(text)
            .filter(|alg| self.policy.signing_algs.contains(alg))
            .filter(|alg| !alg.is_symmetric() || method.kind() == Kind::Secret)
            .map(Some)
            .ok_or_else(|| MetadataReason::AlgorithmUnsupported.at(name))
    }
}

/// The algorithm that signs for a client which named none.
//= OIDC-REG#2 MUST: the default algorithm of ID tokens is RS256
//= OIDC-REG#2 exception: clients that an operator made get the issuer's first algorithm
pub(in crate::client) fn default_alg(
    origin: ClientOrigin,
    policy: &Policy,
) -> Option<JwsAlgorithm> {
    let mut offered = policy
        .signing_algs
        .iter()
        .copied()
        .filter(|alg| !alg.is_symmetric());
    let rs256 = || offered.clone().find(|alg| *alg == JwsAlgorithm::RS256);
    match origin {
        ClientOrigin::Registration | ClientOrigin::Document => rs256().or_else(|| offered.next()),
        ClientOrigin::Configuration | ClientOrigin::Administration => offered.next(),
    }
}

/// The public keys of a set, each named once.
fn public_keys(value: &Value) -> Result<Jwks, MetadataError> {
    if !value.is_object() {
        return Err(MetadataReason::WrongType.at(JWKS));
    }
    let keys = Jwks::from_value(value, JwksPolicy::Client)
        .map_err(|_| MetadataReason::KeysInvalid.at(JWKS))?;
    let mut names: Vec<&str> = keys.keys().filter_map(hallpass_jose::Jwk::kid).collect();
    names.sort_unstable();
    //= RFC7517#4.5 SHOULD: keys of one set have distinct key ids
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(MetadataReason::KeysInvalid.at(JWKS));
    }
    Ok(keys)
}
