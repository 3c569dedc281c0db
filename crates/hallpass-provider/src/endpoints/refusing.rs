//! Clients that a person does not want to be asked by any more (CIBA Core §13: such a decision is the provider's to offer).

use hallpass_core::backchannel::{Refusals, Refused};
use hallpass_store::{AdminKind, AdminRecord, Commit, Committed, Spend};
use hallpass_types::{ClientId, Subject, Timestamp};

use super::{
    BackchannelAnswer, BackchannelOutcome,
    interaction::{ClientView, client_view},
    mailed::Reason,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason},
};

/// A client that may not ask a person.
#[derive(Clone, Debug)]
pub struct RefusedClient {
    /// Names it in forms.
    pub id: String,
    /// What is known about it.
    pub client: ClientView,
    /// When the person said so.
    pub since: Timestamp,
    /// Until when; none for good.
    pub until: Option<Timestamp>,
}

/// How often something is tried again when others are faster.
const ATTEMPTS: usize = 8;

impl Provider {
    /// Keeps a client from asking a person by backchannel authentication, until that time or for good. What it has asked and
    /// nobody has answered is denied.
    ///
    /// # Errors
    /// The store fails, or others change the same all the time.
    pub async fn refuse_client(
        &self,
        subject: &Subject,
        client: &ClientId,
        until: Option<Timestamp>,
    ) -> Result<(), Failure> {
        self.refusing(subject, client, until, None).await
    }

    /// As [`Self::refuse_client`]; `guard` must hold at the moment of the commit.
    pub(super) async fn refusing(
        &self,
        subject: &Subject,
        client: &ClientId,
        until: Option<Timestamp>,
        guard: Option<Spend>,
    ) -> Result<(), Failure> {
        let since = self.now();
        let refused = Refused { since, until };
        let change = |held: &Refusals, now| held.with(client.clone(), refused, now);
        self.change_refusals(subject, change, guard).await?;
        for (key, record) in self.open_backchannel(subject).await? {
            if record.polled.request.client_id == *client {
                // Whether it was answered meanwhile does not matter.
                let _: BackchannelOutcome = self
                    .decide_backchannel(key, &BackchannelAnswer::Deny, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Lets a client ask a person again. Whether it could not before.
    ///
    /// # Errors
    /// As [`Self::refuse_client`].
    pub async fn admit_client(
        &self,
        subject: &Subject,
        client: &ClientId,
    ) -> Result<bool, Failure> {
        self.admitting(subject, client, None).await
    }

    async fn admitting(
        &self,
        subject: &Subject,
        client: &ClientId,
        guard: Option<Spend>,
    ) -> Result<bool, Failure> {
        if !self.is_refused(subject, client).await? {
            return Ok(false);
        }
        let change = |held: &Refusals, now| held.without(client, now);
        self.change_refusals(subject, change, guard).await?;
        Ok(true)
    }

    /// The person lets a client ask again, by a form of a page of their own.
    ///
    /// # Errors
    /// The form is not this browser's, the client was not refused, or the store fails.
    pub async fn client_admitted(
        &self,
        form: &str,
        browser: &Browser,
        client: &str,
    ) -> Result<(), Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        let id = ClientId::parse(client).map_err(|_| Reason::NotYours)?;
        let guard = Some(Spend::Session(signed_in.key));
        let subject = &signed_in.account.subject;
        if self.admitting(subject, &id, guard).await? {
            Ok(())
        } else {
            Err(Reason::NotYours.into())
        }
    }

    /// The clients that may not ask a person, the latest first.
    ///
    /// # Errors
    /// The store fails.
    pub async fn refused_clients(&self, subject: &Subject) -> Result<Vec<RefusedClient>, Failure> {
        // Where nobody can ask, nothing is looked up.
        if !self.inner.policy.backchannel.enabled {
            return Ok(Vec::new());
        }
        let (held, _) = self.refusals(subject).await?;
        let mut views = Vec::new();
        for (id, refused) in held.iter(self.now()) {
            let client = self.client(id).await?;
            let view = client.map_or_else(
                || ClientView {
                    name: id.as_str().to_owned(),
                    redirect_host: id.as_str().to_owned(),
                    ..ClientView::default()
                },
                |client| client_view(&client, ""),
            );
            views.push(RefusedClient {
                id: id.as_str().to_owned(),
                client: view,
                since: refused.since,
                until: refused.until,
            });
        }
        views.sort_by_key(|view| std::cmp::Reverse(view.since));
        Ok(views)
    }

    /// Whether a person does not want to be asked by a client.
    pub(super) async fn is_refused(
        &self,
        subject: &Subject,
        client: &ClientId,
    ) -> Result<bool, Failure> {
        let (held, _) = self.refusals(subject).await?;
        Ok(held.holds(client, self.now()))
    }

    /// What a person refuses, with the revision of the record.
    pub(super) async fn refusals(
        &self,
        subject: &Subject,
    ) -> Result<(Refusals, Option<u64>), Failure> {
        let inner = &self.inner;
        let kind = AdminKind::Refusals;
        let found = inner
            .store
            .admin_record(inner.issuer_id, kind, subject.as_str())
            .await?;
        let Some(found) = found else {
            return Ok((Refusals::default(), None));
        };
        let held = serde_json::from_value(found.value)
            .map_err(|error| Failure::Internal(format!("refusals cannot be read: {error}")))?;
        Ok((held, Some(found.revision)))
    }

    async fn change_refusals(
        &self,
        subject: &Subject,
        change: impl Fn(&Refusals, Timestamp) -> Refusals + Send + Sync,
        guard: Option<Spend>,
    ) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let (held, from) = self.refusals(subject).await?;
            let next = change(&held, self.now());
            let record = if next.is_empty() {
                None
            } else {
                let value = serde_json::to_value(&next)
                    .map_err(|error| Failure::Internal(error.to_string()))?;
                Some(Box::new(AdminRecord {
                    id: subject.as_str().to_owned(),
                    revision: from.unwrap_or_default().saturating_add(1),
                    value,
                }))
            };
            if record.is_none() && from.is_none() {
                return Ok(());
            }
            let mut spends = vec![Spend::Admin {
                kind: AdminKind::Refusals,
                id: subject.as_str().to_owned(),
                from,
                next: record,
            }];
            spends.extend(guard.clone());
            let commit = Commit {
                spends,
                writes: Vec::new(),
            };
            match self.commit(commit).await? {
                Committed::Done => return Ok(()),
                // The person refuses or admits another one in this very moment.
                Committed::TooLate(0) => {}
                Committed::TooLate(_) => return Err(BrowserReason::NotSignedIn.into()),
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }
}
