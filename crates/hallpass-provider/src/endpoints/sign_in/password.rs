//! The new password that somebody must choose before the sign-in goes on.

use hallpass_core::{
    record::Activity,
    sign_in::{Method, Proof},
};

use super::{Proved, Proven, SignInStep, SigningIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason},
    endpoints::Answered,
    ports::{Account, Prepared},
};

impl Provider {
    /// Whose password is to be changed on this page; nobody's where it does not ask for that.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn new_password_for(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Option<Account>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let wanted = signing_in.step(self)? == Some(SignInStep::NewPassword);
        Ok(signing_in.account.filter(|_| wanted))
    }

    /// Changes the password as the page asked, and goes on. Everything older than the change is over, but for what the person
    /// proved on this way.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the account was changed in this very moment, or the store fails.
    pub async fn password_chosen(
        &self,
        handle: &str,
        browser: &Browser,
        chosen: Prepared,
    ) -> Result<Answered, Failure> {
        let account = chosen.account.clone();
        // The state is of the old epoch: it is read without asking the account.
        let (flow, pending) = self.open(handle, browser).await?;
        let proved = pending.proved.clone();
        let proved = proved
            .filter(|p| p.subject == account.subject && p.must_change)
            .ok_or(Reason::StateUnknown)?;
        let subject = &account.subject;
        let mut writes = self.end_sessions(self.sessions_of(subject).await?);
        writes.push(self.happened(subject, Activity::PasswordChanged, browser, None));
        writes.extend(self.told(subject, self.password_notice()).await?);
        self.change(Vec::new(), chosen, writes).await?;
        let now = self.now();
        let enrolled = self.enrolled(&account.subject).await?;
        let signing_in = SigningIn {
            flow: Box::new(flow),
            pending: Box::new(pending),
            session: None,
            builds_on_session: false,
            proved: Some(Proved {
                epoch: account.epoch,
                must_change: false,
                ..proved
            }),
            account: Some(account.clone()),
            enrolled,
            link: None,
            newcomer: false,
        };
        let proven = Proven {
            account,
            proof: Proof::new(Method::Password, now),
            must_change: false,
        };
        match self
            .advance(signing_in, browser, proven, (Vec::new(), Vec::new()))
            .await?
        {
            Some(answered) => Ok(answered),
            None => Err(Reason::StateExpired.into()),
        }
    }
}
