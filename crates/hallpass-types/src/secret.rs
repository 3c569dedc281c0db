//! Bearer values: what a client holds, and the digest that a store sees.

use std::{cmp::Ordering, fmt, marker::PhantomData};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Bucket, Timestamp, bytes};

/// Random bytes in an [`Opaque`] value (192 bits).
pub const RANDOM_LEN: usize = 24;
const CHECK_LEN: usize = 4;
const BODY_LEN: usize = 4 + RANDOM_LEN + CHECK_LEN;

/// What a bearer value is for. The prefix makes leaks recognisable to scanners and keeps the kinds apart.
pub trait Kind: 'static {
    /// Leading characters of the value, such as `hpc_`.
    const PREFIX: &'static str;
    /// Whether the first bytes of the random part lead the key, too. Where whoever makes the values lets these rise with
    /// time, records that are written together lie together, and a commit touches fewer pages.
    const ORDERED: bool;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal $($ordered:ident)?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
            const ORDERED: bool = kinds!(@ $($ordered)?);
        }
    )+};
    (@ ordered) => { true };
    (@) => { false };
}

kinds! {
    /// An authorization code.
    Code = "hpc_" ordered;
    /// A browser session's cookie value.
    Session = "hps_";
    /// A registration access token, RFC 7592 §1.
    RegistrationAccess = "hpm_";
    /// An initial access token, RFC 7591 §1.2.
    InitialAccess = "hpi_";
    /// Something that waits for its second half: a pushed request, a device or backchannel authorization.
    Waiting = "hpw_" ordered;
    /// A device code, RFC 8628 §3.2.
    DeviceCode = "hpd_" ordered;
    /// An `auth_req_id`, CIBA Core §7.3.
    AuthReqId = "hpb_" ordered;
    /// Something that may happen once (an assertion's `jti`).
    Once = "hpo_";
    /// A request to a client that waits to be sent.
    Delivery = "hpq_" ordered;
}

/// A bearer value of kind `K` as the client holds it: prefix, then base64url of expiry bucket (4 bytes),
/// random (24 bytes) and checksum (4 bytes).
pub struct Opaque<K> {
    text: Zeroizing<String>,
    bucket: Bucket,
    order: [u8; ORDER_LEN],
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Opaque<K> {
    /// Makes a value from fresh randomness.
    #[must_use]
    pub fn from_random(bucket: Bucket, random: &[u8; RANDOM_LEN]) -> Self {
        let mut body = Zeroizing::new([0_u8; BODY_LEN]);
        let (head, rest) = body.split_at_mut(4);
        head.copy_from_slice(&bucket.0.to_be_bytes());
        let (middle, check) = rest.split_at_mut(RANDOM_LEN);
        middle.copy_from_slice(random);
        check.copy_from_slice(&checksum::<K>(head, middle));
        let mut text = Zeroizing::new(String::with_capacity(K::PREFIX.len().saturating_add(44)));
        text.push_str(K::PREFIX);
        URL_SAFE_NO_PAD.encode_string(body.as_slice(), &mut text);
        Self {
            text,
            bucket,
            order: order(random),
            kind: PhantomData,
        }
    }

    /// Reads a value that a client presented. Only the exact form that [`Self::from_random`] makes is taken.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(K::PREFIX)?;
        if encoded.len() > 64 {
            return None;
        }
        let body = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        if body.len() != BODY_LEN {
            return None;
        }
        let (head, rest) = body.split_at_checked(4)?;
        let (middle, check) = rest.split_at_checked(RANDOM_LEN)?;
        if checksum::<K>(head, middle) != check {
            return None;
        }
        let bucket = Bucket(u32::from_be_bytes(head.try_into().ok()?));
        Some(Self {
            text: Zeroizing::new(text.to_owned()),
            bucket,
            order: order(middle),
            kind: PhantomData,
        })
    }

    /// The key under which a store holds the record.
    #[must_use]
    pub fn key(&self) -> Key<K> {
        let mut digest = sha256(self.text.as_bytes());
        if K::ORDERED {
            lead(&mut digest, self.order);
        }
        Key::from_parts(self.bucket, digest)
    }

    /// The value itself, for the one place that sends it to its holder.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> fmt::Debug for Opaque<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[redacted]", K::PREFIX)
    }
}

/// What leads the key of an ordered kind.
fn order(random: &[u8]) -> [u8; ORDER_LEN] {
    random
        .first_chunk::<ORDER_LEN>()
        .copied()
        .unwrap_or_default()
}

fn lead<const N: usize>(digest: &mut [u8; 32], with: [u8; N]) {
    if let Some(first) = digest.first_chunk_mut::<N>() {
        *first = with;
    }
}

/// Bytes of the random part that lead the key of an ordered kind. The other 22 are as many as nobody guesses.
pub const ORDER_LEN: usize = 2;

fn checksum<K: Kind>(head: &[u8], middle: &[u8]) -> [u8; CHECK_LEN] {
    let mut input = Zeroizing::new(Vec::with_capacity(BODY_LEN.saturating_add(K::PREFIX.len())));
    input.extend_from_slice(K::PREFIX.as_bytes());
    input.extend_from_slice(head);
    input.extend_from_slice(middle);
    let mut out = [0; CHECK_LEN];
    if let Some(first) = sha256(&input).first_chunk::<CHECK_LEN>() {
        out = *first;
    }
    out
}

/// Where a store holds the record of an [`Opaque`] value: expiry bucket and SHA-256 of the value.
pub struct Key<K> {
    /// The bucket in which the record may be purged.
    pub bucket: Bucket,
    /// SHA-256 of the presented value; of an ordered kind, its first bytes are those of the value's random part.
    pub digest: [u8; 32],
    kind: PhantomData<fn() -> K>,
}

impl<K> Key<K> {
    /// A key from its parts, for stores that read it back and for values whose digest is made elsewhere.
    #[must_use]
    pub const fn from_parts(bucket: Bucket, digest: [u8; 32]) -> Self {
        Self {
            bucket,
            digest,
            kind: PhantomData,
        }
    }
}

impl Key<Once> {
    /// Where it is remembered that something was used, until it ends. The end has to come from what was signed: then the same
    /// JWT always has the same key. Nothing finer than the bucket of the end leads the key.
    #[must_use]
    pub fn once(expires_at: Timestamp, digest: [u8; 32]) -> Self {
        Self::from_parts(Bucket::holding(expires_at), digest)
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Key<K> {}
impl<K> PartialEq for Key<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bucket == other.bucket && constant_time_eq(&self.digest, &other.digest)
    }
}
impl<K> Eq for Key<K> {}
impl<K> std::hash::Hash for Key<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bucket.hash(state);
        self.digest.hash(state);
    }
}
impl<K> PartialOrd for Key<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Key<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.bucket, self.digest).cmp(&(other.bucket, other.digest))
    }
}
impl<K> fmt::Debug for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.bucket.0)
    }
}
impl<K> Serialize for Key<K> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = [0; 36];
        let (head, tail) = out.split_at_mut(4);
        head.copy_from_slice(&self.bucket.0.to_be_bytes());
        tail.copy_from_slice(&self.digest);
        bytes::serialize(&out, s)
    }
}
impl<'de, K> Deserialize<'de> for Key<K> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes: [u8; 36] = bytes::deserialize(d)?;
        let (mut bucket, mut digest) = ([0; 4], [0; 32]);
        let (head, tail) = bytes.split_at(4);
        bucket.copy_from_slice(head);
        digest.copy_from_slice(tail);
        Ok(Self::from_parts(Bucket(u32::from_be_bytes(bucket)), digest))
    }
}

/// A keyed digest of secret material (HMAC-SHA-256 of a client secret). Compared in constant time.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentDigest(#[serde(with = "bytes")] pub [u8; 32]);

impl PartialEq for ContentDigest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}
impl Eq for ContentDigest {}
impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentDigest(..)")
    }
}

/// SHA-256 of a public key (RFC 7638) or of a certificate (RFC 8705 §3.1): what a token is bound to. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(#[serde(with = "bytes")] pub [u8; 32]);

impl Thumbprint {
    /// Reads base64url without padding; none unless it is exactly 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// Secret text that somebody else chose or holds: a client secret, a password. Never printed, wiped on drop.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// SHA-256.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    let mut out = [0; 32];
    if digest.as_ref().len() == out.len() {
        out.copy_from_slice(digest.as_ref());
    }
    out
}

/// Compares without leaking where the first difference is. Different lengths are unequal at once.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Opaque<Code> {
        Opaque::from_random(Bucket(500_000), &[7; RANDOM_LEN])
    }

    #[test]
    fn a_value_reads_back_to_the_same_key() {
        let code = sample();
        let again = Opaque::<Code>::parse(code.expose()).unwrap();
        assert_eq!(code.key(), again.key());
        assert!(code.expose().starts_with("hpc_"));
    }

    #[test]
    fn keys_of_ordered_kinds_follow_their_values_and_others_do_not() {
        let keys = |first: [u8; 2]| {
            let mut random = [7; RANDOM_LEN];
            random[..2].copy_from_slice(&first);
            let code = Opaque::<Code>::from_random(Bucket(9), &random).key();
            let session = Opaque::<Session>::from_random(Bucket(9), &random).key();
            (code.digest, session.digest)
        };
        let (early, session) = keys([1, 255]);
        let (late, other) = keys([2, 0]);
        assert_eq!((&early[..2], &late[..2]), (&[1, 255][..], &[2, 0][..]));
        assert_ne!(early[2..], late[2..]);
        assert_ne!(session[..2], [1, 255]);
        assert_ne!(session, other);
        // A value that was presented leads to the same key.
        let made = Opaque::<Code>::from_random(Bucket(9), &[5; RANDOM_LEN]);
        let read = Opaque::<Code>::parse(made.expose()).unwrap();
        assert!(made.key() == read.key());
    }

    #[test]
    fn what_is_used_once_is_the_same_a_second_later() {
        let at = |seconds| Key::once(Timestamp(seconds), [7; 32]);
        assert_eq!(at(60).bucket, Bucket(1));
        assert!(at(1) == at(60));
        assert!(at(1) != at(61));
    }

    #[test]
    fn a_value_of_one_kind_is_not_one_of_another() {
        assert!(Opaque::<Session>::parse(sample().expose()).is_none());
        let moved = sample().expose().replace("hpc_", "hps_");
        assert!(Opaque::<Session>::parse(&moved).is_none());
    }

    #[test]
    fn every_changed_character_is_refused() {
        let text = sample().expose().to_owned();
        for index in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Opaque::<Code>::parse(&changed).is_none(), "{changed}");
        }
        assert!(Opaque::<Code>::parse(&format!("{text}=")).is_none());
        assert!(Opaque::<Code>::parse(&format!("{text}A")).is_none());
        assert!(Opaque::<Code>::parse("").is_none());
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?}", sample()), "hpc_[redacted]");
        assert_eq!(format!("{:?}", Secret::new("x".into())), "[redacted]");
    }
}
