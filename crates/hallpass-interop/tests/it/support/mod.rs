//! What the tests share: the server, other programs, a WebDriver.

mod application;
mod authenticator;
mod binary;
mod folder;
mod gallery;
mod http;
mod line;
mod process;
mod server;
mod tool;
mod webdriver;

pub(crate) use application::Application;
pub(crate) use authenticator::Authenticator;
pub(crate) use folder::{Folder, built, target};
pub(crate) use gallery::Gallery;
pub(crate) use http::Http;
pub(crate) use server::{Demo, Ports, Server, random_below};
pub(crate) use tool::{missing, npm_packages, script_result};
pub(crate) use webdriver::WebDriver;

// The pair of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
