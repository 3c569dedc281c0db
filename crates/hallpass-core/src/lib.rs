//! The rules of OAuth 2.0 and OpenID Connect as pure functions.
//!
//! A rule is a function of facts: it does no I/O, knows no clock and draws no randomness. What it needs was
//! looked up before; what must be written is part of its answer.

pub mod access;
pub mod admin;
pub mod authorization_details;
pub mod authorize;
pub mod backchannel;
pub mod binding;
pub mod claims_request;
pub mod client;
pub mod client_auth;
pub mod client_request;
pub mod device;
pub mod discovery;
pub mod fapi;
pub mod interaction;
pub mod introspect;
pub mod issue;
mod jwt_type;
pub mod logout;
pub mod pkce;
pub mod policy;
pub mod polling;
pub mod reason;
pub mod record;
pub mod request_object;
pub mod revoke;
pub mod sign_in;
pub mod token;
pub mod upstream;
pub mod userinfo;
pub mod webfinger;
pub mod webhook;
