//! Links that operators make: to hand over, or to be mailed.

use hallpass_core::record::{MailedPurpose, MailedRecord, WaitingRecord};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{Bucket, EmailAddress, Opaque, Subject, Timestamp, Waiting};

use super::mailed::{LINK, Reason};
use crate::{
    Failure, Provider,
    mail::{About, Order},
    ports::Account,
};

/// A link that is good for something once it is committed.
#[derive(Debug)]
pub struct NewLink {
    /// What waits behind it.
    pub spend: Spend,
    /// The mail that brings it, where it is mailed.
    pub write: Option<Write>,
    /// Its address, which is a secret.
    pub url: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

impl Provider {
    /// A link by which somebody makes an account with this address, or, where it is about one, chooses with what to sign in; then
    /// `for_operators` says whether who makes it may change the accounts of operators, too.
    #[must_use]
    pub fn new_link(
        &self,
        address: &EmailAddress,
        about: Option<(&Subject, u32)>,
        for_operators: bool,
    ) -> NewLink {
        self.new_link_for(address, about, (true, for_operators))
    }

    fn new_link_for(
        &self,
        address: &EmailAddress,
        about: Option<(&Subject, u32)>,
        (handed_over, for_operators): (bool, bool),
    ) -> NewLink {
        let now = self.now();
        let expires_at = now.plus(self.inner.policy.people.invitation_lifetime);
        let token = Opaque::<Waiting>::from_random(Bucket::holding(expires_at), &self.random());
        let record = MailedRecord {
            purpose: match about {
                Some(_) => MailedPurpose::Recover,
                None => MailedPurpose::Invitation,
            },
            address: address.clone(),
            binding: None,
            subject: about.map(|(subject, _)| subject.clone()),
            epoch: about.map(|(_, epoch)| epoch),
            replaces: None,
            handed_over,
            for_operators,
            request: None,
            code: None,
            tries: 0,
            issued_at: now,
            turn: 0,
            expires_at,
        };
        let waiting = WaitingRecord::Mailed(Box::new(record));
        let path = format!("{LINK}?token={}", token.expose());
        NewLink {
            spend: Spend::NewWaiting(token.key(), Box::new(waiting)),
            write: None,
            url: self.inner.policy.issuer.url(&path),
            expires_at,
        }
    }

    /// An invitation that is mailed. Limits do not hold: it is the operator who invites.
    ///
    /// # Errors
    /// There is no mail here.
    pub fn new_invitation(&self, address: &EmailAddress) -> Result<NewLink, Failure> {
        if self.inner.post.is_none() {
            return Err(Reason::NotOffered.into());
        }
        let link = self.new_link_for(address, None, (false, false));
        let token = link.url.rsplit_once("?token=").map(|(_, token)| token);
        let order = Order {
            to: address.clone(),
            about: About::Asked {
                token: token.unwrap_or_default().to_owned(),
                code: None,
            },
        };
        let write = self.order(MailedPurpose::Invitation.as_str(), &order, link.expires_at)?;
        Ok(NewLink {
            write: Some(write),
            ..link
        })
    }

    /// A link that works once, for an operator to hand over: to make an account with this address, or, where it is about one, to
    /// choose with what to sign in.
    ///
    /// # Errors
    /// The store fails.
    pub async fn link_to_hand_over(
        &self,
        address: &EmailAddress,
        about: Option<&Account>,
    ) -> Result<String, Failure> {
        let about = about.map(|account| (&account.subject, account.epoch));
        // Who runs a command on the machine may do everything.
        self.made(self.new_link(address, about, true)).await
    }

    /// Invites somebody by mail to make an account.
    ///
    /// # Errors
    /// The store fails, or there is no mail.
    pub async fn invite(&self, address: &EmailAddress) -> Result<(), Failure> {
        self.made(self.new_invitation(address)?).await.map(drop)
    }

    async fn made(&self, link: NewLink) -> Result<String, Failure> {
        let commit = Commit {
            spends: vec![link.spend],
            writes: link.write.into_iter().collect(),
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(link.url),
            Committed::TooLate(_) => Err(Failure::Internal("a handle is taken".to_owned())),
        }
    }
}
