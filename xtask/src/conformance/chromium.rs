//! A real browser for the modules that the suite's own cannot run: Chromium, through its driver (W3C WebDriver).

use super::Result;
use super::plan::{Words, in_file};
use super::suite::Suite;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// A browser with one window; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Chromium {
    driver: Child,
    port: u16,
    session: String,
}

impl Chromium {
    /// Starts the driver and a browser with an empty profile under `work`.
    ///
    /// # Errors
    /// `chromedriver` or Chromium is not there, or does not start.
    pub(crate) async fn start(work: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free port: {error}"))?
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| in_file(Path::new("chromedriver"), error))?;
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let profile = work.join("chromium");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": arguments },
        }}});
        let start = Instant::now();
        let answer = loop {
            match browser.call(Method::POST, "/session", &wanted).await {
                Ok(answer) => break answer,
                Err(_) if start.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error),
            }
        };
        browser.session = answer
            .get("sessionId")
            .and_then(Value::as_str)
            .ok_or("the driver made no session")?
            .to_owned();
        Ok(browser)
    }

    /// Goes wherever a run of the suite wants its person to go, and does there what a person does, until the run has ended.
    ///
    /// # Errors
    /// The browser or the suite does not answer.
    pub(crate) async fn walk(
        &self,
        suite: &Suite,
        run: &str,
        words: &Words,
        deadline: Option<Instant>,
    ) -> Result<()> {
        let act = words.fill(PERSON);
        while deadline.is_some_and(|deadline| Instant::now() < deadline) {
            let Some(urls) = suite.urls(run).await? else {
                return Ok(());
            };
            if let Some(url) = urls.first() {
                suite.visited(run, url).await?;
                self.go(url).await?;
            } else {
                self.execute(&act).await?;
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        Ok(())
    }

    async fn go(&self, url: &str) -> Result<()> {
        let path = format!("/session/{}/url", self.session);
        self.call(Method::POST, &path, &json!({ "url": url }))
            .await
            .map(drop)
    }

    async fn execute(&self, script: &str) -> Result<()> {
        let path = format!("/session/{}/execute/sync", self.session);
        let body = json!({ "script": script, "args": [] });
        self.call(Method::POST, &path, &body).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let failed = |error: &dyn std::fmt::Display| format!("chromedriver: {error}");
        let tcp = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .map_err(|error| failed(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp))
            .await
            .map_err(|error| failed(&error))?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("127.0.0.1:{}", self.port))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| failed(&error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        let status = response.status();
        let content = response.into_body().collect().await;
        driver.abort();
        let content = content.map_err(|error| failed(&error))?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&content).map_err(|error| failed(&error))?;
        let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
        if status.is_success() {
            Ok(value)
        } else {
            Err(failed(&value.get("message").unwrap_or(&value)))
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Ending the driver ends the browser that it started; the profile is thrown away.
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// What a person does on whichever page is open.
const PERSON: &str = r"
    const on = (selector) => document.querySelector(selector);
    const press = (selector) => { const found = on(selector); if (found) { found.click(); } return !!found; };
    if (on('form#login')) {
        const name = on('input[name=username]');
        if (name && name.type !== 'hidden') { name.value = '{username}'; }
        on('input[name=password]').value = '{password}';
        press('#sign-in');
    } else if (!press('#allow')) {
        press('#logout-yes');
    }
";

const PATIENCE: Duration = Duration::from_secs(20);
