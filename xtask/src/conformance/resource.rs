//! A protected resource for the plans that want one: it takes only tokens that are bound to a key or a certificate, asks the
//! server about each by introspection (RFC 7662), and answers a list of accounts.

use super::plan::in_file;
use super::server::HOST;
use super::{Result, rest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hallpass_core::binding::dpop::{self, Facts, Nonce};
use hallpass_core::record::Confirmation;
use hallpass_provider::ports::{Clock as _, SystemClock};
use hallpass_types::{Key, Once, sha256};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// The endpoint.
    pub(crate) url: String,
    /// The client that may ask.
    pub(crate) client: &'static str,
    /// Its secret.
    pub(crate) secret: String,
}

struct Shared {
    url: String,
    introspection: Introspection,
    /// Proofs that were used.
    used: Mutex<HashSet<Key<Once>>>,
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
        let shared = Arc::new(Shared {
            url,
            introspection,
            used: Mutex::default(),
        });
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
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
                        .map(|certificate| URL_SAFE_NO_PAD.encode(sha256(certificate)));
                    let service = service_fn(|request| {
                        let (shared, certificate) = (Arc::clone(&shared), certificate.clone());
                        async move {
                            let answer = answer(&shared, certificate.as_deref(), &request).await;
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
    shared: &Shared,
    certificate: Option<&str>,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let outcome = allowed(shared, certificate, request).await;
    let (status, body) = match &outcome {
        Ok(()) => (StatusCode::OK, json!({ "accounts": [{ "id": "1" }] })),
        Err((status, error)) => (*status, json!({ "error": error })),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // FAPI 1.0 Baseline §6.2.1: the interaction goes back as it came, or gets a name.
    let named = request.headers().get(INTERACTION).cloned();
    headers.insert(INTERACTION, named.unwrap_or(NAMELESS));
    if let Err((StatusCode::UNAUTHORIZED, error)) = outcome
        && let Ok(challenge) = HeaderValue::from_str(&format!("DPoP error=\"{error}\""))
    {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

type Refused = (StatusCode, &'static str);

async fn allowed(
    shared: &Shared,
    certificate: Option<&str>,
    request: &Request<Incoming>,
) -> std::result::Result<(), Refused> {
    const INVALID: Refused = (StatusCode::UNAUTHORIZED, "invalid_token");
    if request.uri().path() != "/accounts" {
        return Err((StatusCode::NOT_FOUND, "not_found"));
    }
    let (scheme, token) = presented(request.headers()).ok_or(INVALID)?;
    let known = introspect(&shared.introspection, token)
        .await
        .map_err(|_| (StatusCode::BAD_GATEWAY, "server_error"))?;
    if known.get("active") != Some(&Value::Bool(true)) {
        return Err(INVALID);
    }
    let bound = |member: &str| {
        known
            .pointer("/cnf")
            .and_then(|cnf| cnf.get(member))
            .and_then(Value::as_str)
    };
    match (bound("jkt"), bound("x5t#S256")) {
        (Some(key), None) if scheme.eq_ignore_ascii_case("DPoP") => {
            proof(shared, request, token, key)
                .ok_or((StatusCode::UNAUTHORIZED, "invalid_dpop_proof"))
        }
        (None, Some(wanted)) if scheme.eq_ignore_ascii_case("Bearer") => {
            (certificate == Some(wanted)).then_some(()).ok_or(INVALID)
        }
        (Some(_), _) | (None, _) => Err(INVALID),
    }
}

fn presented(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')
}

fn proof(shared: &Shared, request: &Request<Incoming>, token: &str, key: &str) -> Option<()> {
    let mut proofs = request.headers().get_all("dpop").iter();
    let (Some(proof), None) = (proofs.next(), proofs.next()) else {
        return None;
    };
    let facts = Facts {
        now: SystemClock.now(),
        valid_from: hallpass_types::Timestamp(0),
        method: request.method().as_str(),
        urls: std::slice::from_ref(&shared.url),
        algs: dpop::ALGS,
        access_token: Some(token),
        nonce: Nonce::Ignored,
    };
    let proved = dpop::verify(proof.to_str().ok()?, &facts).ok()?;
    let Confirmation::Jkt(thumbprint) = proved.key else {
        return None;
    };
    let once = proved.once?.key;
    let mut used = shared.used.lock().unwrap_or_else(PoisonError::into_inner);
    (thumbprint.to_string() == key && used.insert(once)).then_some(())
}

async fn introspect(introspection: &Introspection, token: &str) -> Result<Value> {
    let Introspection {
        url,
        client,
        secret,
    } = introspection;
    let credentials = STANDARD.encode(format!("{client}:{secret}"));
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", token)
        .finish();
    rest::form(url, &format!("Basic {credentials}"), form)
        .await?
        .json()
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
