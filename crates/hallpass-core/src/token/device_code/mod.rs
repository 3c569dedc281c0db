//! Device code, [RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4).

use hallpass_types::{DeviceCode as Handle, Params};

use super::{
    Context, Grant, Issuance, PolledFound, PolledKey, Reason, Refused,
    polled::{PollRequest, Waits},
};
use crate::{device::DeviceRecord, polling::Polled, record::WaitingRecord};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct DeviceCode;

impl Waits for DeviceRecord {
    fn of(record: WaitingRecord) -> Option<Self> {
        let WaitingRecord::Device(record) = record else {
            return None;
        };
        Some(*record)
    }

    fn polled(&self) -> &Polled {
        &self.polled
    }

    fn after(self, polled: Polled) -> WaitingRecord {
        WaitingRecord::Device(Box::new(Self { polled }))
    }
}

impl Grant for DeviceCode {
    const TYPE: &'static str = "urn:ietf:params:oauth:grant-type:device_code";
    const PARAMS: &'static [&'static str] = &["device_code", "resource"];
    type Request = PollRequest;
    type Key = PolledKey;

    fn parse(params: &Params) -> Result<PollRequest, Reason> {
        //= RFC8628#3.4 MUST: device_code is there
        PollRequest::read::<Handle>(params, "device_code", Reason::DeviceCodeMissing)
    }

    fn key(request: &PollRequest) -> PolledKey {
        request.key()
    }

    fn decide(
        cx: &Context<'_>,
        request: PollRequest,
        found: PolledFound,
    ) -> Result<Issuance, Refused> {
        request.decide::<DeviceRecord>(cx, found)
    }
}

#[cfg(test)]
mod tests;
