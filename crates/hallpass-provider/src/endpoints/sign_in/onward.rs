//! The same sign-in, begun anew or taken elsewhere.

use crate::{Failure, Provider, browser::Browser, endpoints::Answered};

impl Provider {
    /// The person wants to sign in as somebody else: nothing that was proved counts.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn sign_in_anew(&self, handle: &str, browser: &Browser) -> Result<Answered, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        self.ask_on(*signing_in.pending, None, true)
    }

    /// The person wants to sign in with another account, and to keep the one that is used in this browser.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn account_added(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Answered, Failure> {
        let mut signing_in = self.open_sign_in(handle, browser).await?;
        signing_in.pending.adding = true;
        self.ask_on(*signing_in.pending, None, true)
    }

    /// The same request, whose person wants to stay signed in: for a way on which they come back without the form that said so.
    ///
    /// # Errors
    /// The handle is not valid in this browser.
    pub(crate) async fn remembering(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<String, Failure> {
        if !browser.remember {
            return Ok(handle.to_owned());
        }
        let (_, mut pending) = self.open(handle, browser).await?;
        pending.remember = true;
        self.seal_pending(&pending)
    }
}
