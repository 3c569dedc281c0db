//! `[protocol.device]`: the device grant.

use hallpass_core::{device::MAX_LIFETIME, policy::DevicePolicy};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// The device grant (RFC 8628): a television or a command line shows a code, its person types it elsewhere.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// Whether it is offered.
    pub enabled: bool,
    /// How long both codes stand; at most an hour.
    pub lifetime: Seconds,
    /// The shortest time between two polls of a device, at first.
    pub interval: Seconds,
    /// Devices that one client may begin to connect within a minute.
    pub per_client_per_minute: u32,
    /// Devices that one network (an IPv4 address, the /64 of an IPv6 address) may begin to connect within a minute, for
    /// public clients and those of client documents.
    pub per_network_per_minute: u32,
    /// Wrong codes that one address, and one browser, may type within a quarter of an hour.
    pub wrong_codes: u32,
}

impl Default for Device {
    fn default() -> Self {
        let DevicePolicy {
            enabled,
            lifetime,
            interval,
            per_client_per_minute,
            per_network_per_minute,
            wrong_codes,
        } = DevicePolicy::default();
        Self {
            enabled,
            lifetime: Seconds(lifetime.unsigned_abs()),
            interval: Seconds(interval.unsigned_abs()),
            per_client_per_minute,
            per_network_per_minute,
            wrong_codes,
        }
    }
}

impl Device {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let most = MAX_LIFETIME.unsigned_abs();
        check.between("protocol.device.lifetime", self.lifetime, 30, most);
        check.between("protocol.device.interval", self.interval, 1, 60);
        for (name, number) in [
            ("per_client_per_minute", self.per_client_per_minute),
            ("per_network_per_minute", self.per_network_per_minute),
            ("wrong_codes", self.wrong_codes),
        ] {
            if number == 0 {
                let setting = format!("protocol.device.{name}");
                check.problem(&setting, "is zero: nobody could connect a device");
            }
        }
    }

    pub(super) fn policy(&self) -> DevicePolicy {
        DevicePolicy {
            enabled: self.enabled,
            lifetime: i64::try_from(self.lifetime.0).unwrap_or(MAX_LIFETIME),
            interval: i64::try_from(self.interval.0).unwrap_or(MAX_LIFETIME),
            per_client_per_minute: self.per_client_per_minute,
            per_network_per_minute: self.per_network_per_minute,
            wrong_codes: self.wrong_codes,
        }
    }
}
