//! Just enough of a browser to sign in: cookies, redirects and two forms.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::html::{self, Form};
use crate::http::{Authority, Connection, Failure, Response, Template, encode_form};

/// Who signs in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct User {
    /// What goes into `input[name=username]`.
    pub username: String,
    /// What goes into `input[name=password]`.
    pub password: String,
}

/// A cookie as the server set it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// A browser that keeps its cookies and follows redirects.
#[derive(Debug)]
pub struct Browser {
    cookies: Vec<Cookie>,
    /// The server that its addresses name.
    home: Authority,
    connection: Connection,
    /// A program beside it, where the server sends people to sign in.
    beside: Option<(Authority, Connection)>,
    /// How often a password was typed.
    passwords: u32,
}

impl Browser {
    /// A browser that talks to the server of that URL, with cookies from an earlier visit.
    ///
    /// # Errors
    /// [`Failure::Address`] for a URL that is not plain `http`.
    pub fn new(server: &Url, cookies: Vec<Cookie>) -> Result<Self, Failure> {
        let home = Authority::of(server)?;
        Ok(Self {
            cookies,
            connection: Connection::new(home.clone()),
            home,
            beside: None,
            passwords: 0,
        })
    }

    /// Talks to another server from now on, whatever the addresses say: a node of the same issuer.
    pub fn go_through(&mut self, server: Authority) {
        self.connection = Connection::new(server);
    }

    /// Follows redirects until the server sends it to `end`; there is no page on the way.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] for anything but a redirect, and the failures of a [`Connection`].
    pub async fn follow(&mut self, start: Url, end: &str) -> Result<Url, Failure> {
        let mut url = start;
        for _ in 0..MOST_PAGES {
            if url.as_str().starts_with(end) {
                return Ok(url);
            }
            url = match self.visit(&Visit::Get(url), &User::default()).await? {
                Seen::Next(Visit::Get(url)) => url,
                Seen::Next(Visit::Post(..)) => return Err(Failure::step("authorize", "a form")),
                Seen::Page(page) => return Err(unknown(&page)),
            };
        }
        Err(Failure::step("authorize", "too many redirects"))
    }

    /// Takes over the cookies of an answer that something else has read.
    pub fn take(&mut self, response: &Response<'_>) {
        for line in response.headers("set-cookie") {
            Cookie::apply(line, &mut self.cookies);
        }
    }

    /// The cookies it holds now.
    #[must_use]
    pub fn cookies(&self) -> &[Cookie] {
        &self.cookies
    }

    /// How often a password was typed.
    #[must_use]
    pub const fn passwords(&self) -> u32 {
        self.passwords
    }

    /// Forgets the open connection, as when the server is another process now.
    pub fn reconnect(&mut self) {
        self.connection.reset();
        self.beside = None;
    }

    /// The value of the `Cookie` header for a path; empty when there is none to send.
    #[must_use]
    pub fn cookie_header(&self, path: &str) -> String {
        let fitting = self.cookies.iter().filter(|cookie| cookie.fits(path));
        let pairs: Vec<_> = fitting
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    /// Opens an address and does what the pages ask until the server sends it to `end`.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] for a page without a form for signing in, consenting or signing
    /// out, and the failures of a [`Connection`].
    pub async fn walk(&mut self, start: Url, user: &User, end: &str) -> Result<Url, Failure> {
        let mut next = Visit::Get(start);
        let passwords = self.passwords;
        for _ in 0..MOST_PAGES {
            // Trying again would only run into the limits on failed sign-ins.
            if self.passwords.saturating_sub(passwords) > 1 {
                return Err(Failure::step("sign-in", "the password was refused"));
            }
            next = match self.visit(&next, user).await? {
                Seen::Next(Visit::Get(url)) if url.as_str().starts_with(end) => return Ok(url),
                Seen::Next(other) => other,
                Seen::Page(page) => return Err(unknown(&page)),
            };
        }
        Err(Failure::step("sign-in", "too many redirects"))
    }

    /// Opens an address, signs in and consents where that is asked for, and answers the page behind it.
    ///
    /// # Errors
    /// As [`Self::walk`].
    pub async fn open(&mut self, start: Url, user: &User) -> Result<String, Failure> {
        let mut next = Visit::Get(start);
        let passwords = self.passwords;
        for _ in 0..MOST_PAGES {
            if self.passwords.saturating_sub(passwords) > 1 {
                return Err(Failure::step("sign-in", "the password was refused"));
            }
            next = match self.visit(&next, user).await? {
                Seen::Next(next) => next,
                Seen::Page(page) => return Ok(page),
            };
        }
        Err(Failure::step("sign-in", "too many redirects"))
    }

    /// Sends a form to an address, and answers the page behind it.
    ///
    /// # Errors
    /// As [`Self::walk`].
    pub async fn send(&mut self, url: Url, body: String, user: &User) -> Result<String, Failure> {
        match self.visit(&Visit::Post(url, body), user).await? {
            Seen::Next(Visit::Get(url) | Visit::Post(url, _)) => self.open(url, user).await,
            Seen::Page(page) => Ok(page),
        }
    }

    async fn visit(&mut self, visit: &Visit, user: &User) -> Result<Seen, Failure> {
        let (Visit::Get(url) | Visit::Post(url, _)) = visit;
        let cookies = self.cookie_header(url.path());
        let origin = url.origin().ascii_serialization();
        let mut headers = vec![("Accept", "text/html")];
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let authority = Authority::of(url)?;
        let connection = if authority == self.home {
            &mut self.connection
        } else {
            let known = self.beside.take().filter(|(known, _)| *known == authority);
            let new = || (authority.clone(), Connection::new(authority));
            &mut self.beside.insert(known.unwrap_or_else(new)).1
        };
        let response = match visit {
            Visit::Get(_) => {
                let mut request = Template::get(url, &headers);
                connection.exchange(request.bare()).await?
            }
            Visit::Post(_, body) => {
                headers.push(("Origin", &origin));
                let mut request = Template::post_form(url, &headers);
                connection.exchange(request.with_body(body)).await?
            }
        };
        for line in response.headers("set-cookie") {
            Cookie::apply(line, &mut self.cookies);
        }
        match (response.status, response.header("location")) {
            (301..=308, Some(location)) => {
                let url = url
                    .join(location)
                    .map_err(|_| Failure::unexpected("sign-in", &response))?;
                Ok(Seen::Next(Visit::Get(url)))
            }
            (200, _) => {
                let page = String::from_utf8_lossy(response.body);
                let Some((form, passwords)) = fill(&page, user) else {
                    return Ok(Seen::Page(page.into_owned()));
                };
                self.passwords = self.passwords.saturating_add(passwords);
                let action = url
                    .join(&form.action)
                    .map_err(|_| Failure::unexpected("sign-in", &response))?;
                let pairs = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                Ok(Seen::Next(Visit::Post(action, encode_form(pairs))))
            }
            (status, location) => {
                let path = url.path();
                let location = location.unwrap_or_default();
                let text = String::from_utf8_lossy(response.body);
                let text: String = text.chars().take(300).collect();
                let what = format!("{status} {location} at {path}: {text}");
                Err(Failure::step("sign-in", what))
            }
        }
    }
}

/// The page's form with its answers, and how many passwords were typed.
fn fill(page: &str, user: &User) -> Option<(Form, u32)> {
    let login = html::form(page, "login", Some("sign-in"));
    // The other one is Keycloak's.
    if let Some(mut form) = login.or_else(|| html::form(page, "kc-form-login", None)) {
        form.set("username", &user.username);
        form.set("password", &user.password);
        return Some((form, 1));
    }
    let form = html::form(page, "consent", Some("allow"))
        .or_else(|| html::form(page, "logout", Some("logout-yes")))
        .or_else(|| html::form(page, "device", Some("device-continue")));
    form.map(|form| (form, 0))
}

/// The failure of somebody who expected a known form.
fn unknown(page: &str) -> Failure {
    let title = page
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    Failure::step(
        "sign-in",
        title.map_or("an unknown page", |(title, _)| title),
    )
}

/// What came back.
enum Seen {
    Next(Visit),
    /// A page that asks for nothing that is known here.
    Page(String),
}

enum Visit {
    Get(Url),
    Post(Url, String),
}

impl Cookie {
    fn fits(&self, path: &str) -> bool {
        // RFC 6265 §5.1.4: equal, or a prefix that ends at a slash.
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        })
    }

    /// Takes over one `Set-Cookie` line.
    fn apply(line: &str, cookies: &mut Vec<Self>) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let (mut path, mut gone) = ("/", value.is_empty());
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            if key.eq_ignore_ascii_case("path") {
                path = value;
            } else if key.eq_ignore_ascii_case("max-age") {
                gone |= value.starts_with('-') || value == "0";
            } else if key.eq_ignore_ascii_case("expires") {
                gone |= value.contains(" 1970 ");
            }
        }
        cookies.retain(|cookie| cookie.name != name || cookie.path != path);
        if !gone {
            cookies.push(Self {
                name: name.to_owned(),
                value: value.to_owned(),
                path: path.to_owned(),
            });
        }
    }
}

const MOST_PAGES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&str]) -> Vec<Cookie> {
        let mut cookies = Vec::new();
        for line in lines {
            Cookie::apply(line, &mut cookies);
        }
        cookies
    }

    #[test]
    fn a_cookie_replaces_the_one_of_its_name_and_path_only() {
        let cookies = jar(&["a=1; Path=/", "a=2; path=/x; HttpOnly", "a=3; Path=/"]);
        assert_eq!(cookies.len(), 2);
        assert_eq!(cookies[1].value, "3");
    }

    #[test]
    fn an_expired_cookie_is_forgotten() {
        assert!(jar(&["a=1", "a=; Max-Age=0"]).is_empty());
        assert!(jar(&["a=1", "a=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"]).is_empty());
    }

    #[test]
    fn a_cookie_goes_to_its_own_path_and_below_and_nowhere_else() {
        let cookie = &jar(&["a=1; Path=/auth"])[0];
        assert!(cookie.fits("/auth"));
        assert!(cookie.fits("/auth/x"));
        assert!(!cookie.fits("/authorize"));
        assert!(!cookie.fits("/"));
    }

    #[test]
    fn a_page_that_asks_for_something_else_is_not_answered() {
        assert!(fill("<form id=other></form>", &User::default()).is_none());
    }
}
