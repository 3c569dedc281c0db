//! Signing for a client and encrypting to it; opening what a client encrypted.

use std::borrow::Cow;

use hallpass_core::client::{Client, Encryption, Signed, encryption::Reason};
use hallpass_jose::{EncryptionKey, JweHeader, UnverifiedJwe, encrypt_compact};

use crate::{Failure, Provider, documents::Whose, issue, keys::KeyAlgorithm};

impl Provider {
    /// Signs claims as this client registered it for that kind of answer, and encrypts the result to the client when it
    /// registered that. With encryption alone the claims themselves are encrypted.
    ///
    /// Nothing is fetched for a client that registered no encryption, or one with its secret.
    ///
    /// # Errors
    /// There is no active key for the algorithm, or the client publishes none to encrypt to.
    //= OIDC-CORE#10.2 MUST: what is signed and encrypted is signed first
    pub(crate) async fn sign_and_maybe_encrypt(
        &self,
        client: &Client,
        what: Signed,
        claims: &str,
    ) -> Result<String, Failure> {
        let signed = match what.algorithm(client) {
            None => None,
            Some(algorithm) if algorithm.is_symmetric() => {
                Some(issue::symmetric(client, algorithm, what.typ(), claims)?)
            }
            Some(algorithm) => Some(self.sign(algorithm, what.typ(), claims).await?),
        };
        let Some(encryption) = what.encryption(client) else {
            return signed.ok_or_else(|| {
                Failure::Internal("an answer is neither signed nor encrypted".to_owned())
            });
        };
        let key = self.key_of(client, encryption).await?;
        let header = JweHeader {
            typ: None,
            //= RFC7519#5.2 MUST: a nested token says so in cty
            cty: signed.is_some().then_some("JWT"),
            ..JweHeader::default()
        };
        let content = signed.as_deref().unwrap_or(claims);
        encrypt_compact(
            encryption.alg,
            encryption.enc,
            &key,
            header,
            content.as_bytes(),
        )
        .map_err(|e| Failure::Internal(format!("an answer could not be encrypted: {e}")))
    }

    /// The key that encrypts to a client. A published set in which none fits is fetched once more.
    async fn key_of(
        &self,
        client: &Client,
        encryption: Encryption,
    ) -> Result<EncryptionKey, Failure> {
        if let Some(key) = client.encryption_key(encryption, client.jwks.as_ref()) {
            return Ok(key);
        }
        if let Some(uri) = client
            .jwks_uri
            .as_deref()
            .filter(|_| !encryption.alg.is_symmetric())
        {
            for again in [false, true] {
                let keys = self.remote_keys(Whose::of(client), uri, again).await;
                if let Some(key) = client.encryption_key(encryption, keys.as_deref()) {
                    return Ok(key);
                }
            }
        }
        Err(Reason::KeyMissing.into())
    }

    /// A token as it was sent when that is not encrypted, otherwise what is in it; none when it cannot be opened.
    pub(crate) fn opened<'t>(
        &self,
        text: &'t str,
        client: Option<&Client>,
    ) -> Option<Cow<'t, str>> {
        // A signed object has three parts, an encrypted one five.
        if text.bytes().filter(|b| *b == b'.').count() != 4 {
            return Some(Cow::Borrowed(text));
        }
        self.decrypt(text, client).map(Cow::Owned)
    }

    /// Opens what a client encrypted: to a key of ours, or with a key that is made from its secret where it registered a
    /// symmetric algorithm. Answers the text inside, which is a nested token that is still to be verified. None for
    /// everything else, whatever the reason.
    pub(crate) fn decrypt(&self, text: &str, client: Option<&Client>) -> Option<String> {
        let jwe = UnverifiedJwe::parse(text).ok()?;
        let (alg, enc) = (jwe.algorithm(), jwe.encryption());
        let policy = &self.inner.policy.encryption;
        if !policy.encs.contains(&enc) {
            return None;
        }
        if alg.is_symmetric() {
            let client = client?;
            let wanted = Encryption { alg, enc };
            //= OIDC-CORE#10.2 MUST: only who registered a symmetric algorithm shares a key with the provider
            let registered = client.encryption;
            if ![registered.request_object, registered.id_token].contains(&Some(wanted)) {
                return None;
            }
            let key = client.decryption_key(alg, enc)?;
            let opened = jwe.decrypt(&key, &[alg], &[enc]).ok()?;
            return opened.text().ok().map(str::to_owned);
        }
        if !policy.own.contains(&alg) {
            return None;
        }
        let kind = KeyAlgorithm::decrypting(alg)?;
        let kid = jwe.kid().map(str::to_owned);
        let keys = self.inner.keys.load();
        // With a key id there is one key to try, otherwise those of the right kind: active, next and retiring.
        let fitting = keys
            .decryption()
            .filter(|held| KeyAlgorithm::Decrypt(held.algorithm) == kind)
            .filter(|held| kid.as_ref().is_none_or(|kid| *kid == held.kid));
        for held in fitting {
            if let Ok(opened) = jwe.clone().decrypt(&held.key, &[alg], &[enc]) {
                return opened.text().ok().map(str::to_owned);
            }
        }
        None
    }
}
