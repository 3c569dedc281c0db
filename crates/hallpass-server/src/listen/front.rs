//! What happens to every request before and after the protocol sees it.

use std::convert::Infallible;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hallpass_http::PeerCertificate;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};

use super::app::{Answer, App};
use super::body::RequestBody;
use super::open::OpenConnection;
use crate::client_addr::Trust;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request_id::{REQUEST_ID, RequestIds};
use crate::telemetry::traces::Traces;

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Front {
    /// Whose word about the client is believed.
    pub trust: Trust,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Makes the ids of requests.
    pub request_ids: RequestIds,
    /// Tells browsers to come back over TLS only. For an https issuer.
    pub strict_transport: bool,
    /// Time for a request's body.
    pub body_time: Duration,
    /// Where spans of requests go.
    pub traces: Option<Traces>,
}

/// One connection's share in the front.
#[derive(Debug)]
pub(super) struct Door<S> {
    pub(super) front: Arc<Front>,
    pub(super) connection: Arc<OpenConnection>,
    pub(super) peer: SocketAddr,
    /// What the peer has shown in the handshake.
    pub(super) certificate: Option<PeerCertificate>,
    pub(super) app: S,
}

/// The body of an answer: the protocol's, or one of ours.
pub(super) type ResponseBody<B> = Either<B, Full<Bytes>>;

impl<S: App> Door<S> {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Response<ResponseBody<S::Body>>, Infallible> {
        let begin = Instant::now();
        let _busy = self.connection.busy();
        let id = self.front.request_ids.next();
        let method = request.method().clone();
        let trace = self.front.traces.as_ref().and_then(|traces| {
            let by_proxy = self.front.trust.trusts(self.peer.ip().to_canonical());
            let live = traces.begin(request.headers(), by_proxy)?;
            Some((traces, live))
        });
        let http1 = request.version() <= Version::HTTP_11;
        let with_body = http1 && !request.body().is_end_stream();
        let mut last = http1 && is_chunked(request.headers());
        let checked = check(&request).and_then(|()| self.certificate(&request));
        let (mut response, endpoint) = match checked {
            Err(status) => {
                last = http1;
                (refuse(status, self.front.strict_transport), "none")
            }
            Ok(certificate) => {
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
                // What is awaited is moved about, which costs more than to answer what is at hand.
                let at_once = if tracing::enabled!(tracing::Level::DEBUG) {
                    None
                } else {
                    self.app.at_once(&request)
                };
                let Answer { response, endpoint } = match at_once {
                    Some(answer) => {
                        last |= with_body;
                        answer
                    }
                    None => {
                        let answered = self.pass_on(request, with_body, begin);
                        let answered = REQUEST_ID.scope(id, answered);
                        let answer = match &trace {
                            None => answered.await,
                            // On the heap, so that nobody else carries its size about.
                            Some((_, live)) => Box::pin(live.within(answered)).await,
                        };
                        last |= with_body && self.connection.body_left();
                        answer
                    }
                };
                (response.map(Either::Left), endpoint)
            }
        };
        self.front
            .metrics
            .request(endpoint, &method, response.status(), begin.elapsed());
        if let Some((traces, live)) = trace {
            live.note("hallpass.request_id", id.as_str());
            traces.end(live, method.as_str(), endpoint, response.status().as_u16());
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.header());
        if last {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    fn certificate<B>(&self, request: &Request<B>) -> Result<Option<PeerCertificate>, StatusCode> {
        self.front
            .trust
            .certificate(self.peer, self.certificate.as_ref(), request.headers())
            .map_err(|_| StatusCode::BAD_REQUEST)
    }

    async fn pass_on(
        &self,
        request: Request<Incoming>,
        with_body: bool,
        begin: Instant,
    ) -> Answer<S::Body> {
        let client = self.front.trust.client(self.peer, request.headers());
        // Who does not read it ends the connection, and so says it: whoever sends the next request there would wait for nothing.
        let connection = with_body.then(|| Arc::clone(&self.connection));
        let request = request.map(|body| RequestBody::new(body, self.front.body_time, connection));
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return self.app.answer(request, client).await;
        }
        let method = request.method().clone();
        // Without its query, which can hold codes and hints.
        let path: String = request.uri().path().chars().take(200).collect();
        let answer = self.app.answer(request, client).await;
        tracing::debug!(
            http.method = method.as_str(),
            http.path = path,
            http.status = answer.response.status().as_u16(),
            client.address = %client.0,
            duration.us = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        answer
    }
}

/// A chunked body is the ground of all request smuggling, and hardly any client of ours sends one: the connection ends
/// after it, so that no proxy in front could take one request for two.
fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
}

fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
        > LONGEST_TARGET
    {
        return Err(StatusCode::URI_TOO_LONG);
    }
    check_host(request.uri(), request.headers(), request.version())
}

//= RFC9112#3.2 MUST: a request without a Host, with two, or with a malformed one is answered with 400
/// The host is looked at for its form only. Where it leads to is the issuer's matter, which never follows a request.
fn check_host(uri: &Uri, headers: &HeaderMap, version: Version) -> Result<(), StatusCode> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || host.is_some_and(|host| !is_host(host.as_bytes())) {
        return Err(StatusCode::BAD_REQUEST);
    }
    match (uri.authority(), host) {
        (None, None) => Err(StatusCode::BAD_REQUEST),
        (None, Some(_)) => Ok(()),
        (Some(authority), _) if !is_host(authority.as_str().as_bytes()) => {
            Err(StatusCode::BAD_REQUEST)
        }
        (Some(_), None) if version >= Version::HTTP_2 => Ok(()),
        (Some(_), None) => Err(StatusCode::BAD_REQUEST),
        (Some(authority), Some(host)) => {
            let same = host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes());
            if same {
                Ok(())
            } else {
                Err(StatusCode::BAD_REQUEST)
            }
        }
    }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| *byte == b':' || *byte == b']') {
        Some(at) if host.get(at) == Some(&b':') => {
            let (name, port) = host.split_at_checked(at).unwrap_or((host, b""));
            (name, port.get(1..))
        }
        Some(_) | None => (host, None),
    };
    let name = match name
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
    {
        Some(v6) => std::str::from_utf8(v6).is_ok_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
        None => {
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            !name.is_empty() && name.iter().all(fits)
        }
    };
    let port = port.is_none_or(|port| {
        port.len() <= 5
            && port.iter().all(u8::is_ascii_digit)
            && std::str::from_utf8(port)
                .is_ok_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
    });
    name && port
}

/// An answer of our own, before the protocol.
fn refuse<B>(status: StatusCode, strict_transport: bool) -> Response<ResponseBody<B>> {
    let text: &'static [u8] = br#"{"error":"invalid_request"}"#;
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(text))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; object-src 'none'; base-uri 'none'",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    //= RFC9110#15.5.6 MUST: whoever refuses a method says which there are
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let all = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ALLOW, all);
    }
    if strict_transport {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(STRICT),
        );
    }
    response
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// As the protocol's own answers say it.
const STRICT: &str = "max-age=31536000; includeSubDomains";

/// The longest path and query, in bytes. A signed request object by value must fit.
const LONGEST_TARGET: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_perhaps_with_a_port() {
        for host in [
            "localhost",
            "op.example.com:8443",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:3000",
            "a_b.example",
            "op.example.com:",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        #[rustfmt::skip]
        let cases = [
            "", ":3000", "a:99999", "a:x", "a:-1", "a:+1", "a/b", "a?b", "a#b", "me@a", "a b", "a,b", "[::1", "::1]", "::1",
            "[]", "[::1]x", "[::1]:x", "a\"", "<a>", "a:1:2", "caf\u{e9}", "a%2fb", "[a]b:1",
        ];
        for host in cases {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
