//! What all walks through the pages need: a server, a browser, a person's mail, an application.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_load::browser::User;
use hallpass_load::http::encode_form;
use serde_json::{Value, json};
use tokio::time::sleep;
use url::Url;

use crate::browser::{assert_accessible, assert_fits};
use crate::node;
use crate::support::{Application, CHALLENGE, Http, Ports, Server, VERIFIER, WebDriver, missing};

/// A person with a browser at a server.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) server: Server,
    pub(crate) browser: WebDriver,
    script: bool,
}

impl Walk {
    /// With those settings, and with scripts or without; none if a program is missing.
    pub(crate) async fn start(name: &str, script: bool, settings: &[(&str, &str)]) -> Option<Self> {
        Self::start_at(name, script, Ports::free(), settings).await
    }

    /// As [`Walk::start`], on ports that were chosen before.
    pub(crate) async fn start_at(
        name: &str,
        script: bool,
        ports: Ports,
        settings: &[(&str, &str)],
    ) -> Option<Self> {
        for program in ["chromedriver", "chromium", "npm"] {
            if missing(program, &["--version"]) {
                return None;
            }
        }
        let server = Server::start_at(name, ports, settings);
        let browser = WebDriver::start(script).await;
        if script {
            let axe = node::packages().join("node_modules/axe-core/axe.min.js");
            let axe = std::fs::read_to_string(axe).unwrap();
            browser.in_every_page(&axe).await;
        }
        Some(Self {
            server,
            browser,
            script,
        })
    }

    /// Opens a page of the server.
    pub(crate) async fn open(&self, path: &str) {
        self.browser.open(&self.server.url(path)).await;
    }

    /// Looks at the page that is open: on a phone and on a screen, in light and dark colours. Nothing is too wide, axe
    /// finds no barrier, nothing was complained about. With `HALLPASS_SCREENSHOTS` in the environment, pictures stay.
    pub(crate) async fn look(&self, name: &str) {
        for phone in [true, false] {
            let (size, width, height) = if phone {
                ("phone", 375, 667)
            } else {
                ("desktop", 1280, 900)
            };
            self.browser.size(width, height, phone).await;
            for (dark, scheme) in [(false, "light"), (true, "dark")] {
                self.browser.dark(dark).await;
                let page = format!("{name}, {size}, {scheme}");
                if std::env::var_os("HALLPASS_SCREENSHOTS").is_some() {
                    let picture = format!("walks/{name}-{size}-{scheme}");
                    self.browser.screenshot(&picture).await;
                }
                assert_fits(&self.browser, &page).await;
                // What axe looks at changes with the width or with the colours, not with both.
                if self.script && phone != dark {
                    assert_accessible(&self.browser, &page).await;
                }
            }
        }
        self.browser.dark(false).await;
        // A page that says that something is wrong has such a status itself.
        let itself = format!("{} - Failed to load resource", self.browser.address().await);
        let mut complaints = self.browser.complaints().await;
        complaints.retain(|complaint| !complaint.starts_with(&itself));
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
    }

    /// Signs the demo's person in on the sign-in page that is open.
    pub(crate) async fn sign_in(&self) {
        self.sign_in_as(&self.server.demo.user).await;
    }

    /// Signs somebody in on the sign-in page that is open.
    pub(crate) async fn sign_in_as(&self, user: &User) {
        let browser = &self.browser;
        browser
            .fill("form#login input[name=username]", &user.username)
            .await;
        browser
            .fill("form#login input[name=password]", &user.password)
            .await;
        browser.click("button#sign-in").await;
    }

    /// Signs out by the page for it.
    pub(crate) async fn sign_out(&self) {
        self.open("/logout").await;
        self.browser.click("button#logout-yes").await;
        self.browser.find("#signed-out").await;
    }

    /// The newest mail to somebody once there are so many, in plain words.
    pub(crate) async fn mail(&self, to: &str, count: usize) -> String {
        let folder = self.server.data().join("mail");
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let mut mails: Vec<(SystemTime, String)> = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "eml"))
                .filter_map(|path| read(&path, to))
                .collect();
            if mails.len() >= count {
                mails.sort();
                return mails.pop().unwrap().1;
            }
            assert!(
                Instant::now() < end,
                "{} mails to {to}, not {count}",
                mails.len()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The address behind the link of a mail.
    pub(crate) fn link(&self, mail: &str) -> String {
        let start = mail.find("/link?token=").expect("a link");
        let token = mail.split_at(start).1.split_whitespace().next().unwrap();
        self.server.url(token)
    }

    /// Makes an account by mail, from the sign-in page that is open.
    pub(crate) async fn sign_up(&self, address: &str, name: &str, password: &str) {
        let browser = &self.browser;
        browser.click("a#to-sign-up").await;
        browser.fill("form#sign-up input#email", address).await;
        browser.click("button#continue").await;
        browser.find("#mail-sent").await;
        let mail = self.mail(address, 1).await;
        browser.open(&self.link(&mail)).await;
        browser.fill("form#link input#name", name).await;
        browser.fill("input[name=password]", password).await;
        browser.fill("input[name=again]", password).await;
        browser.click("button#confirm").await;
    }
}

fn read(path: &PathBuf, to: &str) -> Option<(SystemTime, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let written = std::fs::metadata(path).unwrap().modified().unwrap();
    text.contains(&format!("To: {to}"))
        .then(|| (written, text.replace("=\r\n", "").replace("=3D", "=")))
}

/// An application that people sign in to.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) application: Application,
    pub(crate) client: String,
}

impl Shop {
    /// A client that stands in the configuration of the server, which is not running yet, with further metadata: the
    /// application, and the settings to start the server with.
    pub(crate) fn configured(name: &str, more: &str) -> (Self, String) {
        let application = Application::start();
        let callback = application.url("/callback");
        let client = name.to_lowercase();
        let settings = format!(
            "[{{ client_id = \"{client}\", client_name = \"{name}\", redirect_uris = [\"{callback}\"], \
             token_endpoint_auth_method = \"none\", {more} }}]"
        );
        let shop = Self {
            application,
            client,
        };
        (shop, settings)
    }

    /// A public client that registers itself.
    pub(crate) async fn register(walk: &Walk, name: &str) -> Self {
        let application = Application::start();
        let metadata = json!({
            "client_name": name,
            "redirect_uris": [application.url("/callback")],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let url = Url::parse(&walk.server.url("/register")).unwrap();
        let request = metadata.to_string();
        let answer = Http::json(&url, &request).send().await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        let client = answer.json()["client_id"].as_str().unwrap().to_owned();
        Self {
            application,
            client,
        }
    }

    /// Sends the browser to the server with a request.
    pub(crate) async fn ask(&self, walk: &Walk, scope: &str, more: &[(&str, &str)]) {
        let mut url = Url::parse(&walk.server.url("/authorize")).unwrap();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client)
            .append_pair("redirect_uri", &self.application.url("/callback"))
            .append_pair("scope", scope)
            .append_pair("state", "a state")
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(more);
        walk.browser.open(url.as_str()).await;
    }

    /// What came back to the application, which the browser shows now.
    pub(crate) async fn answer(&self, walk: &Walk) -> Url {
        walk.browser.find("#arrived").await;
        self.application.answer()
    }

    /// The answer of the token endpoint to the code that came back, with the claims of its ID token as `claims`.
    pub(crate) async fn tokens(&self, walk: &Walk) -> Value {
        let answer = self.answer(walk).await;
        let mut pairs = answer.query_pairs();
        let code = pairs.find_map(|(name, value)| (name == "code").then_some(value));
        let code = code.unwrap_or_else(|| panic!("no code: {answer}"));
        let body = encode_form([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.application.url("/callback")),
            ("client_id", &self.client),
            ("code_verifier", VERIFIER),
        ]);
        let (status, mut tokens) = self.post(walk, "/token", &body).await;
        assert_eq!(status, 200, "{tokens}");
        let id_token = tokens["id_token"].as_str().unwrap();
        let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).unwrap());
        tokens["claims"] = serde_json::from_slice(&claims.unwrap()).unwrap();
        tokens
    }

    /// The answer to a refresh token.
    pub(crate) async fn refresh(&self, walk: &Walk, tokens: &Value) -> (u16, Value) {
        let body = encode_form([
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ("client_id", &self.client),
        ]);
        self.post(walk, "/token", &body).await
    }

    /// What the server answers to a form.
    pub(crate) async fn post(&self, walk: &Walk, path: &str, body: &str) -> (u16, Value) {
        let url = Url::parse(&walk.server.url(path)).unwrap();
        let answer = Http::form(&url, body).send().await.unwrap();
        (answer.status, answer.json())
    }
}
