//! TLS on the public listener.

use std::path::PathBuf;
use std::sync::Arc;

use hallpass_server::tls::{Certificate, Clients};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{connect, rest, send, start};

/// A certificate for localhost in files of its own.
struct Files {
    folder: PathBuf,
    der: CertificateDer<'static>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hallpass-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut files = Self {
            folder,
            der: CertificateDer::from(Vec::new()),
        };
        files.renew();
        files
    }

    fn renew(&mut self) {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        std::fs::write(self.cert(), cert.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.key(), private).unwrap();
        self.der = cert.der().clone();
    }

    fn cert(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    fn configuration(&self) -> String {
        format!(
            "tls.cert_file = {:?}\ntls.key_file = {:?}\ntls.reload = 1",
            self.cert(),
            self.key()
        )
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

async fn handshake(
    address: std::net::SocketAddr,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &str,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    handshake_as(address, trusted, version, protocol, None).await
}

/// A client's certificate and key.
struct Client {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Client {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key,
        }
    }

    fn thumbprint(&self) -> String {
        hallpass_jose::base64url::encode(hallpass_types::sha256(&self.certificate))
    }
}

async fn handshake_as(
    address: std::net::SocketAddr,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &str,
    client: Option<&Client>,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::try_from(client.key.serialize_der()).unwrap();
            let chain = vec![client.certificate.clone()];
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, connect(address).await)
        .await
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let files = Files::new("versions");
    let server = start(&files.configuration());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = handshake(server.address, &files.der, version, "http/1.1")
            .await
            .unwrap();
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("GET /x from 127.0.0.1 with 0"), "{answer}");
        let stream = handshake(server.address, &files.der, version, "h2")
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    }
    assert!(
        handshake(server.address, &files.der, &rustls::version::TLS13, "smtp")
            .await
            .is_err()
    );
}

// HT-15
#[tokio::test]
async fn what_is_no_handshake_is_refused_and_harms_nobody() {
    let files = Files::new("garbage");
    let server = start(&files.configuration());
    #[rustfmt::skip]
    let cases: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        &[0xff; 4096],
        // Records of TLS 1.0 and SSL 3.0 with hellos that know no more than that.
        b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x02\x00\x2f\x01\x00",
        b"\x16\x03\x00\x00\x2d\x01\x00\x00\x29\x03\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x02\x00\x05\x01\x00",
        b"\x16\x03\x01\xff\xff\x01\xff\xff\xff",
    ];
    for bytes in cases {
        let mut stream = connect(server.address).await;
        drop(stream.write_all(bytes).await);
        drop(stream.shutdown().await);
        assert!(!rest(&mut stream).await.contains("HTTP/1.1 200"));
    }
    assert!(
        handshake(server.address, &files.der, &rustls::version::TLS13, "h2")
            .await
            .is_ok()
    );
}

// HT-03
#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let files = Files::new("slow");
    let server = start(&files.configuration());
    let begin = tokio::time::Instant::now();
    drop(send(server.address, b"\x16\x03\x01").await);
    // The paused clock runs ahead of the sockets by whatever timer comes next, so the bound is that of any connection
    // without a request, not that of the handshake alone.
    assert!(begin.elapsed().as_secs() <= 60, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
    let mut files = Files::new("reload");
    let certificate = Certificate::load(&files.cert(), &files.key()).unwrap();
    assert!(!certificate.reload().unwrap());
    let old = files.der.clone();

    std::fs::write(files.cert(), "no certificate").unwrap();
    let file = std::fs::File::options()
        .append(true)
        .open(files.cert())
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1))
        .unwrap();
    assert!(certificate.reload().is_err());
    assert!(shows(&certificate, &old).await);

    files.renew();
    assert!(certificate.reload().unwrap());
    assert!(shows(&certificate, &files.der).await);
    assert!(!shows(&certificate, &old).await);
}

/// Whether a client that trusts this certificate alone is content.
async fn shows(certificate: &Arc<Certificate>, trusted: &CertificateDer<'static>) -> bool {
    let acceptor = certificate.acceptor(Clients::NotAsked).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(acceptor.accept(stream).await);
    });
    let content = handshake(address, trusted, &rustls::version::TLS12, "h2")
        .await
        .is_ok();
    served.await.unwrap();
    content
}

#[tokio::test]
async fn files_that_do_not_fit_are_refused() {
    let one = Files::new("one");
    let other = Files::new("other");
    assert!(Certificate::load(&one.cert(), &other.key()).is_err());
    assert!(Certificate::load(&one.key(), &one.key()).is_err());
    assert!(Certificate::load(&one.cert(), &one.cert()).is_err());
    assert!(Certificate::load(&one.folder.join("missing"), &one.key()).is_err());
    assert!(Certificate::load(&one.cert(), &one.key()).is_ok());
}

async fn ask(mut stream: TlsStream<tokio::net::TcpStream>, more: &str) -> String {
    let text = format!("GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Every header in which somebody has passed a certificate on.
const SPOOFS: &str = "client-cert: :AQID:\r\nssl-client-cert: x\r\nx-forwarded-client-cert: Hash=1\r\n\
    x-client-cert: :AQID:\r\nx-ssl-client-cert: :AQID:\r\nssl_client_cert: :AQID:\r\nclient_cert: :AQID:\r\n\
    client-cert-chain: :AQID:\r\n";

#[tokio::test]
async fn the_certificate_of_a_client_is_known_where_one_is_asked_for() {
    //= test RFC8705#7.2 possession of the key is proved by the handshake
    let files = Files::new("clients");
    let asks = format!("{}\nmtls.enabled = true", files.configuration());
    let (asks, asks_not) = (start(&asks), start(&files.configuration()));
    let client = Client::new();
    let shown = format!(" by {}", client.thumbprint());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let own = |address| handshake_as(address, &files.der, version, "http/1.1", Some(&client));
        let answer = ask(own(asks.address).await.unwrap(), "").await;
        assert!(answer.ends_with(&shown), "{answer}");
        let answer = ask(own(asks_not.address).await.unwrap(), "").await;
        assert!(answer.ends_with("with 0"), "{answer}");
        // Nobody has to have one, and nobody is believed who merely speaks of one (TK-51).
        let without = handshake(asks.address, &files.der, version, "http/1.1").await;
        let answer = ask(without.unwrap(), SPOOFS).await;
        assert!(answer.ends_with("with 0"), "{answer}");
    }
    // Somebody else's certificate without its key does not get through the handshake.
    let thief = Client {
        certificate: Client::new().certificate,
        key: KeyPair::generate().unwrap(),
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = PrivateKeyDer::try_from(thief.key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let stolen = rustls::sign::CertifiedKey::new(vec![thief.certificate], key);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(files.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(
                stolen.clone(),
            )));
        let name = ServerName::try_from("localhost").unwrap();
        let connected = TlsConnector::from(Arc::new(config))
            .connect(name, connect(asks.address).await)
            .await;
        // With TLS 1.3 the client hears of it after its own part is done.
        if let Ok(mut stream) = connected {
            drop(
                stream
                    .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
                    .await,
            );
            let mut answer = Vec::new();
            assert!(stream.read_to_end(&mut answer).await.is_err() || answer.is_empty());
        }
    }
}

#[tokio::test]
async fn a_listener_of_its_own_asks_for_certificates_and_believes_no_header() {
    // TK-51
    let files = Files::new("own-listener");
    let listen = "mtls.enabled = true\nmtls.listen = \"127.0.0.1:0\"\n\
        mtls.base_url = \"https://mtls.op.example\"\nserver.issuer = \"https://op.example\"";
    let own = format!("{}\n{listen}", files.configuration());
    let proxied = format!(
        "{own}\nserver.trusted_proxies = [\"127.0.0.1\"]\nserver.forwarded_header = \"forwarded\"\n\
        mtls.certificate_header = \"client-cert\""
    );
    let (own, proxied) = (start(&own), start(&proxied));
    let client = Client::new();
    let shown = format!(" by {}", client.thumbprint());
    let header = SPOOFS;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let connected = |address, client| {
            let trusted = &files.der;
            async move {
                let made = handshake_as(address, trusted, version, "http/1.1", client);
                made.await.unwrap()
            }
        };
        let mutual = own.certificates.unwrap();
        let answer = ask(connected(mutual, Some(&client)).await, "").await;
        assert!(answer.ends_with(&shown), "{answer}");
        let answer = ask(connected(mutual, Some(&client)).await, header).await;
        assert!(answer.ends_with(&shown), "{answer}");
        let answer = ask(connected(mutual, None).await, header).await;
        assert!(answer.ends_with("with 0"), "{answer}");
        // The public one does not ask then.
        let answer = ask(connected(own.address, Some(&client)).await, header).await;
        assert!(answer.ends_with("with 0"), "{answer}");
        // A proxy that only passes connections through takes no header out of them.
        let mutual = proxied.certificates.unwrap();
        let answer = ask(connected(mutual, None).await, header).await;
        assert!(answer.ends_with("with 0"), "{answer}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_passes_certificates_on_in_one_header_and_once() {
    // TK-51
    let configuration = "server.trusted_proxies = [\"127.0.0.1\"]\nserver.forwarded_header = \"forwarded\"\n\
        mtls.enabled = true\nmtls.certificate_header = \"client-cert\"";
    let server = start(configuration);
    let asked = async |lines: &str| {
        let text = format!("GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n");
        send(server.address, text.as_bytes()).await
    };
    let thumbprint = hallpass_jose::base64url::encode(hallpass_types::sha256(&[1, 2, 3]));
    let answer = asked("Client-Cert: :AQID:\r\n").await;
    assert!(answer.ends_with(&format!(" by {thumbprint}")), "{answer}");
    for nothing in [
        "",
        "Client-Cert:\r\n",
        "SSL-Client-Cert: x\r\n",
        "X-Client-Cert: :AQID:\r\n",
        "X-SSL-Client-Cert: :AQID:\r\n",
        "X-Forwarded-Client-Cert: Hash=1\r\n",
        "SSL_CLIENT_CERT: :AQID:\r\n",
        "Client_Cert: :AQID:\r\n",
    ] {
        let answer = asked(nothing).await;
        assert!(answer.ends_with("with 0"), "{nothing}: {answer}");
    }
    for bad in [
        "Client-Cert: :AQID:\r\nclient-cert: :AQID:\r\n",
        "Client-Cert: AQID\r\n",
        "Client-Cert: :AQID:, :AQID:\r\n",
    ] {
        let answer = asked(bad).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad}: {answer}");
    }
}

// HT-15
#[tokio::test]
async fn of_tls_1_2_only_what_is_recommended_is_spoken() {
    //= test RFC9325#4.2 with TLS 1.2, ECDHE with AES-GCM
    let files = Files::new("suites");
    let server = start(&files.configuration());
    for suite in rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES {
        if suite.version() != &rustls::version::TLS12 {
            continue;
        }
        let name = format!("{:?}", suite.suite());
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites = vec![*suite];
        let mut roots = RootCertStore::empty();
        roots.add(files.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connected = TlsConnector::from(Arc::new(config))
            .connect(
                ServerName::try_from("localhost").unwrap(),
                connect(server.address).await,
            )
            .await;
        // The certificate of the test is for ECDSA.
        let expected = name.contains("ECDSA") && name.contains("AES");
        assert_eq!(connected.is_ok(), expected, "{name}");
    }
}

// HT-15
#[tokio::test]
async fn a_hello_in_single_bytes_is_understood_and_an_endless_chain_is_not() {
    let files = Files::new("odd-hello");
    let server = start(&format!("{}\nmtls.enabled = true", files.configuration()));
    let mut roots = RootCertStore::empty();
    roots.add(files.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let name = || ServerName::try_from("localhost").unwrap();
    // Between the client and the server every byte travels alone.
    let (near, mut far) = tokio::io::duplex(1);
    let address = server.address;
    let passed = tokio::spawn(async move {
        let mut stream = connect(address).await;
        stream.set_nodelay(true).unwrap();
        drop(tokio::io::copy_bidirectional_with_sizes(&mut far, &mut stream, 1, 1).await);
    });
    let mut plain = config.clone().with_no_client_auth();
    plain.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut stream = TlsConnector::from(Arc::new(plain))
        .connect(name(), near)
        .await
        .unwrap();
    let text = "GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    // Of what is written some still waits for its turn.
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    // The end of the stream may get lost on the way.
    let end = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("GET /x"), "{answer} {end:?}");
    drop(stream);
    passed.await.unwrap();

    let client = Client::new();
    let key = PrivateKeyDer::try_from(client.key.serialize_der()).unwrap();
    let chain = vec![client.certificate.clone(); 1000];
    let config = config.with_client_auth_cert(chain, key).unwrap();
    let begin = std::time::Instant::now();
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name(), connect(server.address).await)
        .await;
    // With TLS 1.3 the client hears of it after its own part is done.
    if let Ok(mut stream) = connected {
        drop(stream.write_all(text.as_bytes()).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert_eq!(answer, b"", "nothing is answered");
    }
    assert!(begin.elapsed().as_secs() < 10);
    assert!(
        handshake(server.address, &files.der, &rustls::version::TLS13, "h2")
            .await
            .is_ok()
    );
}
