//! L04 and L07: bodies that are too large, or full of names.

use tokio::sync::watch;

use super::Target;
use super::raw::{Attackers, Tally, all, ask, post, status};
use crate::Failed;
use crate::report::require;

/// Posts ten megabytes to every endpoint.
pub(crate) struct Large;

impl Attackers for Large {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let number = if target.long { 64 } else { 16 };
        all(number, |one| {
            let stopped = stopped.clone();
            let port = target.port;
            async move {
                let mut tally = Tally::default();
                let body = "a=".to_owned() + &"b".repeat(10_000_000);
                let path = PATHS
                    .iter()
                    .cycle()
                    .nth(usize::try_from(one).unwrap_or_default())
                    .unwrap_or(&"/token");
                let request = post(path, "", &body);
                while !*stopped.borrow() {
                    tally.note(status(&ask(port, &request).await));
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        let taken = tally.count("200").saturating_add(tally.count("500"));
        require(taken == 0, || {
            format!("{taken} such bodies were taken, or failed inside")
        })?;
        // The rest of what is still being sent meets a closed connection.
        let refused = tally.count("413").saturating_add(tally.count("reset"));
        require(refused > 0, || {
            "no body was refused for its size".to_owned()
        })
    }
}

const PATHS: &[&str] = &[
    "/token",
    "/par",
    "/introspect",
    "/revoke",
    "/register",
    "/userinfo",
    "/sign-in",
    "/logout",
];

/// Posts as many names as fit, all of which begin alike or say the same.
pub(crate) struct ManyNames;

impl Attackers for ManyNames {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        all(8, |one| {
            let stopped = stopped.clone();
            let port = target.port;
            async move {
                let mut tally = Tally::default();
                let body = match one % 3 {
                    0 => "&a=".repeat(21_000),
                    1 => (0..6_000).map(|n| format!("a{n}=1&")).collect(),
                    _ => "%61%61%61=%61&".repeat(4_500),
                };
                let path = if one % 2 == 0 {
                    "/token"
                } else {
                    "/introspect"
                };
                let request = post(path, "", &body);
                while !*stopped.borrow() {
                    tally.note(status(&ask(port, &request).await));
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        let taken = tally.count("200").saturating_add(tally.count("500"));
        require(taken == 0, || {
            format!("{taken} such forms were taken, or failed inside")
        })
    }
}
