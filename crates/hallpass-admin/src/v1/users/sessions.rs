//! Sessions of people.

use hallpass_core::{admin::Permission, record::Activity};
use hallpass_provider::ports::{ByOperator, Change as Changing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Which, changeable, find, prepared};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem, v1::page::Listed};

/// Lists the sessions of a person.
#[derive(Debug)]
pub struct SessionsList;

/// Ends a session.
#[derive(Debug)]
pub struct EndSession;

/// Ends all sessions of a person.
#[derive(Debug)]
pub struct EndAll;

/// A session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SessionView {
    /// Its name, which clients know as `sid`.
    pub id: String,
    /// Browser and system.
    pub device: Option<String>,
    /// The network address at sign-in.
    pub address: Option<String>,
    /// Methods that were used (RFC 8176).
    pub amr: Vec<String>,
    /// When it began, in seconds since 1970.
    pub created_at: i64,
    /// When it was last used, to the hour.
    pub seen_at: i64,
    /// Until when it lasts.
    pub expires_at: i64,
}

/// Which session.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichSession {
    /// The subject of the account.
    pub user: String,
    /// The name of the session.
    pub session: String,
}

impl Operation for SessionsList {
    const INFO: Info = Info::get(
        "sessions.list",
        "/projects/{project}/users/{user}/sessions",
        Permission::ReadUsers,
    )
    .does("Lists the sessions of a person that open something.");
    type Input = Which;
    type Output = Listed<SessionView>;

    async fn run(cx: &Context, input: Which) -> Result<Listed<SessionView>, Problem> {
        let user = find(cx, &input.user).await?;
        let now = cx.now();
        let all = cx
            .store()
            .account_sessions(cx.issuer(), &user.subject)
            .await?;
        let mut items: Vec<SessionView> = all
            .into_iter()
            .filter(|(_, record)| {
                !record.superseded
                    && !record.expires_at.is_over(now)
                    && record.account_epoch == user.epoch
                    && !user.disabled
            })
            .map(|(_, record)| SessionView {
                id: record.sid.as_str().to_owned(),
                device: record.visit.as_ref().map(|visit| visit.device.clone()),
                address: record.visit.as_ref().and_then(|v| v.address.clone()),
                amr: record.authentication.amr.clone(),
                created_at: record.created_at.0,
                seen_at: record.seen_at.max(record.created_at).0,
                expires_at: record.expires_at.0,
            })
            .collect();
        items.sort_by_key(|session| std::cmp::Reverse(session.seen_at));
        Ok(Listed { items, next: None })
    }
}

impl Operation for EndSession {
    const INFO: Info = Info::new(
        "sessions.end",
        Method::Delete,
        "/projects/{project}/users/{user}/sessions/{session}",
        Permission::HelpUsers,
    )
    .does("Ends a session; applications that want to know are told.");
    type Input = WhichSession;
    type Output = Nothing;

    async fn run(cx: &Context, input: WhichSession) -> Result<Nothing, Problem> {
        let user = changeable(cx, &input.user).await?;
        let ended = cx
            .provider()
            .ending_sessions(&user.subject, Some(&input.session))
            .await?;
        let ended = ended.ok_or_else(|| Problem::new(Kind::NotFound))?;
        let said = Change::of("user", user.subject.as_str())
            .saying("session", input.session)
            .writing(ended);
        cx.commit(said, &Nothing {}).await?;
        Ok(Nothing {})
    }
}

impl Operation for EndAll {
    const INFO: Info = Info::new(
        "sessions.end_all",
        Method::Delete,
        "/projects/{project}/users/{user}/sessions",
        Permission::HelpUsers,
    )
    .does("Ends all sessions of a person, and everything that was granted in them; applications that want to know are told.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let user = changeable(cx, &input.user).await?;
        // However many there are, and whoever is on the way to one: the epoch ends all in one commit. Clients are told of as many
        // in it as are read at a time, and of the others at once.
        let over = Changing::ByOperator(ByOperator::EndAll(&user.subject));
        let over = prepared(cx, over).await?;
        let ended = cx.provider().ending_sessions(&user.subject, None).await?;
        let said = Change::of("user", user.subject.as_str())
            .spending(over.spends)
            .writing(over.writes)
            .writing(ended.unwrap_or_default())
            .writing([cx
                .provider()
                .noted(&user.subject, Activity::SignedOutEverywhere)]);
        cx.commit(said, &Nothing {}).await?;
        cx.provider().end_sessions_of(&user.subject).await?;
        Ok(Nothing {})
    }
}
