//! What people prove who they are with.

use hallpass_core::admin::Permission;
use hallpass_jose::base64url;
use hallpass_store::{CredentialData, CredentialRecord};
use hallpass_types::CredentialId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Which, changeable, find};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem, v1::page::Listed};

/// Lists the credentials of a person.
#[derive(Debug)]
pub struct CredentialsList;

/// Takes a credential away.
#[derive(Debug)]
pub struct RemoveCredential;

/// A credential. Nothing with which somebody could sign in is in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CredentialView {
    /// Its identity among those of the person.
    pub id: String,
    /// `passkey`, `totp`, `recovery_codes`, `email` or `upstream`.
    pub kind: String,
    /// What the person calls it.
    pub name: String,
    /// The mail address, the provider elsewhere, or the kind of authenticator.
    pub detail: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it was last used to sign in.
    pub last_used_at: Option<i64>,
}

/// Which credential.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichCredential {
    /// The subject of the account.
    pub user: String,
    /// The identity of the credential.
    pub credential: String,
}

impl From<&CredentialRecord> for CredentialView {
    fn from(record: &CredentialRecord) -> Self {
        let detail = match &record.data {
            CredentialData::Email(email) => Some(email.address.clone()),
            CredentialData::Upstream(upstream) => Some(upstream.provider.clone()),
            CredentialData::RecoveryCodes(codes) => {
                Some(format!("{} of {} left", codes.left.len(), codes.of))
            }
            CredentialData::Passkey(_)
            | CredentialData::Totp(_)
            | CredentialData::Unknown(_)
            | _ => None,
        };
        Self {
            id: identity(record.id),
            kind: record.data.kind().to_owned(),
            name: record.name.clone(),
            detail,
            created_at: record.created_at.0,
            last_used_at: record.last_used_at.map(|at| at.0),
        }
    }
}

fn identity(id: CredentialId) -> String {
    base64url::encode(id.0).as_str().to_owned()
}

impl Operation for CredentialsList {
    const INFO: Info = Info::get(
        "credentials.list",
        "/projects/{project}/users/{user}/credentials",
        Permission::ReadUsers,
    )
    .does("Lists what a person proves who they are with: passkeys, authenticator apps, addresses, identities elsewhere.");
    type Input = Which;
    type Output = Listed<CredentialView>;

    async fn run(cx: &Context, input: Which) -> Result<Listed<CredentialView>, Problem> {
        let user = find(cx, &input.user).await?;
        let mut all = cx.store().credentials(cx.issuer(), &user.subject).await?;
        all.sort_by_key(|record| (record.created_at, record.id));
        let items = all.iter().map(CredentialView::from).collect();
        Ok(Listed { items, next: None })
    }
}

impl Operation for RemoveCredential {
    const INFO: Info = Info::new(
        "credentials.delete",
        Method::Delete,
        "/projects/{project}/users/{user}/credentials/{credential}",
        Permission::HelpUsers,
    )
    .does("Takes a credential away from a person, such as a lost passkey; all their sessions end.");
    type Input = WhichCredential;
    type Output = Nothing;

    async fn run(cx: &Context, input: WhichCredential) -> Result<Nothing, Problem> {
        let user = changeable(cx, &input.user).await?;
        let all = cx.store().credentials(cx.issuer(), &user.subject).await?;
        let held = all
            .iter()
            .find(|record| identity(record.id) == input.credential);
        let held = held.ok_or_else(|| Problem::new(Kind::NotFound))?;
        if matches!(held.data, CredentialData::Email(_)) {
            // It follows the claims that tell it.
            let text = "an address is not removed, only replaced";
            return Err(Problem::new(Kind::WrongState).because(text));
        }
        let (spends, writes) = cx.provider().removing_credential(held).await?;
        let said = Change::of("user", user.subject.as_str())
            .saying("credential", input.credential)
            .saying("kind", held.data.kind())
            .spending(spends)
            .writing(writes);
        cx.commit(said, &Nothing {}).await?;
        cx.provider().end_sessions_of(&user.subject).await?;
        Ok(Nothing {})
    }
}
