//! The least that a code flow must do whose client signs: the verifications, one signature and three durable commits.
//!
//! No request is read and no answer is written; nothing is looked up. What a server reaches is compared with this.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};

use crate::limit::Unsigned;

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

    /// What comes before the commit of a step.
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

impl Step {
    const fn next(self) -> Option<Self> {
        match self {
            Self::Push => Some(Self::Authorize),
            Self::Authorize => Some(Self::Token),
            Self::Token => None,
        }
    }
}

/// How often one core does the work of a flow in each second. Flows that must be durable are 64 at a time, as connections are.
///
/// # Errors
/// [`NoFloor`].
pub fn signed_flows_per_second(flow: &SignedFlow, duration: Duration) -> Result<f64, NoFloor> {
    let work = Work::new(flow)?;
    match &flow.durable_in {
        Some(folder) => durable(&work, folder, duration),
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

fn durable(work: &Work, folder: &Path, duration: Duration) -> Result<f64, NoFloor> {
    let path = folder.join("floor");
    let written = write_ahead(&path).and_then(|file| {
        let (to_disk, waiting) = channel();
        let (done, on_disk) = channel();
        let writer = thread::spawn(move || write(file, &waiting, &done));
        let rate = flows(work, (&to_disk, &on_disk), duration);
        drop(to_disk);
        // What waits there still is written, and goes nowhere.
        let ended = writer.join();
        ended.unwrap_or_else(|_| Err(std::io::Error::other("the writer ended")))?;
        Ok(rate)
    });
    drop(std::fs::remove_file(&path));
    Ok(written??)
}

/// Does steps as they come from the disk, until the time is over.
fn flows(
    work: &Work,
    (to_disk, on_disk): (&Sender<Step>, &Receiver<Step>),
    duration: Duration,
) -> Result<f64, Unsigned> {
    let start = |step| {
        work.before(step)?;
        // A writer that has ended says itself why.
        let _sent = to_disk.send(step);
        Ok(())
    };
    for _ in 0..AT_A_TIME {
        start(Step::Push)?;
    }
    let started = Instant::now();
    let mut count = 0.0;
    // One at least, however slow the disk is.
    while started.elapsed() < duration || count < 1.0 {
        let Ok(step) = on_disk.recv() else { break };
        if let Some(next) = step.next() {
            start(next)?;
        } else {
            count += 1.0;
            start(Step::Push)?;
        }
    }
    Ok(count / started.elapsed().as_secs_f64())
}

/// A file with room for many commits, as a log has that is used again.
fn write_ahead(path: &Path) -> std::io::Result<File> {
    let mut file = File::create(path)?;
    let zeros = vec![0; COMMIT_BYTES * AT_A_TIME];
    for _ in 0..ROOM {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    file.rewind()?;
    Ok(file)
}

/// Writes what waits together, synchronises, and says that it is done.
fn write(mut file: File, waiting: &Receiver<Step>, done: &Sender<Step>) -> std::io::Result<()> {
    let bytes = vec![1; COMMIT_BYTES * AT_A_TIME];
    let mut groups = 0_u64;
    while let Ok(first) = waiting.recv() {
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let length = group.len().saturating_mul(COMMIT_BYTES);
        file.write_all(bytes.get(..length).unwrap_or(&bytes))?;
        file.sync_data()?;
        groups = groups.saturating_add(1);
        if groups.is_multiple_of(ROOM) {
            file.seek(SeekFrom::Start(0))?;
        }
        for step in group {
            let _sent = done.send(step);
        }
    }
    Ok(())
}

/// Assertions and proofs have about this length.
const MESSAGE: [u8; 320] = [b'm'; 320];
/// What a commit of a flow puts into a log, at least: a record of some hundred bytes, and what was used once.
const COMMIT_BYTES: usize = 512;
/// Flows that are under way.
const AT_A_TIME: usize = 64;
/// Groups that the file has room for.
const ROOM: u64 = 256;

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
