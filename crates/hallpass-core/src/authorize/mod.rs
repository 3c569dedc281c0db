//! The authorization endpoint: from what arrived to a code, in states that the compiler keeps apart.
//!
//! [RFC 6749 §4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1),
//! [OpenID Connect Core §3.1.2](https://openid.net/specs/openid-connect-core-1_0.html#AuthorizationEndpoint).
//!
//! | state | what is known | what can come of it |
//! |---|---|---|
//! | [`Received`] | parameters | [`Identified`], or [`Unidentified`]: a page |
//! | [`Identified`] | the client, and a redirect URI of its own | [`Valid`], or [`Redirect`]: an error for the client |
//! | [`Valid`] | every rule of [`rules::RULES`] holds | a question for the person, [`Granted`], or [`Redirect`] |
//! | [`Granted`] | the person is signed in and has consented | a code and its [`AuthorizationResponse`] |
//!
//! Only a request whose client and redirect URI are known can be answered with a redirect:
//!
//! ```
//! # use hallpass_core::authorize::{Identified, Reason, Redirect};
//! fn in_time(request: Identified) -> Redirect {
//!     request.reject(Reason::PromptNoneNotAlone)
//! }
//! ```
//! ```compile_fail
//! # use hallpass_core::authorize::{Received, Reason, Redirect};
//! fn too_early(request: Received) -> Redirect {
//!     request.reject(Reason::PromptNoneNotAlone)
//! }
//! ```
//!
//! Only a valid request can be granted:
//!
//! ```
//! # use hallpass_core::{authorize::{By, Granted, Valid}, policy::Policy};
//! # use hallpass_types::Timestamp;
//! fn in_time(request: &Valid, by: By<'_>, policy: &Policy, now: Timestamp) -> Granted {
//!     Granted::new(request, by, policy, now, [0; 12])
//! }
//! ```
//! ```compile_fail
//! # use hallpass_core::{authorize::{By, Granted, Identified}, policy::Policy};
//! # use hallpass_types::Timestamp;
//! fn too_early(request: &Identified, by: By<'_>, policy: &Policy, now: Timestamp) -> Granted {
//!     Granted::new(request, by, policy, now, [0; 12])
//! }
//! ```
//!
//! And a stored request is only what it was until it has been checked again:
//!
//! ```
//! # use hallpass_core::authorize::{Reason, Redirect, Valid};
//! fn in_time(request: Valid) -> Redirect {
//!     request.reject(Reason::Denied)
//! }
//! ```
//! ```compile_fail
//! # use hallpass_core::authorize::{Reason, Redirect, RequestRecord};
//! fn too_early(request: RequestRecord) -> Redirect {
//!     request.reject(Reason::Denied)
//! }
//! ```

pub mod direct;
pub mod granted;
pub mod hint;
mod identified;
pub mod initiate;
mod reason;
mod received;
mod redirect;
mod request;
pub mod respond;
pub mod rules;
mod valid;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use granted::{By, Granted};
pub use identified::Identified;
pub use reason::{Reason, Unidentified};
pub use received::{Carried, PUSHED_URI, Pushed, Received, Via};
pub use redirect::Redirect;
pub use request::RequestRecord;
pub use respond::{AuthorizationResponse, OwnMode, OwnModeName, Ready, ResponseMode, Travel};
pub use rules::{Display, Endpoint, Prompts, ResponseType};
pub use valid::Valid;
