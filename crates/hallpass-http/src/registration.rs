//! Registration and management of clients.

use hallpass_core::issue::TokenType;
use hallpass_provider::{
    Failure,
    endpoints::{Registered, register::RegistrationFailure},
    ports::Event,
};
use hallpass_types::ErrorCode;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{CONTENT_TYPE, ORIGIN},
};
use http_body::Body;

use crate::{
    Endpoints, MAX_JSON, Problem, Response,
    bearer::{self, Bearer},
    cors,
    headers::{self, no_store},
    read_body,
};

fn enabled(endpoints: &Endpoints) -> bool {
    endpoints.provider.policy().registration.enabled
}

fn nothing_here() -> Response {
    Problem::refused(
        404,
        ErrorCode::InvalidRequest,
        "not_found",
        "there is nothing here",
    )
    .json()
}

/// The registration endpoint, for browser applications, too: they register themselves, as RFC 7591 has it, before any
/// origin of theirs is known.
pub(crate) async fn register<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    if !enabled(endpoints) {
        return nothing_here();
    }
    let (cross, origin) = origin(endpoints, request.headers()).await;
    if request.method() == Method::OPTIONS {
        return cors::preflight(origin, "POST");
    }
    let mut response = registered(endpoints, request).await;
    if cross {
        cors::permit(&mut response, origin);
    }
    response
}

/// One client, by the token that it got.
pub(crate) async fn client<B>(endpoints: &Endpoints, id: &str, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    if !enabled(endpoints) {
        return nothing_here();
    }
    let (cross, origin) = origin(endpoints, request.headers()).await;
    if request.method() == Method::OPTIONS {
        return cors::preflight(origin, "GET, PUT, DELETE");
    }
    let mut response = managed(endpoints, id, request).await;
    if cross {
        cors::permit(&mut response, origin);
    }
    response
}

/// Whether a browser says where a request is from, and that origin if it may read the answer.
async fn origin(endpoints: &Endpoints, headers: &HeaderMap) -> (bool, Option<HeaderValue>) {
    if !headers.contains_key(ORIGIN) {
        return (false, None);
    }
    (true, cors::registers(&endpoints.provider, headers).await)
}

async fn registered<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    if request.method() != Method::POST {
        return Problem::method("POST, OPTIONS").json();
    }
    let (parts, body) = request.into_parts();
    let token = match token(&parts.headers) {
        Ok(token) => token,
        Err(problem) => return problem.json(),
    };
    let body = match json_body(&parts.headers, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    answer(
        endpoints,
        StatusCode::CREATED,
        token.is_some(),
        endpoints.provider.register(&body, token).await,
    )
}

async fn managed<B>(endpoints: &Endpoints, id: &str, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let (parts, body) = request.into_parts();
    let token = match token(&parts.headers) {
        Ok(token) => token,
        Err(problem) => return problem.json(),
    };
    let Ok(id) = percent_encoding::percent_decode_str(id).decode_utf8() else {
        return nothing_here();
    };
    let provider = &endpoints.provider;
    match parts.method {
        Method::GET | Method::HEAD => answer(
            endpoints,
            StatusCode::OK,
            token.is_some(),
            provider
                .read_registration(&id, token)
                .await
                .map_err(RegistrationFailure::Other),
        ),
        Method::PUT => match json_body(&parts.headers, body).await {
            Ok(body) => answer(
                endpoints,
                StatusCode::OK,
                token.is_some(),
                provider.update_registration(&id, &body, token).await,
            ),
            Err(response) => response,
        },
        Method::DELETE => match provider.delete_registration(&id, token).await {
            Ok(()) => no_store(StatusCode::NO_CONTENT, "application/json", ""),
            Err(failure) => failed(
                endpoints,
                token.is_some(),
                RegistrationFailure::Other(failure),
            ),
        },
        _ => Problem::method("GET, HEAD, PUT, DELETE, OPTIONS").json(),
    }
}

fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    match bearer::of(headers) {
        Bearer::Token(TokenType::Bearer, token) => Ok(Some(token)),
        Bearer::Token(TokenType::DPoP, _) | Bearer::None => Ok(None),
        Bearer::Malformed => {
            let text = "Authorization cannot be read";
            Err(Problem::refused(
                400,
                ErrorCode::InvalidRequest,
                "bearer_malformed",
                text,
            ))
        }
    }
}

async fn json_body<B>(headers: &HeaderMap, body: B) -> Result<bytes::Bytes, Response>
where
    B: Body + Send,
    B::Data: Send,
{
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let text = "the body must be JSON";
        return Err(Problem::refused(415, ErrorCode::InvalidRequest, "content_type", text).json());
    }
    read_body(headers, body, MAX_JSON)
        .await
        .map_err(|e| Problem::from(e).json())
}

fn answer(
    endpoints: &Endpoints,
    status: StatusCode,
    shown: bool,
    result: Result<Registered, RegistrationFailure>,
) -> Response {
    match result {
        Ok(registered) => headers::json(status, registered.body),
        Err(failure) => failed(endpoints, shown, failure),
    }
}

/// `shown`: whether there was a token at all.
fn failed(endpoints: &Endpoints, shown: bool, failure: RegistrationFailure) -> Response {
    let reason = match &failure {
        RegistrationFailure::Metadata(error) => Some(error.reason.id()),
        RegistrationFailure::Other(Failure::Refused(refusal)) => Some(refusal.id),
        RegistrationFailure::Other(Failure::Throttled { .. }) => Some("registration_quota"),
        RegistrationFailure::Other(Failure::Unavailable { .. } | Failure::Internal(_)) => None,
    };
    if let RegistrationFailure::Other(Failure::Internal(error)) = &failure {
        let endpoint = "register";
        endpoints
            .provider
            .emit(&Event::Internal { endpoint, error });
    }
    if let Some(reason) = reason {
        endpoints.provider.emit(&Event::Refused {
            endpoint: "register",
            reason,
            client: None,
        });
    }
    match failure {
        RegistrationFailure::Metadata(error) => {
            let code = error.reason.code();
            Problem::refused(400, code, error.reason.id(), &error.description()).json()
        }
        RegistrationFailure::Other(failure) => {
            let problem = Problem::from(failure);
            if problem.code() == ErrorCode::InvalidToken {
                //= RFC6750#3.1 SHOULD NOT: without a token the challenge says nothing of an error
                let challenge = if shown {
                    "Bearer realm=\"hallpass\", error=\"invalid_token\""
                } else {
                    "Bearer realm=\"hallpass\""
                };
                return problem
                    .challenged(HeaderValue::from_static(challenge))
                    .json();
            }
            problem.json()
        }
    }
}
