//! What most experiments begin with: a server under load, and end with: an audit.

use std::time::Duration;

use crate::audit;
use crate::caller::Place;
use crate::check::{Found, check};
use crate::driver::{Load, Workers};
use crate::history::{History, Outcome};
use crate::report::{refuse, require};
use crate::server::{Demo, Folder, Launch, Server};
use crate::{Failed, Report, Setup};

/// A folder, and how to start a server on it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) folder: Folder,
    pub(crate) launch: Launch,
    pub(crate) history: History,
}

impl Scene {
    pub(crate) fn new(setup: &Setup, name: &str) -> Result<Self, Failed> {
        let folder = setup.folder(name)?;
        let launch = Launch::new(setup, folder.path());
        Ok(Self {
            folder,
            launch,
            history: History::default(),
        })
    }

    /// Signs workers in and lets them work.
    pub(crate) async fn load(&self, demo: &Demo, workers: u32) -> Result<Load, Failed> {
        let place = Place::of(demo).await?;
        Ok(Workers::sign_in(&[place], &self.history, workers)
            .await?
            .start())
    }

    /// Audits the server and compares with the history, which is kept where something is wrong.
    pub(crate) async fn judge(&self, server: &Server, report: &mut Report) -> Result<(), Failed> {
        let history = self.history.snapshot();
        let place = Place::of(&server.demo).await?;
        let mut found = Found::default();
        audit::tokens(&place, &self.history, MOST_TOKENS, &mut found).await?;
        audit::codes(&place, &self.history, &mut found).await?;
        let alive = found.active.iter().filter(|(_, active)| *active).count();
        counts(&self.history, report);
        report.figure("access tokens looked at afterwards", found.active.len());
        report.figure("of them alive", alive);
        report.figure("codes sent once more", found.redeemed.len());
        require(self.history.count(Outcome::Ok, 0) > 20, || {
            "there was hardly any load".to_owned()
        })?;
        let violations = check(&history, &found);
        if !violations.is_empty() {
            let path = std::env::temp_dir().join(format!("{}-history.jsonl", report.experiment));
            drop(self.history.write(&path));
        }
        refuse(&violations)
    }

    /// Waits until whoever has ever asked something has asked something after that moment, and has its answer: what they asked
    /// before is over and in the history.
    pub(crate) async fn past(&self, moment_us: u64, limit: Duration) -> Result<(), Failed> {
        let began = std::time::Instant::now();
        while self.history.anybody_waits_since(moment_us) {
            require(began.elapsed() < limit, || {
                format!(
                    "somebody has waited for {limit:?}; {}",
                    self.launch.log_end()
                )
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Waits until that many more requests have succeeded.
    pub(crate) async fn progress(&self, more: usize, limit: Duration) -> Result<Duration, Failed> {
        let began = std::time::Instant::now();
        let since = self.history.now_us();
        while self.history.count(Outcome::Ok, since) < more {
            require(began.elapsed() < limit, || {
                format!("no progress within {limit:?}; {}", self.launch.log_end())
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(began.elapsed())
    }
}

/// How the requests ended.
pub(crate) fn counts(history: &History, report: &mut Report) {
    for (name, outcome) in [
        ("requests done", Outcome::Ok),
        ("refused", Outcome::Refused),
        ("answered 429, 500 or 503", Outcome::Unavailable),
        ("without an answer", Outcome::Unknown),
    ] {
        report.figure(name, history.count(outcome, 0));
    }
}

/// A GET that must answer 200, and how long it took.
pub(crate) async fn read(url: &str) -> Result<Duration, Failed> {
    let (status, took) = get(url).await?;
    require(status == 200, || format!("{url}: {status}"))?;
    Ok(took)
}

/// The status of a GET.
pub(crate) async fn get(url: &str) -> Result<(u16, Duration), Failed> {
    let began = std::time::Instant::now();
    let (status, _) = asked(url).await?;
    Ok((status, began.elapsed()))
}

/// The text of what is there.
pub(crate) async fn text(url: &str) -> Result<String, Failed> {
    let (status, text) = asked(url).await?;
    require(status == 200, || format!("{url}: {status}"))?;
    Ok(text)
}

async fn asked(url: &str) -> Result<(u16, String), Failed> {
    use hallpass_load::http::{Authority, Connection, Template};
    let url = crate::caller::parse(url)?;
    let mut connection = Connection::new(Authority::of(&url)?);
    let mut request = Template::get(&url, &[]);
    let response = connection.exchange(request.bare()).await?;
    let text = String::from_utf8_lossy(response.body).into_owned();
    Ok((response.status, text))
}

pub(crate) const WORKERS: u32 = 4;
const MOST_TOKENS: usize = 4_000;
