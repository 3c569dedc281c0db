//! An authenticator in software: makes passkeys and signs with them, and does wrong what a test wants.

use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_types::sha256;
use serde_json::{Value, json};

/// A passkey, and how its authenticator behaves.
#[derive(Clone, Debug)]
pub struct Authenticator {
    key: SigningKey,
    /// The identifier of its key.
    pub id: Vec<u8>,
    /// Where the browser believes to be.
    pub origin: String,
    /// The host that the key is for.
    pub rp_id: String,
    /// Present, verified, backup eligible and so on, as bits.
    pub flags: u8,
    /// How often it signed.
    pub counter: u32,
    /// Who its owner is, as it was told at registration.
    pub user: Option<String>,
    /// Stands in the answers instead of the right type.
    pub kind: Option<String>,
    /// Stands in the key instead of ES256.
    pub algorithm: i64,
    /// Stands in the client data beside everything else.
    pub more: Value,
    /// Whether it vouches for its new key by the key itself, and what is wrong with that.
    pub vouches: Option<SelfAttestation>,
}

/// What an authenticator says of its new key by the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfAttestation {
    /// As it has to be.
    Right,
    /// Under the name of another algorithm.
    OtherAlgorithm,
    /// Over something else.
    OtherData,
    /// By another key.
    OtherKey,
}

/// Somebody was there and was verified.
pub const VERIFIED: u8 = 0b101;

impl Authenticator {
    /// One with a fresh key.
    ///
    /// # Panics
    /// No key can be made.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        let host = issuer.trim_start_matches("https://");
        Self {
            id: sha256(key.kid().as_bytes()).to_vec(),
            key,
            origin: issuer.to_owned(),
            rp_id: host.to_owned(),
            flags: VERIFIED,
            counter: 0,
            user: None,
            kind: None,
            algorithm: -7,
            more: json!({}),
            vouches: None,
        }
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let mut data = json!({
            "type": self.kind.as_deref().unwrap_or(kind),
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": false,
        });
        for (name, value) in self.more.as_object().unwrap() {
            data[name] = value.clone();
        }
        data.to_string().into_bytes()
    }

    fn head(&self, more: u8) -> Vec<u8> {
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(self.flags | more);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    /// The answer to a request for a new key.
    ///
    /// # Panics
    /// The request is none.
    #[must_use]
    pub fn create(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.user = options["user"]["id"].as_str().map(str::to_owned);
        let client_data =
            self.client_data("webauthn.create", options["challenge"].as_str().unwrap());
        let mut data = self.head(0x40);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose());
        let mut object = vec![0xa3];
        match self.vouches {
            None => object.extend_from_slice(b"\x63fmt\x64none\x67attStmt\xa0\x68authData"),
            Some(how) => {
                object.extend_from_slice(b"\x63fmt\x66packed\x67attStmt\xa2\x63alg");
                object.push(match how {
                    SelfAttestation::OtherAlgorithm => 0x27,
                    SelfAttestation::Right
                    | SelfAttestation::OtherData
                    | SelfAttestation::OtherKey => 0x26,
                });
                let signature = self.self_attested(how, &data, &client_data);
                object.extend_from_slice(b"\x63sig\x58");
                object.push(u8::try_from(signature.len()).unwrap());
                object.extend_from_slice(&signature);
                object.extend_from_slice(b"\x68authData");
            }
        }
        match u8::try_from(data.len()) {
            Ok(length) => object.extend_from_slice(&[0x58, length]),
            Err(_) => {
                object.push(0x59);
                object.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            }
        }
        object.extend_from_slice(&data);
        json!({
            "id": base64url::encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url::encode(client_data),
                "attestationObject": base64url::encode(object),
                "transports": ["internal", "made-up"],
            },
        })
        .to_string()
    }

    fn self_attested(&self, how: SelfAttestation, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let mut signed = [data, &sha256(client_data)].concat();
        if how == SelfAttestation::OtherData {
            signed.push(0);
        }
        let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        let key = match how {
            SelfAttestation::OtherKey => &stranger,
            SelfAttestation::Right
            | SelfAttestation::OtherAlgorithm
            | SelfAttestation::OtherData => &self.key,
        };
        der(&key.sign(&signed).unwrap())
    }

    /// The key as it is written in COSE.
    fn cose(&self) -> Vec<u8> {
        let jwk = serde_json::to_value(self.key.public_jwk()).unwrap();
        let number = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
        let mut map = b"\xa5\x01\x02\x03".to_vec();
        // Only the small negative numbers and RS1 are ever written here.
        match self.algorithm {
            -7 => map.push(0x26),
            -8 => map.push(0x27),
            _ => map.extend_from_slice(b"\x39\xff\xfe"),
        }
        map.extend_from_slice(b"\x20\x01\x21\x58\x20");
        map.extend_from_slice(&number("x"));
        map.extend_from_slice(b"\x22\x58\x20");
        map.extend_from_slice(&number("y"));
        map
    }

    /// The answer to a request for a signature.
    ///
    /// # Panics
    /// The request is none.
    #[must_use]
    pub fn get(&self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.get_for(options["challenge"].as_str().unwrap())
    }

    /// The answer to a challenge.
    ///
    /// # Panics
    /// The key cannot sign.
    #[must_use]
    pub fn get_for(&self, challenge: &str) -> String {
        let client_data = self.client_data("webauthn.get", challenge);
        let data = self.head(0);
        let signed = [data.clone(), sha256(&client_data).to_vec()].concat();
        let signature = der(&self.key.sign(&signed).unwrap());
        json!({
            "id": base64url::encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url::encode(client_data),
                "authenticatorData": base64url::encode(data),
                "signature": base64url::encode(signature),
                "userHandle": self.user,
            },
        })
        .to_string()
    }
}

/// An ECDSA signature as authenticators write it.
fn der(raw: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    for half in raw.chunks(32) {
        let start = half.iter().position(|b| *b != 0).unwrap_or(31);
        let digits = &half[start..];
        let zero = usize::from(digits[0] & 0x80 != 0);
        inner.push(0x02);
        inner.push(u8::try_from(digits.len() + zero).unwrap());
        inner.extend(std::iter::repeat_n(0, zero));
        inner.extend_from_slice(digits);
    }
    let mut out = vec![0x30, u8::try_from(inner.len()).unwrap()];
    out.extend(inner);
    out
}
