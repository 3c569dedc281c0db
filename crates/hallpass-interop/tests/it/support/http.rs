//! Single requests.

use hallpass_load::http::{Authority, Connection, Failure};
use url::Url;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request that may be sent.
#[derive(Debug)]
pub(crate) struct Http<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

impl<'a> Http<'a> {
    /// A form by POST.
    pub(crate) fn form(url: &'a Url, body: &'a str) -> Self {
        Self {
            method: "POST",
            url,
            headers: vec![("Content-Type", "application/x-www-form-urlencoded")],
            body: body.as_bytes(),
        }
    }

    /// JSON by POST.
    pub(crate) fn json(url: &'a Url, body: &'a str) -> Self {
        Self {
            method: "POST",
            url,
            headers: vec![("Content-Type", "application/json")],
            body: body.as_bytes(),
        }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self) -> Result<Answer, Failure> {
        let authority = Authority::of(self.url)?;
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut bytes = format!(
            "{} {path} HTTP/1.1\r\nHost: {}:{}\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.method,
            authority.host,
            authority.port,
            self.body.len()
        );
        for (name, value) in self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(self.body);
        let mut connection = Connection::new(authority);
        let response = connection.exchange(&bytes).await?;
        Ok(Answer {
            status: response.status,
            content_type: response.header("content-type").map(str::to_owned),
            body: response.body.to_vec(),
        })
    }
}
