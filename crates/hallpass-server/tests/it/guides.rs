//! Guides for moving in: their commands, run as they stand there, and what comes of them.

use serde_json::{Value, json};

use crate::dashboard::person::{Person, location};
use crate::process::{Folder, Serving};

/// Blocks of code of a guide: their language and their text.
pub(crate) fn blocks(guide: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language, text.join("\n")));
        }
    }
    blocks
}

/// Words as a shell would split them: quotes of two kinds, nothing else.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => words.push(String::new()),
            (Some(_) | None, _) => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// Follows a guide from top to bottom: settings go to the configuration, JSON to `people.jsonl`, commands are run.
pub(crate) fn follow(folder: &Folder, guide: &str) -> usize {
    let mut configuration = String::new();
    let mut run = 0;
    for (language, text) in blocks(guide) {
        // Behind the language: the file that it is, or the exit code that it has.
        let (language, more) = language.split_once(' ').unwrap_or((language, ""));
        match language {
            "toml" if !more.is_empty() => {
                let path = folder.0.join(more);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            "toml" => {
                configuration.push_str(&text);
                configuration.push('\n');
                folder.write("hallpass.toml", &configuration);
            }
            "json" => drop(folder.write("people.jsonl", &text)),
            "console" => {
                for line in text.lines() {
                    let words = words(line);
                    let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
                    assert_eq!(arguments[0], "hallpass", "{line}");
                    // The guide says once which configuration all of them are about.
                    let given =
                        arguments.contains(&"--config") || !folder.0.join("hallpass.toml").exists();
                    let config: &[&str] = if given {
                        &[]
                    } else {
                        &["--config", "hallpass.toml"]
                    };
                    let output = folder.run(&[config, &arguments[1..]].concat());
                    let code = if more.is_empty() { "0" } else { more };
                    let ended = output.status.code().unwrap().to_string();
                    assert_eq!(ended, code, "{line}: {output:?}");
                    run = usize::saturating_add(run, 1);
                }
            }
            other => panic!("a block of {other:?}"),
        }
    }
    run
}

#[test]
fn the_guide_from_loginid_works_as_it_is_written() {
    let folder = Folder::new();
    let run = follow(
        &folder,
        include_str!("../../../../docs/guide/from-loginid.md"),
    );
    assert_eq!(run, 9);
    let people = folder.json(&["--config", "hallpass.toml", "--json", "user", "list"]);
    assert!(people.to_string().contains("alice"), "{people}");

    let mut command = folder.hallpass(&["--config", "hallpass.toml", "serve", "--json"]);
    let server = Serving::spawn(&mut command);
    let told = |host: &str, path: &str| {
        let answer = server.at(host, "GET", path, "");
        assert_eq!(answer.status, 200, "{host}{path}: {}", answer.body);
        answer.json()
    };
    let discovery = "/oidc/.well-known/openid-configuration";
    let own = told("login.example.com", discovery);
    assert_eq!(own["issuer"], "https://login.example.com");
    assert_eq!(
        own["token_endpoint"],
        "https://login.example.com/oidc/token"
    );
    assert_eq!(own["hallpass_compatibility"], json!(["loginid"]));
    let acme = told("acme.example.com", discovery);
    assert_eq!(
        acme,
        told("acme.example.com", "/.well-known/openid-configuration")
    );
    assert_eq!(acme["issuer"], "https://acme.example.com");
    assert_eq!(
        acme["token_endpoint"],
        "https://acme.example.com/oidc/token"
    );
    assert_eq!(
        acme["hallpass_compatibility"],
        Value::Null,
        "taken away at the end"
    );
    // Each has keys of its own, and the applications of the one are nobody at the other.
    let keys = |host| told(host, "/oidc/keys")["keys"][0]["kid"].clone();
    assert_ne!(keys("login.example.com"), keys("acme.example.com"));
    let query = "/oidc/auth?client_id=rTtK9vWq3ZsM1xYbN5cJ2g&response_type=code&scope=openid\
        &redirect_uri=https%3A%2F%2Fshop.example.com%2Fcallback&code_challenge_method=S256\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let answer = server.at("login.example.com", "GET", query, "");
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = server.at("acme.example.com", "GET", query, "");
    assert_eq!(answer.status, 400);
    let log = server.stop();
    assert!(log.contains("danger.loginid_compatibility"), "{log}");
    assert!(log.contains("compatibility.loginid: this issuer"), "{log}");
}

#[test]
fn the_guide_to_configuration_as_code_works_as_it_is_written() {
    let folder = Folder::new();
    let guide = include_str!("../../../../docs/guide/configuration-as-code.md");
    assert_eq!(follow(&folder, guide), 6);
    let show = |client: &str| {
        let of = ["--config", "hallpass.toml", "--json", "client", "show"];
        folder.json(&[&of[..], &[client]].concat())
    };
    assert_eq!(show("shop")["client_name"], "Shop");
    let secrets = std::fs::read_to_string(folder.0.join("secrets.toml")).unwrap();
    assert!(secrets.contains("one that both sides agreed upon"));
    assert!(folder.0.join("exported/acme/clients.toml").exists());
}

/// The lines of a guide's shell that begin with a program.
fn shell(guide: &str, program: &str) -> Vec<String> {
    let lines = blocks(guide)
        .into_iter()
        .filter(|(language, _)| *language == "sh");
    let lines: Vec<String> = lines
        .flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let begins = |line: &String| line.split(' ').next() == Some(program);
    lines.into_iter().filter(begins).collect()
}

/// Runs a line of a guide, which is to succeed.
fn run(folder: &Folder, line: &str) -> Value {
    let words = words(line);
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    folder.json(&[&arguments[..], &["--json"]].concat())
}

fn counted(told: &Value, kind: &str) -> u64 {
    told[kind]["imported"].as_u64().unwrap_or_default()
}

fn realm() -> String {
    json!({
        "realm": "acme",
        "roles": {"realm": [{"name": "editor"}], "client": {"web": [{"name": "admin"}]}},
        "groups": [{"name": "staff", "subGroups": [{"name": "night", "realmRoles": ["editor"]}]}],
        "clients": [
            {"clientId": "web", "secret": "plain secret", "redirectUris": ["https://rp.test/cb", "https://rp.test/*"]},
            {"clientId": "old", "protocol": "saml"},
        ],
        "users": [{
            "id": "kc-1", "username": "kay", "enabled": true, "requiredActions": ["UPDATE_PASSWORD"],
            "groups": ["/staff/night"], "clientRoles": {"web": ["admin"]},
        }],
    })
    .to_string()
}

#[test]
fn the_guide_to_moving_in_works_as_it_is_written() {
    let guide = include_str!("../../../../docs/guide/moving-in.md");
    let folder = Folder::new();
    folder.write("realm.json", &realm());
    folder.write(
        "clients.json",
        "[{\"client_id\": \"app\", \"client_secret\": \"plain secret\", \"redirect_uris\": [\"https://rp.test/cb\"]}]",
    );
    let person = json!({"username": "pat", "password_hash": crate::moving::BCRYPT});
    folder.write("people.jsonl", &person.to_string());
    // The table: a command at the end of a row.
    let rows = guide.lines().filter_map(|line| line.strip_prefix('|'));
    let commands = rows.filter_map(|row| row.split('`').nth(1));
    let commands: Vec<&str> = commands
        .filter(|c| c.starts_with("hallpass import "))
        .collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in &commands[1..] {
        run(&folder, &format!("{command} --dry-run"));
        run(&folder, command);
    }
    let users = folder.json(&["user", "list", "--json"]);
    assert_eq!(users.as_array().unwrap().len(), 2, "{users}");
    let clients = folder.json(&["client", "list", "--json"]);
    assert_eq!(clients.as_array().unwrap().len(), 2, "{clients}");

    let Some(cluster) = hallpass_testpg::Cluster::start(&["fsync=off"]) else {
        return;
    };
    let (_, pem) = crate::moving::old_key(Some("old-key"));
    cluster.sql(&crate::moving::schema(&pem));
    folder.write_own("db-password", "not asked for here\n");
    let dump = shell(guide, "pg_dump").pop().unwrap();
    let dump = dump.split('#').next().unwrap().replace("--dbname auth", "");
    let dumped = std::process::Command::new("pg_dump")
        .args(dump.split_ascii_whitespace().skip(1))
        .args(["--dbname", &cluster.url()])
        .current_dir(&folder.0)
        .status();
    assert!(dumped.unwrap().success());
    let lines = shell(guide, "hallpass");
    assert_eq!(lines.len(), 2);
    // The same people, by either way; the first only says so.
    let mut counts = Vec::new();
    for line in lines {
        let line = line.replace("postgres://reader@db.internal/auth", &cluster.url());
        counts.push(counted(&run(&folder, &line), "users"));
    }
    assert!(counts[0] > 1000 && counts[0] == counts[1], "{counts:?}");
}

/// The page that asks alice to sign in, and whether it takes her password.
fn signs_in_on_a_page(server: &Serving, password: &str) -> (String, bool) {
    let mut alice = Person::default();
    let asked = alice.get(
        server,
        "/authorize?client_id=shop&response_type=code&scope=openid&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcallback\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
    );
    assert_eq!(asked.status, 303, "{}", asked.body);
    let page = location(server, &asked);
    let shown = alice.get(server, &page).body;
    let form = [("username", "alice"), ("password", password)];
    (shown, alice.post(server, &page, &form).status == 303)
}

/// From the first page of the book to the second: somebody signs in at an application, then on a page with another look, then on
/// one of the reader's own. All as it stands there.
#[test]
fn the_way_to_a_login_page_of_ones_own_works_as_it_is_written() {
    let first = include_str!("../../../../docs/start/first-client.md");
    let own = include_str!("../../../../docs/start/login-page.md");
    let folder = Folder::new();
    let mut told = Vec::new();
    for (language, text) in blocks(first) {
        let lines = text.lines().filter(|_| language == "sh");
        for line in lines.filter_map(|line| line.strip_prefix("./target/release/hallpass ")) {
            let words = words(line);
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            told.push(folder.json(&[&arguments[..], &["--json"]].concat()));
        }
    }
    assert_eq!(told.len(), 2, "somebody, and an application: {told:?}");
    let password = told[0]["password"].as_str().unwrap().to_owned();
    assert!(
        told[1]["client_secret"]
            .as_str()
            .unwrap()
            .starts_with("hpk_")
    );
    let server = Serving::start(&folder, &[]);
    let (shown, signed_in) = signs_in_on_a_page(&server, &password);
    assert!(shown.contains("Sign in") && signed_in, "{shown}");
    assert!(!signs_in_on_a_page(&server, "another").1);
    drop(server);

    let blocks = blocks(own);
    let all = |wanted: &str| {
        let found = blocks.iter().filter(|(language, _)| *language == wanted);
        found.map(|(_, text)| text.clone()).collect::<Vec<String>>()
    };
    let (settings, pages) = (all("toml"), all("html"));
    assert_eq!((settings.len(), pages.len()), (2, 1));
    folder.write("hallpass.toml", &settings[0]);
    assert!(
        folder
            .run(&["--config", "hallpass.toml", "config", "check"])
            .status
            .success()
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let (shown, signed_in) = signs_in_on_a_page(&server, &password);
    assert!(
        shown.contains("Welcome to the shop") && signed_in,
        "{shown}"
    );
    drop(server);

    folder.write("hallpass.toml", &settings[1]);
    std::fs::create_dir(folder.0.join("templates")).unwrap();
    folder.write("templates/sign_in.html", &pages[0]);
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let (shown, signed_in) = signs_in_on_a_page(&server, &password);
    assert!(
        shown.contains("<h1>Hello!</h1>") && shown.contains("My shop"),
        "{shown}"
    );
    assert!(signed_in);
    let (_, signed_in) = signs_in_on_a_page(&server, "another");
    assert!(!signed_in);
    drop(server);

    // "A template that is broken ends the start with file and line."
    folder.write(
        "templates/sign_in.html",
        &pages[0].replace("{% endblock %}", "{% endblok %}"),
    );
    let output = folder.run(&["--config", "hallpass.toml", "serve"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("sign_in.html"), "{said}");
}
