//! Every rule holds. What is missing is the person.

use std::sync::Arc;

use super::{
    Reason, Redirect, RequestRecord, Unidentified,
    rules::{self, scope},
};
use crate::{
    authorization_details::is_permitted,
    client::{Client, redirect_uri},
    policy::Policy,
};

/// A request that broke no rule.
#[derive(Clone, Debug)]
pub struct Valid {
    client: Arc<Client>,
    request: RequestRecord,
}

impl Valid {
    pub(super) const fn new(client: Arc<Client>, request: RequestRecord) -> Self {
        Self { client, request }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// What it asks for.
    #[must_use]
    pub const fn request(&self) -> &RequestRecord {
        &self.request
    }

    /// The request in the form in which it waits while the person is asked.
    #[must_use]
    pub const fn to_record(&self) -> &RequestRecord {
        &self.request
    }

    /// Brings a waiting request back. What may have changed meanwhile is checked again: the client is still there,
    /// the redirect URI is still its own, it may still ask for such an answer, and scopes, resources and details that it
    /// may no longer have fall away.
    ///
    /// # Errors
    /// A page: after such a change nobody is redirected.
    pub fn resume(
        record: RequestRecord,
        client: Option<Arc<Client>>,
        policy: &Policy,
    ) -> Result<Self, Unidentified> {
        let client = client
            .filter(|found| found.id == record.client_id)
            .ok_or(Unidentified::ClientUnknown)?;
        if !redirect_uri::matches(&client, &record.redirect_uri) {
            return Err(Unidentified::RedirectUriNotRegistered);
        }
        if !rules::still_hold(&record, &client, policy) {
            return Err(Unidentified::RequestWithdrawn);
        }
        Ok(Self::still_allowed(record, client, policy))
    }

    pub(super) fn still_allowed(
        record: RequestRecord,
        client: Arc<Client>,
        policy: &Policy,
    ) -> Self {
        let mut request = record;
        request.scope = request
            .scope
            .filtered(|token| scope::exists(policy, token) && scope::is_allowed(&client, token));
        request.resources.retain(|uri| {
            policy
                .resource(uri)
                .is_some_and(|resource| client.may_name(resource))
        });
        request
            .authorization_details
            .retain(|detail| is_permitted(detail, policy, &client));
        Self { client, request }
    }

    /// Allows a positive answer for this person only: the subject of a genuine `id_token_hint`
    /// ([`hint::check`](super::hint::check)). When the `claims` parameter names somebody else, there can be none.
    pub fn require_subject(&mut self, subject: String) {
        if !self.request.required_subjects.contains(&subject) {
            self.request.required_subjects.push(subject);
        }
    }

    /// The person acts for this organization. Whether they may is asked in [`interaction::next`](crate::interaction::next).
    pub fn act_for(&mut self, organization: &str) {
        self.request.organization = Some(organization.to_owned());
    }

    /// Refuses the request; the error goes to the client.
    #[must_use]
    pub fn reject(self, reason: Reason) -> Redirect {
        Redirect {
            client_id: self.request.client_id,
            redirect_uri: self.request.redirect_uri,
            mode: self.request.response_mode,
            fallback: self.request.response_type.default_mode(),
            state: self.request.state,
            reason,
        }
    }
}
