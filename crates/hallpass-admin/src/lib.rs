//! Administration: operations, who may do which, their HTTP interface and its OpenAPI document.
//!
//! An [`Operation`] is a type with a description, an input, an output and a function; it knows nothing of HTTP. Each stands in a
//! file of its own below [`v1`], and [`v1::OPERATIONS`] lists them: routes, the OpenAPI document and the tests of who may do
//! what follow from that list.
//!
//! # How to call operations
//!
//! A [`Desk`] calls them for a [`Caller`]. It looks whether the caller may, finds the project, and runs the operation; pages and
//! commands do what the API does:
//!
//! ```no_run
//! # use hallpass_admin::{Caller, Desk, Principal, Problem, Terms, v1};
//! # async fn page(desk: &Desk, subject: hallpass_types::Subject) -> Result<(), Problem> {
//! let home = desk.platform().home();
//! let (store, number) = (home.provider.store(), home.provider.issuer_id());
//! // Who signed in at the home project and is an operator.
//! let Some(caller) = Caller::find(&**store, number, Principal::User(subject)).await? else {
//!     return Ok(());
//! };
//! let input = v1::clients::list::Input { q: Some("shop".to_owned()), ..Default::default() };
//! let found = desk.call::<v1::clients::List>(&caller, Terms::project("acme"), input).await?;
//! for client in found.items {
//!     // A change of what the page has shown, and of nothing newer:
//!     let terms = Terms::project("acme").if_match(&client.revision);
//!     let input = v1::clients::delete::Input { client: client.client_id };
//!     desk.call::<v1::clients::Delete>(&caller, terms, input).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What a caller may see of an operation before calling it is asked of [`Caller::may`] with [`Operation::INFO`]'s `needs`. A
//! [`Problem`] has a kind, a fixed title, and where it is about a member of the input its name.
//!
//! # How to add one
//!
//! A file with a struct that implements [`Operation`], its `mod` line, and a line in [`v1::OPERATIONS`]. What it writes goes
//! through [`Context::commit`], together with the line of the audit log and, where the caller sent an `Idempotency-Key`, with the
//! answer.

mod caller;
pub mod code;
mod context;
mod desk;
mod http;
pub mod openapi;
mod operation;
mod platform;
mod problem;
pub mod v1;

pub use caller::{ALL_PROJECTS, Caller, Operator, Principal, RoleName};
pub use context::{Change, Context, Uncommitted};
pub use desk::{Desk, Terms};
pub use http::{AdminApi, DOCUMENT, PATH, members};
pub use operation::{Info, Media, Method, Nothing, Operation, Place, Registered};
pub use platform::{Platform, Project};
pub use problem::{EVERYWHERE, Kind, Problem, TYPE};
