//! A browser: cookies, forms, no redirects of its own accord.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{CALLBACK, Form, PASSWORD, World, html};

pub(crate) struct Browser<'w> {
    pub(crate) world: &'w World,
    pub(crate) cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl<'w> Browser<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self {
            world,
            cookies: BTreeMap::new(),
        }
    }

    /// Another window of the same browser, at this moment.
    pub(crate) fn same(&self) -> Self {
        Self {
            world: self.world,
            cookies: self.cookies.clone(),
        }
    }

    pub(crate) async fn get(&mut self, address: &str) -> Response {
        self.send(Method::GET, address, &[], String::new()).await
    }

    /// Posts a form as a page of this server would.
    pub(crate) async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> Response {
        let origin = self.world.issuer.origin().to_owned();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.post_from(&headers, address, fields).await
    }

    /// Posts a form with other headers.
    pub(crate) async fn post_from(
        &mut self,
        headers: &[(&str, &str)],
        address: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        self.send(Method::POST, address, &headers, body).await
    }

    pub(crate) async fn submit(&mut self, form: &Form) -> Response {
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        self.post(&form.action, &fields).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        address: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response {
        let path = address
            .strip_prefix(self.world.issuer.origin())
            .unwrap_or(address);
        assert!(path.starts_with('/'), "not on this server: {address}");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.world.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = exchange(self.world, request).await;
        self.keep_cookies(&response);
        response
    }

    fn keep_cookies(&mut self, response: &Response) {
        for line in response.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once("; ").unwrap();
            for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
                assert!(attributes.split("; ").any(|a| a == attribute), "{line}");
            }
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Follows redirects on this server.
    pub(crate) async fn follow(&mut self, mut response: Response) -> Response {
        for _ in 0..5 {
            let Some(location) = response.location() else {
                return response;
            };
            if !location.starts_with(self.world.issuer.as_str()) {
                return response;
            }
            response = self.get(&location).await;
        }
        panic!("too many redirects")
    }

    /// Opens an address and follows redirects on this server.
    pub(crate) async fn open(&mut self, address: &str) -> Response {
        let response = self.get(address).await;
        self.follow(response).await
    }

    /// Fills the sign-in page and goes on.
    pub(crate) async fn sign_in(&mut self, page: &Response, username: &str) -> Response {
        let form = page
            .form("login")
            .set("username", username)
            .set("password", PASSWORD);
        let response = self.submit(&form).await;
        assert_eq!(response.status, 303, "{}", response.body);
        self.follow(response).await
    }

    /// Presses "allow" and goes on.
    pub(crate) async fn allow(&mut self, page: &Response) -> Response {
        let response = self
            .submit(&page.form("consent").set("decision", "allow"))
            .await;
        self.follow(response).await
    }

    /// Signs in and allows the usual request.
    pub(crate) async fn settle(&mut self, username: &str) {
        let page = self.open(&self.world.request(&[])).await;
        let page = self.sign_in(&page, username).await;
        self.allow(&page).await.code();
    }
}

async fn exchange(world: &World, request: Request<Full<Bytes>>) -> Response {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    drop(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let response = Response {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    response.check();
    response
}

impl Response {
    /// What holds for every response.
    fn check(&self) {
        assert!(!matches!(self.status, 307 | 308), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("x-frame-options"), "DENY");
        let csp = self.header("content-security-policy");
        assert!(csp.contains("frame-ancestors 'none'"), "{csp}");
        assert!(!csp.contains("unsafe"), "{csp}");
        if self.header("content-type").starts_with("text/html") {
            assert_eq!(self.header("cache-control"), "no-store");
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> Option<String> {
        let value = self.headers.get(header::LOCATION)?;
        assert_eq!(self.status, 303);
        Some(value.to_str().unwrap().to_owned())
    }

    /// Whether this is a redirect to that path of the server.
    pub(crate) fn leads_to(&self, path: &str) -> bool {
        self.location()
            .is_some_and(|l| url::Url::parse(&l).is_ok_and(|url| url.path() == path))
    }

    pub(crate) fn form(&self, id: &str) -> Form {
        Form::of(&self.body, id).unwrap_or_else(|| panic!("no form {id}: {self:?}"))
    }

    pub(crate) fn text(&self, id: &str) -> String {
        html::text_of(&self.body, id).unwrap_or_else(|| panic!("no #{id}: {self:?}"))
    }

    /// Checks that this is an error page with that reason, and a status that says so.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, id: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.text("error-id"), id);
        assert!(!self.text("error-code").is_empty());
        assert!(self.headers.get(header::SET_COOKIE).is_none());
    }

    /// A parameter of the answer to the client.
    pub(crate) fn answer(&self, name: &str) -> Option<String> {
        let location = self.location()?;
        assert!(location.starts_with(CALLBACK), "{location}");
        let url = url::Url::parse(&location).unwrap();
        let mut pairs = url.query_pairs();
        pairs
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.into_owned())
    }

    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.answer("code")
            .unwrap_or_else(|| panic!("no code: {self:?}"))
    }
}
