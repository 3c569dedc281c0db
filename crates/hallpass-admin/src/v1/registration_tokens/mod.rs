//! Tokens that let somebody register clients (RFC 7591 §1.2).

pub mod create;
pub mod delete;
pub mod list;

use hallpass_jose::base64url;
use hallpass_store::InitialAccessRecord;
use hallpass_types::ContentDigest;
use schemars::JsonSchema;
use serde::Serialize;

pub use create::Create;
pub use delete::Delete;
pub use list::List;

/// A token as operators see it. Nothing with which somebody could register a client is in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TokenView {
    /// Its name, which says nothing about the token.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// Policies of the configuration to which clients are held that it lets in.
    pub policies: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it ends; null for never.
    pub expires_at: Option<i64>,
    /// How many clients it has let in.
    pub uses: u32,
    /// How many it lets in at most; null for any number.
    pub max_uses: Option<u32>,
}

impl TokenView {
    fn of(digest: ContentDigest, record: &InitialAccessRecord) -> Self {
        Self {
            id: name(digest),
            label: record.label.clone(),
            policies: record.policies.clone(),
            created_at: record.created_at.0,
            expires_at: record.expires_at.map(|at| at.0),
            uses: record.uses,
            max_uses: record.max_uses,
        }
    }
}

/// Enough of the digest to name a token. Nothing of the token follows from it.
fn name(digest: ContentDigest) -> String {
    let mut text = base64url::encode(digest.0);
    text.truncate(12);
    text
}
