//! Mail by SMTP (RFC 5321, submission by RFC 6409, TLS by RFC 8314).

use std::time::Duration;

use hallpass_provider::ports::{Mail, MailError, Mailer};
use hallpass_store::BoxFuture;
use hallpass_types::Secret;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    transport::smtp::{
        self, PoolConfig,
        authentication::Credentials,
        client::{Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use tokio::time::timeout;

use crate::Sender;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (port 465).
    Implicit,
    /// After `STARTTLS`, which the server must offer (port 587).
    StartTls,
    /// Not at all: for a relay on this machine.
    None,
}

/// Where mail is handed over.
#[derive(Debug)]
pub struct Settings {
    /// Host name of the server; its certificate is for this name.
    pub host: String,
    /// Port; without it, the usual one of `tls`.
    pub port: Option<u16>,
    /// Protection of the connection.
    pub tls: Tls,
    /// User and password, where the server wants them.
    pub login: Option<(String, Secret)>,
    /// Certificates in PEM to trust beside the public roots.
    pub extra_roots: Option<Vec<u8>>,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("mail cannot be set up")]
pub struct SmtpError(#[source] smtp::Error);

/// Hands mail to an SMTP server. Connections are kept for a while.
#[derive(Clone, Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
}

/// A whole attempt; shorter than the first pause between attempts.
const ATTEMPT: Duration = Duration::from_secs(10);
/// A single step of it.
const STEP: Duration = Duration::from_secs(8);
/// Connections that are kept and used at once.
const CONNECTIONS: u32 = 4;

impl Smtp {
    /// Does not connect yet.
    ///
    /// # Errors
    /// The certificates or the host name cannot be used.
    pub fn new(settings: Settings, sender: Sender) -> Result<Self, SmtpError> {
        let Settings {
            host,
            port,
            tls,
            login,
            extra_roots,
        } = settings;
        let parameters = || -> Result<TlsParameters, smtp::Error> {
            let mut builder = TlsParameters::builder(host.clone())
                .certificate_store(CertificateStore::WebpkiRoots);
            if let Some(pem) = &extra_roots {
                builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
            }
            builder.build_rustls()
        };
        let (protection, usual) = match tls {
            Tls::Implicit => (
                smtp::client::Tls::Wrapper(parameters().map_err(SmtpError)?),
                465,
            ),
            Tls::StartTls => (
                smtp::client::Tls::Required(parameters().map_err(SmtpError)?),
                587,
            ),
            Tls::None => (smtp::client::Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port.unwrap_or(usual))
            .tls(protection)
            .timeout(Some(STEP))
            .hello_name(ClientId::Domain(sender.domain().to_owned()))
            .pool_config(PoolConfig::new().min_idle(0).max_size(CONNECTIONS));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.expose().to_owned()));
        }
        Ok(Self {
            transport: builder.build(),
            sender,
        })
    }
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, mail: Mail<'a>) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let message = self.sender.message(&mail)?;
            let sent = timeout(ATTEMPT, self.transport.send(message)).await;
            match sent {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => {
                    let code = error.status().map(u16::from);
                    // What the server says about us may be about a recipient as well: only the code is logged.
                    tracing::warn!(mail.id = mail.id, smtp.code = code, "mail was not taken");
                    Err(verdict(code))
                }
                Err(_) => {
                    tracing::warn!(mail.id = mail.id, "mail was not taken in time");
                    Err(MailError::Failed)
                }
            }
        })
    }
}

/// Final is what the server says of this mail; what it says of us (we did not authenticate, RFC 4954 §6) can be mended.
fn verdict(code: Option<u16>) -> MailError {
    match code {
        Some(530 | 534 | 535 | 538) | None => MailError::Failed,
        Some(500..=599) => MailError::Refused,
        Some(_) => MailError::Failed,
    }
}

#[cfg(test)]
mod tests {
    use hallpass_provider::ports::Letter;
    use hallpass_types::{EmailAddress, Timestamp};
    use std::sync::{Arc, LazyLock};

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };

    use super::*;
    use crate::message::tests::sender;

    /// A server that takes one connection and answers `RCPT` as it is told. Answers what it was told.
    async fn server(recipient: &'static str) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            speak(socket, recipient).await
        });
        (port, served)
    }

    /// Answers `RCPT` as it is told.
    async fn speak<S: AsyncRead + AsyncWrite>(socket: S, recipient: &'static str) -> Vec<String> {
        let (read, mut write) = tokio::io::split(socket);
        let mut lines = BufReader::new(read).lines();
        let mut heard = Vec::new();
        let mut data = false;
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push(line.clone());
            let answer = if data {
                if line != "." {
                    continue;
                }
                data = false;
                "250 taken"
            } else if line.starts_with("EHLO") {
                "250 test"
            } else if line.starts_with("RCPT") {
                recipient
            } else if line == "DATA" {
                data = true;
                "354 go on"
            } else if line == "QUIT" {
                write.write_all(b"221 bye\r\n").await.unwrap();
                break;
            } else {
                "250 ok"
            };
            if write
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .is_err()
            {
                break;
            }
        }
        heard
    }

    /// A server with a certificate for that name, and its root in PEM.
    async fn tls_server(name: &str) -> (u16, Vec<u8>, tokio::task::JoinHandle<Vec<String>>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let private = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            match acceptor.accept(socket).await {
                Ok(stream) => speak(stream, "250 ok").await,
                Err(_) => Vec::new(),
            }
        });
        (port, certificate.pem().into_bytes(), served)
    }

    // HT-22
    #[tokio::test]
    async fn nothing_is_said_to_a_server_whose_certificate_is_not_trusted_or_for_another_name() {
        for (name, trusted, taken) in [
            ("localhost", true, true),
            ("other.test", true, false),
            ("localhost", false, false),
        ] {
            let (port, root, served) = tls_server(name).await;
            let settings = Settings {
                host: "localhost".to_owned(),
                port: Some(port),
                tls: Tls::Implicit,
                login: None,
                extra_roots: trusted.then_some(root),
            };
            let smtp = Smtp::new(settings, sender()).unwrap();
            let outcome = smtp.send(mail(&letter("t"))).await;
            assert_eq!(outcome.is_ok(), taken, "{name} {trusted}");
            drop(smtp);
            if !taken {
                assert!(served.await.unwrap().is_empty(), "{name} {trusted}");
            }
        }
    }

    fn letter(text: &str) -> Letter {
        Letter {
            subject: "s".to_owned(),
            text: text.to_owned(),
            html: "h".to_owned(),
        }
    }

    fn mail(letter: &Letter) -> Mail<'_> {
        static TO: LazyLock<EmailAddress> =
            LazyLock::new(|| EmailAddress::parse("ada@example.org").unwrap());
        Mail {
            to: &TO,
            letter,
            id: "a",
            at: Timestamp(1_800_000_000),
        }
    }

    async fn sent(port: u16) -> Result<(), MailError> {
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            tls: Tls::None,
            login: None,
            extra_roots: None,
        };
        let smtp = Smtp::new(settings, sender()).unwrap();
        let letter = letter("first\r\n.\r\nRCPT TO:<evil@evil.test>");
        smtp.send(mail(&letter)).await
    }

    #[tokio::test]
    async fn a_mail_goes_to_one_recipient_and_its_text_stays_text() {
        let (port, served) = server("250 ok").await;
        assert_eq!(sent(port).await, Ok(()));
        let heard = served.await.unwrap();
        let recipients = heard.iter().filter(|l| l.starts_with("RCPT")).count();
        let dotted = heard.iter().position(|l| l == "..").unwrap();
        let end = heard.iter().position(|l| l == ".").unwrap();
        assert!(dotted < end, "{heard:?}");
        let smuggled = heard.iter().filter(|l| l.contains("evil.test")).count();
        assert_eq!(
            (recipients, smuggled),
            (2, 1),
            "one of them is text: {heard:?}"
        );
    }

    #[tokio::test]
    async fn what_will_never_be_taken_is_told_apart_from_what_may_be_later() {
        let (port, _served) = server("550 no such user").await;
        assert_eq!(sent(port).await, Err(MailError::Refused));
        let (port, _served) = server("451 later").await;
        assert_eq!(sent(port).await, Err(MailError::Failed));
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = unused.local_addr().unwrap().port();
        drop(unused);
        assert_eq!(sent(port).await, Err(MailError::Failed));
        assert_eq!(verdict(Some(535)), MailError::Failed);
        assert_eq!(verdict(Some(554)), MailError::Refused);
    }

    #[tokio::test]
    async fn protection_is_not_dropped_where_the_server_does_not_offer_it() {
        let (port, served) = server("250 ok").await;
        let settings = Settings {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            tls: Tls::StartTls,
            login: Some(("user".to_owned(), Secret::new("zq-secret".to_owned()))),
            extra_roots: None,
        };
        let smtp = Smtp::new(settings, sender()).unwrap();
        let outcome = smtp.send(mail(&letter("t"))).await;
        assert_eq!(outcome, Err(MailError::Failed));
        drop(smtp);
        let heard = served.await.unwrap().join("\n");
        assert!(
            !heard.contains("AUTH") && !heard.contains("MAIL"),
            "{heard}"
        );
    }
}
