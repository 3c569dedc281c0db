//! A page of an application that calls the server by itself.

use serde_json::{Value, json};
use url::Url;

use crate::support::{Application, VERIFIER};
use crate::walk::{Shop, Walk};

/// What a page of the origin that is open gets from the server: of each call its status, or nothing where the browser keeps the answer
/// from it.
async fn calls(walk: &Walk, shop: &Shop, code: &str) -> Value {
    let given = json!({
        "issuer": walk.server.demo.issuer,
        "client": shop.client,
        "callback": shop.application.url("/callback"),
        "code": code,
        "verifier": VERIFIER,
    });
    let script = format!(
        r#"
        const done = arguments[arguments.length - 1];
        (async () => {{
        const {{ issuer, client, callback, code, verifier }} = {given};
        const told = {{}};
        const call = async (name, url, options) => {{
            try {{
                const answer = await fetch(url, options);
                told[name] = answer.status;
                return await answer.json().catch(() => ({{}}));
            }} catch (error) {{
                told[name] = null;
                return {{}};
            }}
        }};
        const form = (pairs) => ({{ method: 'POST', body: new URLSearchParams({{ client_id: client, ...pairs }}) }});
        const metadata = await call('discovery', issuer + '/.well-known/openid-configuration');
        await call('keys', metadata.jwks_uri ?? issuer + '/jwks');
        const endpoint = (name, path) => metadata[name] ?? issuer + path;
        const tokens = await call('token', endpoint('token_endpoint', '/token'), form({{
            grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier,
        }}));
        const bearer = {{ headers: {{ Authorization: 'Bearer ' + (tokens.access_token ?? 'x') }} }};
        const person = await call('userinfo', endpoint('userinfo_endpoint', '/userinfo'), bearer);
        told.person = person.sub !== undefined;
        await call('revoke', endpoint('revocation_endpoint', '/revoke'), form({{ token: tokens.refresh_token ?? 'x' }}));
        await call('after', endpoint('userinfo_endpoint', '/userinfo'), bearer);
        return told;
        }})().then(done, (error) => done(String(error)));
        "#
    );
    walk.browser.promise(&script).await
}

// L43, TK-42
#[tokio::test]
async fn l43_a_page_of_the_application_calls_what_it_needs_and_a_page_of_somebody_else_gets_nothing()
 {
    let Some(walk) = Walk::start("walk-page", true, &[]).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Shop").await;
    let arrives = async |first: bool| -> String {
        shop.ask(
            &walk,
            "openid email offline_access",
            &[("prompt", "consent")],
        )
        .await;
        if first {
            walk.sign_in().await;
        }
        browser.click("button#allow").await;
        let answer: Url = shop.answer(&walk).await;
        let mut pairs = answer.query_pairs();
        pairs
            .find(|(name, _)| name == "code")
            .unwrap()
            .1
            .into_owned()
    };
    let code = arrives(true).await;
    let told = calls(&walk, &shop, &code).await;
    let expected = json!({
        "discovery": 200, "keys": 200, "token": 200, "userinfo": 200, "person": true, "revoke": 200, "after": 401,
    });
    assert_eq!(told, expected);
    // Another origin reads what everybody may, and neither answers nor errors of the rest. What it asks for is not done for it in the
    // name of somebody else: it has no code that is not its own.
    let code = arrives(false).await;
    let other = Application::start();
    other.show("<p id=other>Elsewhere</p>");
    browser.open(&other.url("/")).await;
    browser.find("#other").await;
    let told = calls(&walk, &shop, &code).await;
    let expected = json!({
        "discovery": 200, "keys": 200, "token": null, "userinfo": null, "person": false, "revoke": null, "after": null,
    });
    assert_eq!(told, expected);
}
