//! Tokens as they are presented: which kind, and whether they are ours.

use hallpass_core::{
    issue::access_token, record::AccessToken, token::RefreshToken, userinfo::Facts,
};
use hallpass_jose::{JwsAlgorithm, UnverifiedJws};
use hallpass_store::{Standing, StoreError};
use hallpass_types::Timestamp;

use crate::{
    Provider,
    ports::Account,
    secrets::{ACCESS_PREFIX, REFRESH_PREFIX},
};

/// A token whose authenticity was checked.
#[derive(Debug)]
pub(crate) enum Presented {
    Access(Box<AccessToken>),
    Refresh(RefreshToken),
    Unknown,
}

/// What is known about an access token.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) standing: Standing,
    pub(crate) account: Option<Account>,
}

impl Known {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            grant: self.standing.grant.as_ref(),
            token_denied: self.standing.token_denied,
            session_alive: self.standing.session_alive,
            account: self
                .account
                .as_ref()
                .filter(|account| {
                    let grant = self.standing.grant.as_ref().map(|found| &found.record);
                    grant.is_none_or(|grant| !account.took_back(&grant.client_id, grant.issued_at))
                })
                .map(|a| hallpass_core::token::AccountFacts { epoch: a.epoch }),
        }
    }
}

impl Provider {
    /// Opens a token of any kind. Its prefix says which; everything else can only be one of our JWTs.
    pub(crate) async fn open_token(&self, text: &str, now: Timestamp) -> Presented {
        if text.starts_with(REFRESH_PREFIX) {
            return self
                .inner
                .secrets
                .open_refresh(text)
                .map_or(Presented::Unknown, Presented::Refresh);
        }
        self.open_access(text, now)
            .await
            .map_or(Presented::Unknown, |t| Presented::Access(Box::new(t)))
    }

    /// Opens an access token. One that a key signed which is not known here may come from a process that has rotated
    /// keys a moment ago: the keys are read again then.
    pub(crate) async fn open_access(&self, text: &str, now: Timestamp) -> Option<AccessToken> {
        let opened = self.open_access_now(text, now);
        if opened.is_some() || text.starts_with(ACCESS_PREFIX) || !self.learn_key_of(text).await {
            return opened;
        }
        self.open_access_now(text, now)
    }

    /// Opens an access token with the keys that are known.
    fn open_access_now(&self, text: &str, now: Timestamp) -> Option<AccessToken> {
        if text.starts_with(ACCESS_PREFIX) {
            return self.inner.secrets.open_access(text, now);
        }
        let jws = UnverifiedJws::parse(text).ok()?;
        let algorithm: JwsAlgorithm = jws.algorithm();
        if algorithm.is_symmetric() {
            return None;
        }
        let keys = self.inner.keys.load();
        let kid = jws.kid().map(str::to_owned);
        let known = keys.public_of(kid.as_deref());
        let verified = jws.verify(&[algorithm], known).ok()?;
        //= RFC9068#4 MUST: only a JWT whose typ is at+jwt is an access token
        if !verified.typ_is(access_token::TYP) {
            return None;
        }
        let policy = &self.inner.policy;
        access_token::from_claims(&verified.claims().ok()?, &policy.issuer)
            .filter(|token| token.issued_at >= policy.keys.valid_from)
    }

    /// Looks up whether an access token still stands.
    pub(crate) async fn known(&self, token: &AccessToken) -> Result<Known, StoreError> {
        let (standing, account) = self
            .known_standing(token.grant, token.id, token.expires_at)
            .await?;
        Ok(Known { standing, account })
    }
}
