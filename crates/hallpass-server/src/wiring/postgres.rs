//! The PostgreSQL store from its settings.

use hallpass_store_postgres::{Address, Options, Tls};

use crate::config::{Config, Postgres, PostgresTls};
use crate::failure::Failure;

/// Where the database is, and how the connection is protected.
///
/// # Errors
/// What is wrong with the address; the text tells nothing of it.
pub(crate) fn address(postgres: &Postgres) -> Result<Address, String> {
    let mut address =
        Address::parse(postgres.address.expose()).map_err(|error| error.to_string())?;
    if let Some(password) = &postgres.password {
        address = address.with_password(password.expose());
    }
    if let Some(roots) = &postgres.roots_file {
        let roots = Some(roots.clone());
        address = address.with_tls(Tls::Verified { roots });
    }
    match postgres.tls {
        Some(PostgresTls::Off) => address = address.with_tls(Tls::Off),
        Some(PostgresTls::Unverified) => address = address.with_tls(Tls::Unverified),
        None if *address.tls() == Tls::Off && !address.is_local() => {
            let text =
                "switches TLS off for a database on another machine; say so at danger.postgres_tls";
            return Err(text.to_owned());
        }
        None => {}
    }
    Ok(address)
}

/// Address and options of a configuration.
///
/// # Errors
/// There is none, or it cannot be used.
pub(crate) fn settings(config: &Config) -> Result<(Address, Options), Failure> {
    let Some(postgres) = &config.store.postgres else {
        return Err(Failure::new("store.postgres: is missing"));
    };
    let address = address(postgres)
        .map_err(|problem| Failure::new(format!("store.postgres.url: {problem}")))?;
    let mut options = Options {
        migrate: config.store.migrate,
        ..Options::default()
    };
    for (option, setting) in [
        (&mut options.readers, postgres.readers),
        (&mut options.writers, postgres.writers),
    ] {
        if let Some(setting) = setting {
            *option = setting.into();
        }
    }
    for (option, setting) in [
        (&mut options.connect_timeout, postgres.connect_timeout),
        (&mut options.acquire_timeout, postgres.acquire_timeout),
        (&mut options.statement_timeout, postgres.statement_timeout),
    ] {
        if let Some(setting) = setting {
            *option = setting.duration();
        }
    }
    if let Some(schema) = &postgres.schema {
        options.schema.clone_from(schema);
    }
    Ok((address, options))
}
