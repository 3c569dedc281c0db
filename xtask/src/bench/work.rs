//! The rows of the table: what is measured, and what must be reached.

use hallpass_load::{TokenKind, Work};

use super::Result;
use super::budget::Budget;
use super::target::Target;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A JWT for a named resource, signed with ES256.
    ClientCredentialsEs256,
    /// A JWT for a named resource, signed with RS256.
    ClientCredentialsRs256,
    /// A token for no named resource.
    ClientCredentialsSealed,
    /// The discovery document.
    Discovery,
    /// The key set.
    Jwks,
    /// Introspection of a sealed token.
    Introspection,
    /// Claims for a sealed token.
    Userinfo,
    /// Refreshing with rotation.
    Refresh,
    /// The code flow with a live session.
    Code,
    /// The code flow with everything that is signed by the client.
    CodeParDpopPrivateKeyJwt,
}

impl Row {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 10] = [
        Self::ClientCredentialsEs256,
        Self::ClientCredentialsRs256,
        Self::ClientCredentialsSealed,
        Self::Discovery,
        Self::Jwks,
        Self::Introspection,
        Self::Userinfo,
        Self::Refresh,
        Self::Code,
        Self::CodeParDpopPrivateKeyJwt,
    ];

    /// The name in the table, in the figures and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentialsEs256 => "client_credentials_es256",
            Self::ClientCredentialsRs256 => "client_credentials_rs256",
            Self::ClientCredentialsSealed => "client_credentials_sealed",
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::Refresh => "refresh",
            Self::Code => "code",
            Self::CodeParDpopPrivateKeyJwt => "code_par_dpop_private_key_jwt",
        }
    }

    /// What the generator repeats.
    pub(crate) fn work(self) -> Work {
        let client_credentials = |resource: Option<&str>, token| Work::ClientCredentials {
            resource: resource.map(str::to_owned),
            token,
        };
        match self {
            Self::ClientCredentialsEs256 => {
                client_credentials(Some(RESOURCE_ES256), TokenKind::Es256)
            }
            Self::ClientCredentialsRs256 => {
                client_credentials(Some(RESOURCE_RS256), TokenKind::Rs256)
            }
            Self::ClientCredentialsSealed => client_credentials(None, TokenKind::Opaque),
            Self::Discovery => Work::Discovery,
            Self::Jwks => Work::Jwks,
            Self::Introspection => Work::Introspection,
            Self::Userinfo => Work::Userinfo,
            Self::Refresh => Work::Refresh,
            Self::Code => Work::Code,
            Self::CodeParDpopPrivateKeyJwt => Work::CodeParDpopPrivateKeyJwt,
        }
    }

    /// Why another provider has no figures in the row, where it has none.
    pub(crate) const fn cannot(self, target: Target) -> Option<&'static str> {
        match (target, self) {
            (Target::Hydra, Self::CodeParDpopPrivateKeyJwt) => {
                Some("Hydra 2.3 has no pushed requests and no DPoP")
            }
            (Target::Keycloak, Self::ClientCredentialsSealed) => {
                Some("access tokens of Keycloak are always JWTs")
            }
            _ => None,
        }
    }

    /// Whether the row can be measured against that server.
    pub(crate) const fn fits(self, target: Target) -> bool {
        match target {
            Target::Hallpass => true,
            Target::NodeOidcProvider | Target::Hydra | Target::Keycloak => {
                self.cannot(target).is_none()
            }
            Target::HallpassPostgres => matches!(
                self,
                Self::Refresh | Self::Code | Self::CodeParDpopPrivateKeyJwt
            ),
            Target::Limit => matches!(
                self,
                Self::ClientCredentialsEs256 | Self::ClientCredentialsRs256 | Self::Discovery
            ),
        }
    }

    /// Whether somebody must be signed in.
    pub(crate) const fn has_user(self) -> bool {
        matches!(
            self,
            Self::Userinfo | Self::Refresh | Self::Code | Self::CodeParDpopPrivateKeyJwt
        )
    }

    /// What must be reached.
    pub(crate) fn budgets(self) -> Vec<Budget> {
        match self {
            Self::ClientCredentialsEs256 => vec![
                Budget::OfLimit(Self::ClientCredentialsEs256.name(), 0.60),
                Budget::TimesPeer(4.0),
            ],
            Self::ClientCredentialsRs256 => vec![Budget::OfLimit(SIGN_RS256, 0.90)],
            Self::ClientCredentialsSealed => vec![Budget::PerSecond(60_000.0)],
            Self::Discovery | Self::Jwks => vec![Budget::OfLimit(Self::Discovery.name(), 0.75)],
            Self::Introspection | Self::Userinfo => {
                vec![Budget::PerSecond(50_000.0), Budget::TimesPeer(4.0)]
            }
            Self::Refresh => vec![Budget::PerSecond(12_000.0), Budget::TimesPeer(6.0)],
            Self::Code => vec![Budget::PerSecond(7_000.0), Budget::TimesPeer(4.0)],
            Self::CodeParDpopPrivateKeyJwt => vec![Budget::PerSecond(3_000.0)],
        }
    }
}

/// The rows whose name begins so.
pub(crate) fn rows_named(beginning: &str) -> Result<Vec<Row>> {
    let fitting = |row: &Row| row.name().starts_with(beginning);
    let rows: Vec<_> = Row::ALL.into_iter().filter(fitting).collect();
    if rows.is_empty() {
        let names = Row::ALL.map(Row::name).join(", ");
        return Err(format!("no row {beginning}; there are {names}"));
    }
    Ok(rows)
}

/// The work of signing alone, without HTTP around it.
pub(crate) const SIGN_RS256: &str = "sign_rs256";

/// The cryptography of a flow whose client signs, alone.
pub(crate) const SIGNED_FLOW: &str = "signed_flow";

/// The same document from the bare handler: its bytes with its headers.
pub(crate) const fn same_bytes(row: Row) -> Option<&'static str> {
    match row {
        Row::Discovery => Some("discovery_same_bytes"),
        Row::Jwks => Some("jwks_same_bytes"),
        Row::ClientCredentialsEs256
        | Row::ClientCredentialsRs256
        | Row::ClientCredentialsSealed
        | Row::Introspection
        | Row::Userinfo
        | Row::Refresh
        | Row::Code
        | Row::CodeParDpopPrivateKeyJwt => None,
    }
}

/// The resource whose tokens are signed with ES256.
pub(crate) const RESOURCE_ES256: &str = "https://es256.api.example";
/// The resource whose tokens are signed with RS256.
pub(crate) const RESOURCE_RS256: &str = "https://rs256.api.example";
