//! Requests as bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::Failure;

/// Where to connect to, and what to put in `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Authority {
    /// The authority of an `http` URL.
    ///
    /// # Errors
    /// [`Failure::Address`] for another scheme or a URL without a host.
    pub fn of(url: &Url) -> Result<Self, Failure> {
        let address = || Failure::Address(url.to_string());
        if url.scheme() != "http" {
            return Err(address());
        }
        let host = url.host_str().ok_or_else(address)?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default().ok_or_else(address)?,
        })
    }
}

/// A request whose head is written once; only the path's query or the body changes.
#[derive(Clone, Debug)]
pub struct Template {
    method: &'static str,
    path: String,
    headers: String,
    bytes: Vec<u8>,
}

impl Template {
    /// A `GET` of the URL with these headers.
    #[must_use]
    pub fn get(url: &Url, headers: &[(&str, &str)]) -> Self {
        Self::new("GET", url, headers)
    }

    /// A `POST` of a form to the URL with these headers.
    #[must_use]
    pub fn post_form(url: &Url, headers: &[(&str, &str)]) -> Self {
        let mut template = Self::new("POST", url, headers);
        template
            .headers
            .push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        template
    }

    fn new(method: &'static str, url: &Url, headers: &[(&str, &str)]) -> Self {
        let host = url.host_str().unwrap_or_default();
        let mut lines = match url.port() {
            Some(port) => format!("Host: {host}:{port}\r\n"),
            None => format!("Host: {host}\r\n"),
        };
        for (name, value) in headers {
            lines.push_str(&format!("{name}: {value}\r\n"));
        }
        Self {
            method,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            headers: lines,
            bytes: Vec::with_capacity(1024),
        }
    }

    /// The request as it stands, without a body.
    pub fn bare(&mut self) -> &[u8] {
        self.with_query("")
    }

    /// The request with this query, which is already encoded; none when empty.
    pub fn with_query(&mut self, query: &str) -> &[u8] {
        self.start(query);
        self.bytes.extend_from_slice(b"\r\n");
        &self.bytes
    }

    /// The request with this body.
    pub fn with_body(&mut self, body: &str) -> &[u8] {
        self.start("");
        self.finish(body)
    }

    /// The request with this header beside its own, and this body.
    pub fn with_header_and_body(&mut self, (name, value): (&str, &str), body: &str) -> &[u8] {
        self.start("");
        for part in [name, ": ", value, "\r\n"] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
        self.finish(body)
    }

    fn finish(&mut self, body: &str) -> &[u8] {
        self.bytes
            .extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        self.bytes.extend_from_slice(body.as_bytes());
        &self.bytes
    }

    fn start(&mut self, query: &str) {
        let mark = if query.is_empty() { "" } else { "?" };
        self.bytes.clear();
        for part in [
            self.method,
            " ",
            &self.path,
            mark,
            query,
            " HTTP/1.1\r\n",
            &self.headers,
        ] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }
}

/// The value of an `Authorization` header for a client with a secret (RFC 6749 §2.3.1).
#[must_use]
pub fn basic(client_id: &str, client_secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// Names and values as `application/x-www-form-urlencoded`.
#[must_use]
pub fn encode_form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_names_its_host_and_keeps_the_query() {
        let url = Url::parse("http://localhost:3000/a/b?c=d").unwrap();
        let mut template = Template::get(&url, &[("Accept", "text/html")]);
        assert_eq!(
            template.bare(),
            b"GET /a/b?c=d HTTP/1.1\r\nHost: localhost:3000\r\nAccept: text/html\r\n\r\n"
        );
    }

    #[test]
    fn a_body_follows_its_length_and_leaves_nothing_for_the_next_one() {
        let url = Url::parse("http://[::1]:3000/token").unwrap();
        let mut template = Template::post_form(&url, &[]);
        let _long = template.with_body("a=1&b=2&c=3").len();
        let text = String::from_utf8(template.with_body("a=1").to_vec()).unwrap();
        assert!(text.starts_with("POST /token HTTP/1.1\r\nHost: [::1]:3000\r\n"));
        assert!(text.ends_with("Content-Length: 3\r\n\r\na=1"));
    }

    #[test]
    fn a_header_of_one_request_is_not_in_the_next_one() {
        let url = Url::parse("http://localhost:3000/token").unwrap();
        let mut template = Template::post_form(&url, &[("Accept", "application/json")]);
        let text = template.with_header_and_body(("DPoP", "p"), "a=1").to_vec();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.ends_with("\r\nDPoP: p\r\nContent-Length: 3\r\n\r\na=1"),
            "{text}"
        );
        let text = String::from_utf8(template.with_body("a=1").to_vec()).unwrap();
        assert!(!text.contains("DPoP") && text.contains("Accept: application/json\r\n"));
    }

    #[test]
    fn a_secret_with_reserved_characters_is_encoded_before_base64() {
        let value = basic("id", "a:b c");
        assert_eq!(value, format!("Basic {}", STANDARD.encode("id:a%3Ab+c")));
    }

    #[test]
    fn only_plain_http_has_an_authority() {
        assert!(Authority::of(&Url::parse("https://localhost/").unwrap()).is_err());
        let authority = Authority::of(&Url::parse("http://[::1]:9/").unwrap()).unwrap();
        assert_eq!((authority.host.as_str(), authority.port), ("::1", 9));
    }
}
