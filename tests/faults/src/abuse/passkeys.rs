//! L08, the other side: five hundred false passwords a second, and people who sign in with passkeys meanwhile.
//!
//! The authenticator is in software; its person made the account with it at the beginning.

use std::time::{Duration, Instant};

use hallpass_jose::{JwsAlgorithm, SigningKey, base64url, hash::sha256};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Target;
use super::golden::{Golden, Watched};
use super::raw::{Tally, ask, get, post, status};
use super::sign_in::page_of;
use crate::experiment::Ran;
use crate::experiment::scene::Scene;
use crate::history::Outcome;
use crate::report::require;
use crate::server::random_below;
use crate::{Failed, Report, Setup};

/// False passwords a second.
const RATE: u64 = 500;
/// Browsers that they come from.
const ATTACKERS: usize = 50;

/// Both keep their pace while the flood lasts.
pub(crate) async fn passkeys_in_a_flood(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "passkeys")?;
    let launch = [
        ("HALLPASS__SIGN_UP__MODE", "open"),
        ("HALLPASS__SIGN_UP__WITHOUT_MAIL", "true"),
    ]
    .iter()
    .fold(scene.launch.clone(), |launch, (name, value)| {
        launch.with(name, value)
    });
    let server = launch.start()?;
    let target = Target {
        port: launch.port(),
        demo: server.demo.clone(),
        prefix: "",
        long: setup.long,
    };
    let mut golden = Golden::new(&server.demo).await?;
    let person = Person::new(&target).await?;
    let short = Duration::from_secs(u64::from(setup.times(3, 60)));
    let long = Duration::from_secs(u64::from(setup.times(6, 120)));
    let (keys, base) = tokio::join!(person.watch(&target, short), golden.watch(short));

    let (stop, stopped) = watch::channel(false);
    let flood = tokio::spawn(flood(target.clone(), stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let (keys_then, during) = tokio::join!(person.watch(&target, long), golden.watch(long));
    let lasted = began.elapsed();
    stop.send(true)
        .map_err(|error| Failed::new(error.to_string()))?;
    let tally = flood
        .await
        .map_err(|error| Failed::new(error.to_string()))??;
    tally.tell(&mut report);
    let all: u64 = tally.0.values().sum();
    let a_second = all.checked_div(lasted.as_secs().max(1)).unwrap_or_default();
    report.figure("false passwords a second", a_second);
    let told = |watched: &Watched| watched.p99().as_micros();
    report.figure(
        "passkey sign-in: p99 before, during, µs",
        format!("{}, {}", told(&keys), told(&keys_then)),
    );
    report.figure(
        "refresh: p99 before, during, µs",
        format!("{}, {}", told(&base), told(&during)),
    );
    require(a_second >= RATE / 10, || {
        format!("there was no flood: {a_second} a second")
    })?;
    // In the short form everything else runs beside it and there are few samples: what it notices is a server that gives up.
    let slack = Duration::from_millis(if setup.long { 20 } else { 2000 });
    for (what, before, then) in [
        ("passkey sign-in", &keys, &keys_then),
        ("refresh", &base, &during),
    ] {
        require(then.done > 10 && then.failed == 0, || {
            format!(
                "{what}: {} done, {} failed: {}",
                then.done, then.failed, then.last
            )
        })?;
        let most = before.p99().saturating_mul(2).saturating_add(slack);
        require(then.p99() <= most, || {
            format!(
                "{what}: p99 {:?} before, {:?} during",
                before.p99(),
                then.p99()
            )
        })?;
    }
    Ok(Ran::Done(report))
}

/// Sends false passwords at that rate whatever becomes of those before, on as many pages.
async fn flood(target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
    let mut pages = Vec::new();
    for _ in 0..ATTACKERS {
        let page = page_of(&target, "").await;
        pages.push(page.ok_or_else(|| Failed::new("an attacker gets no sign-in page"))?);
    }
    let mut tally = Tally::default();
    let mut tasks = JoinSet::new();
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    for (path, cookie) in pages.iter().cycle() {
        pace.tick().await;
        if *stopped.borrow() {
            break;
        }
        let headers = format!("Cookie: {cookie}\r\nOrigin: {}\r\n", target.demo.issuer);
        let form = format!("username=user{}&password=x", random_below(1_000_000));
        let request = post(path, &headers, &form);
        let port = target.port;
        tasks.spawn(async move { status(&ask(port, &request).await) });
        while let Some(answer) = tasks.try_join_next() {
            tally.note(answer.map_err(|error| Failed::new(error.to_string()))?);
        }
    }
    while let Some(answer) = tasks.join_next().await {
        tally.note(answer.map_err(|error| Failed::new(error.to_string()))?);
    }
    Ok(tally)
}

/// Somebody with a passkey and nothing else.
struct Person {
    key: SigningKey,
    id: Vec<u8>,
    user: String,
    origin: String,
}

impl Person {
    /// Makes an account.
    async fn new(target: &Target) -> Result<Self, Failed> {
        let key = SigningKey::generate(JwsAlgorithm::ES256)
            .map_err(|_| Failed::new("no key can be made"))?;
        let mut person = Self {
            id: sha256(key.kid().as_bytes()).to_vec(),
            key,
            user: String::new(),
            origin: target.demo.issuer.clone(),
        };
        let none = || Failed::new("nobody can make an account with a passkey");
        let (path, cookie) = page_of(target, "&prompt=create").await.ok_or_else(none)?;
        let page = shown(target, &path, &cookie).await.ok_or_else(none)?;
        let options = options(&page).ok_or_else(none)?;
        let offer = attribute(&page, "name=\"offer\" value=\"").ok_or_else(none)?;
        person.user = text(options.pointer("/user/id"));
        let made = person.create(&text(options.get("challenge")));
        let form = format!("offer={offer}&credential={}", encoded(&made));
        let headers = format!("Cookie: {cookie}\r\nOrigin: {}\r\n", person.origin);
        let answer = ask(target.port, &post(&path, &headers, &form)).await;
        if status(&answer) != "303" {
            return Err(Failed::new(format!("no account was made: {answer:?}")));
        }
        Ok(person)
    }

    /// Signs in again and again for that long.
    async fn watch(&self, target: &Target, time: Duration) -> Watched {
        let mut watched = Watched::default();
        let began = Instant::now();
        while began.elapsed() < time {
            let one = Instant::now();
            let outcome = match self.sign_in(target).await {
                Some(true) => Outcome::Ok,
                Some(false) | None => Outcome::Refused,
            };
            watched.note(outcome, one.elapsed(), "passkey sign-in");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        watched
    }

    async fn sign_in(&self, target: &Target) -> Option<bool> {
        let (path, cookie) = page_of(target, "").await?;
        let page = shown(target, &path, &cookie).await?;
        let options = options(&page)?;
        let given = self.get(&text(options.get("challenge")));
        let headers = format!("Cookie: {cookie}\r\nOrigin: {}\r\n", self.origin);
        let form = format!("credential={}", encoded(&given));
        let answer = ask(target.port, &post(&path, &headers, &form)).await.ok()?;
        Some(answer.contains(" 303 ") && answer.contains("hallpass_session="))
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }

    /// The host, that somebody was there and was verified, and a counter that stays.
    fn head(&self, more: u8) -> Vec<u8> {
        let mut data = sha256(b"localhost").to_vec();
        data.push(0b101 | more);
        data.extend_from_slice(&[0; 4]);
        data
    }

    fn create(&self, challenge: &str) -> String {
        let jwk = serde_json::to_value(self.key.public_jwk()).unwrap_or_default();
        let number = |name: &str| base64url::decode(text(jwk.get(name))).unwrap_or_default();
        let mut data = self.head(0x40);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&self.id);
        data.extend_from_slice(b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20");
        data.extend_from_slice(&number("x"));
        data.extend_from_slice(b"\x22\x58\x20");
        data.extend_from_slice(&number("y"));
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap_or_default());
        object.extend_from_slice(&data);
        let client_data = self.client_data("webauthn.create", challenge);
        let response = json!({
            "clientDataJSON": base64url::encode(client_data),
            "attestationObject": base64url::encode(object),
            "transports": ["internal"],
        });
        json!({ "id": base64url::encode(&self.id), "response": response }).to_string()
    }

    fn get(&self, challenge: &str) -> String {
        let client_data = self.client_data("webauthn.get", challenge);
        let data = self.head(0);
        let signed = [data.clone(), sha256(&client_data).to_vec()].concat();
        let signature = der(&self.key.sign(&signed).unwrap_or_default());
        let response = json!({
            "clientDataJSON": base64url::encode(client_data),
            "authenticatorData": base64url::encode(data),
            "signature": base64url::encode(signature),
            "userHandle": self.user,
        });
        json!({ "id": base64url::encode(&self.id), "response": response }).to_string()
    }
}

/// An ECDSA signature as authenticators write it.
fn der(raw: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    for half in raw.chunks(32) {
        let digits: Vec<u8> = half.iter().copied().skip_while(|b| *b == 0).collect();
        let high = digits.first().is_none_or(|first| first & 0x80 != 0);
        let length = digits.len().saturating_add(usize::from(high));
        inner.extend([0x02, u8::try_from(length).unwrap_or_default()]);
        inner.extend(high.then_some(0));
        inner.extend(digits);
    }
    let mut out = vec![0x30, u8::try_from(inner.len()).unwrap_or_default()];
    out.extend(inner);
    out
}

async fn shown(target: &Target, path: &str, cookie: &str) -> Option<String> {
    let plain = String::from_utf8(get(path)).ok()?;
    let with = plain.replacen("\r\n\r\n", &format!("\r\nCookie: {cookie}\r\n\r\n"), 1);
    ask(target.port, with.as_bytes()).await.ok()
}

/// What the page asks an authenticator for.
fn options(page: &str) -> Option<Value> {
    let found = attribute(page, "data-options=\"")?;
    let plain = found.replace("&quot;", "\"").replace("&#x2f;", "/");
    serde_json::from_str(&plain.replace("&amp;", "&")).ok()
}

fn attribute<'p>(page: &'p str, before: &str) -> Option<&'p str> {
    page.split_once(before)?.1.split('"').next()
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
