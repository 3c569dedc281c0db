use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: Application/JSON; charset=utf-8\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\n{}";

/// A server that counts its connections and answers each with the same bytes.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn plain(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), None).await
    }

    async fn start(answer: Vec<u8>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, seen, tls) = (answer.clone(), Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => speak(stream, &answer, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                speak(stream, &answer, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            connections,
            requests,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn speak<I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    mut stream: I,
    answer: &[u8],
    seen: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).await.is_err() {
            return;
        }
        head.extend_from_slice(&byte);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    drop(stream.write_all(answer).await);
    if answer.ends_with(b"...") {
        std::future::pending::<()>().await;
    }
    drop(stream.shutdown().await);
}

fn request(url: &str) -> FetchRequest<'_> {
    FetchRequest {
        url,
        accept: "application/json",
        max_bytes: 1024,
        timeout: Duration::from_secs(5),
    }
}

pub(super) fn strict() -> Guard {
    Guard::new(Settings::default()).unwrap()
}

pub(super) fn lenient() -> Guard {
    let private_addresses = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    Guard::new(Settings {
        private_addresses,
        extra_roots: Vec::new(),
    })
    .unwrap()
}

/// Every name resolves to these.
fn resolving(mut guard: Guard, addresses: &[&str]) -> Guard {
    let addresses: Vec<IpAddr> = addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    guard.resolve = Box::new(move |_, port| {
        let found = addresses
            .iter()
            .map(|address| SocketAddr::new(*address, port))
            .collect();
        Box::pin(async move { Ok(found) })
    });
    guard
}

#[tokio::test]
async fn a_document_is_fetched_with_what_its_headers_say() {
    let server = Server::plain(OK).await;
    let fetched = lenient()
        .fetch(request(&server.url("/a?b=c")))
        .await
        .unwrap();
    assert_eq!(fetched.body, b"{}");
    assert_eq!(fetched.max_age, Some(60));
    assert_eq!(fetched.content_type.as_deref(), Some("application/json"));
    let seen = server.requests.lock().unwrap().join("");
    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: {}\r\n", server.address)),
        "{seen}"
    );
    assert!(seen.contains("accept: application/json\r\n"), "{seen}");
    assert!(
        !seen.contains("cookie") && !seen.contains("authorization"),
        "{seen}"
    );
}

#[tokio::test]
async fn nothing_inside_is_ever_connected_to() {
    let server = Server::plain(OK).await;
    let port = server.address.port();
    #[rustfmt::skip]
    let hosts = [
        "127.0.0.1", "127.1", "127.255.255.254", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::]",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
        "[2002:7f00:1::]", "[2001:0::1]", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
        "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]", "192.0.0.1", "198.18.0.1",
        "192.0.2.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "[3fff::1]", "[5f00::1]", "[100::1]",
        "[2001:db8::1]", "localhost", "localhost.", "LOCALHOST", "①②⑦.⓪.⓪.①", "public@127.0.0.1",
    ];
    let mut texts = std::collections::BTreeSet::new();
    for host in hosts {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let error = strict().fetch(request(&url)).await.unwrap_err();
            assert_eq!(error, FetchError::Blocked, "{url}");
            texts.insert(error.to_string());
        }
    }
    assert_eq!(server.count(), 0);
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_blocked_like_the_address() {
    //= test CIMD#8.6 no document is fetched from a special-use address
    let server = Server::plain(OK).await;
    let url = format!("https://rebound.example:{}/", server.address.port());
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "64:ff9b::7f00:1",
    ] {
        let guard = resolving(strict(), &[address]);
        assert_eq!(
            guard.fetch(request(&url)).await.unwrap_err(),
            FetchError::Blocked,
            "{address}"
        );
    }
    let none = resolving(strict(), &[]);
    assert_eq!(
        none.fetch(request(&url)).await.unwrap_err(),
        FetchError::Blocked
    );
    let mut unknown = strict();
    unknown.resolve = Box::new(|_, _| Box::pin(async { Err(io::ErrorKind::NotFound.into()) }));
    assert_eq!(
        unknown.fetch(request(&url)).await.unwrap_err(),
        FetchError::Blocked
    );
    assert_eq!(server.count(), 0);
}

/// The second answer of a rebinding name server is never asked for.
#[tokio::test]
async fn a_name_is_resolved_once_and_the_checked_address_is_dialled() {
    let server = Server::plain(OK).await;
    let mut guard = lenient();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    guard.resolve = Box::new(move |name, port| {
        assert_eq!(name, "rebound.example");
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { "127.0.0.1" } else { "10.0.0.1" };
        Box::pin(async move { Ok(vec![SocketAddr::new(address.parse().unwrap(), port)]) })
    });
    let url = format!("http://rebound.example:{}/", server.address.port());
    assert!(guard.fetch(request(&url)).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_ones_are_dialled() {
    let server = Server::plain(OK).await;
    let guard = resolving(
        lenient(),
        &["10.0.0.1", "169.254.169.254", "fe80::1", "127.0.0.1"],
    );
    let url = format!("http://mixed.example:{}/", server.address.port());
    assert!(guard.fetch(request(&url)).await.is_ok());
}

#[tokio::test]
async fn plain_http_is_for_listed_addresses_only() {
    for url in [
        "http://8.8.8.8/",
        "http://1.1.1.1:8080/",
        "http://[2606:4700::1111]/",
    ] {
        assert_eq!(
            lenient().fetch(request(url)).await.unwrap_err(),
            FetchError::Blocked,
            "{url}"
        );
    }
    let guard = resolving(lenient(), &["8.8.8.8"]);
    assert_eq!(
        guard
            .fetch(request("http://public.example/"))
            .await
            .unwrap_err(),
        FetchError::Blocked
    );
}

#[tokio::test]
async fn anything_but_a_plain_200_in_bounds_is_no_answer() {
    //= test CIMD#5 nothing but 200 is a document, and no redirect is followed
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 1025\r\n\r\n{}",
        "a".repeat(1025)
    );
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n401\r\n{}\r\n0\r\n\r\n",
        "a".repeat(1025)
    );
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}...", "a".repeat(2000));
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n{{}}", "a".repeat(100_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "x: y\r\n".repeat(10_000));
    #[rustfmt::skip]
    let cases = [
        long.as_str(), &chunked, &endless, &head, &many,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 206 Partial\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "",
    ];
    for answer in cases {
        let server = Server::plain(answer).await;
        let error = lenient()
            .fetch(request(&server.url("/")))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            FetchError::Failed,
            "{}",
            answer.get(..40).unwrap_or(answer)
        );
    }
}

#[tokio::test]
async fn a_body_may_fill_its_bound() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 1024\r\n\r\n{}",
        "a".repeat(1024)
    );
    let server = Server::plain(answer).await;
    assert_eq!(
        lenient()
            .fetch(request(&server.url("/")))
            .await
            .unwrap()
            .body
            .len(),
        1024
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    //= test CIMD#5 nothing but 200 is a document, and no redirect is followed
    let inside = Server::plain(OK).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            inside.url("/")
        );
        let server = Server::plain(answer).await;
        assert_eq!(
            lenient()
                .fetch(request(&server.url("/")))
                .await
                .unwrap_err(),
            FetchError::Failed
        );
    }
    assert_eq!(inside.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_whole_exchange_has_one_deadline() {
    for answer in [
        "...",
        "HTTP/1.1 200 OK\r\n...",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n...",
    ] {
        let server = Server::plain(answer).await;
        let begin = Instant::now();
        let error = lenient()
            .fetch(request(&server.url("/")))
            .await
            .unwrap_err();
        assert_eq!(error, FetchError::Failed);
        assert!(
            begin.elapsed() <= Duration::from_millis(5100),
            "{:?}",
            begin.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_that_failed_is_left_alone_and_another_is_not() {
    let bad = Server::plain("").await;
    let good = Server::plain(OK).await;
    let guard = lenient();
    for _ in 0..5 {
        assert_eq!(
            guard.fetch(request(&bad.url("/"))).await.unwrap_err(),
            FetchError::Failed
        );
    }
    assert_eq!(bad.count(), 1, "that URL is left alone");
    for number in 0..20 {
        drop(guard.fetch(request(&bad.url(&format!("/{number}")))).await);
    }
    assert_eq!(bad.count(), 5, "after several in a row the whole server is");
    for _ in 0..5 {
        assert!(guard.fetch(request(&good.url("/"))).await.is_ok());
    }
}

/// A server with a certificate for `localhost` and its root.
async fn tls_server() -> (Server, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private)
        .unwrap();
    let server = Server::start(OK.into(), Some(TlsAcceptor::from(Arc::new(config)))).await;
    (server, cert.der().clone())
}

// CB-08, HT-22, UP-09
#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_name() {
    let (server, root) = tls_server().await;
    let port = server.address.port();
    let private_addresses = vec!["127.0.0.0/8".parse().unwrap()];
    let trusting = || {
        let settings = Settings {
            private_addresses: private_addresses.clone(),
            extra_roots: vec![root.clone()],
        };
        resolving(Guard::new(settings).unwrap(), &["127.0.0.1"])
    };
    let url = format!("https://localhost:{port}/");
    assert!(trusting().fetch(request(&url)).await.is_ok());
    assert!(
        trusting()
            .fetch(request(&format!("https://localhost.:{port}/")))
            .await
            .is_ok()
    );
    let other = format!("https://other.example:{port}/");
    assert_eq!(
        trusting().fetch(request(&other)).await.unwrap_err(),
        FetchError::Failed
    );
    let address = format!("https://127.0.0.1:{port}/");
    assert_eq!(
        trusting().fetch(request(&address)).await.unwrap_err(),
        FetchError::Failed
    );
    let untrusting = resolving(lenient(), &["127.0.0.1"]);
    assert_eq!(
        untrusting.fetch(request(&url)).await.unwrap_err(),
        FetchError::Failed
    );
    assert_eq!(server.requests.lock().unwrap().len(), 2);
}

#[test]
fn roots_that_are_none_are_refused() {
    let folder = std::env::temp_dir().join(format!("hallpass-fetch-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("roots.pem");
    assert!(Settings::extra_roots_from(&file).is_err());
    std::fs::write(&file, "nothing").unwrap();
    assert!(Settings::extra_roots_from(&file).is_err());
    let bad = Settings {
        extra_roots: vec![CertificateDer::from(vec![1, 2, 3])],
        ..Settings::default()
    };
    assert!(Guard::new(bad).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_url_that_leads_inside_is_not_even_permitted() {
    let guard = strict();
    for url in [
        "https://127.0.0.1/jwks",
        "https://[::1]/jwks",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://[::ffff:127.0.0.1]/",
        "http://93.184.215.14/",
        "https://user@93.184.215.14/",
        "file:///etc/passwd",
        "gopher://93.184.215.14/",
        "",
    ] {
        assert!(!guard.permits(url).await, "{url}");
    }
    assert!(guard.permits("https://93.184.215.14/jwks").await);
    let inside = resolving(strict(), &["10.1.2.3"]);
    assert!(!inside.permits("https://rp.example/jwks").await);
    let outside = resolving(strict(), &["10.1.2.3", "93.184.215.14"]);
    assert!(outside.permits("https://rp.example/jwks").await);
}
