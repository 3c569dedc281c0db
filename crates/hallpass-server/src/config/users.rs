//! `[[users]]`: people who are there from the start.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::checker::Checker;
use super::passwords::Passwords;
use super::value::Secret;

/// A person who is there from the start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    /// The name to sign in with.
    username: String,
    /// The password.
    #[serde(default)]
    password: Option<Secret>,
    /// File with the password.
    #[serde(default)]
    password_file: Option<PathBuf>,
    /// What is told about the person, in the names of OpenID Connect: `name`, `email`, `email_verified` and so on.
    #[serde(default)]
    claims: Map<String, Value>,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A person who is there from the start.
#[derive(Clone)]
pub struct User {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// What is told about the person, in the names of OpenID Connect.
    pub claims: Map<String, Value>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

pub(super) fn parse(list: Vec<Raw>, passwords: &Passwords, check: &mut Checker<'_>) -> Vec<User> {
    let mut seen = BTreeSet::new();
    let mut users = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let prefix = format!("users[{index}]");
        let Raw {
            username,
            password,
            password_file,
            claims,
        } = raw;
        let odd = |character: char| character.is_control() || character.is_whitespace();
        if username.is_empty() || username.len() > 200 || username.contains(odd) {
            let message = "must be 1 to 200 bytes without spaces and control characters";
            check.problem(&format!("{prefix}.username"), message);
        }
        if !seen.insert(username.to_lowercase()) {
            let message = format!("there are two users with the name {username:?}");
            check.problem(&format!("{prefix}.username"), message);
        }
        let setting = format!("{prefix}.password");
        if password.is_none() && password_file.is_none() {
            check.problem(&setting, "is missing; give it here or by password_file");
        }
        let password = check.secret(&setting, password, password_file.as_deref());
        if let Some(password) = &password {
            let length = password.expose().chars().count();
            let least = usize::try_from(passwords.min_length).unwrap_or(usize::MAX);
            if length < least {
                let message = format!("is shorter than passwords.min_length, {least} characters");
                check.problem(&setting, message);
            }
        }
        for (name, value) in &claims {
            if matches!(
                name.as_str(),
                "sub" | "iss" | "aud" | "exp" | "iat" | "nonce"
            ) {
                check.problem(
                    &format!("{prefix}.claims.{name}"),
                    "is for the server to say",
                );
            }
            if has_datetime(value) {
                let message = "holds a date or time of TOML; write it as text";
                check.problem(&format!("{prefix}.claims.{name}"), message);
            }
        }
        if let Some(password) = password {
            users.push(User {
                username,
                password,
                claims,
            });
        }
    }
    users
}

/// How a date of TOML arrives in another format.
fn has_datetime(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.keys().any(|key| key.starts_with("$__toml_private"))
                || map.values().any(has_datetime)
        }
        Value::Array(list) => list.iter().any(has_datetime),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
