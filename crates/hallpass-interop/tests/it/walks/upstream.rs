//! Signing in at another provider, which is a second one of ours under another host.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use hallpass_load::browser::User;
use serde_json::json;

use crate::support::{Folder, Ports, Server};
use crate::walk::{Shop, Walk};

const SECRET: &str = "hpk_upstream-0123456789abcdefghijklmnopqrstu";

/// A certificate for this machine and its key, as files.
fn certificate(folder: &Folder) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = [
        ("chain.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ];
    let [chain, key] = files.map(|(name, pem)| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    });
    (chain, key)
}

// S49
#[tokio::test]
async fn s49_a_person_links_an_identity_signs_in_with_it_and_unlinks_it() {
    // Another host, since cookies know no ports; and what a provider elsewhere has: a certificate.
    let (elsewhere, here) = (Ports::free(), Ports::free());
    let issuer = elsewhere.issuer("https", "127.0.0.1");
    let callback = format!("{}/upstream/idp/callback", here.issuer("http", "localhost"));
    let folder = Folder::new("certificate");
    let (chain, key) = certificate(&folder);
    let client = format!(
        "[{{ client_id = \"hallpass\", client_secret = \"{SECRET}\", client_name = \"Hallpass\", \
         redirect_uris = [\"{callback}\"], scope = \"openid profile email\", \
         token_endpoint_auth_method = \"client_secret_basic\" }}]"
    );
    let settings = [
        ("HALLPASS__SERVER__ISSUER", issuer.as_str()),
        ("HALLPASS__TLS__CERT_FILE", &chain),
        ("HALLPASS__TLS__KEY_FILE", &key),
        ("HALLPASS__CLIENTS", &client),
    ];
    let idp = Server::start_at("walk-idp", elsewhere, &settings);
    let upstreams = format!(
        "[{{ id = \"idp\", name = \"Elsewhere\", issuer = \"{issuer}\", client_id = \"hallpass\", \
         client_secret = \"{SECRET}\", client_auth = \"client_secret_basic\", first_time = \"create\" }}]"
    );
    let settings = [
        ("HALLPASS__UPSTREAMS", upstreams.as_str()),
        (
            "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
            r#"["127.0.0.0/8"]"#,
        ),
        ("HALLPASS__DANGER__FETCH_EXTRA_ROOTS_FILE", &chain),
    ];
    let Some(walk) = Walk::start_at("walk-upstream", true, here, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;

    // Somebody who comes for the first time is somebody new here.
    shop.ask(&walk, "openid profile", &[]).await;
    browser.find("button#upstream-idp").await;
    walk.look("sign-in-upstream").await;
    browser.click("button#upstream-idp").await;
    browser.find("form#login").await;
    assert!(browser.address().await.as_str().starts_with(&issuer));
    walk.sign_in_as(&idp.demo.user).await;
    browser.click("button#allow").await;
    browser.find("form#consent").await;
    assert!(!browser.address().await.as_str().starts_with(&issuer));
    browser.click("button#allow").await;
    let guest = shop.tokens(&walk).await["claims"]["sub"].clone();
    assert_ne!(guest, json!(null));

    // The owner of an account links it, signed in there still.
    browser.forget().await;
    walk.open("/linked-accounts").await;
    walk.sign_in().await;
    browser.find("button#link-idp").await;
    walk.look("linked-none").await;
    browser.click("button#link-idp").await;
    // It belongs to the one who came first.
    walk.sign_in_as(&idp.demo.user).await;
    browser.find("#error-code").await;
    walk.look("link-taken").await;

    // Whoever has it takes it off, and then somebody else can have it.
    browser.forget().await;
    shop.ask(&walk, "openid profile", &[]).await;
    browser.click("button#upstream-idp").await;
    walk.sign_in_as(&idp.demo.user).await;
    assert_eq!(shop.tokens(&walk).await["claims"]["sub"], guest);
    walk.open("/linked-accounts").await;
    browser.find("#identities").await;
    walk.look("linked").await;
    // It is all they have to sign in with, so it stays.
    browser.click("#identities button[name=unlink]").await;
    browser.find("#error-code").await;
    walk.look("unlink-last").await;
    walk.open("/linked-accounts").await;
    browser.find("#identities").await;

    // Somebody with a password links another one, signs in with it, and takes it off again.
    let elsewhere = idp.json(&["user", "create", "grace", "--generate"]);
    let grace = User {
        username: "grace".to_owned(),
        password: elsewhere["password"].as_str().unwrap().to_owned(),
    };
    browser.forget().await;
    walk.open("/linked-accounts").await;
    walk.sign_in().await;
    browser.click("button#link-idp").await;
    walk.sign_in_as(&grace).await;
    browser.click("button#allow").await;
    browser.find("#identities li:only-child").await;
    browser.forget().await;
    shop.ask(&walk, "openid profile", &[]).await;
    browser.click("button#upstream-idp").await;
    walk.sign_in_as(&grace).await;
    browser.click("button#allow").await;
    let owner = shop.tokens(&walk).await["claims"]["sub"].clone();
    assert_ne!(owner, guest);
    // Whoever takes off how they came in shows the password first.
    walk.open("/linked-accounts").await;
    browser.click("#identities button[name=unlink]").await;
    browser.find("button#link-idp").await;
    assert!(!browser.sees("#identities").await);
    walk.look("unlinked").await;
    // What was linked is somebody new now, who is not the owner.
    browser.forget().await;
    shop.ask(&walk, "openid profile", &[]).await;
    browser.click("button#upstream-idp").await;
    walk.sign_in_as(&grace).await;
    browser.click("button#allow").await;
    let stranger = shop.tokens(&walk).await["claims"]["sub"].clone();
    assert_ne!(stranger, owner);
}
