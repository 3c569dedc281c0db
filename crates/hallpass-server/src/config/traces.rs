//! `[traces]`: spans of requests, sent to a collector by OTLP.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::{Seconds, Secret};

/// Spans of requests, sent by OTLP over HTTP as JSON. Nothing is sent without an endpoint. No span holds a secret, a token, a code, the
/// address or the name of a person, or the path or query of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Where spans are sent to, with its path: `http://127.0.0.1:4318/v1/traces`.
    endpoint: Option<String>,
    /// The header `Authorization` for it.
    authorization: Option<Secret>,
    /// File with that.
    authorization_file: Option<PathBuf>,
    /// How many of the requests are traced that belong to no trace yet: from 0 to 1.
    sample: f64,
    /// Whose `traceparent` is followed.
    parents: Parents,
    /// Spans wait for so long to be sent together.
    interval: Seconds,
    /// The name of this service in traces.
    service_name: String,
}

/// Whose `traceparent` is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a setting has these values")]
pub enum Parents {
    /// That of the trusted proxies.
    Proxies,
    /// Everybody's: whoever sends one decides whether the request is traced, and under which identifier.
    Everybody,
    /// Nobody's.
    Nobody,
}

/// Where spans go, if they go anywhere.
#[derive(Debug, Clone)]
pub struct Traces {
    /// Where spans are sent to.
    pub endpoint: Option<String>,
    /// The header `Authorization` for it.
    pub authorization: Option<Secret>,
    /// How many of the requests are traced, from 0 to 1.
    pub sample: f64,
    /// Whose `traceparent` is followed.
    pub parents: Parents,
    /// Spans wait for so long to be sent together.
    pub interval: Seconds,
    /// The name of this service.
    pub service_name: String,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            endpoint: None,
            authorization: None,
            authorization_file: None,
            sample: 1.0,
            parents: Parents::Proxies,
            interval: Seconds(5),
            service_name: "hallpass".to_owned(),
        }
    }
}

impl Raw {
    pub(super) fn parse(self, check: &mut Checker<'_>) -> Traces {
        if let Some(endpoint) = &self.endpoint
            && !is_endpoint(endpoint)
        {
            check.problem(
                "traces.endpoint",
                "is no URL of http or https, without user, query and fragment",
            );
        }
        if !(0.0..=1.0).contains(&self.sample) {
            check.problem("traces.sample", "is not between 0 and 1");
        }
        check.between("traces.interval", self.interval, 1, 60);
        if self.service_name.is_empty() || self.service_name.len() > 100 {
            check.problem("traces.service_name", "has between 1 and 100 bytes");
        }
        let authorization = check.secret(
            "traces.authorization",
            self.authorization,
            self.authorization_file.as_deref(),
        );
        Traces {
            endpoint: self.endpoint,
            authorization,
            sample: self.sample,
            parents: self.parents,
            interval: self.interval,
            service_name: self.service_name,
        }
    }
}

fn is_endpoint(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    #[test]
    fn nothing_is_sent_unless_a_place_is_named() {
        assert!(parsed("").unwrap().traces.endpoint.is_none());
        let config = parsed("traces.endpoint = 'http://127.0.0.1:4318/v1/traces'").unwrap();
        assert!(config.traces.endpoint.is_some());
    }

    #[test]
    fn odd_settings_are_refused() {
        for (setting, text) in [
            ("traces.endpoint", "traces.endpoint = 'localhost:4318'"),
            (
                "traces.endpoint",
                "traces.endpoint = 'http://me:pw@a/v1/traces'",
            ),
            ("traces.endpoint", "traces.endpoint = 'grpc://a:4317'"),
            (
                "traces.endpoint",
                "traces.endpoint = 'http://a/v1/traces?key=1'",
            ),
            ("traces.sample", "traces.sample = 1.5"),
            ("traces.sample", "traces.sample = nan"),
            ("traces.interval", "traces.interval = 0"),
            ("traces.service_name", "traces.service_name = ''"),
            ("parents", "traces.parents = 'all'"),
        ] {
            let told = parsed(text).unwrap_err();
            assert!(told.contains(setting), "{text}: {told}");
        }
    }
}
