//! Spans at a collector, and a log whose level changes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::process::{Folder, Serving};

/// A collector that keeps what it is sent, with the head of each request.
struct Collector {
    endpoint: String,
    sent: Receiver<(String, Value)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (to, sent) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if to.send(take(stream.unwrap())).is_err() {
                    return;
                }
            }
        });
        Self { endpoint, sent }
    }

    /// Every span of a server that has ended, and all the text that it has sent.
    fn spans(&self) -> (Vec<Value>, String) {
        let (mut spans, mut text) = (Vec::new(), String::new());
        for (head, body) in self.sent.try_iter() {
            assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
            assert!(head.contains("content-type: application/json"), "{head}");
            text.push_str(&head);
            text.push_str(&body.to_string());
            let resource = &body["resourceSpans"][0];
            let name = &resource["resource"]["attributes"][0];
            assert_eq!(name["key"], "service.name");
            assert_eq!(name["value"]["stringValue"], "login");
            spans.extend(
                resource["scopeSpans"][0]["spans"]
                    .as_array()
                    .unwrap()
                    .clone(),
            );
        }
        (spans, text)
    }
}

/// Reads one request and answers it.
fn take(mut stream: TcpStream) -> (String, Value) {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the request ends early");
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head
            .to_lowercase()
            .replacen("post", "POST", 1)
            .replacen("http/", "HTTP/", 1);
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if body.len() >= length {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            let body = serde_json::from_str(body).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            return (head, body);
        }
    }
}

fn serve(folder: &Folder, collector: &Collector, more: &[(&str, &str)]) -> Serving {
    let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
    command
        .env("HALLPASS__TRACES__ENDPOINT", &collector.endpoint)
        .env("HALLPASS__TRACES__SERVICE_NAME", "login")
        .envs(more.iter().copied());
    Serving::spawn(&mut command)
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a str {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|each| each["key"] == name);
    let value = &found.unwrap_or_else(|| panic!("{name}: {span}"))["value"];
    value["stringValue"]
        .as_str()
        .or_else(|| value["intValue"].as_str())
        .unwrap()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
const UNSAMPLED: &str = "traceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

#[test]
fn spans_reach_a_collector_and_hold_nothing_that_is_secret_or_anybodys_name() {
    let collector = Collector::start();
    let folder = Folder::new();
    let more = [
        ("HALLPASS__TRACES__PARENTS", "everybody"),
        (
            "HALLPASS__TRACES__AUTHORIZATION",
            "Bearer for-the-collector",
        ),
    ];
    let server = serve(&folder, &collector, &more);
    let metadata = r#"{"redirect_uris":["https://rp.example/cb"],"client_name":"name-of-it",
        "token_endpoint_auth_method":"client_secret_post"}"#;
    let head = format!("{PARENT}content-type: application/json\r\n");
    let registered = server.post("/register", &head, metadata);
    assert_eq!(registered.status, 201, "{}", registered.body);
    let client = registered.json();
    let [id, secret, management] = ["client_id", "client_secret", "registration_access_token"]
        .map(|name| client[name].as_str().unwrap().to_owned());
    let wrong = format!(
        "grant_type=authorization_code&code=code-in-a-form&client_id={id}&client_secret={secret}\
         &redirect_uri=https://rp.example/cb&code_verifier={}",
        "v".repeat(43)
    );
    let refused = server.post("/token", &format!("{PARENT}{FORM}"), &wrong);
    assert_eq!(refused.status, 400, "{}", refused.body);
    server.post(
        "/userinfo",
        &format!("{UNSAMPLED}authorization: Bearer token-in-a-header\r\n"),
        "",
    );
    server.get(&format!(
        "/authorize?client_id={id}&login_hint=somebody-by-name&state=state-of-it"
    ));
    server.get("/path-of-nobody?query-of-nobody");
    let metrics = server.metrics();
    assert!(
        metrics.contains("hallpass_traces_dropped_total 0"),
        "{metrics}"
    );
    server.stop();

    let (spans, text) = collector.spans();
    let named = |name: &str| {
        let found: Vec<&Value> = spans.iter().filter(|span| span["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0]
    };
    let register = named("POST register");
    assert_eq!(register["traceId"], TRACE);
    assert_eq!(register["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(register["kind"], 2);
    assert_eq!(attribute(register, "http.response.status_code"), "201");
    let request_id = attribute(register, "hallpass.request_id");
    assert!(registered.head.contains(request_id), "{}", registered.head);
    let token = named("POST token");
    assert_eq!(attribute(token, "http.request.method"), "POST");
    assert_eq!(attribute(token, "hallpass.client_id"), id);
    assert!(!attribute(token, "hallpass.reason").is_empty());
    assert_eq!(token["status"], serde_json::json!({}));

    let commits: Vec<&Value> = spans
        .iter()
        .filter(|span| span["name"] == "store commit")
        .collect();
    let registering = commits
        .iter()
        .find(|span| span["parentSpanId"] == register["spanId"]);
    let registering = registering.unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(registering["traceId"], TRACE);
    let time = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time(registering, "startTimeUnixNano") >= time(register, "startTimeUnixNano"));
    assert!(time(registering, "endTimeUnixNano") <= time(register, "endTimeUnixNano"));

    // The caller does not trace this one.
    assert!(
        spans.iter().all(|span| span["name"] != "POST userinfo"),
        "{spans:#?}"
    );
    // Nobody began this one, so it is a trace of its own.
    let authorize = named("GET authorize");
    assert_eq!(authorize["parentSpanId"], "");
    assert_ne!(authorize["traceId"], TRACE);
    assert_eq!(authorize["traceId"].as_str().unwrap().len(), 32);

    assert!(
        text.contains("authorization: bearer for-the-collector"),
        "{text}"
    );
    for secret in [
        secret.as_str(),
        management.as_str(),
        "code-in-a-form",
        "token-in-a-header",
        "somebody-by-name",
        "state-of-it",
        "name-of-it",
        "rp.example",
        "of-nobody",
        "vvvvvvvv",
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[test]
fn a_trace_of_a_stranger_is_not_followed() {
    let proxies = [
        ("HALLPASS__SERVER__TRUSTED_PROXIES", r#"["127.0.0.1"]"#),
        ("HALLPASS__SERVER__FORWARDED_HEADER", "x-forwarded"),
    ];
    let nobody = ("HALLPASS__TRACES__PARENTS", "nobody");
    for (more, followed) in [
        (Vec::new(), false),
        (proxies.to_vec(), true),
        ([proxies.as_slice(), &[nobody]].concat(), false),
    ] {
        let collector = Collector::start();
        let folder = Folder::new();
        let server = serve(&folder, &collector, &more);
        server.post("/token", &format!("{PARENT}{FORM}"), "grant_type=none");
        // Who does not count cannot keep a request out of the traces either.
        server.post("/token", &format!("{UNSAMPLED}{FORM}"), "grant_type=none");
        server.stop();
        let (spans, _) = collector.spans();
        let expected = if followed { 1 } else { 2 };
        assert_eq!(spans.len(), expected, "{more:?}: {spans:#?}");
        assert_eq!(
            spans[0]["traceId"] == TRACE,
            followed,
            "{more:?}: {spans:#?}"
        );
    }
}

#[test]
fn without_its_collector_a_server_serves_and_ends() {
    let collector = Collector::start();
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let folder = Folder::new();
    let endpoint = format!("http://{gone}/v1/traces");
    let more = [("HALLPASS__TRACES__ENDPOINT", endpoint.as_str())];
    let server = serve(&folder, &collector, &more);
    assert_eq!(server.get("/.well-known/openid-configuration").status, 200);
    assert!(server.stop().contains("drained"));
    let more = [("HALLPASS__TRACES__SAMPLE", "0.0")];
    let server = serve(&folder, &collector, &more);
    assert_eq!(server.get("/.well-known/openid-configuration").status, 200);
    server.stop();
    assert!(collector.spans().0.is_empty());
}

#[test]
fn the_level_of_the_log_is_read_again_at_a_signal() {
    let folder = Folder::new();
    let path = folder.write("hallpass.toml", "log.level = \"info\"\n");
    let mut command = folder.hallpass(&["--config", "hallpass.toml", "serve", "--json"]);
    let mut server = Serving::spawn(&mut command);
    server.get("/.well-known/openid-configuration");
    std::fs::write(&path, "log.level = \"debug\"\n").unwrap();
    server.signal("-HUP");
    server.logs(&["the level of the log was read again"]);
    server.get("/jwks");
    server.logs(&["answered", "/jwks"]);
    // What is refused changes nothing.
    std::fs::write(&path, "log.level = \"loud,,=\"\n").unwrap();
    server.signal("-HUP");
    server.logs(&["the configuration is refused"]);
    server.get("/userinfo");
    server.logs(&["answered", "/userinfo"]);
    std::fs::write(&path, "log.level = \"info\"\n").unwrap();
    server.signal("-HUP");
    server.logs(&["the level of the log was read again"]);
    server.get("/path-at-info");
    let rest = server.stop();
    assert!(
        rest.contains("drained") && !rest.contains("answered"),
        "{rest}"
    );
}
