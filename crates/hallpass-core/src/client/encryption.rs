//! How a client wants encrypted what it gets, and how it encrypts what it sends,
//! [OpenID Connect Core §10.2](https://openid.net/specs/openid-connect-core-1_0.html#Encryption).

use hallpass_jose::{
    ContentEncryption, DecryptionKey, EncryptionKey, JweAlgorithm, Jwks, JwsAlgorithm,
};

use super::Client;
use crate::{logout::back_channel, reasons};

reasons! {
    /// Why an answer for a client cannot be encrypted.
    pub enum Reason {
        /// OpenID Connect Core §10.2: the client publishes no key for what it registered.
        KeyMissing => InvalidRequest, "encryption_key_missing", "the client has no key for its encryption algorithm";
    }
}

/// Key management and content encryption, as they were registered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `…_encrypted_response_alg`.
    pub alg: JweAlgorithm,
    /// `…_encrypted_response_enc`.
    pub enc: ContentEncryption,
}

/// What is encrypted for a client. None means that it is signed only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encryptions {
    /// `id_token_encrypted_response_alg`.
    pub id_token: Option<Encryption>,
    /// `userinfo_encrypted_response_alg`.
    pub userinfo: Option<Encryption>,
    /// `introspection_encrypted_response_alg`, RFC 9701 §6.
    pub introspection: Option<Encryption>,
    /// `authorization_encrypted_response_alg`, JARM §3.
    pub authorization: Option<Encryption>,
    /// `request_object_encryption_alg`: how the client may encrypt what it sends. None leaves the choice among what the
    /// issuer has keys for.
    pub request_object: Option<Encryption>,
}

/// A signed answer of the provider for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// An ID token.
    IdToken,
    /// A UserInfo response.
    UserInfo,
    /// An introspection response, RFC 9701.
    Introspection,
    /// An authorization response, JARM.
    Authorization,
    /// A logout token: made as ID tokens are (OpenID Connect Back-Channel Logout §2.4).
    LogoutToken,
}

impl Signed {
    /// The `typ` of the signed object.
    #[must_use]
    pub const fn typ(self) -> Option<&'static str> {
        match self {
            //= RFC9701#5 MUST: the typ of the signed response is token-introspection+jwt
            Self::Introspection => Some("token-introspection+jwt"),
            Self::LogoutToken => Some(back_channel::TYP),
            Self::IdToken | Self::UserInfo | Self::Authorization => None,
        }
    }

    /// The algorithm that signs it for this client; none means that it is not signed.
    #[must_use]
    pub const fn algorithm(self, client: &Client) -> Option<JwsAlgorithm> {
        match self {
            //= OIDC-BACKCHANNEL#2.4 MUST: a logout token is signed, and encrypted, as ID tokens for this client are
            Self::IdToken | Self::LogoutToken => Some(client.id_token_signed_response_alg),
            Self::UserInfo => client.userinfo_signed_response_alg,
            Self::Introspection => Some(client.introspection_signed_response_alg),
            Self::Authorization => Some(client.authorization_signed_response_alg),
        }
    }

    /// How it is encrypted for this client.
    #[must_use]
    pub const fn encryption(self, client: &Client) -> Option<Encryption> {
        match self {
            Self::IdToken | Self::LogoutToken => client.encryption.id_token,
            Self::UserInfo => client.encryption.userinfo,
            Self::Introspection => client.encryption.introspection,
            Self::Authorization => client.encryption.authorization,
        }
    }
}

impl Client {
    /// The key that encrypts to the client: made from its secret, or one of its published keys (`keys`, which were fetched
    /// when it has a `jwks_uri`).
    #[must_use]
    pub fn encryption_key(
        &self,
        Encryption { alg, enc }: Encryption,
        keys: Option<&Jwks>,
    ) -> Option<EncryptionKey> {
        if alg.is_symmetric() {
            //= OIDC-CORE#10.2 MUST: a symmetric key is derived from the client_secret
            let secret = self.secret.as_ref()?.plain.as_ref()?;
            return EncryptionKey::from_client_secret(secret.expose(), alg, enc).ok();
        }
        //= OIDC-CORE#10.2 MUST: an asymmetric key is one that the client registered or publishes
        keys?.encryption_key(alg, enc).cloned()
    }

    /// The key that opens what the client encrypted with its secret.
    #[must_use]
    pub fn decryption_key(
        &self,
        alg: JweAlgorithm,
        enc: ContentEncryption,
    ) -> Option<DecryptionKey> {
        let secret = self.secret.as_ref()?.plain.as_ref()?;
        DecryptionKey::from_client_secret(secret.expose(), alg, enc).ok()
    }
}
