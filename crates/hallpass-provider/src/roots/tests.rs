use hallpass_jose::JwsAlgorithm;
use hallpass_store::{IssuerRecord, IssuerState, KeyPhase, MemoryStore, NewIssuer, Write};

use super::*;
use crate::keys::{KeyAlgorithm, generate};

const NOW: Timestamp = Timestamp(1_790_000_000);

fn master(byte: u8) -> MasterKey {
    MasterKey::new([byte; 32])
}

async fn salt(store: &MemoryStore, issuer: IssuerId, master: &MasterKey) -> [u8; 32] {
    let root = open(store, issuer, master, NOW).await.unwrap();
    Secrets::new(root, issuer).pairwise_salt()
}

#[tokio::test]
async fn a_root_is_made_once_is_random_and_differs_between_issuers() {
    let (store, issuer) = (MemoryStore::new(), IssuerId(1));
    let first = salt(&store, issuer, &master(7)).await;
    assert_eq!(salt(&store, issuer, &master(7)).await, first);
    assert_ne!(salt(&store, IssuerId(2), &master(7)).await, first);
    let elsewhere = MemoryStore::new();
    assert_ne!(salt(&elsewhere, issuer, &master(7)).await, first);
}

#[tokio::test]
async fn an_issuer_from_before_there_were_roots_keeps_what_was_derived_from_its_master_key() {
    let (store, issuer) = (MemoryStore::new(), IssuerId(1));
    let before = Secrets::new(Root::of_master(&master(7)), issuer);
    let algorithm = KeyAlgorithm::Sign(JwsAlgorithm::ES256);
    let key = generate(algorithm, KeyPhase::Active, &before, NOW).unwrap();
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![Write::SigningKey(Box::new(key.clone()))],
    };
    store.commit(issuer, commit).await.unwrap();
    let wrong = open(&store, issuer, &master(8), NOW).await;
    assert!(matches!(wrong, Err(StoreError::Corrupt(_))));
    assert_eq!(store.root(issuer).await.unwrap(), None, "nothing is made");
    // The first that knows roots may already have another master key.
    let both = master(9).with_previous([7; 32]);
    assert_eq!(
        salt(&store, issuer, &both).await,
        before.pairwise_salt(),
        "the same subjects"
    );
    let root = open(&store, issuer, &both, NOW).await.unwrap();
    let after = Secrets::new(root, issuer);
    assert!(after.open_signing_key(&key.kid, &key.sealed).is_some());
}

#[tokio::test]
async fn another_master_key_changes_nothing_and_the_old_one_opens_nothing_in_the_end() {
    let (store, issuer) = (MemoryStore::new(), IssuerId(1));
    let first = salt(&store, issuer, &master(7)).await;
    let stranger = open(&store, issuer, &master(8), NOW).await.unwrap_err();
    let text = std::error::Error::source(&stranger).unwrap().to_string();
    assert!(
        text.contains(&master(7).name()) && text.contains(&master(8).name()),
        "{text}"
    );
    let both = master(8).with_previous([7; 32]);
    assert_eq!(salt(&store, issuer, &both).await, first);
    for one in [master(7), master(8)] {
        assert_eq!(salt(&store, issuer, &one).await, first, "meanwhile");
    }
    wrap_under(&store, issuer, &both, &[&master(8)], NOW)
        .await
        .unwrap();
    assert_eq!(salt(&store, issuer, &master(8)).await, first);
    assert!(open(&store, issuer, &master(7), NOW).await.is_err());
}

#[tokio::test]
async fn nodes_that_meet_an_issuer_at_the_same_moment_agree() {
    let store = std::sync::Arc::new(MemoryStore::new());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        tasks.spawn(async move { salt(&store, IssuerId(1), &master(7)).await });
    }
    let mut salts = tasks.join_all().await;
    salts.dedup();
    assert_eq!(salts.len(), 1);
}

#[tokio::test]
async fn what_was_handed_out_is_over_after_an_invalidation_and_what_lasts_stays() {
    let (store, issuer) = (MemoryStore::new(), IssuerId(1));
    let root = open(&store, issuer, &master(7), NOW).await.unwrap();
    let before = Secrets::new(root, issuer);
    let sealed = before.seal_browser("x", b"y");
    let digest = before.client_digest("secret");
    invalidate(&store, issuer, &master(7), NOW.plus(5), NOW)
        .await
        .unwrap();
    let root = open(&store, issuer, &master(7), NOW).await.unwrap();
    assert_eq!(root.valid_from, NOW.plus(5));
    // An earlier moment than one that was set already lets nothing back in.
    invalidate(&store, issuer, &master(7), NOW, NOW)
        .await
        .unwrap();
    let root = open(&store, issuer, &master(7), NOW).await.unwrap();
    assert_eq!(root.valid_from, NOW.plus(5));
    let after = Secrets::new(root, issuer);
    assert_eq!(after.open_browser("x", &sealed), None);
    assert_eq!(after.client_digest("secret"), digest);
    assert_eq!(after.pairwise_salt(), before.pairwise_salt());
}

async fn made(store: &MemoryStore, name: &str) -> IssuerRecord {
    let new = NewIssuer {
        name: name.to_owned(),
        identifier: format!("https://op.example/p/{name}"),
        settings: serde_json::Map::new(),
        at: NOW,
    };
    store.create_issuer(new).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_left_of_a_deleted_issuer_is_nobodys_and_the_configurations_comes_last() {
    let (store, master) = (MemoryStore::new(), master(7));
    let own = store.issuer("https://op.example").await.unwrap();
    let (a, b) = (made(&store, "a").await, made(&store, "b").await);
    let asleep = made(&store, "c").await;
    for issuer in [own, a.id, b.id] {
        open(&store, issuer, &master, NOW).await.unwrap();
    }
    assert_eq!(known(&store).await.unwrap(), [a.id, b.id, own]);
    // Made under the root that has been erased since, by a process that did not know.
    let root = open(&store, a.id, &master, NOW).await.unwrap();
    let algorithm = KeyAlgorithm::Sign(JwsAlgorithm::ES256);
    let secrets = Secrets::new(root, a.id);
    let key = generate(algorithm, KeyPhase::Next, &secrets, NOW).unwrap();
    let deleting = IssuerRecord {
        state: IssuerState::Deleting,
        ..a.clone()
    };
    assert!(store.change_issuer(a.revision, deleting).await.unwrap());
    while store.erase_issuer(a.id, 100).await.unwrap() > 0 {}
    let commit = Commit {
        spends: vec![Spend::SigningKeys(Vec::new())],
        writes: vec![Write::SigningKey(Box::new(key))],
    };
    store.commit(a.id, commit).await.unwrap();
    assert!(open(&store, a.id, &master, NOW).await.is_err());
    assert_eq!(known(&store).await.unwrap(), [b.id, own]);
    assert!(store.root(asleep.id).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_of_a_root_is_printed_and_damage_is_noticed() {
    let (store, issuer) = (MemoryStore::new(), IssuerId(1));
    let root = open(&store, issuer, &master(7), NOW).await.unwrap();
    let printed = format!("{root:?} {:?}", master(7));
    assert!(
        printed.starts_with("Root {") && !printed.contains("lasting"),
        "{printed}"
    );
    let record = store.root(issuer).await.unwrap().unwrap();
    for index in 0..record.wraps[0].sealed.len() {
        let mut damaged = record.clone();
        damaged.wraps[0].sealed[index] ^= 1;
        assert!(Root::unwrap(&damaged, issuer, &master(7)).is_none());
    }
    assert!(Root::unwrap(&record, IssuerId(2), &master(7)).is_none());
}
