//! `hallpass migrate`

use hallpass_store::migration::Migration;
use hallpass_store_postgres::PostgresStore;
use hallpass_store_sqlite::SqliteStore;
use serde_json::json;

use crate::audit::Changed;
use crate::cli;
use crate::config::{Config, StoreKind};
use crate::data_folder::{DataFolder, Purpose, check_database};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{database_path, postgres};

pub(super) fn run(config: &Config, options: &cli::Migrate, output: Output) -> Result<(), Failure> {
    if config.store.kind != StoreKind::Memory && !options.dry_run {
        if config.store.kind == StoreKind::Sqlite {
            DataFolder::open(&config.server.data_dir, Purpose::Command)?;
        }
        crate::audit::start(
            &config.server.data_dir,
            config.store.kind == StoreKind::Postgres,
        )?;
    }
    let steps = match config.store.kind {
        StoreKind::Memory => {
            return Err(Failure::new(
                "store.kind: there is nothing to migrate in \"memory\"",
            ));
        }
        StoreKind::Sqlite => sqlite(config, options.dry_run)?,
        StoreKind::Postgres => on_server(config, options.dry_run)?,
    };
    let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
    if !options.dry_run {
        for migration in &names {
            let changed = Changed {
                action: "migrated",
                migration: Some(migration),
                ..Changed::default()
            };
            changed.tell("schema changed");
        }
    }
    let sql: Vec<&str> = steps.iter().map(|step| step.sql).collect();
    let text = if steps.is_empty() {
        "the database has the schema of this version".to_owned()
    } else if options.dry_run {
        let steps = steps.iter().map(|step| {
            let Migration { name, sql, phase } = step;
            format!("-- {name} ({})\n\n{sql}", phase.name())
        });
        steps.collect::<Vec<_>>().join("\n")
    } else {
        format!("these changes were made: {}", names.join(", "))
    };
    let mut json = json!({ "migrations": names, "dry_run": options.dry_run });
    if let (true, Some(json)) = (options.dry_run, json.as_object_mut()) {
        json.insert("sql".to_owned(), sql.into());
    }
    output.say(&json, text)
}

fn sqlite(config: &Config, dry_run: bool) -> Result<Vec<&'static Migration>, Failure> {
    let path = database_path(config);
    check_database(&path).map_err(|error| Failure::new(format!("store.path: {error}")))?;
    SqliteStore::migrate(&path, dry_run)
        .map_err(|error| Failure::doing(&format!("store.path: {}", path.display()), &error))
}

fn on_server(config: &Config, dry_run: bool) -> Result<Vec<&'static Migration>, Failure> {
    let (address, options) = postgres::settings(config)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("cannot start", &error))?
        .block_on(PostgresStore::migrate(address, options, dry_run))
        .map_err(|error| Failure::doing("store.postgres", &error))
}
