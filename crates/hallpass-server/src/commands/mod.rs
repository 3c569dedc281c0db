//! What each command does.

mod access;
mod audit;
mod backup;
mod client;
mod code;
mod config;
mod credential;
mod doctor;
mod import;
mod issuer;
mod key;
mod master_key;
mod migrate;
mod office;
mod operator;
mod password;
mod registration_token;
mod restore;
mod serve;
mod signer;
mod user;

use std::path::Path;
use std::sync::Arc;

use hallpass_types::Issuer;

use self::office::Office;

use crate::cli::{self, Cli, Command, Serve};
use crate::config::{Config, StoreKind};
use crate::data_folder::Purpose;
use crate::events::Silent;
use crate::failure::Failure;
use crate::issuers::manage::OWN;
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
        issuer: of,
        command,
    } = cli;
    let path = path.as_deref();
    let command = command.unwrap_or_else(|| Command::Serve(Serve::default()));
    // Of a folder the issuer of the configuration is one of many.
    let only = of.clone();
    let of = of.filter(|name| *name != OWN);
    match (&command, &of) {
        (
            Command::User(_)
            | Command::Client(_)
            | Command::RegistrationToken(_)
            | Command::Role(_)
            | Command::Group(_)
            | Command::Organization(_)
            | Command::Member(_)
            | Command::Audit(_)
            | Command::Key(_)
            | Command::Import(_)
            | Command::Plan(_)
            | Command::Apply(_)
            | Command::Export(_),
            _,
        )
        | (_, None) => {}
        (
            Command::Serve(_)
            | Command::Config(_)
            | Command::Issuer(_)
            | Command::Operator(_)
            | Command::Migrate(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Invalidate(_)
            | Command::Signer(_)
            | Command::Doctor,
            Some(_),
        ) => {
            let text = "--issuer: this command is not about what one issuer has";
            return Err(Failure::new(text));
        }
    }
    let of = of.as_deref();
    match command {
        Command::Serve(options) => serve::run(path, &options, output),
        Command::Config(command) => config::run(&command, path, output),
        Command::Migrate(options) => migrate::run(&load(path)?, &options, output),
        Command::User(cli::User::Import(options)) => {
            with_engine(&load(path)?, of, async |engine| {
                import::users::run(&options, &engine, output).await
            })
        }
        Command::User(command) => {
            with_office(path, of, |office| user::run(command, office, output))
        }
        Command::Client(command) => {
            with_office(path, of, |office| client::run(command, office, output))
        }
        Command::Role(command) => {
            with_office(path, of, |office| access::role(command, office, output))
        }
        Command::Group(command) => {
            with_office(path, of, |office| access::group(command, office, output))
        }
        Command::Organization(command) => with_office(path, of, |office| {
            access::organization(command, office, output)
        }),
        Command::Member(command) => {
            with_office(path, of, |office| access::member(command, office, output))
        }
        Command::RegistrationToken(command) => with_office(path, of, |office| {
            registration_token::run(command, office, output)
        }),
        Command::Issuer(command) => {
            let config = load(path)?;
            with_engine(&config, None, async |engine| {
                let office = Office::of(None, &config, engine).await?;
                issuer::run(command, &config, office, output).await
            })
        }
        Command::Operator(command) => {
            with_office(path, None, |office| operator::run(command, office, output))
        }
        Command::Plan(options) => {
            let config = load(path)?;
            with_engine(&config, None, |engine| async {
                code::plan(&options, only.as_deref(), &config, engine, output).await
            })
        }
        Command::Apply(options) => {
            let config = load(path)?;
            with_engine(&config, None, |engine| async {
                code::apply(&options, only.as_deref(), &config, engine, output).await
            })
        }
        Command::Export(options) => {
            let config = load(path)?;
            with_engine(&config, None, |engine| async {
                code::export(&options, only.as_deref(), &config, engine, output).await
            })
        }
        Command::Import(command) => import::run(command, path, of, output),
        Command::Audit(command) => {
            let config = load(path)?;
            with_engine(&config, None, |engine| {
                audit::run(command, of, &config, engine, output)
            })
        }
        Command::Backup(options) => backup::run(&load(path)?, &options, output),
        Command::Restore(options) => {
            let config = load(path)?;
            restore::restore(&config, &options, output)?;
            audited(&config, "restored")
        }
        Command::Invalidate(options) => {
            let config = load(path)?;
            restore::invalidate(&config, &options, output)?;
            audited(&config, "invalidated")
        }
        Command::Signer(options) => signer::run(&options, output),
        Command::Doctor => match doctor::run(path, output)? {
            0 => Ok(()),
            code => Err(Failure::Told(code)),
        },
        Command::Key(cli::Key::RotateMaster) => {
            let config = load(path)?;
            master_key::run(&config, output)?;
            audited(&config, "master_key_rotated")
        }
        Command::Key(command) => with_office(path, of, |office| key::run(command, office, output)),
    }
}

/// Leaves a line about what changed everything.
fn audited(config: &Config, action: &str) -> Result<(), Failure> {
    crate::audit::start(
        &config.server.data_dir,
        config.store.kind == StoreKind::Postgres,
    )?;
    let changed = crate::audit::Changed {
        action,
        ..Default::default()
    };
    changed.tell("everything changed");
    Ok(())
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
fn with_engine<F>(
    config: &Config,
    of: Option<&str>,
    command: impl FnOnce(Engine) -> F,
) -> Result<(), Failure>
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
        let issuer = own_issuer(config, config.server.port())?;
        let ground = Ground::open(config, Purpose::Command)?;
        crate::audit::start(
            &config.server.data_dir,
            config.store.kind == StoreKind::Postgres,
        )?;
        let setup = Setup {
            ground,
            config,
            issuer,
            events: Arc::new(Silent),
        };
        let engine = Engine::build(setup).await?;
        let engine = match of {
            Some(name) => issuer::enter(name, config, engine).await?,
            None => engine,
        };
        command(engine).await
    })
}

/// Runs a command in the project that is named, or in the configuration's.
fn with_office<F>(
    path: Option<&Path>,
    of: Option<&str>,
    command: impl FnOnce(Office) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let config = load(path)?;
    with_engine(&config, None, async |engine| {
        command(Office::of(of, &config, engine).await?).await
    })
}

/// Refuses what works on a database file alone.
fn only_sqlite(config: &Config, otherwise: &str) -> Result<(), Failure> {
    match config.store.kind {
        StoreKind::Sqlite => Ok(()),
        StoreKind::Postgres => Err(Failure::new(format!("store.kind: {otherwise}"))),
        StoreKind::Memory => Err(Failure::new(
            "store.kind: with \"memory\" there is nothing to keep",
        )),
    }
}

fn own_issuer(config: &Config, port: u16) -> Result<Issuer, Failure> {
    let text = config.server.issuer(config.tls.files().is_some(), port);
    Issuer::parse(&text).map_err(|_| Failure::new(format!("server.issuer: {text} is malformed")))
}
