//! What people may do by themselves.

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUp {
    /// Nobody: the operator makes accounts.
    #[default]
    Closed,
    /// Who was invited.
    Invitation,
    /// Everybody who reads mail.
    Open,
}

/// How many codes are sent as short messages, which cost money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPolicy {
    /// To one number, and for one account, within an hour.
    pub per_number: u32,
    /// To everybody, within a day.
    pub per_day: u32,
    /// What numbers begin with to which any are sent, such as `+49`; empty: all.
    pub prefixes: Vec<String>,
}

impl Default for TextPolicy {
    fn default() -> Self {
        Self {
            per_number: 5,
            per_day: 1000,
            prefixes: Vec::new(),
        }
    }
}

/// What people may do by themselves. It needs mail and accounts that can be changed; without them nothing of it is
/// offered. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeoplePolicy {
    /// Who may make an account.
    pub sign_up: SignUp,
    /// Whether an account can be made with a passkey alone, without a mail address. Who then loses the passkey and has
    /// no other has lost the account, unless they kept recovery codes.
    pub sign_up_without_mail: bool,
    /// Accounts that can be made so from one network address, and from one browser, within an hour.
    pub accounts_per_network: u32,
    /// Whether people who forgot their password get a link by mail.
    pub recovery: bool,
    /// Whether there is the page at `/account`.
    pub account_page: bool,
    /// How long a link that was mailed works.
    pub link_lifetime: i64,
    /// How long a code that was mailed works; at most ten minutes are sensible.
    pub code_lifetime: i64,
    /// How long an invitation works.
    pub invitation_lifetime: i64,
    /// Mails that strangers can have sent to one address within an hour.
    pub mails_per_address: u32,
    /// Mails that one network address, and one browser, can have sent within an hour.
    pub mails_per_network: u32,
    /// How fresh a sign-in must be before something is changed that others could use against the person.
    pub recent_sign_in: i64,
    /// Whether "sign out everywhere" also ends what applications were granted, not only sessions.
    pub sign_out_ends_grants: bool,
    /// Whether people are told by mail of a sign-in from a device that was not seen before.
    pub new_device_mail: bool,
    /// How long it is kept what happened with an account.
    pub activity_kept: i64,
    /// Codes as short messages, for telephone numbers that people confirm; none: there are none. An engine that has no way out
    /// for them has none either.
    pub texts: Option<TextPolicy>,
    /// Claims that people change by themselves.
    pub editable_claims: Vec<String>,
}

impl Default for PeoplePolicy {
    fn default() -> Self {
        Self {
            sign_up: SignUp::Closed,
            sign_up_without_mail: false,
            accounts_per_network: 10,
            recovery: true,
            account_page: true,
            link_lifetime: 1800,
            code_lifetime: 600,
            invitation_lifetime: 7 * 86_400,
            mails_per_address: 5,
            mails_per_network: 30,
            recent_sign_in: 300,
            sign_out_ends_grants: true,
            new_device_mail: true,
            activity_kept: 90 * 86_400,
            texts: None,
            editable_claims: [
                "name",
                "given_name",
                "family_name",
                "nickname",
                "website",
                "birthdate",
                "zoneinfo",
                "locale",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}

impl PeoplePolicy {
    /// Whether people may do anything by themselves.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.recovery || self.account_page || self.sign_up != SignUp::Closed
    }

    /// The policy of an issuer whose accounts cannot be changed, or that sends no mail.
    #[must_use]
    pub fn nothing(self) -> Self {
        Self {
            sign_up: SignUp::Closed,
            recovery: false,
            account_page: false,
            new_device_mail: false,
            texts: None,
            ..self
        }
    }
}
