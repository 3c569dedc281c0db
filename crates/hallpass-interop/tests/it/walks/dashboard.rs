//! Operators at the dashboard, from their first passkey to the tokens of an application.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_load::http::encode_form;
use serde_json::{Value, json};
use url::Url;

use crate::support::{Application, Http};
use crate::walk::Walk;

const GRACE: &str = "grace@example.org";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An operator with a passkey, at the dashboard: by the link that the command prints, as the first one comes.
async fn come(walk: &Walk) {
    let made = walk.server.json(&["operator", "create", GRACE]);
    let browser = &walk.browser;
    browser.open(made["link"].as_str().unwrap()).await;
    browser.find("form#link input[name=password]").await;
    browser
        .fill("input[name=password]", "correct horse battery")
        .await;
    browser
        .fill("input[name=again]", "correct horse battery")
        .await;
    browser.click("button#confirm").await;
    walk.open("/account/passkeys").await;
    browser.fill("form#login input[name=username]", GRACE).await;
    browser
        .fill("form#login input[name=password]", "correct horse battery")
        .await;
    browser.click("button#sign-in").await;
    browser.find("#no-passkeys").await;
    browser.click("button#create-passkey").await;
    browser.find("#passkeys li").await;
}

/// A client assertion of a private key in PEM, signed by the browser, which has what it takes.
async fn assertion(walk: &Walk, pem: &str, client: &str, audience: &str, kid: &str) -> String {
    let given = json!({ "pem": pem, "client": client, "audience": audience, "kid": kid });
    let script = format!(
        r#"
        const done = arguments[arguments.length - 1];
        (async () => {{
        const {{ pem, client, audience, kid }} = {given};
        const der = Uint8Array.from(atob(pem.split('\n').filter((l) => !l.startsWith('-')).join('')), (c) => c.charCodeAt(0));
        const way = {{ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }};
        const plain = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
        const part = (value) => plain(new TextEncoder().encode(JSON.stringify(value)));
        const key = await crypto.subtle.importKey('pkcs8', der, way, false, ['sign']);
        const iat = Math.floor(Date.now() / 1000);
        const claims = {{ iss: client, sub: client, aud: audience, iat, exp: iat + 60, jti: crypto.randomUUID() }};
        const signed = part({{ alg: 'ES256', typ: 'JWT', kid }}) + '.' + part(claims);
        const signature = await crypto.subtle.sign(way, key, new TextEncoder().encode(signed));
        return signed + '.' + plain(new Uint8Array(signature));
        }})().then(done, (error) => done(String(error)));
        "#
    );
    let made = walk.browser.promise(&script).await;
    made.as_str().unwrap().to_owned()
}

/// Posts a form, with the value of an `Authorization` header or without.
async fn post(url: &str, authorization: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let body = encode_form(form.iter().copied());
    let url = Url::parse(url).unwrap();
    let mut request = Http::form(&url, &body);
    if !authorization.is_empty() {
        request.headers.push(("Authorization", authorization));
    }
    let answer = request.send().await.unwrap();
    (answer.status, answer.json())
}

/// What must be in no request: the lines of a private key, as they are and as forms encode them.
fn lines_of(pem: &str) -> Vec<String> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines
        .flat_map(|line| {
            [
                line.to_owned(),
                line.replace('+', "%2B").replace('/', "%2F"),
            ]
        })
        .collect()
}

/// No request has one of these lines, or anything that looks like a private key.
fn assert_without(requests: &[String], secret: &[String]) {
    for request in requests {
        assert!(
            !request.contains("PRIVATE") && !request.contains("%22d%22"),
            "{request}"
        );
        assert!(
            !secret.iter().any(|line| request.contains(line.as_str())),
            "{request}"
        );
    }
}

/// A person signs in to the application as the page for that says: the code, and its verifier. The first time with their
/// password and consent.
async fn code(walk: &Walk, application: &Application, id: &str, first: bool) -> (String, String) {
    let browser = &walk.browser;
    walk.open(&format!("/dashboard/p/acme/applications/{id}/try"))
        .await;
    let (start, verifier) = (
        browser.text("code#authorization-url").await,
        browser.text("code#code-verifier").await,
    );
    browser.open(&start).await;
    if first {
        browser.fill("form#login input[name=username]", "bob").await;
        browser
            .fill("form#login input[name=password]", "a bottle of wine")
            .await;
        browser.click("button#sign-in").await;
        browser.click("button#allow").await;
    }
    browser.find("#arrived").await;
    let arrived = application.answer();
    let mut pairs = arrived.query_pairs();
    let code = pairs.find(|(name, _)| name == "code").unwrap().1;
    (code.into_owned(), verifier)
}

/// Every request of a browser since this was last asked: its address and its body.
async fn requests(walk: &Walk) -> Vec<String> {
    let log = walk.browser.network().await;
    let sent = log
        .into_iter()
        .filter(|one| one["method"] == "Network.requestWillBeSent");
    sent.map(|one| one["params"]["request"].to_string())
        .collect()
}

// L1, L2, L4, L7, L8, L9, L10, L11, L12, L13, L14, L15
#[tokio::test]
async fn l01_l15_an_operator_comes_with_a_passkey_and_leaves_with_the_tokens_of_an_application() {
    let settings = [
        ("HALLPASS__SIGN_IN__CONFIRM_NEW_DEVICE", "false"),
        ("HALLPASS__DANGER__LOGINID_COMPATIBILITY", "true"),
    ];
    let Some(walk) = Walk::start("walk-dashboard", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let device = browser.authenticator("internal").await;
    come(&walk).await;
    assert_eq!(device.passkeys().await.len(), 1);

    // L1: in a browser that knows nobody, the passkey alone.
    browser.forget().await;
    device.person_is_there(false).await;
    walk.open("/dashboard").await;
    browser.find("button#use-passkey").await;
    device.person_is_there(true).await;
    browser.click("button#use-passkey").await;
    browser.find("#projects").await;
    walk.look("dashboard-projects").await;

    // L2: advanced set-up, type, name, confirm.
    browser.click("a#new-project").await;
    walk.look("dashboard-project-type").await;
    browser.click("button#continue").await;
    browser.fill("input#name", "acme").await;
    walk.look("dashboard-project-name").await;
    browser.click("button#continue").await;
    let issuer = browser.text("#becomes").await;
    assert_eq!(issuer, walk.server.url("/p/acme"));
    walk.look("dashboard-project-confirm").await;
    browser.click("button#confirm").await;
    browser.find("#created").await;

    // Applications of LoginID show their JWT as it says.
    browser.click("a[data-nav=project]").await;
    browser.click("#all-settings > summary").await;
    let own = r#"{"compatibility": {"loginid": true}, "routes": {"profile": "loginid"}}"#;
    browser.fill("textarea#settings", own).await;
    browser.click("button#save-raw").await;
    browser.find("#done").await;
    walk.look("dashboard-project").await;
    browser.click("a[data-nav=settings]").await;
    assert!(
        browser
            .text("code#token_endpoint")
            .await
            .ends_with("/oidc/token")
    );

    // L4: what can be copied is what discovery says.
    walk.look("dashboard-settings").await;
    let discovery = browser.text("code#discovery").await;
    let discovery = Url::parse(&discovery).unwrap();
    let document = Http {
        method: "GET",
        url: &discovery,
        headers: Vec::new(),
        body: &[],
    };
    let document = document.send().await.unwrap().json();
    for member in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
    ] {
        let shown = browser.text(&format!("code#{member}")).await;
        assert_eq!(document[member], shown, "{member}");
        assert!(
            browser.sees(&format!("button[data-copy={member}]")).await,
            "{member}"
        );
    }

    // L7, L8: an application, whose addresses are looked at while they are typed.
    let application = Application::start();
    let callback = application.url("/callback");
    browser.click("a[data-nav=applications]").await;
    browser.click("a#add-application").await;
    browser.fill("input#name", "Corner Shop").await;
    browser
        .fill("textarea#redirect_uris", "http://shop.example/cb")
        .await;
    assert!(browser.text("#redirect-problems").await.contains("https"));
    browser.fill("textarea#redirect_uris", &callback).await;
    assert!(!browser.sees("#redirect-problems li").await);

    // L10: the key pair is made here.
    drop(requests(&walk).await);
    browser.click("input#by-key").await;
    browser.click("button#generate-key").await;
    browser.find("#private-key-panel:not([hidden])").await;
    let pem = browser.text("pre#private-key").await;
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    walk.look("dashboard-application-new").await;
    let private = "return document.getElementById('jwk').value";
    let public: Value =
        serde_json::from_str(browser.script(private).await.as_str().unwrap()).unwrap();
    assert!(public.get("d").is_none());
    browser.click("button#create").await;
    browser.find("#done").await;
    let sent = requests(&walk).await;
    let body = sent
        .iter()
        .find(|request| request.contains("/applications/new") && request.contains("POST"));
    assert!(
        body.is_some_and(|body| body.contains("postData")),
        "{sent:#?}"
    );
    let secret = lines_of(&pem);
    assert_without(&sent, &secret);

    // L11: what is left is the public key.
    let id = browser.text("code#application-id").await;
    assert_eq!(id.len(), 22);
    let kid = public["kid"].as_str().unwrap().to_owned();
    let page = browser
        .script("return document.documentElement.outerHTML")
        .await;
    let page = page.as_str().unwrap();
    assert!(page.contains(&kid) && !secret.iter().any(|line| page.contains(line.as_str())));
    assert!(!browser.sees("pre#private-key").await);
    walk.look("dashboard-application").await;

    // L9: somebody signs in to it as the page for that says, and it gets tokens by its key alone.
    let password = walk.server.data().with_file_name("password");
    std::fs::write(&password, "a bottle of wine").unwrap();
    let password = password.to_str().unwrap();
    walk.server.command(&[
        "--issuer",
        "acme",
        "user",
        "create",
        "bob",
        "--password-file",
        password,
    ]);
    browser.click("a#try").await;
    walk.look("dashboard-try-it").await;
    let token_endpoint = document["token_endpoint"].as_str().unwrap().to_owned();
    let host = Url::parse(&issuer).unwrap();
    let host = host.host_str().unwrap();
    // L13, L14, L15: the JWT in each form in which LoginID's clients show it.
    let mut last = (String::new(), String::new());
    for (place, form) in ["assertion", "post", "basic", "bare basic"]
        .into_iter()
        .enumerate()
    {
        let (code, verifier) = code(&walk, &application, &id, place == 0).await;
        walk.open(&format!("/dashboard/p/acme/applications/{id}"))
            .await;
        let ask = async |jwt: &str| {
            let mut pairs = vec![
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", &*callback),
                ("code_verifier", &*verifier),
                ("client_id", &*id),
            ];
            let authorization = match form {
                "basic" => format!("Basic {}", STANDARD.encode(format!("{id}:{jwt}"))),
                "bare basic" => format!("Basic {jwt}"),
                _ => String::new(),
            };
            match form {
                "assertion" => pairs.extend([
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", jwt),
                ]),
                "post" => pairs.push(("client_secret", jwt)),
                _ => {}
            }
            post(&token_endpoint, &authorization, &pairs).await
        };
        let (status, answer) = ask("nonsense").await;
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{form}: {answer}"
        );
        let audience = if form == "assertion" { &*issuer } else { host };
        let jwt = assertion(&walk, &pem, &id, audience, &kid).await;
        let (status, tokens) = ask(&jwt).await;
        assert_eq!(status, 200, "{form}: {tokens}");
        assert!(tokens["id_token"].is_string() && tokens["access_token"].is_string());
        last = (code, verifier);
    }
    let (code, verifier) = last;
    let ask = async |assertion: String| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &*callback),
            ("code_verifier", &*verifier),
            ("client_id", &*id),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &*assertion),
        ];
        post(&token_endpoint, "", &form).await
    };

    // L12: a second key; both work; the first one is removed and is refused.
    browser.click("#add-key-part > summary").await;
    browser.click("button#generate-key").await;
    browser.find("#private-key-panel:not([hidden])").await;
    let second = browser.text("pre#private-key").await;
    browser.click("button#add-key-button").await;
    browser.find("#keys tr:nth-child(2)").await;
    let row = format!("#keys tr[data-kid='{kid}'] button");
    let newer =
        "return [...document.querySelectorAll('#keys tbody tr')].map((row) => row.dataset.kid)";
    let kids = browser.script(newer).await;
    let other = kids
        .as_array()
        .unwrap()
        .iter()
        .find(|k| **k != kid)
        .unwrap();
    let other = other.as_str().unwrap().to_owned();
    let (status, _) = ask(assertion(&walk, &second, &id, &issuer, &other).await).await;
    assert_eq!(status, 400);
    browser.click(&row).await;
    browser.find("#keys tr:only-child").await;
    let (status, answer) = ask(assertion(&walk, &pem, &id, &issuer, &kid).await).await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("invalid_client")),
        "{answer}"
    );
    let (status, _) = ask(assertion(&walk, &second, &id, &issuer, &other).await).await;
    assert_eq!(status, 400);
    walk.look("dashboard-application-keys").await;
    // Whatever the browser has sent since the first key was made, no key was in it.
    let sent = requests(&walk).await;
    assert!(sent.len() > 20, "{}", sent.len());
    assert_without(&sent, &secret);
    assert_without(&sent, &lines_of(&second));
}

// L40, L41
#[tokio::test]
async fn l40_l41_users_activity_and_authenticators_are_seen_and_every_page_can_be_used_by_everybody()
 {
    let settings = [("HALLPASS__ACCESS__ENABLED", "true")];
    let Some(walk) = Walk::start("walk-dashboard-pages", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let _device = browser.authenticator("internal").await;
    walk.open("/account/passkeys").await;
    walk.sign_in().await;
    browser.click("button#create-passkey").await;
    browser.find("#passkeys li").await;
    walk.open("/dashboard/p/default").await;
    assert_eq!(browser.text("#active-this-month").await, "1");
    assert_eq!(browser.text("#sign-ins").await, "1");
    // The passkey counts as shown, so that the session went on in a new one.
    assert_eq!(browser.text("#sessions-now").await, "2");
    browser.find("#months .chart-bar").await;
    browser.find("#authenticators li").await;
    walk.look("dashboard-overview").await;
    for (nav, name) in [
        ("applications", "applications"),
        ("users", "users"),
        ("roles", "roles"),
        ("keys", "keys"),
        ("audit", "audit"),
        ("operators", "operators"),
        ("settings", "settings-of-default"),
    ] {
        browser.click(&format!("a[data-nav={nav}]")).await;
        browser
            .find(&format!("a[data-nav={nav}][aria-current=page]"))
            .await;
        walk.look(&format!("dashboard-{name}")).await;
    }
    walk.open("/dashboard/p/default/users").await;
    let row = "#users tr:has(.last time) ";
    assert_eq!(browser.text(&format!("{row}.passkeys")).await, "1");
    browser.click(&format!("{row}a")).await;
    browser.find("[data-credential=passkey]").await;
    browser.find("[data-session]").await;
    walk.look("dashboard-user").await;
    walk.open("/dashboard/p/default/users/new").await;
    walk.look("dashboard-user-new").await;
    browser.fill("input#username", "ada@example.org").await;
    browser.click("button#create-user").await;
    browser.find("#made-password").await;
    walk.look("dashboard-password").await;
    walk.open("/dashboard/p/default/applications/demo-app?profile=fapi2-security")
        .await;
    browser.find("#lacks li").await;
    walk.look("dashboard-application-check").await;
    walk.open("/dashboard/p/default/applications/demo/try")
        .await;
    walk.look("dashboard-try").await;
    walk.open("/dashboard/p/default/audit?verify=yes").await;
    browser.find("#intact").await;
    walk.open("/dashboard/p/no-such").await;
    browser.find("#error-id").await;
}

const LONG: &str = "a-project-with-a-name-that-is-as-long-as-names-of-projects-can-be";

/// What operators change, on a project with a long name, from nothing to the first thing of each kind, with a mistake in between.
#[tokio::test]
async fn what_operators_change_can_be_read_and_used_on_every_screen_and_in_every_colour() {
    let settings = [("HALLPASS__MAIL__FROM", "hallpass@example.com")];
    let Some(walk) = Walk::start("walk-dashboard-changes", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let name = LONG.get(..63).unwrap();
    walk.server.command(&["issuer", "create", name]);
    let here = format!("/dashboard/p/{name}");
    walk.open("/dashboard").await;
    walk.sign_in().await;
    browser.find("#projects").await;
    walk.look("dashboard-projects-long").await;

    walk.open(&format!("{here}/webhooks")).await;
    browser.find("#no-webhooks").await;
    walk.look("dashboard-webhooks-none").await;
    browser.click("a#add-webhook").await;
    browser.fill("input#url", "http://shop.example/hook").await;
    browser.click("button#create-webhook").await;
    browser.find("#form-error").await;
    walk.look("dashboard-webhook-refused").await;
    let url = format!("https://hooks.example.com/{}", "a/long/way/down/".repeat(6));
    browser.fill("input#url", &url).await;
    browser
        .fill("input#description", "The shop's ledger of customers")
        .await;
    browser.click("button#create-webhook").await;
    browser.find("code#webhook-secret").await;
    walk.look("dashboard-webhook-key").await;
    browser.click("a#go-on").await;
    browser.click("button#test").await;
    browser.find("[data-delivery]").await;
    browser.click("details.told > summary").await;
    walk.look("dashboard-webhook").await;
    browser.click("a[data-nav=webhooks]").await;
    browser.find("[data-webhook]").await;
    walk.look("dashboard-webhooks").await;

    browser.click("a[data-nav=scopes]").await;
    browser.find("#no-scopes").await;
    walk.look("dashboard-scopes-none").await;
    browser.fill("input#scope-name", "orders:read").await;
    browser.fill("input#scope-title", "Your orders").await;
    browser
        .fill(
            "input#scope-description",
            "See everything that you have ever ordered in the shop, and when it came",
        )
        .await;
    browser
        .fill("input#scope-claims", "customer_number loyalty_level")
        .await;
    browser.click("button#save-scope").await;
    browser.find("[data-scope='orders:read']").await;
    browser.click("#resources > details > summary").await;
    browser
        .fill("input#resource-identifier", "no address")
        .await;
    browser.click("button#save-resource").await;
    browser.find("#form-error").await;
    walk.look("dashboard-scopes-refused").await;
    browser
        .fill(
            "input#resource-identifier",
            "https://api.shop.example/orders",
        )
        .await;
    browser.fill("input#resource-name", "Orders").await;
    browser.fill("input#resource-scopes", "orders:read").await;
    browser.click("button#save-resource").await;
    browser.find("[data-resource]").await;
    walk.look("dashboard-scopes").await;

    browser.click("a[data-nav=providers]").await;
    browser.find("#no-providers").await;
    browser.fill("input#issuer", "https://idp.invalid").await;
    browser.fill("input#name", "Work account").await;
    browser.fill("input#id", "work").await;
    browser.fill("input#client_id", "hallpass").await;
    browser.click("button#save-provider").await;
    browser.find("#form-error").await;
    walk.look("dashboard-provider-refused").await;
    let google = "const s = document.getElementById('preset'); s.value = 'google'; s.dispatchEvent(new Event('change'))";
    browser.script(google).await;
    let emptied =
        "for (const id of ['issuer', 'name', 'id']) document.getElementById(id).value = ''";
    browser.script(emptied).await;
    browser.fill("input#client_secret", "their secret").await;
    browser.click("button#save-provider").await;
    browser.find("[data-provider=google]").await;
    walk.look("dashboard-providers").await;

    browser.click("a[data-nav=appearance]").await;
    browser.find("#preview:not([hidden])").await;
    browser.fill("input#name", "Corner Shop").await;
    browser.fill("input#accent", "#8a2be2").await;
    browser.fill("input#radius", "99").await;
    browser.click("button#save-appearance").await;
    browser.find("#form-error").await;
    walk.look("dashboard-appearance-refused").await;
    browser.fill("input#radius", "3").await;
    assert_eq!(browser.text(".look-light .look-name").await, "Corner Shop");
    let shown = "return getComputedStyle(document.querySelector('.look-light .look-button')).backgroundColor";
    assert_eq!(browser.script(shown).await, json!("rgb(138, 43, 226)"));
    walk.look("dashboard-appearance").await;
    browser.click("button#save-appearance").await;
    browser.find("#done").await;

    browser.click("a[data-nav=project]").await;
    browser.fill("input#lifetimes-session", "1d").await;
    browser.fill("input#lifetimes-code", "1h").await;
    browser.click("button#save-settings").await;
    browser.find("#form-error").await;
    walk.look("dashboard-project-refused").await;
    browser.fill("input#lifetimes-code", "45s").await;
    // Who is invited below makes an account.
    let chosen = "document.querySelector('select#sign_up-mode').value = 'invitation'; return 1";
    browser.script(chosen).await;
    browser.click("button#save-settings").await;
    browser.find("#done").await;
    walk.look("dashboard-project-saved").await;
    browser.click("button#disable").await;
    browser.find("#is-disabled").await;
    walk.look("dashboard-project-disabled").await;
    browser.click("button#enable").await;
    browser.find("#done").await;

    browser.click("a[data-nav=users]").await;
    browser.click("a#invite-user").await;
    browser.fill("input#email", "ada@example.org").await;
    browser.click("input[name=mail][value=no]").await;
    walk.look("dashboard-invite").await;
    browser.click("button#invite").await;
    browser.find("code#made-link").await;
    walk.look("dashboard-link").await;

    walk.open("/dashboard").await;
    browser.click("a#all-operators").await;
    browser.find("[data-operator]").await;
    browser.fill("input#username", "nobody-at-all").await;
    browser.click("button#set-operator").await;
    browser.find("#form-error").await;
    walk.look("dashboard-operators-all").await;
}
