//! `[tls]`: certificates for the public listener.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;
use crate::tls::Certificate;

/// Certificates for the public listener. Without them it speaks plain HTTP, for a reverse proxy in front or for
/// this machine alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and those that lead from it to the root.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the private key; only its owner and group may read it.
    pub key_file: Option<PathBuf>,
    /// How often to look whether the files have changed; 0 for SIGHUP only.
    pub reload: Seconds,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            cert_file: None,
            key_file: None,
            reload: Seconds(60),
        }
    }
}

impl Tls {
    /// The two files, if TLS is wanted.
    #[must_use]
    pub fn files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.cert_file.as_ref().zip(self.key_file.as_ref())
    }

    pub(super) fn check(&self, check: &mut Checker<'_>) {
        match (&self.cert_file, &self.key_file) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                let opened = std::fs::File::open(cert);
                if let Err(error) = &opened {
                    let name = cert.display();
                    check.problem("tls.cert_file", format!("cannot read {name}: {error}"));
                }
                let private = check.secret_file("tls.key_file", key);
                // Here, since nobody is to hear that the server is ready before its certificate can be used.
                if opened.is_ok()
                    && private.is_some()
                    && let Err(error) = Certificate::load(cert, key)
                {
                    check.problem("tls.cert_file", error.to_string());
                }
            }
            (Some(_), None) => check.problem("tls.key_file", "is missing beside tls.cert_file"),
            (None, Some(_)) => check.problem("tls.cert_file", "is missing beside tls.key_file"),
        }
        if self.reload.0 != 0 {
            check.between("tls.reload", self.reload, 1, 86_400);
        }
    }
}
