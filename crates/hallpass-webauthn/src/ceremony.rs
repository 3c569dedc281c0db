//! Registration and authentication, [WebAuthn §7](https://www.w3.org/TR/webauthn-3/#sctn-rp-operations).

use hallpass_jose::{constant_time_eq, hash::sha256, json};
use serde_json::{Map, Value as Json};

use crate::{
    authenticator::AuthenticatorData,
    cbor::{self, Value},
    cose::CoseKey,
};

/// What an answer must be about.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The challenge, as it was sent.
    pub challenge: &'a [u8],
    /// The one origin whose page may have asked.
    pub origin: &'a str,
    /// The host that keys are for.
    pub rp_id: &'a str,
}

/// Why an answer of an authenticator was not taken. Fixed texts: nothing of the answer is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is not in the form of such answers.
    #[error("the answer of the authenticator cannot be read")]
    Malformed,
    /// It belongs to the other ceremony.
    #[error("the answer is not of this kind")]
    Type,
    /// It is about another challenge.
    #[error("the answer is about another challenge")]
    Challenge,
    /// Another site asked for it.
    #[error("the answer was made for another site")]
    Origin,
    /// It is for another host.
    #[error("the answer is for another host")]
    RpId,
    /// Nobody was there, the person was not verified, or the flags contradict each other.
    #[error("the authenticator did not verify the person")]
    Flags,
    /// The key is not one that can be used.
    #[error("the key cannot be used")]
    Key,
    /// The signature is not of the key.
    #[error("the signature is wrong")]
    Signature,
    /// An attestation that nobody asked for.
    #[error("an attestation was not asked for")]
    Attestation,
    /// The signature counter went backwards: there may be two of this key.
    #[error("the signature counter went backwards")]
    Counter,
}

/// The answer to a registration.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// `clientDataJSON`
    pub client_data: &'a [u8],
    /// `attestationObject`
    pub attestation: &'a [u8],
}

/// A new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its identifier.
    pub credential_id: Vec<u8>,
    /// The key (COSE), as it was written.
    pub public_key: Vec<u8>,
    /// Its algorithm.
    pub algorithm: i64,
    /// The kind of authenticator. Not assured by anything.
    pub aaguid: [u8; 16],
    /// Its signature counter.
    pub counter: u32,
    /// It may be copied to other devices.
    pub backup_eligible: bool,
    /// It was.
    pub backed_up: bool,
}

/// The answer to an authentication.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// `clientDataJSON`
    pub client_data: &'a [u8],
    /// `authenticatorData`
    pub authenticator_data: &'a [u8],
    /// `signature`
    pub signature: &'a [u8],
    /// The key that was registered (COSE).
    pub public_key: &'a [u8],
    /// Its algorithm then.
    pub algorithm: i64,
    /// The counter that was kept.
    pub counter: u32,
    /// Whether it could be copied when it was registered: that never changes.
    pub backup_eligible: bool,
}

/// What an authentication showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The new counter.
    pub counter: u32,
    /// The key was copied to other devices.
    pub backed_up: bool,
}

/// Largest answer, in bytes, of each part.
const MAX_PART: usize = 16_384;

/// Verifies the answer to a registration.
///
/// # Errors
/// [`Rejected`]
pub fn verify_registration(
    given: &Registration<'_>,
    expected: &Expected<'_>,
) -> Result<Registered, Rejected> {
    let hash = client_data(given.client_data, "webauthn.create", expected)?;
    if given.attestation.len() > MAX_PART {
        return Err(Rejected::Malformed);
    }
    let object = cbor::read_whole(given.attestation)?;
    let member = |name| object.get(&Value::Text(name)).ok_or(Rejected::Malformed);
    let bytes = member("authData")?.bytes().ok_or(Rejected::Malformed)?;
    let data = AuthenticatorData::parse(bytes)?;
    whose(&data, expected)?;
    let attested = data.attested.as_ref().ok_or(Rejected::Malformed)?;
    let statement = member("attStmt")?;
    match member("fmt")?.text() {
        Some("none") if *statement == Value::Map(Vec::new()) => {}
        //= WEBAUTHN#8.2 MUST: a self attestation is signed with the new key, by its own algorithm
        Some("packed") if statement.get(&Value::Text("x5c")).is_none() => {
            let alg = statement.get(&Value::Text("alg")).and_then(Value::integer);
            let signature = statement.get(&Value::Text("sig")).and_then(Value::bytes);
            let signature = signature.ok_or(Rejected::Malformed)?;
            if alg != Some(attested.key.algorithm()) {
                return Err(Rejected::Attestation);
            }
            attested.key.verify(&[bytes, &hash].concat(), signature)?;
        }
        _ => return Err(Rejected::Attestation),
    }
    Ok(Registered {
        credential_id: attested.credential_id.to_vec(),
        public_key: attested.key_bytes.to_vec(),
        algorithm: attested.key.algorithm(),
        aaguid: attested.aaguid,
        counter: data.counter,
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
    })
}

/// Verifies the answer to an authentication.
///
/// # Errors
/// [`Rejected`]; a counter that went backwards only when all else is right.
pub fn verify_assertion(
    given: &Assertion<'_>,
    expected: &Expected<'_>,
) -> Result<Asserted, Rejected> {
    let hash = client_data(given.client_data, "webauthn.get", expected)?;
    if given.authenticator_data.len() > MAX_PART || given.signature.len() > MAX_PART {
        return Err(Rejected::Malformed);
    }
    let data = AuthenticatorData::parse(given.authenticator_data)?;
    whose(&data, expected)?;
    //= WEBAUTHN#7.2 MUST: whether a key may be backed up is what it was at registration
    if data.flags.backup_eligible() != given.backup_eligible {
        return Err(Rejected::Flags);
    }
    let key = CoseKey::parse(given.public_key)?;
    if key.algorithm() != given.algorithm {
        return Err(Rejected::Key);
    }
    key.verify(&[given.authenticator_data, &hash].concat(), given.signature)?;
    //= WEBAUTHN#7.2 SHOULD: a counter that does not grow is a sign that there are two of the key
    if (data.counter > 0 || given.counter > 0) && data.counter <= given.counter {
        return Err(Rejected::Counter);
    }
    Ok(Asserted {
        counter: data.counter,
        backed_up: data.flags.backed_up(),
    })
}

/// Checks what the browser says, and answers its hash, which the authenticator signed.
fn client_data(bytes: &[u8], kind: &str, expected: &Expected<'_>) -> Result<[u8; 32], Rejected> {
    if bytes.len() > MAX_PART {
        return Err(Rejected::Malformed);
    }
    let members = json::parse_object(bytes, 4).map_err(|_| Rejected::Malformed)?;
    let text = |name: &str| text(&members, name);
    if text("type")? != kind {
        return Err(Rejected::Type);
    }
    let challenge = hallpass_jose::base64url::encode(expected.challenge);
    if !constant_time_eq(text("challenge")?.as_bytes(), challenge.as_bytes()) {
        return Err(Rejected::Challenge);
    }
    //= WEBAUTHN#7.2 MUST: the origin is one of the relying party's
    if text("origin")? != expected.origin {
        return Err(Rejected::Origin);
    }
    // Our pages cannot be framed, so whoever asked in a frame was not one of them.
    if !matches!(members.get("crossOrigin"), None | Some(Json::Bool(false)))
        || members.contains_key("topOrigin")
    {
        return Err(Rejected::Origin);
    }
    Ok(sha256(bytes))
}

fn text<'j>(members: &'j Map<String, Json>, name: &str) -> Result<&'j str, Rejected> {
    let value = members.get(name).and_then(Json::as_str);
    value.ok_or(Rejected::Malformed)
}

/// For which host it is, and that its person was there and was verified.
//= WEBAUTHN#7.2 MUST: where user verification is required, the flag says that it happened
fn whose(data: &AuthenticatorData<'_>, expected: &Expected<'_>) -> Result<(), Rejected> {
    if data.rp_id_hash != sha256(expected.rp_id.as_bytes()) {
        return Err(Rejected::RpId);
    }
    if !data.flags.present() || !data.flags.verified() {
        return Err(Rejected::Flags);
    }
    Ok(())
}
