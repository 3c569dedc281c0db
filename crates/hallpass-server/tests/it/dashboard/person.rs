//! A person with a browser that runs no script.

use std::collections::BTreeMap;

use crate::process::{Answer, Serving};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Cookies of one person.
#[derive(Default)]
pub(crate) struct Person {
    cookies: BTreeMap<String, String>,
}

impl Person {
    /// Signed in at the dashboard.
    pub(crate) fn operator(server: &Serving, username: &str) -> Self {
        let mut person = Self::default();
        let asked = person.get(server, "/dashboard");
        assert_eq!(asked.status, 303, "{}", asked.body);
        let page = location(server, &asked);
        assert!(page.starts_with("/sign-in?handle="), "{page}");
        let shown = person.get(server, &page);
        assert_eq!(shown.status, 200);
        let form = [("username", username), ("password", PASSWORD)];
        let done = person.post(server, &page, &form);
        assert_eq!(done.status, 303, "{}", done.body);
        assert_eq!(location(server, &done), "/dashboard");
        person
    }

    /// What the browser holds that nobody else has.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.cookies.values().map(String::as_str)
    }

    /// As the browser sends them.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = String> {
        self.cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
    }

    pub(crate) fn get(&mut self, server: &Serving, path: &str) -> Answer {
        self.send(server, &format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// Sends a form with headers of its own.
    pub(crate) fn post_with(
        &mut self,
        server: &Serving,
        path: &str,
        head: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let encoded =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let head = format!(
            "POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n{head}"
        );
        self.send(server, &head, &body)
    }

    pub(crate) fn post(&mut self, server: &Serving, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(server, path, "", form)
    }

    /// Sends a form of the page at `shown`, with what its page puts in by itself.
    pub(crate) fn send_form(
        &mut self,
        server: &Serving,
        shown: &str,
        action: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let page = self.get(server, shown);
        assert_eq!(page.status, 200, "{shown}: {}", page.body);
        let sealed = hidden(&page.body, "form");
        let all = [&[("form", sealed.as_str())], form].concat();
        self.post(server, action, &all)
    }

    fn send(&mut self, server: &Serving, head: &str, body: &str) -> Answer {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let answer = server.send(&format!("{head}cookie: {cookies}\r\n"), body);
        for line in answer.head.lines() {
            let Some(cookie) = line.strip_prefix("set-cookie: ") else {
                continue;
            };
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

/// Where an answer sends the browser, below the issuer.
#[track_caller]
pub(crate) fn location(server: &Serving, answer: &Answer) -> String {
    let issuer = server.said["issuer"].as_str().unwrap();
    let mut lines = answer.head.lines();
    let found = lines.find_map(|line| line.strip_prefix("location: "));
    let Some(found) = found else {
        panic!("{}{}", answer.head, answer.body);
    };
    found.strip_prefix(issuer).unwrap().to_owned()
}

/// The value of a hidden field.
pub(crate) fn hidden(body: &str, name: &str) -> String {
    let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let (_, rest) = body
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {name}: {body}"));
    rest.split('"').next().unwrap().to_owned()
}
