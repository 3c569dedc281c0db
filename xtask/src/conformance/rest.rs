//! HTTPS requests to servers on the loopback interface, whose certificates nobody signed.

use super::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::http::request::Builder;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

/// An answer: status and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// The body is not JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = String::from_utf8_lossy(&self.body);
            let start: String = text.chars().take(300).collect();
            format!("the answer is not JSON ({error}): {start}")
        })
    }
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// The host is not loopback, or the connection or the exchange failed.
pub(crate) async fn request(method: Method, url: &str, body: Option<&Value>) -> Result<Answer> {
    let content = match body {
        Some(value) => serde_json::to_vec(value).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let request = Request::builder()
        .method(method)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json");
    send(url, request, content).await
}

/// Posts a form on a connection of its own.
///
/// # Errors
/// As [`request`].
pub(crate) async fn form(url: &str, authorization: &str, form: String) -> Result<Answer> {
    let request = Request::builder()
        .method(Method::POST)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(url, request, form.into_bytes()).await
}

async fn send(url: &str, request: Builder, content: Vec<u8>) -> Result<Answer> {
    tokio::time::timeout(REQUEST_TIMEOUT, exchange(url, request, content))
        .await
        .map_err(|_| format!("{url}: no answer in {} s", REQUEST_TIMEOUT.as_secs()))?
        .map_err(|error| format!("{url}: {error}"))
}

async fn exchange(url: &str, request: Builder, content: Vec<u8>) -> Result<Answer> {
    let uri: Uri = url.parse().map_err(|_| "not a URL".to_owned())?;
    let authority = uri.authority().ok_or("no host")?.as_str().to_owned();
    let stream = connect(&uri).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(connection);
    let request = request
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .body(Full::new(Bytes::from(content)))
        .map_err(|error| error.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    driver.abort();
    Ok(Answer { status, body })
}

/// The certificate that the server at `url` shows.
///
/// # Errors
/// The host is not loopback, or the handshake failed.
pub(crate) async fn certificate(url: &str) -> Result<CertificateDer<'static>> {
    let uri: Uri = url.parse().map_err(|_| format!("{url}: not a URL"))?;
    let stream = connect(&uri)
        .await
        .map_err(|error| format!("{url}: {error}"))?;
    let (_, connection) = stream.get_ref();
    connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .map(|certificate| certificate.clone().into_owned())
        .ok_or_else(|| format!("{url}: no certificate"))
}

async fn connect(uri: &Uri) -> Result<TlsStream<TcpStream>> {
    if uri.scheme_str() != Some("https") {
        return Err("only https is spoken here".to_owned());
    }
    let host = uri.host().ok_or("no host")?.to_owned();
    let address = tokio::net::lookup_host((host.as_str(), uri.port_u16().unwrap_or(443)))
        .await
        .map_err(|error| error.to_string())?
        .find(|address| address.ip().is_loopback())
        .ok_or("certificates are not checked, so only loopback addresses are spoken to")?;
    let tcp = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(tls()?))
        .connect(name, tcp)
        .await
        .map_err(|error| error.to_string())
}

fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

/// Takes every certificate; [`connect`] sees to it that only loopback is asked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The suite's slowest answer is the wait for a state, which it cuts at 30 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
