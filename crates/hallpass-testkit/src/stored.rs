//! What is in the store before a provider starts.

use hallpass_core::client::{ClientOrigin, metadata};
use hallpass_provider::{Provider, secrets::Secrets};
use hallpass_store::{Commit, Committed, KeyPhase, KeyRecord, Spend, Store, Write};
use hallpass_types::{ClientId, IssuerId, Secret, Timestamp};

use crate::fixture::{self, Seed};

/// Makes the slow key of the fixture the one that signs.
pub(crate) async fn put_rsa_key(
    store: &dyn Store,
    secrets: &Secrets,
    issuer: IssuerId,
    now: Timestamp,
) {
    let key = fixture::rsa_key();
    let record = KeyRecord {
        kid: key.kid().to_owned(),
        alg: key.algorithm().name().to_owned(),
        phase: KeyPhase::Active,
        sealed: secrets.seal_signing_key(key.kid(), &key.to_pkcs8().unwrap()),
        created_at: now,
        phase_since: now,
        keep_until: None,
    };
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![Write::SigningKey(Box::new(record))],
    };
    store.commit(issuer, commit).await.unwrap();
}

/// Puts a client there as an operator would.
pub(crate) async fn store_client(provider: &Provider, seed: &Seed) {
    let origin = ClientOrigin::Configuration;
    let metadata = metadata::normalize(
        seed.metadata.as_object().unwrap(),
        origin,
        provider.policy(),
    )
    .unwrap_or_else(|e| panic!("{}: {e:?}", seed.id));
    let secret = seed.secret.map(|s| Secret::new(s.to_owned()));
    let id = ClientId::parse(seed.id).unwrap();
    let (_, mut record) = provider.new_record(id, metadata, secret.as_ref(), origin);
    record.disabled = seed.disabled;
    let commit = Commit {
        spends: vec![Spend::NewClient(Box::new(record))],
        writes: Vec::new(),
    };
    let done = provider.store().commit(provider.issuer_id(), commit).await;
    assert_eq!(done.unwrap(), Committed::Done);
}
