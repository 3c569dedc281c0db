//! `[[signers]]`: keys that sign in a service beside this one.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Secret;

/// A service beside this one that holds signing keys: in front of a key service or a hardware module. What it speaks stands
/// in docs/reference/signing-service.md. Its keys take the place of the server's own for their algorithms, for the issuer of
/// this file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Its Unix socket, in a folder that only the two can enter.
    socket: Option<PathBuf>,
    /// Or its port on this machine, as in `127.0.0.1:9100`; then a secret is needed.
    address: Option<String>,
    /// What the two share: sent as `Authorization: Bearer`.
    secret: Option<Secret>,
    /// A file with it.
    secret_file: Option<PathBuf>,
}

/// Where a signing service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerPlace {
    /// A Unix socket.
    Socket(PathBuf),
    /// A port of this machine.
    Address(SocketAddr),
}

impl fmt::Display for SignerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// A signing service.
#[derive(Debug, Clone)]
pub struct SignerSettings {
    /// Where it is.
    pub place: SignerPlace,
    /// What it knows us by.
    pub secret: Option<Secret>,
}

pub(super) fn parse(list: Vec<Raw>, check: &mut Checker<'_>) -> Vec<SignerSettings> {
    let mut all: Vec<SignerSettings> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let prefix = format!("signers[{index}]");
        let setting = format!("{prefix}.secret");
        let secret = check.secret(&setting, raw.secret, raw.secret_file.as_deref());
        let place = match (raw.socket, raw.address) {
            (Some(path), None) => SignerPlace::Socket(path),
            (None, Some(text)) => match text.parse::<SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => {
                    if secret.is_none() {
                        check.problem(&setting, "is missing: everybody on this machine could sign");
                    }
                    SignerPlace::Address(address)
                }
                _ => {
                    let message = "must be a loopback address with a port; what is elsewhere needs an agent here";
                    check.problem(&format!("{prefix}.address"), message);
                    continue;
                }
            },
            (None, None) | (Some(_), Some(_)) => {
                let message = "needs either socket or address";
                check.problem(&format!("{prefix}.socket"), message);
                continue;
            }
        };
        if all.iter().any(|known| known.place == place) {
            check.problem(&prefix, "is there twice");
        }
        all.push(SignerSettings { place, secret });
    }
    all
}
