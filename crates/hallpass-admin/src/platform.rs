//! What administration needs of the program that it is part of.

use hallpass_core::policy::Policy;
use hallpass_provider::Provider;
use hallpass_store::{BoxFuture, StoreError};
use serde_json::{Map, Value};

use crate::Problem;

/// A project: an issuer with everything that it has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Project {
    /// What operators call it.
    pub name: String,
    /// Its provider.
    pub provider: Provider,
}

/// The projects of a program, and how they are made.
pub trait Platform: Send + Sync + 'static {
    /// The project of the configuration. Operators are its people and its clients, and who may what is kept there.
    fn home(&self) -> Project;

    /// A project that answers. None: it is not there, or not enabled.
    fn project<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Project>, StoreError>>;

    /// Whether a project can be made so: the identifier that it gets.
    ///
    /// # Errors
    /// Why not.
    fn check_new(
        &self,
        name: &str,
        identifier: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<String, Problem>;

    /// Whether a project can have these settings.
    ///
    /// # Errors
    /// Why not.
    fn check_settings(
        &self,
        identifier: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), Problem>;

    /// The policy that a project would have with these settings, as far as its clients are judged by it.
    ///
    /// # Errors
    /// Why it cannot have them.
    fn policy(&self, identifier: &str, settings: &Map<String, Value>) -> Result<Policy, Problem>;

    /// Projects were made or changed by this process: takes it over at once.
    fn changed(&self) -> BoxFuture<'_, ()>;
}
