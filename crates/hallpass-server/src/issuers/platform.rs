//! The projects of administration: the issuers of this process, or those of a command.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_admin::{Kind, Platform, Problem, Project};
use hallpass_core::policy::Policy;
use hallpass_store::{BoxFuture, IssuerState, StoreError};
use hallpass_types::{Issuer, IssuerId};
use serde_json::{Map, Value};

use super::Issuers;
use super::manage::{Manage, ManageError, OWN};
use crate::config::Config;
use crate::wiring::Engine;

/// A server with its issuers.
#[derive(Clone, Debug)]
pub struct Served(Issuers);

impl Served {
    /// The issuers of a server.
    #[must_use]
    pub fn new(issuers: Issuers) -> Self {
        Self(issuers)
    }
}

/// A command, which builds the issuer that it is about.
#[derive(Debug)]
pub struct Commanded {
    engine: Engine,
    config: Config,
    /// The issuer that was built last, with the change after which it was: many operations are about the same one.
    built: Mutex<Option<(IssuerId, u64, Project)>>,
}

impl Commanded {
    /// The engine of a command, with the issuer of the configuration.
    #[must_use]
    pub fn new(engine: Engine, config: Config) -> Self {
        Self {
            engine,
            config,
            built: Mutex::new(None),
        }
    }

    fn built(&self) -> MutexGuard<'_, Option<(IssuerId, u64, Project)>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for Served {
    fn home(&self) -> Project {
        Project {
            name: OWN.to_owned(),
            provider: self.0.default_issuer().provider().clone(),
        }
    }

    fn project<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Project>, StoreError>> {
        Box::pin(async move {
            let Some(record) = self.0.store().issuer_named(name).await? else {
                return Ok(None);
            };
            if record.state != IssuerState::Enabled {
                return Ok(None);
            }
            let fresh = |known: &super::Known| known.change == record.change;
            let known = match self.0.by_number(record.id).filter(fresh) {
                Some(known) => Some(known),
                None => {
                    self.0.look().await?;
                    self.0.by_number(record.id)
                }
            };
            let Some(known) = known else { return Ok(None) };
            let loaded = self.0.get(known).await;
            let loaded = loaded.map_err(|_| StoreError::Busy { retry_after: 1 })?;
            Ok(loaded.map(|issuer| Project {
                name: record.name,
                provider: issuer.provider().clone(),
            }))
        })
    }

    fn check_new(
        &self,
        name: &str,
        identifier: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<String, Problem> {
        let own = &self.0.default_issuer().provider().policy().issuer;
        let manage = Manage::new(self.0.store(), &self.0.0.config, own);
        check_new(&manage, name, identifier, settings)
    }

    fn check_settings(
        &self,
        identifier: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), Problem> {
        check_settings(&self.0.0.config, identifier, settings)
    }

    fn policy(&self, identifier: &str, settings: &Map<String, Value>) -> Result<Policy, Problem> {
        let home = self.0.default_issuer().provider().policy();
        policy(&self.0.0.config, home, identifier, settings)
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.0.look().await {
                tracing::warn!(%error, "changes of issuers are seen later");
            }
        })
    }
}

impl Platform for Commanded {
    fn home(&self) -> Project {
        Project {
            name: OWN.to_owned(),
            provider: self.engine.provider.clone(),
        }
    }

    fn project<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Project>, StoreError>> {
        Box::pin(async move {
            let store = self.engine.provider.store();
            let found = store.issuer_named(name).await?;
            let Some(record) = found.filter(|record| record.state != IssuerState::Deleting) else {
                return Ok(None);
            };
            if let Some((id, change, project)) = &*self.built()
                && (*id, *change) == (record.id, record.change)
            {
                return Ok(Some(project.clone()));
            }
            let wrong = |text: String| StoreError::Unavailable(text.into());
            let issuer = Issuer::parse(&record.identifier)
                .map_err(|_| wrong(format!("issuer {name}: malformed identifier")))?;
            let config = self.config.of_issuer(&record.identifier, &record.settings);
            let config = config.map_err(|problems| wrong(problems.to_string()))?;
            let part = self.engine.beside(&config, issuer, record.id).await?;
            let project = Project {
                name: record.name,
                provider: part.provider,
            };
            *self.built() = Some((record.id, record.change, project.clone()));
            Ok(Some(project))
        })
    }

    fn check_new(
        &self,
        name: &str,
        identifier: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<String, Problem> {
        let provider = &self.engine.provider;
        let manage = Manage::new(provider.store(), &self.config, &provider.policy().issuer);
        check_new(&manage, name, identifier, settings)
    }

    fn check_settings(
        &self,
        identifier: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), Problem> {
        check_settings(&self.config, identifier, settings)
    }

    fn policy(&self, identifier: &str, settings: &Map<String, Value>) -> Result<Policy, Problem> {
        let home = self.engine.provider.policy();
        policy(&self.config, home, identifier, settings)
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        // A server that runs sees it by itself.
        Box::pin(async {})
    }
}

/// Calls operations for a command.
#[must_use]
pub fn desk(platform: impl Platform) -> hallpass_admin::Desk {
    hallpass_admin::Desk::new(Arc::new(platform))
}

fn check_new(
    manage: &Manage<'_>,
    name: &str,
    identifier: Option<&str>,
    settings: &Map<String, Value>,
) -> Result<String, Problem> {
    let identifier = match identifier {
        Some(identifier) => identifier.to_owned(),
        None => manage.usual_identifier(name),
    };
    match manage.check_new(name, &identifier, settings) {
        Ok(()) => Ok(identifier),
        Err(error) => Err(refused(&error)),
    }
}

fn check_settings(
    config: &Config,
    identifier: &str,
    settings: &Map<String, Value>,
) -> Result<(), Problem> {
    let checked = config.of_issuer(identifier, settings);
    checked
        .map(drop)
        .map_err(|problems| refused(&ManageError::Settings(problems)))
}

fn policy(
    config: &Config,
    home: &Policy,
    identifier: &str,
    settings: &Map<String, Value>,
) -> Result<Policy, Problem> {
    let config = config.of_issuer(identifier, settings);
    let config = config.map_err(|problems| refused(&ManageError::Settings(problems)))?;
    let text = "is no issuer identifier";
    let issuer = Issuer::parse(identifier).map_err(|_| Problem::unfit("issuer", text))?;
    Ok(crate::wiring::policy::provisional(&config, &issuer, home))
}

fn refused(error: &ManageError) -> Problem {
    let field = match error {
        ManageError::Name => "name",
        ManageError::Identifier(_) => "issuer",
        ManageError::Settings(_) => "settings",
        ManageError::Taken => return Kind::Taken.into(),
        ManageError::Unknown => return Kind::NotFound.into(),
        ManageError::Changed => return Kind::Changed.into(),
        ManageError::Going => return Kind::WrongState.into(),
        ManageError::Store(_) => return Kind::Unavailable.into(),
    };
    Problem::unfit(field, error.to_string())
}
