//! The rest of F03: assertions, proofs and pushed requests, each on several connections to two nodes at once.

use std::sync::Arc;

use hallpass_load::http::{Authority, Connection, Template, encode_form};
use hallpass_load::{Assertions, ClientKey, Proofs};
use tokio::sync::Barrier;

use super::nodes::Nodes;
use super::races::CONTESTANTS;
use crate::caller::{CHALLENGE, Place, parse};
use crate::report::require;
use crate::{Failed, Report};

pub(super) async fn run(
    nodes: &Nodes,
    rounds: u32,
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
    let key = ClientKey::generate().map_err(|_| Failed::new("no key"))?;
    client(nodes, &key)?;
    let unsigned = |_| Failed::new("nothing is signed");
    let assertions = Assertions::new(key, SIGNER.to_owned(), place.endpoints.issuer.clone());
    let binding = ClientKey::generate().map_err(unsigned)?;
    let proofs = Proofs::new(binding, place.endpoints.token_endpoint.clone());
    let mut racers = Racers::new(nodes)?;

    for _ in 0..rounds {
        let assertion = assertions.next().map_err(unsigned)?;
        let body = body(&assertion);
        let same = vec![(None, body); CONTESTANTS];
        let won = racers.race(same).await?;
        require(won == 1, || {
            format!("{label}: an assertion worked {won} times")
        })?;
        let proof = proofs.next().map_err(unsigned)?;
        let mut bound = Vec::new();
        for _ in 0..CONTESTANTS {
            let assertion = assertions.next().map_err(unsigned)?;
            bound.push((Some(proof.clone()), self::body(&assertion)));
        }
        let won = racers.race(bound).await?;
        require(won == 1, || format!("{label}: a proof worked {won} times"))?;
    }
    report.figure(&format!("{label}: assertions good once"), rounds);
    report.figure(&format!("{label}: proofs good once"), rounds);

    let mut completed = 0_u32;
    let mut browsers = Browsers::new(nodes).await?;
    for _ in 0..rounds {
        let won = browsers.race(place).await?;
        require(won <= 1, || {
            format!("{label}: a pushed request was completed {won} times")
        })?;
        completed = completed.saturating_add(won);
    }
    require(completed > 0, || {
        format!("{label}: no pushed request was completed at all")
    })?;
    report.figure(&format!("{label}: pushed requests completed"), completed);
    Ok(())
}

fn body(assertion: &str) -> String {
    encode_form([
        ("grant_type", "client_credentials"),
        ("client_id", SIGNER),
        ("client_assertion_type", Assertions::TYPE),
        ("client_assertion", assertion),
    ])
}

fn client(nodes: &Nodes, key: &ClientKey) -> Result<(), Failed> {
    let launch = nodes
        .launches
        .first()
        .ok_or_else(|| Failed::new("no node"))?;
    let metadata = serde_json::json!({ "jwks": { "keys": [key.public_jwk()] } }).to_string();
    let ended = launch.command(&[
        "client",
        "create",
        "--id",
        SIGNER,
        "--grant-type",
        "client_credentials",
        "--auth-method",
        "private_key_jwt",
        "--metadata",
        &metadata,
    ])?;
    require(ended.success, || ended.stderr.clone())
}

/// Connections to the token endpoint, in turns to all nodes.
pub(super) struct Racers(Vec<(Connection, Template)>);

impl Racers {
    pub(super) fn new(nodes: &Nodes) -> Result<Self, Failed> {
        let places = nodes.places.iter().cycle().take(CONTESTANTS);
        let racers = places.map(|place| {
            let url = parse(&place.endpoints.token_endpoint)?;
            Ok((
                Connection::new(place.node.clone()),
                Template::post_form(&url, &[]),
            ))
        });
        racers.collect::<Result<_, Failed>>().map(Self)
    }

    /// How many of these are answered with tokens. All others must be refused.
    pub(super) async fn race(
        &mut self,
        requests: Vec<(Option<String>, String)>,
    ) -> Result<usize, Failed> {
        let barrier = Arc::new(Barrier::new(CONTESTANTS));
        let mut tasks = Vec::new();
        for ((mut connection, mut template), (proof, body)) in
            std::mem::take(&mut self.0).into_iter().zip(requests)
        {
            let barrier = Arc::clone(&barrier);
            tasks.push(tokio::spawn(async move {
                barrier.wait().await;
                let request = match &proof {
                    Some(proof) => template.with_header_and_body(("DPoP", proof), &body),
                    None => template.with_body(&body),
                };
                let status = connection.exchange(request).await.map(|response| {
                    let said = String::from_utf8_lossy(response.body).into_owned();
                    (response.status, said)
                });
                (connection, template, status)
            }));
        }
        let mut won = 0_usize;
        for task in tasks {
            let (connection, template, status) =
                task.await.map_err(|error| Failed::new(error.to_string()))?;
            let (status, said) = status?;
            require(matches!(status, 200 | 400 | 401), || {
                format!("a race was answered with {status}: {said}")
            })?;
            won = won.saturating_add(usize::from(status == 200));
            self.0.push((connection, template));
        }
        Ok(won)
    }
}

/// Two browsers with a session each, at two nodes.
struct Browsers {
    sessions: Vec<(Connection, String, Place)>,
    push: Template,
    pusher: Connection,
}

impl Browsers {
    async fn new(nodes: &Nodes) -> Result<Self, Failed> {
        let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
        let client = place.public()?;
        let mut sessions = Vec::new();
        for place in &nodes.places {
            let mut browser = place.browser()?;
            let caller = crate::caller::Caller::new(place, client)?;
            let (outcome, code) = caller.code(&mut browser, &place.demo.user, "openid").await;
            require(code.is_some(), || {
                format!("nobody can sign in: {outcome:?}")
            })?;
            let cookies = browser.cookie_header("/authorize");
            sessions.push((Connection::new(place.node.clone()), cookies, place.clone()));
        }
        let push = place
            .endpoints
            .pushed_authorization_request_endpoint
            .clone();
        let url = parse(&push)?;
        Ok(Self {
            sessions,
            push: Template::post_form(&url, &[]),
            pusher: Connection::new(Authority::of(&url)?),
        })
    }

    /// Pushes one request and completes it in both browsers at once; how many got a code.
    async fn race(&mut self, place: &Place) -> Result<u32, Failed> {
        let client = place.public()?;
        let redirect = client.redirect_uris.first().cloned().unwrap_or_default();
        let body = encode_form([
            ("response_type", "code"),
            ("client_id", &client.client_id),
            ("redirect_uri", &redirect),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let request = self.push.with_body(&body);
        let response = self.pusher.exchange(request).await?;
        let pushed: serde_json::Value = serde_json::from_slice(response.body).unwrap_or_default();
        let status = response.status;
        let uri = pushed
            .get("request_uri")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| Failed::new(format!("pushing was answered with {status}")))?;
        let barrier = Arc::new(Barrier::new(self.sessions.len()));
        let mut tasks = Vec::new();
        for (mut connection, cookies, place) in std::mem::take(&mut self.sessions) {
            let mut url = parse(&place.endpoints.authorization_endpoint)?;
            url.query_pairs_mut()
                .append_pair("client_id", &client.client_id)
                .append_pair("request_uri", uri);
            let barrier = Arc::clone(&barrier);
            tasks.push(tokio::spawn(async move {
                let mut template = Template::get(&url, &[("Cookie", &cookies)]);
                barrier.wait().await;
                let answer = connection.exchange(template.bare()).await.map(|response| {
                    let location = response.header("location").unwrap_or_default();
                    (response.status, location.to_owned())
                });
                (connection, cookies, place, answer)
            }));
        }
        let mut won = 0_u32;
        for task in tasks {
            let (connection, cookies, place, answer) =
                task.await.map_err(|error| Failed::new(error.to_string()))?;
            let (status, location) = answer?;
            require(status < 500 && status != 429, || {
                format!("a pushed request was answered with {status}")
            })?;
            let code =
                parse(&location).is_ok_and(|url| url.query_pairs().any(|(name, _)| name == "code"));
            won = won.saturating_add(u32::from(code));
            self.sessions.push((connection, cookies, place));
        }
        Ok(won)
    }
}

const SIGNER: &str = "signer";
