//! A protected resource for the plans that want one, by the crate that is made for such: it takes only tokens that are bound to
//! a key or a certificate, asks the server about each by introspection (RFC 7662), and answers a list of accounts.

use super::plan::in_file;
use super::server::HOST;
use super::{Result, rest};
use bytes::Bytes;
use hallpass_resource::{
    BoxFuture, Demand, Http, HttpError, Outgoing, PeerCertificate, Received, ResourceServer,
};
use hallpass_types::sha256;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error as TlsError, ServerConfig, SignatureScheme,
};

/// A running resource; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Resource(JoinHandle<()>);

impl Drop for Resource {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What it asks the server with.
#[derive(Debug)]
pub(crate) struct Introspection {
    /// The server's identifier.
    pub(crate) issuer: String,
    /// The client that may ask.
    pub(crate) client: &'static str,
    /// Its secret.
    pub(crate) secret: String,
}

impl Resource {
    /// Takes a port, so that its URL is known before the server that it asks.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn bind() -> Result<(TcpListener, String)> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| format!("no free port: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok((
            listener,
            format!("https://{HOST}:{}/accounts", address.port()),
        ))
    }

    /// Serves with the certificate and key in `work`.
    ///
    /// # Errors
    /// Certificate or key cannot be read.
    pub(crate) fn start(
        (listener, url): (TcpListener, String),
        work: &Path,
        introspection: Introspection,
    ) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(tls(work)?));
        // The plans ask for no resource, so that their tokens are for the server's own audience.
        let server = ResourceServer::builder(&introspection.issuer, &url)
            .audience(&introspection.issuer)
            .introspect_as(introspection.client, &introspection.secret)
            .hold_answers(0, 0)
            .bound_tokens_only()
            .build(Arc::new(ToServer))
            .map_err(|error| error.to_string())?;
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), server.clone());
                tokio::spawn(async move {
                    // The suite tries handshakes that must fail.
                    let Ok(stream) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let certificate = stream
                        .get_ref()
                        .1
                        .peer_certificates()
                        .and_then(<[_]>::first)
                        .map(|certificate| PeerCertificate(sha256(certificate)));
                    let service = service_fn(|request| {
                        let server = server.clone();
                        async move {
                            let answer = answer(&server, certificate, request).await;
                            Ok::<_, std::convert::Infallible>(answer)
                        }
                    });
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self(task))
    }
}

async fn answer(
    server: &ResourceServer,
    certificate: Option<PeerCertificate>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (mut parts, _) = request.into_parts();
    if let Some(certificate) = certificate {
        parts.extensions.insert(certificate);
    }
    let mut response = Response::new(Full::default());
    if parts.uri.path() == "/accounts" {
        match server.check(&parts, &Demand::nothing()).await {
            Ok(_) => {
                let body = json!({ "accounts": [{ "id": "1" }] }).to_string();
                *response.body_mut() = Full::new(Bytes::from(body));
            }
            Err(rejected) => {
                *response.status_mut() = rejected.status;
                *response.headers_mut() = rejected.headers;
                *response.body_mut() = Full::new(Bytes::from_static(b"{}"));
            }
        }
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // FAPI 1.0 Baseline §6.2.1: the interaction goes back as it came, or gets a name.
    let named = parts.headers.get(INTERACTION).cloned();
    headers.insert(INTERACTION, named.unwrap_or(NAMELESS));
    response
}

/// The way to the server under test.
struct ToServer;

impl Http for ToServer {
    fn send<'a>(
        &'a self,
        request: Outgoing<'a>,
    ) -> BoxFuture<'a, std::result::Result<Received, HttpError>> {
        Box::pin(async move {
            let answer = match (request.form, request.authorization) {
                (Some(form), Some(authorization)) => {
                    rest::form(request.url, authorization, form.to_owned()).await
                }
                (None, None) => rest::request(Method::GET, request.url, None).await,
                (Some(_), None) | (None, Some(_)) => return Err(HttpError),
            };
            let answer = answer.map_err(|_| HttpError)?;
            if answer.status != 200 || answer.body.len() > request.max_bytes {
                return Err(HttpError);
            }
            Ok(Received {
                body: answer.body.to_vec(),
                max_age: None,
            })
        })
    }
}

fn tls(work: &Path) -> Result<ServerConfig> {
    let certificate = work.join("certificate.pem");
    let key = work.join("key.pem");
    let mut provider = aws_lc_rs::default_provider();
    // Of TLS 1.2 what FAPI 1.0 lists.
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some() || format!("{:?}", suite.suite()).contains("AES"));
    let provider = Arc::new(provider);
    ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(Arc::new(AnyClient(provider)))
        .with_single_cert(
            vec![
                CertificateDer::from_pem_file(&certificate)
                    .map_err(|error| in_file(&certificate, error))?,
            ],
            PrivateKeyDer::from_pem_file(&key).map_err(|error| in_file(&key, error))?,
        )
        .map_err(|error| error.to_string())
}

/// Takes every certificate whose key the client has, and none: the token says which one it must be.
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
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, TlsError> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

const INTERACTION: &str = "x-fapi-interaction-id";
const NAMELESS: HeaderValue = HeaderValue::from_static("93bac548-d2de-4546-b106-880a5018460d");
