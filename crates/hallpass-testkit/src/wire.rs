//! HTTP/1.1 by hand: tests decide about every byte.

use std::{fmt::Write as _, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A request to send.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header lines, without `Host`, `Content-Length` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Ask {
    /// A request without body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// GET with an encoded query.
    #[must_use]
    pub fn query(path: &str, pairs: &[(&str, &str)]) -> Self {
        Self::get(&format!("{path}?{}", encode(pairs)))
    }

    /// POST of a form.
    #[must_use]
    pub fn form(target: &str, pairs: &[(&str, &str)]) -> Self {
        Self::post(
            target,
            "application/x-www-form-urlencoded",
            encode(pairs).into_bytes(),
        )
    }

    /// POST of JSON.
    #[must_use]
    pub fn json(target: &str, value: &Value) -> Self {
        Self::post(target, "application/json", value.to_string().into_bytes())
    }

    /// POST of anything.
    #[must_use]
    pub fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = Self::new("POST", target).header("Content-Type", content_type);
        ask.body = body.into();
        ask
    }

    /// With another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// With one more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With HTTP Basic; identifier and secret are form-encoded as RFC 6749 §2.3.1 says.
    #[must_use]
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let text: String = [id, secret]
            .map(|t| form_urlencoded::byte_serialize(t.as_bytes()).collect::<String>())
            .join(":");
        self.header("Authorization", &format!("Basic {}", STANDARD.encode(text)))
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// The first header of that name.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The path alone.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// Parameters of query and form body, decoded as well as they can be.
    #[must_use]
    pub fn params(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, q)| q);
        let form = self
            .header_value("content-type")
            .is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
        let body: &[u8] = if form { &self.body } else { &[] };
        form_urlencoded::parse(query.as_bytes())
            .chain(form_urlencoded::parse(body))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    /// The bytes on the wire. The connection ends after the answer.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if self.header_value("host").is_none() {
            head.push_str("Host: op.test\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let sized = ["content-length", "transfer-encoding"];
        if !sized.iter().any(|n| self.header_value(n).is_some())
            && (!self.body.is_empty() || self.method == "POST")
        {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Pairs as `application/x-www-form-urlencoded`.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unframed.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer from everything that came until the connection ended.
    ///
    /// # Panics
    /// The bytes are no HTTP answer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {:?}", shown()));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|s| s.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("no status line: {:?}", shown()));
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header line has a colon");
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut answer = Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunk(&answer.body);
        }
        answer
    }

    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str())
    }

    /// All headers of that name, in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {} {}", self.status, self.text()))
    }

    /// The media type, without parameters.
    #[must_use]
    pub fn media(&self) -> &str {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim()
    }

    /// `error` of a JSON body, `#error-code` of a page, or `error` in the location of a redirect; empty when there is none.
    #[must_use]
    pub fn error(&self) -> String {
        if let Some(location) = self.header("location") {
            return param(location, "error").unwrap_or_default();
        }
        if self.media() == "text/html" {
            return crate::html::text_of(&self.text(), "error-code").unwrap_or_default();
        }
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The `Location`.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location")
            .unwrap_or_else(|| panic!("no location: {} {}", self.status, self.text()))
    }
}

/// A parameter in the query or the fragment of a URL.
#[must_use]
pub fn param(url: &str, name: &str) -> Option<String> {
    let at = url.find(['?', '#'])?;
    let rest = &url[at + 1..];
    form_urlencoded::parse(rest.as_bytes())
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.into_owned())
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|w| w == b"\r\n")
            .expect("a chunk has a size");
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).expect("a size is hexadecimal");
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + size + 4..];
    }
}

/// Sends bytes on a connection of their own and gives back all that came until its end. Reads while it writes, since a
/// server may refuse before it has seen everything.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address)
        .await
        .expect("the server listens");
    let (mut read, mut write) = stream.into_split();
    let bytes = bytes.to_vec();
    let writer = tokio::spawn(async move {
        // The server may have refused before all was sent.
        drop(write.write_all(&bytes).await);
        write
    });
    let mut all = Vec::new();
    drop(read.read_to_end(&mut all).await);
    writer.abort();
    all
}
