//! The identities that a person has linked: seen, added and taken away by the signed-in owner alone.

use hallpass_core::record::Activity;
use hallpass_core::upstream::Reason;
use hallpass_store::{CredentialData, CredentialRecord, Spend};
use hallpass_types::{CredentialId, Opaque, Sid, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Purpose, UpstreamView};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies, binding_digest},
    endpoints::authorize::SignedIn,
};

/// What the page shows.
#[derive(Debug)]
pub struct Linked {
    /// Who is signed in.
    pub account: String,
    /// Comes back with each form.
    pub handle: String,
    /// Identities that are linked: which, the provider's name, and since when.
    pub identities: Vec<(CredentialId, String, Timestamp)>,
    /// Providers that can be linked.
    pub others: Vec<UpstreamView>,
}

/// What stands in a form of the page.
#[derive(Serialize, Deserialize)]
struct Form {
    #[serde(rename = "b")]
    binding: [u8; 16],
    #[serde(rename = "e")]
    expires_at: Timestamp,
    #[serde(rename = "s")]
    sid: Sid,
}

impl Provider {
    /// What a signed-in person has linked.
    ///
    /// # Errors
    /// Nobody is signed in, or the store fails.
    pub async fn linked(&self, browser: &Browser) -> Result<(Linked, SetCookies), Failure> {
        let signed_in = self.owner(browser).await?;
        let mut cookies = SetCookies::default();
        let form = Form {
            binding: binding_digest(&self.binding(browser, &mut cookies)),
            expires_at: self.now().plus(self.inner.policy.lifetimes.interaction),
            sid: signed_in.session.sid.clone(),
        };
        let plain = serde_json::to_vec(&form).map_err(|e| Failure::Internal(e.to_string()))?;
        let handle = self.inner.secrets.seal_browser("linked", &plain);
        let held = self.identities(&signed_in).await?;
        let is_linked = |id: &str| held.iter().any(|(_, provider)| provider == id);
        let others = self.upstreams();
        let others = others.into_iter().filter(|u| !is_linked(&u.id)).collect();
        let name_of = |record: &CredentialRecord, provider: &str| {
            let upstreams = &self.inner.policy.upstreams;
            let known = upstreams.iter().find(|upstream| upstream.id == provider);
            known.map_or_else(|| record.name.clone(), |upstream| upstream.name.clone())
        };
        let identities = held
            .iter()
            .map(|(record, provider)| (record.id, name_of(record, provider), record.created_at))
            .collect();
        let linked = Linked {
            account: signed_in.account.display_name,
            handle,
            identities,
            others,
        };
        Ok((linked, cookies))
    }

    /// Sends the owner to another provider, to link the account that they have there. Answers the address.
    ///
    /// # Errors
    /// The form is not of this browser and session, the sign-in is too long ago, or the provider cannot be used.
    pub async fn link_upstream(
        &self,
        id: &str,
        handle: &str,
        browser: &Browser,
    ) -> Result<String, Failure> {
        let signed_in = self.recent_owner(handle, browser).await?;
        let purpose = Purpose::Link(signed_in.session.sid);
        self.upstream_depart(id, purpose, None, browser).await
    }

    /// Takes an identity away.
    ///
    /// # Errors
    /// The form is not of this browser and session, the sign-in is too long ago, it is no identity of the owner's, or the
    /// last way to sign in.
    pub async fn unlink_upstream(
        &self,
        identity: CredentialId,
        handle: &str,
        browser: &Browser,
    ) -> Result<(), Failure> {
        let signed_in = self.recent_owner(handle, browser).await?;
        let subject = &signed_in.account.subject;
        let inner = &self.inner;
        let all = inner.store.credentials(inner.issuer_id, subject).await?;
        let held = all.iter().find(|record| {
            record.id == identity && matches!(record.data, CredentialData::Upstream(_))
        });
        let held = held.ok_or(Reason::Form)?;
        let removal = self.removal(held, &all).await?.ok_or(Reason::LastWay)?;
        let mut spends = vec![Spend::Session(signed_in.key)];
        spends.extend(removal);
        let unlinked = Activity::IdentityUnlinked;
        let writes = self.ways_changed(subject, unlinked, browser).await?;
        if self.changed(spends, writes).await? {
            Ok(())
        } else {
            Err(Failure::Unavailable { retry_after: 1 })
        }
    }

    async fn owner(&self, browser: &Browser) -> Result<SignedIn, Failure> {
        let key = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(key).await?;
        let signed_in = signed_in.ok_or(BrowserReason::NotSignedIn)?;
        if !self.is_enough(&signed_in).await? {
            return Err(BrowserReason::TooLittle.into());
        }
        Ok(signed_in)
    }

    async fn recent_owner(&self, handle: &str, browser: &Browser) -> Result<SignedIn, Failure> {
        let plain = self.inner.secrets.open_browser("linked", handle);
        let form: Form = plain
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or(Reason::Form)?;
        let signed_in = self.owner(browser).await?;
        let is_ours = browser.binding.as_deref().map(binding_digest) == Some(form.binding)
            && form.sid == signed_in.session.sid
            && !form.expires_at.is_over(self.now());
        if !is_ours {
            return Err(Reason::Form.into());
        }
        let age = self.now().since(signed_in.session.authentication.auth_time);
        if age > self.inner.policy.people.recent_sign_in {
            return Err(Reason::NotRecent.into());
        }
        self.may_change(&signed_in).await?;
        Ok(signed_in)
    }

    async fn identities(
        &self,
        signed_in: &SignedIn,
    ) -> Result<Vec<(CredentialRecord, String)>, Failure> {
        let inner = &self.inner;
        let subject = &signed_in.account.subject;
        let all = inner.store.credentials(inner.issuer_id, subject).await?;
        let identity = |record: CredentialRecord| {
            let CredentialData::Upstream(identity) = &record.data else {
                return None;
            };
            let provider = identity.provider.clone();
            Some((record, provider))
        };
        Ok(all.into_iter().filter_map(identity).collect())
    }
}
