//! What a provider needs done beside its requests.

use std::time::Duration;

use hallpass_provider::{Provider, keys::Rotate};
use hallpass_store::StoreError;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

/// Keeps a provider: sends what waits for delivery, takes over keys that another process has changed, makes the next keys and
/// rotates those that are older than `rotation` (zero: never by itself), deletes what is over. Never ends: the program runs it
/// on its own tokio runtime and drops it when it stops.
///
/// ```no_run
/// # async fn kept(provider: hallpass::Provider) {
/// let day = std::time::Duration::from_secs(86_400);
/// tokio::spawn(hallpass::upkeep(provider, day * 90));
/// # }
/// ```
pub async fn upkeep(provider: Provider, rotation: Duration) {
    let period = i64::try_from(rotation.as_secs()).unwrap_or(i64::MAX);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let now = Instant::now();
    let mut keys = interval_at(now.checked_add(SOON).unwrap_or(now), KEYS);
    let mut purge = interval_at(now.checked_add(SOON).unwrap_or(now), PURGE);
    let mut taken = Instant::now();
    loop {
        tokio::select! {
            _ = look.tick() => {
                tell("deliveries cannot be sent", provider.deliver_due().await.map(drop));
                if taken.elapsed() >= TAKE_OVER {
                    taken = Instant::now();
                    tell("signing keys cannot be read", provider.reload_keys().await);
                }
            }
            () = provider.delivery_queued() => {
                tell("deliveries cannot be sent", provider.deliver_due().await.map(drop));
            }
            _ = keys.tick() => tell("signing keys cannot be kept", turn(&provider, period).await),
            _ = purge.tick() => tell("expired records cannot be deleted", clear(&provider).await),
        }
    }
}

async fn turn(provider: &Provider, period: i64) -> Result<(), StoreError> {
    if period == 0 {
        return provider.prepare_next_keys().await;
    }
    provider.keep_next_keys(period).await?;
    let rotated = provider.rotate_keys(None, Rotate::Older(period)).await;
    rotated.map(drop)
}

async fn clear(provider: &Provider) -> Result<(), StoreError> {
    while provider.purge().await? > 0 {
        // Others get their turn in between.
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

fn tell(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "{what}");
    }
}

/// So often deliveries that failed, or that another process left behind, are looked for.
const LOOK: Duration = Duration::from_secs(2);
/// So often keys are taken over.
const TAKE_OVER: Duration = Duration::from_secs(10);
const KEYS: Duration = Duration::from_secs(3600);
const PURGE: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(20);
