//! `hallpass doctor`: looks for what is wrong without changing anything.

mod clock;
mod database;
mod files;
mod keys;
mod people;

use std::path::Path;
use std::sync::Arc;

use hallpass_provider::ports::{Clock, SystemClock};
use hallpass_provider::secrets::MasterKey;
use hallpass_store::Store;
use hallpass_types::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{environment, restore::block_on};
use crate::config::{Config, StoreKind};
use crate::data_folder::FoundKeys;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{database_path, open_to_look};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    /// It works, and may not go on like this.
    Warning,
    /// It does not work, or not safely.
    Error,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    /// For programs; it stays the same.
    id: &'static str,
    severity: Severity,
    /// What is wrong.
    text: String,
    /// What to do about it.
    help: &'static str,
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, id: &'static str, text: impl Into<String>, help: &'static str) {
        self.add(Severity::Error, id, text, help);
    }

    fn warning(&mut self, id: &'static str, text: impl Into<String>, help: &'static str) {
        self.add(Severity::Warning, id, text, help);
    }

    fn add(
        &mut self,
        severity: Severity,
        id: &'static str,
        text: impl Into<String>,
        help: &'static str,
    ) {
        self.0.push(Finding {
            id,
            severity,
            text: text.into(),
            help,
        });
    }
}

/// The exit code: 0 when all is well, 1 when something is wrong, 3 when there are warnings alone.
pub(super) fn run(path: Option<&Path>, output: Output) -> Result<u8, Failure> {
    let mut findings = Findings::default();
    match Config::load(path, environment()) {
        Err(problems) => {
            for problem in problems.to_string().lines() {
                let help = "Mend the configuration: hallpass config check";
                findings.error("configuration", problem, help);
            }
        }
        Ok(config) => examine(&config, SystemClock.now(), &mut findings)?,
    }
    let worst = findings.0.iter().map(|f| f.severity).max();
    findings.0.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let ok = worst.is_none();
    output.say(
        &json!({ "ok": ok, "findings": findings.0 }),
        text(&findings.0),
    )?;
    Ok(match worst {
        None => 0,
        Some(Severity::Warning) => 3,
        Some(Severity::Error) => 1,
    })
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing is wrong".to_owned();
    }
    let lines: Vec<String> = findings
        .iter()
        .map(|f| {
            let severity = match f.severity {
                Severity::Warning => "warning",
                Severity::Error => "ERROR",
            };
            format!("{severity}  {}: {}\n  {}", f.id, f.text, f.help)
        })
        .collect();
    lines.join("\n")
}

fn examine(config: &Config, now: Timestamp, findings: &mut Findings) -> Result<(), Failure> {
    for warning in config.danger.warnings() {
        let help = "Switch it off under [danger] where others can reach the server";
        findings.warning("danger", warning, help);
    }
    clock::alone(now, findings);
    if config.store.kind == StoreKind::Memory {
        let help = "Choose another store.kind for everything but trying things out";
        findings.warning("store_memory", "nothing outlives the process", help);
        return Ok(());
    }
    let held = files::look(config, findings);
    if config.store.kind == StoreKind::Sqlite {
        let path = database_path(config);
        if !path.exists() {
            let help = "The first start makes one. If there should be one, look at server.data_dir and store.path";
            findings.warning(
                "database_missing",
                format!("{} is not there", path.display()),
                help,
            );
            return Ok(());
        }
        files::space(&path, findings);
        clock::of_file(&path, now, findings);
        if !database::look(&path, findings) {
            return Ok(());
        }
    }
    let Some(master) = master_key(config, held) else {
        return Ok(());
    };
    block_on(async {
        match open_to_look(config).await {
            Ok(store) => look_inside(&store, config, &master, now, findings).await,
            Err(error) => {
                let help = "The server would not start either: look at the [store] settings";
                findings.error("store", error.to_string(), help);
            }
        }
    })
}

fn master_key(config: &Config, held: FoundKeys) -> Option<MasterKey> {
    let current = config.keys.master_key.clone().or(held.current)?;
    let mut key = MasterKey::new(*current);
    for previous in config.keys.master_key_previous.iter().chain(&held.previous) {
        key = key.with_previous(**previous);
    }
    Some(key)
}

async fn look_inside(
    store: &Arc<dyn Store>,
    config: &Config,
    master: &MasterKey,
    now: Timestamp,
    findings: &mut Findings,
) {
    let mut looked = keys::look(&**store, config, master, now, findings).await;
    if looked.is_ok() {
        looked = people::look(&**store, config, findings).await;
    }
    if let Err(error) = looked {
        let help = "The server would not answer either: look at the [store] settings";
        findings.error(
            "store",
            Failure::doing("the store", &error).to_string(),
            help,
        );
    }
}
