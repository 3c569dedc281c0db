//! `[logout]`: how clients learn that a session has ended.

use hallpass_core::policy::LogoutPolicy;
use schemars::JsonSchema;
use serde::Deserialize;

/// How clients learn that a session has ended.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logout {
    /// Whether logout tokens are posted to clients that registered `backchannel_logout_uri`.
    pub back_channel: bool,
    /// Whether the signed-out page loads `frontchannel_logout_uri` of clients in hidden frames.
    pub front_channel: bool,
    /// Whether clients can watch by `check_session_iframe` whether the person is still signed in. Adds a cookie that
    /// other sites' frames carry, and `session_state` to every answer.
    pub session_management: bool,
}

impl Default for Logout {
    fn default() -> Self {
        let LogoutPolicy {
            back_channel,
            front_channel,
            session_management,
        } = LogoutPolicy::default();
        Self {
            back_channel,
            front_channel,
            session_management,
        }
    }
}

impl Logout {
    pub(crate) fn policy(self) -> LogoutPolicy {
        let Self {
            back_channel,
            front_channel,
            session_management,
        } = self;
        LogoutPolicy {
            back_channel,
            front_channel,
            session_management,
        }
    }
}
