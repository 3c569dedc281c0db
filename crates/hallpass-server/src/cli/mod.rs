//! The command line.

mod audit;
mod code;
mod import;
mod operator;
mod user;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use crate::moment::Moment;
pub use audit::{Audit, AuditExport};
pub use code::{Apply, Export, Plan};
pub use import::{Import, ImportClients, ImportKeycloak, ImportSourceloop, SourceloopSub};
pub use operator::{Operator, OperatorCreate, OperatorName, OperatorRole, OperatorSet};
pub use user::{
    Credential, CredentialRemove, Invite, Password, SetPassword, User, UserCreate, UserDelete,
    UserImport, UserName,
};

/// OpenID Provider and OAuth 2.0 authorization server.
///
/// Without a command it serves. With no configuration at all it does so as http://localhost:3000, with its data in
/// ./hallpass-data.
#[derive(Debug, Parser)]
#[command(
    name = "hallpass",
    version,
    propagate_version = true,
    arg_required_else_help = false
)]
pub struct Cli {
    /// Configuration file, in TOML. HALLPASS__SECTION__KEY in the environment overrides what stands there.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// The issuer whose users, clients or keys are meant; the one of the configuration, if not given.
    #[arg(long, global = true, value_name = "NAME")]
    pub issuer: Option<String>,
    /// What to do; to serve, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM.
    Serve(Serve),
    /// Check and describe the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Make and change the accounts of people.
    #[command(subcommand)]
    User(User),
    /// Make and look at clients.
    #[command(subcommand)]
    Client(Client),
    /// Make, look at and revoke tokens that let somebody register clients.
    #[command(subcommand)]
    RegistrationToken(RegistrationToken),
    /// Make, change and delete roles: sets of permissions.
    #[command(subcommand)]
    Role(Role),
    /// Make, change and delete groups: sets of roles that their members have.
    #[command(subcommand)]
    Group(Group),
    /// Make, change and delete organizations.
    #[command(subcommand)]
    Organization(Organization),
    /// Say what people are members of, with which roles, groups and permissions.
    #[command(subcommand)]
    Member(Member),
    /// Look at the signing keys and rotate them.
    #[command(subcommand)]
    Key(Key),
    /// Make, look at and change issuers.
    #[command(subcommand)]
    Issuer(Issuer),
    /// Say who may administer, over HTTP and in the dashboard.
    #[command(subcommand)]
    Operator(Operator),
    /// Who changed what: verify it, print it.
    #[command(subcommand)]
    Audit(Audit),
    /// Say what `apply` would change. The exit code is 2 if there is something, 0 if there is nothing.
    Plan(Plan),
    /// Make projects, clients, roles, groups, organizations and webhooks what the files of a folder say.
    Apply(Apply),
    /// Write what projects have into a folder, as `apply` reads it. No secret is in it.
    Export(Export),
    /// Move in from another system. The same can be imported again: what is there already stays as it is.
    #[command(subcommand)]
    Import(Import),
    /// Sign for servers over a Unix socket, as a process of its own that alone holds the keys (`[[signers]]`).
    Signer(Signer),
    /// Write a copy of the database into a file, beside a running server (SQLite).
    Backup(Backup),
    /// Put a backup in the place of the database, while no server runs (SQLite). What is there now is kept.
    Restore(Restore),
    /// End everything that was ever handed out: codes, tokens, sessions. For a database that was restored from a backup,
    /// which knows nothing of what was used or revoked since.
    Invalidate(Invalidate),
    /// Look for what is wrong: damage, master key, signing keys, clock, permissions, space, dangerous settings. The exit
    /// code is 0 when there is nothing, 1 when something is wrong, 3 when there are warnings alone.
    Doctor,
    /// Bring the database to the schema of this version. Serving does it by itself.
    Migrate(Migrate),
}

/// Options of `signer`.
#[derive(Debug, Args)]
pub struct Signer {
    /// Folder with the keys, one file for each algorithm (ES256.pem, in PKCS #8). What is missing is made.
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The socket to make. Its owner and group may use it.
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Algorithm of a key; may be repeated.
    #[arg(long, value_name = "ALG", default_value = "ES256")]
    pub algorithm: Vec<String>,
}

/// Options of `serve`.
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Add a user and clients with random secrets, open registration, and a page at /demo. Never for real use.
    #[arg(long)]
    pub demo: bool,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Say what is wrong with it. The exit code is 1 if anything is.
    Check,
    /// Print its JSON Schema.
    Schema,
    /// Print the OpenAPI document of everything that is answered.
    Openapi,
    /// Print the help of every command, as Markdown.
    CommandLine,
}

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Make a client and print it with its secret, which is not shown again.
    Create(ClientCreate),
    /// List the clients.
    List(ClientList),
    /// Show a client.
    Show(ClientId),
    /// Say what a client lacks for a security profile.
    Check(ClientCheck),
    /// Delete a client. All it was granted ends.
    Delete(ClientId),
}

/// Options of `client list`.
#[derive(Debug, Args)]
pub struct ClientList {
    /// Only those that registered themselves and have more, or other, than their registration policies allow by now, with the
    /// members that are beyond them.
    #[arg(long)]
    pub exceeding: bool,
}

/// Options of `client check`.
#[derive(Debug, Args)]
pub struct ClientCheck {
    /// `fapi1-advanced`, `fapi2-security`, `fapi2-message-signing` or `fapi-ciba`; the client's own or the issuer's, if not
    /// given.
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// The client's identifier.
    pub client_id: String,
}

/// Which client.
#[derive(Debug, Args)]
pub struct ClientId {
    /// The client's identifier.
    pub client_id: String,
}

/// Options of `client create`.
#[derive(Debug, Default, Args)]
pub struct ClientCreate {
    /// The identifier; made up if not given.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The name that people see.
    #[arg(long)]
    pub name: Option<String>,
    /// Where answers may go. Can be repeated.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after signing out. Can be repeated.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    pub post_logout_redirect_uris: Vec<String>,
    /// `authorization_code`, `refresh_token`, `client_credentials`. Can be repeated.
    #[arg(long = "grant-type", value_name = "TYPE")]
    pub grant_types: Vec<String>,
    /// A client without a secret: a native or browser application.
    #[arg(long, conflicts_with = "auth_method")]
    pub public: bool,
    /// How the client authenticates: `client_secret_basic`, `private_key_jwt` and so on.
    #[arg(long, value_name = "METHOD")]
    pub auth_method: Option<String>,
    /// The scopes that it may ask for, separated by spaces.
    #[arg(long)]
    pub scope: Option<String>,
    /// Anything else, as a JSON object in the names of RFC 7591.
    #[arg(long, value_name = "JSON")]
    pub metadata: Option<String>,
}

/// What to do with tokens that let somebody register clients (RFC 7591 §1.2).
#[derive(Debug, Subcommand)]
pub enum RegistrationToken {
    /// Make a token and print it. It is not shown again.
    Create(RegistrationTokenCreate),
    /// List the tokens and how often they were used.
    List,
    /// Revoke a token. Clients that it has let in stay.
    Revoke(RegistrationTokenId),
}

/// Options of `registration-token create`.
#[derive(Debug, Default, Args)]
pub struct RegistrationTokenCreate {
    /// What it is for.
    #[arg(long)]
    pub label: Option<String>,
    /// It ends after this time: `12h`, `7d`. For ever, if not given.
    #[arg(long, value_name = "TIME", value_parser = crate::config::Seconds::from_argument)]
    pub expires: Option<crate::config::Seconds>,
    /// So many clients can be registered with it. Any number, if not given.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub uses: Option<u32>,
    /// A policy of the configuration that the clients are held to (`registration.policy.NAME`). Can be repeated.
    #[arg(long = "policy", value_name = "NAME")]
    pub policies: Vec<String>,
}

/// Which token.
#[derive(Debug, Args)]
pub struct RegistrationTokenId {
    /// Its identifier in the list.
    // It may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    pub id: String,
}

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// List the roles.
    List,
    /// Make a role, or change one.
    Set(RoleSet),
    /// Delete a role.
    Delete(Named),
}

/// Options of `role set`.
#[derive(Debug, Args)]
pub struct RoleSet {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// What it permits. Can be repeated.
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub permissions: Vec<String>,
}

/// Which one.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List the groups.
    List,
    /// Make a group, or change one.
    Set(GroupSet),
    /// Delete a group.
    Delete(Named),
}

/// Options of `group set`.
#[derive(Debug, Args)]
pub struct GroupSet {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// A role that its members have. Can be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
}

/// What to do with organizations.
#[derive(Debug, Subcommand)]
pub enum Organization {
    /// List the organizations.
    List,
    /// Make an organization, or change one.
    Set(OrganizationSet),
    /// Delete an organization. Memberships in it do not count any more.
    Delete(Named),
}

/// Options of `organization set`.
#[derive(Debug, Args)]
pub struct OrganizationSet {
    /// Its identifier, which clients see.
    pub id: String,
    /// What people call it.
    #[arg(long)]
    pub name: Option<String>,
    /// Nobody can act for it any more; what was granted for it is over.
    #[arg(long)]
    pub disable: bool,
    /// People can act for it again.
    #[arg(long, conflicts_with = "disable")]
    pub enable: bool,
}

/// What to do with memberships.
#[derive(Debug, Subcommand)]
pub enum Member {
    /// Say what an account is a member of, and what comes of it.
    Show(MemberShow),
    /// Write a membership, in an organization or in the issuer as a whole. What it takes away is over at once.
    Set(MemberSet),
    /// Remove a membership.
    Remove(MemberRemove),
}

/// Which account.
#[derive(Debug, Args)]
pub struct MemberShow {
    /// Its name.
    pub username: String,
}

/// Options of `member set`.
#[derive(Debug, Args)]
pub struct MemberSet {
    /// Name of the account.
    pub username: String,
    /// The organization. Without it: the issuer as a whole.
    #[arg(long, value_name = "ID")]
    pub organization: Option<String>,
    /// A role. Can be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// A group. Can be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// A permission beside those of the roles. Can be repeated.
    #[arg(long, value_name = "PERMISSION")]
    pub allow: Vec<String>,
    /// A permission that is taken away, whatever gives it. Can be repeated.
    #[arg(long, value_name = "PERMISSION")]
    pub deny: Vec<String>,
    /// It is there but does not count.
    #[arg(long)]
    pub inactive: bool,
}

/// Options of `member remove`.
#[derive(Debug, Args)]
pub struct MemberRemove {
    /// Name of the account.
    pub username: String,
    /// The organization. Without it: the issuer as a whole.
    #[arg(long, value_name = "ID")]
    pub organization: Option<String>,
}

/// What to do with issuers.
#[derive(Debug, Subcommand)]
pub enum Issuer {
    /// Make an issuer. A server that runs serves it within a second.
    Create(IssuerCreate),
    /// List the issuers.
    List,
    /// Show an issuer with its settings.
    Show(IssuerName),
    /// Disable an issuer: it is as if it were not there, and everything it has stays.
    Disable(IssuerName),
    /// Enable an issuer again.
    Enable(IssuerName),
    /// Change the settings of an issuer.
    Set(IssuerSet),
    /// Delete an issuer with its users, clients, keys and tokens, for ever.
    Delete(IssuerDelete),
}

/// Which issuer.
#[derive(Debug, Args)]
pub struct IssuerName {
    /// Its name.
    pub name: String,
}

/// Options of `issuer create`.
#[derive(Debug, Args)]
pub struct IssuerCreate {
    /// Its name: a-z, 0-9, - and _.
    pub name: String,
    /// Its issuer URL: another host, `/p/NAME` on a host, or both. Without it /p/NAME on the host of the configuration's
    /// issuer.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Its settings.
    #[command(flatten)]
    pub settings: IssuerSettings,
}

/// Options of `issuer set`.
#[derive(Debug, Args)]
pub struct IssuerSet {
    /// Its name.
    pub name: String,
    /// Its settings.
    #[command(flatten)]
    pub settings: IssuerSettings,
    /// Take a setting or a section back to what the configuration says: `lifetimes.code`. Can be repeated.
    #[arg(long, value_name = "SETTING")]
    pub unset: Vec<String>,
}

/// Settings of an issuer.
#[derive(Debug, Default, Args)]
pub struct IssuerSettings {
    /// All settings anew, from a file in the form of the configuration: TOML, or JSON where its name ends so.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// One setting, by its name in the configuration: `lifetimes.code=30`. A value that reads as JSON is JSON. Can be
    /// repeated.
    #[arg(long, value_name = "SETTING=VALUE")]
    pub set: Vec<String>,
}

/// Options of `issuer delete`.
#[derive(Debug, Args)]
pub struct IssuerDelete {
    /// Its name.
    pub name: String,
    /// Say that it is meant.
    #[arg(long)]
    pub yes: bool,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// List the signing keys.
    List,
    /// Sign with the next key from now on, and publish another next one.
    Rotate(KeyRotate),
    /// Make a key unknown at once, because it has leaked. What it signed is refused from now on.
    Retire(KeyId),
    /// Replace the master key. What is sealed under it is sealed anew; nothing that was handed out changes.
    RotateMaster,
}

/// Options of `key rotate`.
#[derive(Debug, Args)]
pub struct KeyRotate {
    /// Only the keys of one algorithm.
    #[arg(long, value_name = "ALG")]
    pub alg: Option<String>,
    /// At once, even if clients that hold the published keys do not know the next one yet.
    #[arg(long, alias = "force")]
    pub now: bool,
}

/// Which key.
#[derive(Debug, Args)]
pub struct KeyId {
    /// Its identifier in the list.
    // It may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    pub kid: String,
}

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file, which must not exist yet. It is for its owner's eyes only, and of no use without the master key.
    pub file: PathBuf,
    /// Write the master key into a file beside it, too. Whoever has both has every account and key.
    #[arg(long = "dangerously-with-master-key")]
    pub with_master_key: bool,
    /// Do not read the copy again to look whether it is whole.
    #[arg(long)]
    pub unchecked: bool,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// End everything that was handed out before a moment: now, if none is given; `2026-11-29T22:00:00Z` or seconds since
    /// 1970. Without it, what was used or revoked since the backup works again.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "now")]
    pub after: Option<Moment>,
}

/// Options of `invalidate`.
#[derive(Debug, Args)]
pub struct Invalidate {
    /// The moment: now, if none is given; `2026-11-29T22:00:00Z` or seconds since 1970. A later one than now is for clocks
    /// that were ahead.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "now")]
    pub after: Option<Moment>,
    /// End recovery codes as well: those that were used since the backup would be good again. People make new ones.
    #[arg(long)]
    pub recovery_codes: bool,
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_before_and_behind_the_command() {
        for line in [
            &["hallpass", "--config", "a", "--json", "key", "rotate"][..],
            &["hallpass", "key", "--config", "a", "--json", "rotate"],
            &["hallpass", "key", "rotate", "--config", "a", "--json"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert!(cli.json && cli.config == Some(PathBuf::from("a")));
        }
        assert!(Cli::try_parse_from(["hallpass"]).unwrap().command.is_none());
    }

    #[test]
    fn a_password_on_the_command_line_is_not_understood() {
        for line in [
            ["hallpass", "user", "create", "a", "--password", "x"],
            ["hallpass", "user", "set-password", "a", "--password", "x"],
        ] {
            assert!(Cli::try_parse_from(line).is_err());
        }
    }

    #[test]
    fn an_identifier_may_begin_with_a_hyphen_and_options_stay_options() {
        for line in [
            &["hallpass", "registration-token", "revoke", "-q2xyz"][..],
            &[
                "hallpass",
                "registration-token",
                "revoke",
                "--json",
                "-q2xyz",
            ],
            &[
                "hallpass",
                "registration-token",
                "revoke",
                "-q2xyz",
                "--json",
            ],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.json, line.len() == 5, "{line:?}");
            assert!(
                format!("{:?}", cli.command).contains("\"-q2xyz\""),
                "{line:?}"
            );
        }
    }
}
