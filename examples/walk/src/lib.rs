//! A browser that is enough for the examples: it keeps cookies, follows nothing by itself, and speaks HTTP/1.1 to loopback.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use hallpass::jose::{JwsAlgorithm, SigningKey, base64url, json};
use serde_json::Value;

/// A started example. It ends when it is dropped.
pub struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The address that it printed.
    pub address: String,
}

impl Example {
    /// Starts one on a port of the system's choice.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// The same with arguments.
    pub fn start_with(name: &str, arguments: &[&str]) -> Self {
        Self::start_at("0", name, arguments)
    }

    /// The same on a port that one had before.
    pub fn start_at(port: &str, name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary(name))
            .args(arguments)
            .env("PORT", port)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut address = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("http"), "{name} printed {address:?}");
        Self { child, output: lines, address }
    }

    /// Where it listens.
    pub fn port(&self) -> &str {
        let rest = self.address.rsplit_once(':').unwrap().1;
        rest.split('/').next().unwrap()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// A fresh browser.
    pub fn browser(&self) -> Browser {
        Browser::of(&self.address)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo put a program of this workspace.
pub fn binary(name: &str) -> std::path::PathBuf {
    let test = env::current_exe().unwrap();
    let found = test.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no {name}; `cargo build --workspace` first"))
}

/// A browser without script.
pub struct Browser {
    port: u16,
    /// What it writes into `Host`.
    pub host: String,
    cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Where it leads.
    pub fn location(&self) -> &str {
        let found = self.header("location");
        found.unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\""))?;
        let (_, rest) = rest.split_once("value=\"")?;
        rest.split('"').next()
    }
}

impl Browser {
    /// One that speaks to that address on this machine.
    pub fn of(address: &str) -> Self {
        let port = address.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("{address} names no port"));
        Self { port, host: format!("localhost:{port}"), cookies: BTreeMap::new() }
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[], "")
    }

    pub fn post(&mut self, target: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(target, form, &[])
    }

    pub fn post_with(&mut self, target: &str, form: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
        let pairs = form.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(more);
        self.send("POST", target, &headers, &body)
    }

    /// Sends a request; of an absolute address only path and query count.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => target,
        };
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        if !cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(n, v)| (n.to_owned(), v.trim().to_owned()))
            .collect();
        for (_, cookie) in headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("set-cookie")) {
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Answer { status, headers, body: body.to_owned() }
    }
}

/// The address of an authorization request by the public client `app`, with the challenge of [`VERIFIER`].
pub fn request(path: &str, scope: &str, more: &str) -> String {
    let challenge = base64url::encode(hallpass::types::sha256(VERIFIER.as_bytes()));
    let scope = encode(scope);
    let redirect = encode(REDIRECT);
    format!(
        "{path}?response_type=code&client_id=app&redirect_uri={redirect}&scope={scope}&state=s\
        &code_challenge={challenge}&code_challenge_method=S256{more}"
    )
}

pub const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-examples-0123";
pub const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// A parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("no {name} in {address}")).to_owned()
}

/// Changes a code of the client `app` into tokens.
pub fn redeem(browser: &mut Browser, path: &str, code: &str) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    browser.post(path, &form).json()
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let bytes = base64url::decode(payload).unwrap();
    Value::Object(json::parse_object(&bytes, 16).unwrap())
}

pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = text.bytes();
    bytes.map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A fresh key of a client.
pub fn key() -> SigningKey {
    SigningKey::generate(JwsAlgorithm::ES256).unwrap()
}

/// Its public half.
pub fn public(key: &SigningKey) -> Value {
    key.public_jwk().to_public_value().into()
}

/// A JWT with that header and those claims.
pub fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| base64url::encode(value.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = base64url::encode(key.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}
