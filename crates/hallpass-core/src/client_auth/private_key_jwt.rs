//! `private_key_jwt`: an assertion under the client's own key,
//! [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication).

use hallpass_jose::{Jwks, JwsAlgorithm, JwsError};

use super::{Assertion, Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request};
use crate::client::Client;

/// An assertion with a digital signature.
#[derive(Debug)]
pub(super) struct PrivateKeyJwt;

const ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::RS256,
    JwsAlgorithm::RS384,
    JwsAlgorithm::RS512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::EdDSA,
];

impl Method for PrivateKeyJwt {
    fn name(&self) -> &'static str {
        "private_key_jwt"
    }

    fn kind(&self) -> Kind {
        Kind::Keys
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
        if client
            .fapi
            .is_some_and(|profile| !profile.algs().contains(&alg))
        {
            return Err(Reason::Algorithm);
        }
        let (keys, may_be_old) = facts.keys_of(client)?;
        let kid = assertion.jws.kid();
        let named = kid.is_some_and(|kid| has(keys, alg, kid));
        match assertion.jws.verifies(ALGS, keys.candidates(alg, kid)) {
            Ok(()) => Ok(once),
            // The key may be newer than the set: only a key that the set names has had its say.
            //= OIDC-CORE#10.1.1 SHOULD: an unfamiliar kid makes the verifier fetch the keys again
            Err(JwsError::NoKey | JwsError::Signature) if may_be_old && !named => {
                Err(Reason::KeyMiss)
            }
            Err(_) => Err(Reason::Signature),
        }
    }
}

fn has(keys: &Jwks, alg: JwsAlgorithm, kid: &str) -> bool {
    keys.candidates(alg, Some(kid))
        .any(|key| key.kid() == Some(kid))
}
