//! Every command, and the line that it leaves about what it has changed.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;
use hallpass_server::cli::Cli;
use serde_json::{Value, json};

use crate::process::Folder;

/// What a command leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// It only looks, serves, or writes files that are nobody's but the caller's.
    Nothing,
    /// Lines in the audit log of the project.
    Lines,
    /// A line in the file of the data folder: it is about the whole database.
    File,
}

use Leaves::{File, Lines, Nothing};

/// Every command. A new one has its line here, and one that changes something is run below.
const COMMANDS: &[(&str, Leaves)] = &[
    ("serve", Nothing),
    ("config check", Nothing),
    ("config schema", Nothing),
    ("config openapi", Nothing),
    ("config command-line", Nothing),
    ("user create", Lines),
    ("user list", Nothing),
    ("user disable", Lines),
    ("user enable", Lines),
    ("user delete", Lines),
    ("user set-password", Lines),
    ("user invite", Lines),
    ("user link", Lines),
    ("user credential list", Nothing),
    ("user credential remove", Lines),
    ("user sessions", Nothing),
    ("user end-sessions", Lines),
    ("user import", Lines),
    ("client create", Lines),
    ("client list", Nothing),
    ("client show", Nothing),
    ("client check", Nothing),
    ("client delete", Lines),
    ("registration-token create", Lines),
    ("registration-token list", Nothing),
    ("registration-token revoke", Lines),
    ("role list", Nothing),
    ("role set", Lines),
    ("role delete", Lines),
    ("group list", Nothing),
    ("group set", Lines),
    ("group delete", Lines),
    ("organization list", Nothing),
    ("organization set", Lines),
    ("organization delete", Lines),
    ("member show", Nothing),
    ("member set", Lines),
    ("member remove", Lines),
    ("key list", Nothing),
    ("key rotate", Lines),
    ("key retire", Lines),
    ("key rotate-master", File),
    ("issuer create", Lines),
    ("issuer list", Nothing),
    ("issuer show", Nothing),
    ("issuer disable", Lines),
    ("issuer enable", Lines),
    ("issuer set", Lines),
    ("issuer delete", Lines),
    ("operator create", Lines),
    ("operator set", Lines),
    ("operator list", Nothing),
    ("operator remove", Lines),
    ("audit verify", Nothing),
    ("audit export", Nothing),
    ("plan", Nothing),
    ("apply", Lines),
    ("export", Nothing),
    ("import sourceloop", Lines),
    ("import keycloak", Lines),
    ("import clients", Lines),
    ("import users", Lines),
    ("signer", Nothing),
    ("backup", Nothing),
    ("restore", File),
    ("invalidate", File),
    ("doctor", Nothing),
    ("migrate", File),
];

fn leaves(of: Leaves) -> BTreeSet<&'static str> {
    let all = COMMANDS.iter().filter(|(_, leaves)| *leaves == of);
    all.map(|(name, _)| *name).collect()
}

/// The names of the commands that clap knows.
fn known(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for below in command.get_subcommands() {
        let name = format!("{before} {}", below.get_name());
        if below.has_subcommands() {
            known(below, &name, found);
        } else {
            found.insert(name.trim_start().to_owned());
        }
    }
}

#[test]
fn of_every_command_it_is_known_whether_it_changes_something() {
    let mut found = BTreeSet::new();
    known(&Cli::command(), "", &mut found);
    let listed: BTreeSet<String> = COMMANDS.iter().map(|(n, _)| (*n).to_owned()).collect();
    assert_eq!(found, listed);
    assert_eq!(listed.len(), COMMANDS.len(), "one stands there twice");
}

/// A folder in which commands are run, and what they should have left.
struct Walk {
    folder: Folder,
    run: BTreeSet<&'static str>,
    /// Actions by the project in whose log they should stand.
    expected: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Walk {
    fn begin() -> Self {
        let folder = Folder::new();
        let config = "protocol.signing_algs = ['ES256']\nserver.issuer = 'http://localhost:3000'\n\
                      sign_up.mode = 'invitation'\nregistration.enabled = true\n";
        folder.write("hallpass.toml", config);
        Self {
            folder,
            run: BTreeSet::new(),
            expected: BTreeMap::new(),
        }
    }

    fn run(&mut self, command: &'static str, arguments: &[&str]) -> Value {
        let words: Vec<&str> = command.split(' ').collect();
        let head = ["--config", "hallpass.toml", "--json"];
        let output = self.folder.run(&[&head, &words[..], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command} {arguments:?}: {said}");
        self.run.insert(command);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Runs a command that does nothing and says why.
    fn refused(&self, arguments: &[&str]) {
        let head = ["--config", "hallpass.toml", "--json"];
        let output = self.folder.run(&[&head, arguments].concat());
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }

    /// Runs a command that leaves these lines in the log of a project.
    fn writes_in(
        &mut self,
        project: &'static str,
        command: &'static str,
        arguments: &[&str],
        actions: &[&'static str],
    ) -> Value {
        let said = self.run(command, arguments);
        let expected = self.expected.entry(project).or_default();
        expected.extend_from_slice(actions);
        said
    }

    fn writes(&mut self, command: &'static str, arguments: &[&str], action: &'static str) -> Value {
        self.writes_in("default", command, arguments, &[action])
    }

    /// The lines of a project's log.
    fn log(&self, project: &str) -> Vec<Value> {
        let head = ["--config", "hallpass.toml", "--issuer", project];
        let output = self.folder.run(&[&head[..], &["audit", "export"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// The actions of the file in the data folder.
    fn file(&self) -> Vec<String> {
        let path = self.folder.0.join("hallpass-data/audit.log");
        let text = std::fs::read_to_string(path).unwrap();
        let action = |line: &str| -> String {
            let line: Value = serde_json::from_str(line).unwrap();
            line["action"].as_str().unwrap().to_owned()
        };
        text.lines().map(action).collect()
    }

    fn people(&mut self) {
        let claim = ["alice", "--generate", "--claim", "email=alice@rp.test"];
        self.writes("user create", &claim, "users.create");
        self.writes("user disable", &["alice"], "users.disable");
        self.writes("user enable", &["alice"], "users.enable");
        let generate = ["alice", "--generate"];
        self.writes("user set-password", &generate, "users.set_password");
        self.writes("user link", &["alice"], "users.make_link");
        self.writes("user end-sessions", &["alice"], "sessions.end_all");
        self.writes("user invite", &["b@rp.test", "--print"], "users.invite");
    }

    fn arrivals(&mut self) {
        self.folder
            .write("people.jsonl", "{\"username\": \"pat\"}\n");
        self.writes("user import", &["people.jsonl"], "import.begin");
        self.writes("import users", &["people.jsonl"], "import.begin");
        let app = json!({"totp": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"});
        let otp = json!({
            "type": "otp",
            "secretData": json!({"value": app["totp"]}).to_string(),
            "credentialData": json!({
                "subType": "totp", "digits": 6, "period": 30, "algorithm": "HmacSHA1",
            }).to_string(),
        });
        let realm = json!({"realm": "r", "users": [
            {"id": "kc-1", "username": "kay", "enabled": true, "credentials": [otp]},
        ]});
        self.folder.write("realm.json", &realm.to_string());
        self.writes("import keycloak", &["realm.json"], "import.begin");
        let held = self.run("user credential list", &["kay"]);
        let id = held[0]["id"].as_str().unwrap().to_owned();
        let remove = ["kay", id.as_str()];
        self.writes("user credential remove", &remove, "credentials.delete");
        let clients = json!([{"client_id": "old", "redirect_uris": ["https://rp.test/cb"],
            "token_endpoint_auth_method": "none"}]);
        self.folder.write("clients.json", &clients.to_string());
        self.writes("import clients", &["clients.json"], "import.begin");
        let dump = "CREATE TABLE `users` (`id` varchar(36), `username` varchar(150));\n\
                    INSERT INTO `users` VALUES ('id1','sam');\n";
        self.folder.write("dump.sql", dump);
        let from = ["--dump", "dump.sql"];
        self.writes("import sourceloop", &from, "import.begin");
    }

    fn clients_and_keys(&mut self) {
        let uri = ["--id", "shop", "--redirect-uri", "https://rp.test/cb"];
        self.writes("client create", &uri, "clients.create");
        self.writes("client delete", &["shop"], "clients.delete");
        let made = self.writes(
            "registration-token create",
            &[],
            "registration_tokens.create",
        );
        let id = made["id"].as_str().unwrap().to_owned();
        let revoked = "registration_tokens.delete";
        self.writes("registration-token revoke", &[&id], revoked);
        let keys = self.writes("key rotate", &["--now"], "keys.rotate");
        let old = keys.as_array().unwrap().iter();
        let old = old.clone().find(|key| key["phase"] == "retiring").unwrap();
        let kid = old["kid"].as_str().unwrap().to_owned();
        self.writes("key retire", &[&kid], "keys.retire");
    }

    fn access(&mut self) {
        let role = ["clerk", "--permission", "orders:read"];
        self.writes("role set", &role, "roles.set");
        self.writes("group set", &["staff", "--role", "clerk"], "groups.set");
        self.writes("organization set", &["acme"], "organizations.set");
        let member = ["alice", "--organization", "acme", "--role", "clerk"];
        self.writes("member set", &member, "users.update");
        let member = ["alice", "--organization", "acme"];
        self.writes("member remove", &member, "users.update");
        self.writes("organization delete", &["acme"], "organizations.delete");
        self.writes("group delete", &["staff"], "groups.delete");
        self.writes("role delete", &["clerk"], "roles.delete");
    }

    fn operators(&mut self) {
        let actions = ["users.create", "users.make_link", "operators.set"];
        let made = ["olga@rp.test"];
        self.writes_in("default", "operator create", &made, &actions);
        let set = self.writes("operator set", &["name:alice"], "operators.set");
        let id = set["id"].as_str().unwrap().to_owned();
        self.writes("operator remove", &[&id], "operators.delete");
        self.writes("operator set", &["name:alice"], "operators.set");
        let by_name = ["name:Alice"];
        self.writes("operator remove", &by_name, "operators.delete");
        for nobody in ["name:nobody", "name:alice", "name:", "alice"] {
            self.refused(&["operator", "remove", nobody]);
        }
        // Who is deleted is gone with the name; whoever did not say that it is meant has deleted nobody.
        self.refused(&["user", "delete", "alice"]);
        self.refused(&["user", "delete", "nobody", "--yes"]);
        self.refused(&["user", "delete", &id, "--yes"]);
        assert!(self.run("user list", &[]).to_string().contains("alice"));
        let gone = self.writes("user delete", &["Alice", "--yes"], "users.delete");
        assert_eq!(gone["deleted"], true);
        assert!(!self.run("user list", &[]).to_string().contains("alice"));
        self.refused(&["user", "delete", "alice", "--yes"]);
    }

    fn projects(&mut self) {
        self.writes("issuer create", &["acme"], "projects.create");
        let setting = ["acme", "--set", "lifetimes.code=30"];
        let own = ["projects.update"];
        self.writes_in("acme", "issuer set", &setting, &own);
        std::fs::create_dir(self.folder.0.join("code")).unwrap();
        let text = "[roles.clerk]\npermissions = ['orders:read']\n";
        self.folder.write("code/acme.toml", text);
        self.writes_in("acme", "apply", &["code"], &["roles.set"]);
        self.writes("issuer disable", &["acme"], "projects.disable");
        self.writes("issuer enable", &["acme"], "projects.enable");
        self.writes("issuer create", &["gone"], "projects.create");
        self.writes("issuer delete", &["gone", "--yes"], "projects.delete");
    }

    fn everything(&mut self) {
        let begin = self.file().len();
        self.run("key rotate-master", &[]);
        self.run("backup", &["copy"]);
        self.run("restore", &["copy"]);
        self.run("invalidate", &[]);
        let left = self.file().split_off(begin);
        assert_eq!(left, ["master_key_rotated", "restored", "invalidated"]);
    }
}

// AD-08
#[test]
fn every_command_that_changes_something_leaves_its_line_where_it_belongs() {
    let mut walk = Walk::begin();
    walk.run("migrate", &[]);
    assert!(walk.file().iter().all(|action| action == "migrated"));
    walk.people();
    walk.arrivals();
    walk.clients_and_keys();
    walk.access();
    walk.operators();
    walk.projects();
    for (project, expected) in &walk.expected {
        let lines = walk.log(project);
        let told: Vec<&str> = lines
            .iter()
            .map(|line| {
                assert_eq!(line["actor_kind"], "command", "{line}");
                assert!(!line["actor"].as_str().unwrap().is_empty());
                line["action"].as_str().unwrap()
            })
            .collect();
        assert_eq!(&told, expected, "the log of {project}");
    }
    // Whoever looks leaves nothing.
    walk.run("user list", &[]);
    walk.run("audit verify", &[]);
    assert_eq!(walk.log("default").len(), walk.expected["default"].len());
    walk.everything();
    let changing: BTreeSet<&str> = &leaves(Lines) | &leaves(File);
    let left_out: Vec<&&str> = changing.difference(&walk.run).collect();
    assert!(left_out.is_empty(), "was not run: {left_out:?}");
}
