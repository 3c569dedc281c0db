//! More of F03: what a person allowed elsewhere, fetched on several connections to two nodes at once by its device code or by
//! its `auth_req_id`.

use hallpass_load::browser::Browser;
use hallpass_load::html;
use hallpass_load::http::{Authority, Connection, Template, encode_form};
use serde_json::Value;

use super::nodes::Nodes;
use super::once::Racers;
use super::races::CONTESTANTS;
use crate::caller::{Place, parse};
use crate::report::require;
use crate::{Failed, Report};

/// What the nodes need for it.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("HALLPASS__PROTOCOL__DEVICE__ENABLED", "true"),
    (
        "HALLPASS__PROTOCOL__DEVICE__PER_CLIENT_PER_MINUTE",
        "1000000",
    ),
    ("HALLPASS__PROTOCOL__BACKCHANNEL__ENABLED", "true"),
];

pub(super) async fn run(
    nodes: &Nodes,
    (rounds, requests): (u32, u32),
    (label, report): (&str, &mut Report),
) -> Result<(), Failed> {
    let mut asker = Asker::new(nodes).await?;
    let mut racers = Racers::new(nodes)?;
    for _ in 0..rounds {
        let device = asker.allowed_device().await?;
        let won = racers.race(vec![(None, device); CONTESTANTS]).await?;
        require(won == 1, || {
            format!("{label}: a device code worked {won} times")
        })?;
    }
    report.figure(&format!("{label}: device codes good once"), rounds);
    for _ in 0..requests {
        let request = asker.allowed_request().await?;
        let won = racers.race(vec![(None, request); CONTESTANTS]).await?;
        require(won == 1, || {
            format!("{label}: an auth_req_id worked {won} times")
        })?;
    }
    report.figure(&format!("{label}: auth_req_id good once"), requests);
    Ok(())
}

/// A client without a browser, and the person who answers it in one.
struct Asker {
    place: Place,
    browser: Browser,
    connection: Connection,
    secret: String,
}

impl Asker {
    async fn new(nodes: &Nodes) -> Result<Self, Failed> {
        let place = nodes.places.first().ok_or_else(|| Failed::new("no node"))?;
        let launch = nodes
            .launches
            .first()
            .ok_or_else(|| Failed::new("no node"))?;
        let ended = launch.command(&[
            "client",
            "create",
            "--json",
            "--id",
            BOX,
            "--grant-type",
            DEVICE,
            "--grant-type",
            CIBA,
            "--scope",
            "openid",
            "--auth-method",
            "client_secret_post",
            "--metadata",
            r#"{"backchannel_token_delivery_mode":"poll"}"#,
        ])?;
        require(ended.success, || ended.stderr.clone())?;
        let made: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        let secret = made
            .get("client_secret")
            .and_then(Value::as_str)
            .ok_or_else(|| Failed::new("a client without a secret"))?;
        let issuer = parse(&place.endpoints.issuer)?;
        Ok(Self {
            place: place.clone(),
            browser: place.browser()?,
            connection: Connection::new(Authority::of(&issuer)?),
            secret: secret.to_owned(),
        })
    }

    /// A device code that the person has allowed, as its poll.
    async fn allowed_device(&mut self) -> Result<String, Failed> {
        let answer = self.ask("/device/auth", &[]).await?;
        let code = text(&answer, "device_code")?;
        let page = parse(&text(&answer, "verification_uri_complete")?)?;
        let page = self.browser.open(page, &self.place.demo.user).await?;
        require(page.contains("id=\"device-allowed\""), || {
            "the person could not allow a device".to_owned()
        })?;
        Ok(self.poll(&[("grant_type", DEVICE), ("device_code", &code)]))
    }

    /// The same with a request that the client began itself.
    async fn allowed_request(&mut self) -> Result<String, Failed> {
        let user = self.place.demo.user.clone();
        let hint = [("login_hint", user.username.as_str())];
        let answer = self.ask("/backchannel", &hint).await?;
        let id = text(&answer, "auth_req_id")?;
        let url = parse(&format!("{}/approvals", self.place.endpoints.issuer))?;
        let page = self.browser.open(url.clone(), &user).await?;
        let actions = html::actions(&page, "approval-form");
        let action = actions
            .first()
            .ok_or_else(|| Failed::new("nothing is to be approved"))?;
        let action = url
            .join(action)
            .map_err(|error| Failed::new(error.to_string()))?;
        let body = encode_form([("decision", "allow")]);
        self.browser.send(action, body, &user).await?;
        Ok(self.poll(&[("grant_type", CIBA), ("auth_req_id", &id)]))
    }

    fn poll(&self, pairs: &[(&str, &str)]) -> String {
        let own = [("client_id", BOX), ("client_secret", self.secret.as_str())];
        encode_form(own.iter().chain(pairs).copied())
    }

    async fn ask(&mut self, path: &str, pairs: &[(&str, &str)]) -> Result<Value, Failed> {
        let url = parse(&format!("{}{path}", self.place.endpoints.issuer))?;
        let body = self.poll(&[&[("scope", "openid")], pairs].concat());
        let mut template = Template::post_form(&url, &[]);
        let response = self.connection.exchange(template.with_body(&body)).await?;
        let answer: Value = serde_json::from_slice(response.body).unwrap_or_default();
        require(response.status == 200, || {
            format!("{path}: {} {answer}", response.status)
        })?;
        Ok(answer)
    }
}

fn text(answer: &Value, name: &str) -> Result<String, Failed> {
    let text = answer.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failed::new(format!("no {name} in {answer}")))
}

const BOX: &str = "box";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";
