//! A connection to Redis, or what speaks its protocol (RESP 2): commands go out together, replies come back in order. No
//! more than counting needs.

use std::{fmt, io, path::PathBuf, sync::Arc};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use url::Url;
use zeroize::Zeroizing;

/// Where it is, and who we are there.
pub struct Address {
    place: Place,
    user: Option<String>,
    password: Option<Zeroizing<String>>,
    database: u32,
}

#[derive(Debug)]
enum Place {
    Socket(PathBuf),
    Tcp(String, u16),
    Tls(String, u16),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Address {
    /// Reads `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://` for TLS, or `unix:///PATH`.
    ///
    /// # Errors
    /// What is wrong with it, without its secrets.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is no URL")?;
        let place = match (url.scheme(), url.host_str()) {
            ("unix", None | Some("")) if url.path().len() > 1 => {
                let path = percent_encoding::percent_decode_str(url.path()).decode_utf8();
                Place::Socket(
                    path.map_err(|_| "has a path that is no text")?
                        .as_ref()
                        .into(),
                )
            }
            ("redis", Some(host)) => Place::Tcp(bare(host), url.port().unwrap_or(PORT)),
            ("rediss", Some(host)) => Place::Tls(bare(host), url.port().unwrap_or(PORT)),
            _ => return Err("must begin with redis://, rediss:// or unix:///"),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not have a query or a fragment");
        }
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| "has a user or a password that is no text")
        };
        let database = match (&place, url.path().trim_start_matches('/')) {
            (Place::Socket(_), _) | (_, "") => 0,
            (Place::Tcp(..) | Place::Tls(..), number) => number
                .parse()
                .map_err(|_| "names a database that is no number")?,
        };
        Ok(Self {
            user: Some(decoded(url.username())?).filter(|user| !user.is_empty()),
            password: url.password().map(decoded).transpose()?.map(Zeroizing::new),
            place,
            database,
        })
    }

    /// Whether what is said there leaves this machine in the clear.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.place {
            Place::Socket(_) | Place::Tls(..) => false,
            Place::Tcp(host, _) => {
                let loopback = host
                    .parse()
                    .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
                !loopback && host != "localhost"
            }
        }
    }
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

const PORT: u16 = 6379;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A number.
    Number(i64),
    /// A text, or nothing.
    Text(Option<Vec<u8>>),
    /// It was not done.
    Error(String),
}

/// A connection. After an error it is of no use any more.
pub(super) struct Connection(BufReader<Box<dyn Stream>>);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects and says who we are.
    ///
    /// # Errors
    /// Nobody is there, or we are not let in.
    pub(super) async fn open(address: &Address) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match &address.place {
            Place::Socket(path) => Box::new(UnixStream::connect(path).await?),
            Place::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Place::Tls(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                Box::new(connector().connect(name, stream).await?)
            }
        };
        let mut connection = Self(BufReader::new(stream));
        let mut greeting: Vec<Vec<&[u8]>> = Vec::new();
        if let Some(password) = &address.password {
            let mut auth: Vec<&[u8]> = vec![b"AUTH"];
            auth.extend(address.user.as_deref().map(str::as_bytes));
            auth.push(password.as_bytes());
            greeting.push(auth);
        }
        let database = address.database.to_string();
        if address.database != 0 {
            greeting.push(vec![b"SELECT", database.as_bytes()]);
        }
        for reply in connection.ask(&greeting).await? {
            if let Reply::Error(_) = reply {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "we are not let in",
                ));
            }
        }
        Ok(connection)
    }

    /// Sends commands together; their replies in order.
    ///
    /// # Errors
    /// The connection breaks, or what comes is not the protocol.
    pub(super) async fn ask(&mut self, commands: &[Vec<&[u8]>]) -> io::Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for command in commands {
            bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
            for part in command {
                bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
                bytes.extend_from_slice(part);
                bytes.extend_from_slice(b"\r\n");
            }
        }
        self.0.write_all(&bytes).await?;
        self.0.flush().await?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.reply().await?);
        }
        Ok(replies)
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let line = self.line().await?;
        let text = String::from_utf8_lossy(line.get(1..).unwrap_or_default()).into_owned();
        match line.first() {
            Some(b'+') => Ok(Reply::Text(Some(text.into_bytes()))),
            Some(b'-') => Ok(Reply::Error(text)),
            Some(b':') => text.parse().map(Reply::Number).map_err(|_| nonsense()),
            Some(b'$') if text == "-1" => Ok(Reply::Text(None)),
            Some(b'$') => {
                let length: usize = text.parse().map_err(|_| nonsense())?;
                if length > LONGEST {
                    return Err(nonsense());
                }
                let mut bytes = vec![0; length.saturating_add(2)];
                self.0.read_exact(&mut bytes).await?;
                bytes.truncate(length);
                Ok(Reply::Text(Some(bytes)))
            }
            Some(_) | None => Err(nonsense()),
        }
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            match self.0.read_u8().await? {
                b'\n' if line.last() == Some(&b'\r') => break,
                byte => line.push(byte),
            }
            if line.len() > LONGEST {
                return Err(nonsense());
            }
        }
        line.pop();
        Ok(line)
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not Redis")
}

fn connector() -> TlsConnector {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[test]
    fn an_address_is_a_url_of_redis() {
        let address = Address::parse("rediss://me:p%40ss@cache.example:6380/3").unwrap();
        assert!(matches!(&address.place, Place::Tls(host, 6380) if host == "cache.example"));
        assert_eq!(address.user.as_deref(), Some("me"));
        assert_eq!(
            address.password.as_deref().map(String::as_str),
            Some("p@ss")
        );
        assert_eq!(address.database, 3);
        assert!(!format!("{address:?}").contains("p@ss"));
        let address = Address::parse("unix:///run/redis.sock").unwrap();
        assert!(matches!(&address.place, Place::Socket(path) if path.ends_with("redis.sock")));
        for wrong in [
            "",
            "cache.example:6379",
            "http://cache.example",
            "redis://",
            "redis:///1",
            "unix://host/x",
            "redis://a/x",
            "redis://a/-1",
            "redis://a/1?x=1",
            "redis://a#x",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_goes_to_another_machine_without_tls_is_open() {
        for (text, open) in [
            ("redis://localhost", false),
            ("redis://127.0.0.1:7000", false),
            ("redis://[::1]", false),
            ("unix:///x", false),
            ("rediss://cache.example", false),
            ("redis://cache.example", true),
            ("redis://10.0.0.1", true),
        ] {
            assert_eq!(Address::parse(text).unwrap().is_open(), open, "{text}");
        }
    }

    /// What is sent, and what becomes of these bytes as answers.
    async fn asked(commands: &[Vec<&[u8]>], answers: &[u8]) -> (Vec<u8>, io::Result<Vec<Reply>>) {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(answers).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut connection = Connection(BufReader::new(Box::new(ours)));
        let replies = connection.ask(commands).await;
        drop(connection);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        (sent, replies)
    }

    #[tokio::test]
    async fn commands_go_together_and_their_replies_come_in_order() {
        let commands: [Vec<&[u8]>; 4] = [
            vec![b"INCRBY", b"a\r\nb", b"-2"],
            vec![b"GET", b"x"],
            vec![b"GET", b"y"],
            vec![b"NO"],
        ];
        let (sent, replies) = asked(&commands, b":-7\r\n$2\r\n\r\n\r\n$-1\r\n-ERR no\r\n").await;
        assert!(sent.starts_with(b"*3\r\n$6\r\nINCRBY\r\n$4\r\na\r\nb\r\n$2\r\n-2\r\n*2\r\n"));
        let expected = [
            Reply::Number(-7),
            Reply::Text(Some(b"\r\n".to_vec())),
            Reply::Text(None),
            Reply::Error("ERR no".to_owned()),
        ];
        assert_eq!(replies.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_is_not_the_protocol_breaks_the_connection() {
        for wrong in [
            &b"HTTP/1.1 400\r\n"[..],
            b":x\r\n",
            b":1\n",
            b"$99999999999\r\n",
            b"$-2\r\n",
            b"*1\r\n:1\r\n",
            b"\r\n",
            b"$3\r\nab",
            b":99999999999999999999\r\n",
        ] {
            let (_, replies) = asked(&[vec![b"X"]], wrong).await;
            assert!(replies.is_err(), "{wrong:?}");
        }
        let endless = vec![b'+'; LONGEST + 10];
        assert!(asked(&[vec![b"X"]], &endless).await.1.is_err());
    }
}
