//! `[request_objects]` and `[pushed_requests]`: signed and pushed authorization requests.

use hallpass_core::policy::Policy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Authorization requests that the client signed: RFC 9101, OpenID Connect Core §6.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct RequestObjects {
    /// Whether the parameter `request` is taken.
    pub by_value: bool,
    /// Whether request objects are fetched from an address (`request_uri`) that the client registered.
    pub by_reference: bool,
    /// Whether every client must sign its authorization requests. A client can be told so alone, by
    /// `require_signed_request_object`.
    pub required: bool,
    /// Whether parameters that a request object lacks are taken from beside it, as OpenID Connect Core §6.1 has it.
    /// RFC 9101 says that only what is signed counts.
    pub complete_from_query: bool,
}

impl Default for RequestObjects {
    fn default() -> Self {
        Self {
            by_value: true,
            by_reference: false,
            required: false,
            complete_from_query: false,
        }
    }
}

/// Authorization requests that the client pushed: RFC 9126. They live for `lifetimes.pushed_request`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PushedRequests {
    /// Whether the endpoint exists.
    pub enabled: bool,
    /// Whether every client must push its authorization requests. A client can be told so alone, by
    /// `require_pushed_authorization_requests`.
    pub required: bool,
    /// Pushed requests of one client that wait for a browser, at most, as far as one process can count them. All clients of
    /// client documents together have no more either.
    pub max_waiting: u32,
    /// Requests that one network (an IPv4 address, the /64 of an IPv6 address) may push within a minute, for public
    /// clients and those of client documents.
    pub per_network_per_minute: u32,
}

impl Default for PushedRequests {
    fn default() -> Self {
        Self {
            enabled: true,
            required: false,
            max_waiting: 10_000,
            per_network_per_minute: 120,
        }
    }
}

impl RequestObjects {
    /// Changes a policy to what is configured.
    pub(crate) fn apply(&self, pushed: &PushedRequests, policy: &mut Policy) {
        let requests = &mut policy.requests;
        requests.by_value = self.by_value;
        requests.by_reference = self.by_reference;
        requests.require_signed = self.required;
        requests.complete_from_query = self.complete_from_query;
        requests.pushed = pushed.enabled;
        requests.require_pushed = pushed.required;
        requests.max_pushed = pushed.max_waiting;
        requests.pushed_per_network_per_minute = pushed.per_network_per_minute;
    }

    pub(super) fn check(&self, pushed: &PushedRequests, check: &mut Checker<'_>) {
        let possible = self.by_value || self.by_reference;
        if self.required && !possible {
            check.problem(
                "request_objects.required",
                "is true, yet neither by_value nor by_reference is",
            );
        }
        if pushed.required && !pushed.enabled {
            check.problem(
                "pushed_requests.required",
                "is true, yet pushed_requests.enabled is not",
            );
        }
        for (name, number) in [
            ("max_waiting", pushed.max_waiting),
            ("per_network_per_minute", pushed.per_network_per_minute),
        ] {
            if number == 0 {
                check.problem(&format!("pushed_requests.{name}"), "must be at least 1");
            }
        }
    }
}
