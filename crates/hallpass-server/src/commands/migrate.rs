//! `hallpass migrate`

use hallpass_store_sqlite::SqliteStore;
use serde_json::json;

use crate::cli;
use crate::config::{Config, StoreKind};
use crate::data_folder::{DataFolder, Purpose, check_database};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::database_path;

pub(super) fn run(config: &Config, options: &cli::Migrate, output: Output) -> Result<(), Failure> {
    if config.store.kind == StoreKind::Memory {
        return Err(Failure::new(
            "store.kind: there is nothing to migrate in \"memory\"",
        ));
    }
    if !options.dry_run {
        DataFolder::open(&config.server.data_dir, Purpose::Command)?;
    }
    let path = database_path(config);
    check_database(&path).map_err(|error| Failure::new(format!("store.path: {error}")))?;
    let migrations = SqliteStore::migrate(&path, options.dry_run)
        .map_err(|error| Failure::doing(&format!("store.path: {}", path.display()), &error))?;
    let verb = if options.dry_run {
        "would be made"
    } else {
        "were made"
    };
    let text = if migrations.is_empty() {
        "the database has the schema of this version".to_owned()
    } else {
        format!("these changes {verb}: {}", migrations.join(", "))
    };
    output.say(
        &json!({ "migrations": migrations, "dry_run": options.dry_run }),
        text,
    )
}
