//! Other providers in a folder of configuration.

use serde_json::{Value, json};

use crate::{
    code::{applied, changes, code, home, json_of, refused, run},
    process::Folder,
};

const SECRET: &str = "a secret that we have at work";
const ACME: &str = r#"
[project]
[project.settings.lifetimes]
code = 30

[providers.work]
name = "Work"
issuer = "https://work.example"
client_id = "us"
client_auth = "client_secret_basic"
scopes = ["openid", "email"]

[providers.google]
preset = "google"
client_id = "us at google"
"#;

fn secrets(folder: &Folder, work: &str) {
    let text = format!("[providers.acme]\nwork = \"{work}\"\ngoogle = \"another one\"\n");
    folder.write_own("secrets.toml", &text);
}

/// What is written down of the project's providers.
fn held(folder: &Folder) -> Value {
    let (_, shown) = json_of(folder, &["issuer", "show", "acme"]);
    shown["settings"]["upstreams"].clone()
}

fn with_secrets(folder: &Folder) -> Vec<String> {
    changes(&applied(folder, &["--secrets", "secrets.toml"]))
}

// AD-08
#[test]
fn providers_of_a_folder_are_made_once_changed_and_never_show_their_secret() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    // Who authenticates by a secret needs one, which is not in the folder.
    refused(&folder, "a secret of it is given with --secrets FILE");
    secrets(&folder, SECRET);
    let expected = [
        "create project acme",
        "create provider google",
        "create provider work",
    ];
    assert_eq!(with_secrets(&folder), expected);
    let first = held(&folder);
    assert_eq!(first.as_array().unwrap().len(), 2, "{first}");
    assert!(!first.to_string().contains(SECRET));
    assert!(first[1]["client_secret_sealed"].is_string(), "{first}");
    assert_eq!(with_secrets(&folder), Vec::<String>::new());
    let (status, plan) = json_of(&folder, &["plan", "code"]);
    assert_eq!((status, changes(&plan)), (0, vec![]), "{plan}");
    assert_eq!(held(&folder), first, "a second time nothing is sealed anew");

    // What says nothing of where the provider is keeps the secret; and settings that are written anew keep the providers.
    let other = ACME
        .replace("\"Work\"", "\"Our work\"")
        .replace("code = 30", "code = 31");
    folder.write("code/acme.toml", &other);
    let done = changes(&applied(&folder, &[]));
    assert_eq!(done, ["change project acme", "change provider work"]);
    let second = held(&folder);
    assert_eq!(second[1]["name"], "Our work");
    assert!(second[1]["client_secret_sealed"].is_string(), "{second}");

    // Another secret is seen as such, and shown to nobody.
    secrets(&folder, "quite another secret");
    let (status, plan) = json_of(&folder, &["plan", "code", "--secrets", "secrets.toml"]);
    assert_eq!(
        (status, changes(&plan)),
        (2, vec!["change provider work".to_owned()])
    );
    let said = plan.to_string();
    assert!(
        !said.contains(SECRET) && !said.contains("quite another"),
        "{said}"
    );
    assert_eq!(with_secrets(&folder), ["change provider work"]);

    // To somewhere else the present secret does not go along.
    let evil = other.replace("https://work.example", "https://evil.example");
    folder.write("code/acme.toml", &evil);
    refused(&folder, "client_secret");
    assert_eq!(with_secrets(&folder), ["change provider work"]);
    assert_eq!(held(&folder)[1]["issuer"], "https://evil.example");

    // Every line is in the log of the project that it is about, and says no secret.
    let log = run(&folder, &["--issuer", "acme", "audit", "export"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert_eq!(log.matches("\"upstreams.set\"").count(), 5, "{log}");
    assert_eq!(log.matches("\"projects.update\"").count(), 1, "{log}");
    assert!(
        !log.contains(SECRET) && !log.contains("quite another"),
        "{log}"
    );
}

#[test]
fn providers_that_a_folder_does_not_name_stay_until_pruning_is_said() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    secrets(&folder, SECRET);
    with_secrets(&folder);
    // Not a word of providers: they are nobody's concern, whatever becomes of the settings.
    folder.write(
        "code/acme.toml",
        "[project]\n[project.settings.lifetimes]\ncode = 33\n",
    );
    let pruned = changes(&applied(&folder, &["--prune"]));
    assert_eq!(pruned, ["change project acme"]);
    assert_eq!(held(&folder).as_array().unwrap().len(), 2);
    let (one, _) = ACME.split_once("[providers.google]").unwrap();
    folder.write("code/acme.toml", one);
    let (_, plan) = json_of(&folder, &["plan", "code"]);
    assert_eq!(plan["not_in_folder"][0]["id"], "google", "{plan}");
    let done = changes(&applied(&folder, &["--prune"]));
    assert_eq!(done, ["change project acme", "delete provider google"]);
    assert_eq!(held(&folder)[0]["id"], "work");
    // None at all, and the project switched off in the same run.
    let off = "[project]\ndisabled = true\n[providers]\n";
    folder.write("code/acme.toml", off);
    let done = changes(&applied(&folder, &["--prune"]));
    assert_eq!(done, ["delete provider work", "change project acme"]);
    assert_eq!(held(&folder), Value::Null);
}

#[test]
fn what_is_wrong_with_a_provider_is_said_with_its_place() {
    let folder = home();
    for (text, says) in [
        (
            "[project]\n\n[providers.x]\nclient_id = 'c'\n",
            "acme.toml:3: settings: upstreams[0]",
        ),
        (
            "[project]\n[providers.x]\nname = 'X'\nissuer = 'https://x.example'\nclient_id = 'c'\ncolour = 1\n",
            "acme.toml:2: settings: ",
        ),
        (
            "[project]\n[providers.'Not a name']\nname = 'X'\nissuer = 'https://x.example'\nclient_id = 'c'\n",
            "acme.toml:2: settings: ",
        ),
        (
            "[project]\n[[project.settings.upstreams]]\nid = 'y'\nname = 'Y'\nissuer = 'https://y.example'\nclient_id = 'c'\n\
             [providers.x]\nname = 'X'\nissuer = 'https://x.example'\nclient_id = 'c'\n",
            "others under [providers]",
        ),
    ] {
        folder.write("code/acme.toml", text);
        refused(&folder, says);
    }
    std::fs::remove_file(folder.0.join("code/acme.toml")).unwrap();
    folder.write(
        "code/default.toml",
        "[providers.x]\nname = 'X'\nissuer = 'https://x.example'\nclient_id = 'c'\n",
    );
    refused(&folder, "stand there");
}

#[test]
fn exported_providers_come_back_and_bring_no_secret_elsewhere() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    secrets(&folder, SECRET);
    with_secrets(&folder);
    assert_eq!(code(&run(&folder, &["export", "out"])), 0);
    let text = std::fs::read_to_string(folder.0.join("out/acme/providers.toml")).unwrap();
    assert!(
        text.contains("[providers.work]") && !text.contains(SECRET) && !text.contains("sealed"),
        "{text}"
    );
    let project = std::fs::read_to_string(folder.0.join("out/acme/project.toml")).unwrap();
    assert!(!project.contains("upstreams"), "{project}");
    let (status, plan) = json_of(&folder, &["plan", "out", "--prune"]);
    assert_eq!((status, changes(&plan)), (0, vec![]), "{plan}");

    let other = home();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(folder.0.join("out"))
        .arg(other.0.join("in"))
        .status();
    assert!(copied.unwrap().success());
    let without = run(&other, &["apply", "in"]);
    assert_eq!(code(&without), 1, "it has no secret there: {without:?}");
    secrets(&other, SECRET);
    let (status, done) = json_of(&other, &["apply", "in", "--secrets", "secrets.toml"]);
    assert_eq!(status, 0, "{done}");
    let named = |value: &Value| {
        let mut entry = value.clone();
        entry
            .as_object_mut()
            .unwrap()
            .remove("client_secret_sealed");
        entry
    };
    assert_eq!(named(&held(&folder)[1]), named(&held(&other)[1]));
    assert_ne!(held(&folder)[1], held(&other)[1], "each seals for itself");
    assert_eq!(json!(2), held(&other).as_array().unwrap().len());
}
