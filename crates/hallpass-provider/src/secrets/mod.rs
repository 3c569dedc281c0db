//! Everything that is derived from an issuer's root: what seals, what authenticates, what makes pairwise subjects.
//!
//! Nothing here is stored but the root itself, wrapped under the master key ([`crate::roots`]). Each purpose has a key of
//! its own, bound to the issuer's number.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hallpass_core::{record::AccessToken, token::RefreshToken};
use hallpass_jose::{aead::SealKey, constant_time_eq, kdf, mac::HmacSha256Key};
use hallpass_types::{
    ContentDigest, CredentialId, Delivery, GrantId, IssuerId, Key, Secret, Subject, Timestamp,
    Waiting,
};
use zeroize::Zeroizing;

use crate::roots::Root;

/// Prefix of a sealed access token.
pub const ACCESS_PREFIX: &str = "hpa_";
/// Prefix of a refresh token.
pub const REFRESH_PREFIX: &str = "hpr_";

/// Sealed access tokens change their key this often (seconds).
const SEAL_PERIOD: i64 = 30 * 86_400;
const TOKEN_VERSION: u8 = 2;
/// Seconds for which the same nonce is handed out.
const NONCE_PERIOD: i64 = 60;
/// So many periods later a nonce is still taken.
const NONCE_PERIODS: u32 = 4;
/// Longer access tokens are neither made nor looked at: they would not fit where they have to travel.
pub(crate) const MAX_ACCESS_TOKEN: usize = 12_288;
const NONCE_LEN: usize = 4 + 16;
const REFRESH_LEN: usize = 16 + 4 + 32;

/// The master key: 32 random bytes from a file, the environment or a key service.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Arc<Zeroizing<[u8; 32]>>,
    previous: Vec<Self>,
}

impl MasterKey {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Arc::new(Zeroizing::new(bytes)),
            previous: Vec::new(),
        }
    }

    /// A key that was in use before: it opens what it sealed, and seals nothing.
    #[must_use]
    pub fn with_previous(mut self, bytes: [u8; 32]) -> Self {
        self.previous.push(Self::new(bytes));
        self
    }

    /// A name that tells keys apart and says nothing about them.
    #[must_use]
    pub fn name(&self) -> String {
        let name = kdf::hkdf_sha256(self.bytes.as_slice(), b"hallpass/1/name-of-master-key");
        name.iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    pub(crate) fn bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::clone(&self.bytes)
    }

    /// This one, then those before.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.previous)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The keys of one issuer.
pub struct Secrets {
    root: Root,
    issuer: IssuerId,
    refresh: HmacSha256Key,
    client: HmacSha256Key,
    client_seal: SealKey,
    browser: SealKey,
    key_seal: SealKey,
    delivery_seal: SealKey,
    nonce: HmacSha256Key,
    attestation: HmacSha256Key,
    user_code: HmacSha256Key,
    mail_code: HmacSha256Key,
    inbox: HmacSha256Key,
    notification_seal: SealKey,
    totp_seal: SealKey,
    webhook_seal: SealKey,
    upstream_seal: SealKey,
    recovery: HmacSha256Key,
    user_handle: HmacSha256Key,
    challenge: HmacSha256Key,
    audit: HmacSha256Key,
    pairwise: Zeroizing<[u8; 32]>,
    attempts: Zeroizing<[u8; 32]>,
    access: Mutex<Option<(u16, SealKey)>>,
}

/// What a sealed secret belongs to.
fn credential_context(subject: &Subject, id: CredentialId) -> Vec<u8> {
    let mut context = id.0.to_vec();
    context.extend_from_slice(subject.as_str().as_bytes());
    context
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Derives the keys of an issuer.
    #[must_use]
    pub fn new(root: Root, issuer: IssuerId) -> Self {
        let lasting = |purpose| root.lasting(issuer, purpose);
        let passing = |purpose| root.passing(issuer, purpose, 0);
        Self {
            refresh: HmacSha256Key::new(passing("refresh").as_slice()),
            client: HmacSha256Key::new(lasting("client-secret").as_slice()),
            client_seal: SealKey::new(&lasting("client-seal")),
            browser: SealKey::new(&passing("browser")),
            key_seal: SealKey::new(&lasting("signing-key")),
            delivery_seal: SealKey::new(&passing("delivery")),
            nonce: HmacSha256Key::new(passing("dpop-nonce").as_slice()),
            attestation: HmacSha256Key::new(passing("attestation-challenge").as_slice()),
            inbox: HmacSha256Key::new(passing("inbox").as_slice()),
            notification_seal: SealKey::new(&passing("notification")),
            user_code: HmacSha256Key::new(passing("user-code").as_slice()),
            mail_code: HmacSha256Key::new(passing("mail-code").as_slice()),
            pairwise: lasting("pairwise"),
            attempts: lasting("attempts"),
            totp_seal: SealKey::new(&lasting("totp")),
            webhook_seal: SealKey::new(&lasting("webhook")),
            upstream_seal: SealKey::new(&lasting("upstream")),
            recovery: HmacSha256Key::new(lasting("recovery-code").as_slice()),
            user_handle: HmacSha256Key::new(lasting("user-handle").as_slice()),
            challenge: HmacSha256Key::new(passing("challenge").as_slice()),
            audit: HmacSha256Key::new(lasting("audit").as_slice()),
            access: Mutex::new(None),
            root,
            issuer,
        }
    }

    /// Nothing that was issued before this moment is good.
    #[must_use]
    pub fn valid_from(&self) -> Timestamp {
        self.root.valid_from
    }

    /// How often everything that was handed out was ended before this.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.root.epoch
    }

    /// Key material for pairwise subjects.
    #[must_use]
    pub fn pairwise_salt(&self) -> [u8; 32] {
        *self.pairwise
    }

    /// The key under which tries are written down.
    #[must_use]
    pub(crate) fn attempts(&self) -> &[u8; 32] {
        &self.attempts
    }

    /// The digest under which a client's secret or a registration token is kept.
    #[must_use]
    pub fn client_digest(&self, secret: &str) -> ContentDigest {
        ContentDigest(self.client.sign(secret.as_bytes()))
    }

    /// The digest under which the code of a device is kept.
    #[must_use]
    pub fn user_code_digest(&self, code: &hallpass_core::device::UserCode) -> [u8; 32] {
        self.user_code.sign(code.as_bytes())
    }

    /// The digest under which a code that was mailed is kept, with what waits for it.
    #[must_use]
    pub fn mail_code_digest(&self, key: Key<Waiting>, code: &str) -> [u8; 32] {
        let mut input = key.digest.to_vec();
        input.extend_from_slice(code.as_bytes());
        self.mail_code.sign(&input)
    }

    /// The digest under which the requests that wait for a person are kept.
    #[must_use]
    pub fn inbox_digest(&self, subject: &Subject) -> [u8; 32] {
        self.inbox.sign(subject.as_str().as_bytes())
    }

    /// Seals what is needed to tell a client of an answer, for the record at that key.
    pub(crate) fn seal_notification(&self, key: Key<Waiting>, plain: &[u8]) -> Vec<u8> {
        self.notification_seal.seal(&key.digest, plain)
    }

    /// Opens what [`Self::seal_notification`] sealed.
    pub(crate) fn open_notification(&self, key: Key<Waiting>, sealed: &[u8]) -> Option<Vec<u8>> {
        self.notification_seal.open(&key.digest, sealed)
    }

    /// Seals a client's secret for the store.
    #[must_use]
    pub fn seal_client_secret(&self, client: &str, secret: &Secret) -> Vec<u8> {
        self.client_seal
            .seal(client.as_bytes(), secret.expose().as_bytes())
    }

    /// Opens a client's secret.
    #[must_use]
    pub fn open_client_secret(&self, client: &str, sealed: &[u8]) -> Option<Secret> {
        let bytes = self.client_seal.open(client.as_bytes(), sealed)?;
        String::from_utf8(bytes).ok().map(Secret::new)
    }

    /// Seals the key that signs what is told to a webhook.
    #[must_use]
    pub fn seal_webhook_secret(&self, webhook: &str, key: &[u8]) -> Vec<u8> {
        self.webhook_seal.seal(webhook.as_bytes(), key)
    }

    /// Opens the key of a webhook.
    #[must_use]
    pub fn open_webhook_secret(&self, webhook: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.webhook_seal.open(webhook.as_bytes(), sealed);
        key.map(Zeroizing::new)
    }

    /// Seals our secret at another provider, for what [`secret_is_for`](hallpass_core::upstream::secret_is_for) says.
    #[must_use]
    pub fn seal_upstream_secret(&self, of: &[u8; 32], secret: &Secret) -> Vec<u8> {
        self.upstream_seal.seal(of, secret.expose().as_bytes())
    }

    /// Opens our secret at another provider.
    #[must_use]
    pub fn open_upstream_secret(&self, of: &[u8; 32], sealed: &[u8]) -> Option<Secret> {
        let plain = Zeroizing::new(self.upstream_seal.open(of, sealed)?);
        let text = std::str::from_utf8(&plain).ok()?;
        Some(Secret::new(text.to_owned()))
    }

    /// Seals a signing key's PKCS#8 for the store.
    #[must_use]
    pub fn seal_signing_key(&self, kid: &str, pkcs8: &[u8]) -> Vec<u8> {
        self.key_seal.seal(kid.as_bytes(), pkcs8)
    }

    /// Opens a signing key.
    #[must_use]
    pub fn open_signing_key(&self, kid: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.key_seal
            .open(kid.as_bytes(), sealed)
            .map(Zeroizing::new)
    }

    /// Seals a request that waits in the outbox.
    #[must_use]
    pub fn seal_delivery(&self, key: Key<Delivery>, plain: &[u8]) -> Vec<u8> {
        self.delivery_seal.seal(&key.digest, plain)
    }

    /// Opens a request that waited in the outbox.
    #[must_use]
    pub fn open_delivery(&self, key: Key<Delivery>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.delivery_seal
            .open(&key.digest, sealed)
            .map(Zeroizing::new)
    }

    /// Seals the secret of an authenticator app for the credential of that person.
    #[must_use]
    pub fn seal_totp(&self, subject: &Subject, id: CredentialId, secret: &[u8]) -> Vec<u8> {
        self.totp_seal
            .seal(&credential_context(subject, id), secret)
    }

    /// Opens the secret of an authenticator app.
    #[must_use]
    pub fn open_totp(
        &self,
        subject: &Subject,
        id: CredentialId,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let context = credential_context(subject, id);
        self.totp_seal.open(&context, sealed).map(Zeroizing::new)
    }

    /// The digest under which a recovery code of a person is kept.
    #[must_use]
    pub fn recovery_digest(&self, subject: &Subject, code: &str) -> ContentDigest {
        let subject = subject.as_str().as_bytes();
        let length = (subject.len() as u64).to_be_bytes();
        let parts = [&length, subject, code.as_bytes()];
        ContentDigest(self.recovery.sign_parts(&parts))
    }

    /// How authenticators know a person: it says nothing to anybody else.
    #[must_use]
    pub fn user_handle(&self, subject: &Subject) -> [u8; 32] {
        self.user_handle.sign(subject.as_str().as_bytes())
    }

    /// The tag that makes a challenge ours.
    #[must_use]
    pub(crate) fn challenge_tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.challenge.sign_parts(parts)
    }

    /// What a line of the audit log leaves to the next one: it follows from that of the line before, and from the line.
    #[must_use]
    pub fn audit_chain(&self, before: [u8; 32], line: &[u8]) -> [u8; 32] {
        self.audit.sign_parts(&[&before, line])
    }

    /// Seals state that travels through the browser. `kind` keeps the kinds apart.
    #[must_use]
    pub fn seal_browser(&self, kind: &str, plain: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.browser.seal(kind.as_bytes(), plain))
    }

    /// Opens state that came back from the browser.
    #[must_use]
    pub fn open_browser(&self, kind: &str, sealed: &str) -> Option<Vec<u8>> {
        if sealed.len() > 65_536 {
            return None;
        }
        self.browser
            .open(kind.as_bytes(), &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }

    /// The nonce for DPoP proofs (RFC 9449 §8) at that time: the number of its period (4 bytes) and a MAC over it (16).
    #[must_use]
    pub fn dpop_nonce(&self, now: Timestamp) -> String {
        nonce(&self.nonce, now)
    }

    /// The challenge for proofs of client attestations at that time, made like a nonce.
    #[must_use]
    pub fn challenge(&self, now: Timestamp) -> String {
        nonce(&self.attestation, now)
    }

    /// Whether that is a challenge of [`Self::challenge`] which is not too old.
    #[must_use]
    pub fn is_challenge(&self, text: &str, now: Timestamp) -> bool {
        is_nonce(&self.attestation, text, now)
    }

    /// Whether that is a nonce of [`Self::dpop_nonce`] which is not too old.
    #[must_use]
    pub fn is_dpop_nonce(&self, text: &str, now: Timestamp) -> bool {
        is_nonce(&self.nonce, text, now)
    }

    /// Seals an access token: prefix, then base64url of key index (2 bytes) and sealed content.
    #[must_use]
    pub fn seal_access(&self, token: &AccessToken) -> Option<String> {
        let index = key_index(token.issued_at)?;
        let key = self.access_key(index);
        let mut plain = Vec::with_capacity(192);
        plain.push(TOKEN_VERSION);
        let plain = postcard::to_extend(token, plain).ok()?;
        let sealed = key.seal(&self.access_context(index), &plain);
        let mut bytes = Vec::with_capacity(sealed.len().saturating_add(2));
        bytes.extend_from_slice(&index.to_be_bytes());
        bytes.extend_from_slice(&sealed);
        let mut text = String::with_capacity(
            bytes
                .len()
                .saturating_mul(4)
                .div_euclid(3)
                .saturating_add(8),
        );
        text.push_str(ACCESS_PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
        Some(text)
    }

    /// Opens a sealed access token. None for everything that this issuer did not seal.
    #[must_use]
    pub fn open_access(&self, text: &str, now: Timestamp) -> Option<AccessToken> {
        let encoded = text.strip_prefix(ACCESS_PREFIX)?;
        if text.len() > MAX_ACCESS_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (head, sealed) = bytes.split_at_checked(2)?;
        let index = u16::from_be_bytes(head.try_into().ok()?);
        let current = key_index(now)?;
        if index.abs_diff(current) > 1 {
            return None;
        }
        let plain = self
            .access_key(index)
            .open(&self.access_context(index), sealed)?;
        match plain.split_first() {
            Some((&TOKEN_VERSION, rest)) => postcard::from_bytes(rest).ok(),
            Some(_) | None => None,
        }
    }

    fn access_context(&self, index: u16) -> [u8; 8] {
        let mut out = *b"at\0\0\0\0\0\0";
        let (_, tail) = out.split_at_mut(2);
        let (issuer, key) = tail.split_at_mut(4);
        issuer.copy_from_slice(&self.issuer.0.to_be_bytes());
        key.copy_from_slice(&index.to_be_bytes());
        out
    }

    fn access_key(&self, index: u16) -> SealKey {
        let mut held = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((known, key)) if *known == index => key.clone(),
            Some(_) | None => {
                let key = self.root.passing(self.issuer, "access", u32::from(index));
                let key = SealKey::new(&key);
                *held = Some((index, key.clone()));
                key
            }
        }
    }

    /// The refresh token of a grant's generation: prefix, then base64url of grant (16), generation (4), MAC (32).
    #[must_use]
    pub fn refresh_token(&self, token: RefreshToken) -> String {
        let mut bytes = Vec::with_capacity(REFRESH_LEN);
        bytes.extend_from_slice(&token.grant.to_bytes());
        bytes.extend_from_slice(&token.generation.to_be_bytes());
        let tag = self.refresh.sign(&bytes);
        bytes.extend_from_slice(&tag);
        let mut text = String::with_capacity(80);
        text.push_str(REFRESH_PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
        text
    }

    /// Reads a refresh token. None for everything that this issuer did not derive.
    #[must_use]
    pub fn open_refresh(&self, text: &str) -> Option<RefreshToken> {
        let encoded = text.strip_prefix(REFRESH_PREFIX)?;
        if encoded.len() > 80 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        if bytes.len() != REFRESH_LEN {
            return None;
        }
        let (body, tag) = bytes.split_at_checked(20)?;
        if !constant_time_eq(&self.refresh.sign(body), tag) {
            return None;
        }
        let (grant, generation) = body.split_at_checked(16)?;
        Some(RefreshToken {
            grant: GrantId::from_bytes(grant.try_into().ok()?),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

fn nonce(key: &HmacSha256Key, now: Timestamp) -> String {
    let period = nonce_period(now);
    let tag = key.sign(&period.to_be_bytes());
    let mut bytes = [0; NONCE_LEN];
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&period.to_be_bytes());
    if let Some(short) = tag.first_chunk::<16>() {
        tail.copy_from_slice(short);
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn is_nonce(key: &HmacSha256Key, text: &str, now: Timestamp) -> bool {
    let mut bytes = [0; NONCE_LEN + 4];
    let Ok(NONCE_LEN) = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) else {
        return false;
    };
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let Some(tag) = rest.first_chunk::<16>() else {
        return false;
    };
    let age = nonce_period(now).checked_sub(u32::from_be_bytes(*head));
    let expected = key.sign(head);
    age.is_some_and(|age| age <= NONCE_PERIODS)
        && expected
            .first_chunk::<16>()
            .is_some_and(|expected| constant_time_eq(expected, tag))
}

fn nonce_period(at: Timestamp) -> u32 {
    u32::try_from(at.0.div_euclid(NONCE_PERIOD)).unwrap_or(0)
}

fn key_index(at: Timestamp) -> Option<u16> {
    u16::try_from(at.0.div_euclid(SEAL_PERIOD)).ok()
}

#[cfg(test)]
mod tests;
