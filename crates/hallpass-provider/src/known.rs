//! Browsers in which somebody signed in before.
//!
//! Whoever knows a name can use up the tries that its account has. The person's own browsers have tries of their own: they
//! carry a sealed cookie that names the accounts that were signed in to there, and each such name is counted for itself. It
//! opens nothing, and stands for no factor. The same for the mails that strangers can ask for to the person's address.

use hallpass_types::{EmailAddress, Timestamp, sha256};
use serde::{Deserialize, Serialize};

use crate::{
    Provider,
    browser::{Browser, SetCookies},
    ports::{Account, KnownBrowser},
};

/// So many accounts a browser is known for.
const MOST: usize = 4;
const KIND: &str = "known";

#[derive(Serialize, Deserialize)]
struct Held {
    #[serde(rename = "b")]
    browser: KnownBrowser,
    #[serde(rename = "t")]
    since: Timestamp,
    /// Of the address that was known to be the person's then.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    address: Option<[u8; 8]>,
}

impl Provider {
    /// For which accounts a browser is known, the last one first. What it carries may be of another server, of another
    /// issuer, too old or made up: then for none.
    #[must_use]
    pub fn known_browsers(&self, browser: &Browser) -> Vec<KnownBrowser> {
        let held = self.held(browser).into_iter();
        held.map(|held| held.browser).collect()
    }

    /// The name of a browser in which the owner of an address signed in. Nobody is looked up for it: the address is in the cookie.
    pub(crate) fn browser_of_address(
        &self,
        browser: &Browser,
        address: &EmailAddress,
    ) -> Option<[u8; 16]> {
        let wanted = Some(address_digest(address));
        let mut held = self.held(browser).into_iter();
        held.find(|held| held.address == wanted)
            .map(|held| held.browser.name)
    }

    fn held(&self, browser: &Browser) -> Vec<Held> {
        let lifetime = self.inner.policy.sign_in.known_browser;
        let now = self.now();
        let opened = browser
            .known
            .as_deref()
            .and_then(|sealed| self.inner.secrets.open_browser(KIND, sealed));
        let held = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut held: Vec<Held> = held.unwrap_or_default();
        held.retain(|held| (0..lifetime).contains(&now.since(held.since)));
        held.truncate(MOST);
        held
    }

    /// The account was signed in to in this browser: from now on it is known for it, under a new name.
    pub(crate) fn make_known(
        &self,
        browser: &Browser,
        account: &Account,
        cookies: &mut SetCookies,
    ) {
        let lifetime = self.inner.policy.sign_in.known_browser;
        if lifetime <= 0 {
            return;
        }
        let mut held = vec![Held {
            browser: KnownBrowser {
                subject: account.subject.clone(),
                epoch: account.epoch,
                name: self.random(),
            },
            since: self.now(),
            address: account.verified_address().as_ref().map(address_digest),
        }];
        let others = self.held(browser).into_iter();
        held.extend(others.filter(|held| held.browser.subject != account.subject));
        held.truncate(MOST);
        // Without it the browser is one like any other.
        if let Ok(bytes) = serde_json::to_vec(&held) {
            let sealed = self.inner.secrets.seal_browser(KIND, &bytes);
            cookies.known = Some((sealed, lifetime));
        }
    }
}

fn address_digest(address: &EmailAddress) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(address.key().as_bytes());
    [a, b, c, d, e, f, g, h]
}
