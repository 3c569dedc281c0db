//! What is in the store before a provider starts.

use hallpass_provider::secrets::Secrets;
use hallpass_store::{Commit, KeyPhase, KeyRecord, Store, Write};
use hallpass_types::{IssuerId, Timestamp};

use crate::fixture;

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
