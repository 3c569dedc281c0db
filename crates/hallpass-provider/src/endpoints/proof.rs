//! Proofs of possession: what a request shows, and the nonces that go into it.

use hallpass_core::{
    binding::{self, Proved, dpop},
    client::Client,
    client_auth::{AuthenticatedClient, attestation},
    client_request::{ClientRequest, Header},
    fapi::Profile,
    policy::{DpopNonce, Place},
};
use hallpass_store::{Commit, Committed, Spend};
use hallpass_types::Timestamp;

use crate::{Failure, Provider};

impl Provider {
    /// The key to which the tokens of this request are bound.
    ///
    /// # Errors
    /// The proof is refused, or there is none where the client needs one.
    pub(crate) fn proved(
        &self,
        place: Place,
        request: &ClientRequest<'_>,
        client: &AuthenticatedClient,
    ) -> Result<Option<Proved>, Failure> {
        let proof = self.proof_by(place, request, client)?;
        Ok(binding::to_bind(client, proof, request.certificate)?)
    }

    /// The verified DPoP proof of a client's request, if there is one; that by which the client showed which instance it is
    /// is not looked at twice.
    ///
    /// # Errors
    /// The proof is refused.
    pub(crate) fn proof_by(
        &self,
        place: Place,
        request: &ClientRequest<'_>,
        client: &AuthenticatedClient,
    ) -> Result<Option<Proved>, dpop::Reason> {
        match client.proof() {
            Some(proof) => Ok(Some(proof)),
            None => self.proof(place, request, client, None),
        }
    }

    /// The verified DPoP proof of a request to an endpoint, if there is one.
    ///
    /// # Errors
    /// The proof is refused.
    pub(crate) fn proof(
        &self,
        place: Place,
        request: &ClientRequest<'_>,
        client: &Client,
        access_token: Option<&str>,
    ) -> Result<Option<Proved>, dpop::Reason> {
        let urls = self.inner.urls.of(place);
        self.proof_at(urls, request, client, access_token)
    }

    /// As [`Self::proof`], for something else that is at one of these URLs.
    ///
    /// # Errors
    /// The proof is refused.
    pub(crate) fn proof_at(
        &self,
        urls: &[String],
        request: &ClientRequest<'_>,
        client: &Client,
        access_token: Option<&str>,
    ) -> Result<Option<Proved>, dpop::Reason> {
        let policy = &self.inner.policy;
        if request.dpop == Header::Absent || !policy.dpop.enabled {
            return Ok(None);
        }
        //= RFC9449#4.3 MUST: htu is compared with what this server is called, not with what a header says
        let now = self.now();
        let is_ours = |nonce: &str| self.inner.secrets.is_dpop_nonce(nonce, now);
        let facts = dpop::Facts {
            now,
            valid_from: policy.keys.valid_from,
            method: request.method,
            urls,
            algs: client.fapi.map_or(dpop::ALGS, Profile::algs),
            access_token,
            nonce: match policy.dpop.nonce {
                DpopNonce::Never => dpop::Nonce::Ignored,
                DpopNonce::Always => dpop::Nonce::Demanded(&is_ours),
            },
        };
        binding::read_proof(request.dpop, &facts)
    }

    /// A proof that was shown with a request that came to nothing was shown all the same. Whoever did not authenticate writes
    /// nothing: their proof ends by itself.
    //= RFC9449#11.1 SHOULD: a proof that was used is refused when it is shown again
    pub(crate) async fn spend_proof(
        &self,
        client: &AuthenticatedClient,
        proved: Option<Proved>,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let once = proved.and_then(|proved| proved.once);
        let (Some(once), Failure::Refused(_)) = (once, failure) else {
            return Ok(());
        };
        if !client.is_confidential() {
            return Ok(());
        }
        let commit = Commit {
            spends: vec![Spend::Once(once.key)],
            writes: Vec::new(),
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(()),
            Committed::TooLate(_) => Err(dpop::Reason::Replayed.into()),
        }
    }

    /// The challenge that belongs into the next proof of a client attestation, where proofs need one. It is made as nonces
    /// are: every process takes it, nothing is stored.
    #[must_use]
    pub fn attestation_challenge(&self) -> Option<String> {
        attestation::hands_out_challenges(&self.inner.policy)
            .then(|| self.inner.secrets.challenge(self.now()))
    }

    /// The nonce that belongs into the next proof (RFC 9449 §8), where proofs need one. Every process that has the master
    /// key makes and takes the same ones; nothing is stored.
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<String> {
        let dpop = &self.inner.policy.dpop;
        match dpop.nonce {
            DpopNonce::Always if dpop.enabled => {
                let now: Timestamp = self.now();
                Some(self.inner.secrets.dpop_nonce(now))
            }
            DpopNonce::Always | DpopNonce::Never => None,
        }
    }
}
