//! Encrypting and decrypting, [RFC 7516](https://www.rfc-editor.org/rfc/rfc7516).

pub(crate) mod algorithm;
mod decrypt;
mod encrypt;
mod kdf;
mod key;

pub use self::algorithm::{ContentEncryption, JweAlgorithm};
pub use self::decrypt::{DecryptedJwe, UnverifiedJwe};
pub use self::encrypt::{JweHeader, encrypt_compact};
#[cfg(test)]
pub(crate) use self::kdf::concat_info;
pub use self::key::{DecryptionKey, EncryptionKey};
