//! `client_secret_jwt`: an assertion under the client's secret,
//! [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication).

use hallpass_jose::{HmacKey, JwsAlgorithm};

use super::{Assertion, Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request, secret};
use crate::client::Client;

/// An HMAC assertion.
#[derive(Debug)]
pub(super) struct SecretJwt;

const ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::HS256,
    JwsAlgorithm::HS384,
    JwsAlgorithm::HS512,
];

impl Method for SecretJwt {
    fn name(&self) -> &'static str {
        "client_secret_jwt"
    }

    fn kind(&self) -> Kind {
        Kind::Secret
    }

    fn signing_algs(&self) -> &'static [JwsAlgorithm] {
        ALGS
    }

    fn read<'p>(&self, request: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        Ok(Assertion::of_request(request, ALGS))
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        let (assertion, once) = Assertion::checked(credential, client, facts)?;
        let alg = assertion.jws.algorithm();
        let secret = client.secret.as_ref().ok_or(Reason::WrongSecret)?;
        let plain = secret.plain.as_ref().ok_or(Reason::WrongSecret)?;
        let key = HmacKey::new(alg, plain.expose().as_bytes()).map_err(|_| Reason::Algorithm)?;
        assertion
            .jws
            .clone()
            .verify_hmac(ALGS, &key)
            .map_err(|_| Reason::Signature)?;
        secret::still_valid(secret, facts.now)?;
        Ok(once)
    }
}
