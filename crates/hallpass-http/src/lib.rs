//! The HTTP layer: bytes to requests and back, as a tower service.
//!
//! [`Endpoints`] answers the protocol's own paths of one issuer; with the feature `axum` it is also a `Router`.

mod addr;
mod bearer;
mod body;
mod check_session;
mod client_request;
mod cookies;
mod cors;
mod described;
mod dispatch;
mod form;
mod headers;
mod own_page;
mod problem;
mod protocol;
mod registration;
mod render;
mod resource;
#[cfg(feature = "axum")]
mod router;
mod service;
mod signing_in;

pub use addr::ClientAddr;
pub use body::{BodyError, MAX_FORM, MAX_JSON, read_body};
pub use client_request::PeerCertificate;
pub use cookies::{CookieNames, browser_of, set_cookies};
pub use described::{Described, Gives, Takes};
pub use dispatch::{Route, route};
pub use form::form;
pub use headers::{CSP_NONE, html, json, no_store, redirect, same_origin, secure};
pub use own_page::OwnPage;
pub use problem::{NoSuchToken, Problem, failure_page};
pub use render::{DefaultPages, Html, Onward, RenderPages, Wanted, accept_language};
pub use resource::{NoCaller, caller};
pub use service::{Endpoints, Response, ResponseBody};
