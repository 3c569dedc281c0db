//! The device authorization grant, [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628): a device without a browser of its own
//! shows a code, its person types it elsewhere and answers there.
//!
//! Two things wait under one commit: the device's request under the digest of its `device_code`, and a pointer to it
//! under a keyed digest of the code that the person types. That code is too short to carry the minute of its end, as
//! other handles do, so its pointers stand in hours ([`pointer_bucket`], [`pointer_buckets`]).

mod user_code;

use hallpass_types::{Bucket, Params, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{polling::Polled, reasons, token::Grant, token::device_code::DeviceCode};

pub use user_code::{RANDOM_LEN, UserCode};

reasons! {
    /// Why a device's request was refused, or a code that a person typed.
    pub enum Reason {
        /// The grant is not offered, or not registered for this client.
        NotAllowed => UnauthorizedClient, "device_grant_not_allowed", "the client may not use the device grant";
        /// RFC 6749 §3.2.
        ParameterRepeated => InvalidRequest, "device_parameter_repeated", "a parameter stands more than once";
        /// No device waits under this code.
        CodeUnknown => InvalidRequest, "device_user_code_unknown", "no device waits for this code";
        /// The device's request was answered or has expired meanwhile.
        RequestOver => InvalidRequest, "device_request_over", "the request of the device is over";
    }
}

/// A device's request as it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// What it asks for and what became of it.
    pub polled: Polled,
}

/// The successful answer to a device, [RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2).
#[derive(Clone)]
pub struct DeviceAuthorization {
    /// Handle for the device.
    pub device_code: String,
    /// What the person types, as it is shown.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// Seconds until both codes end.
    pub expires_in: i64,
    /// Seconds between two polls.
    pub interval: i64,
}

/// The codes are secrets and are not printed.
impl std::fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

impl DeviceAuthorization {
    /// The JSON body.
    //= RFC8628#3.2 MUST: device_code, user_code, verification_uri and expires_in are there
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "device_code": self.device_code,
            "user_code": self.user_code,
            "verification_uri": self.verification_uri,
            "verification_uri_complete": format!("{}?user_code={}", self.verification_uri, self.user_code),
            "expires_in": self.expires_in,
            "interval": self.interval,
        })
        .to_string()
    }
}

/// Checks what the endpoint asks for beyond the rules of the request itself.
///
/// # Errors
/// The grant is not offered or not registered, or a parameter is repeated.
pub fn admit(
    params: &Params,
    client: &crate::client::Client,
    policy: &crate::policy::Policy,
) -> Result<(), Reason> {
    //= RFC6749#3.2 MUST: a repeated parameter makes the request invalid
    if !params.duplicated().is_empty() {
        return Err(Reason::ParameterRepeated);
    }
    //= RFC6749#5.2 MUST: a client uses only the grant types that it is authorized for
    if !policy.device.enabled || !client.may_use(DeviceCode::TYPE) {
        return Err(Reason::NotAllowed);
    }
    Ok(())
}

/// Seconds in a cell of pointers.
const CELL: i64 = 3600;

/// A device's request lives so long at most, in seconds: then two cells are enough to find its pointer.
pub const MAX_LIFETIME: i64 = CELL;

/// The bucket in which the pointer of a request that ends then is kept.
#[must_use]
pub fn pointer_bucket(expires_at: Timestamp) -> Bucket {
    cell(expires_at.0.div_euclid(CELL))
}

/// The buckets in which the pointer of a request may be that has not ended yet.
#[must_use]
pub fn pointer_buckets(now: Timestamp) -> [Bucket; 2] {
    let this = now.0.div_euclid(CELL);
    [cell(this), cell(this.saturating_add(1))]
}

/// A cell is over when its last second is.
fn cell(index: i64) -> Bucket {
    Bucket::holding(Timestamp(index.saturating_add(1).saturating_mul(CELL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_found_as_long_as_its_request_lives() {
        for issued in [0, 1, 1799, 1800, 3599, 3600, 1_800_000_123] {
            for lifetime in [1, 60, 600, 3599, MAX_LIFETIME] {
                let expires = Timestamp(issued + lifetime);
                let kept = pointer_bucket(expires);
                for now in [issued, issued + lifetime / 2, expires.0 - 1] {
                    assert!(
                        pointer_buckets(Timestamp(now)).contains(&kept),
                        "{issued} {lifetime} {now}"
                    );
                    assert!(kept >= Bucket::purgeable_below(Timestamp(now)));
                }
            }
        }
    }

    #[test]
    fn the_answer_to_a_device_is_complete_and_does_not_print() {
        //= test RFC8628#3.2 device_code, user_code, verification_uri and expires_in are there
        let answer = DeviceAuthorization {
            device_code: "hpd_secret".to_owned(),
            user_code: "BCDF-GHJK".to_owned(),
            verification_uri: "https://op.test/device".to_owned(),
            expires_in: 600,
            interval: 5,
        };
        let body: serde_json::Value = serde_json::from_str(&answer.to_json()).unwrap();
        assert_eq!(
            body["verification_uri_complete"],
            "https://op.test/device?user_code=BCDF-GHJK"
        );
        for name in [
            "device_code",
            "user_code",
            "verification_uri",
            "expires_in",
            "interval",
        ] {
            assert!(!body[name].is_null(), "{name}");
        }
        let printed = format!("{answer:?}");
        assert!(!printed.contains("hpd_") && !printed.contains("BCDF"));
    }
}
