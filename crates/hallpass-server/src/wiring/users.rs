//! Configured users, made at the first start.

use hallpass_accounts::{AccountError, BuiltinAccounts, NewUser};
use hallpass_provider::Provider;
use hallpass_types::Secret;

use crate::config;
use crate::failure::Failure;

/// Makes the users that are not there yet. Those that are stay as they are: they may have another password by now.
///
/// # Errors
/// The store fails, or a user cannot be made.
pub async fn make_users(
    provider: &Provider,
    accounts: &BuiltinAccounts,
    users: &[config::User],
) -> Result<(), Failure> {
    for (index, user) in users.iter().enumerate() {
        let failed = |error: &AccountError| Failure::doing(&format!("users[{index}]"), error);
        let issuer = provider.issuer_id();
        let found = accounts.by_name(issuer, &user.username).await;
        if found.map_err(|error| failed(&error.into()))?.is_some() {
            continue;
        }
        let new = NewUser {
            username: user.username.clone(),
            password: Some(Secret::new(user.password.expose().to_owned())),
            must_change: false,
            claims: user.claims.clone(),
        };
        match accounts.create(issuer, new).await {
            Ok(_) | Err(AccountError::NameTaken) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(())
}
