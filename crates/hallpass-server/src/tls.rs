//! TLS 1.2 and 1.3 for the public listener, with certificates that can change while it runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CipherSuite, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, read from two files and read again when they change.
#[derive(Debug)]
pub struct Certificate {
    cert_file: PathBuf,
    key_file: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    written: (Option<SystemTime>, Option<SystemTime>),
}

/// Why a certificate cannot be used.
#[derive(Debug)]
pub struct CertificateError(String);

impl Certificate {
    /// Reads the two files.
    ///
    /// # Errors
    /// A file cannot be read or is not PEM, or the key does not belong to the certificate.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Arc<Self>, CertificateError> {
        let provider = Arc::new(crypto());
        let current = read(cert_file, key_file, &provider)?;
        Ok(Arc::new(Self {
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
            provider,
            current: RwLock::new(current),
        }))
    }

    /// Reads the files again if they have changed. True if there is another certificate now.
    ///
    /// # Errors
    /// As for [`Certificate::load`]; the old one stays in use then.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let written = (written(&self.cert_file), written(&self.key_file));
        if written
            == self
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .written
        {
            return Ok(false);
        }
        let current = read(&self.cert_file, &self.key_file, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(true)
    }

    /// An acceptor that shows the current certificate to each new connection.
    ///
    /// # Errors
    /// The library offers no TLS 1.2 and 1.3; does not happen.
    pub fn acceptor(self: &Arc<Self>, clients: Clients) -> Result<TlsAcceptor, CertificateError> {
        let failed = |error: rustls::Error| CertificateError(error.to_string());
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(failed)?;
        let config = match clients {
            Clients::NotAsked => config.with_no_client_auth(),
            Clients::Asked => {
                config.with_client_cert_verifier(Arc::new(AnyClient(Arc::clone(&self.provider))))
            }
        };
        let mut config = config.with_cert_resolver(Arc::new(Resolver(Arc::clone(self))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(failed)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// What TLS is done with. Of TLS 1.2 there is what RFC 9325 recommends and nothing else, as the profiles of FAPI demand.
//= RFC9325#4.2 SHOULD: with TLS 1.2, ECDHE with AES-GCM
fn crypto() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    });
    provider
}

/// Whether a listener asks for certificates of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// It does not.
    NotAsked,
    /// It does; a client may show none.
    Asked,
}

/// Takes any certificate whose key the client holds. Whether it is the right one is for the protocol to decide: RFC 8705
/// knows certificates that no authority has signed.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    //= RFC8705#7.2 MUST: possession of the key is proved by the handshake
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug)]
struct Resolver(Arc<Certificate>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.key))
    }
}

fn read(
    cert_file: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
) -> Result<Current, CertificateError> {
    let bad = |file: &Path, error: &dyn fmt::Display| {
        CertificateError(format!("{}: {error}", file.display()))
    };
    // Before the content, so that a change in between is seen the next time.
    let written = (written(cert_file), written(key_file));
    let chain = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(cert_file, &error))?;
    if chain.is_empty() {
        return Err(bad(cert_file, &"holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| bad(key_file, &error))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| bad(key_file, &error))?;
    let key = CertifiedKey::new(chain, key);
    key.keys_match().map_err(|error| bad(key_file, &error))?;
    Ok(Current {
        key: Arc::new(key),
        written,
    })
}

fn written(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}
