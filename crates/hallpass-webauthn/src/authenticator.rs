//! Authenticator data, [WebAuthn §6.1](https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data).

use crate::{
    Rejected,
    cbor::{self, Value},
    cose::CoseKey,
};

/// What the authenticator says of itself and the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    const PRESENT: u8 = 1;
    const VERIFIED: u8 = 1 << 2;
    const ELIGIBLE: u8 = 1 << 3;
    const BACKED_UP: u8 = 1 << 4;
    const ATTESTED: u8 = 1 << 6;
    const EXTENSIONS: u8 = 1 << 7;
    const RESERVED: u8 = 1 << 1 | 1 << 5;

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Somebody touched it.
    #[must_use]
    pub const fn present(self) -> bool {
        self.has(Self::PRESENT)
    }

    /// It made sure that it was its person.
    #[must_use]
    pub const fn verified(self) -> bool {
        self.has(Self::VERIFIED)
    }

    /// The key may be copied to other devices of the person.
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.has(Self::ELIGIBLE)
    }

    /// The key was copied.
    #[must_use]
    pub const fn backed_up(self) -> bool {
        self.has(Self::BACKED_UP)
    }
}

/// A new key and its identifier.
#[derive(Clone, Debug)]
pub(crate) struct Attested<'a> {
    pub(crate) aaguid: [u8; 16],
    pub(crate) credential_id: &'a [u8],
    pub(crate) key: CoseKey,
    /// As it was written.
    pub(crate) key_bytes: &'a [u8],
}

/// What an authenticator signs.
#[derive(Clone, Debug)]
pub struct AuthenticatorData<'a> {
    pub(crate) rp_id_hash: [u8; 32],
    pub(crate) flags: Flags,
    pub(crate) counter: u32,
    pub(crate) attested: Option<Attested<'a>>,
}

/// Longest identifier of a credential.
const MAX_ID: usize = 1023;

impl<'a> AuthenticatorData<'a> {
    /// Reads it; nothing may be left over.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Rejected> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(Rejected::Malformed)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(Rejected::Malformed)?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(Rejected::Malformed)?;
        let flags = Flags(*flags);
        //= WEBAUTHN#6.1 MUST: a key that is backed up may be backed up
        if flags.has(Flags::RESERVED) || (flags.backed_up() && !flags.backup_eligible()) {
            return Err(Rejected::Flags);
        }
        let mut attested = None;
        if flags.has(Flags::ATTESTED) {
            let (aaguid, more) = rest.split_first_chunk::<16>().ok_or(Rejected::Malformed)?;
            let (length, more) = more.split_first_chunk::<2>().ok_or(Rejected::Malformed)?;
            let length = usize::from(u16::from_be_bytes(*length));
            if length == 0 || length > MAX_ID {
                return Err(Rejected::Malformed);
            }
            let (credential_id, more) = more.split_at_checked(length).ok_or(Rejected::Malformed)?;
            let (key, left) = cbor::read(more)?;
            let read = more.len().saturating_sub(left.len());
            attested = Some(Attested {
                aaguid: *aaguid,
                credential_id,
                key: CoseKey::of(&key)?,
                key_bytes: more.get(..read).unwrap_or_default(),
            });
            rest = left;
        }
        if flags.has(Flags::EXTENSIONS) {
            let (extensions, left) = cbor::read(rest)?;
            if !matches!(extensions, Value::Map(_)) {
                return Err(Rejected::Malformed);
            }
            rest = left;
        }
        if !rest.is_empty() {
            return Err(Rejected::Malformed);
        }
        Ok(Self {
            rp_id_hash: *rp_id_hash,
            flags,
            counter: u32::from_be_bytes(*counter),
            attested,
        })
    }
}
