//! What a server does by itself for issuers that were made at run time: it follows their changes, lets idle ones go, sends
//! what they have in the outbox, looks after the keys of those that are in use, passes by the others now and then, and
//! deletes what deleted ones have left.

use std::sync::Arc;
use std::time::Duration;

use hallpass_provider::Provider;
use hallpass_store::StoreError;
use hallpass_types::IssuerId;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Issuers;
use crate::config::Seconds;
use crate::jobs::{keep, watch};

/// Runs until it is dropped.
pub async fn run(issuers: Issuers, rotation: Seconds) {
    tokio::join!(
        follow(&issuers),
        watch_keys(&issuers),
        keep_loaded(&issuers, rotation),
        pass_by(&issuers, rotation),
        send(&issuers),
        erase(&issuers),
    );
}

/// Knows of changes within the configured bound.
async fn follow(issuers: &Issuers) {
    let bound = issuers.0.config.cache.bound.0;
    let every = Duration::from_millis(if bound == 0 {
        1000
    } else {
        bound.saturating_mul(900)
    });
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = issuers.look().await {
            tracing::warn!(%error, "changes of issuers cannot be read");
        }
        issuers.unload_idle();
    }
}

/// Rotations by other processes, of issuers that are in use.
async fn watch_keys(issuers: &Issuers) {
    let mut ticks = interval(WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for issuer in issuers.0.held.all() {
            watch(issuer.provider()).await;
            tokio::task::yield_now().await;
        }
    }
}

/// Keys and unused clients of issuers that are in memory, once an hour. Each has a moment of its own.
async fn keep_loaded(issuers: &Issuers, rotation: Seconds) {
    loop {
        let loaded = issuers.0.held.all();
        let pause = spread(HOUR, loaded.len());
        for issuer in loaded {
            tend(issuer.provider().clone(), rotation).await;
            sleep(pause).await;
        }
        // Those that were loaded meanwhile are young.
        sleep(pause.min(MINUTE)).await;
    }
}

/// Everybody else once a day, so that keys of those whom nobody asks for do not stay for ever. They are loaded for that
/// moment alone, one at a time.
async fn pass_by(issuers: &Issuers, rotation: Seconds) {
    loop {
        let all = issuers.directory(super::Directory::all);
        let pause = spread(DAY, all.len());
        sleep(pause).await;
        for id in all {
            let asleep = issuers
                .by_number(id)
                .filter(|known| issuers.0.held.get(*known).is_none());
            if let Some(known) = asleep
                && has_keys(issuers, id).await
                && let Ok(Some(issuer)) = issuers.load(known).await
            {
                tend(issuer.provider().clone(), rotation).await;
            }
            sleep(pause).await;
        }
    }
}

/// One that was never asked for has none, and gets none here.
async fn has_keys(issuers: &Issuers, id: IssuerId) -> bool {
    let keys = issuers.store().signing_keys(id).await;
    keys.is_ok_and(|keys| !keys.is_empty())
}

async fn tend(provider: Provider, rotation: Seconds) {
    keep(&provider, rotation).await;
    tell(
        "what is over cannot be deleted",
        provider.tidy().await.map(drop),
    );
}

/// What waits in the outboxes: of every issuer a little, then of the next.
async fn send(issuers: &Issuers) {
    let slots = Arc::new(Semaphore::new(DELIVERIES));
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut after = None;
        loop {
            let now = issuers.0.engine.provider.now();
            let due = issuers.store().due_issuers(now, after, DUE).await;
            let due = due.unwrap_or_else(|error| {
                tracing::warn!(%error, "deliveries cannot be read");
                Vec::new()
            });
            after = due.last().copied();
            for id in due {
                send_some(issuers, id, &slots).await;
            }
            if after.is_none() {
                break;
            }
        }
    }
}

async fn send_some(issuers: &Issuers, id: IssuerId, slots: &Arc<Semaphore>) {
    // That of the configuration has a job of its own; one that is disabled waits.
    let Some(known) = issuers.by_number(id) else {
        return;
    };
    let Ok(Some(issuer)) = issuers.get(known).await else {
        return;
    };
    for _ in 0..AT_ONCE {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            return;
        };
        let provider = issuer.provider().clone();
        match provider.claim_deliveries(1).await {
            Ok(claimed) if claimed.is_empty() => return,
            Ok(claimed) => drop(tokio::spawn(async move {
                for one in claimed {
                    tell("a delivery cannot be kept", provider.deliver(one).await);
                }
                drop(slot);
            })),
            Err(error) => {
                tracing::warn!(%error, "deliveries cannot be read");
                return;
            }
        }
    }
}

/// What deleted issuers have left, in small pieces, once every process must have seen that they go.
async fn erase(issuers: &Issuers) {
    loop {
        sleep(ERASE).await;
        let now = issuers.0.engine.provider.now();
        for (id, since) in issuers.directory(super::Directory::going) {
            if now.since(since) >= GRACE {
                match erase_one(issuers, id).await {
                    Ok(()) => issuers.write().gone(id),
                    Err(error) => tracing::warn!(%error, "a deleted issuer cannot be erased"),
                }
            }
        }
    }
}

/// Deletes everything of an issuer that is being deleted.
///
/// # Errors
/// The store fails. Again later, then.
async fn erase_one(issuers: &Issuers, id: IssuerId) -> Result<(), StoreError> {
    let mut gone = 0_u64;
    loop {
        let bite = issuers.store().erase_issuer(id, BITE).await?;
        if bite == 0 {
            tracing::info!(
                issuer.number = id.0,
                rows = gone,
                "a deleted issuer is erased"
            );
            return Ok(());
        }
        gone = gone.saturating_add(bite);
        // Others get their turn in between.
        sleep(BREATH).await;
    }
}

fn spread(over: Duration, among: usize) -> Duration {
    let among = u32::try_from(among).unwrap_or(u32::MAX).max(1);
    over.checked_div(among).unwrap_or(over).min(over)
}

fn tell<T>(what: &str, done: Result<T, StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "{what}");
    }
}

/// A deleted issuer keeps everything for so long (seconds), until no process can write to it any more: one that has not
/// looked at the store for half a minute answers for no issuer.
pub const GRACE: i64 = 120;
const WATCH: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const ERASE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(20);
const BITE: usize = 500;
/// Issuers that are asked about at once.
const DUE: usize = 100;
/// Deliveries under way at once.
const DELIVERIES: usize = 48;
/// Deliveries of one issuer in one round.
const AT_ONCE: usize = 8;
