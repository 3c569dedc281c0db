//! What each command does.

mod client;
mod config;
mod key;
mod migrate;
mod password;
mod registration_token;
mod serve;
mod user;

use std::path::Path;
use std::sync::Arc;

use hallpass_types::Issuer;

use crate::cli::{Cli, Command, Serve};
use crate::config::{Config, StoreKind};
use crate::data_folder::Purpose;
use crate::events::Silent;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Engine, Ground, Setup};

/// Does what the command line says.
///
/// # Errors
/// Why it could not be done.
pub fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let Cli {
        config: path,
        json: _,
        command,
    } = cli;
    let path = path.as_deref();
    match command.unwrap_or_else(|| Command::Serve(Serve::default())) {
        Command::Serve(options) => serve::run(load(path)?, &options, output),
        Command::Config(command) => config::run(&command, path, output),
        Command::Migrate(options) => migrate::run(&load(path)?, &options, output),
        Command::User(command) => {
            with_engine(&load(path)?, |engine| user::run(command, engine, output))
        }
        Command::Client(command) => {
            with_engine(&load(path)?, |engine| client::run(command, engine, output))
        }
        Command::RegistrationToken(command) => with_engine(&load(path)?, |engine| {
            registration_token::run(command, engine, output)
        }),
        Command::Key(command) => {
            with_engine(&load(path)?, |engine| key::run(command, engine, output))
        }
    }
}

fn load(path: Option<&Path>) -> Result<Config, Failure> {
    Ok(Config::load(path, environment())?)
}

/// The variables that can be read as text. Others cannot be ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs a command over the store, beside a server that may be running.
fn with_engine<F>(config: &Config, command: impl FnOnce(Engine) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    if config.store.kind == StoreKind::Memory {
        let text = "store.kind: with \"memory\" every process has a store of its own, so this command can have no effect";
        return Err(Failure::new(text));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("cannot start", &error))?;
    runtime.block_on(async {
        let issuer = issuer(config, config.server.port())?;
        let ground = Ground::open(config, Purpose::Command)?;
        let setup = Setup {
            ground,
            config,
            issuer,
            events: Arc::new(Silent),
        };
        command(Engine::build(setup).await?).await
    })
}

fn issuer(config: &Config, port: u16) -> Result<Issuer, Failure> {
    let text = config.server.issuer(config.tls.files().is_some(), port);
    Issuer::parse(&text).map_err(|_| Failure::new(format!("server.issuer: {text} is malformed")))
}
