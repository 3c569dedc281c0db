//! More of F03: a link that works once, whose form is sent by several browsers to two nodes at once.

use std::sync::Arc;

use hallpass_load::browser::User;
use hallpass_load::html;
use hallpass_load::http::{Failure, encode_form};
use serde_json::Value;
use tokio::sync::Barrier;

use super::nodes::Nodes;
use super::races::CONTESTANTS;
use crate::caller::parse;
use crate::report::require;
use crate::{Failed, Report};

/// What the nodes and commands need for it.
pub(super) const SETTINGS: &[(&str, &str)] = &[("HALLPASS__SIGN_UP__MODE", "open")];

pub(super) async fn run(
    nodes: &Nodes,
    rounds: u32,
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    for round in 0..rounds {
        let address = format!("invited-{round}@people.example");
        let won = race(nodes, &["user", "invite", &address, "--print", "--json"]).await?;
        require(won == 1, || format!("{label}: a link worked {won} times"))?;
    }
    report.figure(&format!("{label}: links good once"), rounds);
    Ok(())
}

/// Links with which somebody who has an account chooses another password.
pub(super) async fn resets(
    nodes: &Nodes,
    rounds: u32,
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    let somebody = "forgetful@people.example";
    command(nodes, &["user", "create", somebody, "--generate", "--json"])?;
    for _ in 0..rounds {
        let won = race(nodes, &["user", "link", somebody, "--json"]).await?;
        require(won == 1, || {
            format!("{label}: a reset link worked {won} times")
        })?;
    }
    report.figure(&format!("{label}: reset links good once"), rounds);
    Ok(())
}

fn command(nodes: &Nodes, arguments: &[&str]) -> Result<Value, Failed> {
    let launch = nodes.launches.first();
    let launch = launch.ok_or_else(|| Failed::new("no node"))?;
    let ended = launch.command(arguments)?;
    require(ended.success, || ended.stderr.clone())?;
    Ok(serde_json::from_str(&ended.stdout).unwrap_or_default())
}

/// How many did what the link is for that this command prints.
async fn race(nodes: &Nodes, printing: &[&str]) -> Result<usize, Failed> {
    let printed = command(nodes, printing)?;
    let link = printed.get("link").and_then(Value::as_str);
    let link = parse(link.ok_or_else(|| Failed::new("no link was printed"))?)?;

    let barrier = Arc::new(Barrier::new(CONTESTANTS));
    let mut tasks = Vec::new();
    for place in nodes.places.iter().cycle().take(CONTESTANTS) {
        let mut browser = place.browser()?;
        let nobody = User::default();
        let page = browser.open(link.clone(), &nobody).await?;
        let form = html::form(&page, "link", Some("confirm"));
        let mut form = form.ok_or_else(|| Failed::new("the link has no form"))?;
        form.set("password", PASSWORD);
        form.set("again", PASSWORD);
        let action = link.join(&form.action);
        let action = action.map_err(|error| Failed::new(error.to_string()))?;
        let pairs = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let body = encode_form(pairs);
        let barrier = Arc::clone(&barrier);
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            made(browser.send(action, body, &nobody).await)
        }));
    }
    let mut won = 0_usize;
    for task in tasks {
        let made = task.await.map_err(|error| Failed::new(error.to_string()))?;
        won = won.saturating_add(usize::from(made?));
    }
    Ok(won)
}

/// Whether the account was made. Who is late is told so, and by nothing else.
fn made(sent: Result<String, Failure>) -> Result<bool, Failed> {
    match sent {
        Ok(page) if page.contains("link-done") => Ok(true),
        Ok(page) if page.contains("id=\"error-code\"") => Ok(false),
        Ok(_) => Err(Failed::new("a link leads to another page")),
        Err(Failure::Unexpected { what, .. })
            if what.starts_with('4') && !what.starts_with("429") =>
        {
            Ok(false)
        }
        Err(failure) => Err(failure.into()),
    }
}

const PASSWORD: &str = "a horse, a battery and a staple";
