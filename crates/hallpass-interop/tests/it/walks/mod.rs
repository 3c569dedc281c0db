//! People on their ways through the pages.

mod account;
mod credentials;
mod dashboard;
mod elsewhere;
mod looks;
mod operated;
mod operators;
mod page;
mod passkeys;
mod plain;
mod upstream;
