//! Endpoints that machines call.

use bytes::Bytes;
use hallpass_core::{
    binding::dpop::ALGS,
    introspect::{INACTIVE, JWT_MEDIA},
    issue::TokenType,
    policy::{Policy, StepUp},
    webfinger,
};
use hallpass_provider::{
    Failure,
    endpoints::{Introspection, UserInfo, discovery::Document},
};
use hallpass_types::{ErrorCode, Params};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH,
    },
};
use http_body::Body;
use http_body_util::Full;

use crate::{
    Endpoints, NoSuchToken, Problem, Response,
    bearer::{self, Bearer},
    client_request::{client_request, next_challenge, next_nonce},
    cors,
    form::{self, form},
    headers::{self, no_store},
    read_body,
};

/// A public document: readable by everybody, from every origin, with an entity tag.
fn document<B>(request: &Request<B>, document: &Document, media: &'static str) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(Some(HeaderValue::from_static("*")), "GET");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::method("GET, HEAD, OPTIONS").json();
    }
    let unchanged = is_known(request.headers(), document.etag.as_ref());
    let body = if unchanged {
        Bytes::new()
    } else {
        document.body.clone()
    };
    let mut response = http::Response::new(Full::new(body));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, value(&document.cache_control));
    headers.insert(ETAG, value(&document.etag));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

pub(crate) fn metadata<B>(endpoints: &Endpoints, request: &Request<B>) -> Response {
    document(request, endpoints.provider.metadata(), "application/json")
}

/// Answers from every origin, RFC 7033 §5.
pub(crate) fn webfinger<B>(endpoints: &Endpoints, request: &Request<B>) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(Some(HeaderValue::from_static("*")), "GET");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::method("GET, HEAD, OPTIONS").json();
    }
    let query = request.uri().query().unwrap_or_default();
    let mut response = match webfinger::answer(query, endpoints.provider.policy()) {
        Ok(found) => no_store(StatusCode::OK, webfinger::MEDIA, found),
        Err(reason) => {
            let unknown = reason == webfinger::Reason::ResourceUnknown;
            let status = if unknown { 404 } else { 400 };
            Problem::refused(status, reason.code(), reason.id(), reason.text()).json()
        }
    };
    if request.method() == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

pub(crate) fn jwks<B>(endpoints: &Endpoints, request: &Request<B>) -> Response {
    let keys = endpoints.provider.signing_keys();
    document(request, keys.document(), "application/jwk-set+json")
}

fn value(bytes: &Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes.clone()).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The `Authorization` header as text; two of them are an error.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let malformed = || {
        Problem::refused(
            400,
            ErrorCode::InvalidRequest,
            "authorization_malformed",
            "Authorization cannot be read",
        )
    };
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| malformed()),
        (Some(_), Some(_)) => Err(malformed()),
    }
}

/// A failure of an endpoint that authenticates clients.
//= RFC6749#5.2 MUST: 401 answers carry WWW-Authenticate when the client used the Authorization header
fn client_failure(failure: Failure, used_header: bool) -> Response {
    let problem = Problem::from(failure);
    if problem.code() == ErrorCode::InvalidClient && used_header {
        return problem
            .challenged(HeaderValue::from_static("Basic realm=\"hallpass\""))
            .json();
    }
    problem.json()
}

macro_rules! client_endpoint {
    ($name:ident, $call:ident, $ok:expr) => {
        client_endpoint!($name, $call, $ok, client_failure);
    };
    ($name:ident, $call:ident, $ok:expr, $failed:ident) => {
        pub(crate) async fn $name<B>(endpoints: &Endpoints, request: Request<B>) -> Response
        where
            B: Body + Send,
            B::Data: Send,
        {
            let provider = &endpoints.provider;
            let cross = request.headers().contains_key(http::header::ORIGIN);
            let origin = if cross {
                cors::allowed(provider, request.headers()).await
            } else {
                None
            };
            if request.method() == Method::OPTIONS {
                return cors::preflight(origin, "POST");
            }
            let mut response = if request.method() == Method::POST {
                let (parts, body) = request.into_parts();
                let mut response = match (
                    authorization(&parts.headers),
                    form(&parts.headers, body).await,
                ) {
                    (Ok(header), Ok(params)) => {
                        let request = client_request(&parts, &params, header);
                        match provider.$call(&request).await {
                            Ok(answer) => $ok(answer),
                            Err(failure) => $failed(failure, header.is_some()),
                        }
                    }
                    (Err(problem), _) | (_, Err(problem)) => problem.json(),
                };
                next_nonce(provider, &parts.headers, &mut response);
                next_challenge(provider, &mut response);
                response
            } else {
                Problem::method("POST, OPTIONS").json()
            };
            if cross {
                cors::permit(&mut response, origin);
            }
            response
        }
    };
}

client_endpoint!(
    token,
    token,
    |answer: hallpass_core::issue::TokenResponse| {
        headers::json(StatusCode::OK, answer.to_json())
    }
);
client_endpoint!(
    introspect,
    introspect,
    |answer: Introspection| match answer {
        Introspection::Json(body) => {
            let inactive = body == INACTIVE;
            let mut response = headers::json(StatusCode::OK, body);
            if inactive {
                response.extensions_mut().insert(NoSuchToken);
            }
            response
        }
        Introspection::Jwt(body) => no_store(StatusCode::OK, JWT_MEDIA, body),
    }
);
client_endpoint!(push, push, |body: String| headers::json(
    StatusCode::CREATED,
    body
));
client_endpoint!(revoke_of_client, revoke, |()| headers::json(
    StatusCode::OK,
    Bytes::new()
));

/// Revocation. A form is a client's, which authenticates; JSON is for whoever holds a token, where the issuer puts up with
/// that.
pub(crate) async fn revoke<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let provider = &endpoints.provider;
    let held = provider.policy().compatibility.loginid
        && request.method() == Method::POST
        && is_json(request.headers());
    if !held {
        return revoke_of_client(endpoints, request).await;
    }
    let cross = request.headers().contains_key(http::header::ORIGIN);
    let origin = if cross {
        cors::allowed(provider, request.headers()).await
    } else {
        None
    };
    let (parts, body) = request.into_parts();
    let mut response = match read_body(&parts.headers, body, crate::MAX_FORM).await {
        Ok(bytes) => match provider.revoke_held(&bytes).await {
            Ok(()) => headers::json(StatusCode::OK, Bytes::new()),
            Err(failure) => Problem::from(failure).json(),
        },
        Err(error) => Problem::from(error).json(),
    };
    if cross {
        cors::permit(&mut response, origin);
    }
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media = value.and_then(|v| v.split(';').next()).map(str::trim);
    media.is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
}

client_endpoint!(
    device_authorization,
    device_authorization,
    |answer: hallpass_core::device::DeviceAuthorization| {
        headers::json(StatusCode::OK, answer.to_json())
    }
);

client_endpoint!(
    backchannel_authentication,
    backchannel_authentication,
    |answer: hallpass_core::backchannel::Acknowledgement| {
        headers::json(StatusCode::OK, answer.to_json())
    },
    unasked
);

/// A failure of the backchannel authentication endpoint, where nobody was asked yet.
//= CIBA#13 MUST: what is denied before anybody was asked is answered with 403
fn unasked(failure: Failure, used_header: bool) -> Response {
    let denied =
        matches!(&failure, Failure::Refused(refusal) if refusal.code == ErrorCode::AccessDenied);
    let mut response = client_failure(failure, used_header);
    if denied {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

/// A challenge for the proof of a client attestation. Anybody gets one: it says nothing but when it was made.
//= ATTESTATION#6.1 MUST: a POST is answered with the challenge as JSON, which nobody keeps
pub(crate) fn challenge<B>(endpoints: &Endpoints, request: &Request<B>) -> Response {
    let any = HeaderValue::from_static("*");
    if request.method() == Method::OPTIONS {
        return cors::preflight(Some(any), "POST");
    }
    if request.method() != Method::POST {
        return Problem::method("POST, OPTIONS").json();
    }
    let challenge = endpoints.provider.attestation_challenge();
    let body = serde_json::json!({ "attestation_challenge": challenge }).to_string();
    let mut response = headers::json(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}

/// Answers a backchannel authentication request in place of its person: `auth_req_id` and `action` in the query.
pub(crate) async fn backchannel_answer(
    endpoints: &Endpoints,
    method: &Method,
    query: &str,
) -> Response {
    if *method != Method::POST {
        return Problem::method("POST").json();
    }
    let params = Params::parse(query.as_bytes()).unwrap_or_default();
    let named = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let (id, action) = (named("auth_req_id"), named("action"));
    let provider = &endpoints.provider;
    match provider
        .backchannel_answered_automatically(&id, &action)
        .await
    {
        Ok(()) => headers::json(StatusCode::OK, "{}"),
        Err(failure) => Problem::from(failure).json(),
    }
}

pub(crate) async fn userinfo<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let provider = &endpoints.provider;
    let cross = request.headers().contains_key(http::header::ORIGIN);
    let origin = if cross {
        cors::allowed(provider, request.headers()).await
    } else {
        None
    };
    if request.method() == Method::OPTIONS {
        return cors::preflight(origin, "GET, POST");
    }
    let (parts, body) = request.into_parts();
    let mut response = match presented(&parts, body, provider.policy().dpop.enabled).await {
        Ok((presented, token)) => {
            let none = Params::default();
            let request = client_request(&parts, &none, None);
            match provider.userinfo(&token, presented, &request).await {
                Ok(UserInfo::Json(body)) => headers::json(StatusCode::OK, body),
                Ok(UserInfo::Jwt(body)) => no_store(StatusCode::OK, "application/jwt", body),
                Err(failure) => token_failure(failure, presented, provider.policy()),
            }
        }
        Err(response) => response,
    };
    next_nonce(provider, &parts.headers, &mut response);
    if cross {
        cors::permit(&mut response, origin);
    }
    response
}

/// The access token of a UserInfo request: in the header, or in the form body of a POST, not in both.
async fn presented<B>(
    parts: &http::request::Parts,
    body: B,
    dpop: bool,
) -> Result<(TokenType, String), Response>
where
    B: Body + Send,
    B::Data: Send,
{
    let post = parts.method == Method::POST;
    if !post && parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(Problem::method("GET, HEAD, POST, OPTIONS").json());
    }
    let refused = |text: &str| {
        Problem::refused(400, ErrorCode::InvalidRequest, "bearer_malformed", text)
            .challenged(HeaderValue::from_static("Bearer error=\"invalid_request\""))
            .json()
    };
    let header = match bearer::of(&parts.headers) {
        Bearer::None => None,
        Bearer::Token(scheme, token) => Some((scheme, token.to_owned())),
        Bearer::Malformed => return Err(refused("Authorization cannot be read")),
    };
    let in_body = if post {
        let bytes = read_body(&parts.headers, body, crate::MAX_FORM)
            .await
            .map_err(|e| Problem::from(e).json())?;
        match form::decode(&parts.headers, &bytes) {
            Ok(params) if params.duplicated().is_empty() => {
                //= RFC9449#7.1 MUST: a DPoP-bound token travels in the header alone
                params
                    .get("access_token")
                    .map(|token| (TokenType::Bearer, token.to_owned()))
            }
            Ok(_) => return Err(refused("a parameter stands more than once")),
            // With a token in the header the body does not matter.
            Err(_) if header.is_some() => None,
            Err(problem) => return Err(problem.json()),
        }
    } else {
        None
    };
    match (header, in_body) {
        (Some(token), None) | (None, Some(token)) => Ok(token),
        //= RFC6750#2 MUST: a client does not use more than one way to send the token
        (Some(_), Some(_)) => Err(refused("the access token is presented more than once")),
        // A token in the address, or in the body of a GET (RFC 6750 §2.2), is not taken; whoever sent it is told why.
        (None, None) if misplaced(parts) => Err(refused(
            "the access token belongs into the header, or into the form of a POST",
        )),
        //= RFC6750#3.1 SHOULD: without any token the challenge carries no error code
        (None, None) => {
            let mut response = no_store(StatusCode::UNAUTHORIZED, "application/json", "{}");
            response.headers_mut().insert(
                http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"hallpass\""),
            );
            if dpop
                && let Ok(challenge) =
                    HeaderValue::from_str(&format!("DPoP realm=\"hallpass\", algs=\"{}\"", algs()))
            {
                response
                    .headers_mut()
                    .append(http::header::WWW_AUTHENTICATE, challenge);
            }
            Err(response)
        }
    }
}

/// Whether who asks has what bears this tag. What was packed on its way has a weak one.
// RFC 9110 §13.1.2: a list, or a star, compared weakly.
fn is_known(headers: &HeaderMap, etag: &[u8]) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag
        })
    })
}

/// Whether a request without a token seems to have one where none is looked for.
fn misplaced(parts: &http::request::Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let in_query = query
        .split('&')
        .any(|pair| pair.starts_with("access_token="));
    let headers = &parts.headers;
    let form = headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let length = headers.get(http::header::CONTENT_LENGTH);
    let body = headers.contains_key(http::header::TRANSFER_ENCODING)
        || length.is_some_and(|value| value.as_bytes() != b"0");
    in_query || (parts.method == Method::GET && form && body)
}

fn token_failure(failure: Failure, presented: TokenType, policy: &Policy) -> Response {
    let problem = Problem::from(failure);
    let code = problem.code();
    if code == ErrorCode::InsufficientUserAuthentication {
        let challenge = step_up(presented, &policy.userinfo_step_up);
        return problem.unauthorized(challenge).json();
    }
    //= RFC9449#7.1 MUST: the challenge for a token with a proof is of the scheme DPoP and tells the algorithms
    let proof = matches!(code, ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce);
    let scope = code == ErrorCode::InsufficientScope;
    if proof || (presented == TokenType::DPoP && (scope || code == ErrorCode::InvalidToken)) {
        let error = code.as_str();
        let more = if scope { ", scope=\"openid\"" } else { "" };
        let text = format!(
            "DPoP realm=\"hallpass\", error=\"{error}\"{more}, algs=\"{}\"",
            algs()
        );
        let challenge = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("DPoP"));
        return if scope {
            problem.challenged(challenge).json()
        } else {
            problem.unauthorized(challenge).json()
        };
    }
    let challenge = if code == ErrorCode::InvalidToken {
        "Bearer realm=\"hallpass\", error=\"invalid_token\""
    } else if code == ErrorCode::InsufficientScope {
        "Bearer realm=\"hallpass\", error=\"insufficient_scope\", scope=\"openid\""
    } else {
        return problem.json();
    };
    problem
        .challenged(HeaderValue::from_static(challenge))
        .json()
}

//= RFC9470#3 MUST: the challenge says which classes of authentication are good enough, and how old it may be
fn step_up(presented: TokenType, wanted: &StepUp) -> HeaderValue {
    let mut text = format!(
        "{} realm=\"hallpass\", error=\"insufficient_user_authentication\", \
         error_description=\"the person must sign in in a stronger way, or again\"",
        presented.as_str()
    );
    // What is configured may stand between quotes, or there is no challenge.
    if let Some(acr) = wanted
        .acr
        .as_deref()
        .filter(|acr| !acr.contains(['"', '\\']))
    {
        text.push_str(&format!(", acr_values=\"{acr}\""));
    }
    if let Some(seconds) = wanted.max_age {
        text.push_str(&format!(", max_age=\"{seconds}\""));
    }
    //= RFC9449#7.1 MUST: the challenge for a token with a proof is of the scheme DPoP and tells the algorithms
    if presented == TokenType::DPoP {
        text.push_str(&format!(", algs=\"{}\"", algs()));
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// The algorithms of proofs as a challenge tells them.
pub(crate) fn algs() -> String {
    let names: Vec<&str> = ALGS.iter().map(|alg| alg.name()).collect();
    names.join(" ")
}
