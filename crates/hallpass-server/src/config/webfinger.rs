//! `[webfinger]`: finding the issuer of a person.

use hallpass_core::policy::WebFingerPolicy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Finding the issuer of a person, RFC 7033.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebFinger {
    /// Whether `/.well-known/webfinger` is answered. The answer is about hosts, never about people.
    pub enabled: bool,
    /// Hosts beside the issuer's own whose people sign in here, such as the domain of their mail addresses.
    pub hosts: Vec<String>,
}

impl Default for WebFinger {
    fn default() -> Self {
        let WebFingerPolicy { enabled, hosts } = WebFingerPolicy::default();
        Self { enabled, hosts }
    }
}

impl WebFinger {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let plain = |host: &String| {
            let char_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
            !host.is_empty() && host.len() <= 260 && host.chars().all(char_ok)
        };
        if !self.hosts.iter().all(plain) {
            check.problem(
                "webfinger.hosts",
                "holds something that is no host, such as example.org",
            );
        }
    }

    pub(crate) fn policy(&self) -> WebFingerPolicy {
        let Self { enabled, hosts } = self.clone();
        WebFingerPolicy { enabled, hosts }
    }
}
