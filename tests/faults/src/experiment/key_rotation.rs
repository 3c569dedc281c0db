//! F12: keys change every five seconds, by two nodes of which one is killed now and then, and by commands that are killed in
//! the middle, and nobody who keeps the published keys for as long as they may meets a token that does not verify.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hallpass_jose::{Jwks, JwksPolicy, UnverifiedJws, VerifyingKey};
use hallpass_load::http::{Connection, Template};

use super::Ran;
use super::nodes::Nodes;
use crate::caller::{Caller, Place, parse};
use crate::history::Outcome;
use crate::report::require;
use crate::server::Launch;
use crate::{Failed, Report, Setup};

/// A resource server that keeps the published keys for as long as it may and asks for nothing in between.
struct Party {
    keys: Vec<VerifyingKey>,
    fetch_at: Instant,
}

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let (max_age, run) = (setup.times(5, 60), setup.times(20, 600));
    let resources = format!("[{{identifier = \"{API}\", scopes = [], token_format = \"jwt\"}}]");
    let kept = max_age.to_string();
    let settings = [
        ("HALLPASS__KEYS__ROTATION", "5"),
        ("HALLPASS__KEYS__MAX_AGE", kept.as_str()),
        ("HALLPASS__LIFETIMES__ACCESS_TOKEN", "60"),
        ("HALLPASS__LIFETIMES__ID_TOKEN", "60"),
        ("HALLPASS__PROTOCOL__SIGNING_ALGS", "[\"ES256\"]"),
        ("HALLPASS__PROTOCOL__RESOURCES", resources.as_str()),
    ];
    let Some(mut nodes) = Nodes::start(setup, "rotation", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let launch = nodes
        .launches
        .first()
        .cloned()
        .ok_or_else(|| Failed::new("no node"))?;
    let stop = AtomicBool::new(false);
    let commands = AtomicU32::new(0);
    // Until the first key is ripe, nothing changes.
    let length = Duration::from_secs(u64::from(max_age.saturating_add(10).saturating_add(run)));
    let watched = std::thread::scope(|threads| {
        let other = threads.spawn(|| rotate_beside(&launch, &stop, &commands));
        let watched = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(watch(&mut nodes, max_age, length))
        });
        stop.store(true, Ordering::SeqCst);
        match other.join() {
            Ok(Ok(())) => watched,
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Failed::new("the commands stopped")),
        }
    })?;
    let least = usize::try_from(run.div_euclid(5)).unwrap_or_default();
    // Making a key takes a moment, too, and the load has both cores.
    require(
        watched.keys.saturating_mul(5) >= least.saturating_mul(4),
        || format!("only {} keys have signed, of {least}", watched.keys),
    )?;
    report.figure("seconds", length.as_secs());
    report.figure("seconds for which parties keep the published keys", max_age);
    report.figure("keys that have signed", watched.keys);
    report.figure(
        "rotations that were tried beside it, each third killed",
        commands.load(Ordering::SeqCst),
    );
    report.figure("nodes, of which one was killed so often", watched.kills);
    report.figure("tokens", watched.tokens);
    report.figure("verifications", watched.verified);
    report.figure("of them failed", 0);
    Ok(Ran::Done(report))
}

struct Watched {
    kills: u32,
    keys: usize,
    tokens: u64,
    verified: u64,
}

async fn watch(nodes: &mut Nodes, max_age: u32, length: Duration) -> Result<Watched, Failed> {
    let places = nodes.places.clone();
    let callers = places
        .iter()
        .map(|place| Caller::new(place, place.confidential()?));
    let mut callers: Vec<Caller> = callers.collect::<Result<_, _>>()?;
    let mut kill_at = Instant::now();
    let keep = Duration::from_secs(max_age.into());
    let began = Instant::now();
    // They begin at different moments.
    let mut parties: Vec<Party> = (0..PARTIES)
        .map(|n| Party {
            keys: Vec::new(),
            fetch_at: began
                .checked_add(keep.mul_f64(f64::from(n) / f64::from(PARTIES)))
                .unwrap_or(began),
        })
        .collect();
    let mut kids = BTreeSet::new();
    let mut watched = Watched {
        kills: 0,
        keys: 0,
        tokens: 0,
        verified: 0,
    };
    for node in (0..places.len()).cycle() {
        if began.elapsed() >= length {
            break;
        }
        if kill_at.elapsed() > KILL_EVERY {
            nodes.kill(node)?;
            watched.kills = watched.kills.saturating_add(1);
            kill_at = Instant::now();
        }
        let (Some(place), Some(caller)) = (places.get(node), callers.get_mut(node)) else {
            break;
        };
        for party in &mut parties {
            if party.fetch_at <= Instant::now() {
                party.keys = published(place).await?;
                party.fetch_at = Instant::now().checked_add(keep).unwrap_or(began);
            }
        }
        let (mut outcome, mut tokens) = caller.machine(API).await;
        if outcome == Outcome::Unknown {
            // The process that was killed had the connection.
            (outcome, tokens) = caller.machine(API).await;
        }
        let token = tokens
            .ok_or_else(|| Failed::new(format!("no token: {outcome:?}")))?
            .access;
        watched.tokens = watched.tokens.saturating_add(1);
        let jws = UnverifiedJws::parse(&token).map_err(|_| Failed::new("no JWT"))?;
        let kid = jws.kid().unwrap_or_default().to_owned();
        for party in parties.iter().filter(|party| !party.keys.is_empty()) {
            let named = party
                .keys
                .iter()
                .filter(|key| key.kid() == Some(kid.as_str()));
            let good = jws.clone().verify(&[jws.algorithm()], named).is_ok();
            require(good, || {
                format!(
                    "after {:?} somebody does not know key {kid}",
                    began.elapsed()
                )
            })?;
            watched.verified = watched.verified.saturating_add(1);
        }
        kids.insert(kid);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    watched.keys = kids.len();
    Ok(watched)
}

async fn published(place: &Place) -> Result<Vec<VerifyingKey>, Failed> {
    let url = parse(&place.endpoints.jwks_uri)?;
    let mut connection = Connection::new(place.node.clone());
    let mut request = Template::get(&url, &[]);
    let response = connection.exchange(request.bare()).await?;
    let keys = Jwks::parse(response.body, JwksPolicy::Client)
        .map_err(|error| Failed::new(format!("the published keys: {error}")))?;
    Ok(keys
        .keys()
        .filter_map(|key| VerifyingKey::from_jwk(key).ok())
        .collect())
}

/// Another process that rotates at the same time, and is killed now and then. It may come too early or too late; it must
/// not break anything.
fn rotate_beside(launch: &Launch, stop: &AtomicBool, tries: &AtomicU32) -> Result<(), Failed> {
    while !stop.load(Ordering::SeqCst) {
        let number = tries.fetch_add(1, Ordering::SeqCst);
        if number % 3 == 2 {
            let after = Duration::from_millis(u64::from(number.wrapping_mul(7) % 40));
            launch.interrupted(&["key", "rotate"], after)?;
        } else {
            let ended = launch.command(&["key", "rotate"])?;
            let expected = ended.success
                || ended.stderr.contains("not rotated yet")
                || ended.stderr.contains("at the same moment");
            require(expected, || ended.stderr.clone())?;
        }
        std::thread::sleep(Duration::from_millis(1500));
    }
    Ok(())
}

const API: &str = "https://api.rotation.test";
const PARTIES: u32 = 5;
const KILL_EVERY: Duration = Duration::from_secs(7);
