//! For resource servers, the APIs that access tokens are for: verification of tokens and their binding, challenges, and the
//! metadata of a protected resource.
//!
//! [`ResourceServer`] knows one authorization server and one resource. It verifies JWT access tokens
//! ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) with the keys that the authorization server publishes, and asks it about
//! others ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)) if it has credentials. A token that is bound to a key (DPoP,
//! [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)) or a certificate
//! ([RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)) is good only with a proof. Whatever is refused is answered with a
//! challenge that says what is missing, and where the resource's metadata is
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).
//!
//! [`ResourceServer::layer`] puts that in front of any tower service, an axum router for instance:
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Router, routing::get};
//! use hallpass_resource::{Demand, ResourceServer};
//! # use hallpass_resource::{BoxFuture, Http, HttpError, Outgoing, Received};
//! # struct Client;
//! # impl Http for Client {
//! #     fn send<'a>(&'a self, _: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
//! #         Box::pin(async { Err(HttpError) })
//! #     }
//! # }
//! // `Client` implements `Http` with the HTTP client of your choice.
//! let server = ResourceServer::builder("https://login.example.com", "https://api.example.com")
//!     .scope("orders:read")
//!     .build(Arc::new(Client))?;
//! let (path, document) = (server.metadata_path(), server.metadata().to_string());
//! let json = [("content-type", "application/json")];
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "orders" }))
//!     .layer(server.layer(Demand::scope("orders:read")))
//!     .route(&path, get(move || async move { (json, document) }));
//! # Ok::<(), hallpass_resource::ConfigError>(())
//! ```
//!
//! A handler finds the [`AccessToken`] among the extensions of its request.

mod challenge;
mod demand;
mod dpop;
mod introspection;
mod issuer;
mod layer;
mod metadata;
mod port;
mod presented;
mod server;
mod token;

pub use challenge::{Refusal, Rejected};
pub use demand::Demand;
// What signatures here name, so that an API needs no further crate of ours.
pub use hallpass_jose::JwsAlgorithm;
pub use hallpass_types::{Scope, Timestamp};
pub use layer::{Guard, GuardLayer};
pub use port::{BoxFuture, Clock, Http, HttpError, Outgoing, Received, SystemClock};
pub use presented::PeerCertificate;
pub use server::{Builder, ConfigError, ResourceServer};
pub use token::AccessToken;
