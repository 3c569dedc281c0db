//! The settings that a project has for itself.

use hallpass_admin::{
    Terms,
    v1::projects::{self, ProjectView, State},
};
use hallpass_core::admin::Permission;
use serde_json::{Map, Value};

use crate::{gate::Visit, render::Stop};

impl Visit {
    /// The project of the page as it is written down.
    pub(crate) async fn record(&self) -> Result<ProjectView, Stop> {
        self.call::<projects::Show>(projects::show::Input {}).await
    }

    /// Whether the settings of a project are changed here: those of the configuration's are in its file.
    pub(crate) fn may_set(&self, project: &ProjectView) -> bool {
        self.may(Permission::ChangeProject)
            && !project.configured
            && project.state != State::Deleting
    }

    /// Replaces the settings of what the page has shown.
    pub(crate) async fn set(
        &self,
        revision: Option<&str>,
        settings: Map<String, Value>,
    ) -> Result<(), Stop> {
        let terms = Terms::project(self.project());
        let terms = match revision {
            Some(revision) => terms.if_match(revision),
            None => terms,
        };
        let input = projects::update::Input { settings };
        let done = self
            .desk
            .call::<projects::Update>(&self.caller, terms, input);
        done.await?;
        Ok(())
    }
}

/// A setting by its name, with full stops between the names of sections.
pub(crate) fn at<'s>(settings: &'s Map<String, Value>, name: &str) -> Option<&'s Value> {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    };
    match (settings.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Object(inner), Some(rest)) => at(inner, rest),
        (_, Some(_)) => None,
    }
}

/// Sets one, or takes it away. A section that becomes empty goes.
pub(crate) fn put(
    settings: &mut Map<String, Value>,
    section: &str,
    name: &str,
    value: Option<Value>,
) {
    let inner = settings
        .entry(section)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        match value {
            Some(value) => drop(inner.insert(name.to_owned(), value)),
            None => drop(inner.remove(name)),
        }
        if inner.is_empty() {
            settings.remove(section);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_found_set_and_taken_away_with_its_section() {
        let mut settings = Map::new();
        put(&mut settings, "lifetimes", "code", Some(json!("30s")));
        put(&mut settings, "lifetimes", "session", Some(json!(60)));
        assert_eq!(at(&settings, "lifetimes.code"), Some(&json!("30s")));
        assert_eq!(at(&settings, "lifetimes.code.x"), None);
        assert_eq!(at(&settings, "protocol.scopes"), None);
        put(&mut settings, "lifetimes", "code", None);
        put(&mut settings, "lifetimes", "session", None);
        put(&mut settings, "pages", "name", None);
        assert!(settings.is_empty());
    }
}
