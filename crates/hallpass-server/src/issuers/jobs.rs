//! What a server does by itself for issuers that were made at run time: it follows their changes, lets idle ones go, sends
//! what they have in the outbox, looks after the keys of those that are in use, passes by the others now and then, and
//! deletes what deleted ones have left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hallpass_provider::Provider;
use hallpass_store::{Hint, StoreError};
use hallpass_types::IssuerId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Issuers;
use crate::app::Hallpass;
use crate::config::Seconds;
use crate::jobs::{is_over, keep, watch};
use crate::steady::Steady;

/// Runs until it is dropped.
pub async fn run(issuers: Issuers, rotation: Seconds) {
    tokio::join!(
        follow(&issuers),
        hear(&issuers),
        watch_keys(&issuers),
        keep_tallies(&issuers),
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
        look(issuers).await;
        issuers.unload_idle();
    }
}

/// Looks at once where another process says that something was changed. What is not heard is found within the bound of each.
async fn hear(issuers: &Issuers) {
    loop {
        let hint = issuers.store().hint().await;
        tracing::debug!(?hint, "another process has changed something");
        match hint {
            Hint::Client(id, client) => {
                for provider in in_memory(issuers, id) {
                    provider.forget_client(&client);
                }
            }
            Hint::Keys(id) => {
                if id == issuers.0.engine.provider.issuer_id() {
                    issuers.0.keys_hinted.notify_one();
                }
                for issuer in issuers.0.held.those(|held| held == id) {
                    watch_one(issuers, issuer.provider()).await;
                }
            }
            Hint::Issuers => look(issuers).await,
            Hint::Lost => {
                issuers.0.keys_hinted.notify_one();
                look(issuers).await;
            }
        }
    }
}

/// The engine of that issuer, if it is in memory.
fn in_memory(issuers: &Issuers, id: IssuerId) -> Vec<Provider> {
    let own = &issuers.0.engine.provider;
    if own.issuer_id() == id {
        return vec![own.clone()];
    }
    let held = issuers.0.held.those(|held| held == id);
    held.iter()
        .map(|issuer| issuer.provider().clone())
        .collect()
}

async fn look(issuers: &Issuers) {
    if let Err(error) = issuers.look().await {
        tracing::warn!(%error, "changes of issuers cannot be read");
    }
}

/// Rotations by other processes, of issuers that are in use. One whose tokens were all ended is loaded anew.
///
/// One question tells whose keys have changed, however many are in use. A few are looked at one by one all the same, and of
/// many each once a minute: a program from before this question writes nothing down for it, and some things that hold of
/// keys begin and end with time alone.
async fn watch_keys(issuers: &Issuers) {
    let mut ticks = interval(WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turn = 0_u32;
    loop {
        ticks.tick().await;
        let changed = keys_changed(issuers).await;
        let few = issuers.0.held.len() <= FEW;
        let due = |IssuerId(id): IssuerId| {
            few || changed.contains(&IssuerId(id)) || id.checked_rem(TURNS) == Some(turn)
        };
        for issuer in issuers.0.held.those(due) {
            watch_one(issuers, issuer.provider()).await;
            tokio::task::yield_now().await;
        }
        turn = turn.saturating_add(1).checked_rem(TURNS).unwrap_or(0);
    }
}

/// Takes over what has changed of the keys of one; lets it go when its tokens were all ended.
async fn watch_one(issuers: &Issuers, provider: &Provider) {
    if watch(provider).await && is_over(provider).await {
        issuers.0.held.let_go(provider.issuer_id());
    }
}

/// Whose keys have changed lately, by clocks that differ by less than that.
async fn keys_changed(issuers: &Issuers) -> BTreeSet<IssuerId> {
    let since = issuers.0.engine.provider.now().plus(-LATELY);
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        match issuers.store().keys_changed(since, after).await {
            Ok(page) => {
                after = page.last().copied();
                found.extend(page);
                if after.is_none() {
                    return found;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "changes of keys cannot be read");
                return found;
            }
        }
    }
}

/// Numbers for operators, of issuers that are in memory.
async fn keep_tallies(issuers: &Issuers) {
    loop {
        tokio::select! {
            () = sleep(crate::jobs::TALLY) => write_tallies(issuers).await,
            () = issuers.0.held.leaving() => write_tallies_of(issuers.0.held.left()).await,
        }
    }
}

/// Writes down what was counted since the last time.
pub async fn write_tallies(issuers: &Issuers) {
    let mut all = issuers.0.held.left();
    all.extend(issuers.0.held.all());
    write_tallies_of(all).await;
}

/// Some at a time: those share a commit of the database. One after the other, ten thousand would write without a pause.
async fn write_tallies_of(issuers: Vec<Hallpass>) {
    for some in issuers.chunks(TOGETHER) {
        let mut writing = JoinSet::new();
        for issuer in some {
            let provider = issuer.provider().clone();
            writing.spawn(async move {
                let kept = provider.keep_tallies().await;
                tell("numbers cannot be kept", kept);
            });
        }
        writing.join_all().await;
    }
}

/// Keys and unused clients of issuers that are in memory, once an hour. Each has a moment of its own.
async fn keep_loaded(issuers: &Issuers, rotation: Seconds) {
    let mut steady = steady(issuers);
    loop {
        let loaded = issuers.0.held.all();
        let pause = spread(HOUR, loaded.len());
        for issuer in loaded {
            // An hour is long, and who is gone for good must get nothing new.
            if answers_still(issuers, issuer.provider().issuer_id()).await {
                tend(issuer.provider().clone(), rotation, &mut steady).await;
            }
            sleep(pause).await;
        }
        // Those that were loaded meanwhile are young.
        sleep(pause.min(MINUTE)).await;
    }
}

/// Everybody else once a day, so that keys of those whom nobody asks for do not stay for ever. They are loaded for that
/// moment alone, one at a time.
async fn pass_by(issuers: &Issuers, rotation: Seconds) {
    let mut steady = steady(issuers);
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
                tend(issuer.provider().clone(), rotation, &mut steady).await;
            }
            sleep(pause).await;
        }
    }
}

fn steady(issuers: &Issuers) -> Steady {
    Steady::new(issuers.0.engine.provider.now(), Instant::now())
}

/// Whether the issuer is there and enabled, as far as the store says now.
async fn answers_still(issuers: &Issuers, id: IssuerId) -> bool {
    issuers.look().await.is_ok() && issuers.by_number(id).is_some()
}

/// One that was never asked for has none, and gets none here.
async fn has_keys(issuers: &Issuers, id: IssuerId) -> bool {
    let keys = issuers.store().signing_keys(id).await;
    keys.is_ok_and(|keys| !keys.is_empty())
}

async fn tend(provider: Provider, rotation: Seconds, steady: &mut Steady) {
    keep(&provider, rotation).await;
    let at = steady.now(provider.now(), Instant::now());
    tell(
        "what is over cannot be deleted",
        provider.tidy_at(at).await.map(drop),
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
/// So many issuers that are in use are looked at one by one every time.
const FEW: usize = 256;
/// So many issuers write their numbers at once.
const TOGETHER: usize = 64;
/// In so many turns all others are looked at.
const TURNS: u32 = 30;
/// Changes of so many seconds are looked for again and again.
const LATELY: i64 = 300;
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

#[cfg(test)]
mod tests {
    use hallpass_provider::{roots, secrets::MasterKey};
    use hallpass_store::{IssuerRecord, IssuerState};

    use super::*;
    use crate::app::Hallpass;
    use crate::config::{Config, Source};
    use crate::data_folder::Purpose;
    use crate::events::Silent;
    use crate::issuers::manage::Manage;
    use crate::wiring::{Engine, Ground, Setup};

    const MASTER: [u8; 32] = [7; 32];

    /// A server's issuers in memory, with one that was made at run time and is loaded.
    async fn world() -> (Issuers, IssuerRecord) {
        let key = hallpass_jose::base64url::encode(MASTER);
        let text = format!(
            "store.kind = 'memory'\nkeys.master_key = '{key}'\nprotocol.signing_algs = ['ES256']"
        );
        let source = Source::parse(None, text, std::iter::empty()).unwrap();
        let config = Config::parse(source).unwrap();
        let own = hallpass_types::Issuer::parse("http://localhost:3000").unwrap();
        let setup = Setup {
            ground: Ground::open(&config, Purpose::Serve).unwrap(),
            config: &config,
            issuer: own.clone(),
            events: Arc::new(Silent),
        };
        let engine = Engine::build(setup).await.unwrap();
        let manage = Manage::new(engine.provider.store(), &config, &own);
        let url = manage.usual_identifier("acme");
        let now = engine.provider.now();
        let new = hallpass_store::NewIssuer {
            name: "acme".to_owned(),
            identifier: url,
            settings: serde_json::Map::new(),
            at: now,
        };
        let made = engine.provider.store().create_issuer(new);
        let made = made.await.unwrap().unwrap();
        let part = engine.part();
        let default = Hallpass::new(&part, &config.rate_limits, &config.registration, None);
        let issuers = Issuers::new(engine, config, default);
        issuers.look().await.unwrap();
        (issuers, made)
    }

    async fn loaded(issuers: &Issuers, id: IssuerId) -> Provider {
        let known = issuers.by_number(id).unwrap();
        let loaded = issuers.get(known).await.unwrap().unwrap();
        loaded.provider().clone()
    }

    #[tokio::test]
    async fn an_issuer_that_is_erased_gets_no_keys_from_those_who_had_it_loaded() {
        let (issuers, made) = world().await;
        let provider = loaded(&issuers, made.id).await;
        let store = issuers.store();
        assert!(!store.signing_keys(made.id).await.unwrap().is_empty());
        let deleting = IssuerRecord {
            state: IssuerState::Deleting,
            ..made.clone()
        };
        let changed = store.change_issuer(made.revision, deleting).await;
        assert!(changed.unwrap());
        while store.erase_issuer(made.id, 100).await.unwrap() > 0 {}
        assert_eq!(issuers.0.held.len(), 1);
        tokio::time::pause();
        let jobs = issuers.clone();
        let jobs = tokio::spawn(async move { keep_loaded(&jobs, Seconds(3600)).await });
        sleep(MINUTE).await;
        jobs.abort();
        // And if it comes too late for that all the same.
        keep(&provider, Seconds(3600)).await;
        assert!(store.signing_keys(made.id).await.unwrap().is_empty());
        assert_eq!(store.root(made.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_issuer_whose_tokens_were_all_ended_is_loaded_anew() {
        let (issuers, made) = world().await;
        let provider = loaded(&issuers, made.id).await;
        assert_eq!(provider.secrets().epoch(), 0);
        tokio::time::pause();
        let jobs = issuers.clone();
        let jobs = tokio::spawn(async move { watch_keys(&jobs).await });
        sleep(WATCH.saturating_mul(2)).await;
        assert_eq!(issuers.0.held.len(), 1, "nothing has happened");
        let (now, master) = (provider.now(), MasterKey::new(MASTER));
        let store = issuers.store();
        roots::invalidate(&**store, made.id, &master, now, now)
            .await
            .unwrap();
        sleep(WATCH.saturating_mul(2)).await;
        assert_eq!(issuers.0.held.len(), 0);
        jobs.abort();
        tokio::time::resume();
        assert_eq!(loaded(&issuers, made.id).await.secrets().epoch(), 1);
    }
}
