//! What a person is told about themselves: from where they signed in, and what happened with their account.

use std::fmt;

use hallpass_types::{ClientId, EmailAddress, Subject, Timestamp};
use serde::{Deserialize, Serialize};

/// From where somebody signed in, as far as they are told. Prints without it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Browser and system, in our own words: nothing of what the browser sent.
    pub device: String,
    /// The network address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Stands for a cookie that the browser keeps, so that it is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<[u8; 16]>,
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").finish_non_exhaustive()
    }
}

/// One thing that happened with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRecord {
    /// Whose account.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Activity,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Visit>,
    /// The application that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Which of several of one second came later, where that decides something.
    #[serde(default, skip_serializing_if = "is_first")]
    pub turn: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_first(turn: &u64) -> bool {
    *turn == 0
}

/// What happened with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activity {
    /// It was made.
    SignedUp,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// The person signed out everywhere.
    SignedOutEverywhere,
    /// The person ended a session that was not this one.
    SessionEnded,
    /// The password was changed by whoever knew the old one.
    PasswordChanged,
    /// A link was asked for by which a new password is set.
    RecoveryAsked,
    /// A new password was set by mail.
    Recovered,
    /// The mail address was changed.
    AddressChanged,
    /// What is told about the person was changed.
    ProfileChanged,
    /// An application was disconnected.
    Disconnected,
    /// Everything about the person was handed to them.
    Exported,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was given another name.
    PasskeyRenamed,
    /// A passkey was taken away.
    PasskeyRemoved,
    /// An authenticator app was set up.
    TotpAdded,
    /// The authenticator app was taken away.
    TotpRemoved,
    /// A telephone number was confirmed.
    PhoneAdded,
    /// The telephone number was taken away.
    PhoneRemoved,
    /// New recovery codes were made.
    RecoveryCodesMade,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// An identity at another provider was linked.
    IdentityLinked,
    /// An identity at another provider was taken away.
    IdentityUnlinked,
    /// Somebody was told to choose another password at the next sign-in.
    ChangeDemanded,
    /// It came from elsewhere.
    Imported,
    /// Of another version of this program.
    #[serde(other)]
    Unknown,
}

impl Activity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::SessionEnded => "session_ended",
            Self::PasswordChanged => "password_changed",
            Self::RecoveryAsked => "recovery_asked",
            Self::Recovered => "recovered",
            Self::AddressChanged => "address_changed",
            Self::ProfileChanged => "profile_changed",
            Self::Disconnected => "disconnected",
            Self::Exported => "exported",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyRenamed => "passkey_renamed",
            Self::PasskeyRemoved => "passkey_removed",
            Self::TotpAdded => "totp_added",
            Self::TotpRemoved => "totp_removed",
            Self::PhoneAdded => "phone_added",
            Self::PhoneRemoved => "phone_removed",
            Self::RecoveryCodesMade => "recovery_codes_made",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
            Self::ChangeDemanded => "change_demanded",
            Self::Imported => "imported",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that was mailed, until it is used: what stands behind a link or a code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedRecord {
    /// What it is good for, and for nothing else.
    pub purpose: MailedPurpose,
    /// Where it was sent.
    pub address: EmailAddress,
    /// The browser that asked for it; none, where nobody's browser did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<[u8; 16]>,
    /// Whose account it is about. Known when the mail was written, not when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The epoch of that account then: after a change of its credentials this is good for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The address that another one is to replace: once it is not the account's any more, this is good for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<EmailAddress>,
    /// An operator hands it over; nobody's mail decides about it, and nobody shows by it that they read mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// It was made by who may change the accounts of operators. Otherwise it is good for nothing once the account is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_operators: bool,
    /// The request in which it was asked for, sealed for that browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Keyed digest of the code, where it is one that is typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<[u8; 32]>,
    /// Wrong codes so far.
    #[serde(default)]
    pub tries: u32,
    /// When it was asked for.
    pub issued_at: Timestamp,
    /// Which of several that were asked for within one second it is: the line about it in the history has the same.
    #[serde(default, skip_serializing_if = "is_first")]
    pub turn: u64,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Who asked for what is nobody's business.
impl fmt::Debug for MailedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedRecord")
            .field("purpose", &self.purpose)
            .field("tries", &self.tries)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What something that was mailed is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailedPurpose {
    /// To make an account.
    SignUp,
    /// To make an account by invitation.
    Invitation,
    /// To set a new password.
    Recover,
    /// To sign in: by a code.
    SignIn,
    /// To give an account another address.
    NewAddress,
}

impl MailedPurpose {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Invitation => "invitation",
            Self::Recover => "recover",
            Self::SignIn => "sign_in",
            Self::NewAddress => "new_address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_in_a_later_version_is_something_that_happened() {
        let read: Activity = serde_json::from_str("\"teleported\"").unwrap();
        assert_eq!(read, Activity::Unknown);
        for known in [Activity::SignedIn, Activity::Recovered, Activity::Exported] {
            let json = serde_json::to_string(&known).unwrap();
            assert_eq!(json, format!("\"{}\"", known.as_str()));
        }
    }

    #[test]
    fn places_and_addresses_are_not_printed() {
        let visit = Visit {
            device: "zq".to_owned(),
            address: Some("zq".to_owned()),
            known_by: None,
        };
        assert!(!format!("{visit:?}").contains("zq"));
        let mailed = MailedRecord {
            purpose: MailedPurpose::SignUp,
            address: EmailAddress::parse("zq@zq.test").unwrap(),
            binding: None,
            subject: Some(Subject::parse("zq").unwrap()),
            epoch: None,
            replaces: None,
            handed_over: false,
            for_operators: false,
            request: Some("zq".to_owned()),
            code: None,
            tries: 0,
            issued_at: Timestamp(0),
            turn: 0,
            expires_at: Timestamp(1),
        };
        assert!(!format!("{mailed:?}").contains("zq"));
        let json = serde_json::to_string(&mailed).unwrap();
        assert_eq!(serde_json::from_str::<MailedRecord>(&json).unwrap(), mailed);
    }
}
