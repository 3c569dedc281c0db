//! CIBA, Core §10.1: the client fetches what its person allowed.

use hallpass_types::{AuthReqId, Key, Opaque, Params, Waiting};

use super::{
    Context, Grant, Issuance, PolledFound, PolledKey, Reason, Refused, polled, polled::Poll, target,
};
use crate::{
    backchannel::BackchannelRecord,
    issue::id_token::Pushed,
    policy::DeliveryMode,
    record::{FoundWaiting, GrantRecord, WaitingRecord},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct Ciba;

/// What a request says.
#[derive(Debug)]
pub struct Request {
    key: Option<Key<Waiting>>,
    resources: Vec<String>,
}

/// Where a request waits.
#[must_use]
pub fn waiting_key(id: &Opaque<AuthReqId>) -> Key<Waiting> {
    let key = id.key();
    Key::from_parts(key.bucket, key.digest)
}

impl Grant for Ciba {
    const TYPE: &'static str = "urn:openid:params:grant-type:ciba";
    const PARAMS: &'static [&'static str] = &["auth_req_id", "resource"];
    type Request = Request;
    type Key = PolledKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        //= CIBA#10.1 MUST: auth_req_id is there
        let id = params.get("auth_req_id").ok_or(Reason::AuthReqIdMissing)?;
        Ok(Request {
            key: Opaque::<AuthReqId>::parse(id).as_ref().map(waiting_key),
            resources: target::read(params)?,
        })
    }

    fn key(request: &Request) -> PolledKey {
        PolledKey(request.key)
    }

    fn decide(cx: &Context<'_>, request: Request, found: PolledFound) -> Result<Issuance, Refused> {
        //= CIBA#11 MUST: a client to which tokens are pushed may not fetch them
        if cx.client.client().backchannel.mode == DeliveryMode::Push {
            return Err(Reason::PushClientPolls.into());
        }
        let (Some(key), Some(FoundWaiting { record, revision })) = (request.key, found.waiting)
        else {
            return Err(Reason::PolledUnknown.into());
        };
        let WaitingRecord::Backchannel(record) = record else {
            return Err(Reason::PolledUnknown.into());
        };
        Poll {
            key,
            revision,
            polled: &record.polled,
            account: found.account,
            session_alive: found.session_alive,
            resources: &request.resources,
        }
        .decide(cx, |polled| {
            WaitingRecord::Backchannel(Box::new(BackchannelRecord {
                polled,
                ..(*record).clone()
            }))
        })
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
