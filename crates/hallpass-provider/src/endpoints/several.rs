//! Several accounts in one browser: one is used, the others wait in a cookie of their own until the person chooses among
//! them.

use hallpass_types::{Opaque, Session};

use super::{Answered, SignedIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason, SetCookies},
};

/// An account that waits in this browser.
#[derive(Clone, Debug)]
pub struct WaitingAccount {
    /// Its place among those that wait; comes back when it is chosen.
    pub place: usize,
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
        for (place, held) in browser.others.iter().enumerate() {
            let Some(found) = self.signed_in(Some(held.key())).await? else {
                continue;
            };
            if !seen.contains(&found.account.subject) {
                waiting.push(WaitingAccount {
                    place,
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
        place: usize,
    ) -> Result<Answered, Failure> {
        let (mut flow, _) = self.open(handle, browser).await?;
        let chosen = browser.others.get(place).ok_or(Reason::NotSignedIn)?;
        let found = self.signed_in(Some(chosen.key())).await?;
        let SignedIn { key, session, .. } = found.ok_or(Reason::NotSignedIn)?;
        let lifetime = session.expires_at.since(self.now());
        let mut others: Vec<&Opaque<Session>> = browser.others.iter().collect();
        others.remove(place);
        others.extend(&browser.session);
        let cookies = SetCookies {
            state: self.browser_state(&key, lifetime),
            session: Opaque::parse(chosen.expose()).map(|value| (value, lifetime)),
            others: Some(self.waiting_cookie(&others)),
            fleeting: session.fleeting,
            ..SetCookies::default()
        };
        flow.done.selected = Some(session.sid);
        self.proceed(flow, browser, cookies).await
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
