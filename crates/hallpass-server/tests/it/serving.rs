//! The server as it is started.

use serde_json::json;

use crate::process::{Folder, Serving, mode};

#[test]
fn without_any_configuration_it_starts_and_keeps_everything_to_itself() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    let issuer = server.said["issuer"].as_str().unwrap();
    assert!(issuer.starts_with("http://localhost:"), "{issuer}");
    let metadata = server.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], issuer);
    assert!(metadata.get("registration_endpoint").is_none());
    assert_eq!(server.get("/demo").status, 404);
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.post("/register", "", "{}").status, 404);
    assert_eq!(server.said.get("user"), None);
    let data = folder.0.join("hallpass-data");
    server.signal("-HUP");
    assert_eq!(server.get("/jwks").status, 200, "not a reason to end");
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let log = server.stop();
    assert!(log.contains("drained"), "{log}");
}

#[test]
fn the_demo_names_what_scripts_need_and_stays_the_same() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &["--demo"]);
    let said = server.said.clone();
    assert_eq!(said["user"]["username"], "demo");
    assert!(said["user"]["password"].as_str().unwrap().len() >= 32);
    let clients = said["clients"].as_array().unwrap();
    let grants: Vec<_> = clients
        .iter()
        .map(|client| &client["grant_types"])
        .collect();
    assert_eq!(
        grants,
        [
            &json!(["authorization_code", "refresh_token"]),
            &json!(["authorization_code", "refresh_token", "client_credentials"]),
            &json!([])
        ]
    );
    assert!(clients[0].get("client_secret").is_none());
    let issuer = said["issuer"].as_str().unwrap();
    assert_eq!(
        clients[0]["redirect_uris"],
        json!([format!("{issuer}/demo")])
    );
    let page = server.get("/demo");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains(r#"data-client-id="demo""#),
        "{}",
        page.body
    );
    let secret = |index: usize| clients[index]["client_secret"].as_str().unwrap();
    let token = server.client_credentials("demo-app", secret(1)).json();
    let token = token["access_token"].as_str().unwrap();
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let form = format!(
        "token={token}&client_id=demo-api&client_secret={}",
        secret(2)
    );
    let basic_only = server.post("/introspect", head, &form);
    assert_eq!(basic_only.status, 401, "{}", basic_only.body);
    let metadata = r#"{"redirect_uris":["https://rp.example/cb"]}"#;
    let registered = server.post("/register", "content-type: application/json\r\n", metadata);
    assert_eq!(registered.status, 201, "{}", registered.body);
    // Whoever tries things here reads errors where they were sent, though anybody could have made the client.
    let id = registered.json()["client_id"].as_str().unwrap().to_owned();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let silent = server.get(&format!(
        "/authorize?client_id={id}&redirect_uri=https%3A%2F%2Frp.example%2Fcb&response_type=code&scope=openid&prompt=none&code_challenge={challenge}&code_challenge_method=S256"
    ));
    let sent_to = "location: https://rp.example/cb?error=login_required";
    assert!(silent.head.contains(sent_to), "{}", silent.head);
    let metrics = server.metrics();
    for line in [
        r#"hallpass_tokens_issued_total{grant_type="client_credentials",format="sealed"} 1"#,
        r#"hallpass_http_requests_total{endpoint="register",method="POST",status="201"} 1"#,
        "hallpass_hash_queue_depth 0.0",
    ] {
        assert!(
            metrics.lines().any(|each| each == line),
            "{line}\n{metrics}"
        );
    }
    assert!(
        metrics.contains(r#"hallpass_key_age_seconds{alg="ES256",phase="active","#),
        "{metrics}"
    );
    assert!(
        metrics.contains("hallpass_store_commit_seconds_count "),
        "{metrics}"
    );
    server.stop();
    let again = Serving::start(&folder, &["--demo"]);
    assert_eq!(again.said["user"], said["user"]);
    assert_eq!(
        again.said["clients"][1]["client_secret"],
        said["clients"][1]["client_secret"]
    );
    again.stop();
    // Without it nothing of it is left that could be used.
    let plain = Serving::start(&folder, &[]);
    assert_eq!(plain.client_credentials("demo-app", secret(1)).status, 401);
    assert_eq!(plain.post("/register", "", "{}").status, 404);
}

#[test]
fn secrets_stay_out_of_the_log_at_every_level() {
    let folder = Folder::new();
    let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
    command
        .env("HALLPASS__LOG__LEVEL", "trace")
        .env("HALLPASS__LOG__FORMAT", "json");
    let server = Serving::spawn(&mut command);
    let password = server.said["user"]["password"].as_str().unwrap().to_owned();
    let secret = server.said["clients"][1]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = server.client_credentials("demo-app", &secret).json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    server.client_credentials("demo-app", "wrong-secret-of-mine");
    let head = format!("authorization: Bearer {token}\r\n");
    server.post("/userinfo", &head, "");
    server.get("/authorize?client_id=demo&state=my-own-state&login_hint=me%0d%0ahere&code_challenge=my-challenge");
    server.get("/%0aINFO%1b[31m?x=hidden-query");
    let log = server.stop();
    for hidden in [
        &*password,
        &secret,
        &token,
        "wrong-secret-of-mine",
        "my-own-state",
        "my-challenge",
        "hidden-query",
    ] {
        assert!(!log.contains(hidden), "{hidden}\n{log}");
    }
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(line["level"].is_string());
    }
    let answered = log
        .lines()
        .find(|line| line.contains(r#""http.path":"/token""#))
        .unwrap();
    assert!(answered.contains("request.id"), "{answered}");
}

#[test]
fn configured_clients_and_users_come_and_go_with_the_configuration() {
    let folder = Folder::new();
    let client = |id: &str| {
        format!(
            "[[clients]]\nclient_id = '{id}'\nclient_secret = '0123456789abcdef'\ngrant_types = ['client_credentials']\n"
        )
    };
    let user = "[[users]]\nusername = 'alice'\npassword = 'correct horse'\n";
    folder.write(
        "hallpass.toml",
        &format!("{}{}{user}", client("one"), client("two")),
    );
    let arguments = ["--config", "hallpass.toml"];
    let server = Serving::start(&folder, &arguments);
    for id in ["one", "two"] {
        let answer = server.client_credentials(id, "0123456789abcdef");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let delete = folder.run(&["client", "delete", "one"]);
    assert_eq!(
        delete.status.code(),
        Some(1),
        "what is configured comes back"
    );
    server.stop();
    folder.write("hallpass.toml", &client("two"));
    let server = Serving::start(&folder, &arguments);
    assert_eq!(
        server.client_credentials("one", "0123456789abcdef").status,
        401
    );
    assert_eq!(
        server.client_credentials("two", "0123456789abcdef").status,
        200
    );
    let users = folder.json(&["user", "list", "--json"]);
    assert_eq!(users[0]["username"], "alice", "people stay");
    server.stop();
}

// OP-05, OP-06
#[test]
fn what_cannot_be_right_is_refused_at_the_start_with_its_name() {
    let folder = Folder::new();
    let open = folder.write("secret", "0123456789abcdef");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    folder.write("thesis.tex", "");
    #[rustfmt::skip]
    let cases = [
        ("HALLPASS__SERVER__ISSUER", "http://op.example.com", "server.issuer: must begin with https://"),
        ("HALLPASS__SERVER__ISSUER", "https://op.example.com/?x", "server.issuer: must not have a query"),
        ("HALLPASS__SERVER__DATA_DIR", ".", "server.data_dir: . is no data folder"),
        ("HALLPASS__SERVER__LISTEN", "192.0.2.1:3000", "cannot listen on 192.0.2.1:3000"),
        ("HALLPASS__LIFETIMES__CODE", "601", "lifetimes.code: must be"),
        ("HALLPASS__KEYS__MASTER_KEY", "short", "keys.master_key: must be 32 random bytes"),
        ("HALLPASS__KEYS__MASTER_KEY", "", "keys.master_key: is empty"),
        ("HALLPASS__KEYS__MASTER_KEY_FILE", "secret", "keys.master_key_file: secret is open to every user"),
        ("HALLPASS__REGISTRATION__POLICIES", "['nothing']", "registration.policies: there is no registration.policy.nothing"),
        ("HALLPASS__USERS", "[{ username = 'a' }]", "users[0].password: is missing"),
        ("HALLPASS__TLS", "{ cert_file = 'secret', key_file = 'secret' }", "tls.key_file: secret is open to every user"),
        ("HALLPASS__NO__SUCH", "1", "no.such: unknown field"),
    ];
    for (name, value, expected) in cases {
        let output = folder
            .hallpass(&["serve"])
            .env(name, value)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(expected), "{text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn another_master_key_does_not_open_the_keys() {
    let folder = Folder::new();
    Serving::start(&folder, &[]).stop();
    let output = folder
        .hallpass(&["serve"])
        .env(
            "HALLPASS__KEYS__MASTER_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE",
        )
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("are sealed under master key"), "{text}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    let output = folder.run(&["serve"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("server.data_dir: ./hallpass-data is in use by another server"),
        "{text}"
    );
    assert_eq!(server.get("/jwks").status, 200);
    server.stop();
}

#[test]
fn a_killed_server_starts_again_with_the_same_keys() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    let keys = server.get("/jwks").body;
    server.signal("-KILL");
    drop(server);
    let server = Serving::start(&folder, &[]);
    assert_eq!(server.get("/jwks").body, keys);
    server.stop();
}

#[test]
fn registration_takes_the_configured_token_and_no_other() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "registration = { enabled = true, initial_access_tokens = ['let-me-in-please-1', 'let-me-in-please-2'] }\n",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let register = |authorization: &str| {
        let head = format!("{authorization}content-type: application/json\r\n");
        server
            .post(
                "/register",
                &head,
                r#"{"redirect_uris":["https://rp.example/cb"]}"#,
            )
            .status
    };
    assert_eq!(register(""), 401);
    assert_eq!(register("authorization: Bearer let-me-in-please\r\n"), 401);
    assert_eq!(
        register("authorization: Bearer let-me-in-please-2\r\n"),
        201
    );
    server.stop();
}

#[test]
fn clients_that_have_to_be_looked_for_elsewhere_are_limited_for_each_address() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "client_documents.enabled = true\nexperimental.client_documents = \"draft-03\"\nrate_limits.client_auth_per_address = 3\n",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let ask = |path: &str| {
        // An address inside: nothing is sent there.
        server
            .get(&format!(
                "{path}?client_id=https%3A%2F%2Flocalhost%2Fclient"
            ))
            .status
    };
    assert_eq!(
        (ask("/authorize"), ask("/authorize"), ask("/authorize")),
        (400, 400, 400)
    );
    assert_eq!((ask("/authorize"), ask("/logout")), (429, 429));
    // It is a person who reads that.
    let page = server.get("/authorize?client_id=web");
    assert_eq!(page.status, 429);
    assert!(
        page.head.contains("\r\ncontent-type: text/html"),
        "{}",
        page.head
    );
    assert!(page.head.contains("\r\nretry-after: "), "{}", page.head);
    assert!(page.body.contains("id=\"error-code\""), "{}", page.body);
    assert_eq!(server.get("/jwks").status, 200);
    server.stop();
}

#[test]
fn registrations_and_wrong_secrets_from_one_address_are_limited() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "registration.per_address_per_hour = 2\nrate_limits.client_auth_per_address = 3\ndanger.open_registration = true\n",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let register = || {
        let metadata = r#"{"redirect_uris":["https://rp.example/cb"]}"#;
        server.post("/register", "content-type: application/json\r\n", metadata)
    };
    // What a page of another site has its visitors send unseen, or where it has no origin, registers nobody and uses up nothing.
    for (origin, mode) in [
        ("https://evil.example", "no-cors"),
        ("https://evil.example", "navigate"),
        ("null", "cors"),
        ("http://evil.example", "cors"),
    ] {
        for _ in 0..2 {
            let head = format!(
                "content-type: application/json\r\norigin: {origin}\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: {mode}\r\n"
            );
            let metadata = r#"{"redirect_uris":["https://rp.example/cb"]}"#;
            let planted = server.post("/register", &head, metadata);
            assert_eq!(planted.status, 403, "{origin} {mode} {}", planted.body);
        }
    }
    // An application of the browser registers itself.
    let head = "content-type: application/json\r\norigin: https://app.example\r\n\
        sec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\n";
    let metadata =
        r#"{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none"}"#;
    let browser = server.post("/register", head, metadata);
    assert_eq!(browser.status, 201, "{}", browser.body);
    let allowed = "\r\naccess-control-allow-origin: https://app.example\r\n";
    assert!(browser.head.contains(allowed), "{}", browser.head);
    assert_eq!(register().status, 201);
    let refused = register();
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(
        refused.head.contains("\r\nretry-after: "),
        "{}",
        refused.head
    );
    assert!(
        refused.head.contains("\r\nx-content-type-options: nosniff"),
        "{}",
        refused.head
    );
    // A page of another site that its visitors look at tries nothing, and uses up nothing of their network.
    for mode in ["no-cors", "navigate"] {
        for path in ["/token", "/introspect", "/revoke", "/par"] {
            let head = format!(
                "content-type: application/x-www-form-urlencoded\r\norigin: https://evil.example\r\n\
                 sec-fetch-site: cross-site\r\nsec-fetch-mode: {mode}\r\n"
            );
            let form = "grant_type=client_credentials&client_id=nobody&client_secret=x";
            let planted = server.post(path, &head, form);
            assert_eq!(planted.status, 403, "{path} {}", planted.body);
        }
    }
    // Nor does its script, which belongs to no client.
    for _ in 0..5 {
        let head = "content-type: application/x-www-form-urlencoded\r\norigin: https://evil.example\r\n\
            sec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\n";
        let form = "grant_type=client_credentials&client_id=nobody&client_secret=x";
        assert_eq!(server.post("/token", head, form).status, 403);
    }
    for _ in 0..3 {
        assert_eq!(server.client_credentials("nobody", "x").status, 401);
    }
    let refused = server.client_credentials("nobody", "x");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(server.get("/jwks").status, 200);
    server.stop();
}

// L10, TK-60: what a page makes its visitors' browsers name costs nobody their sign-in or their tokens
#[test]
fn pages_of_other_sites_use_up_nothing_but_what_pages_may_do() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "rate_limits.client_auth_per_address = 3\nclient_documents.enabled = true\nexperimental.client_documents = \"draft-03\"\n",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let ask = |head: &str| {
        let path = "/authorize?client_id=https%3A%2F%2Fnowhere.invalid%2Fapp&response_type=code";
        server.send(&format!("GET {path} HTTP/1.1\r\n{head}"), "")
    };
    let fetched = |mode: &str, dest: &str| {
        format!(
            "sec-fetch-site: cross-site\r\nsec-fetch-mode: {mode}\r\nsec-fetch-dest: {dest}\r\n"
        )
    };
    // An image is no use of this endpoint.
    for _ in 0..5 {
        assert_eq!(ask(&fetched("no-cors", "image")).status, 403);
    }
    // A frame is, but soon has no more to try.
    let statuses: Vec<u16> = (0..5)
        .map(|_| ask(&fetched("navigate", "iframe")).status)
        .collect();
    assert_eq!(statuses, [400, 400, 400, 429, 429]);
    // A person who follows a link is not turned away for it, nor is a client.
    assert_eq!(ask(&fetched("navigate", "document")).status, 400);
    assert_eq!(server.client_credentials("nobody", "x").status, 401);
    server.stop();
}

// IN-07, TK-60
#[test]
fn who_guesses_tokens_is_slowed_down_and_nobody_else_is() {
    let folder = Folder::new();
    let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
    command.env("HALLPASS__RATE_LIMITS__WRONG_TOKENS_PER_ADDRESS", "20");
    let server = Serving::spawn(&mut command);
    let secret = |index: usize| {
        server.said["clients"][index]["client_secret"]
            .as_str()
            .unwrap()
    };
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let redeem = |code: &str| {
        let body = format!(
            "grant_type=authorization_code&client_id=demo&code={code}&redirect_uri=http://localhost/demo&code_verifier={}",
            "v".repeat(43)
        );
        server.post("/token", form, &body)
    };
    let refresh = |token: &str| {
        let body = format!("grant_type=refresh_token&client_id=demo&refresh_token={token}");
        server.post("/token", form, &body)
    };
    let token = server.client_credentials("demo-app", secret(1)).json();
    let token = token["access_token"].as_str().unwrap();
    let introspect = |token: &str| {
        let basic = format!("demo-api:{}", secret(2));
        let basic = hallpass_jose::base64url::encode(basic)
            .replace('-', "+")
            .replace('_', "/");
        let padding = "=".repeat(basic.len().wrapping_neg() % 4);
        let head = format!("{form}authorization: Basic {basic}{padding}\r\n");
        server.post("/introspect", &head, &format!("token={token}"))
    };
    assert_eq!(introspect(token).json()["active"], true);
    for number in 0..10 {
        let refused = redeem(&format!("hpc_{number}"));
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"], "invalid_grant");
        assert_eq!(
            introspect(&format!("hpa_{number}")).body,
            r#"{"active":false}"#
        );
    }
    for refused in [redeem("hpc_x"), refresh("hpr_x"), introspect("hpa_x")] {
        assert_eq!(refused.status, 429, "{}", refused.body);
        assert!(refused.head.contains("retry-after: "), "{}", refused.head);
        assert_eq!(refused.json()["error"], "temporarily_unavailable");
    }
    // What is right goes on, also from there.
    assert_eq!(introspect(token).json()["active"], true);
    assert_eq!(server.client_credentials("demo-app", secret(1)).status, 200);
    server.stop();
}

#[test]
fn the_demo_application_gets_tokens_of_its_own_for_what_is_configured() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "[protocol.scopes]\n'orders:read' = 'See your orders'\n\
         [[protocol.resources]]\nidentifier = 'https://api.example'\nscopes = ['orders:read']\ntoken_format = 'jwt'\n\
         [[protocol.resources]]\nidentifier = 'https://sealed.example'\ntoken_format = 'sealed'\n",
    );
    let server = Serving::start(&folder, &["--demo", "--config", "hallpass.toml"]);
    let client = &server.said["clients"][1];
    assert_eq!(
        client["scope"],
        "openid profile email address phone offline_access orders:read"
    );
    let secret = client["client_secret"].as_str().unwrap();
    let ask = |more: &str| server.client_credentials_for("demo-app", secret, more);
    for (more, scope, dots) in [
        ("", None, 0),
        ("&scope=orders:read", Some("orders:read"), 0),
        ("&resource=https://api.example", None, 2),
        (
            "&resource=https://api.example&scope=orders:read",
            Some("orders:read"),
            2,
        ),
        (
            "&resource=https://sealed.example&scope=orders:read",
            Some("orders:read"),
            0,
        ),
    ] {
        let answer = ask(more);
        assert_eq!(answer.status, 200, "{more} {}", answer.body);
        let answer = answer.json();
        assert_eq!(
            answer["scope"].as_str().filter(|scope| !scope.is_empty()),
            scope
        );
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(token.matches('.').count(), dots, "{more}");
    }
    for personal in ["openid", "email", "offline_access", "openid%20orders:read"] {
        let refused = ask(&format!("&scope={personal}"));
        assert_eq!(refused.json()["error"], "invalid_scope", "{personal}");
    }
    server.stop();
}

#[test]
fn the_demo_leaves_a_user_of_its_name_alone_and_repairs_its_own() {
    let folder = Folder::new();
    let make = folder.run_with(&["user", "create", "Demo"], "correct horse battery\n");
    assert!(make.status.success(), "{make:?}");
    let output = folder.run(&["serve", "--demo"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("there is a user \"demo\" already"), "{text}");

    let folder = Folder::new();
    Serving::start(&folder, &["--demo"]).stop();
    let subject = || folder.json(&["user", "list", "--json"])[0]["subject"].clone();
    let before = subject();
    let change = folder.run_with(&["user", "set-password", "demo"], "correct horse battery\n");
    assert!(change.status.success(), "{change:?}");
    Serving::start(&folder, &["--demo"]).stop();
    assert_eq!(subject(), before);
}

#[test]
fn the_demo_is_for_this_machine_only_and_says_what_is_open() {
    let folder = Folder::new();
    for (name, value) in [
        ("HALLPASS__SERVER__LISTEN", "0.0.0.0:0"),
        ("HALLPASS__SERVER__LISTEN", "['127.0.0.1:0', '[::]:0']"),
        ("HALLPASS__SERVER__ISSUER", "https://op.example.com"),
    ] {
        let mut command = folder.hallpass(&["serve", "--demo"]);
        let output = command.env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{value}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("--demo is for this one only"), "{text}");
        assert!(!folder.0.join("hallpass-data").exists());
    }
    let log = Serving::start(&folder, &["--demo"]).stop();
    assert!(log.contains("may register a client"), "{log}");
}

#[test]
fn a_log_that_nobody_reads_delays_no_answer_and_says_what_was_lost() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "log.level = 'trace'\nprotocol.signing_algs = ['ES256']",
    );
    // Its standard error is a pipe, which holds 64 KiB.
    let mut server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let lost = |server: &Serving| {
        let metrics = server.metrics();
        let mut lines = metrics.lines();
        let line = lines.find(|line| line.starts_with("hallpass_log_lines_lost_total"));
        let count = line.unwrap().rsplit_once(' ').unwrap().1;
        count.parse::<u64>().unwrap()
    };
    let mut asked = 0;
    while lost(&server) == 0 {
        for _ in 0..100 {
            // Two lines each.
            let kind = "content-type: application/x-www-form-urlencoded\r\n";
            let answer = server.post("/token", kind, "grant_type=x");
            assert!(matches!(answer.status, 401 | 429), "{}", answer.body);
        }
        asked += 100;
        assert!(
            asked < 20_000,
            "nothing was ever lost: are there lines at all?"
        );
    }
    // Whoever reads again is told.
    server.logs(&["WARN", "lines of the log were lost"]);
}
