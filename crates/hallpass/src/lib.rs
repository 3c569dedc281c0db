//! An OpenID Provider and OAuth 2.0 authorization server to build into a program.
//!
//! A [`Provider`] is one issuer. What must be chosen is asked for by the compiler, one thing after the other: where state
//! lives, the master key, who the people are, and where they are asked. Everything else has a safe default and is a field of
//! the [`Policy`] or a method of the [`Builder`].
//!
//! ```
//! # #[cfg(all(feature = "pages", feature = "accounts"))]
//! # async fn whole() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use std::sync::Arc;
//! use hallpass::{Issuer, Provider, MasterKey, Site, accounts, pages, ports::ClientSpec, store};
//!
//! let issuer = Issuer::parse("https://login.example.com")?;
//! let store: Arc<dyn store::Store> = Arc::new(store::MemoryStore::new());
//! let people = Arc::new(accounts::BuiltinAccounts::in_store(Arc::clone(&store))?);
//! let pages = pages::BuiltinPages::new(issuer.clone(), Arc::new(pages::Pages::new()?));
//! let provider = Provider::builder(issuer)
//!     .store(store)
//!     .master_key(MasterKey::new([0; 32])) // 32 random bytes that stay the same
//!     .accounts(people.clone())
//!     .interaction(Arc::new(pages.clone()), "main")
//!     .await?
//!     .client(ClientSpec::public("app", "https://app.example.com/callback"))
//!     .build()
//!     .await?;
//! let site = Site::with_pages(provider, pages, people); // a tower service
//! # let _ = site; Ok(()) }
//! # #[cfg(all(feature = "pages", feature = "accounts"))]
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(whole()).unwrap();
//! ```
//!
//! The steps cannot be left out, and not be taken in another order:
//!
//! ```compile_fail
//! # use hallpass::{Issuer, Provider, MasterKey};
//! fn without_a_store(issuer: Issuer) {
//!     Provider::builder(issuer).master_key(MasterKey::new([0; 32]));
//! }
//! ```
//!
//! ```
//! # use std::sync::Arc;
//! # use hallpass::{Issuer, Provider, MasterKey, store::MemoryStore};
//! fn with_a_store(issuer: Issuer) {
//!     Provider::builder(issuer).store(Arc::new(MemoryStore::new())).master_key(MasterKey::new([0; 32]));
//! }
//! ```
//!
//! # Where it is mounted
//!
//! [`Site`] answers everything of one issuer, [`Sites`] everything of several. Both are tower services over `http` types, so
//! that hyper, axum and whatever else speaks those can serve them; both give back what is not their own, so that a program can
//! have other routes beside. The issuer decides about hosts and paths, never a request: an issuer
//! `https://example.com/login` answers below `/login` and at the well-known places of the root. There is no global state and no
//! runtime of its own; [`upkeep`] is a future that the program runs.
//!
//! # What can be replaced
//!
//! Everything in [`ports`], and the grants in [`token`].

mod site;
mod upkeep;

pub use hallpass_core::policy::Policy;
pub use hallpass_http::ClientAddr;
pub use hallpass_provider::{
    BuildError, Builder, Failure, Provider, browser::Browser, secrets::MasterKey,
};
pub use hallpass_types::{Issuer, Secret, Subject};
pub use site::{Site, Sites};
pub use upkeep::upkeep;

/// What an issuer allows.
pub mod policy {
    pub use hallpass_core::{
        authorize::{AuthorizationResponse, OwnMode, Travel},
        fapi::Profile,
        policy::*,
    };
}

/// What the engine asks of its surroundings.
pub mod ports {
    pub use hallpass_provider::ports::*;
}

/// The words of the protocol: identifiers, secrets, scopes, parameters, time.
pub mod types {
    pub use hallpass_types::*;
}

/// What pages ask and report.
pub mod interaction {
    pub use hallpass_core::interaction::{Ask, Cause, Prompt};
    pub use hallpass_provider::endpoints::{
        Answer, Answered, ClientView, ConsentDecision, InteractionDetails, LogoutDecision,
        LogoutDetails, ResourceView, ScopeView, page_for,
    };
}

/// Requests and answers: the endpoints as a tower service, and what pages of one's own need.
pub mod endpoints {
    pub use hallpass_http::*;
}

/// Grants of one's own.
pub mod token {
    pub use hallpass_core::client::Client;
    pub use hallpass_core::token::{
        AccessGrant, Context, Grant, Issuance, Lookup, Reason, Refused, Target,
    };
    pub use hallpass_provider::{Call, Fetch, GrantHandler, Grants, Issued};
}

/// Keys and signatures, for signers of one's own.
pub mod jose {
    pub use hallpass_jose::*;
}

/// Where state lives.
pub mod store {
    pub use hallpass_store::*;
    /// What a store keeps, and how it answers.
    pub mod record {
        pub use hallpass_core::{
            access::{Directory, Membership},
            client::{ClientOrigin, ClientRecord},
            record::*,
        };
    }
    #[cfg(feature = "postgres")]
    pub use hallpass_store_postgres as postgres;
    #[cfg(feature = "sqlite")]
    pub use hallpass_store_sqlite as sqlite;
}

/// Accounts in the store.
#[cfg(feature = "accounts")]
pub mod accounts {
    pub use hallpass_accounts::*;
}

/// The way out to the network.
#[cfg(feature = "fetch")]
pub mod fetch {
    pub use hallpass_fetch::*;
}

/// Mail.
#[cfg(feature = "mail")]
pub mod mail {
    pub use hallpass_mail::*;
}

/// The built-in pages.
#[cfg(feature = "pages")]
pub mod pages {
    pub use hallpass_pages::*;
}
