//! Where a person is sent when something must be asked.

use hallpass_core::interaction::Prompt;
use serde::{Deserialize, Serialize};

/// The pages that an authorization or logout request may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Make an account.
    SignUp,
    /// Prove who you are.
    Login,
    /// Choose among accounts.
    SelectAccount,
    /// Choose for which organization to act.
    Organization,
    /// Answer a question of the embedding program.
    Own,
    /// Allow or deny.
    Consent,
    /// Confirm that you want to sign out.
    Logout,
    /// You are signed out.
    SignedOut,
    /// Your device is connected, or is not.
    DeviceDone,
}

impl PageKind {
    /// Its name, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Login => "login",
            Self::SelectAccount => "select_account",
            Self::Organization => "organization",
            Self::Own => "own",
            Self::Consent => "consent",
            Self::Logout => "logout",
            Self::SignedOut => "signed_out",
            Self::DeviceDone => "device_done",
        }
    }
}

/// The page that asks a question.
#[must_use]
pub fn page_for(prompt: Prompt) -> PageKind {
    match prompt {
        Prompt::Consent => PageKind::Consent,
        Prompt::SelectAccount => PageKind::SelectAccount,
        Prompt::Create => PageKind::SignUp,
        Prompt::Organization => PageKind::Organization,
        Prompt::Own => PageKind::Own,
        // Proving who you are answers every question that pages do not know yet.
        Prompt::Login | _ => PageKind::Login,
    }
}

/// Says where the pages are. The built-in pages answer paths under the issuer; an embedder may name any URL of its own.
pub trait Interaction: Send + Sync + 'static {
    /// The URL of a page. `handle` is opaque and URL safe; the page gives it back when the person has acted. It is
    /// empty for [`PageKind::SignedOut`] when there is nothing to tell.
    fn url(&self, page: PageKind, handle: &str) -> String;
}

/// A function is enough.
impl<F: Fn(PageKind, &str) -> String + Send + Sync + 'static> Interaction for F {
    fn url(&self, page: PageKind, handle: &str) -> String {
        self(page, handle)
    }
}
