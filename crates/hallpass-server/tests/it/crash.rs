//! `kill -9` in the middle of what operators do.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Stdio,
    sync::mpsc::{Receiver, Sender, channel},
};

use serde_json::{Value, json};

use crate::{
    admin::Office,
    process::{Folder, Serving},
};

/// A number below that, not the same in two runs.
fn random_below(n: u64) -> u64 {
    let mut bytes = [0; 8];
    let mut file = std::fs::File::open("/dev/urandom").unwrap();
    file.read_exact(&mut bytes).unwrap();
    u64::from_le_bytes(bytes).checked_rem(n).unwrap()
}

/// The status of an answer; none when there is none, since the server is gone.
fn ask(address: &str, token: &str, method: &str, path: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let text = format!(
        "{method} /admin/v1{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\nhost: localhost\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// What is done with each project, and the state that it has then.
const STEPS: &[(&str, &str, &str)] = &[
    ("POST", "", "enabled"),
    ("POST", "/disable", "disabled"),
    ("POST", "/enable", "enabled"),
    ("POST", "/disable", "disabled"),
    ("DELETE", "", "deleting"),
];

/// How far a project is by what was answered.
type Told = (String, usize);

/// Makes projects, switches them off and on and deletes them, until nobody answers. Tells each step that was answered.
fn change(address: &str, token: &str, round: usize, tell: &Sender<Told>) -> Told {
    for number in 0.. {
        let name = format!("p{round}-{number}");
        // Not all are deleted.
        let steps = if number % 3 == 0 {
            STEPS.len()
        } else {
            usize::saturating_add(number % 4, 1)
        };
        for (done, (method, path, _)) in STEPS.iter().take(steps).enumerate() {
            let (path, body) = if done == 0 {
                ("/projects".to_owned(), json!({ "name": name }).to_string())
            } else {
                (format!("/projects/{name}{path}"), String::new())
            };
            let body = if *method == "POST" && body.is_empty() {
                "{}"
            } else {
                &body
            };
            match ask(address, token, method, &path, body) {
                Some(200 | 201 | 204) => tell.send((name.clone(), done.saturating_add(1))).unwrap(),
                Some(status) => panic!("{method} {path}: {status}"),
                None => return (name, done),
            }
        }
    }
    unreachable!()
}

/// All that was answered.
fn answered(told: &Receiver<Told>, all: &mut BTreeMap<String, usize>) {
    for (name, done) in told.try_iter() {
        all.insert(name, done);
    }
}

// The steps of a project are one commit each, with their line of the audit log.
#[test]
fn kill_9_leaves_every_project_as_it_was_answered_or_one_step_further_with_as_many_lines() {
    let mut office = Office::open();
    let issuer = office.issuer().to_owned();
    let mut all = BTreeMap::new();
    for round in 0..8 {
        let (tell, told) = channel();
        let (address, token) = (
            office.server.said["listen"].as_str().unwrap().to_owned(),
            office.owner.clone(),
        );
        let worker = std::thread::spawn(move || change(&address, &token, round, &tell));
        // Killed while the next answer is on its way.
        for _ in 0..=random_below(40) {
            let (name, done) = told.recv().unwrap();
            all.insert(name, done);
        }
        office.server.kill();
        let (name, done) = worker.join().unwrap();
        answered(&told, &mut all);
        let under_way = (name, done);

        let mut command = office
            .folder
            .hallpass(&["serve", "--json", "--config", "hallpass.toml"]);
        office.server = Serving::spawn(command.env("HALLPASS__SERVER__ISSUER", &issuer));
        all.entry(under_way.0.clone()).or_insert(0);
        for (name, done) in &mut all {
            let at_most = *done + usize::from(*name == under_way.0);
            let log = office.get(&format!("/projects/default/audit?target_id={name}"));
            let lines = log["items"].as_array().unwrap().len();
            assert!(
                (*done..=at_most).contains(&lines),
                "{name}: {done} answered, {log}"
            );
            let path = format!("/projects/{name}");
            let shown = office.ask(&office.owner, "GET", &path, &Value::Null);
            let state = shown.json()["state"].clone();
            match STEPS.get(lines.wrapping_sub(1)) {
                None => assert_eq!(shown.status, 404, "{name}"),
                // Erased by now, or still to be.
                Some((_, _, "deleting")) => {
                    assert!(
                        shown.status == 404 || state == "deleting",
                        "{name}: {state}"
                    );
                }
                Some((_, _, expected)) => {
                    assert_eq!((shown.status, &state), (200, &json!(expected)), "{name}");
                    let revision = shown.json()["revision"].clone();
                    assert_eq!(revision, json!(lines.to_string()), "{name}");
                }
            }
            let keys = office.server.get(&format!("/p/{name}/jwks")).status;
            assert_eq!(keys == 200, state == "enabled", "{name}: {keys}");
            *done = lines;
        }
        assert_eq!(office.get("/projects/default/audit/verify")["intact"], true);
    }
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Who is there, by subject and name.
fn people(folder: &Folder) -> Vec<(String, String)> {
    let listed = folder.json(&["user", "list", "--json"]);
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let all = listed.as_array().unwrap().iter();
    let mut all: Vec<_> = all
        .map(|one| (text(one, "subject"), text(one, "username")))
        .collect();
    all.sort();
    all
}

const PEOPLE: usize = 600;

#[test]
fn an_import_that_was_killed_is_given_again_and_ends_as_if_it_had_not_been() {
    let user = |n: usize| {
        json!({
            "id": format!("kc-{n}"), "username": format!("k{n}"), "enabled": true, "email": format!("k{n}@rp.test"),
            "emailVerified": true, "firstName": "Kay", "realmRoles": ["editor"], "groups": ["/staff"],
        })
    };
    let client = |n: usize| {
        json!({
            "clientId": format!("web-{n}"), "secret": "plain secret", "redirectUris": ["https://rp.test/cb"],
            "protocol": "openid-connect",
        })
    };
    let realm = json!({
        "realm": "acme", "roles": {"realm": [{"name": "editor"}]}, "groups": [{"name": "staff"}],
        "clients": (0..40).map(client).collect::<Vec<_>>(),
        "users": (0..PEOPLE).map(user).collect::<Vec<_>>(),
    })
    .to_string();
    let import = ["import", "keycloak", "realm.json", "--json"];
    let whole = Folder::new();
    whole.write("realm.json", &realm);
    let empty = size(&whole.0);
    whole.json(&import);
    let (grown, expected) = (size(&whole.0) - empty, people(&whole));
    assert_eq!(expected.len(), PEOPLE);

    for round in 1..=6 {
        let folder = Folder::new();
        folder.write("realm.json", &realm);
        let mut command = folder.hallpass(&import);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // At some point of its writing.
        while size(&folder.0) - empty < grown * round / 8 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        drop(child.kill());
        child.wait().unwrap();
        let left = people(&folder);
        assert!(left.iter().all(|one| expected.contains(one)), "{round}");
        let again = folder.json(&import);
        let count = |kind: &str, what: &str| again[kind][what].as_u64().unwrap();
        assert_eq!(count("users", "refused"), 0, "{again}");
        assert_eq!(
            count("users", "imported") + count("users", "already_there"),
            u64::try_from(PEOPLE).unwrap(),
            "{again}"
        );
        assert_eq!(
            count("users", "already_there"),
            u64::try_from(left.len()).unwrap()
        );
        assert_eq!(people(&folder), expected, "{round}");
        let last = folder.json(&import);
        for kind in ["users", "clients"] {
            assert_eq!(last[kind]["imported"], 0, "{last}");
            assert_eq!(last[kind]["refused"], 0, "{last}");
        }
        // Who moved in whole has what belongs to them.
        for name in ["k0", "k599"] {
            let member = folder.json(&["member", "show", name, "--json"]);
            assert_eq!(member[0]["groups"], json!(["/staff"]), "{round} {name}");
        }
    }
}
