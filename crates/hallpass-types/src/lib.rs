//! The words of the protocol: identifiers, secrets, scopes, parameters, error codes, time.
//!
//! Nothing here does I/O or knows a clock. Digests are the only cryptography.

mod bytes;
mod email;
mod error_code;
mod id;
mod params;
mod phone;
mod scope;
mod secret;
mod time;

pub use email::{EmailAddress, InvalidEmail};
pub use error_code::{ErrorCode, description_text};
pub use id::{ClientId, CredentialId, GrantId, InvalidId, Issuer, IssuerId, Sid, Subject, TokenId};
pub use params::{MAX_PARAMS, Params, ParamsError};
pub use phone::{InvalidPhone, PhoneNumber};
pub use scope::{InvalidScope, Scope};
pub use secret::{
    AuthReqId, Code, ContentDigest, Delivery, DeviceCode, InitialAccess, Key, Kind, ORDER_LEN,
    Once, Opaque, RANDOM_LEN, RegistrationAccess, Secret, Session, Thumbprint, Waiting,
    constant_time_eq, sha256,
};
pub use time::{Bucket, MAX_AHEAD, Timestamp};
