//! What an operation is given, and how it writes.

use std::sync::Arc;

use hallpass_core::record::{AnsweredRecord, WaitingRecord};
use hallpass_provider::{Noted, Provider, Said};
use hallpass_store::{Commit, IssuerRecord, IssuerWork, Spend, Store, StoreError, Write};
use hallpass_types::{Bucket, IssuerId, Key, Timestamp, Waiting, sha256};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Caller, Kind, Platform, Problem, Project, operation::Info};

/// What an operation is given.
pub struct Context {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) caller: Caller,
    pub(crate) info: Info,
    /// The name of the project, as it was given.
    pub(crate) name: Option<String>,
    pub(crate) project: Project,
    pub(crate) if_match: Option<String>,
    pub(crate) once: Option<OnlyOnce>,
}

/// A request that may come again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyOnce {
    /// Of the caller and the key that they chose.
    pub(crate) key: [u8; 32],
    /// Of everything else.
    pub(crate) request: [u8; 32],
}

/// What is written, with what is said about it in the audit log.
#[derive(Debug, Default)]
pub struct Change {
    /// What may happen only once.
    pub spends: Vec<Spend>,
    /// What is written when all spends succeed.
    pub writes: Vec<Write>,
    /// What kind of thing is changed.
    pub target: Option<&'static str>,
    /// Which of them.
    pub id: Option<String>,
    /// What about it, never a secret.
    pub details: Map<String, Value>,
}

impl Change {
    /// A change of one thing.
    #[must_use]
    pub fn of(target: &'static str, id: &str) -> Self {
        Self {
            target: Some(target),
            id: Some(id.to_owned()),
            ..Self::default()
        }
    }

    /// With spends.
    #[must_use]
    pub fn spending(mut self, spends: impl IntoIterator<Item = Spend>) -> Self {
        self.spends.extend(spends);
        self
    }

    /// With writes.
    #[must_use]
    pub fn writing(mut self, writes: impl IntoIterator<Item = Write>) -> Self {
        self.writes.extend(writes);
        self
    }

    /// With something to say about it.
    #[must_use]
    pub fn saying(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Why a change was not committed.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an operation looks at both")]
pub enum Uncommitted {
    /// The spend of that place among those of the change came too late.
    TooLate(usize),
    /// Something else.
    Problem(Problem),
}

/// Somebody else was faster.
impl From<Uncommitted> for Problem {
    fn from(uncommitted: Uncommitted) -> Self {
        match uncommitted {
            Uncommitted::TooLate(_) => Kind::Changed.into(),
            Uncommitted::Problem(problem) => problem,
        }
    }
}

impl From<StoreError> for Uncommitted {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("operation", &self.info.id)
            .field("caller", &self.caller.principal)
            .field("project", &self.project.name)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The project in which the operation takes place; the home project for one that takes place in none.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The name of the project that is meant, whether it answers or not.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.project.name)
    }

    /// The provider of the project.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.project.provider
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        self.project.provider.store()
    }

    /// The number of the project in the store.
    #[must_use]
    pub fn issuer(&self) -> IssuerId {
        self.project.provider.issuer_id()
    }

    /// Everything around.
    #[must_use]
    pub fn platform(&self) -> &dyn Platform {
        &*self.platform
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.project.provider.now()
    }

    /// Whether the project is the one in which operators are.
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.platform.home().provider.issuer_id() == self.issuer()
    }

    /// Refuses a change of what is not any more what the caller has seen.
    ///
    /// # Errors
    /// [`Kind::PreconditionFailed`]
    pub fn matches(&self, revision: &str) -> Result<(), Problem> {
        match self.if_match.as_deref() {
            Some(seen) if seen != "*" && seen != revision => Err(Kind::PreconditionFailed.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes a change together with the line that says so, and with the answer for whoever sends the same request again.
    ///
    /// # Errors
    /// A spend was too late, or the store fails. Nothing is written then.
    pub async fn commit(
        &self,
        change: Change,
        answer: &(impl Serialize + Sync),
    ) -> Result<(), Uncommitted> {
        let answered = self.answered(answer)?;
        self.written(change, answered, None).await.map(drop)
    }

    /// As [`Self::commit`], together with the making or changing of an issuer, which comes too late as the spend behind the last one
    /// does. Answers the issuer as it is from now on.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn commit_issuer(
        &self,
        work: IssuerWork,
        change: Change,
        answer: &(impl Serialize + Sync),
    ) -> Result<IssuerRecord, Uncommitted> {
        let answered = self.answered(answer)?;
        let behind = change.spends.len();
        let done = self.written(change, answered, Some(work)).await?;
        done.ok_or(Uncommitted::TooLate(behind))
    }

    fn answered(&self, answer: &(impl Serialize + Sync)) -> Result<Vec<Spend>, Uncommitted> {
        match &self.once {
            Some(once) => once.spends(&self.project.provider, answer),
            None => Ok(Vec::new()),
        }
    }

    async fn written(
        &self,
        change: Change,
        answered: Vec<Spend>,
        work: Option<IssuerWork>,
    ) -> Result<Option<IssuerRecord>, Uncommitted> {
        let provider = &self.project.provider;
        let first = answered.len();
        let mut spends = answered;
        spends.extend(change.spends);
        let commit = Commit {
            spends,
            writes: change.writes,
        };
        let said = Said {
            actor: self.caller.actor(),
            action: self.info.id.to_owned(),
            target: change.target.map(str::to_owned),
            target_id: change.id,
            details: change.details,
            address: self.caller.address,
        };
        match provider.commit_noted(said, commit, work).await? {
            Noted::Done(record) => Ok(record.map(|record| *record)),
            Noted::Late => Ok(None),
            Noted::TooLate(late) if late < first => Err(Uncommitted::Problem(Problem::repeated())),
            Noted::TooLate(late) => Err(Uncommitted::TooLate(late.saturating_sub(first))),
            Noted::Busy => Err(Uncommitted::Problem(
                Problem::new(Kind::Unavailable).after(1),
            )),
        }
    }
}

impl OnlyOnce {
    pub(crate) fn of(caller: &str, key: &str, request: &[u8]) -> Self {
        let key = format!("{}\0{caller}\0{key}", caller.len());
        Self {
            key: sha256(key.as_bytes()),
            request: sha256(request),
        }
    }

    /// An answer is kept for the day on which it was made and the next. Whoever comes on the next day looks at both.
    fn keys(&self, now: Timestamp) -> [Key<Waiting>; 2] {
        let day = now.0.div_euclid(DAY);
        [day, day.saturating_sub(1)].map(|day| {
            let end = day.saturating_add(2).saturating_mul(DAY);
            Key::from_parts(Bucket::holding(Timestamp(end)), self.key)
        })
    }

    /// Both days are taken, so that of two requests around midnight one is too late.
    fn spends(
        &self,
        provider: &Provider,
        answer: &impl Serialize,
    ) -> Result<Vec<Spend>, Uncommitted> {
        let plain =
            serde_json::to_vec(answer).map_err(|_| Uncommitted::Problem(Kind::Internal.into()))?;
        let record = WaitingRecord::Answered(AnsweredRecord {
            request: self.request,
            sealed: provider.seal_answer(&plain),
        });
        let keys = self.keys(provider.now());
        Ok(keys
            .map(|key| Spend::NewWaiting(key, Box::new(record.clone())))
            .into())
    }

    /// What was answered to the same request before.
    pub(crate) async fn answered(&self, provider: &Provider) -> Result<Option<Value>, Problem> {
        for key in self.keys(provider.now()) {
            let found = provider.store().waiting(provider.issuer_id(), key).await?;
            let Some(found) = found else { continue };
            let WaitingRecord::Answered(answered) = found.record else {
                return Err(Kind::Internal.into());
            };
            if answered.request != self.request {
                return Err(Kind::KeyReused.into());
            }
            let plain = provider.open_answer(&answered.sealed);
            let value = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
            return value.map(Some).ok_or_else(|| {
                // Everything sealed was ended since.
                Problem::new(Kind::Changed)
                    .because("the answer to this request cannot be read any more")
            });
        }
        Ok(None)
    }
}

const DAY: i64 = 86_400;
