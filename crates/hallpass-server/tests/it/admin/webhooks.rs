//! Webhooks by the API: made, told, looked at, told again.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use hallpass_core::webhook::signature;
use hallpass_jose::base64url;
use hallpass_types::Timestamp;
use serde_json::{Value, json};

use super::{Office, kind};

/// Somebody who is told.
pub(crate) struct Told {
    pub(crate) url: String,
    pub(crate) status: Arc<AtomicU16>,
    requests: Receiver<String>,
}

impl Told {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(204));
        let (send, requests) = channel();
        let answer = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                loop {
                    let read = stream.read(&mut chunk).unwrap();
                    bytes.extend_from_slice(&chunk[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let length = text
                        .split_once("content-length: ")
                        .and_then(|(_, rest)| rest.split_once("\r\n")?.0.parse::<usize>().ok());
                    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                    if read == 0 || (length.is_some() && body == length) {
                        break;
                    }
                }
                let status = answer.load(Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).unwrap();
                drop(stream);
                if send.send(String::from_utf8(bytes).unwrap()).is_err() {
                    break;
                }
            }
        });
        Self {
            url,
            status,
            requests,
        }
    }

    /// Nobody has asked.
    pub(crate) fn never(&self) -> bool {
        self.requests.try_recv().is_err()
    }

    pub(crate) fn next(&self) -> Request {
        let text = self.requests.recv_timeout(Duration::from_secs(30)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Request {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| *n == name).unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").unwrap();
        let key = key
            .trim_end_matches('=')
            .replace('+', "-")
            .replace('/', "_");
        let key = base64url::decode(key).unwrap();
        assert_eq!(key.len(), 32);
        let at = Timestamp(self.header("webhook-timestamp").parse().unwrap());
        let made = signature([key.as_slice()], self.header("webhook-id"), at, &self.body);
        self.header("webhook-signature")
            .split(' ')
            .any(|one| one == made)
    }
}

fn office() -> Office {
    Office::with("[danger]\nfetch_private_addresses = ['127.0.0.1/32']")
}

const HOOKS: &str = "/projects/acme/webhooks";

fn delivered(office: &mut Office) {
    office.server.logs(&["webhook", "delivered"]);
}

#[test]
fn what_is_done_is_told_signed_and_listed_and_told_again_when_somebody_wants_that() {
    let mut office = office();
    office.project("acme");
    let told = Told::listen();
    let input = json!({"url": told.url, "events": ["clients.*"], "description": "shop"});
    let made = office.post(HOOKS, &input);
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    assert_eq!(
        (&made["enabled"], &made["off"]),
        (&json!(true), &Value::Null)
    );
    let metadata = json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
    });
    let client = json!({"client_id": "app", "metadata": metadata});
    let client = office.post("/projects/acme/clients", &client);
    // Something that nobody wants to know.
    office.post(
        "/projects/acme/users",
        &json!({"username": "ann", "password": "a long password"}),
    );
    let first = told.next();
    assert!(
        first.head.starts_with("POST /hook HTTP/1.1"),
        "{}",
        first.head
    );
    assert_eq!(first.header("content-type"), "application/json");
    assert!(first.is_signed_with(secret));
    let body = first.json();
    assert_eq!(body["type"], "clients.create");
    assert_eq!(body["data"]["target_id"], "app");
    assert_eq!(body["data"]["actor"], "robot");
    assert!(
        !first
            .body
            .contains(client["client_secret"].as_str().unwrap())
    );
    delivered(&mut office);
    let list = office.get(&format!("{HOOKS}/{id}/deliveries"));
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{list}");
    assert_eq!(items[0]["event_id"], first.header("webhook-id"));
    assert_eq!(
        (&items[0]["state"], &items[0]["status"]),
        (&json!("delivered"), &json!(204))
    );
    assert_eq!(items[0]["body"], first.body);
    let replay = format!(
        "{HOOKS}/{id}/deliveries/{}/replay",
        items[0]["id"].as_str().unwrap()
    );
    office.post(&replay, &json!({}));
    let again = told.next();
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(again.body, first.body);
    assert!(again.is_signed_with(secret));
    // A new key: for a day both sign.
    let rotated = office.post(&format!("{HOOKS}/{id}/secret"), &json!({}));
    let new = rotated["secret"].as_str().unwrap();
    office.post(&format!("{HOOKS}/{id}/test"), &json!({}));
    let test = told.next();
    assert_eq!(test.json()["type"], "webhook.test");
    assert!(test.is_signed_with(secret) && test.is_signed_with(new) && secret != new);
    // Keys are shown once.
    let shown = [
        office.get(HOOKS),
        office.get(&format!("{HOOKS}/{id}")),
        office.get("/projects/acme/audit"),
        office.get(&format!("{HOOKS}/{id}/deliveries")),
    ];
    for shown in shown {
        assert!(!shown.to_string().contains("whsec_"), "{shown}");
    }
    office.change("DELETE", &format!("{HOOKS}/{id}"), &Value::Null);
    let gone = office.ask(&office.owner, "GET", &format!("{HOOKS}/{id}"), &Value::Null);
    assert_eq!(gone.status, 404);
}

#[test]
fn a_webhook_that_says_that_it_is_gone_is_switched_off_until_somebody_switches_it_on() {
    let mut office = office();
    office.project("acme");
    let told = Told::listen();
    told.status.store(410, Ordering::SeqCst);
    let made = office.post(HOOKS, &json!({"url": told.url, "events": ["*"]}));
    let hook = format!("{HOOKS}/{}", made["id"].as_str().unwrap());
    office.post(&format!("{hook}/test"), &json!({}));
    told.next();
    office.server.logs(&["switched off", "gone"]);
    let shown = office.get(&hook);
    assert_eq!(
        (&shown["enabled"], &shown["off"]),
        (&json!(false), &json!("gone"))
    );
    let test = office.ask(&office.owner, "POST", &format!("{hook}/test"), &json!({}));
    assert_eq!((test.status, kind(&test)), (409, "wrong_state".to_owned()));
    let log = office.get("/projects/acme/audit?action=webhooks.switch_off");
    assert_eq!(log["items"][0]["actor_kind"], "server");
    assert_eq!(office.get("/projects/acme/audit/verify")["intact"], true);
    told.status.store(200, Ordering::SeqCst);
    let on = office.change("PATCH", &hook, &json!({"enabled": true}));
    assert_eq!(
        (&on["enabled"], &on["failing_since"]),
        (&json!(true), &Value::Null)
    );
    office.post(&format!("{hook}/test"), &json!({}));
    told.next();
}

// AD-14
#[test]
fn a_webhook_is_no_way_to_what_only_the_server_reaches() {
    let mut office = Office::open();
    office.project("acme");
    let canary = Told::listen();
    let port = canary.url.rsplit(':').next().unwrap().to_owned();
    let good = json!({"url": "https://rp.test/hook", "events": ["nothing.*"]});
    let made = office.post(HOOKS, &good);
    let hook = format!("{HOOKS}/{}", made["id"].as_str().unwrap());
    let tail = format!(":{}", port.trim_end_matches('/'));
    for host in [
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://0.0.0.0",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[64:ff9b::7f00:1]",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "https://[fd00:ec2::254]",
        "https://[fe80::1]",
        "https://100.64.0.1",
        "https://localhost",
        "http://127.0.0.1",
        "http://localhost",
    ] {
        let url = format!("{host}{tail}/");
        let mut input = good.clone();
        input["url"] = json!(url);
        for (method, path) in [("POST", HOOKS), ("PATCH", hook.as_str())] {
            if method == "PATCH" {
                input = json!({"url": url});
            }
            let answer = office.ask(&office.owner, method, path, &input);
            assert_eq!(answer.status, 422, "{method} {url}: {}", answer.body);
            assert_eq!(answer.json()["field"], "url");
        }
    }
    assert_eq!(office.get(&hook)["url"], "https://rp.test/hook");
    assert!(canary.requests.try_recv().is_err());
    // A name that leads nowhere yet is looked at again whenever something is sent there. What waits is not sent twice.
    office.post(&format!("{hook}/test"), &json!({}));
    office.server.logs(&["webhook", "failed"]);
    let list = office.get(&format!("{hook}/deliveries?state=waiting"));
    assert_eq!(list["items"][0]["attempts"], 1, "{list}");
    assert_eq!(list["items"][0]["status"], Value::Null);
    let id = list["items"][0]["id"].as_str().unwrap();
    let replay = format!("{hook}/deliveries/{id}/replay");
    let replay = office.ask(&office.owner, "POST", &replay, &json!({}));
    assert_eq!(
        (replay.status, kind(&replay)),
        (409, "wrong_state".to_owned())
    );
}

// AD-13, AD-14
#[test]
fn addresses_and_events_that_make_no_sense_are_refused() {
    let office = Office::open();
    office.project("acme");
    let good = json!({"url": "https://rp.test/hook", "events": ["*"]});
    for (member, value) in [
        ("url", json!("http://rp.test/")),
        ("url", json!("file:///etc/passwd")),
        ("url", json!("https://u:p@rp.test/")),
        ("url", json!("https://rp.test/\r\nx: y")),
        ("url", json!("gopher://127.0.0.1/")),
        ("events", json!([])),
        ("events", json!(["Clients.*"])),
        ("events", json!(["a*"])),
        ("events", json!(["x\r\ny"])),
        ("description", json!("a\nb")),
    ] {
        let mut input = good.clone();
        input[member] = value.clone();
        let answer = office.ask(&office.owner, "POST", HOOKS, &input);
        assert_eq!(answer.status, 422, "{member} {value}: {}", answer.body);
        assert_eq!(answer.json()["field"], member);
    }
    assert_eq!(office.get(HOOKS)["items"], json!([]));
}

// AD-14
#[test]
fn of_many_who_make_webhooks_at_once_twenty_make_one_and_no_more() {
    let office = Office::open();
    office.project("acme");
    let good = json!({"url": "https://rp.test/", "events": ["*"]});
    let make = || office.ask(&office.owner, "POST", HOOKS, &good);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..4).map(|_| make().status).collect::<Vec<_>>()))
            .collect();
        let done = tasks.into_iter().flat_map(|task| task.join().unwrap());
        done.collect()
    });
    let made = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((made(201), made(409)), (20, 12), "{statuses:?}");
    let held = office.get(HOOKS)["items"].as_array().unwrap().clone();
    assert_eq!(held.len(), 20);
    let more = make();
    assert_eq!((more.status, kind(&more)), (409, "wrong_state".to_owned()));
    // Where one goes, there is room for one.
    let path = format!("{HOOKS}/{}", held[0]["id"].as_str().unwrap());
    office.change("DELETE", &path, &Value::Null);
    assert_eq!(make().status, 201);
    assert_eq!(make().status, 409);
}

// AD-04
#[test]
fn webhooks_of_one_project_are_unknown_in_another() {
    let office = Office::open();
    office.project("acme");
    office.project("other");
    let made = office.post(HOOKS, &json!({"url": "https://rp.test/", "events": ["*"]}));
    let id = made["id"].as_str().unwrap();
    for (method, more) in [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/test"),
        ("POST", "/secret"),
        ("GET", "/deliveries"),
        ("DELETE", ""),
    ] {
        let path = format!("/projects/other/webhooks/{id}{more}");
        let body = if method == "GET" || method == "DELETE" {
            Value::Null
        } else {
            json!({})
        };
        let answer = office.ask(&office.owner, method, &path, &body);
        assert_eq!(answer.status, 404, "{method} {path}");
    }
}
