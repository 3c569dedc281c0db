//! The least that a token endpoint must do: parse a form and sign.
//!
//! What a provider reaches is compared with this. It checks no client, knows no grant and keeps
//! nothing.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::floor::{disk, refresh};
use crate::http::{Authority, Connection, Failure, Template};
use crate::job::parse;

/// A key could not be made, or did not sign.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the signing library refused")]
pub struct Unsigned;

/// One key of each algorithm.
#[derive(Debug)]
pub struct Keys {
    es256: EcdsaKeyPair,
    rs256: RsaKeyPair,
    random: SystemRandom,
}

/// A signature algorithm of JWA (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two that the budgets name")]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits.
    Rs256,
}

impl Keys {
    /// New keys.
    ///
    /// # Errors
    /// [`Unsigned`] when the library makes none.
    #[expect(
        clippy::disallowed_methods,
        reason = "the limit is measured without the ports of the product"
    )]
    pub fn generate() -> Result<Self, Unsigned> {
        Ok(Self {
            es256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .map_err(|_| Unsigned)?,
            rs256: RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Unsigned)?,
            random: SystemRandom::new(),
        })
    }

    /// The signature of a message, in base64url.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<String, Unsigned> {
        match algorithm {
            Algorithm::Es256 => {
                let signature = self.es256.sign(&self.random, message);
                Ok(URL_SAFE_NO_PAD.encode(signature.map_err(|_| Unsigned)?))
            }
            Algorithm::Rs256 => {
                let mut signature = vec![0; self.rs256.public_modulus_len()];
                self.rs256
                    .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
                    .map_err(|_| Unsigned)?;
                Ok(URL_SAFE_NO_PAD.encode(signature))
            }
        }
    }
}

/// An answer that is given to everybody.
#[derive(Clone, Debug, Default)]
struct Document {
    headers: HeaderMap,
    body: Bytes,
}

/// Serves the handlers on the loopback address until the process ends: `GET /hello`, `GET /document`, `POST /token/es256` and
/// `POST /token/rs256`, and with a folder `POST /token/refresh`, whose answers wait for a file in that folder. `POST /document` with an address makes the answer from there, with its headers, the one that
/// `GET /document` gives.
///
/// # Errors
/// Whatever keeps the port from being opened or the file from being written.
pub async fn serve(port: u16, folder: Option<&Path>) -> std::io::Result<()> {
    let keys = Arc::new(Keys::generate().map_err(std::io::Error::other)?);
    let router = Router::new()
        .route("/hello", get(hello))
        .route("/token/es256", post(es256))
        .route("/token/rs256", post(rs256))
        .with_state(keys)
        .merge(documents());
    let router = match folder {
        Some(folder) => router.merge(refreshes(folder)?),
        None => router,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let listener = listener.tap_io(|stream| {
        // Without it a measurement shows the delay of small segments.
        let _outcome = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

/// How many signatures one core makes in each second, with nothing around them.
///
/// # Errors
/// [`Unsigned`].
pub fn signatures_per_second(algorithm: Algorithm, duration: Duration) -> Result<f64, Unsigned> {
    let keys = Keys::generate()?;
    let message = [b'm'; 320];
    let started = Instant::now();
    let mut count = 0.0;
    while started.elapsed() < duration {
        for _ in 0..16 {
            let _signature = std::hint::black_box(keys.sign(algorithm, &message)?);
        }
        count += 16.0;
    }
    Ok(count / started.elapsed().as_secs_f64())
}

/// What rotates refresh tokens. It remembers none: only that each rotation is on the disk before its answer is as it must be.
struct Refreshes {
    keys: refresh::Keys,
    to_disk: mpsc::Sender<oneshot::Sender<()>>,
}

fn refreshes(folder: &Path) -> std::io::Result<Router> {
    let state = Refreshes {
        keys: refresh::Keys::new().map_err(std::io::Error::other)?,
        to_disk: disk::commits(folder)?,
    };
    Ok(Router::new()
        .route("/token/refresh", post(rotate))
        .with_state(Arc::new(state)))
}

async fn rotate(
    State(state): State<Arc<Refreshes>>,
    body: Bytes,
) -> Result<impl IntoResponse, StatusCode> {
    // How a family begins is not what is measured.
    let tokens = if body.starts_with(b"grant_type=authorization_code") {
        let mut grant = [0; 16];
        aws_lc_rs::rand::fill(&mut grant).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        state.keys.first(u128::from_be_bytes(grant))
    } else {
        state.keys.rotate(&body)
    };
    let tokens = tokens.map_err(|_| StatusCode::BAD_REQUEST)?;
    let (done, on_disk) = oneshot::channel();
    // A writer that has ended drops it.
    let _sent = state.to_disk.send(done);
    on_disk
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let refresh::Tokens {
        access,
        id,
        refresh,
    } = tokens;
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":600,"id_token":"{id}","refresh_token":"{refresh}"}}"#
    );
    Ok((headers, body))
}

fn documents() -> Router {
    let held = Arc::new(RwLock::new(Document::default()));
    Router::new()
        .route("/document", get(document).post(take_over))
        .with_state(held)
}

async fn document(State(held): State<Arc<RwLock<Document>>>) -> impl IntoResponse {
    let held = held.read().unwrap_or_else(PoisonError::into_inner);
    (held.headers.clone(), held.body.clone())
}

async fn take_over(
    State(held): State<Arc<RwLock<Document>>>,
    address: String,
) -> Result<StatusCode, StatusCode> {
    let document = fetch(&address).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    *held.write().unwrap_or_else(PoisonError::into_inner) = document;
    Ok(StatusCode::NO_CONTENT)
}

async fn fetch(address: &str) -> Result<Document, Failure> {
    let url = parse(address)?;
    let mut connection = Connection::new(Authority::of(&url)?);
    let mut request = Template::get(&url, &[("Accept", "application/json")]);
    let response = connection.exchange(request.bare()).await?;
    if response.status != 200 {
        return Err(Failure::unexpected("document", &response));
    }
    // What the server of this answer says of itself.
    let own = [header::CONTENT_LENGTH, header::DATE, header::CONNECTION];
    let headers = response.all_headers().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_str(value).ok()?;
        (!own.contains(&name)).then_some((name, value))
    });
    Ok(Document {
        headers: headers.collect(),
        body: Bytes::copy_from_slice(response.body),
    })
}

async fn hello() -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, r#"{"hello":"world"}"#)
}

async fn es256(State(keys): State<Arc<Keys>>, body: Bytes) -> Response {
    token(&keys, Algorithm::Es256, &body)
}

async fn rs256(State(keys): State<Arc<Keys>>, body: Bytes) -> Response {
    token(&keys, Algorithm::Rs256, &body)
}

fn token(keys: &Keys, algorithm: Algorithm, body: &[u8]) -> Response {
    let (mut grant_type, mut resource) = (None, None);
    for (name, value) in form_urlencoded::parse(body) {
        match name.as_ref() {
            "grant_type" => grant_type = Some(value),
            "resource" => resource = Some(value),
            _ => {}
        }
    }
    if grant_type.as_deref() != Some("client_credentials") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    match jwt(keys, algorithm, resource.as_deref().unwrap_or_default()) {
        Ok(access_token) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            let body = format!(
                r#"{{"access_token":"{access_token}","token_type":"Bearer","expires_in":600}}"#
            );
            (headers, body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the limit is measured without the ports of the product"
)]
fn jwt(keys: &Keys, algorithm: Algorithm, audience: &str) -> Result<String, Unsigned> {
    let header = match algorithm {
        Algorithm::Es256 => r#"{"alg":"ES256","typ":"at+jwt","kid":"limit-es256"}"#,
        Algorithm::Rs256 => r#"{"alg":"RS256","typ":"at+jwt","kid":"limit-rs256"}"#,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let mut jti = [0; 16];
    aws_lc_rs::rand::fill(&mut jti).map_err(|_| Unsigned)?;
    let claims = Claims {
        iss: "http://127.0.0.1",
        sub: "confidential",
        aud: audience,
        client_id: "confidential",
        iat: now,
        exp: now.saturating_add(600),
        jti: URL_SAFE_NO_PAD.encode(jti),
    };
    let claims = serde_json::to_vec(&claims).map_err(|_| Unsigned)?;
    let mut jwt = URL_SAFE_NO_PAD.encode(header);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut jwt);
    let signature = keys.sign(algorithm, jwt.as_bytes())?;
    jwt.push('.');
    jwt.push_str(&signature);
    Ok(jwt)
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Client, Endpoints, Job, Server, TokenKind, Work};
    use crate::run::run;

    #[test]
    fn the_handlers_give_tokens_of_the_algorithm_they_are_named_for() {
        let keys = Keys::generate().unwrap();
        let token = jwt(&keys, Algorithm::Es256, "https://api.example").unwrap();
        assert!(TokenKind::Es256.fits(&token));
        let token = jwt(&keys, Algorithm::Rs256, "https://api.example").unwrap();
        assert!(TokenKind::Rs256.fits(&token));
    }

    #[tokio::test]
    async fn a_document_is_given_as_it_was_found_elsewhere() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let found = || async {
            (
                [(header::ETAG, "\"1\""), (header::DATE, "old")],
                "{\"a\":1}",
            )
        };
        let router = Router::new().route("/found", get(found)).merge(documents());
        let server = tokio::spawn(async { axum::serve(listener, router).await });
        let document = fetch(&format!("{address}/found")).await.unwrap();
        assert_eq!(document.headers.get(header::ETAG).unwrap(), "\"1\"");
        assert!(document.headers.get(header::DATE).is_none());
        assert_eq!(document.body, "{\"a\":1}");
        assert!(fetch(&format!("{address}/nothing")).await.is_err());
        let url = parse(&format!("{address}/document")).unwrap();
        let mut connection = Connection::new(Authority::of(&url).unwrap());
        let mut take = Template::post_form(&url, &[]);
        let taken = connection
            .exchange(take.with_body(&format!("{address}/found")))
            .await
            .unwrap();
        assert_eq!(taken.status, 204);
        let given = fetch(&format!("{address}/document")).await.unwrap();
        assert_eq!(
            (given.headers.get(header::ETAG), given.body),
            (document.headers.get(header::ETAG), document.body)
        );
        server.abort();
    }

    #[tokio::test]
    async fn a_chain_of_refresh_tokens_can_be_followed_and_leaves_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("limit-refresh-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = refreshes(&folder).unwrap();
        let server = tokio::spawn(async { axum::serve(listener, router).await });
        let job = Job {
            work: Work::Refresh,
            server: Server::Endpoints(Box::new(Endpoints {
                token_endpoint: format!("{base}/token/refresh"),
                ..Endpoints::default()
            })),
            client: Some(Client {
                client_id: "public".to_owned(),
                client_secret: None,
                key: None,
                redirect_uris: Vec::new(),
                grant_types: Vec::new(),
            }),
            resource_server: None,
            visitor: None,
            access_token: None,
            concurrency: 2,
            warmup_seconds: 0.0,
            seconds: 0.2,
            server_pid: None,
        };
        let outcome = run(job).await.unwrap();
        assert_eq!((outcome.errors, outcome.first_error), (0, None));
        assert!(outcome.count > 0);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(&folder).unwrap();
        server.abort();
    }

    #[test]
    fn a_body_that_is_no_token_request_is_not_signed_for() {
        let keys = Keys::generate().unwrap();
        let answer = token(&keys, Algorithm::Es256, b"grant_type=password");
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}
