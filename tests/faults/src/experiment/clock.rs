//! F08: a clock that jumps revives nothing that was used or revoked, and signs nobody out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hallpass_load::browser::Browser;

use super::Ran;
use super::expired::Expired;
use super::nodes::Nodes;
use super::scene::Scene;
use crate::caller::{Caller, Place};
use crate::history::{Outcome, Tokens};
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let Some(library) = LIBRARIES.iter().map(Path::new).find(|path| path.exists()) else {
        return Ok(Ran::Skipped("libfaketime is not installed".to_owned()));
    };
    let scene = Scene::new(setup, "clock")?;
    let clock = Clock(scene.folder.path().join("clock"));
    clock.set(-2 * HOUR)?;
    let launch = scene
        .launch
        .clone()
        .with("LD_PRELOAD", &library.to_string_lossy())
        .with("FAKETIME_TIMESTAMP_FILE", &clock.0.to_string_lossy())
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    // Clients and the account are older than the longest jump: what is said to have been granted before its client was
    // there is refused.
    launch.start()?.kill()?;
    clock.set(0)?;
    let server = launch.start()?;
    let place = Place::of(&server.demo).await?;
    let mut person = Person::new(&place)?;

    let used = person.code(false).await?;
    let live = person.exchange(&used, false).await?;
    let waiting = person.code(false).await?;
    let code = person.code(true).await?;
    let family = person.exchange(&code, true).await?;
    let code = person.code(true).await?;
    let revoked = person.exchange(&code, true).await?;
    let token = revoked.refresh.clone().unwrap_or_default();
    require(person.public.revoke(&token).await == Outcome::Ok, || {
        "revocation".to_owned()
    })?;

    let jumps = setup.times(3, 200);
    for jump in 0..jumps {
        clock.set(if jump % 2 == 0 { -HOUR } else { -60 })?;
        person
            .must_be(&revoked.access, false, "a revoked token, an hour back")
            .await?;
        require(
            person.public.refresh(&token).await.0 == Outcome::Refused,
            || "a revoked refresh token works an hour back".to_owned(),
        )?;
        // The person stays signed in, and a new code works.
        let code = person.code(false).await?;
        person.exchange(&code, false).await?;
        clock.set(0)?;
        person
            .must_be(&live.access, true, "a live token, back from the past")
            .await?;
    }
    clock.set(-HOUR)?;
    require(
        person.confidential.exchange(&used).await.0 == Outcome::Refused,
        || "a used code works an hour back".to_owned(),
    )?;
    clock.set(HOUR)?;
    person
        .must_be(&live.access, false, "an access token, an hour later")
        .await?;
    require(
        person.confidential.exchange(&waiting).await.0 == Outcome::Refused,
        || "a code works an hour later".to_owned(),
    )?;
    let (outcome, _) = person
        .public
        .refresh(&family.refresh.unwrap_or_default())
        .await;
    require(outcome == Outcome::Ok, || {
        format!("a family, an hour later: {outcome:?}")
    })?;
    clock.set(0)?;
    require(
        person.confidential.exchange(&waiting).await.0 == Outcome::Refused,
        || "an expired code works after the clock went back".to_owned(),
    )?;
    let passwords = person.browser.passwords();
    require(passwords == 1, || {
        format!("{passwords} passwords were asked for")
    })?;
    report.figure(
        "jumps of an hour",
        jumps.saturating_mul(2).saturating_add(3),
    );
    drop(server);
    purged_meanwhile(setup, library, &mut report).await?;
    Ok(Ran::Done(report))
}

/// A node deletes what has expired while its clock is a year ahead. What has not expired by any other clock is there when it
/// is right again.
async fn purged_meanwhile(
    setup: &Setup,
    library: &Path,
    report: &mut Report,
) -> Result<(), Failed> {
    let folder = setup.folder("clock-purge")?;
    let clock = Clock(folder.path().join("clock"));
    clock.set(0)?;
    let (library, file) = (library.to_string_lossy(), clock.0.to_string_lossy());
    let settings = [
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", &*file),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let nodes = Nodes::start(setup, "clock", 1, (&[], &settings)).await?;
    let Some(mut nodes) = nodes else {
        report.figure(
            "a purge within a jump",
            "left out: PostgreSQL is not installed",
        );
        return Ok(());
    };
    let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
    let mut person = Person::new(&place.clone())?;
    let used = person.code(false).await?;
    let live = person.exchange(&used, false).await?;
    let code = person.code(true).await?;
    let family = person.exchange(&code, true).await?;
    if let Some(server) = nodes.servers.first_mut().and_then(Option::take) {
        server.kill()?;
    }
    let expired = Expired::put(&nodes.cluster, 2_000);
    nodes.kill(0)?;
    // It has looked at its clock by then, and deletes for the first time after fifteen seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    require(expired.is_left(&nodes.cluster), || {
        "it has deleted before the jump".to_owned()
    })?;
    clock.set(YEAR)?;
    let began = Instant::now();
    while expired.is_left(&nodes.cluster) {
        require(began.elapsed() < PURGED, || {
            "nothing was deleted within the jump".to_owned()
        })?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The round goes on with the other tables.
    tokio::time::sleep(Duration::from_secs(2)).await;
    clock.set(0)?;
    person.confidential.reset();
    person.public.reset();
    person.browser.reconnect();
    person
        .must_be(&live.access, true, "a live token, after a purge")
        .await?;
    let refresh = family.refresh.unwrap_or_default();
    let (outcome, _) = person.public.refresh(&refresh).await;
    require(outcome == Outcome::Ok, || {
        format!("a family, after a purge: {outcome:?}")
    })?;
    // Still signed in, by the session of before.
    person.code(false).await?;
    let passwords = person.browser.passwords();
    require(passwords == 1, || {
        format!("after a purge {passwords} passwords were asked for")
    })?;
    require(
        person.confidential.exchange(&used).await.0 == Outcome::Refused,
        || "a used code works after a purge".to_owned(),
    )?;
    let lost = expired.lost(&nodes.cluster)?;
    require(lost == 0, || format!("{lost} rows are gone too early"))?;
    report.figure(
        "rows deleted while a node's clock was a year ahead: expired, others",
        "2000, 0",
    );
    Ok(())
}

/// The server's clock, as an offset from the true one.
struct Clock(PathBuf);

impl Clock {
    fn set(&self, offset: i64) -> Result<(), Failed> {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{offset:+}\n")).map_err(|error| Failed::io(&next, error))?;
        std::fs::rename(&next, &self.0).map_err(|error| Failed::io(&self.0, error))
    }
}

struct Person {
    place: Place,
    browser: Browser,
    confidential: Caller,
    public: Caller,
}

impl Person {
    fn new(place: &Place) -> Result<Self, Failed> {
        Ok(Self {
            browser: place.browser()?,
            confidential: Caller::new(place, place.confidential()?)?,
            public: Caller::new(place, place.public()?)?,
            place: place.clone(),
        })
    }

    async fn code(&mut self, offline: bool) -> Result<String, Failed> {
        let (caller, scope) = if offline {
            (&self.public, "openid offline_access")
        } else {
            (&self.confidential, "openid")
        };
        let user = &self.place.demo.user;
        let (outcome, code) = caller.code(&mut self.browser, user, scope).await;
        code.ok_or_else(|| Failed::new(format!("no code: {outcome:?}")))
    }

    async fn exchange(&mut self, code: &str, offline: bool) -> Result<Tokens, Failed> {
        let caller = if offline {
            &mut self.public
        } else {
            &mut self.confidential
        };
        let (outcome, tokens) = caller.exchange(code).await;
        tokens.ok_or_else(|| Failed::new(format!("no tokens: {outcome:?}")))
    }

    async fn must_be(&mut self, token: &str, active: bool, what: &str) -> Result<(), Failed> {
        let (outcome, found) = self.confidential.introspect(token).await;
        require(found == Some(active), || {
            format!("{what}: {outcome:?}, active {found:?}")
        })
    }
}

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
const PURGED: Duration = Duration::from_secs(60);
const LIBRARIES: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];
