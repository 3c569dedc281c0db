//! Grants that the embedding program brings along.

use hallpass_core::token::{
    AccessGrant, Context, Grant, Issuance, Lookup, Reason, Refused, Target,
};
use hallpass_provider::{Call, Failure, Fetch, GrantHandler, Grants, Issued, Provider};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_testkit::{Answer, Ask, Browser, Op, Prover, Setup, Tokens, fixture, fixture::Seed};
use hallpass_types::{Params, Scope};
use serde_json::json;

const VOUCHER: &str = "urn:example:voucher";
const GREETING: &str = "urn:example:greeting";

/// A voucher is worth what a table says. Pure: the engine looks it up.
struct Voucher;

struct VoucherKey(String);

impl Lookup for VoucherKey {
    /// What the voucher allows.
    type Found = Option<Scope>;
}

impl Fetch for VoucherKey {
    fn fetch(self, _: &Provider) -> BoxFuture<'_, Result<Option<Scope>, StoreError>> {
        let known = (self.0 == "golden").then(|| Scope::parse("api:read").unwrap());
        Box::pin(async { Ok(known) })
    }
}

impl Grant for Voucher {
    const TYPE: &'static str = VOUCHER;
    const PARAMS: &'static [&'static str] = &["voucher", "resource"];
    type Request = (String, Vec<String>);
    type Key = VoucherKey;

    fn parse(params: &Params) -> Result<Self::Request, Reason> {
        let voucher = params.get("voucher").ok_or(Reason::CodeMissing)?;
        let resources = params.all("resource").map(str::to_owned).collect();
        Ok((voucher.to_owned(), resources))
    }

    fn key((voucher, _): &Self::Request) -> VoucherKey {
        VoucherKey(voucher.clone())
    }

    fn decide(
        cx: &Context<'_>,
        (_, resources): Self::Request,
        found: Option<Scope>,
    ) -> Result<Issuance, Refused> {
        let scope = found.ok_or(Reason::CodeUnknown)?;
        let target = Target::choose(cx.policy, cx.client.client(), &resources, None)?;
        Ok(Issuance::of(access(
            cx.client.client(),
            scope,
            target,
            None,
        )))
    }
}

fn access(
    client: &hallpass_core::client::Client,
    scope: Scope,
    target: Target,
    extra: Option<String>,
) -> AccessGrant {
    let subject = format!("voucher of {}", client.id);
    AccessGrant {
        extra,
        ..AccessGrant::plain(subject, scope, target)
    }
}

/// A grant that looks things up by itself.
struct Greeting;

impl GrantHandler for Greeting {
    fn grant_type(&self) -> &'static str {
        GREETING
    }

    fn params(&self) -> &'static [&'static str] {
        &["hello"]
    }

    fn handle<'a>(
        &'a self,
        provider: &'a Provider,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Issued, Failure>> {
        Box::pin(async move {
            if call.params.get("hello") != Some("world") {
                return Err(Reason::CodeUnknown.into());
            }
            assert_eq!(call.params.get("scope"), None, "it declares no scope");
            let client = call.client.client();
            let target = Target::choose(provider.policy(), client, &[], None)?;
            let extra = Some(json!({"greeted": true}).to_string());
            let access = access(client, Scope::default(), target, extra);
            provider.issue(&call, Issuance::of(access)).await
        })
    }
}

async fn start() -> Op {
    let grants = Grants::builtin().with::<Voucher>().with_handler(Greeting);
    let seed = Seed {
        id: "machine2",
        secret: None,
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": [VOUCHER, GREETING],
            "token_endpoint_auth_method": "none"}),
    };
    let bound = Seed {
        id: "bound",
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": [VOUCHER, GREETING],
            "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true}),
        ..seed.clone()
    };
    Setup::default()
        .build(|builder| builder.grants(grants))
        .policy(|policy| {
            policy
                .grant_types
                .extend([VOUCHER.to_owned(), GREETING.to_owned()]);
        })
        .client(seed)
        .client(bound)
        .start()
        .await
}

async fn ask(browser: &mut Browser, pairs: &[(&str, &str)]) -> Answer {
    let mut pairs = pairs.to_vec();
    pairs.push(("client_id", "machine2"));
    browser.form("/token", &pairs).await
}

#[tokio::test]
async fn a_grant_of_ones_own_is_listed_registered_and_used() {
    let op = start().await;
    let mut browser = op.browser();
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    for grant in [VOUCHER, GREETING] {
        let listed = document["grant_types_supported"].as_array().unwrap();
        assert!(listed.contains(&json!(grant)), "{grant}");
    }
    let pairs = [
        ("grant_type", VOUCHER),
        ("voucher", "golden"),
        ("resource", fixture::API2),
    ];
    let tokens = Tokens::of(&ask(&mut browser, &pairs).await);
    assert_eq!(tokens.scope.as_deref(), Some("api:read"));
    let seen = browser
        .call("rs2", "/introspect", &[("token", &tokens.access)])
        .await
        .json();
    assert_eq!(
        (&seen["active"], &seen["sub"]),
        (&json!(true), &json!("voucher of machine2"))
    );

    let pairs = [
        ("grant_type", GREETING),
        ("hello", "world"),
        ("scope", "openid"),
    ];
    let tokens = Tokens::of(&ask(&mut browser, &pairs).await);
    assert_eq!((tokens.scope, tokens.refresh), (None, None));
    assert_eq!(browser.userinfo(&tokens.access).await.status, 403);
}

// TK-40
#[tokio::test]
async fn a_grant_of_ones_own_refuses_by_the_same_rules() {
    let op = start().await;
    let mut browser = op.browser();
    for (pairs, error) in [
        (&[("grant_type", VOUCHER)][..], "invalid_request"),
        (
            &[("grant_type", VOUCHER), ("voucher", "tin")],
            "invalid_grant",
        ),
        (
            &[
                ("grant_type", VOUCHER),
                ("voucher", "golden"),
                ("resource", "x"),
            ],
            "invalid_target",
        ),
        (
            &[("grant_type", GREETING), ("hello", "moon")],
            "invalid_grant",
        ),
        (
            &[("grant_type", "urn:example:other")],
            "unsupported_grant_type",
        ),
    ] {
        let answer = ask(&mut browser, pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, error),
            "{pairs:?}"
        );
    }
    // A client that did not register it.
    let pairs = [("grant_type", VOUCHER), ("voucher", "golden")];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(answer.error(), "unauthorized_client");
}

// TK-50
#[tokio::test]
async fn what_a_grant_of_ones_own_issues_is_bound_to_the_key_of_the_proof() {
    let op = start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    for (grant, name, value) in [(VOUCHER, "voucher", "golden"), (GREETING, "hello", "world")] {
        let pairs = [("client_id", "bound"), ("grant_type", grant), (name, value)];
        let without = browser.form("/token", &pairs).await;
        assert_eq!(without.error(), "invalid_dpop_proof", "{grant}");
        let proof = prover.post("/token", op.clock.seconds());
        let ask = Ask::form("/token", &pairs).header("DPoP", &proof);
        let access = Tokens::of_type(&browser.send(ask.clone()).await, "DPoP").access;
        let answer = browser.send(Ask::get("/userinfo").bearer(&access)).await;
        assert_eq!((answer.status, &*answer.error()), (401, "invalid_token"));
        let again = browser.send(ask).await;
        assert_eq!(again.error(), "invalid_dpop_proof", "{grant}");
    }
}
