//! Where a row that expires lies.

use hallpass_core::record::participant_tag;
use hallpass_store::{
    StoreError,
    encoding::{Record, encode},
};
use hallpass_types::{ClientId, GrantId, IssuerId, Key, Session};
use rusqlite::{ToSql, types::ToSqlOutput};

/// The second and third part of an expiring row's key.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: u32,
    pub(crate) id: Id,
}

/// Most are digests, for which no memory needs to be asked for.
#[derive(Clone, Debug)]
pub(crate) enum Id {
    Digest([u8; 32]),
    Other(Vec<u8>),
}

impl std::ops::Deref for Id {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Digest(digest) => digest,
            Self::Other(bytes) => bytes,
        }
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        (**self).to_sql()
    }
}

impl Place {
    pub(crate) fn of_grant(id: GrantId) -> Self {
        Self {
            bucket: id.bucket.0,
            id: Id::Other(id.random.to_vec()),
        }
    }

    pub(crate) fn of_participant(
        session: Key<Session>,
        client: &ClientId,
        grant: Option<GrantId>,
    ) -> Self {
        let tag = participant_tag(client, grant);
        Self {
            bucket: session.bucket.0,
            id: Id::Other([&session.digest[..], &tag[..]].concat()),
        }
    }

    /// Encodes a record that lies at this place.
    pub(crate) fn encode<R: Record>(
        &self,
        issuer: IssuerId,
        record: &R,
    ) -> Result<Vec<u8>, StoreError> {
        encode(issuer, &[&self.bucket.to_be_bytes(), &*self.id], record)
    }
}

impl<K> From<Key<K>> for Place {
    fn from(key: Key<K>) -> Self {
        Self {
            bucket: key.bucket.0,
            id: Id::Digest(key.digest),
        }
    }
}
