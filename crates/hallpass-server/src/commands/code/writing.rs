//! What there is, as files.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hallpass_admin::code::Exported;
use rustix::fs::OFlags;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Names and texts of the files of a project.
pub(super) fn files(of: &Exported) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut files = Vec::new();
    let mut project = Map::new();
    if let Some((issuer, settings)) = &of.settings {
        let mut table = Map::new();
        table.insert("issuer".to_owned(), json!(issuer));
        if of.disabled {
            table.insert("disabled".to_owned(), json!(true));
        }
        table.insert("settings".to_owned(), json!(settings));
        project.insert("project".to_owned(), Value::Object(table));
        files.push(("project.toml", toml(&project)?));
    }
    let mut access = Map::new();
    let roles = of.roles.iter().map(|role| {
        let text = json!({ "description": role.description, "permissions": role.permissions });
        (role.name.clone(), text)
    });
    access.insert("roles".to_owned(), roles.collect());
    let groups = of.groups.iter().map(|group| {
        let text = json!({ "description": group.description, "roles": group.roles });
        (group.name.clone(), text)
    });
    access.insert("groups".to_owned(), groups.collect());
    let all = of.organizations.iter().map(|one| {
        let disabled = one.disabled.then_some(true);
        let text = json!({ "title": one.title, "disabled": disabled });
        (one.name.clone(), text)
    });
    access.insert("organizations".to_owned(), all.collect());
    files.push(("access.toml", toml(&access)?));
    let clients = of.clients.iter().map(|client| {
        let mut members = client.metadata.clone();
        if client.disabled {
            members.insert("disabled".to_owned(), json!(true));
        }
        (client.client_id.clone(), Value::Object(members))
    });
    let clients = Map::from_iter([("clients".to_owned(), clients.collect())]);
    files.push(("clients.toml", toml(&clients)?));
    let providers = of.providers.iter();
    let providers = providers.map(|(id, entry)| (id.clone(), Value::Object(entry.clone())));
    let providers = Map::from_iter([("providers".to_owned(), providers.collect())]);
    if of.settings.is_some() {
        files.push(("providers.toml", toml(&providers)?));
    }
    let webhooks = of.webhooks.iter().map(|(webhook, off)| {
        json!({
            "id": webhook.id, "url": webhook.url, "events": webhook.events,
            "description": webhook.description, "enabled": off.then_some(false),
        })
    });
    let webhooks = Map::from_iter([("webhooks".to_owned(), webhooks.collect())]);
    files.push(("webhooks.toml", toml(&webhooks)?));
    Ok(files)
}

/// TOML has no null: what is none is left out.
fn toml(members: &Map<String, Value>) -> Result<String, Failure> {
    let mut value = Value::Object(members.clone());
    without_nulls(&mut value);
    let text = toml::to_string_pretty(&value);
    let text = text.map_err(|error| Failure::doing("cannot be written as TOML", &error))?;
    Ok(format!("{HEAD}\n\n{text}"))
}

/// The first line of every file.
const HEAD: &str = "# Written by: hallpass export";

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes a project into its folder. Nothing is followed out of it.
pub(super) fn write(
    folder: &Path,
    project: &str,
    files: &[(&str, String)],
    replace: bool,
) -> Result<(), Failure> {
    let inner = folder.join(project);
    let shown = inner.display().to_string();
    match std::fs::create_dir(&inner) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let kind = std::fs::symlink_metadata(&inner);
            let kind = kind.map_err(|error| Failure::doing(&shown, &error))?;
            if !kind.is_dir() {
                return Err(Failure::new(format!("{shown} is no folder")));
            }
        }
        Err(error) => return Err(Failure::doing(&shown, &error)),
    }
    for (name, text) in files {
        let path = inner.join(name);
        let shown = path.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true).mode(0o644);
        if replace {
            let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            options.create(true).truncate(true).custom_flags(flags);
        } else {
            options.create_new(true);
        }
        let written = options.open(&path).and_then(|mut file: File| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                let text = "is there already; say --replace if it is to be written anew";
                Failure::new(format!("{shown} {text}"))
            } else {
                Failure::doing(&shown, &error)
            }
        })?;
    }
    Ok(())
}
