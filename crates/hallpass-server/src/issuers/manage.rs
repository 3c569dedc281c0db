//! What issuers can be like, and which there are. They are made and changed by the operations of administration.

use std::sync::Arc;

use hallpass_store::{IssuerRecord, Page, Store, StoreError};
use hallpass_types::Issuer;
use serde_json::{Map, Value};

use super::directory::PATH;
use crate::config::{Config, Problems, is_local};

/// Why an issuer was not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// The name is not of the form that names have.
    #[error("a name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or a digit")]
    Name,
    /// The identifier cannot be an issuer's.
    #[error("{0}")]
    Identifier(&'static str),
    /// Another issuer has the name or the place.
    #[error("another issuer has that name or that URL")]
    Taken,
    /// There is no issuer of that name.
    #[error("there is no such issuer")]
    Unknown,
    /// It is being deleted.
    #[error("the issuer is being deleted")]
    Going,
    /// Somebody else changed it since it was read.
    #[error("somebody else has changed the issuer; look at it again")]
    Changed,
    /// Settings are wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds issuers, and says which there can be.
#[derive(Clone)]
pub struct Manage<'a> {
    store: &'a Arc<dyn Store>,
    config: &'a Config,
    /// The issuer of the configuration.
    own: &'a Issuer,
}

impl std::fmt::Debug for Manage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manage")
            .field("own", self.own)
            .finish_non_exhaustive()
    }
}

impl<'a> Manage<'a> {
    /// In that store, with settings over those of the configuration.
    #[must_use]
    pub fn new(store: &'a Arc<dyn Store>, config: &'a Config, own: &'a Issuer) -> Self {
        Self { store, config, own }
    }

    /// The identifier that an issuer gets when none is chosen: its name in the path of the configuration's host.
    #[must_use]
    pub fn usual_identifier(&self, name: &str) -> String {
        format!("{}{PATH}{name}", self.own.origin())
    }

    /// Whether an issuer can be made so, as far as others are not concerned.
    ///
    /// # Errors
    /// Why not.
    pub fn check_new(
        &self,
        name: &str,
        identifier: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), ManageError> {
        if !is_name(name) || name == OWN {
            return Err(ManageError::Name);
        }
        self.check(identifier)?;
        self.config.of_issuer(identifier, settings)?;
        Ok(())
    }

    /// The issuer of that name.
    ///
    /// # Errors
    /// [`ManageError::Unknown`], [`ManageError::Store`]
    pub async fn find(&self, name: &str) -> Result<IssuerRecord, ManageError> {
        let found = self.store.issuer_named(name).await?;
        found.ok_or(ManageError::Unknown)
    }

    /// Issuers by their names, after `after`.
    ///
    /// # Errors
    /// [`ManageError::Store`]
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<IssuerRecord>, ManageError> {
        Ok(self.store.issuers(after, limit).await?)
    }

    fn check(&self, identifier: &str) -> Result<(), ManageError> {
        let wrong = |text| Err(ManageError::Identifier(text));
        let Ok(issuer) = Issuer::parse(identifier) else {
            return wrong("the URL is malformed, or not as a browser would write it");
        };
        if !issuer.is_https() && !is_local(identifier) {
            return wrong("the URL must begin with https://");
        }
        match issuer.path().strip_prefix(PATH) {
            Some(name) if is_name(name) => {}
            Some(_) => return wrong("behind /p/ there must be a name, and nothing behind that"),
            None if !issuer.path().is_empty() => {
                return wrong("the URL must have no path, or one of the form /p/NAME");
            }
            None if issuer.origin() == self.own.origin() => {
                return wrong(
                    "the host is that of the configuration's issuer; choose /p/NAME on it",
                );
            }
            None => {}
        }
        if issuer.as_str() == self.own.as_str() {
            return wrong("the URL is that of the configuration's issuer");
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(plain)
        && text
            .bytes()
            .all(|byte| plain(byte) || b"-_".contains(&byte))
}

/// What the issuer of the configuration is called.
pub const OWN: &str = "default";

#[cfg(test)]
mod tests {
    use hallpass_store::MemoryStore;
    use serde_json::json;

    use super::*;
    use crate::config::Source;

    fn config() -> Config {
        let source = Source::parse(None, String::new(), std::iter::empty()).unwrap();
        Config::parse(source).unwrap()
    }

    #[test]
    fn names_and_urls_have_a_form() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (config, own) = (config(), Issuer::parse("https://op.example").unwrap());
        let manage = Manage::new(&store, &config, &own);
        let make = |name: &str, url: &str| manage.check_new(name, url, &Map::new());
        for (name, url) in [
            ("acme", "https://op.example/p/acme"),
            ("b", "https://b.example"),
            ("b-2", "https://b.example/p/b"),
            ("local", "http://localhost:3000/p/x"),
        ] {
            assert!(make(name, url).is_ok(), "{name} {url}");
        }
        let long = "a".repeat(64);
        for (name, url) in [
            ("", "https://x.example"),
            ("A", "https://x.example"),
            ("-a", "https://x.example"),
            ("a/b", "https://x.example"),
            (&*long, "https://x.example"),
            ("default", "https://x.example"),
            ("x", "https://op.example"),
            ("x", "https://op.example/acme"),
            ("x", "https://op.example/p/"),
            ("x", "https://op.example/p/a/b"),
            ("x", "https://op.example/p/A"),
            ("x", "https://op.example/p/a%62"),
            ("x", "https://X.example"),
            ("x", "https://x.example/"),
            ("x", "https://x.example?q"),
            ("x", "http://x.example"),
            ("x", "x.example"),
        ] {
            assert!(make(name, url).is_err(), "{name} {url}");
        }
    }

    #[test]
    fn settings_are_checked() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (config, own) = (config(), Issuer::parse("https://op.example").unwrap());
        let manage = Manage::new(&store, &config, &own);
        let url = manage.usual_identifier("acme");
        assert_eq!(url, "https://op.example/p/acme");
        let with = |seconds: u32| {
            let settings = json!({"lifetimes": {"code": seconds}});
            manage.check_new("acme", &url, settings.as_object().unwrap())
        };
        assert!(matches!(with(0), Err(ManageError::Settings(_))));
        assert!(with(30).is_ok());
    }
}
