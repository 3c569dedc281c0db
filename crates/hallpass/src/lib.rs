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

/// What an issuer allows. Everything has a safe default; a program changes what it wants by [`Builder::policy`](crate::Builder::policy):
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/support.rs"));
/// # use std::sync::Arc;
/// use hallpass::policy::{AuthorizationResponse, OwnMember, OwnMode, OwnParameter, ScopeSpec, Travel};
///
/// /// How an answer travels to an application whose router is in the fragment.
/// fn hash_route(answer: &AuthorizationResponse) -> Travel {
///     Travel::Redirect(format!("{}#/signed-in?{}", answer.redirect_uri, answer.encoded()))
/// }
///
/// # fn main() { run(async {
/// let provider = builder()
///     .await
///     .policy(|policy| {
///         policy.lifetimes.access_token = 300;
///         policy.scopes.push(ScopeSpec::new("orders")); // a scope of one's own
///         policy.requests.own.push(OwnParameter::new("tenant", |name| name.len() < 20));
///         policy.requests.modes.push(OwnMode::new("hash_route", hash_route));
///         policy.client_members.push(OwnMember::new("department", serde_json::Value::is_string));
///         // Decisions that specifications leave to the server.
///         policy.choices.rotate_refresh_tokens(|client| client.own.contains_key("department"));
///         policy.choices.allow_origins(|origin| origin == "https://tools.example.com");
///     })
/// #   .client(job())
///     .build()
///     .await
///     .unwrap();
/// # let site = hallpass::Site::new(provider);
/// # let (_, _, metadata) = ask(&site, "GET", "/.well-known/openid-configuration", "").await;
/// # assert!(metadata.contains("\"orders\"") && metadata.contains("hash_route"), "{metadata}");
/// # let (_, _, text) = ask(&site, "POST", "/token", "grant_type=client_credentials").await;
/// # assert!(text.contains("\"expires_in\":300"), "{text}");
/// # }) }
/// ```
///
/// Who gets refresh tokens and which rotate, who needs PKCE, how sectors know people, and who may read across origins, is for
/// functions of the program to say: [`Choices`](policy::Choices).
/// What a scope says about a person is in [`ScopeSpec::claims`](policy::ScopeSpec::claims); for whom tokens are, and in which form, in [`Resource`](policy::Resource).
pub mod policy {
    pub use hallpass_core::{
        authorize::{AuthorizationResponse, OwnMode, Travel},
        client::{Client, Refreshes},
        fapi::Profile,
        policy::*,
    };
}

#[doc = include_str!("../doc/ports.md")]
pub mod ports {
    #[doc(inline)]
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
///
/// [`Site`] is what most programs mount. It takes a request, or gives it back when it is not for this issuer:
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/support.rs"));
/// # use std::sync::Arc;
/// use hallpass::Site;
///
/// # fn main() { run(async {
/// let site = Site::new(builder().await.build().await.unwrap());
/// let asked = |path: &str| {
///     let request = http::Request::get(path).header("host", "login.example.com");
///     request.body(http_body_util::Full::new(bytes::Bytes::new())).unwrap()
/// };
/// let metadata = site.handle(asked("/.well-known/openid-configuration")).await.unwrap();
/// assert_eq!(metadata.status(), 200);
/// assert!(site.handle(asked("/shop")).await.is_err()); // for the other routes of the program
/// # let _ = (job, ask);
/// # }) }
/// ```
pub mod endpoints {
    #[doc(inline)]
    pub use hallpass_http::*;
}

/// Grants of one's own: pure functions of what was looked up. The engine looks up, decides, signs and commits.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/support.rs"));
/// # use std::sync::Arc;
/// use hallpass::Provider;
/// use hallpass::store::{BoxFuture, StoreError};
/// use hallpass::token::{
///     AccessGrant, Context, Fetch, Grant, Grants, Issuance, Lookup, Reason, Refused, Target,
/// };
/// use hallpass::types::{Params, Scope};
///
/// /// A voucher is worth an access token.
/// struct Voucher;
/// struct VoucherKey(String);
///
/// impl Lookup for VoucherKey {
///     type Found = Option<Scope>;
/// }
///
/// impl Fetch for VoucherKey {
///     fn fetch(self, _: &Provider) -> BoxFuture<'_, Result<Option<Scope>, StoreError>> {
///         // A real program asks its database.
///         let scope = Scope::parse("openid").ok().filter(|_| self.0 == "golden");
///         Box::pin(async { Ok(scope) })
///     }
/// }
///
/// impl Grant for Voucher {
///     const TYPE: &'static str = "urn:example:voucher";
///     const PARAMS: &'static [&'static str] = &["voucher"];
///     type Request = String;
///     type Key = VoucherKey;
///
///     fn parse(params: &Params) -> Result<String, Reason> {
///         params.get("voucher").map(str::to_owned).ok_or(Reason::CodeMissing)
///     }
///
///     fn key(voucher: &String) -> VoucherKey {
///         VoucherKey(voucher.clone())
///     }
///
///     fn decide(cx: &Context<'_>, _: String, found: Option<Scope>) -> Result<Issuance, Refused> {
///         let scope = found.ok_or(Reason::CodeUnknown)?;
///         let client = cx.client.client();
///         let target = Target::choose(cx.policy, client, &[], None)?;
///         Ok(Issuance::of(AccessGrant::plain(format!("voucher of {}", client.id), scope, target)))
///     }
/// }
///
/// # fn main() { run(async {
/// let builder = builder().await.grants(Grants::builtin().with::<Voucher>());
/// # let client = hallpass::ports::ClientSpec::new("job", serde_json::json!({"redirect_uris": [], "response_types": [],
/// #     "grant_types": ["urn:example:voucher"]}));
/// # let client = client.secret(hallpass::Secret::new("a-secret-that-is-long-enough-0123".into()));
/// # let site = hallpass::Site::new(builder.client(client).build().await.unwrap());
/// # let voucher = |name: &str| format!("grant_type=urn:example:voucher&voucher={name}");
/// # let (status, _, text) = ask(&site, "POST", "/token", &voucher("golden")).await;
/// # assert_eq!(status, 200, "{text}");
/// # assert!(ask(&site, "POST", "/token", &voucher("tin")).await.2.contains("invalid_grant"));
/// # let _ = job;
/// # }) }
/// ```
pub mod token {
    #[doc(inline)]
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

/// Where state lives: [`MemoryStore`](store::MemoryStore), SQLite and PostgreSQL (features `sqlite` and `postgres`), or a store of one's own that
/// passes the suite of contract tests (feature `contract`):
///
/// ```
/// # #[cfg(feature = "contract")]
/// # mod suite {
/// # use hallpass::store;
/// # use std::sync::Arc;
/// use hallpass::store::{MemoryStore, Store};
///
/// async fn empty() -> (Arc<dyn Store>, ()) {
///     (Arc::new(MemoryStore::new()), ()) // here: a store of one's own, empty
/// }
///
/// hallpass::store::contract_tests!(50, empty);
/// # }
/// ```
///
/// `examples/own-store` is a whole one.
pub mod store {
    #[doc(inline)]
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
