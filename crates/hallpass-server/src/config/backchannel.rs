//! `[protocol.backchannel]`: client-initiated backchannel authentication.

use hallpass_core::{
    device::MAX_LIFETIME,
    policy::{self, BackchannelPolicy},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::value::Seconds;

/// Client-initiated backchannel authentication (CIBA): an app names a person, who answers at `/approvals`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backchannel {
    /// Whether it is offered.
    pub enabled: bool,
    /// How clients may learn of the answer.
    pub delivery_modes: Vec<DeliveryMode>,
    /// How long a request stands, when the client does not ask for less; at most an hour.
    pub lifetime: Seconds,
    /// The shortest time between two polls of a client, at first.
    pub interval: Seconds,
    /// Requests that may wait for one person at a time.
    pub pending_per_person: u32,
    /// Whether clients may register `backchannel_user_code_parameter`: their requests then need a code of the person's
    /// authenticator app, so that nobody is asked whom the client only knows by name. Each code works once.
    pub user_code: bool,
    /// Wrong codes that one client may send for one person within a quarter of an hour.
    pub wrong_user_codes: u32,
    /// Hints that name nobody which one client may send within a quarter of an hour.
    pub unknown_people: u32,
}

/// How a client learns of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// It asks again and again.
    Poll,
    /// It is told that there is an answer, and fetches it.
    Ping,
    /// The tokens are sent to it.
    Push,
}

impl Default for Backchannel {
    fn default() -> Self {
        let policy = BackchannelPolicy::default();
        Self {
            enabled: policy.enabled,
            delivery_modes: vec![DeliveryMode::Poll, DeliveryMode::Ping],
            lifetime: Seconds(policy.lifetime.unsigned_abs()),
            interval: Seconds(policy.interval.unsigned_abs()),
            pending_per_person: policy.pending_per_person,
            user_code: policy.user_code,
            wrong_user_codes: policy.wrong_user_codes,
            unknown_people: policy.unknown_people,
        }
    }
}

impl Backchannel {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let most = MAX_LIFETIME.unsigned_abs();
        check.between("protocol.backchannel.lifetime", self.lifetime, 10, most);
        check.between("protocol.backchannel.interval", self.interval, 1, 60);
        if self.delivery_modes.is_empty() {
            check.problem("protocol.backchannel.delivery_modes", "is empty");
        }
        if !(1..=100).contains(&self.wrong_user_codes) {
            let setting = "protocol.backchannel.wrong_user_codes";
            check.problem(setting, "must be 1 to 100");
        }
        if self.unknown_people == 0 {
            let setting = "protocol.backchannel.unknown_people";
            check.problem(setting, "is zero: nobody could be asked");
        }
        if self.pending_per_person == 0 {
            let setting = "protocol.backchannel.pending_per_person";
            check.problem(setting, "is zero: nobody could be asked");
        }
    }

    pub(super) fn policy(&self) -> BackchannelPolicy {
        let mode = |mode: &DeliveryMode| match mode {
            DeliveryMode::Poll => policy::DeliveryMode::Poll,
            DeliveryMode::Ping => policy::DeliveryMode::Ping,
            DeliveryMode::Push => policy::DeliveryMode::Push,
        };
        BackchannelPolicy {
            enabled: self.enabled,
            delivery_modes: self.delivery_modes.iter().map(mode).collect(),
            lifetime: i64::try_from(self.lifetime.0).unwrap_or(MAX_LIFETIME),
            interval: i64::try_from(self.interval.0).unwrap_or(MAX_LIFETIME),
            pending_per_person: self.pending_per_person,
            user_code: self.user_code,
            app_codes: self.user_code,
            wrong_user_codes: self.wrong_user_codes,
            unknown_people: self.unknown_people,
            ..BackchannelPolicy::default()
        }
    }
}
