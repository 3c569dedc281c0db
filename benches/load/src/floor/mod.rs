//! The least that durable work must do: its cryptography, and its commits. Here a code flow whose client signs, with the
//! verifications, one signature and three commits; in [`refresh`] the rotation of a refresh token.
//!
//! No request is read and no answer is written; nothing is looked up. What a server reaches is compared with this.

pub(crate) mod disk;
pub mod refresh;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};

use crate::limit::Unsigned;

use self::disk::Stepwise;

/// Which flow.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "written by who measures")]
pub struct SignedFlow {
    /// What the client's two assertions (RFC 7523) are signed with.
    pub assertions: AssertionAlgorithm,
    /// Whether the pushed request comes with a proof (RFC 9449), besides that of the token request. Both are ES256, as the ID
    /// token is.
    pub proof_at_push: bool,
    /// The folder for a file in which each of three steps is durable before the next begins; without it nothing is written.
    pub durable_in: Option<PathBuf>,
}

/// A signature algorithm of assertions (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two that FAPI 2.0 clients use")]
pub enum AssertionAlgorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PSS with SHA-256 and a key of 2048 bits.
    Ps256,
}

/// Nothing came out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoFloor {
    /// A key could not be made, or did not sign.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// What is verified again and again.
struct Signed {
    bytes: Vec<u8>,
    /// As it is held between requests.
    held: ParsedPublicKey,
    /// As it comes with a proof.
    key: Vec<u8>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement, without the ports of the product"
)]
fn random() -> SystemRandom {
    SystemRandom::new()
}

impl Signed {
    fn es256(key: &EcdsaKeyPair) -> Result<Self, Unsigned> {
        let signature = key.sign(&random(), &MESSAGE);
        let public = key.public_key().as_ref();
        Ok(Self {
            bytes: signature.map_err(|_| Unsigned)?.as_ref().to_vec(),
            held: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).map_err(|_| Unsigned)?,
            key: public.to_vec(),
        })
    }

    fn ps256(key: &RsaKeyPair) -> Result<Self, Unsigned> {
        let mut bytes = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &random(), &MESSAGE, &mut bytes)
            .map_err(|_| Unsigned)?;
        let public = key.public_key().as_ref();
        Ok(Self {
            bytes,
            held: ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public).map_err(|_| Unsigned)?,
            key: public.to_vec(),
        })
    }

    /// With the key that is held.
    fn verify(&self) -> Result<(), Unsigned> {
        let message = std::hint::black_box(&MESSAGE);
        let verified = self.held.verify_sig(message, &self.bytes);
        verified.map_err(|_| Unsigned)
    }

    /// With the key that comes along, which is that of ES256.
    fn verify_as_it_comes(&self) -> Result<(), Unsigned> {
        let message = std::hint::black_box(&MESSAGE);
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key);
        let verified = key.map_err(|_| Unsigned)?.verify_sig(message, &self.bytes);
        verified.map_err(|_| Unsigned)
    }
}

/// The cryptography of a flow.
struct Work {
    own: EcdsaKeyPair,
    random: SystemRandom,
    assertion: Signed,
    proof: Signed,
    proof_at_push: bool,
}

impl Work {
    fn new(flow: &SignedFlow) -> Result<Self, Unsigned> {
        let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let own = own.map_err(|_| Unsigned)?;
        let assertion = match flow.assertions {
            AssertionAlgorithm::Es256 => Signed::es256(&own)?,
            AssertionAlgorithm::Ps256 => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048);
                Signed::ps256(&key.map_err(|_| Unsigned)?)?
            }
        };
        Ok(Self {
            proof: Signed::es256(&own)?,
            random: random(),
            assertion,
            own,
            proof_at_push: flow.proof_at_push,
        })
    }
}

impl Stepwise for Work {
    type Step = Step;
    const FIRST: Step = Step::Push;

    fn next(step: Step) -> Option<Step> {
        match step {
            Step::Push => Some(Step::Authorize),
            Step::Authorize => Some(Step::Token),
            Step::Token => None,
        }
    }

    fn before(&self, step: Step) -> Result<(), Unsigned> {
        match step {
            Step::Push => {
                self.assertion.verify()?;
                if self.proof_at_push {
                    self.proof.verify_as_it_comes()?;
                }
            }
            Step::Authorize => {}
            Step::Token => {
                self.assertion.verify()?;
                self.proof.verify_as_it_comes()?;
                let signature = self.own.sign(&self.random, std::hint::black_box(&MESSAGE));
                let _signature = std::hint::black_box(signature.map_err(|_| Unsigned)?);
            }
        }
        Ok(())
    }
}

/// A request of the flow.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    Authorize,
    Token,
}

/// How often one core does the work of a flow in each second. Flows that must be durable are 64 at a time, as connections are.
///
/// # Errors
/// [`NoFloor`].
pub fn signed_flows_per_second(flow: &SignedFlow, duration: Duration) -> Result<f64, NoFloor> {
    let work = Work::new(flow)?;
    match &flow.durable_in {
        Some(folder) => disk::per_second(&work, folder, duration),
        None => {
            let started = Instant::now();
            let mut count = 0.0;
            while started.elapsed() < duration {
                for step in [Step::Push, Step::Authorize, Step::Token] {
                    work.before(step)?;
                }
                count += 1.0;
            }
            Ok(count / started.elapsed().as_secs_f64())
        }
    }
}

/// Assertions and proofs have about this length.
const MESSAGE: [u8; 320] = [b'm'; 320];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_each_kind_of_flow_is_counted_and_leaves_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("floor-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for assertions in [AssertionAlgorithm::Es256, AssertionAlgorithm::Ps256] {
            for durable_in in [None, Some(folder.clone())] {
                let flow = SignedFlow {
                    assertions,
                    proof_at_push: true,
                    durable_in,
                };
                let rate = signed_flows_per_second(&flow, Duration::from_millis(20)).unwrap();
                assert!(rate > 0.0, "{flow:?}");
            }
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let flow = SignedFlow {
            assertions: AssertionAlgorithm::Es256,
            proof_at_push: false,
            durable_in: Some("/nowhere/at/all".into()),
        };
        let rate = signed_flows_per_second(&flow, Duration::from_millis(1));
        assert!(matches!(rate, Err(NoFloor::File(_))));
    }

    #[test]
    fn a_signature_of_another_message_does_not_pass_for_work() {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let mut signed = Signed::es256(&key).unwrap();
        signed.bytes = key.sign(&random(), b"m").unwrap().as_ref().to_vec();
        assert!(signed.verify().is_err());
        assert!(signed.verify_as_it_comes().is_err());
    }
}
