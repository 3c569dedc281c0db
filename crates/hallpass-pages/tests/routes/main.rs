//! The built-in pages over sockets: an in-process server and a browser that knows forms and cookies.

#![cfg(test)]

mod support;

mod consent;
mod errors;
mod files;
mod logout;
mod sign_in;
mod steps;
