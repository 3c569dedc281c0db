//! The endpoints: look up, decide, sign, commit. One file each.

mod authenticate;
mod authorize;
pub mod discovery;
mod interaction;
mod introspect;
mod logout;
mod presented;
pub mod register;
mod revoke;
mod token;
mod userinfo;

pub use authenticate::Endpoint;
pub use authorize::{Answer, Answered, PageError, page_for};
pub use interaction::{ClientView, ConsentDecision, InteractionDetails, ScopeView};
pub use logout::{LogoutAnswer, LogoutDetails};
pub use register::Registered;
pub use userinfo::UserInfo;
