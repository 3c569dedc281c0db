//! A project for commands that change it by the operations of administration: the same rules, and a line of the project's audit log.

use hallpass_accounts::username_key;
use hallpass_admin::{Caller, Desk, Kind, Operation, Problem, Terms};
use hallpass_provider::Provider;
use hallpass_store::UserRecord;

use super::{issuer, operator};
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::manage::OWN;
use crate::issuers::platform::{Commanded, desk};
use crate::wiring::Engine;

/// A project, and whoever runs a command.
pub(super) struct Office {
    desk: Desk,
    caller: Caller,
    name: String,
    /// The provider of the project.
    pub(super) provider: Provider,
}

impl Office {
    /// Of the issuer that is named, or of the configuration's.
    pub(super) async fn of(
        name: Option<&str>,
        config: &Config,
        engine: Engine,
    ) -> Result<Self, Failure> {
        if let Some(name) = name {
            issuer::known(name, config, &engine).await?;
        }
        let desk = desk(Commanded::new(engine, config.clone()));
        let project = match name {
            Some(name) => desk.platform().project(name).await,
            None => Ok(Some(desk.platform().home())),
        };
        let project = project.map_err(|error| Failure::doing("issuer", &error))?;
        let project = project.ok_or_else(|| Failure::new("the issuer is being deleted"))?;
        Ok(Self {
            desk,
            caller: Caller::command(crate::audit::user()),
            name: name.unwrap_or(OWN).to_owned(),
            provider: project.provider,
        })
    }

    /// Does something in the project.
    pub(super) async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Problem> {
        self.call_at::<O>(Terms::project(&self.name), input).await
    }

    /// Does something elsewhere: in another project, or in none.
    pub(super) async fn call_at<O: Operation>(
        &self,
        terms: Terms,
        input: O::Input,
    ) -> Result<O::Output, Problem> {
        self.desk.call::<O>(&self.caller, terms, input).await
    }

    /// Does something in the project, if what it changes still has that revision.
    pub(super) async fn call_if<O: Operation>(
        &self,
        revision: &str,
        input: O::Input,
    ) -> Result<O::Output, Problem> {
        let terms = Terms::project(&self.name).if_match(revision);
        self.call_at::<O>(terms, input).await
    }

    /// Does something in the project that is right whatever others have changed meanwhile: anew, while somebody else is faster.
    pub(super) async fn repeat<O: Operation>(
        &self,
        input: impl Fn() -> O::Input,
    ) -> Result<O::Output, Problem> {
        for _ in 1..ROUNDS {
            match self.call::<O>(input()).await {
                Err(problem) if problem.kind() == Kind::Changed => {}
                done => return done,
            }
        }
        self.call::<O>(input()).await
    }

    /// The account of that name, disabled or not.
    pub(super) async fn find_user(&self, username: &str) -> Result<Option<UserRecord>, Failure> {
        let provider = &self.provider;
        let key = username_key(username);
        let found = provider.store().user_by_name(provider.issuer_id(), &key);
        found.await.map_err(|error| Failure::doing("user", &error))
    }

    /// The same, which is there.
    pub(super) async fn user(&self, username: &str) -> Result<UserRecord, Failure> {
        let found = self.find_user(username).await?;
        found.ok_or_else(|| Failure::new(format!("there is no user {username:?}")))
    }
}

/// Tries while somebody else changes the same.
pub(super) const ROUNDS: usize = 8;

/// Why an operation was not done, in the words of a command where it has some for that kind.
pub(super) fn refused(problem: &Problem, kind: Kind, text: impl FnOnce() -> String) -> Failure {
    if problem.kind() == kind {
        Failure::new(text())
    } else {
        operator::failed(problem)
    }
}
