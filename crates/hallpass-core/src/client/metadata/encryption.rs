//! The algorithms by which answers for a client are encrypted, and its own request objects.
//! [OpenID Connect Dynamic Client Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata).

use hallpass_jose::{ContentEncryption, JweAlgorithm};
use serde_json::{Map, Value};

use super::{
    super::{Encryption, Encryptions, MetadataError, MetadataReason},
    Draft, SHORT,
};
use crate::{
    client_auth::{Kind, Method},
    policy::{EncryptionPolicy, Policy},
};

/// Two members that belong together, and whether they speak of what the client sends.
struct Pair {
    alg: &'static str,
    enc: &'static str,
    incoming: bool,
}

const ID_TOKEN: Pair = Pair {
    alg: "id_token_encrypted_response_alg",
    enc: "id_token_encrypted_response_enc",
    incoming: false,
};
const USERINFO: Pair = Pair {
    alg: "userinfo_encrypted_response_alg",
    enc: "userinfo_encrypted_response_enc",
    incoming: false,
};
const INTROSPECTION: Pair = Pair {
    alg: "introspection_encrypted_response_alg",
    enc: "introspection_encrypted_response_enc",
    incoming: false,
};
const AUTHORIZATION: Pair = Pair {
    alg: "authorization_encrypted_response_alg",
    enc: "authorization_encrypted_response_enc",
    incoming: false,
};
const REQUEST_OBJECT: Pair = Pair {
    alg: "request_object_encryption_alg",
    enc: "request_object_encryption_enc",
    incoming: true,
};
const PAIRS: [&Pair; 5] = [
    &ID_TOKEN,
    &USERINFO,
    &INTROSPECTION,
    &AUTHORIZATION,
    &REQUEST_OBJECT,
];

/// Whether any of them uses a key that is made from the client's secret.
pub(super) fn is_symmetric(metadata: &Map<String, Value>) -> bool {
    PAIRS
        .iter()
        .filter_map(|pair| {
            metadata
                .get(pair.alg)?
                .as_str()
                .and_then(JweAlgorithm::parse)
        })
        .any(JweAlgorithm::is_symmetric)
}

/// What stored metadata says.
///
/// # Errors
/// An algorithm is not offered any more.
pub(in crate::client) fn encryptions(
    metadata: &Map<String, Value>,
    policy: &Policy,
) -> Result<Encryptions, MetadataError> {
    let read = |pair: &Pair| -> Result<Option<Encryption>, MetadataError> {
        let Some(alg) = metadata.get(pair.alg).and_then(Value::as_str) else {
            return Ok(None);
        };
        let enc = metadata.get(pair.enc).and_then(Value::as_str);
        pair.parse(alg, enc, &policy.encryption).map(Some)
    };
    Ok(Encryptions {
        id_token: read(&ID_TOKEN)?,
        userinfo: read(&USERINFO)?,
        introspection: read(&INTROSPECTION)?,
        authorization: read(&AUTHORIZATION)?,
        request_object: read(&REQUEST_OBJECT)?,
    })
}

impl Pair {
    fn parse(
        &self,
        alg: &str,
        enc: Option<&str>,
        policy: &EncryptionPolicy,
    ) -> Result<Encryption, MetadataError> {
        let offered = |alg: &JweAlgorithm| {
            if self.incoming {
                policy.incoming().any(|own| own == *alg)
            } else {
                policy.algs.contains(alg)
            }
        };
        let alg = JweAlgorithm::parse(alg)
            .filter(offered)
            .ok_or_else(|| MetadataReason::AlgorithmUnsupported.at(self.alg))?;
        //= OIDC-REG#2 MUST: the default content encryption is A128CBC-HS256
        let enc = enc
            .map_or(
                Some(ContentEncryption::A128CbcHs256),
                ContentEncryption::parse,
            )
            .filter(|enc| policy.encs.contains(enc))
            .ok_or_else(|| MetadataReason::AlgorithmUnsupported.at(self.enc))?;
        Ok(Encryption { alg, enc })
    }
}

impl Draft<'_> {
    //= OIDC-REG#2 MUST: an answer is encrypted as the client registered, or the registration is refused
    pub(super) fn encryption(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        for pair in PAIRS {
            let enc = self.input.text(pair.enc, SHORT)?;
            let Some(alg) = self.input.text(pair.alg, SHORT)? else {
                //= OIDC-REG#2 MUST: a content encryption comes with its key management algorithm
                if enc.is_some() {
                    return Err(MetadataReason::AlgorithmUnsupported.at(pair.enc));
                }
                continue;
            };
            let encryption = pair.parse(alg, enc, &self.policy.encryption)?;
            let Encryption { alg, enc } = encryption;
            if alg.is_symmetric() {
                //= OIDC-CORE#10.2 MUST: a symmetric key is derived from the client_secret
                if method.kind() != Kind::Secret {
                    return Err(MetadataReason::AlgorithmUnsupported.at(pair.alg));
                }
            } else if !pair.incoming && !self.has_key(encryption) {
                return Err(MetadataReason::EncryptionKeyMissing.at(pair.alg));
            }
            self.put(pair.alg, alg.name());
            self.put(pair.enc, enc.name());
        }
        Ok(())
    }

    /// Whether the client has, or may publish, a key for it.
    fn has_key(&self, Encryption { alg, enc }: Encryption) -> bool {
        if self.out.contains_key("jwks_uri") {
            return true;
        }
        self.keys
            .get()
            .and_then(|keys| keys.as_ref().ok())
            .is_some_and(|keys| keys.encryption_key(alg, enc).is_some())
    }
}
