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
    /// The code flow with everything that is signed by the client, with ES256.
    CodeParDpopPrivateKeyJwt,
    /// The same with assertions that are signed with PS256.
    CodeParDpopPs256,
    /// The same with the thumbprint of the key for the tokens in the pushed request, in place of a proof.
    CodeParDpopJkt,
    /// Both.
    CodeParDpopJktPs256,
}

/// What the client signs in a flow, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Whether its assertions are signed with PS256; they are with ES256 otherwise, as proofs always are.
    pub(crate) ps256: bool,
    /// Whether the pushed request comes with a proof.
    pub(crate) proof_at_push: bool,
}

impl Row {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 13] = [
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
        Self::CodeParDpopPs256,
        Self::CodeParDpopJkt,
        Self::CodeParDpopJktPs256,
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
            Self::CodeParDpopPs256 => "code_par_dpop_ps256",
            Self::CodeParDpopJkt => "code_par_dpop_jkt",
            Self::CodeParDpopJktPs256 => "code_par_dpop_jkt_ps256",
        }
    }

    /// The name for people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::ClientCredentialsEs256 => "client credentials, ES256",
            Self::ClientCredentialsRs256 => "client credentials, RS256",
            Self::ClientCredentialsSealed => "client credentials, sealed or opaque",
            Self::Discovery => "discovery",
            Self::Jwks => "key set",
            Self::Introspection => "introspection",
            Self::Userinfo => "UserInfo",
            Self::Refresh => "refresh",
            Self::Code => "code flow",
            Self::CodeParDpopPrivateKeyJwt => "code flow, PAR, DPoP, private_key_jwt",
            Self::CodeParDpopPs256 => "the same, PS256",
            Self::CodeParDpopJkt => "the same, dpop_jkt",
            Self::CodeParDpopJktPs256 => "the same, PS256, dpop_jkt",
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
            Self::CodeParDpopPrivateKeyJwt | Self::CodeParDpopPs256 => {
                Work::CodeParDpopPrivateKeyJwt
            }
            Self::CodeParDpopJkt | Self::CodeParDpopJktPs256 => Work::CodeParDpopJkt,
        }
    }

    /// Why another provider has no figures in the row, where it has none.
    pub(crate) const fn cannot(self, target: Target) -> Option<&'static str> {
        match (target, self) {
            (
                Target::Hydra,
                Self::CodeParDpopPrivateKeyJwt
                | Self::CodeParDpopPs256
                | Self::CodeParDpopJkt
                | Self::CodeParDpopJktPs256,
            ) => Some("Hydra 2.3 has no pushed requests and no DPoP"),
            (
                Target::NodeOidcProvider | Target::Keycloak,
                Self::CodeParDpopPs256 | Self::CodeParDpopJkt | Self::CodeParDpopJktPs256,
            ) => Some("one signing client is enough to compare: with ES256, and a proof each time"),
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
            Target::HallpassPostgres => {
                matches!(self, Self::Refresh | Self::Code) || self.signs().is_some()
            }
            Target::Limit => matches!(
                self,
                Self::ClientCredentialsEs256
                    | Self::ClientCredentialsRs256
                    | Self::Discovery
                    | Self::Refresh
            ),
        }
    }

    /// Whether somebody must be signed in.
    pub(crate) const fn has_user(self) -> bool {
        matches!(self, Self::Userinfo | Self::Refresh | Self::Code) || self.signs().is_some()
    }

    /// What the client signs, where it does.
    pub(crate) const fn signs(self) -> Option<Signs> {
        let (ps256, proof_at_push) = match self {
            Self::CodeParDpopPrivateKeyJwt => (false, true),
            Self::CodeParDpopPs256 => (true, true),
            Self::CodeParDpopJkt => (false, false),
            Self::CodeParDpopJktPs256 => (true, false),
            Self::ClientCredentialsEs256
            | Self::ClientCredentialsRs256
            | Self::ClientCredentialsSealed
            | Self::Discovery
            | Self::Jwks
            | Self::Introspection
            | Self::Userinfo
            | Self::Refresh
            | Self::Code => return None,
        };
        Some(Signs {
            ps256,
            proof_at_push,
        })
    }

    /// What is measured without a server beside the row, the least that it needs: its name, and what the generator is told.
    pub(crate) const fn floors(self) -> &'static [Floor] {
        match self {
            Self::ClientCredentialsRs256 => &[Floor {
                work: SIGN_RS256,
                command: &["sign", "rs256", "1"],
                durable: false,
            }],
            Self::Refresh => &[Floor {
                work: "floor_refresh",
                command: &["refresh", "1"],
                durable: true,
            }],
            Self::CodeParDpopPrivateKeyJwt => &[
                Floor {
                    work: SIGNED_FLOW,
                    command: &["signed-flow", "es256", "proof", "1"],
                    durable: false,
                },
                Floor {
                    work: "floor_private_key_jwt",
                    command: &["signed-flow", "es256", "proof", "1"],
                    durable: true,
                },
            ],
            Self::CodeParDpopPs256 => &[Floor {
                work: "floor_ps256",
                command: &["signed-flow", "ps256", "proof", "1"],
                durable: true,
            }],
            Self::CodeParDpopJkt => &[Floor {
                work: "floor_jkt",
                command: &["signed-flow", "es256", "jkt", "1"],
                durable: true,
            }],
            Self::CodeParDpopJktPs256 => &[Floor {
                work: "floor_jkt_ps256",
                command: &["signed-flow", "ps256", "jkt", "1"],
                durable: true,
            }],
            Self::ClientCredentialsEs256
            | Self::ClientCredentialsSealed
            | Self::Discovery
            | Self::Jwks
            | Self::Introspection
            | Self::Userinfo
            | Self::Code => &[],
        }
    }

    /// With what of the bare program's its rate is compared in the report, budget or not.
    pub(crate) fn compared_with(self) -> Vec<&'static str> {
        match same_bytes(self) {
            Some(work) => vec![work],
            None => {
                let own = self.fits(Target::Limit).then_some(self.name());
                let floors = self.floors().iter().map(|floor| floor.work);
                own.into_iter().chain(floors).collect()
            }
        }
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
            Self::CodeParDpopPrivateKeyJwt
            | Self::CodeParDpopPs256
            | Self::CodeParDpopJkt
            | Self::CodeParDpopJktPs256 => vec![Budget::PerSecond(3_000.0)],
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

/// Work of the generator's program alone, without HTTP around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The name in the table.
    pub(crate) work: &'static str,
    /// What the program is told.
    pub(crate) command: &'static [&'static str],
    /// Whether the folder of the measurement is told, too, for what must be durable.
    pub(crate) durable: bool,
}

/// Whether that work is done without HTTP around it.
pub(crate) fn is_floor(work: &str) -> bool {
    let mut floors = Row::ALL.into_iter().flat_map(Row::floors);
    floors.any(|floor| floor.work == work)
}

/// The work of signing alone.
pub(crate) const SIGN_RS256: &str = "sign_rs256";

/// The cryptography of a flow whose client signs, alone.
const SIGNED_FLOW: &str = "signed_flow";

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
        | Row::CodeParDpopPrivateKeyJwt
        | Row::CodeParDpopPs256
        | Row::CodeParDpopJkt
        | Row::CodeParDpopJktPs256 => None,
    }
}

/// The resource whose tokens are signed with ES256.
pub(crate) const RESOURCE_ES256: &str = "https://es256.api.example";
/// The resource whose tokens are signed with RS256.
pub(crate) const RESOURCE_RS256: &str = "https://rs256.api.example";
