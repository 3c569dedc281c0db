//! Making an account, and getting back into one.

use std::net::IpAddr;

use hallpass_core::{policy::SignUp, record::MailedPurpose};
use hallpass_types::EmailAddress;

use super::{
    InteractionDetails,
    mailed::{MailAsked, Reason, Wanted},
};
use crate::{Failure, Provider, browser::Browser};

impl Provider {
    /// What the page to make an account shows: the request that it is part of.
    ///
    /// # Errors
    /// Nobody can make an account here, or the handle is not valid in this browser.
    pub async fn sign_up_details(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<InteractionDetails, Failure> {
        if self.inner.policy.people.sign_up != SignUp::Open {
            return Err(Reason::NotOffered.into());
        }
        self.interaction_details(handle, browser).await
    }

    /// Somebody wants an account with this address. It gets a mail: with a link, or that it has an account.
    ///
    /// # Errors
    /// As [`Self::sign_up_details`], or the store fails.
    pub async fn sign_up_asked(
        &self,
        handle: &str,
        browser: &Browser,
        address: &EmailAddress,
        peer: Option<IpAddr>,
    ) -> Result<MailAsked, Failure> {
        self.sign_up_details(handle, browser).await?;
        let wanted = Wanted {
            purpose: MailedPurpose::SignUp,
            address,
            browser: Some(browser),
            request: Some(handle),
            about: None,
            peer,
        };
        Ok(self.ask_by_mail(wanted, false).await?.into())
    }

    /// Whether people can get a new password by mail.
    ///
    /// # Errors
    /// They cannot.
    pub fn recovery(&self) -> Result<(), Failure> {
        if self.inner.policy.people.recovery {
            Ok(())
        } else {
            Err(Reason::NotOffered.into())
        }
    }

    /// Somebody forgot the password of the account with this address. When there is one, it gets a mail with a link.
    ///
    /// # Errors
    /// It is not offered, a handle is not valid in this browser, or the store fails.
    pub async fn recovery_asked(
        &self,
        handle: Option<&str>,
        browser: &Browser,
        address: &EmailAddress,
        peer: Option<IpAddr>,
    ) -> Result<MailAsked, Failure> {
        self.recovery()?;
        if let Some(handle) = handle {
            self.interaction_details(handle, browser).await?;
        }
        let wanted = Wanted {
            purpose: MailedPurpose::Recover,
            address,
            browser: Some(browser),
            request: handle,
            about: None,
            peer,
        };
        Ok(self.ask_by_mail(wanted, false).await?.into())
    }
}
