//! What the grants have in common whose person is asked elsewhere while the client polls.

use hallpass_types::{Key, Kind, Opaque, Params, Waiting};

use super::{
    AccessGrant, AccountFacts, Asked, Context, Grant, Issuance, Lookup, Reason, RefreshToken,
    Refused, Spend, refresh_token::Refresh, standing, target,
};
use crate::{
    issue::IdTokenRequest,
    polling::Polled,
    record::{FoundWaiting, GrantRecord, WaitingRecord},
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

/// A record that clients poll for.
pub(super) trait Waits: Sized {
    /// Takes it out of what waits under a handle.
    fn of(record: WaitingRecord) -> Option<Self>;
    /// What is asked for and what became of it.
    fn polled(&self) -> &Polled;
    /// The record after a poll that yielded no tokens.
    fn after(self, polled: Polled) -> WaitingRecord;
}

/// What a poll says.
#[derive(Debug)]
pub struct PollRequest {
    /// None when the handle is not even well formed.
    key: Option<Key<Waiting>>,
    /// Resources that this request names.
    resources: Vec<String>,
}

impl PollRequest {
    /// Reads the handle of kind `H` from the parameter of that name.
    pub(super) fn read<H: Kind>(
        params: &Params,
        name: &str,
        missing: Reason,
    ) -> Result<Self, Reason> {
        let handle = params.get(name).ok_or(missing)?;
        Ok(Self {
            key: Opaque::<H>::parse(handle).as_ref().map(waiting_key),
            resources: target::read(params)?,
        })
    }

    pub(super) const fn key(&self) -> PolledKey {
        PolledKey(self.key)
    }

    /// Decides on what was found under the handle; `W` is what waits there.
    pub(super) fn decide<W: Waits>(
        self,
        cx: &Context<'_>,
        found: PolledFound,
    ) -> Result<Issuance, Refused> {
        let unknown = || Refused::from(Reason::PolledUnknown);
        let key = self.key.ok_or_else(unknown)?;
        let FoundWaiting { record, revision } = found.waiting.ok_or_else(unknown)?;
        let record = W::of(record).ok_or_else(unknown)?;
        let grant = match record
            .polled()
            .poll(cx.client.client(), cx.client.instance(), cx.now)
        {
            Ok(grant) => grant,
            Err(none) => {
                let effect = none.next.map(|next| super::Effect::Polled {
                    key,
                    revision,
                    next: Box::new(record.after(*next)),
                });
                return Err(Refused {
                    reason: none.reason,
                    effect,
                });
            }
        };
        standing(&grant, None, found.account, found.session_alive, cx.now)?;
        let spend = Spend::Waiting { key, revision };
        Ok(issue(cx, grant, &self.resources, spend)?)
    }
}

/// Where a request waits that is known to its client by this handle.
#[must_use]
pub fn waiting_key<H: Kind>(handle: &Opaque<H>) -> Key<Waiting> {
    let key = handle.key();
    Key::from_parts(key.bucket, key.digest)
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
    grant.confirmation = cx.holder();
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
