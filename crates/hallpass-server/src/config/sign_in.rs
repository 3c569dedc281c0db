//! `[sign_in]`: how people prove who they are.

use hallpass_core::policy::Policy;
use hallpass_core::sign_in::{self, Method, SignInPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::people::Account;
use super::value::Seconds;

/// How people prove who they are. A client may have less for itself: `sign_in_methods` and `second_factor` in its metadata.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// Ways to begin, in the order in which the page offers them: `password`, `passkey`, `email_code`, `magic_link`,
    /// `upstream`, `recovery_code` (for accounts without a mail address). Without a value: password, passkey, what `account.mail_sign_in` says, and other providers.
    pub methods: Option<Vec<String>>,
    /// Ways to go on, where one is not enough: `passkey`, `totp` (an authenticator app), `recovery_code`, `sms` (a code on the
    /// telephone; numbers can be taken over), `email_code`. By the last whoever reads the mail may have both factors.
    pub second: Vec<String>,
    /// When a second factor is asked for: "when_enrolled" (from those who have set up an app), "required" (from everybody),
    /// or "off" (only where a client demands it).
    pub second_factor: SecondFactor,
    /// Whether who has set up a passkey, an app or recovery codes is asked for another proof, or a code by mail, in a browser that
    /// was not seen before. Not where `second_factor` is "off".
    pub confirm_new_device: bool,
    /// Whether a browser keeps a session when it is closed: "ask" (as the person says at sign-in), "always", or "never".
    pub remember: Remember,
    /// How long a session lasts that the browser does not keep, where it is less than `lifetimes.session`.
    pub unremembered_lifetime: Option<Seconds>,
}

/// When a second factor is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Only where a client demands it.
    Off,
    /// From those who have set up an app.
    #[default]
    WhenEnrolled,
    /// From everybody.
    Required,
}

/// Whether a browser keeps a session when it is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remember {
    /// Until the session ends.
    Always,
    /// When the person says so.
    #[default]
    Ask,
    /// Never.
    Never,
}

/// By what a sign-in can begin.
const FIRST: &[Method] = &[
    Method::Password,
    Method::Passkey,
    Method::EmailCode,
    Method::MagicLink,
    Method::Upstream,
    Method::RecoveryCode,
];
/// By what it can go on.
const SECOND: &[Method] = &[
    Method::Passkey,
    Method::Totp,
    Method::RecoveryCode,
    Method::Sms,
    Method::EmailCode,
];

impl Default for SignIn {
    fn default() -> Self {
        let SignInPolicy { second, .. } = SignInPolicy::default();
        let names = second.iter().map(|method| method.as_str().to_owned());
        Self {
            methods: None,
            second: names.collect(),
            second_factor: SecondFactor::default(),
            confirm_new_device: true,
            remember: Remember::default(),
            unremembered_lifetime: None,
        }
    }
}

impl SignIn {
    pub(super) fn check(&self, account: &Account, sms: bool, check: &mut Checker<'_>) {
        let first = listed(self.methods.as_deref(), FIRST, "sign_in.methods", check);
        let second = listed(Some(&self.second), SECOND, "sign_in.second", check);
        if self.methods.is_some() {
            let mut mailed = Vec::new();
            account.add_methods(&mut mailed);
            if !mailed.iter().all(|method| first.contains(method)) {
                let message = "has no way by mail, and account.mail_sign_in has one; name it in both, or leave one of them away";
                check.problem("sign_in.methods", message);
            }
        }
        if second.contains(&Method::Sms) && !sms {
            let message = "is missing; sign_in.second has \"sms\", which needs it";
            check.problem("sms.url", message);
        }
        // Who has no second factor sets up an app.
        let totp = second.contains(&Method::Totp);
        if self.second_factor == SecondFactor::Required && !totp {
            let message = "is \"required\", but sign_in.second lacks \"totp\", which people without one are to set up";
            check.problem("sign_in.second_factor", message);
        }
        if let Some(lifetime) = self.unremembered_lifetime {
            check.between("sign_in.unremembered_lifetime", lifetime, 60, 90 * 86_400);
        }
    }

    /// Whether a sign-in can go on so.
    pub(crate) fn goes_on_with(&self, method: Method) -> bool {
        parsed(&self.second).contains(&method)
    }

    /// The policy of sign-ins.
    pub(crate) fn apply(&self, account: &Account, policy: &mut Policy) {
        let rules = &mut policy.sign_in;
        match &self.methods {
            Some(names) => rules.methods = parsed(names),
            None => account.add_methods(&mut rules.methods),
        }
        rules.second = parsed(&self.second);
        rules.second_factor = match self.second_factor {
            SecondFactor::Off => sign_in::SecondFactor::Off,
            SecondFactor::WhenEnrolled => sign_in::SecondFactor::WhenEnrolled,
            SecondFactor::Required => sign_in::SecondFactor::Required,
        };
        rules.confirm_new_device = self.confirm_new_device;
        rules.remember = match self.remember {
            Remember::Always => sign_in::Remember::Always,
            Remember::Ask => sign_in::Remember::Ask,
            Remember::Never => sign_in::Remember::Never,
        };
        let span = self.unremembered_lifetime;
        rules.unremembered_lifetime = span.map(|span| i64::try_from(span.0).unwrap_or(i64::MAX));
    }
}

fn parsed(names: &[String]) -> Vec<Method> {
    let methods = names.iter();
    methods.filter_map(|name| Method::parse(name)).collect()
}

fn listed(
    names: Option<&[String]>,
    allowed: &[Method],
    setting: &str,
    check: &mut Checker<'_>,
) -> Vec<Method> {
    let Some(names) = names else {
        return Vec::new();
    };
    if names.is_empty() {
        check.problem(setting, "is empty");
    }
    let mut found = Vec::new();
    for name in names {
        match Method::parse(name).filter(|method| allowed.contains(method)) {
            None => {
                let known: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
                check.problem(setting, format!("{name:?} is none of {}", known.join(", ")));
            }
            Some(method) if found.contains(&method) => {
                check.problem(setting, format!("names {name:?} twice"));
            }
            Some(method) => found.push(method),
        }
    }
    found
}

/// What a policy of sign-ins means, in sentences.
pub(crate) fn explained(policy: &Policy) -> String {
    let rules = &policy.sign_in;
    let has_others = !policy.upstreams.is_empty();
    let first: Vec<&str> = rules
        .methods
        .iter()
        .filter(|method| has_others || **method != Method::Upstream)
        .map(|method| words(*method))
        .collect();
    let second: Vec<&str> = rules.second.iter().map(|method| words(*method)).collect();
    let whom = match rules.second_factor {
        sign_in::SecondFactor::Off => "only where a client demands it",
        sign_in::SecondFactor::WhenEnrolled => "from those who have set up an app",
        sign_in::SecondFactor::Required => "from everybody",
    };
    let kept = match rules.remember {
        sign_in::Remember::Always => "browsers keep sessions when they are closed",
        sign_in::Remember::Ask => "browsers keep sessions of those who ask for it",
        sign_in::Remember::Never => "browsers forget sessions when they are closed",
    };
    format!(
        "people sign in by {}; a second factor ({}) is asked for {whom}; {kept}",
        first.join(", or "),
        second.join(", or "),
    )
}

const fn words(method: Method) -> &'static str {
    match method {
        Method::Password => "password",
        Method::Passkey => "passkey",
        Method::Totp => "authenticator app",
        Method::RecoveryCode => "recovery code",
        Method::Sms => "a code on the telephone",
        Method::EmailCode => "a code by mail",
        Method::MagicLink => "a link by mail",
        Method::Upstream => "another provider",
        Method::Other | _ => "another way",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallpass_types::Issuer;

    use super::super::{Config, Source};
    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    fn policy(text: &str) -> Policy {
        let config = parsed(text).unwrap();
        let issuer = Issuer::parse("https://op.example").unwrap();
        let mut policy = Policy::new(issuer, Arc::new([0; 32]));
        config.sign_in.apply(&config.account, &mut policy);
        policy
    }

    #[test]
    fn without_a_word_it_is_the_policy_of_the_library() {
        let issuer = Issuer::parse("https://op.example").unwrap();
        let library = Policy::new(issuer, Arc::new([0; 32])).sign_in;
        assert_eq!(policy("").sign_in, library);
    }

    #[test]
    fn methods_come_in_the_order_that_is_written() {
        let rules = policy("sign_in.methods = ['passkey', 'magic_link']").sign_in;
        assert_eq!(rules.methods, [Method::Passkey, Method::MagicLink]);
        let rules = policy("account.mail_sign_in = 'code'").sign_in;
        assert!(rules.begins_with(Method::EmailCode) && rules.begins_with(Method::Password));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (text, says) in [
            ("sign_in.methods = []", "sign_in.methods: is empty"),
            ("sign_in.methods = ['totp']", "none of password"),
            ("sign_in.methods = ['other']", "none of"),
            ("sign_in.methods = ['passkey', 'passkey']", "twice"),
            ("sign_in.second = ['password']", "sign_in.second"),
            (
                "sign_in.second_factor = 'sometimes'",
                "sign_in.second_factor",
            ),
            ("sign_in.remember = true", "sign_in.remember"),
            (
                "sign_in.unremembered_lifetime = '1s'",
                "unremembered_lifetime",
            ),
            (
                "sign_in.methods = ['passkey']\naccount.mail_sign_in = 'code'",
                "account.mail_sign_in",
            ),
            (
                "sign_in.second = ['recovery_code']\nsign_in.second_factor = 'required'",
                "totp",
            ),
        ] {
            let problems = parsed(text).unwrap_err();
            assert!(problems.contains(says), "{text}: {problems}");
        }
    }

    #[test]
    fn a_client_has_no_way_that_the_issuer_does_not_have() {
        let client = "[[clients]]\nclient_id = 'a'\ntoken_endpoint_auth_method = 'none'\n\
            redirect_uris = ['https://a.example/cb']\n";
        let with = |more: &str| parsed(&format!("{client}{more}"));
        assert!(with("sign_in_methods = ['passkey']\nsecond_factor = 'off'").is_ok());
        for more in [
            "sign_in_methods = ['magic_link']",
            "sign_in_methods = []",
            "sign_in_methods = ['telepathy']",
            "second_factor = 'never'",
        ] {
            assert!(with(more).is_err(), "{more}");
        }
    }

    #[test]
    fn the_policy_can_be_said_in_a_sentence() {
        let said = explained(&policy(
            "sign_in.methods = ['passkey', 'password']\nsign_in.second_factor = 'required'",
        ));
        assert!(
            said.starts_with("people sign in by passkey, or password; "),
            "{said}"
        );
        assert!(said.contains("from everybody") && !said.contains("provider"));
    }
}
