//! Options of `hallpass operator`.

use clap::{Args, Subcommand};

use super::Password;

/// What to do with operators.
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Make an account for somebody who administers. One that is there already gets a role by `operator set`.
    Create(OperatorCreate),
    /// Give a person or a client that is there a role.
    Set(OperatorSet),
    /// List the operators.
    List,
    /// Take every role from somebody.
    Remove(OperatorName),
}

/// Options of `operator create`.
#[derive(Debug, Args)]
pub struct OperatorCreate {
    /// The name to sign in with.
    pub username: String,
    /// Their mail address. For a new account a link is printed then, behind which they choose a password once; so it is for a
    /// user name that is a mail address.
    #[arg(long)]
    pub email: Option<String>,
    /// Where the password of a new account comes from, where there is no mail address.
    #[command(flatten)]
    pub password: Password,
    /// What they may do.
    #[command(flatten)]
    pub role: OperatorRole,
}

/// Options of `operator set`.
#[derive(Debug, Args)]
pub struct OperatorSet {
    /// Who: name:USERNAME, user:SUBJECT or client:IDENTIFIER.
    pub operator: String,
    /// What they may do.
    #[command(flatten)]
    pub role: OperatorRole,
}

/// Which operator.
#[derive(Debug, Args)]
pub struct OperatorName {
    /// Who: name:USERNAME, or user:SUBJECT or client:IDENTIFIER as they are listed.
    pub operator: String,
}

/// A role somewhere.
#[derive(Debug, Args)]
pub struct OperatorRole {
    /// owner (everything), administrator (all but operators), support (no secrets, no keys) or read_only.
    #[arg(long, default_value = "owner")]
    pub role: String,
    /// The project (issuer) in which they have it; * for all.
    #[arg(long, default_value = "*", value_name = "NAME")]
    pub project: String,
}
