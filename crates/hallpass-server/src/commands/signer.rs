//! `hallpass signer`: a process that alone holds signing keys, and signs for servers over a Unix socket.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::cli;
use crate::data_folder::write_private;
use crate::failure::Failure;
use crate::output::Output;
use crate::shutdown::{self, Stage};

pub(super) fn run(options: &cli::Signer, output: Output) -> Result<(), Failure> {
    let keys = options
        .algorithm
        .iter()
        .map(|name| key(&options.folder, name))
        .collect::<Result<Vec<_>, _>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("cannot start", &error))?;
    runtime.block_on(serve(keys, &options.socket, output))
}

/// The key of an algorithm in the folder; made when there is none.
fn key(folder: &Path, name: &str) -> Result<SigningKey, Failure> {
    let algorithm = JwsAlgorithm::parse(name).filter(|algorithm| !algorithm.is_symmetric());
    let Some(algorithm) = algorithm else {
        return Err(Failure::new(format!(
            "--algorithm {name}: there is no such algorithm with two keys"
        )));
    };
    let path = folder.join(format!("{name}.pem"));
    let failed = |error: &dyn std::error::Error| Failure::doing(&path.display().to_string(), error);
    if !path.exists() {
        let made = SigningKey::generate(algorithm).map_err(|error| failed(&error))?;
        let document = made.to_pkcs8().map_err(|error| failed(&error))?;
        write_private(&path, &pem(&document))?;
        return Ok(made);
    }
    let metadata = fs::metadata(&path).map_err(|error| failed(&error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Failure::new(format!(
            "{0} is open to others; take that away with: chmod 600 {0}",
            path.display()
        )));
    }
    let text = Zeroizing::new(fs::read(&path).map_err(|error| failed(&error))?);
    let document = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|error| failed(&error))?;
    SigningKey::from_pkcs8(algorithm, document.secret_pkcs8_der()).map_err(|error| failed(&error))
}

fn pem(document: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(document));
    let mut text = Zeroizing::new("-----BEGIN PRIVATE KEY-----\n".to_owned());
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

async fn serve(keys: Vec<SigningKey>, socket: &Path, output: Output) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::doing(&format!("--socket {}", socket.display()), error)
    };
    // What an earlier run has left. Nobody listens on it, or to bind would be right to fail.
    let left = fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    if left && UnixStream::connect(socket).await.is_err() {
        fs::remove_file(socket).map_err(|error| failed(&error))?;
    }
    let listener = UnixListener::bind(socket).map_err(|error| failed(&error))?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o660))
        .map_err(|error| failed(&error))?;
    let shutdown =
        shutdown::on_signals().map_err(|error| Failure::doing("cannot start", &error))?;
    let names: Vec<&str> = keys.iter().map(SigningKey::kid).collect();
    output.say(
        &json!({ "socket": socket, "keys": names }),
        format!("signs with {} at {}", names.join(", "), socket.display()),
    )?;
    let keys = Arc::new(keys);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, Arc::clone(&keys)));
                } else {
                    // Out of descriptors: somebody will close one.
                    tokio::time::sleep(PAUSE).await;
                }
            }
            () = shutdown.reached(Stage::Draining) => break,
        }
    }
    drop(fs::remove_file(socket));
    Ok(())
}

async fn connection(stream: UnixStream, keys: Arc<Vec<SigningKey>>) {
    let service = service_fn(move |request| {
        let keys = Arc::clone(&keys);
        async move { Ok::<_, std::convert::Infallible>(answer(request, &keys).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection has ended");
    }
}

async fn answer(request: Request<Incoming>, keys: &[SigningKey]) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET && head.uri.path() == "/keys" {
        let set = Jwks::from_keys(keys.iter().map(SigningKey::public_jwk));
        return Response::new(Full::new(Bytes::from(set.to_json())));
    }
    let key = head
        .uri
        .path()
        .strip_prefix("/sign/")
        .filter(|_| head.method == Method::POST)
        .and_then(|kid| keys.iter().find(|key| key.kid() == kid));
    let Some(key) = key else {
        return refused(StatusCode::NOT_FOUND);
    };
    let Ok(body) = Limited::new(body, LONGEST).collect().await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE);
    };
    match key.sign(&body.to_bytes()) {
        Ok(signature) => Response::new(Full::new(Bytes::from(signature))),
        Err(error) => {
            tracing::error!(%error, "a key does not sign");
            refused(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Bytes that are signed at once.
const LONGEST: usize = 64 * 1024;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
