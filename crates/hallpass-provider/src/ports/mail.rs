//! Mail to people: what is said, how it reads, and the way out.

use hallpass_core::record::Activity;
use hallpass_store::BoxFuture;
use hallpass_types::{EmailAddress, Timestamp};
use serde::{Deserialize, Serialize};

/// What a mail says. Nothing in it was typed by a stranger, so that nobody can send words of their own to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// Confirm this address to make an account with it.
    SignUp {
        /// Where to confirm it.
        link: MailLink,
    },
    /// Somebody wanted to make an account with this address, which has one.
    AlreadyRegistered {
        /// Where a new password is set.
        recover: String,
    },
    /// Set a new password.
    Recover {
        /// Where.
        link: MailLink,
    },
    /// A code to sign in with.
    SignInCode {
        /// The code, to be typed where it was asked for.
        code: MailCode,
    },
    /// A link to sign in with.
    SignInLink {
        /// Where.
        link: MailLink,
    },
    /// Confirm this address, which shall become that of an account.
    ConfirmAddress {
        /// Where.
        link: MailLink,
    },
    /// Another address takes the place of this one.
    AddressChanged {
        /// The new one, masked.
        to: String,
        /// Where the account is looked after.
        account: String,
    },
    /// The password was changed.
    PasswordChanged {
        /// Where a new one is set.
        recover: String,
    },
    /// Ways to sign in were added, used up or taken away.
    WaysChanged {
        /// What happened.
        what: Activity,
        /// Where the person reads what happened with their account.
        account: String,
    },
    /// Somebody signed in from a device that was not seen before.
    NewDevice {
        /// What it is, in our own words.
        device: String,
        /// Its network address.
        address: Option<String>,
        /// When, for reading.
        at: Timestamp,
        /// Where the account is looked after.
        account: String,
    },
    /// Come and make an account.
    Invitation {
        /// Where.
        link: MailLink,
    },
}

impl Message {
    /// What it is, for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SignUp { .. } => "sign_up",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::Recover { .. } => "recover",
            Self::SignInCode { .. } => "sign_in_code",
            Self::SignInLink { .. } => "sign_in_link",
            Self::ConfirmAddress { .. } => "confirm_address",
            Self::AddressChanged { .. } => "address_changed",
            Self::PasswordChanged { .. } => "password_changed",
            Self::WaysChanged { .. } => "ways_changed",
            Self::NewDevice { .. } => "new_device",
            Self::Invitation { .. } => "invitation",
        }
    }
}

/// A link that works once. Prints without its address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLink {
    /// The address of a page.
    pub url: String,
    /// How long it works, in seconds from when it was asked for.
    pub lifetime: i64,
}

impl std::fmt::Debug for MailLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailLink")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A code that works once. Prints without its digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailCode {
    /// The digits.
    pub digits: String,
    /// How long it works, in seconds from when it was asked for.
    pub lifetime: i64,
}

impl std::fmt::Debug for MailCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailCode")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A mail as it reads. Prints without its content, which may hold a link or a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Writes letters.
pub trait Letters: Send + Sync + 'static {
    /// How a message reads; none when it cannot be written, which is logged by whoever fails.
    fn letter(&self, message: &Message) -> Option<Letter>;

    /// How a code reads that is sent to a telephone, in one short message; none where there are no words for it.
    fn text(&self, code: &MailCode) -> Option<String> {
        let _ = code;
        None
    }
}

/// A letter on its way.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// To whom. One recipient.
    pub to: &'a EmailAddress,
    /// What it says.
    pub letter: &'a Letter,
    /// Names this mail, and is the same when it is sent once more: letters and digits.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Why a mail did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailError {
    /// Tried again later.
    Failed,
    /// It will never be taken: the recipient or the content is refused.
    Refused,
}

/// The way out for mail. An attempt ends within ten seconds, or it may be made twice at once.
pub trait Mailer: Send + Sync + 'static {
    /// Hands a mail over.
    fn send<'a>(&'a self, mail: Mail<'a>) -> BoxFuture<'a, Result<(), MailError>>;
}
