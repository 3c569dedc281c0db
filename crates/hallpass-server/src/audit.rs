//! Who changed what by command: one line each, in the file `audit.log` of the data folder, in the form of the server's log.
//!
//! The server logs what happens in it to standard error; a command has ended when somebody asks who ran it.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt as lines, registry};

use crate::config::LogFormat;
use crate::failure::Failure;
use crate::telemetry::LogLine;

/// The file in the data folder.
const FILE: &str = "audit.log";
/// The target of its lines.
pub(crate) const TARGET: &str = "hallpass_server::audit";

/// What was changed, by its identifiers. Nothing secret.
#[derive(Debug, Default)]
pub(crate) struct Changed<'a> {
    /// What was done.
    pub(crate) action: &'a str,
    /// The URL of the issuer.
    pub(crate) issuer: Option<&'a str>,
    /// The subject of an account.
    pub(crate) account: Option<&'a str>,
    /// A client.
    pub(crate) client: Option<&'a str>,
    /// A key.
    pub(crate) key: Option<&'a str>,
    /// The algorithm of keys.
    pub(crate) key_alg: Option<&'a str>,
    /// The name of an initial access token.
    pub(crate) registration_token: Option<&'a str>,
    /// A step of the schema.
    pub(crate) migration: Option<&'a str>,
}

impl Changed<'_> {
    /// Writes the line.
    pub(crate) fn tell(&self, what: &'static str) {
        let Changed {
            action,
            issuer,
            account,
            client,
            key,
            key_alg,
            registration_token,
            migration,
        } = *self;
        tracing::info!(
            target: TARGET,
            {
                actor.kind = "command line",
                actor.user = user(),
                action,
                issuer,
                account.id = account,
                client.id = client,
                key.id = key,
                key.alg = key_alg,
                registration_token.id = registration_token,
                migration,
            },
            "{what}"
        );
    }
}

/// What writes these lines there, and no others.
fn log<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let format = LogFormat::Json;
    let lines = lines::layer()
        .with_writer(writer)
        .event_format(LogLine { format });
    registry()
        .with(lines)
        .with(Targets::new().with_target(TARGET, Level::INFO))
}

/// From now on lines go to the file in that folder; where it is not there and need not be, to standard error. A command that cannot leave a line changes nothing.
///
/// # Errors
/// The file cannot be opened for writing.
pub(crate) fn start(folder: &Path, without_folder: bool) -> Result<(), Failure> {
    let path = folder.join(FILE);
    // Nodes on a database server need no folder; whoever runs their commands keeps the lines.
    if without_folder && !folder.exists() {
        return log(std::io::stderr)
            .try_init()
            .map_err(|error| Failure::new(format!("audit: {error}")));
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Failure::doing(&format!("{}", path.display()), &error))?;
    log(Mutex::new(file))
        .try_init()
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// The user of the operating system who runs this process, and for whom, where sudo says so.
pub(crate) fn user() -> &'static str {
    static USER: OnceLock<String> = OnceLock::new();
    USER.get_or_init(|| {
        let Ok(own) = std::fs::metadata("/proc/self") else {
            return "unknown".to_owned();
        };
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = name_of(own.uid(), &passwd);
        match std::env::var("SUDO_USER") {
            Ok(other) if !other.is_empty() && other != name => format!("{name} (sudo: {other})"),
            Ok(_) | Err(_) => name,
        }
    })
}

fn name_of(uid: u32, passwd: &str) -> String {
    let line = passwd.lines().map(|line| line.split(':'));
    let mut named = line.filter_map(|mut fields| {
        let name = fields.next()?;
        let (_, id) = (fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.next().unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_of(0, passwd), "root");
        assert_eq!(name_of(1000, passwd), "alice");
        assert_eq!(name_of(7, passwd), "uid 7");
        assert_ne!(user(), "unknown");
    }
}
