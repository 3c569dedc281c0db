//! Chromium over the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::line::Lines;
use super::process::Process;
use super::{Folder, Http, target};

/// A browser of its own. It ends with the test.
#[derive(Debug)]
pub(crate) struct WebDriver {
    session: Url,
    browser: u64,
    _driver: Process,
    _profile: Folder,
}

/// An element of the page that is open.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    driver: &'a WebDriver,
    id: String,
}

impl WebDriver {
    /// A new browser, with or without JavaScript.
    pub(crate) async fn start(javascript: bool) -> Self {
        let profile = Folder::new("chromium");
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut driver = Process::start(&mut command);
        let lines = Lines::of(driver.child().stdout.take().unwrap());
        let port: u16 = lines
            .find(LIMIT, |line| {
                let port = line.split("successfully on port ").nth(1)?;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver says its port");
        let base = Url::parse(&format!("http://127.0.0.1:{port}/session")).unwrap();
        let capabilities = capabilities(&profile, javascript);
        let made = exchange("POST", &base, Some(&capabilities)).await.unwrap();
        let id = made["sessionId"].as_str().unwrap();
        Self {
            session: Url::parse(&format!("{base}/{id}/")).unwrap(),
            browser: made["capabilities"]["goog:processID"].as_u64().unwrap_or(0),
            _driver: driver,
            _profile: profile,
        }
    }

    /// Whether something that a CSS selector finds is there and can be seen, now.
    pub(crate) async fn sees(&self, selector: &str) -> bool {
        let body = json!({ "using": "css selector", "value": selector });
        let Ok(found) = self.command("POST", "element", Some(&body)).await else {
            return false;
        };
        let id = found[ELEMENT].as_str().unwrap();
        let seen = format!("element/{id}/displayed");
        self.command("GET", &seen, None).await == Ok(Value::Bool(true))
    }

    /// Clicks on what a CSS selector finds, as soon as it is there, and waits until what is left by it is gone.
    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await;
    }

    /// Types into what a CSS selector finds, in place of what is there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.post("clear", &json!({})).await;
        field.keys(text).await;
    }

    /// The text of what a CSS selector finds, as soon as it is there.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await
    }

    /// The address that is open.
    pub(crate) async fn address(&self) -> Url {
        Url::parse(self.get("url").await.as_str().unwrap()).unwrap()
    }

    /// Forgets all cookies: the browser is one that nobody was here with.
    pub(crate) async fn forget(&self) {
        self.devtools("Network.clearBrowserCookies", json!({}))
            .await;
    }

    /// When the browser forgets a cookie that it has for the page, in seconds since 1970; none for one that goes when the
    /// browser is closed.
    pub(crate) async fn keeps_until(&self, cookie: &str) -> Option<i64> {
        let cookie = self.get(&format!("cookie/{cookie}")).await;
        cookie["expiry"].as_i64()
    }

    /// What the browser says that its person reads.
    pub(crate) async fn languages(&self, languages: &str) {
        let headers = json!({ "headers": { "Accept-Language": languages } });
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Keeps what pages hand out as files in that folder.
    pub(crate) async fn downloads_to(&self, folder: &Path) {
        let parameters = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", parameters)
            .await;
    }

    /// Opens an address.
    pub(crate) async fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url })).await;
    }

    /// The element that a CSS selector finds, as soon as it is there and can be seen.
    pub(crate) async fn find(&self, selector: &str) -> Element<'_> {
        let body = json!({ "using": "css selector", "value": selector });
        let end = Instant::now() + LIMIT;
        loop {
            if let Ok(found) = self.command("POST", "element", Some(&body)).await {
                let id = found[ELEMENT].as_str().unwrap().to_owned();
                let seen = format!("element/{id}/displayed");
                if self.command("GET", &seen, None).await == Ok(Value::Bool(true)) {
                    return Element { driver: self, id };
                }
            }
            if Instant::now() > end {
                let page = self.command("GET", "source", None).await;
                let url = self.command("GET", "url", None).await;
                panic!("no {selector} at {url:?}: {page:?}");
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// The element that has the focus, by its `id`.
    pub(crate) async fn focused(&self) -> String {
        let element = self.get("element/active").await;
        let id = element[ELEMENT].as_str().unwrap();
        let attribute = self.get(&format!("element/{id}/attribute/id")).await;
        attribute.as_str().unwrap_or_default().to_owned()
    }

    /// Keys, one after another, to whatever has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("actions", &json!({ "actions": [keyboard] }))
            .await;
    }

    /// The result of a script in the page.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
            .await
    }

    /// What a script in the page hands to the last of its arguments.
    pub(crate) async fn promise(&self, script: &str) -> Value {
        self.post("execute/async", &json!({ "script": script, "args": [] }))
            .await
    }

    /// Runs a script at the beginning of every page that is opened from now on.
    pub(crate) async fn in_every_page(&self, script: &str) {
        let command = "Page.addScriptToEvaluateOnNewDocument";
        self.devtools(command, json!({ "source": script })).await;
    }

    /// The viewport of a phone or of a screen.
    pub(crate) async fn size(&self, width: u32, height: u32, phone: bool) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// Whether the person's system is set to dark colours.
    pub(crate) async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": value },
            // So that no picture shows a colour on its way to another one.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Keeps a picture of the whole page as `screenshots/NAME.png` in the target folder.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let options = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", options).await;
        let png = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let path = target().join("screenshots").join(format!("{name}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, png).unwrap();
        path
    }

    /// What the browser complained about since it was last asked: broken rules of the content security policy, failed
    /// requests, errors of scripts.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap().iter();
        entries
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What went over the network since this was last asked, as the browser's protocol says it.
    pub(crate) async fn network(&self) -> Vec<Value> {
        let log = self.post("se/log", &json!({ "type": "performance" })).await;
        let entries = log.as_array().unwrap().iter();
        let parsed = entries.filter_map(|entry| {
            let text = entry["message"].as_str()?;
            let value: Value = serde_json::from_str(text).ok()?;
            Some(value["message"].clone())
        });
        parsed.collect()
    }

    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", &body).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let result = self.command("GET", path, None).await;
        result.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        let result = self.command("POST", path, Some(body)).await;
        result.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    pub(super) async fn command(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        exchange(method, &self.session.join(path).unwrap(), body).await
    }
}

impl Drop for WebDriver {
    fn drop(&mut self) {
        // The driver starts it in a group of its own, so it does not go with the driver.
        if self.browser > 0 {
            let pid = self.browser.to_string();
            drop(Command::new("kill").args(["-KILL", &pid]).output());
        }
    }
}

impl Element<'_> {
    /// Clicks. What leaves the page (a link, a button that sends a form) is waited for until the page is gone: two pages
    /// may have the same form, and what comes next in a test would find it on the first.
    pub(crate) async fn click(&self) {
        let leaves = self.leaves().await;
        self.tap().await;
        let end = Instant::now() + LIMIT;
        while leaves && self.is_there().await {
            assert!(Instant::now() < end, "a click did not leave the page");
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Clicks on what answers with a file, or stays.
    pub(crate) async fn tap(&self) {
        self.post("click", &json!({})).await;
    }

    async fn leaves(&self) -> bool {
        let path = format!("element/{}", self.id);
        match self.driver.get(&format!("{path}/name")).await.as_str() {
            Some("a") => true,
            Some("button") => {
                let kind = self.driver.get(&format!("{path}/property/type")).await;
                let form = self.driver.get(&format!("{path}/property/form")).await;
                kind == "submit" && !form.is_null()
            }
            _ => false,
        }
    }

    async fn is_there(&self) -> bool {
        let path = format!("element/{}/name", self.id);
        self.driver.command("GET", &path, None).await.is_ok()
    }

    /// Types at the end of what is there.
    pub(crate) async fn keys(&self, text: &str) {
        self.post("value", &json!({ "text": text })).await;
    }

    /// The text that a person sees.
    pub(crate) async fn text(&self) -> String {
        let path = format!("element/{}/text", self.id);
        let text = self.driver.get(&path).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    async fn post(&self, path: &str, body: &Value) {
        let path = format!("element/{}/{path}", self.id);
        self.driver.post(&path, body).await;
    }
}

async fn exchange(method: &str, url: &Url, body: Option<&Value>) -> Result<Value, String> {
    let text = body.map(Value::to_string).unwrap_or_default();
    let mut request = Http::json(url, &text);
    request.method = method;
    let answer = tokio::time::timeout(LIMIT, request.send()).await;
    let answer = answer
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let mut value = answer.json();
    match answer.status {
        200 => Ok(value["value"].take()),
        _ => Err(value["value"]["message"].to_string()),
    }
}

fn capabilities(profile: &Folder, javascript: bool) -> Value {
    let mut preferences = json!({ "credentials_enable_service": false });
    if !javascript {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        // A server of a test makes its certificate itself.
        "acceptInsecureCerts": true,
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": {
            "args": [
                "--headless=new",
                // Tests run as root in a container, where there is no sandbox; the pages are our own.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--no-first-run",
                "--window-size=1280,900",
                format!("--user-data-dir={}", profile.path().display()),
            ],
            "prefs": preferences,
        },
    } } })
}

const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const LIMIT: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(25);
