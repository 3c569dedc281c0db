//! Operators at the dashboard, one thing of LoginID's pages after the other; and every page that there is.

use hallpass_dashboard::PAGES;
use serde_json::{Value, json};
use url::Url;

use crate::support::{Application, Folder, Http};
use crate::walk::Walk;

const GRACE: &str = "grace@example.org";
const PASSWORD: &str = "correct horse battery";

/// An operator with a password, on the page of projects.
async fn at_projects(walk: &Walk) {
    walk.open("/dashboard").await;
    walk.sign_in().await;
    walk.browser.find("#projects").await;
}

// L1
#[tokio::test]
async fn l01_the_first_operator_comes_by_a_link_and_from_then_on_with_a_passkey_alone() {
    let settings = [("HALLPASS__SIGN_IN__CONFIRM_NEW_DEVICE", "false")];
    let Some(walk) = Walk::start("walk-first-operator", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let device = browser.authenticator("internal").await;
    // They sign up by the link that the command prints, and choose a password.
    let made = walk.server.json(&["operator", "create", GRACE]);
    browser.open(made["link"].as_str().unwrap()).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.fill("input[name=again]", PASSWORD).await;
    browser.click("button#confirm").await;
    walk.open("/account/passkeys").await;
    browser.fill("form#login input[name=username]", GRACE).await;
    browser
        .fill("form#login input[name=password]", PASSWORD)
        .await;
    browser.click("button#sign-in").await;
    assert!(device.passkeys().await.is_empty());
    browser.click("button#create-passkey").await;
    browser.find("#passkeys li").await;
    assert_eq!(device.passkeys().await.len(), 1);

    // In a browser that knows nobody the passkey opens the dashboard, and what is there to be changed.
    browser.forget().await;
    device.person_is_there(false).await;
    walk.open("/dashboard").await;
    browser.find("button#use-passkey").await;
    assert!(!browser.sees("#projects").await);
    device.person_is_there(true).await;
    browser.click("button#use-passkey").await;
    browser.find("#projects").await;
    browser.click("a#new-project").await;
    browser.find("form#project-type").await;
    // The link was good once.
    browser.forget().await;
    browser.open(made["link"].as_str().unwrap()).await;
    browser.find("#error-id").await;
    assert!(!browser.sees("input[name=password]").await);
}

// L2
#[tokio::test]
async fn l02_a_project_is_made_by_its_type_and_name_and_has_an_issuer_of_its_own() {
    let Some(walk) = Walk::start("walk-project", true, &[]).await else {
        return;
    };
    let browser = &walk.browser;
    at_projects(&walk).await;
    browser.click("a#new-project").await;
    assert!(browser.text("main h1").await.contains("Advanced set-up"));
    let chosen = "return document.querySelector('input[name=type]:checked').value";
    assert_eq!(browser.script(chosen).await, json!("oidc"));
    browser.click("button#continue").await;
    // A name that cannot be is said at its field, and stays.
    let anything = "document.querySelector('input#name').removeAttribute('pattern')";
    browser.script(anything).await;
    browser.fill("input#name", "Not A Name").await;
    browser.click("button#continue").await;
    browser.find("#form-error").await;
    browser.find("input#name[aria-invalid=true]").await;
    browser.fill("input#name", "acme").await;
    browser.click("button#continue").await;
    let issuer = browser.text("#becomes").await;
    assert_eq!(issuer, walk.server.url("/p/acme"));
    let ask = async |address: String| {
        let url = Url::parse(&address).unwrap();
        let get = Http {
            method: "GET",
            url: &url,
            headers: Vec::new(),
            body: &[],
        };
        get.send().await.unwrap()
    };
    // Nothing is there before it is confirmed.
    let discovery = format!("{issuer}/.well-known/openid-configuration");
    assert_eq!(ask(discovery.clone()).await.status, 404);
    browser.click("button#confirm").await;
    browser.find("#created").await;
    let own = ask(discovery).await.json();
    assert_eq!(own["issuer"], issuer);
    let home = walk.server.url("/.well-known/openid-configuration");
    let home = ask(home).await.json();
    assert_ne!(own["issuer"], home["issuer"]);
    let keys = async |document: &Value| {
        let address = document["jwks_uri"].as_str().unwrap().to_owned();
        ask(address).await.json()["keys"].clone()
    };
    let (own, home) = (keys(&own).await, keys(&home).await);
    let shared = own.as_array().unwrap().iter().any(|key| {
        let kids = home.as_array().unwrap().iter();
        kids.map(|other| &other["kid"])
            .any(|kid| *kid == key["kid"])
    });
    assert!(!shared, "keys of its own");
    // The name is taken.
    walk.open("/dashboard/new?type=oidc").await;
    browser.fill("input#name", "acme").await;
    browser.click("button#continue").await;
    if !browser.sees("#form-error").await {
        browser.click("button#confirm").await;
    }
    browser.find("#form-error").await;
}

/// What has gone over the network since this was last asked: of every request its address, its headers and its body.
async fn sent(walk: &Walk) -> Vec<String> {
    let log = walk.browser.network().await;
    let sent = log.into_iter().filter(|one| {
        let method = one["method"].as_str().unwrap_or_default();
        method.starts_with("Network.requestWillBeSent") || method == "Network.webSocketFrameSent"
    });
    sent.map(|one| one["params"].to_string()).collect()
}

/// The lines of a private key as they are and as a form would encode them, and its secret number.
fn secrets(pem: &str, jwk: &Value) -> Vec<String> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let mut all: Vec<String> = lines.map(str::to_owned).collect();
    all.push(jwk["d"].as_str().unwrap().to_owned());
    let encoded: Vec<String> = all
        .iter()
        .map(|line| line.replace('+', "%2B").replace('/', "%2F"))
        .collect();
    all.extend(encoded);
    all
}

/// The form for a new application with a name and an address, and a key pair that was made in it.
async fn with_a_key(walk: &Walk, application: &Application) -> String {
    let browser = &walk.browser;
    walk.open("/dashboard/p/default/applications/new").await;
    browser.fill("input#name", "Corner Shop").await;
    browser
        .fill("textarea#redirect_uris", &application.url("/callback"))
        .await;
    browser.click("input#by-key").await;
    assert!(!browser.sees("#private-key-panel").await);
    browser.click("button#generate-key").await;
    browser.find("#private-key-panel:not([hidden])").await;
    let pem = browser.text("pre#private-key").await;
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"), "{pem}");
    pem
}

// L10
#[tokio::test]
async fn l10_a_key_pair_is_made_in_the_browser_and_no_request_holds_its_private_half() {
    let Some(walk) = Walk::start("walk-key-pair", true, &[]).await else {
        return;
    };
    let browser = &walk.browser;
    at_projects(&walk).await;
    let application = Application::start();
    let folder = Folder::new("walk-key-pair-downloads");
    browser.downloads_to(folder.path()).await;
    drop(sent(&walk).await);
    let first = with_a_key(&walk, &application).await;
    // Another one takes its place, and is another one.
    browser.click("button#generate-key").await;
    browser.find("#private-key-panel:not([hidden])").await;
    let changed = "return document.getElementById('private-key').textContent";
    let mut pem = first.clone();
    while pem.trim() == first.trim() {
        pem = browser.script(changed).await.as_str().unwrap().to_owned();
    }
    browser.find("button#download-jwk").await.tap().await;
    let jwk = folder.file("private-key.jwk.json").await;
    let jwk: Value = serde_json::from_str(&jwk).unwrap();
    browser.click("button#create").await;
    browser.find("#done").await;
    walk.open("/dashboard/p/default/applications").await;

    let requests = sent(&walk).await;
    let posted: Vec<&String> = requests
        .iter()
        .filter(|one| one.contains("\"POST\"") && one.contains("/applications/new"))
        .collect();
    assert_eq!(posted.len(), 1, "{requests:#?}");
    let public = jwk["x"].as_str().unwrap();
    assert!(posted[0].contains(public), "the public half is sent");
    let mut secret = secrets(&pem, &jwk);
    secret.extend(
        first
            .lines()
            .filter(|l| !l.starts_with('-'))
            .map(str::to_owned),
    );
    for request in &requests {
        assert!(!request.contains("PRIVATE KEY"), "{request}");
        for word in ["\\\"d\\\"", "%22d%22"] {
            assert!(!request.contains(word), "{request}");
        }
        let found = secret.iter().find(|line| request.contains(line.as_str()));
        assert_eq!(found, None, "{request}");
    }
    // What the server has of it is the public half.
    let clients = walk.server.json(&["client", "list"]).to_string();
    assert!(!secret.iter().any(|line| clients.contains(line.as_str())));
}

// L11
#[tokio::test]
async fn l11_the_private_key_is_shown_once_to_copy_and_to_keep_and_then_only_its_public_half_is_left()
 {
    let Some(walk) = Walk::start("walk-key-once", true, &[]).await else {
        return;
    };
    let browser = &walk.browser;
    at_projects(&walk).await;
    let application = Application::start();
    let folder = Folder::new("walk-key-once-downloads");
    browser.downloads_to(folder.path()).await;
    let pem = with_a_key(&walk, &application).await;

    // Copied, and kept as a file in either form.
    let clipboard = "navigator.clipboard.writeText = async (text) => { window.copied = text; }";
    browser.script(clipboard).await;
    browser.click("button[data-copy=private-key]").await;
    let copied = browser.script("return window.copied").await;
    assert_eq!(copied.as_str().unwrap().trim(), pem.trim());
    browser.find("button#download-key").await.tap().await;
    let file = folder.file("private-key.pem").await;
    assert_eq!(file.trim(), pem.trim());
    browser.find("button#download-jwk").await.tap().await;
    let jwk: Value = serde_json::from_str(&folder.file("private-key.jwk.json").await).unwrap();
    let secret = secrets(&pem, &jwk);
    let kid = jwk["kid"].as_str().unwrap();

    let assert_gone = async |at: &str| {
        let page = browser
            .script("return document.documentElement.outerHTML + document.body.innerText")
            .await;
        let page = page.as_str().unwrap();
        assert!(!page.contains("BEGIN PRIVATE KEY"), "{at}");
        assert!(
            !secret.iter().any(|line| page.contains(line.as_str())),
            "{at}"
        );
        assert!(!browser.sees("pre#private-key").await, "{at}");
        let kept = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state])";
        let kept = browser.script(kept).await;
        let kept = kept.as_str().unwrap();
        assert!(
            !secret.iter().any(|line| kept.contains(line.as_str())),
            "{at}: {kept}"
        );
    };
    browser.click("button#create").await;
    browser.find("#done").await;
    assert_gone("after it was created").await;
    // Thumbprint and date of the public half are there.
    browser
        .find(&format!("#keys tr[data-kid='{kid}'] time"))
        .await;
    browser
        .find(&format!(
            "#keys tr[data-kid='{kid}'] td:nth-of-type(2) code"
        ))
        .await;
    walk.open("/dashboard/p/default/applications/new").await;
    assert_gone("on the page where it was made").await;
    browser.script("history.go(-2)").await;
    browser.find("input#by-key").await;
    assert_gone("where the browser goes back to").await;
    // Neither does a page that is loaded again show it.
    let pem = with_a_key(&walk, &application).await;
    browser.script("location.reload()").await;
    browser.find("input#by-key").await;
    let page = browser
        .script("return document.documentElement.outerHTML")
        .await;
    assert!(!page.as_str().unwrap().contains(pem.lines().nth(1).unwrap()));
    assert!(!browser.sees("#private-key-panel").await);
    let jwk = "return document.getElementById('jwk').value";
    assert_eq!(browser.script(jwk).await, json!(""));
}

const LONG: &str = "a-project-with-a-name-that-is-as-long-as-names-of-projects-can-b";

/// A server with a project in which there is a lot of everything, and what of it pages name.
struct Full {
    walk: Walk,
    user: String,
    client: String,
    webhook: String,
}

async fn full(name: &str) -> Option<Full> {
    let settings = [
        ("HALLPASS__MAIL__FROM", "hallpass@example.com"),
        ("HALLPASS__ACCESS__ENABLED", "true"),
    ];
    let walk = Walk::start(name, true, &settings).await?;
    let project = LONG.get(..63).unwrap();
    walk.server.command(&["issuer", "create", project]);
    for name in ["acme", "b-shop", "zeta"] {
        walk.server.command(&["issuer", "create", name]);
    }
    // More people than a page holds, with names of every length.
    let mut csv = "username,email,name\n".to_owned();
    for number in 0..120 {
        let long = if number % 7 == 0 {
            "-of-a-very-long-house-of-old"
        } else {
            ""
        };
        csv.push_str(&format!(
            "person{number:03}{long},person{number:03}{long}@subdomain.example.org,Person {number} {long}\n"
        ));
    }
    let file = walk.server.data().with_file_name("people.csv");
    std::fs::write(&file, csv).unwrap();
    let of = |arguments: &[&str]| {
        let all = [&["--issuer", project], arguments].concat();
        walk.server.json(&all)
    };
    of(&["user", "import", file.to_str().unwrap()]);
    let people = of(&["user", "list"]);
    let user = people.as_array().unwrap()[0]["subject"]
        .as_str()
        .unwrap()
        .to_owned();
    of(&["role", "set", "editor", "--permission", "orders:write"]);
    at_projects(&walk).await;
    let here = format!("/dashboard/p/{project}");
    let browser = &walk.browser;
    // Applications, a webhook, a scope, a provider, a look.
    let mut client = String::new();
    for number in 0..3 {
        walk.open(&format!("{here}/applications/new")).await;
        let name = format!("Shop {number} {}", "with a long name ".repeat(number));
        browser.fill("input#name", &name).await;
        browser
            .fill("textarea#redirect_uris", "https://shop.example/callback")
            .await;
        browser.click("button#create").await;
        browser.find("#done").await;
        client = browser.text("code#application-id").await;
    }
    walk.open(&format!("{here}/webhooks/new")).await;
    browser
        .fill("input#url", "https://hooks.example.com/hallpass")
        .await;
    browser.click("button#create-webhook").await;
    browser.click("a#go-on").await;
    browser.find("button#test").await;
    let webhook = browser.address().await;
    let webhook = webhook.path().rsplit('/').next().unwrap().to_owned();
    walk.open(&format!("{here}/scopes")).await;
    browser
        .script("document.querySelector('#custom details').open = true")
        .await;
    browser.fill("input#scope-name", "orders:read").await;
    browser.fill("input#scope-title", "Your orders").await;
    browser
        .fill("input#scope-description", "See what you have ordered")
        .await;
    browser.click("button#save-scope").await;
    browser.find("#done").await;
    Some(Full {
        walk,
        user,
        client,
        webhook,
    })
}

/// Every page of the registry, with real things on it: a new page without its case here fails.
#[tokio::test]
async fn axe_finds_no_barrier_on_any_page_of_the_dashboard_and_nothing_is_too_wide() {
    let Some(full) = full("walk-every-page").await else {
        return;
    };
    let project = LONG.get(..63).unwrap();
    let browser = &full.walk.browser;
    // What says that something is wrong is a page, too. Only where there is a project is there a way into it.
    for (name, path, inside) in [
        ("page", "/nothing".to_owned(), false),
        ("project", "/p/no-such".to_owned(), false),
        ("thing", format!("/p/{project}/users/nobody"), true),
    ] {
        full.walk.open(&format!("/dashboard{path}")).await;
        assert_eq!(browser.text("#error-id").await, "not_found", "{path}");
        assert_eq!(browser.sees("[data-nav]").await, inside, "{path}");
        full.walk.look(&format!("every-error-{name}")).await;
    }
    for page in PAGES {
        let more: &[&str] = match page.id {
            "projects" => &["", "?q=shop", "?q=nothing-is-called-so"],
            "projects.new" => &["", "?type=oidc"],
            "overview" => &["", "?days=90"],
            "users" => &["", "?q=person00", "?q=nobody", "?show=disabled"],
            "applications.show" => &["", "?profile=fapi2-security"],
            "audit" => &["", "?verify=yes"],
            "operators.all" | "applications" | "applications.new" | "applications.edit"
            | "applications.try" | "users.new" | "users.invite" | "users.show" | "roles"
            | "keys" | "webhooks" | "webhooks.new" | "webhooks.show" | "operators" | "scopes"
            | "providers" | "appearance" | "project" | "settings" => &[""],
            // A picture.
            "logo" => continue,
            new => panic!("{new} has no case here"),
        };
        let path = page
            .path
            .replace("{project}", project)
            .replace("{client}", &full.client)
            .replace("{user}", &full.user)
            .replace("{webhook}", &full.webhook);
        for (number, query) in more.iter().enumerate() {
            full.walk.open(&format!("/dashboard{path}{query}")).await;
            browser.find("main#main h1").await;
            assert!(!browser.sees("#error-id").await, "{path}{query}");
            // What is folded up is looked at, too.
            let unfold =
                "for (const one of document.querySelectorAll('main details')) one.open = true";
            browser.script(unfold).await;
            let name = format!("every-{}-{number}", page.id);
            full.walk.look(&name).await;
            // By the keyboard alone: everything that can be used gets the focus, and the first thing is the way to the content.
            browser.script("document.activeElement.blur()").await;
            let reach = "
                const skipped = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
                    .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex < 0);
                return skipped.map((one) => one.outerHTML)";
            assert_eq!(browser.script(reach).await, json!([]), "{path}");
            // Where a field has the focus from the start, the next one follows it.
            let begins = "return document.querySelector('[autofocus]') === null";
            if browser.script(begins).await == json!(true) {
                browser.press("\u{e004}").await;
                let first = "return document.activeElement.className";
                assert_eq!(browser.script(first).await, json!("skip"), "{path}");
            }
        }
    }
}
