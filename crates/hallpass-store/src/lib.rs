//! Storage ports in protocol verbs, the in-memory store and the contract suite for adapters.
//!
//! A store is the truth: whatever may happen once is decided by one atomic [`Store::commit`].

mod admin;
mod around;
pub mod attempts;
mod commit;
#[cfg(feature = "contract")]
pub mod contract;
mod credential;
pub mod encoding;
mod error;
mod hint;
mod histogram;
mod issuer;
mod memory;
pub mod migration;
mod port;
mod registration;
mod root;
mod together;

pub use admin::{
    Actor, AdminKind, AdminRecord, AuditRecord, operator_of_client, operator_of_person,
};
pub use around::{Answer, Around, Verb};
pub use commit::{Commit, Committed, Spend, Write, same_client, same_signing_keys};
pub use credential::{
    CredentialData, CredentialRecord, Email, Passkey, Phone, RecoveryCodes, Totp, Upstream,
};
pub use error::StoreError;
pub use hint::Hint;
pub use histogram::{Histogram, HistogramSnapshot};
pub use issuer::{IssuerDone, IssuerRecord, IssuerState, IssuerWork, NewIssuer};
pub use memory::MemoryStore;
pub use port::{
    ActivityPlace, BoxFuture, KeyPhase, KeyRecord, MAX_PAGE, MOST_COUNTED, Page, Standing, Store,
    UserRecord,
};
pub use registration::{Day, InitialAccessRecord, Registration};
pub use root::{RootRecord, WrappedRoot};
pub use together::{CodeWithUser, SessionWithUser};
