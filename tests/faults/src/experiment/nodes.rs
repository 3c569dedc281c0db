//! Several nodes of one issuer on one PostgreSQL.

use std::path::Path;
use std::time::{Duration, Instant};

use hallpass_testpg::Cluster;

use super::scene::{WORKERS, counts, get};
use crate::audit;
use crate::caller::Place;
use crate::check::{Found, check};
use crate::driver::{Load, Workers};
use crate::history::{History, Outcome};
use crate::report::{refuse, require};
use crate::server::{Folder, Launch, Server};
use crate::{Failed, Report, Setup};

/// The nodes, and what they stand on. The database is the last to go.
pub(crate) struct Nodes {
    pub(crate) history: History,
    pub(crate) places: Vec<Place>,
    pub(crate) servers: Vec<Option<Server>>,
    pub(crate) launches: Vec<Launch>,
    pub(crate) cluster: Cluster,
    _folders: Vec<Folder>,
}

impl Nodes {
    /// Starts that many nodes; none where PostgreSQL is not installed.
    pub(crate) async fn start(
        setup: &Setup,
        name: &str,
        number: usize,
        (database, server): (&[&str], &[(&str, &str)]),
    ) -> Result<Option<Self>, Failed> {
        let Some(cluster) = Cluster::start(database) else {
            return Ok(None);
        };
        let address = cluster.address();
        let nodes = Self::on(setup, name, number, (cluster, &address), server);
        nodes.await.map(Some)
    }

    /// Starts them on a database that they reach in that way.
    pub(crate) async fn on(
        setup: &Setup,
        name: &str,
        number: usize,
        (cluster, address): (Cluster, &str),
        server: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        let mut nodes = Self {
            history: History::default(),
            places: Vec::new(),
            servers: Vec::new(),
            launches: Vec::new(),
            cluster,
            _folders: Vec::new(),
        };
        let mut issuer = None;
        for node in 0..number {
            let folder = setup.folder(&format!("{name}-{node}"))?;
            let mut launch = Launch::new(setup, folder.path())
                .with("HALLPASS__STORE__KIND", "postgres")
                .with("HALLPASS__STORE__POSTGRES__URL", address)
                .with("HALLPASS__KEYS__MASTER_KEY", MASTER_KEY);
            for (name, value) in server {
                launch = launch.with(name, value);
            }
            let issuer = issuer.get_or_insert_with(|| launch.issuer());
            let launch = launch.with("HALLPASS__SERVER__ISSUER", issuer);
            let server = launch.start()?;
            let place = match nodes.places.first() {
                None => Place::of(&server.demo).await?,
                Some(first) => first.through(launch.port()),
            };
            nodes.places.push(place);
            nodes.servers.push(Some(server));
            nodes.launches.push(launch);
            nodes._folders.push(folder);
        }
        Ok(nodes)
    }

    /// Signs workers in and lets them work on all nodes.
    pub(crate) async fn load(&self) -> Result<Load, Failed> {
        let workers = Workers::sign_in(&self.places, &self.history, WORKERS).await?;
        Ok(workers.start())
    }

    /// SIGKILL to a node, and another process in its place.
    pub(crate) fn kill(&mut self, node: usize) -> Result<Duration, Failed> {
        let (Some(server), Some(launch)) = (self.servers.get_mut(node), self.launches.get(node))
        else {
            return Err(Failed::new("no such node"));
        };
        if let Some(server) = server.take() {
            server.kill()?;
        }
        let started = launch.start()?;
        let took = started.started_in;
        *server = Some(started);
        Ok(took)
    }

    /// SIGTERM to a node that nobody asks any more, and another binary in its place.
    pub(crate) fn replace(&mut self, node: usize, binary: &Path) -> Result<Duration, Failed> {
        let (Some(server), Some(launch)) =
            (self.servers.get_mut(node), self.launches.get_mut(node))
        else {
            return Err(Failed::new("no such node"));
        };
        if let Some(server) = server.take() {
            server.signal("TERM");
            let status = server.end_within(STOP_LIMIT);
            require(status.is_some_and(|status| status.success()), || {
                format!("SIGTERM: {status:?}; {}", launch.log_end())
            })?;
        }
        *launch = launch.clone().by(binary);
        let started = launch.start()?;
        let took = started.started_in;
        *server = Some(started);
        Ok(took)
    }

    /// Waits until that many more requests have succeeded.
    pub(crate) async fn progress(&self, more: usize, limit: Duration) -> Result<Duration, Failed> {
        let began = Instant::now();
        let since = self.history.now_us();
        while self.history.count(Outcome::Ok, since) < more {
            require(began.elapsed() < limit, || {
                let logs: Vec<_> = self.launches.iter().map(Launch::log_end).collect();
                format!("no progress within {limit:?}; {}", logs.join("\n"))
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(began.elapsed())
    }

    /// What needs no database is served, at every node, and how long the slowest took.
    pub(crate) async fn documents(&self) -> Result<Duration, Failed> {
        let mut slowest = Duration::ZERO;
        for launch in &self.launches {
            for path in ["/.well-known/openid-configuration", "/jwks"] {
                let url = format!("http://127.0.0.1:{}{path}", launch.port());
                let (status, took) = get(&url).await?;
                require(status == 200, || format!("{path}: {status}"))?;
                slowest = slowest.max(took);
            }
        }
        Ok(slowest)
    }

    /// Audits every node and compares with the history.
    pub(crate) async fn judge(&self, report: &mut Report) -> Result<(), Failed> {
        let mut found = Found::default();
        let history = self.history.snapshot();
        for place in &self.places {
            audit::tokens(place, &self.history, MOST_TOKENS, &mut found).await?;
        }
        let place = self.places.last().ok_or_else(|| Failed::new("no node"))?;
        audit::codes(place, &self.history, &mut found).await?;
        counts(&self.history, report);
        report.figure("access tokens looked at, at each node", found.active.len());
        let violations = check(&history, &found);
        if !violations.is_empty() {
            let path = std::env::temp_dir().join(format!("{}-history.jsonl", report.experiment));
            drop(self.history.write(&path));
        }
        refuse(&violations)
    }
}

const STOP_LIMIT: Duration = Duration::from_secs(40);
const MASTER_KEY: &str = "kF2v5ZxWYg0S1d8cXrQmT3uB7nJpL4hE6aOiGyUtRsA";
const MOST_TOKENS: usize = 3_000;
