//! A browser: cookies, forms, and a look at every answer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hallpass_jose::JwsAlgorithm;

use crate::{
    Answer, Ask,
    assertion::{self, JWT_BEARER},
    fixture,
    op::Face,
    oracle::{self, View},
    wire,
};

/// Sends requests, keeps cookies, follows nothing by itself.
#[derive(Clone, Debug)]
pub struct Browser {
    pub(crate) face: Arc<Face>,
    jar: Vec<(String, String)>,
    /// The client in whose name this browser was last sent to us.
    client: Option<String>,
}

impl Browser {
    pub(crate) const fn new(face: Arc<Face>) -> Self {
        Self {
            face,
            jar: Vec::new(),
            client: None,
        }
    }

    /// Sends a request and holds the answer against what must be true of all.
    ///
    /// # Panics
    /// It is not, or there is no answer.
    pub async fn send(&mut self, ask: Ask) -> Answer {
        let ask = self.with_cookies(ask);
        let bytes = wire::exchange(self.face.address, &ask.to_bytes()).await;
        self.received(&ask, &bytes)
    }

    /// GET.
    pub async fn get(&mut self, target: &str) -> Answer {
        self.send(Ask::get(target)).await
    }

    /// GET with a query.
    pub async fn query(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(Ask::query(path, pairs)).await
    }

    /// POST of a form.
    pub async fn form(&mut self, target: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(Ask::form(target, pairs)).await
    }

    /// POST of a form by a fixture client that authenticates as it has registered.
    ///
    /// # Panics
    /// It is none of the fixture's.
    pub async fn call(&mut self, client: &str, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(self.ask_as(client, path, pairs)).await
    }

    /// The request of [`Self::call`].
    #[must_use]
    pub fn ask_as(&self, client: &str, path: &str, pairs: &[(&str, &str)]) -> Ask {
        let mut pairs = pairs.to_vec();
        let assertion = |jwt: String| {
            [
                ("client_assertion_type", JWT_BEARER.to_owned()),
                ("client_assertion", jwt),
            ]
        };
        let jti = format!("jti-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let claims = assertion::claims(client, self.face.clock.seconds(), &jti);
        let more: Vec<(&str, String)> = match client {
            "spa" | "spa2" | "native" => vec![("client_id", client.to_owned())],
            "post" => vec![
                ("client_id", client.to_owned()),
                ("client_secret", fixture::secret(client).to_owned()),
            ],
            "pkjwt" => assertion(assertion::sign(fixture::pkjwt_key(), &claims)).to_vec(),
            "sjwt" => {
                let secret = fixture::secret(client).as_bytes();
                assertion(assertion::sign_hmac(JwsAlgorithm::HS256, secret, &claims)).to_vec()
            }
            _ => return Ask::form(path, &pairs).basic(client, fixture::secret(client)),
        };
        pairs.extend(more.iter().map(|(n, v)| (*n, v.as_str())));
        Ask::form(path, &pairs)
    }

    /// Goes where a redirect within the provider leads.
    ///
    /// # Panics
    /// It leads elsewhere.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        let location = answer.location();
        let target = location
            .strip_prefix(self.face.issuer.as_str())
            .unwrap_or(location)
            .to_owned();
        assert!(target.starts_with('/'), "leads elsewhere: {location}");
        self.get(&target).await
    }

    /// The request with the cookies of this browser.
    #[must_use]
    pub fn with_cookies(&self, ask: Ask) -> Ask {
        let ask = self.under_issuer(ask);
        if self.jar.is_empty() {
            return ask;
        }
        let pairs: Vec<String> = self.jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        ask.header("Cookie", &pairs.join("; "))
    }

    /// Tests name endpoints as if the issuer had no path.
    fn under_issuer(&self, mut ask: Ask) -> Ask {
        let (_, place) = self.face.issuer.split_once("://").unwrap_or_default();
        let path = place.find('/').and_then(|at| place.get(at..));
        let Some(path) = path.filter(|path| !ask.target.starts_with(*path)) else {
            return ask;
        };
        if !ask.target.starts_with("/.well-known/") {
            ask.target.insert_str(0, path);
        }
        ask
    }

    /// Takes an answer to a request of this browser.
    ///
    /// # Panics
    /// It is not what answers must be.
    pub fn received(&mut self, ask: &Ask, bytes: &[u8]) -> Answer {
        let mut answer = Answer::parse(bytes);
        if ask.method == "HEAD" {
            answer.body.clear();
        }
        let params = ask.params();
        let named = params.iter().filter(|(n, _)| n == "client_id");
        if [
            "/authorize",
            "/auth",
            "/logout",
            "/session/end",
            "/initiate",
        ]
        .iter()
        .any(|p| ask.path().ends_with(p))
        {
            self.client = named
                .map(|(_, v)| v.clone())
                .next()
                .or_else(|| self.client.take());
        }
        let registered = {
            let all = self.face.registered.lock().unwrap();
            let client = self.client.as_ref();
            client.and_then(|c| all.get(c)).cloned().unwrap_or_default()
        };
        let frames = self.face.frames.lock().unwrap().clone();
        let view = View {
            issuer: &self.face.issuer,
            registered: &registered,
            frames: &frames,
        };
        oracle::check(&view, ask, &answer);
        for cookie in answer.all("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.jar.retain(|(n, _)| n != name);
            if !attributes.contains("Max-Age=0") {
                self.jar.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// A cookie whose name ends so, or does before the path of its issuer.
    #[must_use]
    pub fn cookie(&self, end: &str) -> Option<&str> {
        self.jar
            .iter()
            .find(|(n, _)| n.split('.').next().is_some_and(|n| n.ends_with(end)))
            .map(|(_, v)| v.as_str())
    }

    /// Puts a cookie into the jar as it stands.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.jar.push((name.to_owned(), value.to_owned()));
    }

    /// Forgets every cookie whose name ends so.
    pub fn drop_cookie(&mut self, end: &str) {
        self.jar.retain(|(n, _)| !n.ends_with(end));
    }

    /// All cookies.
    #[must_use]
    pub fn cookies(&self) -> &[(String, String)] {
        &self.jar
    }
}

impl Face {
    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        let issuer = hallpass_types::Issuer::parse(&self.issuer).unwrap();
        issuer.origin().to_owned()
    }
}

/// Makes the `jti` of assertions.
static NEXT: AtomicU64 = AtomicU64::new(0);
