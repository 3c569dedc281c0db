//! Records that are read again and again: of a token that is asked about with every request of its holder, say.
//!
//! Whoever asks reads the row each time; what is kept is what its bytes mean. Bytes that are the same, under the same key, are the
//! same record, so that nothing here can be out of date, and which database they came from does not matter.

use std::cell::RefCell;

use hallpass_core::record::GrantRecord;
use hallpass_types::IssuerId;

use super::{HEAD_LEN, Record, decode};
use crate::{StoreError, UserRecord};

/// As [`decode`], for a kind of record that is often read twice in a row.
///
/// # Errors
/// As [`decode`].
pub fn decode_again<R: Again>(
    issuer: IssuerId,
    key: &[&[u8]],
    bytes: &[u8],
) -> Result<R, StoreError> {
    R::with(|known| known.decode(issuer, key, bytes))
}

/// A kind of record of which each thread keeps some.
pub trait Again: Record + Clone + Sized {
    /// With those that this thread keeps.
    fn with<T>(use_it: impl FnOnce(&mut Known<Self>) -> T) -> T;
}

macro_rules! again {
    ($($record:ty),+) => {
        $(impl Again for $record {
            fn with<T>(use_it: impl FnOnce(&mut Known<Self>) -> T) -> T {
                thread_local! {
                    static KNOWN: RefCell<Known<$record>> = const { RefCell::new(Known::new()) };
                }
                KNOWN.with(|known| match known.try_borrow_mut() {
                    Ok(mut known) => use_it(&mut known),
                    Err(_) => use_it(&mut Known::new()),
                })
            }
        })+
    };
}

again!(GrantRecord, UserRecord);

/// Some records, each in the place that its checksum gives it.
#[derive(Debug)]
pub struct Known<R> {
    places: Vec<Place<R>>,
}

#[derive(Debug)]
struct Place<R> {
    /// The checksum that was seen here last. What is seen for the first time is not kept, so that those that are read once cost
    /// nothing and drive nobody out.
    seen: [u8; HEAD_LEN],
    held: Option<Held<R>>,
}

#[derive(Debug)]
struct Held<R> {
    issuer: IssuerId,
    key: Vec<Box<[u8]>>,
    bytes: Box<[u8]>,
    record: R,
}

impl<R: Record + Clone> Known<R> {
    const fn new() -> Self {
        Self { places: Vec::new() }
    }

    fn decode(&mut self, issuer: IssuerId, key: &[&[u8]], bytes: &[u8]) -> Result<R, StoreError> {
        let Some(head) = bytes
            .first_chunk::<HEAD_LEN>()
            .filter(|_| bytes.len() <= LARGEST)
        else {
            return decode(issuer, key, bytes);
        };
        if self.places.is_empty() {
            let empty = || Place {
                seen: [0; HEAD_LEN],
                held: None,
            };
            self.places.resize_with(PLACES, empty);
        }
        let place = usize::from(head[HEAD_LEN - 1]) % PLACES;
        let Some(place) = self.places.get_mut(place) else {
            return decode(issuer, key, bytes);
        };
        if let Some(held) = place.held.as_ref().filter(|h| h.is(issuer, key, bytes)) {
            return Ok(held.record.clone());
        }
        let record: R = decode(issuer, key, bytes)?;
        if place.seen == *head {
            place.held = Some(Held {
                issuer,
                key: key.iter().map(|part| Box::from(*part)).collect(),
                bytes: bytes.into(),
                record: record.clone(),
            });
        }
        place.seen = *head;
        Ok(record)
    }
}

impl<R> Held<R> {
    fn is(&self, issuer: IssuerId, key: &[&[u8]], bytes: &[u8]) -> bool {
        *self.bytes == *bytes
            && self.issuer == issuer
            && self.key.len() == key.len()
            && self
                .key
                .iter()
                .zip(key)
                .all(|(one, other)| **one == **other)
    }
}

/// Each thread keeps at most so many of a kind; a byte chooses among them.
const PLACES: usize = 64;
/// Bytes of a record that is kept, so that they are some hundred kilobytes at most.
const LARGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use hallpass_types::{Subject, Timestamp};
    use serde_json::Map;

    use super::*;
    use crate::encoding::encode;

    fn user(name: &str) -> UserRecord {
        UserRecord {
            subject: Subject::parse("s").unwrap(),
            username: name.to_owned(),
            username_key: name.to_owned(),
            password: None,
            must_change_password: false,
            claims: Map::new(),
            disconnected: std::collections::BTreeMap::new(),
            memberships: Vec::new(),
            disabled: false,
            epoch: 0,
            revision: 1,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        }
    }

    const ISSUER: IssuerId = IssuerId(7);

    fn kept(known: &Known<UserRecord>) -> usize {
        known.places.iter().filter(|p| p.held.is_some()).count()
    }

    #[test]
    fn what_is_read_twice_is_kept_and_answers_are_the_same_every_time() {
        let bytes = encode(ISSUER, &[b"a", b"b"], &user("alice")).unwrap();
        let mut known = Known::new();
        for (reads, most) in [(1, 0), (2, 1), (3, 1), (4, 1)] {
            let read: UserRecord = known.decode(ISSUER, &[b"a", b"b"], &bytes).unwrap();
            assert!(read == user("alice"), "read {reads}");
            assert_eq!(kept(&known), most);
        }
    }

    #[test]
    fn a_row_that_has_changed_is_read_as_it_is_now() {
        let mut known = Known::new();
        for name in [
            "alice", "bob", "alice", "alice", "alice", "bob", "bob", "carol",
        ] {
            let bytes = encode(ISSUER, &[b"k"], &user(name)).unwrap();
            let read: UserRecord = known.decode(ISSUER, &[b"k"], &bytes).unwrap();
            assert!(read == user(name));
        }
    }

    #[test]
    fn bytes_under_another_key_or_of_another_issuer_are_no_record_however_often_they_were_read() {
        let bytes = encode(ISSUER, &[b"ab", b"c"], &user("alice")).unwrap();
        let mut known: Known<UserRecord> = Known::new();
        for _ in 0..3 {
            known.decode(ISSUER, &[b"ab", b"c"], &bytes).unwrap();
        }
        let others: [(IssuerId, &[&[u8]]); 4] = [
            (IssuerId(8), &[b"ab", b"c"]),
            (ISSUER, &[b"a", b"bc"]),
            (ISSUER, &[b"ab"]),
            (ISSUER, &[b"ab", b"c", b""]),
        ];
        for (issuer, key) in others {
            assert!(known.decode(issuer, key, &bytes).is_err());
        }
    }

    #[test]
    fn a_damaged_record_is_noticed_beside_the_sound_one_that_is_kept() {
        let bytes = encode(ISSUER, &[b"k"], &user("alice")).unwrap();
        let mut known: Known<UserRecord> = Known::new();
        for _ in 0..3 {
            known.decode(ISSUER, &[b"k"], &bytes).unwrap();
        }
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            for _ in 0..3 {
                assert!(known.decode(ISSUER, &[b"k"], &damaged).is_err(), "{index}");
            }
            assert!(known.decode(ISSUER, &[b"k"], &bytes[..index]).is_err());
        }
        assert!(known.decode(ISSUER, &[b"k"], &bytes).is_ok());
    }

    #[test]
    fn large_records_are_read_and_not_kept() {
        let large = user(&"a".repeat(LARGEST));
        let bytes = encode(ISSUER, &[b"k"], &large).unwrap();
        let mut known = Known::new();
        for _ in 0..3 {
            let read: UserRecord = known.decode(ISSUER, &[b"k"], &bytes).unwrap();
            assert!(read == large);
        }
        assert_eq!(kept(&known), 0);
    }

    #[test]
    fn no_more_than_a_bounded_number_is_kept() {
        let mut known = Known::new();
        for number in 0..1000 {
            let bytes = encode(ISSUER, &[b"k"], &user(&number.to_string())).unwrap();
            for _ in 0..2 {
                let _read: UserRecord = known.decode(ISSUER, &[b"k"], &bytes).unwrap();
            }
        }
        assert!((1..=PLACES).contains(&kept(&known)));
    }
}
