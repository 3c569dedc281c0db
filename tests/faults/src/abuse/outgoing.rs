//! L10: requests that make the server ask others: clients of documents, key sets of assertions, sector documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Target;
use super::raw::{Attackers, Tally, all, ask, get, post, status};
use crate::Failed;
use crate::report::require;
use crate::server::random_below;

/// Names addresses of servers that only count who comes.
pub(crate) struct Amplified;

impl Attackers for Amplified {
    fn settings() -> &'static [(&'static str, &'static str)] {
        &[
            ("HALLPASS__CLIENT_DOCUMENTS__ENABLED", "true"),
            ("HALLPASS__EXPERIMENTAL__CLIENT_DOCUMENTS", "draft-03"),
            (
                "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
                "[\"127.0.0.0/8\", \"::1/128\"]",
            ),
        ]
    }

    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let began = Instant::now();
        let mut victims = Vec::new();
        for _ in 0..VICTIMS {
            let victim = Victim::open().await?;
            let client = register(&target, victim.port, "jwks").await;
            let client = client.ok_or_else(|| Failed::new("no client can be registered"))?;
            victims.push((victim, client));
        }
        let victims = Arc::new(victims);
        let number = if target.long { 48 } else { 16 };
        let mut tally = all(number, |each| {
            let (stopped, target) = (stopped.clone(), target.clone());
            let victims = Arc::clone(&victims);
            async move {
                let mut tally = Tally::default();
                let mut turn = usize::try_from(each).unwrap_or_default();
                while !*stopped.borrow() {
                    turn = turn.wrapping_add(1);
                    let at = turn.checked_rem(victims.len()).unwrap_or_default();
                    let Some((victim, client)) = victims.get(at) else {
                        break;
                    };
                    let request = request(at, victim.port, client);
                    tally.note(status(&ask(target.port, &request).await));
                }
                tally
            }
        })
        .await?;
        let came = |victim: &Victim| victim.came.load(Ordering::SeqCst);
        tally
            .0
            .insert(SECONDS.to_owned(), began.elapsed().as_secs());
        for (n, (victim, _)) in victims.iter().enumerate() {
            let outgoing = tally.0.entry(kind(n).to_owned()).or_default();
            *outgoing = came(victim).max(*outgoing);
        }
        Ok(tally)
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        let told = ["500", "no answer in time"].map(|status| tally.count(status));
        require(told.iter().all(|count| *count == 0), || {
            format!("requests failed inside or had no answer: {tally:?}")
        })?;
        let seconds = tally.count(SECONDS).saturating_add(2);
        // Ten documents of a server at once and one in six seconds after that; a key set in two seconds. A connection that
        // breaks is tried on the other address of `localhost`.
        let most = [
            (KIND[0], seconds.div_ceil(6).saturating_add(10)),
            (KIND[1], seconds.div_ceil(2).saturating_add(1)),
            (KIND[2], seconds.div_ceil(6).saturating_add(10)),
        ];
        for (kind, most) in most {
            let (asked, most) = (tally.count(kind), most.saturating_mul(2));
            require(asked > 0, || {
                format!("{kind}: nothing was asked for at all")
            })?;
            require(asked <= most, || {
                format!("{kind}: {asked} in {seconds} s, more than {most}")
            })?;
        }
        Ok(())
    }
}

const VICTIMS: u64 = 6;
const SECONDS: &str = "(seconds)";
/// What each victim is named for, in turns.
const KIND: [&str; 3] = [
    "(most connections to one server of documents)",
    "(to one server of key sets)",
    "(to one server of sector documents)",
];

fn kind(victim: usize) -> &'static str {
    KIND.iter().copied().cycle().nth(victim).unwrap_or_default()
}

/// A server that takes connections, says nothing and closes them.
struct Victim {
    port: u16,
    came: Arc<AtomicU64>,
}

impl Victim {
    async fn open() -> Result<Self, Failed> {
        let failed = |error: std::io::Error| Failed::new(format!("a listener: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let came = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    tokio::time::sleep(HELD).await;
                    drop(stream);
                });
            }
        });
        Ok(Self { port, came })
    }
}

const HELD: Duration = Duration::from_millis(150);

fn request(victim: usize, port: u16, client: &str) -> Vec<u8> {
    let random = random_below(u64::MAX);
    match victim.checked_rem(KIND.len()).unwrap_or_default() {
        0 => get(&format!(
            "/authorize?client_id=https%3A%2F%2Flocalhost%3A{port}%2Fapp{random}&response_type=code&redirect_uri=\
             https%3A%2F%2Flocalhost%3A{port}%2Fcb"
        )),
        2 => registration(&format!(
            r#"{{"redirect_uris":["https://a.example/cb","https://b.example/cb"],"subject_type":"pairwise","sector_identifier_uri":"https://localhost:{port}/sector{random}"}}"#
        )),
        _ => post(
            "/token",
            "",
            &format!(
                "grant_type=client_credentials&client_id={client}&client_assertion={}&client_assertion_type=\
                 urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
                assertion(client, random)
            ),
        ),
    }
}

/// One that nobody signed, with a key identifier that nobody knows.
#[expect(
    clippy::disallowed_methods,
    reason = "a client, without the ports of the product"
)]
fn assertion(client: &str, random: u64) -> String {
    use std::time::SystemTime;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let end = now.saturating_add(60);
    let header = format!(r#"{{"alg":"ES256","kid":"key{random}"}}"#);
    let claims = format!(
        r#"{{"iss":"{client}","sub":"{client}","aud":"http://localhost","jti":"j{random}","iat":{now},"exp":{end}}}"#
    );
    let part = |text: &str| hallpass_jose::base64url::encode(text.as_bytes());
    format!("{}.{}.{}", part(&header), part(&claims), "A".repeat(86))
}

async fn register(target: &Target, port: u16, path: &str) -> Option<String> {
    let body = format!(
        r#"{{"grant_types":["client_credentials"],"response_types":[],"redirect_uris":[],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://localhost:{port}/{path}"}}"#
    );
    let answer = ask(target.port, &registration(&body)).await.ok()?;
    let (_, json) = answer.split_once("\r\n\r\n")?;
    let made: serde_json::Value = serde_json::from_str(json).ok()?;
    Some(made.get("client_id")?.as_str()?.to_owned())
}

fn registration(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
