//! Projects: issuers with everything that they have.

pub mod create;
pub mod delete;
pub mod list;
pub mod show;
pub mod state;
pub mod update;

use hallpass_store::{IssuerRecord, IssuerState, IssuerWork};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub use create::Create;
pub use delete::Delete;
pub use list::List;
pub use show::Show;
pub use state::{Disable, Enable};
pub use update::Update;

use crate::{Context, Kind, Problem};

/// Whether a project answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the same as the states of the store"
)]
pub enum State {
    /// It answers.
    Enabled,
    /// It is as if it were not there.
    Disabled,
    /// It goes.
    Deleting,
}

/// A project as operators see it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectView {
    /// What operators call it.
    pub name: String,
    /// Its issuer identifier.
    pub issuer: String,
    /// Whether it answers.
    pub state: State,
    /// Whether it is the one of the configuration, which cannot be changed here.
    pub configured: bool,
    /// Settings that differ from those of the configuration, by section.
    pub settings: Map<String, Value>,
    /// Changes with every change.
    pub revision: String,
    /// When it was made, in seconds since 1970; null for the one of the configuration.
    pub created_at: Option<i64>,
    /// When it was last changed.
    pub updated_at: Option<i64>,
}

impl From<IssuerRecord> for ProjectView {
    fn from(record: IssuerRecord) -> Self {
        Self {
            state: match record.state {
                IssuerState::Enabled => State::Enabled,
                IssuerState::Disabled => State::Disabled,
                IssuerState::Deleting => State::Deleting,
            },
            configured: false,
            revision: record.revision.to_string(),
            created_at: Some(record.created_at.0),
            updated_at: Some(record.updated_at.0),
            name: record.name,
            issuer: record.identifier,
            settings: record.settings,
        }
    }
}

/// The project of the configuration.
fn home(cx: &Context) -> ProjectView {
    let home = cx.platform().home();
    ProjectView {
        issuer: home.provider.policy().issuer.as_str().to_owned(),
        name: home.name,
        state: State::Enabled,
        configured: true,
        settings: Map::new(),
        revision: "configuration".to_owned(),
        created_at: None,
        updated_at: None,
    }
}

/// The record of the project that is meant, to be changed.
pub(super) async fn record(cx: &Context) -> Result<IssuerRecord, Problem> {
    if cx.name() == cx.platform().home().name {
        let text = "the project of the configuration is changed there";
        return Err(Problem::new(Kind::WrongState).because(text));
    }
    let found = cx.store().issuer_named(cx.name()).await?;
    let found = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    cx.matches(&found.revision.to_string())?;
    Ok(found)
}

/// Changes a project as it was read.
pub(super) async fn change(
    cx: &Context,
    before: &IssuerRecord,
    next: IssuerRecord,
    said: crate::Change,
) -> Result<ProjectView, Problem> {
    if before.state == IssuerState::Deleting {
        return Err(Problem::new(Kind::WrongState).because("the project is being deleted"));
    }
    let next = IssuerRecord {
        updated_at: cx.now(),
        revision: before.revision.saturating_add(1),
        ..next
    };
    let view = ProjectView::from(next.clone());
    let work = IssuerWork::Change {
        revision: before.revision,
        record: Box::new(next),
    };
    cx.commit_issuer(work, said, &view).await?;
    cx.platform().changed().await;
    Ok(view)
}
