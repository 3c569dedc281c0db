//! What the grants have in common whose person is asked elsewhere while the client polls.

use hallpass_types::{Key, Waiting};

use super::{
    AccessGrant, AccountFacts, Asked, Context, Grant, Issuance, Lookup, Reason, RefreshToken,
    Refused, Spend, refresh_token::Refresh, standing,
};
use crate::{
    issue::IdTokenRequest,
    polling::Polled,
    record::{FoundWaiting, GrantRecord},
};

/// What must be known about a request that a client polls for: itself, then the account and the session of what was
/// allowed. None when the handle is not even well formed.
#[derive(Clone, Copy, Debug)]
pub struct PolledKey(pub Option<Key<Waiting>>);

/// What the engine found.
#[derive(Debug)]
pub struct PolledFound {
    /// What waits under the handle.
    pub waiting: Option<FoundWaiting>,
    /// The account of its grant, when the person allowed one.
    pub account: Option<AccountFacts>,
    /// Whether the session of that grant is there.
    pub session_alive: bool,
}

impl Lookup for PolledKey {
    type Found = PolledFound;
}

/// What a poll is about.
#[derive(Debug)]
pub(super) struct Poll<'a> {
    pub(super) key: Key<Waiting>,
    pub(super) revision: u32,
    pub(super) polled: &'a Polled,
    pub(super) account: Option<AccountFacts>,
    pub(super) session_alive: bool,
    /// Resources that this request names.
    pub(super) resources: &'a [String],
}

impl Poll<'_> {
    /// Decides, with the way in which a changed request is put back.
    pub(super) fn decide(
        &self,
        cx: &Context<'_>,
        put_back: impl FnOnce(Polled) -> super::WaitingRecord,
    ) -> Result<Issuance, Refused> {
        let grant = match self.polled.poll(cx.client.client(), cx.now) {
            Ok(grant) => grant,
            Err(none) => {
                let effect = none.next.map(|next| super::Effect::Polled {
                    key: self.key,
                    revision: self.revision,
                    next: Box::new(put_back(*next)),
                });
                return Err(Refused {
                    reason: none.reason,
                    effect,
                });
            }
        };
        standing(&grant, None, self.account, self.session_alive, cx.now)?;
        Ok(issue(
            cx,
            grant,
            self.resources,
            Spend::Waiting {
                key: self.key,
                revision: self.revision,
            },
        )?)
    }
}

/// Tokens for a grant that begins now.
pub(super) fn issue(
    cx: &Context<'_>,
    mut grant: GrantRecord,
    resources: &[String],
    spend: Spend,
) -> Result<Issuance, Reason> {
    grant.refresh = grant
        .refresh
        .filter(|_| cx.client.client().may_use(Refresh::TYPE));
    //= RFC9449#5 MUST: refresh tokens of public clients are bound to the key of the proof
    //= RFC8705#4 MUST: refresh tokens of public clients are bound to the certificate
    grant.confirmation = cx.binding.filter(|_| cx.client.client().is_public());
    let scope = cx.permitted(&grant.scope);
    let access = AccessGrant::of_grant(
        cx,
        &grant,
        &scope,
        Asked {
            resources,
            details: None,
        },
    )?;
    let id_token = IdTokenRequest::of_grant(&grant, access.subject.clone(), None)
        .filter(|_| scope.contains("openid"));
    let refresh = grant.refresh.map(|state| RefreshToken {
        grant: grant.id,
        generation: state.generation,
    });
    Ok(Issuance {
        spend: Some(spend),
        // Whoever comes second finds nothing any more, and cannot tell whether there ever was something.
        replay_revokes: None,
        new_grant: Some(Box::new(grant)),
        touch_idle: None,
        access,
        id_token,
        refresh,
    })
}
