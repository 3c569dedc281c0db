//! More of F03: codes of authenticator apps and recovery codes, each typed in several browsers at two nodes at once.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hallpass_core::sign_in::totp;
use hallpass_load::browser::{Browser, User};
use hallpass_load::html;
use hallpass_load::http::{Failure, encode_form};
use hallpass_types::Timestamp;
use serde_json::Value;
use tokio::sync::Barrier;
use url::Url;

use super::nodes::Nodes;
use super::races::CONTESTANTS;
use crate::caller::parse;
use crate::report::require;
use crate::{Failed, Report};

/// What the nodes need for it: whoever loses a race has typed a wrong code.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("HALLPASS__RATE_LIMITS__SIGN_IN_PER_ACCOUNT", "100000"),
    ("HALLPASS__RATE_LIMITS__SIGN_IN_PER_ADDRESS", "1000000"),
];

/// So many people type a code of their app, and as many a recovery code. Whoever loses has typed a wrong one, of which an account
/// has five in a quarter of an hour, whatever the limits: nobody races twice.
pub(super) async fn run(
    nodes: &Nodes,
    people: u32,
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    for number in 0..people {
        let person = Person::with_an_app(nodes, number).await?;
        let won = race(CONTESTANTS, nodes, &person.user, &APP, &person.next_code()).await?;
        require(won == 1, || format!("{label}: a code opened {won} times"))?;
    }
    report.figure(&format!("{label}: codes of apps good once"), people);
    for number in people..people.saturating_mul(2) {
        let person = Person::with_an_app(nodes, number).await?;
        let [first, second, ..] = &*person.recovery else {
            return Err(Failed::new("no recovery codes"));
        };
        let won = race(CONTESTANTS, nodes, &person.user, &RECOVERY, first).await?;
        require(won == 1, || {
            format!("{label}: a recovery code opened {won} times")
        })?;
        // The next one is good still, alone.
        let later = race(1, nodes, &person.user, &RECOVERY, second).await?;
        require(later == 1, || {
            format!("{label}: another recovery code opened {later} times")
        })?;
    }
    report.figure(&format!("{label}: recovery codes good once"), people);
    Ok(())
}

/// Where a code is typed: form, button, field.
type Asked = [&'static str; 3];

const APP: Asked = ["second", "send-code", "code"];
const RECOVERY: Asked = ["recovery", "send-recovery", "recovery"];

/// How many of so many are signed in by one code.
async fn race(
    number: usize,
    nodes: &Nodes,
    user: &User,
    [form, button, field]: &Asked,
    code: &str,
) -> Result<usize, Failed> {
    let barrier = Arc::new(Barrier::new(number));
    let mut tasks = Vec::new();
    for place in nodes.places.iter().cycle().take(number) {
        let mut browser = place.browser()?;
        let start = page_of(nodes, "/account")?;
        let page = browser.open(start.clone(), user).await?;
        let (url, body) = filled(&page, &start, [form, button], &[(field, code)])?;
        // The others type their passwords meanwhile, and a server closes what is idle for long.
        browser.reconnect();
        let (barrier, nobody) = (Arc::clone(&barrier), User::default());
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            is_in(browser.send(url, body, &nobody).await)
        }));
    }
    let mut won = 0_usize;
    for task in tasks {
        let inside = task.await.map_err(|error| Failed::new(error.to_string()))?;
        won = won.saturating_add(usize::from(inside?));
    }
    Ok(won)
}

/// Whether the account is shown. Whoever is late is asked again.
fn is_in(sent: Result<String, Failure>) -> Result<bool, Failed> {
    match sent {
        Ok(page) if page.contains("id=\"sections\"") => Ok(true),
        Ok(page) if html::form(&page, "second", None).is_some() => Ok(false),
        Ok(page) => Err(Failed::new(format!(
            "a code leads to another page: {}",
            page.chars().take(600).collect::<String>()
        ))),
        Err(failure) => Err(failure.into()),
    }
}

/// Somebody with an app.
struct Person {
    user: User,
    secret: Vec<u8>,
    /// Of the code that was taken last.
    step: u64,
    recovery: Vec<String>,
}

impl Person {
    async fn with_an_app(nodes: &Nodes, number: u32) -> Result<Self, Failed> {
        let launch = nodes.launches.first();
        let launch = launch.ok_or_else(|| Failed::new("no node"))?;
        let username = format!("person-{number}");
        let ended = launch.command(&["user", "create", &username, "--generate", "--json"])?;
        require(ended.success, || ended.stderr.clone())?;
        let made: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        let password = made.get("password").and_then(Value::as_str);
        let user = User {
            username,
            password: password.unwrap_or_default().to_owned(),
        };
        let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
        let mut browser = place.browser()?;
        let url = page_of(nodes, "/account/totp")?;
        let page = browser.open(url.clone(), &user).await?;
        let shown = between(&page, "id=\"totp-secret\">", "<").unwrap_or_default();
        let letters: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
        let secret = totp::from_base32(&letters).ok_or_else(|| Failed::new("no secret"))?;
        let step = totp::step_at(now());
        let code = code(&secret, step);
        let (action, body) = filled(&page, &url, ["enrol", "turn-on"], &[("code", &code)])?;
        let page = browser.send(action, body, &user).await?;
        require(page.contains("id=\"totp-on\""), || {
            "an app could not be turned on".to_owned()
        })?;
        let recovery = recovery_codes(nodes, &mut browser, &user).await?;
        Ok(Self {
            user,
            secret,
            step,
            recovery,
        })
    }

    /// A code that was not used yet, of this half minute or the next.
    fn next_code(&self) -> String {
        let next = self.step.saturating_add(1);
        code(&self.secret, next.max(totp::step_at(now())))
    }
}

async fn recovery_codes(
    nodes: &Nodes,
    browser: &mut Browser,
    user: &User,
) -> Result<Vec<String>, Failed> {
    let url = page_of(nodes, "/account/recovery-codes")?;
    let page = browser.open(url.clone(), user).await?;
    let (action, body) = filled(&page, &url, ["new-codes", "make-codes"], &[])?;
    let page = browser.send(action, body, user).await?;
    let list = page.split("id=\"codes\"").nth(1).unwrap_or_default();
    let codes = list.split("<code>").skip(1);
    let codes: Vec<String> = codes
        .filter_map(|rest| rest.split('<').next().map(str::to_owned))
        .collect();
    require(codes.len() >= 10, || "no recovery codes".to_owned())?;
    Ok(codes)
}

/// Where a form goes, and what.
fn filled(
    page: &str,
    at: &Url,
    [form, button]: [&str; 2],
    typed: &[(&str, &str)],
) -> Result<(Url, String), Failed> {
    let found = html::form(page, form, Some(button));
    let mut form = found.ok_or_else(|| Failed::new(format!("no form {form}")))?;
    for (name, value) in typed {
        form.set(name, value);
    }
    let action = at.join(&form.action);
    let action = action.map_err(|error| Failed::new(error.to_string()))?;
    let pairs = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    Ok((action, encode_form(pairs)))
}

fn page_of(nodes: &Nodes, path: &str) -> Result<Url, Failed> {
    let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
    parse(&format!("{}{path}", place.endpoints.issuer))
}

fn code(secret: &[u8], step: u64) -> String {
    String::from_utf8_lossy(&totp::code(secret, step)).into_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "an app of a person, without the ports of the product"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn between<'p>(page: &'p str, before: &str, after: &str) -> Option<&'p str> {
    page.split_once(before)?.1.split(after).next()
}
