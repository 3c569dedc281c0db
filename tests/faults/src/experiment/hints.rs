//! N01: what one process changes is known at a node within the bound, far sooner where the database passes a hint on, and
//! within the bound still while whoever listens is cut off again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hallpass_load::http::{Authority, Connection, Template, encode_form};
use hallpass_testpg::Cluster;
use serde_json::Value;

use super::Ran;
use super::nodes::Nodes;
use crate::caller::parse;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let bound = BOUND.as_secs().to_string();
    let settings = [("HALLPASS__CACHE__BOUND", bound.as_str())];
    let Some(nodes) = Nodes::start(setup, "hints", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let rounds = setup.times(4, 100);
    let mut told = Duration::ZERO;
    for _ in 0..rounds {
        let mut app = App::new(&nodes)?;
        app.until(200).await?;
        app.delete(&nodes)?;
        told = told.max(app.until(401).await?);
    }
    let (mut cut, mut cuts) = (Duration::ZERO, 0_usize);
    for _ in 0..setup.times(1, 20) {
        let mut app = App::new(&nodes)?;
        // In memory from now on.
        app.until(200).await?;
        let (gone, deleted) = cutting_off(&nodes.cluster, || app.delete(&nodes));
        deleted?;
        cuts = cuts.saturating_add(gone);
        cut = cut.max(app.until(401).await?);
    }
    report.figure("a node may hold a client for, s", BOUND.as_secs());
    report.figure("clients deleted", rounds);
    report.figure("refused at the other node after, ms", told.as_millis());
    report.figure("connections that listened and were cut", cuts);
    report.figure("refused at the other node then after, ms", cut.as_millis());
    require(told < SOON, || format!("a hint took {told:?}"))?;
    require(cuts > 0, || "nobody listened".to_owned())?;
    let most = BOUND.saturating_add(SLACK);
    require(cut < most, || format!("it took {cut:?} without a hint"))?;
    Ok(Ran::Done(report))
}

/// Does something while every connection that listens is ended, and whoever takes its place.
fn cutting_off<T>(cluster: &Cluster, work: impl FnOnce() -> T) -> (usize, T) {
    let over = AtomicBool::new(false);
    let cut = || {
        let mut gone = 0_usize;
        while !over.load(Ordering::Relaxed) {
            let ended = cluster.sql(CUT);
            gone = gone.saturating_add(ended.trim().parse().unwrap_or_default());
        }
        gone
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            let cutting = threads.spawn(cut);
            let done = work();
            std::thread::sleep(Duration::from_millis(300));
            over.store(true, Ordering::Relaxed);
            (cutting.join().unwrap_or_default(), done)
        })
    })
}

/// A client that asks one node for tokens for itself.
struct App {
    connection: Connection,
    url: url::Url,
    id: String,
    secret: String,
}

impl App {
    fn new(nodes: &Nodes) -> Result<Self, Failed> {
        let made = command(
            nodes,
            &[
                "client",
                "create",
                "--json",
                "--grant-type",
                "client_credentials",
                "--auth-method",
                "client_secret_post",
            ],
        )?;
        let text = |name: &str| {
            let text = made.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| Failed::new(format!("a client without {name}")))
        };
        let last = nodes.launches.last();
        let last = last.ok_or_else(|| Failed::new("no node"))?;
        let url = parse(&format!("http://127.0.0.1:{}/token", last.port()))?;
        Ok(Self {
            connection: Connection::new(Authority::of(&url)?),
            url,
            id: text("client_id")?,
            secret: text("client_secret")?,
        })
    }

    /// Another process takes it away.
    fn delete(&self, nodes: &Nodes) -> Result<(), Failed> {
        command(nodes, &["client", "delete", &self.id]).map(drop)
    }

    /// How long it takes until a request for a token is answered with that status.
    async fn until(&mut self, wanted: u16) -> Result<Duration, Failed> {
        let body = encode_form([
            ("grant_type", "client_credentials"),
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.as_str()),
        ]);
        let mut request = Template::post_form(&self.url, &[]);
        let began = Instant::now();
        loop {
            let response = self.connection.exchange(request.with_body(&body)).await?;
            if response.status == wanted {
                return Ok(began.elapsed());
            }
            require(began.elapsed() < LIMIT, || {
                format!("still {} after {LIMIT:?}", response.status)
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn command(nodes: &Nodes, arguments: &[&str]) -> Result<Value, Failed> {
    let first = nodes.launches.first();
    let launch = first.ok_or_else(|| Failed::new("no node"))?;
    let ended = launch.command(arguments)?;
    require(ended.success, || ended.stderr.clone())?;
    Ok(serde_json::from_str(&ended.stdout).unwrap_or_default())
}

const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()";
/// Longer than by default, so that a hint and the bound cannot be confused.
const BOUND: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_secs(2);
/// For a machine that is busy, and whole seconds.
const SLACK: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(30);
