//! What a person can prove who they are with, beside the password.

use std::fmt;

use hallpass_types::{
    ContentDigest, CredentialId, EmailAddress, PhoneNumber, Subject, Timestamp, sha256,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A credential, or another thing that leads to a person (a mail address, an identity elsewhere).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// Whose.
    pub subject: Subject,
    /// Its identity among those of the person.
    pub id: CredentialId,
    /// What it is.
    pub data: CredentialData,
    /// Under which it is found without knowing whose it is. One credential of an issuer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<ContentDigest>,
    /// What the person calls it.
    #[serde(default)]
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used to sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Raised with every change of this record.
    pub revision: u64,
}

/// What a credential is. A kind that this program does not know stays as it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CredentialData {
    /// A passkey (WebAuthn).
    Passkey(Box<Passkey>),
    /// An authenticator app (RFC 6238).
    Totp(Totp),
    /// Recovery codes.
    RecoveryCodes(RecoveryCodes),
    /// A mail address.
    Email(Email),
    /// An account at another provider.
    Upstream(Upstream),
    /// A telephone.
    Phone(Phone),
    /// Of another version of this program: its JSON.
    Unknown(Map<String, Value>),
}

/// A passkey.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Passkey {
    /// The identifier that the authenticator gave it.
    pub credential_id: Vec<u8>,
    /// Its public key, as the authenticator sent it (COSE).
    pub public_key: Vec<u8>,
    /// The COSE algorithm that it was registered with.
    pub algorithm: i64,
    /// How often it signed, as far as the authenticator counts.
    #[serde(default)]
    pub counter: u32,
    /// The kind of authenticator.
    #[serde(default)]
    pub aaguid: [u8; 16],
    /// How it can be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
    /// Whether it may be copied to other devices of the person.
    #[serde(default)]
    pub backup_eligible: bool,
    /// Whether it was.
    #[serde(default)]
    pub backed_up: bool,
    /// When it counted backwards, so that there may be two of it. It opens nothing since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned_at: Option<Timestamp>,
}

/// Keys say which sites a person uses: only what matters is printed.
impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passkey")
            .field("algorithm", &self.algorithm)
            .field("counter", &self.counter)
            .field("backup_eligible", &self.backup_eligible)
            .field("backed_up", &self.backed_up)
            .field("cloned_at", &self.cloned_at)
            .finish_non_exhaustive()
    }
}

/// An authenticator app.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Totp {
    /// Its secret, sealed under the master key.
    pub sealed: Vec<u8>,
    /// The newest step whose code was taken: it and every earlier one are used up.
    pub last_step: u64,
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("last_step", &self.last_step)
            .finish_non_exhaustive()
    }
}

/// Recovery codes: each opens the account once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Keyed digests of those that are left.
    pub left: Vec<ContentDigest>,
    /// How many there were at first.
    pub of: u32,
}

/// A mail address.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Email {
    /// As the person writes it.
    pub address: String,
    /// When the person proved to read what is sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}

impl Email {
    /// The digest under which the credential of an address is found. One account has an address.
    #[must_use]
    pub fn lookup(address: &EmailAddress) -> ContentDigest {
        ContentDigest(sha256(format!("email\0{}", address.key()).as_bytes()))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("verified_at", &self.verified_at)
            .finish_non_exhaustive()
    }
}

/// A telephone whose person showed to read what is sent there.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Phone {
    /// Its number (E.164).
    pub number: PhoneNumber,
    /// When that was shown.
    pub verified_at: Timestamp,
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone")
            .field("verified_at", &self.verified_at)
            .finish_non_exhaustive()
    }
}

/// An account at another provider.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Upstream {
    /// The provider, by the name that the operator gave it.
    pub provider: String,
    /// The issuer identifier, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Who the person is there.
    pub subject: String,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("provider", &self.provider)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Known {
    Passkey(Box<Passkey>),
    Totp(Totp),
    RecoveryCodes(RecoveryCodes),
    Email(Email),
    Upstream(Upstream),
    Phone(Phone),
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shown<'a> {
    Passkey(&'a Passkey),
    Totp(&'a Totp),
    RecoveryCodes(&'a RecoveryCodes),
    Email(&'a Email),
    Upstream(&'a Upstream),
    Phone(&'a Phone),
}

/// The kinds of [`Known`].
const KINDS: &[&str] = &[
    "passkey",
    "totp",
    "recovery_codes",
    "email",
    "upstream",
    "phone",
];

impl CredentialData {
    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Passkey(_) => "passkey",
            Self::Totp(_) => "totp",
            Self::RecoveryCodes(_) => "recovery_codes",
            Self::Email(_) => "email",
            Self::Upstream(_) => "upstream",
            Self::Phone(_) => "phone",
            Self::Unknown(map) => map.get("kind").and_then(Value::as_str).unwrap_or_default(),
        }
    }
}

impl Serialize for CredentialData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Passkey(data) => Shown::Passkey(data).serialize(serializer),
            Self::Totp(data) => Shown::Totp(data).serialize(serializer),
            Self::RecoveryCodes(data) => Shown::RecoveryCodes(data).serialize(serializer),
            Self::Email(data) => Shown::Email(data).serialize(serializer),
            Self::Upstream(data) => Shown::Upstream(data).serialize(serializer),
            Self::Phone(data) => Shown::Phone(data).serialize(serializer),
            Self::Unknown(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CredentialData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
        // A known kind that cannot be read is damage, never a credential that is not there.
        if !KINDS.contains(&kind) {
            return Ok(Self::Unknown(map));
        }
        let known = Known::deserialize(Value::Object(map)).map_err(serde::de::Error::custom)?;
        Ok(match known {
            Known::Passkey(data) => Self::Passkey(data),
            Known::Totp(data) => Self::Totp(data),
            Known::RecoveryCodes(data) => Self::RecoveryCodes(data),
            Known::Email(data) => Self::Email(data),
            Known::Upstream(data) => Self::Upstream(data),
            Known::Phone(data) => Self::Phone(data),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CredentialData, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn every_kind_reads_back() {
        let all = [
            CredentialData::Totp(Totp {
                sealed: vec![1, 255],
                last_step: 7,
            }),
            CredentialData::RecoveryCodes(RecoveryCodes {
                left: vec![ContentDigest([9; 32])],
                of: 10,
            }),
            CredentialData::Email(Email {
                address: "ada@example.com".to_owned(),
                verified_at: None,
            }),
            CredentialData::Upstream(Upstream {
                provider: "corp".to_owned(),
                issuer: Some("https://idp.example".to_owned()),
                subject: "s".to_owned(),
            }),
            CredentialData::Phone(Phone {
                number: PhoneNumber::parse("+4915112345678").unwrap(),
                verified_at: Timestamp(5),
            }),
            CredentialData::Passkey(Box::new(Passkey {
                credential_id: vec![1],
                public_key: vec![2],
                algorithm: -7,
                counter: 3,
                aaguid: [4; 16],
                transports: vec!["usb".to_owned()],
                backup_eligible: true,
                backed_up: false,
                cloned_at: None,
            })),
        ];
        assert_eq!(all.len(), KINDS.len());
        for data in all {
            assert!(KINDS.contains(&data.kind()), "{data:?}");
            let json = serde_json::to_string(&data).unwrap();
            assert_eq!(read(&json).unwrap(), data);
        }
    }

    #[test]
    fn a_kind_of_another_version_survives() {
        let json = r#"{"kind":"smart_card","serial":[1,2],"more":{"a":null}}"#;
        let data = read(json).unwrap();
        assert_eq!(data.kind(), "smart_card");
        let again = serde_json::to_value(&data).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn a_known_kind_that_cannot_be_read_is_an_error() {
        for json in [
            r#"{"kind":"totp"}"#,
            r#"{"kind":"recovery_codes","left":"none","of":1}"#,
            r#"{"kind":"passkey","credential_id":[1]}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
