//! `[operations]`: the second listener, for health checks and metrics.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::Listen;

/// The second listener: `/health/live`, `/health/ready`, `/metrics`. Plain HTTP; keep it off public networks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Operations {
    /// Whether there is one.
    pub enabled: bool,
    /// Its addresses.
    pub listen: Listen,
}

impl Default for Operations {
    fn default() -> Self {
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
        Self {
            enabled: true,
            listen: Listen(vec![loopback]),
        }
    }
}
