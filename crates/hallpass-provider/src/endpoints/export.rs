//! Everything about a person, for themselves.

use hallpass_core::record::Activity;
use hallpass_store::{Commit, Spend};
use hallpass_types::{ClientId, EmailAddress};
use serde_json::{Value, json};

use crate::{Failure, Provider, browser::Browser};

impl Provider {
    /// Everything about the person, for themselves. None when they signed in too long ago.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn exported(&self, form: &str, browser: &Browser) -> Result<Option<Value>, Failure> {
        let inner = &self.inner;
        let signed_in = self.open_own_form(form, browser).await?;
        if !self.is_recent(&signed_in) {
            return Ok(None);
        }
        let subject = &signed_in.account.subject;
        let person = self.personal(&signed_in.account).await?;
        let sessions = self.living_sessions(&signed_in.account).await?;
        let refused = self.refused_clients(subject).await?;
        let consents = inner.store.consents_of(inner.issuer_id, subject).await?;
        let credentials = inner.store.credentials(inner.issuer_id, subject).await?;
        let activity = inner
            .store
            .activity_of(inner.issuer_id, subject, hallpass_store::MAX_PAGE)
            .await?;
        let writes = vec![self.happened(subject, Activity::Exported, browser, None)];
        let spends = vec![Spend::Session(signed_in.key)];
        self.commit(Commit { spends, writes }).await?;
        Ok(Some(json!({
            "exported_at": self.now().0,
            "issuer": inner.policy.issuer.as_str(),
            "account": {
                "sub": subject.as_str(),
                "username": person.username,
                "created_at": person.created_at.0,
                "email": person.address.as_ref().map(EmailAddress::as_str),
                "email_verified": person.address_verified,
                "has_password": person.has_password,
                "claims": person.claims,
            },
            "credentials": credentials.iter().map(|credential| json!({
                "kind": credential.data.kind(),
                "name": credential.name,
                "created_at": credential.created_at.0,
                "last_used_at": credential.last_used_at.map(|at| at.0),
            })).collect::<Vec<_>>(),
            "sessions": sessions.iter().map(|(_, session)| json!({
                "created_at": session.created_at.0,
                "expires_at": session.expires_at.0,
                "last_used_at": session.seen_at.0,
                "device": session.visit.as_ref().map(|visit| &visit.device),
                "address": session.visit.as_ref().and_then(|visit| visit.address.as_ref()),
                "amr": session.authentication.amr,
            })).collect::<Vec<_>>(),
            "applications": consents.iter().map(|(client, consent)| json!({
                "client_id": client.as_str(),
                "scope": consent.scope.to_string(),
                "refused": consent.refused.to_string(),
                "claims": consent.claims,
                "resources": consent.resources,
                "allowed_at": consent.at.0,
            })).collect::<Vec<_>>(),
            "refused_applications": refused.iter().map(|refused| json!({
                "client_id": refused.id,
                "since": refused.since.0,
                "until": refused.until.map(|at| at.0),
            })).collect::<Vec<_>>(),
            "activity": activity.iter().map(|record| json!({
                "at": record.at.0,
                "what": record.what.as_str(),
                "device": record.visit.as_ref().map(|visit| &visit.device),
                "address": record.visit.as_ref().and_then(|visit| visit.address.as_ref()),
                "client_id": record.client.as_ref().map(ClientId::as_str),
            })).collect::<Vec<_>>(),
        })))
    }
}
