//! The way out for mail.

use std::sync::Arc;

use hallpass_mail::{Folder, Sender, Settings, Smtp, Tls};
use hallpass_provider::{Builder, TextHook, ports::Mailer};
use hallpass_types::Secret;

use crate::config::{Config, MailTls, MailWay};
use crate::failure::Failure;

/// The same with a way out for codes to telephones, where the configuration has one.
pub(super) fn with_texts(builder: Builder, config: &Config) -> Builder {
    match &config.sms {
        Some(sms) => {
            let secret = Secret::new(sms.secret.expose().to_owned());
            builder.texts(TextHook::new(sms.url.clone(), &secret))
        }
        None => builder,
    }
}

/// What mail is sent with. Nothing is connected to or made yet.
pub(super) fn mailer(config: &Config, service: &str) -> Result<Arc<dyn Mailer>, Failure> {
    let mail = &config.mail;
    let name = mail.from_name.as_deref().unwrap_or(service);
    let sender =
        Sender::new(name, &mail.from).map_err(|error| Failure::doing("mail.from", &error))?;
    Ok(match &mail.way {
        MailWay::Folder(folder) => {
            let folder = folder
                .clone()
                .unwrap_or_else(|| config.server.data_dir.join(FOLDER));
            Arc::new(Folder::new(folder, sender))
        }
        MailWay::Smtp {
            host,
            port,
            tls,
            login,
            roots,
        } => {
            let login = login.as_ref().map(|(user, password)| {
                let password = Secret::new(password.expose().to_owned());
                (user.clone(), password)
            });
            let settings = Settings {
                host: host.clone(),
                port: *port,
                tls: match tls {
                    MailTls::Implicit => Tls::Implicit,
                    MailTls::StartTls => Tls::StartTls,
                    MailTls::None => Tls::None,
                },
                login,
                extra_roots: roots.clone(),
            };
            let smtp =
                Smtp::new(settings, sender).map_err(|error| Failure::doing("mail", &error))?;
            Arc::new(smtp)
        }
    })
}

const FOLDER: &str = "mail";
