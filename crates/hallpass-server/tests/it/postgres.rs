//! The binary on PostgreSQL.

use std::process::Command;

use hallpass_testpg::Cluster;

use crate::backups::{is_active, post_token};
use crate::process::{Folder, Serving};

const MASTER_KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/// A folder whose binary keeps its state in a new schema.
struct Place {
    cluster: &'static Cluster,
    folder: Folder,
    schema: String,
}

impl Place {
    fn new() -> Option<Self> {
        let cluster = hallpass_testpg::shared()?;
        Some(Self {
            cluster,
            folder: Folder::new(),
            schema: cluster.schema(),
        })
    }

    fn hallpass(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.hallpass(arguments);
        command
            .env("HALLPASS__STORE__KIND", "postgres")
            .env("HALLPASS__STORE__POSTGRES__URL", self.cluster.url())
            .env("HALLPASS__STORE__POSTGRES__SCHEMA", &self.schema)
            .env("HALLPASS__SERVER__ISSUER", "http://127.0.0.1:4000")
            .env("HALLPASS__KEYS__MASTER_KEY", MASTER_KEY);
        command
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.hallpass(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn serve(&self) -> Serving {
        Serving::spawn(&mut self.hallpass(&["serve", "--json"]))
    }

    fn count(&self, table: &str) -> String {
        let sql = format!("SELECT count(*) FROM \"{}\".{table}", self.schema);
        self.cluster.sql(&sql)
    }
}

/// The status of a path of the second listener once it is that one.
fn becomes(server: &Serving, path: &str, status: u16) -> String {
    let since = std::time::Instant::now();
    loop {
        let answer = server.operations(path);
        if answer.status == status {
            return answer.body;
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(60));
        std::thread::yield_now();
    }
}

#[test]
fn s44_a_server_whose_database_is_gone_lives_and_is_not_ready_until_it_is_back() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let folder = Folder::new();
    let mut command = folder.hallpass(&["serve", "--json"]);
    command
        .env("HALLPASS__STORE__KIND", "postgres")
        .env("HALLPASS__STORE__POSTGRES__URL", cluster.url())
        .env("HALLPASS__SERVER__ISSUER", "http://127.0.0.1:4000")
        .env("HALLPASS__KEYS__MASTER_KEY", MASTER_KEY);
    let server = Serving::spawn(&mut command);
    becomes(&server, "/health/ready", 200);
    cluster.stop();
    let told = becomes(&server, "/health/ready", 503);
    assert_eq!(told, "not ready: store\n");
    assert_eq!(server.operations("/health/live").status, 200);
    cluster.restart();
    becomes(&server, "/health/ready", 200);
}

#[test]
fn every_command_works_on_it_and_no_data_folder_is_made() {
    let Some(place) = Place::new() else { return };
    place
        .folder
        .write_own("password", "correct horse battery staple");
    let create = [
        "user",
        "create",
        "alice",
        "--password-file",
        "password",
        "--json",
    ];
    let user = place.json(&create);
    assert!(user["subject"].is_string(), "{user}");
    let users = place.json(&["user", "list", "--json"]);
    assert_eq!(users[0]["username"], "alice");
    let client = [
        "client",
        "create",
        "--redirect-uri",
        "https://a.example/cb",
        "--json",
    ];
    assert!(place.json(&client)["client_id"].is_string());
    assert!(
        !place
            .json(&["key", "list", "--json"])
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.count("users"), "1");
    assert_eq!(place.count("clients"), "1");
    assert!(!place.folder.0.join("hallpass-data").exists());
}

// S46
#[test]
fn s46_on_postgresql_migrate_shows_what_it_would_do_does_it_and_then_there_is_nothing_to_do() {
    let Some(place) = Place::new() else { return };
    // The schema is there already, with something of somebody else in it.
    let sql = |text: &str| {
        let text = text.replace('@', &format!("\"{}\".", place.schema));
        place.cluster.sql(&text)
    };
    sql(&format!("CREATE SCHEMA \"{}\"", place.schema));
    sql("CREATE TABLE @theirs (n int)");
    sql("INSERT INTO @theirs VALUES (7)");
    let planned = place.json(&["migrate", "--dry-run", "--json"]);
    assert!(planned["sql"][0].as_str().unwrap().contains("CREATE TABLE"));
    let tables = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{}'",
        place.schema
    );
    assert_eq!(place.cluster.sql(&tables), "1", "a dry run changes nothing");
    let text = place.hallpass(&["migrate", "--dry-run"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("-- 0001_initial (expand)"), "{text}");
    assert!(!text.to_uppercase().contains("DROP SCHEMA"), "{text}");
    let made = place.json(&["migrate", "--json"]);
    assert_eq!(made["migrations"], planned["migrations"]);
    let again = place.json(&["migrate", "--json"]);
    assert!(again["migrations"].as_array().unwrap().is_empty());
    assert_eq!(sql("SELECT n FROM @theirs"), "7");
    let elsewhere = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'sessions'";
    assert_eq!(
        sql(elsewhere),
        "0",
        "nothing is outside of the chosen schema"
    );
    // What a server has is still there when it migrates by itself.
    drop(place.serve().stop());
    let clients = place.json(&["client", "list", "--json"]);
    place.json(&["migrate", "--json"]);
    assert_eq!(place.json(&["client", "list", "--json"]), clients);
}

#[test]
fn a_server_that_may_not_migrate_refuses_a_schema_that_is_not_there() {
    let Some(place) = Place::new() else { return };
    let serve = || {
        let mut command = place.hallpass(&["serve", "--json"]);
        command.env("HALLPASS__STORE__MIGRATE", "false");
        command
    };
    let output = serve().output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("store.postgres: "), "{said}");
    assert!(said.contains("schema version 0"), "{said}");
    place.json(&["migrate", "--json"]);
    drop(Serving::spawn(&mut serve()));
}

#[test]
fn nodes_do_not_invent_master_keys_of_their_own() {
    let Some(place) = Place::new() else { return };
    for arguments in [&["serve", "--json"][..], &["user", "list"]] {
        let mut command = place.hallpass(arguments);
        command.env_remove("HALLPASS__KEYS__MASTER_KEY");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("keys.master_key: is missing"), "{said}");
    }
}

#[test]
fn two_nodes_serve_the_same_keys() {
    let Some(place) = Place::new() else { return };
    let (a, b) = (place.serve(), place.serve());
    let (a, b) = (a.get("/jwks"), b.get("/jwks"));
    assert!(a.body.contains("\"kid\""), "{}", a.body);
    assert_eq!(a.body, b.body);
}

// A replica takes over that has not heard of the last changes. Nobody gets a number or a change that was given before, and
// nodes do not go on with what they had seen.
#[test]
fn issuers_that_a_failover_has_lost_are_not_served_and_nobody_is_taken_for_another() {
    let Some(place) = Place::new() else { return };
    let serving = place.serve();
    let sql = |text: &str| {
        let text = text.replace("@", &format!("\"{}\".", place.schema));
        place.cluster.sql(&text)
    };
    let until = |path: &str, status: u16| {
        let began = std::time::Instant::now();
        loop {
            let found = serving.get(path).status;
            if found == status {
                return;
            }
            let waited = began.elapsed() < std::time::Duration::from_secs(15);
            assert!(waited, "{path}: {found}, not {status}");
            std::thread::yield_now();
        }
    };
    let command = |arguments: &[&str]| place.json(&[&["issuer", "--json"], arguments].concat());
    command(&["create", "kept"]);
    command(&["create", "stopped"]);
    until("/p/kept/jwks", 200);
    until("/p/stopped/jwks", 200);
    let saved = "CREATE TABLE @saved AS TABLE @issuer_records; CREATE TABLE @saved_n AS TABLE @issuer_changes;
        CREATE TABLE @saved_i AS TABLE @issuers";
    sql(saved);
    command(&["disable", "stopped"]);
    command(&["create", "lost"]);
    until("/p/stopped/jwks", 404);
    until("/p/lost/jwks", 200);
    let number = sql("SELECT max(id) FROM @issuers");
    let change = sql("SELECT n FROM @issuer_changes");
    sql(
        "BEGIN; DELETE FROM @issuer_records; INSERT INTO @issuer_records SELECT * FROM @saved;
        UPDATE @issuer_changes SET n = (SELECT n FROM @saved_n);
        DELETE FROM @issuers WHERE id NOT IN (SELECT id FROM @saved_i); COMMIT",
    );
    until("/p/lost/jwks", 404);
    until("/p/stopped/jwks", 200);
    until("/p/kept/jwks", 200);
    // Numbers of issuers follow the seconds, of which no failover takes less than one; here it would.
    let second = "SELECT extract(epoch FROM clock_timestamp())::int8 - 1767225600";
    while sql(&format!("{second} > {number}")) != "t" {
        std::thread::yield_now();
    }
    command(&["create", "new"]);
    until("/p/new/jwks", 200);
    let later = |table: &str, column: &str, than: &str| {
        sql(&format!("SELECT max({column}) > {than} FROM @{table}"))
    };
    assert_eq!(later("issuer_changes", "n", &change), "t");
    assert_eq!(later("issuers", "id", &number), "t");
}

#[test]
fn the_database_is_among_the_metrics() {
    let Some(place) = Place::new() else { return };
    let serving = place.serve();
    let metrics = serving.metrics();
    for name in [
        "hallpass_store_commit_seconds_count",
        "hallpass_store_read_seconds_count",
        "hallpass_store_connects_total",
        "hallpass_store_waiting",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
}

#[test]
fn the_doctor_finds_what_is_wrong_in_it_and_changes_nothing() {
    let Some(place) = Place::new() else { return };
    let examined = |environment: &[(&str, &str)]| {
        let mut command = place.hallpass(&["doctor", "--json"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let ids = found["findings"].as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|f| f["id"].as_str().unwrap().to_owned()).collect();
        (output.status.code().unwrap(), ids.join(" "))
    };
    assert_eq!(examined(&[]), (1, "store".to_owned()), "nobody has begun");
    let sql = |text: &str| {
        let text = text.replace('@', &format!("\"{}\".", place.schema));
        place.cluster.sql(&text)
    };
    let made = format!(
        "SELECT count(*) FROM pg_tables WHERE schemaname = '{}'",
        place.schema
    );
    assert_eq!(sql(&made), "0", "looking makes nothing");
    let serving = place.serve();
    assert_eq!(examined(&[]), (0, String::new()), "beside a server");
    drop(serving.stop());
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let wrong = examined(&[("HALLPASS__KEYS__MASTER_KEY", other)]);
    assert_eq!(wrong, (1, "master_key_wrong".to_owned()));
    let away = "postgres://hallpass@127.0.0.1:1/hallpass";
    let lost = examined(&[("HALLPASS__STORE__POSTGRES__URL", away)]);
    assert_eq!(lost, (1, "store".to_owned()));
    let keys = sql("SELECT count(*) FROM @signing_keys");
    sql("UPDATE @signing_keys SET record = set_byte(record, 20, get_byte(record, 20) # 1)");
    let (code, ids) = examined(&[]);
    assert!(code == 1 && !ids.is_empty(), "{ids}");
    assert_eq!(sql("SELECT count(*) FROM @signing_keys"), keys);
}

// Nodes go on until they look, which is every other second, and what is under way is finished.
#[test]
fn invalidate_beside_nodes_that_run_ends_them_and_what_they_gave() {
    let Some(place) = Place::new() else { return };
    let made = place.json(&[
        "client",
        "create",
        "--id",
        "worker",
        "--grant-type",
        "client_credentials",
        "--auth-method",
        "client_secret_post",
        "--json",
    ]);
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    let client = ("worker".to_owned(), secret);
    let nodes = [place.serve(), place.serve()];
    let tokens = nodes.each_ref().map(|node| post_token(node, &client));
    for node in &nodes {
        assert!(tokens.iter().all(|token| is_active(node, &client, token)));
    }
    let ended = place.json(&["invalidate", "--json"]);
    assert_eq!(ended["unreadable"], serde_json::json!([]), "{ended}");
    let began = std::time::Instant::now();
    for node in nodes {
        let log = node.ends();
        assert!(log.contains("hallpass invalidate"), "{log}");
    }
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(15), "{took:?}");
    let node = place.serve();
    for token in &tokens {
        assert!(!is_active(&node, &client, token));
    }
    let fresh = post_token(&node, &client);
    assert!(is_active(&node, &client, &fresh));
}

#[test]
fn a_database_that_is_not_there_is_told_without_its_password() {
    let Some(place) = Place::new() else { return };
    let mut command = place.hallpass(&["serve", "--json"]);
    command.env(
        "HALLPASS__STORE__POSTGRES__URL",
        "postgres://hallpass:hunter2@127.0.0.1:1/hallpass",
    );
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("store.postgres: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
