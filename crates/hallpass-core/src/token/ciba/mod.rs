//! CIBA, Core §10.1: the client fetches what its person allowed.

use hallpass_types::{AuthReqId, Key, Params, Waiting};

use super::{
    Context, Grant, Issuance, PolledFound, PolledKey, Reason, Refused, polled,
    polled::{PollRequest, Waits},
};
use crate::{
    backchannel::BackchannelRecord,
    issue::id_token::Pushed,
    policy::DeliveryMode,
    polling::Polled,
    record::{GrantRecord, WaitingRecord},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct Ciba;

impl Waits for BackchannelRecord {
    fn of(record: WaitingRecord) -> Option<Self> {
        let WaitingRecord::Backchannel(record) = record else {
            return None;
        };
        Some(*record)
    }

    fn polled(&self) -> &Polled {
        &self.polled
    }

    fn after(self, polled: Polled) -> WaitingRecord {
        WaitingRecord::Backchannel(Box::new(Self { polled, ..self }))
    }
}

impl Grant for Ciba {
    const TYPE: &'static str = "urn:openid:params:grant-type:ciba";
    const PARAMS: &'static [&'static str] = &["auth_req_id", "resource"];
    type Request = PollRequest;
    type Key = PolledKey;

    fn parse(params: &Params) -> Result<PollRequest, Reason> {
        //= CIBA#10.1 MUST: auth_req_id is there
        PollRequest::read::<AuthReqId>(params, "auth_req_id", Reason::AuthReqIdMissing)
    }

    fn key(request: &PollRequest) -> PolledKey {
        request.key()
    }

    fn decide(
        cx: &Context<'_>,
        request: PollRequest,
        found: PolledFound,
    ) -> Result<Issuance, Refused> {
        //= CIBA#11 MUST: a client to which tokens are pushed may not fetch them
        if cx.client.client().backchannel.mode == DeliveryMode::Push {
            return Err(Reason::PushClientPolls.into());
        }
        request.decide::<BackchannelRecord>(cx, found)
    }
}

/// Tokens to push to a client for what its person just allowed: they are the answer, nobody fetches it.
///
/// # Errors
/// The grant cannot be turned into tokens.
pub fn push(
    cx: &Context<'_>,
    grant: GrantRecord,
    (key, revision): (Key<Waiting>, u32),
    auth_req_id: &str,
) -> Result<Issuance, Reason> {
    let spend = super::Spend::Waiting { key, revision };
    let mut issuance = polled::issue(cx, grant, &[], spend)?;
    if let Some(id_token) = &mut issuance.id_token {
        id_token.pushed = Some(Pushed {
            auth_req_id: auth_req_id.to_owned(),
            // Known when the refresh token is made.
            rt_hash: None,
        });
    }
    Ok(issuance)
}
