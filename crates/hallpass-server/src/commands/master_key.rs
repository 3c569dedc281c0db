//! `hallpass key rotate-master`

use hallpass_provider::ports::{Clock, Entropy, SystemClock, SystemEntropy};
use hallpass_provider::roots;
use hallpass_provider::secrets::MasterKey;
use hallpass_store::Store;
use serde_json::json;

use super::restore::block_on;
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
            let issuers = seal_under(&*store, &current, &[&current]).await?;
            let name = current.name();
            return output.say(
                &json!({ "issuers": issuers, "master_key": name }),
                format!(
                    "{issuers} issuers are sealed under master key {name} alone. keys.master_key_previous is needed for \
                     backups from before only"
                ),
            );
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
        let issuers = seal_under(&*store, &next, &[&next]).await?;
        let name = next.name();
        output.say(
            &json!({ "issuers": issuers, "master_key": name }),
            format!(
                "{issuers} issuers are sealed under a new master key ({name}). The one from before is \
                 master.key.previous: backups from before need it"
            ),
        )
    })?
}

async fn seal_under(
    store: &dyn Store,
    opens: &MasterKey,
    under: &[&MasterKey],
) -> Result<usize, Failure> {
    let work = async {
        let issuers = roots::known(store).await?;
        for issuer in &issuers {
            roots::wrap_under(store, *issuer, opens, under, SystemClock.now()).await?;
        }
        Ok(issuers.len())
    };
    let done: Result<usize, hallpass_store::StoreError> = work.await;
    done.map_err(|error| Failure::doing("store", &error))
}
