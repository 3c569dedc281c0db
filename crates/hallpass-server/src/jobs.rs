//! What a server does by itself: it takes over keys that another process has rotated, rotates them when they are old,
//! deletes what has expired, and sends what waits in the outbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_provider::{
    Provider,
    keys::{Rotate, is_published},
};
use hallpass_store::{KeyPhase, StoreError};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep};

use crate::config::Seconds;
use crate::steady::Steady;

/// Runs until everything that was handed out is ended by another process (`hallpass invalidate`), after which this one
/// must not go on with what it holds. `healthy` says whether the store answered when it was last asked; `hinted` that keys may
/// have changed.
pub async fn run(
    provider: Provider,
    rotation: Seconds,
    healthy: Arc<AtomicBool>,
    hinted: Arc<Notify>,
) {
    tokio::select! {
        () = watch_keys(&provider, &healthy, &hinted) => {}
        () = keep_keys(&provider, rotation) => {}
        () = purge(&provider) => {}
        () = send_deliveries(&provider) => {}
        () = keep_tallies(&provider) => {}
    }
}

/// Numbers for operators.
async fn keep_tallies(provider: &Provider) {
    let mut ticks = interval_at(soon(TALLY), TALLY);
    loop {
        ticks.tick().await;
        tell("numbers cannot be kept", provider.keep_tallies().await);
    }
}

/// `hallpass key rotate` takes effect without a restart.
async fn watch_keys(provider: &Provider, healthy: &AtomicBool, hinted: &Notify) {
    let mut ticks = interval_at(soon(WATCH), WATCH);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hinted.notified() => {}
        }
        let answers = watch(provider).await;
        healthy.store(answers, Ordering::Relaxed);
        if answers && is_over(provider).await {
            healthy.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// Whether everything that this provider hands out is ended already.
pub(crate) async fn is_over(provider: &Provider) -> bool {
    match provider.store().root(provider.issuer_id()).await {
        Ok(Some(root)) => root.epoch != provider.secrets().epoch(),
        // An issuer that is deleted has its own way to go.
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(%error, "secrets cannot be read");
            false
        }
    }
}

/// Takes over keys that have changed in the store. Whether the store answered.
pub(crate) async fn watch(provider: &Provider) -> bool {
    match stored_phases(provider).await {
        // Compared with what is in use, since a rotation may have come before the first look at the store.
        Ok(stored) if stored != held_phases(provider) => {
            tracing::info!("signing keys have changed");
            tell("signing keys cannot be read", provider.reload_keys().await);
            true
        }
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "signing keys cannot be read");
            false
        }
    }
}

/// The phase of each key, and whether it is published.
type Phases = BTreeMap<String, (KeyPhase, bool)>;

async fn stored_phases(provider: &Provider) -> Result<Phases, StoreError> {
    let records = provider.store().signing_keys(provider.issuer_id()).await?;
    let now = provider.now();
    let phases = records.into_iter().map(|record| {
        let published = is_published(&record, now);
        (record.kid, (record.phase, published))
    });
    Ok(phases.collect())
}

fn held_phases(provider: &Provider) -> Phases {
    let keys = provider.signing_keys();
    let signing = keys
        .iter()
        .map(|held| (held.key.kid().to_owned(), (held.phase, held.published)));
    // A key that decrypts has no end that is written down.
    let decryption = keys
        .decryption()
        .map(|held| (held.kid.clone(), (held.phase, true)));
    signing.chain(decryption).collect()
}

/// Publishes the next keys soon after the start, and takes them into use when the active ones are old.
async fn keep_keys(provider: &Provider, rotation: Seconds) {
    sleep(SETTLE).await;
    loop {
        keep(provider, rotation).await;
        sleep(pause(rotation)).await;
    }
}

/// Makes the next keys where there are none, and rotates those that are old.
pub(crate) async fn keep(provider: &Provider, rotation: Seconds) {
    // Making an RSA key takes a while, so it happens beside the threads that serve.
    let handle = tokio::runtime::Handle::current();
    let (engine, period) = (provider.clone(), rotation);
    let work = move || handle.block_on(async move { turn_keys(&engine, period).await });
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => tell("signing keys cannot be kept", done),
        Err(error) => tracing::error!(%error, "signing keys cannot be kept"),
    }
}

/// Often enough for the period, and once an hour at least.
fn pause(rotation: Seconds) -> Duration {
    match rotation.0 {
        0 => HOUR,
        period => Duration::from_secs(period).min(HOUR).max(SECOND),
    }
}

async fn turn_keys(provider: &Provider, rotation: Seconds) -> Result<(), StoreError> {
    let period = i64::try_from(rotation.0).unwrap_or(i64::MAX);
    if period == 0 {
        return provider.prepare_next_keys().await;
    }
    provider.keep_next_keys(period).await?;
    let rotated = provider.rotate_keys(None, Rotate::Older(period)).await?;
    for algorithm in rotated.done {
        tracing::info!(alg = algorithm.name(), "key is rotated");
    }
    Ok(())
}

async fn purge(provider: &Provider) {
    let mut ticks = interval_at(soon(FIRST_PURGE), PURGE);
    let mut steady = Steady::new(provider.now(), Instant::now());
    loop {
        ticks.tick().await;
        let at = steady.now(provider.now(), Instant::now());
        loop {
            let began = Instant::now();
            match provider.purge_at(at).await {
                Ok(0) => break,
                // Others get their turn in between, the more of it the busier the store is.
                Ok(_) => sleep(breath(began.elapsed())).await,
                Err(error) => {
                    tracing::warn!(%error, "expired records cannot be deleted");
                    break;
                }
            }
        }
    }
}

/// How long others have their turn after a piece of work that took so long.
fn breath(took: Duration) -> Duration {
    took.checked_div(4).unwrap_or(took).clamp(BREATH, SECOND)
}

/// Sends what was put into the outbox at once, and what failed or was left behind by another process when it is due.
async fn send_deliveries(provider: &Provider) {
    let slots = Arc::new(Semaphore::new(DELIVERIES));
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = provider.delivery_queued() => {}
        }
        loop {
            // A server that does not answer holds a slot, not the others.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            match provider.claim_deliveries(1).await {
                Ok(claimed) if claimed.is_empty() => break,
                Ok(claimed) => {
                    let provider = provider.clone();
                    tokio::spawn(async move {
                        for one in claimed {
                            tell("a delivery cannot be kept", provider.deliver(one).await);
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "deliveries cannot be read");
                    break;
                }
            }
        }
    }
}

fn tell(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "{what}");
    }
}

fn soon(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now)
}

/// How soon a rotation by command is noticed.
/// Numbers are written down this often.
pub(crate) const TALLY: Duration = Duration::from_secs(20);
const WATCH: Duration = Duration::from_secs(2);
/// After the start there is more urgent work than keys for a later day.
const SETTLE: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// So often other processes' deliveries, and those that failed, are looked for.
const LOOK: Duration = Duration::from_secs(2);
/// So many are under way at once.
const DELIVERIES: usize = 48;
const FIRST_PURGE: Duration = Duration::from_secs(15);
const PURGE: Duration = Duration::from_secs(600);
const BREATH: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};
    use crate::data_folder::Purpose;
    use crate::events::Silent;
    use crate::wiring::{Engine, Ground, Setup};

    /// Two engines over one store, as a server and a command are.
    async fn engine(folder: &std::path::Path, purpose: Purpose) -> Engine {
        let text = format!("server.data_dir = {folder:?}\nprotocol.signing_algs = ['ES256']");
        let source = Source::parse(None, text, std::iter::empty()).unwrap();
        let config = Config::parse(source).unwrap();
        let ground = Ground::open(&config, purpose).unwrap();
        let issuer = hallpass_types::Issuer::parse("http://localhost:3000").unwrap();
        let events = Arc::new(Silent);
        Engine::build(Setup {
            ground,
            config: &config,
            issuer,
            events,
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_rotation_by_another_process_is_taken_over_and_next_keys_are_published() {
        let folder = std::env::temp_dir().join(format!("hallpass-jobs-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let server = engine(&folder, Purpose::Serve).await;
        let command = engine(&folder, Purpose::Command).await;
        let kid = |engine: &Engine| {
            let alg = hallpass_jose::JwsAlgorithm::ES256;
            engine
                .provider
                .signing_keys()
                .active(alg)
                .unwrap()
                .kid()
                .to_owned()
        };
        let first = kid(&server);
        turn_keys(&server.provider, Seconds(3600)).await.unwrap();
        assert_eq!(
            server.provider.signing_keys().iter().count(),
            2,
            "active and next"
        );
        assert_eq!(kid(&server), first, "too young to be rotated");
        command
            .provider
            .rotate_keys(None, Rotate::Forced)
            .await
            .unwrap();
        tokio::time::pause();
        let healthy = Arc::new(AtomicBool::new(false));
        let jobs = tokio::spawn(run(
            server.provider.clone(),
            Seconds(0),
            Arc::clone(&healthy),
            Arc::default(),
        ));
        sleep(WATCH.saturating_mul(2)).await;
        assert!(healthy.load(Ordering::Relaxed));
        let second = kid(&server);
        assert_ne!(second, first, "rotated before the first look");
        command
            .provider
            .rotate_keys(None, Rotate::Forced)
            .await
            .unwrap();
        sleep(WATCH.saturating_mul(2)).await;
        assert_ne!(kid(&server), second);
        assert_eq!(kid(&server), kid(&command));
        jobs.abort();
        drop(std::fs::remove_dir_all(&folder));
    }

    #[tokio::test]
    async fn a_process_does_not_go_on_when_everything_it_hands_out_was_ended() {
        let folder = std::env::temp_dir().join(format!("hallpass-over-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let server = engine(&folder, Purpose::Command).await;
        assert!(!is_over(&server.provider).await);
        let master = std::fs::read_to_string(folder.join("master.key")).unwrap();
        let master = hallpass_jose::base64url::decode(master.trim()).unwrap();
        let master = hallpass_provider::secrets::MasterKey::new(master.try_into().unwrap());
        let (store, issuer) = (server.provider.store(), server.provider.issuer_id());
        let now = server.provider.now();
        hallpass_provider::roots::invalidate(&**store, issuer, &master, now, now)
            .await
            .unwrap();
        assert!(is_over(&server.provider).await);
        tokio::time::pause();
        let healthy = Arc::new(AtomicBool::new(true));
        // Far sooner than it would have looked by itself: time does not go on.
        let hinted = Arc::new(Notify::new());
        hinted.notify_one();
        let began = Instant::now();
        let provider = server.provider.clone();
        run(provider, Seconds(0), Arc::clone(&healthy), hinted).await;
        assert!(began.elapsed() < WATCH);
        assert!(!healthy.load(Ordering::Relaxed), "no load balancer asks it");
        drop(std::fs::remove_dir_all(&folder));
    }
}
