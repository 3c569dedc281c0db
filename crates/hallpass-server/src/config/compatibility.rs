//! `[compatibility]`: weak habits of other products that an issuer puts up with.

use hallpass_core::policy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::danger::Danger;
use super::protocol::Protocol;
use super::value::Seconds;

/// Weak habits of other products that this issuer puts up with, for clients that cannot be changed yet. No other issuer inherits them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compatibility {
    /// Those of LoginID's OpenID Connect projects: a client's signed JWT as its secret, for the bare host name, without `jti`
    /// and good for months; revocation by JSON and introspection by whoever holds a token. Needs
    /// `danger.loginid_compatibility`.
    pub loginid: bool,
    /// With that, a client's JWT ends at most so far ahead.
    pub assertion_lifetime: Seconds,
}

impl Default for Compatibility {
    fn default() -> Self {
        let days = policy::Compatibility::default().assertion_lifetime;
        Self {
            loginid: false,
            assertion_lifetime: Seconds(days.unsigned_abs()),
        }
    }
}

impl Compatibility {
    pub(super) fn check(&self, danger: &Danger, protocol: &Protocol, check: &mut Checker<'_>) {
        if self.loginid && !danger.loginid_compatibility {
            let message = "needs danger.loginid_compatibility = true, in the file of the server";
            check.problem("compatibility.loginid", message);
        }
        if self.loginid && protocol.profile().is_some() {
            let message = "does not go with protocol.fapi_profile";
            check.problem("compatibility.loginid", message);
        }
        let name = "compatibility.assertion_lifetime";
        check.between(name, self.assertion_lifetime, 60, 366 * 86_400);
    }

    pub(crate) fn policy(&self) -> policy::Compatibility {
        policy::Compatibility {
            loginid: self.loginid,
            assertion_lifetime: i64::try_from(self.assertion_lifetime.0).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Config, Problems, Source};

    fn parse(text: &str) -> Result<Config, Problems> {
        Config::parse(Source::parse(None, text.to_owned(), std::iter::empty()).unwrap())
    }

    fn of(config: &Config, settings: &Value) -> Result<Config, Problems> {
        config.of_issuer("https://op.example/p/acme", settings.as_object().unwrap())
    }

    #[test]
    fn weak_habits_need_the_switch_of_danger_and_are_nobody_elses() {
        let on = json!({"compatibility": {"loginid": true}});
        let told = parse("compatibility.loginid = true").unwrap_err();
        assert!(
            told.to_string()
                .contains("compatibility.loginid: needs danger")
        );
        let plain = parse("").unwrap();
        assert!(!plain.compatibility.loginid && plain.danger.warnings().is_empty());
        let told = of(&plain, &on).unwrap_err();
        assert!(
            told.to_string()
                .contains("compatibility.loginid: needs danger")
        );

        let text = "danger.loginid_compatibility = true\ncompatibility.loginid = true\n\
            compatibility.assertion_lifetime = '30d'";
        let config = parse(text).unwrap();
        assert_eq!(config.danger.warnings().len(), 1);
        assert_eq!(
            config.compatibility.policy().assertion_lifetime,
            30 * 86_400
        );
        let other = of(&config, &json!({})).unwrap();
        assert!(
            !other.compatibility.loginid,
            "each issuer says it for itself"
        );
        assert!(of(&config, &on).unwrap().compatibility.loginid);

        let both = format!("{text}\nprotocol.fapi_profile = 'fapi2-security'");
        let told = parse(&both).unwrap_err();
        assert!(told.to_string().contains("does not go with"), "{told}");
        let long = "compatibility.assertion_lifetime = '400d'";
        assert!(parse(long).is_err());
        let own = json!({"danger": {"loginid_compatibility": true}});
        assert!(of(&plain, &own).is_err(), "danger is the file's alone");
    }
}
