//! The form in which collectors take spans: the JSON of OTLP over HTTP.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::Spans;

/// Who says it.
pub(super) fn resource(service_name: &str) -> Value {
    let attributes = [
        ("service.name", service_name),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    json!({ "attributes": attributes.map(|(name, value)| text(name, value)) })
}

/// The body of a request to the collector.
pub(super) fn request(resource: &Value, requests: &[Box<Spans>]) -> Value {
    let spans: Vec<Value> = requests.iter().flat_map(|spans| spans_of(spans)).collect();
    json!({
        "resourceSpans": [{
            "resource": resource,
            "scopeSpans": [{ "scope": { "name": "hallpass" }, "spans": spans }],
        }],
    })
}

fn spans_of(spans: &Spans) -> Vec<Value> {
    let live = &*spans.live;
    let noted = live
        .noted
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let trace = hex(&live.trace);
    let id = hex(&live.id);
    let mut attributes: Vec<Value> = noted
        .attributes
        .iter()
        .map(|(name, value)| text(name, value))
        .collect();
    attributes.push(json!({
        "key": "http.response.status_code",
        "value": { "intValue": spans.status.to_string() },
    }));
    let begin = |after| at(live.begin_unix, after).to_string();
    let mut all = vec![json!({
        "traceId": trace,
        "spanId": id,
        "parentSpanId": live.parent.map(|parent| hex(&parent)).unwrap_or_default(),
        "name": spans.name,
        "kind": SERVER,
        "startTimeUnixNano": begin(Duration::ZERO),
        "endTimeUnixNano": begin(spans.took),
        "attributes": attributes,
        // A refusal is an answer; only what is our own fault is an error.
        "status": if spans.status >= 500 { json!({ "code": ERROR }) } else { json!({}) },
    })];
    all.extend(noted.parts.iter().map(|part| {
        json!({
            "traceId": trace,
            "spanId": hex(&part.id.to_be_bytes()),
            "parentSpanId": id,
            "name": format!("store {}", part.name),
            "kind": CLIENT,
            "startTimeUnixNano": begin(part.after),
            "endTimeUnixNano": begin(part.after.saturating_add(part.took)),
            "attributes": [text("db.operation.name", part.name)],
            "status": {},
        })
    }));
    all
}

fn text(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

fn at(begin: u64, after: Duration) -> u64 {
    begin.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _infallible = write!(out, "{byte:02x}");
    }
    out
}

/// `SPAN_KIND_SERVER`.
const SERVER: u32 = 2;
/// `SPAN_KIND_CLIENT`.
const CLIENT: u32 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: u32 = 2;
