//! `[cache]`: what a process may remember of what others change, and counts that processes share.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::{Seconds, Secret};
use crate::shared_limits::Address;

/// What a process may remember of what another one may have changed, and Redis or Valkey, where several processes share
/// their counts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// A change of a client or an issuer by another process holds here after so long. With 0 nothing of them is remembered:
    /// every request reads the store.
    bound: Seconds,
    /// Redis or Valkey, where processes count together what one address does: `redis://USER:PASSWORD@HOST:PORT/DATABASE`,
    /// `rediss://` for TLS, `unix:///PATH`. It may be away, emptied or slow at any time; each process counts for itself then.
    redis_url: Option<Secret>,
    /// File with the URL.
    redis_url_file: Option<PathBuf>,
}

/// What a process may remember, and what it shares.
#[derive(Debug, Clone)]
pub struct Cache {
    /// A change by another process holds here after so long; 0 remembers nothing.
    pub bound: Seconds,
    /// Where processes count together.
    pub redis: Option<Arc<Address>>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            bound: Seconds(1),
            redis_url: None,
            redis_url_file: None,
        }
    }
}

impl Raw {
    pub(super) fn parse(self, check: &mut Checker<'_>) -> Cache {
        check.between("cache.bound", self.bound, 0, 10);
        let url = check.secret(
            "cache.redis_url",
            self.redis_url,
            self.redis_url_file.as_deref(),
        );
        let mut redis = None;
        match url.map(|url| Address::parse(url.expose().trim())) {
            None => {}
            Some(Err(message)) => check.problem("cache.redis_url", message),
            Some(Ok(address)) if address.is_open() => check.problem(
                "cache.redis_url",
                "would cross the network in the clear: rediss:// for another machine",
            ),
            Some(Ok(address)) => redis = Some(Arc::new(address)),
        }
        Cache {
            bound: self.bound,
            redis,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    #[test]
    fn redis_elsewhere_needs_tls() {
        let good = [
            "redis://localhost",
            "redis://:p@127.0.0.1:7000/2",
            "rediss://cache.example",
            "unix:///run/redis",
        ];
        for url in good {
            let config = parsed(&format!("cache.redis_url = '{url}'")).unwrap();
            assert!(config.cache.redis.is_some(), "{url}");
        }
        assert!(parsed("").unwrap().cache.redis.is_none());
        for url in [
            "redis://cache.example",
            "redis://10.0.0.1",
            "http://localhost",
            "localhost:6379",
            "",
        ] {
            let text = format!(
                "{:?}",
                parsed(&format!("cache.redis_url = '{url}'")).unwrap_err()
            );
            assert!(text.contains("cache.redis_url"), "{text}");
        }
    }
}
