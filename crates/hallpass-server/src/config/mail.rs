//! `[mail]`: the way out for mail to people.

use std::fmt;
use std::path::PathBuf;

use hallpass_types::EmailAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::value::Secret;

/// The way out for mail to people: an SMTP server, or without a host, files in a folder, for trying out.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Address that mail comes from; needed with `host`.
    from: Option<String>,
    /// Name that mail comes from. Without a value: the name of the service.
    from_name: Option<String>,
    /// Host name of the SMTP server, which its certificate is for. Without a value, mail is written to `folder`.
    host: Option<String>,
    /// Its port. Without a value: 465 for `implicit`, 587 for `starttls`, 25 for `none`.
    port: Option<u16>,
    /// How the connection is protected.
    tls: MailTls,
    /// User name, where the server wants one.
    user: Option<String>,
    /// Password of the user.
    password: Option<Secret>,
    /// File with the password.
    password_file: Option<PathBuf>,
    /// Certificates in PEM to trust beside the public ones.
    roots_file: Option<PathBuf>,
    /// Folder for mail where there is no server: one file for each. Without a value: `mail` in the data folder.
    folder: Option<PathBuf>,
}

/// How the connection to the SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS from the first byte.
    Implicit,
    /// TLS after STARTTLS, without which nothing is sent.
    StartTls,
    /// Nothing: only for a server on this machine.
    None,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            from: None,
            from_name: None,
            host: None,
            port: None,
            tls: MailTls::Implicit,
            user: None,
            password: None,
            password_file: None,
            roots_file: None,
            folder: None,
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// The way out for mail to people.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Address that mail comes from.
    pub from: EmailAddress,
    /// Name that mail comes from, where it is not the service's.
    pub from_name: Option<String>,
    /// Where it goes.
    pub way: MailWay,
}

/// Where mail goes.
#[derive(Clone)]
pub enum MailWay {
    /// Files in a folder; without a value, `mail` in the data folder.
    Folder(Option<PathBuf>),
    /// An SMTP server.
    Smtp {
        /// Host name.
        host: String,
        /// Port, where it is not the usual one.
        port: Option<u16>,
        /// Protection.
        tls: MailTls,
        /// User and password.
        login: Option<(String, Secret)>,
        /// Certificates in PEM to trust beside the public ones.
        roots: Option<Vec<u8>>,
    },
}

impl fmt::Debug for MailWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::Smtp { host, port, .. } => f
                .debug_struct("Smtp")
                .field("host", host)
                .field("port", port)
                .finish_non_exhaustive(),
        }
    }
}

impl Raw {
    pub(super) fn parse(self, check: &mut Checker<'_>) -> Option<Mail> {
        let Self {
            from,
            from_name,
            host,
            port,
            tls,
            user,
            password,
            password_file,
            roots_file,
            folder,
        } = self;
        if from.is_none() && host.is_some() {
            check.problem("mail.from", "is missing; mail.host needs it");
        }
        let from = from.as_deref().unwrap_or(NOBODY);
        let from = EmailAddress::parse(from);
        if let Err(error) = &from {
            check.problem("mail.from", error);
        }
        if from_name
            .as_ref()
            .is_some_and(|n| n.chars().any(char::is_control))
        {
            check.problem(
                "mail.from_name",
                "has a line break or another control character",
            );
        }
        let password = check.secret("mail.password", password, password_file.as_deref());
        let Some(host) = host else {
            let smtp =
                port.is_some() || user.is_some() || password.is_some() || roots_file.is_some();
            if smtp {
                check.problem("mail.host", "is missing; other settings of mail need it");
            }
            return Some(Mail {
                from: from.ok()?,
                from_name,
                way: MailWay::Folder(folder),
            });
        };
        if folder.is_some() {
            check.problem("mail.folder", "has no meaning beside mail.host");
        }
        let name_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if host.is_empty() || !host.chars().all(name_ok) {
            check.problem("mail.host", "is no host name such as smtp.example.org");
        }
        let here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if tls == MailTls::None && !here {
            let message = "must not be \"none\" for a server on another machine: mail holds links to sign in with";
            check.problem("mail.tls", message);
        }
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                check.problem("mail.password", "is missing; mail.user needs it");
                None
            }
            (None, Some(_)) => {
                check.problem("mail.user", "is missing; mail.password needs it");
                None
            }
        };
        let roots = roots_file.and_then(|path| match std::fs::read(&path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let name = path.display();
                check.problem("mail.roots_file", format!("cannot read {name}: {error}"));
                None
            }
        });
        Some(Mail {
            from: from.ok()?,
            from_name,
            way: MailWay::Smtp {
                host,
                port,
                tls,
                login,
                roots,
            },
        })
    }
}

/// Nobody reads answers to mail that only goes to a folder.
const NOBODY: &str = "no-reply@hallpass.invalid";

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};
    use super::MailWay;

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        Config::parse(source).map_err(|problems| problems.to_string())
    }

    #[test]
    fn without_a_server_mail_goes_to_a_folder() {
        let config = parsed("").unwrap();
        assert!(matches!(config.mail.way, MailWay::Folder(None)));
        let config = parsed("mail.folder = '/tmp/m'").unwrap();
        assert!(matches!(config.mail.way, MailWay::Folder(Some(_))));
    }

    #[test]
    fn a_server_needs_what_it_needs_and_protection_unless_it_is_here() {
        let smtp = "mail.host = 'smtp.example.org'\nmail.from = 'no-reply@example.org'\n";
        assert!(matches!(
            parsed(smtp).unwrap().mail.way,
            MailWay::Smtp { .. }
        ));
        for (text, setting) in [
            ("mail.host = 'smtp.example.org'", "mail.from"),
            ("mail.port = 25", "mail.host"),
            ("mail.from = 'x'", "mail.from"),
            ("mail.from_name = \"a\\nBcc: x\"", "mail.from_name"),
            (&format!("{smtp}mail.tls = 'none'"), "mail.tls"),
            (&format!("{smtp}mail.user = 'u'"), "mail.password"),
            (&format!("{smtp}mail.password = 'p'"), "mail.user"),
            (&format!("{smtp}mail.folder = 'm'"), "mail.folder"),
            (
                &format!("{smtp}mail.roots_file = '/nowhere'"),
                "mail.roots_file",
            ),
            ("mail.host = 'a b'\nmail.from = 'a@b.test'", "mail.host"),
        ] {
            let problems = parsed(text).unwrap_err();
            assert!(problems.contains(setting), "{text}: {problems}");
        }
        let here = "mail.host = 'localhost'\nmail.from = 'a@b.test'\nmail.tls = 'none'";
        assert!(parsed(here).is_ok());
    }

    #[test]
    fn the_password_is_not_printed() {
        let text = "mail.host = 'smtp.example.org'\nmail.from = 'a@b.test'\n\
                    mail.user = 'u'\nmail.password = 'zq-secret'";
        let config = parsed(text).unwrap();
        assert!(!format!("{config:?}").contains("zq-secret"));
    }
}
