//! `--demo`: a user and clients with random secrets, for a first look and for scripts.

use std::collections::BTreeMap;

use hallpass_accounts::{AccountError, NewUser};
use hallpass_admin::{ALL_PROJECTS, Operator, Principal};
use hallpass_core::admin::Role;
use hallpass_core::policy::standard_scopes;
use hallpass_pages::DemoClient;
use hallpass_provider::ports::{PasswordSignIn, SignInAttempt, SignInOutcome};
use hallpass_store::{AdminKind, AdminRecord, Commit, Spend, StoreError, UserRecord};
use hallpass_types::{Issuer, Secret};
use serde_json::{Map, Value, json};

use crate::config::{self, Config};
use crate::failure::Failure;
use crate::wiring::{Engine, Ground};

/// What the demo adds.
#[derive(Debug)]
pub struct Demo {
    password: Secret,
    /// A claim of the user that the demo made, which only this data folder's master key yields.
    mark: Value,
    clients: Vec<config::Client>,
}

impl Demo {
    /// Refuses to show a demo to anybody but this machine: everybody who reaches it may register clients.
    ///
    /// # Errors
    /// A listener or the issuer is not on a loopback address.
    pub fn check(server: &config::Server) -> Result<(), Failure> {
        let wrong = |setting: &str, value: &dyn std::fmt::Display| {
            Failure::new(format!(
                "{setting}: {value} can be reached from other machines, and --demo is for this one only"
            ))
        };
        let listen = server.listen.0.iter();
        if let Some(address) = listen.clone().find(|address| !address.ip().is_loopback()) {
            return Err(wrong("server.listen", address));
        }
        match &server.issuer {
            Some(issuer) if !config::is_local(issuer) => Err(wrong("server.issuer", issuer)),
            Some(_) | None => Ok(()),
        }
    }

    /// Adds the clients to the configuration and opens registration. Secrets are random for each data folder.
    #[must_use]
    pub fn add(config: &mut Config, issuer: &Issuer, ground: &Ground) -> Self {
        let clients = clients(issuer, config, ground);
        // The demo's user has a password alone.
        config.dashboard.strong_sign_in = false;
        config.registration.enabled = true;
        config.registration.open = true;
        // Nobody but those who try things out can reach it, and they read errors at their redirect URIs.
        config.danger.redirect_strangers = true;
        config.sign_up.mode.get_or_insert(config::SignUpMode::Open);
        // Never two of the same name: who has configured one of these keeps it.
        let theirs = |id: &str| config.clients.iter().any(|client| client.client_id == id);
        let clients: Vec<_> = clients
            .into_iter()
            .filter(|client| !theirs(&client.client_id))
            .collect();
        config.clients.extend(clients.iter().cloned());
        Self {
            password: Secret::new(ground.secret("demo/password")),
            mark: ground.secret("demo/user").into(),
            clients,
        }
    }

    /// Makes the user, or gives the one that it made its password back.
    ///
    /// # Errors
    /// The store fails, or somebody has the demo user's name whom the demo did not make.
    pub async fn make_user(&self, engine: &Engine) -> Result<(), Failure> {
        self.make_account(engine).await?;
        let accounts = &engine.accounts;
        let found = accounts
            .by_name(engine.provider.issuer_id(), USERNAME)
            .await;
        let found = found.map_err(|error| Failure::doing("demo", &error))?;
        match found {
            Some(user) => make_owner(engine, &user).await,
            None => Ok(()),
        }
    }

    async fn make_account(&self, engine: &Engine) -> Result<(), Failure> {
        let (accounts, issuer) = (&engine.accounts, engine.provider.issuer_id());
        let failed = |error: AccountError| Failure::doing("demo", &error);
        let stored = |error: StoreError| failed(error.into());
        let Some(user) = accounts.by_name(issuer, USERNAME).await.map_err(stored)? else {
            let mut claims = claims();
            claims.insert(MARK.to_owned(), self.mark.clone());
            let new = NewUser {
                username: USERNAME.to_owned(),
                password: Some(self.password.clone()),
                must_change: false,
                claims,
            };
            return accounts.create(issuer, new).await.map(drop).map_err(failed);
        };
        if user.claims.get(MARK) != Some(&self.mark) {
            return Err(Failure::new(format!(
                "--demo: there is a user \"{USERNAME}\" already, whom the demo did not make and will not change; \
                 choose another server.data_dir for the demo"
            )));
        }
        // In the first epoch nobody has changed the password, so there is nothing to hash.
        if user.epoch == 0 {
            return Ok(());
        }
        let attempt = SignInAttempt {
            issuer,
            username: USERNAME,
            password: &self.password,
            peer: None,
            known: &[],
        };
        let outcome = accounts.sign_in(attempt).await.map_err(stored)?;
        if matches!(outcome, SignInOutcome::SignedIn { .. }) {
            return Ok(());
        }
        accounts
            .set_password(issuer, &user.subject, &self.password)
            .await
            .map(drop)
            .map_err(failed)
    }

    /// The client of the page at `/demo`.
    #[must_use]
    pub fn page(&self) -> DemoClient {
        DemoClient {
            client_id: PUBLIC.to_owned(),
            scope: SCOPE.to_owned(),
        }
    }

    /// What was added, for the terminal.
    #[must_use]
    pub fn text(&self, issuer: &Issuer) -> String {
        let mut text = format!(
            "\nDemo, not for real use. Open {} and sign in:\n  user name  {USERNAME}\n  password   {}\nThe same user owns the dashboard at {}\n\nClients:\n",
            issuer.url("/demo"),
            self.password.expose(),
            issuer.url(hallpass_dashboard::PATH)
        );
        for client in &self.clients {
            let secret = client
                .client_secret
                .as_ref()
                .map_or("(public)", config::Secret::expose);
            text.push_str(&format!("  {:<10} {secret}\n", client.client_id));
        }
        text
    }

    /// What was added, for programs: members of the first line of standard output.
    #[must_use]
    pub fn json(&self) -> Map<String, Value> {
        let clients: Vec<Value> = self.clients.iter().map(describe).collect();
        let user = json!({ "username": USERNAME, "password": self.password.expose() });
        Map::from_iter([
            ("user".to_owned(), user),
            ("clients".to_owned(), clients.into()),
        ])
    }
}

/// The demo's user administers, so that there is something to look at.
async fn make_owner(engine: &Engine, user: &UserRecord) -> Result<(), Failure> {
    let principal = Principal::User(user.subject.clone());
    let Some(id) = principal.key() else {
        return Ok(());
    };
    let failed = |error: StoreError| Failure::doing("demo", &error);
    let (store, issuer) = (engine.provider.store(), engine.provider.issuer_id());
    let kind = AdminKind::Operator;
    let held = store
        .admin_record(issuer, kind, &id)
        .await
        .map_err(failed)?;
    if held.is_some() {
        return Ok(());
    }
    let owner = Operator {
        name: user.username.clone(),
        roles: BTreeMap::from([(ALL_PROJECTS.to_owned(), Role::Owner)]),
    };
    let value = serde_json::to_value(owner).map_err(|error| Failure::doing("demo", &error))?;
    let record = AdminRecord {
        id: id.clone(),
        revision: 1,
        value,
    };
    let spend = Spend::Admin {
        kind,
        id,
        from: None,
        next: Some(Box::new(record)),
    };
    let commit = Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    store.commit(issuer, commit).await.map(drop).map_err(failed)
}

fn describe(client: &config::Client) -> Value {
    let mut described = Map::new();
    described.insert("client_id".to_owned(), client.client_id.as_str().into());
    if let Some(secret) = &client.client_secret {
        described.insert("client_secret".to_owned(), secret.expose().into());
    }
    for name in [
        "redirect_uris",
        "grant_types",
        "token_endpoint_auth_method",
        "scope",
    ] {
        if let Some(value) = client.metadata.get(name) {
            described.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(described)
}

/// A public client, a confidential one with every grant, and a resource server that only introspects.
fn clients(issuer: &Issuer, config: &Config, ground: &Ground) -> Vec<config::Client> {
    let page = issuer.url("/demo");
    let resources: Vec<&str> = std::iter::once(issuer.as_str())
        .chain(
            config
                .protocol
                .resources
                .iter()
                .map(|resource| resource.identifier.as_str()),
        )
        .collect();
    let public = json!({
        "client_name": "Demo app",
        "application_type": "web",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [page],
        "post_logout_redirect_uris": [page],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": SCOPE,
    });
    let confidential = json!({
        "client_name": "Demo application",
        "token_endpoint_auth_method": "client_secret_basic",
        "redirect_uris": CALLBACKS,
        "post_logout_redirect_uris": ["http://localhost:8765/", "http://127.0.0.1:8765/"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": every_scope(config),
    });
    let resource_server = json!({
        "client_name": "Demo API",
        "token_endpoint_auth_method": "client_secret_basic",
        "redirect_uris": [],
        "grant_types": [],
        "response_types": [],
        "resources": resources,
    });
    vec![
        client(PUBLIC, None, public),
        client(
            "demo-app",
            Some(ground.secret("demo/demo-app")),
            confidential,
        ),
        client(
            "demo-api",
            Some(ground.secret("demo/demo-api")),
            resource_server,
        ),
    ]
}

/// The scopes of OpenID Connect and those that are configured. By client credentials, where no person is asked, a client
/// gets nothing that is not among its own.
fn every_scope(config: &Config) -> String {
    let standard = standard_scopes();
    let standard = standard.iter().map(|scope| scope.name.as_str());
    let configured = config.protocol.scopes.keys().map(String::as_str);
    standard.chain(configured).collect::<Vec<_>>().join(" ")
}

fn client(id: &str, secret: Option<String>, metadata: Value) -> config::Client {
    let metadata = match metadata {
        Value::Object(metadata) => metadata,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    config::Client {
        client_id: id.to_owned(),
        client_secret: secret.map(config::Secret::new),
        metadata,
    }
}

fn claims() -> Map<String, Value> {
    let claims = [
        ("name", json!("Demo Person")),
        ("given_name", json!("Demo")),
        ("family_name", json!("Person")),
        ("email", json!("demo@example.com")),
        ("email_verified", json!(true)),
    ];
    claims
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

const USERNAME: &str = "demo";
/// The claim that marks the demo's user. No scope releases it.
const MARK: &str = "hallpass_demo";
const PUBLIC: &str = "demo";
const SCOPE: &str = "openid profile email offline_access";
const CALLBACKS: [&str; 2] = [
    "http://localhost:8765/callback",
    "http://127.0.0.1:8765/callback",
];
