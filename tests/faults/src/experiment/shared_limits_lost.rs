//! F09: Redis, with which nodes count together, is killed, emptied, full, and hangs under load. No request notices, no
//! node lets an address do more than it would alone, and operators are told.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Ran;
use super::nodes::Nodes;
use super::scene::text;
use crate::abuse::raw::{ask_from, post, status};
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let folder = setup.folder("redis")?;
    let Some(mut redis) = Redis::start(folder.path(), &[]) else {
        return Ok(Ran::Skipped("redis-server is not installed".to_owned()));
    };
    let url = format!("unix://{}", redis.socket.display());
    let most = MOST.to_string();
    let settings = [
        ("HALLPASS__CACHE__REDIS_URL", url.as_str()),
        ("HALLPASS__RATE_LIMITS__CLIENT_AUTH_PER_ADDRESS", &most),
    ];
    let Some(nodes) = Nodes::start(setup, "shared-limits", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let load = nodes.load().await?;
    nodes.progress(20, LIMIT).await?;

    // An address that fails at one node only, and then asks the other.
    let together = counted_together(&nodes, 1).await?;
    report.figure("guesses at one node until the other one knew", together);

    let mut times = 0_u8;
    for _ in 0..setup.times(1, 20) {
        for fault in [Fault::Killed, Fault::Emptied, Fault::Full, Fault::Frozen] {
            times = times.wrapping_add(1);
            let since = nodes.history.now_us();
            redis = fault.begin(redis, folder.path())?;
            nodes.progress(40, LIMIT).await?;
            let alone = guesses(&nodes, 0, times.wrapping_add(10), MOST * 3).await?;
            require(alone.let_in <= MOST, || {
                format!(
                    "{fault:?}: one node let {} guesses of an address pass",
                    alone.let_in
                )
            })?;
            require(alone.turned_away > 0, || {
                format!("{fault:?}: nobody was turned away")
            })?;
            if matches!(fault, Fault::Killed | Fault::Frozen) {
                told(&nodes, 0.0).await?;
            }
            redis = fault.end(redis, folder.path())?;
            told(&nodes, 1.0).await?;
            let count = |outcome| nodes.history.count(outcome, since);
            let failed = count(Outcome::Unavailable).saturating_add(count(Outcome::Unknown));
            require(failed == 0, || {
                format!("{fault:?}: {failed} requests of others failed")
            })?;
        }
    }
    nodes.progress(20, LIMIT).await?;
    let again = counted_together(&nodes, 2).await?;
    report.figure("the same after all of this", again);
    report.figure("faults: killed, emptied, full, frozen, each", times / 4);
    report.figure("slowest request, ms", nodes.history.slowest(0).as_millis());
    load.stop().await?;
    drop(redis);
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

/// Waits until every node tells its operators whether Redis answers.
async fn told(nodes: &Nodes, connected: f64) -> Result<(), Failed> {
    for launch in &nodes.launches {
        let began = Instant::now();
        loop {
            let metrics = text(&format!("{}/metrics", launch.operations())).await?;
            let found = metrics.lines().find_map(|line| {
                let (name, value) = line.split_once(' ')?;
                (name == CONNECTED).then(|| value.parse::<f64>().ok())?
            });
            // It is one of the two.
            if found.is_some_and(|found| (found - connected).abs() < 0.5) {
                break;
            }
            require(began.elapsed() < LIMIT, || {
                format!("{CONNECTED} is {found:?}, not {connected}")
            })?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

const CONNECTED: &str = "hallpass_shared_limits_connected";

#[derive(Clone, Copy, Debug)]
enum Fault {
    Killed,
    Emptied,
    Full,
    Frozen,
}

impl Fault {
    fn begin(self, redis: Redis, _folder: &Path) -> Result<Redis, Failed> {
        match self {
            Self::Killed => redis.signal("KILL"),
            Self::Emptied => redis.command(&["FLUSHALL"])?,
            Self::Full => redis.command(&["CONFIG", "SET", "maxmemory", "1"])?,
            Self::Frozen => redis.signal("STOP"),
        }
        Ok(redis)
    }

    fn end(self, redis: Redis, folder: &Path) -> Result<Redis, Failed> {
        match self {
            Self::Killed => {
                drop(redis);
                Redis::start(folder, &[]).ok_or_else(|| Failed::new("Redis does not come back"))
            }
            Self::Emptied => Ok(redis),
            Self::Full => {
                redis.command(&["CONFIG", "SET", "maxmemory", "0"])?;
                Ok(redis)
            }
            Self::Frozen => {
                redis.signal("CONT");
                Ok(redis)
            }
        }
    }
}

#[derive(Debug, Default)]
struct Guessed {
    let_in: u32,
    turned_away: u32,
}

/// Guesses secrets at a node from an address that is this number's own.
async fn guesses(nodes: &Nodes, node: usize, address: u8, number: u32) -> Result<Guessed, Failed> {
    let launch = nodes
        .launches
        .get(node)
        .ok_or_else(|| Failed::new("no node"))?;
    let body = "grant_type=client_credentials&client_id=nobody&client_secret=guess";
    let mut guessed = Guessed::default();
    for _ in 0..number {
        let answer = ask_from(
            [127, 9, 9, address],
            launch.port(),
            &post("/token", "", body),
        )
        .await;
        match status(&answer).as_str() {
            "401" => guessed.let_in = guessed.let_in.saturating_add(1),
            "429" => guessed.turned_away = guessed.turned_away.saturating_add(1),
            other => return Err(Failed::new(format!("a guess was answered with {other}"))),
        }
    }
    Ok(guessed)
}

/// All but a few guesses at the first node; how many of these and the second one's it took until that one turned them away.
async fn counted_together(nodes: &Nodes, address: u8) -> Result<u32, Failed> {
    let first = guesses(nodes, 0, address, MOST - 1).await?;
    require(first.let_in == MOST - 1, || {
        format!("a node alone turned guesses away: {first:?}")
    })?;
    let began = Instant::now();
    let mut second = 0_u32;
    loop {
        let guessed = guesses(nodes, 1, address, 1).await?;
        if guessed.turned_away > 0 {
            return Ok(first.let_in.saturating_add(second));
        }
        second = second.saturating_add(1);
        require(second < MOST && began.elapsed() < LIMIT, || {
            "the other node does not know what the first one has counted".to_owned()
        })?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A Redis on a socket, which ends with this.
struct Redis {
    child: Child,
    socket: PathBuf,
}

impl Redis {
    fn start(folder: &Path, more: &[&str]) -> Option<Self> {
        let socket = folder.join("redis.sock");
        let child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--unixsocket",
            ])
            .arg(&socket)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Self { child, socket };
        for _ in 0..500 {
            if redis.command(&["PING"]).is_ok() {
                return Some(redis);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn command(&self, arguments: &[&str]) -> Result<(), Failed> {
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(&self.socket)
            .args(arguments)
            .output()
            .map_err(|error| Failed::io(&self.socket, error))?;
        require(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        drop(
            Command::new("kill")
                .args([&format!("-{name}"), &pid])
                .output(),
        );
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.signal("CONT");
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Failed authentications of an address, at most.
const MOST: u32 = 30;
const LIMIT: Duration = Duration::from_secs(40);
