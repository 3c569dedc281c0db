//! Device code, [RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4).

use hallpass_types::{DeviceCode as Handle, Key, Opaque, Params, Waiting};

use super::{
    Context, Grant, Issuance, PolledFound, PolledKey, Reason, Refused, polled::Poll, target,
};
use crate::{
    device::DeviceRecord,
    record::{FoundWaiting, WaitingRecord},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct DeviceCode;

/// What a request says.
#[derive(Debug)]
pub struct Request {
    key: Option<Key<Waiting>>,
    resources: Vec<String>,
}

/// Where a device's request waits.
#[must_use]
pub fn waiting_key(code: &Opaque<Handle>) -> Key<Waiting> {
    let key = code.key();
    Key::from_parts(key.bucket, key.digest)
}

impl Grant for DeviceCode {
    const TYPE: &'static str = "urn:ietf:params:oauth:grant-type:device_code";
    const PARAMS: &'static [&'static str] = &["device_code", "resource"];
    type Request = Request;
    type Key = PolledKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        //= RFC8628#3.4 MUST: device_code is there
        let code = params.get("device_code").ok_or(Reason::DeviceCodeMissing)?;
        Ok(Request {
            key: Opaque::<Handle>::parse(code).as_ref().map(waiting_key),
            resources: target::read(params)?,
        })
    }

    fn key(request: &Request) -> PolledKey {
        PolledKey(request.key)
    }

    fn decide(cx: &Context<'_>, request: Request, found: PolledFound) -> Result<Issuance, Refused> {
        let (Some(key), Some(FoundWaiting { record, revision })) = (request.key, found.waiting)
        else {
            return Err(Reason::PolledUnknown.into());
        };
        let WaitingRecord::Device(record) = record else {
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
            WaitingRecord::Device(Box::new(DeviceRecord { polled }))
        })
    }
}

#[cfg(test)]
mod tests;
