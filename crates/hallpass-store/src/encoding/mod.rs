//! How records are written: one version byte, eight bytes of checksum, then JSON.
//!
//! The checksum covers the kind of record, its issuer and its key, so a damaged record, and one that is read from
//! under another key, is an error and never somebody else's data. It is no defence against people who can write
//! to the database.

mod again;

pub use again::{Again, Known, decode_again};

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, CodeRecord, ConsentRecord, DeliveryRecord, GrantRecord, ParticipantRecord,
        SessionRecord, WaitingRecord,
    },
};
use hallpass_types::{IssuerId, sha256};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AdminRecord, AuditRecord, CredentialRecord, InitialAccessRecord, IssuerRecord, KeyRecord,
    RootRecord, StoreError, UserRecord,
};

/// A record that stores write.
pub trait Record: Serialize + DeserializeOwned {
    /// Tells its kind from the others in checksums. Never reassigned.
    const KIND: u8;
    /// The kind under which earlier programs wrote it.
    const EARLIER: Option<u8>;
}

macro_rules! records {
    ($($record:ty = $kind:literal $(earlier $earlier:literal)?;)+) => {
        $(impl Record for $record {
            const KIND: u8 = $kind;
            const EARLIER: Option<u8> = [$(Some($earlier),)? None][0];
        })+
        #[cfg(test)]
        const KINDS: &[u8] = &[$($kind),+];
    };
}

records! {
    CodeRecord = 1;
    GrantRecord = 2;
    SessionRecord = 3;
    ConsentRecord = 4;
    ClientRecord = 5;
    UserRecord = 6;
    KeyRecord = 7;
    WaitingRecord = 8;
    DeliveryRecord = 9;
    ParticipantRecord = 10;
    InitialAccessRecord = 11;
    CredentialRecord = 12;
    ActivityRecord = 15 earlier 13;
    IssuerRecord = 20;
    RootRecord = 13;
    Directory = 14;
    AdminRecord = 21;
    AuditRecord = 22;
}

/// Writes a record that is stored under `key`. The parts of the key are taken in order.
///
/// # Errors
/// [`StoreError::Corrupt`] when the record has no JSON form.
pub fn encode<R: Record>(
    issuer: IssuerId,
    key: &[&[u8]],
    record: &R,
) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    out.extend_from_slice(&[0; CHECK_LEN]);
    serde_json::to_writer(&mut out, record).map_err(|e| StoreError::Corrupt(e.into()))?;
    let check = match out.split_at_checked(HEAD_LEN) {
        Some((_, json)) => checksum(R::KIND, issuer, key, json),
        None => [0; CHECK_LEN],
    };
    if let Some(place) = out.get_mut(1..HEAD_LEN) {
        place.copy_from_slice(&check);
    }
    Ok(out)
}

/// Reads what [`encode`] wrote for the same issuer and key.
///
/// # Errors
/// [`StoreError::Corrupt`] for another version, a wrong checksum, or JSON that is not this record.
pub fn decode<R: Record>(issuer: IssuerId, key: &[&[u8]], bytes: &[u8]) -> Result<R, StoreError> {
    let (head, json) = bytes
        .split_at_checked(HEAD_LEN)
        .ok_or_else(|| StoreError::corrupt("a record is cut short"))?;
    let Some((&VERSION, check)) = head.split_first() else {
        return Err(StoreError::corrupt(
            "a record has a version that this program does not know",
        ));
    };
    let fits = |kind| check == checksum(kind, issuer, key, json);
    if !fits(R::KIND) && !R::EARLIER.is_some_and(fits) {
        return Err(StoreError::corrupt("a record's checksum is wrong"));
    }
    serde_json::from_slice(json).map_err(|e| StoreError::Corrupt(e.into()))
}

fn checksum(kind: u8, issuer: IssuerId, key: &[&[u8]], json: &[u8]) -> [u8; CHECK_LEN] {
    let mut input = Vec::with_capacity(json.len().saturating_add(128));
    input.extend_from_slice(&[VERSION, kind]);
    input.extend_from_slice(&issuer.0.to_be_bytes());
    for part in key {
        input.extend_from_slice(&(part.len() as u64).to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(json);
    let mut out = [0; CHECK_LEN];
    if let Some(first) = sha256(&input).first_chunk() {
        out = *first;
    }
    out
}

const VERSION: u8 = 1;
const CHECK_LEN: usize = 8;
const HEAD_LEN: usize = 1 + CHECK_LEN;

#[cfg(test)]
mod tests {
    use hallpass_types::Timestamp;

    use super::*;
    use crate::KeyPhase;

    fn sample() -> KeyRecord {
        KeyRecord {
            kid: "k".to_owned(),
            alg: "ES256".to_owned(),
            phase: KeyPhase::Active,
            sealed: vec![0, 1, 255],
            created_at: Timestamp(1),
            phase_since: Timestamp(2),
            keep_until: None,
        }
    }

    #[test]
    fn a_record_reads_back_under_its_own_key_alone() {
        let issuer = IssuerId(7);
        let bytes = encode(issuer, &[b"ab", b"c"], &sample()).unwrap();
        assert_eq!(bytes[0], 1);
        assert_eq!(
            decode::<KeyRecord>(issuer, &[b"ab", b"c"], &bytes).unwrap(),
            sample()
        );
        for (issuer, key) in [
            (IssuerId(8), [b"ab".as_slice(), b"c"]),
            (issuer, [b"a".as_slice(), b"bc"]),
            (issuer, [b"ab".as_slice(), b"d"]),
        ] {
            assert!(matches!(
                decode::<KeyRecord>(issuer, &key, &bytes),
                Err(StoreError::Corrupt(_))
            ));
        }
        assert!(matches!(
            decode::<UserRecord>(issuer, &[b"ab", b"c"], &bytes),
            Err(StoreError::Corrupt(_))
        ));
    }

    #[test]
    fn no_two_records_are_of_one_kind_and_one_of_an_earlier_kind_is_still_read() {
        let mut kinds = KINDS.to_vec();
        kinds.sort_unstable();
        assert!(kinds.is_sorted_by(|a, b| a < b), "{kinds:?}");
        let json = br#"{"subject":"s","at":7,"what":"signed_in"}"#;
        let read = |kind: u8| {
            let mut bytes = vec![VERSION];
            bytes.extend_from_slice(&checksum(kind, IssuerId(1), &[b"k"], json));
            bytes.extend_from_slice(json);
            decode::<ActivityRecord>(IssuerId(1), &[b"k"], &bytes)
        };
        assert_eq!(read(15).unwrap(), read(13).unwrap());
        assert!(matches!(read(14), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encode(IssuerId(7), &[b"k"], &sample()).unwrap();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[index] ^= 1 << bit;
                let read = decode::<KeyRecord>(IssuerId(7), &[b"k"], &damaged);
                assert!(matches!(read, Err(StoreError::Corrupt(_))), "byte {index}");
            }
            let read = decode::<KeyRecord>(IssuerId(7), &[b"k"], &bytes[..index]);
            assert!(
                matches!(read, Err(StoreError::Corrupt(_))),
                "cut at {index}"
            );
        }
    }

    #[test]
    fn a_version_of_the_future_is_corrupt_and_not_misread() {
        let mut bytes = encode(IssuerId(7), &[b"k"], &sample()).unwrap();
        bytes[0] = 2;
        assert!(matches!(
            decode::<KeyRecord>(IssuerId(7), &[b"k"], &bytes),
            Err(StoreError::Corrupt(_))
        ));
    }

    #[test]
    fn members_that_a_later_version_added_are_skipped() {
        let json = br#"{"kid":"k","alg":"ES256","phase":"next","sealed":[],"created_at":1,"phase_since":2,"new":{}}"#;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&checksum(KeyRecord::KIND, IssuerId(1), &[], json));
        bytes.extend_from_slice(json);
        assert_eq!(
            decode::<KeyRecord>(IssuerId(1), &[], &bytes).unwrap().kid,
            "k"
        );
    }
}
