//! The operators' dashboard: pages over the operations of administration.
//!
//! Every page stands in one list ([`PAGES`]): its path, what one must be allowed to see it, the function that shows it and the one
//! that takes its forms. The side navigation, who may see what, and the tests of both follow from that list. A page does
//! nothing itself: it calls operations of `hallpass-admin`, which decide once more, write, and note who did it.
//!
//! Operators sign in as everybody does, by the provider's own client that is in no store. Whoever changes something has
//! signed in recently, and where the settings say so with more than a password. Forms are sealed for the browser and the
//! session that they were shown to.
//!
//! Pages need no script, but for the one that makes key pairs: private keys are made in the browser and never sent.

mod assets;
mod chart;
mod gate;
mod pages;
mod registry;
mod render;
mod routes;
mod text;

pub use registry::{PAGES, Page};
pub use routes::{Dashboard, PATH, Settings};
