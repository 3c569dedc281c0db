//! A grant type of the program's own: a voucher is worth an access token, once.

use std::{error::Error, sync::Arc};

use hallpass::policy::ScopeSpec;
use hallpass::ports::{Account, Accounts, ClientSpec, PageKind};
use hallpass::store::{BoxFuture, MemoryStore, StoreError};
use hallpass::token::{
    AccessGrant, Context, Fetch, Grant, Grants, Issuance, Lookup, Reason, Refused, Target,
};
use hallpass::types::{IssuerId, Params, Scope};
use hallpass::{Issuer, MasterKey, Provider, Site, Subject};

// [grant]
/// What a voucher allows. Deciding is pure: the engine looks up what the key names, decides, signs and commits.
struct Voucher;

struct VoucherKey(String);

impl Lookup for VoucherKey {
    type Found = Option<Scope>;
}

impl Fetch for VoucherKey {
    fn fetch(self, _: &Provider) -> BoxFuture<'_, Result<Option<Scope>, StoreError>> {
        // A real program asks its database.
        let scope = Scope::parse("coffee").ok().filter(|_| self.0 == "golden");
        Box::pin(async { Ok(scope) })
    }
}

impl Grant for Voucher {
    const TYPE: &'static str = "urn:example:voucher";
    const PARAMS: &'static [&'static str] = &["voucher"];
    type Request = String;
    type Key = VoucherKey;

    fn parse(params: &Params) -> Result<String, Reason> {
        params.get("voucher").map(str::to_owned).ok_or(Reason::OwnParameterMissing)
    }

    fn key(voucher: &String) -> VoucherKey {
        VoucherKey(voucher.clone())
    }

    fn decide(cx: &Context<'_>, _: String, found: Option<Scope>) -> Result<Issuance, Refused> {
        let scope = found.ok_or(Reason::OwnGrantInvalid)?;
        let client = cx.client.client();
        let target = Target::choose(cx.policy, client, &[], None)?;
        Ok(Issuance::of(AccessGrant::plain(format!("voucher of {}", client.id), scope, target)))
    }
}
// [/grant]

/// Nobody signs in here.
struct Nobody;

impl Accounts for Nobody {
    fn account<'a>(
        &'a self,
        _: IssuerId,
        _: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    println!("{address}");
    // [register]
    let machine = serde_json::json!({
        "redirect_uris": [], "response_types": [], "grant_types": [Voucher::TYPE],
        "token_endpoint_auth_method": "none",
    });
    let provider = Provider::builder(Issuer::parse(&address)?)
        .store(Arc::new(MemoryStore::new()))
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(Arc::new(Nobody))
        .interaction(Arc::new(|_: PageKind, _: &str| String::from("/")), "main")
        .await?
        .grants(Grants::builtin().with::<Voucher>())
        .policy(|policy| {
            policy.grant_types.push(Voucher::TYPE.into());
            policy.scopes.push(ScopeSpec::new("coffee"));
        })
        .client(ClientSpec::new("machine", machine))
        .build()
        .await?;
    // [/register]
    Ok(axum::serve(listener, Site::new(provider).into_router()).await?)
}
