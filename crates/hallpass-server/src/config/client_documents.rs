//! `[client_documents]`: clients whose identifier is the URL of their metadata.

use hallpass_core::policy::Policy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::experimental::Experimental;
use super::value::Seconds;

/// Clients that nobody registers: their identifier is the https URL of a document that describes them (Client ID Metadata
/// Documents, a draft). Needs `experimental.client_documents`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientDocuments {
    /// Whether there are such clients.
    pub enabled: bool,
    /// Hosts whose documents are taken; empty for all. `*.example.com` stands for every host below `example.com`.
    pub allow_hosts: Vec<String>,
    /// Hosts whose documents are never taken, in the same form.
    pub deny_hosts: Vec<String>,
    /// A document is held at least so long, whatever its server says.
    pub cache_min: Seconds,
    /// A document is held at most so long. Changes to a client take effect within this time.
    pub cache_max: Seconds,
    /// So many documents are held at once.
    pub cache_entries: u32,
}

impl Default for ClientDocuments {
    fn default() -> Self {
        Self {
            enabled: false,
            allow_hosts: Vec::new(),
            deny_hosts: Vec::new(),
            cache_min: Seconds(60),
            cache_max: Seconds(86_400),
            cache_entries: 1000,
        }
    }
}

impl ClientDocuments {
    pub(super) fn check(&self, experimental: &Experimental, check: &mut Checker<'_>) {
        if self.enabled {
            experimental.demand("client_documents", "client_documents.enabled", check);
        }
        let lists = [
            ("client_documents.allow_hosts", &self.allow_hosts),
            ("client_documents.deny_hosts", &self.deny_hosts),
        ];
        for (setting, hosts) in lists {
            for (index, host) in hosts.iter().enumerate() {
                let name = host.strip_prefix("*.").unwrap_or(host);
                let plain = url::Url::parse(&format!("https://{name}/"))
                    .is_ok_and(|url| url.host_str() == Some(&*name.to_ascii_lowercase()));
                if !plain || name.contains('*') {
                    let message =
                        "is no host: \"app.example.com\", or \"*.example.com\" for all below it";
                    check.problem(&format!("{setting}[{index}]"), message);
                }
            }
        }
        check.between("client_documents.cache_min", self.cache_min, 1, 86_400);
        check.between("client_documents.cache_max", self.cache_max, 1, 7 * 86_400);
        if self.cache_min.0 > self.cache_max.0 {
            let message = format!(
                "is longer than client_documents.cache_max, {}",
                self.cache_max
            );
            check.problem("client_documents.cache_min", message);
        }
        let entries = self.cache_entries.into();
        check.number("client_documents.cache_entries", entries, 8, 100_000);
    }

    /// Changes a policy to what is configured.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        let seconds = |seconds: Seconds| i64::try_from(seconds.0).unwrap_or(i64::MAX);
        let documents = &mut policy.client_documents;
        documents.enabled = self.enabled;
        documents.allow_hosts.clone_from(&self.allow_hosts);
        documents.deny_hosts.clone_from(&self.deny_hosts);
        documents.min_age = seconds(self.cache_min);
        documents.max_age = seconds(self.cache_max);
        documents.capacity = usize::try_from(self.cache_entries).unwrap_or(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallpass_types::Issuer;

    use super::*;

    /// The same default in two places is asked for by this test to be the same.
    #[test]
    fn the_configured_defaults_are_those_of_the_library() {
        let issuer = Issuer::parse("https://localhost").unwrap();
        let library = Policy::new(issuer, Arc::new([0; 32]));
        let mut configured = library.clone();
        ClientDocuments::default().apply(&mut configured);
        assert_eq!(configured.client_documents, library.client_documents);
    }
}
