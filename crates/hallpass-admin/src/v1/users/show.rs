//! Shows a person.

use hallpass_core::{admin::Permission, record::Activity};
use hallpass_store::CredentialData;
use schemars::JsonSchema;
use serde::Serialize;

use super::{UserView, Which, find};
use crate::{Context, Info, Operation, Problem};

/// Shows a person.
#[derive(Debug)]
pub struct Show;

/// An account with what is known of its use.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The account.
    #[serde(flatten)]
    pub user: UserView,
    /// When the person last signed in, as far back as activity is kept.
    pub last_sign_in_at: Option<i64>,
    /// How many passkeys they have.
    pub passkeys: u64,
    /// Whether they have an authenticator app.
    pub has_totp: bool,
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "users.show",
        "/projects/{project}/users/{user}",
        Permission::ReadUsers,
    )
    .does("Shows a person.");
    type Input = Which;
    type Output = Shown;

    async fn run(cx: &Context, input: Which) -> Result<Shown, Problem> {
        let user = find(cx, &input.user).await?;
        let (store, issuer) = (cx.store(), cx.issuer());
        let credentials = store.credentials(issuer, &user.subject).await?;
        let activity = store.activity_of(issuer, &user.subject, 200).await?;
        let signed_in = activity.iter().find(|a| a.what == Activity::SignedIn);
        let passkey = |data: &CredentialData| matches!(data, CredentialData::Passkey(_));
        let totp = |data: &CredentialData| matches!(data, CredentialData::Totp(_));
        Ok(Shown {
            user: UserView::from(&user),
            last_sign_in_at: signed_in.map(|a| a.at.0),
            passkeys: credentials.iter().filter(|c| passkey(&c.data)).count() as u64,
            has_totp: credentials.iter().any(|c| totp(&c.data)),
        })
    }
}
