//! L08: passwords of nobody, as fast as they can be sent.

use tokio::sync::watch;

use super::Target;
use super::raw::{Attackers, Tally, all, ask, get, post, status};
use crate::Failed;
use crate::report::require;
use crate::server::random_below;

/// Types random names and passwords into a sign-in page that is their own.
pub(crate) struct Passwords;

impl Attackers for Passwords {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let number = if target.long { 64 } else { 24 };
        all(number, |_| {
            let stopped = stopped.clone();
            let target = target.clone();
            async move {
                let mut tally = Tally::default();
                let Some((path, cookie)) = page_of(&target, "").await else {
                    tally.note("no sign-in page");
                    return tally;
                };
                let issuer = &target.demo.issuer;
                let origin = issuer.strip_suffix(target.prefix).unwrap_or(issuer);
                let headers = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n");
                while !*stopped.borrow() {
                    let form = format!(
                        "username=user{}&password=secret{}",
                        random_below(1_000_000),
                        random_below(1_000_000)
                    );
                    tally.note(status(
                        &ask(target.port, &post(&path, &headers, &form)).await,
                    ));
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        let told = ["200", "429", "503"].map(|status| tally.count(status));
        let all: u64 = tally.0.values().sum();
        require(told.iter().sum::<u64>() == all, || {
            format!("answers other than 200, 429 and 503: {tally:?}")
        })?;
        require(all > 20, || format!("there was no flood: {all}"))
    }
}

/// The address of a sign-in page and the cookie that belongs to it.
pub(super) async fn page_of(target: &Target, more: &str) -> Option<(String, String)> {
    let public = target
        .demo
        .clients
        .iter()
        .find(|client| client.client_secret.is_none())?;
    let redirect = public.redirect_uris.first()?;
    let path = format!(
        "{}/authorize?response_type=code&client_id={}&redirect_uri={redirect}&scope=openid&code_challenge=\
         E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256{more}",
        target.prefix, public.client_id
    );
    let answer = ask(target.port, &get(&path)).await.ok()?;
    let header = |name: &str| {
        answer.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let location = header("location")?;
    // The origin goes, the issuer's path stays.
    let origin = target.demo.issuer.strip_suffix(target.prefix);
    let path = location
        .strip_prefix(origin.unwrap_or_default())
        .unwrap_or(&location);
    let cookie = header("set-cookie")?;
    let cookie = cookie.split(';').next()?;
    Some((path.to_owned(), cookie.to_owned()))
}
