//! Several accounts in one browser: one is used, the others wait in a cookie of their own until the person chooses among
//! them.

use hallpass_store::StoreError;
use hallpass_types::{Key, Opaque, Session, Sid};

use super::{Answered, SignedIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason, SetCookies},
    sessions::with_earlier,
};

/// An account that waits in this browser.
#[derive(Clone, Debug)]
pub struct WaitingAccount {
    /// Its session; comes back when it is chosen.
    pub id: Sid,
    /// Its name.
    pub name: String,
}

/// So many wait beside the one that is used.
pub(crate) const MOST_WAITING: usize = 4;

impl Provider {
    /// The accounts that wait in this browser, each once, without the one that is used.
    ///
    /// # Errors
    /// The store fails.
    pub async fn waiting_accounts(
        &self,
        browser: &Browser,
    ) -> Result<Vec<WaitingAccount>, Failure> {
        let session = browser.session.as_ref().map(Opaque::key);
        let current = self.signed_in(session).await?;
        let mut seen = Vec::from_iter(current.map(|s| s.account.subject));
        let mut waiting = Vec::new();
        for held in &browser.others {
            let Some(found) = self.signed_in(Some(held.key())).await? else {
                continue;
            };
            if !seen.contains(&found.account.subject) {
                waiting.push(WaitingAccount {
                    id: found.session.sid,
                    name: found.account.display_name,
                });
                seen.push(found.account.subject);
            }
        }
        Ok(waiting)
    }

    /// The person chose an account that waits in this browser: it is used from now on, and the one that was used waits.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody waits there, or the store fails.
    pub async fn account_switched(
        &self,
        handle: &str,
        browser: &Browser,
        id: &str,
    ) -> Result<Answered, Failure> {
        let (mut flow, _) = self.open(handle, browser).await?;
        let mut others = Vec::new();
        let mut chosen = None;
        for held in &browser.others {
            match self.signed_in(Some(held.key())).await? {
                Some(found) if found.session.sid.as_str() == id => chosen = Some((held, found)),
                Some(_) | None => others.push(held),
            }
        }
        let (held, SignedIn { key, session, .. }) = chosen.ok_or(Reason::NotSignedIn)?;
        let lifetime = session.expires_at.since(self.now());
        others.extend(&browser.session);
        let cookies = SetCookies {
            state: self.browser_state(&key, lifetime),
            session: Opaque::parse(held.expose()).map(|value| (value, lifetime)),
            others: Some(self.waiting_cookie(&others)),
            fleeting: session.fleeting,
            ..SetCookies::default()
        };
        flow.done.selected = Some(session.sid);
        self.proceed(flow, browser, cookies).await
    }

    /// The sessions that wait in this browser, with those that they superseded: they end with the one that is used, so that
    /// whoever uses the browser next finds nobody's.
    pub(crate) async fn waiting_sessions(
        &self,
        browser: &Browser,
    ) -> Result<Vec<Key<Session>>, StoreError> {
        let inner = &self.inner;
        let mut keys = Vec::new();
        for key in browser.others.iter().map(Opaque::key) {
            if let Some(session) = inner.store.session(inner.issuer_id, key).await? {
                keys.extend(with_earlier(key, &session));
            }
        }
        Ok(keys)
    }

    /// The cookie of those who wait, the last ones of them, and its lifetime in seconds.
    pub(crate) fn waiting_cookie(&self, others: &[&Opaque<Session>]) -> (String, i64) {
        let surplus = others.len().saturating_sub(MOST_WAITING);
        let kept = others.iter().skip(surplus);
        let values: Vec<&str> = kept.map(|held| held.expose()).collect();
        let lifetime = if values.is_empty() {
            0
        } else {
            self.inner.policy.lifetimes.session
        };
        (values.join("."), lifetime)
    }
}
