//! L14: one person has very many sessions, and grants to one client. What ends all of them at once takes no longer for that,
//! and holds at once.

use std::time::{Duration, Instant};

use hallpass_load::Client;
use hallpass_load::browser::{Browser, User};
use tokio::task::JoinSet;

use super::golden::Golden;
use super::resident;
use crate::caller::{Caller, Place};
use crate::experiment::Ran;
use crate::experiment::scene::Scene;
use crate::history::Outcome;
use crate::report::require;
use crate::server::Launch;
use crate::{Failed, Report, Setup};

pub(crate) async fn hot_row(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let mut scene = Scene::new(setup, "hot-row")?;
    for limit in ["SIGN_IN_PER_ACCOUNT", "SIGN_IN_PER_ADDRESS"] {
        let name = format!("HALLPASS__RATE_LIMITS__{limit}");
        scene.launch = scene.launch.with(&name, "1000000");
    }
    let server = scene.launch.start()?;
    let place = Place::of(&server.demo).await?;
    let (user, client) = somebody(&scene.launch)?;
    let mut golden = Golden::new(&server.demo).await?;
    let base = golden.watch(Duration::from_secs(2)).await;

    let sessions = setup.times(8, 2_000);
    let grants = setup.times(200, 100_000);
    let mut browsers = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..sessions {
        let mut browser = place.browser()?;
        tokens.push(grant(&place, &client, &user, &mut browser).await?);
        browsers.push(browser);
    }
    let mut tasks = JoinSet::new();
    for mut browser in browsers.split_off(browsers.len().saturating_sub(AT_ONCE)) {
        let (place, client, user) = (place.clone(), client.clone(), user.clone());
        let each = grants.div_ceil(u32::try_from(AT_ONCE).unwrap_or(1));
        tasks.spawn(async move {
            let mut last = String::new();
            for _ in 0..each {
                last = grant(&place, &client, &user, &mut browser).await?;
            }
            Ok::<_, Failed>(last)
        });
    }
    while let Some(token) = tasks.join_next().await {
        tokens.push(token.map_err(|error| Failed::new(error.to_string()))??);
    }
    let rested = resident(&server);

    let disabled = timed(&scene.launch, &["user", "disable", NAME])?;
    let mut caller = Caller::new(&place, place.confidential()?)?;
    let alive = alive(&mut caller, &tokens).await?;
    require(alive == 0, || {
        format!("{alive} tokens of a disabled account work")
    })?;
    let enabled = timed(&scene.launch, &["user", "enable", NAME])?;
    let alive = self::alive(&mut caller, &tokens).await?;
    require(alive == 0, || format!("{alive} tokens are back"))?;
    // Sessions from before are over, too.
    let mut signed_in = 0_u32;
    for browser in browsers.iter_mut().take(20) {
        let before = browser.passwords();
        grant(&place, &client, &user, browser).await?;
        signed_in = signed_in.saturating_add(u32::from(browser.passwords() == before));
    }
    require(signed_in == 0, || {
        format!("{signed_in} sessions of a disabled account are back")
    })?;
    let deleted = timed(&scene.launch, &["client", "delete", CLIENT])?;
    golden.reconnect();
    let during = golden.watch(Duration::from_secs(1)).await;
    let most = resident(&server);

    report.figure("sessions of one person", sessions);
    report.figure("grants to one client", grants);
    report.figure(
        "disabled, enabled, client deleted, each by a command, ms",
        format!(
            "{}, {}, {}",
            disabled.as_millis(),
            enabled.as_millis(),
            deleted.as_millis()
        ),
    );
    report.figure(
        "tokens that were tried afterwards, none alive",
        tokens.len(),
    );
    report.figure(
        "resident memory before and after, KiB",
        format!("{rested}, {most}"),
    );
    for took in [disabled, enabled, deleted] {
        require(took < MOST, || format!("a command took {took:?}"))?;
    }
    require(base.failed == 0 && during.failed == 0, || {
        format!("others failed: {}{}", base.last, during.last)
    })?;
    require(most < rested.saturating_add(32 * 1024), || {
        format!("memory grew from {rested} to {most} KiB")
    })?;
    Ok(Ran::Done(report))
}

/// A person and a client of their own.
fn somebody(launch: &Launch) -> Result<(User, Client), Failed> {
    let run = |arguments: &[&str]| {
        let ended = launch.command(arguments)?;
        require(ended.success, || ended.stderr.clone())?;
        Ok::<_, Failed>(ended.stdout)
    };
    let made = run(&["--json", "user", "create", NAME, "--generate"])?;
    let made: serde_json::Value =
        serde_json::from_str(&made).map_err(|error| Failed::new(format!("{error}: {made}")))?;
    let password = made.get("password").cloned().unwrap_or_default();
    let user = serde_json::json!({ "username": NAME, "password": password });
    let user = serde_json::from_value(user).map_err(|error| Failed::new(error.to_string()))?;
    run(&[
        "client",
        "create",
        "--id",
        CLIENT,
        "--public",
        "--redirect-uri",
        REDIRECT,
    ])?;
    let client = serde_json::json!({ "client_id": CLIENT, "redirect_uris": [REDIRECT] });
    let client = serde_json::from_value(client).map_err(|error| Failed::new(error.to_string()))?;
    Ok((user, client))
}

/// A grant with its access token.
async fn grant(
    place: &Place,
    client: &Client,
    user: &User,
    browser: &mut Browser,
) -> Result<String, Failed> {
    let mut last = String::new();
    // How many there are is what counts here: whoever had no answer asks again, and has one grant more perhaps.
    for _ in 0..TRIES {
        let mut caller = Caller::new(place, client)?;
        let (outcome, code) = caller.code(browser, user, "openid").await;
        let Some(code) = code else {
            last = format!("no code: {outcome:?}");
            continue;
        };
        let (outcome, tokens) = caller.exchange(&code).await;
        match tokens {
            Some(tokens) => return Ok(tokens.access),
            None => last = format!("no tokens: {outcome:?}"),
        }
    }
    Err(Failed::new(last))
}

async fn alive(caller: &mut Caller, tokens: &[String]) -> Result<u32, Failed> {
    let mut alive = 0_u32;
    for token in tokens {
        match caller.introspect(token).await {
            (Outcome::Ok, Some(active)) => alive = alive.saturating_add(u32::from(active)),
            (outcome, _) => return Err(Failed::new(format!("introspection: {outcome:?}"))),
        }
    }
    Ok(alive)
}

fn timed(launch: &Launch, arguments: &[&str]) -> Result<Duration, Failed> {
    let began = Instant::now();
    let ended = launch.command(arguments)?;
    require(ended.success, || {
        format!("{}: {}", arguments.join(" "), ended.stderr)
    })?;
    Ok(began.elapsed())
}

const NAME: &str = "hot";
const CLIENT: &str = "hot-app";
const REDIRECT: &str = "http://127.0.0.1/hot";
const AT_ONCE: usize = 4;
const TRIES: u32 = 3;
const MOST: Duration = Duration::from_secs(5);
