//! The built-in pages: sign in, consent, sign out, errors.
//!
//! Rendering is pure: a [`Page`] (what to show) and a [`Chrome`] (where it is shown) become an [`Html`]
//! (the body and the `Content-Security-Policy` it needs). Only [`routes`] reads requests.
//!
//! [`PageRoutes`] answers the pages' paths over the provider; [`BuiltinPages`] tells provider and HTTP layer where the
//! pages are and renders what those two show.
//!
//! Every page works without script, except the demo; the form-post response submits itself where
//! script runs and shows a button where it does not. Everything a page loads comes from [`assets`].

pub mod assets;
mod contrast;
mod csp;
mod mail;
mod message;
mod messages;
mod picture;
mod qr;
mod render;
pub mod routes;
pub mod samples;
mod templates;
mod text;
mod theme;
pub mod time;
pub mod view;

pub use messages::{Lang, Texts, TextsError, missing};
pub use picture::PictureError;
pub use render::{Html, Pages, PagesError, Settings};
pub use routes::{BuiltinPages, DemoClient, PageRoute, PageRoutes};
pub use templates::TemplateError;
pub use theme::{Colour, Picture, PictureKind, Theme, ThemeError};
pub use view::{Chrome, Page};

#[cfg(test)]
mod tests;
