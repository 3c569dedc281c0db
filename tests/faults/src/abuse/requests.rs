//! L09, L11 and L12: requests that cost the server more than their sender.

use tokio::sync::watch;

use super::Target;
use super::raw::{Attackers, Tally, all, ask, get, post, status};
use crate::Failed;
use crate::report::require;
use crate::server::random_below;

/// Assertions, proofs and request objects whose signatures are wrong.
pub(crate) struct WrongSignatures;

impl Attackers for WrongSignatures {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        flood(&target, &stopped, |target| {
            let jwt = format!(
                "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoibDhUbWZ3\
                 cGp4cEQ4OW5QbFhwUHRQd2Z6d0dpQ0h3Y0JFZlkxM0NoN3h2VSIsInkiOiJ6X3hUbzFYZ0lKYXpUTk1lTGlHMjFuNmR3bVZJYm1UcTJ4Tk\
                 pjZmZ4b1lRIn19.eyJqdGkiOiJ{}In0.{}",
                random_below(1_000_000_000),
                "A".repeat(86)
            );
            let client = target.demo.clients.first().map_or("", |client| client.client_id.as_str());
            match random_below(3) {
                0 => post(
                    "/token",
                    "",
                    &format!(
                        "grant_type=client_credentials&client_id={client}&client_assertion={jwt}&client_assertion_type=\
                         urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                    ),
                ),
                1 => post("/token", &format!("DPoP: {jwt}\r\n"), "grant_type=refresh_token&refresh_token=a"),
                _ => get(&format!("/authorize?client_id={client}&request={jwt}")),
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        no_failures(tally)
    }
}

/// Guesses client identifiers, user codes and tokens.
pub(crate) struct Scans;

impl Attackers for Scans {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        flood(&target, &stopped, |_| {
            let guess = random_below(u64::MAX);
            match random_below(4) {
                0 => get(&format!(
                    "/authorize?client_id=client{guess}&response_type=code"
                )),
                1 => post(
                    "/introspect",
                    "Authorization: Basic YTpi\r\n",
                    &format!("token=hpa_{guess}"),
                ),
                2 => post(
                    "/token",
                    "",
                    &format!("grant_type=refresh_token&client_id=demo&refresh_token=hpr_{guess}"),
                ),
                _ => get(&format!("/device?user_code=ABCD-{guess}")),
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        no_failures(tally)
    }
}

/// Leaves as much behind as it can: authorization requests, pushed requests, device codes.
pub(crate) struct Growth;

impl Attackers for Growth {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        flood(&target, &stopped, |target| {
            let public = target
                .demo
                .clients
                .iter()
                .find(|client| client.client_secret.is_none());
            let (client, redirect) = public.map_or(("", ""), |client| {
                let redirect = client.redirect_uris.first().map_or("", String::as_str);
                (client.client_id.as_str(), redirect)
            });
            let state = random_below(u64::MAX);
            let request = format!(
                "response_type=code&client_id={client}&redirect_uri={redirect}&scope=openid&state={state}&code_challenge=\
                 E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
            );
            let prefix = target.prefix;
            match random_below(3) {
                0 => get(&format!("{prefix}/authorize?{request}")),
                1 => post(&format!("{prefix}/par"), "", &request),
                _ => post(
                    &format!("{prefix}/device_authorization"),
                    "",
                    &format!("client_id={client}&scope=openid"),
                ),
            }
        })
        .await
    }

    fn judge(tally: &Tally, grown: u64) -> Result<(), Failed> {
        require(grown < 64 * 1024, || format!("memory grew by {grown} KiB"))?;
        no_failures(tally)
    }
}

async fn flood(
    target: &Target,
    stopped: &watch::Receiver<bool>,
    request: fn(&Target) -> Vec<u8>,
) -> Result<Tally, Failed> {
    let number = if target.long { 48 } else { 16 };
    all(number, |_| {
        let stopped = stopped.clone();
        let target = target.clone();
        async move {
            let mut tally = Tally::default();
            while !*stopped.borrow() {
                tally.note(status(&ask(target.port, &request(&target)).await));
            }
            tally
        }
    })
    .await
}

fn no_failures(tally: &Tally) -> Result<(), Failed> {
    let failed = tally
        .count("500")
        .saturating_add(tally.count("no answer in time"));
    require(failed == 0, || {
        format!("{failed} requests failed inside or had no answer")
    })?;
    let all: u64 = tally.0.values().sum();
    require(all > 50, || format!("there was no flood: {all}"))
}
