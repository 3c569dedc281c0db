//! F03: one of several uses in the same millisecond wins, and the rest is refused by the protocol: on one server, and on two
//! nodes.

use std::sync::Arc;

use hallpass_load::browser::Browser;
use tokio::sync::Barrier;

use super::Ran;
use super::nodes::Nodes;
use super::scene::Scene;
use super::{factors, links, once, polled};
use crate::caller::{Caller, Place};
use crate::history::{Deed, History, Outcome, Tokens};
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let rounds = setup.times(60, 10_000);
    let scene = Scene::new(setup, "races")?;
    let mut launch = scene.launch.clone();
    for (name, value) in LIMITS {
        launch = launch.with(name, value);
    }
    let server = launch.start()?;
    let place = Place::of(&server.demo).await?;
    report.figure("rounds of each kind", rounds);
    contests(&[place], &scene.history, rounds, ("SQLite", &mut report)).await?;
    scene.judge(&server, &mut report).await?;
    drop(server);

    let Some(nodes) = Nodes::start(setup, "races", 2, (&[], LIMITS)).await? else {
        report.figure("two nodes", "left out: PostgreSQL is not installed");
        return Ok(Ran::Done(report));
    };
    contests(&nodes.places, &nodes.history, rounds, (NODES, &mut report)).await?;
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

/// Assertions, proofs and pushed requests.
pub(super) async fn signed(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let rounds = setup.times(60, 10_000);
    let Some(nodes) = Nodes::start(setup, "races", 2, (&[], LIMITS)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    once::run(&nodes, rounds, (NODES, &mut report)).await?;
    Ok(Ran::Done(report))
}

/// What a person has allowed elsewhere, and links.
pub(super) async fn allowed(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let settings = [LIMITS, polled::SETTINGS, links::SETTINGS].concat();
    let Some(nodes) = Nodes::start(setup, "races", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    // A person's pages and a command's start are in each of these rounds, and four passwords are hashed for a link.
    links::run(&nodes, setup.times(5, 250), (NODES, &mut report)).await?;
    // What one person has answered stands in their list until it expires.
    let rounds = (setup.times(30, 2_500), setup.times(30, 500));
    polled::run(&nodes, rounds, (NODES, &mut report)).await?;
    Ok(Ran::Done(report))
}

/// What people prove who they are with.
pub(super) async fn proved(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let settings = [LIMITS, factors::SETTINGS].concat();
    let Some(nodes) = Nodes::start(setup, "races", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    links::resets(&nodes, setup.times(3, 250), (NODES, &mut report)).await?;
    factors::run(&nodes, setup.times(2, 100), (NODES, &mut report)).await?;
    Ok(Ran::Done(report))
}

const NODES: &str = "two nodes on PostgreSQL";

/// Everybody comes from one address, where thousands of codes and assertions that are used already are those of somebody who
/// guesses, and one client would have too many pushed requests that wait.
const LIMITS: &[(&str, &str)] = &[
    ("HALLPASS__RATE_LIMITS__WRONG_TOKENS_PER_ADDRESS", "1000000"),
    ("HALLPASS__RATE_LIMITS__CLIENT_AUTH_PER_ADDRESS", "1000000"),
    ("HALLPASS__PUSHED_REQUESTS__MAX_WAITING", "1000000"),
    (
        "HALLPASS__PUSHED_REQUESTS__PER_NETWORK_PER_MINUTE",
        "1000000",
    ),
];

/// Codes and refresh tokens, each sent on several connections at once, in turns to all places.
async fn contests(
    places: &[Place],
    history: &History,
    rounds: u32,
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    let mut codes = Contest::new(places, Place::confidential, history)?;
    let mut winners = 0_u32;
    for _ in 0..rounds {
        let code = codes.code("openid").await?;
        let answers = codes.all(&code, Kind::Code).await?;
        let won = answers
            .iter()
            .filter(|(outcome, _)| *outcome == Outcome::Ok)
            .count();
        require(won <= 1, || format!("{label}: a code worked {won} times"))?;
        winners = winners.saturating_add(u32::try_from(won).unwrap_or_default());
    }
    // A replay ends the grant, but the first use has had its answer by then or was too late.
    require(winners > 0, || format!("{label}: no code worked at all"))?;
    report.figure(&format!("{label}: codes exchanged"), winners);

    let mut families = Contest::new(places, Place::public, history)?;
    let code = families.code("openid offline_access").await?;
    let mut token = families.first(&code).await?;
    for _ in 0..rounds {
        let answers = families.all(&token, Kind::Refresh).await?;
        let mut next: Vec<String> = answers
            .into_iter()
            .filter_map(|(_, tokens)| tokens?.refresh)
            .collect();
        require(next.len() == CONTESTANTS, || {
            format!(
                "{label}: only {} of the parallel refreshes were answered",
                next.len()
            )
        })?;
        next.dedup();
        require(next.len() == 1, || {
            format!("{label}: a family has two leaves")
        })?;
        token = next.swap_remove(0);
    }
    report.figure(
        &format!("{label}: refresh tokens with one successor"),
        rounds,
    );
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Code,
    Refresh,
}

/// Several connections that send the same thing at once.
struct Contest {
    place: Place,
    browser: Browser,
    asker: Caller,
    contestants: Vec<Caller>,
    history: History,
}

impl Contest {
    fn new(
        places: &[Place],
        client: fn(&Place) -> Result<&hallpass_load::Client, Failed>,
        history: &History,
    ) -> Result<Self, Failed> {
        let contestants = places
            .iter()
            .cycle()
            .take(CONTESTANTS)
            .map(|place| Caller::new(place, client(place)?))
            .collect::<Result<_, _>>()?;
        let place = places.first().ok_or_else(|| Failed::new("no place"))?;
        Ok(Self {
            browser: place.browser()?,
            asker: Caller::new(place, client(place)?)?,
            place: place.clone(),
            contestants,
            history: history.clone(),
        })
    }

    async fn code(&mut self, scope: &str) -> Result<String, Failed> {
        let user = &self.place.demo.user;
        let asked = self.history.now_us();
        let (outcome, code) = self.asker.code(&mut self.browser, user, scope).await;
        self.history
            .add(0, asked, Deed::Authorize { code: code.clone() }, outcome);
        code.ok_or_else(|| Failed::new(format!("no code: {outcome:?}")))
    }

    async fn first(&mut self, code: &str) -> Result<String, Failed> {
        let asked = self.history.now_us();
        let (outcome, tokens) = self.asker.exchange(code).await;
        let refresh = tokens.as_ref().and_then(|tokens| tokens.refresh.clone());
        let deed = Deed::Exchange {
            code: code.to_owned(),
            tokens,
        };
        self.history.add(0, asked, deed, outcome);
        refresh.ok_or_else(|| Failed::new("no refresh token"))
    }

    /// What each got.
    async fn all(
        &mut self,
        value: &str,
        kind: Kind,
    ) -> Result<Vec<(Outcome, Option<Tokens>)>, Failed> {
        let barrier = Arc::new(Barrier::new(CONTESTANTS));
        let mut tasks = Vec::new();
        for (actor, mut caller) in (0_u32..).zip(std::mem::take(&mut self.contestants)) {
            let (barrier, value) = (Arc::clone(&barrier), value.to_owned());
            let history = self.history.clone();
            tasks.push(tokio::spawn(async move {
                barrier.wait().await;
                let asked = history.now_us();
                let (outcome, tokens) = match kind {
                    Kind::Code => caller.exchange(&value).await,
                    Kind::Refresh => caller.refresh(&value).await,
                };
                let seen = tokens.clone();
                let deed = match kind {
                    Kind::Code => Deed::Exchange {
                        code: value,
                        tokens,
                    },
                    Kind::Refresh => Deed::Refresh {
                        parent: value,
                        tokens,
                    },
                };
                history.add(actor, asked, deed, outcome);
                (caller, outcome, seen)
            }));
        }
        let mut answers = Vec::new();
        for task in tasks {
            let (caller, outcome, tokens) =
                task.await.map_err(|error| Failed::new(error.to_string()))?;
            require(matches!(outcome, Outcome::Ok | Outcome::Refused), || {
                let complaint = caller.complaint();
                format!("a {kind:?} in a race was answered with {outcome:?}: {complaint}")
            })?;
            self.contestants.push(caller);
            answers.push((outcome, tokens));
        }
        Ok(answers)
    }
}

pub(super) const CONTESTANTS: usize = 4;
