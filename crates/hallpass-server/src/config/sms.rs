//! `[sms]`: codes as short messages, by a service that sends them.

use std::path::PathBuf;

use hallpass_core::policy::{PeoplePolicy, TextPolicy};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{checker::Checker, server::is_loopback, value::Secret};

/// Codes as short messages. They are sent by a service that gets a signed request for each. They cost money, and numbers can be
/// taken over: an authenticator app or a passkey protects better. Off without `url`.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Where the service takes requests: JSON by POST, over https. docs/reference/sms-hook.md says what stands in it.
    url: Option<String>,
    /// A secret that both know, by which the service tells requests of ours: at least 32 characters.
    secret: Option<Secret>,
    /// File with the secret.
    secret_file: Option<PathBuf>,
    /// What numbers begin with to which codes are sent, such as `["+49", "+43"]`. Empty: all there are.
    prefixes: Vec<String>,
    /// Codes to one number, and for one account, within an hour.
    per_number: u32,
    /// Codes to everybody within a day, so that nobody runs up a bill. Above 1000 each process counts for itself.
    per_day: u32,
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raw")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Default for Raw {
    fn default() -> Self {
        let TextPolicy {
            per_number,
            per_day,
            prefixes,
        } = TextPolicy::default();
        Self {
            url: None,
            secret: None,
            secret_file: None,
            prefixes,
            per_number,
            per_day,
        }
    }
}

/// A service that sends codes to telephones.
#[derive(Debug, Clone)]
pub struct Sms {
    /// Where it takes requests.
    pub url: String,
    /// By what it knows ours.
    pub secret: Secret,
    /// How many are sent, and where.
    pub limits: TextPolicy,
}

impl Sms {
    pub(crate) fn apply(this: Option<&Self>, people: &mut PeoplePolicy) {
        people.texts = this.map(|sms| sms.limits.clone());
    }
}

impl Raw {
    pub(super) fn parse(self, check: &mut Checker<'_>) -> Option<Sms> {
        let Self {
            url,
            secret,
            secret_file,
            prefixes,
            per_number,
            per_day,
        } = self;
        check.number("sms.per_number", per_number.into(), 1, 100);
        check.number("sms.per_day", per_day.into(), 1, 1_000_000);
        let is_prefix = |prefix: &String| {
            let digits = prefix.strip_prefix('+').unwrap_or_default();
            (1..=10).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !digits.starts_with('0')
        };
        if !prefixes.iter().all(is_prefix) {
            check.problem("sms.prefixes", "has something that is not like \"+49\"");
        }
        let secret = check.secret("sms.secret", secret, secret_file.as_deref());
        let Some(url) = url else {
            if secret.is_some() {
                check.problem("sms.url", "is missing; sms.secret needs it");
            }
            return None;
        };
        let fits = Url::parse(&url).is_ok_and(|url| {
            url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))
        });
        if !fits {
            check.problem(
                "sms.url",
                "is no https URL: requests hold codes to sign in with",
            );
        }
        let Some(secret) = secret else {
            check.problem("sms.secret", "is missing; sms.url needs it");
            return None;
        };
        if secret.expose().len() < 32 {
            check.problem("sms.secret", "has fewer than 32 characters");
        }
        Some(Sms {
            url,
            secret,
            limits: TextPolicy {
                per_number,
                per_day,
                prefixes,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    const SECRET: &str = "zq-0123456789012345678901234567890";

    #[test]
    fn without_a_service_there_are_no_codes_and_no_second_step_by_them() {
        assert!(parsed("").unwrap().sms.is_none());
        let problems = parsed("sign_in.second = ['sms']").unwrap_err();
        assert!(problems.contains("sms.url"), "{problems}");
    }

    #[test]
    fn a_service_needs_a_secret_and_protection() {
        let good = format!("sms.url = 'https://sms.example/send'\nsms.secret = '{SECRET}'\n");
        let config = parsed(&good).unwrap();
        let sms = config.sms.as_ref().unwrap();
        assert_eq!((sms.limits.per_number, sms.limits.per_day), (5, 1000));
        assert!(!format!("{config:?}").contains(SECRET));
        assert!(parsed(&format!("{good}sign_in.second = ['totp', 'sms']")).is_ok());
        for (text, setting) in [
            ("sms.url = 'https://sms.example/'".to_owned(), "sms.secret"),
            (format!("sms.secret = '{SECRET}'"), "sms.url"),
            (good.replace("https:", "http:"), "sms.url"),
            (good.replace("https://", ""), "sms.url"),
            (good.replace(SECRET, "short"), "sms.secret"),
            (format!("{good}sms.prefixes = ['49']"), "sms.prefixes"),
            (format!("{good}sms.prefixes = ['+']"), "sms.prefixes"),
            (format!("{good}sms.prefixes = ['+0']"), "sms.prefixes"),
            (format!("{good}sms.per_number = 0"), "sms.per_number"),
            (format!("{good}sms.per_day = 0"), "sms.per_day"),
        ] {
            let problems = parsed(&text).unwrap_err();
            assert!(problems.contains(setting), "{text}: {problems}");
        }
    }
}
