//! F19: what nodes do by themselves is broken off in the middle: purging, mail, telling clients of sign-outs, keys. Two
//! nodes do it at once, and one of them is killed again and again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hallpass_load::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Ran;
use super::expired::Expired;
use super::nodes::Nodes;
use crate::caller::{Caller, Place, parse};
use crate::report::require;
use crate::server::{Launch, random_below};
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let mail = setup.folder("jobs-mail")?;
    let folder = mail.path().to_string_lossy().into_owned();
    let settings = [
        ("HALLPASS__KEYS__ROTATION", "5"),
        ("HALLPASS__KEYS__MAX_AGE", "5"),
        ("HALLPASS__LOGOUT__BACK_CHANNEL", "true"),
        ("HALLPASS__SIGN_UP__MODE", "invitation"),
        ("HALLPASS__MAIL__FOLDER", folder.as_str()),
        (
            "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
            "[\"127.0.0.0/8\"]",
        ),
    ];
    let Some(mut nodes) = Nodes::start(setup, "jobs", 2, (&[], &settings)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let told = Told::open().await?;
    let client = client(&nodes, &told)?;
    let rows = u64::from(setup.times(20_000, 2_000_000));
    let expired = tokio::task::block_in_place(|| Expired::put(&nodes.cluster, rows));
    let load = nodes.load().await?;

    let people = setup.times(6, 200);
    let mut kills = 0_u32;
    let mut ended = 0_usize;
    for person in 0..people {
        let node = usize::from(person % 2 == 1);
        invite(&nodes, person)?;
        if signs_out(&nodes, node, &client).await? {
            ended = ended.saturating_add(1);
        }
        // In the middle of what came of that, mostly.
        tokio::time::sleep(Duration::from_millis(random_below(250))).await;
        nodes.kill(node)?;
        kills = kills.saturating_add(1);
        nodes.progress(5, LIMIT).await?;
    }
    require(ended > 0, || "nobody has signed out".to_owned())?;
    // Both live now for long enough to do what is left, and one of them is killed while they purge.
    let began = Instant::now();
    let mut killed_purging = false;
    let done =
        |told: &Told| told.distinct() >= ended && mails(mail.path()).len() as u64 >= people.into();
    let limit = LIMIT_OF_JOBS.saturating_add(Duration::from_secs(rows.div_euclid(SLOWEST_PURGE)));
    while expired.is_left(&nodes.cluster) || !done(&told) {
        require(began.elapsed() < limit, || {
            format!(
                "told of {} of {ended} sign-outs, {} of {people} mails; {}",
                told.distinct(),
                mails(mail.path()).len(),
                nodes
                    .launches
                    .iter()
                    .map(Launch::log_end)
                    .collect::<String>()
            )
        })?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        if !killed_purging && began.elapsed() > Duration::from_secs(16) {
            nodes.kill(0)?;
            kills = kills.saturating_add(1);
            killed_purging = true;
        }
    }
    load.stop().await?;

    let again = told.calls().saturating_sub(told.distinct());
    let mails = mails(mail.path());
    let doubled = mails.values().filter(|count| **count > 1).count();
    report.figure("kills", kills);
    report.figure("sign-outs, of which a client was told", ended);
    report.figure("told once more", again);
    report.figure("invitations by mail", mails.len());
    report.figure("sent twice", doubled);
    report.figure("expired rows, all gone", rows);
    let kills = usize::try_from(kills).unwrap_or(usize::MAX);
    require(again <= kills && doubled <= kills, || {
        format!(
            "with {kills} kills, {again} sign-outs were told again and {doubled} mails sent again"
        )
    })?;
    require(mails.values().all(|count| *count <= 2), || {
        format!("a mail was sent more than twice: {mails:?}")
    })?;
    let lost = expired.lost(&nodes.cluster)?;
    require(lost == 0, || {
        format!("{lost} rows that had not expired are gone")
    })?;
    one_active_key(&nodes)?;
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

/// A client that wants to be told of sign-outs.
fn client(nodes: &Nodes, told: &Told) -> Result<Client, Failed> {
    let metadata = format!(
        r#"{{"backchannel_logout_uri":"http://127.0.0.1:{}/told","backchannel_logout_session_required":true}}"#,
        told.port
    );
    let made = command(
        nodes,
        &[
            "--json",
            "client",
            "create",
            "--id",
            "told",
            "--redirect-uri",
            REDIRECT,
            "--post-logout-redirect-uri",
            GOODBYE,
            "--auth-method",
            "client_secret_basic",
            "--metadata",
            &metadata,
        ],
    )?;
    let made: serde_json::Value =
        serde_json::from_str(&made).map_err(|error| Failed::new(format!("{error}: {made}")))?;
    let client = serde_json::json!({
        "client_id": "told", "client_secret": made.get("client_secret"), "redirect_uris": [REDIRECT],
    });
    serde_json::from_value(client).map_err(|error| Failed::new(error.to_string()))
}

fn invite(nodes: &Nodes, person: u32) -> Result<(), Failed> {
    let address = format!("person{person}@example.org");
    command(nodes, &["user", "invite", &address]).map(drop)
}

fn command(nodes: &Nodes, arguments: &[&str]) -> Result<String, Failed> {
    let launch = nodes
        .launches
        .first()
        .ok_or_else(|| Failed::new("no node"))?;
    let ended = launch.command(arguments)?;
    require(ended.success, || {
        format!("{}: {}", arguments.join(" "), ended.stderr)
    })?;
    Ok(ended.stdout)
}

/// Somebody signs in to the client, in a browser of their own, and signs out; whether that was answered.
async fn signs_out(nodes: &Nodes, node: usize, client: &Client) -> Result<bool, Failed> {
    let place: &Place = nodes
        .places
        .get(node)
        .ok_or_else(|| Failed::new("no node"))?;
    let user = &place.demo.user;
    let mut browser = place.browser()?;
    let caller = Caller::new(place, client)?;
    let (outcome, code) = caller.code(&mut browser, user, "openid").await;
    require(code.is_some(), || {
        format!("nobody can sign in: {outcome:?}")
    })?;
    let mut url = parse(&place.endpoints.authorization_endpoint)?;
    url.set_path("/logout");
    url.query_pairs_mut()
        .append_pair("client_id", "told")
        .append_pair("post_logout_redirect_uri", GOODBYE);
    Ok(browser.walk(url, user, GOODBYE).await.is_ok())
}

/// How many mails went to each address.
fn mails(folder: &Path) -> BTreeMap<String, u32> {
    let mut sent = BTreeMap::new();
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let to = text.lines().find_map(|line| line.strip_prefix("To: "));
        // Others are told of what happens with their accounts.
        if let Some(to) = to.filter(|to| to.contains("person")) {
            let times: &mut u32 = sent.entry(to.to_owned()).or_default();
            *times = times.saturating_add(1);
        }
    }
    sent
}

fn one_active_key(nodes: &Nodes) -> Result<(), Failed> {
    let listed = command(nodes, &["--json", "key", "list"])?;
    let keys: serde_json::Value =
        serde_json::from_str(&listed).map_err(|error| Failed::new(error.to_string()))?;
    let mut active: BTreeMap<String, u32> = BTreeMap::new();
    for key in keys.as_array().into_iter().flatten() {
        let text = |name: &str| {
            key.get(name)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let times = active.entry(text("alg").to_owned()).or_default();
        *times = times.saturating_add(u32::from(text("phase") == "active"));
    }
    require(
        !active.is_empty() && active.values().all(|count| *count == 1),
        || format!("active keys: {active:?} in {listed}"),
    )
}

/// The server of a client that is told of sign-outs, slowly.
struct Told {
    port: u16,
    /// How often for each session.
    sessions: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Told {
    async fn open() -> Result<Self, Failed> {
        let failed = |error: std::io::Error| Failed::new(format!("a listener: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let sessions = Arc::new(Mutex::new(BTreeMap::new()));
        let seen = Arc::clone(&sessions);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    if let Some(session) = hear(stream).await {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        let times: &mut usize = seen.entry(session).or_default();
                        *times = times.saturating_add(1);
                    }
                });
            }
        });
        Ok(Self { port, sessions })
    }

    fn distinct(&self) -> usize {
        let seen = self.sessions.lock();
        seen.unwrap_or_else(PoisonError::into_inner).len()
    }

    fn calls(&self) -> usize {
        let seen = self.sessions.lock();
        seen.unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// The session that a logout token names. The client knows as soon as it has read it; its answer comes later.
async fn hear(mut stream: TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let token = loop {
        let mut part = [0_u8; 4096];
        let read = stream.read(&mut part).await.ok()?;
        request.extend_from_slice(part.get(..read)?);
        let text = String::from_utf8_lossy(&request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() >= length) {
            break body.strip_prefix("logout_token=")?.to_owned();
        }
        if read == 0 {
            return None;
        }
    };
    let payload = token.split('.').nth(1)?;
    let claims = hallpass_jose::base64url::decode(payload.as_bytes())?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let session = claims.get("sid")?.as_str()?.to_owned();
    tokio::spawn(async move {
        tokio::time::sleep(SLOW).await;
        drop(
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await,
        );
    });
    Some(session)
}

const SLOW: Duration = Duration::from_millis(150);
const REDIRECT: &str = "http://127.0.0.1/told";
const GOODBYE: &str = "http://127.0.0.1/goodbye";
const LIMIT: Duration = Duration::from_secs(40);
/// What was broken off is tried again after twenty seconds, and again after eighty.
/// However busy the machine is. Expired rows are deleted slowly on purpose.
const LIMIT_OF_JOBS: Duration = Duration::from_secs(200);
const SLOWEST_PURGE: u64 = 400;
