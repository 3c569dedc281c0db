//! A project for commands that change it by the operations of administration: the same rules, and a line of the project's audit log.

use hallpass_admin::{Caller, Desk, Kind, Operation, Problem, Terms};
use hallpass_provider::Provider;

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
        let terms = Terms::project(&self.name);
        self.desk.call::<O>(&self.caller, terms, input).await
    }
}

/// Why an operation was not done, in the words of a command where it has some for that kind.
pub(super) fn refused(problem: &Problem, kind: Kind, text: impl FnOnce() -> String) -> Failure {
    if problem.kind() == kind {
        Failure::new(text())
    } else {
        operator::failed(problem)
    }
}
