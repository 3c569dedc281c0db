//! Migrations: numbered files that are in the program, applied in order, each in a transaction of its own. Two that
//! migrate at once take turns by a row; no other lock is needed, since each step is written down in its own transaction.

use std::time::Duration;

use hallpass_store::{
    StoreError,
    migration::{Applied, Migration, Phase, pending},
};
use tokio::time::sleep;

use crate::{
    failure::Failure,
    link::{Dialer, Link, jittered, quoted},
    row::{blob, small},
};

macro_rules! migrations {
    ($($name:literal $phase:expr),+ $(,)?) => {
        /// All steps; a step's version is its place, counted from one.
        pub(crate) const ALL: &[Migration] = &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
            phase: $phase,
        }),+];
    };
}

migrations!(
    "0001_initial" Phase::Expand,
    "0002_people" Phase::Expand,
    "0003_directories" Phase::Expand,
    "0004_admin" Phase::Expand,
    "0005_tallies" Phase::Expand,
    "0006_key_changes" Phase::Expand,
);

/// The steps that a database still lacks.
pub(crate) async fn lacking<'m>(
    dialer: &Dialer,
    all: &'m [Migration],
) -> Result<&'m [Migration], StoreError> {
    let link = dialer.dial().await?;
    look(&link, dialer, all).await
}

/// # Errors
/// [`StoreError::Version`] when any step is lacking.
pub(crate) async fn demand_none_pending(
    dialer: &Dialer,
    all: &[Migration],
) -> Result<(), StoreError> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    match lacking(dialer, all).await?.len() {
        0 => Ok(()),
        lacking => Err(StoreError::Version {
            found: number(all.len().saturating_sub(lacking)),
            known: number(all.len()),
        }),
    }
}

/// Applies what is lacking; answers the steps. A process that is killed meanwhile leaves whole steps behind.
pub(crate) async fn migrate(
    dialer: &Dialer,
    all: &'static [Migration],
) -> Result<Vec<&'static Migration>, StoreError> {
    let link = dialer.dial().await?;
    let mut done = Vec::new();
    let mut tries = 0;
    loop {
        if look(&link, dialer, all).await?.is_empty() {
            return Ok(done);
        }
        match step(&link, dialer, all).await {
            Ok(step) => {
                done.extend(step);
                tries = 0;
            }
            // Others migrate at the same time, or use a table that is to be changed.
            Err(Stopped::Again) if tries < MOST_TRIES => {
                tries = tries.saturating_add(1);
                sleep(jittered(PAUSE, tries.min(5))).await;
            }
            Err(Stopped::Again) => return Err(StoreError::Busy { retry_after: 5 }),
            Err(Stopped::Failed(error)) => return Err(error),
        }
    }
}

const MOST_TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(20);

enum Stopped {
    Again,
    Failed(StoreError),
}

impl From<tokio_postgres::Error> for Stopped {
    fn from(error: tokio_postgres::Error) -> Self {
        let code = error.code().map(|code| code.code().to_owned());
        match code.as_deref() {
            // Made by somebody else at the same moment, or waited for in vain.
            Some("23505" | "42P06" | "42P07" | "42710" | "40001" | "40P01" | "55P03") => {
                Self::Again
            }
            _ => Self::Failed(Failure::of(&error).into()),
        }
    }
}

/// Applies the next step, if there still is one when it is this process's turn.
async fn step(
    link: &Link,
    dialer: &Dialer,
    all: &'static [Migration],
) -> Result<Option<&'static Migration>, Stopped> {
    let db = &link.client;
    // Long changes are what this connection is for. What waits for a lock makes others wait behind it.
    db.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .await?;
    let schema = &dialer.options.schema;
    let named = "SELECT 1 FROM information_schema.schemata WHERE schema_name = $1";
    if db.query(named, &[schema]).await?.is_empty() {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema));
        db.batch_execute(&create).await?;
    }
    db.batch_execute(BOOKS).await?;
    let stepped = async {
        db.batch_execute("BEGIN").await?;
        db.query(TURN, &[]).await?;
        let lacking = look(link, dialer, all).await.map_err(Stopped::Failed)?;
        let Some(next) = lacking.first() else {
            return Ok(None);
        };
        let version = all.len().saturating_sub(lacking.len()).saturating_add(1);
        db.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
        db.batch_execute(next.sql).await?;
        let (version, oldest) = (
            i64::try_from(version).unwrap_or(i64::MAX),
            i64::from(next.phase.oldest()),
        );
        let checksum = next.checksum();
        db.execute(
            WRITE_DOWN,
            &[
                &version,
                &next.name,
                &checksum.as_slice(),
                &next.phase.name(),
                &oldest,
            ],
        )
        .await?;
        Ok::<_, Stopped>(Some(next))
    };
    match stepped.await {
        Ok(done) => {
            db.batch_execute("COMMIT").await?;
            Ok(done)
        }
        Err(stopped) => {
            // Where this fails too, the connection is lost and the transaction with it.
            drop(db.batch_execute("ROLLBACK").await);
            Err(stopped)
        }
    }
}

async fn look<'m>(
    link: &Link,
    dialer: &Dialer,
    all: &'m [Migration],
) -> Result<&'m [Migration], StoreError> {
    let schema = &dialer.options.schema;
    let tables = link
        .client
        .query(TABLES, &[schema])
        .await
        .map_err(|e| Failure::of(&e))?;
    let mut names = Vec::with_capacity(tables.len());
    for row in &tables {
        names.push(crate::row::get::<&str>(row, 0)?);
    }
    if !names.contains(&"hallpass_migrations") {
        // A table that somebody else made would be taken for one of ours.
        if names.iter().any(|name| OURS.contains(name)) {
            return Err(StoreError::corrupt(
                "the schema holds tables of another program; choose another one",
            ));
        }
        return Ok(all);
    }
    let rows = link.client.query(APPLIED, &[]).await;
    let rows = rows.map_err(|e| Failure::of(&e))?;
    let applied = rows.iter().map(|row| {
        Ok(Applied {
            version: small(row, 0)?,
            checksum: blob(row, 1)?.to_vec(),
            oldest: small(row, 2)?,
        })
    });
    pending(all, &applied.collect::<Result<Vec<_>, StoreError>>()?)
}

const TABLES: &str =
    "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1";
const OURS: &[&str] = &[
    "issuers",
    "clients",
    "codes",
    "grants",
    "sessions",
    "users",
    "signing_keys",
];
const APPLIED: &str = "SELECT version, checksum, oldest FROM hallpass_migrations ORDER BY version";
const TURN: &str = "SELECT id FROM hallpass_migrating WHERE id = 1 FOR UPDATE";
const WRITE_DOWN: &str = "INSERT INTO hallpass_migrations (version, name, checksum, phase, oldest)
    VALUES ($1, $2, $3, $4, $5)";
const BOOKS: &str = "CREATE TABLE IF NOT EXISTS hallpass_migrations (
        version    bigint      NOT NULL PRIMARY KEY,
        name       text        NOT NULL,
        checksum   bytea       NOT NULL,
        phase      text        NOT NULL,
        oldest     bigint      NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS hallpass_migrating (id bigint NOT NULL PRIMARY KEY);
    INSERT INTO hallpass_migrating (id) VALUES (1) ON CONFLICT DO NOTHING;";
