//! F15: the version before and this one, side by side on one database under load: forward, back and forward again. The
//! migration runs while only the older version serves, is killed in the middle and run twice at once.

use std::path::Path;
use std::time::Duration;

use super::Ran;
use super::nodes::Nodes;
use crate::driver::Rota;
use crate::history::Outcome;
use crate::report::require;
use crate::server::{Launch, random_below};
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let Some(previous) = setup.previous.clone() else {
        return Ok(Ran::Skipped(
            "there is no version before to compare with; `cargo xtask previous` builds it"
                .to_owned(),
        ));
    };
    let old = Setup {
        binary: previous.clone(),
        ..setup.clone()
    };
    let Some(mut nodes) = Nodes::start(&old, "upgrade", 2, (&[], &[])).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let had = schema(&nodes)?;
    let load = nodes.load().await?;
    nodes.progress(MORE, LIMIT).await?;

    let since = nodes.history.now_us();
    migrate(setup, &nodes)?;
    nodes.progress(MORE, LIMIT).await?;
    let slowest = nodes.history.slowest(since);
    let has = schema(&nodes)?;
    require(has > had, || {
        format!("both versions have {has} migrations: that is no upgrade")
    })?;

    let mut restarts = 0_u32;
    for _ in 0..setup.times(1, 20) {
        for binary in [&setup.binary, &previous, &setup.binary] {
            for node in 0..nodes.servers.len() {
                replace(&mut nodes, &load.rota, node, binary).await?;
                restarts = restarts.saturating_add(1);
            }
        }
    }
    // What a node of the version before finds where the other one goes on writing.
    replace(&mut nodes, &load.rota, 0, &previous).await?;
    nodes.progress(MORE * 4, LIMIT).await?;
    load.stop().await?;

    for (outcome, what) in [
        (Outcome::Unknown, "had no answer"),
        (Outcome::Unavailable, "were answered 429, 500 or 503"),
        (Outcome::Refused, "were refused"),
    ] {
        let count = nodes.history.count(outcome, 0);
        require(count == 0, || {
            let logs: Vec<_> = nodes.launches.iter().map(Launch::log_end).collect();
            format!("{count} requests {what}; {}", logs.join("\n"))
        })?;
    }
    report.figure("migrations before and after", format!("{had}, {has}"));
    report.figure(
        "slowest request while migrating, killed and twice at once, ms",
        slowest.as_millis(),
    );
    report.figure("nodes replaced by the other version", restarts);
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

/// Takes a node out of service, replaces it, and lets it serve with the others.
async fn replace(nodes: &mut Nodes, rota: &Rota, node: usize, binary: &Path) -> Result<(), Failed> {
    rota.take_out(node).await;
    nodes.replace(node, binary)?;
    rota.put_in(node);
    nodes.progress(MORE, LIMIT).await.map(drop)
}

/// A command that is killed at any moment, then two at once, of which both succeed.
fn migrate(setup: &Setup, nodes: &Nodes) -> Result<(), Failed> {
    let launches: Vec<Launch> = nodes
        .launches
        .iter()
        .map(|launch| launch.clone().by(&setup.binary))
        .collect();
    let first = launches.first().ok_or_else(|| Failed::new("no node"))?;
    for _ in 0..setup.times(2, 50) {
        first.interrupted(&["migrate"], Duration::from_millis(random_below(120)))?;
    }
    std::thread::scope(|threads| {
        let both: Vec<_> = launches
            .iter()
            .map(|launch| threads.spawn(|| launch.command(&["migrate"])))
            .collect();
        for ended in both {
            let ended = ended
                .join()
                .map_err(|_| Failed::new("migrate was not run"))??;
            require(ended.success, || format!("migrate: {}", ended.stderr))?;
        }
        Ok(())
    })
}

/// How many migrations the database has.
fn schema(nodes: &Nodes) -> Result<u32, Failed> {
    let schemas = nodes.cluster.sql(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'hallpass_migrations'",
    );
    let schema = schemas
        .lines()
        .next()
        .ok_or_else(|| Failed::new("nothing was migrated"))?;
    let count = format!("SELECT count(*) FROM \"{schema}\".hallpass_migrations");
    nodes
        .cluster
        .sql(&count)
        .parse()
        .map_err(|error| Failed::new(format!("the migrations: {error}")))
}

/// Requests that succeed between two changes.
const MORE: usize = 60;
const LIMIT: Duration = Duration::from_secs(40);
