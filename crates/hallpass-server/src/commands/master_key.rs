//! `hallpass key rotate-master`

use hallpass_provider::ports::{Clock, Entropy, SystemClock, SystemEntropy};
use hallpass_provider::roots;
use hallpass_provider::secrets::MasterKey;
use hallpass_store::{Store, StoreError};
use serde_json::json;

use super::restore::{block_on, damage, passed_over, some_are_left};
use crate::config::{Config, StoreKind};
use crate::data_folder::Purpose;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Ground, open_any_store};

/// With the key in the data folder: makes another one, seals everything under both, puts the new one in place, and seals
/// everything under the new one alone. With a key of the configuration: does the last step only, since the operator has
/// changed the key and named the one from before.
///
/// Whenever this is interrupted, the key in place opens everything, and another run goes on. A server that runs meanwhile
/// notices nothing: what it holds does not change.
pub(super) fn run(config: &Config, output: Output) -> Result<(), Failure> {
    if config.store.kind == StoreKind::Memory {
        return Err(Failure::new(
            "store.kind: with \"memory\" the master key is another one at each start",
        ));
    }
    let ground = Ground::open(config, Purpose::Command)?;
    block_on(async {
        let store = open_any_store(config, &ground).await?;
        let current = ground.master_key();
        let Some(folder) = ground.folder().filter(|_| config.keys.master_key.is_none()) else {
            if config.keys.master_key_previous.is_none() {
                return Err(Failure::new(
                    "keys.master_key is the operator's: put a new one there, name the old one by \
                     keys.master_key_previous, start every node with both, and run this again",
                ));
            }
            let (issuers, unreadable) = seal_under(&*store, &current, &[&current]).await?;
            let name = current.name();
            let text = format!(
                "{issuers} issuers are sealed under master key {name} alone. keys.master_key_previous is needed for \
                 backups from before only"
            );
            return said(output, (issuers, &name, &unreadable), text);
        };
        let _lock = folder.lock_master_key()?;
        let next = folder.next_master_key(|| {
            let mut key = [0; 32];
            SystemEntropy.fill(&mut key);
            key
        })?;
        let next = MasterKey::new(*next);
        seal_under(&*store, &current, &[&current, &next]).await?;
        folder.promote_master_key()?;
        let (issuers, unreadable) = seal_under(&*store, &next, &[&next]).await?;
        let name = next.name();
        let text = format!(
            "{issuers} issuers are sealed under a new master key ({name}). The one from before is master.key.previous: \
             backups from before need it"
        );
        said(output, (issuers, &name, &unreadable), text)
    })?
}

/// How many issuers are sealed under exactly these now, and which could not be opened.
async fn seal_under(
    store: &dyn Store,
    opens: &MasterKey,
    under: &[&MasterKey],
) -> Result<(usize, Vec<String>), Failure> {
    let failed = |error: StoreError| Failure::doing("store", &error);
    let issuers = roots::known(store).await.map_err(failed)?;
    let mut unreadable = Vec::new();
    for issuer in &issuers {
        let done = roots::wrap_under(store, *issuer, opens, under, SystemClock.now()).await;
        unreadable.extend(damage(*issuer, done)?);
    }
    some_are_left(&issuers, &unreadable)?;
    Ok((issuers.len().saturating_sub(unreadable.len()), unreadable))
}

/// What was done, and a failure where somebody was passed over.
fn said(
    output: Output,
    (issuers, name, unreadable): (usize, &str, &[String]),
    text: String,
) -> Result<(), Failure> {
    let value = json!({ "issuers": issuers, "master_key": name, "unreadable": unreadable });
    output.say(&value, text)?;
    match &*passed_over(unreadable) {
        "" => Ok(()),
        text => Err(Failure::new(text.trim_start())),
    }
}

#[cfg(test)]
mod tests {
    use hallpass_store::MemoryStore;
    use hallpass_types::Timestamp;

    use super::*;

    #[tokio::test]
    async fn an_issuer_that_cannot_be_opened_does_not_stand_in_the_way_of_the_others() {
        let store = MemoryStore::new();
        let [old, new, other] = [7, 8, 9].map(|byte| MasterKey::new([byte; 32]));
        let mut issuers = Vec::new();
        for (name, master) in [("a", &old), ("b", &other), ("c", &old)] {
            let issuer = store.issuer(name).await.unwrap();
            roots::open(&store, issuer, master, Timestamp(1))
                .await
                .unwrap();
            issuers.push(issuer);
        }
        let (sealed, unreadable) = seal_under(&store, &old, &[&old, &new]).await.unwrap();
        assert_eq!((sealed, unreadable.len()), (2, 1));
        assert!(unreadable[0].starts_with(&format!("issuer {}: ", issuers[1].0)));
        for issuer in [issuers[0], issuers[2]] {
            let root = roots::open(&store, issuer, &new, Timestamp(1)).await;
            assert!(root.is_ok());
        }
        assert!(seal_under(&store, &new, &[&new]).await.is_ok());
        let nobody = seal_under(&store, &MasterKey::new([1; 32]), &[&new]).await;
        assert!(nobody.is_err());
    }
}
