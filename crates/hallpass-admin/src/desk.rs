//! Where operations are called.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use hallpass_provider::{Noted, Said};
use hallpass_store::Commit;
use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use crate::{
    Caller, Context, Kind, Platform, Problem, Project,
    caller::ALL_PROJECTS,
    context::OnlyOnce,
    operation::{Info, Operation, Place, Registered},
};

/// Calls operations. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    platform: Arc<dyn Platform>,
    refusals: Arc<Mutex<Refusals>>,
}

/// Of whom how many refusals were written down in a minute.
#[derive(Default)]
struct Refusals {
    minute: i64,
    of: BTreeMap<String, u32>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// What belongs to one request beside its input.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The project; none for an operation that takes place in none.
    pub project: Option<String>,
    /// The revision that the caller has seen: another one is not changed.
    pub if_match: Option<String>,
    pub(crate) once: Option<OnlyOnce>,
}

impl Terms {
    /// In a project.
    #[must_use]
    pub fn project(name: &str) -> Self {
        Self {
            project: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// If it still has that revision.
    #[must_use]
    pub fn if_match(mut self, revision: &str) -> Self {
        self.if_match = Some(revision.to_owned());
        self
    }
}

impl Desk {
    /// For the projects of a program.
    #[must_use]
    pub fn new(platform: Arc<dyn Platform>) -> Self {
        Self {
            platform,
            refusals: Arc::default(),
        }
    }

    /// The projects.
    #[must_use]
    pub fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    /// Calls an operation: looks whether the caller may, and does it.
    ///
    /// # Errors
    /// They may not, or it cannot be done.
    pub async fn call<O: Operation>(
        &self,
        caller: &Caller,
        terms: Terms,
        input: O::Input,
    ) -> Result<O::Output, Problem> {
        if let Err(problem) = may(O::INFO, caller, terms.project.as_deref()) {
            let project = terms.project.as_deref();
            self.refused(O::INFO, caller, project, &problem).await;
            return Err(problem);
        }
        let cx = self.context(O::INFO, caller, terms).await?;
        let done = O::run(&cx, input).await;
        if let Err(problem) = &done {
            self.refused_within(&cx, problem).await;
        }
        done
    }

    /// Writes down that an operator wanted to change what they may not. What only looks changes nothing, and whoever is no operator
    /// writes nothing.
    pub async fn refused(
        &self,
        info: Info,
        caller: &Caller,
        project: Option<&str>,
        problem: &Problem,
    ) {
        if info.needs.only_looks() {
            return;
        }
        self.note_refusal(info.id, caller, project, problem).await;
    }

    /// The same for a page of which the name says what was wanted.
    pub async fn note_refusal(
        &self,
        wanted: &str,
        caller: &Caller,
        project: Option<&str>,
        problem: &Problem,
    ) {
        // In the log of the project, where they have a role in it and it is awake; in that of the home project otherwise.
        let project = project.filter(|name| caller.knows(name));
        let place = match project {
            Some(name) => self.there(name).await.ok(),
            None => None,
        };
        let place = place.unwrap_or_else(|| self.platform.home());
        let now = place.provider.now();
        if caller.roles.is_empty() || !self.is_counted(caller, now) {
            return;
        }
        let mut details = Map::new();
        details.insert("operation".to_owned(), wanted.into());
        details.insert("reason".to_owned(), problem.kind().id().into());
        let said = Said {
            actor: caller.actor(),
            action: REFUSED.to_owned(),
            target: project.map(|_| "project".to_owned()),
            target_id: project.map(str::to_owned),
            details,
            address: caller.address,
        };
        let noted = place.provider.commit_noted(said, Commit::default(), None);
        // The refusal stands, written down or not.
        match noted.await {
            Ok(Noted::Done(_)) => {}
            Ok(other) => tracing::warn!(?other, "a refusal is not in the audit log"),
            Err(error) => tracing::warn!(%error, "a refusal is not in the audit log"),
        }
    }

    async fn refused_within(&self, cx: &Context, problem: &Problem) {
        if matches!(problem.kind(), Kind::Forbidden | Kind::ScopeMissing) {
            let project = cx.name.as_deref();
            self.refused(cx.info, &cx.caller, project, problem).await;
        }
    }

    /// Nobody fills the log by asking for what they may not.
    fn is_counted(&self, caller: &Caller, now: Timestamp) -> bool {
        let Some(who) = caller.principal.key() else {
            return false;
        };
        let Ok(mut refusals) = self.refusals.lock() else {
            return false;
        };
        let minute = now.0.div_euclid(60);
        if refusals.minute != minute {
            *refusals = Refusals {
                minute,
                of: BTreeMap::new(),
            };
        }
        let count = refusals.of.entry(who).or_default();
        *count = count.saturating_add(1);
        *count <= REFUSALS
    }

    /// Calls an operation by its registration. What was answered to the same request before is answered again.
    pub(crate) async fn call_registered(
        &self,
        operation: &Registered,
        caller: &Caller,
        terms: Terms,
        input: Map<String, Value>,
    ) -> Result<Value, Problem> {
        let once = terms.once;
        let cx = self.context(operation.info, caller, terms).await?;
        let Some(once) = once else {
            let done = (operation.run)(&cx, input).await;
            if let Err(problem) = &done {
                self.refused_within(&cx, problem).await;
            }
            return done;
        };
        if let Some(answer) = once.answered(cx.provider()).await? {
            return Ok(answer);
        }
        let done = (operation.run)(&cx, input).await;
        if let Err(problem) = &done {
            self.refused_within(&cx, problem).await;
        }
        match done {
            // The same request may have been done since it was looked for: what it did can be why this one fails.
            Err(problem) => match once.answered(cx.provider()).await? {
                Some(answer) => Ok(answer),
                None if problem.is_repeated() => Err(Problem::new(Kind::Unavailable).after(1)),
                None => Err(problem),
            },
            done => done,
        }
    }

    pub(crate) async fn context(
        &self,
        info: Info,
        caller: &Caller,
        terms: Terms,
    ) -> Result<Context, Problem> {
        let Terms {
            project,
            if_match,
            once,
        } = terms;
        may(info, caller, project.as_deref())?;
        let place = match info.place {
            Place::Anybody | Place::Platform | Place::Record => self.platform.home(),
            Place::Settings => {
                // One that cannot be loaded is mended by these very operations.
                let answers = self.platform.project(named(project.as_deref())?).await;
                answers
                    .ok()
                    .flatten()
                    .unwrap_or_else(|| self.platform.home())
            }
            Place::Project => self.there(named(project.as_deref())?).await?,
        };
        Ok(Context {
            platform: Arc::clone(&self.platform),
            caller: caller.clone(),
            info,
            name: project,
            project: place,
            if_match,
            once,
        })
    }

    async fn there(&self, name: &str) -> Result<Project, Problem> {
        let home = self.platform.home();
        if home.name == name {
            return Ok(home);
        }
        if let Some(project) = self.platform.project(name).await? {
            return Ok(project);
        }
        let known = home.provider.store().issuer_named(name).await?;
        Err(match known {
            Some(_) => Problem::new(Kind::WrongState).because("the project is not enabled"),
            None => Kind::NotFound.into(),
        })
    }
}

/// Whether a caller may call an operation there, whatever they want of it.
pub(crate) fn may(info: Info, caller: &Caller, project: Option<&str>) -> Result<(), Problem> {
    match info.place {
        Place::Anybody if caller.roles.is_empty() => Err(Kind::Forbidden.into()),
        Place::Anybody => Ok(()),
        Place::Platform => caller.check(info.needs, ALL_PROJECTS),
        Place::Record | Place::Settings | Place::Project => {
            caller.check(info.needs, named(project)?)
        }
    }
}

fn named(project: Option<&str>) -> Result<&str, Problem> {
    project
        .filter(|name| *name != ALL_PROJECTS)
        .ok_or_else(|| Kind::NotFound.into())
}

/// What the audit log calls it when an operator is refused a change.
const REFUSED: &str = "refused";
/// So many refusals of one operator are written down in a minute, by each process.
const REFUSALS: u32 = 20;
