//! The file with the secrets of clients, beside the folder and not in it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hallpass_admin::code::Secrets;
use hallpass_admin::v1::clients::GivenSecret;
use hallpass_types::Secret;
use zeroize::Zeroizing;

use super::document::{Node, What, Wrong};
use crate::failure::Failure;

/// Bytes of the file, at most.
const LARGEST: u64 = 16 << 20;

/// Names of projects, and of what they have, with secrets.
type Kept = BTreeMap<String, BTreeMap<String, Secret>>;

/// A file of secrets.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    clients: Kept,
    providers: Kept,
    webhooks: Kept,
}

impl Keeper {
    /// Reads it; one that is not there is empty.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let mut keeper = Self {
            path: path.to_owned(),
            clients: Kept::new(),
            providers: Kept::new(),
            webhooks: Kept::new(),
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(keeper),
            Err(error) => return Err(Failure::doing(&shown, &error)),
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| Failure::doing(&shown, &error))?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
            return Err(Failure::new(format!(
                "{shown} is open to others than its owner; take that away with: chmod 600 {shown}"
            )));
        }
        let mut text = Zeroizing::new(String::new());
        let read = file.take(LARGEST).read_to_string(&mut text);
        read.map_err(|error| Failure::doing(&shown, &error))?;
        let wrong = |line: usize, text: &str| Failure::new(format!("{shown}:{line}: {text}"));
        // What a parser says about this file could repeat a secret.
        let root = Node::toml(&text).map_err(|Wrong { line, .. }| wrong(line, "is no TOML"))?;
        let What::Table(tables) = root.what else {
            return Err(wrong(root.line, "is no table"));
        };
        for (table, node) in tables {
            let into = match table.as_str() {
                "clients" => &mut keeper.clients,
                "providers" => &mut keeper.providers,
                "webhooks" => &mut keeper.webhooks,
                _ => {
                    let text = "there are clients, providers and webhooks alone";
                    return Err(wrong(node.line, text));
                }
            };
            let form = "is not of the form clients.PROJECT.CLIENT = \"…\"";
            let What::Table(projects) = node.what else {
                return Err(wrong(node.line, form));
            };
            for (project, node) in projects {
                let What::Table(entries) = node.what else {
                    return Err(wrong(node.line, form));
                };
                let into = into.entry(project).or_default();
                for (name, node) in entries {
                    let What::Leaf(serde_json::Value::String(secret)) = node.what else {
                        return Err(wrong(node.line, form));
                    };
                    let secret = Secret::new(secret);
                    if table == "clients" {
                        GivenSecret::new(secret.clone())
                            .map_err(|text| wrong(node.line, &format!("the secret {text}")))?;
                    }
                    into.insert(name, secret);
                }
            }
        }
        Ok(keeper)
    }

    /// Those of clients and of providers.
    pub(super) fn secrets(&self) -> Secrets {
        let of = |kept: &Kept| {
            let all = kept.iter().flat_map(|(project, named)| {
                let named = named.iter();
                named.map(move |(id, secret)| ((project.clone(), id.clone()), secret.clone()))
            });
            all.collect()
        };
        Secrets {
            clients: of(&self.clients),
            providers: of(&self.providers),
        }
    }

    /// Writes one down, for good, before it is in use.
    pub(super) fn client(
        &mut self,
        project: &str,
        client: &str,
        secret: Secret,
    ) -> Result<(), Failure> {
        let of = self.clients.entry(project.to_owned()).or_default();
        of.insert(client.to_owned(), secret);
        self.write()
    }

    /// Writes down the key of a webhook.
    pub(super) fn webhook(
        &mut self,
        project: &str,
        webhook: &str,
        secret: Secret,
    ) -> Result<(), Failure> {
        let of = self.webhooks.entry(project.to_owned()).or_default();
        of.insert(webhook.to_owned(), secret);
        self.write()
    }

    /// Another file takes the place of the one before, so that there is a whole one at every moment.
    fn write(&self) -> Result<(), Failure> {
        let mut text = Zeroizing::new(String::from(
            "# Secrets that hallpass apply has made, and those that it was given. Nobody else may read this.\n",
        ));
        for (table, kept) in [
            ("clients", &self.clients),
            ("providers", &self.providers),
            ("webhooks", &self.webhooks),
        ] {
            for (project, entries) in kept {
                text.push_str(&format!("\n[{table}.{}]\n", quoted(project)));
                for (name, secret) in entries {
                    let line =
                        Zeroizing::new(format!("{} = {}\n", quoted(name), quoted(secret.expose())));
                    text.push_str(&line);
                }
            }
        }
        let shown = self.path.display().to_string();
        let failed = |error: std::io::Error| Failure::doing(&shown, &error);
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}.new", std::process::id()));
        let beside = PathBuf::from(beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let write = || {
            let mut file = options.open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            let folder = self.path.parent().filter(|path| *path != Path::new(""));
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        write().map_err(|error| {
            drop(std::fs::remove_file(&beside));
            failed(error)
        })
    }
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
