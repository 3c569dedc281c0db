//! Where operations are called.

use std::sync::Arc;

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
        Self { platform }
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
        let cx = self.context(O::INFO, caller, terms).await?;
        O::run(&cx, input).await
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
            return (operation.run)(&cx, input).await;
        };
        if let Some(answer) = once.answered(cx.provider()).await? {
            return Ok(answer);
        }
        match (operation.run)(&cx, input).await {
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
