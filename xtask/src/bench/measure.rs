//! The measurement: everything in turns.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use hallpass_load::browser::Cookie;
use hallpass_load::{Client, Endpoints, Job, Outcome, Server, SignedIn, TokenKind, Visitor};
use serde::de::DeserializeOwned;

use super::Result;
use super::budget;
use super::build::Built;
use super::keyed::KeyedClients;
use super::machine::{machine, megabytes, resident_mb, said};
use super::options::Options;
use super::peers::{SIGNED, versions};
use super::postgres;
use super::report::{Figures, LeftOut, Memory, Report, Taken};
use super::rest;
use super::running::{Demo, Running};
use super::start;
use super::target::{GENERATOR_CORE, Recipe, SERVER_CORE, Target, can_pin, has_postgres, pinned};
use super::work::{Floor, Row, is_floor, same_bytes};

/// Measures everything that the options ask for.
///
/// # Errors
/// A server or the generator does not start, or the preparation of a row fails. What fails during
/// a run is counted instead.
pub(crate) fn measure(options: &Options, built: &Built) -> Result<Report> {
    let folder = Folder::new(&built.work)?;
    let taken = Taken {
        date: said("date", &["-u", "+%F"]),
        commit: said("git", &["rev-parse", "--short", "HEAD"]),
        command: format!("cargo xtask bench {}", options.line)
            .trim_end()
            .to_owned(),
        machine: machine().unwrap_or_default(),
        concurrency: options.concurrency,
        seconds: options.seconds,
        rounds: options.rounds,
    };
    let mut report = Report {
        taken,
        ..Report::default()
    };
    report.notes.extend(machine());
    if !can_pin() {
        let note = "one core or no taskset: server and generator share the machine";
        report.notes.push(note.to_owned());
    }
    let mut at_rest = Vec::new();
    let mut targets = options.targets.clone();
    if targets.iter().any(|target| target.needs_postgres()) && !has_postgres() {
        targets.retain(|target| !target.needs_postgres());
        let note = "PostgreSQL is not installed: what needs it was left out";
        report.notes.push(note.to_owned());
    }
    report.versions = versions(&targets, built);
    let providers = targets
        .iter()
        .filter(|t| !matches!(t, Target::Limit | Target::HallpassPostgres));
    for target in providers {
        eprintln!("start times of {}", target.name());
        let (times, rest_mb) = start::start(*target, built, &folder.0.join(target.name()))?;
        report.start_ms.insert(target.name().to_owned(), times);
        at_rest.push((*target, rest_mb));
    }

    let mut contenders = Vec::new();
    for target in &targets {
        let folder = folder.0.join(target.name()).join("run");
        contenders.push(Contender::start(*target, built, options, &folder)?);
    }
    for contender in &mut contenders {
        if contender.target().compiles_while_it_runs() {
            contender.warm_up(&options.rows, built)?;
        }
        for row in &options.rows {
            if let Some(reason) = row.cannot(contender.target()) {
                report.left_out.push(LeftOut {
                    work: row.name().to_owned(),
                    target: contender.target().name().to_owned(),
                    reason: reason.to_owned(),
                });
            }
        }
    }
    let mut runs: Vec<Runs> = Vec::new();
    for round in 1..=options.rounds {
        for row in &options.rows {
            eprintln!("round {round} of {}: {}", options.rounds, row.name());
            if options.targets.contains(&Target::Limit) {
                for floor in row.floors() {
                    let outcome = bare(built, floor, &folder.0)?;
                    Runs::add(&mut runs, floor.work, Target::Limit, outcome);
                }
            }
            for contender in &mut contenders {
                if row.fits(contender.target()) {
                    let outcome = contender.run(*row, built)?;
                    Runs::add(&mut runs, row.name(), contender.target(), outcome);
                }
            }
            if let Some(work) = same_bytes(*row)
                && let Some(outcome) = same_document(&contenders, *row, built)?
            {
                Runs::add(&mut runs, work, Target::Limit, outcome);
            }
        }
    }

    if let Some(postgres) = contenders
        .iter_mut()
        .find(|contender| contender.target() == Target::HallpassPostgres)
    {
        eprintln!("statements and commits of PostgreSQL");
        report.statements = postgres::statements(postgres, &options.rows)?;
        match &built.store_rate {
            Some(program) => report.commits = postgres::commit_rates(program, COMMIT_SECONDS)?,
            None => report
                .notes
                .push("no examples/store_rate: grouped commits were not compared".to_owned()),
        }
    }

    for Runs {
        work,
        target,
        outcomes,
    } in &runs
    {
        let figures = Figures::of(work, *target, outcomes);
        report.rows.extend(figures.map(|figures| Figures {
            concurrency: if is_floor(work) {
                1
            } else {
                options.concurrency
            },
            ..figures
        }));
    }
    for contender in contenders {
        let name = contender.target().name().to_owned();
        let mut memory = contender.memory;
        if let Some((_, rest_mb)) = at_rest
            .iter()
            .find(|(target, _)| *target == contender.running.target)
        {
            memory.rest_mb = rest_mb.or(memory.rest_mb);
        }
        report.memory.insert(name, memory);
        report.notes.extend(contender.notes);
    }
    report.binary_mb = built.hallpass.as_deref().and_then(megabytes);
    report.budgets = budget::judge(&report);
    report.shares = report.shares_of_limits();
    Ok(report)
}

/// All runs of one work at one server.
struct Runs {
    work: &'static str,
    target: Target,
    outcomes: Vec<Outcome>,
}

impl Runs {
    fn add(all: &mut Vec<Self>, work: &'static str, target: Target, outcome: Outcome) {
        let same = |runs: &&mut Self| runs.work == work && runs.target == target;
        match all.iter_mut().find(same) {
            Some(runs) => runs.outcomes.push(outcome),
            None => all.push(Self {
                work,
                target,
                outcomes: vec![outcome],
            }),
        }
    }
}

/// A server that takes part, with everything its jobs need.
pub(crate) struct Contender {
    running: Running,
    demo: Option<Demo>,
    /// The clients that sign.
    keyed: Option<KeyedClients>,
    /// The job of each row but for its work.
    job: Job,
    memory: Memory,
    /// What takes it so long that it is measured for longer.
    slow: Vec<Row>,
    notes: Vec<String>,
}

impl Contender {
    fn start(target: Target, built: &Built, options: &Options, folder: &Path) -> Result<Self> {
        let recipe = Recipe::new(target, built, folder, true)?;
        let mut contender = Self::fresh(&recipe, options)?;
        let has_user = options.rows.iter().any(|row| row.has_user());
        if contender.demo.is_some() && has_user {
            contender.sign_in(built)?;
        }
        if target == Target::Hallpass {
            // Hashing passwords takes memory that the load does not, so a new process goes on
            // with the sessions of the one that hashed.
            let sessions = contender.job.visitor.take();
            contender.running.stop();
            contender = Self::fresh(&recipe, options)?;
            if let (Some(visitor), Some(earlier)) = (&mut contender.job.visitor, sessions) {
                visitor.browsers = earlier.browsers;
            }
            if has_user && contender.sign_in(built)? > 0 {
                let note = "hallpass hashed passwords in the measured process";
                contender.notes.push(note.to_owned());
            }
        }
        Ok(contender)
    }

    /// One that has just started, and has nobody signed in.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn fresh(recipe: &Recipe, options: &Options) -> Result<Self> {
        let (running, _took) = recipe.start()?;
        let target = running.target;
        let demo = match target {
            Target::Limit => None,
            Target::Hallpass
            | Target::HallpassPostgres
            | Target::NodeOidcProvider
            | Target::Hydra
            | Target::Keycloak => Some(running.demo()?),
        };
        let mut server = running.server(demo.as_ref());
        if matches!(target, Target::Hallpass | Target::HallpassPostgres) {
            rest::await_successors(&endpoints(&server)?.jwks_uri)
                .map_err(|what| running.complain(&what))?;
        }
        rest::settle(running.pid());
        let elsewhere = demo
            .as_ref()
            .and_then(|demo| demo.introspection_endpoint.clone());
        if let Some(introspection_endpoint) = elsewhere {
            server = Server::Endpoints(Box::new(Endpoints {
                introspection_endpoint,
                ..endpoints(&server)?
            }));
        }
        let job = Job {
            work: Row::Discovery.work(),
            server,
            client: demo.as_ref().and_then(Demo::confidential),
            resource_server: demo.as_ref().and_then(Demo::resource_server),
            visitor: demo.as_ref().map(|demo| Visitor {
                user: demo.user.clone(),
                browsers: vec![Vec::new(); BROWSERS],
            }),
            access_token: (running.target == Target::Keycloak).then_some(TokenKind::Es256),
            concurrency: options.concurrency,
            warmup_seconds: WARMUP_SECONDS,
            seconds: options.seconds,
            server_pid: Some(running.pid()),
        };
        Ok(Self {
            memory: Memory {
                rest_mb: resident_mb(running.pid()),
                load_mb: None,
            },
            running,
            demo,
            keyed: recipe.keyed_clients(),
            job,
            slow: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn target(&self) -> Target {
        self.running.target
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Ends it in order.
    pub(crate) fn stop(self) {
        self.running.stop();
    }

    /// Signs the browsers in; answers how often a password had to be typed.
    ///
    /// # Errors
    /// What keeps somebody from signing in.
    pub(crate) fn sign_in(&mut self, built: &Built) -> Result<u32> {
        let signed_in: SignedIn = generate("sign-in", &self.job, built)
            .map_err(|error| format!("{}: {error}", self.target().name()))?;
        if let Some(visitor) = &mut self.job.visitor {
            visitor.browsers = signed_in.browsers;
        }
        Ok(signed_in.passwords)
    }

    /// The job of a row.
    pub(crate) fn job(&self, row: Row) -> Job {
        let mut job = Job {
            work: row.work(),
            ..self.job.clone()
        };
        if self.target() == Target::Limit {
            limit_of(row, &mut job);
        }
        // Hallpass rotates the refresh tokens of public clients; those of confidential ones stay.
        if matches!(
            (self.target(), row),
            (Target::Hallpass | Target::HallpassPostgres, Row::Refresh)
        ) && let Some(public) = self.demo.as_ref().and_then(Demo::public)
        {
            job.client = Some(public);
        }
        let signed = match (self.target(), row) {
            (Target::Hydra, Row::ClientCredentialsEs256 | Row::ClientCredentialsRs256)
            | (Target::Keycloak, Row::ClientCredentialsRs256) => Some(SIGNED),
            _ => None,
        };
        if let Some(name) = signed {
            job.client = self.demo.as_ref().and_then(|demo| demo.named(name));
        }
        if let Some(signs) = row.signs() {
            let keyed = self.keyed.as_ref();
            job.client = keyed.map(|keyed| keyed.client(signs.ps256));
        }
        job
    }

    /// Goes on with the cookies that a job has left.
    pub(crate) fn keep(&mut self, browsers: &[Vec<Cookie>]) {
        if let (Some(visitor), false) = (&mut self.job.visitor, browsers.is_empty()) {
            visitor.browsers = browsers.to_vec();
        }
    }

    /// Does each row for a while without counting.
    fn warm_up(&mut self, rows: &[Row], built: &Built) -> Result<()> {
        for row in rows {
            if row.fits(self.target()) {
                eprintln!("warm-up of {}: {}", self.target().name(), row.name());
                let job = Job {
                    warmup_seconds: 0.0,
                    seconds: LONG_WARMUP_SECONDS,
                    ..self.job(*row)
                };
                self.exchange(*row, &job, built)?;
            }
        }
        Ok(())
    }

    fn run(&mut self, row: Row, built: &Built) -> Result<Outcome> {
        let mut job = self.job(row);
        if !self.slow.contains(&row) {
            let outcome = self.exchange(row, &job, built)?;
            if !is_too_short(&outcome, &job) {
                return Ok(outcome);
            }
            self.slow.push(row);
            self.notes.push(format!(
                "{} of {}: runs of {} s, since not every connection had done it once in {} s",
                row.name(),
                self.target().name(),
                job.seconds * LONGER,
                job.seconds
            ));
        }
        job.warmup_seconds *= LONGER;
        job.seconds *= LONGER;
        self.exchange(row, &job, built)
    }

    fn exchange(&mut self, row: Row, job: &Job, built: &Built) -> Result<Outcome> {
        if self.target() == Target::Hydra {
            match row {
                Row::ClientCredentialsEs256 => self.running.sign_with("ES256")?,
                Row::ClientCredentialsRs256 => self.running.sign_with("RS256")?,
                Row::ClientCredentialsSealed
                | Row::Discovery
                | Row::Jwks
                | Row::Introspection
                | Row::Userinfo
                | Row::Refresh
                | Row::Code
                | Row::CodeParDpopPrivateKeyJwt
                | Row::CodeParDpopPs256
                | Row::CodeParDpopJkt
                | Row::CodeParDpopJktPs256 => {}
            }
        }
        let outcome: Outcome = generate("run", job, built).map_err(|error| {
            let what = format!("{}: {error}", row.name());
            self.running.complain(&what)
        })?;
        self.keep(&outcome.browsers);
        let seen = outcome.server.as_ref().map(|server| server.resident_mb);
        self.memory.load_mb = match (self.memory.load_mb, seen) {
            (Some(before), Some(now)) => Some(before.max(now)),
            (before, now) => now.or(before),
        };
        Ok(outcome)
    }
}

/// Whether the rate would be chance: the connections have begun together, and some were not done.
fn is_too_short(outcome: &Outcome, job: &Job) -> bool {
    let connections = u64::try_from(job.concurrency).unwrap_or(u64::MAX);
    outcome.errors == 0 && outcome.count < connections
}

/// Sends a job to the handler that stands for the row.
fn limit_of(row: Row, job: &mut Job) {
    let handler = match row {
        Row::ClientCredentialsEs256 => "es256",
        Row::ClientCredentialsRs256 => "rs256",
        Row::Refresh => "refresh",
        Row::ClientCredentialsSealed
        | Row::Discovery
        | Row::Jwks
        | Row::Introspection
        | Row::Userinfo
        | Row::Code
        | Row::CodeParDpopPrivateKeyJwt
        | Row::CodeParDpopPs256
        | Row::CodeParDpopJkt
        | Row::CodeParDpopJktPs256 => return,
    };
    if let Server::Endpoints(endpoints) = &mut job.server {
        endpoints.token_endpoint = format!("{}/{handler}", endpoints.token_endpoint);
    }
    let secret = "0123456789012345678901234567890123456789012";
    job.client = Some(Client {
        client_id: "confidential".to_owned(),
        client_secret: (row != Row::Refresh).then(|| secret.to_owned()),
        key: None,
        redirect_uris: Vec::new(),
        grant_types: Vec::new(),
    });
}

/// Runs the generator on its core.
fn generate<T: DeserializeOwned>(command: &str, job: &Job, built: &Built) -> Result<T> {
    let mut child = pinned(GENERATOR_CORE, &built.load)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("generator: {error}"))?;
    let job = serde_json::to_vec(job).map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(&job)
            .map_err(|error| format!("generator: {error}"))?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("generator: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("generator: {error}"))
}

/// The addresses that a server's discovery document names.
fn endpoints(server: &Server) -> Result<Endpoints> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let endpoints = runtime.block_on(server.endpoints());
    endpoints.map_err(|error| error.to_string())
}

/// Our document, given by the bare handler as ours gives it. Nothing where one of the two is not measured.
fn same_document(contenders: &[Contender], row: Row, built: &Built) -> Result<Option<Outcome>> {
    let the = |target| contenders.iter().find(|c| c.target() == target);
    let (Some(ours), Some(limit)) = (the(Target::Hallpass), the(Target::Limit)) else {
        return Ok(None);
    };
    let endpoints = endpoints(&ours.job.server)?;
    let document = if row == Row::Jwks {
        endpoints.jwks_uri
    } else {
        endpoints.discovery
    };
    let address = limit.running.take_over(&document)?;
    let mut job = limit.job(Row::Discovery);
    if let Server::Endpoints(endpoints) = &mut job.server {
        endpoints.discovery = address;
    }
    generate("run", &job, built).map(Some)
}

/// What the generator's program reaches by itself at that, on the servers' core.
fn bare(built: &Built, floor: &Floor, folder: &Path) -> Result<Outcome> {
    let output = pinned(SERVER_CORE, &built.load)
        .args(floor.command)
        .args(floor.durable.then_some(folder))
        .output()
        .map_err(|error| format!("generator: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let per_second: f64 = text
        .trim()
        .parse()
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Outcome {
        per_second,
        p50_ms: 1000.0 / per_second,
        p99_ms: 1000.0 / per_second,
        ..Outcome::default()
    })
}

/// A folder that is removed when this is dropped.
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

impl Folder {
    /// One that is made now.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(std::process::id().to_string());
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const WARMUP_SECONDS: f64 = 0.5;
/// Of each row, for a server that compiles while it runs.
const LONG_WARMUP_SECONDS: f64 = 5.0;
/// So many times as long as others.
const LONGER: f64 = 10.0;
/// Of each of three rounds of commits, grouped and not.
const COMMIT_SECONDS: u32 = 2;
/// Connections take these in turn.
const BROWSERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_a_connection_may_have_done_nothing_is_too_short() {
        let job = Job {
            work: Row::Discovery.work(),
            server: Server::Issuer(String::new()),
            client: None,
            resource_server: None,
            visitor: None,
            access_token: None,
            concurrency: 64,
            warmup_seconds: 0.5,
            seconds: 1.0,
            server_pid: None,
        };
        let of = |count, errors| Outcome {
            count,
            errors,
            ..Outcome::default()
        };
        assert!(is_too_short(&of(0, 0), &job));
        assert!(is_too_short(&of(63, 0), &job));
        assert!(!is_too_short(&of(64, 0), &job));
        assert!(!is_too_short(&of(0, 1), &job), "that is a failure");
    }
}
