//! What operators are handed beside the binary: the page of metrics, alerts, dashboard, and the files to run it by.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::process::{Folder, Serving};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Name, kind and labels of each metric that the page describes.
fn described() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = read("docs/reference/metrics.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        let labels = cells[3].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        Some((name.to_owned(), (cells[2].to_owned(), labels.collect())))
    });
    rows.collect()
}

/// Words that begin like a metric of ours.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| {
            (word.starts_with("hallpass_") && word.len() > "hallpass_".len())
                || word.starts_with("process_")
        })
        .collect()
}

#[test]
fn the_page_of_metrics_says_what_a_server_says_of_itself() {
    let described = described();
    let folder = Folder::new();
    let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
    command.env("HALLPASS__TRACES__ENDPOINT", "http://127.0.0.1:9/v1/traces");
    let server = Serving::spawn(&mut command);
    server.get("/.well-known/openid-configuration");
    server.post(
        "/token",
        "content-type: application/x-www-form-urlencoded\r\n",
        "grant_type=none",
    );
    let metrics = server.metrics();
    server.stop();
    let mut kinds = BTreeMap::new();
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let shown = if kind == "counter" {
                format!("{name}_total")
            } else {
                name.to_owned()
            };
            kinds.insert(shown, kind);
        }
    }
    assert!(kinds.len() > 20, "{metrics}");
    for (name, kind) in &kinds {
        let (said, _) = described
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not described"));
        assert_eq!(said, kind, "{name}");
    }
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, labels)) = line.split_once('{') else {
            continue;
        };
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| series.strip_suffix(end));
        let name = base
            .filter(|base| described.contains_key(*base))
            .unwrap_or(series);
        let (_, known) = &described[name];
        let (labels, _) = labels.rsplit_once('}').unwrap();
        for label in labels
            .split("\",")
            .filter_map(|label| label.split('=').next())
        {
            assert!(
                label == "le" || known.contains(label),
                "{name} has {label}: {line}"
            );
        }
    }
}

/// Those of PostgreSQL, Redis and others that no server of this test has are found where they are made.
#[test]
fn every_metric_of_the_sources_is_described_and_no_other() {
    let mut made = BTreeSet::new();
    let mut folders = vec![repository().join("crates/hallpass-server/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]").next().unwrap();
                let quoted = code.split('"').skip(1).step_by(2);
                made.extend(
                    quoted
                        .filter(|text| names(text).contains(text))
                        .map(str::to_owned),
                );
            }
        }
    }
    made.remove("hallpass_demo");
    let described = described();
    for name in described.keys() {
        let base = name.trim_end_matches("_total");
        let timed = base.trim_end_matches("_seconds");
        assert!(
            made.contains(base) || made.contains(timed),
            "{name} is not made"
        );
    }
    for name in &made {
        let shown = [
            name.clone(),
            format!("{name}_total"),
            format!("{name}_seconds"),
        ];
        assert!(
            shown.iter().any(|name| described.contains_key(name)),
            "{name} is not described"
        );
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let described = described();
    for file in [
        "deploy/prometheus/alerts.yaml",
        "deploy/grafana/hallpass.json",
    ] {
        let text = read(file);
        let asked = names(&text);
        assert!(asked.len() > 5, "{file}");
        for name in asked {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let histogram = base.and_then(|base| described.get(base));
            let known = histogram.map_or_else(
                || {
                    described
                        .get(name)
                        .is_some_and(|(kind, _)| kind != "histogram")
                },
                |(kind, _)| kind == "histogram",
            );
            assert!(known, "{file} asks for {name}");
        }
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/hallpass.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
    let reasons = read("docs/reference/errors.md");
    let alerts = read("deploy/prometheus/alerts.yaml");
    let (_, named) = alerts.split_once("reason=~\"").unwrap();
    for reason in named.split('"').next().unwrap().split('|') {
        assert!(reasons.contains(&format!("`{reason}`")), "{reason}");
    }
    let monitoring = read("docs/operations/monitoring.md");
    for alert in alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(
            monitoring.contains(&format!("`{alert}`")),
            "{alert} is not explained"
        );
    }
}

#[test]
fn the_files_to_run_it_by_name_commands_and_settings_that_there_are() {
    let folder = Folder::new();
    let schema = folder.json(&["config", "schema"]);
    let section = |name: &str| {
        let property = &schema["properties"][name];
        let reference = property["$ref"]
            .as_str()
            .or_else(|| property["allOf"][0]["$ref"].as_str());
        match reference.and_then(|path| path.strip_prefix("#/$defs/")) {
            Some(of) => schema["$defs"][of]["properties"].clone(),
            None => property["properties"].clone(),
        }
    };
    for file in [
        "deploy/systemd/hallpass.service",
        "deploy/Containerfile",
        "docs/operations/deployment.md",
    ] {
        let text = read(file);
        let set: Vec<&str> = text
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .filter(|word| word.starts_with("HALLPASS__") && *word != "HALLPASS__SECTION__KEY")
            .collect();
        assert!(!set.is_empty(), "{file}");
        for name in set {
            let lower = name.to_lowercase();
            let mut parts = lower.split("__").skip(1);
            let (of, key) = (parts.next().unwrap(), parts.next().unwrap());
            assert!(section(of).get(key).is_some(), "{file}: {name}");
        }
    }
    // The configuration of the manifests is taken as it stands, but for its files.
    let manifests = read("deploy/kubernetes/hallpass.yaml");
    let (_, rest) = manifests.split_once("hallpass.toml: |\n").unwrap();
    let (configuration, _) = rest.split_once("\n---").unwrap();
    folder.write(
        "postgres.url",
        "postgres://hallpass:secret@localhost/hallpass\n",
    );
    folder.write(
        "master.key",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
    );
    for name in ["postgres.url", "master.key"] {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.0.join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let configuration = configuration
        .replace("/etc/hallpass/secret/", "")
        .replace("listen = ", "#listen = ");
    folder.write("hallpass.toml", &configuration);
    let checked = folder.run(&["--config", "hallpass.toml", "config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    // What units and containers start is what the program understands.
    let unit = read("deploy/systemd/hallpass.service");
    for line in unit.lines().filter_map(|line| line.strip_prefix("Exec")) {
        let (_, command) = line.split_once('=').unwrap();
        let mut words = command.split(' ');
        if words.next() == Some("/usr/local/bin/hallpass") {
            let words: Vec<&str> = words.chain(["--help"]).collect();
            let help = folder.run(&words);
            assert!(help.status.success(), "{line}: {help:?}");
        }
    }
    for args in manifests
        .lines()
        .filter_map(|line| line.trim().strip_prefix("args: "))
    {
        let args: Vec<String> = serde_json::from_str(args).unwrap();
        let words: Vec<&str> = args.iter().map(String::as_str).chain(["--help"]).collect();
        let help = folder.run(&words);
        assert!(help.status.success(), "{args:?}: {help:?}");
    }
}

#[test]
fn the_headers_of_the_proxies_are_those_that_trusted_proxies_write() {
    let nginx = read("deploy/nginx.conf");
    let caddy = read("deploy/Caddyfile");
    // What a stranger sends must not arrive.
    assert!(nginx.contains("proxy_set_header X-Forwarded-For $remote_addr;"));
    for header in ["Forwarded", "Client-Cert", "Ssl-Client-Cert", "Traceparent"] {
        assert!(
            nginx.contains(&format!("proxy_set_header {header} \"\";")),
            "{header}"
        );
        assert!(
            caddy.contains(&format!("header_up -{header}\n")),
            "{header}"
        );
    }
    let folder = Folder::new();
    for file in [&nginx, &caddy] {
        let settings: String = file
            .lines()
            .filter_map(|line| line.strip_prefix("#   server."))
            .map(|line| format!("server.{line}\n"))
            .filter(|line| !line.starts_with("server.listen"))
            .collect();
        assert!(settings.contains("trusted_proxies") && settings.contains("x-forwarded"));
        folder.write("hallpass.toml", &settings);
        let checked = folder.run(&["--config", "hallpass.toml", "config", "check"]);
        assert!(checked.status.success(), "{checked:?}");
    }
}
