//! The commands about accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Make an account.
    Create(UserCreate),
    /// List the accounts.
    List,
    /// Disable an account: nobody can sign in to it, and its sessions and tokens end.
    Disable(UserName),
    /// Enable an account again.
    Enable(UserName),
    /// Delete an account with everything about its person, for ever. The subject is never given to anybody else.
    Delete(UserDelete),
    /// Set another password. Sessions and tokens from before end.
    SetPassword(SetPassword),
    /// Invite somebody to make an account, by mail or by a link that is printed.
    Invite(Invite),
    /// Print a link that works once, with which somebody sets up how they sign in.
    Link(UserName),
    /// Look after what somebody signs in with.
    #[command(subcommand)]
    Credential(Credential),
    /// List where somebody is signed in.
    Sessions(UserName),
    /// End every session of somebody, and what applications were granted.
    EndSessions(UserName),
    /// Make accounts from a file of another system, with the hashes of their passwords.
    Import(UserImport),
}

/// What to do with what somebody signs in with.
#[derive(Debug, Subcommand)]
pub enum Credential {
    /// List passkeys, apps, codes, addresses and identities elsewhere.
    List(UserName),
    /// Remove one. Sessions end.
    Remove(CredentialRemove),
}

/// Options of `user credential remove`.
#[derive(Debug, Args)]
pub struct CredentialRemove {
    /// The name to sign in with.
    pub username: String,
    /// Which, as listed.
    // It may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    pub id: String,
}

/// Options of `user import`.
#[derive(Debug, Args)]
pub struct UserImport {
    /// One account a line, as JSON (`username`, `subject`, `password_hash`, `disabled`, `must_change`, `claims`); or CSV with a header
    /// (file.csv), whose other columns are claims. `subject` is the `sub` that clients know somebody by; without one it is made here.
    pub file: PathBuf,
    /// Only look whether all of it can be imported.
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `user invite`.
#[derive(Debug, Args)]
pub struct Invite {
    /// Their mail address.
    pub address: String,
    /// Send nothing: print the link, to hand it over.
    #[arg(long)]
    pub print: bool,
}

/// Which account.
#[derive(Debug, Args)]
pub struct UserName {
    /// The name to sign in with.
    pub username: String,
}

/// Options of `user delete`.
#[derive(Debug, Args)]
pub struct UserDelete {
    /// The name to sign in with.
    pub username: String,
    /// Say that it is meant.
    #[arg(long)]
    pub yes: bool,
}

/// Options of `user create`.
#[derive(Debug, Args)]
pub struct UserCreate {
    /// The name to sign in with.
    pub username: String,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: Password,
    /// Set no password, and print a link that works once, with which they choose how they sign in. Their mail address is the claim
    /// `email`, or the name to sign in with.
    #[arg(long, conflicts_with_all = ["password_file", "generate", "must_change"])]
    pub no_password: bool,
    /// What to tell clients about the person, by its OpenID Connect name: `email=a@example.com`. A value that reads as
    /// JSON is JSON. Can be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    pub claims: Vec<String>,
    /// They choose another password at the first sign-in.
    #[arg(long)]
    pub must_change: bool,
}

/// Options of `user set-password`.
#[derive(Debug, Args)]
pub struct SetPassword {
    /// The name to sign in with.
    pub username: String,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: Password,
    /// They choose another one at the next sign-in.
    #[arg(long)]
    pub must_change: bool,
}

/// Where a password comes from: asked for at a terminal, otherwise the first line of standard input. Never the command
/// line, which everybody on the machine can read.
#[derive(Debug, Args)]
pub struct Password {
    /// Read the password from the first line of a file.
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    pub password_file: Option<PathBuf>,
    /// Make a random password and print it.
    #[arg(long)]
    pub generate: bool,
}
