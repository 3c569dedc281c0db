//! The commands that move in from other systems.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::UserImport;
use crate::config::Seconds;

/// Where to move in from.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// SourceLoop's OIDC service: a configuration from its environment variables, or clients, people, tenants, roles, permissions
    /// and keys from its database, which is only read.
    Sourceloop(ImportSourceloop),
    /// Clients, people, roles, groups and keys of a realm that Keycloak exported.
    Keycloak(ImportKeycloak),
    /// Clients from a file in JSON: a list of metadata in the names of RFC 7591, as node-oidc-provider has it.
    Clients(ImportClients),
    /// Accounts from a file, with the hashes of their passwords. The same as `user import`.
    Users(UserImport),
}

/// Options of `import sourceloop`.
#[derive(Debug, Args)]
#[group(id = "source", required = true, args = ["env_file", "database", "dump"])]
pub struct ImportSourceloop {
    /// The file of its environment variables (.env). What becomes of each is told, values are not.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The folder for the configuration that is made of the variables, and for a file with each secret. Nothing in it is written
    /// over.
    #[arg(long, value_name = "FOLDER", default_value = "hallpass")]
    pub out: PathBuf,
    /// The PostgreSQL database, without its password: `postgres://user@host/name`.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// File whose first line is the password of the database.
    #[arg(long, value_name = "FILE", requires = "database")]
    pub database_password_file: Option<PathBuf>,
    /// A dump instead: what pg_dump or mysqldump wrote, as SQL.
    #[arg(long, value_name = "FILE")]
    pub dump: Option<PathBuf>,
    /// The schema of the tables, in PostgreSQL.
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub schema: String,
    /// What stays the subject of a person for clients: the name, which they got from oidc-service, or the identifier.
    #[arg(long, value_enum, default_value = "username")]
    pub sub: SourceloopSub,
    /// The mail addresses were verified there.
    #[arg(long)]
    pub email_verified: bool,
    /// File whose first line is the password that every new account got (USER_TEMP_PASSWORD): whoever has it still must choose
    /// another one.
    #[arg(long, value_name = "FILE")]
    pub temporary_password_file: Option<PathBuf>,
    /// People can only use the clients that `auth_client_ids` lists for them.
    #[arg(long)]
    pub only_allowed_clients: bool,
    /// The program of this client sends its secret in the form and not in the header (client_secret_post); SourceLoop took both.
    /// Can be repeated.
    #[arg(long, value_name = "CLIENT")]
    pub secret_in_form: Vec<String>,
    /// File whose first line opens the private keys of `jwt_keys` (JWT_PRIVATE_KEY_PASSPHRASE).
    #[arg(long, value_name = "FILE")]
    pub key_passphrase_file: Option<PathBuf>,
    /// File with the signing key of the service as a JSON Web Key (OIDC_JWKS_*). Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub jwk_file: Vec<PathBuf>,
    /// So long imported keys are published, for what they signed.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = Seconds::from_argument)]
    pub publish_keys: Seconds,
    /// Only say what would be imported.
    #[arg(long)]
    pub dry_run: bool,
}

/// Who a person is to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceloopSub {
    /// The name, as it stands in the database.
    Username,
    /// The identifier of the row.
    Id,
}

/// Options of `import keycloak`.
#[derive(Debug, Args)]
pub struct ImportKeycloak {
    /// The export: one realm, with its users (`kc.sh export --realm NAME --users same_file --file FILE`).
    pub file: PathBuf,
    /// So long imported keys are published, for what they signed.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = Seconds::from_argument)]
    pub publish_keys: Seconds,
    /// Only say what would be imported.
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `import clients`.
#[derive(Debug, Args)]
pub struct ImportClients {
    /// A JSON array of clients, or an object with one in `clients` or `items`.
    pub file: PathBuf,
    /// File with the signing keys of before as a JSON Web Key or a set of them, for what they signed. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub jwk_file: Vec<PathBuf>,
    /// So long imported keys are published.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = Seconds::from_argument)]
    pub publish_keys: Seconds,
    /// Only say what would be imported.
    #[arg(long)]
    pub dry_run: bool,
}
