//! Which algorithms encrypt what clients get and what they send.

use hallpass_jose::{ContentEncryption, JweAlgorithm};

/// Encryption, RFC 7516.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionPolicy {
    /// Key management for what clients get. Empty: nothing is encrypted for anybody.
    pub algs: Vec<JweAlgorithm>,
    /// Content encryption, in both directions.
    pub encs: Vec<ContentEncryption>,
    /// Key management with keys of ours, for request objects and hints. There is one key for all that use RSA, and one for
    /// all that agree on a key over P-256. Symmetric ones do not stand here: they follow from the client's registration.
    pub own: Vec<JweAlgorithm>,
}

impl Default for EncryptionPolicy {
    /// Everything that exists here towards clients; key agreement towards us, whose keys cost next to nothing to make.
    fn default() -> Self {
        Self {
            algs: JweAlgorithm::ALL.to_vec(),
            encs: ContentEncryption::ALL.to_vec(),
            own: vec![
                JweAlgorithm::EcdhEs,
                JweAlgorithm::EcdhEsA128Kw,
                JweAlgorithm::EcdhEsA192Kw,
                JweAlgorithm::EcdhEsA256Kw,
            ],
        }
    }
}

impl EncryptionPolicy {
    /// Key management algorithms for what clients send: with our keys, and with their secret where they registered that.
    pub fn incoming(&self) -> impl Iterator<Item = JweAlgorithm> {
        let own = self.own.iter().filter(|a| !a.is_symmetric());
        own.chain(self.algs.iter().filter(|a| a.is_symmetric()))
            .copied()
    }
}
