//! One request and its answer on a connection that has been checked.

use bytes::Bytes;
use hallpass_provider::ports::{ExchangeRequest, Exchanged, FetchRequest, Fetched, PostRequest};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::target::Target;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There was no answer, or none that could be read.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// This document of it is of no use.
    #[error("useless: {0}")]
    Useless(&'static str),
}

/// Asks, and takes the answer if it is 200, not encoded and not too long.
pub(crate) async fn exchange<I>(
    io: I,
    target: &Target,
    request: &FetchRequest<'_>,
) -> Result<Fetched, Failure>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (response, connection) = send(io, ask(target, request)?).await?;
    if response.status() != StatusCode::OK {
        return Err(Failure::Useless("the status is not 200"));
    }
    let headers = response.headers();
    let encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get(header::CONTENT_ENCODING).is_some_and(encoded) {
        return Err(Failure::Useless("the body is encoded"));
    }
    let (max_age, content_type) = (max_age(headers), content_type(headers));
    let body = read(response, request.max_bytes).await?;
    drop(connection);
    Ok(Fetched {
        body,
        max_age,
        content_type,
    })
}

/// Hands something in and answers the status. The body of the answer is not read.
pub(crate) async fn hand_in<I>(
    io: I,
    target: &Target,
    request: &PostRequest<'_>,
) -> Result<u16, Failure>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let malformed = |_| Failure::Useless("a header's value cannot be one");
    let mut asked = head(target, Method::POST, request.body.as_bytes().to_vec())?;
    let headers = asked.headers_mut();
    let content_type = HeaderValue::from_str(request.content_type).map_err(malformed)?;
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Some(value) = request.authorization {
        let mut value = HeaderValue::from_str(value).map_err(malformed)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    for (name, value) in request.headers {
        let value = HeaderValue::from_str(value).map_err(malformed)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let (response, _connection) = send(io, asked).await?;
    Ok(response.status().as_u16())
}

/// Asks something and answers what came back, if it is not encoded and not too long.
pub(crate) async fn ask_for<I>(
    io: I,
    target: &Target,
    request: &ExchangeRequest<'_>,
) -> Result<Exchanged, Failure>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let malformed = |_| Failure::Useless("a header's value cannot be one");
    let (method, body) = match request.form {
        Some(form) => (Method::POST, form.as_bytes().to_vec()),
        None => (Method::GET, Vec::new()),
    };
    let mut asked = head(target, method, body)?;
    let headers = asked.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static(request.accept));
    if request.form.is_some() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    if let Some(value) = request.authorization {
        let mut value = HeaderValue::from_str(value).map_err(malformed)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    let (response, connection) = send(io, asked).await?;
    let status = response.status().as_u16();
    let encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(encoded) {
        return Err(Failure::Useless("the body is encoded"));
    }
    let body = read(response, request.max_bytes).await?;
    drop(connection);
    Ok(Exchanged { status, body })
}

/// The body of an answer, if it is not too long.
async fn read(response: Response<Incoming>, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut answer = response.into_body();
    let mut body = Vec::new();
    while let Some(frame) = answer.frame().await {
        let frame = frame.map_err(unreachable)?;
        if let Some(data) = frame.data_ref() {
            if body.len().saturating_add(data.len()) > max_bytes {
                return Err(Failure::Useless("the body is too long"));
            }
            body.extend_from_slice(data);
        }
    }
    Ok(body)
}

async fn send<I>(
    io: I,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, AbortOnDrop), Failure>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(32 * 1024)
        .handshake::<_, Full<Bytes>>(TokioIo::new(io))
        .await
        .map_err(unreachable)?;
    let connection = AbortOnDrop(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(unreachable)?;
    Ok((response, connection))
}

#[expect(clippy::needless_pass_by_value, reason = "maps errors")]
fn unreachable(error: hyper::Error) -> Failure {
    Failure::Unreachable(error.to_string())
}

fn ask(target: &Target, request: &FetchRequest<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let mut asked = head(target, Method::GET, Vec::new())?;
    asked
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static(request.accept));
    Ok(asked)
}

/// What all requests have in common.
fn head(target: &Target, method: Method, body: Vec<u8>) -> Result<Request<Full<Bytes>>, Failure> {
    let fixed: [(HeaderName, HeaderValue); 3] = [
        (
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        ),
        (
            header::USER_AGENT,
            HeaderValue::from_static(concat!("hallpass/", env!("CARGO_PKG_VERSION"))),
        ),
        (header::CONNECTION, HeaderValue::from_static("close")),
    ];
    let malformed = |_| Failure::Useless("the URL makes no request");
    let mut asked = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .body(Full::new(body.into()))
        .map_err(malformed)?;
    asked.headers_mut().extend(fixed);
    Ok(asked)
}

/// How long the answer may be kept, in seconds, if it says so. The shortest of several statements.
//= RFC9111#5.2.2 MUST: an answer marked no-store is not kept, one marked no-cache not used unasked
fn max_age(headers: &HeaderMap) -> Option<u32> {
    let lines = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .filter_map(|directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => Some(0),
                "max-age" => {
                    let digits = value.trim().trim_matches('"');
                    let number =
                        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                    number.then(|| digits.parse().unwrap_or(u32::MAX))
                }
                _ => None,
            }
        })
        .min()
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

/// The task that drives the connection ends with the exchange, however that ends.
struct AbortOnDrop(tokio::task::JoinHandle<hyper::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test RFC9111#5.2.2 an answer marked no-store is not kept, one marked no-cache not used unasked
    #[test]
    fn the_shortest_statement_about_caching_counts() {
        #[rustfmt::skip]
        let cases: [(&[&'static str], Option<u32>); 10] = [
            (&[], None),
            (&["public"], None),
            (&["max-age=60"], Some(60)),
            (&["Public, Max-Age = 60"], Some(60)),
            (&["max-age=\"60\""], Some(60)),
            (&["max-age=60, max-age=30"], Some(30)),
            (&["max-age=60", "no-cache"], Some(0)),
            (&["max-age=60, no-store"], Some(0)),
            (&["max-age=-1", "max-age=x", "max-age", "s-maxage=5"], None),
            (&["max-age=99999999999"], Some(u32::MAX)),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
            }
            assert_eq!(max_age(&headers), expected, "{lines:?}");
        }
    }
}
