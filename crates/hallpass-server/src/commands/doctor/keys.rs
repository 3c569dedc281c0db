//! Whether the master key fits, and where signing keys stand.

use std::collections::BTreeMap;

use hallpass_provider::keys::{KeyAlgorithm, can_open};
use hallpass_provider::roots;
use hallpass_provider::secrets::{MasterKey, Secrets};
use hallpass_store::{KeyPhase, KeyRecord, Store, StoreError};
use hallpass_types::{IssuerId, Timestamp};

use super::{Findings, clock};
use crate::config::Config;

pub(super) async fn look(
    store: &dyn Store,
    config: &Config,
    master: &MasterKey,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut split = 0_u64;
    for issuer in roots::known(store).await? {
        let record = store.root(issuer).await?;
        if let Some(record) = &record {
            clock::not_later(record.changed_at, "secrets were changed", now, findings);
            clock::not_later(record.valid_from, "things are good from", now, findings);
            split = split.saturating_add(u64::from(record.wraps.len() > 1));
        }
        let keys = store.signing_keys(issuer).await?;
        match roots::look(record.as_ref(), &keys, issuer, master) {
            Ok(root) => sealed(&keys, &Secrets::new(root, issuer), findings),
            Err(error) => {
                let text = match std::error::Error::source(&error) {
                    Some(why) => why.to_string(),
                    None => error.to_string(),
                };
                let help = "Put the right key into keys.master_key_file or master.key; the one from before a rotation \
                            can be named by keys.master_key_previous_file";
                findings.error("master_key_wrong", text, help);
            }
        }
        phases(&keys, issuer, config, now, findings);
    }
    if split > 0 {
        let text =
            format!("the secrets of {split} issuers are sealed under more than one master key");
        let help = "Once no node uses the old one any more: hallpass key rotate-master";
        findings.warning("master_key_unfinished", text, help);
    }
    Ok(())
}

fn sealed(keys: &[KeyRecord], secrets: &Secrets, findings: &mut Findings) {
    for key in keys.iter().filter(|key| !can_open(key, secrets)) {
        let text = format!("key {} ({}) cannot be opened", key.kid, key.alg);
        let help = "It is damaged. The server does not start with it: hallpass restore FILE --after, or delete the row";
        findings.error("key_unreadable", text, help);
    }
}

fn phases(
    keys: &[KeyRecord],
    issuer: IssuerId,
    config: &Config,
    now: Timestamp,
    findings: &mut Findings,
) {
    let mut by_algorithm: BTreeMap<&str, Vec<&KeyRecord>> = BTreeMap::new();
    for key in keys {
        by_algorithm.entry(&key.alg).or_default().push(key);
        let made = format!("key {} was made", key.kid);
        clock::not_later(key.created_at, &made, now, findings);
        let moved = format!("key {} changed its phase", key.kid);
        clock::not_later(key.phase_since, &moved, now, findings);
    }
    let rotation = i64::try_from(config.keys.rotation.0).unwrap_or(i64::MAX);
    for (name, keys) in by_algorithm {
        let of = |phase| keys.iter().filter(move |key| key.phase == phase);
        let which = format!("issuer {}, {name}", issuer.0);
        if KeyAlgorithm::parse(name).is_none() {
            let help = "It was made by another version of hallpass";
            findings.warning(
                "key_unknown",
                format!("{which}: an algorithm that is not known"),
                help,
            );
            continue;
        }
        match of(KeyPhase::Active).count() {
            1 => {}
            0 => {
                let help = "hallpass key rotate --now makes one; the server does so at its start, where the algorithm is used";
                findings.error(
                    "key_none_active",
                    format!("{which}: no key is active"),
                    help,
                );
            }
            many => {
                let help = "hallpass key rotate --now retires all but one";
                findings.error(
                    "key_many_active",
                    format!("{which}: {many} keys are active"),
                    help,
                );
            }
        }
        let old = of(KeyPhase::Active).any(|key| {
            rotation > 0 && now.since(key.phase_since) > rotation.saturating_add(OVERDUE)
        });
        if old {
            let help =
                "A running server rotates by itself: look into its log, or run hallpass key rotate";
            findings.warning(
                "key_overdue",
                format!("{which}: the active key is older than keys.rotation"),
                help,
            );
        }
        let kept = of(KeyPhase::Retiring).any(|key| now.since(key.phase_since) > FORGOTTEN);
        if kept {
            let help = "A running server deletes retired keys by itself: look into its log";
            findings.warning(
                "key_overdue",
                format!("{which}: a retired key was never deleted"),
                help,
            );
        }
    }
}

/// A rotation waits for its turn of the hourly job, and for its next key.
const OVERDUE: i64 = 2 * 86_400;
/// No session and no token lives that long.
const FORGOTTEN: i64 = 800 * 86_400;
