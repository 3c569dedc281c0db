//! Administration over HTTP.

mod access;
mod activity;
mod audit;
mod clients;
mod keys;
mod limits;
mod matrix;
mod operators;
mod projects;
mod statistics;
mod users;
pub(crate) mod webhooks;

use serde_json::{Value, json};

use crate::process::{Answer, Folder, Serving};

/// A server with a client that is its owner.
pub(crate) struct Office {
    pub(crate) folder: Folder,
    pub(crate) server: Serving,
    pub(crate) owner: String,
}

impl Office {
    pub(crate) fn open() -> Self {
        Self::with("")
    }

    pub(crate) fn with(settings: &str) -> Self {
        let folder = Folder::new();
        let text = format!("protocol.signing_algs = ['ES256']\n{settings}");
        folder.write("hallpass.toml", &text);
        let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
        let mut office = Self {
            folder,
            server,
            owner: String::new(),
        };
        let made = office.command(&[
            "client",
            "create",
            "--id",
            "robot",
            "--grant-type",
            "client_credentials",
            "--auth-method",
            "client_secret_post",
            "--scope",
            "hallpass:admin hallpass:admin:read",
        ]);
        office.command(&["operator", "set", "client:robot"]);
        let secret = made["client_secret"].as_str().unwrap();
        office.owner = office.token("robot", secret, "hallpass:admin");
        office
    }

    pub(crate) fn issuer(&self) -> &str {
        self.server.said["issuer"].as_str().unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Value {
        let arguments = [&["--config", "hallpass.toml", "--json"], arguments].concat();
        let mut command = self.folder.hallpass(&arguments);
        let output = command
            .env("HALLPASS__SERVER__ISSUER", self.issuer())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A token of a client for itself.
    pub(crate) fn token(&self, id: &str, secret: &str, scope: &str) -> String {
        let answer = self.try_token(id, secret, scope);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn try_token(&self, id: &str, secret: &str, scope: &str) -> Answer {
        let resource = format!("{}/admin/v1", self.issuer());
        let form = format!(
            "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope={scope}&resource={resource}"
        );
        let head = "content-type: application/x-www-form-urlencoded\r\n";
        self.server.post("/token", head, &form)
    }

    /// A request with a token, below `/admin/v1`.
    pub(crate) fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_with(token, method, path, "", body)
    }

    pub(crate) fn ask_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        head: &str,
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n{head}"
        );
        self.server.send(&head, &body)
    }

    /// As the owner.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask(&self.owner, "GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// As the owner.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.change("POST", path, body)
    }

    /// As the owner.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(&self.owner, method, path, body);
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        if answer.body.is_empty() {
            return Value::Null;
        }
        answer.json()
    }

    pub(crate) fn project(&self, name: &str) {
        self.post("/projects", &json!({ "name": name }));
    }

    /// A client of the home project with a role, and its token.
    pub(crate) fn operator(&self, id: &str, project: &str, role: &str) -> String {
        let metadata = json!({
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "hallpass:admin hallpass:admin:read",
        });
        let made = self.post(
            "/projects/default/clients",
            &json!({"client_id": id, "metadata": metadata}),
        );
        let roles = json!({"roles": {project: role}});
        self.change("PUT", &format!("/operators/client:{id}"), &roles);
        let secret = made["client_secret"].as_str().unwrap();
        self.token(id, secret, "hallpass:admin")
    }
}

/// What a refusal says it is.
pub(crate) fn kind(answer: &Answer) -> String {
    assert!(
        answer
            .head
            .contains("content-type: application/problem+json"),
        "{} {}",
        answer.head,
        answer.body
    );
    let json = answer.json();
    assert_eq!(json["status"], answer.status);
    let kind = json["type"].as_str().unwrap();
    kind.strip_prefix("urn:hallpass:problem:")
        .unwrap()
        .to_owned()
}

// AD-01, AD-03
#[test]
fn s36_nobody_administers_without_a_token_that_is_meant_for_it() {
    let office = Office::open();
    let without = office.server.send("GET /admin/v1/me HTTP/1.1\r\n", "");
    assert_eq!(
        (without.status, kind(&without)),
        (401, "token_missing".to_owned())
    );
    assert!(
        without
            .head
            .contains("www-authenticate: Bearer realm=\"hallpass\"\r\n")
    );
    let wrong = office.ask("hpa_nonsense", "GET", "/me", &Value::Null);
    assert_eq!(
        (wrong.status, kind(&wrong)),
        (401, "token_invalid".to_owned())
    );
    assert!(
        wrong.head.contains("error=\"invalid_token\""),
        "{}",
        wrong.head
    );
    // A client that may sign people in, and nothing else.
    let made = office.post(
        "/projects/default/clients",
        &json!({"client_id": "app", "metadata": {
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_post",
        }}),
    );
    let secret = made["client_secret"].as_str().unwrap();
    let refused = office.try_token("app", secret, "hallpass:admin");
    assert_eq!(refused.status, 400, "{}", refused.body);
    let form = format!("grant_type=client_credentials&client_id=app&client_secret={secret}");
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let other = office.server.post("/token", head, &form).json();
    let other = other["access_token"].as_str().unwrap();
    let answer = office.ask(other, "GET", "/me", &Value::Null);
    assert_eq!(
        (answer.status, kind(&answer)),
        (401, "token_invalid".to_owned())
    );
    // A client that was made for it and is no operator.
    let made = office.post(
        "/projects/default/clients",
        &json!({"client_id": "nobody", "metadata": {
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "hallpass:admin",
        }}),
    );
    let token = office.token(
        "nobody",
        made["client_secret"].as_str().unwrap(),
        "hallpass:admin",
    );
    let answer = office.ask(&token, "GET", "/me", &Value::Null);
    assert_eq!(
        (answer.status, kind(&answer)),
        (403, "forbidden".to_owned())
    );
    // Once they are one, it is enough; and over at once when they are none any more.
    office.change(
        "PUT",
        "/operators/client:nobody",
        &json!({"roles": {"*": "read_only"}}),
    );
    let me = office.ask(&token, "GET", "/me", &Value::Null).json();
    assert_eq!(me["roles"], json!({"*": "read_only"}));
    office.change("DELETE", "/operators/client:nobody", &Value::Null);
    assert_eq!(office.ask(&token, "GET", "/me", &Value::Null).status, 403);
}

#[test]
fn the_scopes_of_administration_are_not_advertised_and_its_document_is_open() {
    let office = Office::open();
    let metadata = office.server.get("/.well-known/openid-configuration");
    assert!(
        !metadata.body.contains("hallpass:admin"),
        "{}",
        metadata.body
    );
    let document = office.server.get("/admin/v1/openapi.json");
    assert_eq!(document.status, 200);
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    for operation in hallpass_admin::v1::OPERATIONS {
        let info = operation.info;
        let path = format!("/admin/v1{}", info.path);
        let method = info.method.as_str().to_lowercase();
        let described = &document["paths"][&path][&method];
        assert_eq!(described["operationId"], info.id);
        assert!(
            described["responses"]
                .get(info.status.to_string())
                .is_some()
        );
    }
}

// AD-20
#[test]
fn administration_can_be_switched_off() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "admin.enabled = false\nprotocol.signing_algs = ['ES256']",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    for path in ["/admin/v1/me", "/admin/v1/openapi.json"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}
