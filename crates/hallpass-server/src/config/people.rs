//! `[sign_up]` and `[account]`: what people may do by themselves.

use hallpass_core::policy::{PeoplePolicy, SignUp as Mode};
use hallpass_core::sign_in::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::value::Seconds;

/// Who may make an account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignUp {
    /// Who may: everybody who reads mail, who was invited (`hallpass user invite`), or nobody. Where it is not said: nobody, and in a
    /// demo everybody.
    pub mode: Option<SignUpMode>,
    /// How long an invitation works.
    pub invitation_lifetime: Seconds,
    /// Whether an account can be made with a passkey alone, without a mail address. Who then loses the passkey and has no
    /// other has lost the account, unless they kept recovery codes and `sign_in.methods` has "recovery_code".
    pub without_mail: bool,
    /// Accounts that can be made so from one network address, and from one browser, within an hour.
    pub accounts_per_network: u32,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignUpMode {
    /// Everybody who reads mail.
    Open,
    /// Who was invited.
    Invitation,
    /// Nobody.
    Closed,
}

impl Default for SignUp {
    fn default() -> Self {
        Self {
            mode: None,
            invitation_lifetime: seconds(PeoplePolicy::default().invitation_lifetime),
            without_mail: false,
            accounts_per_network: PeoplePolicy::default().accounts_per_network,
        }
    }
}

/// How people can sign in by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailSignIn {
    /// They cannot.
    Off,
    /// By a code that they type.
    Code,
    /// By a link that they open in the same browser.
    Link,
    /// As they like.
    Both,
}

/// What people do with their accounts by themselves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Whether there is the page at `/account`.
    pub page: bool,
    /// Whether people who forgot their password get a link by mail.
    pub recovery: bool,
    /// Whether people can sign in by mail, without a password: "off", by "code", by "link", or by "both".
    pub mail_sign_in: MailSignIn,
    /// How long a link that was mailed works.
    pub link_lifetime: Seconds,
    /// Mails that strangers can have sent to one address within an hour.
    pub mails_per_address: u32,
    /// Mails that one network address, and one browser, can have sent within an hour.
    pub mails_per_network: u32,
    /// How fresh a sign-in must be to change the password or the address, to take the data along, and to delete the
    /// account.
    pub recent_sign_in: Seconds,
    /// Whether "sign out everywhere" also ends what applications were granted.
    pub sign_out_ends_grants: bool,
    /// Whether people are told by mail of a sign-in from a new device.
    pub new_device_mail: bool,
    /// How long it is kept what happened with an account.
    pub activity_kept: Seconds,
    /// Claims that people change by themselves.
    pub editable_claims: Vec<String>,
}

impl Default for Account {
    fn default() -> Self {
        let PeoplePolicy {
            sign_up: _,
            sign_up_without_mail: _,
            accounts_per_network: _,
            recovery,
            account_page,
            link_lifetime,
            code_lifetime: _,
            invitation_lifetime: _,
            mails_per_address,
            mails_per_network,
            recent_sign_in,
            sign_out_ends_grants,
            new_device_mail,
            activity_kept,
            texts: _,
            editable_claims,
        } = PeoplePolicy::default();
        Self {
            page: account_page,
            recovery,
            mail_sign_in: MailSignIn::Off,
            link_lifetime: seconds(link_lifetime),
            mails_per_address,
            mails_per_network,
            recent_sign_in: seconds(recent_sign_in),
            sign_out_ends_grants,
            new_device_mail,
            activity_kept: seconds(activity_kept),
            editable_claims,
        }
    }
}

impl SignUp {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let setting = "sign_up.invitation_lifetime";
        check.between(setting, self.invitation_lifetime, 3600, 90 * 86_400);
        let setting = "sign_up.accounts_per_network";
        check.number(setting, self.accounts_per_network.into(), 1, 100_000);
        if self.without_mail && self.mode != Some(SignUpMode::Open) {
            let message =
                "is on, but sign_up.mode is not \"open\": nobody could make an account so";
            check.problem("sign_up.without_mail", message);
        }
    }
}

impl Account {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        check.between("account.link_lifetime", self.link_lifetime, 60, 86_400);
        check.between("account.recent_sign_in", self.recent_sign_in, 30, 3600);
        check.between(
            "account.activity_kept",
            self.activity_kept,
            3600,
            730 * 86_400,
        );
        let setting = "account.mails_per_address";
        check.number(setting, self.mails_per_address.into(), 1, 1000);
        let setting = "account.mails_per_network";
        check.number(setting, self.mails_per_network.into(), 1, 100_000);
        for name in &self.editable_claims {
            if !KNOWN.contains(&name.as_str()) {
                let known = KNOWN.join(", ");
                let message = format!("{name:?} is not one of {known}");
                check.problem("account.editable_claims", message);
            }
        }
    }

    /// Adds the ways to sign in that need mail.
    pub(crate) fn add_methods(&self, methods: &mut Vec<Method>) {
        let (code, link) = match self.mail_sign_in {
            MailSignIn::Off => (false, false),
            MailSignIn::Code => (true, false),
            MailSignIn::Link => (false, true),
            MailSignIn::Both => (true, true),
        };
        for (wanted, method) in [(code, Method::EmailCode), (link, Method::MagicLink)] {
            if wanted && !methods.contains(&method) {
                methods.push(method);
            }
        }
    }

    pub(crate) fn policy(&self, sign_up: &SignUp) -> PeoplePolicy {
        let number = |span: Seconds| i64::try_from(span.0).unwrap_or(i64::MAX);
        let Self {
            page,
            recovery,
            mail_sign_in: _,
            link_lifetime,
            mails_per_address,
            mails_per_network,
            recent_sign_in,
            sign_out_ends_grants,
            new_device_mail,
            activity_kept,
            editable_claims,
        } = self.clone();
        PeoplePolicy {
            sign_up: match sign_up.mode {
                Some(SignUpMode::Open) => Mode::Open,
                Some(SignUpMode::Invitation) => Mode::Invitation,
                Some(SignUpMode::Closed) | None => Mode::Closed,
            },
            sign_up_without_mail: sign_up.without_mail,
            accounts_per_network: sign_up.accounts_per_network,
            recovery,
            account_page: page,
            link_lifetime: number(link_lifetime),
            invitation_lifetime: number(sign_up.invitation_lifetime),
            mails_per_address,
            mails_per_network,
            recent_sign_in: number(recent_sign_in),
            sign_out_ends_grants,
            new_device_mail,
            activity_kept: number(activity_kept),
            editable_claims,
            ..PeoplePolicy::default()
        }
    }
}

fn seconds(span: i64) -> Seconds {
    Seconds(u64::try_from(span).unwrap_or_default())
}

/// Claims that prove nothing and mean nothing but what they say.
const KNOWN: &[&str] = &[
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};
    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    #[test]
    fn nobody_makes_an_account_unless_the_configuration_says_so() {
        let config = parsed("").unwrap();
        assert_eq!(
            config.account.policy(&config.sign_up),
            PeoplePolicy::default()
        );
        let open = parsed("sign_up.mode = 'open'").unwrap();
        assert_eq!(open.account.policy(&open.sign_up).sign_up, Mode::Open);
    }

    #[test]
    fn claims_that_prove_something_are_not_for_people_to_change() {
        for name in ["email", "email_verified", "sub", "phone_number", "groups"] {
            let text = format!("account.editable_claims = ['{name}']");
            assert!(
                parsed(&text)
                    .unwrap_err()
                    .contains("account.editable_claims")
            );
        }
        assert!(parsed("account.editable_claims = []").is_ok());
        for text in [
            "sign_up.mode = 'maybe'",
            "sign_up.invitation_lifetime = '1m'",
            "sign_up.accounts_per_network = 0",
            "sign_up.without_mail = true",
            "account.link_lifetime = '2d'",
            "account.recent_sign_in = '1d'",
            "account.mails_per_address = 0",
            "account.mails_per_network = 0",
            "account.activity_kept = '1s'",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
