//! People on their ways through the pages.

mod account;
mod credentials;
mod dashboard;
mod looks;
mod passkeys;
mod plain;
mod upstream;
