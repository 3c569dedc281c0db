//! The server over sockets.
#![cfg(test)]

mod admin;
mod audit;
mod backups;
mod code;
mod code_providers;
mod commanded;
mod commands;
mod crash;
mod dashboard;
mod deployed;
mod doctor;
mod from_sourceloop;
mod front;
mod growth;
mod guides;
mod inside;
mod issuers;
mod listener;
mod master_key;
mod moved;
mod moving;
mod operated;
mod operation;
mod people;
mod postgres;
mod process;
mod proxied;
mod scale;
mod serving;
mod signers;
mod sourceloop;
mod support;
mod tls;
mod traces;
